"""That the peer is there, in this session: ephemeral keys, signatures, transcript (chapter 5)."""

from collections.abc import Callable, Iterator

import pytest

from eiraku.conformance.results import Level
from eiraku.conformance.suite import plaintexts
from eiraku.conformance.suite.message_1 import rebuilt
from eiraku.conformance.suite.negative_session import (
    INITIATOR,
    PARTS,
    PAYEES,
    RESPONDER,
    Attack,
    Part,
    altering,
    first_message,
    handshake_attack,
    prepare,
    refused_in_handshake,
    set_purpose,
)
from eiraku.conformance.suite.plaintexts import flipped
from eiraku.conformance.tester.edwards import P
from eiraku.conformance.tester.flows import still_alive
from eiraku.conformance.tester.peer import Manner, connect, member_item, purse_id_item
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import Identity
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.edhoc.messages import encode_ead
from eiraku.spec import cbor
from eiraku.spec.errors import Code

# --- ephemeral keys ----------------------------------------------------------------------------------------

LOW_ORDER = {
    "0": bytes(32),
    "1": (1).to_bytes(32, "little"),
    "order-8-first": bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
    "order-8-second": bytes.fromhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
    "p-minus-1": (P - 1).to_bytes(32, "little"),
    "p": P.to_bytes(32, "little"),
    "p-plus-1": (P + 1).to_bytes(32, "little"),
    "0-with-high-bit": (1 << 255).to_bytes(32, "little"),
    "1-with-high-bit": (1 | 1 << 255).to_bytes(32, "little"),
    "p-plus-1-with-high-bit": (P + 1 | 1 << 255).to_bytes(32, "little"),
}
"""Keys with which X25519 gives an all-zero secret, whatever the other key (RFC 7748 section 7)."""


@pytest.mark.requirement("EPP-SES-012", "EPP-SES-016")
@PAYEES
@pytest.mark.parametrize("name", sorted(LOW_ORDER))
def test_small_order_ephemeral_key(stage: Stage, name: str, part: Part) -> None:
    """An ephemeral key that gives an all-zero secret is refused, though all else fits that secret"""
    key = LOW_ORDER[name]
    if part is INITIATOR:
        at, manner = "message_2", Manner(small_order_key=key)
    else:
        at, manner = "message_1", Manner(message_1=rebuilt(key=cbor.encode(key)))
    handshake_attack(stage, part, Attack(at=at, manner=lambda *_: manner))


# --- signatures and plaintexts -----------------------------------------------------------------------------


def _wallets_own_key(stage: Stage, _: Identity) -> Manner:
    return Manner(key=stage.world.wallet.key)


def _another_key(stage: Stage, _: Identity) -> Manner:
    return Manner(key=SigningKey(stage.world.random(32)))


def _master_key(stage: Stage, _: Identity) -> Manner:
    return Manner(key=stage.world.device.keys[-1].key)


SIGNATURES: dict[str, Callable[[Stage, Identity], Manner]] = {
    "another-key": _another_key,
    "wallets-own-key": _wallets_own_key,
    "purse-master-key": _master_key,
    "r-flipped": lambda *_: Manner(plaintext=plaintexts.signature(lambda found: flipped(found, 0))),
    "s-flipped": lambda *_: Manner(plaintext=plaintexts.signature(lambda found: flipped(found, 32))),
    "zeros": lambda *_: Manner(plaintext=plaintexts.signature(lambda _: bytes(64))),
    "halves-swapped": lambda *_: Manner(plaintext=plaintexts.signature(lambda s: s[32:] + s[:32])),
}


@pytest.mark.requirement("EPP-SES-013", "EPP-SES-016")
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", sorted(SIGNATURES))
def test_signature(stage: Stage, name: str, part: Part) -> None:
    """A handshake signature that does not verify under the key in the purse ID is refused"""
    handshake_attack(stage, part, Attack(manner=SIGNATURES[name]))


@pytest.mark.requirement("EPP-SES-013", "EPP-SES-028")
@PAYEES
def test_signature_of_another_session(stage: Stage, part: Part) -> None:
    """A purse's signature from another session is refused"""
    found: list[bytes] = []

    def keep(plaintext: bytes) -> bytes:
        found.append(plaintexts.parts_of(plaintext)["signature"])
        return plaintext

    prepare(stage, part)
    connect(stage, part.side, manner=Manner(plaintext=keep))
    set_purpose(stage, part)
    before = stage.state()
    replayed = Manner(plaintext=plaintexts.changed(signature=lambda _: found[0]))
    refused_in_handshake(stage, part, Attack(manner=lambda *_: replayed))
    stage.unchanged(before, "refused handshake")
    still_alive(stage)


@pytest.mark.requirement("EPP-SES-013", "EPP-SES-016")
@PAYEES
@pytest.mark.parametrize("name", sorted(plaintexts.SHAPES))
def test_shape_of_plaintext(stage: Stage, name: str, part: Part) -> None:
    """A message_2 or message_3 whose plaintext has another shape is refused"""
    handshake_attack(stage, part, Attack(manner=lambda *_: Manner(plaintext=plaintexts.SHAPES[name])))


