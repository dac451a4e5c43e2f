"""Witnesses: what a member with a quorum accepts, what operator and member keep (chapter 15)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eiraku.spec.errors import Misuse
from eiraku.spec.signed_note import SIGNATURES_MAX, Note, SignatureLine
from eiraku.system.database import Database, DatabaseError
from eiraku.system.wholesale import export, member, note, register, vector_notes, vectors
from eiraku.system.wholesale.errors import CheckpointError
from eiraku.system.wholesale.member import ForkFoundError, Member
from eiraku.system.wholesale.note import Trust, VerifierKey
from eiraku.system.wholesale.register import Register
from eiraku.testing.wholesale import TRUST, fresh, operator, signed

pytestmark = pytest.mark.slow

NAMES = vector_notes.WITNESSES
ONE, TWO = (vector_notes.witness_key(name) for name in NAMES)
BOTH = Trust(operator=TRUST.operator, witnesses=(ONE, TWO), quorum=2)
STRANGER = SignatureLine(name="stranger", key_id=bytes(4), signature=bytes(64))


def cosigned(text: str, *names: str, time: int = vector_notes.TIME) -> str:
    """A note with more lines, as a witness gives it back."""
    found = Note.decode(text)
    lines = [note.cosign(vector_notes.witness(name), name, found.text, time=time) for name in names]
    return Note(text=found.text, signatures=(*found.signatures, *lines)).encode()


def names(text: str | None) -> list[str]:
    assert text is not None
    return [line.name for line in Note.decode(text).signatures]


@pytest.fixture
def log() -> Iterator[Register]:
    made = operator("sqlite://")
    vectors.play(made)
    yield made
    made.database.close()


@pytest.fixture
def observer(centre_url: str) -> Iterator[Member]:
    """A member that asks for both witnesses."""
    database = Database(centre_url, member.SCHEMA)
    yield Member.create(database, BOTH)
    database.close()


# EPP-WHS-025
def test_a_member_with_a_quorum_waits_for_it(log: Register, observer: Member) -> None:
    update = log.update(0)
    for lacking in (
        update.signed,
        cosigned(update.signed, NAMES[0]),
        cosigned(update.signed, NAMES[0], NAMES[0]),
        cosigned(update.signed, NAMES[0], "another.example"),
    ):
        with pytest.raises(CheckpointError, match=r"expected 2; ask for it again .*EPP-WHS-025"):
            observer.accept(lacking, update.proof, update.leaves)
        assert (observer.size, observer.signed) == (0, None)
    observer.accept(cosigned(update.signed, *NAMES), update.proof, update.leaves)
    assert observer.size == 12
    assert observer.standings() == log.standings()


# EPP-WHS-016
def test_a_bad_cosignature_spoils_the_note(log: Register, observer: Member) -> None:
    update = log.update(0)
    good = Note.decode(cosigned(update.signed, *NAMES))
    earlier = Note.decode(cosigned(log.checkpoints()[0], NAMES[0])).signatures[-1]
    spoilt = Note(text=good.text, signatures=(*good.signatures, earlier)).encode()
    with pytest.raises(CheckpointError, match=r"signature of witness\.example/w1 does not verify"):
        observer.accept(spoilt, update.proof, update.leaves)
    assert observer.size == 0


# EPP-WHS-015, EPP-WHS-027
def test_lines_of_strangers_are_ignored_and_not_kept(log: Register, observer: Member) -> None:
    update = log.update(0)
    good = Note.decode(cosigned(update.signed, *NAMES))
    full = (*good.signatures, *[STRANGER] * (SIGNATURES_MAX - len(good.signatures)))
    observer.accept(Note(text=good.text, signatures=full).encode(), update.proof, update.leaves)
    assert names(observer.signed) == [vector_notes.ORIGIN, *NAMES]


# EPP-WHS-027
def test_more_witnesses_of_the_same_text_are_kept(log: Register, observer: Member) -> None:
    observer.rely_on((ONE, TWO), 0)
    update = log.update(0)
    observer.accept(update.signed, update.proof, update.leaves)
    assert names(observer.signed) == [vector_notes.ORIGIN]
    for lines in ((NAMES[1],), NAMES, (NAMES[0],), ()):
        observer.accept(cosigned(update.signed, *lines), (), ())
    assert names(observer.signed) == [vector_notes.ORIGIN, *NAMES]


# EPP-WHS-025
def test_a_member_remembers_whom_it_relies_on(log: Register, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'member.db'}"
    first = Database(url, member.SCHEMA)
    Member.create(first, BOTH)
    first.close()
    again = Database(url, member.SCHEMA)
    observer = Member(again)
    assert observer.trust == BOTH
    with pytest.raises(CheckpointError, match="cosigned by 0 known witnesses, expected 2"):
        observer.accept(log.update(0).signed, (), log.update(0).leaves)
    with pytest.raises(Misuse, match="quorum from 0 to 1 witnesses, found 2"):
        observer.rely_on((ONE,), 2)
    assert Member(again).trust == BOTH
    observer.rely_on((TWO,), 1)
    assert Member(again).trust == Trust(operator=TRUST.operator, witnesses=(TWO,), quorum=1)
    again.close()


# EPP-WHS-028: evidence needs no witness, and none can hinder it.
def test_a_fork_is_found_whatever_witnesses_say(log: Register, observer: Member) -> None:
    update = log.update(0)
    observer.accept(cosigned(update.signed, *NAMES), update.proof, update.leaves)
    other = signed([b"x", *list(log.leaves())[1:]])
    for shown in (other, cosigned(other, *NAMES), cosigned(other, NAMES[0])):
        with pytest.raises(ForkFoundError) as found:
            observer.accept(shown, (), ())
        assert "two logs of 12 entries" in found.value.evidence.verify(TRUST.operator)
        assert found.value.evidence.first == shown


# --- at the operator ---


def test_the_operator_keeps_cosignatures_and_exports_them(log: Register) -> None:
    text = log.checkpoints()[-1]
    assert log.cosigned(cosigned(text, NAMES[0], "another.example"), [ONE, TWO]) == 1
    assert log.cosigned(cosigned(text, NAMES[1]).encode(), [TWO]) == 1
    assert names(log.checkpoint()) == [vector_notes.ORIGIN, *NAMES]
    assert log.problems() == []
    assert export.verify(export.read(export.write(log)), BOTH).last.size == 12
    # A later one takes the place of the earlier; nothing grows.
    assert log.cosigned(cosigned(text, NAMES[0], time=vector_notes.TIME + 9), [ONE]) == 1
    assert sorted(names(log.checkpoint())) == sorted([vector_notes.ORIGIN, *NAMES])
    assert log.checkpoints()[-1] == cosigned(cosigned(text, NAMES[1]), NAMES[0], time=vector_notes.TIME + 9)


# EPP-WHS-025
def test_a_file_whose_newest_checkpoint_has_no_quorum(log: Register) -> None:
    for text in log.checkpoints()[:2]:
        log.cosigned(cosigned(text, *NAMES), [ONE, TWO])
    with pytest.raises(CheckpointError, match="cosigned by 0 known witnesses, expected 2"):
        export.verify(export.read(export.write(log)), BOTH)


def test_what_the_operator_does_not_keep(log: Register) -> None:
    before = log.checkpoints()
    text = before[-1]
    good = Note.decode(cosigned(text, NAMES[0]))
    bad = Note(text=good.text, signatures=(*good.signatures, STRANGER, good.signatures[0])).encode()
    moved = good.encode().replace("\n12\n", "\n11\n")
    for given, witnesses, said in (
        (moved, [ONE], "does not verify"),
        (signed(list(log.leaves()), epoch=3, origin="other"), [], "not one that this register signed"),
        (signed(list(log.leaves())[:4]), [], "not one that this register signed"),
        ("nonsense", [], "not well formed"),
    ):
        with pytest.raises(CheckpointError, match=said):
            log.cosigned(given, witnesses)
    assert log.cosigned(bad, [TWO]) == 0
    assert log.checkpoints() == before


def test_a_checkpoint_has_only_so_many_witnesses(log: Register) -> None:
    many = [f"w{number}" for number in range(SIGNATURES_MAX - 1)]
    keys: list[VerifierKey] = [vector_notes.witness_key(name) for name in many]
    assert log.cosigned(cosigned(log.checkpoints()[-1], *many), keys) == SIGNATURES_MAX - 1
    bare = Note.decode(log.checkpoints()[-1])
    text = Note(text=bare.text, signatures=bare.signatures[:1]).encode()
    with pytest.raises(Misuse, match="has 64 signatures at most"):
        log.cosigned(cosigned(text, NAMES[0]), [ONE])
    assert len(names(log.checkpoints()[-1])) == SIGNATURES_MAX


# EPP-WHS-021
def test_no_checkpoint_without_its_being_stored(centre_url: str) -> None:
    database, other = (Database(centre_url, register.SCHEMA, wait=0.2) for _ in range(2))
    log = Register.create(database, origin="acu.example", epoch=1, random=bytes)
    log.join(fresh(), 392)
    with other.writing(), pytest.raises(DatabaseError):
        log.checkpoint()
    assert log.checkpoints() == []
    given = log.checkpoint()
    assert Register(other).checkpoints() == [given]
    database.close()
    other.close()
