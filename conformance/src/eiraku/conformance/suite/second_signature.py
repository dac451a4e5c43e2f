"""A second valid signature of one message by one key: Ed25519 signers choose R, verifiers cannot tell."""

from hashlib import sha512

from eiraku.reference.crypto.ed25519 import SigningKey

ORDER_OF_BASE = 2**252 + 27742317777372353535851937790883648493


def signed_again(seed: bytes, other: bytes, message: bytes) -> bytes:
    """A second valid signature of a message by the key of `seed`; `other` (32 bytes) decides its R."""

    def scalar(secret: bytes) -> int:
        digest = bytearray(sha512(secret).digest()[:32])
        digest[0] &= 248
        digest[31] = digest[31] & 127 | 64
        return int.from_bytes(digest, "little")

    point = SigningKey(other).public
    public = SigningKey(seed).public
    challenge = int.from_bytes(sha512(point + public + message).digest(), "little")
    total = (scalar(other) + challenge * scalar(seed)) % ORDER_OF_BASE
    return point + total.to_bytes(32, "little")
