"""Chapter 9: what the policy allows, between whom, and up to which amount."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

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

Json = dict[str, Any]
Change = Callable[[Json], None]


# --- policies that are none ---------------------------------------------------------------------------------


def _put(*path: str | int, value: object) -> Change:
    def change(found: Json) -> None:
        place: Any = found
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = value

    return change


def _drop(*path: str | int) -> Change:
    def change(found: Json) -> None:
        place: Any = found
        for step in path[:-1]:
            place = place[step]
        del place[path[-1]]

    return change


def _add(**fields: Any) -> Change:
    """One more operation, which differs from the first in `fields`."""

    def change(found: Json) -> None:
        found["operations"].append({**copy.deepcopy(found["operations"][0]), "name": "another", **fields})

    return change


NAMES = ("max_units", "capacity", "max_bulletin", "max_hops", "balance_limits", "operations")
OPERATION_NAMES = ("name", "payer", "payee", "same_holder", "limits")

DEFECTS: dict[str, Change] = {
    **{f"without-{name}": _drop(name) for name in NAMES},
    **{f"operation-without-{name}": _drop("operations", 0, name) for name in OPERATION_NAMES},
    "unknown-name": _put("max_amount", value=5),
    "unknown-name-in-an-operation": _put("operations", 1, "limit", value=5),
    "max-units-0": _put("max_units", value=0),
    "max-units-65": _put("max_units", value=65),
    "max-units-text": _put("max_units", value="16"),
    "max-units-fraction": _put("max_units", value=16.5),
    "max-units-true": _put("max_units", value=True),
    "capacity-0": _put("capacity", value=0),
    "capacity-65536": _put("capacity", value=65536),
    "max-bulletin-4095": _put("max_bulletin", value=4095),
    "max-bulletin-1048577": _put("max_bulletin", value=2**20 + 1),
    "max-hops-0": _put("max_hops", value=0),
    "max-hops-256": _put("max_hops", value=256),
    "balance-limit-negative": _put("balance_limits", "0", value=-1),
    "balance-limit-falls": _put("balance_limits", "2", value=1999),
    "balance-limit-of-tier-8": _put("balance_limits", "8", value=10**6),
    "balance-limit-of-no-tier": _put("balance_limits", "gold", value=10**6),
    "balance-limits-a-list": _put("balance_limits", value=[2000, 2000]),
    "limit-negative": _put("operations", 0, "limits", "0", value=-1),
    "limit-falls": _put("operations", 0, "limits", "1", value=499),
    "limit-falls-at-the-last": _put("operations", 2, "limits", "2", value=1),
    "limit-falls-over-a-gap": _put("operations", 0, "limits", value={"0": 500, "3": 499}),
    "limit-of-tier-8": _put("operations", 0, "limits", "8", value=10**6),
    "limit-text": _put("operations", 0, "limits", "0", value="500"),
    "limit-fraction": _put("operations", 0, "limits", "0", value=0.5),
    "payer-of-no-role": _put("operations", 0, "payer", value=["person", "bank"]),
    "payer-empty": _put("operations", 0, "payer", value=[]),
    "payee-empty": _put("operations", 0, "payee", value=[]),
    "payer-twice": _put("operations", 0, "payer", value=["person", "person"]),
    "payee-twice": _put("operations", 0, "payee", value=["merchant", "person", "merchant"]),
    "payer-a-text": _put("operations", 0, "payer", value="person"),
    "same-holder-a-number": _put("operations", 0, "same_holder", value=0),
    "same-holder-a-text": _put("operations", 0, "same_holder", value="false"),
    "name-a-number": _put("operations", 0, "name", value=7),
    "operations-a-table": _put("operations", value={}),
    "operation-twice": _add(),
    "two-for-one-pair": _add(payer=["merchant", "vault"], payee=["merchant"]),
    "two-for-one-pair-of-other-limits": _add(payer=["person"], limits={"0": 1}),
}


def _base() -> Json:
    return policy(
        balance_limits={0: 2000, 1: 2000, 2: 5000}, transfer={0: 500, 1: 500}, own={0: 9, 1: 10, 2: 11}
    )


@pytest.mark.requirement("EPP-POL-001", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(DEFECTS))
def test_policy_at_fault(stage: Stage, name: str) -> None:
    """A policy that can be read in two ways, or not at all, is refused; nothing is provisioned."""
    world = stage.world
    world.policy = _base()
    stage.begin()
    flows.still_alive(stage)
    stage.wallet.reset()
    before = stage.state()
    wrong = copy.deepcopy(_base())
    DEFECTS[name](wrong)
    world.policy = wrong
    reply = stage.wallet.provision(**world.provisioning([world.holding(4, holder=world.wallet.number)]))
    stage.refused(reply, Code.POLICY, f"policy ({name})")
    stage.unchanged(before, "a refused policy")
    stage.refused(stage.open(Side.RESPONDER), Code.NOT_PROVISIONED, "open without provisioning")
    world.policy = _base()
    stage.provision()
    flows.still_alive(stage)


VALID: dict[str, Change] = {
    "as-it-is": lambda _: None,
    "largest-numbers": lambda found: found.update(max_units=64, capacity=65535, max_hops=255),
    "equal-limits": _put("operations", 0, "limits", value={"0": 500, "1": 500, "7": 500}),
    "highest-tier": _put("balance_limits", "7", value=2**53 - 1),
    "limit-0": _put("operations", 1, "limits", value={"0": 0, "1": 1}),
    "no-limits-for-an-operation": _put("operations", 1, "limits", value={}),
    "same-pair-for-one-holder": _add(same_holder=True),
    "other-pair": _add(payer=["vault"], payee=["vault"]),
}


@pytest.mark.requirement("EPP-POL-001", "EPP-POL-004")
@pytest.mark.parametrize("name", tuple(VALID))
def test_policy_without_fault(stage: Stage, name: str) -> None:
    """A policy is not refused for what chapter 9 allows, up to the ends of its ranges."""
    right = copy.deepcopy(_base())
    VALID[name](right)
    stage.world.policy = right
    stage.begin()
    flows.still_alive(stage)


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
    before = stage.begin([world.holding(8, holder=wallet.number)], identity=wallet)
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


@SIDES
@pytest.mark.requirement("EPP-POL-002", "EPP-ERR-001")
def test_without_any_operation(stage: Stage, side: Side) -> None:
    """A policy without operations allows nothing."""
    world = stage.world
    world.policy = {**policy(), "operations": []}
    before = stage.begin()
    flows.order_receive(stage, side, 4)
    with pytest.raises(HandshakeRefused) as caught:
        connect(stage, side)
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
        before = stage.begin(
            [world.holding(each, holder=wallet.number) for each in _binary(amount)], identity=wallet
        )
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
