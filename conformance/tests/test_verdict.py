from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

from eiraku.conformance import DEFAULT_SEED, SUITE_PACKAGE
from eiraku.conformance.expected import compare, read_expected
from eiraku.conformance.results import (
    KNOWN_CAPABILITIES,
    STORE,
    CheckResult,
    Level,
    Outcome,
    RequirementInfo,
    RequirementSet,
    Run,
    WalletInfo,
    parts,
    summarise_round_trips,
)
from eiraku.conformance.verdict import PLAYED, Verdict, verdict, word_of_the_wallet
from eiraku.reference.settings import SettingsError

REQUIREMENTS = (
    RequirementInfo(id="EPP-SES-001", keyword="MUST", chapter="05-session"),
    RequirementInfo(id="EPP-SES-002", keyword="SHOULD", chapter="05-session"),
    RequirementInfo(id="EPP-SES-003", keyword="MUST", chapter="05-session", applies_to="suite-0"),
    RequirementInfo(id="EPP-SES-004", keyword="MUST", chapter="05-session", not_tested="nobody sees it"),
    RequirementInfo(
        id="EPP-SES-005", keyword="MUST", chapter="05-session", not_tested="about people", about_wallets=False
    ),
)
MANDATORY = ("initiator", "payee", "payer", "power-cut", "responder")
TODAY = date(2026, 11, 22)


def result(name: str, requirement: str = "EPP-SES-001", **fields: Any) -> CheckResult:
    given: dict[str, Any] = {"outcome": Outcome.PASS, "level": Level.STANDARD, **fields}
    if given["outcome"] is not Outcome.PASS:
        given.setdefault("reason", "expected[0].because: expected one of the names check")
    return CheckResult(
        id=f"test_x::{name}", title=name, location="test_x.py:1", requirements=(requirement,), **given
    )


def run(*extra: CheckResult, capabilities: tuple[str, ...] = MANDATORY, **fields: Any) -> Run:
    base = (result("a"), result("b", "EPP-SES-002"))
    given: dict[str, Any] = {
        "suite": SUITE_PACKAGE,
        "wallet": WalletInfo(name="w", version="1", protocol=1, capabilities=capabilities),
        "level": Level.STANDARD,
        "results": (*base, *extra),
        "certifying": True,
        "selector": "cmd:w",
        "seed": "5e" * 32,
        **fields,
    }
    given.setdefault("catalogue", parts(given["results"]))
    return Run(
        suite_version="1",
        sources="11",
        adapter_schema="22",
        requirement_set=RequirementSet(version="EPP/1", digest="00", requirements=REQUIREMENTS),
        started="2026-11-22T00:00:00Z",
        finished="2026-11-22T00:01:00Z",
        **given,
    )


def judge(*extra: CheckResult, **fields: Any) -> tuple[str, int]:
    judgement = verdict(run(*extra, **fields))
    return judgement.words, judgement.exit_code


def test_what_is_watched_in_every_check_is_blamed_and_not_what_the_check_asks() -> None:
    found = result("c", "EPP-SES-002", outcome=Outcome.FAIL, violated="EPP-SES-001")
    judgement = verdict(run(found))
    outcomes = {r.id: r.outcome for r in judgement.requirements}
    assert judgement.verdict is Verdict.NON_CONFORMANT
    assert (outcomes["EPP-SES-001"], outcomes["EPP-SES-002"]) == (Outcome.FAIL, Outcome.PASS)


@pytest.mark.parametrize(
    ("selector", "store", "played"),
    (("cmd:w", True, False), ("cmd:w", False, True), ("tcp:w:1", True, True)),
)
def test_it_is_said_whether_power_was_lost_for_real(selector: str, *, store: bool, played: bool) -> None:
    capabilities = (*MANDATORY, *[STORE] * store)
    words = word_of_the_wallet(run(selector=selector, capabilities=capabilities))
    assert (PLAYED in words) is played


def test_conformant() -> None:
    judgement = verdict(run())
    assert judgement.verdict is Verdict.CONFORMANT
    assert judgement.reasons == ()
    assert judgement.counts == {"PASS": 2}
    assert [(r.id, r.outcome) for r in judgement.requirements] == [
        ("EPP-SES-001", Outcome.PASS),
        ("EPP-SES-002", Outcome.PASS),
        ("EPP-SES-003", Outcome.NOT_APPLICABLE),
        ("EPP-SES-004", Outcome.NOT_TESTED),
        ("EPP-SES-005", Outcome.NOT_APPLICABLE),
    ]


@pytest.mark.parametrize(
    "harmless",
    (
        result("c", "EPP-SES-002", outcome=Outcome.WARN),
        result("c", "EPP-SES-003", outcome=Outcome.NOT_APPLICABLE, needs=("suite-0",)),
        result("c", outcome=Outcome.NOT_APPLICABLE),
        result("c", level=Level.FULL, outcome=Outcome.NOT_RUN),
        result("c", level=Level.FULL, outcome=Outcome.FAIL),
    ),
    ids=str,
)
def test_still_conformant(harmless: CheckResult) -> None:
    assert judge(harmless) == ("conformant", 0)


