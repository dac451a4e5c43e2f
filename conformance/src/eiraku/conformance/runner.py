"""Runs the suite: a plan in, a `Run` out. Used by ``eiraku certify``, ``list`` and ``explain``.

pytest runs in this process with our plugin and nothing of its own on the terminal; with more than one
worker the checks run in processes of pytest-xdist. The user's pytest configuration is not read.
"""

import contextlib
import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Protocol

import pytest

from eiraku.conformance import DEFAULT_SEED, HARNESS, SUITE_FOLDER, sources, stimulus
from eiraku.conformance.adapter.client import Wallet
from eiraku.conformance.adapter.errors import AdapterFailure
from eiraku.conformance.catalogue import matches
from eiraku.conformance.harness import Harness
from eiraku.conformance.results import Check, CheckResult, Level, Run, Shard, WalletInfo
from eiraku.spec.errors import Misuse, Unavailable

_PLUGIN = "eiraku.conformance.plugin"
_NOBODY = "cmd:true"
"""Selector for collecting, which starts no wallet."""
_FEW = 8
"""Checks for which a second process costs more than it saves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run. ``seed`` is 32 bytes in hex, ``timeout`` seconds per request."""

    selector: str
    level: Level = Level.STANDARD
    seed: str = DEFAULT_SEED
    timeout: float = 10.0
    only: str = ""
    """A check, module or requirement; otherwise an expression as for pytest's ``-k``. Empty for all."""
    shard: Shard | None = None
    workers: int = 1
    suite: Path | None = None
    """A folder of checks instead of the built-in suite."""
    policy: Path | None = None


class Watcher(Protocol):
    """Is told how a run goes on."""

    def begin(self, count: int) -> None:
        """So many checks will be run. Said once, before the first result."""

    def done(self, result: CheckResult) -> None:
        """One of them has ended."""


class _Observer:
    """Stays beside the harness in pytest: remembers it, and passes on what happens."""

    def __init__(self, watcher: Watcher | None = None) -> None:
        self.harness: Harness | None = None
        self.problems: list[str] = []
        self._watcher = watcher
        self._begun = False

    def _begin(self, count: int) -> None:
        if self._watcher is not None and not self._begun:
            self._begun = True
            self._watcher.begin(count)

    def pytest_configure(self, config: pytest.Config) -> None:
        self.harness = config.pluginmanager.get_plugin(HARNESS)
        if self.harness is not None and self._watcher is not None:
            self.harness.listener = self._watcher.done
            self.harness.certifying = True

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        if not session.config.getoption("collectonly"):
            self._begin(len(session.items))

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        """Every worker collects the same; the controller of pytest-xdist collects nothing."""
        self._begin(len(ids))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problems.append(report.longreprtext)


def collect(suite: Path | None = None, expression: str = "") -> dict[str, Check]:
    """All checks of the suite by id, without running any. Those ``-k expression`` leaves out say so.

    Raises Unavailable if the suite is at fault, Misuse if the expression is.
    """
    observer = _Observer()
    arguments = ["--collect-only", "--wallet", _NOBODY, "--wallet-level", "full"]
    if expression:
        arguments += ["-k", expression]
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        code = pytest.main([*base_arguments(suite), *arguments], plugins=[observer])
    _no_defect(code, said.getvalue())
    if code == pytest.ExitCode.USAGE_ERROR:
        error = Misuse if expression else Unavailable
        raise error(said.getvalue().strip().removeprefix("ERROR: "))
    if observer.problems:
        raise Unavailable(_uncollected(observer.problems))
    if observer.harness is None or code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        raise Unavailable(f"pytest ended with {code}: {said.getvalue().strip()}")
    return observer.harness.findings.catalogue


def _no_defect(code: int, said: str) -> None:
    """Raise RuntimeError, a defect of ours, if pytest was ended by an exception."""
    if code == pytest.ExitCode.INTERNAL_ERROR:
        raise RuntimeError(f"pytest ended by an exception:\n{said.strip()}")


