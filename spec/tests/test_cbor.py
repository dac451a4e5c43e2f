"""The strict codec: RFC 8949 examples, each kind of refusal, round trips, cbor2 as differential oracle."""

import math
import tracemalloc

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal

# RFC 8949 appendix A, the examples inside the subset.
EXAMPLES: list[tuple[str, cbor.Item, str]] = [
    ("00", 0, "0"),
    ("01", 1, "1"),
    ("0a", 10, "10"),
    ("17", 23, "23"),
    ("1818", 24, "24"),
    ("1819", 25, "25"),
    ("1864", 100, "100"),
    ("1903e8", 1000, "1000"),
    ("1a000f4240", 1000000, "1000000"),
    ("1b000000e8d4a51000", 1000000000000, "1000000000000"),
    ("1bffffffffffffffff", 18446744073709551615, "18446744073709551615"),
    ("3bffffffffffffffff", -18446744073709551616, "-18446744073709551616"),
    ("20", -1, "-1"),
    ("29", -10, "-10"),
    ("3863", -100, "-100"),
    ("3903e7", -1000, "-1000"),
    ("f4", False, "false"),
    ("f5", True, "true"),
    ("f6", None, "null"),
    ("40", b"", "h''"),
    ("4401020304", b"\x01\x02\x03\x04", "h'01020304'"),
    ("60", "", '""'),
    ("6161", "a", '"a"'),
    ("6449455446", "IETF", '"IETF"'),
    ("62225c", '"\\', '"\\"\\\\"'),
    ("62c3bc", "\u00fc", '"\u00fc"'),
    ("63e6b0b4", "\u6c34", '"\u6c34"'),
    ("64f0908591", "\U00010151", '"\U00010151"'),
    ("80", (), "[]"),
    ("83010203", (1, 2, 3), "[1, 2, 3]"),
    ("8301820203820405", (1, (2, 3), (4, 5)), "[1, [2, 3], [4, 5]]"),
    (
        "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
        tuple(range(1, 26)),
        "[" + ", ".join(str(n) for n in range(1, 26)) + "]",
    ),
    ("a0", {}, "{}"),
    ("a201020304", {1: 2, 3: 4}, "{1: 2, 3: 4}"),
    ("a26161016162820203", {"a": 1, "b": (2, 3)}, '{"a": 1, "b": [2, 3]}'),
    ("826161a161626163", ("a", {"b": "c"}), '["a", {"b": "c"}]'),
    (
        "a56161614161626142616361436164614461656145",
        {"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"},
        '{"a": "A", "b": "B", "c": "C", "d": "D", "e": "E"}',
    ),
]

# RFC 8949 appendix A, examples outside the subset: bignums, floats, simple values, tags, indefinite lengths.
OUTSIDE = (
    "c249010000000000000000",
    "c349010000000000000000",
    "f90000",
    "f98000",
    "f93c00",
    "fb3ff199999999999a",
    "f93e00",
    "f97bff",
    "fa47c35000",
    "fa7f7fffff",
    "fb7e37e43c8800759c",
    "f90001",
    "f90400",
    "f9c400",
    "fbc010666666666666",
    "f97c00",
    "f97e00",
    "f9fc00",
    "fa7f800000",
    "fa7fc00000",
    "faff800000",
    "fb7ff0000000000000",
    "fb7ff8000000000000",
    "fbfff0000000000000",
    "f7",
    "f0",
    "f8ff",
    "c074323031332d30332d32315432303a30343a30305a",
    "c11a514b67b0",
    "c1fb41d452d9e8200000",
    "d74401020304",
    "d818456449455446",
    "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
    "5f42010243030405ff",
    "7f657374726561646d696e67ff",
    "9fff",
    "9f018202039f0405ffff",
    "9f01820203820405ff",
    "83018202039f0405ff",
    "83019f0203ff820405",
    "9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff",
    "bf61610161629f0203ffff",
    "826161bf61626163ff",
    "bf6346756ef563416d7421ff",
)

