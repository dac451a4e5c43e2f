"""A boundary case found by the solver, and how it is made unique.

The solver is asked for the least values, one variable after the other in a fixed order, so that there is
exactly one answer whatever the solver's version does inside.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import z3

from eiraku.models.smt.proof import MILLISECONDS, SolverUnknownError, Term, decide, solver

Value = int | str | bool | None | list["Value"] | dict[str, "Value"]

ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Boundary:
    """One case. `given`: the numbers of the situation; `expected`: "accepted", or the label of the refusal.

    Amounts and values are in minor units, sizes in bytes. `hop`: as held and offered.
    """

    name: str
    says: str
    requirements: tuple[str, ...]
    given: Mapping[str, Value]
    expected: str


def least(wanted: Sequence[Term], *facts: Term) -> tuple[int, ...]:
    """The least values of `wanted`, the first before the second and so on. Raises SolverUnknownError,
    also if the facts have no model.
    """
    found: list[int] = []
    known = list(facts)
    for term in wanted:
        search = z3.Optimize()
        search.set("timeout", MILLISECONDS)
        search.add(*known)
        goal = search.minimize(term)
        if search.check() != z3.sat or not z3.is_int_value(goal.value()):
            raise SolverUnknownError(f"no least value of {term}")
        found.append(goal.value().as_long())
        known.append(term == found[-1])
    return tuple(found)


def possible(*facts: Term) -> bool:
    """Whether the facts have a model. Raises SolverUnknownError."""
    search = solver()
    search.add(*facts)
    return decide(search) is not None


def impossible(*facts: Term) -> None:
    """Raises ValueError if the facts do not contradict each other, SolverUnknownError if nobody knows."""
    if possible(*facts):
        raise ValueError("a case that should be impossible is not")
