"""Right and wrong offers to the wallet, described by what is wrong with them, and the four parts of a check.

A `Plan` says what the suite's purse offers and under which circumstances; `Plan()` is right in everything.
Faults of different kinds can be put into one plan, so that the order of the checks can be tested too.
`refuse_offer` runs the positive control, the attack, and the two checks after it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import pytest

from eiraku.conformance.suite.sides import BOTH_SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.peer import Answer, Talk, connect
from eiraku.conformance.tester.policies import PLENTY, RECORD_MAX, policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import Identity, World, identifier
from eiraku.reference.centres.issuing import MoneyKey
from eiraku.reference.crypto import cose
from eiraku.spec import objects
from eiraku.spec.errors import Code
from eiraku.spec.messages import Offer, OfferedUnit
from eiraku.spec.objects import history_size
from eiraku.spec.tables import Side

Bytes = Callable[[bytes], bytes]


def alternating(argument: str, cases: Mapping[str, Any]) -> pytest.MarkDecorator:
    """Parametrise by cases and by the wallet's side: one side of each in turn, the other at level full."""
    return pytest.mark.parametrize(
        (argument, "side"),
        [
            pytest.param(
                case,
                side,
                id=f"{name}-{side.value}",
                marks=pytest.mark.level("standard" if side is BOTH_SIDES[number % 2] else "full"),
            )
            for number, (name, case) in enumerate(cases.items())
            for side in BOTH_SIDES
        ],
    )


def same(data: bytes) -> bytes:
    """Unaltered."""
    return data


def flip(data: bytes, at: int = -1) -> bytes:
    """With the lowest bit of one byte changed."""
    altered = bytearray(data)
    altered[at] ^= 1
    return bytes(altered)


