"""Counts the cryptographic operations of the reference while it runs, each with the length it works on.

Plain SHA-256 digests and the encoding of messages are not counted, and so not in any floor.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, TypeAlias
from unittest import mock

from eiraku.reference.crypto import ed25519, hkdf, x25519
from eiraku.reference.crypto.aead import Aead

SIGN = "Ed25519 signature"
VERIFY = "Ed25519 verification"
KEY_PAIR = "X25519 key pair"
AGREE = "X25519 agreement"
SEAL = "ChaCha20-Poly1305 seal"
OPEN = "ChaCha20-Poly1305 open"
EXTRACT = "HKDF extraction"
EXPAND = "HKDF expansion"

OPERATIONS = (SIGN, VERIFY, KEY_PAIR, AGREE, SEAL, OPEN, EXTRACT, EXPAND)


class Operation(NamedTuple):
    """One operation. `size`: bytes signed, sealed, opened, extracted from or expanded to; 0 for X25519."""

    name: str
    size: int


Counts: TypeAlias = Counter[Operation]


def by_name(counts: Counts) -> Counter[str]:
    """Whatever the sizes."""
    found: Counter[str] = Counter()
    for operation, count in counts.items():
        found[operation.name] += count
    return found


@contextmanager
def counting() -> Iterator[Counts]:
    """Count what the reference does meanwhile. Costs time itself: never count and time in one go."""
    seen: Counts = Counter()

    def counted(name: str, plain: Callable[..., Any], size: Callable[..., int]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            seen[Operation(name, size(*arguments, **named))] += 1
            return plain(*arguments, **named)

        return call

    places: tuple[tuple[Any, str, str, Callable[..., int]], ...] = (
        (ed25519.SigningKey, "sign", SIGN, lambda _, message: len(message)),
        (ed25519, "verify", VERIFY, lambda _public, message, _signature: len(message)),
        (x25519.AgreementKey, "__init__", KEY_PAIR, lambda _, _private: 0),
        (x25519.AgreementKey, "agree", AGREE, lambda _, _peer: 0),
        (Aead, "seal", SEAL, lambda _, _key, _nonce, _aad, plaintext: len(plaintext)),
        (Aead, "open", OPEN, lambda aead, _key, _nonce, _aad, text: max(len(text) - aead.tag_length, 0)),
        (hkdf, "extract", EXTRACT, lambda _salt, ikm: len(ikm)),
        (hkdf, "expand", EXPAND, lambda _prk, _info, length: length),
    )
    patches = [
        mock.patch.object(where, attribute, counted(name, getattr(where, attribute), size))
        for where, attribute, name, size in places
    ]
    for patch in patches:
        patch.start()
    try:
        yield seen
    finally:
        for patch in patches:
            patch.stop()
