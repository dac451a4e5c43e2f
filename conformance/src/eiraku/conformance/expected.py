"""Expected failures: what a continuous build tolerates for a while, and nothing else.

The file is TOML, one table per entry; `render` writes it from a run::

    [[expected]]
    check = "test_session::test_replay[initiator]"   # or: requirement = "EPP-SES-007"
    reason = "known-bug"                             # known-bug, not-implemented or disputed
    issue = "https://issues.example/42"
    expires = 2027-03-31
    note = "optional, for the reader"

It is strict both ways: the gate is passed only if exactly the listed checks fail. An unlisted failure, a
listed check that passes, an entry that names nothing and an entry past its date all close it. Entries whose
checks were left out of the run are not judged. Only an outcome FAIL can be expected: no list tolerates a
crash, a time-out or an adapter error, also of a check that is listed. The list changes the exit code only,
never an outcome: a listed failure is still a failure, and the wallet is as non-conformant as without the
list.
"""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta

from eiraku.conformance.results import CheckResult, Gate, Outcome, Run
from eiraku.conformance.verdict import failed, in_scope
from eiraku.reference.settings import SettingsError, Table

WRITTEN_FOR = timedelta(days=90)
"""How long an entry holds that was written from a run."""


class Expectation(Table, frozen=True, kw_only=True):
    """One entry: either ``check`` or ``requirement`` is given."""

    check: str = ""
    requirement: str = ""
    reason: Literal["known-bug", "not-implemented", "disputed"]
    issue: Annotated[str, Meta(min_length=1, description="an issue, as text that is not empty")]
    expires: date
    """Last day on which the entry holds."""
    note: str = ""

    def __post_init__(self) -> None:
        """Raises SettingsError."""
        if bool(self.check) == bool(self.requirement):
            raise SettingsError("", "either check or requirement")

    @property
    def subject(self) -> str:
        """What is expected to fail."""
        return self.check or self.requirement

    def covers(self, result: CheckResult) -> bool:
        """Whether a failure of ``result`` is expected."""
        return result.id == self.check or self.requirement in result.requirements


class _ExpectedFailures(Table, frozen=True, kw_only=True):
    """The file."""

    expected: tuple[Expectation, ...] = ()


def read_expected(path: Path) -> tuple[Expectation, ...]:
    """Read the file. Raises SettingsError."""
    return _ExpectedFailures.from_file(path).expected


def compare(run: Run, expectations: tuple[Expectation, ...], today: date) -> Gate:
    """Compare the failures of ``run`` with the list."""
    failures = failed(run)
    problems = [
        f"{result.id}: {result.outcome}, {'not listed' if _tolerable(result) else 'which no list tolerates'}"
        for result in failures
        if not (_tolerable(result) and any(expectation.covers(result) for expectation in expectations))
    ]
    for expectation in expectations:
        problems += _judge(expectation, run, failures, today)
    listed = (r for r in failures if any(expectation.covers(r) for expectation in expectations))
    return Gate(problems=tuple(problems), met=tuple(r.id for r in listed if _tolerable(r)))


def entries(run: Run, kept: tuple[Expectation, ...], today: date) -> tuple[Expectation, ...]:
    """A list of exactly what failed in ``run``: what holds of ``kept``, a new entry for all else."""
    failures = [result for result in failed(run) if _tolerable(result)]
    held = tuple(each for each in kept if today <= each.expires and any(map(each.covers, failures)))
    new = (result for result in failures if not any(each.covers(result) for each in held))
    return held + tuple(
        Expectation(
            check=result.id,
            reason="known-bug",
            issue=f"none yet: found by eiraku certify on {today}",
            expires=today + WRITTEN_FOR,
            note=result.title,
        )
        for result in new
    )


def intolerable(run: Run) -> tuple[CheckResult, ...]:
    """The failures of ``run`` that no list can have."""
    return tuple(result for result in failed(run) if not _tolerable(result))


def render(expectations: tuple[Expectation, ...]) -> bytes:
    """The bytes of a file with these entries."""
    lines = ["# Expected failures: exactly these checks fail, until each entry's date."]
    for each in expectations:
        lines += ["", "[[expected]]"]
        named = {name: getattr(each, name) for name in ("check", "requirement", "reason", "issue", "note")}
        lines += [f"{name} = {_quoted(value)}" for name, value in named.items() if value]
        lines.append(f"expires = {each.expires}")
    return "\n".join([*lines, ""]).encode()


def _tolerable(result: CheckResult) -> bool:
    return result.outcome is Outcome.FAIL


def _quoted(text: str) -> str:
    """As a basic string of TOML, which is one of JSON but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _judge(expectation: Expectation, run: Run, failures: tuple[CheckResult, ...], today: date) -> list[str]:
    subject = expectation.subject
    if not any(expectation.covers(result) for result in run.results):
        return [f"{subject}: listed, but the suite has no such check"]
    if not any(expectation.covers(result) for result in in_scope(run)):
        return []
    if today > expectation.expires:
        return [f"{subject}: the entry expired on {expectation.expires} ({expectation.issue})"]
    if not any(expectation.covers(result) for result in failures):
        return [f"{subject}: listed, but it does not fail; take the entry out ({expectation.issue})"]
    return []
