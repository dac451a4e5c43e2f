"""Records: keys, numbers, turns and form (chapter 6)."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from eiraku.conformance.suite.negative_session import (
    AMOUNT,
    PARTS,
    RESPONDER,
    Part,
    error_of_the_peer,
    first_message,
    money,
    set_purpose,
    silent,
)
from eiraku.conformance.suite.plaintexts import flipped
from eiraku.conformance.suite.positions import ONCE_AT_STANDARD, POSITIONS, Position, Waiting
from eiraku.conformance.tester.flows import give, meet_payer, still_alive, take
from eiraku.conformance.tester.peer import connect
from eiraku.conformance.tester.stage import Stage
from eiraku.spec import cbor
from eiraku.spec.errors import Code
from eiraku.spec.messages import Reject, Request
from eiraku.spec.tables import Side

# --- right records -----------------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-REC-001", "EPP-REC-002", "EPP-REC-004", "EPP-GEN-001")
@pytest.mark.level("smoke")
@pytest.mark.parametrize("part", PARTS)
def test_whole_transfer(stage: Stage, part: Part) -> None:
    """A whole transfer in records, each under the key of its direction and the next number, in turn"""
    stage.begin(money(stage, part))
    if part.pays:
        payment = take(stage, part.side, AMOUNT)
        stage.equal(payment.amount, AMOUNT, "amount paid")
        stage.equal(stage.state().balance, 0, "balance")
    else:
        give(stage, part.side, [stage.world.holding(AMOUNT)])
        stage.equal(stage.state().balance, AMOUNT, "balance")


# --- wrong records -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrong:
    """A record that is wrong in one way, made from a session in which a right one is due."""

    make: Callable[[Waiting], bytes]
    code: Code = Code.RECORD


def _right(waiting: Waiting) -> bytes:
    return waiting.talk.channel.seal(waiting.message.encode())


def _numbered(waiting: Waiting, step: int) -> bytes:
    channel = waiting.talk.channel
    return channel.seal(waiting.message.encode(), number=(channel.sent + step) % 2**64)


def _ciphertext(waiting: Waiting) -> bytes:
    content = cbor.decode(_right(waiting))
    if not isinstance(content, bytes):
        raise TypeError("a record is a byte string")
    return content


def _content(change: Callable[[bytes], bytes]) -> Callable[[Waiting], bytes]:
    return lambda waiting: cbor.encode(change(_ciphertext(waiting)))


def _bytes(change: Callable[[bytes], bytes]) -> Callable[[Waiting], bytes]:
    return lambda waiting: change(_right(waiting))


def _reflected(waiting: Waiting) -> bytes:
    """What the wallet itself would send under the number that is due to it."""
    channel = waiting.talk.channel
    number = channel.sent
    return channel.seal(waiting.message.encode(), number=number, secret=channel.in_secret)


UNOPENED = {
    "next-number": ("EPP-REC-002", Wrong(make=lambda waiting: _numbered(waiting, 1))),
    "number-before": ("EPP-REC-002", Wrong(make=lambda waiting: _numbered(waiting, -1))),
    "number-256-ahead": ("EPP-REC-002", Wrong(make=lambda waiting: _numbered(waiting, 256))),
    "number-2-to-the-32-ahead": ("EPP-REC-002", Wrong(make=lambda waiting: _numbered(waiting, 2**32))),
    "other-direction": ("EPP-REC-007", Wrong(make=_reflected)),
    "first-bit": ("EPP-REC-003", Wrong(make=_content(lambda found: flipped(found, 0, 0x80)))),
    "last-bit": ("EPP-REC-003", Wrong(make=_content(lambda found: flipped(found, -1)))),
    "bit-in-the-middle": ("EPP-REC-003", Wrong(make=_content(lambda s: flipped(s, len(s) // 2, 0x10)))),
    "one-byte-less": ("EPP-REC-003", Wrong(make=_content(lambda found: found[:-1]))),
    "one-byte-more": ("EPP-REC-003", Wrong(make=_content(lambda found: found + b"\0"))),
    "first-byte-missing": ("EPP-REC-003", Wrong(make=_content(lambda found: found[1:]))),
    "tag-only": ("EPP-REC-003", Wrong(make=_content(lambda found: found[-16:]))),
    "15-bytes": ("EPP-REC-003", Wrong(make=_content(lambda found: found[:15]))),
    "empty": ("EPP-REC-003", Wrong(make=_content(lambda _: b""))),
    "plaintext": ("EPP-REC-003", Wrong(make=lambda waiting: cbor.encode(waiting.message.encode()))),
    "zeros": ("EPP-REC-003", Wrong(make=_content(lambda found: bytes(len(found))))),
}
INTEGER = b"\x00"
MISSHAPEN = {
    "nothing": Wrong(make=lambda _: b"", code=Code.MALFORMED),
    "bare-ciphertext-as-text": Wrong(make=_bytes(lambda found: flipped(found, 0, 0x20)), code=Code.MALFORMED),
    "array": Wrong(make=_bytes(lambda found: b"\x81" + found), code=Code.MALFORMED),
    "tagged": Wrong(make=_bytes(lambda found: b"\xd8\x40" + found), code=Code.MALFORMED),
    "integer": Wrong(make=lambda _: INTEGER, code=Code.MALFORMED),
    "null": Wrong(make=lambda _: b"\xf6", code=Code.MALFORMED),
    "map": Wrong(make=_bytes(lambda found: b"\xa1\x00" + found), code=Code.MALFORMED),
    "trailing-byte": Wrong(make=_bytes(lambda found: found + b"\0"), code=Code.MALFORMED),
    "two-records": Wrong(make=_bytes(lambda found: found + found), code=Code.MALFORMED),
    "two-empty-records": Wrong(make=lambda _: b"\x40\x40", code=Code.MALFORMED),
    "cut-short": Wrong(make=_bytes(lambda found: found[:-1]), code=Code.MALFORMED),
    "indefinite": Wrong(make=_bytes(lambda found: b"\x5f" + found + b"\xff"), code=Code.MALFORMED),
    "plaintext-outside-a-record": Wrong(make=lambda w: w.message.encode(), code=Code.MALFORMED),
}


def refuse_record(stage: Stage, position: Position, wrong: Wrong) -> None:
    """All four parts of a negative test of one record."""
    right = position.go(stage)
    stage.accepted(right.talk.send(right.message).reply, position.message)
    waiting = position.go(stage)
    before = stage.state()
    record = wrong.make(waiting)
    if position.first and record == INTEGER:
        error_of_the_peer(stage, record, position.message)
    else:
        silent(stage, record, wrong.code, position.message)
    stage.unchanged(before, "wrong record")
    still_alive(stage)


@pytest.mark.parametrize("position", POSITIONS)
@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(wrong, id=name, marks=pytest.mark.requirement("EPP-REC-003", requirement))
        for name, (requirement, wrong) in UNOPENED.items()
    ],
)
def test_record_that_does_not_open(stage: Stage, wrong: Wrong, position: Position) -> None:
    """A record that does not open under the next number of its direction is refused in silence"""
    refuse_record(stage, position, wrong)


@pytest.mark.requirement("EPP-REC-006", "EPP-REC-020")
@pytest.mark.parametrize("position", ONCE_AT_STANDARD)
@pytest.mark.parametrize("name", sorted(MISSHAPEN))
def test_record_of_another_form(stage: Stage, name: str, position: Position) -> None:
    """A record that is not exactly one byte string is refused in silence"""
    refuse_record(stage, position, MISSHAPEN[name])


PLAINTEXTS: dict[str, Callable[[bytes], bytes]] = {
    "two-messages": lambda found: found + found,
    "message-and-reject": lambda found: found + Reject(code=1, index=None).encode(),
    "message-and-zero": lambda found: found + b"\0",
    "message-in-a-byte-string": cbor.encode,
    "message-in-an-array": lambda found: b"\x81" + found,
    "nothing": lambda _: b"",
}


@pytest.mark.requirement("EPP-REC-006")
@pytest.mark.parametrize("position", ONCE_AT_STANDARD)
@pytest.mark.parametrize("name", sorted(PLAINTEXTS))
def test_record_without_exactly_one_message(stage: Stage, name: str, position: Position) -> None:
    """A record whose plaintext is not exactly one message is refused with REJECT"""
    right = position.go(stage)
    stage.accepted(right.talk.send(right.message).reply, position.message)
    waiting = position.go(stage)
    before = stage.state()
    answer = waiting.talk.send_plaintext(PLAINTEXTS[name](waiting.message.encode()))
    stage.refused(answer.reply, Code.MALFORMED, "record")
    stage.equal(answer.message, Reject(code=Code.MALFORMED, index=None), "answer to the record")
    stage.equal(answer.reply.session, "closed", "session after the record")
    stage.unchanged(before, "record of another content")
    still_alive(stage)


# --- records out of their place ----------------------------------------------------------------------------


@pytest.mark.requirement("EPP-REC-002", "EPP-REC-003")
@pytest.mark.parametrize("side", [pytest.param(side, id=side.value) for side in Side])
def test_replayed_record(stage: Stage, side: Side) -> None:
    """A record sent a second time in its session is refused"""
    part = Part(side=side)
    stage.begin()
    before = stage.state()
    waiting = next(p.values[0] for p in POSITIONS if p.id == f"OFFER-{part}")
    found = _reach(stage, waiting)
    record = _right(found)
    stage.accepted(found.talk.send_record(record, "OFFER").reply, "OFFER", "open")
    silent(stage, record, Code.RECORD, "OFFER again")
    stage.unchanged(before, "replayed record")
    still_alive(stage)


def _reach(stage: Stage, position: object) -> Waiting:
    assert isinstance(position, Position)
    return position.reach(stage, position.part)


@pytest.mark.requirement("EPP-REC-007")
@pytest.mark.parametrize("position", POSITIONS)
def test_record_of_another_session(stage: Stage, position: Position) -> None:
    """A record of another session with the same peer, at the same place, is refused"""
    # Twice the money, for one payment stays pending where the wallet waits for RECEIPT.
    stage.begin([*money(stage, position.part), *money(stage, position.part)])
    other = _right(position.reach(stage, position.part))
    position.reach(stage, position.part)
    before = stage.state()
    silent(stage, other, Code.RECORD, position.message)
    stage.unchanged(before, "record of another session")
    still_alive(stage)


@pytest.mark.requirement("EPP-REC-007", "EPP-REC-001")
@pytest.mark.parametrize("side", [pytest.param(side, id=side.value) for side in Side])
def test_reflected_record(stage: Stage, side: Side) -> None:
    """The wallet's own record turned back on it is refused"""
    part = Part(side=side, pays=True)
    stage.begin(money(stage, part))
    meet_payer(stage, side, AMOUNT)
    stage.begin(money(stage, part))
    before = stage.state()
    meet_payer(stage, side, AMOUNT)
    own = next(bytes.fromhex(step.data) for step in reversed(stage.evidence.steps) if step.label == "OFFER")
    silent(stage, own, Code.RECORD, "the wallet's own OFFER")
    stage.unchanged(before, "reflected record")
    still_alive(stage)


