"""The mutants as such: each is declared rightly, can be selected, and the gate judges what it is told."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from eiraku.cli.judge.mutants import main as command
from eiraku.conformance import runner
from eiraku.conformance.adapter.client import Wallet
from eiraku.conformance.adapter.errors import SelectorError
from eiraku.conformance.adapter.transports import parse_selector
from eiraku.conformance.mutants.gate import CONTROLS, FEW, Breadth, chosen, is_control, judge, named
from eiraku.conformance.mutants.registry import AREAS, find, mutants
from eiraku.conformance.results import Check, CheckResult, Level, Outcome
from eiraku.report import mutants as matrix
from eiraku.spec import cbor, registry
from eiraku.spec.errors import Misuse

PAGE = Path(__file__).parents[2] / "docs" / "mutants.md"
CONTACT = PAGE.with_name("first-contact")
REQUIREMENTS = {requirement.id: requirement for requirement in registry.load()}
MUTANT = find("skips_unit_seal")


def check(name: str, *requirements: str) -> Check:
    return Check(id=name, title="", location="", requirements=requirements, level=Level.STANDARD)


def result(name: str, outcome: Outcome, *requirements: str) -> CheckResult:
    return CheckResult(
        id=name, title="", location="", requirements=requirements, level=Level.STANDARD, outcome=outcome
    )


# --- registry -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", mutants())
def test_each_mutant_is_declared_rightly(name: str) -> None:
    mutant = find(name)
    assert not REQUIREMENTS[mutant.requirement].not_tested
    assert mutant.summary.endswith(".")
    assert name.isidentifier()
    assert all(mutant.collateral.values())
    assert f"mutant {name}".startswith(mutant.wallet().name)


@pytest.mark.parametrize("name", mutants())
def test_each_mutant_starts(name: str) -> None:
    """One that does not would fail every check, and so pass for found out."""
    wallet = Wallet(find(name).selector)
    wallet.start()
    wallet.close()


def test_mutants_come_in_the_order_of_areas() -> None:
    areas = [mutant.area for mutant in mutants().values()]
    assert areas == sorted(areas, key=AREAS.index)
    assert set(areas) == set(AREAS) == set(matrix.TITLES)


def test_every_tested_requirement_has_a_mutant_or_says_why_not() -> None:
    tested = {name for name, requirement in REQUIREMENTS.items() if not requirement.not_tested}
    mutated = {mutant.requirement for mutant in mutants().values()}
    assert mutated | set(matrix.WITHOUT) == tested
    assert not mutated & set(matrix.WITHOUT)


def test_the_page_lists_exactly_the_mutants() -> None:
    """The counts in it are of one run; what it says about each mutant must not be stale."""
    if not PAGE.exists():
        pytest.skip("no documentation in a source distribution")
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    described = [row for row in rows if row.count(" | ") == 3]
    expected = [matrix.row_start(mutant) for mutant in mutants().values()]
    assert [row[: len(start)] for row, start in zip(described, expected, strict=True)] == expected


def test_what_a_mutant_may_fail_is_in_the_suite() -> None:
    """A pattern that no check fits says nothing any more."""
    catalogue = runner.collect().values()
    patterns = {name for mutant in mutants().values() for name in (*mutant.expected, *mutant.collateral)}
    assert not [name for name in sorted(patterns) if not any(named(name, item) for item in catalogue)]


# --- selecting ----------------------------------------------------------------------------------------------


def test_a_mutant_answers_in_this_process() -> None:
    transport = parse_selector(MUTANT.selector).open()
    answer = transport.exchange(b'{"seq":1,"verb":"start","protocol":{"min":1,"max":1}}', 10)
    assert b"mutant skips_unit_seal" in answer
    transport.close(1)


def test_a_mutant_answers_in_a_process_of_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "eiraku.conformance.mutants", "skips_unit_seal"],
        input=b'{"seq":1,"verb":"start","protocol":{"min":1,"max":1}}\n{"seq":2,"verb":"stop"}\n',
        capture_output=True,
        check=True,
    )
    assert done.stdout.count(b'"accepted"') == 2


def test_an_unknown_name_is_misuse_and_names_what_is_near() -> None:
    program = [sys.executable, "-m", "eiraku.conformance.mutants"]
    done = subprocess.run([*program, "skip_unit_seal"], capture_output=True, check=False)
    assert done.returncode == 2
    assert b"skips_unit_seal" in done.stderr
    assert subprocess.run(program, capture_output=True, check=False).returncode == 2
    with pytest.raises(Misuse, match="skips_unit_seal"):
        find("skip_unit_seal")
    with pytest.raises(SelectorError, match="skips_unit_seal"):
        parse_selector("python:eiraku.conformance.mutants:skip_unit_seal").open()
    # The program turns this exception into exit code 2.
    outcome = CliRunner().invoke(command, ["skip_unit_seal"], standalone_mode=False)
    assert "skips_unit_seal" in str(outcome.exception)


def test_a_patch_holds_only_while_the_wallet_answers() -> None:
    before = cbor.decode
    wallet = find("ignores_trailing_bytes").wallet()
    assert (
        wallet.handle({"seq": 1, "verb": "start", "protocol": {"min": 1, "max": 1}})["outcome"] == "accepted"
    )
    assert cbor.decode is before
    wallet.handle({"seq": 2, "verb": "stop"})


# --- the gate -----------------------------------------------------------------------------------------------


def test_brackets_are_part_of_ids() -> None:
    assert named("test_a::test_b[x-*]", check("test_a::test_b[x-1]"))
    assert not named("test_a::test_b[x]", check("test_a::test_bx"))
    assert named("EPP-UNI-003", check("test_a::test_b", "EPP-UNI-003"))


def test_what_is_run() -> None:
    control = check("test_transfer_roles::test_wallet_pays[one-unit-initiator]", "EPP-GEN-001")
    named_check = check("test_units::test_seal", "EPP-UNI-003")
    first = check("test_units::test_other[a]", "EPP-UNI-004")
    second = check("test_units::test_other[b]", "EPP-UNI-004")
    catalogue = [control, named_check, first, second]
    assert is_control(control)
    assert chosen(MUTANT, catalogue, Breadth.NAMED) == [control.id, named_check.id]
    assert chosen(MUTANT, catalogue, Breadth.WIDE) == [control.id, named_check.id, first.id]
    assert chosen(MUTANT, catalogue, Breadth.ALL) == [item.id for item in catalogue]


def test_a_sample_is_spread_over_all_functions() -> None:
    cases = [check(f"test_units::test_seal[{n:03}]", "EPP-UNI-003") for n in range(300)]
    rare = check("test_units::test_rare", "EPP-UNI-003")
    ids = chosen(MUTANT, [*cases, rare], Breadth.SAMPLE)
    assert ids == [*(f"test_units::test_seal[{n:03}]" for n in range(0, 300, 300 // FEW)), rare.id]


def test_a_killed_mutant_is_no_problem() -> None:
    found = judge(MUTANT, [result("a", Outcome.FAIL, "EPP-UNI-003"), result("b", Outcome.PASS)], 1.0)
    assert found.killed
    assert found.killed_by == ("a",)
    assert found.problems == ()


@pytest.mark.parametrize(
    ("outcome", "requirement", "words"),
    (
        (Outcome.PASS, "EPP-UNI-003", "expected to fail"),
        (Outcome.WARN, "EPP-UNI-003", "expected to fail"),
        (Outcome.HARNESS_ERROR, "EPP-UNI-003", "the check itself erred"),
        (Outcome.FAIL, "EPP-UNI-004", "names another requirement"),
        (Outcome.NOT_RUN, "EPP-UNI-003", "no check was run"),
    ),
)
def test_what_is_a_problem(outcome: Outcome, requirement: str, words: str) -> None:
    found = judge(MUTANT, [result("a", outcome, requirement)], 1.0)
    assert any(words in problem for problem in found.problems)


def test_a_failing_control_is_a_problem() -> None:
    control = result("test_transfer_roles::test_wallet_pays[one-unit-initiator]", Outcome.FAIL, "EPP-GEN-001")
    found = judge(MUTANT, [result("a", Outcome.FAIL, "EPP-UNI-003"), control], 1.0)
    assert any("positive control" in problem for problem in found.problems)


def test_a_survivor_must_survive() -> None:
    known = replace(MUTANT, survives="there is no way to see it")
    assert judge(known, [result("a", Outcome.PASS, "EPP-UNI-003")], 1.0).problems == ()
    assert judge(known, [result("a", Outcome.FAIL, "EPP-UNI-003")], 1.0).problems


def test_the_controls_are_in_the_suite() -> None:
    catalogue = runner.collect().values()
    assert len([item for item in catalogue if is_control(item)]) == 4
    assert all(any(named(pattern, item) for item in catalogue) for pattern in CONTROLS)


@pytest.mark.parametrize("patch", sorted(CONTACT.glob("*/*.patch")), ids=lambda path: path.stem)
def test_a_defect_by_an_outside_author_cites_the_text(patch: Path) -> None:
    head, _, diff = patch.read_text(encoding="utf-8").partition("\n\n")
    fields = dict(line.split(": ", 1) for line in head.splitlines())
    assert list(fields) == ["Wallet", "Kind", "Requirements", "Shows", "Found at first contact"]
    assert set(fields["Requirements"].split(", ")) <= REQUIREMENTS.keys()
    assert diff.startswith("diff --git a/")
