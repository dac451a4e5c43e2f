"""The issuing centre against an oracle that knows who did what: any order of issue, moves, deposits, claims.

The oracle knows the truth of every copy: who holds it, whether its last holder still owes it, who copied. It
decides by the rules of chapter 12 and not by any code of the centre.
"""

from dataclasses import dataclass, field
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from eiraku.reference.anchor import parse_unit
from eiraku.reference.centres.issuing import identifier
from eiraku.spec import messages
from eiraku.spec.centre_objects import Claim
from eiraku.spec.errors import Refusal
from eiraku.spec.messages import OfferedUnit
from eiraku.system.issuing.schema import Rules
from eiraku.testing.town import EPOCH, HOME, VAULT, Town

pytestmark = pytest.mark.slow

PEOPLE = ("alice", "bob", "carol", "dave")
RULES = Rules(redemption_grace=1, claim_grace=2, unit_lifetime=2, max_hops=200, reuse_numbers=True)
FUNDS = 200

Step = tuple[bytes, str, str]
"""A move: transaction, payer, payee. Two moves are one if and only if the transaction is."""


@dataclass
class Held:
    """One copy of a unit, and the way it really came."""

    copy: OfferedUnit
    value: int
    expires: int
    way: tuple[Step, ...]

    @property
    def holder(self) -> str:
        return self.way[-1][2]


@dataclass
class Claimed:
    """A move that was claimed; `offered`: the way of the unit before it."""

    claimant: str
    offered: tuple[Step, ...]
    step: Step
    in_time: bool
    state: str = "open"


@dataclass
class Truth:
    """What is true of one unit."""

    value: int
    expires: int
    deposits: list[tuple[tuple[Step, ...], bool]] = field(default_factory=list)  # way, whether in time
    claims: list[Claimed] = field(default_factory=list)
    state: str = "outstanding"
    paid_to: str = ""

    def ways(self) -> list[tuple[Step, ...]]:
        return [way for way, _ in self.deposits] + [(*c.offered, c.step) for c in self.claims]

    def copiers(self) -> set[str]:
        """Who gave one and the same copy away twice, as far as it came home."""
        found = set()
        ways = self.ways()
        for one in ways:
            for other in ways:
                for a, b in zip(one, other, strict=False):
                    if a != b:
                        found.add(a[1])
                        break
        return found


