"""What a proof, its broken twin and a result are, and how the solver is asked.

Every question is a satisfiability query: a formula is proved when its negation has no model. An answer
"unknown" is never taken for either: it raises SolverUnknownError.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import z3

from eiraku.spec.errors import Unavailable

Term: TypeAlias = Any
"""A z3 expression; the library has no type information."""
Model: TypeAlias = Any
"""A z3 model."""

MILLISECONDS = 60_000
"""Longest time for one query."""
GAVE_UP = "(incomplete quantifiers)"
"""The solver's reason for no answer where it had time left."""
SEEDS = range(2, 10)
"""Of further attempts at a query that the solver gave up."""


class SolverUnknownError(Unavailable):
    """The solver gave no answer, or a method could neither prove nor refute. Never counts as proved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """`counterexample`: steps in words, empty if it holds. `checks`: queries to the solver."""

    holds: bool
    counterexample: tuple[str, ...] = ()
    checks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Twin:
    """The same proof with one thing broken, which `says` names: it must fail, with a counterexample."""

    name: str
    says: str
    prove: Callable[[], Result]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """A property, in words, and how it is proved. `method`: "enumeration", "induction" and the like."""

    name: str
    says: str
    requirements: tuple[str, ...]
    method: str
    prove: Callable[[], Result]
    twins: tuple[Twin, ...]


@dataclass(slots=True)
class Questions:
    """Puts queries to the solver and counts them. `background`: facts that hold in every query."""

    background: tuple[Term, ...] = ()
    checks: int = 0
    _solver: Any = field(init=False)

    def __post_init__(self) -> None:
        self._solver = solver()
        self._solver.add(*self.background)

    def model(self, *formulas: Term) -> Model | None:
        """A model of all formulas and the background; None if there is none. Raises SolverUnknownError."""
        self.checks += 1
        self._solver.push()
        try:
            self._solver.add(*formulas)
            return decide(self._solver)
        finally:
            self._solver.pop()

    def counter(self, claim: Term, *given: Term) -> Model | None:
        """A model of `given` in which `claim` is false; None if the claim follows."""
        return self.model(*given, z3.Not(claim))

    def result(self, counterexample: Iterable[str] = ()) -> Result:
        """Holds if there is no counterexample."""
        steps = tuple(counterexample)
        return Result(holds=not steps, counterexample=steps, checks=self.checks)


def solver(seed: int = 1) -> Any:
    """A fresh solver with a fixed seed."""
    made = z3.Solver()
    made.set("timeout", MILLISECONDS)
    made.set("random_seed", seed)
    return made


def decide(asked: Any) -> Model | None:
    """The model that a solver finds; None if it proves that there is none. Raises SolverUnknownError.

    With quantifiers the solver gives up on one query in fifty, on some machines and not on others; with
    another seed it answers. Which seed answers does not matter: an answer is right or it is none.
    """
    answer = asked.check()
    for seed in SEEDS:
        if answer != z3.unknown or asked.reason_unknown() != GAVE_UP:
            break
        anew = solver(seed)
        anew.add(asked.assertions())
        asked, answer = anew, anew.check()
    if answer == z3.sat:
        return asked.model()
    if answer == z3.unsat:
        return None
    raise SolverUnknownError(asked.reason_unknown())
