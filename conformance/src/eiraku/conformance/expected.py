"""Expected failures: what a continuous build tolerates for a while, and nothing else.

The file is TOML, one table per entry::

    [[expected]]
    check = "test_session::test_replay[initiator]"   # or: requirement = "EPP-SES-007"
    reason = "known-bug"                             # known-bug, not-implemented or disputed
    issue = "https://issues.example/42"
    expires = 2027-03-31
    note = "optional, for the reader"

It is strict both ways: the gate is passed only if exactly the listed checks fail. An unlisted failure, a
listed check that passes, an entry that names nothing and an entry past its date all close it. Entries whose
checks were left out of the run are not judged. The list changes the exit code only, never an outcome: a
listed failure is still a failure, and the wallet is as non-conformant as without the list.
"""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any, Literal

import msgspec

from eiraku.conformance.results import CheckResult, Model, Run
from eiraku.conformance.verdict import Judgement, failed, in_scope
from eiraku.spec.errors import Refused


class Expectation(Model, frozen=True, kw_only=True):
    """One entry: either ``check`` or ``requirement`` is given."""

    check: str = ""
    requirement: str = ""
    reason: Literal["known-bug", "not-implemented", "disputed"]
    issue: str
    expires: date
    """Last day on which the entry holds."""
    note: str = ""

    @property
    def subject(self) -> str:
        """What is expected to fail."""
        return self.check or self.requirement

    def covers(self, result: CheckResult) -> bool:
        """Whether a failure of ``result`` is expected."""
        return result.id == self.check or self.requirement in result.requirements


class Gate(Model, frozen=True, kw_only=True):
    """How a run compares with its list of expected failures."""

    problems: tuple[str, ...]
    """Why the gate is closed; empty when exactly the listed checks failed."""
    met: tuple[str, ...]
    """Ids of the checks that failed as expected."""


def read_expected(path: Path) -> tuple[Expectation, ...]:
    """Read the file. Raises Refused."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refused(f"{path}: cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Refused(f"{path}: expected TOML, but: {error}") from error
    if set(content) - {"expected"} or not isinstance(content.get("expected", []), list):
        raise Refused(f"{path}: expected [[expected]] tables only, found {', '.join(content)}")
    return tuple(
        _entry(entry, f"{path}: entry {number}")
        for number, entry in enumerate(content.get("expected", []), 1)
    )


def _entry(entry: Any, where: str) -> Expectation:
    try:
        expectation = msgspec.convert(entry, Expectation)
    except msgspec.ValidationError as error:
        raise Refused(f"{where}: {error}") from None
    if bool(expectation.check) == bool(expectation.requirement):
        raise Refused(f"{where}: expected either check or requirement")
    if not expectation.issue:
        raise Refused(f"{where}: expected an issue, found an empty one")
    return expectation


def compare(run: Run, expectations: tuple[Expectation, ...], today: date) -> Gate:
    """Compare the failures of ``run`` with the list."""
    failures = failed(run)
    problems = [
        f"{result.id}: {result.outcome}, not listed"
        for result in failures
        if not any(expectation.covers(result) for expectation in expectations)
    ]
    for expectation in expectations:
        problems += _judge(expectation, run, failures, today)
    met = [r.id for r in failures if any(expectation.covers(r) for expectation in expectations)]
    return Gate(problems=tuple(problems), met=tuple(met))


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


def gated_exit_code(judgement: Judgement, gate: Gate) -> int:
    """3 if the run left a gap, 1 if the gate is closed, else 0."""
    if judgement.incomplete:
        return 3
    return 1 if gate.problems else 0
