"""Purses of every make: with and without bulletin, money and more than one key, small and as large as can be.

Each loses power when it has just been provisioned, and must then pay, be paid, and know its rules.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from eiraku.conformance.suite.payer import own
from eiraku.conformance.suite.test_revoked_list import LARGEST, spread
from eiraku.conformance.tester import bulletins, flows
from eiraku.conformance.tester.drawn import Economy
from eiraku.conformance.tester.policies import HOPS_MAX, RECORD_MAX, TABLES, UNITS_MAX, least_record, policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, LAST_EPOCH, identifier
from eiraku.reference.centres.roots import ALWAYS
from eiraku.spec.errors import Code
from eiraku.spec.key_lists import ENTRIES_MAX, SCHEME_KEYS_MAX, scheme_key_id
from eiraku.spec.tables import Side

Arguments = dict[str, Any]
LIMIT = 64
MOST_UNITS = 256
"""That a purse is provisioned with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Make:
    """How a purse is provisioned. `prepare`: the world; `change`: what is given to the wallet."""

    prepare: Callable[[Stage], None] = lambda _: None
    values: Callable[[Stage], tuple[int, ...]] = lambda _: (8, 4, 2, 1)
    change: Callable[[Stage, Arguments], None] = lambda *_: None
    epoch: int = EPOCH
    rules: tuple[str, ...] = field(default=("EPP-GEN-005",))

    def provision(self, stage: Stage) -> tuple[int, ...]:
        """The wallet is blank, and then provisioned; the values that it holds."""
        self.prepare(stage)
        values = self.values(stage)
        arguments = stage.world.provisioning(own(stage.world, values))
        self.change(stage, arguments)
        stage.wallet.reset()
        reply = stage.wallet.provision(**arguments)
        stage.require(reply.accepted, "accepted", reply, "provision")
        return values


def _one_key(stage: Stage) -> None:
    world = stage.world
    world.device = replace(world.device, keys=world.device.keys[-1:])
    world.issuing = replace(world.issuing, keys=world.issuing.keys[-1:])


def _many_keys(stage: Stage) -> None:
    world = stage.world
    masters = (world.master_key(1, LAST_EPOCH) for _ in range(ENTRIES_MAX - 2))
    world.device = replace(world.device, keys=(*masters, *world.device.keys))
    moneys = (world.money_key(1, LAST_EPOCH) for _ in range(ENTRIES_MAX - 2))
    world.issuing = replace(world.issuing, keys=(*moneys, *world.issuing.keys))


def _largest_policy(stage: Stage) -> None:
    sizes: dict[str, Any] = {name: stage.room(name) for name in TABLES}
    hops = next(hops for hops in range(HOPS_MAX, 0, -1) if least_record(hops) <= sizes["max_record"])
    sizes["max_record"] = min(sizes["max_record"], RECORD_MAX)
    stage.world.policy = policy(max_units=UNITS_MAX, max_hops=hops, **sizes)


def _without(name: str, nothing: object) -> Callable[[Stage, Arguments], None]:
    return lambda _, arguments: arguments.update({name: nothing})


def _scheme_keys(stage: Stage, arguments: Arguments) -> None:
    world = stage.world
    keys = [*(world.random(32) for _ in range(SCHEME_KEYS_MAX - 1)), world.scheme_key]
    validities = {scheme_key_id(key): ALWAYS for key in keys}
    # It came into force last, so that an initiator uses it (EPP-KEY-045).
    validities[scheme_key_id(world.scheme_key)] = replace(ALWAYS, valid_from=1)
    listed = world.device_keys(scheme=validities)
    arguments["anchor"].update(scheme_keys=keys, device_keys=listed)


def _largest_bulletin(stage: Stage, arguments: Arguments) -> None:
    if stage.room("max_bulletin") >= stage.world.policy["max_bulletin"]:
        arguments["bulletin"] = bulletins.update(stage.world, spread(LARGEST), epoch=EPOCH)


def _falling_economies(_: Stage, arguments: Arguments) -> None:
    arguments["anchor"].update(economies=sorted(arguments["anchor"]["economies"], reverse=True))


MAKES: dict[str, Make] = {
    "no-bulletin": Make(change=_without("bulletin", None), epoch=0, rules=("EPP-GEN-003",)),
    "no-money": Make(values=lambda _: ()),
    "nothing-but-keys": Make(
        values=lambda _: (), change=_without("bulletin", None), epoch=0, rules=("EPP-GEN-003",)
    ),
    "one-key": Make(prepare=_one_key, rules=("EPP-KEY-010",)),
    "one-key-and-no-bulletin": Make(
        prepare=_one_key, change=_without("bulletin", None), epoch=0, rules=("EPP-KEY-010", "EPP-GEN-003")
    ),
    "full-key-lists": Make(prepare=_many_keys, rules=("EPP-KEY-010",)),
    "most-scheme-keys": Make(change=_scheme_keys, rules=("EPP-GEN-020",)),
    "largest-bulletin": Make(change=_largest_bulletin, rules=("EPP-BUL-009",)),
    "largest-policy": Make(prepare=_largest_policy, rules=("EPP-POL-018",)),
    "largest-policy-and-no-bulletin": Make(
        prepare=_largest_policy,
        change=_without("bulletin", None),
        epoch=0,
        rules=("EPP-POL-018", "EPP-GEN-003"),
    ),
    "most-money": Make(
        prepare=_largest_policy,
        values=lambda stage: (1,) * min(stage.room("capacity") - 1, stage.room("max_seen") - 2, MOST_UNITS),
        rules=("EPP-GEN-017",),
    ),
    "one-unit": Make(values=lambda _: (1,)),
    "economies-in-falling-order": Make(change=_falling_economies),
}