class Centre(RuleBasedStateMachine):
    """Whatever happens, nobody is paid twice, nothing is lost, and just those who copied are named."""

    copies = Bundle("copies")

    @initialize()
    def begin(self) -> None:
        self.town = Town(PEOPLE, "sqlite://", rules=RULES)
        self.town.fund(FUNDS)
        self.epoch = EPOCH
        self.units: dict[bytes, Truth] = {}
        self.accounts = dict.fromkeys((VAULT, *PEOPLE), 0)
        self.accounts[VAULT] = FUNDS
        self.settled = -1
        self.claims: list[tuple[str, Claim]] = []

    def teardown(self) -> None:
        if hasattr(self, "town"):
            self.town.close()

    @rule(target=copies, values=st.lists(st.sampled_from((1, 2, 4)), min_size=1, max_size=3))
    def issue(self, values: list[int]) -> Any:
        if sum(values) > self.accounts[VAULT]:
            with pytest.raises(Refusal, match="insufficient-funds"):
                self.town.issue(values)
            return multiple()
        self.accounts[VAULT] -= sum(values)
        made = []
        for copy, value in zip(self.town.issue(values), values, strict=True):
            unit = parse_unit(copy.unit).unit
            assert unit.value == value
            self.units[identifier(copy.unit)] = Truth(value=value, expires=unit.expires)
            way = ((b"issue", "issuer", VAULT),)
            made.append(Held(copy=copy, value=value, expires=unit.expires, way=way))
        return multiple(*made)

    def given(self, held: Held, payee: str) -> Held:
        transaction = self.town.random(16)
        given = self.town.endorse(held.copy, held.holder, payee, transaction=transaction)
        step = transaction, held.holder, payee
        return Held(
            copy=self.town.take(held.copy, given),
            value=held.value,
            expires=held.expires,
            way=(*held.way, step),
        )

    @rule(target=copies, held=consumes(copies), payee=st.sampled_from((VAULT, *PEOPLE)))
    def pay(self, held: Held, payee: str) -> Any:
        return multiple(held) if payee == held.holder else self.given(held, payee)

    @rule(target=copies, held=copies, payee=st.sampled_from(PEOPLE))
    def cheat(self, held: Held, payee: str) -> Any:
        """The holder keeps a copy."""
        return multiple() if payee == held.holder else self.given(held, payee)

    @rule(held=consumes(copies), times=st.integers(1, 2))
    def deposit(self, held: Held, times: int) -> None:
        home = self.given(held, HOME)
        truth = self.units[identifier(held.copy.unit)]
        before = self.named()
        outcomes = [self.town.bring(home.copy)[0] for _ in range(times)]
        in_time = self.epoch <= held.expires + RULES.redemption_grace
        truth.deposits.append((home.way, in_time))
        expected = "late" if not in_time else "credited" if truth.state == "outstanding" else "copy"
        if expected == "credited":
            truth.state, truth.paid_to = "redeemed", held.holder
            self.accounts[held.holder] += truth.value
        assert [done.outcome for done in outcomes] == [expected, "repeated"][:times]
        new = self.named() - before
        convicted = outcomes[0].convicted
        assert convicted is None or self.town.name(convicted) in self.named()
        assert not new or convicted is not None

    @rule(target=copies, held=consumes(copies), payee=st.sampled_from(PEOPLE), arrives=st.booleans())
    def lose(self, held: Held, payee: str, *, arrives: bool) -> Any:
        """The receipt does not come; the payee may hold the unit or not. The payer claims."""
        if payee == held.holder:
            return multiple(held)
        claim, (copy,) = self.town.pending([held.copy], held.holder, payee)
        claimant = held.holder
        transaction = parse_transaction(claim)
        truth = self.units[identifier(held.copy.unit)]
        in_time = self.epoch <= held.expires + RULES.claim_grace
        state = self.town.issuer.claims.claim(self.town.numbers[claimant], claim)
        assert state == ("open" if in_time else "refused")
        step = transaction, claimant, payee
        claimed = Claimed(claimant=claimant, offered=held.way, step=step, in_time=in_time, state=state)
        truth.claims.append(claimed)
        self.claims.append((claimant, claim))
        if not arrives:
            return multiple()
        return Held(copy=copy, value=held.value, expires=held.expires, way=(*held.way, step))

    @rule(by=st.integers(1, 2), times=st.integers(1, 2))
    def advance(self, by: int, times: int) -> None:
        self.epoch += by
        self.town.issuer.office.advance(self.epoch)
        refunds = [refund for _ in range(times) for refund in self.town.issuer.claims.refund()]
        expected = []
        for truth in self.units.values():
            if truth.expires + RULES.claim_grace < self.epoch and truth.expires > self.settled:
                expected += self.settle(truth)
        self.settled = self.epoch - RULES.claim_grace - 1
        assert sorted((self.town.name(r.claimant), r.value) for r in refunds) == sorted(expected)

    def settle(self, truth: Truth) -> list[tuple[str, int]]:
        """What the rules say about one unit whose last epoch of claims is over."""
        paid = []
        copiers = truth.copiers()
        for claim in truth.claims:
            if claim.state != "open":
                continue
            others = [c.offered for c in truth.claims if c is not claim and c.in_time]
            home = [way for way, in_time in truth.deposits if in_time]
            refused = (
                claim.claimant in copiers
                or any(claim.step in way for way in home + others)
                or truth.state != "outstanding"
            )
            claim.state = "refused" if refused else "refunded"
            if not refused:
                truth.state, truth.paid_to = "refunded", claim.claimant
                self.accounts[VAULT] += truth.value
                paid.append((claim.claimant, truth.value))
        if truth.state == "outstanding":
            truth.state = "expired"
        return paid

    @rule()
    def claim_again(self) -> None:
        for claimant, claim in self.claims:
            before = self.town.issuer.claims.units()
            self.town.issuer.claims.claim(self.town.numbers[claimant], claim)
            assert self.town.issuer.claims.units() == before

    def named(self) -> set[str]:
        return {self.town.name(number) for number in self.town.issuer.history.convicted()}

    @invariant()
    def just_the_guilty_are_named(self) -> None:
        if hasattr(self, "town"):
            assert self.named() == {name for truth in self.units.values() for name in truth.copiers()}

    @invariant()
    def everybody_has_what_is_due(self) -> None:
        if not hasattr(self, "town"):
            return
        self.town.issuer.history.conserved()
        for name, amount in self.accounts.items():
            assert self.town.issuer.accounts.amount(self.town.numbers[name]) == amount
        owed = sum(t.value for t in self.units.values() if t.state in {"outstanding", "expired"})
        assert sum(self.town.issuer.history.outstanding().values()) == owed
        assert owed + sum(self.accounts.values()) == FUNDS


def parse_transaction(claim: Claim) -> bytes:
    offer = messages.decode(claim.offer)
    assert isinstance(offer, messages.Offer)
    return offer.transaction


TestCentre = Centre.TestCase
TestCentre.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
