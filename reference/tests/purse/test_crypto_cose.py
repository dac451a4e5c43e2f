"""COSE_Sign1: form, contexts, each refusal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey, verify
from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal

KEY = SigningKey(bytes(range(32)))
KID = b"\x01\x02\x03\x04\x05\x06\x07\x08"
UNIT = b"EPP/1 unit"


@pytest.mark.parametrize("kid", (None, KID))
def test_form(kid: bytes | None) -> None:
    data = cose.sign(KEY, UNIT, b"payload", kid=kid)
    header: cbor.Map = {1: -8} if kid is None else {1: -8, 4: kid}
    protected = cbor.encode(header)
    array = cbor.decode(data)
    assert isinstance(array, tuple)
    signature = array[3]
    assert isinstance(signature, bytes)
    assert array == (protected, {}, b"payload", signature)
    # RFC 9052 section 4.4, written out.
    assert verify(KEY.public, cbor.encode(("Signature1", protected, UNIT, b"payload")), signature)
    signed = cose.parse(data)
    assert signed == cose.Sign1(kid=kid, payload=b"payload", signature=signature)
    assert cose.verify(KEY.public, UNIT, signed)
    assert cose.sign_detached(KEY, UNIT, b"payload", kid=kid) == signature
    assert cose.verify_detached(KEY.public, UNIT, b"payload", signature, kid=kid)


def test_whatever_is_signed_is_verified() -> None:
    signed = cose.parse(cose.sign(KEY, UNIT, b"payload", kid=KID))
    signature = signed.signature
    assert not cose.verify(KEY.public, b"EPP/1 endorsement", signed)
    assert not cose.verify(KEY.public, b"", signed)
    assert not cose.verify(SigningKey(bytes(32)).public, UNIT, signed)
    assert not cose.verify_detached(KEY.public, UNIT, b"Payload", signature, kid=KID)
    assert not cose.verify_detached(KEY.public, UNIT, b"payload", signature)
    assert not cose.verify_detached(KEY.public, UNIT, b"payload", signature, kid=bytes(8))
    assert not cose.verify_detached(KEY.public, UNIT, b"payload", signature[:63], kid=KID)


SIGNATURE = bytes(64)
GOOD = cbor.encode({1: -8})
BAD: tuple[tuple[str, cbor.Item, str], ...] = (
    ("not an array", b"", "EPP-ENC-008"),
    ("three items", (GOOD, {}, b""), "EPP-ENC-008"),
    ("five items", (GOOD, {}, b"", SIGNATURE, 0), "EPP-ENC-008"),
    ("protected as map", ({1: -8}, {}, b"", SIGNATURE), "EPP-ENC-008"),
    ("unprotected as array", (GOOD, (), b"", SIGNATURE), "EPP-ENC-008"),
    ("detached payload", (GOOD, {}, None, SIGNATURE), "EPP-ENC-008"),
    ("payload as text", (GOOD, {}, "", SIGNATURE), "EPP-ENC-008"),
    ("short signature", (GOOD, {}, b"", SIGNATURE[:63]), "EPP-ENC-008"),
    ("long signature", (GOOD, {}, b"", bytes(65)), "EPP-ENC-008"),
    ("unprotected kid", (GOOD, {4: KID}, b"", SIGNATURE), "EPP-KEY-005"),
    ("no header", (b"", {}, b"", SIGNATURE), "EPP-KEY-005"),
    ("empty header map", (b"\xa0", {}, b"", SIGNATURE), "EPP-KEY-005"),
    ("another algorithm", (cbor.encode({1: -7}), {}, b"", SIGNATURE), "EPP-KEY-005"),
    ("critical header", (cbor.encode({1: -8, 2: (4,), 4: KID}), {}, b"", SIGNATURE), "EPP-KEY-005"),
    ("kid of 7 bytes", (cbor.encode({1: -8, 4: KID[:7]}), {}, b"", SIGNATURE), "EPP-KEY-005"),
    ("kid of 9 bytes", (cbor.encode({1: -8, 4: KID + b"x"}), {}, b"", SIGNATURE), "EPP-KEY-005"),
    ("kid as text", (cbor.encode({1: -8, 4: "12345678"}), {}, b"", SIGNATURE), "EPP-KEY-005"),
    ("kid without algorithm", (cbor.encode({4: KID}), {}, b"", SIGNATURE), "EPP-KEY-005"),
    ("header with a tail", (GOOD + b"\x00", {}, b"", SIGNATURE), "EPP-KEY-005"),
)


@pytest.mark.parametrize(("item", "requirement"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
def test_refused(item: cbor.Item, requirement: str) -> None:
    with pytest.raises(Refusal) as caught:
        cose.parse(cbor.encode(item))
    assert caught.value.code is Code.MALFORMED
    assert caught.value.requirement == requirement


def test_tag_and_tail_and_size_refused() -> None:
    data = cose.sign(KEY, UNIT, b"payload")
    for bad, code in ((b"\xd2" + data, Code.MALFORMED), (data + b"\x00", Code.MALFORMED)):
        with pytest.raises(Refusal) as caught:
            cose.parse(bad)
        assert caught.value.code is code
    with pytest.raises(Refusal) as caught:
        cose.parse(data, limit=len(data) - 1)
    assert caught.value.code is Code.TOO_LARGE
    with pytest.raises(ValueError, match="8 bytes"):
        cose.sign(KEY, UNIT, b"", kid=b"short")


@given(st.data())
def test_tampering(data: st.DataObject) -> None:
    raw = bytearray(cose.sign(KEY, UNIT, b"payload", kid=KID))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    try:
        signed = cose.parse(bytes(raw))
    except Refusal:
        return
    assert not cose.verify(KEY.public, UNIT, signed)
