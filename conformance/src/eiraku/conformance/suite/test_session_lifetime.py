"""What ends a session, and what a session leaves behind (chapter 5)."""

import pytest

from eiraku.conformance.suite.handshake_states import EDHOC_ERROR, reach, record, stop_before
from eiraku.conformance.suite.negative_session import (
    AMOUNT,
    INITIATOR,
    PARTS,
    PAYEES,
    RESPONDER,
    Attack,
    Part,
    error_of_the_peer,
    first_message,
    meet,
    money,
    prepare,
    refused_in_handshake,
    set_purpose,
    silent,
)
from eiraku.conformance.tester.flows import give, still_alive
from eiraku.conformance.tester.peer import REFUSED, HandshakeRefused, Manner, connect
from eiraku.conformance.tester.stage import Stage
from eiraku.reference.edhoc import errors
from eiraku.spec import cbor
from eiraku.spec.errors import Code
from eiraku.spec.messages import Request
from eiraku.spec.tables import SESSION, Session, SessionEvent, Side

# --- errors of the peer ------------------------------------------------------------------------------------

ERRORS = {
    "code-0": cbor.encode_sequence(0, "success"),
    "code-0-false": b"\x00\xf4",
    "unspecified": EDHOC_ERROR,
    "unspecified-empty": errors.unspecified(""),
    "wrong-suite": errors.wrong_suite((0,)),
    "wrong-suites": errors.wrong_suite((2, 3)),
    "unknown-credential": cbor.encode_sequence(3, True),
    "private": cbor.encode_sequence(-25, b"info"),
    "unspecified-without-text": cbor.encode_sequence(1, None),
    "wrong-suite-in-words": cbor.encode_sequence(2, "suite"),
    "array-for-info": cbor.encode_sequence(24, (1, 2)),
    "great-code": cbor.encode_sequence(2**64 - 1, {}),
}
BEGIN_AS_ERRORS = {
    "code-only": cbor.encode(1),
    "three-items": cbor.encode_sequence(1, "refused", 0),
    "long-head": b"\x18\x01" + cbor.encode("refused"),
    "undefined": b"\x03\xf7",
    "tag": b"\x03\xc1\x00",
    "float": b"\x03\xf9\x00\x00",
    "simple-value": b"\x03\xf8\xff",
    "indefinite": b"\x01\x7f\x61\x61\xff",
    "byte-strings": b"\x00" + cbor.encode(bytes(64)) * 2,
    "ends-in-the-head": b"\x1b\x01",
    "ends-in-the-info": b"\x20\x67ref",
    "reserved-head": b"\x1f",
    "greatest-first-byte": b"\x3f\x01",
    "long": cbor.encode_sequence(1, "x" * 3000),
    "long-code-0": cbor.encode_sequence(0, "x" * 3000),
    "long-noise": b"\x01" + b"\xff" * 60000,
}
"""Not in the form of an error, but they begin with an integer."""
NO_ERRORS = {
    "code-text": cbor.encode_sequence("1", "refused"),
    "in-an-array": cbor.encode((1, "refused")),
    "tagged": b"\xc0" + EDHOC_ERROR,
    "info-only": cbor.encode("refused"),
    "true": b"\xf5",
}
"""They do not begin with an integer."""
WAITING = (Session.WAIT_MESSAGE_2, Session.WAIT_MESSAGE_3, Session.WAIT_MESSAGE_4)
STATES = pytest.mark.parametrize(
    "state", [state for state, event in SESSION if event is SessionEvent.ERROR], ids=lambda found: found.name
)
LATER = pytest.mark.parametrize("state", WAITING, ids=lambda found: found.name)


def _ends_without_answer(stage: Stage, data: bytes) -> None:
    """An EDHOC error to a wallet in a session, and what must follow."""
    before = stage.state()
    error_of_the_peer(stage, data, "EDHOC error")
    silent(stage, cbor.encode(bytes(40)), Code.UNEXPECTED_MESSAGE, "bytes afterwards")
    stage.unchanged(before, "EDHOC error")
    still_alive(stage)


