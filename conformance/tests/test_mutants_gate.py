"""The suite finds out every mutant. One test for each, so that xdist spreads them over its workers."""

from collections.abc import Iterator

import pytest

from eiraku.conformance.mutants.gate import Breadth
from eiraku.conformance.mutants.pool import Server
from eiraku.conformance.mutants.registry import mutants
from eiraku.models import manifest, theory

pytestmark = pytest.mark.slow

REPLAYS = [
    (name, removed) for name in theory.names() for removed in manifest.load(name).removed if removed.mutants
]
"""Checks that were removed from a model, with the wallets that lack them."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(Breadth.SAMPLE) as running:
        yield running


@pytest.mark.parametrize("name", mutants())
def test_mutant(server: Server, name: str) -> None:
    finding = server.judge(name)
    assert not finding.problems, "\n".join(finding.problems)
    killers = {check.partition("[")[0] for check in finding.killed_by}
    for model, removed in REPLAYS:
        # The attack that the prover found must work against the wallet without the check.
        assert name not in removed.mutants or killers & set(removed.tests), f"{model}, {removed.name}"
