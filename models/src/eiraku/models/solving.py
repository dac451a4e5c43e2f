"""The proofs by the SMT solver with their broken twins, and the lints: always run, they need no prover."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from eiraku.models.results import Solved

if TYPE_CHECKING:
    from eiraku.models.smt import Proof
    from eiraku.models.smt.proof import Result


class Watcher(Protocol):
    """See `proving.Watcher`."""

    def begin(self, text: str, count: int) -> None:
        """A stage begins."""

    def done(self, result: Solved) -> None:
        """One more."""


def solve(watcher: Watcher) -> tuple[Solved, ...]:
    """Run every proof and every twin."""
    from eiraku.models.smt import PROOFS  # noqa: PLC0415 - loading the solver takes a while

    watcher.begin("proofs by the SMT solver", len(PROOFS))
    found = []
    for proof in PROOFS:
        found.append(_solved(proof))
        watcher.done(found[-1])
    return tuple(found)


def lints(folder: Path) -> list[str]:
    """What the lints complain about, of the theories in `folder`/theories."""
    from eiraku.models.lints import lints as complaints  # noqa: PLC0415 - loads the solver too

    return complaints(within=folder / "theories")


def _solved(proof: "Proof") -> Solved:
    start = monotonic()
    result, queries = _asked(proof.prove)
    twins: list[tuple[str, bool, tuple[str, ...]]] = []
    for twin in proof.twins:
        broken, more = _asked(twin.prove)
        queries += more
        if isinstance(broken, str):
            twins.append((twin.name, False, (broken,)))
        else:
            twins.append((twin.name, not broken.holds, broken.counterexample))
    return Solved(
        name=proof.name,
        says=proof.says,
        requirements=proof.requirements,
        method=proof.method,
        holds=not isinstance(result, str) and result.holds,
        queries=queries,
        seconds=round(monotonic() - start, 2),
        twins=tuple(twins),
        counterexample=(result,) if isinstance(result, str) else result.counterexample,
    )


def _asked(prove: "Callable[[], Result]") -> "tuple[Result | str, int]":
    """The result and its number of queries; in words why there is none, where the solver cannot tell."""
    from eiraku.models.smt.proof import SolverUnknownError  # noqa: PLC0415 - see above

    try:
        result = prove()
    except SolverUnknownError as error:
        return f"the solver cannot tell: {error}", 0
    return result, result.checks
