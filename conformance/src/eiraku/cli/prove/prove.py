"""``eiraku prove``: is what the proofs are said to show still what they show?"""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eiraku.cli.failures import told
from eiraku.cli.progress import Meter
from eiraku.cli.signals import sigterm_as_interrupt
from eiraku.models.limits import MEMORY, TIMEOUT, Limits
from eiraku.spec.errors import EirakuError, Unavailable

if TYPE_CHECKING:
    from rich.console import Console

    from eiraku.models.proving import Request
    from eiraku.models.results import Result, Run, Solved, Watcher


@click.command()
@click.option(
    "--theory", "theories", multiple=True, metavar="NAME", help="Only this theory; may be repeated."
)
@click.option(
    "--lemma", "lemmas", multiple=True, metavar="NAME", help="Only this lemma, and what it takes for granted."
)
@click.option(
    "--check-removed",
    "flags",
    multiple=True,
    metavar="NAME",
    help="Only what breaks without this check, with the attack in words.",
)
@click.option("--evidence", is_flag=True, help="Check recorded evidence, even where a prover is.")
@click.option("--recheck", is_flag=True, help="Have the prover check the stored proofs instead of searching.")
@click.option("--record", is_flag=True, help="Write evidence, proofs and traces into the source tree.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0.1),
    default=TIMEOUT,
    show_default=True,
    metavar="SECONDS",
    help="For each lemma.",
)
@click.option(
    "--memory",
    type=click.IntRange(min=1),
    default=MEMORY,
    show_default=True,
    metavar="MIB",
    help="Heap for each lemma.",
)
@click.option(
    "--jobs",
    type=click.IntRange(1, 1024),
    default=None,
    help="Lemmas at once.  [default: one for each core, as memory allows]",
)
@click.option(
    "--scheduler",
    default=None,
    metavar="ADDRESS",
    help="A dask scheduler whose workers prove (eiraku[cluster]).",
)
@click.option("--json", "as_json", is_flag=True, help="The result as JSON instead of tables.")
@click.option("--report", type=click.Path(path_type=Path), help="Folder for prove.json and prove.html.")
def main(
    *,
    theories: tuple[str, ...],
    lemmas: tuple[str, ...],
    flags: tuple[str, ...],
    evidence: bool,
    recheck: bool,
    record: bool,
    timeout: float,
    memory: int,
    jobs: int | None,
    scheduler: str | None,
    as_json: bool,
    report: Path | None,
) -> int:
    """Prove what is claimed about EPP/1, with and without its checks.

    Where tamarin-prover is on PATH, it proves every lemma here; elsewhere recorded evidence is checked, and
    the result says so. Lints and the proofs by the SMT solver always run. Exit code 0: all as claimed;
    1: something is not; 2: misuse; 3: incomplete (no time, no memory, no usable prover).
    """
    from eiraku.models.proving import Mode, Request

    if evidence and (recheck or record or scheduler):
        raise click.UsageError(
            "--evidence asks no prover: it does not go with --recheck, --record, --scheduler"
        )
    if recheck and record:
        raise click.UsageError("--record writes what a search finds: it does not go with --recheck")
    if scheduler and jobs:
        raise click.UsageError("with --scheduler the workers decide how many lemmas run at once")
    request = Request(
        theories=theories,
        lemmas=lemmas,
        flags=flags,
        mode=Mode.EVIDENCE if evidence else Mode.RECHECK if recheck else Mode.SEARCH,
        record=record,
        limits=Limits(timeout=timeout, memory=memory),
        jobs=jobs,
        scheduler=scheduler,
    )
    with sigterm_as_interrupt():
        return _prove(request, as_json=as_json, report=report)


def _prove(request: "Request", *, as_json: bool, report: Path | None) -> int:
    from eiraku.models import library
    from eiraku.models.proving import may_record, prove
    from eiraku.report.files import prepare

    folder = library.PACKAGE
    if request.record and not may_record(folder):
        raise click.ClickException(
            "--record needs a checkout: this package is installed, or cannot be written"
        )
    if report is not None:
        prepare(report)
    with told(words=_sentence), _progress(quiet=as_json) as watcher:
        run = prove(request, folder, watcher)
    _show(run, folder, flags=request.flags, as_json=as_json)
    if report is not None:
        _write(run, folder, report)
    return run.exit_code


def _sentence(error: EirakuError) -> str:
    return f"nothing was proved: {error}" if isinstance(error, Unavailable) else str(error)


def _show(run: "Run", folder: Path, *, flags: tuple[str, ...], as_json: bool) -> None:
    from eiraku.models import library
    from eiraku.models.document import document
    from eiraku.report.prove.terminal import print_run

    if as_json:
        click.echo(document(run).decode(), nl=False)
        return
    subjects = {name: each for name, each in library.subjects(folder) if not isinstance(each, str)}
    for flag in flags:
        for name, subject in subjects.items():
            for removed in (each for each in subject.manifest.removed if each.name == flag):
                click.echo(f"{name}, {flag}: {removed.check}\n\n{removed.attack or removed.stays}\n")
    print_run(run, subjects, _console())


def _write(run: "Run", folder: Path, report: Path) -> None:
    from eiraku.models.document import document
    from eiraku.report.files import write
    from eiraku.report.prove.page import html

    write(report / "prove.json", document(run))
    write(report / "prove.html", html(run, folder=folder))
    click.echo(f"Reports: {report / 'prove.json'}, {report / 'prove.html'}", err=True)


def _console() -> "Console":
    from rich.console import Console

    return Console(file=sys.stdout, width=None if sys.stdout.isatty() else 160)


@contextlib.contextmanager
def _progress(*, quiet: bool) -> Iterator["Watcher"]:
    """A bar on a terminal; elsewhere a line on standard error for each result, and where there is none for
    long, how far it is.
    """
    from rich.console import Console

    console = Console(stderr=True, quiet=quiet and sys.stderr.isatty())
    with Meter(console, "results") as meter:
        yield _Watcher(meter, each=not quiet and not console.is_terminal)


class _Watcher:
    """See `results.Watcher`."""

    def __init__(self, meter: Meter, *, each: bool) -> None:
        self._meter = meter
        self._each = each

    def begin(self, text: str, count: int) -> None:
        """See `results.Watcher`."""
        if self._each:
            self._meter.say(f"{text}: {count}")
        self._meter.begin(count, text)

    def done(self, result: "Result | Solved") -> None:
        """See `results.Watcher`."""
        if self._each or not result.good:
            self._meter.say(f"  {_words(result)}")
        self._meter.done()


def _words(result: "Result | Solved") -> str:
    from eiraku.models.results import Result
    from eiraku.report.prove.terminal import label

    if isinstance(result, Result):
        return f"{label(result)}: {result.verdict}, {result.seconds:.1f} s, {result.memory_mib} MiB"
    said = "holds" if result.good else "does not hold, or a twin does"
    return f"{result.name}: {said}, {result.seconds:.1f} s"
