"""Mutants of chapter 2: a lax codec, in place of functions of `eiraku.spec.cbor` and `eiraku.spec.shape`."""

from collections.abc import Set as AbstractSet

from eiraku.conformance.mutants.registry import Area
from eiraku.reference import anchor, records
from eiraku.spec import cbor, shape
from eiraku.spec.cbor import Item, Map
from eiraku.spec.errors import Code, Refusal

_read, _decode, _text, _head = cbor._read, cbor.decode, cbor._text, cbor._head
_uint, _table = shape.uint, shape.table
AREA = Area(__name__)
BREAK = 0xFF


@AREA.replaces(
    "EPP-ENC-001", (cbor, "_head"), collateral={"*": "few transfers have no number from 256 to 65535"}
)
def writes_long_heads(major: int, n: int, out: bytearray) -> None:
    """Writes integers from 256 to 65535 in four bytes instead of two."""
    if major == 0 and 0x100 <= n < 0x1_0000:
        out.append(26)
        out += n.to_bytes(4, "big")
    else:
        _head(major, n, out)


@AREA.replaces("EPP-ENC-001", (cbor, "_head"))
def writes_long_heads_of_large_numbers(major: int, n: int, out: bytearray) -> None:
    """Writes integers from 65536 on in eight bytes instead of four."""
    if major == 0 and 0x1_0000 <= n < 0x1_0000_0000:
        out.append(27)
        out += n.to_bytes(8, "big")
    else:
        _head(major, n, out)


@AREA.replaces("EPP-ENC-002", (cbor, "_argument"))
def reads_long_heads(data: bytes, pos: int, info: int) -> tuple[int, int]:
    """Reads a head that is longer than needed."""
    if info > 27:
        raise Refusal(Code.MALFORMED, "EPP-ENC-003", "indefinite length")
    end = pos + (1 << (info - 24))
    if end > len(data):
        raise Refusal(Code.MALFORMED, "EPP-ENC-011", "ends inside a head")
    return int.from_bytes(data[pos:end], "big"), end


@AREA.replaces("EPP-ENC-003", (cbor, "_read"))
def reads_indefinite_lengths(data: bytes, pos: int, depth: int) -> tuple[Item, int]:
    """Reads strings, arrays and maps of indefinite length."""
    if pos >= len(data) or data[pos] & 0x1F != 31 or data[pos] >> 5 not in (2, 3, 4, 5):
        return _read(data, pos, depth)
    major, pos = data[pos] >> 5, pos + 1
    items: list[Item] = []
    while pos < len(data) and data[pos] != BREAK:
        item, pos = cbor._read(data, pos, depth - 1)
        items.append(item)
    if pos >= len(data):
        raise Refusal(Code.MALFORMED, "EPP-ENC-011", "no end")
    if major == 4:
        return tuple(items), pos + 1
    if major == 5:
        keys = [item for item in items[::2] if isinstance(item, int | str)]
        return dict(zip(keys, items[1::2], strict=False)), pos + 1
    if major == 2:
        return b"".join(item for item in items if isinstance(item, bytes)), pos + 1
    return "".join(item for item in items if isinstance(item, str)), pos + 1


@AREA.replaces("EPP-ENC-004", (cbor, "decode"))
def ignores_trailing_bytes(data: bytes, *, limit: int = cbor.LIMIT, depth: int = cbor.DEPTH) -> Item:
    """Reads the first item and ignores what follows it."""
    first, _ = cbor.split(data, limit=limit, depth=depth)
    return _decode(first, limit=limit, depth=depth)


AREA.edits(
    "EPP-ENC-005",
    "takes_the_last_of_duplicate_keys",
    "Reads maps whose keys are in any order, and takes the last of two equal keys.",
    cbor._read_map,
    ("if raw <= previous:", "if False:"),
)


@AREA.replaces("EPP-ENC-005", (shape, "table"))
def ignores_unknown_keys(item: Item, requirement: str, where: str, keys: AbstractSet[int]) -> Map:
    """Ignores keys of a purse ID that its shape does not name."""
    if isinstance(item, dict):
        item = {key: value for key, value in item.items() if key in keys}
    return _table(item, requirement, where, keys)


@AREA.replaces("EPP-ENC-006", (cbor, "_read"))
def ignores_tags(data: bytes, pos: int, depth: int) -> tuple[Item, int]:
    """Reads the item inside a tag as if the tag were not there."""
    while pos < len(data) and data[pos] >> 5 == 6:
        extra = data[pos] & 0x1F
        pos += 1 if extra < 24 else 1 + (1 << (extra - 24))
    return _read(data, pos, depth)


@AREA.replaces("EPP-ENC-006", (cbor, "_read"))
def reads_undefined_as_null(data: bytes, pos: int, depth: int) -> tuple[Item, int]:
    """Reads undefined, and simple values without a name, as null."""
    if (pos < len(data) and 0xE0 <= data[pos] <= 0xF3) or data[pos : pos + 1] == b"\xf7":
        return None, pos + 1
    if data[pos : pos + 1] == b"\xf8":
        return None, pos + 2
    return _read(data, pos, depth)


