"""The wallet in each state of a handshake, and the messages of a right one."""

from eiraku.conformance.suite.negative_session import (
    INITIATOR,
    RESPONDER,
    Part,
    first_message,
    set_purpose,
    silent,
)
from eiraku.conformance.tester.peer import Manner, Talk, connect
from eiraku.conformance.tester.stage import Stage
from eiraku.reference.edhoc import errors
from eiraku.spec import cbor
from eiraku.spec.errors import Code
from eiraku.spec.tables import Session

EDHOC_ERROR = errors.unspecified("refused")


def record(stage: Stage, part: Part) -> tuple[dict[str, bytes], Talk]:
    """All messages of one handshake, both sides', and the session that came of it. The purpose is set."""
    stage.evidence.steps.clear()
    talk = connect(stage, part.side)
    found = {
        step.label: bytes.fromhex(step.data)
        for step in stage.evidence.steps
        if step.label.startswith("message_")
    }
    stage.equal(sorted(found), [f"message_{n}" for n in (1, 2, 3, 4)], "messages of the handshake")
    return found, talk


def reach(stage: Stage, state: Session) -> None:
    """Bring the wallet, which has been provisioned, into a state of the handshake."""
    if state is Session.IDLE:
        return
    part = RESPONDER if state in (Session.WAIT_MESSAGE_1, Session.WAIT_MESSAGE_3) else INITIATOR
    set_purpose(stage, part)
    if state in (Session.WAIT_MESSAGE_1, Session.WAIT_MESSAGE_2):
        first_message(stage, part)
    elif state in (Session.WAIT_MESSAGE_3, Session.WAIT_MESSAGE_4):
        last = "message_3" if state is Session.WAIT_MESSAGE_3 else "message_4"
        stop_before(stage, part, last)
    else:
        connect(stage, part.side)
        if state is Session.CLOSED:
            silent(stage, cbor.encode(bytes(40)), Code.RECORD, "a bad record")


class _Stopped(Exception):
    """We send nothing more."""


def stop_before(stage: Stage, part: Part, name: str) -> None:
    """Begin a handshake and leave it before the message called `name` is delivered."""

    def stop(found: str, data: bytes) -> bytes:
        if found == name:
            raise _Stopped
        return data

    try:
        connect(stage, part.side, manner=Manner(alter=stop))
    except _Stopped:
        return
    raise AssertionError(f"the wallet did not wait for {name}")
