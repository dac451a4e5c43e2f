"""The report on the terminal: a table by chapter, each failure, the verdict.

On a terminal it is as wide as the terminal and in colour; anywhere else 100 columns wide and without a single
control code. Needs no more than 80 columns. Colour only repeats what a word says.
"""

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from eiraku.conformance.results import CheckResult, Evidence, Outcome, Run
from eiraku.conformance.verdict import PLAYED, Verdict
from eiraku.report.certify.evidence import hints
from eiraku.report.certify.summary import (
    COLUMNS,
    Summary,
    reproduce,
    requirement_text,
    summarise,
)
from eiraku.report.text import first_sentence, one_line, shorten, visible

PLAIN_WIDTH = 100
"""Columns where the output is no terminal."""
MOST_FAILURES = 50
"""Failures shown in full; more would push the table out of reach. The files have all of them."""
_MOST_CHARACTERS = 600
_STDERR_LINES = 3

_HEADINGS = {
    "crashed": "Crashed,\nno answer",
    "not applicable": "Not ap-\nplicable",
    "not tested": "Not\ntested",
    "not run": "Not\nrun",
}
"""Of the columns whose name is too wide."""
_COLUMN_STYLES = {"passed": "green", "warned": "yellow", "failed": "bold red", "crashed": "bold magenta"}
_STYLES = {
    Outcome.FAIL: "bold red",
    Outcome.CRASH: "bold magenta",
    Outcome.TIMEOUT: "bold magenta",
    Outcome.ADAPTER_ERROR: "bold magenta",
    Outcome.HARNESS_ERROR: "bold cyan",
    Outcome.WARN: "yellow",
}
_VERDICT_STYLES = {
    Verdict.CONFORMANT: "bold green",
    Verdict.NON_CONFORMANT: "bold red",
    Verdict.INCOMPLETE: "bold yellow",
}


def print_run(run: Run, console: Console, *, files: Sequence[Path] = ()) -> None:
    """Print the report of ``run`` to ``console``; ``files`` are the reports written, by `write_all`."""
    if console.is_terminal:
        _Printer(summarise(run), console).print(files)
        return
    plain = Console(file=console.file, width=PLAIN_WIDTH, force_terminal=False, legacy_windows=False)
    with plain.capture() as captured:
        _Printer(summarise(run), plain).print(files)
    # Cells are filled up with blanks, which a log has no use for.
    plain.file.writelines(f"{line.rstrip()}\n" for line in captured.get().removesuffix("\n").split("\n"))


def _sentence(requirement: str) -> str:
    return first_sentence(requirement_text(requirement)) or "not in the installed specification"


