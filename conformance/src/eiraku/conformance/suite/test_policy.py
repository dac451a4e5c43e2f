"""Chapter 9: what the policy allows, between whom, and up to which amount."""

from dataclasses import dataclass

import pytest

from eiraku.conformance.suite.negative_transfer import Plan, UnitPlan, refuse_offer
from eiraku.conformance.suite.payer import expect_no_offer, refused_to_offer
from eiraku.conformance.suite.sides import BOTH_SIDES, SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.peer import REFUSED, HandshakeRefused, connect
from eiraku.conformance.tester.policies import PURSES, operation, policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import Identity
from eiraku.spec.errors import Code
from eiraku.spec.objects import Role
from eiraku.spec.tables import Side


@pytest.mark.requirement("EPP-POL-013")
def test_operations_of_one_name(stage: Stage) -> None:
    """Two operations may have one name; each applies to its own pairs."""
    world = stage.world
    found = policy(transfer={1: 10}, own={1: 40})
    for each in found["operations"]:
        each["name"] = "payment"
    world.policy = found
    keep_to_limit(stage, Side.RESPONDER, world.wallet, world.peer, 10)


@pytest.mark.requirement("EPP-POL-015")
@pytest.mark.parametrize("named", (True, False), ids=["other-tiers-named", "no-tier-named"])
def test_balance_limit_of_a_tier_that_is_not_named(stage: Stage, named: bool) -> None:  # noqa: FBT001
    """A tier without a balance limit has limit 0, whatever those below and above it have."""
    world = stage.world
    ample = dict.fromkeys(range(3), 1000)
    found = policy(transfer=ample, own=ample, balance_limits={0: 500, 1: 500, 2: 500})
    world.policy = found
    stage.begin()
    flows.give(stage, Side.RESPONDER, [world.holding(1)])
    del found["balance_limits"]["1"]
    if not named:
        found["balance_limits"] = {}
    stage.begin()
    before = stage.state()
    talk = flows.meet_payee(stage, Side.RESPONDER, 1)
    answer = talk.send(flows.offer_of(talk, [world.holding(1)]))
    flows.expect_reject(talk, answer, Code.BALANCE_LIMIT, "OFFER")
    stage.unchanged(before, "a refused OFFER")


@pytest.mark.requirement("EPP-POL-004")
def test_smallest_policy(stage: Stage) -> None:
    """With the smallest numbers a policy can have, one unit may move once."""
    world = stage.world
    world.policy = policy(
        max_units=1, capacity=1, max_hops=1, balance_limits={1: 1}, transfer={1: 1}, own={1: 1}
    )
    stage.begin()
    flows.give(stage, Side.RESPONDER, [world.holding(1, max_hops=255)])
    stage.equal(stage.state().balance, 1, "balance")
    stage.order("pay", amount=1)
    answer = refused_to_offer(stage, Side.RESPONDER, 1)
    expect_no_offer(stage, answer, Code.INSUFFICIENT_FUNDS, Code.AMOUNT)


# --- who may pay whom ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """The roles of wallet and peer, and whether they belong to one holder."""

    wallet: Role
    peer: Role
    one_holder: bool

    @property
    def name(self) -> str:
        """For people and for the ids of checks."""
        whose = "one-holder" if self.one_holder else "two-holders"
        return f"{self.wallet.name.lower()}-with-{self.peer.name.lower()}-{whose}"

    def allowed(self, *, wallet_pays: bool) -> bool:
        """Whether one of the operations in `test_who_may_pay_whom` applies."""
        payer, payee = (self.wallet, self.peer) if wallet_pays else (self.peer, self.wallet)
        purses = {Role.PERSON, Role.MERCHANT}
        if payer is Role.CENTRE:
            return payee is Role.CENTRE and self.one_holder
        if self.one_holder:
            return (payer in purses and payee is Role.VAULT) or (payer is Role.VAULT and payee in purses)
        return payer in purses | {Role.VAULT} if payee is Role.CENTRE else payer in purses and payee in purses

    def identities(self, stage: Stage) -> tuple[Identity, Identity]:
        """Wallet and peer."""
        world = stage.world
        wallet = world.purse(role=self.wallet, tier=1)
        holder = wallet.claims.holder if self.one_holder else world.random(32)
        return wallet, world.purse(role=self.peer, tier=1, holder=holder)


PAIRS = [Pair(wallet=a, peer=b, one_holder=one) for a in Role for b in Role for one in (False, True)]


