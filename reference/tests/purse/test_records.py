"""Records: keys of each direction, implicit numbers, what is refused."""

import pytest

from eiraku.reference.crypto.aead import AES_CCM_16_64_128, CHACHA20_POLY1305, Aead
from eiraku.reference.edhoc.party import Credential, Established
from eiraku.reference.records import Channel, channel
from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.tables import Side

AEADS = (CHACHA20_POLY1305, AES_CCM_16_64_128)


LONGEST = 1_000


def pair(aead: Aead, prk: bytes = bytes(32)) -> tuple[Channel, Channel]:
    session = Established(
        peer=Credential(cred=b"\xf6", public_key=bytes(32), subject=None),
        peer_connection_id=b"",
        ead_4=(),
        prk_out=bytes(32),
        prk_exporter=prk,
    )
    initiator = channel(session, aead, Side.INITIATOR, LONGEST)
    return initiator, channel(session, aead, Side.RESPONDER, LONGEST)


def refused(receiver: Channel, record: bytes) -> Code:
    with pytest.raises(Refusal) as caught:
        receiver.open(record)
    return caught.value.code


@pytest.mark.parametrize("aead", AEADS, ids=lambda a: a.name)
def test_both_directions_count_for_themselves(aead: Aead) -> None:
    a, b = pair(aead)
    for n in range(3):
        record, a = a.seal(b"there %d" % n)
        message, b = b.open(record)
        assert message == b"there %d" % n
    record, b = b.seal(b"back")
    assert a.open(record)[0] == b"back"
    assert len(record) == 1 + 4 + aead.tag_length


@pytest.mark.parametrize("aead", AEADS, ids=lambda a: a.name)
def test_repeated_reordered_reflected_foreign_or_altered(aead: Aead) -> None:
    a, b = pair(aead)
    first, a1 = a.seal(b"first")
    second, _ = a1.seal(b"second")
    _, b1 = b.open(first)
    assert refused(b1, first) is Code.RECORD
    assert refused(b, second) is Code.RECORD
    assert refused(a, first) is Code.RECORD
    assert refused(pair(aead, bytes(31) + b"\x01")[1], first) is Code.RECORD
    assert refused(b, first[:-1] + bytes([first[-1] ^ 1])) is Code.RECORD
    assert b.open(first)[0] == b"first", "a refused record leaves the channel as it was"


@pytest.mark.parametrize(
    "record", (b"", b"\x00", b"\x80", b"\x40\x40", b"\x58\x05aaaaa", b"\x5f\xff", b"\x45aaaa", b"\x78\x40")
)
def test_not_one_byte_string(record: bytes) -> None:
    assert refused(pair(CHACHA20_POLY1305)[1], record) is Code.MALFORMED


def test_an_empty_byte_string_does_not_decrypt() -> None:
    assert refused(pair(CHACHA20_POLY1305)[1], b"\x40") is Code.RECORD


@pytest.mark.parametrize("aead", AEADS, ids=lambda a: a.name)
def test_the_longest_record(aead: Aead) -> None:
    a, b = pair(aead)
    longest, _ = a.seal(bytes(LONGEST))
    assert b.open(longest)[0] == bytes(LONGEST)
    with pytest.raises(ValueError, match="1000"):
        a.seal(bytes(LONGEST + 1))
    longer = cbor.encode(bytes(LONGEST + aead.tag_length + 1))
    assert refused(b, longer) is Code.TOO_LARGE
