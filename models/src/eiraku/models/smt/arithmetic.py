"""Proofs about sizes: sums stay exact, histories stay small, the largest unit that fits is the right one."""

from collections.abc import Callable
from itertools import combinations, pairwise

import z3

from eiraku.models.smt.proof import Proof, Questions, Result, SolverUnknownError, Term, Twin
from eiraku.spec.objects import VALUES
from eiraku.spec.shape import AMOUNT_MAX

UNITS = 4
"""Units in the search for counterexamples about choices; their values are below 2^SMALL."""
SMALL = 8
WIDE = 64
"""Bits of sums in the induction: more than any sum of a bundle or a purse has."""


def prove_sums(greatest: int) -> Result:
    """A bundle of 64 units sums up to an amount, and a balance with an amount added stays below 2^63."""
    questions = Questions()
    values = z3.Ints([f"value {n}" for n in range(64)])
    total = z3.Sum(values)
    within = [z3.And(value >= 0, value <= greatest) for value in values]
    if model := questions.counter(total <= AMOUNT_MAX, *within):
        return questions.result((f"64 units are worth {model.eval(total)}, above {AMOUNT_MAX}.",))
    balance, amount = z3.Ints("balance amount")
    amounts = [z3.And(a >= 0, a <= AMOUNT_MAX) for a in (balance, amount)]
    if model := questions.counter(balance + amount < 2**63, *amounts):
        return questions.result((f"{model.eval(balance)} and {model.eval(amount)} do not fit 63 bits.",))
    return questions.result()


def prove_growth(fixed: int) -> Result:
    """Whatever is inside, up to 2^32 bytes, a layer adds at most 200. `fixed`: beside it and its head."""
    questions = Questions()
    inside = z3.Int("inside")
    head = z3.If(inside < 24, 1, z3.If(inside < 2**8, 2, z3.If(inside < 2**16, 3, 5)))
    model = questions.counter(fixed + head <= 200, inside >= 0, inside < 2**32)
    if model is None:
        return questions.result()
    added = model.eval(fixed + head, model_completion=True)
    return questions.result(
        (f"Around {model.eval(inside, model_completion=True)} bytes a layer adds {added}.",)
    )


Order = Callable[[Term, Term], Term]


def prove_choice(order: Order, *, powers_of_two: bool) -> Result:
    """If units can make up an amount, taking each that fits, in this order, does so with no more units.

    Shown for any number of units: let v be the first unit that fits what is left. A choice that does without
    it is made of later units. Added one by one they cannot jump over v (the step below), so if they reach it,
    some first of them sum up to exactly v, and v can stand in their place. For few and small units every
    case is tried besides. Raises SolverUnknownError if the step fails and no case shows it.
    """
    questions = Questions()
    words = _small_case(questions, order, powers_of_two=powers_of_two)
    if words:
        return questions.result((words,))
    if not _never_jumps(questions, order, powers_of_two=powers_of_two):
        raise SolverUnknownError(f"the step fails, but not for {UNITS} units below 2^{SMALL}")
    return questions.result()


def _never_jumps(questions: Questions, order: Order, *, powers_of_two: bool) -> bool:
    """The induction: a sum that is below v, plus the next unit, is at most v.

    What is kept: the sum so far and v are multiples of the next unit, which makes them so of all later ones.
    """
    first, total, unit, later = z3.BitVecs("v sum unit later", WIDE)
    values = [first, unit, later]
    facts = [z3.And(z3.UGE(v, 1), z3.ULE(v, 1 << (WIDE - 8))) for v in values]
    if powers_of_two:
        facts += [v & (v - 1) == 0 for v in values]
    facts += [order(first, unit), order(unit, later)]
    below = z3.And(z3.ULT(total, first), total & (unit - 1) == 0)
    stays = z3.ULE(total + unit, first)
    multiple = (total + unit) & (later - 1) == 0
    # Nothing is a multiple of everything: the base.
    return questions.counter(z3.And(stays, multiple), *facts, below) is None


def _small_case(questions: Questions, order: Order, *, powers_of_two: bool) -> str:
    """Units and an amount for which it is not so, in words; nothing if there are none."""
    values = z3.BitVecs([f"v{n}" for n in range(UNITS)], SMALL + 4)
    amount = z3.BitVec("amount", SMALL + 4)
    facts = [z3.And(z3.UGE(v, 1), z3.ULT(v, 1 << SMALL)) for v in values]
    if powers_of_two:
        facts += [v & (v - 1) == 0 for v in values]
    facts += [order(a, b) for a, b in pairwise(values)]
    rest, taken = amount, z3.IntVal(0)
    for value in values:
        fits = z3.ULE(value, rest)
        rest, taken = z3.If(fits, rest - value, rest), z3.If(fits, taken + 1, taken)
    for size in range(1, UNITS + 1):
        exact = z3.Or([sum(choice[1:], choice[0]) == amount for choice in combinations(values, size)])
        model = questions.counter(z3.And(rest == 0, taken <= size), *facts, exact)
        if model is not None:
            held = [model.eval(v, model_completion=True) for v in values]
            found = f"Units of {held} can make up {model.eval(amount)} with {size}; taken in turn they leave"
            return f"{found} a rest of {model.eval(rest)} after {model.eval(taken)}."
    return ""


PROOFS: tuple[Proof, ...] = (
    Proof(
        name="sums-stay-exact",
        says="The values of the largest bundle sum up to an amount below 2^53, and a balance plus an amount"
        " fits 63 bits.",
        requirements=("EPP-ENC-012", "EPP-UNI-007", "EPP-TRF-042", "EPP-TRF-044"),
        method="linear arithmetic",
        prove=lambda: prove_sums(max(VALUES)),
        twins=(
            Twin(
                name="greater-values",
                says="Units of up to 2^48 are permitted.",
                prove=lambda: prove_sums(2**48),
            ),
        ),
    ),
    Proof(
        name="histories-stay-small",
        says="A layer makes a history at most 200 bytes longer, whatever its length.",
        requirements=("EPP-HIS-008",),
        method="linear arithmetic",
        prove=lambda: prove_growth(150),
        twins=(
            Twin(
                name="whole-endorsement-in-the-layer",
                says="The layer repeats the unit identifier and the history digest.",
                prove=lambda: prove_growth(150 + 34 + 34),
            ),
        ),
    ),
    Proof(
        name="largest-first",
        says="Of units whose values are powers of two, whoever takes the largest that fits, again and again,"
        " finds an exact choice whenever there is one, and none has fewer units.",
        requirements=("EPP-TRF-065", "EPP-UNI-007"),
        method="induction over the units, bit-vectors",
        prove=lambda: prove_choice(z3.UGE, powers_of_two=True),
        twins=(
            Twin(
                name="smallest-first",
                says="The smallest unit is taken first.",
                prove=lambda: prove_choice(z3.ULE, powers_of_two=True),
            ),
            Twin(
                name="any-values",
                says="Values need not be powers of two.",
                prove=lambda: prove_choice(z3.UGE, powers_of_two=False),
            ),
        ),
    ),
)
