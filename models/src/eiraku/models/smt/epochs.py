"""Proof about epochs: nothing is forgotten, given up or taken too early, however far the clocks are apart.

A transaction is any number of units, each with its last epoch, as an uninterpreted function of its number. A
purse's clock is the epoch of its bulletin: never ahead of the centre's, and as far behind as you like.
"""

from dataclasses import dataclass

import z3

from eiraku.models.smt.proof import Model, Proof, Questions, Result, Term, Twin

UNITS = z3.Int("units")
EXPIRES = z3.Function("expires", z3.IntSort(), z3.IntSort())
"""The last epoch of a unit, by its number in the transaction."""
GREATEST, LEAST = z3.Ints("greatest least")
GRACE, MIN_LIFE = z3.Ints("claim_grace min_life")
CENTRE, PAYER, PAYEE = z3.Ints("centre payer payee")
"""Epochs: of the centre, and of the clocks of two purses."""
UNIT = z3.Int("unit")
HOLDER = z3.Bool("payee is a person or a merchant")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of EPP-CRS-030, EPP-CRS-020, EPP-CRS-016 and EPP-TRF-083; a twin breaks one."""

    lapses_with_the_greatest: bool = True
    lapses_after_the_grace: bool = True
    keeps_until_the_last_unit: bool = True
    keeps_in_the_last_epoch: bool = True
    looks_at_min_life: bool = True


def _facts() -> tuple[Term, ...]:
    i, j = z3.Ints("i j")
    in_it = z3.And(i >= 0, i < UNITS)
    return (
        z3.And(UNIT >= 0, UNIT < UNITS),
        z3.ForAll([i], z3.Implies(in_it, z3.And(EXPIRES(i) >= LEAST, EXPIRES(i) <= GREATEST))),
        z3.Exists([i], z3.And(in_it, EXPIRES(i) == GREATEST)),
        z3.Exists([j], z3.And(j >= 0, j < UNITS, EXPIRES(j) == LEAST)),
        z3.And(LEAST >= 0, GRACE >= 0, MIN_LIFE >= 0),
        z3.And(PAYER >= 0, PAYEE >= 0, PAYER <= CENTRE, PAYEE <= CENTRE),
    )


def lapsed(rules: Rules) -> Term:
    """EPP-CRS-030, for the clock of the payer."""
    last = GREATEST if rules.lapses_with_the_greatest else LEAST
    return last + (GRACE if rules.lapses_after_the_grace else 0) < PAYER


def takes(rules: Rules, clock: Term) -> Term:
    """EPP-TRF-038, EPP-TRF-083: a payee whose clock this is credits the unit, if it does not know it."""
    return clock + (z3.If(HOLDER, MIN_LIFE, 0) if rules.looks_at_min_life else 0) <= EXPIRES(UNIT)


def forgets_credited(rules: Rules, clock: Term) -> Term:
    """EPP-CRS-020: the credited transaction counts no more."""
    return clock > (GREATEST if rules.keeps_until_the_last_unit else LEAST)


def forgets_seen(rules: Rules, clock: Term) -> Term:
    """EPP-CRS-016: the entry of the seen-set counts no more."""
    expires = EXPIRES(UNIT)
    return clock > expires if rules.keeps_in_the_last_epoch else clock >= expires


def prove_epochs(rules: Rules) -> Result:
    """What lapses or is forgotten could come to nothing any more, and what is taken can still be paid on."""
    questions = Questions(background=_facts())
    claimable = EXPIRES(UNIT) + GRACE >= CENTRE
    if model := questions.counter(z3.Not(claimable), lapsed(rules)):
        return questions.result((f"A payment lapses that can still be claimed: {_told(model)}.",))
    if model := questions.counter(z3.Not(takes(rules, PAYEE)), forgets_seen(rules, PAYEE)):
        return questions.result((f"A unit is taken that is forgotten already: {_told(model)}.",))
    if model := questions.counter(z3.Not(takes(rules, PAYEE)), forgets_credited(rules, PAYEE)):
        return questions.result((f"A payment is forgotten while a unit of it can move: {_told(model)}.",))
    if model := questions.counter(EXPIRES(UNIT) - PAYEE >= MIN_LIFE, takes(rules, PAYEE), HOLDER):
        return questions.result((f"A unit is taken that dies too soon: {_told(model)}.",))
    if model := questions.counter(z3.Not(lapsed(rules)), EXPIRES(UNIT) >= PAYER):
        return questions.result((f"A payment lapses before its units expire: {_told(model)}.",))
    return questions.result()


def _told(model: Model) -> str:
    """The epochs of a counterexample, in words."""
    named = {
        "unit until": EXPIRES(UNIT),
        "others until": GREATEST,
        "grace": GRACE,
        "min_life": MIN_LIFE,
        "payer's clock": PAYER,
        "payee's clock": PAYEE,
        "centre": CENTRE,
    }
    return ", ".join(f"{name} {model.eval(term, model_completion=True)}" for name, term in named.items())


def _without(says: str, name: str, rules: Rules) -> Twin:
    return Twin(name=name, says=says, prove=lambda: prove_epochs(rules))


PROOFS: tuple[Proof, ...] = (
    Proof(
        name="nothing-too-early",
        says="Whatever the last epochs of the units of a payment, and however far the clocks of purses are"
        " behind: it is pending until all of them have expired for its payer, and lapses only when none can"
        " be claimed any more; a payee that has forgotten a unit, or the payment, takes no such unit; and a"
        " unit that a person or merchant takes lives for `min_life` epochs more.",
        requirements=("EPP-CRS-016", "EPP-CRS-020", "EPP-CRS-030", "EPP-TRF-083"),
        method="symbolic epochs, any number of units",
        prove=lambda: prove_epochs(Rules()),
        twins=(
            _without(
                "A payment lapses with the first of its units.",
                "first-unit-decides",
                Rules(lapses_with_the_greatest=False),
            ),
            _without(
                "A payment lapses with its units, without the claim grace.",
                "no-grace",
                Rules(lapses_after_the_grace=False),
            ),
            _without(
                "A credited payment is forgotten with the first of its units.",
                "forgets-with-the-first",
                Rules(keeps_until_the_last_unit=False),
            ),
            _without(
                "A unit is forgotten in its last epoch.",
                "forgets-in-the-last-epoch",
                Rules(keeps_in_the_last_epoch=False),
            ),
            _without(
                "A payee looks only whether a unit has expired.",
                "no-min-life",
                Rules(looks_at_min_life=False),
            ),
        ),
    ),
)
