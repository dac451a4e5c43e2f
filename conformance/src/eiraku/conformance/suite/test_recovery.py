"""What stays when a session ends badly, when power is lost, and as epochs pass (chapter 8)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from eiraku.conformance.suite.journey import AMOUNT, Flow, Journey, Losing, Scenario
from eiraku.conformance.suite.memory import repeat
from eiraku.conformance.suite.oracle import Oracle, Till
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.flows import Payment
from eiraku.conformance.tester.peer import Talk, connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import LAST_EPOCH, identifier, value
from eiraku.spec.errors import Code
from eiraku.spec.messages import Message, Offer, Receipt, Reject, Request
from eiraku.spec.tables import Side

# --- a payer that has committed -----------------------------------------------------------------------------


class Ending:
    """The session of a payer that has committed and waits for RECEIPT, and ways to end it."""

    def __init__(self, talk: Talk, offer: Offer) -> None:
        self.talk = talk
        self.stage = talk.stage
        self.offer = offer
        self.right = flows.receipt_of(talk, offer)

    def reject(self, code: int) -> None:
        """The payee's REJECT closes the session and is not answered (EPP-TRF-005, EPP-TRF-006)."""
        answer = self.talk.send(Reject(code=int(code), index=None))
        self.stage.accepted(answer.reply, "REJECT", "closed")
        self.stage.equal(answer.reply.out, None, "answer to REJECT")

    def refused(self, message: Message | bytes, code: Code) -> None:
        """A message that must be refused, with REJECT (EPP-TRF-007)."""
        answer = self.talk.send_plaintext(message if isinstance(message, bytes) else message.encode())
        flows.expect_reject(self.talk, answer, code, "a message in place of RECEIPT")

    def other_receipt(self, **changes: Any) -> None:
        """A receipt signed by the payee, over an altered OFFER."""
        wrong = flows.receipt_of(self.talk, replace(self.offer, **changes))
        self.refused(Receipt(transaction=self.offer.transaction, signature=wrong.signature), Code.RECEIPT)

    def receipt_by_another(self) -> None:
        """A receipt signed by another purse."""
        peer, self.talk.peer = self.talk.peer, self.stage.world.purse()
        wrong = flows.receipt_of(self.talk, self.offer)
        self.talk.peer = peer
        self.refused(wrong, Code.RECEIPT)

    def bytes_in_place_of_a_record(self, record: bytes, code: Code) -> None:
        """Bytes that are no record of this session, which nobody answers (EPP-REC-003, EPP-REC-006)."""
        reply = self.stage.deliver(record, "bytes")
        self.stage.refused(reply, code, "bytes in place of a record")
        self.stage.equal(reply.out, None, "answer to bytes in place of a record")


ENDINGS: dict[str, Callable[[Ending], None]] = {
    "silence": lambda _: None,
    "power-cut": lambda ending: ending.stage.wallet.power_cut("now"),
    "reject": lambda ending: ending.reject(Code.ENDORSEMENT),
    "reject-unexpected": lambda ending: ending.reject(Code.UNEXPECTED_MESSAGE),
    "reject-unknown-code": lambda ending: ending.reject(65535),
    "receipt-of-another-transaction": lambda ending: ending.refused(
        replace(ending.right, transaction=bytes(16)), Code.RECEIPT
    ),
    "receipt-signature": lambda ending: ending.refused(
        replace(ending.right, signature=bytes(64)), Code.RECEIPT
    ),
    "receipt-of-another-amount": lambda ending: ending.other_receipt(amount=ending.offer.amount + 1),
    "receipt-of-another-offer": lambda ending: ending.other_receipt(units=()),
    "receipt-by-another-purse": Ending.receipt_by_another,
    "accept-again": lambda ending: ending.refused(flows.accept_of(ending.offer), Code.UNEXPECTED_MESSAGE),
    "request": lambda ending: ending.refused(Request(amount=AMOUNT), Code.UNEXPECTED_MESSAGE),
    "no-message": lambda ending: ending.refused(b"\x80", Code.MALFORMED),
    "no-record": lambda ending: ending.bytes_in_place_of_a_record(b"\xa0", Code.MALFORMED),
    "foreign-record": lambda ending: ending.bytes_in_place_of_a_record(b"\x58\x20" + bytes(32), Code.RECORD),
}
"""Ways in which the session of a payer can end between its commit point and RECEIPT."""


