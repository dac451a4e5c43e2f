"""The suite fails no wallet for obeying RFC 9528, where the reference obeys it in another way."""

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eiraku.conformance import runner
from eiraku.conformance.results import CheckResult, Outcome
from eiraku.conformance.runner import Plan

pytestmark = pytest.mark.slow

VARIANTS = Path(__file__).with_name("conformant_variants.py")
NAMES = sorted(runpy.run_path(str(VARIANTS))["PATCHES"])
TOUCHED = (
    "connection_identifier or own_message_1 or own_membership or (nothing_in_common and same-peer) or "
    "unsupported_suite or (wallet_pays and one-unit) or outsider_with_a_recorded or (lengths and longest)"
)
"""What could notice such a difference."""


class Watcher:
    """Keeps the results."""

    def __init__(self) -> None:
        self.results: list[CheckResult] = []

    def begin(self, count: int) -> None:
        """See `runner.Watcher`."""

    def done(self, result: CheckResult) -> None:
        """See `runner.Watcher`."""
        self.results.append(result)


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(VARIANTS.parent))
    yield
    sys.modules.pop(VARIANTS.stem, None)


def failed(selector: str) -> tuple[int, list[str]]:
    """How many checks were run, and which of them did not pass."""
    watcher = Watcher()
    runner.execute(Plan(selector=selector, only=TOUCHED, timeout=60), watcher)
    return len(watcher.results), [r.id for r in watcher.results if r.outcome is not Outcome.PASS]


@pytest.mark.parametrize("name", NAMES)
def test_a_wallet_that_obeys_in_another_way_passes(name: str) -> None:
    count, wrong = failed(f"python:{VARIANTS.stem}:{name}")
    assert count > 40
    assert not wrong


def test_a_wallet_with_an_identifier_for_each_purse_fails() -> None:
    _, wrong = failed("python:eiraku.conformance.mutants:names_its_connections")
    assert {check.partition("[")[0] for check in wrong} == {
        "test_session_lifetime::test_own_connection_identifier"
    }
