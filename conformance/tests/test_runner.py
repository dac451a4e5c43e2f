"""The built-in suite is collected by the processes that run it; here another folder stands in for it."""

import sys
from pathlib import Path

import pytest

from eiraku.conformance import runner
from eiraku.conformance.results import CheckResult, Level, Outcome
from eiraku.conformance.runner import Plan
from eiraku.spec.errors import Unavailable

pytestmark = pytest.mark.slow

FAKE = Path(__file__).with_name("fake_adapter.py")
CHECKS = """
import pytest

pytestmark = [pytest.mark.requirement("EPP-GEN-001"), pytest.mark.level("smoke")]


@pytest.mark.parametrize("number", range(12))
def test_pass(wallet, number):
    assert wallet.state().balance == 0


@pytest.mark.level("full")
def test_above_the_level():
    pass
"""


class Watcher:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.counts: list[int] = []
        self.results: list[CheckResult] = []

    def begin(self, count: int) -> None:
        assert not self.results
        self.counts.append(count)

    def done(self, result: CheckResult) -> None:
        self.results.append(result)


@pytest.fixture
def suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(runner, "SUITE_FOLDER", tmp_path)
    # A module of the same name would be found imported already.
    return tmp_path / f"{tmp_path.name}.py".replace("-", "_")


def plan(workers: int) -> Plan:
    selector = f"cmd:{sys.executable} {FAKE} good"
    return Plan(selector=selector, level=Level.SMOKE, timeout=60, workers=workers)


@pytest.mark.parametrize("workers", (1, 2))
def test_the_watcher_is_told_how_many_checks_there_are_and_each_result(suite: Path, workers: int) -> None:
    suite.write_text(CHECKS)
    watcher = Watcher()
    run = runner.execute(plan(workers), watcher)
    assert watcher.counts == [12]
    assert [result.outcome for result in watcher.results] == [Outcome.PASS] * 12
    (left,) = [result for result in run.results if result.outcome is Outcome.NOT_RUN]
    assert left.id == f"{suite.stem}::test_above_the_level"
    assert len(run.results) == 13


@pytest.mark.parametrize("workers", (1, 2))
def test_a_suite_that_cannot_be_collected_is_at_fault(suite: Path, workers: int) -> None:
    suite.write_text(CHECKS + "\nraise RuntimeError('no such luck')\n")
    with pytest.raises(Unavailable, match="no such luck"):
        runner.execute(plan(workers), Watcher())


@pytest.mark.parametrize("workers", (1, 2))
def test_without_a_wallet_every_check_is_accounted_for(suite: Path, workers: int) -> None:
    """The wallet never starts: the first checks crash, the others are not tried."""
    suite.write_text(CHECKS)
    dead = Plan(selector="cmd:false", level=Level.SMOKE, timeout=60, workers=workers)
    run = runner.execute(dead, Watcher())
    assert len(run.results) == 13
    assert run.wallet is None
    assert {result.outcome for result in run.results} == {Outcome.CRASH, Outcome.NOT_RUN}
