"""The proofs by the solver hold, their broken twins fail, and neither holds for want of any run at all."""

from typing import Any

import pytest
import z3

from eiraku.models.smt import chains, duplex, induction, policy
from eiraku.models.smt.catalogue import PROOFS
from eiraku.models.smt.custody import steps
from eiraku.models.smt.habits import Habits
from eiraku.models.smt.induction import Claim
from eiraku.models.smt.proof import Proof, Questions, SolverUnknownError, Twin, decide
from eiraku.models.smt.purses import FACTS, NOW
from eiraku.models.smt.relation import EXPORTED, PURPOSE
from eiraku.models.smt.safekeeping import invariant, start
from eiraku.spec import registry
from eiraku.spec.objects import Role
from eiraku.spec.tables import START, Purpose, Side

pytestmark = pytest.mark.slow

TWINS = [(proof, twin) for proof in PROOFS for twin in proof.twins]


@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.name)
def test_holds(proof: Proof) -> None:
    result = proof.prove()
    assert result.holds, result.counterexample
    assert not result.counterexample
    assert result.checks > 0


@pytest.mark.parametrize(("proof", "twin"), TWINS, ids=lambda part: part.name)
def test_broken_twin_fails_and_says_how(proof: Proof, twin: Twin) -> None:
    result = twin.prove()
    assert not result.holds, f"{proof.name} does not depend on it: {twin.says}"
    assert result.counterexample
    assert all(result.counterexample)


def test_every_proof_has_a_twin_and_names_requirements_that_exist() -> None:
    known = registry.by_id()
    for proof in PROOFS:
        assert proof.twins, proof.name
        assert proof.requirements, proof.name
        assert [r for r in proof.requirements if r not in known] == []


def test_names_are_unique() -> None:
    assert len({proof.name for proof in PROOFS}) == len(PROOFS)
    assert all(len({twin.name for twin in proof.twins}) == len(proof.twins) for proof in PROOFS)


def test_unknown_is_no_proof() -> None:
    search = z3.Solver()
    search.set("max_steps", 1)
    search.set("timeout", 1)
    x, y, z, n = z3.Ints("x y z n")
    search.add(x > 0, y > 0, z > 0, n > 2, x**n + y**n == z**n)
    with pytest.raises(SolverUnknownError):
        decide(search)


class _GivesUp:
    """A solver that gives up on x > 1, as one with quantifiers may."""

    def check(self) -> Any:
        return z3.unknown

    def reason_unknown(self) -> str:
        return "(incomplete quantifiers)"

    def assertions(self) -> list[Any]:
        return [z3.Int("x") > 1]


def test_a_query_that_was_given_up_is_put_again() -> None:
    model = decide(_GivesUp())
    assert model is not None
    assert model.eval(z3.Int("x")).as_long() > 1


def test_an_induction_without_a_counterexample_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The invariant is too weak for the claim, and the claim is true: neither proved nor refuted."""
    monkeypatch.setattr(induction, "DEEPEST", 2)
    claim = Claim(says="", holds=z3.Not(NOW.b.twice))
    with pytest.raises(SolverUnknownError, match="not inductive"):
        induction.prove(Habits(one_way=True), start=start(), invariant=(z3.BoolVal(True),), claims=(claim,))


def test_a_payment_is_possible() -> None:
    """The steps are not so narrow that nothing ever happens."""
    never = Claim(says="paid", holds=z3.Not(z3.And(NOW.b.spend, z3.Not(NOW.a.pend), z3.Not(NOW.a.spend))))
    taken = tuple(steps(Habits(one_way=True)))
    found = induction.refute(Questions(background=FACTS), taken, start(), (never,))
    assert found.counterexample == (
        "B opens a session as responder, to receive.",
        "A opens a session as initiator, to pay, and sends OFFER.",
        "B gets OFFER and sends ACCEPT.",
        "A gets ACCEPT and writes.",
        "A sends PAY.",
        "B gets PAY and writes.",
        "B sends RECEIPT.",
        "A gets RECEIPT and writes.",
        "paid",
    )


@pytest.mark.parametrize("own", (0, 1))
def test_every_step_of_custody_can_be_taken(own: int) -> None:
    """In some world that the invariant allows: no guard contradicts it."""
    questions = Questions(background=(*FACTS, *invariant()))
    mine = [step for step in steps(Habits()) if step.words.startswith("AB"[own])]
    assert len(mine) == 29
    assert [step.words for step in mine if questions.model(step.guard) is None] == []


def test_every_pair_of_purposes_has_a_conversation() -> None:
    questions = duplex.asked(EXPORTED)
    for side, initiates in START:
        for responds in Purpose:
            if side is Side.INITIATOR:
                both = zip(duplex.PURPOSES, (initiates, responds), strict=True)
                assert questions.model(*(term == PURPOSE[purpose] for term, purpose in both))


def test_chains_can_fork_at_any_hop_and_can_be_equal() -> None:
    rules = chains.Rules()
    questions = Questions(background=tuple(chains.verified(rules)))
    same = [chains.same(rules, z3.IntVal(hop)) for hop in range(4)]
    longer = [chain.length == 4 for chain in chains.CHAINS]
    assert questions.model(*longer, *same)
    for hop in range(4):
        assert questions.model(*longer, *same[:hop], z3.Not(same[hop]))


def test_there_are_policies_with_many_operations() -> None:
    """What is admitted is not empty: nine operations, each for another pair of roles."""
    operation, tier = z3.Var(0, z3.IntSort()), z3.Var(1, z3.IntSort())
    role = z3.Var(1, policy.ROLE.sort)
    roles = [policy.ROLE[each] for each in Role]
    pairs = [(payer, payee) for payer in roles for payee in roles][:9]

    def of(side: int) -> object:
        chosen = [z3.And(operation == n, role == pair[side]) for n, pair in enumerate(pairs)]
        return z3.Or(*chosen)

    wanted = z3.And(
        *policy.admitted(policy.Rules()),
        len(pairs) == policy.OPERATIONS,
        policy.applies(policy.FIRST),
        policy.limit(policy.FIRST, policy.TIER) > 5,
    )
    given = z3.substitute_funs(
        wanted,
        (policy.PAYS, of(0)),
        (policy.IS_PAID, of(1)),
        (policy.ONE_HOLDER, z3.BoolVal(val=False)),
        (policy.NAMES_TIER, z3.And(tier >= 0, tier < len(policy.TIERS))),
        # Limits outside the tiers are of no interest, but must be limits.
        (policy.GIVEN_LIMIT, z3.If(z3.And(tier >= 0, tier < len(policy.TIERS)), 10 * tier, 0)),
    )
    assert Questions().model(z3.simplify(given)) is not None
