"""The suite's purse in a handshake and in the session that follows.

`Manner` says how it behaves: everything that goes into its messages can be replaced, so that a check alters
one thing and leaves the rest right.
"""

import hashlib
import hmac
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from eiraku.conformance.adapter.client import Reply
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.tester import forging, hints, hints_sealed
from eiraku.conformance.tester.channel import Channel
from eiraku.conformance.tester.hints import Membership
from eiraku.conformance.tester.hints_sealed import SealedId
from eiraku.conformance.tester.inside import Inside
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import Identity
from eiraku.reference.crypto import aead, cose, hkdf
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.edhoc import initiator, responder, schedule
from eiraku.reference.edhoc.errors import PeerError
from eiraku.reference.edhoc.messages import Ead
from eiraku.reference.edhoc.party import Credential, Established, Party
from eiraku.spec import cbor, messages, objects
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Message
from eiraku.spec.objects import PurseId
from eiraku.spec.tables import Side

LABEL_VERSION = 65001
VERSION_OFFER = Ead(label=LABEL_VERSION, value=cbor.encode((1,)), critical=True)
VERSION_CHOICE = Ead(label=LABEL_VERSION, value=cbor.encode(1), critical=True)
LABEL_MEMBER = 65002
LABEL_PURSE_ID = 65003
ID_CRED: cbor.Map = {4: b"\x01"}
"""ID_CRED_x of every purse (EPP-PID-012)."""
MEMBER_BYTES = 20
"""Length of the whole item `EPP member`."""
KEY_BYTES = 32
PADDED = 256
"""Length of a purse ID before it is sealed (EPP-PID-030)."""
REFUSED = cbor.encode_sequence(1, "")
"""What every refused handshake message is answered with, but for the suite (EPP-SES-016)."""


def member_item(scheme_key: bytes, before: bytes) -> bytes:
    """The item `EPP member` (20 bytes) that ends a message_1 after the bytes `before` (EPP-SES-037)."""
    key = hkdf.expand(hkdf.extract(b"", scheme_key), b"EPP/1 member", KEY_BYTES)
    mac = hmac.digest(key, before, hashlib.sha256)[: objects.MEMBER_MAC]
    return cbor.encode_sequence(-LABEL_MEMBER, mac)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the suite's purse behaves; the default is right in everything. `None`: as its identity says."""

    suites: tuple[int, ...] = (4,)
    connection_id: bytes = b""
    id_cred: cbor.Map = field(default_factory=lambda: ID_CRED)
    purse_id: tuple[Ead, ...] | None = None
    """What brings our purse ID, before all else in EAD_2 or EAD_3."""
    cred: bytes | None = None
    key: SigningKey | None = None
    ead_1: tuple[Ead, ...] = (VERSION_OFFER,)
    ead_2: tuple[Ead, ...] = (VERSION_CHOICE,)
    ead_3: tuple[Ead, ...] = ()
    ead_4: tuple[Ead, ...] = ()
    alter: Callable[[str, bytes], bytes] = field(default=lambda _, data: data)
    """Last word on each message: given its name (``message_1`` ...) and bytes, gives the bytes to send."""
    message_1: forging.Change | None = None
    """Changes our message_1 before its last item is added; our transcript has the changed bytes."""
    member: Callable[[bytes, bytes], bytes] = member_item
    """Given the scheme key and what comes before, the last item of our message_1."""
    plaintext: forging.Change | None = None
    """Changes PLAINTEXT_2 or PLAINTEXT_3, whichever is ours, before it is encrypted."""
    plaintext_4: forging.Change | None = None
    """Changes PLAINTEXT_4 before it is encrypted."""
    small_order_key: bytes | None = None
    """Ephemeral key G_Y of a responder that knows the shared secret to be all zero."""
    hear: forging.Change | None = None
    """What the channel makes of the wallet's message_1 before we read it."""
    notice: Callable[[cbor.Map, bytes], None] = field(default=lambda *_: None)
    """Is told the wallet's ID_CRED and its sealed purse ID."""


RIGHT = Manner()


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the wallet did with a record: its reply, and the message it sent, if any."""

    reply: Reply
    plaintext: bytes | None = None
    message: Message | None = None


class HandshakeRefused(AssertionError):
    """The wallet refused a handshake message; `reply` says how, `message` which. Unexpected, it fails."""

    def __init__(self, message: str, reply: Reply) -> None:
        super().__init__(f"{message}: {reply}")
        self.message = message
        self.reply = reply
        self.talk: Talk | None = None
        """After message_4: what can read the wallet's first record, if it sent one."""


