"""Ed25519: published vectors, points and scalars made with an arithmetic of this test's own, and OpenSSL."""

import hashlib
import json
from pathlib import Path
from typing import TypeAlias

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from eiraku.reference.crypto import ed25519

pytestmark = pytest.mark.slow

VECTORS = Path(__file__).resolve().parents[3] / "spec/src/eiraku/spec/vectors"

# RFC 8032 section 7.1: seed, public key, message, signature.
RFC_8032 = (
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
)

# Edwards arithmetic, affine and slow, for points that no library will make.
Point: TypeAlias = tuple[int, int]
P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)
ZERO: Point = (0, 1)


def add(a: Point, b: Point) -> Point:
    (x1, y1), (x2, y2) = a, b
    t = D * x1 * x2 * y1 * y2 % P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P,
    )


def times(n: int, a: Point) -> Point:
    total = ZERO
    while n:
        if n & 1:
            total = add(total, a)
        a = add(a, a)
        n >>= 1
    return total


def point(y: int, sign: int) -> Point | None:
    """The point with that y (mod p) and that parity of x, if there is one."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT_OF_MINUS_1 % P
    if x * x % P != square:
        return None
    return (x if x & 1 == sign else -x % P, y % P)


def encode(a: Point) -> bytes:
    return (a[1] | (a[0] & 1) << 255).to_bytes(32, "little")


def decode(raw: bytes) -> Point | None:
    """Lenient: a y of p or more is taken modulo p."""
    n = int.from_bytes(raw, "little")
    return point(n & (2**255 - 1), n >> 255)


def challenge(r: bytes, a: bytes, message: bytes) -> int:
    return int.from_bytes(hashlib.sha512(r + a + message).digest(), "little") % L


BASE = point(4 * pow(5, -1, P) % P, 0)
assert BASE is not None


def torsion() -> list[Point]:
    """The eight points of small order: L times points found by trial until one has order 8."""
    for y in range(2, 100):
        candidate = point(y, 0)
        if candidate is not None:
            generator = times(L, candidate)
            if times(4, generator) != ZERO:
                return [times(n, generator) for n in range(8)]
    raise AssertionError


TORSION = torsion()


def by_the_rule(public: bytes, message: bytes, signature: bytes) -> bool:
    """The rule of EPP-KEY-001 to 004, written out from its text."""
    assert BASE is not None
    a, r = decode(public), decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or a in TORSION or r in TORSION or s >= L:
        return False
    if encode(a) != public or encode(r) != signature[:32]:
        return False
    k = challenge(signature[:32], public, message)
    return times(s, BASE) == add(r, times(k, a))


def forge(secret: int, torsion_a: Point, nonce: int, torsion_r: Point, message: bytes) -> tuple[bytes, bytes]:
    """(public key, signature) whose points carry the given torsion; S answers for the prime-order part."""
    assert BASE is not None
    public = encode(add(times(secret, BASE), torsion_a))
    r = encode(add(times(nonce, BASE), torsion_r))
    s = (nonce + challenge(r, public, message) * secret) % L
    return public, r + s.to_bytes(32, "little")


def library(public: bytes, message: bytes, signature: bytes) -> bool:
    """OpenSSL, with no check of ours before it."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def agreed(public: bytes, message: bytes, signature: bytes) -> bool:
    """What `ed25519.verify` says, once OpenSSL behind the same checks of encodings has said so too."""
    answer = ed25519.verify(public, message, signature)
    well_formed = (
        ed25519.acceptable_point(public)
        and len(signature) == 64
        and ed25519.acceptable_point(signature[:32])
        and int.from_bytes(signature[32:], "little") < L
    )
    assert answer is (well_formed and library(public, message, signature))
    return answer


@pytest.mark.parametrize(("seed", "public", "message", "signature"), RFC_8032)
def test_rfc_8032(seed: str, public: str, message: str, signature: str) -> None:
    key = ed25519.SigningKey(bytes.fromhex(seed))
    assert key.public.hex() == public
    assert key.sign(bytes.fromhex(message)).hex() == signature
    assert agreed(key.public, bytes.fromhex(message), bytes.fromhex(signature))
    assert by_the_rule(key.public, bytes.fromhex(message), bytes.fromhex(signature))
    assert seed not in repr(key)


