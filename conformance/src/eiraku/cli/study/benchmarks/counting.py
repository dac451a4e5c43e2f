"""Counts the cryptographic operations of the reference while it runs, and times each one bare.

The floor of a piece of work is the sum, over its operations, of how often the protocol needs one and what it
costs when nothing else is done: keys that a purse keeps are loaded, keys that arrive are bytes. Plain
SHA-256 digests and the encoding of messages are not in the floor.
"""

import hmac
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from unittest import mock

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from eiraku.reference.crypto import ed25519, hkdf, x25519
from eiraku.reference.crypto.aead import Aead

SIGN = "Ed25519 signature"
VERIFY = "Ed25519 verification"
KEY_PAIR = "X25519 key pair"
AGREE = "X25519 agreement"
SEAL = "ChaCha20-Poly1305 seal"
OPEN = "ChaCha20-Poly1305 open"
HMAC = "HMAC-SHA-256"

OPERATIONS = (SIGN, VERIFY, KEY_PAIR, AGREE, SEAL, OPEN, HMAC)


@contextmanager
def counting() -> Iterator[Counter[str]]:
    """Count what the reference does meanwhile. Costs time itself: never count and time in one go."""
    seen: Counter[str] = Counter()

    def extract(salt: bytes, ikm: bytes, plain: Callable[..., bytes] = hkdf.extract) -> bytes:
        seen[HMAC] += 1
        return plain(salt, ikm)

    def expand(prk: bytes, info: bytes, length: int, plain: Callable[..., bytes] = hkdf.expand) -> bytes:
        seen[HMAC] += -(-length // hkdf.HASH_LENGTH)
        return plain(prk, info, length)

    with (
        mock.patch.object(ed25519.SigningKey, "sign", _counted(seen, SIGN, ed25519.SigningKey.sign)),
        mock.patch.object(ed25519, "verify", _counted(seen, VERIFY, ed25519.verify)),
        mock.patch.object(
            x25519.AgreementKey, "__init__", _counted(seen, KEY_PAIR, x25519.AgreementKey.__init__)
        ),
        mock.patch.object(x25519.AgreementKey, "agree", _counted(seen, AGREE, x25519.AgreementKey.agree)),
        mock.patch.object(Aead, "seal", _counted(seen, SEAL, Aead.seal)),
        mock.patch.object(Aead, "open", _counted(seen, OPEN, Aead.open)),
        mock.patch.object(hkdf, "extract", extract),
        mock.patch.object(hkdf, "expand", expand),
    ):
        yield seen


def bare_costs(rounds: int = 400, size: int = 256) -> dict[str, float]:
    """Seconds of each operation alone, median of `rounds`; AEADs and HMACs over `size` bytes."""
    text = bytes(size)
    signer = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    signature = signer.sign(text)
    public = signer.public_key().public_bytes_raw()
    agreement = X25519PrivateKey.from_private_bytes(bytes(range(32)))
    peer = X25519PrivateKey.from_private_bytes(bytes(range(1, 33))).public_key().public_bytes_raw()
    sealed = ChaCha20Poly1305(bytes(32)).encrypt(bytes(12), text, b"")
    work: dict[str, Callable[[], object]] = {
        SIGN: lambda: signer.sign(text),
        VERIFY: lambda: Ed25519PublicKey.from_public_bytes(public).verify(signature, text),
        KEY_PAIR: lambda: X25519PrivateKey.from_private_bytes(text[:32]).public_key().public_bytes_raw(),
        AGREE: lambda: agreement.exchange(X25519PublicKey.from_public_bytes(peer)),
        SEAL: lambda: ChaCha20Poly1305(bytes(32)).encrypt(bytes(12), text, b""),
        OPEN: lambda: ChaCha20Poly1305(bytes(32)).decrypt(bytes(12), sealed, b""),
        HMAC: lambda: hmac.digest(bytes(32), text, "sha256"),
    }
    return {name: _median(call, rounds) for name, call in work.items()}


def floor(counts: Counter[str], costs: dict[str, float]) -> float:
    """Seconds that the counted operations take when nothing else is done."""
    return sum(counts[name] * costs[name] for name in counts)


def _counted(seen: Counter[str], name: str, plain: Callable[..., object]) -> Callable[..., object]:
    def counted(*arguments: object, **named: object) -> object:
        seen[name] += 1
        return plain(*arguments, **named)

    return counted


def _median(call: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        begun = time.perf_counter()
        call()
        times.append(time.perf_counter() - begun)
    return statistics.median(times)
