"""One check while it runs, and what is told of it when it has ended."""

import msgspec
import pytest

from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.results import Check, CheckResult, Outcome, WalletInfo


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What a process that runs checks tells the one that collects results."""

    result: CheckResult
    process: int
    """Id of the process that ran the check."""
    wallet: WalletInfo | None
    times: dict[str, list[float]]
    catalogue: tuple[Check, ...] = ()


class Trial:
    """One check while it runs."""

    def __init__(self, check: Check) -> None:
        self.check = check
        self.notes = EvidenceNotes()
        self.outcome = Outcome.PASS
        self.reason = ""
        self.traceback = ""
        self.violated = ""
        self.seconds = 0.0


TRIAL = pytest.StashKey[Trial]()
"""Where a check keeps it."""


def show_in_pytest(report: pytest.TestReport, item: pytest.Item, trial: Trial) -> None:
    """Let pytest's own summary and exit code agree with the outcome."""
    text = f"{trial.outcome}: {trial.reason}"
    if trial.outcome in {Outcome.WARN, Outcome.NOT_RUN, Outcome.NOT_APPLICABLE}:
        path, line, _ = item.location
        report.outcome = "skipped"
        report.longrepr = (path, (line or 0) + 1, text)
    elif report.outcome != "failed":
        report.outcome = "failed"
        report.longrepr = text
