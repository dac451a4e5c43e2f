"""Proof of the walk by which the issuing centre finds who copied a unit (chapter 12).

Two chains of endorsements of one unit, each verified as EPP-CEN-002 says, are functions of the hop; their
lengths are any positive numbers. The centre compares them hop by hop, from hop 0. The walk is a transition
system over the hop at which it is; the proof is by induction over the hop, so it holds for any length:

- as long as it walks, the signer at this hop is the same in both chains, and both chains reach it;
- it ends as *equal* (one deposit), or as *fork* (two different endorsements of one signer for one hop: the
  evidence of EPP-CEN-005), and never gets *stuck*, with one chain at its end and the other not;
- the hop rises with each step and stays below both lengths, so it ends.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import z3

from eiraku.models.smt.proof import Model, Proof, Questions, Result, SolverUnknownError, Term, Twin

ISSUER = z3.Int("issuer")
"""The signer of hop 0."""
LONGEST = 3
"""Hops of the chains in which a twin's counterexample is sought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the centre relies on; a twin lacks one."""

    redemption_is_a_hop: bool = True
    payee_is_signed: bool = True
    begins_at_the_issuer: bool = True
    next_payer_is_payee: bool = True
    honest_signs_once: bool = True


@dataclass(frozen=True, slots=True)
class Chain:
    """Signer, payee and all other content of the endorsement at each hop, and the number of hops."""

    payer: Term
    payee: Term
    content: Term
    length: Term


def _chain(name: str) -> Chain:
    integers = (z3.IntSort(), z3.IntSort())
    return Chain(
        payer=z3.Function(f"{name} payer", *integers),
        payee=z3.Function(f"{name} payee", *integers),
        content=z3.Function(f"{name} content", *integers),
        length=z3.Int(f"{name} length"),
    )


CHAINS = (_chain("first"), _chain("second"))
IS_CENTRE = z3.Function("is a purse of the centre", z3.IntSort(), z3.BoolSort())
HONEST = z3.Function("is honest", z3.IntSort(), z3.BoolSort())
HOP = z3.Int("hop")


def verified(rules: Rules) -> list[Term]:
    """What EPP-CEN-001, EPP-CEN-002 and EPP-CEN-052 demand of each chain."""
    n = z3.Int("n")
    made: list[Term] = []
    for chain in CHAINS:
        made.append(chain.length >= 1)
        if rules.begins_at_the_issuer:
            made.append(chain.payer(0) == ISSUER)
        if rules.next_payer_is_payee:
            follows = chain.payer(n + 1) == chain.payee(n)
            inside = z3.And(n >= 0, n + 1 < chain.length)
            made.append(z3.ForAll([n], z3.Implies(inside, follows), patterns=[chain.payee(n)]))
        if rules.redemption_is_a_hop:
            last = n == chain.length - 1
            inside = z3.And(n >= 0, n < chain.length)
            made.append(
                z3.ForAll(
                    [n], z3.Implies(inside, IS_CENTRE(chain.payee(n)) == last), patterns=[chain.payee(n)]
                )
            )
    if rules.honest_signs_once:
        made.append(_signs_once(rules))
    return made


def _signs_once(rules: Rules) -> Term:
    """EPP-HIS-006: what an honest purse has signed for one hop of this unit is one endorsement."""
    n = z3.Int("n")
    first, second = CHAINS
    both = z3.And(n >= 0, n < first.length, n < second.length, first.payer(n) == second.payer(n))
    return z3.ForAll(
        [n],
        z3.Implies(z3.And(both, HONEST(first.payer(n))), same(rules, n)),
        patterns=[first.payer(n), second.payer(n)],
    )


def same(rules: Rules, hop: Term) -> Term:
    """The endorsements at this hop are equal in all that is signed."""
    first, second = CHAINS
    parts = [first.payer(hop) == second.payer(hop), first.content(hop) == second.content(hop)]
    if rules.payee_is_signed:
        parts.append(first.payee(hop) == second.payee(hop))
    return z3.And(parts)


def walking(hop: Term) -> Term:
    """What the induction shows at each hop that the walk reaches."""
    first, second = CHAINS
    return z3.And(hop >= 0, hop < first.length, hop < second.length, first.payer(hop) == second.payer(hop))


def goes_on(rules: Rules, hop: Term) -> Term:
    """The walk takes another step: no difference here, and neither chain at its end."""
    first, second = CHAINS
    return z3.And(same(rules, hop), hop + 1 < first.length, hop + 1 < second.length)


