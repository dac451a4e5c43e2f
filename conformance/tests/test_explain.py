"""``eiraku explain``: everything that has a name is explained, and at once."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from eiraku.cli.judge import names
from eiraku.cli.judge.explain import explanations
from eiraku.conformance.mutants.registry import mutants
from eiraku.conformance.results import KNOWN_CAPABILITIES
from eiraku.models import manifest, theory
from eiraku.models.smt.catalogue import PROOFS
from eiraku.spec import registry
from eiraku.spec.errors import Code

ROOT = Path(__file__).resolve().parents[2]
EXPLAIN = "import sys; from eiraku.cli import entry; sys.argv[:] = ['eiraku', 'explain', {name!r}]; entry()"
BASE = "from eiraku.spec import registry; registry.load()"
MOST = 5
"""Times the processor time of `BASE` that an explanation may take; measured are 2 to 2.5."""


def checks() -> Iterator[str]:
    for module, content in names.stored().suite.items():
        for name, function in content.checks.items():
            yield f"{module}::{name}"
            for group in function.groups:
                yield from (f"{module}::{name}[{case}]" for case in group.cases if case)


def lemmas() -> Iterator[str]:
    for name in theory.names():
        yield from (f"{name}/{claim.name}" for claim in manifest.load(name).lemma)


def removed() -> Iterator[str]:
    for name in theory.names():
        yield from (each.name for each in manifest.load(name).removed)


def terms() -> Iterator[str]:
    body = (ROOT / "docs" / "glossary.md").read_text().partition("```{glossary}")[2]
    yield from (line.partition(",")[0] for line in body.splitlines() if line[:1].strip() and "`" not in line)


def cases() -> Iterator[str]:
    for file in names.vector_files():
        yield from (f"{file}/{case.id}" for case in names.vector_file(file)[1])


KINDS: dict[str, tuple[Callable[[], Iterable[str]], str]] = {
    "requirement": (registry.by_id, "Why: "),
    "code": (lambda: [each for code in Code for each in (code.label, str(code.value))], "error code "),
    "module": (lambda: names.stored().suite, "a module of checks"),
    "check": (checks, ", level "),
    "theory": (theory.names, "    theory\n"),
    "lemma": (lemmas, "    lemma\n"),
    "proof": (lambda: [f"smt/{proof.name}" for proof in PROOFS], "    proof\n"),
    "removed check": (removed, "    check removed from a theory\n"),
    "mutant": (mutants, "    mutant\n"),
    "vector": (
        cases,
        "a vector of",
    ),
    "file of vectors": (names.vector_files, "    vectors\n"),
    "capability": (lambda: KNOWN_CAPABILITIES, "Declares: "),
    "verb": (
        lambda: ("start", "reset", "provision", "act", "open", "deliver", "state", "power_cut", "stop"),
        "    verb of the adapter\n",
    ),
    "action": (lambda: ("pay", "act pay", "redeliver", "scheme-key"), "    action of the verb act\n"),
    "term": (terms, "    term\n"),
    "decision": (lambda: [f.stem for f in (ROOT / "docs" / "adr").glob("[0-9]*.md")], "    decision\n"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_is_explained(kind: str) -> None:
    every, words = KINDS[kind]
    tried = list(every())
    assert tried
    assert not [name for name in tried if not any(words in text for text in explanations(name))]


@pytest.mark.parametrize("name", ("ADR 30", "adr-30", "record 30", "Record 0030"))
def test_a_decision_is_found_as_it_is_spoken_of(name: str) -> None:
    (text,) = explanations(name)
    assert text.startswith("ADR-0030 ")


def test_one_case_of_a_check_has_its_own_requirements() -> None:
    module, check, (group, other) = next(
        (module, name, function.groups[:2])
        for module, content in names.stored().suite.items()
        for name, function in content.checks.items()
        if len({group.requirements for group in function.groups[:2]}) == 2
    )
    (text,) = explanations(f"{module}::{check}[{group.cases[0]}]")
    mine = [each for each in group.requirements if f"{each} " in text]
    assert mine == list(group.requirements)
    assert not [each for each in other.requirements if each not in mine and f"{each} MUST" in text]


@pytest.mark.parametrize(
    ("name", "near"),
    (
        ("unit-expird", "unit-expired"),
        ("EPP-TRF-0031", "EPP-TRF-031"),
        ("test_fault_in_offer", "test_transfer_payee::test_fault_in_offer"),
        ("ignores_payees_limit", "ignores_the_payees_limit"),
        ("dubble spend", "double spend"),
    ),
)
def test_an_unknown_name_has_neighbours(name: str, near: str) -> None:
    assert not list(explanations(name))
    assert near in names.nearest(name)


def processor_time(code: str) -> float:
    """Seconds, user and system, of the best of three."""
    best = float("inf")
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        best = min(best, usage.ru_utime + usage.ru_stime)
    return best


@pytest.mark.parametrize(
    "name", ("EPP-TRF-031", "test_transfer_payee::test_fault_in_offer", "sealed-purse-id-A")
)
def test_it_is_quick(name: str) -> None:
    assert processor_time(EXPLAIN.format(name=name)) < MOST * processor_time(BASE)
