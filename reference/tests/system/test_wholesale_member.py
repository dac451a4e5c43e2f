"""A member that believes nothing: what it accepts, what it refuses, and the evidence it makes."""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eiraku.spec.errors import Misuse
from eiraku.spec.merkle import ProofError
from eiraku.spec.wholesale_objects import Checkpoint, Kind
from eiraku.system.database import Database
from eiraku.system.wholesale import export, member, register, vectors
from eiraku.system.wholesale.checkpoint import Evidence
from eiraku.system.wholesale.errors import CheckpointError, EntryError, EvidenceError
from eiraku.system.wholesale.member import ForkFoundError, Member
from eiraku.system.wholesale.register import Register
from eiraku.system.wholesale.vectors import JAPAN, SINGAPORE, THAILAND
from eiraku.testing.wholesale import OTHER, TRUST, entry, operator, operator_key, signed

pytestmark = pytest.mark.slow


@pytest.fixture
def log() -> Register:
    return operator("sqlite://")


@pytest.fixture
def observer(centre_url: str) -> Iterator[Member]:
    """A member that has seen nothing yet."""
    database = Database(centre_url, member.SCHEMA)
    yield Member.create(database, TRUST)
    database.close()


def follow(observer: Member, log: Register) -> Checkpoint:
    update = log.update(observer.size)
    return observer.accept(update.signed, update.proof, update.leaves)


# EPP-WHS-005, EPP-WHS-009
def test_a_member_computes_the_accounts_itself(log: Register, observer: Member) -> None:
    assert observer.signed is None
    follow(observer, log)
    vectors.play(log)
    follow(observer, log)
    assert observer.standings() == log.standings()
    log.contribute(bytes(16), THAILAND, 5)
    found = follow(observer, log)
    assert (found.size, observer.size) == (13, 13)
    assert list(observer.entries()) == list(log.entries())
    assert observer.standings() == log.standings()
    assert follow(observer, log).size == 13


# EPP-WHS-005
def test_a_member_goes_on_where_it_was(log: Register, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'member.db'}"
    first = Database(url, member.SCHEMA)
    observer = Member.create(first, TRUST)
    vectors.play(log)
    follow(observer, log)
    first.close()
    again = Database(url, member.SCHEMA)
    observer = Member(again)
    assert (observer.size, observer.standings()) == (12, log.standings())
    log.issue(bytes(16), JAPAN, 1)
    follow(observer, log)
    assert observer.standings() == log.standings()
    with pytest.raises(Misuse, match="a member's view already"):
        Member.create(again, TRUST)
    again.close()


def test_a_member_is_made_first(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'member.db'}", member.SCHEMA)
    with pytest.raises(Misuse, match="create it first"):
        Member(database)
    database.close()


# EPP-WHS-005, EPP-WHS-013, EPP-WHS-014, EPP-WHS-016, EPP-WHS-018, EPP-WHS-020, EPP-WHS-023, EPP-WHS-024
@pytest.mark.parametrize(
    ("alter", "said"),
    (
        (
            lambda u: replace(u, signed=u.signed.replace("\n12\n", "\n13\n")),
            r"signature of acu.example does not verify \[EPP-WHS-016\]",
        ),
        (lambda u: replace(u, signed="\0"), "not well formed .*EPP-WHS-013"),
        (lambda u: replace(u, signed=u.signed + "\0" * 300), "not well formed .*EPP-WHS-013"),
        (lambda u: replace(u, signed=u.signed + "x" * 200_000), "not well formed .*EPP-WHS-014"),
        (lambda u: replace(u, signed=u.signed.replace("\n12\n", "\n012\n")), "EPP-WHS-018"),
        (lambda u: replace(u, signed=signed(list(u.leaves), origin="other")), "of the log 'other', expected"),
        (lambda u: replace(u, signed=signed(list(u.leaves), key=OTHER)), "not signed by the operator"),
        (lambda u: replace(u, proof=(*u.proof, bytes(32))), "expected a proof of"),
        (lambda u: replace(u, proof=(bytes(32), *u.proof[1:])), "does not continue"),
        (lambda u: replace(u, leaves=u.leaves[:-1]), "expected 7 entries from 5 on, found 6"),
        (lambda u: replace(u, leaves=(u.leaves[1], u.leaves[0], *u.leaves[2:])), "ask for them again"),
        (lambda u: replace(u, leaves=(*u.leaves[:-1], b"")), "ask for them again"),
    ),
)
def test_what_is_spoilt_on_the_way_changes_nothing(
    log: Register, observer: Member, alter: Callable[[register.Update], register.Update], said: str
) -> None:
    vectors.play(log)
    leaves = list(log.leaves())
    observer.accept(log.checkpoints()[0], (), leaves[:5])
    spoilt = alter(log.update(5))
    with pytest.raises((CheckpointError, ProofError), match=said):
        observer.accept(spoilt.signed, spoilt.proof, spoilt.leaves)
    assert (observer.size, observer.signed) == (5, log.checkpoints()[0])
    assert follow(observer, log).size == 12