REFUSED = {
    "empty": ("", "EPP-ENC-011"),
    "trailing byte": ("0000", "EPP-ENC-004"),
    "uint 8 not shortest": ("1817", "EPP-ENC-002"),
    "uint 16 not shortest": ("1900ff", "EPP-ENC-002"),
    "uint 32 not shortest": ("1a0000ffff", "EPP-ENC-002"),
    "uint 64 not shortest": ("1b00000000ffffffff", "EPP-ENC-002"),
    "negative not shortest": ("3817", "EPP-ENC-002"),
    "length not shortest": ("580100", "EPP-ENC-002"),
    "array length not shortest": ("980100", "EPP-ENC-002"),
    "map length not shortest": ("b8010000", "EPP-ENC-002"),
    "tag not shortest": ("d80100", "EPP-ENC-006"),
    "head cut": ("18", "EPP-ENC-011"),
    "head cut 16": ("19ff", "EPP-ENC-011"),
    "head cut 32": ("1affffff", "EPP-ENC-011"),
    "head cut 64": ("1bffffffffffffff", "EPP-ENC-011"),
    "string cut": ("4200", "EPP-ENC-011"),
    "text cut": ("6261", "EPP-ENC-011"),
    "array cut": ("8201", "EPP-ENC-011"),
    "map cut": ("a101", "EPP-ENC-011"),
    "map value missing": ("a2010203", "EPP-ENC-011"),
    "huge byte string": ("5bffffffffffffffff00", "EPP-ENC-011"),
    "huge text": ("7bffffffffffffffff00", "EPP-ENC-011"),
    "huge array": ("9bffffffffffffffff00", "EPP-ENC-011"),
    "huge map": ("bbffffffffffffffff0000", "EPP-ENC-011"),
    "huge map that wraps": ("bb80000000000000000000", "EPP-ENC-011"),
    "reserved head 28": ("1c", "EPP-ENC-003"),
    "reserved head 29": ("5d", "EPP-ENC-003"),
    "reserved head 30": ("9e", "EPP-ENC-003"),
    "indefinite integer": ("1f", "EPP-ENC-003"),
    "break alone": ("ff", "EPP-ENC-006"),
    "undefined": ("f7", "EPP-ENC-006"),
    "simple 24 short": ("f818", "EPP-ENC-006"),
    "false as two bytes": ("f814", "EPP-ENC-006"),
    "half float": ("f93c00", "EPP-ENC-006"),
    "tag": ("c100", "EPP-ENC-006"),
    "self-described tag": ("d9d9f700", "EPP-ENC-006"),
    "text not UTF-8": ("61ff", "EPP-ENC-007"),
    "text overlong": ("62c080", "EPP-ENC-007"),
    "text surrogate": ("63eda080", "EPP-ENC-007"),
    "keys unsorted": ("a202000100", "EPP-ENC-005"),
    "keys length-first order": ("a261610018ff00", "EPP-ENC-005"),
    "keys negative before positive": ("a220000000", "EPP-ENC-005"),
    "keys duplicate": ("a201000100", "EPP-ENC-005"),
    "text keys duplicate": ("a2616100616100", "EPP-ENC-005"),
    "key bytes": ("a14000", "EPP-ENC-005"),
    "key bool": ("a1f400", "EPP-ENC-005"),
    "key null": ("a1f600", "EPP-ENC-005"),
    "key array": ("a18000", "EPP-ENC-005"),
    "key map": ("a1a000", "EPP-ENC-005"),
}


@pytest.mark.parametrize(("raw", "item", "text"), EXAMPLES, ids=[e[0][:20] for e in EXAMPLES])
def test_example(raw: str, item: cbor.Item, text: str) -> None:
    decoded = cbor.decode(bytes.fromhex(raw))
    assert decoded == item
    assert type(decoded) is type(item)
    assert cbor.encode(item).hex() == raw
    assert cbor.diagnostic(item) == text


