"""The floors: the same cryptographic operations over strings of the same lengths, and nothing else.

Two of them. OpenSSL's, by `cryptography`, computes everything. The best known takes the two curves from
libsodium, by PyNaCl, which is the faster there and the slower for the AEAD; it has no HKDF of its own.
Keys that a purse keeps are loaded; keys that arrive are bytes.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand
from nacl import bindings

from eiraku.cli.study.benchmarks.counting import (
    AGREE,
    EXPAND,
    EXTRACT,
    KEY_PAIR,
    OPEN,
    SEAL,
    SIGN,
    VERIFY,
    Counts,
    Operation,
)

Call: TypeAlias = Callable[[], object]
Make: TypeAlias = Callable[[int], Call]
"""From the length to work on, the operation ready to run."""

_SEED, _OTHER, _INFO, _NONCE = bytes(range(32)), bytes(range(1, 33)), bytes(45), bytes(12)
_SIGNER = Ed25519PrivateKey.from_private_bytes(_SEED)
_PUBLIC = _SIGNER.public_key().public_bytes_raw()
_AGREEMENT = X25519PrivateKey.from_private_bytes(_SEED)
_PEER = X25519PrivateKey.from_private_bytes(_OTHER).public_key().public_bytes_raw()
_SECRET = _SEED + _PUBLIC  # libsodium's form of a private key
_SHA256 = SHA256()


def _sign(size: int) -> Call:
    text = bytes(size)
    return lambda: _SIGNER.sign(text)


def _verify(size: int) -> Call:
    text = bytes(size)
    signature = _SIGNER.sign(text)
    return lambda: Ed25519PublicKey.from_public_bytes(_PUBLIC).verify(signature, text)


def _key_pair(_size: int) -> Call:
    return lambda: X25519PrivateKey.from_private_bytes(_OTHER).public_key().public_bytes_raw()


def _agree(_size: int) -> Call:
    return lambda: _AGREEMENT.exchange(X25519PublicKey.from_public_bytes(_PEER))


def _seal(size: int) -> Call:
    text = bytes(size)
    return lambda: ChaCha20Poly1305(_SEED).encrypt(_NONCE, text, b"")


def _open(size: int) -> Call:
    sealed = ChaCha20Poly1305(_SEED).encrypt(_NONCE, bytes(size), b"")
    return lambda: ChaCha20Poly1305(_SEED).decrypt(_NONCE, sealed, b"")


def _extract(size: int) -> Call:
    text = bytes(size)
    return lambda: HKDF.extract(_SHA256, _SEED, text)


def _expand(size: int) -> Call:
    return lambda: HKDFExpand(_SHA256, size, _INFO).derive(_SEED)


def _sodium_sign(size: int) -> Call:
    text = bytes(size)
    return lambda: bindings.crypto_sign(text, _SECRET)


def _sodium_verify(size: int) -> Call:
    signed = bindings.crypto_sign(bytes(size), _SECRET)
    return lambda: bindings.crypto_sign_open(signed, _PUBLIC)


def _sodium_key_pair(_size: int) -> Call:
    return lambda: bindings.crypto_scalarmult_base(_OTHER)


def _sodium_agree(_size: int) -> Call:
    return lambda: bindings.crypto_scalarmult(_SEED, _PEER)


OPENSSL: Mapping[str, Make] = {
    SIGN: _sign,
    VERIFY: _verify,
    KEY_PAIR: _key_pair,
    AGREE: _agree,
    SEAL: _seal,
    OPEN: _open,
    EXTRACT: _extract,
    EXPAND: _expand,
}
SODIUM: Mapping[str, Make] = {
    SIGN: _sodium_sign,
    VERIFY: _sodium_verify,
    KEY_PAIR: _sodium_key_pair,
    AGREE: _sodium_agree,
}
BEST: Mapping[str, Make] = {**OPENSSL, **SODIUM}


def floor(library: Mapping[str, Make], counts: Counts) -> Call:
    """All counted operations, one after the other."""
    calls = [call for one, count in counts.items() for call in [library[one.name](one.size)] * count]

    def run() -> None:
        for call in calls:
            call()

    return run


def repeated(library: Mapping[str, Make], name: str, times: int, size: int = 256) -> Call:
    """One operation over 256 bytes, `times` times: to time it alone."""
    return floor(library, Counter({Operation(name, size): times}))