@pytest.mark.requirement(
    "EPP-CRS-013", "EPP-CRS-014", "EPP-CRS-015", "EPP-CRS-017", "EPP-TRF-111", "EPP-TRF-017"
)
@pytest.mark.parametrize("name", tuple(ENDINGS))
@pytest.mark.parametrize("redelivery", (False, True), ids=["PAY", "REDELIVER"])
@SIDES
def test_pending_until_receipt(stage: Stage, side: Side, redelivery: bool, name: str) -> None:  # noqa: FBT001
    """However a session ends after the commit point, the transaction stays pending until a good receipt."""
    Scenario(stage, Flow(wallet_pays=True, side=side, redelivery=redelivery)).run()  # positive control
    scenario = Scenario(stage, Flow(wallet_pays=True, side=side, redelivery=True))
    (owed,) = scenario.oracle.pending.values()
    if redelivery:
        stage.order("redeliver", transaction=owed.offer.transaction)
        talk = connect(stage, side, peer=scenario.till.identity)
        if side is Side.RESPONDER:
            stage.accepted(talk.send(Request(amount=AMOUNT)).reply, "REQUEST", "open")
        offer = owed.offer
    else:
        talk, offer = flows.meet_payer(stage, side, 2, peer=scenario.till.identity)
        scenario.oracle.sent[offer.transaction] = flows.expect_pay(
            talk, offer, talk.send(flows.accept_of(offer))
        )
        scenario.oracle.apply(replace(owed, offer=offer))
    before = stage.state()
    ENDINGS[name](Ending(talk, offer))
    if name != "power-cut":
        stage.unchanged(before, "the end of the session")
    scenario.oracle.check("the end of the session")
    for transaction in tuple(scenario.oracle.pending):
        Journey(scenario.oracle, scenario.flow, scenario.till).redeliver(transaction)
    scenario.oracle.check("redelivery")
    flows.still_alive(stage)


@pytest.mark.level("smoke")
@pytest.mark.requirement("EPP-CRS-006", "EPP-TRF-019")
@pytest.mark.parametrize("cut", (False, True), ids=["", "after-power-cut"])
@SIDES
def test_pending_units_are_not_spendable(stage: Stage, side: Side, cut: bool) -> None:  # noqa: FBT001
    """Pending units are not in the balance, cannot be spent and are not offered."""
    scenario = Scenario(stage, Flow(wallet_pays=True, side=side, redelivery=True))
    oracle = scenario.oracle
    if cut:
        stage.wallet.power_cut("now")
    before = oracle.check("a PAY that was lost")
    # Pending: 1 and 4. Left: 2 and 8.
    stage.refused(stage.act("pay", amount=11), Code.INSUFFICIENT_FUNDS, "order to pay more than is spendable")
    for amount in (1, 4, 5):
        refused = stage.act("pay", amount=amount)
        stage.refused(refused, Code.NO_EXACT_CHANGE, "order to pay what only pending units make up")
    stage.unchanged(before, "refused orders")
    other = scenario.till.identity if cut else stage.world.purse()
    payment = flows.take(stage, side, 10, peer=other)
    pending = {identifier(held) for owed in oracle.pending.values() for held in owed.offer.units}
    offered = {identifier(held) for held in payment.holdings}
    stage.equal(offered & pending, set(), "pending units that were offered")
    stage.refused(stage.act("pay", amount=1), Code.INSUFFICIENT_FUNDS, "order to pay with nothing left")
    flows.still_alive(stage)


# --- a payee that has credited ------------------------------------------------------------------------------


def epochs_and_cuts(stage: Stage) -> None:
    """Several bulletins, up to the last epoch in which the units are good, and cuts between them."""
    for epoch in (101, 150, LAST_EPOCH):
        stage.wallet.power_cut("now")
        stage.order("bulletin", bulletin=stage.world.bulletin(epoch))
        stage.wallet.power_cut("now")


LATER: dict[str, Callable[[Stage], None]] = {
    "at-once": lambda _: None,
    "power-cut": lambda stage: stage.wallet.power_cut("now"),
    "last-epoch": lambda stage: stage.order("bulletin", bulletin=stage.world.bulletin(LAST_EPOCH)),
    "epochs-and-cuts": epochs_and_cuts,
}
"""What can come between."""