# --- nothing outside a session -----------------------------------------------------------------------------

STRAY = {
    "nothing": b"",
    "zero": b"\0",
    "record": cbor.encode(bytes(64)),
    "message": Request(amount=1).encode(),
    "message_1": cbor.encode_sequence(0, 4, bytes(range(32)), b"", -65001, b"\x81\x01", -65002, bytes(16)),
    "long": cbor.encode(bytes(60000)),
}


def _never_opened(_: Stage) -> None:
    """Provisioned, no session yet."""


def _after_transfer(stage: Stage) -> None:
    give(stage, Side.RESPONDER, [stage.world.holding(AMOUNT)])


def _after_reject(stage: Stage) -> None:
    set_purpose(stage, RESPONDER)
    talk = connect(stage, Side.RESPONDER)
    reply = talk.send(Reject(code=int(Code.DECLINED), index=None)).reply
    stage.equal((reply.out, reply.session), (None, "closed"), "answer to REJECT, session")


def _after_bad_record(stage: Stage) -> None:
    set_purpose(stage, RESPONDER)
    connect(stage, Side.RESPONDER)
    silent(stage, cbor.encode(bytes(64)), Code.RECORD, "a bad record")


def _after_power_cut(stage: Stage) -> None:
    set_purpose(stage, RESPONDER)
    connect(stage, Side.RESPONDER)
    stage.wallet.power_cut("now")


