"""Which checks run with restarts (`eiraku.conformance.watch`), and those that run twice: without and with."""

import hashlib
from collections.abc import Callable
from typing import Any, Final

import pytest
from _pytest.runner import runtestprotocol

SHARE: Final = 3
"""One of so many checks runs with restarts, where each runs once."""


def picked(seed: bytes, check: str) -> bool:
    """Whether this check is one of them. Which ones are depends on the seed of the run alone."""
    return hashlib.sha256(seed + check.encode() + b" restarts").digest()[0] % SHARE == 0


def run_twice(item: pytest.Item, following: pytest.Item | None, again: Callable[[], bool]) -> None:
    """Run a check, and run it again if `again` says so; what is reported is the last run."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    # What checks have in common stays for the second run: pytest keeps whatever contains the next item.
    kept: Any = item.parent
    reports = runtestprotocol(item, log=False, nextitem=kept)
    if again():
        reports = runtestprotocol(item, log=False, nextitem=following)
    else:
        item.session._setupstate.teardown_exact(following)  # noqa: SLF001 - pytest has no other way
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def joined(first: str, second: str) -> str:
    """One transcript of two runs, of which the first may not have been."""
    return hashlib.sha256((first + second).encode()).hexdigest() if first else second
