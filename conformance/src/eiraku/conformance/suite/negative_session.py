"""What the negative tests of a session have in common: the parts a wallet plays, the four parts of a test.

1. the flow unaltered succeeds; 2. the attack is refused with the code, and the answer, that the specification
gives; 3. durable state is as before; 4. the wallet takes part in the next session.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import pytest

from eiraku.conformance.adapter.client import Reply, State
from eiraku.conformance.tester.flows import meet_payee, meet_payer, order_receive, still_alive
from eiraku.conformance.tester.peer import (
    MEMBER_BYTES,
    REFUSED,
    RIGHT,
    VERSION_CHOICE,
    VERSION_OFFER,
    HandshakeRefused,
    Manner,
    Talk,
    connect,
)
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import Identity
from eiraku.reference.centres.device import DeviceCentre
from eiraku.reference.edhoc import errors
from eiraku.reference.edhoc.messages import Ead, encode_ead
from eiraku.spec.errors import Code
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.tables import Side

AMOUNT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which part the wallet plays."""

    side: Side
    pays: bool = False

    @property
    def judged(self) -> str:
        """The message in which the wallet sees who its peer is."""
        return "message_2" if self.side is Side.INITIATOR else "message_3"

    def __str__(self) -> str:
        return f"{self.side.value}-{'payer' if self.pays else 'payee'}"


INITIATOR = Part(side=Side.INITIATOR)
RESPONDER = Part(side=Side.RESPONDER)
PAYEES = pytest.mark.parametrize(
    "part", [pytest.param(part, id=part.side.value) for part in (INITIATOR, RESPONDER)]
)
PARTS = tuple(
    pytest.param(part, id=str(part))
    for part in (Part(side=side, pays=pays) for side in Side for pays in (False, True))
)


def _as_world_has_it(stage: Stage) -> Identity:
    return stage.world.peer


def _right(_stage: Stage, _peer: Identity) -> Manner:
    return RIGHT


@dataclass(frozen=True, slots=True, kw_only=True)
class Attack:
    """A handshake in which the suite's purse does one thing wrong, and what the wallet must say to it."""

    codes: Code | tuple[Code, ...] = Code.AUTHENTICATION
    at: str | None = None
    """The message that is refused; None: the one that carries the peer's purse ID."""
    answer: bytes = REFUSED
    """What the wallet must say, or what it may say."""
    peer: Callable[[Stage], Identity] = field(default=_as_world_has_it)
    manner: Callable[[Stage, Identity], Manner] = field(default=_right)


def money(stage: Stage, part: Part, amount: int = AMOUNT) -> list[OfferedUnit]:
    """What the wallet must hold to play the part."""
    return [stage.world.holding(amount, holder=stage.world.wallet.number)] if part.pays else []


def set_purpose(stage: Stage, part: Part, amount: int = AMOUNT) -> None:
    """Give the wallet the purpose of its part."""
    if part.pays:
        stage.order("pay", amount=amount)
    else:
        order_receive(stage, part.side, amount)


def prepare(stage: Stage, part: Part, *, bulletin: bytes | None = None) -> State:
    """Reset and provision the wallet, give it its purpose; the state before the session."""
    stage.begin(money(stage, part), bulletin=bulletin)
    set_purpose(stage, part)
    return stage.state()


def meet(stage: Stage, part: Part, *, peer: Identity | None = None, manner: Manner = RIGHT) -> Talk:
    """An open session in which the wallet has shown that it plays its part; its purpose is set here."""
    if part.pays:
        return meet_payer(stage, part.side, AMOUNT, peer=peer, manner=manner)[0]
    return meet_payee(stage, part.side, AMOUNT, peer=peer, manner=manner)


def refused_in_handshake(stage: Stage, part: Part, attack: Attack, *, peer: Identity | None = None) -> Reply:
    """Run the attack, which the wallet must refuse as it says. The purpose is set already."""
    peer = peer or attack.peer(stage)
    at = attack.at or part.judged
    try:
        connect(stage, part.side, peer=peer, manner=attack.manner(stage, peer))
    except HandshakeRefused as refused:
        stage.equal(refused.message, at, "message refused")
        stage.refused(refused.reply, attack.codes, at)
        stage.equal(refused.reply.session, "closed", f"session after {at}")
        stage.equal(refused.reply.out, attack.answer, f"answer to {at}")
        return refused.reply
    stage.require(False, f"{at} rejected", "the session opened", "handshake")
    raise AssertionError


