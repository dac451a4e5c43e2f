"""Chapters 7 and 8: tables and records that are full, to the last place and no further."""

from collections.abc import Sequence

import pytest

from eiraku.conformance.suite import negative_transfer
from eiraku.conformance.suite.memory import refuse_offer, repeat
from eiraku.conformance.suite.negative_transfer import Plan
from eiraku.conformance.suite.payer import own, paid, redeliver, settle_by_redelivery
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.suite.test_transfer_orders import refuse_order
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.policies import policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH
from eiraku.spec.errors import Code
from eiraku.spec.messages import Offer, OfferedUnit, Redeliver
from eiraku.spec.tables import Side


def _next_epoch(stage: Stage) -> None:
    """What was good up to the epoch of provisioning has expired."""
    stage.order("bulletin", bulletin=stage.world.bulletin(EPOCH + 1))


# --- given away ---------------------------------------------------------------------------------------------


@SIDES
@pytest.mark.requirement("EPP-TRF-061", "EPP-CRS-022", "EPP-POL-004", "EPP-ERR-001")
def test_given_transactions(stage: Stage, side: Side) -> None:
    """A payer gives away as many transactions as `max_given` says, settled or pending, and not one more."""
    world = stage.world
    world.policy = policy(max_given=3)
    stage.begin(own(world, (1,) * 5))
    flows.take(stage, side, 1)
    flows.take(stage, side, 1)
    _, lost = paid(stage, side, 1)
    refuse_order(stage, Code.CAPACITY, amount=1)
    # The policy's limit is looked at before, what is held afterwards.
    refuse_order(stage, Code.AMOUNT, amount=0)
    refuse_order(stage, Code.CAPACITY, amount=3)
    settle_by_redelivery(stage, side, lost)
    refuse_order(stage, Code.CAPACITY, amount=1)
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-CRS-022", "EPP-TRF-061")
def test_given_transactions_that_count(stage: Stage, side: Side) -> None:
    """A settled transaction counts until the last of its units has expired, a pending one longer."""
    world = stage.world
    world.policy = policy(max_given=3)
    old = own(world, (16, 8, 4), expires=EPOCH)
    stage.begin([*old, *own(world, (32, 2, 1))])
    flows.take(stage, side, 16)
    flows.take(stage, side, 36)
    _, lost = paid(stage, side, 8)
    refuse_order(stage, Code.CAPACITY, amount=2)
    _next_epoch(stage)
    flows.take(stage, side, 2)
    refuse_order(stage, Code.CAPACITY, amount=1)
    redeliver(stage, side, lost)
    stage.equal([p.transaction for p in stage.state().pending], [lost.offer.transaction], "pending")


# --- credited -----------------------------------------------------------------------------------------------


@SIDES
@pytest.mark.requirement("EPP-TRF-062", "EPP-CRS-022", "EPP-POL-004", "EPP-ERR-001", "EPP-ERR-030")
def test_credited_transactions(stage: Stage, side: Side) -> None:
    """A payee credits as many transactions as `max_credited` says, of whatever payers, and not one more."""
    world = stage.world
    world.policy = policy(max_credited=3, balance_limits={1: 4})
    stage.begin()
    other = world.purse()
    flows.give(stage, side, [world.holding(1)])
    flows.give(stage, side, [world.holding(1)])
    flows.give(stage, side, [world.holding(1, holder=other.number)], peer=other)
    refuse_offer(stage, world.holding(1), Code.CAPACITY)
    before = stage.state()
    # What is wrong with units or their sum is looked at before, the balance afterwards.
    for units, amount, code in (([2], 2, Code.CAPACITY), ([2], 1, Code.SUM)):
        talk = flows.meet_payee(stage, Side.RESPONDER, amount)
        offer = flows.offer_of(talk, [world.holding(each) for each in units], amount)
        flows.expect_reject(talk, talk.send(offer), code, "OFFER")
    stage.unchanged(before, "refused OFFERs")
    flows.take(stage, side, 1)


@SIDES
@pytest.mark.requirement("EPP-CRS-022", "EPP-TRF-062")
def test_credited_transactions_that_count(stage: Stage, side: Side) -> None:
    """A credited transaction counts until the last of its units has expired, also if they are paid on."""
    world = stage.world
    world.policy = policy(max_credited=2)
    stage.begin()
    flows.give(stage, side, [world.holding(1, expires=EPOCH)])
    flows.give(stage, side, [world.holding(2, expires=EPOCH), world.holding(4)])
    flows.take(stage, side, 7)
    refuse_offer(stage, world.holding(1), Code.CAPACITY)
    _next_epoch(stage)
    flows.give(stage, side, [world.holding(1)])
    refuse_offer(stage, world.holding(1), Code.CAPACITY)


