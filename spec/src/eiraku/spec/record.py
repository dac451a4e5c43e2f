"""One declarative record for each CBOR object; encoding, decoding and their tests come from it.

A record is a frozen, slotted, keyword-only dataclass whose annotations say what each field is on the wire, in
the words of `eiraku.spec.layout`:

    @record("EPP-TRF-002")
    class Receipt(Record):
        TYPE: ClassVar[int] = 5
        transaction: Annotated[bytes, Octets(16)]
        signature: Annotated[bytes, Octets(64)]

On the wire it is the array of its fields in their order, after its TYPE if it has one; any other form is
given to `record` as a template. What is between fields is a function beside the record, given as `check`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, ClassVar, Generic, Self, TypeVar, cast, dataclass_transform, get_type_hints

from eiraku.spec import cbor, shape
from eiraku.spec.cbor import Item
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.layout import (
    Array,
    Constrained,
    Count,
    Enumeration,
    Group,
    Nested,
    Nullable,
    Octets,
    OneOf,
    Place,
    Shape,
    Template,
    Text,
    Uint,
    shape_of,
)

R = TypeVar("R", bound="Record")


class Record:
    """What every record can do. Each subclass is made by `record`."""

    __slots__ = ()
    codec: ClassVar["Codec[Any]"]

    def encode(self) -> bytes:
        """Bytes of the object, as they travel or are signed."""
        return cbor.encode(self.codec.write(self))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read one object. Raises Refusal: MALFORMED under its requirement, or TOO_LARGE."""
        found: Self = cls.codec.read(cbor.decode(data, limit=cls.codec.limit))
        return found


@dataclass_transform(frozen_default=True, kw_only_default=True)
def record(
    rule: str,
    *,
    limit: int = cbor.LIMIT,
    template: Template = Place.REST,
    check: Callable[[Any], None] | None = None,
) -> Callable[[type[R]], type[R]]:
    """Make a class of annotated fields a record.

    `rule`: the requirement that gives the shape; `limit`: greatest length in bytes; `check`: raises Refusal
    for fields that do not go together, once each is known to be sound.
    """

    def made(cls: type[R]) -> type[R]:
        kind = dataclass(frozen=True, slots=True, kw_only=True)(cls)
        kind.codec = Codec(kind, rule, limit, template, check)
        return kind

    return made


def one_of(kinds: Sequence[type[R]], data: bytes, where: str) -> R:
    """Read one of the records `kinds`, whose TYPEs count from 1. Raises Refusal (MALFORMED or TOO_LARGE)."""
    codec = kinds[0].codec
    items = _typed(cbor.decode(data, limit=codec.limit), codec.rule, where)
    kind = kinds[shape.uint(items[0], codec.rule, "type", 1, len(kinds)) - 1]
    found: R = kind.codec.read_fields(items[1:])
    return found


class Codec(Generic[R]):
    """How one kind of record is read and written: closures, compiled once for each class."""

    read: Callable[[Item], R]
    """The record that a decoded item is. Raises Refusal (MALFORMED)."""
    read_fields: Callable[[Item], R]
    """The record whose fields these items are. Raises Refusal (MALFORMED)."""
    write: Callable[[R], Item]
    """The item to encode."""

    def __init__(
        self,
        kind: type[R],
        rule: str,
        limit: int,
        template: Template,
        check: Callable[[Any], None] | None,
    ) -> None:
        self.rule, self.limit, self.template = rule, limit, template
        self.type: int | None = getattr(kind, "TYPE", None)
        hints = get_type_hints(kind, include_extras=True)
        names = [field.name for field in fields(cast("Any", kind))]
        self.shapes: dict[str, Shape] = {name: shape_of(hints[name]) for name in names}
        self.read_fields = _fields_reader(kind, rule, self.shapes, check)
        write = _fields_writer(self.shapes)
        if self.type is not None:
            self.read = _typed_reader(self.type, self.read_fields, rule, kind.__name__)
            self.write = _typed_writer(self.type, write)
        elif template is Place.REST:
            self.read, self.write = self.read_fields, write
        else:
            self.read = _template_reader(template, self.read_fields, rule, kind.__name__)
            self.write = lambda made: _filled(template, iter(write(made)))


def _fields_reader(
    kind: type[R], rule: str, shapes: Mapping[str, Shape], check: Callable[[Any], None] | None
) -> Callable[[Item], R]:
    # Slots are set one by one: a call of the constructor, which wants names, takes nearly twice as long.
    slots = [(getattr(kind, name).__set__, _reader(found, rule, name)) for name, found in shapes.items()]
    where, count = kind.__name__, len(slots)

    def read(items: Item) -> R:
        made = object.__new__(kind)
        for (put, read_one), item in zip(slots, shape.array(items, rule, where, count), strict=True):
            put(made, read_one(item))
        if check is not None:
            check(made)
        return made

    return read


def _fields_writer(shapes: Mapping[str, Shape]) -> Callable[[Any], tuple[Item, ...]]:
    names, writers = list(shapes), [_writer(found) for found in shapes.values()]

    def one_by_one(made: Any) -> tuple[Item, ...]:
        return tuple([write(getattr(made, name)) for name, write in zip(names, writers, strict=True)])

    # attrgetter is quick, and gives a tuple for two names or more
    return attrgetter(*names) if len(names) > 1 and set(writers) == {_same} else one_by_one


