"""Runs the suite: a plan in, a `Run` out. Used by ``eiraku certify``, ``list`` and ``explain``.

pytest runs in this process with our plugin and nothing of its own on the terminal; with more than one
worker the checks run in processes of pytest-xdist. The user's pytest configuration is not read.
"""

import contextlib
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import metadata
from pathlib import Path

import pytest

from eiraku.conformance import HARNESS, SUITE_FOLDER, SUITE_PACKAGE
from eiraku.conformance.adapter.client import Wallet
from eiraku.conformance.adapter.errors import AdapterFailure
from eiraku.conformance.catalogue import matches
from eiraku.conformance.findings import Conditions, Findings
from eiraku.conformance.harness import Harness
from eiraku.conformance.results import Check, CheckResult, Level, Run, WalletInfo

_PLUGIN = "eiraku.conformance.plugin"
_NOBODY = "cmd:true"
"""Selector for collecting, which starts no wallet."""
_FEW = 8
"""Checks for which a second process costs more than it saves."""


class PlanError(Exception):
    """The user asked for something that cannot be run; nothing was run."""


class SuiteError(Exception):
    """The suite itself cannot be collected; the wallet is not at fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to run. ``seed`` is 32 bytes in hex, ``timeout`` seconds per request."""

    selector: str
    level: Level = Level.STANDARD
    seed: str = "00" * 32
    timeout: float = 10.0
    only: str = ""
    """A check, module or requirement; otherwise an expression as for pytest's ``-k``. Empty for all."""
    workers: int = 1
    suite: Path | None = None
    """A folder of checks instead of the built-in suite."""
    policy: Path | None = None

    def conditions(self) -> Conditions:
        """As recorded in the run if pytest never got as far as recording them itself."""
        return Conditions(
            suite=SUITE_PACKAGE if self.suite is None else str(self.suite),
            selector=self.selector,
            seed=self.seed,
            level=self.level,
            selection=f"--only {self.only}" if self.only else "",
        )


class _Observer:
    """Stays beside the harness in pytest: remembers it, and passes each result on."""

    def __init__(self, progress: Callable[[CheckResult], None]) -> None:
        self.harness: Harness | None = None
        self.problems: list[str] = []
        self._progress = progress

    def pytest_configure(self, config: pytest.Config) -> None:
        self.harness = config.pluginmanager.get_plugin(HARNESS)
        if self.harness is not None:
            self.harness.listener = self._progress

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.problems.append(report.longreprtext)


def collect(suite: Path | None = None, expression: str = "") -> dict[str, Check]:
    """All checks of the suite by id, without running any. Those ``-k expression`` leaves out say so.

    Raises SuiteError if the suite is at fault, PlanError if the expression is.
    """
    observer = _Observer(lambda _: None)
    arguments = ["--collect-only", "--wallet", _NOBODY, "--wallet-level", "full"]
    if expression:
        arguments += ["-k", expression]
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        code = pytest.main([*base_arguments(suite), *arguments], plugins=[observer])
    if code == pytest.ExitCode.USAGE_ERROR:
        error = PlanError if expression else SuiteError
        raise error(said.getvalue().strip().removeprefix("ERROR: "))
    if observer.problems:
        raise SuiteError("the suite cannot be collected:\n" + "\n".join(observer.problems))
    if observer.harness is None or code not in {pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED}:
        raise SuiteError(f"pytest ended with {code}: {said.getvalue().strip()}")
    return observer.harness.findings.catalogue


def select(plan: Plan, catalogue: dict[str, Check]) -> tuple[list[str], list[str]]:
    """The pytest arguments for ``plan.only``, and the ids of the checks the plan will run.

    Raises PlanError if there are none.
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
        raise PlanError(f"--only: no check matches {plan.only!r}{hint}")
    chosen = [key for key in named if key in in_level]
    if not chosen:
        level = min((catalogue[key].level for key in named), key=lambda level: level.rank)
        raise PlanError(f"--only: {plan.only} belongs to level {level}; add --level {level}")
    return arguments, chosen


def greet(plan: Plan) -> WalletInfo | AdapterFailure:
    """Start the wallet once to see who it is. Raises SelectorError if there is none.

    A failure is returned, not raised: it is the wallet's, and the run will show it.
    """
    with Wallet(plan.selector, timeout=plan.timeout, seed=bytes.fromhex(plan.seed)) as wallet:
        try:
            return wallet.start()
        except AdapterFailure as failure:
            return failure


def execute(plan: Plan, catalogue: dict[str, Check], progress: Callable[[CheckResult], None]) -> Run:
    """Run ``plan`` and report every result to ``progress`` as it comes. Ctrl-C ends the run, not the call.

    Raises PlanError and SuiteError.
    """
    narrowing, chosen = select(plan, catalogue)
    observer = _Observer(progress)
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
    if plan.workers > 1 and len(chosen) > _FEW:
        arguments += ["-n", str(plan.workers), "--dist", "worksteal"]
    said = io.StringIO()
    interrupted = ""
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            code = int(pytest.main(arguments, plugins=[observer]))
    except KeyboardInterrupt:
        code, interrupted = int(pytest.ExitCode.INTERRUPTED), "interrupted"
    if observer.harness is None:
        if code == pytest.ExitCode.INTERRUPTED:
            return Findings(catalogue=dict(catalogue), interrupted="interrupted").run(plan.conditions())
        raise SuiteError(said.getvalue().strip() or f"pytest ended with {code}")
    findings = observer.harness.findings
    findings.interrupted = findings.interrupted or interrupted or _reason(code, said.getvalue())
    for key, check in catalogue.items():
        findings.catalogue.setdefault(key, check)
    return observer.harness.run()


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
    installed = any(
        entry.value == _PLUGIN for entry in metadata.entry_points(group="pytest11", name="eiraku")
    )
    folder = SUITE_FOLDER if suite is None else suite.resolve()
    return [
        # By the name of its entry point, or pytest would register the module twice.
        *("-p", "eiraku" if installed else _PLUGIN),
        *("-p", "no:terminal"),
        *("-p", "no:cacheprovider"),
        *("-c", os.devnull),
        f"--rootdir={folder}",
        f"--confcutdir={folder}",
        str(folder),
    ]
