"""Chapter 8: a payment that nobody can take any more, and units that have expired, block no purse."""

import pytest

from eiraku.conformance.suite.memory import refuse_offer
from eiraku.conformance.suite.payer import own, paid, redeliver, settle_by_redelivery
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.suite.test_key_changes import revoke_money
from eiraku.conformance.suite.test_transfer_orders import refuse_order
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.policies import policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH
from eiraku.spec.errors import Code
from eiraku.spec.tables import Side

GRACES = pytest.mark.parametrize("grace", (0, 3, 2**32 - 1))


def _epoch(stage: Stage, epoch: int) -> None:
    stage.order("bulletin", bulletin=stage.world.bulletin(epoch))


@SIDES
@GRACES
@pytest.mark.requirement("EPP-CRS-030", "EPP-CRS-022", "EPP-CRS-013", "EPP-ERR-001")
def test_pending_transaction_that_lapses(stage: Stage, side: Side, grace: int) -> None:
    """It is pending up to the last epoch of its units and the claim grace, and in the next it is not."""
    world = stage.world
    world.policy = policy(max_given=1, claim_grace=grace)
    stage.begin(
        [*own(world, (16,), expires=EPOCH), *own(world, (8,), expires=EPOCH + 2), *own(world, (1, 2))]
    )
    _, lost = paid(stage, side, 24)
    last = min(EPOCH + 2 + grace, EPOCH + 50)
    _epoch(stage, last)
    redeliver(stage, side, lost)
    stage.equal([p.transaction for p in stage.state().pending], [lost.offer.transaction], "pending")
    refuse_order(stage, Code.CAPACITY, amount=1)
    if last < EPOCH + 2 + grace:
        return
    _epoch(stage, last + 1)
    stage.equal(stage.state().pending, (), "pending transactions")
    transaction = lost.offer.transaction
    refuse_order(stage, Code.UNKNOWN_TRANSACTION, "redeliver", transaction=transaction)
    flows.take(stage, side, 1)
    stage.wallet.power_cut("now")
    stage.equal(stage.state().pending, (), "pending transactions")
    refuse_order(stage, Code.UNKNOWN_TRANSACTION, "redeliver", transaction=transaction)
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-CRS-030", "EPP-CRS-008")
def test_redelivery_in_the_last_epoch(stage: Stage, side: Side) -> None:
    """A payment is settled in its last epoch, though its units expired long before."""
    world = stage.world
    world.policy = policy(claim_grace=4)
    stage.begin(own(world, (8,), expires=EPOCH))
    _, lost = paid(stage, side, 8)
    _epoch(stage, EPOCH + 4)
    settle_by_redelivery(stage, side, lost)
    stage.equal([s.transaction for s in stage.state().settled], [lost.offer.transaction], "settled")


@SIDES
@pytest.mark.requirement("EPP-CRS-031", "EPP-BUL-004")
def test_lapse_during_a_session(stage: Stage, side: Side) -> None:
    """A session in which a payment is delivered again settles it, whatever bulletin comes meanwhile."""
    world = stage.world
    world.policy = policy(claim_grace=1)
    stage.begin(own(world, (8,), expires=EPOCH))
    _, lost = paid(stage, side, 8)
    talk, _ = redeliver(stage, side, lost)
    _epoch(stage, EPOCH + 9)
    stage.accepted(talk.send(flows.receipt_of(talk, lost.offer)).reply, "RECEIPT", "closed")
    stage.equal([s.transaction for s in stage.state().settled], [lost.offer.transaction], "settled")
    stage.equal(stage.state().pending, (), "pending transactions")
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-CRS-032", "EPP-CRS-030")
def test_pending_units_that_lapse_make_room(stage: Stage, side: Side) -> None:
    """Pending units take room until their transaction lapses."""
    world = stage.world
    world.policy = policy(capacity=2, max_seen=9, claim_grace=2)
    stage.begin([*own(world, (8,), expires=EPOCH), *own(world, (4,))])
    paid(stage, side, 8)
    refuse_offer(stage, world.holding(1), Code.CAPACITY)
    _epoch(stage, EPOCH + 2)
    refuse_offer(stage, world.holding(1), Code.CAPACITY)
    _epoch(stage, EPOCH + 3)
    flows.give(stage, side, [world.holding(1)])
    refuse_offer(stage, world.holding(1), Code.CAPACITY)


@SIDES
@pytest.mark.requirement("EPP-CRS-032")
def test_expired_units_leave_room(stage: Stage, side: Side) -> None:
    """A unit takes room up to its last epoch; when it has expired, another can come in its place."""
    world = stage.world
    world.policy = policy(capacity=3, max_seen=9)
    stage.begin([*own(world, (8,), expires=EPOCH), *own(world, (4,), expires=EPOCH + 1), *own(world, (2,))])
    refuse_offer(stage, world.holding(1), Code.CAPACITY)
    _epoch(stage, EPOCH + 1)
    flows.give(stage, side, [world.holding(1)])
    refuse_offer(stage, world.holding(1), Code.CAPACITY)
    _epoch(stage, EPOCH + 2)
    flows.give(stage, side, [world.holding(1)])
    refuse_offer(stage, world.holding(1), Code.CAPACITY)


@SIDES
@pytest.mark.requirement("EPP-CRS-034", "EPP-TRF-044")
def test_expired_units_and_the_balance_limit(stage: Stage, side: Side) -> None:
    """The balance limit is for money that can be spent."""
    world = stage.world
    world.policy = policy(balance_limits={1: 14})
    stage.begin([*own(world, (8,), expires=EPOCH), *own(world, (4, 2))])
    refuse_offer(stage, world.holding(1), Code.BALANCE_LIMIT)
    _epoch(stage, EPOCH + 1)
    flows.give(stage, side, [world.holding(8)])
    refuse_offer(stage, world.holding(1), Code.BALANCE_LIMIT)
    flows.take(stage, side, 2)
    flows.give(stage, side, [world.holding(2)])


@SIDES
@pytest.mark.requirement("EPP-CRS-032", "EPP-CRS-034", "EPP-KEY-039")
def test_units_of_a_void_key_take_room(stage: Stage, side: Side) -> None:
    """A unit that only the centre takes any more still counts, for the capacity and for the balance limit."""
    world = stage.world
    for limits, code in (({"capacity": 2}, Code.CAPACITY), ({"balance_limits": {1: 12}}, Code.BALANCE_LIMIT)):
        world.policy = policy(**limits)
        stage.begin([*own(world, (8,), issued=95), *own(world, (4,), issued=90)])
        revoke_money(stage, 94)
        refuse_offer(stage, world.holding(1, issued=90), code)
        flows.take(stage, side, 4)
        flows.give(stage, side, [world.holding(1, issued=90)])
