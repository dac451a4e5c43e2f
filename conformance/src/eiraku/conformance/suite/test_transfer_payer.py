"""Chapter 7, the wallet as payer: ACCEPT, the commit point, the receipt, and what is never offered again."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import pytest

from eiraku.conformance.adapter.client import State
from eiraku.conformance.suite.chains import sealed_by_peer
from eiraku.conformance.suite.negative_transfer import alternating, flip
from eiraku.conformance.suite.payer import (
    expect_no_offer,
    own,
    paid,
    redeliver,
    refused_to_offer,
    settle_by_redelivery,
)
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.peer import Talk
from eiraku.conformance.tester.policies import policy
from eiraku.conformance.tester.stage import Stage
from eiraku.reference.crypto import cose
from eiraku.spec import objects
from eiraku.spec.errors import Code
from eiraku.spec.messages import Accept, Offer, Receipt
from eiraku.spec.objects import ReceiptPayload
from eiraku.spec.tables import Side


@pytest.mark.requirement("EPP-TRF-013", "EPP-ERR-001")
@pytest.mark.parametrize("requested", (0, 1, 11, 13, 24, 2**53 - 1))
def test_request_for_another_amount(stage: Stage, requested: int) -> None:
    """A REQUEST for another amount than the holder has set is refused; nothing is offered."""
    money = own(stage.world, (8, 4, 16))
    stage.begin(money)
    flows.take(stage, Side.RESPONDER, 12)
    stage.begin(money)
    before = stage.state()
    stage.order("pay", amount=12)
    expect_no_offer(stage, refused_to_offer(stage, Side.RESPONDER, requested), Code.AMOUNT, Code.AMOUNT)
    stage.unchanged(before, "a refused REQUEST")
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-TRF-014", "EPP-POL-004", "EPP-POL-005", "EPP-ERR-001")
@pytest.mark.parametrize(("own_tier", "peer_tier"), ((1, 1), (1, 2), (2, 1)))
def test_limit_of_the_operation(stage: Stage, side: Side, own_tier: int, peer_tier: int) -> None:
    """An amount at the lower of both tiers' limits is offered, one above it is not."""
    world = stage.world
    world.policy = policy(
        transfer={1: 100, 2: 1000}, own={1: 5000, 2: 5000}, balance_limits={1: 9000, 2: 9000}
    )
    wallet = world.purse(tier=own_tier)
    peer = world.purse(tier=peer_tier)
    money = [world.holding(1 << n, holder=wallet.number) for n in range(10)]
    stage.begin(money, identity=wallet)
    flows.take(stage, side, 100, peer=peer)
    stage.begin(money, identity=wallet)
    before = stage.state()
    stage.order("pay", amount=101)
    answer = refused_to_offer(stage, side, 101, peer=peer)
    expect_no_offer(stage, answer, Code.AMOUNT_LIMIT, Code.AMOUNT_LIMIT)
    stage.unchanged(before, "an amount above the limit")
    flows.still_alive(stage)


ACCEPTS: dict[str, Callable[[Accept, Offer], Accept]] = {
    "other-transaction": lambda right, _: replace(right, transaction=flip(right.transaction)),
    "transaction-of-zeros": lambda right, _: replace(right, transaction=bytes(16)),
    "other-digest": lambda right, _: replace(right, offer_digest=flip(right.offer_digest)),
    "first-bit-of-digest": lambda right, _: replace(right, offer_digest=flip(right.offer_digest, 0)),
    "digest-of-zeros": lambda right, _: replace(right, offer_digest=bytes(32)),
    "digest-of-a-larger-offer": lambda _, offer: flows.accept_of(replace(offer, amount=offer.amount + 1)),
    "digest-of-fewer-units": lambda _, offer: flows.accept_of(replace(offer, units=offer.units[1:])),
    "both": lambda right, _: replace(right, transaction=bytes(16), offer_digest=bytes(32)),
}


@pytest.mark.requirement("EPP-TRF-015", "EPP-ERR-001")
@alternating("name", {name: name for name in ACCEPTS})
def test_accept_of_another_offer(stage: Stage, side: Side, name: str) -> None:
    """An ACCEPT of another transaction or digest is refused: no endorsement, the units stay spendable."""
    money = own(stage.world, (8, 4))
    stage.begin(money)
    flows.take(stage, side, 12)
    stage.begin(money)
    before = stage.state()
    talk, offer = flows.meet_payer(stage, side, 12)
    wrong = ACCEPTS[name](flows.accept_of(offer), offer)
    flows.expect_reject(talk, talk.send(wrong), Code.TRANSACTION, "ACCEPT")
    stage.unchanged(before, "a refused ACCEPT")
    flows.still_alive(stage)
    flows.take(stage, side, 12)


