"""Chapter 7, the wallet as payee: what it refuses in an OFFER, and what it answers to a right one."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from eiraku.conformance.suite.negative_transfer import (
    Place,
    Plan,
    UnitPlan,
    complete,
    flip,
    refuse_offer,
    set_up,
)
from eiraku.conformance.suite.offer_faults import FAULTS, Fault
from eiraku.conformance.suite.payer import paid
from eiraku.conformance.suite.sides import BOTH_SIDES, SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.policies import policy
from eiraku.conformance.tester.stage import Stage
from eiraku.spec.errors import Code
from eiraku.spec.messages import Offer, OfferedUnit
from eiraku.spec.tables import Side

RIGHT = Plan()
AMOUNT = RIGHT.offered_amount
POSITIONS = {"first": 0, "middle": 1, "last": 2}


@pytest.mark.requirement("EPP-ERR-001", "EPP-TRF-007", "EPP-TRF-112")
@pytest.mark.parametrize(
    ("fault", "index", "side"),
    [
        pytest.param(
            fault,
            index,
            side,
            id=f"{fault.name}-{position}-{side.value}" if fault.unit else f"{fault.name}-{side.value}",
            marks=[
                pytest.mark.requirement(*fault.requirements),
                # Faults of the whole offer are tried on both sides, those of a unit on each in turn.
                pytest.mark.level("full" if fault.unit and side is BOTH_SIDES[index % 2] else "standard"),
            ],
        )
        for fault in FAULTS
        for position, index in POSITIONS.items()
        for side in BOTH_SIDES
        if fault.unit or index == 0
    ],
)
def test_fault_in_offer(stage: Stage, side: Side, fault: Fault, index: int) -> None:
    """An OFFER with one fault is refused with the code of the fault and the position of the unit."""
    refuse_offer(stage, side, fault.into(RIGHT, index), fault.code, fault.index(index))


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """An offer at fault, and one without fault that is as near to it as can be."""

    name: str
    requirements: tuple[str, ...]
    code: Code
    wrong: Plan
    right: Plan = RIGHT
    index: int | None = None


def _second_differs(change: Callable[[Offer], Offer]) -> Plan:
    return replace(RIGHT, twice=0, alter=change)


def _last_unit(offer: Offer, **changes: object) -> Offer:
    return replace(offer, units=(*offer.units[:-1], replace(offer.units[-1], **changes)))  # type: ignore[arg-type]


def _two_of_another_shape(offer: Offer) -> Offer:
    neither = replace(offer.units[-1], unit=b"\x80")
    return replace(offer, units=(*offer.units[:-2], neither, neither))


def _many(count: int, **slack: int) -> Plan:
    return Plan(units=tuple(UnitPlan(value=1 << n) for n in range(count)), **slack)  # type: ignore[arg-type]


def _one(place: Place, hop: int = 1) -> Plan:
    return RIGHT.unit(1, lambda unit: replace(unit, hop=hop, place=place))


CASES = (
    Case(
        name="amount-zero",
        requirements=("EPP-TRF-030",),
        code=Code.AMOUNT,
        wrong=replace(RIGHT, amount=0, requested_off=AMOUNT),
        right=replace(RIGHT, request=True),
    ),
    Case(
        name="less-than-requested",
        requirements=("EPP-TRF-030",),
        code=Code.AMOUNT,
        wrong=replace(RIGHT, requested_off=1),
        right=replace(RIGHT, request=True),
    ),
    Case(
        name="more-than-requested",
        requirements=("EPP-TRF-030",),
        code=Code.AMOUNT,
        wrong=replace(RIGHT, requested_off=-1),
        right=replace(RIGHT, request=True),
    ),
    Case(
        name="amount-limit",
        requirements=("EPP-TRF-031", "EPP-POL-004"),
        code=Code.AMOUNT_LIMIT,
        wrong=replace(RIGHT, limit_slack=-1),
        right=replace(RIGHT, limit_slack=0),
    ),
    Case(
        name="no-unit",
        requirements=("EPP-TRF-032",),
        code=Code.UNIT_COUNT,
        wrong=Plan(units=(), amount=AMOUNT),
    ),
    Case(
        name="one-unit-too-many",
        requirements=("EPP-TRF-032", "EPP-POL-004"),
        code=Code.UNIT_COUNT,
        wrong=_many(5, count_slack=-1),
        right=_many(5, count_slack=0),
    ),
    Case(
        name="more-units-than-any-policy-permits",
        requirements=("EPP-TRF-032",),
        code=Code.UNIT_COUNT,
        wrong=Plan(units=tuple(UnitPlan(value=1) for _ in range(65))),
    ),
    Case(
        name="duplicate-next-to-it",
        requirements=("EPP-TRF-033",),
        code=Code.DUPLICATE_UNIT,
        wrong=replace(RIGHT, twice=2),
        index=3,
    ),
    Case(
        name="duplicate-makes-up-the-sum",
        requirements=("EPP-TRF-033",),
        code=Code.DUPLICATE_UNIT,
        wrong=Plan(units=(UnitPlan(value=64),), twice=0),
        right=Plan(units=(UnitPlan(value=64), UnitPlan(value=64))),
        index=1,
    ),
    Case(
        name="duplicate-at-another-hop",
        requirements=("EPP-TRF-033", "EPP-UNI-009"),
        code=Code.DUPLICATE_UNIT,
        wrong=_second_differs(lambda offer: _last_unit(offer, hop=2, history=bytes(456))),
        index=3,
    ),
    Case(
        name="duplicate-with-another-signature",
        requirements=("EPP-TRF-033", "EPP-UNI-009"),
        code=Code.DUPLICATE_UNIT,
        wrong=_second_differs(lambda offer: _last_unit(offer, unit=flip(offer.units[-1].unit))),
        index=3,
    ),
    Case(
        name="no-unit-twice",
        requirements=("EPP-TRF-033", "EPP-TRF-035"),
        code=Code.MALFORMED,
        wrong=_second_differs(_two_of_another_shape),
        index=2,
    ),
    Case(
        name="held",
        requirements=("EPP-TRF-040",),
        code=Code.UNIT_HELD,
        wrong=_one(Place.HELD),
        index=1,
    ),
    Case(
        name="held-at-hop-0",
        requirements=("EPP-TRF-040",),
        code=Code.UNIT_HELD,
        wrong=_one(Place.HELD).unit(1, lambda unit: replace(unit, hop=0)),
        index=1,
    ),
    Case(
        name="held-offered-again",
        requirements=("EPP-TRF-040",),
        code=Code.UNIT_HELD,
        wrong=_one(Place.HELD_LATER),
        index=1,
    ),
    Case(
        name="pending",
        requirements=("EPP-TRF-040",),
        code=Code.UNIT_HELD,
        wrong=_one(Place.PENDING),
        index=1,
    ),
    Case(
        name="seen-at-this-hop",
        requirements=("EPP-TRF-041", "EPP-TRF-115"),
        code=Code.UNIT_SEEN,
        wrong=_one(Place.SEEN),
        right=_one(Place.CIRCLE),
        index=1,
    ),
    Case(
        name="seen-at-a-later-hop",
        requirements=("EPP-TRF-041",),
        code=Code.UNIT_SEEN,
        wrong=_one(Place.SEEN_LATER),
        right=_one(Place.CIRCLE),
        index=1,
    ),
    Case(
        name="given-away-at-this-hop",
        requirements=("EPP-TRF-041", "EPP-TRF-115"),
        code=Code.UNIT_SEEN,
        wrong=_one(Place.GIVEN),
        right=_one(Place.CIRCLE),
        index=1,
    ),
    Case(
        name="sum-too-low",
        requirements=("EPP-TRF-042",),
        code=Code.SUM,
        wrong=replace(RIGHT, sum_off=1),
    ),
    Case(
        name="sum-too-high",
        requirements=("EPP-TRF-042",),
        code=Code.SUM,
        wrong=replace(RIGHT, sum_off=-1),
    ),
    Case(
        name="capacity",
        requirements=("EPP-TRF-043", "EPP-POL-004"),
        code=Code.CAPACITY,
        wrong=_many(4, capacity_slack=-1),
        right=_many(4, capacity_slack=0),
    ),
    Case(
        name="capacity-with-units-held",
        requirements=("EPP-TRF-043", "EPP-POL-004"),
        code=Code.CAPACITY,
        wrong=replace(RIGHT, capacity_slack=-2),
        right=replace(RIGHT, capacity_slack=0),
    ),
    Case(
        name="balance-limit",
        requirements=("EPP-TRF-044", "EPP-POL-004"),
        code=Code.BALANCE_LIMIT,
        wrong=replace(RIGHT, balance_slack=-1),
        right=replace(RIGHT, balance_slack=0),
    ),
)


@SIDES
@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=case.name, marks=pytest.mark.requirement(*case.requirements)) for case in CASES],
)
def test_offer_at_the_boundary(stage: Stage, side: Side, case: Case) -> None:
    """An offer just beyond what is allowed is refused; the one just within is credited."""
    refuse_offer(stage, side, case.wrong, case.code, case.index, right=case.right)


@pytest.mark.requirement("EPP-TRF-030", "EPP-ERR-001")
@pytest.mark.parametrize("units", (3, 1, 0))
def test_offer_of_nothing(stage: Stage, units: int) -> None:
    """A payee that takes any amount takes no OFFER of amount 0, whatever is in it."""
    refuse_offer(stage, Side.RESPONDER, Plan(units=RIGHT.units[:units], amount=0), Code.AMOUNT)


@pytest.mark.requirement("EPP-TRF-043", "EPP-TRF-044", "EPP-POL-004", "EPP-ERR-030")
@pytest.mark.parametrize(
    ("limits", "code"),
    (
        pytest.param({"capacity": 4}, Code.CAPACITY, id="capacity"),
        pytest.param({"balance_limits": {1: 15}}, Code.BALANCE_LIMIT, id="balance-limit"),
    ),
)
@SIDES
def test_full_purse(stage: Stage, side: Side, limits: dict[str, object], code: Code) -> None:
    """Units that the wallet holds already count; it takes more as soon as it has room again."""
    world = stage.world
    world.policy = policy(**limits)  # type: ignore[arg-type]
    stage.begin([world.holding(value, holder=world.wallet.number) for value in (8, 4, 2)])
    flows.give(stage, side, [world.holding(1)])
    before = stage.state()
    talk = flows.meet_payee(stage, side, 1)
    extra = world.holding(1)
    flows.expect_reject(talk, talk.send(flows.offer_of(talk, [extra])), code, "OFFER")
    stage.unchanged(before, "a refused OFFER")
    flows.take(stage, side, 2)
    flows.give(stage, side, [extra])


@SIDES
@pytest.mark.requirement("EPP-TRF-043", "EPP-POL-004")
def test_pending_units_take_room(stage: Stage, side: Side) -> None:
    """Units that are pending still count against the capacity."""
    world = stage.world
    world.policy = policy(capacity=3)
    stage.begin([world.holding(value, holder=world.wallet.number) for value in (8, 4)])
    paid(stage, side, 8)
    flows.give(stage, side, [world.holding(1)])
    before = stage.state()
    talk = flows.meet_payee(stage, side, 1)
    flows.expect_reject(talk, talk.send(flows.offer_of(talk, [world.holding(1)])), Code.CAPACITY, "OFFER")
    stage.unchanged(before, "a refused OFFER")
    flows.take(stage, side, 4)
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-TRF-034")
def test_transaction_is_one_payment(stage: Stage, side: Side) -> None:
    """A transaction already credited is refused from the same payer, and good from another."""
    world = stage.world
    stage.begin()
    earlier = flows.give(stage, side, [world.holding(4)])
    before = stage.state()
    talk = flows.meet_payee(stage, side, 8)
    again = replace(flows.offer_of(talk, [world.holding(8)]), transaction=earlier.offer.transaction)
    flows.expect_reject(talk, talk.send(again), Code.TRANSACTION, "OFFER")
    stage.unchanged(before, "a refused OFFER")
    other = world.purse()
    held = world.holding(8, holder=other.number)
    talk = flows.meet_payee(stage, side, 8, peer=other)
    offer = replace(flows.offer_of(talk, [held]), transaction=earlier.offer.transaction)
    flows.expect_accept(talk, offer, talk.send(offer))
    flows.expect_receipt(talk, offer, talk.send(flows.pay_of(talk, offer, [held])))
    stage.equal(stage.state().balance, 12, "balance after both payments")
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-TRF-034", "EPP-TRF-040", "EPP-TRF-041", "EPP-ERR-030")
def test_copy_of_a_unit_paid_earlier(stage: Stage, side: Side) -> None:
    """The old copy of a unit is refused while the wallet holds it, and after it has paid it on."""
    world = stage.world
    stage.begin()
    copy: OfferedUnit = world.holding(8)
    flows.give(stage, side, [copy])
    for code in (Code.UNIT_HELD, Code.UNIT_SEEN):
        before = stage.state()
        talk = flows.meet_payee(stage, side, 8)
        flows.expect_reject(talk, talk.send(flows.offer_of(talk, [copy])), code, "OFFER", 0)
        stage.unchanged(before, "a refused OFFER")
        if code is Code.UNIT_HELD:
            flows.take(stage, side, 8)
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-TRF-041", "EPP-TRF-115")
def test_seen_survives_loss_of_power(stage: Stage, side: Side) -> None:
    """Which units were here, and at which hop, is not forgotten when the power fails."""
    world = stage.world
    stage.begin()
    copy = world.holding(8)
    flows.give(stage, side, [copy])
    flows.take(stage, side, 8)
    stage.wallet.power_cut("now")
    before = stage.state()
    talk = flows.meet_payee(stage, side, 8)
    flows.expect_reject(talk, talk.send(flows.offer_of(talk, [copy])), Code.UNIT_SEEN, "OFFER", 0)
    stage.unchanged(before, "a refused OFFER")
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-TRF-045")
@pytest.mark.level("smoke")
def test_accept_changes_nothing(stage: Stage, side: Side) -> None:
    """ACCEPT carries transaction and digest, changes no durable state, and binds the payee to nothing."""
    scene = set_up(stage, side, RIGHT)
    before = stage.state()
    flows.expect_accept(scene.talk, scene.offer, scene.talk.send(scene.offer))
    stage.unchanged(before, "ACCEPT")
    stage.wallet.power_cut("now")
    stage.unchanged(before, "ACCEPT and a loss of power")
    talk = flows.meet_payee(stage, side, AMOUNT)
    again = replace(scene, talk=talk)
    complete(again, talk.send(scene.offer))