@pytest.mark.parametrize("outcome", (Outcome.FAIL, Outcome.CRASH, Outcome.TIMEOUT, Outcome.ADAPTER_ERROR))
def test_non_conformant(outcome: Outcome) -> None:
    bad = result("c", outcome=outcome)
    assert judge(bad) == ("non-conformant", 1)
    for fields in (
        {"level": Level.SMOKE, "results": (result("c", outcome=outcome, level=Level.SMOKE),)},
        {"selection": "--only c"},
        {"interrupted": "interrupted"},
        {"wallet": None},
        {"suite": "mine"},
    ):
        assert judge(bad, **fields) == ("non-conformant", 1)


def test_every_mandatory_capability_is_needed() -> None:
    for name in MANDATORY:
        declared = tuple(sorted(KNOWN_CAPABILITIES - {name}))
        everything = (result("c", "EPP-SES-003"),)
        assert judge(*everything, capabilities=declared) == ("non-conformant", 1)


@pytest.mark.parametrize(
    ("extra", "fields"),
    (
        ((result("c", outcome=Outcome.HARNESS_ERROR),), {}),
        ((result("c", outcome=Outcome.NOT_RUN),), {}),
        ((), {"interrupted": "interrupted"}),
        ((), {"wallet": None}),
        ((), {"results": ()}),
        ((), {"results": (result("a"),)}),  # nothing names EPP-SES-002
        ((), {"results": (result("a", outcome=Outcome.NOT_APPLICABLE), result("b", "EPP-SES-002"))}),
        ((), {"capabilities": (*MANDATORY, "suite-0")}),  # nothing names EPP-SES-003
        ((), {"level": Level.SMOKE}),  # no check of that level
        ((result("c", outcome=Outcome.NOT_RUN),), {"selection": "--only c"}),
    ),
    ids=str,
)
def test_incomplete(extra: tuple[CheckResult, ...], fields: dict[str, Any]) -> None:
    assert judge(*extra, **fields) == ("incomplete", 3)
    assert verdict(run(*extra, **fields)).reasons


def test_a_part_that_passes_never_certifies() -> None:
    smoke = result("c", level=Level.SMOKE)
    left_out = result("c", outcome=Outcome.NOT_RUN, deselected=True)
    for words, extra, fields in (
        ("smoke passed, not a certificate", (smoke,), {"level": Level.SMOKE}),
        ("selection passed, not a certificate", (left_out,), {}),
        ("selection passed, not a certificate", (), {"selection": "-k a"}),
        ("other suite passed, not a certificate", (), {"suite": "mine"}),
        ("other policy passed, not a certificate", (), {"policy": "00" * 32}),
        ("run of pytest passed, not a certificate", (), {"certifying": False}),
        ("wallet in the judge's own process passed, not a certificate", (), {"selector": "python:w:make"}),
        ("default seed passed, not a certificate", (), {"seed": DEFAULT_SEED}),
    ):
        judgement = verdict(run(*extra, **fields))
        assert (judgement.words, judgement.exit_code) == (words, 0)
        assert judgement.verdict is Verdict.INCOMPLETE


@pytest.mark.parametrize(
    ("results", "words"),
    (
        ((result("a"), result("b", "EPP-SES-002")), "test_x: 2 of 3"),
        ((result("a"), result("b", "EPP-SES-002"), result("b", "EPP-SES-002")), "test_x: 3 of 3"),
        ((result("a"), result("b", "EPP-SES-002"), result("c", level=Level.FULL)), "test_x: 3 of 3"),
        ((result("a"), result("b", "EPP-SES-002"), result("c", "EPP-SES-002")), "test_x: 3 of 3"),
    ),
)
def test_results_that_are_not_those_of_the_suite_never_certify(
    results: tuple[CheckResult, ...], words: str
) -> None:
    whole = run(result("c"))
    assert verdict(whole).verdict is Verdict.CONFORMANT
    judgement = verdict(msgspec.structs.replace(whole, results=results))
    assert (judgement.verdict, judgement.exit_code) == (Verdict.INCOMPLETE, 3)
    assert judgement.reasons == (f"the checks are not those of the suite ({words})",)


def test_a_module_that_the_suite_does_not_have_never_certifies() -> None:
    stranger = msgspec.structs.replace(result("c"), id="test_y::c")
    judgement = verdict(msgspec.structs.replace(run(), results=(*run().results, stranger)))
    assert judgement.reasons == ("the checks are not those of the suite (test_y: not in the suite)",)


def test_no_requirement_set_no_certificate() -> None:
    bare = msgspec.structs.replace(run(), requirement_set=RequirementSet(version="", digest=""))
    assert verdict(bare).exit_code == 3