@pytest.mark.requirement("EPP-POL-002", "EPP-POL-003")
@pytest.mark.parametrize("wallet_pays", (True, False), ids=("wallet-pays", "wallet-is-paid"))
@pytest.mark.parametrize(
    ("pair", "side"),
    [
        pytest.param(
            pair,
            side,
            id=f"{pair.name}-{side.value}",
            marks=pytest.mark.level("standard" if number // 2 % 2 == (side is Side.INITIATOR) else "full"),
        )
        for number, pair in enumerate(PAIRS)
        for side in BOTH_SIDES
    ],
)
def test_who_may_pay_whom(stage: Stage, pair: Pair, side: Side, wallet_pays: bool) -> None:  # noqa: FBT001
    """A session leads to a transfer if an operation applies to roles and holders, else it is refused."""
    world = stage.world
    found = policy(own={1: 1000})
    # Every role needs an operation as payer, or it could not be ordered to pay.
    centres = operation("centres", ("centre",), ("centre",), same_holder=True, limits={1: 1000})
    found["operations"].append(centres)
    world.policy = found
    wallet, peer = pair.identities(stage)
    stage.begin([world.holding(8, holder=wallet.number)], identity=wallet)
    before = stage.state()
    if pair.allowed(wallet_pays=wallet_pays):
        if wallet_pays:
            flows.take(stage, side, 8, peer=peer)
        else:
            flows.give(stage, side, [world.holding(4, holder=peer.number)], peer=peer)
        return
    if wallet_pays:
        stage.order("pay", amount=8)
    else:
        flows.order_receive(stage, side, 4)
    with pytest.raises(HandshakeRefused) as caught:
        connect(stage, side, peer=peer)
    stage.refused(caught.value.reply, Code.ROLE_PAIR, "a peer for whom there is no operation")
    stage.equal(caught.value.reply.out, REFUSED, "answer to a refused peer")
    stage.unchanged(before, "a refused peer")


@pytest.mark.requirement("EPP-POL-014", "EPP-POL-002", "EPP-ERR-001")
def test_without_any_operation(stage: Stage) -> None:
    """A policy without operations is taken, and allows nothing."""
    world = stage.world
    world.policy = {**policy(), "operations": []}
    stage.begin([world.holding(4, holder=world.wallet.number)])
    before = stage.state()
    for order in (("pay", {}), ("request", {"reference": ""})):
        stage.refused(stage.act(order[0], amount=1, **order[1]), Code.AMOUNT_LIMIT, order[0])
    stage.order("receive")
    with pytest.raises(HandshakeRefused) as caught:
        connect(stage, Side.RESPONDER)
    stage.refused(caught.value.reply, Code.ROLE_PAIR, "a peer for whom there is no operation")
    stage.unchanged(before, "a refused peer")


def _binary(amount: int) -> list[int]:
    return [1 << n for n in range(amount.bit_length()) if amount >> n & 1]


def keep_to_limit(stage: Stage, side: Side, wallet: Identity, peer: Identity, limit: int) -> None:
    """The wallet takes and pays `limit`, if it is not 0, and neither takes nor pays one more."""
    world = stage.world
    for amount in (limit, limit + 1):
        stage.begin(identity=wallet)
        held = [world.holding(each, holder=peer.number) for each in _binary(amount)]
        if 0 < amount <= limit:
            flows.give(stage, side, held, peer=peer)
        elif amount:
            before = stage.state()
            talk = flows.meet_payee(stage, side, amount, peer=peer)
            answer = talk.send(flows.offer_of(talk, held))
            flows.expect_reject(talk, answer, Code.AMOUNT_LIMIT, f"OFFER of {amount}")
            stage.unchanged(before, "a refused OFFER")
        stage.begin([world.holding(each, holder=wallet.number) for each in _binary(amount)], identity=wallet)
        before = stage.state()
        if 0 < amount <= limit:
            flows.take(stage, side, amount, peer=peer)
        elif amount:
            stage.order("pay", amount=amount)
            answer = refused_to_offer(stage, side, amount, peer=peer)
            expect_no_offer(stage, answer, Code.AMOUNT_LIMIT, Code.AMOUNT_LIMIT)
            stage.unchanged(before, "an amount above the limit")


@SIDES
@pytest.mark.requirement("EPP-POL-003", "EPP-POL-004")
@pytest.mark.parametrize("one_holder", (True, False), ids=("one-holder", "two-holders"))
def test_limits_depend_on_the_holders(stage: Stage, side: Side, one_holder: bool) -> None:  # noqa: FBT001
    """Between purses of one holder another limit applies than between two; every bit of `holder` counts."""
    world = stage.world
    found = policy(transfer={1: 10})
    found["operations"].append(operation("own", PURSES, PURSES, same_holder=True, limits={1: 20}))
    world.policy = found
    holder = bytearray(world.wallet.claims.holder)
    holder[31] ^= 0 if one_holder else 1
    peer = world.purse(role=Role.MERCHANT, tier=1, holder=bytes(holder))
    keep_to_limit(stage, side, world.wallet, peer, 20 if one_holder else 10)
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-POL-003", "EPP-POL-004")
@pytest.mark.parametrize("role", (Role.PERSON, Role.MERCHANT), ids=("person", "merchant"))
def test_limits_of_pay_in_and_pay_out(stage: Stage, side: Side, role: Role) -> None:
    """With a vault of its own holder the wallet is under the limit of pay-in and pay-out."""
    world = stage.world
    found = policy(transfer={1: 10}, own={1: 40})
    # With the highest limit elsewhere, the order itself is never too high.
    found["operations"][3]["limits"] = {"1": 1000}
    found["operations"].append(operation("own", PURSES, PURSES, same_holder=True, limits={1: 1000}))
    world.policy = found
    wallet = world.purse(role=role, tier=1)
    vault = world.purse(role=Role.VAULT, tier=1, holder=wallet.claims.holder)
    keep_to_limit(stage, side, wallet, vault, 40)
    flows.still_alive(stage)


LIMITS = {0: 5, 1: 100, 2: 1000}
"""Of transfers by tier; tier 3 has none."""


@SIDES
@pytest.mark.requirement("EPP-POL-005", "EPP-POL-004", "EPP-TRF-014", "EPP-TRF-031")
@pytest.mark.parametrize(("own_tier", "peer_tier"), ((0, 0), (0, 2), (2, 0), (1, 2), (2, 1), (2, 2), (1, 3)))
def test_lower_limit_of_both_tiers(stage: Stage, side: Side, own_tier: int, peer_tier: int) -> None:
    """The limit is the smaller of those for the two tiers, whichever of the two pays; without one it is 0."""
    world = stage.world
    ample = dict.fromkeys(range(4), 5000)
    world.policy = policy(transfer=LIMITS, own=ample, balance_limits=ample)
    wallet, peer = world.purse(tier=own_tier), world.purse(tier=peer_tier)
    limit = min(LIMITS.get(own_tier, 0), LIMITS.get(peer_tier, 0))
    keep_to_limit(stage, side, wallet, peer, limit)
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-POL-004", "EPP-TRF-044")
@pytest.mark.parametrize("tier", (0, 1, 2))
def test_balance_limit_of_the_wallets_tier(stage: Stage, side: Side, tier: int) -> None:
    """The balance may reach the limit for the wallet's own tier, whatever the peer's, and not pass it."""
    world = stage.world
    ample = dict.fromkeys(range(3), 5000)
    limits = {0: 8, 1: 16, 2: 32}
    world.policy = policy(transfer=ample, own=ample, balance_limits=limits)
    wallet, peer = world.purse(tier=tier), world.purse(tier=2 - tier)
    stage.begin([world.holding(limits[tier] // 2, holder=wallet.number)], identity=wallet)
    flows.give(stage, side, [world.holding(limits[tier] // 2, holder=peer.number)], peer=peer)
    before = stage.state()
    talk = flows.meet_payee(stage, side, 1, peer=peer)
    answer = talk.send(flows.offer_of(talk, [world.holding(1, holder=peer.number)]))
    flows.expect_reject(talk, answer, Code.BALANCE_LIMIT, "OFFER")
    stage.unchanged(before, "a refused OFFER")
    flows.take(stage, side, limits[tier] // 2, peer=peer)
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-POL-004")
@pytest.mark.level("smoke")
def test_limits_are_inclusive(stage: Stage, side: Side) -> None:
    """Amount, balance, number of units, capacity and hop, all at their limits at once, are allowed."""
    units = tuple(UnitPlan(value=1 << n, hop=9) for n in range(4))
    right = Plan(units=units, limit_slack=0, count_slack=0, capacity_slack=0, balance_slack=0)
    wrong = Plan(units=(*units[:3], UnitPlan(value=8, hop=10)))
    refuse_offer(stage, side, wrong, Code.HOP_LIMIT, 3, right=right)
