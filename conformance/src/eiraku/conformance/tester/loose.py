"""CBOR that the strict encoder cannot write: one node of an item in another form, the rest as it should."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from eiraku.spec import cbor
from eiraku.spec.cbor import Item

Path: TypeAlias = tuple[int, ...]
"""Positions of children, from the root; in a map keys and values take turns."""

TEXT, ARRAY, MAP = 0x60, 0x80, 0xA0


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One wrong encoding: which node is wrong, in which way, and the bytes of the whole item."""

    path: Path
    form: str
    data: bytes

    def __str__(self) -> str:
        return f"{self.form} at {'/'.join(map(str, self.path)) or 'root'}"


Forms: TypeAlias = Callable[[Item], dict[str, bytes]]
"""Wrong encodings of a node, by name; none if the fault does not apply to it."""


def nodes(item: Item, path: Path = ()) -> Iterator[tuple[Path, Item]]:
    """Every node of an item but the keys of maps, outermost first."""
    yield path, item
    for index, child in enumerate(_children(item)):
        if not (isinstance(item, dict) and index % 2 == 0):
            yield from nodes(child, (*path, index))


def mutants(item: Item, forms: Forms) -> list[Mutant]:
    """Each node in each wrong form."""
    return [
        Mutant(path=path, form=form, data=replaced(item, path, raw))
        for path, node in nodes(item)
        for form, raw in forms(node).items()
    ]


def again(item: Item, forms: Forms, mutant: Mutant) -> bytes:
    """The same fault in another item of the same structure."""
    node = next(node for path, node in nodes(item) if path == mutant.path)
    return replaced(item, mutant.path, forms(node)[mutant.form])


def replaced(item: Item, path: Path, raw: bytes) -> bytes:
    """Encoding of `item` with the bytes `raw` in place of the node at `path`."""
    if not path:
        return raw
    children = [
        replaced(child, path[1:], raw) if index == path[0] else cbor.encode(child)
        for index, child in enumerate(_children(item))
    ]
    return _container_head(item) + b"".join(children)


def _children(item: Item) -> list[Item]:
    if isinstance(item, tuple):
        return list(item)
    if isinstance(item, dict):
        pairs = sorted(item.items(), key=lambda pair: cbor.encode(pair[0]))
        return [part for pair in pairs for part in pair]
    return []


def _container_head(item: Item) -> bytes:
    major, count = (MAP, len(item)) if isinstance(item, dict) else (ARRAY, len(_children(item)))
    return _head(major, count)


def _head(major: int, n: int) -> bytes:
    head = bytearray(cbor.encode(n))
    head[0] |= major
    return bytes(head)


def _parts(item: Item) -> tuple[int, int, bytes] | None:
    """Major type in place, argument and content; None for simple values."""
    if item is None or isinstance(item, bool):
        return None
    if isinstance(item, int):
        return (0x00, item, b"") if item >= 0 else (0x20, -1 - item, b"")
    encoded = cbor.encode(item)
    size = len(item.encode()) if isinstance(item, str) else len(item)
    return encoded[0] & 0xE0, size, encoded[len(_head(0, size)) :]


def long_heads(item: Item) -> dict[str, bytes]:
    """Heads of more bytes than the argument needs (EPP-ENC-002)."""
    parts = _parts(item)
    if parts is None:
        return {"simple value in two bytes": b"\xf8" + bytes([cbor.encode(item)[0] & 0x1F])}
    major, n, content = parts
    shortest = len(cbor.encode(n)) - 1
    return {
        f"head of {size + 1} bytes": bytes([major | 24 + step]) + n.to_bytes(size, "big") + content
        for step, size in enumerate((1, 2, 4, 8))
        if size > shortest
    }


def indefinite(item: Item) -> dict[str, bytes]:
    """Indefinite lengths, and heads that are reserved (EPP-ENC-003)."""
    parts = _parts(item)
    if parts is None or isinstance(item, int):
        return {"break": b"\xff", "reserved head": b"\x1c"}
    major, _, content = parts
    chunks = cbor.encode(item) if isinstance(item, bytes | str) else content
    return {
        "indefinite length": bytes([major | 31]) + chunks + b"\xff",
        "no chunks": bytes([major | 31, 0xFF]),
    }