def stuck(rules: Rules, hop: Term) -> Term:
    """No difference, but one chain ends here and the other does not."""
    first, second = CHAINS
    return z3.And(same(rules, hop), (hop + 1 == first.length) != (hop + 1 == second.length))


def prove_walk(rules: Rules) -> Result:
    """Base, step and the three ends. A failure is confirmed by two short chains from hop 0."""
    questions = Questions(background=tuple(verified(rules)))
    first, _ = CHAINS
    differs = z3.Not(same(rules, HOP))
    ends = (
        questions.counter(walking(z3.IntVal(0))),
        questions.counter(walking(HOP + 1), walking(HOP), goes_on(rules, HOP)),
        questions.model(walking(HOP), stuck(rules, HOP)),
        # At a fork both endorsements have the signer that `walking` names; no honest purse is there.
        questions.model(walking(HOP), differs, HONEST(first.payer(HOP))),
    )
    if not any(ends):
        return questions.result()
    short = tuple(_short(questions, rules))
    if not short:
        raise SolverUnknownError(f"not inductive, and no chains of {LONGEST} hops show it")
    return questions.result(short)


def _short(questions: Questions, rules: Rules) -> Iterator[str]:
    """Two chains of at most LONGEST hops whose comparison ends wrongly."""
    first, second = CHAINS
    small = [z3.And(chain.length >= 1, chain.length <= LONGEST) for chain in CHAINS]
    names = [z3.And(term >= 0, term <= 9) for term in _everything()]
    for at in range(LONGEST):
        before = [same(rules, z3.IntVal(n)) for n in range(at)]
        here = [at < first.length, at < second.length]
        wrong = z3.Or(
            stuck(rules, z3.IntVal(at)),
            first.payer(at) != second.payer(at),
            z3.And(z3.Not(same(rules, z3.IntVal(at))), HONEST(first.payer(at))),
        )
        model = questions.model(*small, *names, *before, *here, wrong)
        if model is not None:
            yield from _told(rules, model, at)
            return


def _everything() -> list[Term]:
    return [ISSUER] + [
        part(n) for c in CHAINS for part in (c.payer, c.payee, c.content) for n in range(LONGEST)
    ]


def _told(rules: Rules, model: Model, at: int) -> Iterator[str]:
    def value(term: Term) -> Term:
        return model.eval(term, model_completion=True)

    for name, chain in zip(("first", "second"), CHAINS, strict=True):
        for n in range(value(chain.length).as_long()):
            to = value(chain.payee(n))
            centre = " (the centre)" if z3.is_true(value(IS_CENTRE(to))) else ""
            payer, content = value(chain.payer(n)), value(chain.content(n))
            yield f"In the {name} chain, hop {n}: {payer} endorses to {to}{centre}, content {content}."
    first, second = CHAINS
    if not value(first.payer(at)).eq(value(second.payer(at))):
        yield f"At hop {at} they differ first, and have different signers: nobody can be named."
    elif z3.is_true(value(same(rules, z3.IntVal(at)))):
        yield "One chain is the beginning of the other: there is no difference, and two deposits."
    else:
        yield f"At hop {at} the purse {value(first.payer(at))} is blamed, though it is honest."


def _twin(name: str, says: str, rules: Rules) -> Twin:
    return Twin(name=name, says=says, prove=lambda: prove_walk(rules))


PROOFS: tuple[Proof, ...] = (
    Proof(
        name="identification",
        says="Two verified chains of one unit, of any length, are equal, or there is a first hop at which"
        " they differ, and one purse signed both endorsements there; that purse is not honest.",
        requirements=(
            "EPP-CEN-001",
            "EPP-CEN-002",
            "EPP-CEN-004",
            "EPP-CEN-005",
            "EPP-CEN-052",
            "EPP-HIS-001",
            "EPP-HIS-006",
        ),
        method="induction over the hop",
        prove=lambda: prove_walk(Rules()),
        twins=(
            _twin(
                "redemption-without-a-hop",
                "The last holder hands a unit in without endorsing it to the centre.",
                Rules(redemption_is_a_hop=False),
            ),
            _twin("payee-not-signed", "An endorsement does not say to whom.", Rules(payee_is_signed=False)),
            _twin("no-genesis", "Hop 0 may be signed by anybody.", Rules(begins_at_the_issuer=False)),
            _twin("gaps-allowed", "A payer need not be the payee before.", Rules(next_payer_is_payee=False)),
            _twin(
                "honest-signs-twice",
                "An honest purse may sign two endorsements for one hop.",
                Rules(honest_signs_once=False),
            ),
        ),
    ),
)