class _Printer:
    """One summary on its way to one console."""

    def __init__(self, summary: Summary, console: Console) -> None:
        self._summary = summary
        self._run = summary.run
        self._console = console

    def print(self, files: Sequence[Path]) -> None:
        """All of it, top to bottom."""
        summary = self._summary
        self._head()
        self._table()
        self._problems("Failures", summary.failures)
        self._problems("Errors of the suite itself", summary.harness_errors)
        self._problems("Warnings", summary.warnings)
        self._gaps()
        self._verdict(files)

    def _text(self, words: str, style: str = "") -> Text:
        """``words`` as they are: no markup, no control codes, nothing the stream cannot encode."""
        coding = self._console.encoding
        safe = visible(words).encode(coding, "backslashreplace").decode(coding)
        return Text(safe, style=style, overflow="fold")

    def _line(self, words: str, style: str = "") -> None:
        self._console.print(self._text(words, style))

    def _pairs(self, rows: list[tuple[str, str]], indent: int) -> None:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(no_wrap=True, min_width=9)
        grid.add_column(overflow="fold")
        for name, value in rows:
            grid.add_row(self._text(name, "dim"), self._text(value))
        self._console.print(Padding(grid, (0, 0, 0, indent)))

    def _head(self) -> None:
        run, wallet = self._run, self._run.wallet
        who = one_line(wallet.name) if wallet else "a wallet that never started"
        self._console.print()
        self._line(f"{run.requirement_set.version} conformance of {who}", "bold")
        rows = [
            ("selector", one_line(run.selector)),
            *([("shard", str(run.shard))] if run.shard else []),
            ("level", f"{run.level}" + (f", only {one_line(run.selection)}" if run.selection else "")),
            ("seed", run.seed),
            ("set", run.requirement_set.digest or "no requirement set"),
            ("suite", run.suite_version),
        ]
        if wallet:
            rows.insert(0, ("version", one_line(wallet.version)))
            rows.insert(2, ("declares", one_line(", ".join(wallet.capabilities)) or "nothing"))
        self._pairs(rows, 0)

    def _table(self) -> None:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_footer=True)
        chapters = self._summary.chapters
        table.add_column("Requirements", "All", overflow="fold")
        for column in COLUMNS:
            total = sum(chapter.counts[column] for chapter in chapters)
            table.add_column(
                _HEADINGS.get(column, column.capitalize()), str(total), justify="right", vertical="bottom"
            )
        for chapter in chapters:
            cells = [self._count(column, chapter.counts[column]) for column in COLUMNS]
            table.add_row(self._text(one_line(chapter.title)), *cells)
        self._console.print(table)

    def _count(self, column: str, count: int) -> Text:
        return Text(str(count) if count else "-", style=_COLUMN_STYLES.get(column, "") if count else "dim")

    def _problems(self, heading: str, results: Sequence[CheckResult]) -> None:
        if not results:
            return
        self._line(f"{heading} ({len(results)})", "bold")
        self._console.print()
        for result in results[:MOST_FAILURES]:
            self._problem(result)
        if len(results) > MOST_FAILURES:
            self._line(f"and {len(results) - MOST_FAILURES} more, which the report files show")
            self._console.print()

    def _problem(self, result: CheckResult) -> None:
        evidence = result.evidence or Evidence()
        head = self._text(f"{result.outcome} ", _STYLES[result.outcome])
        head.append_text(self._text(one_line(result.id), "bold"))
        self._console.print(head)
        rows = [("check", one_line(result.title))]
        if evidence.violated:
            rows.append(("violated", f"{one_line(evidence.violated)} {_sentence(evidence.violated)}"))
        rows += [(each, _sentence(each)) for each in result.requirements if each != evidence.violated]
        for name, value in (("expected", evidence.expected), ("actual", evidence.actual)):
            if value:
                rows.append((name, shorten(value, _MOST_CHARACTERS)))
        if one_line(result.reason) not in {one_line(evidence.actual), ""}:
            rows.append(("reason", shorten(one_line(result.reason), _MOST_CHARACTERS)))
        rows += [("hint", hint) for hint in hints(evidence, holding=True)]
        last = evidence.stderr.strip().splitlines()[-_STDERR_LINES:]
        if last and result.outcome is not Outcome.FAIL:
            rows.append(("stderr", shorten("\n".join(last), _MOST_CHARACTERS)))
        self._pairs(rows, 2)
        # Not folded into lines: it is there to be copied.
        command = Text("  reproduce: ", style="dim")
        command.append_text(self._text(one_line(reproduce(self._run, result.id)), "not dim"))
        self._console.print(command, soft_wrap=True)
        self._console.print()

    def _gaps(self) -> None:
        summary = self._summary
        if summary.not_run:
            self._line("Checks not run", "bold")
            self._pairs(
                [(str(count), one_line(reason) or "no reason") for reason, count in summary.not_run], 2
            )
            self._console.print()

    def _verdict(self, files: Sequence[Path]) -> None:
        judgement = self._summary.judgement
        counts = ", ".join(f"{count} {outcome}" for outcome, count in self._summary.counts)
        self._line(f"Verdict: {judgement.words}", _VERDICT_STYLES[judgement.verdict])
        for reason in judgement.reasons:
            self._console.print(Padding(self._text(f"- {one_line(reason)}"), (0, 0, 0, 2)))
        rows = [("checks", counts or "none")]
        if self._summary.out_of_scope:
            rows.append(("", f"{self._summary.out_of_scope} more are out of the scope of this run"))
        untested = sum(len(ids) for _, ids in self._summary.not_tested)
        if untested:
            rows.append(
                (
                    "not shown",
                    f"{untested} requirements of wallets that no black box can show; the page names them",
                )
            )
        if self._summary.others:
            rows.append(
                ("", f"{self._summary.others} more are about centres and services, not about wallets")
            )
        if PLAYED in self._summary.word_of_the_wallet:
            rows.append(("its word", PLAYED))
        if self._run.gate is not None:
            rows.append(("expected", f"{len(self._run.gate.met)} failed as listed"))
            rows += [("", problem) for problem in self._run.gate.problems]
        rows.append(("exit code", str(judgement.exit_code)))
        rows += [("reports" if at == 0 else "", str(path)) for at, path in enumerate(files)]
        self._pairs(rows, 2)
