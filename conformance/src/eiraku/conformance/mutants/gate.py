"""The gate: runs the suite against mutants and judges the suite.

The suite is collected once in a process; then its checks are run against one mutant after the other, in the
same process, with the mutant as a `python:` wallet. How much is run (`Breadth`):

- `named`: every check that names the mutant's requirement or that it expects to fail, and the positive
  controls, at level standard;
- `sample`: the same, but where many checks name the requirement, or fit what it expects, a few cases of each
  test function, spread evenly, and all only if those do not kill the mutant;
- `wide`: the same, and one case of every other test function;
- `all`: every check of level standard.

Of the checks that were run, those that the mutant expects to fail must fail. Every other failure must name
the mutant's requirement, be listed by the mutant with a reason, or be of what is watched in every check
(`eiraku.conformance.watch`). The positive controls, plain payments in
all four roles, must pass unless listed.
"""

import contextlib
import os
import sys
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from enum import StrEnum
from fnmatch import fnmatchcase

import msgspec
import pytest

from eiraku.conformance import HARNESS, runner
from eiraku.conformance.catalogue import check_id
from eiraku.conformance.harness import Harness
from eiraku.conformance.mutants.registry import Mutant, find
from eiraku.conformance.results import FAILURES, Check, CheckResult, Outcome
from eiraku.spec.errors import Unavailable

NOBODY = "cmd:true"
"""Selector for collecting, which starts no wallet."""
SEED = "5e" * 32
"""Of every run of the gate. Not the default seed, under which some mutants are honest."""
CONTROLS = (
    "test_transfer_roles::test_wallet_is_paid[one-unit-*]",
    "test_transfer_roles::test_wallet_pays[one-unit-*]",
)
"""A payment in each of the four combinations of roles (EPP-GEN-001)."""
MANY = 120
"""So many checks of one requirement, or of one name that is expected, are more than a sample needs."""
FEW = 6
"""Cases of one test function in a sample."""


