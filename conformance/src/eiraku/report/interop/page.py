"""``report.html`` of ``eiraku interop``: a matrix of payers and payees, what each cell tried, what failed.

One page with everything in it, that asks nothing of any network and runs no script.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from eiraku.conformance.interop.flow import Begins
from eiraku.conformance.interop.results import InteropRun, Result, Verdict, judge
from eiraku.conformance.results import FAILURES, SEVERITY, Outcome, worst
from eiraku.report import page
from eiraku.report.certify import steps
from eiraku.report.text import one_line, shorten, tail, visible

_TONES = {
    Outcome.PASS: "pass",
    Outcome.FAIL: "fail",
    Outcome.CRASH: "crash",
    Outcome.TIMEOUT: "crash",
    Outcome.ADAPTER_ERROR: "crash",
    Outcome.HARNESS_ERROR: "gap",
    Outcome.NOT_RUN: "gap",
    Outcome.NOT_APPLICABLE: "none",
}
_VERDICT = {Verdict.INTEROPERABLE: "pass", Verdict.NOT: "fail", Verdict.INCOMPLETE: "gap"}
_MOST = 40
"""Failures that are shown with their messages; `report.json` has all."""
_BRIEF = 160
_BLOCK = 3000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Some results in one pill."""

    passed: int
    all: int
    outcome: Outcome
    """The worst of them."""

    @property
    def words(self) -> str:
        """As many as went well, of those that apply."""
        if self.outcome is Outcome.NOT_APPLICABLE:
            return "not applicable"
        return f"{self.passed} of {self.all}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What was tried on one route."""

    id: str
    title: str
    tally: Tally
    rows: tuple[tuple[str, tuple[Tally | None, ...]], ...]
    """Name of a group, its tally for each way to begin."""
    bad: tuple[Result, ...]
    remarks: tuple[str, ...]
    """Why something does not apply."""


def tally(results: Sequence[Result]) -> Tally | None:
    """None for none."""
    if not results:
        return None
    apply = [each for each in results if each.outcome is not Outcome.NOT_APPLICABLE]
    outcomes = sorted((each.outcome for each in results), key=SEVERITY.index)
    return Tally(
        passed=sum(each.outcome is Outcome.PASS for each in apply), all=len(apply), outcome=worst(outcomes)
    )


def render(run: InteropRun) -> bytes:
    """The bytes of ``report.html``."""
    routes = dict.fromkeys(each.route for each in run.results)
    cells = {route: _cell(run, route) for route in routes}
    bad = [each for each in run.results if each.outcome in FAILURES | {Outcome.HARNESS_ERROR}]
    anchors = {each.id: f"scenario-{at}" for at, each in enumerate(bad[:_MOST], 1)}
    tried: dict[str, dict[str, str]] = {}
    for each in run.results:
        tried.setdefault(each.group, {}).setdefault(each.name, each.title)
    facts: dict[str, Any] = {
        "run": run,
        "judgement": judge(run),
        "verdict_tone": _VERDICT[judge(run).verdict],
        "pairs": {route: cell for route, cell in cells.items() if len(route) == 2},
        "rounds": [cell for route, cell in cells.items() if len(route) > 2],
        "ways": [f"{begins} begins" for begins in Begins],
        "tried": tried,
        "bad": bad[:_MOST],
        "left_out": max(len(bad) - _MOST, 0),
        "anchors": anchors,
        "counts": Counter(each.group for each in run.results),
    }
    filters: dict[str, Callable[[Any], object]] = {
        "visible": visible,
        "line": one_line,
        "brief": lambda text: one_line(shorten(text, _BRIEF)),
        "cut": lambda text: visible(shorten(text, _BLOCK)),
        "tail": lambda text: visible(tail(text, _BLOCK)),
        "tone": lambda outcome: _TONES[outcome],
        "diagram": lambda result: Markup(  # noqa: S704 - escapes what it draws
            steps.draw(result.evidence.steps, result.evidence.actual)
        ),
    }
    return page.render(__package__, facts, filters)


def _cell(run: InteropRun, route: tuple[str, ...]) -> Cell:
    results = [each for each in run.results if each.route == route]
    groups = dict.fromkeys(each.group for each in results)
    overall = tally(results)
    if overall is None:
        raise RuntimeError("a route without results")
    rows = tuple(
        (
            group,
            tuple(
                tally([each for each in results if each.group == group and each.begins is begins])
                for begins in Begins
            ),
        )
        for group in groups
    )
    remarks = (each.reason for each in results if each.outcome in {Outcome.NOT_APPLICABLE, Outcome.NOT_RUN})
    return Cell(
        id="route-" + "-".join(route),
        title=" to ".join(run.make(letter).title for letter in route),
        tally=overall,
        rows=rows,
        bad=tuple(each for each in results if each.outcome in FAILURES | {Outcome.HARNESS_ERROR}),
        remarks=tuple(dict.fromkeys(remarks)),
    )
