"""Structural mutants of an encoded object: one thing about its structure is changed, and nothing else.

Every mutant is in deterministic encoding (a tag, a float and `undefined` too), so that whoever refuses one
refuses it for its structure. Which numbers are bounds is an argument; each is tried with its neighbours.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any, TypeAlias

from eiraku.spec import cbor
from eiraku.spec.errors import Refusal
from eiraku.spec.layout import Array, Constrained, Group, Nested, Nullable, Octets, Shape, Text, Uint
from eiraku.spec.record import Record

Mutants: TypeAlias = Iterator[tuple[str, Any]]

OTHERS: tuple[Any, ...] = (None, True, -1, 0, b"", "", (), {}, ((),))
FILL = b"Z"
"""What byte strings are filled up with: no encoding of a short integer, which EDHOC would not permit."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """What the codec does not encode."""

    raw: bytes


FOREIGN = {"undefined": b"\xf7", "a simple value": b"\xf8\xff", "a float": b"\xf9\x3c\x00"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Numbers at which something changes: of integers, of bytes in a string, of items in an array."""

    integers: frozenset[int] = frozenset()
    sizes: frozenset[int] = frozenset()
    counts: frozenset[int] = frozenset()

    def __or__(self, other: "Bounds") -> "Bounds":
        return Bounds(
            integers=self.integers | other.integers,
            sizes=self.sizes | other.sizes,
            counts=self.counts | other.counts,
        )


def mutants(data: bytes, bounds: Bounds, *, embedded: bool) -> Iterator[tuple[str, bytes]]:
    """What is wrong, and the mutant. `embedded`: also those of objects within byte strings.

    One that equals `data` is left out, and one that was there before.
    """
    known = {data}
    for name, item in _of(cbor.decode(data, limit=len(data)), bounds, embedded=embedded):
        made = _encode(item)
        if made not in known:
            known.add(made)
            yield name, made


def _encode(item: Any) -> bytes:
    match item:
        case Foreign(raw):
            return raw
        case tuple():
            head = cbor.encode((None,) * len(item))
            return head[: len(head) - len(item)] + b"".join(map(_encode, item))
        case dict():
            pairs = sorted((cbor.encode(key), _encode(value)) for key, value in item.items())
            return bytes([0xA0 | len(item)]) + b"".join(key + value for key, value in pairs)
        case _:
            return cbor.encode(item)


def _of(item: Any, bounds: Bounds, *, embedded: bool) -> Mutants:
    yield from (("another", other) for other in OTHERS)
    yield from ((name, Foreign(raw)) for name, raw in FOREIGN.items())
    yield "tagged", Foreign(b"\xd2" + _encode(item))
    yield "in an array", (item,)
    yield "in a map", {0: item}
    match item:
        case None | True | False:
            return
        case int():
            yield from _integers(item, bounds)
        case bytes():
            yield from _octets(item, bounds)
            if embedded and _is_object(item):
                # the bounds are tried on the object by itself
                found = mutants(item, Bounds(), embedded=False)
                yield from ((f"embedded {name}", made) for name, made in found)
        case str():
            yield from _texts(item, bounds)
        case tuple():
            yield from _arrays(item, bounds, embedded=embedded)
        case dict():
            yield from _maps(item, bounds, embedded=embedded)


def _near(numbers: Iterable[int], most: int) -> list[int]:
    return sorted({n for number in numbers for n in (number - 1, number, number + 1) if 0 <= n <= most})


def _integers(item: int, bounds: Bounds) -> Mutants:
    yield "as bytes", cbor.encode(item)
    yield "as text", str(item)
    for number in _near({*bounds.integers, abs(item), (1 << 64) - 1}, (1 << 64) - 1):
        yield str(number), number
        yield f"-1 - {number}", -1 - number


def _octets(item: bytes, bounds: Bounds) -> Mutants:
    yield "as text", "x" * len(item)
    yield "as array", tuple(item[:64])
    for size in _near({*bounds.sizes, len(item)}, 1 << 18):
        yield f"{size} bytes", item[:size].ljust(size, FILL)


