"""Chapter 4, endorsements and sealed histories: who had a unit, how often it moved, what the centre reads."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from eiraku.conformance.suite.chains import Chain, check_chain, passed_on, sealed_by_peer
from eiraku.conformance.suite.negative_transfer import Plan, UnitPlan, alternating, refuse_offer
from eiraku.conformance.suite.payer import redeliver
from eiraku.conformance.suite.sides import BOTH_SIDES, SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.policies import RECORD_MAX, policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import identifier
from eiraku.spec.errors import Code
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import Role, history_size
from eiraku.spec.tables import Side

RIGHT = Plan()
GROWTH_MAX = 200


@SIDES
@pytest.mark.requirement("EPP-HIS-001", "EPP-TRF-012")
@pytest.mark.parametrize("hop", (0, 1, 3, 9))
def test_endorsement_of_each_unit(stage: Stage, side: Side, hop: int) -> None:
    """The wallet endorses each unit over the next hop, the history offered, both numbers, the transaction."""
    world = stage.world
    held = [world.holding(1 << n, hop=hop, holder=world.wallet.number) for n in range(3)]
    stage.begin(held)
    payment = flows.take(stage, side, 7, peer=world.purse())
    paid = {identifier(unit): unit for unit in payment.holdings}
    stage.equal(len(paid), 3, "units paid with")
    for unit in held:
        mine = paid.get(identifier(unit))
        stage.equal(mine, unit, "unit, hop and history as the wallet was given them")


@SIDES
@pytest.mark.requirement("EPP-HIS-001", "EPP-HIS-003", "EPP-TRF-012")
@pytest.mark.parametrize("hop", (0, 2, 7))
def test_history_of_a_unit_passed_on(stage: Stage, side: Side, hop: int) -> None:
    """The issuing centre opens every layer of what the wallet passes on, and verifies each endorsement."""
    world = stage.world
    chains = [Chain.to_peer(world, 1 << n, moves=hop) for n in range(3)]
    stage.begin()
    given = flows.give(stage, side, [chain.held for chain in chains])
    taken = flows.take(stage, side, 7)
    for chain in chains:
        unit = passed_on(stage, taken, chain.held)
        check_chain(stage, chain.moved(unit, given, payer=world.peer, payee=world.wallet.number))


SIZES: dict[str, Callable[[int], int]] = {
    "one-byte-short": lambda size: size - 1,
    "one-byte-long": lambda size: size + 1,
    "empty": lambda _: 0,
    "153-bytes-more": lambda size: size + 153,
    "150-bytes-less": lambda size: size - 150,
    "of-the-next-hop": lambda size: history_size(_hop_of(size) + 1),
}


def _hop_of(size: int) -> int:
    return next(hop for hop in range(256) if history_size(hop) == size)


@pytest.mark.requirement("EPP-HIS-004", "EPP-ERR-001")
@pytest.mark.parametrize("hop", (0, 1, 2, 9))
@alternating("name", {name: name for name in SIZES})
def test_size_of_a_history(stage: Stage, side: Side, name: str, hop: int) -> None:
    """A sealed history of another size than belongs to the hop is refused."""
    wanted = SIZES[name](history_size(hop))
    right = RIGHT.unit(2, lambda unit: replace(unit, hop=hop))
    wrong = right.unit(2, lambda unit: replace(unit, history=lambda data: (data + bytes(400))[:wanted]))
    refuse_offer(stage, side, wrong, Code.HISTORY_SIZE, 2, right=right)


@SIDES
@pytest.mark.requirement("EPP-HIS-004")
def test_hop_without_its_layer(stage: Stage, side: Side) -> None:
    """A payer that claims fewer or more moves than the history has layers is refused."""
    right = RIGHT.unit(0, lambda unit: replace(unit, hop=2))
    for claimed in (1, 3):
        wrong = replace(
            right,
            alter=lambda offer, hop=claimed: replace(  # type: ignore[misc]  # bound at once
                offer, units=(replace(offer.units[0], hop=hop), *offer.units[1:])
            ),
        )
        refuse_offer(stage, side, wrong, Code.HISTORY_SIZE, 0, right=right)


@SIDES
@pytest.mark.requirement("EPP-HIS-005", "EPP-POL-004", "EPP-ERR-001")
@pytest.mark.parametrize("limit", (1, 3, 9))
def test_hop_limit_of_the_unit(stage: Stage, side: Side, limit: int) -> None:
    """A unit may move as often as it says, and not once more."""
    wrong = Plan(units=(UnitPlan(value=4), UnitPlan(value=2, hop=limit, changes={"max_hops": limit})))
    right = Plan(units=(UnitPlan(value=4), UnitPlan(value=2, hop=limit - 1, changes={"max_hops": limit})))
    refuse_offer(stage, side, wrong, Code.HOP_LIMIT, 1, right=right)


@SIDES
@pytest.mark.requirement("EPP-HIS-005", "EPP-POL-004", "EPP-ERR-001")
def test_hop_limit_of_the_policy(stage: Stage, side: Side) -> None:
    """Where the policy allows fewer moves than the unit, the policy decides."""
    # `Plan` makes policies with max_hops 10.
    wrong = Plan(units=(UnitPlan(value=4, hop=10, changes={"max_hops": 255}),))
    right = Plan(units=(UnitPlan(value=4, hop=9, changes={"max_hops": 255}),))
    refuse_offer(stage, side, wrong, Code.HOP_LIMIT, 0, right=right)


@SIDES
@pytest.mark.requirement("EPP-HIS-005", "EPP-ERR-001")
def test_hop_limit_of_a_generous_policy(stage: Stage, side: Side) -> None:
    """Where the unit allows fewer moves than the policy, the unit decides."""
    world = stage.world
    world.policy = policy(max_hops=255)
    limited = world.holding(4, hop=2, max_hops=2)
    stage.begin()
    flows.give(stage, side, [world.holding(4, hop=11, max_hops=255)])
    before = stage.state()
    talk = flows.meet_payee(stage, side, 4)
    answer = talk.send(flows.offer_of(talk, [limited]))
    flows.expect_reject(talk, answer, Code.HOP_LIMIT, "OFFER", 0)
    stage.unchanged(before, "a refused OFFER")
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-HIS-005")
@pytest.mark.parametrize(
    "role", [pytest.param(role, id=role.name.lower()) for role in (Role.VAULT, Role.CENTRE)]
)
@pytest.mark.parametrize("hop", (2, 5, 10, 12))
def test_vault_and_centre_take_units_at_their_limit(stage: Stage, side: Side, role: Role, hop: int) -> None:
    """A wallet that is a vault or the centre takes a unit that has reached or passed its limit."""
    world = stage.world
    world.policy = policy()
    wallet = world.purse(role=role, tier=1)
    holder = wallet.claims.holder if role is Role.VAULT else world.random(32)
    peer = world.purse(tier=1, holder=holder)
    held = [world.holding(8, hop=hop, holder=peer.number, max_hops=2), world.holding(4, holder=peer.number)]
    stage.begin(identity=wallet)
    flows.give(stage, side, held, peer=peer)
    hops = {unit.unit_id: unit.hop for unit in stage.state().units}
    stage.equal(hops.get(identifier(held[0])), hop + 1, "hop of the unit taken at its limit")


@SIDES
@pytest.mark.requirement("EPP-HIS-005", "EPP-ERR-001")
def test_last_hop_of_all(stage: Stage, side: Side) -> None:
    """Hop 255 is the last for everybody: a vault takes a unit from hop 254, and none from hop 255."""
    world = stage.world
    world.policy = policy(max_record=RECORD_MAX)
    vault = world.purse(role=Role.VAULT, tier=1)
    peer = world.purse(tier=1, holder=vault.claims.holder)
    last, over, plain = (
        OfferedUnit(unit=world.holding(8).unit, hop=hop, history=world.random(history_size(hop)))
        for hop in (254, 255, 1)
    )
    stage.begin(identity=vault)
    flows.give(stage, side, [last], peer=peer)
    before = stage.state()
    talk = flows.meet_payee(stage, side, 8, peer=peer)
    flows.expect_reject(talk, talk.send(flows.offer_of(talk, [over])), Code.HOP_LIMIT, "OFFER", 0)
    stage.unchanged(before, "a refused OFFER")
    flows.give(stage, side, [plain], peer=peer)


@SIDES
@pytest.mark.requirement("EPP-HIS-006", "EPP-TRF-019")
def test_no_second_endorsement(stage: Stage, side: Side) -> None:
    """Whatever happens to a payment, there is one endorsement for each unit and hop."""
    world = stage.world
    stage.begin([world.holding(value, holder=world.wallet.number) for value in (8, 4)])
    signed: dict[tuple[bytes, int], bytes] = {}

    def keep(payment: flows.Payment) -> None:
        for held, signature in zip(payment.holdings, payment.pay.endorsements, strict=True):
            earlier = signed.setdefault((identifier(held), held.hop + 1), signature)
            stage.equal(signature, earlier, f"endorsement of one unit for hop {held.hop + 1}")

    # The payee goes away with PAY: the unit is pending for it, and for nobody else.
    talk, offer = flows.meet_payer(stage, side, 8)
    lost = flows.expect_pay(talk, offer, talk.send(flows.accept_of(offer)))
    keep(lost)
    stage.refused(stage.act("pay", amount=8), Code.INSUFFICIENT_FUNDS, "pay with a pending unit")
    stage.wallet.power_cut("now")
    stage.refused(stage.act("pay", amount=8), Code.INSUFFICIENT_FUNDS, "pay with a pending unit")
    for _ in range(2):
        redeliver(stage, side, lost)
    # The other unit goes round in a circle: each time it leaves, it is one or two hops further.
    for _ in range(3):
        payment = flows.take(stage, side, 4)
        keep(payment)
        flows.give(stage, side, [sealed_by_peer(world, payment, payment.holdings[0])])
    # A copy of what the wallet was given once: if it took it again, it would endorse the same hop again.
    copy = world.holding(2, hop=1)
    flows.give(stage, side, [copy])
    keep(flows.take(stage, side, 2))
    talk = flows.meet_payee(stage, side, 2)
    answer = talk.send(flows.offer_of(talk, [copy]))
    flows.expect_reject(talk, answer, Code.UNIT_SEEN, "OFFER", 0)
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-HIS-007")
def test_fresh_key_for_each_layer(stage: Stage) -> None:
    """No two layers that the wallet seals have the same ephemeral key: in a bundle, over sessions."""
    world = stage.world
    stage.begin()
    keys: list[bytes] = []
    units: list[OfferedUnit] = [world.holding(1 << n) for n in range(4)]
    for turn in range(3):
        flows.give(stage, BOTH_SIDES[turn % 2], units)
        if turn == 1:
            stage.wallet.power_cut("now")
        payment = flows.take(stage, BOTH_SIDES[turn % 2], 15)
        keys += [held.history[:32] for held in payment.holdings]
        units = [sealed_by_peer(world, payment, held) for held in payment.holdings]
    stage.equal(len(set(keys)), len(keys), "number of different ephemeral keys")


@SIDES
@pytest.mark.requirement("EPP-HIS-008")
@pytest.mark.parametrize("hop", (0, 1, 2, 3, 8))
def test_growth_per_hop(stage: Stage, side: Side, hop: int) -> None:
    """A history grows by what chapter 4 says, never by more than 200 bytes; the unit does not grow."""
    stage.begin()
    held = stage.world.holding(8, hop=hop)
    flows.give(stage, side, [held])
    (unit,) = flows.take(stage, side, 8).holdings
    growth = len(unit.history) - len(held.history)
    stage.equal(len(unit.history), history_size(hop + 1), "size of the new history")
    stage.require(growth <= GROWTH_MAX, "at most 200 bytes", growth, "growth of the history")
    stage.equal(unit.unit, held.unit, "the unit itself")


@pytest.mark.requirement("EPP-HIS-003", "EPP-HIS-008", "EPP-TRF-049")
def test_ten_hops_in_a_circle(stage: Stage) -> None:
    """A unit goes to and fro between two purses to its limit, and its whole history stays readable."""
    world = stage.world
    chain = Chain.to_peer(world, 8, moves=0)
    stage.begin()
    sizes = [len(chain.held.history)]
    for turn in range(4):
        side = BOTH_SIDES[turn % 2]
        given = flows.give(stage, side, [chain.held])
        taken = flows.take(stage, side, 8)
        unit = passed_on(stage, taken, chain.held)
        chain = chain.moved(unit, given, payer=world.peer, payee=world.wallet.number)
        check_chain(stage, chain)
        held = sealed_by_peer(world, taken, unit)
        chain = chain.moved(held, taken, payer=world.wallet, payee=world.peer.number)
        sizes.append(len(unit.history))
    stage.equal(chain.held.hop, 8, "hop after four circles")
    stage.require(
        all(b - a <= 2 * GROWTH_MAX for a, b in pairwise(sizes)), "at most 200 bytes a hop", sizes, "growth"
    )
