"""Ed25519 (RFC 8032) with the one verification rule of EPP/1: cofactorless, canonical, no small-order points.

libsodium computes: it verifies in about half of OpenSSL's time. The checks of encodings and orders are ours
and do not rely on what the library checks too, which has changed from release to release.
"""

import hashlib

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair
from nacl.exceptions import BadSignatureError

_P = 2**255 - 19
_L = 2**252 + 27742317777372353535851937790883648493
_Y_MASK = 2**255 - 1
_D = -121665 * pow(121666, -1, _P) % _P

# The y coordinates of the eight points whose order divides 8. Both points with x = 0 (y = 1 and y = -1) are
# among them, so refusing these y also refuses x = 0 with the sign bit set.
_Y_ORDER_8 = int.from_bytes(
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"), "little"
)
_SMALL_ORDER_Y = frozenset({0, 1, _P - 1, _Y_ORDER_8, _P - _Y_ORDER_8})


class SigningKey:
    """A private key, loaded once: deriving the public half costs as much as a signature."""

    __slots__ = ("_secret", "public")

    public: bytes
    """Public key, 32 bytes."""

    def __init__(self, seed: bytes) -> None:
        """Load the 32-byte seed of RFC 8032 section 5.1.5. Raises ValueError for another length."""
        if len(seed) != 32:
            raise ValueError(f"an Ed25519 seed has 32 bytes, not {len(seed)}")
        self.public, self._secret = crypto_sign_seed_keypair(seed)

    def __repr__(self) -> str:
        return f"SigningKey(public={self.public.hex()})"

    def sign(self, message: bytes) -> bytes:
        """Signature over `message`, 64 bytes (R || S); deterministic."""
        return crypto_sign(message, self._secret)[:64]


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the 64-byte `signature` over `message` verifies under the 32-byte `public` key.

    Never raises for what a peer sent: wrong lengths and bad points are just not verified.
    """
    # EPP-KEY-002
    if not acceptable_point(public):
        return False
    # EPP-KEY-003
    if len(signature) != 64 or not acceptable_point(signature[:32]):
        return False
    # EPP-KEY-004
    if int.from_bytes(signature[32:], "little") >= _L:
        return False
    try:
        # EPP-KEY-001
        crypto_sign_open(signature + message, public)
    except BadSignatureError:
        return False
    return True


def sound_key(public: bytes) -> bool:
    """Whether 32 bytes are a key under which something could verify (EPP-KEY-002)."""
    if not acceptable_point(public):
        return False
    y = int.from_bytes(public, "little") & _Y_MASK
    # x^2 = (y^2 - 1) / (d y^2 + 1): a square, or there is no such point; 0 is of small order
    u, v = y * y - 1, _D * y * y + 1
    return pow(u * v, (_P - 1) // 2, _P) == 1


def acceptable_point(encoded: bytes) -> bool:
    """Whether 32 bytes have a canonical y and are not one of the eight small-order points.

    That the point is on the curve is found out by `verify`.
    """
    if len(encoded) != 32:
        return False
    y = int.from_bytes(encoded, "little") & _Y_MASK
    return y < _P and y not in _SMALL_ORDER_Y


def key_id(public: bytes) -> bytes:
    """Key identifier (chapter 3): the first 8 bytes of SHA-256 of the 32-byte public key."""
    return hashlib.sha256(public).digest()[:8]
