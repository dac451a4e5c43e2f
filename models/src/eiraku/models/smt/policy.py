"""Proofs about policies (chapter 9): any that the chapter admits, and given ones.

An admitted policy is a finite list of operations, as uninterpreted functions of the operation's number: which
roles pay and are paid in it, whether it is between purses of one holder, and its limit for each tier, if it
names one. Nothing bounds the number of operations or the limits.
"""

from dataclasses import dataclass

import z3

from eiraku.models.smt.proof import Model, Proof, Questions, Result, Term, Twin
from eiraku.models.smt.relation import Sort
from eiraku.spec.objects import Role

TIERS = range(8)
ROLE = Sort(Role)

# The policy: functions of the number of an operation.
OPERATIONS = z3.Int("operations")
PAYS = z3.Function("pays", z3.IntSort(), ROLE.sort, z3.BoolSort())
IS_PAID = z3.Function("is paid", z3.IntSort(), ROLE.sort, z3.BoolSort())
ONE_HOLDER = z3.Function("one holder", z3.IntSort(), z3.BoolSort())
NAMES_TIER = z3.Function("names tier", z3.IntSort(), z3.IntSort(), z3.BoolSort())
GIVEN_LIMIT = z3.Function("given limit", z3.IntSort(), z3.IntSort(), z3.IntSort())
MIN_AMOUNT = z3.Function("min_amount", z3.IntSort(), z3.IntSort())

