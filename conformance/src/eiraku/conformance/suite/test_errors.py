"""Chapter 10: codes, what is never sent, and input that no chapter foresees."""

from collections.abc import Callable
from random import Random

import pytest

from eiraku.conformance.adapter.client import Reply
from eiraku.conformance.results import Level
from eiraku.conformance.suite.fuzzing import ALTERATIONS
from eiraku.conformance.suite.moments import WAYS, Way
from eiraku.conformance.suite.negative_session import error_of_the_peer
from eiraku.conformance.suite.payer import LOCAL, own
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.peer import REFUSED, Answer, HandshakeRefused, Manner, connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, Identity, World
from eiraku.reference.edhoc.errors import begins_with_integer
from eiraku.spec.errors import Code
from eiraku.spec.messages import Reject
from eiraku.spec.objects import Role
from eiraku.spec.tables import Side, TransferEvent

EVERY_WAY = pytest.mark.parametrize("way", [pytest.param(way, id=way.name) for way in WAYS])
ROUNDS = {Level.SMOKE: 1, Level.STANDARD: 1, Level.FULL: 40}
"""How often each kind of alteration is tried at each step."""
LABELS = {code.label: code for code in Code}


def answered(stage: Stage, reply: Reply, what: str) -> None:
    """The wallet must have taken the input or refused it with a code of chapter 10."""
    stage.require(reply.outcome in {"accepted", "rejected"}, "accepted or rejected", reply, what)
    if reply.outcome == "rejected":
        stage.require(reply.code in LABELS, "a code of chapter 10", reply.code, f"code after {what}")
        stage.equal(reply.session, "closed", f"session after {what}")


def told(stage: Stage, answer: Answer, what: str) -> None:
    """A refusal in an open session must be told to the peer, with a code that may be sent (EPP-ERR-002)."""
    if answer.reply.outcome == "rejected":
        if not isinstance(answer.message, Reject):
            raise AssertionError(f"answer to {what}: expected REJECT, found {answer.message}")
        sent = answer.message.code
        stage.require(
            sent not in set(map(int, LOCAL)), "a code that is not local", sent, f"code sent after {what}"
        )
        stage.equal(sent, int(LABELS[str(answer.reply.code)]), f"code sent after {what}")


def message_due(way: Way) -> TransferEvent:
    """The first message that the table permits in this state, REJECT aside."""
    return next(event for event in TransferEvent if way.permits(event))


@EVERY_WAY
@pytest.mark.requirement("EPP-ERR-003", "EPP-ERR-002", "EPP-CRS-015", "EPP-CRS-017")
def test_altered_message(stage: Stage, way: Way, run_level: Level, check_seed: bytes) -> None:
    """Whatever a member sends in place of the message that is due, the wallet answers and loses nothing."""
    random = Random(check_seed)  # noqa: S311 - variety, not secrecy
    way.finish(way.reach(stage))
    for name, alter in ALTERATIONS.items():
        for _ in range(ROUNDS[run_level]):
            moment = way.reach(stage)
            before = stage.state()
            right = moment.message(message_due(way)).encode()
            what = f"{message_due(way).name}, {name}"
            answer = moment.talk.send_plaintext(alter(random, right))
            answered(stage, answer.reply, what)
            told(stage, answer, what)
            stage.unchanged(before, what)
    flows.still_alive(stage)
    way.recover(stage, moment)


@EVERY_WAY
@pytest.mark.requirement("EPP-ERR-003", "EPP-CRS-015", "EPP-CRS-017")
def test_altered_record(stage: Stage, way: Way, run_level: Level, check_seed: bytes) -> None:
    """Whatever an outsider makes of a record, the wallet refuses it, and loses nothing."""
    random = Random(check_seed)  # noqa: S311 - variety, not secrecy
    way.finish(way.reach(stage))
    for name, alter in ALTERATIONS.items():
        for _ in range(ROUNDS[run_level]):
            moment = way.reach(stage)
            before = stage.state()
            talk = moment.talk
            first = talk.side is Side.RESPONDER and not talk.channel.sent
            altered = alter(random, talk.channel.seal(moment.message(message_due(way)).encode()))
            if first and begins_with_integer(altered):
                error_of_the_peer(stage, altered, f"record, {name}")
            else:
                reply = stage.deliver(altered, f"record, {name}")
                allowed = (Code.RECORD, Code.MALFORMED, Code.TOO_LARGE)
                stage.refused(reply, allowed, f"record, {name}")
            stage.unchanged(before, f"record, {name}")
    flows.still_alive(stage)
    way.recover(stage, moment)


class Delivered(Exception):
    """An altered message of the handshake was delivered; the handshake ends here."""


@pytest.mark.requirement("EPP-ERR-003", "EPP-SES-019", "EPP-CRS-017")
@pytest.mark.parametrize(
    ("side", "position"),
    (
        (Side.RESPONDER, "message_1"),
        (Side.INITIATOR, "message_2"),
        (Side.RESPONDER, "message_3"),
        (Side.INITIATOR, "message_4"),
    ),
    ids=("message_1", "message_2", "message_3", "message_4"),
)
def test_altered_handshake(
    stage: Stage, side: Side, position: str, run_level: Level, check_seed: bytes
) -> None:
    """Whatever comes in place of a handshake message, the wallet answers or is silent, and loses nothing."""
    random = Random(check_seed)  # noqa: S311 - variety, not secrecy
    stage.begin(own(stage.world, (8,)))
    before = stage.state()
    for name, alter in ALTERATIONS.items():
        for _ in range(ROUNDS[run_level]):

            def deliver(at: str, data: bytes, name: str = name, alter: Callable[..., bytes] = alter) -> bytes:
                if at == position:
                    answered(stage, stage.deliver(alter(random, data), f"{at}, {name}"), f"{at}, {name}")
                    raise Delivered
                return data

            stage.order("pay", amount=8)
            with pytest.raises(Delivered):
                connect(stage, side, manner=Manner(alter=deliver))
            stage.unchanged(before, f"{position}, {name}")
    flows.still_alive(stage)
    flows.take(stage, side, 8)