def _purpose_only(stage: Stage) -> None:
    set_purpose(stage, RESPONDER)


ENDS: dict[str, Callable[[Stage], None]] = {
    "never-opened": _never_opened,
    "purpose-only": _purpose_only,
    "after-transfer": _after_transfer,
    "after-reject": _after_reject,
    "after-bad-record": _after_bad_record,
    "after-power-cut": _after_power_cut,
}


@pytest.mark.requirement("EPP-REC-005")
@pytest.mark.parametrize("end", sorted(ENDS))
@pytest.mark.parametrize("name", sorted(STRAY))
def test_bytes_without_a_session(stage: Stage, name: str, end: str) -> None:
    """Bytes that arrive when no session is open are refused in silence"""
    stage.begin()
    ENDS[end](stage)
    before = stage.state()
    silent(stage, STRAY[name], Code.UNEXPECTED_MESSAGE, name)
    stage.unchanged(before, name)
    still_alive(stage)


@pytest.mark.requirement("EPP-REC-005", "EPP-REC-002")
@pytest.mark.parametrize("position", POSITIONS)
def test_right_record_after_the_end(stage: Stage, position: Position) -> None:
    """After a bad record the right one comes too late"""
    waiting = position.go(stage)
    before = stage.state()
    right = _right(waiting)
    silent(stage, flipped(right, -1), Code.RECORD, "altered record")
    silent(stage, right, Code.UNEXPECTED_MESSAGE, position.message)
    stage.unchanged(before, "bytes after the end")
    still_alive(stage)


@pytest.mark.requirement("EPP-REC-004")
def test_responder_waits(stage: Stage) -> None:
    """A responder that is to pay says nothing before the initiator has spoken"""
    part = Part(side=Side.RESPONDER, pays=True)
    stage.begin(money(stage, part))
    set_purpose(stage, part)
    stage.equal(first_message(stage, part), None, "what open sent")
    set_purpose(stage, part)
    talk = connect(stage, part.side)
    answer = talk.send(Request(amount=AMOUNT, reference="till 7"))
    stage.accepted(answer.reply, "REQUEST", "open")
    stage.equal(talk.channel.received, 1, "records of the wallet")
