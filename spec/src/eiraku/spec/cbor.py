"""Strict CBOR: the deterministic subset that EPP/1 allows (specification, chapter 2), and nothing else.

Subset of RFC 8949 section 4.2.1: integers of 64 bits, byte strings, UTF-8 text strings, arrays, maps with
integer or text keys sorted bytewise by their encoding, false, true and null. Each value has exactly one
encoding, so `encode(decode(data)) == data` for everything `decode` accepts.

`decode` and its relatives raise only `Refusal` (MALFORMED or TOO_LARGE), whatever the bytes.
`encode` raises `TypeError` or `ValueError` for a value outside the subset: that is a defect of the caller.
"""

from typing import NoReturn, TypeAlias, cast

from eiraku.spec.errors import Code, Refusal

Key: TypeAlias = int | str
Item: TypeAlias = "int | bytes | str | bool | tuple[Item, ...] | dict[Key, Item] | None"
Map: TypeAlias = dict[Key, Item]

LIMIT = 65535
"""Default greatest length of an encoding, in bytes."""

DEPTH = 16
"""Default greatest nesting of arrays and maps; a bare integer has depth 0."""

_MAX = 1 << 64
_SIMPLE: dict[int, bool | None] = {0xF4: False, 0xF5: True, 0xF6: None}


def encode(item: Item) -> bytes:
    """Encode one item. Raises TypeError or ValueError if it is outside the subset."""
    out = bytearray()
    _write(item, out)
    return bytes(out)


def encode_sequence(*items: Item) -> bytes:
    """Encode items one after the other (a CBOR sequence, RFC 8742)."""
    out = bytearray()
    for item in items:
        _write(item, out)
    return bytes(out)


def decode(data: bytes, *, limit: int = LIMIT, depth: int = DEPTH) -> Item:
    """Decode exactly one item of at most `limit` bytes. Arrays become tuples. Raises Refusal."""
    _check_size(data, limit)
    item, end = _read(data, 0, depth)
    if end != len(data):
        _malformed("EPP-ENC-004", "bytes after the item")
    return item


def decode_sequence(data: bytes, *, limit: int = LIMIT, depth: int = DEPTH) -> tuple[Item, ...]:
    """Decode a sequence of zero or more items that fills `data`. Raises Refusal."""
    _check_size(data, limit)
    items: list[Item] = []
    pos, end = 0, len(data)
    while pos < end:
        item, pos = _read(data, pos, depth)
        items.append(item)
    return tuple(items)


def split(data: bytes, *, limit: int = LIMIT, depth: int = DEPTH) -> tuple[bytes, bytes]:
    """Return (encoding of the first item, the bytes after it). Raises Refusal."""
    _check_size(data, limit)
    _, end = _read(data, 0, depth)
    return data[:end], data[end:]


def diagnostic(item: Item) -> str:
    """Diagnostic notation (RFC 8949 section 8) on one line, for reports."""
    if item is None:
        return "null"
    if item is True or item is False:
        return "true" if item else "false"
    if isinstance(item, int):
        return str(item)
    if isinstance(item, bytes):
        return f"h'{item.hex()}'"
    if isinstance(item, str):
        return _quoted(item)
    if isinstance(item, tuple):
        return "[" + ", ".join(map(diagnostic, item)) + "]"
    return "{" + ", ".join(f"{diagnostic(k)}: {diagnostic(v)}" for k, v in item.items()) + "}"


def _quoted(text: str) -> str:
    # Control characters are escaped so that a report line stays one line whatever a peer sent.
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else "".join(_units(c)) for c in escaped) + '"'


def _units(character: str) -> list[str]:
    raw = character.encode("utf-16-be")
    return [f"\\u{raw[i : i + 2].hex()}" for i in range(0, len(raw), 2)]


def _head(major: int, n: int, out: bytearray) -> None:
    if n < 24:
        out.append(major | n)
    elif n < 0x100:
        out.append(major | 24)
        out.append(n)
    elif n < 0x1_0000:
        out.append(major | 25)
        out += n.to_bytes(2, "big")
    elif n < 0x1_0000_0000:
        out.append(major | 26)
        out += n.to_bytes(4, "big")
    elif n < _MAX:
        out.append(major | 27)
        out += n.to_bytes(8, "big")
    else:
        raise ValueError("integer beyond 64 bits")


