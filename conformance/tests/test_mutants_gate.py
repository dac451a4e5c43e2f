"""The suite finds out every mutant. One test for each, so that xdist spreads them over its workers."""

from collections.abc import Iterator

import pytest

from eiraku.conformance.mutants.gate import Breadth
from eiraku.conformance.mutants.pool import Server
from eiraku.conformance.mutants.registry import mutants


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(Breadth.SAMPLE) as running:
        yield running


@pytest.mark.parametrize("name", mutants())
def test_mutant(server: Server, name: str) -> None:
    problems = server.judge(name).problems
    assert not problems, "\n".join(problems)
