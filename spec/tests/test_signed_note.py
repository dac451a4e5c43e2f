"""Signed notes: the form, published examples, altered and hostile ones (chapter 15)."""

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eiraku.spec.errors import Code, Refusal
from eiraku.spec.signed_note import (
    NOTE_MAX,
    SIGNATURES_MAX,
    Note,
    SignatureLine,
    decimal,
    from_base64,
    is_key_name,
    to_base64,
)

PUBLISHED = json.loads(
    (Path(__file__).parents[1] / "src/eiraku/spec/vectors/c2sp-notes.json").read_text(encoding="utf-8")
)
NOTES: list[str] = [case["note"] for case in PUBLISHED["notes"]]
LINE = "\u2014 a AAAAAAA=\n"

names = st.text(st.characters(codec="utf-8"), min_size=1).filter(is_key_name)
signature_lines = st.builds(
    SignatureLine,
    name=names,
    key_id=st.binary(min_size=4, max_size=4),
    signature=st.binary(min_size=1, max_size=100),
)
texts = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters=[chr(c) for c in range(32)])), min_size=1
)


# EPP-WHS-013
@pytest.mark.parametrize("note", NOTES)
def test_published_notes(note: str) -> None:
    found = Note.decode(note)
    assert found.encode() == note
    assert Note.decode(note.encode()) == found
    assert found.text + "\n" == note[: note.index("\u2014")]
    assert len(found.signatures) == note.count("\u2014")


