"""HKDF with SHA-256 (RFC 5869)."""

import hmac

HASH_LENGTH = 32


def extract(salt: bytes, ikm: bytes) -> bytes:
    """Pseudorandom key of 32 bytes."""
    return hmac.digest(salt, ikm, "sha256")


def expand(prk: bytes, info: bytes, length: int) -> bytes:
    """`length` bytes of output. Raises ValueError beyond 255 * 32 bytes."""
    if not 0 <= length <= 255 * HASH_LENGTH:
        raise ValueError(f"HKDF cannot expand to {length} bytes")
    block, out = b"", b""
    counter = 1
    while len(out) < length:
        block = hmac.digest(prk, block + info + bytes([counter]), "sha256")
        out += block
        counter += 1
    return out[:length]
