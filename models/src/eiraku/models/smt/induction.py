"""Proof by induction over the steps of custody, and search for a shortest run that breaks a property.

`prove` shows that the invariant holds at the beginning, that every single step keeps it, and that it implies
each property. Where that fails, a run from the beginning is sought by unrolling the steps; if there is none
within `DEEPEST`, neither is shown and SolverUnknownError is raised.
"""

from dataclasses import dataclass

import z3

from eiraku.models.smt.custody import Step, steps
from eiraku.models.smt.habits import Habits
from eiraku.models.smt.proof import Model, Questions, Result, SolverUnknownError, Term, decide, solver
from eiraku.models.smt.purses import CHANCE, FACTS, NOW, World, chance, world

DEEPEST = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Something about NOW that shall hold in every reachable world; `says` what is wrong if it does not."""

    says: str
    holds: Term


def prove(habits: Habits, *, start: Term, invariant: tuple[Term, ...], claims: tuple[Claim, ...]) -> Result:
    """Prove the claims, or find a run that breaks one. Raises SolverUnknownError if neither succeeds."""
    taken = tuple(steps(habits))
    questions = Questions(background=FACTS)
    if inductive(questions, taken, start, invariant) is None and not any(
        questions.counter(claim.holds, *invariant) for claim in claims
    ):
        return questions.result()
    return refute(questions, taken, start, claims)


def inductive(
    questions: Questions, taken: tuple[Step, ...], start: Term, invariant: tuple[Term, ...]
) -> str | None:
    """None if the invariant holds at the start and every step keeps it, else where it is broken."""
    for number, part in enumerate(invariant):
        if questions.counter(part, start):
            return f"part {number} does not hold at the beginning"
    whole = z3.And(invariant)
    for step in taken:
        kept = z3.substitute(whole, *zip(NOW.terms(), step.after.terms(), strict=True))
        if questions.counter(kept, whole, step.guard):
            return step.words
    return None


def refute(questions: Questions, taken: tuple[Step, ...], start: Term, claims: tuple[Claim, ...]) -> Result:
    """The shortest run that breaks a claim."""
    search = solver()
    search.add(*FACTS, _at(start, 0))
    chosen: list[Term] = []
    wrong = z3.Not(z3.And([claim.holds for claim in claims]))
    for depth in range(DEEPEST + 1):
        search.push()
        search.add(_at(wrong, depth))
        questions.checks += 1
        model = decide(search)
        if model is not None:
            return questions.result(_told(model, taken, chosen, claims))
        search.pop()
        chosen.append(z3.Int(f"step {depth}"))
        search.add(_unrolled(taken, chosen[-1], depth))
    raise SolverUnknownError(f"not inductive, and no counterexample within {DEEPEST} steps")


def _moment(depth: int) -> World:
    return world(f"t{depth}")


def _at(formula: Term, depth: int) -> Term:
    drawn = chance(f"t{depth}")
    return z3.substitute(
        formula,
        *zip(NOW.terms(), _moment(depth).terms(), strict=True),
        (CHANCE.tx, drawn.tx),
        (CHANCE.hop, drawn.hop),
    )


def _unrolled(taken: tuple[Step, ...], chosen: Term, depth: int) -> Term:
    """Exactly one of the steps leads from one moment to the next."""
    guards = [z3.And(chosen == number, step.guard) for number, step in enumerate(taken)]
    parts = [_at(z3.Or(guards), depth)]
    for place, (before, then) in enumerate(zip(NOW.terms(), _moment(depth + 1).terms(), strict=True)):
        value = before
        for number, step in enumerate(taken):
            changed = step.after.terms()[place]
            if not changed.eq(before):
                value = z3.If(chosen == number, changed, value)
        parts.append(then == _at(value, depth))
    return z3.And(parts)


def _told(
    model: Model, taken: tuple[Step, ...], chosen: list[Term], claims: tuple[Claim, ...]
) -> tuple[str, ...]:
    words = [taken[model.eval(choice, model_completion=True).as_long()].words for choice in chosen]
    last = len(chosen)
    broken = [
        claim.says
        for claim in claims
        if not z3.is_true(model.eval(_at(claim.holds, last), model_completion=True))
    ]
    return (*words, *broken)