def _texts(item: str, bounds: Bounds) -> Mutants:
    yield "as bytes", item.encode()
    yield "one letter more", f"{item}x"
    for size in _near({*bounds.sizes, len(item.encode())}, 1 << 18):
        yield f"{size} letters", item[:size].ljust(size, "x")
        # of two bytes each, so that who counts letters counts another number
        yield f"{size} bytes of UTF-8", "é" * (size // 2) + "x" * (size % 2)


def _arrays(item: tuple[Any, ...], bounds: Bounds, *, embedded: bool) -> Mutants:
    for place, part in enumerate(item):
        rest = item[place + 1 :]
        yield f"no {place}", item[:place] + rest
        yield f"{place} twice", (*item[:place], part, part, *rest)
        if rest:
            yield f"{place} after its neighbour", (*item[:place], rest[0], part, *rest[1:])
        for name, made in _of(part, bounds, embedded=embedded):
            yield f"{place}: {name}", (*item[:place], made, *rest)
    yield from ((f"{cbor.diagnostic(other)} at the end", (*item, other)) for other in OTHERS)
    yield from ((f"{cbor.diagnostic(other)} in front", (other, *item)) for other in OTHERS)
    yield "backwards", item[::-1]
    if len(item) < 24:
        yield "as a map", dict(enumerate(item))
    if item:
        # an array of unlike parts is no list: some surplus is enough
        for count in _near(bounds.counts, 1 << 13 if len(set(map(type, item))) == 1 else 1 << 8):
            yield f"{count} items", item[:count] + item[-1:] * (count - len(item))


def _maps(item: dict[Any, Any], bounds: Bounds, *, embedded: bool) -> Mutants:
    yield "as an array", tuple(item.values())
    for key, part in item.items():
        others = {other: item[other] for other in item if other != key}
        yield f"no key {key}", others
        yield f"key {key} as text", {**others, str(key): part}
        for name, made in _of(part, bounds, embedded=embedded):
            yield f"key {key}: {name}", {**others, key: made}
        if isinstance(key, int):
            yield f"key {key + 1} for {key}", {**others, key + 1: part}
            yield f"key {-1 - key} for {key}", {**others, -1 - key: part}
    yield "a key more", {**item, 99: 0}
    yield "a text key more", {**item, "99": 0}
    if len(item) > 1:
        yield "values changed about", dict(zip(item, [*item.values()][::-1], strict=True))


def _is_object(item: bytes) -> bool:
    """Whether a byte string holds an array or a map."""
    try:
        return isinstance(cbor.decode(item), tuple | dict)
    except Refusal:
        return False


# --- where the bounds come from -----------------------------------------------------------------------------


def rules(schema: str) -> dict[str, str]:
    """The text of each rule of a schema in CDDL, without comments."""
    parts = re.split(r"^([a-z][a-z0-9-]*) +=", re.sub(r";.*", "", schema), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def of_rule(rules: Mapping[str, str], rule: str) -> Bounds:
    """The numbers in a rule of a schema and in those that it uses."""
    used, waiting = "", {rule}
    seen: set[str] = set()
    while waiting:
        seen |= waiting
        text = " ".join(rules[name] for name in waiting)
        used += text
        waiting = set(re.findall(r"[a-z][a-z0-9-]*", text)) & rules.keys() - seen
    sizes = re.findall(r"\.size \(?(\d+)(?:\.\.(\d+))?", used)
    counts = re.findall(r"(\d*)\*(\d*)", used)
    rest = re.sub(r"\.size \(?\d+(?:\.\.\d+)?|\d*\*\d*", "", used)
    return Bounds(
        integers=frozenset(map(int, re.findall(r"\b\d+", rest))),
        sizes=frozenset(int(number) for pair in sizes for number in pair if number),
        counts=frozenset(int(number) for pair in counts for number in pair if number) | {0, 1},
    )


def of_record(kind: type[Record]) -> Bounds:
    """The numbers in what a record says of its fields."""
    return _union(map(_of_shape, kind.codec.shapes.values()))


def _of_shape(found: Shape) -> Bounds:
    match found:
        case Uint(low, high):
            return Bounds(integers=frozenset({low, high}))
        case Octets(low, high):
            return Bounds(sizes=frozenset({low, low if high is None else high}))
        case Text(low, high):
            return Bounds(sizes=frozenset({low, high}))
        case Array(inner, count):
            here = () if count is None else (count.low, count.high or 0)
            return Bounds(counts=frozenset(here)) | _of_shape(inner)
        case Nullable(inner) | Constrained(inner):
            return _of_shape(inner)
        case Group(inners):
            return _union(map(_of_shape, inners))
        case Nested(kind):
            return of_record(kind)
    return Bounds()


def _union(all_: Iterable[Bounds]) -> Bounds:
    return reduce(or_, all_, Bounds())
