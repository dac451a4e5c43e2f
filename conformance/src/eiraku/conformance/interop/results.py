"""What a run of ``eiraku interop`` found; immutable, and written as JSON as it is.

Complete in itself, as `eiraku.conformance.results.Run` is: every scenario of the plan has a result, also one
that was not played. Byte strings are hex, moments UTC in RFC 3339 form.
"""

from collections import Counter
from enum import StrEnum
from typing import Literal

from eiraku.conformance.interop.flow import Begins
from eiraku.conformance.results import FAILURES, GAPS, Evidence, Level, Model, Outcome, WalletInfo


class MakeInfo(Model, frozen=True, kw_only=True):
    """A wallet that took part."""

    letter: str
    selector: str
    wallet: WalletInfo | None
    """None if it never answered ``start``."""

    @property
    def title(self) -> str:
        """Letter and name."""
        return self.letter if self.wallet is None else f"{self.letter} {self.wallet.name}"


class Result(Model, frozen=True, kw_only=True):
    """The outcome of one scenario."""

    id: str
    """``A-B payer payments everything``: the route, who begins, the group, the name."""
    route: tuple[str, ...]
    """Letters of the makes through which money goes, in order."""
    begins: Begins
    group: str
    name: str
    title: str
    outcome: Outcome
    reason: str = ""
    """One line; never empty unless the outcome is PASS."""
    seconds: float = 0.0
    transcript: str = ""
    """SHA-256, hex, over the transcripts of the wallets, in the order of the route; empty if not played."""
    evidence: Evidence | None = None


class Verdict(StrEnum):
    """Of a run as a whole."""

    INTEROPERABLE = "interoperable"
    NOT = "not interoperable"
    INCOMPLETE = "incomplete"


class InteropRun(Model, frozen=True, kw_only=True):
    """One run of all makes with each other."""

    format: Literal["eiraku-interop/1"] = "eiraku-interop/1"
    suite_version: str
    sources: str
    adapter_schema: str
    specification: str
    """Version of the specification."""
    registry: str
    """SHA-256, hex, of its registry of requirements."""
    makes: tuple[MakeInfo, ...]
    seed: str
    level: Level
    interrupted: str = ""
    started: str
    finished: str
    results: tuple[Result, ...]
    """In the order of the plan."""

    def make(self, letter: str) -> MakeInfo:
        """The make of this letter."""
        return next(each for each in self.makes if each.letter == letter)


class Judgement(Model, frozen=True, kw_only=True):
    """What follows from a run."""

    verdict: Verdict
    exit_code: int
    reasons: tuple[str, ...]
    counts: dict[str, int]
    """Scenarios by outcome."""


class Report(Model, frozen=True, kw_only=True):
    """The content of ``report.json``."""

    judgement: Judgement
    run: InteropRun


def judge(run: InteropRun) -> Judgement:
    """A failure outweighs a gap: 1; a gap: 3."""
    counts = Counter(each.outcome for each in run.results)
    failed = sum(counts[outcome] for outcome in FAILURES)
    gaps = sum(counts[outcome] for outcome in GAPS)
    reasons = [f"{counts[each]} {each}" for each in (*sorted(FAILURES), *sorted(GAPS)) if counts[each]]
    if run.interrupted:
        reasons.append(run.interrupted)
    if not counts[Outcome.PASS] and not failed:
        reasons.append("no scenario was played to its end")
    incomplete = gaps or run.interrupted or not counts[Outcome.PASS]
    found = Verdict.NOT if failed else Verdict.INCOMPLETE if incomplete else Verdict.INTEROPERABLE
    return Judgement(
        verdict=found,
        exit_code={Verdict.INTEROPERABLE: 0, Verdict.NOT: 1, Verdict.INCOMPLETE: 3}[found],
        reasons=tuple(reasons),
        counts={str(outcome): counts[outcome] for outcome in Outcome if counts[outcome]},
    )
