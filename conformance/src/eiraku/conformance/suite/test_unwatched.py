"""Stretches in which nobody asks the wallet for its state: judged by what it says, and by its last book.

A wallet that behaves where somebody looks passes each check that compares its state before and after.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest

from eiraku.conformance.suite.journey import Flow, Journey, expect_refused_peer
from eiraku.conformance.suite.key_lists import listed
from eiraku.conformance.suite.negative_bulletin import forged, made
from eiraku.conformance.suite.negative_transfer import UnitPlan, flip
from eiraku.conformance.suite.offer_faults import UNIT_FAULTS, Fault
from eiraku.conformance.suite.oracle import Oracle, Till
from eiraku.conformance.suite.payer import own
from eiraku.conformance.suite.sides import BOTH_SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.drawn import Economy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, LAST_EPOCH, SEQUENCE, Identity, World, identifier
from eiraku.spec.errors import Code
from eiraku.spec.key_lists import Centre
from eiraku.spec.messages import OfferedUnit, Pay
from eiraku.spec.objects import Role
from eiraku.spec.tables import Side

REVOKED = (1 << 60).to_bytes(8, "big")
AMOUNT = 4


class Stretch:
    """A wallet that nobody watches, and a till, each with money."""

    def __init__(self, stage: Stage, side: Side) -> None:
        """Reset and provision; revoke a purse. `side`: the one that the wallet plays."""
        stage.unwatch()
        self.stage, self.world, self.side = stage, stage.world, side
        self.till = Till(identity=self.world.purse())
        for _ in range(6):
            held = self.world.holding(AMOUNT, holder=self.till.number)
            self.till.held[identifier(held)] = held
        self.oracle = Oracle(stage, own(self.world, (1, 2, AMOUNT)), [self.till])
        stage.order("bulletin", bulletin=self.world.bulletin(EPOCH + 1, [REVOKED]))
        self.oracle.epoch = EPOCH + 1

    def is_paid(self) -> None:
        """The till pays the wallet with a unit."""
        flow = Flow(wallet_pays=False, side=self.side)
        Journey(self.oracle, flow, self.till).receive(self.till.holdings(AMOUNT))

    def pays(self, amount: int = AMOUNT) -> None:
        """The wallet pays the till."""
        Journey(self.oracle, Flow(wallet_pays=True, side=self.side), self.till).pay(amount)

    def offers(self, held: OfferedUnit, code: Code, amount: int = AMOUNT) -> None:
        """The till offers a unit, which the wallet must refuse."""
        talk = flows.meet_payee(self.stage, self.side, amount, peer=self.till.identity)
        answer = talk.send(flows.offer_of(talk, [held], amount))
        flows.expect_reject(talk, answer, code, "OFFER", 0)

    def end(self) -> None:
        """The wallet pays all that it must have, and has no more; only now it is asked."""
        self.pays(self.oracle.balance)
        more = self.stage.act("pay", amount=1)
        self.stage.refused(more, Code.INSUFFICIENT_FUNDS, "order to pay more than all")
        self.oracle.check("a stretch that nobody watched")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """What the wallet must refuse, or must not do twice, and the requirements that say so."""

    rules: tuple[str, ...]
    happens: Callable[[Stretch], None] = field(repr=False)


# --- money --------------------------------------------------------------------------------------------------


def _unit(fault: Fault) -> Wrong:
    def happens(stretch: Stretch) -> None:
        plan = UnitPlan(value=AMOUNT, hop=1)
        unit = plan if fault.unit is None else fault.unit(plan)
        held = unit.build(stretch.world, stretch.till.number)
        offered = OfferedUnit(unit=unit.signed(held.unit), hop=held.hop, history=unit.history(held.history))
        stretch.offers(offered, fault.code, unit.value)

    return Wrong(rules=fault.requirements, happens=happens)


def _held(stretch: Stretch) -> None:
    payment = next(reversed(stretch.till.settled.values()))
    stretch.offers(payment.holdings[0], Code.UNIT_HELD)


def _seen(stretch: Stretch) -> None:
    payment = next(reversed(stretch.till.settled.values()))
    stretch.pays(stretch.oracle.balance)
    stretch.offers(payment.holdings[0], Code.UNIT_SEEN)
    stretch.is_paid()


def _endorsement(stretch: Stretch) -> None:
    held = stretch.till.holdings(AMOUNT)
    talk = flows.meet_payee(stretch.stage, stretch.side, AMOUNT, peer=stretch.till.identity)
    offer = flows.offer_of(talk, held)
    flows.expect_accept(talk, offer, talk.send(offer))
    right = flows.pay_of(talk, offer, held)
    wrong = Pay(transaction=right.transaction, endorsements=tuple(map(flip, right.endorsements)))
    flows.expect_reject(talk, talk.send(wrong), Code.ENDORSEMENT, "PAY", 0)


def _again(stretch: Stretch) -> None:
    for payment in tuple(stretch.till.settled.values()):
        flow = Flow(wallet_pays=False, side=stretch.side, redelivery=True, known=True)
        Journey(stretch.oracle, flow, stretch.till).receive_again(payment)


def _too_much(stretch: Stretch) -> None:
    more = stretch.stage.act("pay", amount=stretch.oracle.balance + 1)
    stretch.stage.refused(more, Code.INSUFFICIENT_FUNDS, "order to pay more than all")


# --- peers --------------------------------------------------------------------------------------------------


def _peer(code: Code, make: Callable[[World], Identity], *rules: str) -> Wrong:
    def happens(stretch: Stretch) -> None:
        flows.order_receive(stretch.stage, stretch.side, AMOUNT)
        expect_refused_peer(stretch.stage, stretch.side, make(stretch.world), code, "this peer")

    return Wrong(rules=rules, happens=happens)


def _stranger(world: World) -> Identity:
    return world.purse(centre=replace(world.device, keys=(world.master_key(1, LAST_EPOCH),)))


# --- news ---------------------------------------------------------------------------------------------------


def _bulletin(code: Code, make: Callable[[World], bytes], *rules: str) -> Wrong:
    def happens(stretch: Stretch) -> None:
        reply = stretch.stage.act("bulletin", bulletin=make(stretch.world))
        stretch.stage.refused(reply, code, "bulletin")

    return Wrong(rules=rules, happens=happens)


def _keys(code: Code, make: Callable[[World, Centre], bytes], *rules: str) -> Wrong:
    def happens(stretch: Stretch) -> None:
        for centre in Centre:
            reply = stretch.stage.act("keys", centre=centre.value, keys=make(stretch.world, centre))
            stretch.stage.refused(reply, code, f"list of the {centre.value} centre")

    return Wrong(rules=rules, happens=happens)


WRONGS = {
    **{fault.name: _unit(fault) for fault in UNIT_FAULTS},
    "unit-held": Wrong(rules=("EPP-TRF-040",), happens=_held),
    "unit-seen": Wrong(rules=("EPP-TRF-041",), happens=_seen),
    "endorsement": Wrong(rules=("EPP-HIS-002",), happens=_endorsement),
    "redelivered-again": Wrong(rules=("EPP-CRS-010",), happens=_again),
    "too-much": Wrong(rules=("EPP-TRF-011",), happens=_too_much),
    "peer-unknown": _peer(Code.AUTHENTICATION, _stranger, "EPP-PID-002"),
    "peer-of-another-seal": _peer(Code.AUTHENTICATION, lambda w: w.purse(seal=w.random(16)), "EPP-PID-003"),
    "peer-expired": _peer(Code.PURSE_EXPIRED, lambda w: w.purse(expires=EPOCH), "EPP-PID-004"),
    "peer-foreign": _peer(Code.AUTHENTICATION, lambda w: w.purse(economy=Economy.FOREIGN), "EPP-PID-007"),
    "peer-revoked": _peer(Code.PURSE_REVOKED, lambda w: w.purse(number=REVOKED), "EPP-SES-022"),
    "peer-of-another-role": _peer(Code.ROLE_PAIR, lambda w: w.purse(role=Role.VAULT), "EPP-SES-023"),
    "bulletin-forged": _bulletin(
        Code.BULLETIN_SIGNATURE, forged(lambda w: made(w, epoch=EPOCH + 2)), "EPP-BUL-001"
    ),
    "bulletin-stale": _bulletin(Code.BULLETIN_STALE, lambda w: made(w, epoch=EPOCH), "EPP-BUL-002"),
    "keys-forged": _keys(Code.KEYS_SIGNATURE, lambda w, centre: flip(listed(w, centre)), "EPP-KEY-020"),
    "keys-stale": _keys(
        Code.KEYS_STALE, lambda w, centre: listed(w, centre, sequence=SEQUENCE - 1), "EPP-KEY-023"
    ),
}


@pytest.mark.parametrize(
    ("name", "side"),
    [
        pytest.param(
            name,
            side,
            id=f"{name}-{side.value}",
            marks=[
                pytest.mark.requirement(*wrong.rules),
                pytest.mark.level("standard" if side is BOTH_SIDES[number % 2] else "full"),
            ],
        )
        for number, (name, wrong) in enumerate(WRONGS.items())
        for side in BOTH_SIDES
    ],
)
def test_stretch_without_state(stage: Stage, side: Side, name: str) -> None:
    """Unwatched, a wallet refuses what is wrong, before and after a loss of power, and its book is right."""
    wrong = WRONGS[name]
    stretch = Stretch(stage, side)
    stretch.is_paid()
    wrong.happens(stretch)
    stretch.pays()
    stretch.is_paid()
    stage.wallet.power_cut("now")
    wrong.happens(stretch)
    stretch.is_paid()
    stretch.end()
