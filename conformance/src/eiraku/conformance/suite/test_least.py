"""Chapters 7 and 9: units that die soon, and amounts that are too small."""

import pytest

from eiraku.conformance.suite.memory import refuse_offer
from eiraku.conformance.suite.payer import expect_no_offer, own, refused_to_offer
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.suite.test_transfer_orders import refuse_order
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.peer import connect
from eiraku.conformance.tester.policies import policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, Identity
from eiraku.spec.errors import Code
from eiraku.spec.objects import Role
from eiraku.spec.tables import Side

HOMES = pytest.mark.parametrize(
    "role", [pytest.param(role, id=role.name.lower()) for role in (Role.VAULT, Role.CENTRE)]
)
PURSES = pytest.mark.parametrize(
    "role", [pytest.param(role, id=role.name.lower()) for role in (Role.PERSON, Role.MERCHANT)]
)


def _home(stage: Stage, role: Role) -> Identity:
    """A vault of the wallet's holder, or the centre."""
    holder = stage.world.wallet.claims.holder if role is Role.VAULT else stage.world.random(32)
    return stage.world.purse(role=role, holder=holder)


# --- life ---------------------------------------------------------------------------------------------------


@SIDES
@PURSES
@pytest.mark.requirement("EPP-TRF-083", "EPP-POL-032", "EPP-ERR-001")
def test_life_of_a_unit_that_is_taken(stage: Stage, side: Side, role: Role) -> None:
    """A person and a merchant take units that are good for `min_life` epochs more, and no others."""
    world = stage.world
    world.policy = policy(min_life=3)
    stage.begin(identity=world.purse(role=role))
    refuse_offer(stage, world.holding(8, expires=EPOCH + 2), Code.UNIT_EXPIRED, 0)
    flows.give(stage, side, [world.holding(4, expires=EPOCH + 3)])
    stage.order("bulletin", bulletin=world.bulletin(EPOCH + 1))
    refuse_offer(stage, world.holding(8, expires=EPOCH + 3), Code.UNIT_EXPIRED, 0)
    flows.give(stage, side, [world.holding(4, expires=EPOCH + 4)])


@pytest.mark.requirement("EPP-UNI-005")
def test_expired_unit_at_a_vault(stage: Stage) -> None:
    """A vault, which takes a unit in its last epoch whatever `min_life` is, takes none that has expired."""
    world = stage.world
    world.wallet = world.purse(role=Role.VAULT)
    world.peer = world.purse(holder=world.wallet.claims.holder)
    world.policy = policy()
    stage.begin()
    flows.give(stage, Side.RESPONDER, [world.holding(4, expires=EPOCH)])
    stage.order("bulletin", bulletin=world.bulletin(EPOCH + 1))
    refuse_offer(stage, world.holding(4, expires=EPOCH), Code.UNIT_EXPIRED, 0)
    flows.give(stage, Side.RESPONDER, [world.holding(4, expires=EPOCH + 1)])


@SIDES
@pytest.mark.requirement("EPP-TRF-083", "EPP-CRS-012")
def test_life_of_a_unit_that_is_delivered_again(stage: Stage, side: Side) -> None:
    """A redelivery of what is not credited is no way round `min_life`."""
    world = stage.world
    world.policy = policy(min_life=3)
    stage.begin()
    for held, code in ((world.holding(8, expires=EPOCH + 2), Code.UNIT_EXPIRED), (world.holding(8), None)):
        before = stage.state()
        talk = flows.meet_payee(stage, side, 8)
        offer = flows.offer_of(talk, [held])
        answer = talk.send(flows.redeliver_of(talk, offer, [held]))
        if code is None:
            flows.expect_receipt(talk, offer, answer)
        else:
            flows.expect_reject(talk, answer, code, "REDELIVER", 0)
            stage.unchanged(before, "a refused REDELIVER")


@SIDES
@HOMES
@pytest.mark.requirement("EPP-TRF-083", "EPP-UNI-005")
def test_vault_and_centre_take_units_in_their_last_epoch(stage: Stage, side: Side, role: Role) -> None:
    """A wallet that is a vault or the centre takes a unit up to its last epoch."""
    world = stage.world
    world.policy = policy(min_life=3)
    wallet = world.purse(role=role)
    peer = world.purse(holder=wallet.claims.holder if role is Role.VAULT else world.random(32))
    stage.begin(identity=wallet)
    flows.give(stage, side, [world.holding(8, expires=EPOCH, holder=peer.number)], peer=peer)


