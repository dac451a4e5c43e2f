"""Redelivery by the wallet and to the wallet (chapter 8)."""

import pytest

from eiraku.conformance.suite.journey import AMOUNT, Flow, Journey, Losing, Scenario, expect_refused_peer
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.peer import connect
from eiraku.conformance.tester.stage import Stage
from eiraku.spec.errors import Code
from eiraku.spec.messages import Redeliver, Request
from eiraku.spec.tables import Side

TIMES = 4
"""How often a redelivery is repeated here."""


def payer(side: Side) -> Flow:
    """The wallet redelivers."""
    return Flow(wallet_pays=True, side=side, redelivery=True)


def payee(side: Side, *, known: bool = False) -> Flow:
    """The till redelivers to the wallet."""
    return Flow(wallet_pays=False, side=side, redelivery=True, known=known)


def other(side: Side) -> Side:
    """The other side."""
    return Side.RESPONDER if side is Side.INITIATOR else Side.INITIATOR


# --- the wallet as payer ------------------------------------------------------------------------------------


@pytest.mark.level("smoke")
@pytest.mark.requirement("EPP-CRS-007", "EPP-CRS-003", "EPP-TRF-018")
@SIDES
def test_wallet_redelivers(stage: Stage, side: Side) -> None:
    """A pending transaction is redelivered with the bytes of before, and settled by the receipt."""
    scenario = Scenario(stage, payer(side))
    scenario.oracle.check("a PAY that was lost")
    scenario.run()
    scenario.finish()


@pytest.mark.requirement("EPP-CRS-007", "EPP-CRS-008", "EPP-CRS-013")
@pytest.mark.parametrize("lost", ("REDELIVER", "RECEIPT"))
@SIDES
def test_wallet_redelivers_many_times(stage: Stage, side: Side, lost: str) -> None:
    """A transaction can be redelivered until it is settled, in either session role, with the same bytes."""
    scenario = Scenario(stage, payer(side))
    for attempt in range(TIMES):
        before = stage.state()
        turn = side if attempt % 2 == 0 else other(side)
        scenario.interrupt(payer(turn), Losing(lost))
        stage.unchanged(before, f"redelivery {attempt + 1} without a receipt")
        if attempt % 2:
            stage.wallet.power_cut("now")
        scenario.oracle.check(f"redelivery {attempt + 1}")
    scenario.finish()


@pytest.mark.requirement("EPP-CRS-007", "EPP-CRS-008")
@SIDES
def test_wallet_redelivers_one_of_several(stage: Stage, side: Side) -> None:
    """With several transactions pending the one that is ordered is redelivered, in any order."""
    scenario = Scenario(stage, payer(side))
    first = next(iter(scenario.oracle.pending))
    journey = Journey(scenario.oracle, Flow(wallet_pays=True, side=side), scenario.till, Losing("PAY"))
    with pytest.raises(Exception, match="PAY"):
        journey.pay(2)
    second = next(name for name in scenario.oracle.pending if name != first)
    scenario.oracle.check("two transactions pending")
    for transaction in (second, first):
        Journey(scenario.oracle, payer(side), scenario.till).redeliver(transaction)
        scenario.oracle.check("redelivery of one of two")
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-CRS-007", "EPP-CRS-012")
def test_wallet_redelivers_whatever_is_requested(stage: Stage) -> None:
    """A payer that redelivers does so whatever amount the payee requests."""
    scenario = Scenario(stage, payer(Side.RESPONDER))
    (transaction,) = scenario.oracle.pending
    stage.order("redeliver", transaction=transaction)
    talk = connect(stage, Side.RESPONDER, peer=scenario.till.identity)
    answer = talk.send(Request(amount=AMOUNT + 2, reference=""))
    stage.accepted(answer.reply, "REQUEST", "open")
    first = scenario.oracle.sent[transaction]
    expected = Redeliver(offer=first.offered, endorsements=first.pay.endorsements)
    stage.equal(answer.message, expected, "answer to REQUEST")
    scenario.finish()