@SIDES
@pytest.mark.requirement("EPP-TRF-015")
def test_accept_of_an_earlier_offer(stage: Stage, side: Side) -> None:
    """An ACCEPT that was right in an earlier session is refused in this one."""
    stage.begin(own(stage.world, (8,)))
    _, earlier = flows.meet_payer(stage, side, 8)
    before = stage.state()
    talk, _ = flows.meet_payer(stage, side, 8)
    flows.expect_reject(talk, talk.send(flows.accept_of(earlier)), Code.TRANSACTION, "ACCEPT")
    stage.unchanged(before, "a refused ACCEPT")
    flows.take(stage, side, 8)


@SIDES
@pytest.mark.requirement("EPP-TRF-016")
def test_commit_before_pay(stage: Stage, side: Side) -> None:
    """OFFER commits to nothing; when PAY is out, the units are pending, also after a loss of power."""
    stage.begin(own(stage.world, (8, 4)))
    before = stage.state()
    talk, offer = flows.meet_payer(stage, side, 8)
    stage.unchanged(before, "OFFER")
    payment = flows.expect_pay(talk, offer, talk.send(flows.accept_of(offer)))
    after = stage.state()
    for state in (after, _after_loss_of_power(stage)):
        stage.equal(state.balance, 4, "balance after PAY")
        stage.equal([p.transaction for p in state.pending], [offer.transaction], "pending transactions")
        stage.equal([p.peer for p in state.pending], [stage.world.peer.number], "payees of what is pending")
    settle_by_redelivery(stage, side, payment)


def _after_loss_of_power(stage: Stage) -> State:
    stage.wallet.power_cut("now")
    return stage.state()


@SIDES
@pytest.mark.requirement("EPP-TRF-016", "EPP-CRS-001")
@pytest.mark.parametrize("when", ("before", "after"))
def test_power_fails_at_the_commit_point(stage: Stage, side: Side, when: str) -> None:
    """Power fails just before or after the commit point: PAY is not out, and the units are in one place."""
    stage.begin(own(stage.world, (8,)))
    talk, offer = flows.meet_payer(stage, side, 8)
    stage.wallet.power_cut("before" if when == "before" else "after", 1)
    answer = talk.send(flows.accept_of(offer))
    stage.equal(answer.reply.outcome, "power-cut", "outcome of ACCEPT")
    stage.wallet.power_cut("never")
    state = stage.state()
    expected = (8, 0) if when == "before" else (0, 8)
    stage.equal((state.balance, sum(p.amount for p in state.pending)), expected, "spendable and pending")
    flows.still_alive(stage)


Forge = Callable[[Talk, Offer], Receipt]


def _receipt(context: bytes = objects.CONTEXT_RECEIPT, **changes: object) -> Forge:
    """Signed by the payee, over another payload or as something else."""

    def forge(talk: Talk, offer: Offer) -> Receipt:
        right = ReceiptPayload(
            transaction=offer.transaction,
            payer=talk.wallet_id.number,
            payee=talk.peer.number,
            amount=offer.amount,
            offer_digest=sha256(offer.encode()).digest(),
        )
        payload = replace(right, **changes)  # type: ignore[arg-type]
        signature = cose.sign_detached(talk.peer.key, context, payload.encode())
        return Receipt(transaction=offer.transaction, signature=signature)

    return forge


def _signed_by_another(talk: Talk, offer: Offer) -> Receipt:
    world = talk.stage.world
    stranger = replace(talk.peer, key=world.purse().key)
    payload = ReceiptPayload(
        transaction=offer.transaction,
        payer=talk.wallet_id.number,
        payee=talk.peer.number,
        amount=offer.amount,
        offer_digest=sha256(offer.encode()).digest(),
    )
    signature = cose.sign_detached(stranger.key, objects.CONTEXT_RECEIPT, payload.encode())
    return Receipt(transaction=offer.transaction, signature=signature)


def _other_transaction(talk: Talk, offer: Offer) -> Receipt:
    return replace(flows.receipt_of(talk, offer), transaction=flip(offer.transaction))


def _wholly_other_transaction(talk: Talk, offer: Offer) -> Receipt:
    return flows.receipt_of(talk, replace(offer, transaction=bytes(16)))


def _altered(at: int) -> Forge:
    def forge(talk: Talk, offer: Offer) -> Receipt:
        right = flows.receipt_of(talk, offer)
        return replace(right, signature=flip(right.signature, at))

    return forge


