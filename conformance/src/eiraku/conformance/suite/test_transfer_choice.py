"""Chapter 7: what counts for an order, what is chosen when the payee is known, and what is requested."""

import pytest

from eiraku.conformance.suite.payer import expect_no_offer, own, refused_to_offer, unread
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.suite.test_transfer_orders import refuse_order
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.policies import RECORD_MAX, least_record, policy
from eiraku.conformance.tester.stage import Stage
from eiraku.spec.errors import Code
from eiraku.spec.objects import Role
from eiraku.spec.tables import Side


@SIDES
@pytest.mark.requirement("EPP-TRF-011", "EPP-ERR-001")
@pytest.mark.parametrize(
    ("hop", "max_hops", "most"),
    ((9, 9, 10), (10, 255, 10), (254, 1, 10), (254, 255, 255)),
    ids=("at-its-own-limit", "at-the-limit-of-the-policy", "far-above-both-limits", "at-hop-254"),
)
def test_units_for_a_vault_count(stage: Stage, side: Side, hop: int, max_hops: int, most: int) -> None:
    """An order counts units that only a vault can take, up to hop 254; a vault is paid with them."""
    world = stage.world
    world.policy = policy(max_hops=most, max_record=RECORD_MAX)
    stage.begin([unread(world, 8, hop, max_hops=max_hops)])
    vault = world.purse(role=Role.VAULT, tier=1, holder=world.wallet.claims.holder)
    payment = flows.take(stage, side, 8, peer=vault)
    stage.equal([held.hop for held in payment.holdings], [hop], "hops of the units offered")
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-TRF-011", "EPP-ERR-001")
@pytest.mark.parametrize("most", (10, 255))
def test_units_at_hop_255_never_count(stage: Stage, most: int) -> None:
    """A unit at hop 255, which nobody may take, does not count; one at hop 254 does."""
    world = stage.world
    world.policy = policy(max_hops=most, max_record=RECORD_MAX)
    stage.begin([unread(world, 8, 255, max_hops=255), *own(world, (16,))])
    refuse_order(stage, Code.INSUFFICIENT_FUNDS, amount=24)
    refuse_order(stage, Code.NO_EXACT_CHANGE, amount=8)
    stage.begin([unread(world, 8, 254, max_hops=255)])
    refuse_order(stage, Code.INSUFFICIENT_FUNDS, amount=9)
    stage.order("pay", amount=8)
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-TRF-066", "EPP-TRF-116", "EPP-TRF-117", "EPP-TRF-060", "EPP-ERR-002")
def test_only_a_long_choice_for_this_peer(stage: Stage, side: Side) -> None:
    """Where only a bundle that is too long is left for this payee, the holder is told; the peer, `amount`."""
    world = stage.world
    most = least_record(11)
    world.policy = policy(max_hops=11, max_record=most)
    tired = unread(world, 8, 10, max_hops=10)
    fresh = [unread(world, 4, 10, max_hops=255) for _ in range(2)]
    stage.begin([tired, *fresh])
    before = stage.state()
    stage.order("pay", amount=8)
    expect_no_offer(stage, refused_to_offer(stage, side, 8), Code.TOO_LARGE, Code.AMOUNT)
    stage.unchanged(before, "a session without an offer")
    flows.take(stage, side, 4)
    vault = world.purse(role=Role.VAULT, tier=1, holder=world.wallet.claims.holder)
    payment = flows.take(stage, side, 8, peer=vault)
    stage.equal([held.unit for held in payment.holdings], [tired.unit], "units offered to a vault")
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-TRF-068", "EPP-POL-004", "EPP-ERR-001")
@pytest.mark.parametrize(("transfer", "pay_out"), ((100, 60), (60, 100)))
def test_request_above_every_limit(stage: Stage, transfer: int, pay_out: int) -> None:
    """An order to request up to the highest limit for a payee of this tier is taken, and none above it."""
    world = stage.world
    found = policy(transfer={1: transfer, 2: 5000}, own={1: pay_out, 2: 5000})
    # As payer the wallet may do more.
    found["operations"][3]["limits"] = {"1": 1000, "2": 5000}
    world.policy = found
    stage.begin()
    refuse_order(stage, Code.AMOUNT_LIMIT, "request", amount=101, reference="")
    # The amount is looked at first, and the reference last.
    refuse_order(stage, Code.AMOUNT, "request", amount=2**53, reference="")
    refuse_order(stage, Code.AMOUNT_LIMIT, "request", amount=101, reference="a" * 65)
    flows.still_alive(stage)
    flows.give(stage, Side.INITIATOR, [world.holding(32), world.holding(16)])
    stage.order("request", amount=100, reference="")


@pytest.mark.requirement("EPP-TRF-068", "EPP-ERR-001")
def test_request_without_an_operation(stage: Stage) -> None:
    """A purse that nobody may pay requests nothing."""
    world = stage.world
    found = policy()
    world.policy = found
    stage.begin()
    stage.order("request", amount=1, reference="")
    found["operations"] = [each for each in found["operations"] if "person" not in each["payee"]]
    stage.begin()
    refuse_order(stage, Code.AMOUNT_LIMIT, "request", amount=1, reference="")
