"""A run for people at a terminal: a table for each theory, the removed checks, and what is wrong."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from eiraku.models.library import Subject
from eiraku.models.results import UNFINISHED, Result, Run, Solved, Standing

if TYPE_CHECKING:
    from rich.console import Console


def print_run(run: Run, subjects: Mapping[str, Subject], console: "Console") -> None:
    """All of it; the last line says whether everything is as claimed."""
    for name, subject in subjects.items():
        mine = [result for result in run.results if result.job.theory == name]
        plain = [result for result in mine if result.job.flag is None]
        if plain:
            console.print(_table(subject, plain), highlight=False)
        removed = [result for result in mine if result.job.flag is not None]
        if removed:
            console.print(_removed(subject, removed), highlight=False)
    if run.solved:
        console.print(_solved(run.solved), highlight=False)
    for line in trouble(run):
        console.print(Text(line, style="red"), soft_wrap=True)
    for note in run.notes:
        console.print(Text(note), soft_wrap=True)
    console.print(Text(conclusion(run), style="bold"), soft_wrap=True)


def describe(result: Result) -> str:
    """On what the result rests, in words."""
    if result.standing is Standing.RECORDED:
        return f"{result.standing} of {result.date}"
    if result.standing in (Standing.STALE, Standing.MISSING):
        return f"{result.standing}: {result.detail}"
    return str(result.standing)


def label(result: Result) -> str:
    """Theory, lemma and flag."""
    job = result.job
    return f"{job.theory} {job.lemma}" + (f" without {job.flag}" if job.flag else "")


def trouble(run: Run) -> list[str]:
    """One line for each thing that is not as claimed, in words."""
    lines = []
    for result in run.results:
        if not result.as_claimed:
            said = result.verdict or "nothing"
            detail = f" ({result.detail})" if result.detail else ""
            lines.append(
                f"{label(result)}: expected {result.job.expected}, found {said}; {result.standing}{detail}"
            )
        elif result.unproved:
            lines.append(
                f"{label(result)}: does not count, it takes for granted {', '.join(result.unproved)}"
            )
    for solved in run.solved:
        if not solved.holds:
            lines.append(f"{solved.name}: does not hold: {'; '.join(solved.counterexample)}")
        lines += [
            f"{solved.name}: the broken twin {name} does not fail: {'; '.join(why)}"
            for name, fails, why in solved.twins
            if not fails
        ]
    return lines + list(run.complaints)


def conclusion(run: Run) -> str:
    """The last line."""
    standings = Counter(str(result.standing) for result in run.results if result.good)
    rests = ", ".join(f"{count} {name}" for name, count in standings.items())
    good = sum(standings.values())
    twins = sum(len(solved.twins) for solved in run.solved)
    parts = [f"{good} of {len(run.results)} lemmas as claimed" + (f" ({rests})" if rests else "")]
    if run.solved:
        held = sum(solved.good for solved in run.solved)
        parts.append(f"{held} of {len(run.solved)} proofs by the SMT solver with {twins} broken twins")
    if run.complaints:
        parts.append(f"complaints: {len(run.complaints)}")
    words = {0: "All as claimed", 1: "Not as claimed", 3: "Incomplete"}[run.exit_code]
    return f"{words}: {'; '.join(parts)}; {run.seconds:.0f} s"


def _table(subject: Subject, results: Iterable[Result]) -> Table:
    table = _headed(f"{subject.name}: {subject.manifest.title}")
    table.add_column("lemma", overflow="fold")
    table.add_column("property", ratio=1)
    for name in ("expected", "verdict"):
        table.add_column(name)
    for name in ("steps", "s", "MiB"):
        table.add_column(name, justify="right")
    table.add_column("rests on", overflow="fold")
    for result in results:
        claim = subject.manifest.claim(result.job.lemma)
        table.add_row(result.job.lemma, claim.says if claim else "", result.job.expected, *_measured(result))
    return table


def _removed(subject: Subject, results: Iterable[Result]) -> Table:
    table = _headed(f"{subject.name}: what breaks without a check")
    table.add_column("check", ratio=1)
    table.add_column("removed by")
    table.add_column("lemma", overflow="fold")
    for name in ("verdict",):
        table.add_column(name)
    for name in ("steps", "s", "MiB"):
        table.add_column(name, justify="right")
    table.add_column("rests on", overflow="fold")
    checks = {each.name: each.check for each in subject.manifest.removed}
    before = None
    for result in results:
        flag = result.job.flag or ""
        same = flag == before
        table.add_row(
            "" if same else checks.get(flag, ""), "" if same else flag, result.job.lemma, *_measured(result)
        )
        before = flag
    return table


def _solved(solved: Iterable[Solved]) -> Table:
    table = _headed("Proofs by the SMT solver")
    table.add_column("name", overflow="fold")
    table.add_column("property", ratio=1)
    table.add_column("method")
    table.add_column("verdict")
    table.add_column("twins that fail", justify="right")
    table.add_column("s", justify="right")
    for each in solved:
        fails = sum(fails for _, fails, _ in each.twins)
        verdict = Text("holds" if each.holds else "does not hold", style="green" if each.good else "red")
        table.add_row(
            each.name,
            each.says,
            each.method,
            verdict,
            f"{fails} of {len(each.twins)}",
            f"{each.seconds:.1f}",
        )
    return table


def _headed(title: str) -> Table:
    # Titles and cells are texts of manifests: no markup in them.
    return Table(title=Text(title, style="bold"), title_justify="left", expand=True, box=None, pad_edge=False)


def _measured(result: Result) -> tuple[Text | str, ...]:
    colour = "green" if result.good else "yellow" if result.verdict in UNFINISHED else "red"
    return (
        Text(str(result.verdict or "none"), style=colour),
        str(result.steps) if result.steps else "",
        f"{result.seconds:.1f}" if result.seconds else "",
        str(result.memory_mib) if result.memory_mib else "",
        describe(result),
    )
