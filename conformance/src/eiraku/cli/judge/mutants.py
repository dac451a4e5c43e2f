"""``eiraku mutants``: is the suite worth anything? Run it against wallets that are known to be wrong."""

import sys
from functools import partial
from pathlib import Path
from typing import Self

import click

from eiraku.cli.failures import told
from eiraku.cli.progress import Pace
from eiraku.conformance.mutants.gate import Breadth, Finding
from eiraku.conformance.mutants.registry import find, mutants


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--list", "only_list", is_flag=True, help="List the mutants; run nothing.")
@click.option(
    "--breadth",
    type=click.Choice([breadth.value for breadth in Breadth]),
    default="named",
    show_default=True,
    help="Checks to run: a sample of those that name the requirement; all that do; others too; all.",
)
@click.option("--workers", type=click.IntRange(1, 64), default=2, show_default=True, help="Processes.")
@click.option(
    "--json", "as_json", is_flag=True, help="The matrix as JSON instead of one line for each mutant."
)
@click.option("--report", type=click.Path(path_type=Path), help="Folder for mutants.md and mutants.json.")
def main(
    *, names: tuple[str, ...], only_list: bool, breadth: str, workers: int, as_json: bool, report: Path | None
) -> int:
    """Run the suite against wallets that violate one requirement each, all of them or those named.

    Exit code 0: each is found out, by the checks that should; 1: the suite is at fault; 2: misuse; 3: the
    suite cannot be run.
    """
    from eiraku.conformance.mutants.pool import judge_all
    from eiraku.report import mutants as matrix
    from eiraku.report.files import prepare, write

    chosen = [find(name) for name in names] or list(mutants().values())
    if report is not None:
        prepare(report)
    if only_list:
        for mutant in chosen:
            click.echo(f"{mutant.name}  {mutant.requirement}  {mutant.summary}")
        return 0
    chosen_names = [mutant.name for mutant in chosen]
    with told(words=lambda error: f"the suite is at fault: {error}"), _Telling(quiet=as_json) as telling:
        telling.begin(len(chosen_names))
        findings = judge_all(chosen_names, Breadth(breadth), workers, telling.done)
    if report is not None:
        write(report / "mutants.md", matrix.page(findings, Breadth(breadth)).encode())
        write(report / "mutants.json", matrix.document(findings, Breadth(breadth)))
    wrong = [finding for finding in findings if finding.problems]
    if as_json:
        click.echo(matrix.document(findings, Breadth(breadth)).decode(), nl=False)
    else:
        click.echo(
            f"\n{len(findings)} mutants, {len(findings) - len(wrong)} as they should be, {len(wrong)} not"
        )
    return 1 if wrong else 0


class _Telling:
    """A line for each mutant unless `quiet`, and off a terminal how far it is, on standard error."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._wrong = 0
        self._pace = None if sys.stderr.isatty() else Pace(partial(click.echo, err=True), "mutants")

    def __enter__(self) -> Self:
        if self._pace is not None:
            self._pace.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        if self._pace is not None:
            self._pace.__exit__()

    def begin(self, count: int) -> None:
        """So many will be judged."""
        if self._pace is not None:
            self._pace.begin(count)

    def done(self, finding: Finding) -> None:
        """One has been."""
        if not self._quiet:
            _tell(finding)
        self._wrong += bool(finding.problems)
        if self._pace is not None:
            self._pace.done(f"{self._wrong} not as they should be" if self._wrong else "")


def _tell(finding: Finding) -> None:
    word = "survives" if not finding.killed else "killed"
    failed = len(finding.killed_by)
    click.echo(f"{word:<9}{finding.name}  {finding.requirement}  {failed} of {finding.ran} checks failed")
    for problem in finding.problems:
        click.echo(f"{'':<9}{problem}")
