"""Every message to the wallet lost, repeated, cut short, altered or replaced by an older one.

The channel between two purses gives no guarantee at all. Whatever it does to one message, the wallet must
refuse what is not right, change nothing, and complete the payment when asked again.
"""

from dataclasses import dataclass, field

import pytest

from eiraku.conformance.suite.journey import (
    HANDSHAKE,
    Flow,
    Line,
    Losing,
    Lost,
    Refused,
    Scenario,
    each_message,
)
from eiraku.conformance.suite.negative_session import error_of_the_peer
from eiraku.conformance.tester.peer import REFUSED
from eiraku.conformance.tester.stage import Stage
from eiraku.spec.errors import Code

# Where a fault can hit: sizes kept, in parts of the whole, and places of the bit that is changed.
KEPT = ("to-nothing", "to-a-byte", "to-a-quarter", "to-a-half", "by-a-byte")
PLACES = ("first-byte", "second-byte", "quarter", "middle", "last-byte")
RARER = {"to-a-byte", "to-a-quarter", "second-byte", "quarter"}
"""Tried at the full level only."""


@dataclass(slots=True, kw_only=True)
class Recorder(Line):
    """Keeps what was sent to the wallet, by name."""

    sent: dict[str, bytes] = field(default_factory=dict)

    def to_wallet(self, name: str, data: bytes) -> bytes:
        """See `Line`."""
        self.sent[name] = data
        return data


class Altering(Line):
    """Replaces the message of this name."""

    def __init__(self, name: str, fault: str, place: str) -> None:
        self.name = name
        self.fault = fault
        self.place = place

    def to_wallet(self, name: str, data: bytes) -> bytes:
        """See `Line`."""
        if name != self.name:
            return data
        return shortened(data, self.place) if self.fault == "cut-short" else flipped(data, self.place)


class Repeating(Line):
    """Delivers the message of this name a second time, when the next one is due; then nothing more."""

    def __init__(self, stage: Stage, name: str) -> None:
        self.stage = stage
        self.name = name
        self.last = b""
        self.due = False

    def to_wallet(self, name: str, data: bytes) -> bytes:
        """See `Line`. Raises Lost."""
        if self.due:
            self.repeat()
            raise Lost(name)
        if name == self.name:
            self.due, self.last = True, data
        return data

    def repeat(self) -> None:
        """The second delivery."""
        before = self.stage.state()
        if self.name == "message_1":
            error_of_the_peer(self.stage, self.last, "message_1 again")
        else:
            reply = self.stage.deliver(self.last, f"{self.name} again")
            self.stage.refused(reply, AGAIN[self.name], f"{self.name} a second time")
            answer = REFUSED if self.name == "message_2" else None
            self.stage.equal(reply.out, answer, f"answer to {self.name} a second time")
        self.stage.unchanged(before, f"{self.name} a second time")


class Replacing(Line):
    """Delivers messages of an older session from the message of this name on."""

    def __init__(self, stage: Stage, name: str, older: dict[str, bytes]) -> None:
        self.stage = stage
        self.name = name
        self.older = older

    def to_wallet(self, name: str, data: bytes) -> bytes:
        """See `Line`. Raises Lost."""
        if name != self.name:
            return data
        before = self.stage.state()
        if name == "message_1":
            # Nothing tells a purse that this is old, but nobody can go on with it.
            reply = self.stage.deliver(self.older["message_1"], "older message_1")
            self.stage.accepted(reply, "older message_1", "open")
            name = "message_3"
        reply = self.stage.deliver(self.older[name], f"older {name}")
        code = Code.AUTHENTICATION if name in HANDSHAKE else Code.RECORD
        self.stage.refused(reply, code, f"{name} of an older session")
        answer = REFUSED if name in HANDSHAKE else None
        self.stage.equal(reply.out, answer, f"answer to {name} of an older session")
        self.stage.unchanged(before, f"{name} of an older session")
        raise Lost(name)


# A second message_1 is an error (EPP-SES-018), a second message_2 no message_4; after that, records are due.
AGAIN = {
    "message_2": (Code.AUTHENTICATION,),
    **dict.fromkeys(("message_3", "message_4", "REQUEST", "OFFER", "ACCEPT"), (Code.RECORD,)),
    **dict.fromkeys(("PAY", "RECEIPT", "REDELIVER"), (Code.UNEXPECTED_MESSAGE,)),
}
"""Codes for a message that comes twice (EPP-SES-028, EPP-REC-002, EPP-REC-005)."""


