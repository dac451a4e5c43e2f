"""The end of a run, for ``certify`` and ``merge``: expected failures, reports, signature, exit code."""

import contextlib
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from eiraku.cli.failures import told
from eiraku.cli.judge import signing
from eiraku.conformance import expected
from eiraku.conformance.expected import Expectation
from eiraku.conformance.results import Run
from eiraku.conformance.statement import content, shard
from eiraku.conformance.verdict import verdict
from eiraku.report import files

if TYPE_CHECKING:
    from rich.console import Console

    from eiraku.cli.judge.signing import Order


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What is asked for by the options about expected failures."""

    expectations: tuple[Expectation, ...] | None
    """None without a list."""
    new: Path | None
    """Where the list of this run is written."""


def gate(given: Path | None, new: Path | None) -> Gate:
    """What ``--expected-failures`` and ``--write-expected`` ask for, if it can be had."""
    if new is not None:
        if new.exists():
            raise click.UsageError(
                f"--write-expected: {new} exists, and may have reasons of yours in it; name a new file"
            )
        files.prepare(new.parent)
    with told(opening=True):
        return Gate(expectations=None if given is None else expected.read_expected(given), new=new)


def prepare(folder: Path) -> None:
    """Make ``folder`` ready for the reports. Raises Misuse."""
    files.prepare(folder)
    # What was signed about an earlier run says nothing about this one.
    with told():
        for name in (content.FILE, shard.FILE):
            (folder / name).unlink(missing_ok=True)


@contextlib.contextmanager
def terminal() -> Iterator["Console"]:
    """A console on the real standard output, out of reach of pytest's capturing."""
    from rich.console import Console

    sys.stdout.flush()
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as output:
        yield Console(file=output, width=None if output.isatty() else 110)


def conclude(run: Run, folder: Path, wanted: Gate, order: "Order | None", console: "Console") -> int:
    """Compare ``run`` with the list, write and show the reports, sign if so ordered; the exit code."""
    from eiraku.report.certify import terminal as shown
    from eiraku.report.certify.writing import write_all

    today = datetime.now(UTC).date()
    if wanted.expectations is not None:
        run = msgspec.structs.replace(run, gate=expected.compare(run, wanted.expectations, today))
    written = write_all(run, folder)
    signed, unsigned = (None, "") if order is None else signing.fulfil(order, run, folder)
    if signed is not None:
        written.append(signed)
    shown.print_run(run, console, files=written)
    code = verdict(run).exit_code
    if wanted.new is not None:
        code = _list(run, wanted, wanted.new) or code
    if unsigned:
        click.echo(f"not signed: {unsigned}", err=True)
        return code or 3
    return code


def _list(run: Run, wanted: Gate, path: Path) -> int:
    """Write the list of what failed in ``run``; 3 if it can have none."""
    gaps = verdict(run).gaps
    if gaps:
        click.echo(f"no list of expected failures: the run is incomplete ({'; '.join(gaps)})", err=True)
        return 3
    entries = expected.entries(run, wanted.expectations or (), datetime.now(UTC).date())
    files.write(path, expected.render(entries))
    click.echo(f"{len(entries)} expected failures: {path}", err=True)
    for result in expected.intolerable(run):
        click.echo(f"not in the list: {result.id}: {result.outcome}", err=True)
    return 0
