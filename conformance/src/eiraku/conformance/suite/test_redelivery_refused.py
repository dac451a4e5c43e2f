"""What a payee refuses in a REDELIVER: faults of an OFFER, faults of a PAY, another OFFER than before."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest

from eiraku.conformance.suite.negative_transfer import Plan, Scene, flip, set_up
from eiraku.conformance.suite.offer_faults import FAULTS, Fault
from eiraku.conformance.suite.sides import BOTH_SIDES, SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.peer import Answer, connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import endorse
from eiraku.spec.errors import Code
from eiraku.spec.messages import Offer, Redeliver, Request
from eiraku.spec.tables import Side

CHECKED = pytest.mark.requirement("EPP-CRS-012", "EPP-CRS-015", "EPP-CRS-017", "EPP-TRF-007", "EPP-TRF-112")
MIDDLE = 1
PLAN = Plan(limit_slack=0, count_slack=0, capacity_slack=0, balance_slack=0)
"""Right, but as near to each limit as it may be."""

# Where an OFFER is refused for another amount than requested, a REDELIVER is only for an amount of 0.
NOTHING = replace(
    FAULTS[0], plan=lambda plan: replace(plan, amount=0, requested_off=1, limit_slack=1, balance_slack=1)
)
# A transaction that is credited has a rule of its own (EPP-CRS-011), before all of these.
ALL = (NOTHING, *(fault for fault in FAULTS[1:] if fault.code is not Code.TRANSACTION))
LIMIT, COUNT = ALL[1:3]
# An amount of 0 is within every limit.
NEIGHBOURS = ((NOTHING, COUNT), (LIMIT, COUNT), *pairwise(ALL[2:]))


def redeliver_of(scene: Scene) -> Redeliver:
    """The right REDELIVER of what the scene offers."""
    return flows.redeliver_of(scene.talk, scene.offer, scene.holdings)


def refuse(
    stage: Stage,
    side: Side,
    wrong: Plan,
    code: Code,
    index: int | None = None,
    *,
    alter: Callable[[Redeliver], Redeliver] = lambda message: message,
) -> None:
    """A wallet that credits the right redelivery refuses that of `wrong`, or one altered, unharmed."""
    control = set_up(stage, side, replace(PLAN, request=wrong.request))
    balance = stage.state().balance
    answer = control.talk.send(redeliver_of(control))
    flows.expect_receipt(control.talk, control.offer, answer)
    stage.equal(stage.state().balance, balance + control.offer.amount, "balance after a good redelivery")
    scene = set_up(stage, side, wrong)
    before = stage.state()
    answer = scene.talk.send(alter(redeliver_of(scene)))
    flows.expect_reject(scene.talk, answer, code, "REDELIVER", index)
    stage.unchanged(before, "a refused REDELIVER")
    flows.still_alive(stage)


@CHECKED
@pytest.mark.parametrize(
    ("fault", "number"),
    [
        pytest.param(fault, number, id=fault.name, marks=pytest.mark.requirement(*fault.requirements))
        for number, fault in enumerate(ALL)
    ],
)
def test_fault_of_the_offer(stage: Stage, fault: Fault, number: int) -> None:
    """A redelivery of what was not credited is checked like an OFFER, with the same codes."""
    refuse(stage, BOTH_SIDES[number % 2], fault.into(PLAN, MIDDLE), fault.code, fault.index(MIDDLE))


@CHECKED
@pytest.mark.requirement("EPP-TRF-046")
@pytest.mark.parametrize(
    ("first", "second", "number"),
    [
        pytest.param(first, second, number, id=f"{first.name}-before-{second.name}")
        for number, (first, second) in enumerate(NEIGHBOURS)
    ],
)
def test_order_of_the_faults(stage: Stage, first: Fault, second: Fault, number: int) -> None:
    """A redelivery with two faults gets the code of the first in the order of the checks on an OFFER."""
    wrong = second.into(first.into(PLAN, MIDDLE), MIDDLE)
    refuse(stage, BOTH_SIDES[number % 2], wrong, first.code, first.index(MIDDLE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    """A fault in what a REDELIVER has beside a good OFFER, and the code and index that it must get."""

    id: str
    code: Code
    alter: Callable[[Redeliver], Redeliver]
    requirement: str
    index: int | None = None


def _endorsements(
    alter: Callable[[tuple[bytes, ...]], tuple[bytes, ...]],
) -> Callable[[Redeliver], Redeliver]:
    return lambda message: replace(message, endorsements=alter(message.endorsements))


SPOILT = (
    Spoilt(
        id="trailing-byte",
        code=Code.MALFORMED,
        requirement="EPP-TRF-002",
        alter=lambda message: replace(message, offer=message.offer + b"\x00"),
    ),
    Spoilt(
        id="request-inside",
        code=Code.MALFORMED,
        requirement="EPP-TRF-002",
        alter=lambda message: replace(message, offer=Request(amount=112).encode()),
    ),
    Spoilt(
        id="redeliver-inside",
        code=Code.MALFORMED,
        requirement="EPP-TRF-002",
        alter=lambda message: replace(message, offer=message.encode()),
    ),
    Spoilt(
        id="nothing-inside",
        code=Code.MALFORMED,
        requirement="EPP-TRF-002",
        alter=lambda message: replace(message, offer=b""),
    ),
    Spoilt(
        id="no-endorsement",
        code=Code.ENDORSEMENT,
        requirement="EPP-TRF-047",
        alter=_endorsements(lambda _: ()),
    ),
    Spoilt(
        id="endorsement-missing",
        code=Code.ENDORSEMENT,
        requirement="EPP-TRF-047",
        alter=_endorsements(lambda given: given[:-1]),
    ),
    Spoilt(
        id="endorsement-too-many",
        code=Code.ENDORSEMENT,
        requirement="EPP-TRF-047",
        alter=_endorsements(lambda given: (*given, given[0])),
    ),
    Spoilt(
        id="first-endorsement-bad",
        code=Code.ENDORSEMENT,
        requirement="EPP-TRF-048",
        index=0,
        alter=_endorsements(lambda given: (flip(given[0], 0), *given[1:])),
    ),
    Spoilt(
        id="last-endorsement-bad",
        code=Code.ENDORSEMENT,
        requirement="EPP-TRF-048",
        index=2,
        alter=_endorsements(lambda given: (*given[:2], flip(given[2], 0))),
    ),
    Spoilt(
        id="endorsements-exchanged",
        code=Code.ENDORSEMENT,
        requirement="EPP-TRF-048",
        index=0,
        alter=_endorsements(lambda given: (given[1], given[0], given[2])),
    ),
)


@CHECKED
@SIDES
@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(spoilt, id=spoilt.id, marks=pytest.mark.requirement(spoilt.requirement))
        for spoilt in SPOILT
    ],
)
def test_fault_beside_the_offer(stage: Stage, side: Side, spoilt: Spoilt) -> None:
    """A redelivery whose OFFER is none, or whose endorsements are not good, credits nothing."""
    refuse(stage, side, PLAN, spoilt.code, spoilt.index, alter=spoilt.alter)


@CHECKED
@SIDES
def test_offer_is_checked_before_endorsements(stage: Stage, side: Side) -> None:
    """A redelivery is checked like an OFFER first, and then like a PAY."""
    last = ALL[-1]
    refuse(stage, side, last.into(PLAN, MIDDLE), last.code, alter=SPOILT[-2].alter)


@CHECKED
@pytest.mark.parametrize("number", range(1, len(ALL)), ids=lambda number: ALL[number].name)
def test_amount_requested_hides_nothing(stage: Stage, number: int) -> None:
    """That another amount was requested is no fault, and no excuse for another."""
    fault = ALL[number]
    wrong = fault.into(replace(PLAN, requested_off=1, request=True), MIDDLE)
    refuse(stage, Side.INITIATOR, wrong, fault.code, fault.index(MIDDLE))


OTHER_OFFERS: dict[str, Callable[[Offer], Offer]] = {
    "other-amount": lambda offer: replace(offer, amount=offer.amount - 1),
    "amount-of-nothing": lambda offer: replace(offer, amount=0),
    "other-order": lambda offer: replace(offer, units=offer.units[::-1]),
    "fewer-units": lambda offer: replace(offer, units=offer.units[:1]),
    "no-unit": lambda offer: replace(offer, units=()),
    "other-history": lambda offer: replace(
        offer, units=(replace(offer.units[0], history=flip(offer.units[0].history)), *offer.units[1:])
    ),
    "other-hop": lambda offer: replace(
        offer, units=(replace(offer.units[0], hop=offer.units[0].hop + 1), *offer.units[1:])
    ),
}
"""Of a transaction that the wallet has credited."""


@pytest.mark.requirement("EPP-CRS-011", "EPP-CRS-015", "EPP-TRF-007")
@pytest.mark.parametrize("cut", (False, True), ids=["", "after-power-cut"])
@pytest.mark.parametrize("name", tuple(OTHER_OFFERS))
def test_credited_with_another_offer(stage: Stage, name: str, cut: bool) -> None:  # noqa: FBT001
    """Other bytes of the OFFER for what is credited are refused; the right ones are answered."""
    world = stage.world
    stage.begin()
    holdings = [world.holding(1), world.holding(4)]
    first = flows.give(stage, Side.RESPONDER, holdings)
    if cut:
        stage.wallet.power_cut("now")
    before = stage.state()
    right = Redeliver(offer=first.offered, endorsements=first.pay.endorsements)
    wrong = replace(right, offer=OTHER_OFFERS[name](first.offer).encode())
    repeat(stage, Side.RESPONDER, right, first)
    for side in BOTH_SIDES:
        flows.order_receive(stage, side, first.amount)
        talk = connect(stage, side)
        flows.expect_reject(talk, talk.send(wrong), Code.TRANSACTION, "REDELIVER with another OFFER")
        stage.unchanged(before, "REDELIVER with another OFFER")
        repeat(stage, side, right, first)
    stage.unchanged(before, "the right REDELIVER")
    flows.still_alive(stage)


def repeat(stage: Stage, side: Side, message: Redeliver, first: flows.Payment) -> Answer:
    """Redeliver what is credited; the receipt must be the first."""
    flows.order_receive(stage, side, first.amount)
    answer = connect(stage, side).send(message)
    stage.accepted(answer.reply, "REDELIVER", "closed")
    # EPP-CRS-010
    stage.equal(answer.message, first.receipt, "answer to REDELIVER")
    return answer


@pytest.mark.requirement("EPP-CRS-010", "EPP-CRS-012", "EPP-HIS-002")
@SIDES
def test_redelivery_by_another_payer(stage: Stage, side: Side) -> None:
    """A redelivery by another purse than the payer finds nothing credited, and its endorsements fail."""
    world = stage.world
    stage.begin([world.holding(1, holder=world.wallet.number), world.holding(4, holder=world.wallet.number)])
    first = flows.give(stage, side, [world.holding(1), world.holding(4)])
    flows.take(stage, side, 10)  # not held any more, so that only what was seen can be in the way
    thief = world.purse()
    stolen = Redeliver(offer=first.offered, endorsements=first.pay.endorsements)
    before = stage.state()
    flows.order_receive(stage, side, first.amount)
    talk = connect(stage, side, peer=thief)
    flows.expect_reject(talk, talk.send(stolen), Code.UNIT_SEEN, "REDELIVER by another purse", 0)
    stage.unchanged(before, "REDELIVER by another purse")
    fresh = world.holding(4, holder=world.peer.number)
    flows.order_receive(stage, side, 4)
    talk = connect(stage, side, peer=thief)
    offer = flows.offer_of(talk, [fresh])
    by_peer = endorse(fresh, payer=world.peer, payee=talk.wallet_id.number, transaction=offer.transaction)
    message = Redeliver(offer=offer.encode(), endorsements=(by_peer,))
    flows.expect_reject(talk, talk.send(message), Code.ENDORSEMENT, "REDELIVER by another purse", 0)
    stage.unchanged(before, "REDELIVER by another purse")
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-CRS-010", "EPP-CRS-012")
@SIDES
def test_same_transaction_of_another_payer(stage: Stage, side: Side) -> None:
    """A transaction is known by its payer and its number: that of another payer is another."""
    world = stage.world
    stage.begin()
    first = flows.give(stage, side, [world.holding(1)])
    second = world.purse()
    held = world.holding(4, holder=second.number)
    talk = flows.meet_payee(stage, side, 4, peer=second)
    offer = replace(flows.offer_of(talk, [held]), transaction=first.offer.transaction)
    flows.expect_receipt(talk, offer, talk.send(flows.redeliver_of(talk, offer, [held])))
    stage.equal(stage.state().balance, 5, "balance")
    repeat(stage, side, Redeliver(offer=first.offered, endorsements=first.pay.endorsements), first)
    stage.equal(stage.state().balance, 5, "balance")
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-CRS-010")
def test_endorsements_of_what_is_credited(stage: Stage) -> None:
    """For what is credited the bytes of the OFFER decide; the endorsements have done their work."""
    stage.begin()
    first = flows.give(stage, Side.RESPONDER, [stage.world.holding(1)])
    before = stage.state()
    for endorsements in ((), (bytes(64),), (*first.pay.endorsements, bytes(64))):
        repeat(stage, Side.RESPONDER, Redeliver(offer=first.offered, endorsements=endorsements), first)
        stage.unchanged(before, "redelivery of what is credited")
    flows.still_alive(stage)