@pytest.mark.parametrize("raw", OUTSIDE)
def test_example_outside_the_subset(raw: str) -> None:
    cbor2.loads(bytes.fromhex(raw))  # well-formed, so the refusal is about the subset
    assert refusal(bytes.fromhex(raw)) is Code.MALFORMED


@pytest.mark.parametrize(("raw", "requirement"), REFUSED.values(), ids=REFUSED.keys())
def test_refused(raw: str, requirement: str) -> None:
    with pytest.raises(Refusal) as caught:
        cbor.decode(bytes.fromhex(raw))
    assert caught.value.code is Code.MALFORMED
    assert caught.value.requirement == requirement


def refusal(data: bytes) -> Code:
    with pytest.raises(Refusal) as caught:
        cbor.decode(data)
    return caught.value.code


def test_size_limit() -> None:
    data = cbor.encode(bytes(cbor.LIMIT - 3))
    assert len(data) == cbor.LIMIT
    cbor.decode(data)
    assert refusal(cbor.encode(bytes(cbor.LIMIT - 2))) is Code.TOO_LARGE
    for read in (cbor.decode, cbor.decode_sequence, cbor.split):
        with pytest.raises(Refusal) as caught:
            read(b"\x00\x00", limit=1)
        assert caught.value.code is Code.TOO_LARGE


@pytest.mark.parametrize("opening", (b"\x81", b"\xa1\x00"))
def test_depth(opening: bytes) -> None:
    assert cbor.decode(opening * cbor.DEPTH + b"\x00") is not None
    assert refusal(opening * (cbor.DEPTH + 1) + b"\x00") is Code.MALFORMED
    assert refusal(opening * 30000 + b"\x00") is Code.MALFORMED
    assert cbor.decode(b"\x00", depth=0) == 0
    with pytest.raises(Refusal):
        cbor.decode(b"\x80", depth=0)