RECEIPTS: dict[str, Forge] = {
    "last-bit": _altered(-1),
    "first-bit": _altered(0),
    "zeros": lambda _, offer: Receipt(transaction=offer.transaction, signature=bytes(64)),
    "another-purse": _signed_by_another,
    "other-transaction": _other_transaction,
    "right-for-another-transaction": _wholly_other_transaction,
    "over-another-transaction": _receipt(transaction=bytes(16)),
    "over-another-payer": _receipt(payer=b"\x5a" * 8),
    "over-another-payee": _receipt(payee=b"\x5a" * 8),
    "over-nothing": _receipt(amount=0),
    "over-a-lower-amount": _receipt(amount=11),
    "over-a-higher-amount": _receipt(amount=13),
    "over-another-offer": _receipt(offer_digest=bytes(32)),
    "signed-as-an-endorsement": _receipt(objects.CONTEXT_ENDORSEMENT),
    "signed-without-context": _receipt(b""),
}


@pytest.mark.requirement("EPP-TRF-017", "EPP-TRF-114", "EPP-ERR-001")
@alternating("name", {name: name for name in RECEIPTS})
def test_forged_receipt(stage: Stage, side: Side, name: str) -> None:
    """A receipt that is not the payee's over exactly this payment settles nothing; redelivery still does."""
    money = own(stage.world, (8, 4))
    stage.begin(money)
    flows.take(stage, side, 12)
    stage.begin(money)
    talk, payment = paid(stage, side, 12)
    before = stage.state()
    flows.expect_reject(talk, talk.send(RECEIPTS[name](talk, payment.offer)), Code.RECEIPT, "RECEIPT")
    stage.unchanged(before, "a refused RECEIPT")
    stage.equal([p.transaction for p in before.pending], [payment.offer.transaction], "pending transactions")
    flows.still_alive(stage)
    settle_by_redelivery(stage, side, payment)


@SIDES
@pytest.mark.requirement("EPP-TRF-017", "EPP-TRF-114")
@pytest.mark.parametrize("name", ("last-bit", "over-a-lower-amount", "other-transaction"))
def test_forged_receipt_of_a_redelivery(stage: Stage, side: Side, name: str) -> None:
    """A forged receipt does not settle a redelivery either."""
    stage.begin(own(stage.world, (8, 4)))
    _, payment = paid(stage, side, 12)
    talk, _ = redeliver(stage, side, payment)
    before = stage.state()
    flows.expect_reject(talk, talk.send(RECEIPTS[name](talk, payment.offer)), Code.RECEIPT, "RECEIPT")
    stage.unchanged(before, "a refused RECEIPT")
    settle_by_redelivery(stage, side, payment)
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-TRF-018", "EPP-TRF-019")
def test_settled_is_settled(stage: Stage, side: Side) -> None:
    """After the receipt the units can be neither spent nor redelivered, also after a loss of power."""
    stage.begin(own(stage.world, (8, 4)))
    payment = flows.take(stage, side, 8)
    for _ in range(2):
        state = stage.state()
        stage.equal([p.transaction for p in state.settled], [payment.offer.transaction], "settled")
        stage.equal((state.balance, state.pending), (4, ()), "balance and pending transactions")
        again = stage.act("redeliver", transaction=payment.offer.transaction)
        stage.refused(again, Code.UNKNOWN_TRANSACTION, "redelivery of a settled payment")
        stage.refused(stage.act("pay", amount=8), Code.INSUFFICIENT_FUNDS, "pay with units given away")
        stage.wallet.power_cut("now")
    flows.take(stage, side, 4)
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-TRF-019", "EPP-TRF-018")
@pytest.mark.parametrize("settled", (False, True), ids=("pending", "settled"))
def test_given_away_is_never_offered(stage: Stage, side: Side, settled: bool) -> None:  # noqa: FBT001
    """Units that are pending or gone are not in any later offer, to this peer or another."""
    world = stage.world
    stage.begin(own(world, (8, 8, 8)))
    talk, payment = paid(stage, side, 8)
    if settled:
        stage.accepted(talk.send(flows.receipt_of(talk, payment.offer)).reply, "RECEIPT", "closed")
    gone = {held.unit for held in payment.holdings}
    for peer in (world.peer, world.purse()):
        _, offer = flows.meet_payer(stage, side, 16, peer=peer)
        offered = {unit.unit for unit in offer.units}
        stage.equal(offered & gone, set(), "units given away among those offered")
    stage.refused(stage.act("pay", amount=24), Code.INSUFFICIENT_FUNDS, "pay with units given away")
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-TRF-019")
def test_received_again_is_offered_again(stage: Stage, side: Side) -> None:
    """A unit that came back with a higher hop can be offered again, and only as it came back."""
    world = stage.world
    stage.begin(own(world, (8,)))
    taken = flows.take(stage, side, 8)
    back = sealed_by_peer(world, taken, taken.holdings[0])
    flows.give(stage, side, [back])
    again = flows.take(stage, side, 8)
    stage.equal(again.holdings[0].hop, 2, "hop at which the unit is offered again")
    stage.require(again.holdings[0].history != taken.holdings[0].history, "another", "the same", "history")
