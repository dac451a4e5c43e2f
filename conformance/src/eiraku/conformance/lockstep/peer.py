"""The tester's side of one session with one of the two that are in lock-step: stepwise, message by message.

A `Conversation` yields what the tester's purse says next and is told what the other answered. It is made
twice with the same seed, so that both hear the same as long as both say the same.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from eiraku.conformance.adapter.client import Reply
from eiraku.conformance.tester import peer as whole
from eiraku.conformance.tester.channel import Channel
from eiraku.conformance.tester.world import Identity
from eiraku.reference.crypto import aead, cose, hkdf
from eiraku.reference.edhoc import initiator, responder, schedule
from eiraku.reference.edhoc.errors import PeerError
from eiraku.reference.edhoc.messages import Ead
from eiraku.reference.edhoc.party import Credential, Party
from eiraku.spec import cbor, messages, objects
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Message
from eiraku.spec.objects import PurseId
from eiraku.spec.tables import Side

SUITE = 4
Random = Callable[[int], bytes]


class Wrong(Exception):
    """What the other sent cannot be what the specification asks for; `requirement` names the rule."""

    def __init__(self, requirement: str, detail: str) -> None:
        super().__init__(detail)
        self.requirement = requirement


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What is delivered next. `plaintext`: of a record, before it was sealed."""

    name: str
    data: bytes = field(repr=False)
    plaintext: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A message by its name, which may be at fault, and its plaintext."""

    name: str
    plaintext: bytes


@dataclass(slots=True, kw_only=True)
class Conversation:
    """One session. `side`: the one that the wallet plays; `keys`: the scheme keys that may be in use, the
    first of them ours; `say`: our next message after what was heard last, None at the end.
    """

    side: Side
    us: Identity
    keys: Sequence[bytes]
    random: Random
    say: Callable[[Message | None], Said | None]
    suite: int = SUITE
    """The cipher suite that we ask for, where we begin."""
    channel: Channel | None = None
    key_used: int | None = None
    """Which of `keys` the wallet used."""
    heard: Message | None = None
    """The last message of a record."""

    def turns(self, opened: Reply) -> Generator[Turn, Reply, None]:
        """Everything that we say. Raises Wrong for what the other says."""
        if self.side is Side.INITIATOR:
            yield from self._answer(opened.out or b"")
        else:
            yield from self._begin()
        while (said := self.say(self.heard)) is not None:
            if self.channel is None:
                raise AssertionError("a session without records")
            data = self.channel.seal(said.plaintext)
            yield Turn(name=said.name, data=data, plaintext=said.plaintext)

    def read(self, record: bytes) -> bytes:
        """The plaintext of the other's next record, which `heard` becomes if it is a message."""
        if self.channel is None:
            raise AssertionError("a record before the session is open")
        try:
            plaintext = self.channel.open(record)
        except AssertionError as error:
            raise Wrong("EPP-REC-002", str(error)) from None
        try:
            self.heard = messages.decode(plaintext)
        except Refusal as refusal:
            raise Wrong("EPP-TRF-002", f"the wallet sent what is no message: {refusal}") from None
        return plaintext

    # --- the handshake ---

    def _begin(self) -> Generator[Turn, Reply, None]:
        us = self._party(self.keys[0])
        offer = [whole.VERSION_OFFER]
        waiting, message_1 = initiator.write_message_1(us, ephemeral=self.random(32), ead=offer)
        message_1 += whole.member_item(self.keys[0], message_1)
        waiting = replace(waiting, message_1_digest=schedule.digest(message_1))
        self.key_used = 0
        reply = yield Turn(name="message_1", data=message_1)
        with _Reading("EPP-SES-013"):
            read = initiator.read_message_2(waiting, reply.out or b"")
        if [item for item in read.ead if item.label == whole.LABEL_VERSION] != [whole.VERSION_CHOICE]:
            raise Wrong("EPP-SES-007", "message_2 does not choose version 1")
        following, message_3 = initiator.write_message_3(read)
        reply = yield Turn(name="message_3", data=message_3)
        with _Reading("EPP-SES-014"):
            done = initiator.read_message_4(following, reply.out or b"")
        self.channel = Channel(done, self.suite, Side.INITIATOR)  # type: ignore[arg-type]  # as in `Talk`

    def _answer(self, message_1: bytes) -> Generator[Turn, Reply, None]:
        before, last = message_1[: -whole.MEMBER_BYTES], message_1[-whole.MEMBER_BYTES :]
        fits = (n for n, key in enumerate(self.keys) if whole.member_item(key, before) == last)
        self.key_used = next(fits, None)
        if self.key_used is None:
            raise Wrong("EPP-SES-037", "message_1 does not end with EPP member under a scheme key in force")
        us = self._party(self.keys[self.key_used])
        with _Reading("EPP-SES-002"):
            knows = replace(us, suites=(4, 0), ead_labels=us.ead_labels | {whole.LABEL_MEMBER})
            read = replace(
                responder.read_message_1(knows, message_1), party=replace(us, ead_labels=frozenset())
            )
            choice = [whole.VERSION_CHOICE]
            waiting, message_2 = responder.write_message_2(read, ephemeral=self.random(32), ead=choice)
        reply = yield Turn(name="message_2", data=message_2)
        with _Reading("EPP-SES-013"):
            read_3 = responder.read_message_3(waiting, reply.out or b"")
        done, message_4 = responder.write_message_4(read_3)
        self.channel = Channel(done, read.suite.number, Side.RESPONDER)  # type: ignore[arg-type]
        yield Turn(name="message_4", data=message_4)

    def _party(self, scheme_key: bytes) -> Party[PurseId]:
        nonce = self.random(objects.SEALED_NONCE)
        key, iv = _sealing(scheme_key, nonce)
        text = self.us.purse_id.ljust(whole.PADDED, b"\0")
        sealed = nonce + aead.CHACHA20_POLY1305.seal(key, iv, b"", text)
        return Party(
            suites=(self.suite,),
            connection_id=b"",
            id_cred=whole.ID_CRED,
            cred=self.us.purse_id,
            key=self.us.key,
            resolve=partial(_resolve, scheme_key),
            credential_ead=(Ead(label=whole.LABEL_PURSE_ID, value=sealed, critical=True),),
            credential_labels=frozenset({whole.LABEL_PURSE_ID}),
            ead_labels=frozenset({whole.LABEL_VERSION}),
        )


