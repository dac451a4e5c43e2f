"""``eiraku certify``: judge a wallet, show the result, write the reports."""

import contextlib
import os
import secrets
import shlex
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eiraku.cli.failures import told
from eiraku.cli.options import (
    SEED,
    SELECTOR,
    SHARD,
    expected_options,
    report_option,
    timeout_option,
)
from eiraku.cli.progress import Meter
from eiraku.cli.signals import sigterm_as_interrupt
from eiraku.conformance.adapter.errors import AdapterFailure
from eiraku.conformance.results import CheckResult, Level, Outcome, Shard, WalletInfo
from eiraku.spec.errors import EirakuError, Unavailable

if TYPE_CHECKING:
    from rich.console import Console

    from eiraku.cli.judge.concluding import Gate
    from eiraku.cli.judge.signing import Order
    from eiraku.conformance.runner import Plan


def reference_selector() -> str:
    """The built-in reference wallet, in a process of its own."""
    return f"cmd:{shlex.join([sys.executable, '-E', '-P', '-m', 'eiraku.conformance.wallet'])}"


@click.command()
@click.argument("selector", type=SELECTOR, required=False)
@click.option(
    "--level",
    type=click.Choice([level.value for level in Level]),
    default="standard",
    show_default=True,
    help="How much is run; smoke takes seconds and never certifies.",
)
@click.option(
    "--seed",
    type=SEED,
    default=None,
    help="32 bytes in hex from which all is drawn, or default: zeros, with which nothing is certified.  "
    "[default: drawn afresh, and printed]",
)
@click.option(
    "--only",
    default="",
    metavar="EXPR",
    help="A check, module or requirement, or an expression as for pytest's -k; never certifies.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=None,
    help="Processes that run checks, each with its own wallet.  [default: 2; 1 for smoke, tcp: or one CPU]",
)
@click.option(
    "--shard",
    type=SHARD,
    default=None,
    metavar="I/N",
    help="The I-th of N parts; never certifies, eiraku merge makes one run of all.  [default: all]",
)
@report_option
@click.option(
    "--policy",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=None,
    help="Policy (TOML) to give the wallet.",
)
@expected_options
@click.option(
    "--suite",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=None,
    help="A folder of your own checks instead of the suite; never certifies.",
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
    type=click.Path(path_type=Path),
    multiple=True,
    metavar="FILE",
    help="A file of the wallet that the statement is about; for each file once.",
)
@timeout_option
def main(
    *,
    selector: str | None,
    level: str,
    seed: str | None,
    only: str,
    workers: int | None,
    shard: Shard | None,
    report: Path,
    policy: Path | None,
    expected_failures: Path | None,
    write_expected: Path | None,
    suite: Path | None,
    statement: Path | None,
    subject: tuple[Path, ...],
    timeout: float,
) -> int:
    """Judge the wallet at SELECTOR: cmd:PROGRAM ARGS, tcp:HOST:PORT or python:MODULE:FACTORY.

    Without SELECTOR the built-in reference wallet is judged. Exit code 0: conformant, or the part asked for
    passed; 1: non-conformant; 2: misuse, nothing was run; 3: incomplete.
    """
    from eiraku.cli.judge import concluding, signing
    from eiraku.conformance.runner import Plan

    if shard is not None and seed is None:
        raise click.UsageError("--shard: draw one seed for all shards, and give it to each with --seed")
    gate = concluding.gate(expected_failures, write_expected)
    if policy is not None:
        _check_policy(policy)
    selector = selector or reference_selector()
    plan = Plan(
        selector=selector,
        level=Level(level),
        seed=seed or secrets.token_hex(32),
        timeout=timeout,
        only=only,
        shard=shard,
        workers=workers or usual_workers(selector, Level(level)),
        suite=suite,
        policy=policy,
    )
    order = signing.order(statement, subject, plan)
    concluding.prepare(report)
    with concluding.terminal() as console, sigterm_as_interrupt():
        return _certify(plan, report, gate, order, console)


def _certify(plan: "Plan", folder: Path, gate: "Gate", order: "Order | None", console: "Console") -> int:
    from eiraku.cli.judge import concluding
    from eiraku.conformance import runner

    try:
        with told(words=_words):
            wallet = runner.greet(plan)
            with Meter(console, "checks") as meter:
                watcher = _Watcher(meter, lambda count: _introduce(plan, wallet, count, meter))
                run = runner.execute(plan, watcher)
    except KeyboardInterrupt:
        return _stop("interrupted before the first check; there is nothing to report")
    # From here on a second Ctrl-C must not lose the reports.
    with _ignoring_interrupts():
        return concluding.conclude(run, folder, gate, order, console)


def _introduce(plan: "Plan", wallet: WalletInfo | AdapterFailure, count: int, meter: Meter) -> None:
    from eiraku.report.text import one_line

    if isinstance(wallet, AdapterFailure):
        line = f"The wallet did not start: {one_line(str(wallet))}"
    else:
        line = f"{count} checks, level {plan.level}, of {one_line(wallet.name)} {one_line(wallet.version)}"
        if wallet.unknown_capabilities:
            line += f"; unknown capabilities: {one_line(', '.join(wallet.unknown_capabilities))}"
    meter.say(line)
    meter.say(f"Seed {plan.seed}")


def usual_workers(selector: str, level: Level) -> int:
    """How many processes run the checks if nobody says so."""
    # A server may well take one connection at a time, and then the second worker would wait for ever. Smoke
    # is over before a second process has collected the suite.
    one = selector.startswith("tcp:") or level is Level.SMOKE or (os.cpu_count() or 1) < 2
    return 1 if one else 2


def _check_policy(path: Path) -> None:
    from eiraku.reference.policy import Policy

    with told(opening=True):
        Policy.from_file(path)


def _words(error: EirakuError) -> str:
    if isinstance(error, Unavailable):
        return f"the suite is at fault, not the wallet: {error}"
    return str(error)


def _stop(message: str) -> int:
    click.echo(message, err=True)
    return 3


class _Watcher:
    """See `runner.Watcher`; begun by an introduction."""

    def __init__(self, meter: Meter, introduce: Callable[[int], None]) -> None:
        self._meter = meter
        self._introduce = introduce
        self._counts = dict.fromkeys(Outcome, 0)

    def begin(self, count: int) -> None:
        """See `runner.Watcher`."""
        self._introduce(count)
        self._meter.begin(count)

    def done(self, result: CheckResult) -> None:
        """See `runner.Watcher`."""
        self._counts[result.outcome] += 1
        quiet = {Outcome.PASS, Outcome.NOT_APPLICABLE}
        bad = {outcome: count for outcome, count in self._counts.items() if count and outcome not in quiet}
        self._meter.done("  ".join(f"{outcome} {count}" for outcome, count in bad.items()))


@contextlib.contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
