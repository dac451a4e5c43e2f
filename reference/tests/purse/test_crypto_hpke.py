"""HPKE, HKDF and AEADs: published vectors, and two libraries' HPKE as second and third implementation."""

import pytest
from cryptography.hazmat.primitives import hpke as library
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st
from pyhpke import AEADId, CipherSuite, KDFId, KEMId, KEMKey, KEMKeyPair

from eiraku.reference.crypto import hkdf, hpke
from eiraku.reference.crypto.aead import AES_CCM_16_64_128, CHACHA20_POLY1305, Aead, CannotOpen
from eiraku.reference.crypto.x25519 import AgreementKey, LowOrderPoint

# RFC 9180 appendix A.2.1 and A.2.1.1, sequence number 0.
SK_E = bytes.fromhex("f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600")
PK_E = bytes.fromhex("1afa08d3dec047a643885163f1180476fa7ddb54c6a8029ea33f95796bf2ac4a")
SK_R = bytes.fromhex("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb")
PK_R = bytes.fromhex("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a")
INFO = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
AAD = bytes.fromhex("436f756e742d30")
PLAINTEXT = bytes.fromhex("4265617574792069732074727574682c20747275746820626561757479")
CIPHERTEXT = bytes.fromhex(
    "1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b60b4db21993c62ce81883d2dd1b51a28"
)
KEY = bytes.fromhex("ad2744de8e17f4ebba575b3f5f5a8fa1f69c2a07f6e7500bc60ca6e3e3ec1c91")
NONCE = bytes.fromhex("5c4d98150661b848853b547f")

SUITE = library.Suite(library.KEM.X25519, library.KDF.HKDF_SHA256, library.AEAD.CHACHA20_POLY1305)
PYHPKE = CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId.HKDF_SHA256, AEADId.CHACHA20_POLY1305)
RECIPIENT = AgreementKey(SK_R)

# Small-order u coordinates of Curve25519 and of its twist, with their non-canonical forms (RFC 7748).
LOW_ORDER = (
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
)


def test_rfc_9180() -> None:
    assert AgreementKey(SK_E).public == PK_E
    assert RECIPIENT.public == PK_R
    assert hpke._schedule(RECIPIENT.agree(PK_E), PK_E + PK_R, INFO) == (KEY, NONCE)
    assert hpke.seal(PK_R, INFO, PLAINTEXT, ephemeral=SK_E, aad=AAD) == PK_E + CIPHERTEXT
    assert hpke.open_(RECIPIENT, INFO, PK_E + CIPHERTEXT, aad=AAD) == PLAINTEXT


@settings(max_examples=30)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80), st.binary(max_size=300))
def test_with_the_library(ephemeral: bytes, info: bytes, plaintext: bytes) -> None:
    sealed = hpke.seal(PK_R, info, plaintext, ephemeral=ephemeral)
    assert len(sealed) == len(plaintext) + 48
    assert SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(SK_R), info) == plaintext
    theirs = SUITE.encrypt(plaintext, X25519PublicKey.from_public_bytes(PK_R), info)
    assert hpke.open_(RECIPIENT, info, theirs) == plaintext


@settings(max_examples=30)
@given(
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=32, max_size=32),
    st.binary(max_size=80),
    st.binary(max_size=40),
    st.binary(max_size=300),
)
def test_with_pyhpke(ephemeral: bytes, private: bytes, info: bytes, aad: bytes, plaintext: bytes) -> None:
    recipient = AgreementKey(private)
    sender = X25519PrivateKey.from_private_bytes(ephemeral)
    pair = KEMKeyPair(
        KEMKey.from_pyca_cryptography_key(sender), KEMKey.from_pyca_cryptography_key(sender.public_key())
    )
    theirs = KEMKey.from_pyca_cryptography_key(X25519PublicKey.from_public_bytes(recipient.public))
    enc, context = PYHPKE.create_sender_context(theirs, info, eks=pair)
    # it takes the ephemeral key as we do, so the bytes are the same and not only open
    sealed = enc + context.seal(plaintext, aad)
    assert hpke.seal(recipient.public, info, plaintext, ephemeral=ephemeral, aad=aad) == sealed
    assert hpke.open_(recipient, info, sealed, aad=aad) == plaintext


