"""What a declarative record does: its form on the wire, which fault it names, what it is not made from."""

from dataclasses import FrozenInstanceError
from enum import IntEnum
from typing import Annotated, Any, ClassVar

import pytest

from eiraku.spec import cbor
from eiraku.spec.cbor import Item
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.layout import Count, Octets, OneOf, Place, Text, Uint
from eiraku.spec.objects import PurseId, Role
from eiraku.spec.record import Record, one_of, record

RULE, OTHER = "EPP-ENC-008", "EPP-ENC-012"


class Colour(IntEnum):
    RED = 3
    BLUE = 4


def _no_seven(value: int) -> None:
    if value == 7:
        raise Refusal(Code.MALFORMED, OTHER, "seven")


def _different(made: "Everything") -> None:
    if made.name == made.spare:
        raise Refusal(Code.MALFORMED, OTHER, "the same twice")


@record(RULE)
class Point(Record):
    x: Annotated[int, Uint(0, 9), _no_seven]
    y: Annotated[int, Uint(0, 9)]


@record(RULE, limit=60, check=_different)
class Everything(Record):
    TYPE: ClassVar[int] = 1
    name: Annotated[bytes, Octets(2)]
    label: Annotated[str, Text(1, 3)]
    colour: Colour
    points: Annotated[tuple[Point, ...], Count(1, 2)]
    pairs: tuple[tuple[Annotated[int, Uint(0, 1)], Annotated[bytes, Octets(0, 1)]], ...] = ()
    spare: Annotated[bytes, Octets(2)] | None = None


@record(RULE, limit=60)
class Empty(Record):
    TYPE: ClassVar[int] = 2


@record(RULE, template={1: Place.FIELD, 2: {-1: 5, 3: Place.REST}})
class Wrapped(Record):
    key: Annotated[bytes, Octets(1)]
    left: Annotated[int, Uint(0, 9)]
    right: Annotated[int, Uint(0, 9)]


@record(RULE, template=Place.FIELD)
class Answer(Record):
    word: Annotated[str, OneOf(("yes", "no"))]


@record(RULE, template=Place.FIELD)
class Void(Record):
    nothing: None = None


@record(RULE)
class Some(Record):
    numbers: Annotated[tuple[Annotated[int, Uint(0, 9)], ...], Count(1)]


WHOLE = Everything(name=b"ab", label="x", colour=Colour.BLUE, points=(Point(x=1, y=2),), pairs=((1, b"z"),))
ITEM: tuple[Item, ...] = (1, b"ab", "x", 4, ((1, 2),), ((1, b"z"),), None)


def refused(kind: type[Record], item: Item) -> Refusal:
    with pytest.raises(Refusal) as found:
        kind.decode(cbor.encode(item))
    assert found.value.code is Code.MALFORMED
    return found.value


def test_a_record_is_the_array_of_its_type_and_fields() -> None:
    assert WHOLE.encode() == cbor.encode(ITEM)
    read = Everything.decode(cbor.encode(ITEM))
    assert read == WHOLE
    assert read.colour is Colour.BLUE
    assert (Empty().encode(), Empty.decode(cbor.encode((2,)))) == (cbor.encode((2,)), Empty())


def test_a_template_says_where_fields_stand() -> None:
    item: Item = {1: b"k", 2: {-1: 5, 3: (6, 7)}}
    wrapped = Wrapped(key=b"k", left=6, right=7)
    assert wrapped.encode() == cbor.encode(item)
    assert Wrapped.decode(cbor.encode(item)) == wrapped


def test_a_record_may_be_one_item_and_a_field_one_of_some_constants() -> None:
    assert Answer(word="yes").encode() == cbor.encode("yes")
    assert Answer.decode(cbor.encode("no")) == Answer(word="no")
    assert (Void().encode(), Void.decode(cbor.encode(None))) == (cbor.encode(None), Void())
    for kind, item in ((Answer, "maybe"), (Answer, None), (Answer, ("yes",)), (Void, ""), (Void, False)):
        assert "expected one of" in refused(kind, item).detail


def test_an_array_without_an_upper_bound() -> None:
    assert Some.decode(cbor.encode(((0,) * 999,))).numbers == (0,) * 999
    assert refused(Some, ((),)).detail == "numbers: expected 1 or more items, found 0"