@SIDES
@pytest.mark.requirement("EPP-CRS-023", "EPP-CRS-010", "EPP-ERR-030")
def test_redelivery_to_a_full_purse(stage: Stage, side: Side) -> None:
    """With every table full, what is credited gets its receipt again; what is not is refused."""
    world = stage.world
    world.policy = policy(max_credited=2, capacity=2, max_seen=2)
    stage.begin()
    payments = [flows.give(stage, side, [world.holding(1)]) for _ in range(2)]
    for payment in payments:
        repeat(stage, side, payment)
    before = stage.state()
    talk = flows.meet_payee(stage, side, 1)
    held = [world.holding(1)]
    again = flows.redeliver_of(talk, flows.offer_of(talk, held), held)
    flows.expect_reject(talk, talk.send(again), Code.CAPACITY, "REDELIVER")
    stage.unchanged(before, "a refused REDELIVER")


# --- seen ---------------------------------------------------------------------------------------------------


@SIDES
@pytest.mark.requirement("EPP-TRF-063", "EPP-CRS-022", "EPP-POL-004", "EPP-ERR-001", "EPP-ERR-030")
def test_seen_units(stage: Stage, side: Side) -> None:
    """A payee sees as many units as `max_seen` says; one that it has seen comes back, no new one does."""
    world = stage.world
    world.policy = policy(capacity=4, max_seen=4)
    stage.begin(own(world, (1,)))
    flows.give(stage, side, [world.holding(1), world.holding(2)])
    gone = flows.take(stage, side, 2).holdings
    flows.give(stage, side, [world.holding(1)])
    refuse_offer(stage, world.holding(1), Code.CAPACITY)
    back = [world.move(held, payer=world.wallet, payee=world.peer.number) for held in gone]
    flows.give(stage, side, back)
    flows.take(stage, side, 5)
    # Nothing is held now, and everything remembered.
    refuse_offer(stage, world.holding(1), Code.CAPACITY)
    stage.equal(stage.state().balance, 0, "balance")


@SIDES
@pytest.mark.requirement("EPP-CRS-022", "EPP-TRF-063")
def test_seen_units_that_count(stage: Stage, side: Side) -> None:
    """A unit that was seen counts until it has expired, whether it is here or gone."""
    world = stage.world
    world.policy = policy(capacity=3, max_seen=3)
    stage.begin(own(world, (1,), expires=EPOCH))
    flows.give(stage, side, [world.holding(2, expires=EPOCH), world.holding(4)])
    flows.take(stage, side, 6)
    refuse_offer(stage, world.holding(1), Code.CAPACITY)
    _next_epoch(stage)
    flows.give(stage, side, [world.holding(1), world.holding(2)])
    flows.take(stage, side, 2)
    refuse_offer(stage, world.holding(1), Code.CAPACITY)


# --- records ------------------------------------------------------------------------------------------------


def _message(holdings: Sequence[OfferedUnit], amount: int) -> Offer:
    return Offer(transaction=bytes(16), amount=amount, units=tuple(holdings))


@SIDES
@pytest.mark.requirement("EPP-TRF-060", "EPP-POL-004", "EPP-ERR-001")
def test_redelivery_of_the_longest_record(stage: Stage, side: Side) -> None:
    """A bundle is offered if its REDELIVER has `max_record` bytes, and not if it has one more."""
    world = stage.world
    units = own(world, (1, 2, 4, 8), hop=2)
    size = len(Redeliver(offer=_message(units, 15).encode(), endorsements=(bytes(64),) * 4).encode())
    world.policy = policy(max_hops=3, max_record=size)
    stage.begin(units)
    _, lost = paid(stage, side, 15)
    settle_by_redelivery(stage, side, lost)
    world.policy = policy(max_hops=3, max_record=size - 1)
    stage.begin(units)
    refuse_order(stage, Code.TOO_LARGE, amount=15)
    flows.take(stage, side, 7)


@SIDES
@pytest.mark.requirement("EPP-ENC-013", "EPP-UNI-001", "EPP-ERR-001")
def test_code_of_a_unit_that_is_too_long(stage: Stage, side: Side) -> None:
    """A unit of more than 256 bytes is malformed: `too-large` is the code of other limits."""
    right = Plan().unit(1, lambda unit: unit.but(reserved=bytes(32)))
    wrong = Plan().unit(1, lambda unit: unit.but(reserved=bytes(160)))
    negative_transfer.refuse_offer(stage, side, wrong, Code.MALFORMED, 1, right=right)


@SIDES
@pytest.mark.requirement("EPP-ENC-010", "EPP-POL-004", "EPP-ERR-001")
def test_offer_of_the_longest_record(stage: Stage, side: Side) -> None:
    """An OFFER of `max_record` bytes is taken, one that is a byte longer is refused."""
    world = stage.world
    units = [world.holding(1 << n, hop=2) for n in range(4)]
    size = len(_message(units, 15).encode())
    world.policy = policy(max_hops=3, max_record=size)
    stage.begin()
    flows.give(stage, side, units)
    world.policy = policy(max_hops=3, max_record=size - 1)
    stage.begin()
    before = stage.state()
    talk = flows.meet_payee(stage, side, 15)
    flows.expect_reject(talk, talk.send(flows.offer_of(talk, units)), Code.TOO_LARGE, "OFFER")
    stage.unchanged(before, "an OFFER that is too long")
    flows.still_alive(stage)