def test_every_byte_counts() -> None:
    sealed = hpke.seal(PK_R, INFO, PLAINTEXT, ephemeral=SK_E)
    for at in range(len(sealed)):
        bad = bytearray(sealed)
        bad[at] ^= 0x01
        with pytest.raises(CannotOpen):
            hpke.open_(RECIPIENT, INFO, bytes(bad))
    for length in (0, 31, 32, 47, len(sealed) - 1):
        with pytest.raises(CannotOpen):
            hpke.open_(RECIPIENT, INFO, sealed[:length])
    with pytest.raises(CannotOpen):
        hpke.open_(RECIPIENT, INFO + b"x", sealed)
    with pytest.raises(CannotOpen):
        hpke.open_(RECIPIENT, INFO, sealed, aad=b"x")
    with pytest.raises(CannotOpen):
        hpke.open_(AgreementKey(SK_E), INFO, sealed)


@pytest.mark.parametrize("point", LOW_ORDER)
@pytest.mark.parametrize("top", (0x00, 0x80))
def test_low_order_points_refused(point: str, top: int) -> None:
    raw = bytearray.fromhex(point)
    raw[31] |= top  # X25519 ignores the top bit
    public = bytes(raw)
    with pytest.raises(LowOrderPoint):
        RECIPIENT.agree(public)
    with pytest.raises(ValueError, match="small order"):
        hpke.seal(public, INFO, PLAINTEXT, ephemeral=SK_E)
    with pytest.raises(CannotOpen):
        hpke.open_(RECIPIENT, INFO, public + CIPHERTEXT)


def test_agreement_lengths() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        RECIPIENT.agree(bytes(31))
    with pytest.raises(ValueError, match="32 bytes"):
        AgreementKey(bytes(33))
    assert SK_R.hex() not in repr(RECIPIENT)


def test_rfc_5869() -> None:
    # Appendix A.1 and A.3.
    prk = hkdf.extract(bytes.fromhex("000102030405060708090a0b0c"), b"\x0b" * 22)
    assert prk.hex() == "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"
    assert hkdf.expand(prk, bytes.fromhex("f0f1f2f3f4f5f6f7f8f9"), 42).hex() == (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    )
    prk = hkdf.extract(b"", b"\x0b" * 22)
    assert hkdf.expand(prk, b"", 42).hex() == (
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    )
    assert hkdf.expand(prk, b"", 0) == b""
    assert len(hkdf.expand(prk, b"", 8160)) == 8160
    with pytest.raises(ValueError, match="8160"):
        hkdf.expand(prk, b"", 8161)


@pytest.mark.parametrize("aead", (AES_CCM_16_64_128, CHACHA20_POLY1305), ids=lambda a: a.name)
def test_aead(aead: Aead) -> None:
    key, nonce = bytes(range(aead.key_length)), bytes(aead.nonce_length)
    sealed = aead.seal(key, nonce, b"aad", b"text")
    assert len(sealed) == 4 + aead.tag_length
    assert aead.open(key, nonce, b"aad", sealed) == b"text"
    assert aead.open(key, nonce, b"", aead.seal(key, nonce, b"", b"")) == b""
    with pytest.raises(CannotOpen):
        aead.open(key, nonce, b"AAD", sealed)
    for at in range(len(sealed)):
        with pytest.raises(CannotOpen):
            aead.open(key, nonce, b"aad", sealed[:at] + bytes([sealed[at] ^ 0x80]) + sealed[at + 1 :])
        with pytest.raises(CannotOpen):
            aead.open(key, nonce, b"aad", sealed[:at])
    for bad_key, bad_nonce in ((key + b"x", nonce), (key[1:], nonce), (key, nonce + b"x"), (key, nonce[1:])):
        with pytest.raises(ValueError, match=aead.name):
            aead.seal(bad_key, bad_nonce, b"", b"")
        with pytest.raises(ValueError, match=aead.name):
            aead.open(bad_key, bad_nonce, b"", sealed)
