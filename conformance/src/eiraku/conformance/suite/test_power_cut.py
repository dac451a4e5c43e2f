"""Loss of power at every durable write and between any two messages (chapter 8)."""

from typing import Literal

import pytest

from eiraku.conformance.suite.journey import (
    FLOWS,
    Flow,
    Line,
    PowerLost,
    Scenario,
    each_message,
    expect_refused_peer,
)
from eiraku.conformance.suite.oracle import Oracle
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.stage import Stage
from eiraku.spec.errors import Code
from eiraku.spec.tables import Side

When = Literal["before", "after"]
WHEN: tuple[When, ...] = ("before", "after")


class Counting(Line):
    """Counts the wallet's durable writes from one message to the next, and keeps the last message."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.writes: dict[str, int] = {}
        self.last = b""
        self._name = "nothing yet"
        self._before = stage.state().writes

    def to_wallet(self, name: str, data: bytes) -> bytes:
        """See `Line`."""
        self.count(name)
        self.last = data
        return data

    def count(self, name: str) -> None:
        """Ascribe the writes since the last call to the message before `name`."""
        now = self.stage.state().writes
        self.writes[self._name] = now - self._before
        self._name, self._before = name, now


class CutAt(Line):
    """Cuts the power when the message of this name is to be delivered, and delivers it all the same."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.stage = stage
        self.name = name

    def to_wallet(self, name: str, data: bytes) -> bytes:
        """See `Line`. Raises PowerLost."""
        if name != self.name:
            return data
        self.stage.wallet.power_cut("now")
        no_session(self.stage, data)
        raise PowerLost(name, None)


def no_session(stage: Stage, data: bytes) -> None:
    """Whatever belongs to the session of before is refused, without an answer (EPP-REC-005)."""
    reply = stage.deliver(data, "message of the session before")
    stage.refused(reply, Code.UNEXPECTED_MESSAGE, "message of a session that power has ended")
    stage.equal(reply.out, None, "answer to it")


def uncut(stage: Stage, flow: Flow) -> dict[str, int]:
    """Positive control: the flow undisturbed. Durable writes of the wallet at each message."""
    scenario = Scenario(stage, flow)
    counting = Counting(stage)
    scenario.run(counting)
    counting.count("end")
    scenario.oracle.check("the flow undisturbed")
    return counting.writes


def at_commits() -> list[object]:
    """Each commit point of each flow, with the power lost before and after its durable write."""
    return [
        pytest.param(flow, name, when, id=f"{flow}-{name}-{when}", marks=pytest.mark.requirement(requirement))
        for flow in FLOWS
        for name, requirement in flow.commits.items()
        for when in WHEN
    ]


@pytest.mark.requirement("EPP-CRS-005", "EPP-CRS-017")
@pytest.mark.parametrize(("flow", "name", "when"), at_commits())
def test_cut_at_write(stage: Stage, flow: Flow, name: str, when: When) -> None:
    """Power is lost at a commit point: the write is whole or absent, and nothing went out without it."""
    writes = uncut(stage, flow)
    stage.require(writes[name] > 0, "a durable write before the answer", "none", f"writes at {name}")
    earlier = sum(writes[other] for other in flow.messages[: flow.messages.index(name)])
    for number in range(1, writes[name] + 1):
        scenario = Scenario(stage, flow)
        line = Counting(stage)
        stage.wallet.power_cut(when, earlier + number)
        lost = cut_in(scenario, line, name)
        stage.wallet.power_cut("never")
        if lost.effect is None:
            raise AssertionError(f"power lost at {lost.name}: expected no durable write there")
        if writes[name] > 1:
            # More than one write is a fault that EPP-CRS-004 is tested for; here only the sums count.
            scenario.oracle.resolve(lost.effect)
        elif when == "after":
            scenario.oracle.apply(lost.effect)
        scenario.oracle.check(f"loss of power {when} the write at {name}")
        no_session(stage, line.last)
        scenario.finish()


def cut_in(scenario: Scenario, line: Line, name: str) -> PowerLost:
    """Carry out the flow, in which an armed cut must fire while the wallet works on message `name`.

    A wallet that answers has sent what depends on a write before making it.
    """
    try:
        scenario.run(line)
    except PowerLost as lost:
        scenario.stage.equal(lost.name, name, "message at which power was lost")
        return lost
    scenario.stage.require(False, "loss of power", "an answer", f"armed cut at {name}")
    raise AssertionError


@pytest.mark.requirement("EPP-CRS-005", "EPP-CRS-014", "EPP-CRS-017", "EPP-REC-005")
@pytest.mark.parametrize(("flow", "name"), each_message())
def test_cut_between_messages(stage: Stage, flow: Flow, name: str) -> None:
    """Power is lost between two messages: the session is gone, what was committed is there."""
    uncut(stage, flow)
    scenario = Scenario(stage, flow)
    with pytest.raises(PowerLost):
        scenario.run(CutAt(stage, name))
    scenario.oracle.check(f"loss of power before {name}")
    scenario.finish()


