"""``eiraku differ``: the same is asked of two wallets, and every difference is shown."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eiraku.cli.failures import told
from eiraku.cli.options import SEED, SELECTOR, timeout_option
from eiraku.cli.progress import Meter
from eiraku.cli.signals import sigterm_as_interrupt
from eiraku.conformance import DEFAULT_SEED
from eiraku.report.text import one_line, shorten

if TYPE_CHECKING:
    from rich.console import Console

    from eiraku.conformance.differ.runner import DifferRun, Found

_WIDE = 300


@click.command()
@click.argument("one", type=SELECTOR)
@click.argument("other", type=SELECTOR)
@click.option(
    "--seed",
    type=SEED,
    default=DEFAULT_SEED,
    help="32 bytes in hex from which the lives are drawn, or random.  [default: zeros]",
)
@click.option(
    "--sessions",
    type=click.IntRange(1, 1_000_000),
    default=500,
    show_default=True,
    help="End after so many sessions.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=1, max=86_400),
    default=600.0,
    show_default=True,
    help="End after so much time; a difference that was found is still made short.",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=True),
    default=Path("eiraku-differ"),
    show_default=True,
    help="Folder for the reports.",
)
@timeout_option
def main(
    *, one: str, other: str, seed: str, sessions: int, seconds: float, report: Path, timeout: float
) -> int:
    """Ask the same of the wallets ONE and OTHER: orders, messages right and wrong, news, losses of power.

    What they draw at random is not compared, all else is. A difference is a fault of one of them, or of the
    specification. Exit code 0: none was found; 1: they differ, or one failed; 2: misuse; 3: incomplete.
    """
    from rich.console import Console

    from eiraku.conformance.differ import runner
    from eiraku.report.differ.writing import write_all
    from eiraku.report.files import prepare

    prepare(report)
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 110)
    with told(), sigterm_as_interrupt(), Meter(console, "sessions") as meter:
        meter.begin(sessions)
        run = runner.compare(
            (one, other),
            seed=seed,
            sessions=sessions,
            seconds=seconds,
            timeout=timeout,
            watcher=_Watcher(meter),
        )
    files = write_all(run, report)
    _print(run, console, files)
    return run.exit_code


class _Watcher:
    """See `runner.Watcher`."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._before = 0

    def done(self, sessions: int, differences: int) -> None:
        """See `runner.Watcher`."""
        self._meter.done(f"{differences} differences" if differences else "", count=sessions - self._before)
        self._before = sessions


def _print(run: "DifferRun", console: "Console", files: list[Path]) -> None:
    names = [f"{letter}: {info.name} {info.version}" for letter, info in zip("AB", run.wallets, strict=True)]
    lines = [*names]
    for number, found in enumerate(run.differences, 1):
        lines += ["", f"Difference {number}", *_lines(found)]
    free = f", {run.free_choices} lives ended at a free choice of units" if run.free_choices else ""
    count = len(run.differences)
    said = f"{count} difference{'s' if count != 1 else ''}" if count else "no difference"
    lines += ["", f"{said} in {run.sessions} sessions of {run.lives} lives{free}"]
    lines += [run.interrupted] if run.interrupted else []
    lines += [str(path) for path in files]
    for line in lines:
        console.print(shorten(one_line(line), _WIDE), highlight=False, markup=False, soft_wrap=True)


def _lines(found: "Found") -> list[str]:
    cited = f" ({found.requirement})" if found.requirement else ""
    return [*found.life, f"{found.what}{cited}", f"A: {found.first}", f"B: {found.second}"]