def _resolve(scheme_key: bytes, id_cred: cbor.Map, ead: Iterable[Ead]) -> Credential[PurseId]:
    """The wallet's purse ID, out of its sealed form. Raises Refusal."""
    values = [item.value for item in ead if item.critical]
    if id_cred != whole.ID_CRED or len(values) != 1 or values[0] is None:
        raise Refusal(Code.AUTHENTICATION, "EPP-PID-008", "not one sealed purse ID under the kid of all")
    nonce, ciphertext = values[0][: objects.SEALED_NONCE], values[0][objects.SEALED_NONCE :]
    key, iv = _sealing(scheme_key, nonce)
    try:
        padded = aead.CHACHA20_POLY1305.open(key, iv, b"", ciphertext)
    except aead.CannotOpen:
        raise Refusal(Code.AUTHENTICATION, "EPP-PID-008", "the sealed purse ID does not open") from None
    purse_id, zeros = cbor.split(padded)
    if len(padded) != whole.PADDED or any(zeros):
        raise Refusal(Code.AUTHENTICATION, "EPP-PID-030", "the purse ID is not padded to 256 bytes")
    claims = PurseId.decode(cose.parse(purse_id).payload)
    return Credential(cred=purse_id, public_key=claims.public_key, subject=claims)


def _sealing(scheme_key: bytes, nonce: bytes) -> tuple[bytes, bytes]:
    both = hkdf.expand(hkdf.extract(nonce, scheme_key), objects.INFO_SEALED_PURSE_ID, 44)
    return both[:32], both[32:]


class _Reading:
    """What is refused in here, the other has sent."""

    def __init__(self, requirement: str) -> None:
        self.requirement = requirement

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Refusal):
            raise Wrong(error.requirement, f"what the wallet sent is wrong: {error}") from error
        if isinstance(error, PeerError):
            raise Wrong(self.requirement, f"what the wallet sent is wrong: {error}") from error
