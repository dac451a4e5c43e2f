"""What is just allowed and what just is not: cases that a solver found (vectors, boundaries.json)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from eiraku.conformance.suite.payer import own, paid, unread
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.peer import Talk, connect
from eiraku.conformance.tester.policies import HOPS_MAX, PLENTY, RECORD_MAX, UNITS_MAX, policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, Identity, value
from eiraku.spec.errors import Code
from eiraku.spec.messages import OfferedUnit, Request
from eiraku.spec.objects import Role
from eiraku.spec.tables import Side
from eiraku.spec.vectors import forms
from eiraku.spec.vectors.other_forms import Boundaries, Boundary

Given = Mapping[str, Any]
CASES = forms.load("boundaries.json", Boundaries).cases
MANY = "balance-beyond-amounts"
"""Needs thousands of units in the wallet."""


def _offered(stage: Stage, units: Sequence[OfferedUnit], expected: str, peer: Identity | None = None) -> None:
    """The wallet, which waits for an offer, is offered `units`: it accepts, or refuses with the code."""
    amount = sum(map(value, units))
    before = stage.state()
    talk = flows.meet_payee(stage, Side.RESPONDER, amount, peer=peer)
    offer = flows.offer_of(talk, units)
    answer = talk.send(offer)
    if expected == "accepted":
        flows.expect_accept(talk, offer, answer)
        flows.expect_receipt(talk, offer, talk.send(flows.pay_of(talk, offer, units)))
        return
    _rejected(talk, answer.reply, expected)
    stage.unchanged(before, "a refused OFFER")


def _rejected(talk: Talk, reply: Any, expected: str) -> None:
    talk.stage.refused(reply, _code(expected), "the message")


def _code(label: str) -> Code:
    return next(code for code in Code if code.label == label)


def _units(stage: Stage, count: int, value: int = 1) -> list[OfferedUnit]:
    return [stage.world.holding(value) for _ in range(count)]


def _amount(stage: Stage, given: Given, expected: str) -> None:
    """A REQUEST of an amount that is not the one to be paid: the amount is at fault, not the shape."""
    stage.begin(own(stage.world, (1,)))
    stage.order("pay", amount=1)
    talk = connect(stage, Side.RESPONDER)
    answer = talk.send(Request(amount=given["amount"], reference=""))
    _rejected(talk, answer.reply, "amount" if expected == "accepted" else expected)


def _worth(stage: Stage, given: Given, expected: str) -> None:
    stage.world.policy = policy(max_units=given["max_units"], max_record=RECORD_MAX)
    stage.begin()
    _offered(stage, _units(stage, given["units"], given["value"]), expected)


def _sum(stage: Stage, given: Given, expected: str) -> None:
    world = stage.world
    world.policy = policy(
        max_units=UNITS_MAX,
        capacity=given["units_held"] + 1,
        max_credited=given["units_held"],
        max_record=RECORD_MAX,
        balance_limits={1: given["balance_limit"]},
    )
    stage.begin()
    each = given["balance"] // given["units_held"]
    left = given["units_held"]
    while left:
        count = min(left, UNITS_MAX)
        _offered(stage, _units(stage, count, each), "accepted")
        stage.evidence.steps.clear()
        left -= count
    _offered(stage, _units(stage, 1, given["amount"]), expected)


def _amount_limit(stage: Stage, given: Given, expected: str) -> None:
    """A smaller limit belongs to a lower tier."""
    payer, payee = given["payer_limit"], given["payee_limit"]
    tiers = {payer: int(payer > payee), payee: int(payee > payer)}
    world = stage.world
    limits = {tiers[payer]: payer, tiers[payee]: payee}
    world.policy = policy(transfer=limits, balance_limits={0: PLENTY, 1: PLENTY})
    stage.begin(identity=world.purse(tier=tiers[payee]))
    peer = world.purse(tier=tiers[payer])
    _offered(stage, [world.holding(given["amount"], holder=peer.number)], expected, peer)


def _balance_limit(stage: Stage, given: Given, expected: str) -> None:
    world = stage.world
    world.policy = policy(balance_limits={1: given["balance_limit"]})
    stage.begin(own(world, (given["balance"],)))
    _offered(stage, [world.holding(given["amount"])], expected)


def _unit_count(stage: Stage, given: Given, expected: str) -> None:
    stage.world.policy = policy(max_units=given["max_units"], capacity=2 * UNITS_MAX, max_record=RECORD_MAX)
    stage.begin()
    _offered(stage, _units(stage, given["units"]), expected)


def _capacity(stage: Stage, given: Given, expected: str) -> None:
    world = stage.world
    world.policy = policy(capacity=given["capacity"])
    stage.begin(own(world, (1,) * given["spendable"] + (2,) * given["pending"]))
    talk, offer = flows.meet_payer(stage, Side.RESPONDER, 2 * given["pending"])
    flows.expect_pay(talk, offer, talk.send(flows.accept_of(offer)))
    _offered(stage, _units(stage, given["offered"]), expected)


def _given(stage: Stage, given: Given, expected: str) -> None:
    world = stage.world
    world.policy = policy(max_given=given["max_given"])
    stage.begin(own(world, (1,) * (given["settled"] + given["pending"] + 1)))
    for _ in range(given["settled"]):
        flows.take(stage, Side.RESPONDER, 1)
    for _ in range(given["pending"]):
        paid(stage, Side.RESPONDER, 1)
    _ordered(stage, 1, expected)


def _credited(stage: Stage, given: Given, expected: str) -> None:
    world = stage.world
    world.policy = policy(max_credited=given["max_credited"])
    stage.begin()
    for _ in range(given["of_this_payer"]):
        _offered(stage, _units(stage, 1), "accepted")
    for _ in range(given["of_another"]):
        other = world.purse()
        _offered(stage, [world.holding(1, holder=other.number)], "accepted", other)
    _offered(stage, _units(stage, 1), expected)


def _seen(stage: Stage, given: Given, expected: str) -> None:
    """As many units as `capacity`, which is not above `max_seen`."""
    world = stage.world
    world.policy = policy(capacity=given["max_seen"], max_seen=given["max_seen"])
    stage.begin(own(world, (1,) * given["gone"]))
    flows.take(stage, Side.RESPONDER, given["gone"])
    _offered(stage, _units(stage, given["offered"]), expected)


def _order(stage: Stage, given: Given, expected: str) -> None:
    world = stage.world
    world.policy = policy(max_record=RECORD_MAX)
    stage.begin([unread(world, given["amount"], given["hop"], max_hops=1)])
    vault = world.purse(role=Role.VAULT, holder=world.wallet.claims.holder)
    _ordered(stage, given["amount"], expected, vault)


def _request(stage: Stage, given: Given, expected: str) -> None:
    limits = {1: given["limit"]}
    stage.world.policy = policy(transfer=limits, own=limits)
    stage.begin()
    before = stage.state()
    reply = stage.act("request", amount=given["amount"], reference="")
    if expected == "accepted":
        stage.accepted(reply, "order to request")
        return
    stage.refused(reply, _code(expected), "order to request")
    stage.unchanged(before, "a refused order")


def _policy(stage: Stage, given: Given, expected: str) -> None:
    world = stage.world
    world.policy = policy(**given)
    if expected == "accepted":
        stage.provision()
        return
    stage.refused(stage.wallet.provision(**world.provisioning()), _code(expected), "policy")


def _hop(stage: Stage, given: Given, expected: str, *, vault: bool = False) -> None:
    world = stage.world
    world.policy = policy(max_hops=given.get("policy_max_hops", HOPS_MAX), max_record=RECORD_MAX)
    wallet = world.purse(role=Role.VAULT if vault else Role.PERSON)
    peer = world.purse(holder=wallet.claims.holder) if vault else world.purse()
    stage.begin(identity=wallet)
    unit = unread(world, 1, given["hop"], max_hops=given.get("unit_max_hops", HOPS_MAX))
    if "history_bytes" in given:
        unit = OfferedUnit(unit=unit.unit, hop=unit.hop, history=world.random(given["history_bytes"]))
    _offered(stage, [unit], expected, peer)


def _at_a_vault(stage: Stage, given: Given, expected: str) -> None:
    _hop(stage, given, expected, vault=True)


def _epoch(stage: Stage, given: Given, expected: str) -> None:
    """The case is about differences: it is moved to the epoch that the wallet has."""
    world = stage.world
    moved = EPOCH - given["epoch"]
    stage.begin()
    unit = world.holding(1, issued=given["issued"] + moved, expires=given["expires"] + moved)
    _offered(stage, [unit], expected)


def _redeliver(stage: Stage, given: Given, expected: str) -> None:
    world = stage.world
    world.policy = policy(max_units=UNITS_MAX, max_hops=HOPS_MAX, max_record=given["max_record"])
    least = len(unread(world, 1, given["hop"], max_hops=HOPS_MAX).unit)
    units = []
    for size in given["unit_bytes"]:
        surplus = size - least
        # A byte string of 24 bytes or more has a longer head.
        reserved = bytes(surplus if surplus < 24 else surplus - 1)
        units.append(unread(world, 1, given["hop"], max_hops=HOPS_MAX, reserved=reserved))
    if [len(unit.unit) for unit in units] != list(given["unit_bytes"]):
        raise ValueError(f"units of {given['unit_bytes']} bytes cannot be made")
    stage.begin(units)
    _ordered(stage, given["amount"], expected)


def _change(stage: Stage, given: Given, expected: str) -> None:
    stage.world.policy = policy(max_units=given["max_units"])
    stage.begin(own(stage.world, tuple(given["values"])))
    _ordered(stage, given["amount"], expected)


def _ordered(stage: Stage, amount: int, expected: str, payee: Identity | None = None) -> None:
    before = stage.state()
    if expected == "accepted":
        flows.take(stage, Side.RESPONDER, amount, peer=payee)
        return
    stage.refused(stage.act("pay", amount=amount), _code(expected), "order to pay")
    stage.unchanged(before, "a refused order")


KINDS: dict[str, Callable[[Stage, Given, str], None]] = {
    "amount-greatest": _amount,
    "amount-too-great": _amount,
    "bundle": _worth,
    "balance-beyond": _sum,
    "amount-limit": _amount_limit,
    "balance-limit": _balance_limit,
    "unit-count": _unit_count,
    "capacity": _capacity,
    "given": _given,
    "credited": _credited,
    "seen": _seen,
    "hop-limit": _hop,
    "hop-to-a-vault": _at_a_vault,
    "unit-": _epoch,
    "history": _at_a_vault,
    "redeliver": _redeliver,
    "change": _change,
    "order": _order,
    "request": _request,
    "policy": _policy,
}
"""How a case is played, by the beginning of its id; the first that fits."""


def _parameters() -> list[object]:
    return [
        pytest.param(
            case,
            id=case.id,
            marks=(
                pytest.mark.requirement(*case.requirements),
                pytest.mark.level("full" if case.id == MANY else "standard"),
            ),
        )
        for case in CASES
    ]


@pytest.mark.parametrize("case", _parameters())
def test_boundary(stage: Stage, case: Boundary) -> None:
    """What is at a limit is allowed, and one more is refused with the code that belongs to it"""
    play = next(play for start, play in KINDS.items() if case.id.startswith(start))
    play(stage, case.given, case.expected)
    if case.id != MANY:
        # The policy of a case may leave no room for a further payment.
        stage.world.policy = policy()
        stage.begin()
        flows.still_alive(stage)
