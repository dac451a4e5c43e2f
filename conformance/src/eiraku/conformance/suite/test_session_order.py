"""Which handshake message is permitted when, and what ends a session (chapter 5)."""

from collections.abc import Callable

import pytest

from eiraku.conformance.suite.handshake_states import EDHOC_ERROR, reach, record, stop_before
from eiraku.conformance.suite.negative_session import (
    INITIATOR,
    PARTS,
    PAYEES,
    RESPONDER,
    Attack,
    Part,
    altering,
    error_of_the_peer,
    first_message,
    handshake_attack,
    meet,
    money,
    prepare,
    refused_in_handshake,
    set_purpose,
    silent,
)
from eiraku.conformance.suite.plaintexts import flipped
from eiraku.conformance.tester.flows import still_alive
from eiraku.conformance.tester.peer import REFUSED, Manner
from eiraku.conformance.tester.stage import Stage
from eiraku.spec import cbor
from eiraku.spec.errors import Code
from eiraku.spec.tables import SESSION, Session, SessionEvent, Side

# --- recorded messages -------------------------------------------------------------------------------------


MESSAGES = {
    SessionEvent.MESSAGE_1: "message_1",
    SessionEvent.MESSAGE_2: "message_2",
    SessionEvent.MESSAGE_3: "message_3",
    SessionEvent.MESSAGE_4: "message_4",
}

ILLEGAL = [
    (state, event)
    for state in Session
    for event in (*MESSAGES, SessionEvent.ERROR)
    if (state, event) not in SESSION
]


def _outcome(state: Session, event: SessionEvent) -> tuple[tuple[Code, ...], bytes | None]:
    """Code and answer for a pair that is not in the table; no code at all for an EDHOC error."""
    if state in (Session.IDLE, Session.CLOSED):
        return (Code.UNEXPECTED_MESSAGE,), None
    if state is Session.OPEN:
        # It is read as a record: message_1 and an error are not one byte string.
        one = event not in (SessionEvent.MESSAGE_1, SessionEvent.ERROR)
        return (Code.RECORD if one else Code.MALFORMED,), None
    if event is SessionEvent.MESSAGE_1:
        # It begins with an integer, and is an error where a byte string is due (EPP-SES-018).
        return (), None
    if state is Session.WAIT_MESSAGE_1:
        codes: tuple[Code, ...] = (Code.MALFORMED,)
    elif state is Session.WAIT_MESSAGE_2 and event is SessionEvent.MESSAGE_4:
        # It is too short to hold an ephemeral key.
        codes = (Code.MALFORMED,)
    else:
        codes = (Code.AUTHENTICATION,)
    return codes, REFUSED


@pytest.mark.requirement("EPP-SES-028", "EPP-SES-017", "EPP-SES-016", "EPP-REC-005")
@pytest.mark.parametrize(
    ("state", "event"),
    [
        pytest.param(state, event, id=f"{state.value}-{event.value}".replace(" ", "-"))
        for state, event in ILLEGAL
    ],
)
def test_illegal_pair(stage: Stage, state: Session, event: SessionEvent) -> None:
    """A handshake message that the table of session states does not permit is refused"""
    stage.begin()
    set_purpose(stage, INITIATOR)
    found, _ = record(stage, INITIATOR)
    data = found[MESSAGES[event]] if event in MESSAGES else EDHOC_ERROR
    stage.begin()
    reach(stage, state)
    before = stage.state()
    codes, answer = _outcome(state, event)
    if not codes:
        error_of_the_peer(stage, data, event.value)
    else:
        reply = stage.deliver(data, event.value)
        stage.refused(reply, codes, event.value)
        stage.equal(reply.out, answer, f"answer to {event.value}")
        stage.equal(reply.session, "closed", f"session after {event.value}")
    stage.unchanged(before, event.value)
    still_alive(stage)


# --- messages of another session ---------------------------------------------------------------------------


