"""``prove.html``: a run of `eiraku prove` as one page that asks nothing of any network and runs no script.

Pictures come from the recorded traces; the words from the manifests.
"""

from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from eiraku.models import library, trace
from eiraku.models.library import Subject
from eiraku.models.manifest import FLAWED, Claim, Removed
from eiraku.models.results import UNFINISHED, Result, Run, Standing
from eiraku.models.trace import Trace, TraceError
from eiraku.report import page
from eiraku.report.prove import attack, terminal

_VERDICT = {0: ("pass", "All as claimed"), 1: ("fail", "Not as claimed"), 3: ("gap", "Incomplete")}
"""By exit code: style class and words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A recorded trace, ready to be shown."""

    svg: Markup
    text: str
    beforehand: tuple[str, ...]
    names: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One lemma."""

    result: Result
    claim: Claim | None
    picture: Picture | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One removed check with every lemma that was asked about without it."""

    removed: Removed
    theory: str
    results: tuple[Result, ...]
    picture: Picture | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One theory."""

    name: str
    title: str
    flawed: bool
    rows: tuple[Row, ...]
    checks: tuple[Check, ...]


def html(run: Run, *, folder: Path = library.PACKAGE) -> bytes:
    """The bytes of the page; `folder` has the theories, manifests and traces that the run was about."""
    sections = [
        _section(name, subject, run, folder)
        for name, subject in library.subjects(folder)
        if isinstance(subject, Subject)
    ]
    sections = [section for section in sections if section.rows or section.checks]
    facts = {
        "run": run,
        "verdict": _VERDICT[run.exit_code],
        "conclusion": terminal.conclusion(run).partition(": ")[2],
        "trouble": terminal.trouble(run),
        "sections": [section for section in sections if not section.flawed],
        "flawed": [section for section in sections if section.flawed],
        "checks": [check for section in sections for check in section.checks],
        "rests": _rests(run),
    }
    return page.render(__package__, facts, {"tone": _tone, "rests": terminal.describe})


def picture(record: Trace | None, *, title: str) -> Picture | None:
    """What to show of a trace; `title` names the drawing for those who do not see it."""
    if record is None:
        return None
    return Picture(
        svg=Markup(attack.svg(record, title=title)),  # noqa: S704 - escapes what it draws
        text=attack.text(record, width=88),
        beforehand=tuple(attack.beforehand(record)),
        names=tuple(attack.legend(record)),
    )


def _section(name: str, subject: Subject, run: Run, folder: Path) -> Section:
    mine = [result for result in run.results if result.job.theory == name]
    rows = [
        Row(
            result=result,
            claim=subject.manifest.claim(result.job.lemma),
            picture=_recorded(name, result.job.lemma, folder) if name in FLAWED else None,
        )
        for result in mine
        if result.job.flag is None
    ]
    checks = [
        Check(
            removed=removed,
            theory=name,
            results=found,
            picture=_recorded(name, removed.name, folder),
        )
        for removed in subject.manifest.removed
        if (found := tuple(result for result in mine if result.job.flag == removed.name))
    ]
    return Section(
        name=name,
        title=subject.manifest.title,
        flawed=name in FLAWED,
        rows=tuple(rows),
        checks=tuple(checks),
    )


def _recorded(theory: str, name: str, folder: Path) -> Picture | None:
    try:
        found = trace.load(theory, name, folder=folder / "attacks")
    except TraceError:
        return None  # the run's complaints say so; the page says that there is no picture
    return picture(found, title=f"Message sequence of the trace {theory}/{name}")


def _rests(run: Run) -> list[tuple[str, str]]:
    """On what the verdicts rest: the standing, and how many with days of proof."""
    found = []
    for standing in Standing:
        mine = [result for result in run.results if result.standing is standing]
        if mine:
            days = sorted({result.date for result in mine if result.date} - {run.date})
            when = f", {days[0]} to {days[-1]}" if days[1:] else f", {days[0]}" if days else ""
            found.append((str(standing), f"{len(mine)} verdict{'s' * (len(mine) != 1)}{when}"))
    return found


def _tone(result: Result) -> str:
    if result.good:
        return "pass" if result.job.expected == "verified" else "warn"
    return "gap" if result.verdict is None or result.verdict in UNFINISHED else "fail"
