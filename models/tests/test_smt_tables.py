"""What the solver reasons about is what the purse executes: the exported relation is the Python table."""

from itertools import product
from pathlib import Path

import pytest
import z3

from eiraku.models.smt import changes, given_policy, relation
from eiraku.models.smt.automata import failing
from eiraku.models.smt.proof import Result
from eiraku.models.smt.relation import EVENT, EXPORTED, PURPOSE, SESSION_EVENT, SESSION_STATE, SIDE, STATE
from eiraku.spec import tables
from eiraku.spec.tables import Purpose, Session, SessionEvent, Side, Transfer, TransferEvent

ROOT = Path(__file__).resolve().parents[2]


def true(term: object) -> bool:
    return bool(z3.is_true(z3.simplify(term)))


def test_transfer_relation_is_next_transfer() -> None:
    for state, event, purpose in product(Transfer, TransferEvent, Purpose):
        related = [
            after
            for after in Transfer
            if true(
                relation.transfer_relation(
                    EXPORTED, STATE[state], EVENT[event], PURPOSE[purpose], STATE[after]
                )
            )
        ]
        expected = tables.next_transfer(state, event, purpose)
        assert related == ([] if expected is None else [expected])


def test_start_relation_is_start() -> None:
    for side, purpose in product(Side, Purpose):
        related = [
            state
            for state in Transfer
            if true(relation.start_relation(EXPORTED, SIDE[side], PURPOSE[purpose], STATE[state]))
        ]
        expected = tables.START.get((side, purpose))
        assert related == ([] if expected is None else [expected])


def test_session_relation_is_session() -> None:
    for state, event, after in product(Session, SessionEvent, Session):
        terms = (SESSION_STATE[state], SESSION_EVENT[event], SESSION_STATE[after])
        related = true(relation.session_relation(EXPORTED, *terms))
        assert related is (tables.SESSION.get((state, event)) is after)


def test_commit_relation_is_commits() -> None:
    for state, event in product(Transfer, TransferEvent):
        related = true(relation.commit_relation(EXPORTED, STATE[state], EVENT[event]))
        assert related is ((state, event) in tables.COMMITS)


def test_the_illegal_pairs_have_no_row() -> None:
    for (state, event), purpose in product(tables.illegal_pairs(), Purpose):
        assert not true(relation.permitted(EXPORTED, STATE[state], EVENT[event], PURPOSE[purpose]))


def test_every_row_with_an_answer_exists() -> None:
    """The answers that stand beside the tables are about rows of the tables."""
    rows = {(event, after) for (_, event, _), after in tables.TRANSFER.items()}
    assert set(relation.ANSWERS) <= rows
    assert set(relation.OPENING) <= {
        state for (side, _), state in tables.START.items() if side is Side.INITIATOR
    }
    silent = {event for event, _ in rows} - {event for event, _ in relation.ANSWERS}
    assert silent == {TransferEvent.RECEIPT, TransferEvent.REJECT}


def test_number_of_changes() -> None:
    """One for each missing row and each other target, each absent pair, each start and each commit."""
    absent = len(Transfer) * len(TransferEvent) - len({key[:2] for key in tables.TRANSFER})
    rows = len(tables.TRANSFER) * len(Transfer)
    starts = len(tables.START) * len(Transfer) + len(Transfer)
    commits = len(Transfer) * len(TransferEvent)
    assert len(list(changes.transfer_changes())) == rows + absent + starts + commits == 245
    assert len(list(changes.session_changes())) == 109


def test_a_harmless_change_would_be_seen() -> None:
    def blind(_: relation.Tables) -> tuple[int, tuple[str, ...]]:
        return 1, ()

    assert changes.survey(list(changes.session_changes())[:3], blind) == Result(holds=True, checks=3)


def test_the_tables_have_nothing_wrong() -> None:
    assert failing(EXPORTED)[1] == ()


def test_the_reference_policy_has_no_gap() -> None:
    path = ROOT / "reference" / "src" / "eiraku" / "reference" / "default_policy.toml"
    result = given_policy.prove_given(path.read_text(encoding="utf-8"))
    assert result.holds, result.counterexample


def test_the_example_of_the_chapter_is_a_part_with_a_gap() -> None:
    """It shows two operations only: nothing in it leads home."""
    chapter = (ROOT / "spec" / "09-policy.md").read_text(encoding="utf-8")
    example = chapter.split("```toml\n")[1].split("```")[0]
    result = given_policy.prove_given(example)
    assert result.counterexample == (
        "Money of role person finds no way to a centre.",
        "Money of role merchant finds no way to a centre.",
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    (
        ("0 = 100000\n1 = 1000000", "0 = 100000\n1 = 1", "balance limit falls"),
        ("0 = 100000\n1 = 1000000", "0 = 100000", "Tier 1 has no limit in 'balance_limits'"),
        ('["person", "merchant"]\nsame_holder = false', '["vault", "merchant"]\nsame_holder = false', ""),
    ),
)
def test_gaps_of_the_sample(old: str, new: str, words: str) -> None:
    assert old in given_policy.SAMPLE
    result = given_policy.prove_given(given_policy.SAMPLE.replace(old, new))
    assert result.holds is (words == "")
    assert not words or words in " ".join(result.counterexample)