@pytest.mark.requirement("EPP-SES-013", "EPP-SES-016")
@pytest.mark.parametrize("identifier", ("none", "two", "surplus"))
def test_shape_of_identifier(stage: Stage, identifier: str) -> None:
    """A PLAINTEXT_2 whose C_R is missing, double or in a surplus byte string is refused"""
    encoded = {"none": b"", "two": b"\x40\x40", "surplus": b"\x41\x0e"}[identifier]
    change = plaintexts.changed(c_r=lambda _: encoded)
    handshake_attack(stage, INITIATOR, Attack(manner=lambda *_: Manner(plaintext=change)))


# --- transcript --------------------------------------------------------------------------------------------


def _exchanged(stage: Stage, peer: Identity) -> Manner:
    other = stage.world.purse()
    return Manner(purse_id=(purse_id_item(stage, other.purse_id),), cred=other.purse_id, key=peer.key)


def _exchanged_outside_transcript(stage: Stage, peer: Identity) -> Manner:
    other = stage.world.purse()
    return Manner(purse_id=(purse_id_item(stage, other.purse_id),), cred=peer.purse_id)


def _transcript_names_another(stage: Stage, _: Identity) -> Manner:
    return Manner(cred=stage.world.purse().purse_id)


def _renewed(stage: Stage, peer: Identity) -> Manner:
    """Two purse IDs of one purse and key: the signature is about one, the other is shown."""
    renewed = stage.world.purse(seed=peer.seed, number=peer.number, tier=2)
    return Manner(purse_id=(purse_id_item(stage, renewed.purse_id),), cred=peer.purse_id)


def _exchanged_on_the_way(stage: Stage, _: Identity) -> Manner:
    other = cbor.encode(purse_id_item(stage, stage.world.purse().purse_id).value)
    return Manner(plaintext=plaintexts.purse_id(lambda _: other))


def _sealed_anew_on_the_way(stage: Stage, peer: Identity) -> Manner:
    again = cbor.encode(purse_id_item(stage, peer.purse_id).value)
    return Manner(plaintext=plaintexts.purse_id(lambda _: again))


def _added_on_the_way(stage: Stage, peer: Identity) -> Manner:
    """The signature covers the purse ID as CRED, but not the item that brings it."""
    item = encode_ead([purse_id_item(stage, peer.purse_id)])
    return Manner(purse_id=(), plaintext=plaintexts.changed(ead=lambda ead: item + ead))


EXCHANGES: dict[str, Callable[[Stage, Identity], Manner]] = {
    "another-purse-id": _exchanged,
    "another-purse-id-outside-the-transcript": _exchanged_outside_transcript,
    "another-purse-id-in-the-transcript": _transcript_names_another,
    "another-purse-id-of-the-same-key": _renewed,
    "another-purse-id-on-the-way": _exchanged_on_the_way,
    "same-purse-id-sealed-anew-on-the-way": _sealed_anew_on_the_way,
    "same-purse-id-added-on-the-way": _added_on_the_way,
}


@pytest.mark.requirement("EPP-SES-030", "EPP-SES-016")
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", sorted(EXCHANGES))
def test_exchanged_purse_id(stage: Stage, name: str, part: Part) -> None:
    """A purse ID exchanged for another valid one is refused"""
    handshake_attack(stage, part, Attack(manner=EXCHANGES[name]))


HEARD: dict[str, Callable[[bytes], bytes]] = {
    "key": lambda message: flipped(message, 10),
    "suites": rebuilt(suites=cbor.encode((2, 4))),
    "identifier": rebuilt(identifier=b"\x0e"),
    "padding": lambda message: message + b"\x00",
    "versions": lambda message: message.replace(b"\x42\x81\x01", b"\x43\x82\x01\x02"),
    "membership": lambda message: flipped(message, -1),
}


@pytest.mark.requirement("EPP-SES-013", "EPP-SES-006")
@pytest.mark.parametrize("name", sorted(HEARD))
def test_own_message_1_altered_on_the_way(stage: Stage, name: str) -> None:
    """A message_2 that answers another message_1 than the wallet sent is refused"""
    handshake_attack(stage, INITIATOR, Attack(manner=lambda *_: Manner(hear=HEARD[name])))


# --- bytes altered on the way ------------------------------------------------------------------------------


def _positions(length: int, level: Level) -> Iterator[int]:
    """Every byte at level full; else the first and last few and every seventh between."""
    for position in range(length):
        if level is Level.FULL or position < 4 or position >= length - 2 or position % 7 == 0:
            yield position


def _lengths(stage: Stage, part: Part) -> dict[str, int]:
    found: dict[str, int] = {}

    def measure(name: str, data: bytes) -> bytes:
        found[name] = len(data)
        return data

    prepare(stage, part)
    connect(stage, part.side, manner=Manner(alter=measure))
    return found