def shortened(data: bytes, place: str) -> bytes:
    """What is left of `data`."""
    size = len(data)
    kept = (0, 1, size // 4, size // 2, size - 1)
    return data[: kept[KEPT.index(place)]]


def flipped(data: bytes, place: str) -> bytes:
    """`data` with one bit changed."""
    size = len(data)
    at = (0, 1, size // 4, size // 2, size - 1)[PLACES.index(place)]
    altered = bytearray(data)
    # The low bit of a byte is never the whole of its meaning; the next one keeps text and lengths plausible.
    altered[at] ^= 2
    return bytes(altered)


def allowed(name: str, fault: str, place: str) -> set[Code]:
    """Codes for a spoilt message. Where several are allowed, it depends on the wallet's random bytes, or on
    which of two defects of one byte a parser meets first.
    """
    if fault == "cut-short":
        # What is left of message_1 may be whole items, without those of EAD_1.
        whole = {Code.VERSION, Code.AUTHENTICATION} if name == "message_1" else set()
        return {Code.MALFORMED} | whole
    if name == "message_1":
        return {Code.MALFORMED, Code.SUITE, Code.VERSION, Code.AUTHENTICATION}
    if place in {"first-byte", "second-byte"}:
        # The head of the byte string, or its first byte: another type or length, or another content.
        return {Code.MALFORMED, Code.TOO_LARGE, content_code(name)}
    return {content_code(name)}


def content_code(name: str) -> Code:
    """Code for a message that is a byte string, but not of the right content."""
    return Code.AUTHENTICATION if name in HANDSHAKE else Code.RECORD


def spoilings() -> list[object]:
    """Parameters: every fault, with its place."""
    cases = [("cut-short", kept) for kept in KEPT] + [("flipped", place) for place in PLACES]
    return [
        pytest.param(
            fault,
            place,
            id=f"{fault}-{place}",
            marks=[pytest.mark.level("full")] if place in RARER else [],
        )
        for fault, place in cases
    ]


messages = pytest.mark.parametrize(("flow", "name"), each_message())
HARMLESS = pytest.mark.requirement("EPP-CRS-015", "EPP-CRS-017", "EPP-ERR-003")


@HARMLESS
@pytest.mark.requirement("EPP-CRS-005", "EPP-CRS-014")
@messages
def test_lost(stage: Stage, flow: Flow, name: str) -> None:
    """A message to the wallet is lost: a later session completes the payment."""
    Scenario(stage, flow).run()  # positive control
    scenario = Scenario(stage, flow)
    scenario.interrupt(flow, Losing(name))
    scenario.oracle.check(f"loss of {name}")
    scenario.finish()


@HARMLESS
@pytest.mark.requirement("EPP-REC-002", "EPP-REC-005", "EPP-SES-028")
@messages
def test_repeated(stage: Stage, flow: Flow, name: str) -> None:
    """A message comes twice: the second is refused and changes nothing."""
    Scenario(stage, flow).run()  # positive control
    scenario = Scenario(stage, flow)
    line = Repeating(stage, name)
    if name == flow.messages[-1]:
        scenario.run(line)
        line.repeat()
    else:
        scenario.interrupt(flow, line)
    scenario.oracle.check(f"{name} a second time")
    scenario.finish()


@HARMLESS
@pytest.mark.requirement("EPP-REC-003", "EPP-REC-006", "EPP-SES-016", "EPP-SES-017")
@pytest.mark.parametrize(("fault", "place"), spoilings())
@messages
def test_spoilt(stage: Stage, flow: Flow, name: str, fault: str, place: str) -> None:
    """A message is cut short, or one bit of it changed: it is refused and changes nothing."""
    Scenario(stage, flow).run()  # positive control
    scenario = Scenario(stage, flow)
    before = stage.state()
    spoil(scenario, name, fault, place)
    after = scenario.oracle.check(f"spoilt {name}")
    earlier = sum(other in flow.commits for other in flow.messages[: flow.messages.index(name)])
    stage.equal(after.writes, before.writes + earlier, f"durable writes after spoilt {name}")
    scenario.finish()


def spoil(scenario: Scenario, name: str, fault: str, place: str) -> None:
    """Carry out the flow up to the spoilt message, which must be refused."""
    stage = scenario.stage
    try:
        scenario.run(Altering(name, fault, place))
    except Refused as refused:
        stage.equal(refused.name, name, "message refused")
        reply = stage.refused(refused.answer.reply, allowed(name, fault, place), f"spoilt {name}")
        answer = REFUSED if name in HANDSHAKE else None
        if reply.code == Code.SUITE.label:
            # It says what would do, for a peer that means well (EPP-SES-004).
            answer = reply.out or REFUSED
        stage.equal(reply.out, answer, f"answer to spoilt {name}")
        stage.equal(reply.session, "closed", f"session after spoilt {name}")
    else:
        raise AssertionError(f"a spoilt {name} was accepted")


@HARMLESS
@pytest.mark.requirement("EPP-REC-007", "EPP-SES-028")
@messages
def test_replaced_by_older(stage: Stage, flow: Flow, name: str) -> None:
    """A message of an older session with the same peer is refused and changes nothing."""
    older = Recorder()
    scenario = Scenario(stage, flow, times=2)
    scenario.run(older)  # positive control
    scenario.prepare()
    scenario.interrupt(flow, Replacing(stage, name, older.sent))
    scenario.oracle.check(f"{name} of an older session")
    scenario.finish()