@pytest.mark.requirement("EPP-SES-028", "EPP-SES-016")
@pytest.mark.parametrize("sent_by", ("suite", "wallet"))
@pytest.mark.parametrize("name", ("message_2", "message_3", "message_4"))
def test_replay(stage: Stage, name: str, sent_by: str) -> None:
    """A message recorded in another session, in its right place, is refused"""
    part = RESPONDER if name == "message_3" else INITIATOR
    recorded_as = part if sent_by == "suite" else (INITIATOR if part is RESPONDER else RESPONDER)
    stage.begin()
    before = stage.state()
    set_purpose(stage, recorded_as)
    found, _ = record(stage, recorded_as)
    set_purpose(stage, part)
    attack = Attack(
        codes=Code.AUTHENTICATION,
        at=name,
        manner=lambda *_: altering(name, lambda _: found[name]),
    )
    refused_in_handshake(stage, part, attack)
    stage.unchanged(before, f"replayed {name}")
    still_alive(stage)


@pytest.mark.requirement("EPP-SES-028", "EPP-SES-011")
def test_replay_of_a_whole_handshake(stage: Stage) -> None:
    """A replayed message_1 is answered afresh, and the message_3 that went with it is refused"""
    stage.begin()
    before = stage.state()
    set_purpose(stage, RESPONDER)
    found, _ = record(stage, RESPONDER)
    set_purpose(stage, RESPONDER)
    first_message(stage, RESPONDER)
    reply = stage.accepted(stage.deliver(found["message_1"], "message_1"), "message_1", "open")
    stage.require(reply.out != found["message_2"], "another message_2", "the same message_2", "answer")
    reply = stage.deliver(found["message_3"], "message_3")
    stage.refused(reply, Code.AUTHENTICATION, "message_3")
    stage.equal(reply.out, REFUSED, "answer to message_3")
    stage.unchanged(before, "replayed handshake")
    still_alive(stage)


@pytest.mark.requirement("EPP-SES-028", "EPP-SES-021")
def test_reflection(stage: Stage) -> None:
    """The wallet's own message_1 sent back to it ends the session: it begins as an error does"""
    stage.begin()
    meet(stage, INITIATOR)
    before = prepare(stage, INITIATOR)
    own = first_message(stage, INITIATOR) or b""
    error_of_the_peer(stage, own, "message_1 reflected")
    stage.unchanged(before, "reflected message_1")
    still_alive(stage)


@pytest.mark.requirement("EPP-SES-028", "EPP-SES-013")
@pytest.mark.parametrize("name", ("message_2", "message_4"))
def test_relayed_between_two_sessions_of_the_wallet(stage: Stage, name: str) -> None:
    """What the wallet says as responder is no answer to it as initiator"""
    stage.begin()
    before = stage.state()
    set_purpose(stage, RESPONDER)
    found, _ = record(stage, RESPONDER)
    set_purpose(stage, INITIATOR)
    attack = Attack(
        at=name,
        manner=lambda *_: altering(name, lambda _: found[name]),
    )
    refused_in_handshake(stage, INITIATOR, attack)
    stage.unchanged(before, f"relayed {name}")
    still_alive(stage)


# --- key confirmation --------------------------------------------------------------------------------------

INSTEAD: dict[str, Callable[[bytes], bytes]] = {
    "noise": lambda data: cbor.encode(bytes(range(len(data) - 1))),
    "message-of-zeros": lambda data: cbor.encode(bytes(len(data) - 1)),
    "longer-noise": lambda data: cbor.encode(bytes(range(100)) + data),
}


@pytest.mark.requirement("EPP-SES-014", "EPP-SES-015")
@pytest.mark.parametrize("pays", (False, True), ids=["payee", "payer"])
@pytest.mark.parametrize("name", sorted(INSTEAD))
def test_forged_message_4(stage: Stage, name: str, pays: bool) -> None:  # noqa: FBT001
    """Without a right message_4 an initiator sends no record"""
    part = Part(side=Side.INITIATOR, pays=pays)
    manner = altering("message_4", INSTEAD[name])
    handshake_attack(stage, part, Attack(at="message_4", manner=lambda *_: manner))