def test_a_record_is_frozen_slotted_and_of_keywords_only() -> None:
    for made in (WHOLE, Everything.decode(WHOLE.encode())):
        assert not hasattr(made, "__dict__")
        with pytest.raises(FrozenInstanceError):
            made.name = b"cd"  # type: ignore[misc]
    with pytest.raises(TypeError):
        Point(1, 2)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("place", "wrong", "detail"),
    (
        (0, 2, "type: expected an integer from 1 to 1"),
        (1, b"a", "name: expected 2 to 2 bytes"),
        (2, "", "label: expected text of 1 to 3 bytes"),
        (3, 5, "colour: expected an integer from 3 to 4"),
        (4, (), "points: expected 1 to 2 items, found 0"),
        (4, ((1, 2),) * 3, "points: expected 1 to 2 items, found 3"),
        (4, ((1,),), "Point: expected 2 items, found 1"),
        (4, ((1, 10),), "y: expected an integer from 0 to 9"),
        (5, 0, "pairs: expected an array"),
        (5, ((1,),), "item of pairs: expected 2 items, found 1"),
        (5, ((1, b"zz"),), "item of pairs, place 1: expected 0 to 1 bytes"),
        (6, b"", "spare: expected 2 to 2 bytes"),
    ),
)
def test_the_fault_is_named(place: int, wrong: Item, detail: str) -> None:
    refusal = refused(Everything, (*ITEM[:place], wrong, *ITEM[place + 1 :]))
    assert (refusal.requirement, refusal.detail) == (RULE, detail)


@pytest.mark.parametrize(
    ("item", "detail"),
    (
        ({1: b"k"}, "Wrapped: expected a map with the keys [1, 2]"),
        ({1: b"k", 2: {-1: 5}}, "Wrapped, key 2: expected a map with the keys [-1, 3]"),
        ({1: b"k", 2: {-1: 6, 3: (6, 7)}}, "Wrapped, key 2, key -1: expected an integer from 5 to 5"),
        ({1: b"k", 2: {-1: 5, 3: 6}}, "Wrapped, key 2, key 3: expected an array"),
        ({1: b"", 2: {-1: 5, 3: (6, 7)}}, "key: expected 1 to 1 bytes"),
    ),
)
def test_the_fault_in_a_template_is_named(item: Item, detail: str) -> None:
    assert refused(Wrapped, item).detail == detail


def test_the_first_fault_wins() -> None:
    # the number of items, then each field in turn with its own condition, then what is between fields
    assert refused(Everything, (1, b"", 5)).detail == "Everything: expected 6 items, found 2"
    assert refused(Point, (7, 10)).requirement == OTHER
    assert refused(Point, (10, 7)).detail == "x: expected an integer from 0 to 9"
    assert refused(Everything, (*ITEM[:-1], b"ab")).requirement == OTHER
    assert refused(Everything, (1, b"ab", "", *ITEM[3:-1], b"ab")).requirement == RULE


def test_what_is_too_long_is_not_looked_at() -> None:
    # EPP-ENC-010
    with pytest.raises(Refusal) as found:
        Everything.decode(b"\xff" * 61)
    assert found.value.code is Code.TOO_LARGE


def test_one_of_several() -> None:
    kinds: tuple[type[Record], ...] = (Everything, Empty)
    assert one_of(kinds, WHOLE.encode(), "thing") == WHOLE
    assert one_of(kinds, Empty().encode(), "thing") == Empty()
    for item, detail in (
        (0, "thing: expected an array"),
        ((), "thing: empty array"),
        ((3,), "type: expected an integer from 1 to 2"),
        ((2, 0), "Empty: expected 0 items, found 1"),
    ):
        with pytest.raises(Refusal) as found:
            one_of(kinds, cbor.encode(item), "thing")
        assert found.value.detail == detail


@pytest.mark.parametrize("annotation", (int, bytes, list[int], int | str | None, dict[int, int]), ids=str)
def test_a_field_that_does_not_say_what_it_is(annotation: Any) -> None:
    kind = type("Kind", (Record,), {"__annotations__": {"field": annotation}})
    with pytest.raises(TypeError, match="does not say what it is on the wire"):
        record(RULE)(kind)


def test_a_value_outside_the_subset_is_a_defect_of_the_caller() -> None:
    with pytest.raises(TypeError):
        Point(x=1, y=1.5).encode()  # type: ignore[arg-type]


# EPP-PID-001
def test_eight_zero_bytes_and_a_reversed_life_are_no_purse_id() -> None:
    def purse_id(number: bytes, issued: int, expires: int) -> PurseId:
        return PurseId(
            number=number,
            public_key=bytes(32),
            role=Role.PERSON,
            tier=1,
            holder=bytes(32),
            economy=392,
            issued=issued,
            expires=expires,
            seal=bytes(16),
        )

    good = purse_id(b"12345678", 5, 5)
    assert PurseId.decode(good.encode()) == good
    for wrong, detail in (
        (purse_id(bytes(8), 5, 5), "number: eight zero bytes stand for the issuing centre"),
        (purse_id(b"12345678", 6, 5), "issued after it expires"),
    ):
        with pytest.raises(Refusal, match=detail) as found:
            PurseId.decode(wrong.encode())
        assert found.value.requirement == "EPP-PID-001"
