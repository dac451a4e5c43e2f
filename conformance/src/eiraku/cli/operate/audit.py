"""``eiraku audit``: does everything in the issuing centre's own database stand when it is verified again?"""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eiraku.cli.failures import told
from eiraku.cli.options import system_packages
from eiraku.cli.signals import sigterm_as_interrupt
from eiraku.spec.errors import EirakuError, Unavailable

if TYPE_CHECKING:
    from eiraku.system.issuing.audit import Audit
    from eiraku.system.scheme.directory import Directory


@click.command()
@click.option(
    "--centres",
    "folder",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Folder of the scheme, made by `eiraku centre FOLDER init`.",
)
@click.option("--workers", type=click.IntRange(1, 1024), default=2, show_default=True, help="Processes.")
@click.option("--json", "as_json", is_flag=True, help="The outcome as JSON.")
def main(*, folder: Path, workers: int, as_json: bool) -> int:
    """Verify again what stands in the issuing centre's database.

    Issues, the paths of deposits and claims, attribution and its cases, accounts and books. Nothing is
    changed, and a server may run meanwhile. Exit code 0: everything stands; 1: something does not; 2: misuse,
    or no database that can be opened; 3: interrupted, no workers, or the database is not there any more.
    """
    with system_packages("audit"):
        from eiraku.system.scheme import directory
    with sigterm_as_interrupt():
        with told(opening=True):
            centres = directory.open_(folder, read_only=True)
        try:
            with told(words=_unfinished):
                done = _audit(centres, workers)
        finally:
            centres.close()
    click.echo(json.dumps(done.document(), indent=1) if as_json else _words(done))
    return 1 if done.found else 0


def _audit(centres: "Directory", workers: int) -> "Audit":
    from eiraku.system.issuing.audit import audit
    from eiraku.system.issuing.pools import local

    with local(workers) as executor, _progress() as progress:
        return audit(
            centres.issuer.office,
            anchor=centres.anchor(every=True),
            purse_ids=centres.registry.purses.for_evidence,
            executor=executor,
            at_once=3 * workers,
            progress=progress,
        )


def _unfinished(error: EirakuError) -> str:
    return f"not finished: {error}" if isinstance(error, Unavailable) else str(error)


def _words(done: "Audit") -> str:
    lines = [f"{count:>12} {table}" for table, count in sorted(done.verified.items())]
    lines += [f"{count:>12} deposits {outcome}" for outcome, count in sorted(done.outcomes.items())]
    lines += [f"wrong: {problem}" for problem in done.problems]
    if done.found > len(done.problems):
        lines.append(f"wrong: {done.found - len(done.problems)} more")
    verdict = f"{done.found} things do not stand: stop, keep a copy, and look into it"
    return "\n".join([*lines, verdict if done.found else "everything stands"])


@contextlib.contextmanager
def _progress() -> "Iterator[Callable[[str, int], None]]":
    """Counters on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _table, _rows: None
        return
    from rich.console import Console
    from rich.progress import Progress, TextColumn

    columns = TextColumn("{task.description}"), TextColumn("{task.completed}")
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks = {
            table: bar.add_task(table, total=None)
            for table in ("issues", "units", "deposits", "claims", "cases")
        }
        yield lambda table, rows: bar.advance(tasks[table], rows)
