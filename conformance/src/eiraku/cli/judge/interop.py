"""``eiraku interop``: have wallets pay each other, show what came of it, write and sign the report."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eiraku.cli.failures import told
from eiraku.cli.options import SEED, SELECTOR, timeout_option
from eiraku.cli.progress import Meter
from eiraku.cli.signals import sigterm_as_interrupt
from eiraku.conformance import DEFAULT_SEED
from eiraku.conformance.interop import runner
from eiraku.conformance.interop.results import InteropRun, Result, judge
from eiraku.conformance.results import Level, Outcome
from eiraku.conformance.statement import envelope, inputs, meeting
from eiraku.conformance.statement.content import FILE, Resource
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.report.files import prepare, write
from eiraku.report.text import one_line
from eiraku.spec.errors import Misuse

if TYPE_CHECKING:
    from rich.console import Console

_SHOWN = 20
"""Failures that the terminal lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A statement that was asked for."""

    key: SigningKey
    files: dict[str, list[Path]]
    """By the letter of the wallet."""
    subjects: tuple[Resource, ...]
    """What the files were before the run."""


@click.command()
@click.argument("selectors", type=SELECTOR, nargs=-1, required=True, metavar="A B [C]...")
@click.option(
    "--level",
    type=click.Choice(["smoke", "standard"]),
    default="standard",
    show_default=True,
    help="smoke: the pairs share the scenarios among them; never signed.",
)
@click.option(
    "--seed",
    type=SEED,
    default=DEFAULT_SEED,
    help="32 bytes in hex for all randomness of the harness, or random.  [default: zeros]",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path, file_okay=True),
    default=Path("eiraku-interop"),
    show_default=True,
    help="Folder for the reports.",
)
@click.option(
    "--statement",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    metavar="KEY",
    help="Sign the result of a complete run with this Ed25519 key (PEM): statement.json beside the reports.",
)
@click.option(
    "--subject",
    multiple=True,
    metavar="LETTER=FILE",
    help="A file of a wallet, by the letter of the wallet: A=my-wallet. For each file once.",
)
@timeout_option
def main(
    *,
    selectors: tuple[str, ...],
    level: str,
    seed: str,
    report: Path,
    statement: Path | None,
    subject: tuple[str, ...],
    timeout: float,
) -> int:
    """Have the wallets at these selectors pay each other, two at a time in all roles, and all in a round.

    A wallet may be named twice. Exit code 0: all went well; 1: something did not; 2: misuse; 3: incomplete.
    """
    if not 2 <= len(selectors) <= len(runner.LETTERS):
        raise click.UsageError(f"expected 2 to {len(runner.LETTERS)} wallets, found {len(selectors)}")
    order = _order(statement, subject, selectors, Level(level), seed)
    prepare(report)
    with told():
        # That of an earlier run says nothing about this one.
        (report / FILE).unlink(missing_ok=True)
    return _meet(selectors, level=Level(level), seed=seed, timeout=timeout, folder=report, order=order)


def _meet(
    selectors: Sequence[str], *, level: Level, seed: str, timeout: float, folder: Path, order: Order | None
) -> int:
    from rich.console import Console

    from eiraku.report.interop.writing import write_all

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 110)
    makes = runner.make_all(selectors, seed, timeout)
    try:
        # A selector by which there is no wallet is misuse: `told` knows it from one that fails.
        with told(), sigterm_as_interrupt(), Meter(console, "scenarios") as meter:
            run = runner.execute(makes, seed, level, _Watcher(meter))
    except KeyboardInterrupt:
        click.echo("interrupted before the first scenario; there is nothing to report", err=True)
        return 3
    files = write_all(run, folder)
    unsigned = "" if order is None else _sign(order, run, folder)
    if order is not None and not unsigned:
        files.append(folder / FILE)
    _print(run, console, files)
    code = judge(run).exit_code
    if unsigned:
        click.echo(f"not signed: {unsigned}", err=True)
        return code or 3
    return code


class _Watcher:
    """See `runner.Watcher`."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._bad = 0

    def begin(self, count: int) -> None:
        """See `runner.Watcher`."""
        self._meter.say(f"{count} scenarios")
        self._meter.begin(count)

    def done(self, result: Result) -> None:
        """See `runner.Watcher`."""
        self._bad += result.outcome not in {Outcome.PASS, Outcome.NOT_APPLICABLE}
        self._meter.done(f"{self._bad} not as they should be" if self._bad else "")


def _print(run: InteropRun, console: "Console", files: Sequence[Path]) -> None:
    """The result in lines."""
    judgement = judge(run)
    lines = []
    for make in run.makes:
        said = "never started" if make.wallet is None else f"{make.wallet.name} {make.wallet.version}"
        lines.append(f"{make.letter}: {said}")
    bad = [each for each in run.results if each.outcome not in {Outcome.PASS, Outcome.NOT_APPLICABLE}]
    lines += [f"{each.outcome}  {each.id}: {each.reason}" for each in bad[:_SHOWN]]
    if len(bad) > _SHOWN:
        lines.append(f"{len(bad) - _SHOWN} more in the report")
    counts = ", ".join(f"{count} {outcome}" for outcome, count in judgement.counts.items())
    lines += [f"{judgement.verdict}: {counts}", *(str(path) for path in files)]
    for line in lines:
        console.print(one_line(line), highlight=False, markup=False, soft_wrap=True)


def _order(
    key: Path | None, subject: Sequence[str], selectors: Sequence[str], level: Level, seed: str
) -> Order | None:
    """What ``--statement`` and ``--subject`` ask for; ends the command if such a run is never signed."""
    if key is None:
        if subject:
            raise click.UsageError("--subject goes with --statement")
        return None
    letters = runner.LETTERS[: len(selectors)]
    files: dict[str, list[Path]] = {letter: [] for letter in letters}
    for each in subject:
        letter, equals, name = each.partition("=")
        if letter not in files or not equals or not name:
            raise click.UsageError(f"--subject: expected one of {', '.join(letters)}, = and a file: {each!r}")
        files[letter].append(Path(name))
    without = [letter for letter, paths in files.items() if not paths]
    if without:
        raise click.UsageError(
            f"--statement: name the files of wallet {without[0]}: --subject {without[0]}=FILE"
        )
    found = meeting.limit(selectors, level, seed)
    if found:
        raise click.UsageError(f"--statement: {found}")
    with told(opening=True):
        return Order(key=inputs.private_key(key), files=files, subjects=_subjects(files))


def _subjects(files: dict[str, list[Path]]) -> tuple[Resource, ...]:
    """The files of all wallets; one that belongs to several counts once."""
    return inputs.subjects(list(dict.fromkeys(path for paths in files.values() for path in paths)))


def _sign(order: Order, run: InteropRun, folder: Path) -> str:
    """Write the statement into ``folder``, or say why there is none; empty if there is."""
    found = meeting.obstacle(run)
    if found:
        return found
    try:
        changed = _subjects(order.files) != order.subjects
    except (Misuse, OSError):
        changed = True
    if changed:
        return "a subject changed during the run, so nobody knows which wallets met"
    names = {letter: [path.as_posix() for path in paths] for letter, paths in order.files.items()}
    statement = meeting.state(run, order.subjects, names)
    write(folder / FILE, envelope.sign(statement.encode(), order.key))
    return ""
