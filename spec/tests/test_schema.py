"""Every record against its rule in schema.cddl: both take the same bytes and refuse the same mutants.

The mutants are structural and derived from the record: for each field a wrong type, one element fewer and one
more, a size one too small and one too great, an integer below and above its bounds. Conditions between fields
are no shape and not in the schema, so a record is read without its `check`.
"""

import logging
from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from cddl_verifier import Validator

from eiraku.spec import cbor, centre_objects, key_lists, messages, news, objects, wholesale_objects
from eiraku.spec.cbor import Item
from eiraku.spec.centre_objects import BulletinHead, Claim, Issue, SelfReport
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.layout import (
    Array,
    Constrained,
    Enumeration,
    Group,
    Nested,
    Nullable,
    Octets,
    Place,
    Shape,
    Text,
    Uint,
)
from eiraku.spec.objects import Bulletin, EndorsementPayload, Layer, PurseId, ReceiptPayload, Unit
from eiraku.spec.record import Codec, Record, _filled
from eiraku.spec.wholesale_objects import Checkpoint, Entry

pytestmark = pytest.mark.slow

SCHEMA = Validator(Path(__file__).parents[1] / "schema.cddl")
# It logs each of some thousand mutants that it refuses.
logging.getLogger("cddl_verifier").setLevel(logging.CRITICAL)

RULES: dict[type[Record], str] = {
    PurseId: "purse-id-claims",
    Unit: "unit-payload",
    EndorsementPayload: "endorsement-payload",
    Layer: "history-layer",
    ReceiptPayload: "receipt-payload",
    Bulletin: "bulletin-payload",
    key_lists.DeviceKeys: "device-keys-payload",
    key_lists.MoneyKeys: "money-keys-payload",
    messages.Request: "request",
    messages.Offer: "offer",
    messages.OfferedUnit: "offered-unit",
    messages.Accept: "accept",
    messages.Pay: "pay",
    messages.Receipt: "receipt",
    messages.Redeliver: "redeliver",
    messages.Reject: "reject",
    Issue: "issue-to-vault",
    Claim: "claim-of-payer",
    SelfReport: "self-report",
    centre_objects.Renewed: "renewed",
    centre_objects.SchemeKeys: "scheme-keys",
    BulletinHead: "bulletin-head",
    news.Have: "have",
    news.AskHead: "ask-head",
    news.AskChunk: "ask-chunk",
    news.AskWhole: "ask-whole",
    news.Head: "head",
    news.Chunk: "chunk",
    news.Whole: "whole",
    news.Nothing: "nothing",
    news.Done: "done",
    news.AskKeys: "ask-keys",
    news.Keys: "keys",
    Entry: "entry",
    Checkpoint: "checkpoint",
}

WITHOUT_RULE: dict[type[Record], str] = dict.fromkeys(
    (
        centre_objects.Request,
        centre_objects.IssueBody,
        centre_objects.ReceiptBody,
        centre_objects.SuspectBody,
        centre_objects.EnrolBody,
        centre_objects.Balance,
    ),
    "schema.cddl does not cover chapter 16; the text does",
)

DISAGREE = {
    (Issue, "units: []"): "the code leaves it to the purse, which refuses an issue without units",
    (Issue, "units: 257 items"): "the code leaves it to the purse, which knows how many it can hold",
    (Claim, "endorsements: []"): "the code leaves it to the centre, which compares with the offer",
}
"""Mutants that the code takes and the schema does not, each with the reason."""

Mutants: TypeAlias = Iterator[tuple[str, Item]]

WRONG: tuple[Item, ...] = (None, True, False, -1, 0, 1, b"", "", (), {}, ((),), {0: 0})


def sample(found: Shape) -> Item:
    """The least item of a shape; its bytes are not zero."""
    match found:
        case Uint(low):
            return low
        case Octets(least):
            return b"\x01" * least
        case Text(shortest):
            return "x" * shortest
        case Enumeration(members):
            return int(min(members))
        case Nested(other):
            return placed(other.codec, samples(other.codec))
        case Nullable(inner) | Constrained(inner):
            return sample(inner)
        case Array(inner, count):
            return (sample(inner),) * (1 if count is None else count.low)
        case Group(inners):
            return tuple(map(sample, inners))


def samples(codec: Codec[Any]) -> tuple[Item, ...]:
    return tuple(map(sample, codec.shapes.values()))


def placed(codec: Codec[Any], items: tuple[Item, ...]) -> Item:
    """The item of a record with these items as its fields."""
    return _filled(codec.template, iter(items)) if codec.type is None else (codec.type, *items)


def mutants(found: Shape) -> Mutants:
    """Items within a shape and near it: of any type, at its bounds, and one beyond each."""
    yield from wrong_types()
    yield from near(found)


def wrong_types() -> Mutants:
    yield from ((cbor.diagnostic(item), item) for item in WRONG)


