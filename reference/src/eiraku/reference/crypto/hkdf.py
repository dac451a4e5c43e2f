"""HKDF with SHA-256 (RFC 5869)."""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

HASH_LENGTH = 32

_SHA256 = SHA256()


def extract(salt: bytes, ikm: bytes) -> bytes:
    """Pseudorandom key of 32 bytes."""
    return HKDF.extract(_SHA256, salt, ikm)


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    """`length` bytes of output. Raises ValueError beyond 255 * 32 bytes."""
    return HKDFExpand(_SHA256, length, info).derive(prk)