# EPP-WHS-013
@pytest.mark.parametrize("octets", [bytes.fromhex(case["note"]) for case in PUBLISHED["malformed"]])
def test_published_malformed_notes(octets: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        Note.decode(octets)
    assert (refused.value.code, refused.value.requirement) == (Code.MALFORMED, "EPP-WHS-013")


# EPP-WHS-013
@given(texts, st.lists(signature_lines, min_size=1, max_size=SIGNATURES_MAX))
def test_round_trip(lines: list[str], signatures: list[SignatureLine]) -> None:
    note = Note(text="".join(f"{line}\n" for line in lines), signatures=tuple(signatures))
    assert Note.decode(note.encode()) == note
    assert Note.decode(note.encode().encode()) == note


# EPP-WHS-013
@given(st.data())
def test_whatever_is_accepted_is_encoded_to_the_same_bytes(data: st.DataObject) -> None:
    """Bytes are put into a good note, taken from it, or moved; most are refused, none is read in two ways."""
    octets = data.draw(st.sampled_from([*NOTES, f"a\n\n{LINE}{LINE}"])).encode()
    pieces = st.sampled_from(
        [b"\n", b"\n\n", b" ", b"=", b"+", b"A", b"\xe2\x80\x94", b"\xa0", LINE.encode()]
    )
    for _ in range(data.draw(st.integers(1, 3))):
        at, less = data.draw(st.integers(0, len(octets))), data.draw(st.integers(0, 4))
        octets = octets[:at] + data.draw(pieces | st.binary(max_size=2)) + octets[at + less :]
    check(octets)


# EPP-WHS-013
@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
@example(b"\n\n\xe2\x80\x94 a AAAAAAA=\n")
def test_any_bytes(octets: bytes) -> None:
    check(octets)


def check(octets: bytes) -> bool:
    """Whether it is a note; it is then encoded to the same bytes."""
    try:
        found = Note.decode(octets)
    except Refusal:
        return False
    assert found.encode().encode() == octets
    assert found.signatures
    assert all(len(line.key_id) == 4 and line.signature and line.name for line in found.signatures)
    return True


# EPP-WHS-013
@pytest.mark.parametrize("code", (*range(0x0A), *range(0x0B, 0x20)))
def test_no_control_character_anywhere(code: int) -> None:
    for note in (f"a{chr(code)}\n\n{LINE}", f"a\n\n{LINE[:3]}{chr(code)}{LINE[3:]}"):
        with pytest.raises(Refusal, match="EPP-WHS-013"):
            Note.decode(note)


# EPP-WHS-013
def test_what_a_key_may_be_called() -> None:
    """Every character alone: none of Unicode's white space (C2SP), no control character, no plus sign."""
    white = {0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000}
    for code in range(0x110000):
        bad = code < 0x20 or code in white or chr(code) == "+" or unicodedata.category(chr(code)) == "Cs"
        assert is_key_name(chr(code)) is not bad, hex(code)
    assert not is_key_name("")
    assert not is_key_name("a\n")


# EPP-WHS-014
def test_bounds() -> None:
    full = "a\n\n" + LINE * SIGNATURES_MAX
    assert len(Note.decode(full).signatures) == SIGNATURES_MAX
    room = NOTE_MAX - len(f"\n\n{LINE}".encode())
    assert Note.decode("a" * room + f"\n\n{LINE}").encode()
    for note in (
        full + LINE,
        "a\n\n" + LINE * 10_000,
        "a" * (room + 1) + f"\n\n{LINE}",
        "\u00e8" * (room // 2 + 1) + f"\n\n{LINE}",
    ):
        for given_as in (note, note.encode()):
            with pytest.raises(Refusal) as refused:
                Note.decode(given_as)
            assert (refused.value.code, refused.value.requirement) == (Code.TOO_LARGE, "EPP-WHS-014")


# EPP-WHS-014: C2SP asks for sixteen signatures; those of ML-DSA-87 have 4 627 bytes.
def test_sixteen_large_signatures_fit() -> None:
    line = SignatureLine(name="n" * 255, key_id=bytes(4), signature=bytes(8 + 4627))
    assert len(Note.decode(Note(text="a\n", signatures=(line,) * 16).encode()).signatures) == 16


# EPP-WHS-013, EPP-WHS-014
@pytest.mark.parametrize(
    ("note", "requirement"),
    (
        ("a\n\n" + LINE * 1_000_000, "EPP-WHS-014"),
        ("\n" * 10_000_000, "EPP-WHS-014"),
        (" " * 10_000_000, "EPP-WHS-014"),
        ("\n" * 100_000, "EPP-WHS-013"),
        (" " * 100_000, "EPP-WHS-013"),
        ("a\n\n" + "\u2014 " * 30_000 + "\n", "EPP-WHS-013"),
        ("a\n\n\u2014 a " + "A" * 120_001 + "=\n", "EPP-WHS-013"),
        ("a\n\n\u2014 a " + "=" * 120_000 + "\n", "EPP-WHS-013"),
        ("\n\n" * 30_000 + LINE + "\n", "EPP-WHS-013"),
    ),
)
def test_hostile_notes(note: str, requirement: str) -> None:
    with pytest.raises(Refusal) as refused:
        Note.decode(note.encode())
    assert refused.value.requirement == requirement


# EPP-WHS-013
@pytest.mark.parametrize(
    "note",
    (
        "a\n\n\u2014 " + "a" * 120_000 + " AAAAAAA=\n",
        "a\n\n\u2014 a " + "A" * 120_003 + "=\n",
        "\n\n" * 30_000 + LINE,
        "epoch 1\n" * 10_000 + "\n" + LINE,
    ),
)
def test_strange_notes_that_are_well_formed(note: str) -> None:
    assert check(note.encode())


# EPP-WHS-013
@given(st.binary())
def test_base64_in_one_way(data: bytes) -> None:
    text = to_base64(data)
    assert from_base64(text) == data
    for other in (
        text + "\n",
        text + "=",
        " " + text,
        text.rstrip("=") if text.endswith("=") else text + "A",
    ):
        assert from_base64(other) is None


@pytest.mark.parametrize("text", ("AAAA-_", "AB==", "AAB=", "A===", "AA=A", "\u00e8", "AA\n==", "A"))
def test_other_base64(text: str) -> None:
    assert from_base64(text) is None


@given(st.integers(0, 2**63 - 1), st.integers(0, 2**63 - 1))
def test_decimal_in_one_way(number: int, most: int) -> None:
    assert decimal(str(number), most) == (number if number <= most else None)
    for other in (f"0{number}", f"+{number}", f"-{number}", f" {number}", f"{number}\n", f"{number}.0", ""):
        assert decimal(other, 2**63) is None