# EPP-WHS-008, EPP-WHS-009, EPP-WHS-033, EPP-WHS-035, EPP-WHS-039, EPP-WHS-040, EPP-WHS-041 to 043
@pytest.mark.parametrize(
    ("leaves", "said"),
    (
        ([entry(Kind.CONTRIBUTE, JAPAN, 5)], "entry 0: economy 392 is not a member"),
        ([entry(Kind.JOIN, JAPAN, 0), entry(Kind.JOIN, JAPAN, 0)], "entry 1: .*a member already"),
        ([entry(Kind.JOIN, JAPAN, 0), entry(Kind.ISSUE, JAPAN, 1)], "entry 1: own:392 has 0, issue needs 1"),
        (
            [entry(Kind.JOIN, JAPAN, 0, posting=7), entry(Kind.CONTRIBUTE, JAPAN, 3, posting=7)],
            "entry 1: posting 0{31}7 is in the log already",
        ),
        (
            [entry(Kind.JOIN, JAPAN, 0, epoch=3), entry(Kind.CONTRIBUTE, JAPAN, 3, epoch=2)],
            "entry 1: epoch 2 after 3",
        ),
        ([entry(Kind.JOIN, JAPAN, 1)], "entry 0: .*0 is for join only"),
        ([entry(Kind.JOIN, JAPAN, 0, at=SINGAPORE)], "entry 0: .*no other economy takes part"),
        ([b"", b""], "entry 0: .*EPP-ENC"),
        ([bytes(65)], "entry 0: .*too-large"),
    ),
)
def test_a_log_that_is_whole_and_wrong_is_not_accepted(
    observer: Member, leaves: list[bytes], said: str
) -> None:
    with pytest.raises(EntryError, match=said):
        observer.accept(signed(leaves), (), leaves)
    assert (observer.size, observer.signed) == (0, None)


# EPP-WHS-033, EPP-WHS-009
def test_a_posting_that_comes_again_in_a_later_update_is_not_accepted(observer: Member) -> None:
    leaves = [entry(Kind.JOIN, JAPAN, 0), entry(Kind.CONTRIBUTE, JAPAN, 3, posting=7)]
    observer.accept(signed(leaves), (), leaves)
    again = [*leaves, entry(Kind.CONTRIBUTE, JAPAN, 3, posting=7)]
    proof = vectors.subproof(2, again)
    with pytest.raises(EntryError, match=r"entry 2: posting 0{31}7 is in the log already"):
        observer.accept(signed(again), proof, again[2:])
    assert observer.size == 2


# EPP-WHS-009
def test_an_entry_later_than_its_checkpoint_is_not_accepted(observer: Member) -> None:
    leaves = [entry(Kind.JOIN, JAPAN, 0, epoch=9)]
    with pytest.raises(CheckpointError, match="epoch 9 is under a checkpoint of 8"):
        observer.accept(signed(leaves, epoch=8), (), leaves)


# EPP-WHS-005
def test_a_checkpoint_from_before_is_no_fork_and_not_accepted(log: Register, observer: Member) -> None:
    vectors.play(log)
    follow(observer, log)
    for old in log.checkpoints()[:2]:
        assert observer.examine(old) is None
        with pytest.raises(CheckpointError, match="older than the one accepted; ask for a newer one"):
            observer.accept(old, (), ())


# --- forks ---


@pytest.fixture
def two() -> tuple[Register, Register]:
    """The same operator tells two stories, equal up to entry 5."""
    stories = operator("sqlite://"), operator("sqlite://")
    for number, story in enumerate(stories):
        told = {n: bytes([n, number if n > 5 else 0]) * 8 for n in range(1, 13)}
        vectors.play(story, posting=told.__getitem__)
    return stories


# EPP-WHS-010, EPP-WHS-028
def test_two_members_that_compare_find_the_fork(
    two: tuple[Register, Register], observer: Member, tmp_path: Path
) -> None:
    mine, theirs = two
    follow(observer, mine)
    for other in theirs.checkpoints()[1:]:
        found = observer.examine(other)
        assert found is not None
        assert "two logs of" in found.verify(TRUST.operator)
        file = tmp_path / "fork.json"
        file.write_text(found.to_json(), encoding="utf-8")
        assert Evidence.from_json(file.read_text(encoding="utf-8")) == found
        assert json.loads(file.read_text(encoding="utf-8"))["first"] == other
        with pytest.raises(ForkFoundError, match="keep and publish the evidence") as raised:
            observer.accept(other, (), ())
        assert raised.value.evidence == found
    assert observer.examine(theirs.checkpoints()[0]) is None


# EPP-WHS-010
def test_a_larger_log_of_the_other_side_is_not_accepted(
    two: tuple[Register, Register], observer: Member
) -> None:
    mine, theirs = two
    follow(observer, mine)
    theirs.issue(bytes(16), JAPAN, 1)
    update = theirs.update(observer.size)
    with pytest.raises(ProofError, match="does not continue"):
        observer.accept(update.signed, update.proof, update.leaves)
    assert observer.examine(update.signed) is None
    found = observer.examine(update.signed, list(theirs.leaves()))
    assert found is not None
    assert "two logs of 12 entries" in found.verify(TRUST.operator)
    # Leaves that are not those under the checkpoint show nothing.
    assert observer.examine(update.signed, [*theirs.leaves(0, 12), b"x"]) is None