def test_a_run_survives_json() -> None:
    before = run(result("c", outcome=Outcome.FAIL))
    assert msgspec.json.decode(msgspec.json.encode(before), type=Run) == before


def test_round_trips() -> None:
    (row,) = summarise_round_trips({"open": [n / 1000 for n in range(1, 101)], "stop": []})
    assert (row.verb, row.count, row.median, row.p95, row.maximum) == ("open", 100, 50, 95, 100)
    (one,) = summarise_round_trips({"open": [0.002]})
    assert (one.median, one.p95, one.maximum, one.total) == (2, 2, 2, 2)


# --- expected failures ---

ENTRY = (
    'check = "test_x::c"\nreason = "known-bug"\nissue = "https://issues.example/1"\nexpires = 2026-12-31\n'
)
FAILS = result("c", outcome=Outcome.FAIL)


def gate(tmp_path: Path, text: str, *extra: CheckResult, **fields: Any) -> tuple[int, tuple[str, ...]]:
    path = tmp_path / "expected.toml"
    path.write_text(text)
    found = run(*extra, **fields)
    compared = compare(found, read_expected(path), TODAY)
    return verdict(msgspec.structs.replace(found, gate=compared)).exit_code, compared.problems


def test_listed_failure_passes_the_gate_and_never_certifies(tmp_path: Path) -> None:
    assert gate(tmp_path, f"[[expected]]\n{ENTRY}", FAILS) == (0, ())
    assert verdict(run(FAILS)).verdict is Verdict.NON_CONFORMANT
    by_requirement = ENTRY.replace('check = "test_x::c"', 'requirement = "EPP-SES-001"')
    assert gate(tmp_path, f"[[expected]]\n{by_requirement}", FAILS) == (0, ())
    assert gate(tmp_path, "") == (0, ())


@pytest.mark.parametrize(
    ("text", "extra", "words"),
    (
        ("", FAILS, "not listed"),
        (f"[[expected]]\n{ENTRY}", result("c"), "take the entry out"),
        (f"[[expected]]\n{ENTRY}".replace("2026-12-31", "2026-11-21"), FAILS, "expired on 2026-11-21"),
        (f"[[expected]]\n{ENTRY}".replace("::c", "::gone"), result("c"), "no such check"),
    ),
)
def test_the_gate_is_strict_both_ways(tmp_path: Path, text: str, extra: CheckResult, words: str) -> None:
    code, problems = gate(tmp_path, text, extra)
    assert code == 1
    assert len(problems) == 1
    assert words in problems[0]


def test_the_last_day_counts(tmp_path: Path) -> None:
    assert gate(tmp_path, f"[[expected]]\n{ENTRY}".replace("2026-12-31", "2026-11-22"), FAILS)[0] == 0


def test_entries_for_checks_left_out_are_not_judged(tmp_path: Path) -> None:
    left_out = result("c", outcome=Outcome.NOT_RUN, deselected=True)
    assert gate(tmp_path, f"[[expected]]\n{ENTRY}", left_out) == (0, ())


def test_a_run_in_which_only_listed_checks_ran_and_failed_passes_the_gate(tmp_path: Path) -> None:
    only = {"results": (FAILS,), "selection": "--only c"}
    assert gate(tmp_path, f"[[expected]]\n{ENTRY}", **only) == (0, ())


def test_the_gate_does_not_hide_a_gap(tmp_path: Path) -> None:
    assert gate(tmp_path, f"[[expected]]\n{ENTRY}", FAILS, interrupted="interrupted")[0] == 3


@pytest.mark.parametrize(
    ("text", "words"),
    (
        ("[[expected]\n", "line 1"),
        ("other = 1", "other: expected one of the names expected"),
        ("expected = 1", "expected: expected a list, each a table"),
        (f"[[expected]]\n{ENTRY}because = 1", "expected[0].because: expected one of the names check"),
        (
            "[[expected]]\ncheck = 'x'",
            "expected[0].reason: expected one of disputed, known-bug",
        ),
        (f"[[expected]]\n{ENTRY}requirement = 'EPP-SES-001'", "either check or requirement"),
        (
            f"[[expected]]\n{ENTRY}".replace("known-bug", "flaky"),
            "expected[0].reason: expected one of disputed, known-b",
        ),
        (f"[[expected]]\n{ENTRY}".replace("2026-12-31", '"soon"'), "expected[0].expires: expected a date"),
        (f"[[expected]]\n{ENTRY}".replace("https://issues.example/1", ""), "an issue"),
    ),
)
def test_malformed_list(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "expected.toml"
    path.write_text(text)
    with pytest.raises(SettingsError) as caught:
        read_expected(path)
    assert words in str(caught.value)


def test_no_list(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.toml: expected a text file that can be read"):
        read_expected(tmp_path / "none.toml")
