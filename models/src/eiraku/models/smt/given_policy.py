"""Proof about one given policy, read from TOML: that it is admitted, and that it has no gaps.

A policy is not asked to allow everything. It has a gap if it breaks what it says itself: a tier that
it names somewhere is left out of some limits, which makes that limit 0 (purses of that tier could hold, but
not pay); or a role that can be paid has no way, over any number of operations, to a centre (money is stuck).
"""

import tomllib
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import z3

from eiraku.models.smt.policy import (
    FIRST,
    GIVEN_LIMIT,
    HIGHER_TIER,
    IS_PAID,
    NAMES_TIER,
    ONE_HOLDER,
    OPERATIONS,
    PAYS,
    ROLE,
    SECOND,
    TIER,
    TIERS,
    applies,
    exists,
    limit,
    limits_in,
    transfer_in,
)
from eiraku.models.smt.proof import Proof, Questions, Result, Term, Twin
from eiraku.spec.objects import Role


def prove_given(text: str) -> Result:
    """One policy, in TOML: admitted in the sense above, and without gaps. Raises tomllib.TOMLDecodeError."""
    fields = tomllib.loads(text)
    operations = fields["operations"]
    questions = Questions(background=(len(operations) == OPERATIONS, *_facts(operations)))
    wrong: list[str] = []
    model = questions.model(applies(FIRST), applies(SECOND), FIRST != SECOND)
    if model is not None:
        wrong.append(f"Two operations apply: {transfer_in(model)}.")
    wrong += _falling(questions, operations)
    wrong += _unnamed_tiers(fields)
    wrong += _stuck(questions)
    return questions.result(wrong)


def _facts(operations: list[dict[str, Any]]) -> list[Term]:
    facts: list[Term] = []
    for number, operation in enumerate(operations):
        facts.append(ONE_HOLDER(number) == operation["same_holder"])
        for role in Role:
            facts.append(PAYS(number, ROLE[role]) == (role.name.lower() in operation["payer"]))
            facts.append(IS_PAID(number, ROLE[role]) == (role.name.lower() in operation["payee"]))
        for tier in TIERS:
            given = operation["limits"].get(str(tier))
            facts.append(NAMES_TIER(number, tier) == (given is not None))
            facts.append(GIVEN_LIMIT(number, tier) == (given or 0))
    return facts


def _falling(questions: Questions, operations: list[dict[str, Any]]) -> list[str]:
    named = z3.And(exists(FIRST), NAMES_TIER(FIRST, TIER), NAMES_TIER(FIRST, HIGHER_TIER), TIER < HIGHER_TIER)
    within = z3.And(TIER >= 0, len(TIERS) > HIGHER_TIER)
    model = questions.counter(limit(FIRST, TIER) <= limit(FIRST, HIGHER_TIER), named, within)
    if model is None:
        return []
    name = operations[model.eval(FIRST).as_long()]["name"]
    return [f"The limit of {name!r} falls as the tier rises: {limits_in(model, TIER, HIGHER_TIER)}."]


def _unnamed_tiers(fields: Mapping[str, Any]) -> list[str]:
    limits = {operation["name"]: operation["limits"] for operation in fields["operations"]}
    limits["balance_limits"] = fields["balance_limits"]
    claimed = sorted({tier for given in limits.values() for tier in given})
    gaps = [(tier, name) for tier in claimed for name, given in limits.items() if tier not in given]
    balances = [fields["balance_limits"][tier] for tier in sorted(fields["balance_limits"], key=int)]
    falls = (
        ["The balance limit falls as the tier rises."] if any(b < a for a, b in pairwise(balances)) else []
    )
    return falls + [f"Tier {tier} has no limit in {name!r}." for tier, name in gaps]


def _stuck(questions: Questions) -> list[str]:
    """Roles that are paid and cannot pass money on to a centre.

    Those that can are a least fixed point; a role is stuck if some set of roles that holds the centre, and
    whoever can pay into it, is without that role.
    """
    home = z3.Function("gets home", ROLE.sort, z3.BoolSort())
    closed = [home(ROLE[Role.CENTRE])]
    for payer in Role:
        for payee in Role:
            can = z3.Exists(
                [FIRST], z3.And(exists(FIRST), PAYS(FIRST, ROLE[payer]), IS_PAID(FIRST, ROLE[payee]))
            )
            closed.append(z3.Implies(z3.And(can, home(ROLE[payee])), home(ROLE[payer])))
    return [
        f"Money of role {role.name.lower()} finds no way to a centre."
        for role in Role
        if questions.model(*closed, exists(FIRST), IS_PAID(FIRST, ROLE[role]), z3.Not(home(ROLE[role])))
    ]


SAMPLE = """
[balance_limits]
0 = 100000
1 = 1000000

[[operations]]
name = "transfer"
payer = ["person", "merchant"]
payee = ["person", "merchant"]
same_holder = false
limits = {0 = 20000, 1 = 200000}

[[operations]]
name = "pay-in"
payer = ["person", "merchant"]
payee = ["vault"]
same_holder = true
limits = {0 = 100000, 1 = 1000000}

[[operations]]
name = "pay-out"
payer = ["vault"]
payee = ["person", "merchant"]
same_holder = true
limits = {0 = 100000, 1 = 1000000}

[[operations]]
name = "redemption"
payer = ["vault"]
payee = ["centre"]
same_holder = false
limits = {0 = 100000, 1 = 1000000}
"""
"""The example of chapter 9 and a way home: a policy without gaps."""


def _sample_with(old: str, new: str) -> Result:
    return prove_given(SAMPLE.replace(old, new))


PROOFS: tuple[Proof, ...] = (
    Proof(
        name="given-policy",
        says="A given policy has no two operations for one transfer, no falling limit and no gap: no tier"
        " that it names somewhere is left out elsewhere, and money of every role that can be paid finds its"
        " way to a centre.",
        requirements=("EPP-POL-002", "EPP-POL-008", "EPP-POL-010"),
        method="enumeration",
        prove=lambda: prove_given(SAMPLE),
        twins=(
            Twin(
                name="overlap",
                says="A person may also be paid in the operation pay-in.",
                prove=lambda: _sample_with(
                    'payee = ["vault"]\nsame_holder = true',
                    'payee = ["vault", "person"]\nsame_holder = false',
                ),
            ),
            Twin(
                name="tier-without-limit",
                says="The operation transfer has no limit for tier 1.",
                prove=lambda: _sample_with("{0 = 20000, 1 = 200000}", "{0 = 20000}"),
            ),
            Twin(
                name="limit-falls",
                says="The limit of transfer for tier 1 is below that for tier 0.",
                prove=lambda: _sample_with("1 = 200000}", "1 = 10000}"),
            ),
            Twin(
                name="no-way-home",
                says="A vault does not pay a centre.",
                prove=lambda: _sample_with('payee = ["centre"]', 'payee = ["vault"]'),
            ),
        ),
    ),
)
