"""Chapter 7, messages and turns: what the wallet takes in each state, and that nothing else does anything."""

import pytest

from eiraku.conformance.suite.moments import UNKNOWN, WAYS, Moment, Way, misshapen
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.stage import Stage
from eiraku.spec.errors import Code
from eiraku.spec.messages import Reject
from eiraku.spec.tables import Transfer, TransferEvent, illegal_pairs

EVERY_WAY = pytest.mark.parametrize("way", [pytest.param(way, id=way.name) for way in WAYS])
ONE_WAY = pytest.mark.parametrize(
    "way", [pytest.param(way, id=way.name, marks=pytest.mark.level(way.level)) for way in WAYS]
)
ILLEGAL = [(way, event) for way in WAYS for event in TransferEvent if not way.permits(event)]
UNKNOWN_CODE = 40
"""The first number without a meaning in this version (chapter 10)."""

if {(way.state, event) for way, event in ILLEGAL} != set(illegal_pairs()):
    raise RuntimeError("the ways do not come to every pair that is absent from the table of states")


def refuse(stage: Stage, moment: Moment, plaintext: bytes, code: Code, what: str) -> None:
    """In the state in which the wallet is, it refuses any bytes, and nothing durable changes."""
    before = stage.state()
    flows.expect_reject(moment.talk, moment.talk.send_plaintext(plaintext), code, what)
    stage.unchanged(before, f"a refused {what}")


def silent(stage: Stage, moment: Moment) -> None:
    """The session is over: whatever follows is refused without an answer, and changes nothing."""
    before = stage.state()
    for event in TransferEvent:
        what = f"{event.name} after the end"
        answer = moment.talk.send(moment.message(event))
        stage.refused(answer.reply, Code.UNEXPECTED_MESSAGE, what)
        stage.equal(answer.reply.out, None, f"answer to {what}")
        stage.equal(answer.reply.session, "closed", f"session after {what}")
    stage.unchanged(before, "messages after the end")


@pytest.mark.requirement("EPP-TRF-001", "EPP-TRF-007", "EPP-ERR-001")
@pytest.mark.parametrize(
    ("way", "event"),
    [
        pytest.param(
            way,
            event,
            id=f"{event.name}-in-{way.name}",
            # nothing but ACCEPT is consent to PAY
            marks=pytest.mark.requirement("EPP-TRF-016") if way.state is Transfer.PAYER_OFFERED else (),
        )
        for way, event in ILLEGAL
    ],
)
def test_message_out_of_turn(stage: Stage, way: Way, event: TransferEvent) -> None:
    """A message that the table of states does not have for this state is refused and does nothing."""
    way.finish(way.reach(stage))
    moment = way.reach(stage)
    refuse(stage, moment, moment.message(event).encode(), Code.UNEXPECTED_MESSAGE, event.name)
    flows.still_alive(stage)
    way.recover(stage, moment)


@ONE_WAY
@pytest.mark.requirement("EPP-TRF-002", "EPP-TRF-007", "EPP-ERR-003")
def test_unknown_message(stage: Stage, way: Way) -> None:
    """Whatever is no message of the seven is malformed, in every state."""
    way.finish(way.reach(stage))
    for name, plaintext in UNKNOWN.items():
        moment = way.reach(stage)
        refuse(stage, moment, plaintext, Code.MALFORMED, f"message ({name})")
    flows.still_alive(stage)
    way.recover(stage, moment)


@pytest.mark.requirement("EPP-TRF-002", "EPP-TRF-007", "EPP-ERR-003")
@pytest.mark.parametrize(
    ("way", "event"),
    [
        pytest.param(
            way,
            event,
            id=f"{event.name}-in-{way.name}",
            # The shape is checked before the state, so also a message that is not due is malformed.
            marks=pytest.mark.level(way.level if way.permits(event) else "full"),
        )
        for way in WAYS
        for event in TransferEvent
    ],
)
def test_shape_of_a_message(stage: Stage, way: Way, event: TransferEvent) -> None:
    """A message of another shape than chapter 7 gives is malformed, and does nothing."""
    moment = way.reach(stage)
    names = misshapen(moment.message(event))
    way.finish(moment)
    for name in names:
        moment = way.reach(stage)
        plaintext = misshapen(moment.message(event))[name]
        refuse(stage, moment, plaintext, Code.MALFORMED, f"{event.name} ({name})")
    flows.still_alive(stage)
    way.recover(stage, moment)


@EVERY_WAY
@pytest.mark.requirement("EPP-TRF-004")
def test_one_session_one_transfer(stage: Stage, way: Way) -> None:
    """After RECEIPT the session is closed: whatever follows is refused without an answer."""
    moment = way.reach(stage)
    way.finish(moment)
    silent(stage, moment)
    flows.still_alive(stage)


@EVERY_WAY
@pytest.mark.requirement("EPP-TRF-004", "EPP-TRF-007")
def test_session_ends_with_a_refusal(stage: Stage, way: Way) -> None:
    """After the wallet's REJECT the session is closed, also for the message that was due."""
    moment = way.reach(stage)
    refuse(stage, moment, b"\xf7", Code.MALFORMED, "message")
    silent(stage, moment)
    flows.still_alive(stage)
    way.recover(stage, moment)


REJECTS = {
    "known": Reject(code=int(Code.AMOUNT), index=None),
    "about-a-unit": Reject(code=int(Code.UNIT_SEEN), index=1),
    "about-a-unit-that-is-not-there": Reject(code=int(Code.ENDORSEMENT), index=65535),
    "local-code": Reject(code=int(Code.INSUFFICIENT_FUNDS), index=None),
    "handshake-code": Reject(code=int(Code.PURSE_REVOKED), index=None),
    "first-unknown-code": Reject(code=UNKNOWN_CODE, index=None),
    "unknown-code-about-a-unit": Reject(code=1000, index=0),
    "greatest-code": Reject(code=65535, index=None),
}


ALWAYS = ("known", "first-unknown-code")


@pytest.mark.requirement("EPP-TRF-005", "EPP-TRF-110", "EPP-TRF-111")
@pytest.mark.parametrize(
    ("way", "name"),
    [
        pytest.param(
            way,
            name,
            id=f"{name}-in-{way.name}",
            marks=[
                pytest.mark.level("standard" if name in ALWAYS else way.level),
                *([pytest.mark.requirement("EPP-TRF-006")] if reject.code >= UNKNOWN_CODE else []),
            ],
        )
        for way in WAYS
        for name, reject in REJECTS.items()
    ],
)
def test_peer_rejects(stage: Stage, way: Way, name: str) -> None:
    """REJECT ends the session without an answer; units stay where they were, spendable or pending."""
    moment = way.reach(stage)
    before = stage.state()
    answer = moment.talk.send(REJECTS[name])
    stage.accepted(answer.reply, "REJECT", "closed")
    stage.equal(answer.reply.out, None, "answer to REJECT")
    stage.unchanged(before, "REJECT")
    late = moment.talk.send(REJECTS[name])
    stage.refused(late.reply, Code.UNEXPECTED_MESSAGE, "a second REJECT")
    stage.equal(late.reply.out, None, "answer to a second REJECT")
    flows.still_alive(stage)
    way.recover(stage, moment)