def _is_refused(stage: Stage, data: bytes) -> None:
    """Bytes that are no error, in place of a handshake message, and what must follow."""
    before = stage.state()
    reply = stage.deliver(data, "no EDHOC error")
    stage.refused(reply, Code.MALFORMED, "no EDHOC error")
    stage.equal(reply.out, REFUSED, "answer to what is no EDHOC error")
    stage.unchanged(before, "no EDHOC error")
    still_alive(stage)


@pytest.mark.requirement("EPP-SES-032", "EPP-SES-087")
@pytest.mark.parametrize("name", sorted(ERRORS))
def test_error_instead_of_message_1(stage: Stage, name: str) -> None:
    """An EDHOC error in place of message_1 ends the session and is not answered"""
    stage.begin()
    reach(stage, Session.WAIT_MESSAGE_1)
    _ends_without_answer(stage, ERRORS[name])


@pytest.mark.requirement("EPP-SES-018", "EPP-SES-087")
@LATER
@pytest.mark.parametrize("name", sorted(ERRORS))
def test_error_of_the_peer(stage: Stage, name: str, state: Session) -> None:
    """An EDHOC error ends the session and is not answered"""
    stage.begin()
    reach(stage, state)
    _ends_without_answer(stage, ERRORS[name])


@pytest.mark.requirement("EPP-SES-018")
@LATER
@pytest.mark.parametrize("name", sorted(BEGIN_AS_ERRORS))
def test_begins_as_an_error(stage: Stage, name: str, state: Session) -> None:
    """Where a byte string is due, all that begins with an integer is an error, whatever follows"""
    stage.begin()
    reach(stage, state)
    _ends_without_answer(stage, BEGIN_AS_ERRORS[name])


@pytest.mark.requirement("EPP-SES-033")
@pytest.mark.parametrize("pays", (False, True), ids=["payee", "payer"])
@pytest.mark.parametrize("name", sorted(ERRORS | BEGIN_AS_ERRORS))
def test_error_instead_of_the_first_record(stage: Stage, name: str, pays: bool) -> None:  # noqa: FBT001
    """The initiator refuses message_4: its error ends the session and is not answered"""
    part = Part(side=Side.RESPONDER, pays=pays)
    stage.begin(money(stage, part))
    set_purpose(stage, part)
    connect(stage, part.side)
    _ends_without_answer(stage, (ERRORS | BEGIN_AS_ERRORS)[name])


@pytest.mark.requirement("EPP-SES-032", "EPP-SES-016")
@pytest.mark.parametrize("name", ("code-only", "long-head", "three-items"))
def test_like_an_error_instead_of_message_1(stage: Stage, name: str) -> None:
    """In place of message_1 only two items are an error: the rest is judged as a message_1"""
    stage.begin()
    reach(stage, Session.WAIT_MESSAGE_1)
    _is_refused(stage, BEGIN_AS_ERRORS[name])


@pytest.mark.requirement("EPP-SES-086", "EPP-SES-018", "EPP-SES-016")
@STATES
@pytest.mark.parametrize("name", sorted(NO_ERRORS))
def test_bytes_like_an_error(stage: Stage, name: str, state: Session) -> None:
    """Bytes that only resemble an EDHOC error are refused like any others"""
    stage.begin()
    reach(stage, state)
    _is_refused(stage, NO_ERRORS[name])