class Talk:
    """An open session of the suite's purse with the wallet."""

    def __init__(
        self, stage: Stage, peer: Identity, side: Side, handshake: Established[PurseId], suite: int
    ) -> None:
        """`side`: the side that the wallet plays."""
        self.stage = stage
        self.peer = peer
        self.side = side
        self.wallet_id = handshake.peer.subject
        self.wallet_purse_id = handshake.peer.cred
        self.wallet_connection_id = handshake.peer_connection_id
        ours = Side.RESPONDER if side is Side.INITIATOR else Side.INITIATOR
        self.channel = Channel(handshake, suite, ours)  # type: ignore[arg-type]  # the subject does not matter
        self.opening: Message | None = None
        """The wallet's first message, if it is the initiator."""
        self.heard: list[bytes] = []
        """Plaintexts of the wallet's records."""

    def send(self, message: Message) -> Answer:
        """One message in the next record."""
        return self.send_plaintext(message.encode())

    def send_plaintext(self, plaintext: bytes) -> Answer:
        """Any bytes in the next record."""
        return self.send_record(self.channel.seal(plaintext), describe(plaintext))

    def send_record(self, record: bytes, decoded: str = "") -> Answer:
        """Any bytes in place of a record."""
        return self.read(self.stage.deliver(record, decoded.split(",", maxsplit=1)[0] or "bytes", decoded))

    def read_opening(self, record: bytes) -> None:
        """The wallet's first record."""
        self.opening = self._message(self._open(record))

    def read(self, reply: Reply) -> Answer:
        """The wallet's reply with the message that its record holds."""
        if reply.out is None:
            return Answer(reply=reply)
        plaintext = self._open(reply.out)
        return Answer(reply=reply, plaintext=plaintext, message=self._message(plaintext))

    def _open(self, record: bytes) -> bytes:
        try:
            plaintext = self.channel.open(record)
        except AssertionError:
            self.stage.sent(record, "record that does not open")
            self.channel.explain(record, self.stage.evidence)
            raise
        self.heard.append(plaintext)
        decoded = describe(plaintext)
        self.stage.sent(record, decoded.split(",")[0], decoded)
        return plaintext

    def _message(self, plaintext: bytes) -> Message:
        try:
            return messages.decode(plaintext)
        except Refusal as refusal:
            raise AssertionError(f"the wallet sent a message that is not one: {refusal}") from None


def connect(stage: Stage, side: Side, *, peer: Identity | None = None, manner: Manner = RIGHT) -> Talk:
    """Open a session with the wallet, which plays `side` and has been given a purpose.

    Raises HandshakeRefused if the wallet refuses a message, AssertionError if it sends a wrong one.
    """
    peer = peer or stage.world.peer
    opened = stage.accepted(stage.open(side), "open", "open")
    if side is Side.RESPONDER:
        stage.require(opened.out is None, "no message", "a message", "open as responder")
        return _as_initiator(stage, peer, manner)
    if opened.out is None:
        raise AssertionError("open as initiator: expected message_1, found nothing")
    _require_member(stage, opened.out)
    return _as_responder(stage, peer, manner, opened.out)


def party(stage: Stage, peer: Identity, manner: Manner, inside: Inside) -> Party[PurseId]:
    """The suite's purse as one side of EDHOC; of EAD_2 it understands what belongs there, in any order."""
    sealed = purse_id_item(stage, peer.purse_id)
    return Party(
        suites=manner.suites,
        connection_id=manner.connection_id,
        id_cred=manner.id_cred,
        cred=manner.cred or peer.purse_id,
        key=manner.key or peer.key,
        resolve=partial(_resolve, stage, manner, inside),
        credential_ead=manner.purse_id if manner.purse_id is not None else (sealed,),
        credential_labels=frozenset({LABEL_PURSE_ID}),
        # EPP-SES-010
        ead_labels=frozenset({LABEL_VERSION}),
    )


def purse_id_item(
    stage: Stage, purse_id: bytes, scheme_key: bytes | None = None, *, padded: bytes | None = None
) -> Ead:
    """The item `EPP purse ID`, sealed under the world's scheme key or another (EPP-PID-008, EPP-PID-030).

    `padded`: what is sealed instead.
    """
    nonce = stage.world.random(objects.SEALED_NONCE)
    key, iv = _sealing_key(scheme_key or stage.world.scheme_key, nonce)
    text = purse_id.ljust(PADDED, b"\0") if padded is None else padded
    sealed = nonce + aead.CHACHA20_POLY1305.seal(key, iv, b"", text)
    return Ead(label=LABEL_PURSE_ID, value=sealed, critical=True)