def offer_again(stage: Stage, side: Side, payment: Payment) -> None:
    """A copy of what was paid to the wallet, under another transaction, must be refused as seen."""
    before = stage.state()
    flows.order_receive(stage, side, payment.amount)
    talk = connect(stage, side)
    offer = flows.offer_of(talk, payment.holdings)
    flows.expect_reject(talk, talk.send(offer), Code.UNIT_SEEN, "OFFER of a copy", 0)
    stage.unchanged(before, "OFFER of a copy")


@pytest.mark.requirement("EPP-CRS-016", "EPP-CRS-020", "EPP-CRS-010")
@pytest.mark.parametrize("later", tuple(LATER))
@pytest.mark.parametrize("settled", (False, True), ids=["pending", "settled"])
@SIDES
def test_seen_set_lasts(stage: Stage, side: Side, settled: bool, later: str) -> None:  # noqa: FBT001
    """What was seen and credited is known until the unit expires, also if paid on and power was lost."""
    world = stage.world
    stage.begin()
    payment = flows.give(stage, side, [world.holding(4, hop=1)])
    if settled:
        flows.take(stage, side, 4)
        offer_again(stage, side, payment)
    LATER[later](stage)
    if settled:
        offer_again(stage, side, payment)
    repeat(stage, side, payment)
    stage.equal(stage.state().balance, 0 if settled else 4, "balance")
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-CRS-016")
@pytest.mark.parametrize("later", tuple(LATER))
def test_seen_set_has_the_first_units(stage: Stage, later: str) -> None:
    """Units that the wallet was provisioned with count as seen too; one that comes round is taken."""
    world = stage.world
    own = world.wallet.number
    mine = world.holding(4, hop=2, holder=own)
    stage.begin([mine])
    taken = flows.take(stage, Side.RESPONDER, 4)
    LATER[later](stage)
    stage.equal(taken.holdings[0].hop, 2, "hop at which it was offered")
    # The same hop as it had here: a copy by whoever had it before.
    copy = replace(mine, hop=1, history=world.holding(4, hop=1).history)
    before = stage.state()
    flows.order_receive(stage, Side.RESPONDER, 4)
    talk = connect(stage, Side.RESPONDER)
    answer = talk.send(flows.offer_of(talk, [copy]))
    flows.expect_reject(talk, answer, Code.UNIT_SEEN, "OFFER of a copy", 0)
    stage.unchanged(before, "OFFER of a copy")
    moved = world.move(mine, payer=world.wallet, payee=world.peer.number)
    flows.give(stage, Side.RESPONDER, [moved])
    stage.equal([(unit.value, unit.hop) for unit in stage.state().units], [(4, 4)], "units")
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-CRS-005", "EPP-CRS-017")
def test_many_cuts(stage: Stage) -> None:
    """Loss of power again and again, with nothing going on, changes nothing."""
    world = stage.world
    till = Till(identity=world.purse())
    holdings = [world.holding(worth, holder=world.wallet.number) for worth in (1, 2, 4)]
    oracle = Oracle(stage, holdings, [till])
    before = stage.state()
    for _ in range(5):
        stage.wallet.power_cut("now")
        after = oracle.check("loss of power")
        stage.equal(after.digest.hex(), before.digest.hex(), "digest of durable state")
    stage.equal(oracle.balance, sum(map(value, holdings)), "balance")
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-CRS-005", "EPP-CRS-014", "EPP-CRS-017", "EPP-SES-027")
@pytest.mark.parametrize("lost", ("OFFER", "ACCEPT", "PAY", "RECEIPT"))
@pytest.mark.parametrize("wallet_pays", (False, True), ids=["payee", "payer"])
@SIDES
def test_new_session_in_place_of_the_old(stage: Stage, side: Side, wallet_pays: bool, lost: str) -> None:  # noqa: FBT001
    """A message is lost, and a new session opened: what was committed is there, and nothing else."""
    scenario = Scenario(stage, Flow(wallet_pays=wallet_pays, side=side))
    scenario.interrupt(scenario.flow, Losing(lost))
    stage.order("receive")
    stage.accepted(stage.open(Side.RESPONDER), "open", "open")
    scenario.oracle.check(f"loss of {lost}")
    scenario.finish()