class Breadth(StrEnum):
    """How many checks are run against each mutant."""

    SAMPLE = "sample"
    NAMED = "named"
    WIDE = "wide"
    ALL = "all"


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """What the suite made of one mutant."""

    name: str
    requirement: str
    killed_by: tuple[str, ...]
    """Checks that failed and name the requirement, or that the mutant expects to fail."""
    unmet: tuple[str, ...]
    """Expected, but nothing that matches failed."""
    collateral: dict[str, str]
    """Other checks that failed and are listed, with the reason."""
    unexplained: tuple[str, ...]
    """Other checks that failed."""
    broken: tuple[str, ...]
    """Checks that erred themselves; the suite is at fault."""
    controls: tuple[str, ...]
    """Positive controls that failed and are not listed."""
    ran: int
    seconds: float
    survives: str = ""
    """Why it is known to survive."""

    @property
    def killed(self) -> bool:
        """Whether everything that should fail did."""
        return not self.unmet

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong, in words; empty if the suite is as it should be."""
        found = [f"{name}: expected to fail, but nothing did" for name in self.unmet if not self.survives]
        if self.survives and self.killed:
            found.append("is said to survive, but is killed; remove that")
        found += [f"{name}: fails too, and names another requirement" for name in self.unexplained]
        found += [f"{name}: the check itself erred" for name in self.broken]
        found += [f"{name}: a positive control fails" for name in self.controls]
        if not self.ran:
            found.append("no check was run")
        return tuple(found)


def named(pattern: str, check: Check | CheckResult) -> bool:
    """Whether `pattern` is a requirement of the check, or fits its id."""
    judged = check.judged if isinstance(check, CheckResult) else ()
    # Brackets are part of ids, not of patterns.
    return pattern in {*check.requirements, *judged} or fnmatchcase(check.id, pattern.replace("[", "[[]"))


def is_control(check: Check | CheckResult) -> bool:
    """Whether the check is a positive control."""
    return any(named(pattern, check) for pattern in CONTROLS)


def chosen(mutant: Mutant, catalogue: Sequence[Check], breadth: Breadth) -> list[str]:
    """Ids of the checks to run, in the order of the catalogue."""
    if breadth is Breadth.ALL:
        return [check.id for check in catalogue]
    wanted = set[str]()
    for name in {mutant.requirement, *mutant.expected}:
        fitting = [check for check in catalogue if named(name, check)]
        if breadth is Breadth.SAMPLE and len(fitting) > MANY:
            wanted.update(cases[n * len(cases) // FEW] for cases in _by_function(fitting) for n in range(FEW))
        else:
            wanted.update(check.id for check in fitting)
    if breadth is Breadth.WIDE:
        wanted |= {cases[0] for cases in _by_function(catalogue)}
    return [check.id for check in catalogue if check.id in wanted or is_control(check)]


def _by_function(checks: Iterable[Check]) -> Collection[list[str]]:
    functions: dict[str, list[str]] = {}
    for check in checks:
        functions.setdefault(check.id.partition("[")[0], []).append(check.id)
    return functions.values()


def judge(mutant: Mutant, results: list[CheckResult], seconds: float) -> Finding:
    """What the results of one mutant come to."""
    failed = [result for result in results if result.outcome in FAILURES]
    names = (mutant.requirement, *mutant.expected)
    killed_by, unexplained, controls = [], [], []
    collateral: dict[str, str] = {}
    for result in failed:
        reason = next((why for name, why in mutant.collateral.items() if named(name, result)), None)
        if any(named(name, result) for name in names):
            killed_by.append(result.id)
        elif reason is not None:
            collateral[result.id] = reason
        elif result.violated:
            collateral[result.id] = f"{result.violated} is watched in every check"
        elif is_control(result):
            controls.append(result.id)
        else:
            unexplained.append(result.id)
    return Finding(
        name=mutant.name,
        requirement=mutant.requirement,
        killed_by=tuple(killed_by),
        unmet=tuple(name for name in mutant.expected if not any(named(name, result) for result in failed)),
        collateral=collateral,
        unexplained=tuple(unexplained),
        broken=tuple(result.id for result in results if result.outcome is Outcome.HARNESS_ERROR),
        controls=tuple(controls),
        ran=sum(result.outcome not in {Outcome.NOT_RUN, Outcome.NOT_APPLICABLE} for result in results),
        seconds=round(seconds, 2),
        survives=mutant.survives,
    )


class _Loop:
    """Takes the place of pytest's own loop: once through the chosen checks for every mutant."""

    def __init__(self, names: Iterable[str], breadth: Breadth, found: Callable[[Finding], None]) -> None:
        self._names = names
        self._breadth = breadth
        self._found = found
        self.began = False
        self.error: BaseException | None = None

    def pytest_internalerror(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Keep what went wrong: pytest would only print it."""
        self.error = excinfo.value

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self.began = True
        harness: Harness | None = session.config.pluginmanager.get_plugin(HARNESS)
        if harness is None:
            raise Unavailable("the suite's plugin is not active")
        items = {check_id(item.nodeid): item for item in session.items}
        # In the order of the suite's files, whatever order was drawn: a sample is the same in every run.
        catalogue = [check for key, check in harness.findings.catalogue.items() if key in items]
        for name in self._names:
            mutant = find(name)
            finding = self._judge(
                mutant, [items[key] for key in chosen(mutant, catalogue, self._breadth)], harness
            )
            if finding.unmet and self._breadth is Breadth.SAMPLE:
                every = chosen(mutant, catalogue, Breadth.NAMED)
                finding = self._judge(mutant, [items[key] for key in every], harness)
            self._found(finding)
        return True

    def _judge(self, mutant: Mutant, items: Sequence[pytest.Item], harness: Harness) -> Finding:
        start = time.monotonic()
        results: list[CheckResult] = []
        harness.listener = results.append
        harness.judge_another(mutant.selector)
        # A wallet that does not start fails every check, and would pass for found out.
        harness.running_wallet()
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        return judge(mutant, results, time.monotonic() - start)


def run(names: Iterable[str], breadth: Breadth, found: Callable[[Finding], None]) -> None:
    """Run the suite against each mutant as its name comes; tell each finding as soon as it is there.

    Raises Unavailable if the suite cannot be collected, Misuse.
    """
    loop = _Loop(names, breadth, found)
    arguments = ["--wallet", NOBODY, "--wallet-seed", SEED]
    code = pytest.main([*runner.base_arguments(None), *arguments], plugins=[loop])
    if loop.error is not None:
        raise loop.error
    if not loop.began:
        raise Unavailable(f"the suite cannot be collected: pytest ended with {code}")


def main() -> None:
    """Serve: a line with breadth and name comes in, a finding goes out as a line of JSON."""
    sys.stdout.flush()
    with contextlib.ExitStack() as stack:
        # pytest takes the standard streams away, and whatever else is printed must not mix with the findings.
        requests = stack.enter_context(os.fdopen(os.dup(0), encoding="utf-8"))
        output = stack.enter_context(os.fdopen(os.dup(1), "wb"))
        os.dup2(2, 1)

        def answer(finding: Finding) -> None:
            output.write(msgspec.json.encode(finding) + b"\n")
            output.flush()

        run((line.strip() for line in requests), Breadth(sys.argv[1]), answer)


if __name__ == "__main__":
    main()
