"""Entries and checkpoints against the CDDL, and each shape with one thing wrong (chapter 15)."""

from pathlib import Path
from typing import Any

import pytest
from cddl_verifier import Validator
from hypothesis import given
from hypothesis import strategies as st

from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.wholesale_objects import ENTRY_MAX, PAIRED, Checkpoint, Entry, Kind

SCHEMA = Validator(Path(__file__).parents[1] / "schema.cddl")
economies = st.integers(1, 65535)
epochs = st.integers(0, 2**32 - 1)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    kind, economy = draw(st.sampled_from(Kind)), draw(economies)
    at = economy
    if kind in PAIRED:
        at = draw(economies.filter(lambda found: kind is not Kind.TRANSFER or found != economy))
    return Entry(
        posting=draw(st.binary(min_size=16, max_size=16)),
        kind=kind,
        epoch=draw(epochs),
        economy=economy,
        at=at,
        amount=0 if kind is Kind.JOIN else draw(st.integers(1, 2**53 - 1)),
    )


# EPP-WHS-008
@given(entries())
def test_entry_round_trip_and_cddl(entry: Entry) -> None:
    encoded = entry.encode()
    assert Entry.decode(encoded) == entry
    assert len(encoded) <= ENTRY_MAX
    assert SCHEMA.validate(encoded, "entry", require_deterministic=True)


# EPP-WHS-004
@given(
    st.text(st.characters(codec="ascii"), min_size=1, max_size=64),
    st.integers(0, 2**53 - 1),
    st.binary(min_size=32, max_size=32),
    epochs,
)
def test_checkpoint_round_trip_and_cddl(origin: str, size: int, root: bytes, epoch: int) -> None:
    checkpoint = Checkpoint(origin=origin, size=size, root=root, epoch=epoch)
    assert Checkpoint.decode(checkpoint.encode()) == checkpoint
    assert SCHEMA.validate(checkpoint.encode(), "checkpoint", require_deterministic=True)


GOOD: tuple[Any, ...] = (bytes(16), 3, 7, 392, 702, 5)


# EPP-WHS-008
@pytest.mark.parametrize(
    ("place", "value"),
    (
        (0, bytes(15)),
        (0, "posting"),
        (1, 6),
        (1, -1),
        (2, 2**32),
        (3, 0),
        (3, 65536),
        (4, 0),
        (4, None),
        (5, 0),
        (5, -1),
        (5, 2**53),
        (5, True),
        (5, b"5"),
    ),
)
def test_an_entry_with_one_thing_wrong(place: int, value: Any) -> None:
    assert Entry.decode(cbor.encode(GOOD)).label == "issue"
    wrong = (*GOOD[:place], value, *GOOD[place + 1 :])
    with pytest.raises(Refusal) as refused:
        Entry.decode(cbor.encode(wrong))
    assert (refused.value.code, refused.value.requirement) == (Code.MALFORMED, "EPP-WHS-008")


# EPP-WHS-008
@pytest.mark.parametrize("kind", Kind)
def test_which_kinds_name_another_economy(kind: Kind) -> None:
    amount = 0 if kind is Kind.JOIN else 5

    def read(at: int, amount: int) -> Entry:
        return Entry.decode(cbor.encode((bytes(16), int(kind), 7, 392, at, amount)))

    if kind in PAIRED:
        assert read(702, amount).at == 702
    else:
        with pytest.raises(Refusal, match="no other economy takes part in it"):
            read(702, amount)
    if kind is Kind.TRANSFER:
        with pytest.raises(Refusal, match="expected another economy"):
            read(392, amount)
    else:
        assert read(392, amount).kind is kind
    with pytest.raises(Refusal, match="0 is for join only"):
        read(702 if kind in PAIRED else 392, 5 - amount)


# EPP-WHS-004, EPP-WHS-008
@pytest.mark.parametrize("data", (b"", b"\x80", cbor.encode(GOOD) + b"\x00", cbor.encode(GOOD[:-1]), b"\xff"))
def test_other_bytes_are_refused(data: bytes) -> None:
    for decode in (Entry.decode, Checkpoint.decode):
        with pytest.raises(Refusal):
            decode(data)


# EPP-WHS-004
@pytest.mark.parametrize(
    "fields",
    (
        ("", 0, bytes(32), 0),
        ("x" * 65, 0, bytes(32), 0),
        (b"a", 0, bytes(32), 0),
        ("a", -1, bytes(32), 0),
        ("a", 2**53, bytes(32), 0),
        ("a", 0, bytes(31), 0),
        ("a", 0, bytes(32), 2**32),
        ("a", 0, bytes(32), 0, 0),
    ),
)
def test_a_checkpoint_with_one_thing_wrong(fields: tuple[Any, ...]) -> None:
    with pytest.raises(Refusal, match="EPP-WHS-004"):
        Checkpoint.decode(cbor.encode(fields))


def test_names_for_people() -> None:
    def label(kind: Kind, at: int) -> str:
        return Entry(posting=bytes(16), kind=kind, epoch=1, economy=1, at=at, amount=1).label

    assert [label(Kind.REDEEM, 1), label(Kind.REDEEM, 2), label(Kind.ISSUE, 2)] == [
        "redeem",
        "reflux",
        "issue",
    ]