def _write(item: Item, out: bytearray) -> None:
    # Exact types: bool is not an integer here, and a subclass (an IntEnum) must be converted by its owner.
    if type(item) is int:
        if item >= 0:
            _head(0x00, item, out)
        else:
            _head(0x20, -1 - item, out)
    elif type(item) is bytes:
        _head(0x40, len(item), out)
        out += item
    elif type(item) is str:
        raw = item.encode()
        _head(0x60, len(raw), out)
        out += raw
    elif type(item) is tuple:
        _head(0x80, len(item), out)
        for element in item:
            _write(element, out)
    elif type(item) is dict:
        _write_map(item, out)
    elif item is None:
        out.append(0xF6)
    elif type(item) is bool:
        out.append(0xF5 if item else 0xF4)
    else:
        raise TypeError(f"{type(item).__name__} is not in the CBOR subset")


def _write_map(item: Map, out: bytearray) -> None:
    pairs: list[tuple[bytes, Item]] = []
    for key, value in item.items():
        if type(key) is not int and type(key) is not str:
            raise TypeError("map keys are integers or text")
        pairs.append((encode(key), value))
    pairs.sort(key=lambda pair: pair[0])
    _head(0xA0, len(pairs), out)
    for raw, value in pairs:
        out += raw
        _write(value, out)


def _read(data: bytes, pos: int, depth: int) -> tuple[Item, int]:
    """Read one item at `pos`; return it and the position after it. No allocation beyond the bytes present."""
    # EPP-ENC-011
    if pos >= len(data):
        _malformed("EPP-ENC-011", "ends where an item should begin")
    initial = data[pos]
    pos += 1
    major = initial >> 5
    n = initial & 0x1F
    if major == 7:
        # EPP-ENC-006
        if initial not in _SIMPLE:
            _malformed("EPP-ENC-006", f"simple value or float (initial byte {initial:#04x})")
        return _SIMPLE[initial], pos
    # EPP-ENC-006
    if major == 6:
        _malformed("EPP-ENC-006", "tag")
    if n > 23:
        n, pos = _argument(data, pos, n)
    if major == 0:
        return n, pos
    if major == 1:
        return -1 - n, pos
    room = len(data) - pos
    if major in (2, 3):
        # EPP-ENC-011
        if n > room:
            _malformed("EPP-ENC-011", "string longer than the data")
        raw = data[pos : pos + n]
        return (raw if major == 2 else _text(raw)), pos + n
    # EPP-ENC-009
    if depth <= 0:
        _malformed("EPP-ENC-009", "nested too deeply")
    if major == 4:
        # EPP-ENC-011
        if n > room:
            _malformed("EPP-ENC-011", "array longer than the data")
        items: list[Item] = []
        for _ in range(n):
            item, pos = _read(data, pos, depth - 1)
            items.append(item)
        return tuple(items), pos
    # EPP-ENC-011
    if 2 * n > room:
        _malformed("EPP-ENC-011", "map longer than the data")
    return _read_map(data, pos, n, depth - 1)


def _read_map(data: bytes, pos: int, n: int, depth: int) -> tuple[Item, int]:
    found: Map = {}
    previous = b""
    for _ in range(n):
        # EPP-ENC-005
        if pos < len(data) and data[pos] >> 5 not in (0, 1, 3):
            _malformed("EPP-ENC-005", "map key is neither integer nor text")
        key, end = _read(data, pos, 0)
        raw, pos = data[pos:end], end
        # EPP-ENC-005
        if raw <= previous:
            _malformed("EPP-ENC-005", "map keys not in ascending order or not unique")
        previous = raw
        found[cast("Key", key)], pos = _read(data, pos, depth)
    return found, pos


def _argument(data: bytes, pos: int, info: int) -> tuple[int, int]:
    """Read the 1, 2, 4 or 8 bytes of a long head; refuse one that a shorter head could say."""
    if info > 27:
        _malformed("EPP-ENC-003", "indefinite length or reserved head")
    size = 1 << (info - 24)
    end = pos + size
    # EPP-ENC-011
    if end > len(data):
        _malformed("EPP-ENC-011", "ends inside a head")
    n = int.from_bytes(data[pos:end], "big")
    # EPP-ENC-002
    if n < (24 if size == 1 else 1 << (4 * size)):
        _malformed("EPP-ENC-002", "head longer than needed")
    return n, end


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        # EPP-ENC-007
        _malformed("EPP-ENC-007", "text is not UTF-8")


def _check_size(data: bytes, limit: int) -> None:
    # EPP-ENC-010
    if len(data) > limit:
        raise Refusal(Code.TOO_LARGE, "EPP-ENC-010", f"{len(data)} bytes, at most {limit} allowed")


def _malformed(requirement: str, detail: str) -> NoReturn:
    raise Refusal(Code.MALFORMED, requirement, detail)