@pytest.mark.requirement("EPP-CRS-009", "EPP-TRF-018")
@pytest.mark.parametrize("which", ("settled", "credited", "never-seen", "of-the-next"))
def test_wallet_refuses_to_redeliver_what_is_not_pending(stage: Stage, which: str) -> None:
    """Only a pending transaction can be redelivered."""
    scenario = Scenario(stage, payer(Side.INITIATOR))
    (transaction,) = scenario.oracle.pending
    stage.order("redeliver", transaction=transaction)  # positive control
    scenario.run()
    received = flows.give(stage, Side.RESPONDER, [stage.world.holding(1)])
    wrong = {
        "settled": transaction,
        "credited": received.offer.transaction,
        "never-seen": stage.world.random(16),
        "of-the-next": bytes(16),
    }[which]
    before = stage.state()
    refused = stage.act("redeliver", transaction=wrong)
    stage.refused(refused, Code.UNKNOWN_TRANSACTION, "order to redeliver what is not pending")
    stage.unchanged(before, "order to redeliver what is not pending")
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-SES-024", "EPP-CRS-013", "EPP-CRS-015")
@pytest.mark.parametrize("cut", (False, True), ids=["", "after-power-cut"])
@SIDES
def test_wallet_redelivers_to_the_payee_only(stage: Stage, side: Side, cut: bool) -> None:  # noqa: FBT001
    """A purse that redelivers refuses every peer but the payee of that transaction."""
    control = Scenario(stage, payer(side))
    control.run()
    scenario = Scenario(stage, payer(side))
    (transaction,) = scenario.oracle.pending
    if cut:
        stage.wallet.power_cut("now")
    before = stage.state()
    # The same holder's other purse is another purse.
    holder = scenario.till.identity.claims.holder
    for stranger in (stage.world.purse(), stage.world.purse(holder=holder)):
        stage.order("redeliver", transaction=transaction)
        expect_refused_peer(stage, side, stranger, Code.TRANSACTION, "another purse than the payee")
        stage.unchanged(before, "another purse than the payee")
    scenario.finish()


# --- the wallet as payee ------------------------------------------------------------------------------------


@pytest.mark.level("smoke")
@pytest.mark.requirement("EPP-CRS-012", "EPP-CRS-002", "EPP-TRF-049", "EPP-TRF-050")
@SIDES
def test_wallet_credits_redelivery(stage: Stage, side: Side) -> None:
    """A redelivery of what was not credited before is credited."""
    scenario = Scenario(stage, payee(side))
    scenario.oracle.check("a PAY that was lost")
    scenario.run()
    scenario.finish()


@pytest.mark.requirement("EPP-CRS-040")
def test_wallet_credits_redelivery_of_another_amount(stage: Stage) -> None:
    """An amount other than requested is no fault in a redelivery."""
    scenario = Scenario(stage, payee(Side.INITIATOR))
    (payment,) = scenario.till.pending.values()
    stage.order("request", amount=AMOUNT + 2, reference="")
    talk = connect(stage, Side.INITIATOR, peer=scenario.till.identity)
    answer = talk.send(Redeliver(offer=payment.offered, endorsements=payment.pay.endorsements))
    receipt = flows.expect_receipt(talk, payment.offer, answer)
    stage.equal(stage.state().balance, scenario.target, "balance")
    stage.equal(receipt.transaction, payment.offer.transaction, "transaction of RECEIPT")
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-CRS-010", "EPP-CRS-015")
@pytest.mark.parametrize("between", ("nothing", "power-cut", "bulletin", "spent"))
@SIDES
def test_wallet_receipts_again(stage: Stage, side: Side, between: str) -> None:
    """A redelivery of what is credited gets the same receipt, byte for byte, and credits nothing."""
    scenario = Scenario(stage, payee(side, known=True))
    (payment,) = scenario.till.pending.values()
    scenario.run()  # settles; from here on the till has the receipt to compare with
    payment = scenario.till.settled[payment.offer.transaction]
    if between == "bulletin":
        stage.order("bulletin", bulletin=stage.world.bulletin(150))
        scenario.oracle.epoch = 150
    elif between == "spent":
        Journey(scenario.oracle, Flow(wallet_pays=True, side=side), scenario.till).pay(
            scenario.oracle.balance
        )
    for attempt in range(TIMES):
        if between == "power-cut":
            stage.wallet.power_cut("now")
        before = stage.state()
        turn = side if attempt % 2 == 0 else other(side)
        Journey(scenario.oracle, payee(turn), scenario.till).receive_again(payment)
        stage.unchanged(before, f"redelivery {attempt + 1} of what is credited")
    scenario.oracle.check("redelivery of what is credited")
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-CRS-010")
def test_first_receipt_is_repeated(stage: Stage) -> None:
    """The receipt for a redelivery is that of the first PAY, byte for byte."""
    stage.begin()
    payer_purse = stage.world.purse()
    first = flows.give(
        stage, Side.RESPONDER, [stage.world.holding(4, holder=payer_purse.number)], peer=payer_purse
    )
    before = stage.state()
    stage.order("receive")
    talk = connect(stage, Side.RESPONDER, peer=payer_purse)
    answer = talk.send(Redeliver(offer=first.offered, endorsements=first.pay.endorsements))
    stage.accepted(answer.reply, "REDELIVER", "closed")
    stage.equal(answer.message, first.receipt, "answer to REDELIVER")
    stage.unchanged(before, "redelivery of what is credited")
    flows.still_alive(stage)