@AREA.replaces("EPP-ENC-006", (cbor, "_read"))
def reads_floats(data: bytes, pos: int, depth: int) -> tuple[Item, int]:
    """Reads a float that is whole as the integer."""
    import struct

    for initial, form in ((0xF9, ">e"), (0xFA, ">f"), (0xFB, ">d")):
        end = pos + 1 + struct.calcsize(form)
        if data[pos : pos + 1] == bytes([initial]) and end <= len(data):
            (number,) = struct.unpack(form, data[pos + 1 : end])
            if number == number // 1:
                return int(number), end
    return _read(data, pos, depth)


@AREA.replaces("EPP-ENC-007", (cbor, "_text"))
def repairs_utf8(raw: bytes) -> str:
    """Replaces what is not UTF-8 in a text."""
    return raw.decode(errors="replace")


@AREA.replaces("EPP-ENC-008", (shape, "array"))
def ignores_surplus_elements(
    item: Item, requirement: str, where: str, length: int | None = None
) -> tuple[Item, ...]:
    """Ignores elements after those that the shape names."""
    if not isinstance(item, tuple) or len(item) < (length or 0):
        raise Refusal(Code.MALFORMED, requirement, f"{where}: expected an array of {length} items")
    return item if length is None else item[:length]


@AREA.replaces("EPP-ENC-008", (shape, "uint"))
def takes_true_for_one(item: Item, requirement: str, where: str, low: int, high: int) -> int:
    """Takes true and false for the integers 1 and 0."""
    return _uint(int(item) if isinstance(item, bool) else item, requirement, where, low, high)


@AREA.replaces("EPP-ENC-008", (shape, "octets"))
def takes_longer_strings(
    item: Item, requirement: str, where: str, low: int, high: int | None = None
) -> bytes:
    """Cuts byte strings that are too long."""
    most = low if high is None else high
    if type(item) is not bytes or len(item) < low:
        raise Refusal(Code.MALFORMED, requirement, f"{where}: expected {low} to {most} bytes")
    return item[:most]


@AREA.replaces("EPP-ENC-009", (cbor, "decode"))
def nests_without_limit(data: bytes, *, limit: int = cbor.LIMIT, depth: int = cbor.DEPTH) -> Item:
    """Follows nested items as deep as they go."""
    return _decode(data, limit=limit, depth=depth + 1_000_000)


AREA.edits(
    "EPP-ENC-010",
    "decrypts_oversized_records",
    "Decrypts a record of any size before it looks at the size.",
    records.Channel.open,
    ("len(sealed) > self.most + self", "len(sealed) > (1 << 20) + self"),
)
AREA.edits(
    "EPP-ENC-010",
    "takes_records_of_the_greatest_policy",
    "Takes records of up to 65 535 bytes, whatever its policy says.",
    records.Channel.open,
    ("len(sealed) > self.most + self", "len(sealed) > 65535 + self"),
)
AREA.edits(
    "EPP-ENC-013",
    "calls_long_units_too_large",
    "Refuses a unit of more than 256 bytes with `too-large`.",
    anchor._parse,
    ("Refusal(Code.MALFORMED, rule", "Refusal(Code.TOO_LARGE, rule"),
)


@AREA.replaces("EPP-ENC-011", (cbor, "_read"))
def reads_strings_that_end_early(data: bytes, pos: int, depth: int) -> tuple[Item, int]:
    """Takes what there is of a string that declares more."""
    if pos < len(data) and data[pos] >> 5 in (2, 3) and data[pos] & 0x1F < 28:
        extra = data[pos] & 0x1F
        n, start = (extra, pos + 1) if extra < 24 else cbor._argument(data, pos + 1, extra)
        if n > len(data) - start:
            raw = data[start:]
            return (raw if data[pos] >> 5 == 2 else cbor._text(raw)), len(data)
    return _read(data, pos, depth)


@AREA.replaces("EPP-ENC-011", (cbor, "_read"))
def sets_aside_declared_lengths(data: bytes, pos: int, depth: int) -> tuple[Item, int]:
    """Sets aside memory for the declared length of a string or array before it looks what is there."""
    if pos < len(data) and data[pos] >> 5 in (2, 3, 4, 5) and 23 < data[pos] & 0x1F < 28:
        n, _ = cbor._argument(data, pos + 1, data[pos] & 0x1F)
        if n > 1 << 31:
            raise MemoryError(n)
    return _read(data, pos, depth)


@AREA.replaces("EPP-ENC-012", (shape, "uint"))
def takes_amounts_of_64_bits(item: Item, requirement: str, where: str, low: int, high: int) -> int:
    """Takes amounts and values of up to 64 bits."""
    return _uint(item, requirement, where, low, (1 << 64) - 1 if high == shape.AMOUNT_MAX else high)