INPUTS = {
    "nothing": b"",
    "zero": b"\x00",
    "break": b"\xff",
    "an-empty-record": b"\x40",
    "an-EDHOC-error": REFUSED,
    "declares-2^64-bytes": b"\x5b" + b"\xff" * 8,
    "nested-to-the-depth-of-10000": b"\x81" * 10000,
    "400000-zeros": bytes(400000),
}


@pytest.mark.requirement("EPP-ERR-003", "EPP-REC-005")
@pytest.mark.level("smoke")
@pytest.mark.parametrize("name", tuple(INPUTS))
def test_input_without_a_session(stage: Stage, name: str) -> None:
    """Without a session any input is refused without an answer, with money in the purse or without purse."""
    before = stage.state()
    reply = stage.deliver(INPUTS[name], name)
    stage.refused(reply, Code.NOT_PROVISIONED, "bytes for a purse that is empty")
    stage.equal(reply.out, None, "answer")
    stage.unchanged(before, "bytes for a purse that is empty")
    stage.begin(own(stage.world, (8,)))
    before = stage.state()
    for _ in range(2):
        reply = stage.deliver(INPUTS[name], name)
        stage.refused(reply, Code.UNEXPECTED_MESSAGE, "bytes without a session")
        stage.equal(reply.out, None, "answer")
        stage.unchanged(before, "bytes without a session")
        stage.order("receive")
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-ERR-003")
@pytest.mark.parametrize("name", tuple(INPUTS))
def test_input_in_place_of_a_handshake(stage: Stage, side: Side, name: str) -> None:
    """In place of the first message of a handshake any input is survived, and changes nothing."""
    stage.begin(own(stage.world, (8,)))
    before = stage.state()
    stage.order("pay", amount=8)
    stage.accepted(stage.open(side), "open", "open")
    answered(stage, stage.deliver(INPUTS[name], name), name)
    stage.unchanged(before, name)
    flows.still_alive(stage)
    flows.take(stage, side, 8)


# --- what is never sent -------------------------------------------------------------------------------------


@EVERY_WAY
@pytest.mark.requirement("EPP-ERR-002")
def test_bad_record_is_answered_with_nothing(stage: Stage, way: Way) -> None:
    """A record that does not decrypt is for the holder to know of; the channel gets no answer."""
    moment = way.reach(stage)
    before = stage.state()
    record = bytearray(moment.talk.channel.seal(moment.message(message_due(way)).encode()))
    record[-1] ^= 1
    reply = stage.deliver(bytes(record), "record, altered")
    stage.refused(reply, Code.RECORD, "an altered record")
    stage.equal(reply.out, None, "answer to an altered record")
    stage.unchanged(before, "an altered record")
    flows.still_alive(stage)
    way.recover(stage, moment)


@SIDES
@pytest.mark.requirement("EPP-ERR-002")
def test_without_a_purpose_nothing_is_sent(stage: Stage, side: Side) -> None:
    """A wallet whose holder wants nothing tells its holder so, and nobody else."""
    stage.begin(own(stage.world, (8,)))
    before = stage.state()
    reply = stage.open(side)
    stage.refused(reply, Code.DECLINED, "a session without a purpose")
    stage.equal(reply.out, None, "what is sent")
    stage.unchanged(before, "a session without a purpose")
    flows.still_alive(stage)


Refusals = dict[Code, Callable[[World], Identity]]
PEERS: Refusals = {
    Code.PURSE_REVOKED: lambda world: world.purse(),
    Code.PURSE_EXPIRED: lambda world: world.purse(expires=EPOCH - 1),
    Code.SAME_PURSE: lambda world: world.purse(number=world.wallet.number),
    Code.ROLE_PAIR: lambda world: world.purse(role=Role.VAULT),
    Code.AUTHENTICATION: lambda world: world.purse(seal=bytes(16)),
}


@SIDES
@pytest.mark.requirement("EPP-ERR-002", "EPP-ERR-001")
@pytest.mark.parametrize("code", [pytest.param(code, id=code.label) for code in PEERS])
def test_refusals_of_a_handshake_look_alike(stage: Stage, side: Side, code: Code) -> None:
    """The holder learns why a peer was refused; the peer gets the same bytes whatever the reason."""
    world = stage.world
    peer = PEERS[code](world)
    revoked = [peer.number] if code is Code.PURSE_REVOKED else []
    stage.begin(bulletin=world.bulletin(EPOCH, revoked))
    before = stage.state()
    flows.order_receive(stage, side, 4)
    with pytest.raises(HandshakeRefused) as caught:
        connect(stage, side, peer=peer)
    stage.refused(caught.value.reply, code, "a peer that must be refused")
    stage.equal(caught.value.reply.out, REFUSED, "answer to a refused peer")
    stage.unchanged(before, "a refused peer")
    flows.still_alive(stage)
