"""HPKE base mode, one shot (RFC 9180): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.

Written from the primitives because the ephemeral key is an argument here: the purse's randomness is
injected, so that a run can be repeated byte for byte.
A sealed text is enc || ciphertext, 48 bytes longer than the plaintext.
"""

from eiraku.reference.crypto import hkdf
from eiraku.reference.crypto.aead import CHACHA20_POLY1305, CannotOpen
from eiraku.reference.crypto.x25519 import AgreementKey, LowOrderPoint

ENC_LENGTH = 32

_KEM = b"KEM" + (0x0020).to_bytes(2, "big")
_SUITE = b"HPKE" + b"".join(n.to_bytes(2, "big") for n in (0x0020, 0x0001, 0x0003))


def seal(public: bytes, info: bytes, plaintext: bytes, *, ephemeral: bytes, aad: bytes = b"") -> bytes:
    """Seal for the holder of the 32-byte X25519 key `public`; `ephemeral`: 32 random bytes, never reused.

    Raises ValueError if `public` has small order or another length: it comes from the anchor, not a peer.
    """
    key = AgreementKey(ephemeral)
    try:
        shared = key.agree(public)
    except LowOrderPoint:
        raise ValueError("recipient key of small order") from None
    secret, nonce = _schedule(shared, key.public + public, info)
    return key.public + CHACHA20_POLY1305.seal(secret, nonce, aad, plaintext)


def open_(private: AgreementKey, info: bytes, sealed: bytes, *, aad: bytes = b"") -> bytes:
    """Open what `seal` made for `private.public` under the same `info` and `aad`. Raises CannotOpen."""
    enc = sealed[:ENC_LENGTH]
    if len(enc) < ENC_LENGTH:
        raise CannotOpen
    try:
        shared = private.agree(enc)
    except LowOrderPoint:
        raise CannotOpen from None
    secret, nonce = _schedule(shared, enc + private.public, info)
    return CHACHA20_POLY1305.open(secret, nonce, aad, sealed[ENC_LENGTH:])


def _schedule(dh: bytes, kem_context: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Key and nonce of the first message (RFC 9180 sections 4.1 and 5.1, mode_base)."""
    eae_prk = _extract(_KEM, b"", b"eae_prk", dh)
    shared = _expand(_KEM, eae_prk, b"shared_secret", kem_context, 32)
    context = _BASE + _extract(_SUITE, b"", b"info_hash", info)
    secret = _extract(_SUITE, shared, b"secret", b"")
    return (
        _expand(_SUITE, secret, b"key", context, CHACHA20_POLY1305.key_length),
        _expand(_SUITE, secret, b"base_nonce", context, CHACHA20_POLY1305.nonce_length),
    )


def _extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hkdf.extract(salt, b"HPKE-v1" + suite + label + ikm)


def _expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    return hkdf.expand(prk, length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info, length)


# Mode base and the digest of no pre-shared key, the same for every message.
_BASE = b"\x00" + _extract(_SUITE, b"", b"psk_id_hash", b"")
