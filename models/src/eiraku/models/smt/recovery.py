"""Proof that a redelivery always succeeds: from any world that custody allows, one good session settles.

Custody shows that nothing is lost; this shows that the way out is open at every moment. Both purses lose
power, the payee opens a session, the payer redelivers in it, and nothing more is lost on the way.
"""

from dataclasses import replace

import z3

from eiraku.models.smt.custody import Step, steps
from eiraku.models.smt.habits import Habits
from eiraku.models.smt.proof import Proof, Questions, Result, Term, Twin
from eiraku.models.smt.purses import CHANCE, FACTS, NOW, World, chance
from eiraku.models.smt.relation import EXPORTED
from eiraku.models.smt.safekeeping import CUSTODY, invariant
from eiraku.spec.tables import Transfer, TransferEvent

_SESSION = (
    "{payee} opens a session as responder, to receive.",
    "{payer} opens a session as initiator, to redeliver, and sends REDELIVER.",
    "{payee} gets REDELIVER and writes.",
    "{payee} sends RECEIPT.",
    "{payer} gets RECEIPT and writes.",
)


def _redelivers(habits: Habits, own: int) -> Result:
    """Every step of the session is possible, and at its end the transaction is settled and credited."""
    names = {"payer": "AB"[own], "payee": "BA"[own]}
    taken = tuple(steps(habits))
    questions = Questions(background=FACTS)
    payer, _ = NOW.pair(own)
    given: list[Term] = [*invariant(), payer.pend]
    world = NOW
    done: list[str] = []
    # To a purse without a session loss of power changes nothing, so its guard does not matter.
    for cut in (f"{name} loses power." for name in "AB"):
        (step,) = _named(taken, cut)
        world = _after(step, world)
    for number, sentence in enumerate(_SESSION):
        words = sentence.format(**names)
        able = [
            step
            for step in _named(taken, words)
            if not questions.counter(_in(step.guard, world, number), *given)
        ]
        if not able:
            holds = f"{names['payer']} holds a pending unit; both lose power."
            return questions.result((holds, *done, f"Then not: {words}"))
        # Steps of one name are rows of different states; the session is in one of them.
        (step,) = able
        world = _after(step, world, number)
        done.append(words)
    payer_after, payee_after = world.pair(own)
    settled = z3.And(
        z3.Not(payer_after.pend), payer_after.settled[payer.pend_tx], payee_after.credit[payer.pend_tx] != -1
    )
    return questions.result(
        ("The session ends, and nothing is settled.",) if questions.counter(settled, *given) else ()
    )


def _named(taken: tuple[Step, ...], words: str) -> tuple[Step, ...]:
    return tuple(step for step in taken if step.words == words)


def _in(term: Term, world: World, number: int) -> Term:
    """A term about NOW, about another world instead; each step draws anew."""
    drawn = chance(f"r{number}")
    return z3.substitute(
        term,
        *zip(NOW.terms(), world.terms(), strict=True),
        (CHANCE.tx, drawn.tx),
        (CHANCE.hop, drawn.hop),
    )


def _after(step: Step, world: World, number: int = 0) -> World:
    return step.after.each(lambda term: _in(term, world, number))


def _both_ways(habits: Habits) -> Result:
    checks = 0
    for own in (0, 1):
        result = _redelivers(habits, own)
        checks += result.checks
        if not result.holds:
            return Result(holds=False, counterexample=result.counterexample, checks=checks)
    return Result(holds=True, checks=checks)


_WITHOUT_REDELIVER = replace(
    EXPORTED,
    transfer={
        key: target
        for key, target in EXPORTED.transfer.items()
        if key[:2] != (Transfer.PAYEE_WAIT_OFFER, TransferEvent.REDELIVER)
    },
)

RECOVERY = Proof(
    name="redelivery-settles",
    says="In every world that custody allows, a payer with a pending transaction needs one session in which"
    " nothing is lost: the payee answers its REDELIVER with a RECEIPT, and the transaction is settled.",
    requirements=("EPP-CRS-007", "EPP-CRS-008", "EPP-CRS-010", "EPP-CRS-012", "EPP-CRS-014", "EPP-CRS-017"),
    method="induction, then the steps of one session",
    prove=lambda: _both_ways(Habits()),
    twins=(
        Twin(
            name="no-lookup",
            says="The payee does not look for a credited transaction before its other checks.",
            prove=lambda: _both_ways(Habits(looks_up=False)),
        ),
        Twin(
            name="no-redelivery-to-a-waiting-payee",
            says="The table has no REDELIVER for a payee that waits for an OFFER.",
            prove=lambda: _both_ways(Habits(tables=_WITHOUT_REDELIVER)),
        ),
    ),
)

PROOFS = (CUSTODY, RECOVERY)