class Place(Enum):
    """Where an offered unit was before, as the wallet knows it. `h`: the hop at which it is offered."""

    NEW = "never here"
    HELD = "spendable here, at h"
    HELD_LATER = "spendable here, at h + 1"
    PENDING = "pending here; offered as by its payee, at h + 1"
    SEEN = "was here at h + 1"
    SEEN_LATER = "was here at h + 2"
    GIVEN = "was here at h, and was given away at h + 1"
    CIRCLE = "was here at h + 1, and came to the suite's purse at h + 2"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitPlan:
    """One unit of the offer."""

    value: int
    hop: int = 0
    changes: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the unit that differ from those of `World.unit`."""
    key: MoneyKey | None = None
    """Signs instead of the issuing centre's current key."""
    kid: bytes | None = None
    payload: Bytes = same
    """Last word on the payload, before it is signed."""
    signed: Bytes = same
    """Last word on the signed unit."""
    history: Bytes = same
    """Last word on the sealed history that is offered."""
    place: Place = Place.NEW

    def but(self, **changes: Any) -> "UnitPlan":
        """With some fields of the unit changed; earlier changes stay."""
        return replace(self, changes={**self.changes, **changes})

    def build(self, world: World, holder: bytes) -> OfferedUnit:
        """The unit as its holder (8-byte purse number) has it, before `signed` and `history`."""
        right = world.holding(self.value, hop=self.hop, holder=holder)
        if not self.changes and self.key is None and self.kid is None and self.payload is same:
            return right
        unit = replace(world.unit(self.value), **world.seen(self.changes))
        key = self.key or world.issuing.keys[-1]
        payload = self.payload(unit.encode())
        signed = cose.sign(key.unit_key, objects.CONTEXT_UNIT, payload, kid=self.kid or key.kid)
        # A history that opens matters to the issuing centre only; its size matters to the wallet.
        return OfferedUnit(unit=signed, hop=self.hop, history=world.random(history_size(self.hop)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An offer to the wallet. `..._slack`: how far a limit of the policy lies above what the offer needs:
    0 is the boundary, -1 one too little, None plenty.
    """

    units: tuple[UnitPlan, ...] = (
        UnitPlan(value=64, hop=1),
        UnitPlan(value=32, hop=1),
        UnitPlan(value=16, hop=1),
    )
    amount: int | None = None
    """In the OFFER; None: the sum of the units' values."""
    sum_off: int = 0
    """By how much the amount exceeds the sum of the values."""
    requested_off: int = 0
    """By how much the holder's request exceeds the amount offered."""
    request: bool = False
    """The wallet's holder has asked for an amount, also where the wallet is the responder."""
    twice: int | None = None
    """Position of a unit that is offered a second time, at the end."""
    used: bool = False
    """The transaction is one that the wallet has credited from this peer."""
    limit_slack: int | None = None
    count_slack: int | None = None
    capacity_slack: int | None = None
    balance_slack: int | None = None
    peer: Identity | None = None
    alter: Callable[[Offer], Offer] = field(default=lambda offer: offer)
    """Last word on the OFFER."""

    def unit(self, index: int, alter: Callable[[UnitPlan], UnitPlan]) -> "Plan":
        """With one unit altered."""
        units = list(self.units)
        units[index] = alter(units[index])
        return replace(self, units=tuple(units))

    @property
    def offered_values(self) -> list[int]:
        """Values of the units in the OFFER, in minor units."""
        again = [] if self.twice is None else [self.units[self.twice].value]
        return [unit.value for unit in self.units] + again

    @property
    def offered_amount(self) -> int:
        """Amount in the OFFER, in minor units."""
        return sum(self.offered_values) + self.sum_off if self.amount is None else self.amount

    def policy(self) -> dict[str, Any]:
        """The policy whose limits are as near as the slacks say."""
        held = [unit.value for unit in self.units if unit.place in {Place.HELD, Place.HELD_LATER}]
        held += [1] * self.used
        count, amount = len(self.offered_values), self.offered_amount
        return policy(
            max_units=16 if self.count_slack is None else count + self.count_slack,
            # 64 units and more do not fit a record of the usual length.
            max_record=None if count < 32 else RECORD_MAX,
            capacity=64 if self.capacity_slack is None else len(held) + count + self.capacity_slack,
            balance_limits={
                1: PLENTY if self.balance_slack is None else sum(held) + amount + self.balance_slack
            },
            transfer={1: PLENTY if self.limit_slack is None else amount + self.limit_slack},
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A plan that was set up: the open session, what the suite's purse holds, the OFFER not yet sent."""

    talk: Talk
    holdings: tuple[OfferedUnit, ...]
    offer: Offer


def set_up(stage: Stage, side: Side, plan: Plan) -> Scene:
    """Provision the wallet, let happen what the plan says was before, and open the session."""
    world = stage.world
    peer = plan.peer or world.peer
    world.policy = plan.policy()
    planned = [(unit, unit.build(world, peer.number)) for unit in plan.units]
    here = {id(unit): _in_wallet(world, unit, held, peer) for unit, held in planned}
    stage.begin([held for held in here.values() if held is not None])
    offered: list[OfferedUnit] = []
    for unit, held in planned:
        mine = here[id(unit)]
        if unit.place in {Place.SEEN, Place.SEEN_LATER, Place.GIVEN, Place.CIRCLE}:
            flows.take(stage, Side.RESPONDER, unit.value, peer=peer)
        elif unit.place is Place.PENDING:
            talk, offer = flows.meet_payer(stage, Side.RESPONDER, unit.value, peer=peer)
            flows.expect_pay(talk, offer, talk.send(flows.accept_of(offer)))
        if unit.place in {Place.CIRCLE, Place.PENDING} and mine is not None:
            offered.append(world.move(mine, payer=world.wallet, payee=peer.number))
        else:
            offered.append(held)
    holdings = [
        OfferedUnit(unit=unit.signed(held.unit), hop=held.hop, history=unit.history(held.history))
        for unit, held in zip(plan.units, offered, strict=True)
    ]
    if plan.twice is not None:
        holdings.append(holdings[plan.twice])
    transaction = world.random(16)
    if plan.used:
        earlier = flows.give(stage, Side.RESPONDER, [world.holding(1, holder=peer.number)], peer=peer)
        transaction = earlier.offer.transaction
    talk = _meet(stage, side, plan, peer)
    return Scene(talk=talk, holdings=tuple(holdings), offer=offer_of(plan, holdings, transaction))


def offer_of(plan: Plan, holdings: list[OfferedUnit], transaction: bytes) -> Offer:
    """The OFFER of a plan."""
    return plan.alter(Offer(transaction=transaction, amount=plan.offered_amount, units=tuple(holdings)))


def complete(scene: Scene, answer: Answer) -> None:
    """The wallet must have accepted the offer; pay, and see that the units are credited (EPP-TRF-049)."""
    talk, offer, stage = scene.talk, scene.offer, scene.talk.stage
    flows.expect_accept(talk, offer, answer)
    before = stage.state()
    flows.expect_receipt(talk, offer, talk.send(flows.pay_of(talk, offer, scene.holdings)))
    after = stage.state()
    stage.equal(after.balance, before.balance + offer.amount, "balance after a good payment")
    held = {unit.unit_id: unit.hop for unit in after.units}
    for mine in scene.holdings:
        stage.equal(held.get(identifier(mine)), mine.hop + 1, "hop at which a credited unit is held")


def refuse_offer(
    stage: Stage, side: Side, wrong: Plan, code: Code, index: int | None = None, *, right: Plan | None = None
) -> None:
    """A wallet that accepts the offer of `right` refuses that of `wrong`, unharmed.

    `right` is a plan without fault unless given; it should be as near to `wrong` as can be.
    """
    control = set_up(stage, side, right or Plan())
    complete(control, control.talk.send(control.offer))
    scene = set_up(stage, side, wrong)
    before = stage.state()
    answer = scene.talk.send(scene.offer)
    flows.expect_reject(scene.talk, answer, code, "OFFER", index)
    stage.unchanged(before, "a refused OFFER")
    flows.still_alive(stage)


def _in_wallet(world: World, unit: UnitPlan, held: OfferedUnit, peer: Identity) -> OfferedUnit | None:
    """What the wallet is provisioned with for the sake of one unit of the plan."""
    match unit.place:
        case Place.NEW:
            return None
        case Place.HELD | Place.PENDING | Place.GIVEN:
            return held
        case Place.HELD_LATER | Place.SEEN | Place.CIRCLE:
            return world.move(held, payer=peer, payee=world.wallet.number)
        case Place.SEEN_LATER:
            owner = world.purse()
            further = world.move(held, payer=peer, payee=owner.number)
            return world.move(further, payer=owner, payee=world.wallet.number)


def _meet(stage: Stage, side: Side, plan: Plan, peer: Identity) -> Talk:
    if plan.request or plan.requested_off or side is Side.INITIATOR:
        wanted = plan.offered_amount + plan.requested_off
        stage.order("request", amount=wanted, reference=flows.REFERENCE)
    else:
        stage.order("receive")
    return connect(stage, side, peer=peer)