@pytest.mark.requirement("EPP-CRS-001", "EPP-CRS-002", "EPP-CRS-003", "EPP-CRS-005")
@pytest.mark.parametrize("flow", FLOWS, ids=str)
def test_cut_at_the_end(stage: Stage, flow: Flow) -> None:
    """Power is lost just after a session: all that it came to is there."""
    scenario = Scenario(stage, flow)
    scenario.run()
    stage.wallet.power_cut("now")
    scenario.oracle.check("loss of power after the session")
    scenario.finish()


@pytest.mark.level("smoke")
@pytest.mark.requirement("EPP-CRS-004", "EPP-SES-019")
@pytest.mark.parametrize("flow", FLOWS, ids=str)
def test_one_write_for_each_commit(stage: Stage, flow: Flow) -> None:
    """Each commit point is exactly one durable write, and no other message causes one."""
    writes = uncut(stage, flow)
    expected = {name: int(name in flow.commits) for name in flow.messages}
    stage.equal({name: writes[name] for name in flow.messages}, expected, "durable writes at each message")


@pytest.mark.requirement("EPP-BUL-004", "EPP-CRS-005", "EPP-CRS-017")
@pytest.mark.parametrize("when", WHEN)
def test_cut_at_bulletin(stage: Stage, when: When) -> None:
    """Power is lost while a bulletin is accepted: the old one or the new one holds, wholly."""
    world = stage.world
    revoked = world.purse()
    bulletin = world.bulletin(120, [revoked.number])
    holdings = [world.holding(value, holder=world.wallet.number) for value in (1, 4)]
    control = Oracle(stage, holdings, [])
    before = stage.state()
    stage.order("bulletin", bulletin=bulletin)
    control.epoch = 120
    after = control.check("a bulletin")
    stage.require(after.writes > before.writes, "a durable write", "none", "writes for a bulletin")
    for number in range(1, after.writes - before.writes + 1):
        oracle = Oracle(stage, holdings, [])
        blank = stage.state()
        stage.wallet.power_cut(when, number)
        reply = stage.act("bulletin", bulletin=bulletin)
        stage.equal(reply.outcome, "power-cut", "outcome of a bulletin during which power is lost")
        stage.wallet.power_cut("never")
        state = stage.state()
        if when == "after" and after.writes - before.writes == 1:
            oracle.epoch = 120
        elif state.epoch == after.epoch:
            stage.require(number > 1 or when == "after", "the old epoch", "the new one", "epoch")
            oracle.epoch = 120
        if world.at(oracle.epoch) != after.epoch:
            stage.equal(state.digest.hex(), blank.digest.hex(), "digest of durable state")
        oracle.check(f"loss of power {when} the write of a bulletin")
        stage.order("bulletin", bulletin=bulletin)
        oracle.epoch = 120
        oracle.check("the bulletin again")
        flows.still_alive(stage)


@pytest.mark.requirement("EPP-BUL-004", "EPP-GEN-003")
@pytest.mark.parametrize("session", (False, True), ids=["alone", "in-session"])
def test_bulletin_is_durable_when_accepted(stage: Stage, session: bool) -> None:  # noqa: FBT001
    """An accepted bulletin is there after loss of power, with its numbers; also one accepted in a session."""
    world = stage.world
    stage.begin()
    if session:
        flows.meet_payee(stage, Side.RESPONDER, 1)
    stage.order("bulletin", bulletin=world.bulletin(120, [world.peer.number]))
    stage.wallet.power_cut("now")
    stage.equal(stage.epoch(), 120, "epoch after loss of power")
    old = stage.act("bulletin", bulletin=world.bulletin(119))
    stage.refused(old, Code.BULLETIN_STALE, "older bulletin after loss of power")
    stage.order("receive")
    expect_refused_peer(stage, Side.RESPONDER, world.peer, Code.PURSE_REVOKED, "a purse on the bulletin")
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-GEN-005", "EPP-CRS-005", "EPP-CRS-017")
@pytest.mark.parametrize("when", WHEN)
def test_cut_at_provisioning(stage: Stage, when: When) -> None:
    """Power is lost while a purse is provisioned: it is blank or complete."""
    world = stage.world
    holdings = [world.holding(value, holder=world.wallet.number) for value in (1, 2, 4)]
    provisioning = world.provisioning(holdings)
    stage.wallet.reset()
    blank = stage.state()
    stage.provision(holdings)
    full = stage.state()
    writes = full.writes - blank.writes
    stage.require(writes > 0, "a durable write", "none", "writes for provisioning")
    for number in range(1, writes + 1):
        stage.wallet.reset()
        stage.wallet.power_cut(when, number)
        reply = stage.wallet.provision(**provisioning)
        stage.equal(reply.outcome, "power-cut", "outcome of provisioning during which power is lost")
        stage.wallet.power_cut("never")
        complete = number == writes and when == "after"
        if (number, when) not in {(1, "before"), (writes, "after")}:
            complete = stage.state().balance == full.balance
        if not complete:
            stage.equal(stage.state().digest.hex(), blank.digest.hex(), "digest of durable state")
            stage.refused(stage.open(Side.RESPONDER), Code.NOT_PROVISIONED, "opening a session")
            stage.provision(holdings)
        state = stage.state()
        stage.equal(state.balance, full.balance, "balance")
        stage.equal(set(state.units), set(full.units), "units")
        stage.equal(state.epoch, full.epoch, "epoch")
        flows.still_alive(stage)