def select(plan: Plan, catalogue: dict[str, Check]) -> tuple[list[str], list[str]]:
    """The pytest arguments for ``plan.only``, and the ids of the checks the plan will run.

    Raises Misuse if there are none.
    """
    in_level = {key: check for key, check in catalogue.items() if check.level.rank <= plan.level.rank}
    if not plan.only:
        return [], list(in_level)
    named = [key for key, check in catalogue.items() if matches(check, plan.only)]
    arguments = ["--wallet-only", plan.only]
    if not named:
        narrowed = collect(plan.suite, plan.only)
        named = [key for key, check in narrowed.items() if not check.deselected]
        arguments = ["-k", plan.only]
    if not named:
        near = get_close_matches(plan.only, catalogue, n=3, cutoff=0.3)
        hint = f"; nearest: {', '.join(near)}" if near else ""
        raise Misuse(f"--only: no check matches {plan.only!r}{hint}")
    chosen = [key for key in named if key in in_level]
    if not chosen:
        level = min((catalogue[key].level for key in named), key=lambda level: level.rank)
        raise Misuse(f"--only: {plan.only} belongs to level {level}; add --level {level}")
    return arguments, chosen


def greet(plan: Plan) -> WalletInfo | AdapterFailure:
    """Start the wallet once to see who it is. Raises SelectorError if there is none.

    A failure is returned, not raised: it is the wallet's, and the run will show it.
    """
    with Wallet(
        plan.selector, timeout=plan.timeout, seed=stimulus.wallet_seed(bytes.fromhex(plan.seed))
    ) as wallet:
        try:
            return wallet.start()
        except AdapterFailure as failure:
            return failure


def execute(plan: Plan, watcher: Watcher) -> Run:
    """Run ``plan`` and tell ``watcher``. Ctrl-C after the first result ends the run, not the call.

    The whole of the built-in suite is collected by those who run it and by nobody else; a part of it, or
    another suite, here first, since the plan may be wrong about it. Raises Misuse and Unavailable.
    """
    catalogue: dict[str, Check] = {}
    narrowing: list[str] = []
    few = False
    if plan.only or plan.suite is not None:
        catalogue = collect(plan.suite)
        narrowing, chosen = select(plan, catalogue)
        few = len(chosen) <= _FEW
    # Of the files as they are before any of them judges.
    sources.digest()
    observer = _Observer(watcher)
    arguments = [
        *base_arguments(plan.suite),
        "--wallet",
        plan.selector,
        f"--wallet-level={plan.level}",
        f"--wallet-seed={plan.seed}",
        f"--wallet-timeout={plan.timeout}",
        *narrowing,
    ]
    if plan.policy is not None:
        arguments += ["--wallet-policy", str(plan.policy)]
    if plan.shard is not None:
        arguments.append(f"--wallet-shard={plan.shard}")
    if plan.workers > 1 and not few:
        arguments += ["-n", str(plan.workers), "--dist", "worksteal"]
    said = io.StringIO()
    interrupted = ""
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            code = int(pytest.main(arguments, plugins=[observer]))
    except KeyboardInterrupt:
        code, interrupted = int(pytest.ExitCode.INTERRUPTED), "interrupted"
    _no_defect(code, said.getvalue())
    harness = observer.harness
    if observer.problems:
        raise Unavailable(_uncollected(observer.problems))
    if code == pytest.ExitCode.INTERRUPTED and (harness is None or not harness.findings.results):
        raise KeyboardInterrupt
    if harness is None:
        raise Unavailable(said.getvalue().strip() or f"pytest ended with {code}")
    findings = harness.findings
    findings.interrupted = findings.interrupted or interrupted or _reason(code, said.getvalue())
    # Without a single result nobody has said what there was to run.
    for key, check in (catalogue or ({} if findings.catalogue else collect())).items():
        findings.catalogue.setdefault(key, check)
    return harness.run()


def _uncollected(problems: Sequence[str]) -> str:
    return "the suite cannot be collected:\n" + "\n".join(problems)


def _reason(code: int, said: str) -> str:
    """Why pytest ended otherwise than by running all checks; empty if it did not."""
    if code in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED}:
        return ""
    if code == pytest.ExitCode.INTERRUPTED:
        return "interrupted"
    lines = said.strip().splitlines()
    return f"pytest ended with {code}" + (f": {lines[-1]}" if lines else "")


def base_arguments(suite: Path | None) -> list[str]:
    """The arguments of pytest for collecting a suite, the built-in one if none is given, and nothing else."""
    folder = SUITE_FOLDER if suite is None else suite.resolve()
    return [
        # Of plugins only those named here: somebody else's must not change a verdict, and takes time to load.
        "--disable-plugin-autoload",
        *("-p", _PLUGIN),
        *("-p", "hypothesispytest"),
        *("-p", "xdist.plugin"),
        *("-p", "no:terminal"),
        *("-p", "no:cacheprovider"),
        *("-c", os.devnull),
        f"--rootdir={folder}",
        f"--confcutdir={folder}",
        str(folder),
    ]