def makes() -> list[object]:
    """Each make, on either side in turn; on the other at level full."""
    return [
        pytest.param(
            make,
            side,
            id=f"{name}-{side.value}",
            marks=[
                pytest.mark.requirement(*make.rules, "EPP-CRS-017"),
                pytest.mark.level("standard" if (at + turn) % 2 == 0 else "full"),
            ],
        )
        for at, (name, make) in enumerate(MAKES.items())
        for turn, side in enumerate(Side)
    ]


@pytest.mark.parametrize(("make", "side"), makes())
def test_power_fails_after_provisioning(stage: Stage, make: Make, side: Side) -> None:
    """However a purse is provisioned, it has all of it after a loss of power: it is paid, and pays"""
    world = stage.world
    values = make.provision(stage)
    before = stage.state()
    stage.equal(before.writes, 1, "durable writes for provisioning")
    stage.equal(sorted(unit.value for unit in before.units), sorted(values), "values of the units")
    stage.equal((before.balance, stage.epoch()), (sum(values), make.epoch), "balance and epoch")
    stage.wallet.power_cut("now")
    stage.unchanged(before, "loss of power after provisioning")
    came = world.holding(1, hop=1)
    flows.give(stage, side, [came])
    stage.wallet.power_cut("now")
    paid = flows.take(stage, side, 1)
    stage.wallet.power_cut("now")
    state = stage.state()
    stage.equal((state.balance, len(state.settled)), (sum(values), 1), "balance and payments made")
    gone = {identifier(held) for held in paid.holdings}
    here = {unit.unit_id for unit in before.units} | {identifier(came)}
    stage.equal({unit.unit_id for unit in state.units}, here - gone, "units")
    # A first bulletin, or the next one.
    stage.order("bulletin", bulletin=world.bulletin(EPOCH + 1, [world.purse().number]))
    stage.wallet.power_cut("now")
    stage.equal(stage.epoch(), EPOCH + 1, "epoch")
    flows.still_alive(stage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a purse refuses by something that it was provisioned with; `unit`: how the unit differs."""

    requirement: str
    code: Code
    unit: dict[str, Any] = field(default_factory=dict)
    value: int = 1
    whole: bool = False
    """Whether the whole OFFER is at fault, not one unit."""


RULES: dict[str, Rule] = {
    "limit": Rule(requirement="EPP-TRF-031", code=Code.AMOUNT_LIMIT, value=2 * LIMIT, whole=True),
    "balance-limit": Rule(requirement="EPP-TRF-044", code=Code.BALANCE_LIMIT, value=LIMIT, whole=True),
    "economy": Rule(requirement="EPP-UNI-004", code=Code.UNIT_ECONOMY, unit={"economy": Economy.FOREIGN}),
    "seal": Rule(requirement="EPP-UNI-003", code=Code.UNIT_SEAL, unit={"seal": bytes(16)}),
    "expired": Rule(requirement="EPP-UNI-005", code=Code.UNIT_EXPIRED, unit={"expires": EPOCH - 1}),
}


@pytest.mark.parametrize(
    ("rule", "cuts"),
    [
        pytest.param(
            rule, cuts, id=f"{name}-{cuts}", marks=pytest.mark.requirement(rule.requirement, "EPP-CRS-017")
        )
        for name, rule in RULES.items()
        for cuts in (1, 2)
    ],
)
def test_rules_survive_a_loss_of_power(stage: Stage, rule: Rule, cuts: int) -> None:
    """A purse knows its policy, economies, seals and epoch after power was lost, and lost again"""
    world = stage.world
    world.policy = policy(transfer={1: LIMIT}, balance_limits={1: 2 * LIMIT - 1})
    stage.begin(own(world, (LIMIT,)))
    right = [world.holding(1), world.holding(1, economy=Economy.OTHER)]
    for _ in range(cuts):
        stage.wallet.power_cut("now")
    for held in right:
        flows.give(stage, Side.RESPONDER, [held])
    stage.wallet.power_cut("now")
    before = stage.state()
    wrong = world.holding(rule.value, **rule.unit)
    talk = flows.meet_payee(stage, Side.RESPONDER, rule.value)
    answer = talk.send(flows.offer_of(talk, [wrong]))
    flows.expect_reject(talk, answer, rule.code, "OFFER", None if rule.whole else 0)
    stage.unchanged(before, "a refused OFFER")
    flows.still_alive(stage)