# --- what stands around the fields --------------------------------------------------------------------------


def _typed(item: Item, rule: str, where: str) -> tuple[Item, ...]:
    items = shape.array(item, rule, where)
    if not items:
        raise Refusal(Code.MALFORMED, rule, f"{where}: empty array")
    return items


def _typed_reader(
    number: int, read_fields: Callable[[Item], R], rule: str, where: str
) -> Callable[[Item], R]:
    def read(item: Item) -> R:
        items = _typed(item, rule, where)
        shape.uint(items[0], rule, "type", number, number)
        return read_fields(items[1:])

    return read


def _typed_writer(number: int, write: Callable[[Any], tuple[Item, ...]]) -> Callable[[Any], Item]:
    return lambda made: (number, *write(made))


def _template_reader(
    template: Template, read_fields: Callable[[Item], R], rule: str, where: str
) -> Callable[[Item], R]:
    take = _taker(template, rule, where)

    def read(item: Item) -> R:
        items: list[Item] = []
        take(item, items)
        return read_fields(tuple(items))

    return read


def _taker(template: Template, rule: str, where: str) -> Callable[[Item, list[Item]], object]:
    """Takes from an item what is at the places of a template, in its order."""
    if template is Place.FIELD:
        return lambda item, taken: taken.append(item)
    if template is Place.REST:
        return lambda item, taken: taken.extend(shape.array(item, rule, where))
    if isinstance(template, int):
        return lambda item, _taken: shape.uint(item, rule, where, template, template)
    keys = template.keys()
    takers = [(key, _taker(inner, rule, f"{where}, key {key}")) for key, inner in template.items()]

    def take_all(item: Item, taken: list[Item]) -> None:
        found = shape.table(item, rule, where, keys)
        for key, take in takers:
            take(found[key], taken)

    return take_all


def _filled(template: Template, items: Iterator[Item]) -> Item:
    """A template with items at its places."""
    if template is Place.FIELD:
        return next(items)
    if template is Place.REST:
        return tuple(items)
    if isinstance(template, int):
        return template
    return {key: _filled(inner, items) for key, inner in template.items()}


# --- one field ----------------------------------------------------------------------------------------------


def _reader(found: Shape, rule: str, where: str) -> Callable[[Item], Any]:
    """Reads an item of a shape, or raises Refusal (MALFORMED). `where` names it for people."""
    match found:
        case Uint(low, high):
            return lambda item: shape.uint(item, rule, where, low, high)
        case Octets(least, most):
            return lambda item: shape.octets(item, rule, where, least, most)
        case Text(shortest, longest):
            return lambda item: shape.text(item, rule, where, longest, shortest)
        case Enumeration(members):
            first, last = int(min(members)), int(max(members))
            return lambda item: members(shape.uint(item, rule, where, first, last))
        case OneOf(values):
            return lambda item: shape.one_of(item, rule, where, values)
        case Nested(other):
            read: Callable[[Item], Any] = other.codec.read
            return read
        case Nullable(inner):
            read = _reader(inner, rule, where)
            return lambda item: None if item is None else read(item)
        case Constrained(inner, check):
            return _constrained_reader(_reader(inner, rule, where), check)
        case Array(inner, count):
            return _array_reader(_reader(inner, rule, f"item of {where}"), count, rule, where)
        case Group(inners):
            readers = [_reader(part, rule, f"{where}, place {n}") for n, part in enumerate(inners)]
            return _group_reader(readers, rule, where)


def _constrained_reader(read: Callable[[Item], Any], check: Callable[[Any], None]) -> Callable[[Item], Any]:
    def constrained(item: Item) -> Any:
        value = read(item)
        check(value)
        return value

    return constrained


def _array_reader(
    read: Callable[[Item], Any], count: Count | None, rule: str, where: str
) -> Callable[[Item], Any]:
    def array(item: Item) -> tuple[Any, ...]:
        found = shape.array(item, rule, where)
        if count is not None and not count.low <= len(found) <= (count.high or len(found)):
            limits = f"{count.low} to {count.high}" if count.high else f"{count.low} or more"
            raise Refusal(Code.MALFORMED, rule, f"{where}: expected {limits} items, found {len(found)}")
        return tuple(map(read, found))

    return array


def _group_reader(readers: list[Callable[[Item], Any]], rule: str, where: str) -> Callable[[Item], Any]:
    def group(item: Item) -> tuple[Any, ...]:
        found = shape.array(item, rule, where, len(readers))
        return tuple([read(part) for read, part in zip(readers, found, strict=True)])

    return group


def _same(value: Any) -> Any:
    return value


def _writer(found: Shape) -> Callable[[Any], Item]:
    """Gives the item for a value of a shape."""
    match found:
        case Enumeration():
            return int
        case Nested(other):
            write: Callable[[Any], Item] = other.codec.write
            return write
        case Array(inner) if (write := _writer(inner)) is not _same:
            return lambda values: tuple(map(write, values))
        case Constrained(inner):
            return _writer(inner)
        case _:
            return _same
