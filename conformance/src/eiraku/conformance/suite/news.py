"""News that reaches a wallet while a session is open: all for the next session, nothing for this one."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from eiraku.conformance.suite.journey import Flow, Line, Lost, Scenario, expect_refused_peer
from eiraku.conformance.suite.key_lists import NEXT
from eiraku.conformance.suite.memory import refuse_offer
from eiraku.conformance.suite.test_scheme_keys import SINCE_NOW, meets, name
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, LAST_EPOCH, World
from eiraku.reference.centres.roots import ALWAYS
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.spec.errors import Code
from eiraku.spec.key_lists import Centre, scheme_key_id
from eiraku.spec.tables import Side

Given = dict[str, Any]
When = Literal["now", "before", "after"]
EXPIRY = EPOCH + 20
"""In which purse IDs and units expire where the news is that they have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class News:
    """An order that brings news. `make`: its fields; `after`: what the next session must be like."""

    rules: tuple[str, ...]
    action: str
    make: Callable[[World, Scenario], Given]
    after: Callable[[Stage, Scenario], None]
    before: Callable[[Stage], None] = field(default=lambda _: None)
    """What the wallet must have been told before the session."""
    older: Callable[[World], tuple[Code, Given]] | None = None
    """What it must refuse now, and the code."""

    def bring(self, stage: Stage, given: Given) -> None:
        """The wallet takes the news in one durable write; that it takes it again changes nothing."""
        before = stage.state()
        stage.order(self.action, **given)
        after = stage.state()
        stage.equal(after.writes, before.writes + 1, "durable writes for the news")
        stage.require(after.digest != before.digest, "another digest", after.digest.hex(), "durable state")
        self.known(stage, given)

    def known(self, stage: Stage, given: Given) -> None:
        """The wallet has the news."""
        before = stage.state()
        stage.order(self.action, **given)
        stage.unchanged(before, "news that the wallet has")
        if self.older is not None:
            code, old = self.older(stage.world)
            stage.refused(stage.act(self.action, **old), code, "older news")
            stage.unchanged(before, "older news")


class Bringing(Line):
    """Brings news before the message of this name."""

    def __init__(self, scenario: Scenario, name: str, news: News) -> None:
        """`name`: of a message to the wallet."""
        self.scenario = scenario
        self.name = name
        self.news = news

    def to_wallet(self, name: str, data: bytes) -> bytes:
        """See `Line`."""
        if name == self.name:
            stage = self.scenario.stage
            self.bring(stage, self.news.make(stage.world, self.scenario))
        return data

    def bring(self, stage: Stage, given: Given) -> None:
        """The news."""
        self.news.bring(stage, given)


class Cutting(Bringing):
    """Brings news, and then, or while the wallet writes it, power fails."""

    def __init__(self, scenario: Scenario, name: str, news: News, when: When) -> None:
        super().__init__(scenario, name, news)
        self.when = when

    def bring(self, stage: Stage, given: Given) -> None:
        """See `Bringing`; raises Lost."""
        if self.when == "now":
            self.news.bring(stage, given)
            stage.wallet.power_cut("now")
        else:
            stage.cut(self.when, self.news.action, **given)
            if self.when == "before":
                self.news.bring(stage, given)
        self.news.known(stage, given)
        raise Lost(self.name)


def prepared(stage: Stage, flow: Flow, news: News, *, expires: int = LAST_EPOCH) -> Scenario:
    """Everything is ready for the flow, and for the news."""
    stage.world.last_epoch = expires
    scenario = Scenario(stage, flow)
    news.before(stage)
    return scenario


# --- key lists ----------------------------------------------------------------------------------------------


def _voided(key: Any) -> Any:
    return replace(key, valid_from=1, valid_to=0)


def _keys(
    centre: Centre, keys: Callable[[World], list[Any]], world: World, _: Scenario, **more: Any
) -> Given:
    make: Callable[..., bytes] = world.device_keys if centre is Centre.DEVICE else world.money_keys
    return {"centre": centre.value, "keys": make(keys(world), sequence=NEXT + 1, **more)}


def _older(centre: Centre, world: World) -> tuple[Code, Given]:
    make: Callable[..., bytes] = world.device_keys if centre is Centre.DEVICE else world.money_keys
    return Code.KEYS_STALE, {"centre": centre.value, "keys": make(sequence=NEXT)}


def _peer_unknown(stage: Stage, scenario: Scenario) -> None:
    before = stage.state()
    for side in Side:
        flows.order_receive(stage, side, 4)
        till = scenario.till.identity
        expect_refused_peer(stage, side, till, Code.AUTHENTICATION, "a purse under a revoked key")
    stage.unchanged(before, "refused handshakes")


def _unit_unknown(stage: Stage, _: Scenario) -> None:
    refuse_offer(stage, stage.world.holding(4), Code.UNIT_SIGNATURE, 0)


