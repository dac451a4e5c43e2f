"""The key schedule of EDHOC for method 0 (RFC 9528 section 4): one function per named value.

Suites 0 and 4 share SHA-256, X25519 and EdDSA and differ in the AEAD. With signatures on both sides
PRK_2e = PRK_3e2m = PRK_4e3m, called `prk` here, and every MAC is as long as the hash. Transcript hashes and
PRKs are 32 bytes. Arguments `id_cred`, `cred` and `ead` are encodings: a CBOR map, a CBOR item, a sequence.
"""

import hashlib
from dataclasses import dataclass

from eiraku.reference.crypto import hkdf
from eiraku.reference.crypto.aead import AES_CCM_16_64_128, CHACHA20_POLY1305, Aead
from eiraku.spec import cbor

# info_label of EDHOC_KDF (RFC 9528 figure 6); those of static keys and of EDHOC_KeyUpdate are left out.
KEYSTREAM_2 = 0
MAC_2 = 2
K_3 = 3
IV_3 = 4
MAC_3 = 6
PRK_OUT = 7
K_4 = 8
IV_4 = 9
PRK_EXPORTER = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A cipher suite, as far as suites 0 and 4 differ."""

    number: int
    aead: Aead


SUITES = {
    0: Suite(number=0, aead=AES_CCM_16_64_128),
    4: Suite(number=4, aead=CHACHA20_POLY1305),
}


def digest(message: bytes) -> bytes:
    """H()."""
    return hashlib.sha256(message).digest()


def info(label: int, context: bytes, length: int) -> bytes:
    """The `info` of EDHOC_KDF (section 4.1.2)."""
    return cbor.encode_sequence(label, context, length)


def kdf(prk: bytes, label: int, context: bytes, length: int) -> bytes:
    """EDHOC_KDF (section 4.1.2): `length` bytes. Raises ValueError beyond 8160."""
    return hkdf.expand(prk, info(label, context, length), length)


def th_2(g_y: bytes, message_1_digest: bytes) -> bytes:
    """TH_2 = H(G_Y, H(message_1))."""
    return digest(cbor.encode_sequence(g_y, message_1_digest))


def next_th(th: bytes, plaintext: bytes, cred: bytes) -> bytes:
    """TH_3 from TH_2, PLAINTEXT_2 and CRED_R; TH_4 from TH_3, PLAINTEXT_3 and CRED_I."""
    return digest(cbor.encode(th) + plaintext + cred)


def prk_2e(th_2: bytes, g_xy: bytes) -> bytes:
    """PRK_2e, from the ECDH shared secret."""
    return hkdf.extract(th_2, g_xy)


def keystream_2(prk: bytes, th_2: bytes, length: int) -> bytes:
    """KEYSTREAM_2, as long as PLAINTEXT_2."""
    return kdf(prk, KEYSTREAM_2, th_2, length)


def xor(left: bytes, right: bytes) -> bytes:
    """Bitwise exclusive or of two strings of one length."""
    n = int.from_bytes(left, "big") ^ int.from_bytes(right, "big")
    return n.to_bytes(len(left), "big")


def context(id_cred: bytes, th: bytes, cred: bytes, ead: bytes, *, c_r: bytes = b"") -> bytes:
    """context_2 (section 5.3.2), which begins with C_R as it travels, or context_3 (section 5.4.2)."""
    return c_r + id_cred + cbor.encode(th) + cred + ead


def mac(prk: bytes, label: int, context: bytes) -> bytes:
    """MAC_2 or MAC_3, by `label`."""
    return kdf(prk, label, context, hkdf.HASH_LENGTH)


def to_be_signed(id_cred: bytes, th: bytes, cred: bytes, ead: bytes, mac: bytes) -> bytes:
    """The Sig_structure under Signature_or_MAC_2 and _3 (sections 5.3.2 and 5.4.2)."""
    return cbor.encode(("Signature1", id_cred, cbor.encode(th) + cred + ead, mac))


def enc_structure(th: bytes) -> bytes:
    """A_3 or A_4: the associated data of CIPHERTEXT_3 or _4 (RFC 9052 section 5.3)."""
    return cbor.encode(("Encrypt0", b"", th))


def seal(suite: Suite, prk: bytes, th: bytes, labels: tuple[int, int], plaintext: bytes) -> bytes:
    """CIPHERTEXT_3 or _4; `labels` are those of its key and its IV."""
    key, iv = _key_iv(suite, prk, th, labels)
    return suite.aead.seal(key, iv, enc_structure(th), plaintext)


def open_(suite: Suite, prk: bytes, th: bytes, labels: tuple[int, int], ciphertext: bytes) -> bytes:
    """The inverse of `seal`. Raises aead.CannotOpen."""
    key, iv = _key_iv(suite, prk, th, labels)
    return suite.aead.open(key, iv, enc_structure(th), ciphertext)


def _key_iv(suite: Suite, prk: bytes, th: bytes, labels: tuple[int, int]) -> tuple[bytes, bytes]:
    return (
        kdf(prk, labels[0], th, suite.aead.key_length),
        kdf(prk, labels[1], th, suite.aead.nonce_length),
    )


def prk_out(prk: bytes, th_4: bytes) -> bytes:
    """PRK_out (section 4.1.3)."""
    return kdf(prk, PRK_OUT, th_4, hkdf.HASH_LENGTH)


def prk_exporter(prk_out: bytes) -> bytes:
    """PRK_exporter (section 4.2.1); EDHOC_Exporter is `kdf` under it."""
    return kdf(prk_out, PRK_EXPORTER, b"", hkdf.HASH_LENGTH)