HEAD = 3
"""Bytes of the head of message_2 and message_3, which are 256 bytes and longer."""


def _codes(name: str, position: int) -> tuple[Code, ...]:
    """What an altered byte may be called."""
    if position < (1 if name == "message_4" else HEAD):
        return (Code.MALFORMED, Code.AUTHENTICATION)
    return (Code.AUTHENTICATION,)


@pytest.mark.parametrize(
    ("name", "part"),
    (
        pytest.param("message_2", INITIATOR, marks=pytest.mark.requirement("EPP-SES-013", "EPP-SES-016")),
        pytest.param("message_3", RESPONDER, marks=pytest.mark.requirement("EPP-SES-013", "EPP-SES-016")),
        pytest.param("message_4", INITIATOR, marks=pytest.mark.requirement("EPP-SES-015", "EPP-SES-016")),
    ),
    ids=lambda found: found if isinstance(found, str) else "",
)
def test_altered_byte(stage: Stage, name: str, part: Part, run_level: Level) -> None:
    """A handshake message with any byte altered on the way is refused"""
    length = _lengths(stage, part)[name]
    before = prepare(stage, part)
    for position in _positions(length, run_level):
        set_purpose(stage, part)
        attack = Attack(
            codes=_codes(name, position),
            at=name,
            manner=_flipping(name, position),
        )
        refused_in_handshake(stage, part, attack)
    stage.unchanged(before, f"altered {name}")
    still_alive(stage)


def _flipping(name: str, position: int) -> Callable[[Stage, Identity], Manner]:
    manner = altering(name, lambda data: flipped(data, position, 1 << position % 8))
    return lambda *_: manner


@pytest.mark.requirement("EPP-SES-038", "EPP-SES-016")
def test_altered_byte_of_message_1(stage: Stage, run_level: Level) -> None:
    """A message_1 with any byte altered on the way is refused: membership covers all of it"""
    length = _lengths(stage, RESPONDER)["message_1"]
    before = prepare(stage, RESPONDER)
    for position in _positions(length, run_level):
        set_purpose(stage, RESPONDER)
        first_message(stage, RESPONDER)
        message = cbor.encode_sequence(0, 4, stage.world.random(32), b"") + VERSION_ITEM
        message += member_item(stage.world.scheme_key, message)
        reply = stage.deliver(flipped(message, position, 1 << position % 8), "message_1")
        stage.refused(reply, (Code.MALFORMED, Code.SUITE, Code.VERSION, Code.AUTHENTICATION), "message_1")
        stage.equal(reply.session, "closed", "session")
    stage.unchanged(before, "altered message_1")
    still_alive(stage)


VERSION_ITEM = cbor.encode_sequence(-65001, b"\x81\x01")

CUTS: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "head-only": lambda data: data[:1],
    "half": lambda data: data[: len(data) // 2],
    "last-byte-missing": lambda data: data[:-1],
    "trailing-byte": lambda data: data + b"\0",
    "twice": lambda data: data + data,
    "in-an-array": lambda data: b"\x81" + data,
    "in-a-byte-string": cbor.encode,
    "as-text": lambda data: flipped(data, 0, 0x20),
    "tagged": lambda data: b"\xd8\x40" + data,
}
"""Bytes that are not the one byte string."""

INNER: dict[str, Callable[[bytes], bytes]] = {
    "content-empty": lambda _: b"",
    "content-1-byte": lambda content: content[:1],
    "content-33-bytes": lambda content: (content * 3)[:33],
    "content-without-last-byte": lambda content: content[:-1],
    "content-with-one-more-byte": lambda content: content + b"\0",
    "content-zeros": lambda content: bytes(len(content)),
}
"""Other contents in a right byte string."""


@pytest.mark.requirement("EPP-SES-013", "EPP-SES-086", "EPP-SES-015", "EPP-SES-016")
@pytest.mark.parametrize("name", ("message_2", "message_3", "message_4"))
@pytest.mark.parametrize("cut", sorted(CUTS | INNER))
def test_cut(stage: Stage, cut: str, name: str) -> None:
    """A handshake message cut short or made longer is refused"""
    manner = altering(name, CUTS[cut] if cut in CUTS else lambda data: _content(data, INNER[cut]))
    codes: tuple[Code, ...] = (Code.AUTHENTICATION,)
    if cut in CUTS or (name == "message_2" and cut in {"content-empty", "content-1-byte"}):
        codes = (Code.MALFORMED,)
    if cut == "in-a-byte-string":
        codes = (Code.AUTHENTICATION,)
    part = RESPONDER if name == "message_3" else INITIATOR
    handshake_attack(stage, part, Attack(codes=codes, at=name, manner=lambda *_: manner))


def _content(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    content = cbor.decode(data)
    if not isinstance(content, bytes):
        raise TypeError("messages 2 to 4 are byte strings")
    return cbor.encode(change(content))
