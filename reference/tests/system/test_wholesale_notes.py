"""Who signed a note: verifier keys, published notes, and each vector of a note (chapter 15)."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec.errors import Misuse, Refused
from eiraku.spec.signed_note import Note, SignatureLine
from eiraku.spec.wholesale_objects import Checkpoint
from eiraku.system.wholesale import checkpoint, note, vector_notes
from eiraku.system.wholesale.errors import CheckpointError
from eiraku.system.wholesale.note import SignatureType, Trust, VerifierKey
from eiraku.testing.wholesale import KEY, OTHER, TRUST, operator_key

VECTORS = Path(__file__).parents[3] / "spec/src/eiraku/spec/vectors"
OURS = json.loads((VECTORS / "wholesale.json").read_text(encoding="utf-8"))
PUBLISHED = json.loads((VECTORS / "c2sp-notes.json").read_text(encoding="utf-8"))
ONE, TWO = (vector_notes.witness_key(name) for name in vector_notes.WITNESSES)


def either(key: str) -> VerifierKey:
    """Of an operator, or of a witness."""
    try:
        return VerifierKey.parse(key, SignatureType.OPERATOR)
    except Refused:
        return VerifierKey.parse(key, SignatureType.WITNESS)


# --- published by others ---


# EPP-WHS-015, EPP-WHS-016, EPP-WHS-017
@pytest.mark.parametrize("case", PUBLISHED["notes"], ids=lambda case: case["source"])
def test_published_notes_verify(case: dict[str, str]) -> None:
    found = Note.decode(case["note"])
    for key in map(either, case["keys"]):
        assert str(key) in case["keys"]
        assert key.verified(found)
        for text in (found.text[1:], found.text + "\n", found.text.upper()):
            with pytest.raises(CheckpointError, match="does not verify"):
                key.verified(Note(text=text, signatures=found.signatures))
    # Keys that it does not know do not disturb it.
    assert TRUST.operator.verified(found) == []


def test_enough_published_notes_have_keys() -> None:
    assert [len(case["keys"]) for case in PUBLISHED["notes"]] == [1, 0, 0, 0, 2, 2, 2]


# EPP-WHS-016
@pytest.mark.parametrize("case", PUBLISHED["bad_signatures"])
def test_published_bad_signatures(case: dict[str, str]) -> None:
    with pytest.raises(CheckpointError, match="does not verify"):
        either(case["keys"][0]).verified(Note.decode(case["note"]))


# EPP-WHS-017
@pytest.mark.parametrize("case", PUBLISHED["bad_verifier_keys"], ids=lambda case: case["key"])
def test_published_bad_keys(case: dict[str, str]) -> None:
    for kind in SignatureType:
        with pytest.raises(Refused, match=r"expected|not that of name and key"):
            VerifierKey.parse(case["key"], kind)


# EPP-WHS-017: what the tests of Go's package try too.
def test_no_part_of_a_key_is_a_key() -> None:
    key = PUBLISHED["notes"][4]["keys"][0]
    for begin in range(len(key)):
        for end in range(begin, len(key) + 1):
            if (begin, end) != (0, len(key)):
                with pytest.raises(Refused):
                    VerifierKey.parse(key[begin:end], SignatureType.OPERATOR)
        with pytest.raises(Refused):
            VerifierKey.parse(
                key[:begin] + chr(ord(key[begin]) + 1) + key[begin + 1 :], SignatureType.OPERATOR
            )


# --- our own ---


# EPP-WHS-017
def test_vectors_of_verifier_keys() -> None:
    for key in OURS["verifier_keys"]["accepted"]:
        assert str(VerifierKey.parse(key, SignatureType.OPERATOR)) == key
    for case in OURS["verifier_keys"]["refused"]:
        with pytest.raises(Refused):
            VerifierKey.parse(case["key"], SignatureType.OPERATOR)
    with pytest.raises(Refused, match="of a witness, of type 4, found 1"):
        VerifierKey.parse(OURS["verifier_keys"]["accepted"][0], SignatureType.WITNESS)


@pytest.fixture(scope="module")
def trust() -> Trust:
    """What the members of the vectors were given."""
    given_keys = OURS["notes"]
    return Trust(
        operator=VerifierKey.parse(given_keys["operator"], SignatureType.OPERATOR),
        witnesses=tuple(VerifierKey.parse(key, SignatureType.WITNESS) for key in given_keys["witnesses"]),
        quorum=given_keys["quorum"],
    )


# EPP-WHS-013, EPP-WHS-015, EPP-WHS-018, EPP-WHS-019, EPP-WHS-020, EPP-WHS-025
@pytest.mark.parametrize("case", OURS["notes"]["accepted"], ids=lambda case: case["case"])
def test_vectors_that_are_accepted(case: dict[str, str], trust: Trust) -> None:
    octets = bytes.fromhex(case["note"])
    found, kept = checkpoint.accept(octets, trust)
    assert Note.decode(octets).encode().encode() == octets
    assert (found.origin, found.root) == (vector_notes.ORIGIN, vector_notes.secret("root"))
    # EPP-WHS-027
    assert [line.name for line in kept.signatures] == [vector_notes.ORIGIN, *vector_notes.WITNESSES]
    assert checkpoint.accept(kept.encode(), trust) == (found, kept)


# EPP-WHS-013, EPP-WHS-014, EPP-WHS-016, EPP-WHS-018, EPP-WHS-020, EPP-WHS-025
@pytest.mark.parametrize("case", OURS["notes"]["refused"], ids=lambda case: case["case"])
def test_vectors_that_are_refused(case: dict[str, str], trust: Trust) -> None:
    with pytest.raises(CheckpointError) as refused:
        checkpoint.accept(bytes.fromhex(case["note"]), trust)
    assert f"[{case['requirement']}]" in str(refused.value)


# EPP-WHS-019
def test_further_extension_lines_change_nothing_but_the_signature(trust: Trust) -> None:
    plain, _ = checkpoint.accept(vector_notes.cosigned().encode(), trust)
    longer = vector_notes.cosigned(vector_notes.TEXT + "other 1\nmore\n").encode()
    found, _ = checkpoint.accept(longer, trust)
    assert (found.origin, found.size, found.root, found.epoch) == (
        plain.origin,
        plain.size,
        plain.root,
        plain.epoch,
    )
    assert found.extensions == ("other 1", "more")
    with pytest.raises(CheckpointError, match="EPP-WHS-016"):
        checkpoint.accept(longer.replace("other 1", "other 2"), trust)


# EPP-WHS-026
def test_who_may_be_a_witness() -> None:
    twin = VerifierKey(name="other.example", type=SignatureType.WITNESS, public=ONE.public)
    operator = VerifierKey(name="w", type=SignatureType.WITNESS, public=KEY.public)
    for witnesses in ((ONE, twin), (ONE, ONE), (operator,)):
        with pytest.raises(Misuse, match="a key of its own for each witness"):
            Trust(operator=TRUST.operator, witnesses=witnesses)
    for quorum in (-1, 3):
        with pytest.raises(Misuse, match="quorum from 0 to 2 witnesses"):
            Trust(operator=TRUST.operator, witnesses=(ONE, TWO), quorum=quorum)
    with pytest.raises(Misuse, match="quorum from 0 to 0 witnesses"):
        Trust(operator=TRUST.operator, quorum=1)


# EPP-WHS-015
@given(
    st.binary(min_size=4, max_size=4),
    st.binary(min_size=1, max_size=80),
    st.sampled_from(["w", "acu.example"]),
)
def test_lines_of_others_are_ignored(key_id: bytes, signature: bytes, name: str) -> None:
    good = note.sign(KEY, vector_notes.ORIGIN, vector_notes.TEXT)
    line = SignatureLine(name=name, key_id=key_id, signature=signature)
    if (name, key_id) != (TRUST.operator.name, TRUST.operator.key_id):
        signed = Note(text=good.text, signatures=(line, *good.signatures)).encode()
        assert checkpoint.accept(signed, TRUST)[1] == good


# EPP-WHS-004
@given(st.integers(0, 2**53 - 1), st.binary(min_size=32, max_size=32), st.integers(0, 2**32 - 1))
def test_what_is_signed_is_accepted(size: int, root: bytes, epoch: int) -> None:
    made = Checkpoint(origin="a.example", size=size, root=root, epoch=epoch)
    signed = checkpoint.sign(OTHER, made)
    assert checkpoint.verify(signed, operator_key(OTHER, origin="a.example")) == made
    for key in (operator_key(OTHER, origin="b.example"), operator_key(KEY, origin="a.example")):
        with pytest.raises(CheckpointError, match="EPP-WHS-020"):
            checkpoint.verify(signed, key)


# EPP-WHS-016, EPP-WHS-025
@given(st.integers(0, 2**63 - 1))
def test_the_time_of_a_cosignature_is_signed(time: int) -> None:
    key = SigningKey(vector_notes.secret("a witness"))
    witness = VerifierKey(name="w", type=SignatureType.WITNESS, public=key.public)
    line = note.cosign(key, "w", vector_notes.TEXT, time=time)
    assert witness.verified(Note(text=vector_notes.TEXT, signatures=(line,))) == [line]
    moved = (time ^ 1).to_bytes(8, "big") + line.signature[8:]
    other = SignatureLine(name="w", key_id=line.key_id, signature=moved)
    with pytest.raises(CheckpointError, match="EPP-WHS-016"):
        witness.verified(Note(text=vector_notes.TEXT, signatures=(other,)))
