"""What the prover wrote, as a verdict: never verified unless the summary says so."""

import runpy
from pathlib import Path

import pytest

from eiraku.models import output
from eiraku.models.output import Reading
from eiraku.models.results import Verdict

FAKE = runpy.run_path(str(Path(__file__).with_name("fake_prover.py")))


def read(name: str, lemma: str, *, instead: tuple[str, str] = ("", ""), code: int | None = None) -> Reading:
    """What becomes of a captured output, perhaps with one text replaced."""
    said = FAKE["said"](name)
    assert instead[0] in said["stdout"]
    stdout = said["stdout"].replace(*instead) if instead[0] else said["stdout"]
    return output.read(
        stdout=stdout, stderr=said["stderr"], code=said["code"] if code is None else code, lemma=lemma
    )


def test_a_proof() -> None:
    assert read("taken_was_made", "taken_was_made") == Reading(verdict=Verdict.VERIFIED, steps=3)


def test_an_honest_run_that_exists() -> None:
    assert read("possible", "possible") == Reading(verdict=Verdict.VERIFIED, steps=4)


def test_exit_code_0_with_an_attack_is_falsified() -> None:
    assert FAKE["said"]("falls")["code"] == 0
    assert read("falls", "taken_was_made") == Reading(verdict=Verdict.FALSIFIED, steps=2)


def test_an_honest_run_that_does_not_exist() -> None:
    assert read("no_trace", "early") == Reading(verdict=Verdict.FALSIFIED, steps=2)


@pytest.mark.parametrize(
    ("name", "lemma", "verdict", "says"),
    (
        ("unfinished", "taken_was_made", Verdict.INCOMPLETE, "analysis incomplete"),
        ("taken_was_made", "made_once", Verdict.INCOMPLETE, "analysis incomplete"),
        ("out_of_memory", "made_once", Verdict.OUT_OF_MEMORY, "heap"),
        ("without_maude", "made_once", Verdict.NO_MAUDE, "maude"),
        ("syntax", "made_once", Verdict.SYNTAX, "line 12, column 34"),
        ("warning", "made_once", Verdict.NOT_WELL_FORMED, "Nobody"),
        ("warning_not_strict", "made_once", Verdict.NOT_WELL_FORMED, "warning"),
        ("unknown_lemma", "other", Verdict.NOT_WELL_FORMED, "do(es) not correspond to a specified lemma"),
        ("made_once", "other", Verdict.UNREADABLE, "0 times"),
        ("version", "made_once", Verdict.UNREADABLE, "no summary"),
    ),
)
def test_everything_else_is_what_it_is(name: str, lemma: str, verdict: Verdict, says: str) -> None:
    reading = read(name, lemma)
    assert reading.verdict is verdict
    assert says in reading.detail


@pytest.mark.parametrize(
    ("words", "verdict"),
    (
        ("analysis undetermined (2 steps)", Verdict.INCOMPLETE),
        ("analysis cannot be finished (reducible operators in subterms) (2 steps)", Verdict.INCOMPLETE),
        ("proof has been invalidated (2 steps)", Verdict.INVALIDATED),
        ("verified", Verdict.UNREADABLE),
        ("verified (two steps)", Verdict.UNREADABLE),
        ("not verified (2 steps)", Verdict.UNREADABLE),
        ("falsified - no trace found (2 steps)", Verdict.UNREADABLE),
        ("believed (2 steps)", Verdict.UNREADABLE),
    ),
)
def test_other_words_in_the_summary(words: str, verdict: Verdict) -> None:
    """The words of the prover's source that are hard to provoke, and words that no version has used."""
    reading = read("made_once", "made_once", instead=("verified (2 steps)", words))
    assert reading.verdict is verdict
    assert words in reading.detail


def test_a_torn_summary_proves_nothing() -> None:
    said = FAKE["said"]("made_once")["stdout"]
    torn = said[: said.index("taken_was_made")]
    assert "made_once (all-traces): verified (2 steps)" in torn
    assert output.read(stdout=torn, stderr="", code=0, lemma="made_once").verdict is Verdict.UNREADABLE


def test_two_summaries_prove_nothing() -> None:
    twice = FAKE["said"]("made_once")["stdout"] * 2
    assert output.read(stdout=twice, stderr="", code=0, lemma="made_once").verdict is Verdict.UNREADABLE


def test_a_good_summary_with_a_bad_exit_code_proves_nothing() -> None:
    assert read("made_once", "made_once", code=2).verdict is Verdict.UNREADABLE


@pytest.mark.parametrize("code", (-9, 137))
def test_a_killed_prover_proves_nothing(code: int) -> None:
    reading = read("made_once", "made_once", code=code)
    assert reading.verdict is Verdict.KILLED
    assert "signal 9" in reading.detail


def test_versions() -> None:
    said = output.version(FAKE["said"]("version")["stdout"])
    assert said is not None
    assert (said.prover, said.maude) == ("1.10.0", "3.4")
    assert said.revision.startswith("74166c3a")
    assert output.version(FAKE["said"]("version_without_maude")["stdout"]) is None
