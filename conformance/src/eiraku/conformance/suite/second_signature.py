"""A second valid signature of one object by one key: Ed25519 signers choose R, verifiers cannot tell."""

from hashlib import sha512

from eiraku.reference.crypto.ed25519 import SigningKey, key_id
from eiraku.spec import cbor

ORDER_OF_BASE = 2**252 + 27742317777372353535851937790883648493


def signed_again(seed: bytes, other: bytes, context: bytes, payload: bytes) -> bytes:
    """A COSE_Sign1 with a second valid signature by the key of `seed`; `other` (32 bytes) decides its R."""
    protected = cbor.encode({1: -8, 4: key_id(SigningKey(seed).public)})
    message = cbor.encode(("Signature1", protected, context, payload))
    return cbor.encode((protected, {}, payload, _signature(seed, other, message)))


def _signature(seed: bytes, other: bytes, message: bytes) -> bytes:

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