def _as_initiator(stage: Stage, peer: Identity, manner: Manner) -> Talk:
    us, inside = _meet(stage, peer, manner, Side.RESPONDER)
    state, message_1 = initiator.write_message_1(us, ephemeral=inside.ephemeral, ead=manner.ead_1)
    if manner.message_1 is not None:
        message_1 = manner.message_1(message_1)
    message_1 += manner.member(stage.world.scheme_key, message_1)
    state = replace(state, message_1_digest=schedule.digest(message_1))
    inside.messages[1] = message_1
    message_2 = inside.messages[2] = _deliver(stage, "message_1", manner.alter("message_1", message_1))
    with _ReadingWallet(stage, inside, 2):
        read = initiator.read_message_2(state, message_2)
    inside.suite = read.suite.number
    _require_version(stage, read.ead)
    waiting, message_3 = initiator.write_message_3(read, ead=manner.ead_3)
    if manner.plaintext is not None:
        waiting, message_3 = forging.message_3(manner.plaintext, read, waiting, message_3)
    inside.messages[3] = message_3
    message_4 = inside.messages[4] = _deliver(stage, "message_3", manner.alter("message_3", message_3))
    with _ReadingWallet(stage, inside, 4):
        done = initiator.read_message_4(waiting, message_4)
    return Talk(stage, peer, Side.RESPONDER, done, read.suite.number)


def _as_responder(stage: Stage, peer: Identity, manner: Manner, message_1: bytes) -> Talk:
    us, inside = _meet(stage, peer, manner, Side.INITIATOR)
    message_1 = manner.hear(message_1) if manner.hear is not None else message_1
    inside.messages[1] = message_1
    with _ReadingWallet(stage, inside, 1):
        reading = replace(us, suites=(4, 0), ead_labels=us.ead_labels | {LABEL_MEMBER})
        # EPP-SES-010: EAD_3 knows no item but the purse ID
        read = replace(
            responder.read_message_1(reading, message_1), party=replace(us, ead_labels=frozenset())
        )
        waiting, message_2 = responder.write_message_2(read, ephemeral=inside.ephemeral, ead=manner.ead_2)
    inside.suite = read.suite.number
    if manner.plaintext is not None:
        waiting, message_2 = forging.message_2(manner.plaintext, read, waiting, message_2)
    if manner.small_order_key is not None:
        message_2 = forging.message_2_of_zero_secret(read, manner.small_order_key, manner.ead_2)
    inside.messages[2] = message_2
    message_3 = inside.messages[3] = _deliver(stage, "message_2", manner.alter("message_2", message_2))
    with _ReadingWallet(stage, inside, 3):
        read_3 = responder.read_message_3(waiting, message_3)
    done, message_4 = responder.write_message_4(read_3, ead=manner.ead_4)
    if manner.plaintext_4 is not None:
        message_4 = forging.message_4(manner.plaintext_4, read_3, message_4)
    inside.messages[4] = message_4
    talk = Talk(stage, peer, Side.INITIATOR, done, read.suite.number)
    try:
        first = _deliver(stage, "message_4", manner.alter("message_4", message_4), answer="the first record")
    except HandshakeRefused as refused:
        refused.talk = talk
        raise
    talk.read_opening(first)
    return talk


def _deliver(stage: Stage, name: str, data: bytes, answer: str = "") -> bytes:
    """Deliver a handshake message; the wallet's answer, which must be one."""
    reply = stage.deliver(data, name)
    if not reply.accepted:
        if reply.out is not None:
            stage.sent(reply.out, "EDHOC error")
        raise HandshakeRefused(name, reply)
    stage.equal(reply.session, "open", f"session after {name}")
    if reply.out is None:
        raise AssertionError(f"{name}: expected an answer, found nothing")
    if not answer:
        stage.sent(reply.out, f"message_{int(name[-1]) + 1}")
    return reply.out