def test_no_allocation_for_a_declared_length() -> None:
    hostile = [
        bytes([major | 27]) + b"\x00\x00\x00\x7f\xff\xff\xff\xff" + bytes(100) for major in (64, 96, 128, 160)
    ]
    tracemalloc.start()
    for data in hostile:
        refusal(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_sequence_and_split() -> None:
    data = cbor.encode_sequence(1, (2, 3), b"x")
    assert cbor.decode_sequence(data) == (1, (2, 3), b"x")
    assert cbor.decode_sequence(b"") == ()
    assert cbor.split(data) == (b"\x01", data[1:])
    for bad in (b"", b"\x18", b"\xff"):
        with pytest.raises(Refusal):
            cbor.split(bad)
    with pytest.raises(Refusal):
        cbor.decode_sequence(data + b"\x41")


def test_bool_is_not_an_integer() -> None:
    assert cbor.encode(True) == b"\xf5"
    assert cbor.decode(b"\xf5") is True
    with pytest.raises(TypeError):
        cbor.encode({True: 1})


@pytest.mark.parametrize("bad", (1.5, [1], {b"k": 1}, {None: 1}, {1, 2}, Code.SUM, bytearray(b"x")))
def test_encode_refuses_other_types(bad: object) -> None:
    with pytest.raises(TypeError):
        cbor.encode(bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", (1 << 64, -(1 << 64) - 1, "\ud800"))
def test_encode_refuses_other_values(bad: cbor.Item) -> None:
    with pytest.raises(ValueError, match=r"64 bits|surrogates"):
        cbor.encode(bad)


def test_diagnostic_is_one_line() -> None:
    assert cbor.diagnostic("a\n\x00\U000e0001") == '"a\\u000a\\u0000\\udb40\\udc01"'
    assert cbor.diagnostic({1: (True, None, b"\xff")}) == "{1: [true, null, h'ff']}"


INTEGERS = st.integers(-(1 << 64), (1 << 64) - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
ITEMS = st.recursive(
    st.none() | st.booleans() | INTEGERS | st.binary() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=5).map(tuple) | st.dictionaries(INTEGERS | TEXT, inner, max_size=5)
    ),
    max_leaves=20,
)


@given(ITEMS)
def test_round_trip(item: cbor.Item) -> None:
    data = cbor.encode(item)
    again = cbor.decode(data, depth=40)
    assert repr(cbor.encode(again)) == repr(data)
    assert again == item
    assert plain(cbor2.loads(data)) == plain(item)


@given(st.lists(ITEMS, max_size=4))
def test_sequence_round_trip(items: list[cbor.Item]) -> None:
    assert cbor.decode_sequence(cbor.encode_sequence(*items), depth=40) == tuple(items)


def plain(item: object) -> object:
    """Lists for tuples, and booleans told apart from integers, at every level."""
    if isinstance(item, (list, tuple)):
        return ["array", *map(plain, item)]
    if isinstance(item, dict):
        return {(type(k), k): plain(v) for k, v in item.items()}
    return (type(item), item)


# Independent of the codec under test: what cbor2 read is inside the subset, and this is its only encoding.
def oracle(data: bytes) -> object:
    """The item as cbor2 reads it, or None wrapped as refused if outside the deterministic subset."""
    try:
        item = cbor2.loads(data)
        return item if deterministic(item) == data else REFUSE
    except (cbor2.CBORDecodeError, ValueError, TypeError, OverflowError, RecursionError):
        return REFUSE


REFUSE = object()


def deterministic(item: object) -> bytes:
    if item is None or isinstance(item, (bool, bytes, str)):
        return cbor2.dumps(item)
    if isinstance(item, int) and -(1 << 64) <= item < 1 << 64:
        return cbor2.dumps(item)
    if isinstance(item, (list, tuple)):
        return head(4, len(item)) + b"".join(map(deterministic, item))
    if isinstance(item, dict):
        if any(isinstance(k, bool) or not isinstance(k, (int, str)) for k in item):
            raise TypeError("key")
        pairs = sorted((cbor2.dumps(k), deterministic(v)) for k, v in item.items())
        return head(5, len(item)) + b"".join(k + v for k, v in pairs)
    raise TypeError(type(item))


def head(major: int, n: int) -> bytes:
    raw = cbor2.dumps(n)
    return bytes([raw[0] | major << 5]) + raw[1:]


def depth_of(item: object) -> int:
    if isinstance(item, (list, tuple)):
        return 1 + max(map(depth_of, item), default=0)
    if isinstance(item, dict):
        return 1 + max(map(depth_of, item.values()), default=0)
    return 0


def compare(data: bytes) -> None:
    expected = oracle(data)
    if expected is not REFUSE and depth_of(expected) > cbor.DEPTH:
        expected = REFUSE
    try:
        found = cbor.decode(data)
    except Refusal:
        assert expected is REFUSE, data.hex()
    else:
        assert expected is not REFUSE, data.hex()
        assert plain(found) == plain(expected)
        assert cbor.encode(found) == data


@given(st.binary(max_size=40))
def test_differential_random_bytes(data: bytes) -> None:
    compare(data)


@given(ITEMS, st.data())
def test_differential_mutated(item: cbor.Item, data: st.DataObject) -> None:
    raw = bytearray(cbor.encode(item))
    for _ in range(data.draw(st.integers(1, 3))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    compare(bytes(raw))


LOOSE = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats() | st.binary() | TEXT,
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(INTEGERS | TEXT | st.booleans() | st.binary(), inner, max_size=5)
    ),
    max_leaves=20,
)


@given(item=LOOSE, canonical=st.booleans())
def test_differential_other_encoders(item: object, *, canonical: bool) -> None:
    compare(cbor2.dumps(item, canonical=canonical))


def test_differential_every_short_encoding() -> None:
    for first in range(256):
        compare(bytes([first]))
        for second in range(256):
            compare(bytes([first, second]))


def test_floats_never_appear() -> None:
    with pytest.raises(TypeError):
        cbor.encode(math.pi)  # type: ignore[arg-type]