def _list(
    centre: Centre, keys: Callable[[World], list[Any]], after: Callable[[Stage, Scenario], None]
) -> News:
    return News(
        rules=("EPP-KEY-036", "EPP-KEY-035"),
        action="keys",
        make=partial(_keys, centre, keys),
        after=after,
        older=partial(_older, centre),
    )


def _other_history(world: World) -> list[Any]:
    """Every unit key gets another history key; the world goes on under these."""
    changed = tuple(replace(key, history_key=AgreementKey(world.random(32))) for key in world.issuing.keys)
    world.issuing = replace(world.issuing, keys=changed)
    return [key.announced for key in changed]


def _pays_on(stage: Stage, _: Scenario) -> None:
    """What comes in is sealed for the centre's key of now (the tester opens it when it goes out)."""
    balance = stage.state().balance
    for side in Side:
        flows.give(stage, side, [stage.world.holding(4)])
        flows.take(stage, side, balance + 4)
        flows.give(stage, side, [stage.world.holding(8)])
        balance = 8


def _no_scheme_key(stage: Stage, _: Scenario) -> None:
    for side in Side:
        flows.order_receive(stage, side, 4)
        stage.refused(stage.open(side), Code.ANCHOR_EXPIRED, "open without a scheme key")


# --- scheme keys and bulletins ------------------------------------------------------------------------------


def _successor(world: World) -> bytes:
    return bytes(byte ^ 0xFF for byte in world.scheme_key)


def _announced(stage: Stage) -> None:
    name(stage, {stage.world.scheme_key: ALWAYS, _successor(stage.world): SINCE_NOW})


def _under_the_successor(stage: Stage, _: Scenario) -> None:
    meets(stage, Side.INITIATOR, _successor(stage.world))
    meets(stage, Side.RESPONDER, _successor(stage.world))
    meets(stage, Side.RESPONDER, stage.world.scheme_key)


def _revoked(stage: Stage, scenario: Scenario) -> None:
    for side in Side:
        flows.order_receive(stage, side, 4)
        expect_refused_peer(stage, side, scenario.till.identity, Code.PURSE_REVOKED, "a revoked peer")


def _expired(stage: Stage, scenario: Scenario) -> None:
    world = stage.world
    for side in Side:
        flows.order_receive(stage, side, 4)
        expect_refused_peer(stage, side, scenario.till.identity, Code.PURSE_EXPIRED, "an expired peer")
    refuse_offer(stage, world.holding(4, expires=EXPIRY), Code.UNIT_EXPIRED, 0)


def _stale(world: World) -> tuple[Code, Given]:
    return Code.BULLETIN_STALE, {"bulletin": world.bulletin()}


BULLETIN = ("EPP-BUL-004",)
REVOKED = News(
    rules=BULLETIN,
    action="bulletin",
    make=lambda world, scenario: {"bulletin": world.bulletin(EPOCH + 1, [scenario.till.number])},
    after=_revoked,
    older=_stale,
)
EXPIRED = News(
    rules=BULLETIN,
    action="bulletin",
    make=lambda world, _: {"bulletin": world.bulletin(EXPIRY + 1)},
    after=_expired,
    older=_stale,
)
NEWS = {
    "master-keys-void": _list(
        Centre.DEVICE, lambda world: [_voided(key.announced) for key in world.device.keys], _peer_unknown
    ),
    "master-keys-left-out": _list(
        Centre.DEVICE, lambda world: [world.master_key(1, LAST_EPOCH).announced], _peer_unknown
    ),
    "unit-keys-void": _list(
        Centre.MONEY, lambda world: [_voided(key.announced) for key in world.issuing.keys], _unit_unknown
    ),
    "unit-keys-left-out": _list(
        Centre.MONEY, lambda world: [world.money_key(1, LAST_EPOCH).announced], _unit_unknown
    ),
    "other-history-keys": _list(Centre.MONEY, _other_history, _pays_on),
    "scheme-key-over": replace(
        _list(Centre.DEVICE, lambda world: [key.announced for key in world.device.keys], _no_scheme_key),
        make=lambda world, scenario: _keys(
            Centre.DEVICE,
            lambda w: [key.announced for key in w.device.keys],
            world,
            scenario,
            scheme={scheme_key_id(_successor(world)): ALWAYS},
        ),
        rules=("EPP-KEY-036", "EPP-KEY-035", "EPP-KEY-046"),
    ),
    "another-scheme-key": News(
        rules=("EPP-KEY-045", "EPP-KEY-046", "EPP-KEY-049"),
        action="scheme-key",
        make=lambda world, _: {"key": _successor(world)},
        after=_under_the_successor,
        before=_announced,
    ),
    "peer-revoked": REVOKED,
}
ONE_OF_EACH = frozenset({"unit-keys-void", "scheme-key-over", "another-scheme-key", "peer-revoked"})
"""One for each order and array of a list."""
