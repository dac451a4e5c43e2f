"""Entries against the CDDL, texts of checkpoints, and each with one thing wrong (chapter 15)."""

from pathlib import Path
from typing import Any

import pytest
from cddl_verifier import Validator
from hypothesis import given
from hypothesis import strategies as st

from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.signed_note import is_key_name
from eiraku.spec.wholesale_objects import ENTRY_MAX, PAIRED, SIZE_MAX, Checkpoint, Entry, Kind

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


names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=16).filter(is_key_name)
lines = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1).filter(
    lambda line: not line.startswith("epoch ")
)


# EPP-WHS-004, EPP-WHS-018, EPP-WHS-019
@given(
    names,
    st.integers(0, SIZE_MAX),
    st.binary(min_size=32, max_size=32),
    epochs,
    st.lists(lines, max_size=4),
)
def test_checkpoint_round_trip(origin: str, size: int, root: bytes, epoch: int, others: list[str]) -> None:
    checkpoint = Checkpoint(origin=origin, size=size, root=root, epoch=epoch, extensions=tuple(others))
    assert Checkpoint.decode(checkpoint.encode()) == checkpoint
    text = checkpoint.encode().split("\n")
    assert text[:2] == [origin, str(size)]
    assert text[3:] == [f"epoch {epoch}", *others, ""]


# EPP-WHS-018
@given(st.text(st.sampled_from("ab\n 0123456789+epoch=")), st.integers(0, 80), st.integers(0, 10))
def test_a_text_that_is_accepted_is_the_only_one_of_its_checkpoint(more: str, at: int, less: int) -> None:
    """Something is put into a good text, or taken from it."""
    text = Checkpoint(origin="acu.example", size=12, root=bytes(32), epoch=3).encode()
    altered = text[:at] + more + text[at + less :]
    try:
        found = Checkpoint.decode(altered)
    except Refusal:
        return
    assert found.encode() == altered


GOOD: tuple[Any, ...] = (bytes(16), 3, 7, 392, 702, 5)


# EPP-WHS-040
@pytest.mark.parametrize("entry", ((*GOOD[:5], 0), (bytes(16), 0, 7, 392, 392, 5)))
def test_only_a_member_that_joins_brings_nothing(entry: tuple[Any, ...]) -> None:
    with pytest.raises(Refusal) as refused:
        Entry.decode(cbor.encode(entry))
    assert (refused.value.code, refused.value.requirement) == (Code.MALFORMED, "EPP-WHS-040")


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


# EPP-WHS-008
@pytest.mark.parametrize("data", (b"", b"\x80", cbor.encode(GOOD) + b"\x00", cbor.encode(GOOD[:-1]), b"\xff"))
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(Refusal):
        Entry.decode(data)


ROOT = "A" * 43 + "="


# EPP-WHS-018
@pytest.mark.parametrize(
    ("text", "said"),
    (
        ("", "expected lines with"),
        ("\n", "expected lines with"),
        (f"a\n0\n{ROOT}\n", "expected lines with"),
        (f"a\n0\n{ROOT}\nepoch 0", "expected lines with"),
        (f"a\n0\n{ROOT}\nepoch 0\n\n", "expected lines with"),
        (f"\n0\n{ROOT}\nepoch 0\n", "expected lines with"),
        (f"{'x' * 65}\n0\n{ROOT}\nepoch 0\n", "origin: expected"),
        (f"{chr(0x20AC) * 22}\n0\n{ROOT}\nepoch 0\n", "origin: expected"),
        (f"a b\n0\n{ROOT}\nepoch 0\n", "origin: expected"),
        (f"a+b\n0\n{ROOT}\nepoch 0\n", "origin: expected"),
        (f"a\n00\n{ROOT}\nepoch 0\n", "size: expected"),
        (f"a\n-1\n{ROOT}\nepoch 0\n", "size: expected"),
        (f"a\n 1\n{ROOT}\nepoch 0\n", "size: expected"),
        (f"a\n1_0\n{ROOT}\nepoch 0\n", "size: expected"),
        (f"a\n{2**53}\n{ROOT}\nepoch 0\n", "size: expected"),
        (f"a\n{'9' * 100_000}\n{ROOT}\nepoch 0\n", "size: expected"),
        ("a\n0\nAAAA\nepoch 0\n", "root: expected"),
        (f"a\n0\n{'A' * 43}\nepoch 0\n", "root: expected"),
        (f"a\n0\n{'A' * 42}B=\nepoch 0\n", "root: expected"),
        (f"a\n0\n{ROOT}\nepoch\n", "expected the line `epoch`"),
        (f"a\n0\n{ROOT}\nepoch 00\n", "expected the line `epoch`"),
        (f"a\n0\n{ROOT}\nepoch  0\n", "expected the line `epoch`"),
        (f"a\n0\n{ROOT}\nepoch {2**32}\n", "expected the line `epoch`"),
        (f"a\n0\n{ROOT}\n0\n", "expected the line `epoch`"),
        (f"a\n0\n{ROOT}\nother\nepoch 0\n", "expected the line `epoch`"),
        (f"a\n0\n{ROOT}\nepoch 0\nepoch 0\n", "expected the line `epoch`"),
        (f"a\n0\n{ROOT}\nepoch 0\nepoch nine\n", "expected the line `epoch`"),
    ),
)
def test_a_text_with_one_thing_wrong(text: str, said: str) -> None:
    assert Checkpoint.decode(f"a\n0\n{ROOT}\nepoch 0\nepochs\n").extensions == ("epochs",)
    with pytest.raises(Refusal, match=said) as refused:
        Checkpoint.decode(text)
    assert (refused.value.code, refused.value.requirement) == (Code.MALFORMED, "EPP-WHS-018")


def test_names_for_people() -> None:
    def label(kind: Kind, at: int) -> str:
        return Entry(posting=bytes(16), kind=kind, epoch=1, economy=1, at=at, amount=1).label

    assert [label(Kind.REDEEM, 1), label(Kind.REDEEM, 2), label(Kind.ISSUE, 2)] == [
        "redeem",
        "reflux",
        "issue",
    ]