# --- nothing durable ---------------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-SES-019")
@pytest.mark.parametrize("part", PARTS)
def test_handshake_leaves_no_trace(stage: Stage, part: Part) -> None:
    """No handshake, finished, broken off or refused, changes durable state"""
    stage.begin(money(stage, part))
    before = stage.state()
    for _ in range(2):
        set_purpose(stage, part)
        first_message(stage, part)
        stage.unchanged(before, "session opened")
        set_purpose(stage, part)
        stop_before(stage, part, "message_3" if part.side is Side.RESPONDER else "message_4")
        stage.unchanged(before, "handshake broken off")
        set_purpose(stage, part)
        connect(stage, part.side)
        stage.unchanged(before, "handshake finished")
        set_purpose(stage, part)
        refused_in_handshake(stage, part, Attack(), peer=stage.world.purse(seal=bytes(16)))
        stage.unchanged(before, "handshake refused")


# --- identifiers and ephemeral keys ------------------------------------------------------------------------

IDENTIFIERS = {
    "empty": b"",
    "integer-0": b"\x00",
    "integer-23": b"\x17",
    "integer-minus-1": b"\x20",
    "integer-minus-24": b"\x37",
    "one-byte-18": b"\x18",
    "one-byte-ff": b"\xff",
    "two-bytes": b"\x00\x00",
    "8-bytes": bytes(range(8)),
    "24-bytes": bytes(24),
    "256-bytes": bytes(256),
    "1000-bytes": bytes(1000),
}


@pytest.mark.requirement("EPP-SES-020")
@PAYEES
@pytest.mark.parametrize("name", sorted(IDENTIFIERS))
def test_connection_identifier(stage: Stage, name: str, part: Part) -> None:
    """Every connection identifier of the peer is accepted"""
    prepare(stage, part)
    meet(stage, part, manner=Manner(connection_id=IDENTIFIERS[name]))


@pytest.mark.requirement("EPP-SES-020")
@PAYEES
def test_same_connection_identifier(stage: Stage, part: Part) -> None:
    """A peer whose connection identifier is the wallet's own is accepted"""
    prepare(stage, part)
    own = meet(stage, part).wallet_connection_id
    prepare(stage, part)
    meet(stage, part, manner=Manner(connection_id=own))


PURSES, SESSIONS = 3, 6


@pytest.mark.requirement("EPP-SES-035")
@PAYEES
def test_own_connection_identifier(stage: Stage, part: Part) -> None:
    """The wallet's connection identifier is one for all purses, or fresh in each session"""
    found: list[list[bytes]] = []
    for _ in range(PURSES):
        stage.world.wallet = stage.world.purse()
        stage.begin()
        found.append([])
        for _ in range(SESSIONS):
            set_purpose(stage, part)
            found[-1].append(connect(stage, part.side).wallet_connection_id)
        stage.wallet.power_cut("now")
        set_purpose(stage, part)
        found[-1].append(connect(stage, part.side).wallet_connection_id)
    told = telling(found)
    stage.require(not told, "identifiers that tell nothing", told, "connection identifiers")


def telling(found: list[list[bytes]]) -> str:
    """What connection identifiers tell about a purse, given those of each purse; empty if nothing."""
    if len({each for of_one in found for each in of_one}) == 1:
        return ""
    parts: list[list[list[int]]] = [[[len(each) for each in of_one] for of_one in found]]
    shortest = min(len(each) for of_one in found for each in of_one)
    parts += [[[each[at] for each in of_one] for of_one in found] for at in range(shortest)]
    for number, part in enumerate(parts):
        constant = {of_one[0] for of_one in part if len(set(of_one)) == 1}
        what = f"byte {number - 1}" if number else "the length"
        if len(constant) > 1:
            return f"{what} is another for each purse, and stays"
    if any(len(set(of_one)) == 1 for of_one in found):
        return "one purse has always the same, another has not"
    return ""


@pytest.mark.requirement("EPP-SES-011")
def test_fresh_ephemeral_keys(stage: Stage) -> None:
    """No two sessions, in either role, before or after a loss of power, have the same ephemeral key"""
    stage.begin()
    keys = []
    for round_ in range(3):
        for part in (INITIATOR, RESPONDER, RESPONDER, INITIATOR):
            set_purpose(stage, part)
            keys.append(_own_key(stage, part))
        if round_ < 2:
            stage.wallet.power_cut("now")
    stage.equal(len(set(keys)), len(keys), "different ephemeral keys")