# EPP-WHS-010
def test_two_files_show_the_fork(two: tuple[Register, Register]) -> None:
    mine, theirs = (export.read(export.write(story)) for story in two)
    for exported in (mine, theirs):
        export.verify(exported, TRUST)
    found = export.fork(mine, theirs, TRUST.operator)
    assert "two logs of 9 entries" in found.verify(TRUST.operator)
    with pytest.raises(EvidenceError, match="no two checkpoints of these files contradict"):
        export.fork(mine, mine, TRUST.operator)
    strange = replace(theirs, checkpoints=(signed(list(theirs.leaves), origin="other"),))
    with pytest.raises(CheckpointError, match=r"of the log 'other', expected 'acu\.example'"):
        export.fork(mine, strange, TRUST.operator)


# EPP-WHS-010, EPP-WHS-028
def test_a_log_that_shrinks_shows_itself(log: Register, observer: Member) -> None:
    vectors.play(log)
    follow(observer, log)
    leaves = list(log.leaves())
    found = observer.examine(signed(leaves[:4], epoch=8))
    assert found is not None
    assert "a log only grows" in found.verify(TRUST.operator)
    found = observer.examine(signed([*leaves, b"x"], epoch=2))
    assert found is not None
    assert "a log only grows" in found.verify(TRUST.operator)


# EPP-WHS-010
def test_evidence_that_shows_nothing_is_refused(two: tuple[Register, Register]) -> None:
    mine, theirs = two
    first, second = mine.checkpoints()[1], mine.checkpoints()[2]
    leaves = list(mine.leaves())
    root, proof = vectors.mth(leaves[:9]), tuple(vectors.subproof(9, leaves))
    good = Evidence(first=theirs.checkpoints()[1], second=second, root=root, proof=proof)
    good.verify(TRUST.operator)
    assert good.shows(TRUST.operator)
    for evidence, said in (
        (replace(good, first=first), "the second checkpoint continues the first; this is no fork"),
        (replace(good, root=bytes(32)), "the proof does not belong to the second checkpoint"),
        (replace(good, proof=proof[:-1]), "the proof does not belong to the second checkpoint"),
        (replace(good, first=second, second=first), "the smaller size first"),
    ):
        assert not evidence.shows(TRUST.operator)
        with pytest.raises(EvidenceError, match=said):
            evidence.verify(TRUST.operator)
    with pytest.raises(CheckpointError, match=r"of the log 'other', expected 'acu\.example'"):
        replace(good, first=signed(leaves[:9], origin="other")).verify(TRUST.operator)
    with pytest.raises(CheckpointError, match="not signed by the operator's key"):
        good.verify(operator_key(OTHER))


@pytest.mark.parametrize(
    "content", ("", "[]", "{}", "null", '{"format": "EPP/1 fork"}', "[" * 100_000, '{"format": 1}', "\x00")
)
def test_a_file_that_is_no_evidence(content: str) -> None:
    with pytest.raises(EvidenceError, match="not evidence of a fork"):
        Evidence.from_json(content)


def test_a_file_of_another_format() -> None:
    fields = {"format": "x", "first": "", "second": "", "root": "", "proof": []}
    with pytest.raises(EvidenceError, match="expected the format 'EPP/1 fork', found 'x'"):
        Evidence.from_json(json.dumps(fields))


# EPP-WHS-005, EPP-WHS-009
@given(st.integers(0, 2**32))
@settings(max_examples=6, deadline=None)
def test_members_that_look_in_at_any_time_agree(seed: int) -> None:
    """Random postings; three members fetch updates when they like, sometimes spoilt ones."""
    draw = random.Random(seed)
    log = operator("sqlite://")
    databases = [Database("sqlite://", member.SCHEMA) for _ in range(3)]
    members = [Member.create(d, TRUST) for d in databases]
    numbers = iter(range(1, 1000))
    for economy in (JAPAN, SINGAPORE):
        log.join(next(numbers).to_bytes(16, "big"), economy)
        log.contribute(next(numbers).to_bytes(16, "big"), economy, 1000)
    for _ in range(30):
        posting = next(numbers).to_bytes(16, "big")
        draw.choice(
            (
                lambda posting: log.contribute(posting, SINGAPORE, 3),
                lambda posting: log.issue(posting, JAPAN, 2),
                lambda posting: log.transfer(posting, JAPAN, SINGAPORE, 1),
                lambda _: log.advance(log.epoch + 1),
                lambda _: log.checkpoint(),
            )
        )(posting)
        one = draw.choice(members)
        if draw.random() < 0.3:
            update = log.update(one.size)
            if update.leaves and draw.random() < 0.5:
                with pytest.raises(ProofError):
                    one.accept(update.signed, update.proof, (*update.leaves[:-1], b"spoilt"))
            one.accept(update.signed, update.proof, update.leaves)
    for one in members:
        follow(one, log)
        assert one.standings() == log.standings()
        assert all(one.examine(old) is None for old in log.checkpoints())
    for database in (*databases, log.database):
        database.close()