def near(found: Shape) -> Mutants:
    match found:
        case Uint(low, high):
            yield from ((str(number), number) for number in (low - 1, low, high, high + 1))
        case Octets(low, high):
            yield from ((f"{size} bytes", b"\x01" * size) for size in sizes(low, high or low))
        case Text(low, high):
            yield from ((f"{size} letters", "x" * size) for size in sizes(low, high))
            yield from ((f"{size} letters of two bytes", "é" * size) for size in (high // 2, high // 2 + 1))
        case Enumeration(members):
            yield from near(Uint(int(min(members)), int(max(members))))
        case Nullable(inner) | Constrained(inner):
            yield from near(inner)
        case Array(inner, count):
            low, high = (0, 256) if count is None else (count.low, count.high)
            yield from ((f"{size} items", (sample(inner),) * size) for size in sizes(low, high) if size)
            yield from ((f"item: {name}", (item,) * max(low, 1)) for name, item in mutants(inner))
        case Group(inners):
            names = map(str, range(len(inners)))
            yield from arrays(dict(zip(names, inners, strict=True)))
        case Nested(other):
            yield from of_record(other.codec)


def sizes(low: int, high: int) -> list[int]:
    return sorted({low - 1, low, high, high + 1} - {-1})


def arrays(shapes: Mapping[str, Shape]) -> Iterator[tuple[str, tuple[Item, ...]]]:
    """Arrays of these shapes with one element fewer, one more, or another."""
    items = tuple(map(sample, shapes.values()))
    yield "sound", items
    for place, (name, found) in enumerate(shapes.items()):
        yield f"no {name}", items[:place] + items[place + 1 :]
        for what, item in mutants(found):
            yield f"{name}: {what}", (*items[:place], item, *items[place + 1 :])
    for what, item in wrong_types():
        yield f"{what} at the end", (*items, item)


def of_record(codec: Codec[Any]) -> Mutants:
    for name, items in arrays(codec.shapes):
        yield name, placed(codec, items)
    sound = samples(codec)
    yield "in an array", (placed(codec, sound),)
    if codec.type is not None:
        for name, number in mutants(Uint(codec.type, codec.type)):
            yield f"type: {name}", (number, *sound)
    elif codec.template is not Place.REST:
        yield from around(placed(codec, sound))


def around(item: Item) -> Mutants:
    """Maps with one key fewer, one more, or another value at one of them."""
    if not isinstance(item, dict):
        yield from mutants(Uint(item, item)) if isinstance(item, int) else wrong_types()
        return
    for key, value in item.items():
        others = {other: item[other] for other in item if other != key}
        yield f"no key {key}", others
        yield f"key {key} as text", {**others, str(key): value}
        for name, wrong in around(value):
            yield f"key {key}: {name}", {**others, key: wrong}
    yield "one key more", {**item, 99: 0}


def takes(read: Callable[[Item], object], item: Item, rule: str) -> bool:
    """Whether the code finds no fault in the shape; another rule than that of the shape is a condition."""
    try:
        read(item)
    except Refusal as refusal:
        return (refusal.code, refusal.requirement) != (Code.MALFORMED, rule)
    return True


def compared(codec: Codec[Any], rule: str, read: Callable[[Item], object]) -> tuple[int, set[str]]:
    """How many mutants the code and the schema were asked about, and those on which they differ."""
    asked, differ = 0, set()
    for name, item in chain(wrong_types(), of_record(codec)):
        data = cbor.encode(item)
        # EPP-ENC-010: what is too long is refused before its shape is looked at
        if len(data) <= codec.limit:
            asked += 1
            if takes(read, item, codec.rule) != bool(SCHEMA.validate(data, rule, require_deterministic=True)):
                differ.add(name)
    return asked, differ


@pytest.mark.parametrize("kind", RULES, ids=RULES.get)
def test_code_and_schema_agree_on_mutants(kind: type[Record]) -> None:
    # EPP-ENC-008
    codec = kind.codec
    unchecked = Codec(kind, codec.rule, codec.limit, codec.template, check=None)
    asked, differ = compared(codec, RULES[kind], unchecked.read)
    assert asked > 20
    assert differ == {name for other, name in DISAGREE if other is kind}


@pytest.mark.parametrize(
    ("kind", "decode", "rule"),
    (
        *((kind, messages.decode, "message") for kind in messages.KINDS),
        *((kind, news.decode, "news") for kind in news.KINDS),
    ),
)
def test_code_and_schema_agree_on_choices(kind: type[Record], decode: Any, rule: str) -> None:
    # EPP-TRF-002, EPP-DEV-021
    assert compared(kind.codec, rule, lambda item: decode(cbor.encode(item)))[1] == set()


def test_every_record_is_compared() -> None:
    modules = (centre_objects, messages, news, objects, wholesale_objects)
    records = {
        found
        for module in modules
        for found in vars(module).values()
        if isinstance(found, type) and issubclass(found, Record) and found is not Record
    }
    assert records == RULES.keys() | WITHOUT_RULE.keys()


def test_every_reason_is_said() -> None:
    assert all([*DISAGREE.values(), *WITHOUT_RULE.values()])