def _own_key(stage: Stage, part: Part) -> bytes:
    sent = record(stage, part)[0]["message_1" if part is INITIATOR else "message_2"]
    items = cbor.decode_sequence(sent)
    key = items[2] if part is INITIATOR else items[0]
    if not isinstance(key, bytes) or len(key) < 32:
        raise AssertionError("no ephemeral key where RFC 9528 has it")
    return key[:32]


# --- one session at a time ---------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-SES-027")
@pytest.mark.parametrize("pending", ("message_3", "message_4"))
def test_open_discards_a_handshake(stage: Stage, pending: str) -> None:
    """Opening a session ends a handshake that has begun"""
    part = RESPONDER if pending == "message_3" else INITIATOR
    right: list[bytes] = []

    def late(name: str, data: bytes) -> bytes:
        if name == pending:
            right.append(data)
            set_purpose(stage, part)
            first_message(stage, part)
        return data

    before = prepare(stage, part)
    try:
        connect(stage, part.side, manner=Manner(alter=late))
    except HandshakeRefused as refused:
        codes = (Code.MALFORMED,) if part is RESPONDER else (Code.MALFORMED, Code.AUTHENTICATION)
        stage.refused(refused.reply, codes, pending)
        stage.equal(refused.reply.out, REFUSED, f"answer to {pending}")
    else:
        stage.require(False, f"{pending} rejected", "the old session opened", "open")
    stage.unchanged(before, "discarded handshake")
    still_alive(stage)


@pytest.mark.requirement("EPP-SES-027")
@pytest.mark.parametrize("part", PARTS)
def test_open_discards_a_session(stage: Stage, part: Part) -> None:
    """Opening a session ends one that is open; the new one knows nothing of it"""
    stage.begin(money(stage, part))
    before = stage.state()
    set_purpose(stage, part)
    old = connect(stage, part.side)
    set_purpose(stage, RESPONDER)
    first_message(stage, RESPONDER)
    late = old.channel.seal(Request(amount=AMOUNT).encode())
    reply = stage.deliver(late, "record of the old session")
    stage.refused(reply, Code.MALFORMED, "record of the old session")
    stage.equal(reply.out, REFUSED, "answer to the record of the old session")
    silent(stage, late, Code.UNEXPECTED_MESSAGE, "record of the old session")
    stage.unchanged(before, "discarded session")
    give(stage, Side.RESPONDER, [stage.world.holding(1)])


@pytest.mark.requirement("EPP-SES-027", "EPP-REC-007")
@pytest.mark.parametrize("part", PARTS)
def test_record_of_a_discarded_session(stage: Stage, part: Part) -> None:
    """In a new session a record of the one before does not open"""
    stage.begin(money(stage, part))
    set_purpose(stage, part)
    old = connect(stage, part.side)
    set_purpose(stage, part)
    connect(stage, part.side)
    before = stage.state()
    silent(stage, old.channel.seal(Request(amount=AMOUNT).encode()), Code.RECORD, "record of the old session")
    stage.unchanged(before, "record of the old session")
    still_alive(stage)


@pytest.mark.requirement("EPP-SES-027", "EPP-GEN-002")
@pytest.mark.parametrize("part", PARTS)
def test_refused_opening_discards_a_session(stage: Stage, part: Part) -> None:
    """Opening a session ends an open one even if it is refused"""
    stage.begin(money(stage, part))
    set_purpose(stage, part)
    old = connect(stage, part.side)
    before = stage.state()
    reply = stage.open(part.side)
    stage.refused(reply, Code.DECLINED, "open without a purpose")
    late = old.channel.seal(Request(amount=AMOUNT).encode())
    silent(stage, late, Code.UNEXPECTED_MESSAGE, "record of the old session")
    stage.unchanged(before, "refused opening")
    still_alive(stage)
