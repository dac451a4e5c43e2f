"""``eiraku simulate``: economies, banks, shops, people who pay each other offline, some double-spenders."""

import contextlib
import json
import os
import shlex
import sys
from collections.abc import Iterator
from concurrent.futures import BrokenExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eiraku.cli.failures import told
from eiraku.cli.progress import Meter
from eiraku.cli.signals import sigterm_as_interrupt
from eiraku.spec.errors import EirakuError, Unavailable

if TYPE_CHECKING:
    from eiraku.system.economy.compare import Comparison
    from eiraku.system.economy.results import Results
    from eiraku.system.economy.scenario import Scenario
    from eiraku.system.economy.watching import Watcher

LIMITS_HELP = (
    "Run again with these hop limits, such as 1,3,10; none: no comparison.  [default: of the scenario]"
)


@click.command()
@click.option(
    "--scenario",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A scenario in TOML.  [default: the one in the package]",
)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=None, help="Another draw of chance.")
@click.option("--purses", type=click.IntRange(2, 100_000), default=None, help="Purses of people.")
@click.option("--payments", type=click.IntRange(1, 10_000_000), default=None, help="Payments attempted.")
@click.option(
    "--hop-limit",
    type=click.IntRange(1, 200),
    default=None,
    help="Payments that a unit may make between two visits to a bank.",
)
@click.option("--what-if", default=None, metavar="LIMITS", help=LIMITS_HELP)
@click.option(
    "--workers",
    type=click.IntRange(1, 256),
    default=None,
    help="Processes; more than one for the comparison only.  [default: one for each core]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("eiraku-simulation"),
    show_default=True,
    metavar="DIR",
    help="Folder for report.html, results.json and evidence.",
)
@click.option("--json", "as_json", is_flag=True, help="Print results.json instead of a summary.")
def main(
    *,
    file: Path | None,
    seed: int | None,
    purses: int | None,
    payments: int | None,
    hop_limit: int | None,
    what_if: str | None,
    workers: int | None,
    out: Path,
    as_json: bool,
) -> int:
    """Simulate economies that use EPP/1: issue, payments over several hops, redemption, double spends.

    Purses, sessions, centres and the wholesale register are real; people, time and mishaps are drawn from the
    seed. Exit code 0: value was conserved, and exactly the double-spenders whose units were redeemed
    twice were named; 1: not so; 2: misuse; 3: interrupted, with a partial report.
    """
    from eiraku.report.files import prepare
    from eiraku.system.economy.scenario import Scenario, default

    _needs_matplotlib()
    with told(opening=True):
        scenario = default() if file is None else Scenario.from_file(file)
        given = {"seed": seed, "people": purses, "payments": payments}
        scenario = scenario.changed(**{name: value for name, value in given.items() if value is not None})
        if hop_limit is not None:
            scenario = scenario.with_hop_limit(hop_limit)
        if what_if is not None:
            scenario = scenario.with_what_if(_limits(what_if))
    prepare(out)
    with sigterm_as_interrupt():
        return _simulate(scenario, file, out, workers=workers or os.cpu_count() or 1, as_json=as_json)


def _simulate(scenario: "Scenario", file: Path | None, out: Path, *, workers: int, as_json: bool) -> int:
    from eiraku.report.files import write
    from eiraku.system.economy import page
    from eiraku.system.economy.compare import compare
    from eiraku.testing.bench import Bench

    with told(words=_words), _progress(quiet=as_json) as watcher:
        try:
            found = compare(scenario, watcher, Bench(), workers=workers)
        except OSError as error:
            raise Unavailable(str(error)) from error
        except BrokenExecutor as error:
            raise Unavailable("a process was killed; try --workers 1") from error
    document = json.dumps(found.to_mapping(), indent=1, ensure_ascii=False).encode() + b"\n"
    _evidence(found.main, out)
    write(out / "results.json", document)
    write(out / "report.html", page.render(found.main, found.runs, _again(scenario, file)))
    if as_json:
        click.echo(document.decode(), nl=False)
    else:
        _summary(found)
        click.echo(f"\nReport: {out / 'report.html'}, {out / 'results.json'}")
    if found.interrupted:
        click.echo("interrupted: the report is partial", err=True)
        return 3
    return 0 if found.good else 1


