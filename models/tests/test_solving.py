"""Proofs by the solver are run with their twins, and a solver that cannot tell has proved nothing."""

from collections.abc import Callable

import pytest

from eiraku.models import solving
from eiraku.models.results import Result, Solved
from eiraku.models.smt import catalogue
from eiraku.models.smt.proof import Proof, SolverUnknownError, Twin
from eiraku.models.smt.proof import Result as Answer


class Watcher:
    """Remembers."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def begin(self, text: str, count: int) -> None:
        self.seen.append(f"{text} {count}")

    def done(self, result: Result | Solved) -> None:
        assert isinstance(result, Solved)
        self.seen.append(result.name)


def holds() -> Answer:
    return Answer(holds=True, checks=2)


def fails() -> Answer:
    return Answer(holds=False, counterexample=("one step",), checks=3)


def cannot_tell() -> Answer:
    raise SolverUnknownError("timeout")


def proof(name: str, prove: Callable[[], Answer], *twins: Callable[[], Answer]) -> Proof:
    return Proof(
        name=name,
        says="It is so.",
        requirements=("EPP-TRF-001",),
        method="enumeration",
        prove=prove,
        twins=tuple(Twin(name=f"twin-{n}", says="It is not.", prove=twin) for n, twin in enumerate(twins)),
    )


@pytest.mark.parametrize(
    ("asked", "good", "twins"),
    (
        (proof("p", holds, fails, fails), True, (True, True)),
        (proof("p", holds, fails, holds), False, (True, False)),
        (proof("p", fails, fails), False, (True,)),
        (proof("p", cannot_tell, fails), False, (True,)),
        (proof("p", holds, cannot_tell), False, (False,)),
    ),
)
def test_what_counts(
    monkeypatch: pytest.MonkeyPatch, asked: Proof, *, good: bool, twins: tuple[bool, ...]
) -> None:
    monkeypatch.setattr(catalogue, "PROOFS", (asked, proof("other", holds)))
    watcher = Watcher()
    first, second = solving.solve(watcher, jobs=1)
    assert (first.good, second.good) == (good, True)
    assert tuple(fallen for _, fallen, _ in first.twins) == twins
    assert watcher.seen == ["proofs by the SMT solver 2", "p", "other"]


def test_queries_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "PROOFS", (proof("p", holds, fails, cannot_tell),))
    (solved,) = solving.solve(Watcher(), jobs=1)
    assert solved.queries == 5
    assert solved.twins[0] == ("twin-0", True, ("one step",))
    assert "cannot tell" in solved.twins[1][2][0]


def test_in_processes_of_their_own() -> None:
    """The first proof of the real ones: a process finds it by its number."""
    (answer,) = [answer for _, answer in solving._answers([(0, None)], 2)]
    assert answer[0]
