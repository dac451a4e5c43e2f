"""A wallet that is really killed: SIGKILL for its whole process group, and a start on the same store.

Only for wallets that declare ``store``. What a wallet says of a power cut that it plays itself is its word;
here nothing but its store is left. Which moment of its work a kill strikes is not repeatable; what must hold
after it is the same at each.
"""

import time

import pytest

from eiraku.conformance.suite.journey import FLOWS, PAYMENTS, Flow, Line, PowerLost, Scenario
from eiraku.conformance.suite.oracle import Effect
from eiraku.conformance.suite.payer import own
from eiraku.conformance.suite.test_power_cut import no_session
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.stage import Stage
from eiraku.reference.centres.roots import ALWAYS
from eiraku.spec.errors import Code
from eiraku.spec.key_lists import scheme_key_id
from eiraku.spec.tables import Side

pytestmark = pytest.mark.needs("store")
FRACTIONS = (0.15, 0.3, 0.45, 0.6, 0.75, 0.9)
"""Of the time that the wallet took for the same message before."""
LATE = 20.0
"""Surely after the answer."""


class Timing(Line):
    """Measures how long the wallet works on the message `name`, in seconds."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.began = 0.0
        self.took = 0.0

    def from_wallet(self, name: str) -> None:
        """See `Line`."""
        del name
        self.stop()

    def stop(self) -> None:
        """The wallet has answered."""
        if self.began and not self.took:
            self.took = time.monotonic() - self.began

    def to_wallet(self, name: str, data: bytes) -> bytes:
        """See `Line`."""
        if name == self.name:
            self.began = time.monotonic()
        return data


class KillAt(Line):
    """Kills the wallet at the message `name`: after so many seconds, or once it has answered."""

    def __init__(self, stage: Stage, name: str, seconds: float) -> None:
        self.stage = stage
        self.name = name
        self.seconds = seconds
        self.answered = False

    def to_wallet(self, name: str, data: bytes) -> bytes:
        """See `Line`. Raises PowerLost."""
        if name != self.name:
            return data
        reply = self.stage.wallet.deliver_and_kill(data, self.seconds)
        said = "no answer yet" if reply is None else str(reply)
        self.stage.evidence.step("suite", "wallet", f"{name}, then SIGKILL", data, outcome=said)
        self.answered = reply is not None
        if reply is not None:
            self.stage.accepted(reply, name)
        no_session(self.stage, data)
        raise PowerLost(name, None)


class KillBefore(Line):
    """Kills the wallet when the message of this name is to be delivered, and delivers it all the same."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.stage = stage
        self.name = name

    def to_wallet(self, name: str, data: bytes) -> bytes:
        """See `Line`. Raises PowerLost."""
        if name != self.name:
            return data
        self.stage.wallet.kill()
        no_session(self.stage, data)
        raise PowerLost(name, None)


def _strike(scenario: Scenario, line: Line) -> Effect:
    """Carry out the flow, up to where the wallet is killed: what it was about to write."""
    try:
        scenario.run(line)
    except PowerLost as lost:
        if lost.effect is not None:
            return lost.effect
    raise AssertionError("the wallet was not killed at a commit")


def _of(flow: Flow, turn: int) -> str:
    """One flow of each kind is enough at level standard: a process is slow to start."""
    return "standard" if flow.side is (Side.INITIATOR, Side.RESPONDER)[turn % 2] else "full"


@pytest.mark.parametrize(
    ("flow", "name", "fraction"),
    [
        pytest.param(
            flow,
            name,
            fraction,
            id=f"{flow}-{name}-{fraction}",
            marks=[
                pytest.mark.requirement(requirement, "EPP-CRS-005"),
                pytest.mark.level(_of(flow, at) if fraction in {FRACTIONS[2], 1} else "full"),
            ],
        )
        for flow in FLOWS
        for at, (name, requirement) in enumerate(flow.commits.items())
        for fraction in (*FRACTIONS, 1)
    ],
)
def test_killed_at_a_commit(stage: Stage, flow: Flow, name: str, fraction: float) -> None:
    """A wallet is killed while it works on a message at which it commits: the write is whole or absent"""
    control = Scenario(stage, flow)
    timing = Timing(name)
    control.run(timing)
    timing.stop()
    scenario = Scenario(stage, flow)
    line = KillAt(stage, name, LATE if fraction == 1 else fraction * timing.took)
    lost = _strike(scenario, line)
    if line.answered:
        scenario.oracle.apply(lost)
    else:
        scenario.oracle.resolve(lost)
    scenario.oracle.check(f"SIGKILL at {name}")
    scenario.finish()