# A transfer: two roles, two tiers, and whether the purses are one holder's.
PAYER, PAYEE = ROLE.variable("payer"), ROLE.variable("payee")
SAME = z3.Bool("same holder")
TIER, OTHER_TIER, HIGHER_TIER = z3.Ints("tier other_tier higher_tier")
FIRST, SECOND = z3.Ints("operation another_operation")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The rules of EPP-POL-005, EPP-POL-008, EPP-POL-010 and EPP-TRF-085; a twin lacks one."""

    one_operation: bool = True
    rising_limits: bool = True
    smaller_of_both: bool = True
    only_named_tiers: bool = True
    least_of_all: bool = True


def exists(operation: Term) -> Term:
    """This is the number of an operation."""
    return z3.And(operation >= 0, operation < OPERATIONS)


def applies(operation: Term) -> Term:
    """The operation applies to the transfer (chapter 9)."""
    return z3.And(
        exists(operation), PAYS(operation, PAYER), IS_PAID(operation, PAYEE), ONE_HOLDER(operation) == SAME
    )


def limit(operation: Term, tier: Term) -> Term:
    """The limit for one tier: 0 where none is named."""
    return z3.If(NAMES_TIER(operation, tier), GIVEN_LIMIT(operation, tier), 0)


def limit_of_both(rules: Rules, operation: Term, payer: Term, payee: Term) -> Term:
    """EPP-POL-005."""
    own, peer = limit(operation, payer), limit(operation, payee)
    return z3.If(own <= peer, own, peer) if rules.smaller_of_both else own


def admitted(rules: Rules) -> list[Term]:
    """What chapter 9 (EPP-POL-007 to EPP-POL-010) demands of every policy."""
    i, j, low, high = z3.Ints("i j low high")
    role, role2 = ROLE.variable("r"), ROLE.variable("r2")
    made = [
        OPERATIONS >= 0,
        z3.ForAll([i, low], z3.And(GIVEN_LIMIT(i, low) >= 0, GIVEN_LIMIT(i, low) < 2**53)),
        z3.ForAll([i], z3.And(MIN_AMOUNT(i) >= 1, MIN_AMOUNT(i) < 2**53)),
        z3.ForAll([i, low], z3.Implies(NAMES_TIER(i, low), z3.And(low >= 0, low < len(TIERS)))),
    ]
    if rules.one_operation:
        both = z3.And(
            exists(i), exists(j), i != j, PAYS(i, role), PAYS(j, role), IS_PAID(i, role2), IS_PAID(j, role2)
        )
        made.append(z3.ForAll([i, j, role, role2], z3.Implies(both, ONE_HOLDER(i) != ONE_HOLDER(j))))
    if rules.rising_limits:
        named = z3.And(NAMES_TIER(i, low), NAMES_TIER(i, high), low <= high)
        made.append(z3.ForAll([i, low, high], z3.Implies(named, GIVEN_LIMIT(i, low) <= GIVEN_LIMIT(i, high))))
    return made


def prove_admitted(rules: Rules) -> Result:
    """For every admitted policy and every transfer: one operation, one limit, and it rises with the tiers."""
    questions = Questions(background=tuple(admitted(rules)))
    model = questions.model(applies(FIRST), applies(SECOND), FIRST != SECOND)
    if model is not None:
        return questions.result((f"Two operations apply: {transfer_in(model)}.",))
    one = limit_of_both(rules, FIRST, TIER, OTHER_TIER)
    turned = limit_of_both(rules, FIRST, OTHER_TIER, TIER)
    if model := questions.counter(one == turned, applies(FIRST)):
        limits = limits_in(model, TIER, OTHER_TIER)
        return questions.result((f"The limit depends on who pays: {transfer_in(model)}, {limits}.",))
    if model := questions.counter(one <= limit(FIRST, TIER), applies(FIRST)):
        return questions.result(
            (f"The limit is above that of one's own tier: {limits_in(model, TIER, OTHER_TIER)}.",)
        )
    named = [NAMES_TIER(FIRST, tier) for tier in (TIER, HIGHER_TIER)] if rules.only_named_tiers else []
    higher = limit_of_both(rules, FIRST, HIGHER_TIER, OTHER_TIER)
    if model := questions.counter(one <= higher, applies(FIRST), HIGHER_TIER >= TIER, *named):
        return questions.result(
            (f"The limit falls as the tier rises: {limits_in(model, TIER, HIGHER_TIER)}.",)
        )
    # EPP-TRF-010: what the holder may set, before the payee is known, is no less than any operation allows
    highest = z3.Int("highest limit")
    every = z3.ForAll(
        [SECOND], z3.Implies(z3.And(exists(SECOND), PAYS(SECOND, PAYER)), limit(SECOND, TIER) <= highest)
    )
    if model := questions.counter(one <= highest, applies(FIRST), every):
        return questions.result((f"An order is refused that an operation allows: {transfer_in(model)}.",))
    # EPP-TRF-085, EPP-TRF-088: likewise for the least amount, on either side
    compared = z3.Int("amount compared with")
    for open_to in (PAYS(SECOND, PAYER), IS_PAID(SECOND, PAYEE)):
        least = MIN_AMOUNT(SECOND) >= compared if rules.least_of_all else MIN_AMOUNT(SECOND) <= compared
        every = z3.ForAll([SECOND], z3.Implies(z3.And(exists(SECOND), open_to), least))
        if model := questions.counter(compared <= MIN_AMOUNT(FIRST), applies(FIRST), every):
            return questions.result((f"An order is refused that is not too small: {_too_small(model)}.",))
    return questions.result()


def _too_small(model: Model) -> str:
    """The least amount of the operation, in words."""
    return f"{transfer_in(model)}, min_amount {model.eval(MIN_AMOUNT(FIRST), model_completion=True)}"


def transfer_in(model: Model) -> str:
    """The transfer in words."""
    roles = [ROLE.read(model, role).name.lower() for role in (PAYER, PAYEE)]
    same = z3.is_true(model.eval(SAME, model_completion=True))
    return f"{roles[0]} to {roles[1]}, {'one holder' if same else 'two holders'}"


def limits_in(model: Model, *tiers: Term) -> str:
    """The limits of the first operation for these tiers, in words."""
    found = [model.eval(tier, model_completion=True) for tier in tiers]
    return ", ".join(f"tier {t}: {model.eval(limit(FIRST, t), model_completion=True)}" for t in found)


def _without(says: str, name: str, rules: Rules) -> Twin:
    return Twin(name=name, says=says, prove=lambda: prove_admitted(rules))


PROOFS: tuple[Proof, ...] = (
    Proof(
        name="any-policy",
        says="In every policy that chapter 9 admits, at most one operation applies to a transfer, in"
        " whatever order they stand; its limit is the same from both sides, never above that of either tier,"
        " does not fall when a tier rises among those named, and is never above what the payer's holder may"
        " set, nor its least amount below what either holder may.",
        requirements=(
            "EPP-POL-003",
            "EPP-POL-005",
            "EPP-POL-008",
            "EPP-POL-010",
            "EPP-TRF-010",
            "EPP-TRF-085",
            "EPP-TRF-088",
        ),
        method="symbolic policy, any number of operations",
        prove=lambda: prove_admitted(Rules()),
        twins=(
            _without("Two operations may apply.", "ambiguous", Rules(one_operation=False)),
            _without("A limit may fall as the tier rises.", "falling-limits", Rules(rising_limits=False)),
            _without("The limit is that of the payer's tier.", "payer-decides", Rules(smaller_of_both=False)),
            _without("Tiers without a limit count, too.", "unnamed-tiers", Rules(only_named_tiers=False)),
            _without(
                "An order is compared with the greatest least amount.",
                "greatest-least-amount",
                Rules(least_of_all=False),
            ),
        ),
    ),
)
