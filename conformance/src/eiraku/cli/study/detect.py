"""``eiraku detect``: does an issuing centre name exactly the double-spenders of any number of units?"""

import contextlib
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from eiraku.cli.failures import told
from eiraku.cli.signals import sigterm_as_interrupt
from eiraku.spec.errors import EirakuError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

    from eiraku.system.database import Database
    from eiraku.testing.detection import Detection, Watcher
    from eiraku.testing.population import Plan


class HopsType(click.ParamType[tuple[int, int]]):
    """One number of hops, or two with a hyphen between them."""

    name = "hops"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """See click."""
        found = re.fullmatch(r"([0-9]{1,3})(?:-([0-9]{1,3}))?", str(value))
        if found is None:
            self.fail(f"expected a number such as 5, or a range such as 1-20, found {value!r}", param, ctx)
        return int(found[1]), int(found[2] or found[1])


@click.command()
@click.option("--units", type=click.IntRange(1, 100_000_000), default=1000, show_default=True)
@click.option(
    "--hops",
    type=HopsType(),
    default="5",
    show_default=True,
    metavar="N[-M]",
    help="Hop at which units are redeemed; evenly spread if a range.",
)
@click.option(
    "--cheats",
    type=click.IntRange(0),
    default=7,
    show_default=True,
    help="Units with a double spend or a bad history.",
)
@click.option("--persons", type=click.IntRange(4, 100_000), default=1000, show_default=True, help="Purses.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="The same again with it.")
@click.option("--workers", type=click.IntRange(1, 1024), default=2, show_default=True, help="Processes.")
@click.option(
    "--scheduler",
    default=None,
    metavar="ADDRESS",
    help="A dask scheduler whose workers open the chains (eiraku[cluster]).",
)
@click.option(
    "--database",
    "url",
    default=None,
    metavar="URL",
    help="An empty database, which is kept.  [default: a temporary file]",
)
@click.option("--measure", is_flag=True, help="Measure the cost of opening and storing instead.")
@click.option(
    "--prefill",
    "prefills",
    type=click.IntRange(0, 100_000_000),
    multiple=True,
    help="With --measure: units in the history database, rows without cryptography; may be repeated.",
)
@click.option("--json", "json_file", type=click.Path(path_type=Path, dir_okay=False), help="Write a file.")
def main(
    *,
    units: int,
    hops: tuple[int, int],
    cheats: int,
    persons: int,
    seed: int,
    workers: int,
    scheduler: str | None,
    url: str | None,
    measure: bool,
    prefills: tuple[int, ...],
    json_file: Path | None,
) -> int:
    """Make a population with a known number of double-spenders, redeem all its units, and compare.

    Exit code 0: exactly the guilty were named; 1: not; 2: misuse; 3: interrupted, or no workers.
    """
    from eiraku.testing.population import Plan

    if prefills and not measure:
        raise click.UsageError("--prefill is for --measure")
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise click.UsageError(f"--json: expected a file in a folder that exists, found {json_file}")
    plan = Plan(seed=seed, units=units, hops=hops, cheats=cheats, persons=persons)
    with (
        told(words=_words),
        sigterm_as_interrupt(),
        _database(url) as database,
        _executor(scheduler, workers) as executor,
    ):
        if measure:
            document = _measure(seed, database, executor if scheduler else None, workers, prefills)
            code = 0
        else:
            done = _detect(plan, database, executor, workers)
            _show(done)
            document, code = done.document(), 1 if done.problems else 0
    if json_file is not None:
        json_file.write_text(json.dumps(document, indent=1) + "\n")
    return code


def _words(error: EirakuError) -> str:
    return f"not finished: {error}" if isinstance(error, Unavailable) else str(error)


@contextlib.contextmanager
def _database(url: str | None) -> "Iterator[Database]":
    from eiraku.system.database import Database
    from eiraku.system.issuing.schema import SCHEMA

    with contextlib.ExitStack() as stack:
        if url is None:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="eiraku-detect-"))
            url = f"sqlite:///{folder}/issuing.db"
        with told(opening=True):
            database = Database(url, SCHEMA)
        stack.callback(database.close)
        yield database


@contextlib.contextmanager
def _executor(scheduler: str | None, workers: int) -> "Iterator[Executor]":
    from eiraku.models.execute import cluster
    from eiraku.system.issuing.pools import local

    if scheduler is None:
        with local(workers) as pool:
            yield pool
        return
    with cluster(scheduler) as executor:
        yield executor


def _detect(plan: "Plan", database: "Database", executor: "Executor", workers: int) -> "Detection":
    from eiraku.testing.detection import detect, prepare

    # A database that was used before is named wrongly, not unavailable.
    with told(opening=True):
        issuer = prepare(database, plan)
    with _progress(plan) as watcher:
        return detect(plan, issuer, executor, workers=workers, watcher=watcher)


def _measure(
    seed: int, database: "Database", executor: "Executor | None", workers: int, prefills: tuple[int, ...]
) -> dict[str, Any]:
    """Measure, and print the tables; the figures."""
    from eiraku.cli.study.benchmarks.deposits import measure, show

    figures = measure(seed, database, executor, workers=workers, prefills=prefills)
    show(figures)
    return figures


def _show(done: "Detection") -> None:
    from rich.console import Console
    from rich.table import Table

    document = done.document()
    console = Console(soft_wrap=True, highlight=False)
    by_hop = Table(title="Opening and verifying, by hop", title_justify="left", box=None, pad_edge=False)
    for column in ("hop", "deposits", "us each"):
        by_hop.add_column(column, justify="right")
    for hop, (count, seconds) in sorted(done.opening.items()):
        by_hop.add_row(str(hop), str(count), f"{1e6 * seconds / count:.0f}")
    console.print(by_hop)
    console.print(
        f"{done.plan.units} units, {done.deposits} deposits: "
        + ", ".join(f"{count} {outcome}" for outcome, count in document["outcomes"].items())
    )
    console.print(
        f"{document['deposits_per_second']} deposits a second with {done.workers} workers; "
        f"storing {document['store_us_per_deposit']} us each in {done.dialect}"
    )
    for problem in done.problems:
        console.print(problem, style="red", markup=False)
    found, planted = document["cheats"]["found"], document["cheats"]["planted"]
    verdict = "exactly the guilty were named" if not done.problems else "not as planted"
    console.print(
        f"{done.plan.cheats} units at fault: "
        f"{found} of {planted} double spends and bad histories found, {verdict}",
        style="bold",
    )


@contextlib.contextmanager
def _progress(plan: "Plan") -> "Iterator[Watcher | None]":
    """Two bars on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    from eiraku.testing.detection import outcomes

    with Progress(console=Console(stderr=True), transient=True) as bar:
        making = bar.add_task("units made", total=plan.units)
        depositing = bar.add_task("deposits stored", total=sum(outcomes(plan).values()))
        yield _Bars(lambda count: bar.advance(making, count), lambda count: bar.advance(depositing, count))


class _Bars:
    def __init__(self, made: "Callable[[int], None]", deposited: "Callable[[int], None]") -> None:
        self.made = made
        self.deposited = deposited