@pytest.mark.requirement("EPP-SES-014", "EPP-SES-015")
@pytest.mark.parametrize("pays", (False, True), ids=["payee", "payer"])
def test_record_instead_of_message_4(stage: Stage, pays: bool) -> None:  # noqa: FBT001
    """A record does not stand in for message_4"""
    part = Part(side=Side.INITIATOR, pays=pays)
    before = prepare(stage, part)
    stop_before(stage, part, "message_4")
    record_bytes = cbor.encode(stage.world.random(60))
    reply = stage.deliver(record_bytes, "a record")
    stage.refused(reply, Code.AUTHENTICATION, "a record")
    stage.equal((reply.out, reply.session), (REFUSED, "closed"), "answer to a record, session")
    stage.unchanged(before, "record before message_4")
    still_alive(stage)


PLAINTEXTS_4 = {
    "value-without-label": cbor.encode(b""),
    "label-text": cbor.encode("label"),
    "two-values": cbor.encode_sequence(7, b"", b""),
    "array": cbor.encode((7,)),
    "long-head": b"\x18\x07",
    "break": b"\xff",
    "cut-short": b"\x07\x41",
}


@pytest.mark.requirement("EPP-SES-015")
@pytest.mark.parametrize("name", sorted(PLAINTEXTS_4))
def test_plaintext_of_message_4(stage: Stage, name: str) -> None:
    """A message_4 whose plaintext is not a sequence of EAD items is refused"""
    manner = Manner(plaintext_4=lambda _: PLAINTEXTS_4[name])
    handshake_attack(stage, INITIATOR, Attack(at="message_4", manner=lambda *_: manner))


@pytest.mark.requirement("EPP-SES-014", "EPP-REC-004")
@pytest.mark.level("smoke")
@pytest.mark.parametrize("part", PARTS)
def test_message_4_is_sent(stage: Stage, part: Part) -> None:
    """A responder confirms the key with message_4 and nothing more; an initiator waits for it"""
    prepare(stage, part)
    talk = meet(stage, part)
    stage.equal(talk.wallet_id, stage.world.wallet.claims, "claims of the wallet")


# --- refusals look alike and are final ---------------------------------------------------------------------


@pytest.mark.requirement("EPP-SES-016", "EPP-ERR-002")
@PAYEES
def test_refusals_look_alike(stage: Stage, part: Part) -> None:
    """Whatever the reason, the refusal of a peer looks the same on the wire"""
    world = stage.world
    revoked = world.purse()
    peers = {
        Code.AUTHENTICATION: world.purse(seal=bytes(16)),
        Code.PURSE_EXPIRED: world.purse(expires=99),
        Code.PURSE_REVOKED: revoked,
        Code.SAME_PURSE: world.purse(number=world.wallet.number),
        Code.ROLE_PAIR: world.purse(holder=world.wallet.claims.holder),
    }
    stage.begin(money(stage, part), bulletin=world.bulletin(revoked=[revoked.number]))
    before = stage.state()
    answers = set()
    for code, peer in peers.items():
        set_purpose(stage, part)
        answers.add(refused_in_handshake(stage, part, Attack(codes=code), peer=peer).out)
    stage.equal(answers, {REFUSED}, "answers on the wire")
    stage.unchanged(before, "refused peers")
    still_alive(stage)


@pytest.mark.requirement("EPP-SES-017", "EPP-REC-005")
@pytest.mark.parametrize("name", ("message_1", "message_2", "message_3", "message_4"))
def test_closed_after_a_refusal(stage: Stage, name: str) -> None:
    """After a refused handshake message even the right one comes too late"""
    part = RESPONDER if name in ("message_1", "message_3") else INITIATOR
    right: list[bytes] = []

    def spoil(data: bytes) -> bytes:
        right.append(data)
        return data + b"\xff"

    before = prepare(stage, part)
    attack = Attack(
        codes=Code.MALFORMED,
        at=name,
        manner=lambda *_: altering(name, spoil),
    )
    refused_in_handshake(stage, part, attack)
    for data in (right[0], flipped(right[0], 0), cbor.encode(bytes(40)), EDHOC_ERROR):
        silent(stage, data, Code.UNEXPECTED_MESSAGE, "bytes afterwards")
    stage.unchanged(before, "refused handshake and bytes afterwards")
    still_alive(stage)