def foreign(item: Item) -> dict[str, bytes]:
    """Tags, floats, undefined and other simple values (EPP-ENC-006)."""
    encoded = cbor.encode(item)
    found = {
        "tag 0": b"\xc0" + encoded,
        "tag 24": b"\xd8\x18" + encoded,
        "tag 55799": b"\xd9\xd9\xf7" + encoded,
        "undefined": b"\xf7",
        "simple 0": b"\xe0",
        "simple 255": b"\xf8\xff",
        "half float 0": b"\xf9\x00\x00",
        "float NaN": b"\xfa\x7f\xc0\x00\x00",
        "double 1": b"\xfb\x3f\xf0" + bytes(6),
    }
    if isinstance(item, int) and 0 <= item < 2**16:
        found["bignum"] = b"\xc2" + cbor.encode(item.to_bytes(2, "big"))
    return found


def bad_text(item: Item) -> dict[str, bytes]:
    """Text that is not UTF-8 (EPP-ENC-007)."""
    if not isinstance(item, str):
        return {}
    sequences = {
        "lone continuation": "80",
        "continuation missing": "c328",
        "cut short": "e282",
        "overlong slash": "c0af",
        "overlong zero": "e08080",
        "surrogate": "eda080",
        "surrogate pair": "eda081edb080",
        "beyond U+10FFFF": "f4908080",
        "five bytes": "f888808080",
        "byte ff": "ff",
    }
    return {
        name: _head(TEXT, len(raw)) + raw
        for name, sequence in sequences.items()
        for raw in [b"till " + bytes.fromhex(sequence)]
    }


def bad_maps(item: Item) -> dict[str, bytes]:
    """Duplicate keys, keys in another order, keys that nobody knows (EPP-ENC-005)."""
    if not isinstance(item, dict):
        return {}
    children = list(map(cbor.encode, _children(item)))
    pairs = [children[i] + children[i + 1] for i in range(0, len(children), 2)]
    found = {
        "duplicate key": [pairs[0], *pairs],
        "duplicate key at the end": [*pairs, pairs[-1]],
        "unknown integer key": sorted(
            [*pairs, cbor.encode_sequence(99, 0)], key=lambda pair: cbor.split(pair)[0]
        ),
        "unknown text key": [*pairs, cbor.encode_sequence("z", 0)],
    }
    if len(pairs) > 1:
        found["another order"] = pairs[::-1]
    return {name: _head(MAP, len(content)) + b"".join(content) for name, content in found.items()}


def deep(item: Item) -> dict[str, bytes]:
    """Deep nesting, just over the limit and far beyond it (EPP-ENC-009)."""
    encoded = cbor.encode(item)
    return {
        "17 arrays": b"\x81" * 17 + encoded,
        "17 maps": b"\xa1\x00" * 17 + encoded,
        "3000 arrays": b"\x81" * 3000 + encoded,
        "3000 indefinite arrays": b"\x9f" * 3000 + encoded + b"\xff" * 3000,
    }


def hollow(item: Item) -> dict[str, bytes]:
    """Heads that declare more than is there (EPP-ENC-011)."""
    parts = _parts(item)
    major = parts[0] if parts is not None and not isinstance(item, int) else 0x40
    return {
        "2^64 - 1": bytes([major | 27]) + b"\xff" * 8,
        "2^63": bytes([major | 27]) + b"\x80" + bytes(7),
        "2^32 - 1": bytes([major | 26]) + b"\xff" * 4,
        "2^24": bytes([major | 26]) + b"\x01" + bytes(3),
        "65535": bytes([major | 25]) + b"\xff" * 2,
        "head cut short": bytes([major | 27]) + b"\0",
    }


OTHERS: tuple[Item, ...] = (0, -1, b"", bytes(8), "", "text", (), (0,), {}, {0: 0}, None, True, False)


def other_shapes(item: Item) -> dict[str, bytes]:
    """Right encodings of other things: types, lengths, ranges (EPP-ENC-008)."""
    found = {cbor.diagnostic(other): cbor.encode(other) for other in OTHERS}
    if isinstance(item, tuple):
        found["one item more"] = cbor.encode((*item, None))
        found["one item less"] = cbor.encode(item[:-1])
        found["items reversed"] = cbor.encode(item[::-1])
    if isinstance(item, bytes):
        found["one byte more"] = cbor.encode(item + b"\0")
        found["one byte less"] = cbor.encode(item[:-1])
        found["as text"] = _head(TEXT, 1) + b"a"
        found["as array of bytes"] = cbor.encode(tuple(item[:16]))
    if isinstance(item, int) and not isinstance(item, bool):
        found |= {str(n): cbor.encode(n) for n in (-(2**63), 256, 2**32, 2**64 - 1)}
        found["in a byte string"] = cbor.encode(cbor.encode(item))
    # Compared as bytes: to Python, true is 1.
    return {name: raw for name, raw in found.items() if raw != cbor.encode(item)}
