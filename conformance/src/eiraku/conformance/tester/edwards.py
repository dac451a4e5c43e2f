"""Edwards25519 in plain integers, and signing keys that make the signatures on which verifiers disagree.

Nothing here is secret or in constant time. Points are affine pairs; RFC 8032 section 5.1 has the formulas.
"""

import hashlib
from dataclasses import dataclass
from typing import TypeAlias

from eiraku.reference.crypto.ed25519 import SigningKey

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P

Point: TypeAlias = tuple[int, int]
_Extended: TypeAlias = tuple[int, int, int, int]

IDENTITY: Point = (0, 1)


def add(a: Point, b: Point) -> Point:
    """Sum of two points."""
    return _affine(_sum(_extended(a), _extended(b)))


def multiply(n: int, point: Point) -> Point:
    """The point added n times, n >= 0."""
    found, power = _extended(IDENTITY), _extended(point)
    while n:
        if n & 1:
            found = _sum(found, power)
        power = _sum(power, power)
        n >>= 1
    return _affine(found)


def _sum(a: _Extended, b: _Extended) -> _Extended:
    # RFC 8032 section 5.1.4; complete, so it also doubles.
    (x1, y1, z1, t1), (x2, y2, z2, t2) = a, b
    minus, plus = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    c, d = 2 * D * t1 * t2 % P, 2 * z1 * z2 % P
    e, f, g, h = plus - minus, d - c, d + c, plus + minus
    return e * f % P, g * h % P, f * g % P, e * h % P


def _extended(point: Point) -> _Extended:
    x, y = point
    return x, y, 1, x * y % P


def _affine(point: _Extended) -> Point:
    x, y, z, _ = point
    inverse = pow(z, -1, P)
    return x * inverse % P, y * inverse % P


def encode(point: Point) -> bytes:
    """32 bytes: y, and the sign of x in the highest bit."""
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def decode(encoded: bytes) -> Point:
    """The point, reading y modulo P as a careless verifier does. Raises ValueError off the curve."""
    n = int.from_bytes(encoded, "little")
    y, sign = (n & (1 << 255) - 1) % P, n >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P:
        raise ValueError("not on the curve")
    return (P - x if x & 1 != sign and x else x), y


BASE = decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
ORDER_8 = decode(bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"))
SMALL = tuple(multiply(n, ORDER_8) for n in range(8))
"""The points whose order divides 8; the one at index n is n times the one at index 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How a signature, or the key under which it is made, differs from an honest one."""

    key_torsion: int = 0
    """Index into SMALL of what is added to the public key."""
    key_is_small: bool = False
    """The public key is that point alone."""
    key_encoding: bytes | None = None
    """Encoding of the public key, if not the canonical one."""
    r_torsion: int = 0
    """Index into SMALL of what is added to R."""
    r_is_small: bool = False
    """R is that point alone."""
    r_encoding: bytes | None = None
    """Encoding of R, if not the canonical one."""
    s_plus_order: bool = False
    """S is sent as S + L."""
    holds: bool = True
    """Whether [S]B = R + [k]A is to hold without multiplying by the cofactor. With it, it always holds."""


HONEST = Form()


class CraftedKey(SigningKey):
    """A key that signs in another form. In the honest form it signs exactly as RFC 8032 says."""

    __slots__ = ("_form", "_key_point", "_prefix", "_scalar")

    def __init__(self, seed: bytes, form: Form = HONEST) -> None:
        """`seed`: 32 bytes. Raises ValueError if no signature can have the form."""
        super().__init__(seed)
        digest = hashlib.sha512(seed).digest()
        clamped = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
        self._prefix, self._form = digest[32:], form
        self._scalar = 0 if form.key_is_small else clamped
        self._key_point = add(multiply(self._scalar, BASE), SMALL[form.key_torsion])
        self.public = form.key_encoding or encode(self._key_point)

    def sign(self, message: bytes) -> bytes:
        """Signature over `message` in the form of the key, 64 bytes."""
        form = self._form
        r = 0
        if not form.r_is_small:
            r = int.from_bytes(hashlib.sha512(self._prefix + message).digest(), "little") % L
        point = add(multiply(r, BASE), SMALL[form.r_torsion])
        for _ in range(200):
            first = form.r_encoding or encode(point)
            digest = hashlib.sha512(first + self.public + message).digest()
            k = int.from_bytes(digest, "little") % L
            # What is left over of small order: R + [k]A - [S]B.
            left = SMALL[(form.r_torsion + k * form.key_torsion) % 8]
            if (left == IDENTITY) == form.holds:
                s = (r + k * self._scalar) % L + (L if form.s_plus_order else 0)
                return first + s.to_bytes(32, "little")
            if form.r_is_small:
                break
            r, point = (r + 1) % L, add(point, BASE)
        raise ValueError("no signature of this form over this message")


def _bytes(y: int, sign: int = 0) -> bytes:
    return (y | sign << 255).to_bytes(32, "little")


SIGNATURE_FORMS = {
    "S-plus-L": Form(s_plus_order=True),
    "R-identity": Form(r_is_small=True),
    "R-identity-y-plus-p": Form(r_is_small=True, r_encoding=_bytes(P + 1)),
    "R-identity-sign-of-zero": Form(r_is_small=True, r_encoding=_bytes(1, 1)),
    "R-order-8": Form(r_is_small=True, r_torsion=1, holds=False),
    "R-mixed-order": Form(r_torsion=1, holds=False),
}
"""Signatures under an honest key that some verifiers take."""

KEY_FORMS = {
    "A-identity": Form(key_is_small=True),
    "A-order-2": Form(key_is_small=True, key_torsion=4),
    "A-order-4": Form(key_is_small=True, key_torsion=2),
    "A-order-8": Form(key_is_small=True, key_torsion=1),
    "A-identity-y-plus-p": Form(key_is_small=True, key_encoding=_bytes(P + 1)),
    "A-identity-sign-of-zero": Form(key_is_small=True, key_encoding=_bytes(1, 1)),
    "A-order-2-sign-of-zero": Form(key_is_small=True, key_torsion=4, key_encoding=_bytes(P - 1, 1)),
    "A-order-4-y-plus-p": Form(key_is_small=True, key_torsion=2, key_encoding=_bytes(P, SMALL[2][0] & 1)),
    "A-mixed-order-cofactored": Form(key_torsion=1, holds=False),
}
"""Keys, with signatures under them, that some verifiers take."""

MIXED_ORDER = Form(key_torsion=1)
"""A key outside the prime-order group whose signature verifies all the same: not to be refused."""