# Of the published cases only number 3 (A and R of mixed order, equation holds without the cofactor) verifies.
@pytest.mark.parametrize("number", range(12))
def test_taming_the_many_eddsas(number: int) -> None:
    case = json.loads((VECTORS / "ed25519.json").read_text())["cases"][number]
    public, message, signature = (bytes.fromhex(case[k]) for k in ("pub_key", "message", "signature"))
    assert agreed(public, message, signature) is (number == 3)
    assert by_the_rule(public, message, signature) is (number == 3)


def test_torsion_points() -> None:
    assert len(set(TORSION)) == 8
    assert {p[1] for p in TORSION} == ed25519._SMALL_ORDER_Y


def test_small_order_and_non_canonical_encodings() -> None:
    encodings = {encode(p) for p in TORSION}
    for p in TORSION:
        encodings.add((p[1] | 1 << 255).to_bytes(32, "little"))  # x = 0 with the sign bit set
        if p[1] + P < 2**255:
            encodings |= {(p[1] + P | sign << 255).to_bytes(32, "little") for sign in (0, 1)}
    assert len(encodings) == 14
    key = ed25519.SigningKey(bytes(32))
    for raw in encodings:
        assert not ed25519.acceptable_point(raw)
        assert not ed25519.verify(raw, b"m", key.sign(b"m"))
        assert not ed25519.verify(key.public, b"m", raw + key.sign(b"m")[32:])


def test_every_non_canonical_y() -> None:
    for y in range(P, 2**255):
        for sign in (0, 1):
            assert not ed25519.acceptable_point((y | sign << 255).to_bytes(32, "little"))
    assert ed25519.acceptable_point((P - 2).to_bytes(32, "little"))
    assert ed25519.acceptable_point((2).to_bytes(32, "little"))


def test_one_signature_for_every_message_is_refused() -> None:
    identity = encode(ZERO)
    signature = identity + bytes(32)
    for message in (b"pay 1", b"pay 1000"):
        assert library(identity, message, signature)  # the danger is real
        assert not ed25519.verify(identity, message, signature)


@pytest.mark.parametrize("order", (2, 4, 8))
def test_small_order_key_is_refused_although_the_equation_holds(order: int) -> None:
    assert BASE is not None
    a = next(p for p in TORSION if times(order, p) == ZERO and times(order // 2, p) != ZERO)
    r = times(12345, BASE)
    # [S]B = R + [k]A needs k divisible by the order of A: some message has it.
    message = next(
        m for m in (bytes([i]) for i in range(256)) if challenge(encode(r), encode(a), m) % order == 0
    )
    signature = encode(r) + (12345).to_bytes(32, "little")
    assert library(encode(a), message, signature)
    assert not ed25519.verify(encode(a), message, signature)


def test_small_order_r_is_refused_although_the_equation_holds() -> None:
    public, signature = forge(777, ZERO, 0, ZERO, b"m")  # nonce 0: R is the identity
    assert signature[:32] == encode(ZERO)
    assert library(public, b"m", signature)
    assert not ed25519.verify(public, b"m", signature)


def test_mixed_order_without_the_cofactor() -> None:
    a_torsion = TORSION[1]
    seen = set()
    for i in range(40):
        public, signature = forge(777, a_torsion, 555, ZERO, bytes([i]))
        k = challenge(signature[:32], public, bytes([i]))
        holds = times(k, a_torsion) == ZERO
        assert ed25519.verify(public, bytes([i]), signature) is holds
        assert by_the_rule(public, bytes([i]), signature) is holds
        seen.add(holds)
    assert seen == {True, False}


def test_r_with_torsion_is_refused() -> None:
    for t in TORSION[1:]:
        public, signature = forge(777, ZERO, 555, t, b"m")
        assert not ed25519.verify(public, b"m", signature)


def test_s_plus_l_is_refused() -> None:
    key = ed25519.SigningKey(bytes(range(32)))
    signature = key.sign(b"m")
    s = int.from_bytes(signature[32:], "little")
    for n in range(1, 15):
        assert not ed25519.verify(key.public, b"m", signature[:32] + (s + n * L).to_bytes(32, "little"))
    assert not ed25519.verify(key.public, b"m", signature[:32] + L.to_bytes(32, "little"))


def test_wrong_lengths_are_refused() -> None:
    key = ed25519.SigningKey(bytes(range(32)))
    signature = key.sign(b"m")
    for public in (b"", key.public[:31], key.public + b"\x00"):
        assert not ed25519.verify(public, b"m", signature)
    for other in (b"", signature[:63], signature + b"\x00"):
        assert not ed25519.verify(key.public, b"m", other)
    with pytest.raises(ValueError, match="32 bytes"):
        ed25519.SigningKey(bytes(31))


def test_not_on_the_curve() -> None:
    off = next(y for y in range(2, 100) if point(y, 0) is None)
    assert not ed25519.verify(off.to_bytes(32, "little"), b"m", ed25519.SigningKey(bytes(32)).sign(b"m"))


@settings(max_examples=60)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=40), st.integers(0, 96 * 8 - 1))
def test_flipped_bits(seed: bytes, message: bytes, bit: int) -> None:
    key = ed25519.SigningKey(seed)
    signature = key.sign(message)
    assert ed25519.verify(key.public, message, signature)
    raw = bytearray(key.public + signature)
    raw[bit // 8] ^= 1 << bit % 8
    assert not ed25519.verify(bytes(raw[:32]), message, bytes(raw[32:]))


@settings(max_examples=60)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=300))
def test_signatures_are_those_of_openssl(seed: bytes, message: bytes) -> None:
    key, theirs = ed25519.SigningKey(seed), Ed25519PrivateKey.from_private_bytes(seed)
    assert key.public == theirs.public_key().public_bytes_raw()
    assert key.sign(message) == theirs.sign(message)