def _words(error: EirakuError) -> str:
    return f"the simulation could not go on: {error}" if isinstance(error, Unavailable) else str(error)


def _evidence(results: "Results", out: Path) -> None:
    """A file for each purse named, and the public keys; those of an earlier run go. Raises Misuse."""
    from eiraku.report.files import write

    for old in out.glob("evidence-*.json"):
        old.unlink(missing_ok=True)
    write(out / "anchor.json", results.anchor)
    for number, written in results.evidence.items():
        write(out / f"evidence-{number}.json", written)


def _limits(text: str) -> tuple[int, ...]:
    if text.strip() == "none":
        return ()
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(
            f"expected numbers such as 1,3,10, or none; found {text!r}", param_hint="--what-if"
        ) from None


def _again(scenario: "Scenario", file: Path | None) -> str:
    """The command that gives the same figures."""
    words = ["eiraku", "simulate"]
    if file is not None:
        words += ["--scenario", str(file)]
    words += [
        "--seed",
        str(scenario.seed),
        "--purses",
        str(scenario.people),
        "--payments",
        str(scenario.payments),
    ]
    words += ["--hop-limit", str(scenario.policy.hop_limit)]
    words += ["--what-if", ",".join(map(str, scenario.policy.what_if)) or "none"]
    return shlex.join(words)


def _needs_matplotlib() -> None:
    try:
        import matplotlib as mpl
    except ModuleNotFoundError:
        raise click.ClickException("the figures need matplotlib: install eiraku[system]") from None
    mpl.use("svg")


def _summary(found: "Comparison") -> None:
    from rich.console import Console
    from rich.table import Table

    from eiraku.system.economy.page import verdict

    main = found.main
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 120, highlight=False)
    tone, word, lines = verdict(main, found.runs)
    console.print(
        word, style={"pass": "bold green", "warn": "bold yellow"}.get(tone, "bold red"), markup=False
    )
    for line in lines:
        console.print(f"  {line}", markup=False)
    payments = main.payments
    console.print(
        f"  {payments.made} of {payments.attempted} payments made, worth {payments.value}; "
        f"{main.units_home} units home.\n",
        markup=False,
    )
    if main.cheats:
        table = Table("cheat", "copied in", "spent twice", "convicted in", "delay", "moves", box=None)
        for cheat in main.cheats:
            cells = (cheat.copied_in, cheat.accepted, cheat.convicted_in, cheat.delay, cheat.hops)
            table.add_row(cheat.name, *("-" if cell is None else str(cell) for cell in cells))
        console.print(table)
    if found.runs:
        console.print(_compared(found.runs))


def _compared(runs: "tuple[Results, ...]") -> object:
    from rich.table import Table

    table = Table(
        "hop limit", "exposure", "made", "not made", "visits", "redeemed", "mean bytes", "largest", box=None
    )
    for run in runs:
        payments = run.payments
        cells = (run.scenario.policy.hop_limit, run.exposure, payments.made, payments.refused.total())
        table.add_row(
            *map(str, (*cells, payments.visits, run.redeemed, round(run.mean_size), run.largest_size))
        )
    return table


@contextlib.contextmanager
def _progress(*, quiet: bool) -> Iterator["Watcher"]:
    """A bar on a terminal, a line now and then elsewhere, on standard error."""
    from rich.console import Console

    with Meter(Console(stderr=True, quiet=quiet), "payments") as meter:
        yield _Watcher(meter)


class _Watcher:
    """See `watching.Watcher`."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def begin(self, text: str, count: int) -> None:
        """See `watching.Watcher`."""
        self._meter.begin(count, text)

    def done(self, count: int) -> None:
        """See `watching.Watcher`."""
        self._meter.done(count=count)
