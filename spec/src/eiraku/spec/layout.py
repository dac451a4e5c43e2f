"""What a field or a whole object is on the wire, as data: what the annotations of a record say.

`Annotated[int, Uint(low, high)]`, `Annotated[bytes, Octets(low, high)]` and `Annotated[str, Text(low, high)]`
are an integer, a byte string and a text within bounds. `tuple[X, ...]` is an array, with `Count(low, high)`
one of so many items; `tuple[X, Y]` is an array of exactly these. `X | None` may be null, an `IntEnum` is its
value, `Annotated[str, OneOf(("a", "b"))]` is one of these texts, `None` is null, and a record is itself. A
function after the shape in `Annotated` is one more condition on the value.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from types import NoneType, UnionType
from typing import Annotated, Any, TypeAlias, Union, get_args, get_origin


@dataclass(frozen=True, slots=True)
class Uint:
    """An integer from `low` to `high`, both included."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Octets:
    """A byte string of `low` to `high` bytes (exactly `low` if `high` is not given)."""

    low: int
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A text string of `low` to `high` bytes of UTF-8."""

    low: int
    high: int


@dataclass(frozen=True, slots=True)
class Count:
    """How many items an array has; only its length in bytes bounds it if `high` is not given."""

    low: int
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Array:
    """Items of one shape, any number if `count` is not given."""

    item: "Shape"
    count: Count | None


@dataclass(frozen=True, slots=True)
class Group:
    """An array of exactly these items."""

    items: tuple["Shape", ...]


@dataclass(frozen=True, slots=True)
class Nullable:
    """Null or this."""

    item: "Shape"


@dataclass(frozen=True, slots=True)
class Enumeration:
    """The value of a member; the values are consecutive."""

    members: type[IntEnum]


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of these constants."""

    values: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Nested:
    """Another record, a class with a `codec`."""

    record: Any


@dataclass(frozen=True, slots=True)
class Constrained:
    """This, with one more condition; `check` raises Refusal for a value that does not meet it."""

    item: "Shape"
    check: Callable[[Any], None]


Shape: TypeAlias = (
    Uint | Octets | Text | Array | Group | Nullable | Enumeration | OneOf | Nested | Constrained
)


class Place(Enum):
    """Where the fields of a record stand in its template."""

    FIELD = "the next field"
    REST = "the array of all fields that are left"


Template: TypeAlias = int | Place | Mapping[int, "Template"]
"""A constant, a place for fields, or a map of exactly these keys."""


def shape_of(annotation: Any) -> Shape:
    """What an annotation says. Raises TypeError if it does not say what is on the wire."""
    notes: list[Any] = []
    if get_origin(annotation) is Annotated:
        annotation, *notes = get_args(annotation)
    origin, parts = get_origin(annotation), get_args(annotation)
    found: Shape
    if notes and isinstance(notes[0], Uint | Octets | Text | OneOf):
        found = notes.pop(0)
    elif origin is tuple and parts[-1] is Ellipsis:
        count = notes.pop(0) if notes and isinstance(notes[0], Count) else None
        found = Array(shape_of(parts[0]), count)
    elif origin is tuple:
        found = Group(tuple(map(shape_of, parts)))
    elif origin in (Union, UnionType) and parts[1:] == (NoneType,):
        found = Nullable(shape_of(parts[0]))
    elif isinstance(annotation, type) and issubclass(annotation, IntEnum):
        found = Enumeration(annotation)
    elif annotation is NoneType:
        found = OneOf((None,))
    elif hasattr(annotation, "codec"):
        found = Nested(annotation)
    else:
        raise TypeError(f"{annotation} does not say what it is on the wire")
    for check in notes:
        found = Constrained(found, check)
    return found