def handshake_attack(
    stage: Stage,
    part: Part,
    attack: Attack,
    *,
    control: Callable[[Stage], Identity] = _as_world_has_it,
    bulletin: bytes | None = None,
) -> None:
    """All four parts of a negative test. `control`: the peer of the unaltered flow."""
    stage.begin(money(stage, part), bulletin=bulletin)
    meet(stage, part, peer=control(stage))
    before = prepare(stage, part, bulletin=bulletin)
    refused_in_handshake(stage, part, attack)
    stage.unchanged(before, "refused handshake")
    still_alive(stage)


def silent(stage: Stage, data: bytes, code: Code | Iterable[Code], what: str) -> Reply:
    """Bytes that the wallet must refuse without an answer, the session being closed afterwards."""
    reply = stage.deliver(data, what)
    stage.refused(reply, code, what)
    stage.equal(reply.out, None, f"answer to {what}")
    stage.equal(reply.session, "closed", f"session after {what}")
    return reply


def error_of_the_peer(stage: Stage, data: bytes, what: str) -> None:
    """Bytes that are an EDHOC error: they end the session and are not answered (EPP-SES-018, EPP-SES-087)."""
    reply = stage.deliver(data, what)
    # An error is neither refused nor, as a message, accepted: adapters may report it either way.
    stage.require(reply.outcome in ("accepted", "rejected"), "accepted or rejected", reply, what)
    stage.equal(reply.out, None, f"answer to {what}")
    stage.equal(reply.session, "closed", f"session after {what}")


def first_message(stage: Stage, part: Part) -> bytes | None:
    """Open a session; message_1 if the wallet is the initiator."""
    reply = stage.accepted(stage.open(part.side), "open", "open")
    stage.equal(reply.out is not None, part.side is Side.INITIATOR, "whether open sent message_1")
    return reply.out


def altering(name: str, change: Callable[[bytes], bytes]) -> Manner:
    """Right in all but the bytes of one message."""
    return Manner(alter=lambda found, data: change(data) if found == name else data)


def padded(message: bytes, length: int) -> bytes:
    """message_1 without its last item, padded (RFC 9528 section 3.8.1) so that the whole has `length`."""
    return message + encode_ead([padding(length - len(message) - MEMBER_BYTES - 4)])


def padding(length: int) -> Ead:
    """Padding whose value has `length` bytes (256 or more), 4 bytes longer on the wire."""
    return Ead(label=0, value=bytes(length))


def with_item(number: int, *items: Ead) -> Manner:
    """The suite's purse with these items in its EAD of message 1, 2, 3 or 4, after what belongs there."""
    if number == 1:
        return Manner(ead_1=(VERSION_OFFER, *items))
    if number == 2:
        return Manner(ead_2=(VERSION_CHOICE, *items))
    return Manner(ead_3=items) if number == 3 else Manner(ead_4=items)


def reader(number: int) -> Part:
    """The part of the one who reads message `number`."""
    return RESPONDER if number in (1, 3) else INITIATOR


def refused_items(number: int, manner: Manner) -> Attack:
    """Message `number` in this manner must be refused for its EAD."""
    return Attack(codes=Code.MALFORMED, at=f"message_{number}", manner=lambda *_: manner)


def unknown_there(stage: Stage, number: int, item: Ead) -> None:
    """In message `number` an item of this label must be ignored, or refused if it is critical."""
    part = reader(number)
    prepare(stage, part)
    meet(stage, part, manner=with_item(number, replace(item, critical=False)))
    handshake_attack(stage, part, refused_items(number, with_item(number, replace(item, critical=True))))


def wrong_suites(stage: Stage) -> bytes:
    """What the wallet answers to suites that it refuses: all of its own, in the one order (EPP-SES-061)."""
    return errors.wrong_suite((4, 0) if stage.wallet.declares("suite-0") else (4,))


def old_device_centre(stage: Stage) -> DeviceCentre:
    """The device centre as it was when only its old key existed."""
    return replace(stage.world.device, keys=stage.world.device.keys[:1])