@SIDES
@pytest.mark.requirement("EPP-TRF-084", "EPP-POL-032", "EPP-TRF-066")
def test_life_of_a_unit_that_is_offered(stage: Stage, side: Side) -> None:
    """A payer keeps for a vault what a person would refuse, and offers the next that lives long enough."""
    world = stage.world
    world.policy = policy(min_life=3)
    stage.begin([*own(world, (8,), expires=EPOCH + 2), *own(world, (4,), expires=EPOCH + 3)])
    before = stage.state()
    stage.order("pay", amount=8)
    answer = refused_to_offer(stage, side, 8)
    expect_no_offer(stage, answer, Code.INSUFFICIENT_FUNDS, Code.AMOUNT)
    stage.unchanged(before, "a session without an offer")
    flows.take(stage, side, 4)
    (lasting,) = own(world, (8,), expires=EPOCH + 3)
    stage.begin([*own(world, (8, 8), expires=EPOCH + 2), lasting])
    payment = flows.take(stage, side, 8)
    stage.equal([held.unit for held in payment.holdings], [lasting.unit], "units offered")


@SIDES
@HOMES
@pytest.mark.requirement("EPP-TRF-084", "EPP-TRF-012")
def test_vault_and_centre_are_offered_units_in_their_last_epoch(stage: Stage, side: Side, role: Role) -> None:
    """A vault and the centre are offered units that have not expired, however soon they will."""
    world = stage.world
    world.policy = policy(min_life=3)
    stage.begin(own(world, (8,), expires=EPOCH))
    flows.take(stage, side, 8, peer=_home(stage, role))


# --- amounts ------------------------------------------------------------------------------------------------


@SIDES
@pytest.mark.requirement("EPP-TRF-087", "EPP-POL-032", "EPP-ERR-001")
def test_least_amount_that_is_taken(stage: Stage, side: Side) -> None:
    """A payee refuses an OFFER of less than the operation's least amount, and takes one of exactly that."""
    world = stage.world
    world.policy = policy(min_amount=6)
    stage.begin()
    flows.give(stage, side, [world.holding(4), world.holding(2)])
    before = stage.state()
    flows.order_receive(stage, Side.RESPONDER, 5)
    talk = connect(stage, Side.RESPONDER)
    offer = flows.offer_of(talk, [world.holding(4), world.holding(1)])
    flows.expect_reject(talk, talk.send(offer), Code.AMOUNT_LIMIT, "OFFER")
    stage.unchanged(before, "a refused OFFER")
    # A vault pays out any amount.
    vault = world.purse(role=Role.VAULT, holder=world.wallet.claims.holder)
    flows.give(stage, side, [world.holding(1, holder=vault.number)], peer=vault)


@SIDES
@pytest.mark.requirement("EPP-TRF-086", "EPP-POL-032", "EPP-ERR-001")
def test_least_amount_that_is_offered(stage: Stage, side: Side) -> None:
    """A payer offers a purse no less than the operation's least amount; a vault takes any rest."""
    world = stage.world
    world.policy = policy(min_amount=6)
    stage.begin(own(world, (8, 4, 2, 1)))
    before = stage.state()
    stage.order("pay", amount=5)
    expect_no_offer(stage, refused_to_offer(stage, side, 5), Code.AMOUNT_LIMIT, Code.AMOUNT_LIMIT)
    stage.unchanged(before, "a session without an offer")
    flows.take(stage, side, 6)
    flows.take(stage, side, 1, peer=_home(stage, Role.VAULT))
    flows.take(stage, side, 8)


@pytest.mark.requirement("EPP-TRF-085", "EPP-TRF-088", "EPP-POL-032", "EPP-ERR-001")
def test_order_below_every_least_amount(stage: Stage) -> None:
    """An order below the least amount of every operation is refused at once, by payer and payee."""
    world = stage.world
    found = policy(min_amount=6)
    found["operations"] = found["operations"][:1]
    world.policy = found
    stage.begin(own(world, (4, 2, 1)))
    refuse_order(stage, Code.AMOUNT_LIMIT, amount=5)
    refuse_order(stage, Code.AMOUNT, amount=0)
    refuse_order(stage, Code.AMOUNT_LIMIT, "request", amount=5, reference="")
    refuse_order(stage, Code.AMOUNT_LIMIT, "request", amount=5, reference="x" * 65)
    flows.take(stage, Side.INITIATOR, 6)
    flows.give(stage, Side.INITIATOR, [world.holding(4), world.holding(2)])


@pytest.mark.requirement("EPP-POL-031")
def test_least_amount_above_a_limit(stage: Stage) -> None:
    """A policy may leave a tier nothing between the least amount and the limit."""
    world = stage.world
    world.policy = policy(min_amount=6, transfer={0: 5, 1: 6})
    stage.begin()
    flows.give(stage, Side.RESPONDER, [world.holding(4), world.holding(2)])
