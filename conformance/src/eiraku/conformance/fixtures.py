"""The fixtures of the suite. They exist only while the plugin is active."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eiraku.conformance import HARNESS, stimulus
from eiraku.conformance.catalogue import check_id
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.harness import Harness
from eiraku.conformance.results import Level
from eiraku.conformance.watch import WatchedWallet


def _harness(request: pytest.FixtureRequest) -> Harness:
    harness: Harness | None = request.config.pluginmanager.get_plugin(HARNESS)
    assert harness is not None  # noqa: S101 - this module is registered after the harness
    return harness


@pytest.fixture
def wallet(request: pytest.FixtureRequest) -> Iterator[WatchedWallet]:
    """The wallet under test, running and just reset. One process serves many checks; it is restarted after
    a crash, a time-out or an adapter error.
    """
    harness = _harness(request)
    yield harness.ready_wallet()
    harness.look_last(request.node)


@pytest.fixture
def evidence(request: pytest.FixtureRequest) -> EvidenceNotes:
    """What to show in the reports if this check does not pass."""
    return _harness(request).notes_of(request.node)


@pytest.fixture(scope="session")
def run_level(request: pytest.FixtureRequest) -> Level:
    """The level of the run, for campaigns that have a length."""
    return _harness(request).level


@pytest.fixture
def check_seed(request: pytest.FixtureRequest) -> bytes:
    """32 bytes for all randomness of this check."""
    return stimulus.check_seed(_harness(request).seed, check_id(request.node.nodeid))


@pytest.fixture(scope="session")
def policy_file(request: pytest.FixtureRequest) -> dict[str, Any] | None:
    """The policy named by ``--wallet-policy`` in the form ``provision`` takes; None if there is none."""
    path = request.config.getoption("wallet_policy")
    if path is None:
        return None
    from eiraku.reference.policy import Policy

    return Policy.from_file(Path(path)).to_mapping()