def _meet(stage: Stage, peer: Identity, manner: Manner, wallet: Side) -> tuple[Party[PurseId], Inside]:
    """Our side of a session in which the wallet plays `wallet`, and what we will know of it."""
    inside = Inside(wallet=wallet, guess=stage.world.wallet.purse_id)
    us = party(stage, peer, manner, inside)
    ours = Side.RESPONDER if wallet is Side.INITIATOR else Side.INITIATOR
    inside.creds[ours] = us.cred
    inside.ephemeral = stage.world.random(32)
    stage.evidence.later.append(inside.tell)
    return us, inside


def _resolve(
    stage: Stage, manner: Manner, inside: Inside, id_cred: cbor.Map, ead: Sequence[Ead]
) -> Credential[PurseId]:
    """Open the wallet's sealed purse ID and verify it."""
    # EPP-PID-012
    if id_cred != ID_CRED:
        raise Refusal(Code.AUTHENTICATION, "EPP-PID-012", "ID_CRED is not the one of every purse")
    match ead:
        case [Ead(label=_, value=bytes(sealed), critical=True)]:
            manner.notice(id_cred, sealed)
        case _:
            # EPP-PID-008
            raise Refusal(Code.AUTHENTICATION, "EPP-PID-008", "not one critical item EPP purse ID")
    nonce, ciphertext = sealed[: objects.SEALED_NONCE], sealed[objects.SEALED_NONCE :]
    key, iv = _sealing_key(stage.world.scheme_key, nonce)
    try:
        padded = aead.CHACHA20_POLY1305.open(key, iv, b"", ciphertext)
    except aead.CannotOpen:
        case = SealedId(scheme_key=stage.world.scheme_key, sealed=sealed)
        stage.evidence.hints += hints_sealed.purse_id(case)
        raise Refusal(Code.AUTHENTICATION, "EPP-PID-008", "the sealed purse ID does not open") from None
    purse_id, zeros = cbor.split(padded)
    # EPP-PID-030
    if len(padded) != PADDED or any(zeros):
        raise Refusal(Code.AUTHENTICATION, "EPP-PID-030", "the purse ID is not padded to 256 bytes by zeros")
    claims = PurseId.decode(cose.parse(purse_id).payload)
    inside.creds[inside.wallet], inside.public_key = purse_id, claims.public_key
    return Credential(cred=purse_id, public_key=claims.public_key, subject=claims)


def _sealing_key(scheme_key: bytes, nonce: bytes) -> tuple[bytes, bytes]:
    prk = hkdf.extract(nonce, scheme_key)
    both = hkdf.expand(prk, objects.INFO_SEALED_PURSE_ID, KEY_BYTES + 12)
    return both[:KEY_BYTES], both[KEY_BYTES:]


def _require_version(stage: Stage, ead: tuple[Ead, ...]) -> None:
    # EPP-SES-007
    versions = [item for item in ead if item.label == LABEL_VERSION]
    stage.equal(versions, [VERSION_CHOICE], "items EPP version in EAD_2", requirement="EPP-SES-007")


def _require_member(stage: Stage, message_1: bytes) -> None:
    # EPP-SES-037
    before = message_1[:-MEMBER_BYTES]
    last, right = message_1[len(before) :], member_item(stage.world.scheme_key, before)
    head = right[: -objects.MEMBER_MAC]

    def explain(notes: EvidenceNotes) -> None:
        case = Membership(scheme_key=stage.world.scheme_key, before=before, head=head)
        notes.hints += hints.member(last[len(head) :], case)

    what = "last item of message_1"
    stage.equal(last.hex(), right.hex(), what, requirement="EPP-SES-037", explain=explain)


class _ReadingWallet:
    """What the wallet sent is wrong: that is the wallet's failure, not the suite's."""

    def __init__(self, stage: Stage, inside: Inside, number: int) -> None:
        self.notes = stage.evidence
        self.inside = inside
        self.number = number

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Refusal | PeerError):
            if isinstance(error, Refusal):
                self.notes.violated = error.requirement
                self.inside.explain(self.number, self.notes)
            raise AssertionError(f"the wallet's message_{self.number} is wrong: {error}") from error


def describe(plaintext: bytes) -> str:
    """A message for people: its name and its content in diagnostic notation."""
    try:
        message = messages.decode(plaintext)
    except Refusal:
        try:
            return f"bytes, {cbor.diagnostic(cbor.decode(plaintext, limit=1 << 20))}"
        except Refusal:
            return f"bytes, h'{plaintext.hex()}'"
    return f"{type(message).__name__.upper()}, {cbor.diagnostic(cbor.decode(plaintext))}"