@pytest.mark.requirement("EPP-CRS-005", "EPP-CRS-014", "EPP-CRS-017")
@pytest.mark.parametrize(
    ("flow", "name"),
    [
        pytest.param(
            flow,
            name,
            id=f"{flow}-{name}",
            marks=pytest.mark.level(
                "standard" if flow in PAYMENTS and name in {"PAY", "RECEIPT"} else "full"
            ),
        )
        for flow in FLOWS
        for name in flow.messages
    ],
)
def test_killed_between_messages(stage: Stage, flow: Flow, name: str) -> None:
    """A wallet is killed between two messages: the session is gone, what was committed is there"""
    scenario = Scenario(stage, flow)
    with pytest.raises(PowerLost):
        scenario.run(KillBefore(stage, name))
    scenario.oracle.check(f"SIGKILL before {name}")
    scenario.finish()


@pytest.mark.requirement("EPP-CRS-005", "EPP-BUL-004", "EPP-KEY-035", "EPP-KEY-049")
def test_killed_after_all_that_is_durable(stage: Stage) -> None:
    """A wallet that is killed has its provisioning, its money, its bulletin, its key lists and scheme keys"""
    world = stage.world
    stage.begin(own(world, (8, 4, 1)))
    revoked = world.purse()
    scheme_key = world.random(32)
    known = {scheme_key_id(key): ALWAYS for key in (world.scheme_key, scheme_key)}
    steps = (
        ("bulletin", {"bulletin": world.bulletin(120, [revoked.number])}),
        ("keys", {"centre": "device", "keys": world.device_keys(scheme=known, sequence=6)}),
        ("keys", {"centre": "money", "keys": world.money_keys(sequence=6)}),
        ("scheme-key", {"key": scheme_key}),
    )
    flows.give(stage, Side.RESPONDER, [world.holding(2)])
    flows.take(stage, Side.INITIATOR, 4)
    for action, given in steps:
        stage.order(action, **given)
    before = stage.state()
    for _ in range(2):
        stage.wallet.kill()
        after = stage.state()
        stage.equal(after.writes, 0, "durable writes since the start")
        stage.equal(after.digest.hex(), before.digest.hex(), "digest of durable state after SIGKILL")
        stage.equal((after.balance, stage.epoch()), (before.balance, 120), "balance and epoch after SIGKILL")
        lists = ("units", "pending", "credited", "settled")
        for name in lists:
            stage.equal(set(getattr(after, name)), set(getattr(before, name)), f"{name} after SIGKILL")
        for action, given in steps:
            stage.order(action, **given)
        stage.unchanged(after, "news that the wallet has")
    old = stage.act("keys", centre="device", keys=world.device_keys(sequence=5))
    stage.refused(old, Code.KEYS_STALE, "older key list after SIGKILL")
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-GEN-005", "EPP-CRS-017")
def test_killed_before_and_after_provisioning(stage: Stage) -> None:
    """A wallet that is killed is blank before it is provisioned, and complete afterwards"""
    world = stage.world
    blank = stage.state()
    stage.wallet.kill()
    stage.unchanged(blank, "SIGKILL of a blank purse")
    stage.provision(own(world, (2,)))
    stage.wallet.kill()
    stage.equal(stage.state().balance, 2, "balance")
    again = stage.wallet.provision(**world.provisioning([]))
    stage.refused(again, Code.PROVISION, "second provisioning")
    flows.take(stage, Side.RESPONDER, 2)