@settings(max_examples=200)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=40), st.binary(min_size=64, max_size=64))
def test_libraries_agree_on_bytes_that_nobody_signed(public: bytes, message: bytes, signature: bytes) -> None:
    assert not agreed(public, message, signature)


def test_libraries_agree_on_every_torsion() -> None:
    assert BASE is not None
    secret, nonce = 777, 555
    a_prime, r_prime = times(secret, BASE), times(nonce, BASE)
    seen = {True: 0, False: 0}
    for a_torsion in TORSION:
        public = encode(add(a_prime, a_torsion))
        for r_torsion in TORSION:
            r = encode(add(r_prime, r_torsion))
            for message in (bytes([n]) for n in range(20)):
                k = challenge(r, public, message)
                signature = r + ((nonce + k * secret) % L).to_bytes(32, "little")
                # [S]B is right for the prime-order parts: the torsions decide
                holds = add(r_torsion, times(k % 8, a_torsion)) == ZERO
                assert agreed(public, message, signature) is holds
                seen[holds] += 1
    assert min(seen.values()) > 100


def test_libraries_agree_on_every_altered_bit_and_scalar() -> None:
    key = ed25519.SigningKey(bytes(range(32)))
    signature = key.sign(b"m")
    assert agreed(key.public, b"m", signature)
    raw = key.public + signature
    for bit in range(8 * len(raw)):
        altered = (int.from_bytes(raw, "big") ^ 1 << bit).to_bytes(len(raw), "big")
        assert not agreed(altered[:32], b"m", altered[32:])
    s = int.from_bytes(signature[32:], "little")
    for other in (*(s + n * L for n in range(1, 15)), L - s, L - 1, L, 0, 1, 2**256 - 1):
        assert not agreed(key.public, b"m", signature[:32] + other.to_bytes(32, "little"))


def test_libraries_agree_on_every_point_with_two_encodings() -> None:
    key = ed25519.SigningKey(bytes(32))
    signature = key.sign(b"m")
    for y in (*range(19), *range(P, 2**255)):
        for sign in (0, 1):
            raw = (y | sign << 255).to_bytes(32, "little")
            assert not agreed(raw, b"m", signature)
            assert not agreed(key.public, b"m", raw + signature[32:])


def test_key_id() -> None:
    assert ed25519.key_id(b"x" * 32) == hashlib.sha256(b"x" * 32).digest()[:8]
