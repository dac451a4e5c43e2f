"""Chapter 3, key lists: what an accepted list does to units, purse IDs, bulletins and sessions."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from eiraku.conformance.suite.key_lists import NEXT, accept_keys, device_keys, money_keys
from eiraku.conformance.suite.memory import refuse_offer
from eiraku.conformance.suite.negative_bulletin import refuse_peer
from eiraku.conformance.suite.negative_session import (
    PARTS,
    Attack,
    Part,
    handshake_attack,
    money,
    refused_in_handshake,
    set_purpose,
)
from eiraku.conformance.suite.payer import expect_no_offer, refused_to_offer
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.peer import connect
from eiraku.conformance.tester.policies import policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, LAST_EPOCH, World
from eiraku.spec.errors import Code
from eiraku.spec.key_lists import Centre
from eiraku.spec.messages import Offer, OfferedUnit, Request
from eiraku.spec.objects import Role
from eiraku.spec.tables import Side

LATER = EPOCH + 10
"""From this epoch on the successors sign."""


def revoke_money(stage: Stage, last: int, sequence: int = NEXT) -> None:
    """The current unit key is good up to the epoch `last` only."""
    world = stage.world
    accept_keys(stage, Centre.MONEY, world.money_keys(money_keys(world, last=last), sequence=sequence))


def revoke_device(stage: Stage, last: int) -> None:
    """The current purse master key is good up to the epoch `last` only."""
    world = stage.world
    accept_keys(stage, Centre.DEVICE, world.device_keys(device_keys(world, last=last), sequence=NEXT))


def refuse_unit(stage: Stage, held: OfferedUnit) -> None:
    """The wallet must refuse a unit for its signature."""
    refuse_offer(stage, held, Code.UNIT_SIGNATURE, 0)


# --- successors ---------------------------------------------------------------------------------------------


@SIDES
@pytest.mark.level("smoke")
@pytest.mark.requirement("EPP-KEY-037")
@pytest.mark.parametrize("restarted", (False, True), ids=["at-once", "after-a-restart"])
def test_unit_under_a_successor(stage: Stage, side: Side, restarted: bool) -> None:  # noqa: FBT001
    """A unit under a key that was not in the anchor is refused, and good after the list that names it."""
    world = stage.world
    key = world.money_key(EPOCH, LAST_EPOCH)
    new = replace(world.issuing, keys=(*world.issuing.keys, key))
    stage.begin()
    refuse_unit(stage, world.holding(4, centre=new, issued=EPOCH))
    accept_keys(stage, Centre.MONEY, world.money_keys(money_keys(world, key.announced), sequence=NEXT))
    if restarted:
        stage.wallet.power_cut("now")
    world.issuing = new
    flows.give(stage, side, [world.holding(4, issued=EPOCH)])
    flows.take(stage, side, 4)


@pytest.mark.requirement("EPP-KEY-037")
@pytest.mark.parametrize("part", PARTS)
def test_purse_under_a_successor(stage: Stage, part: Part) -> None:
    """A purse ID under a key that was not in the anchor is refused, and good after the list."""
    world = stage.world
    key = world.master_key(EPOCH, LAST_EPOCH)
    peer = world.purse(centre=replace(world.device, keys=(*world.device.keys, key)), issued=EPOCH)
    handshake_attack(stage, part, Attack(codes=Code.AUTHENTICATION, peer=lambda _: peer))
    accept_keys(stage, Centre.DEVICE, world.device_keys(device_keys(world, key.announced), sequence=NEXT))
    flows.give(stage, part.side, [world.holding(4, holder=peer.number)], peer=peer)


@pytest.mark.requirement("EPP-KEY-037")
def test_bulletin_under_a_successor(stage: Stage) -> None:
    """A bulletin under a key that was not in the anchor is refused, and good after the list."""
    world = stage.world
    key = world.master_key(EPOCH, LAST_EPOCH)
    new = replace(world.device, keys=(*world.device.keys, key))
    bulletin = new.bulletin(epoch=LATER, revoked=(), policy_digest=world.drawn.policy_digest)
    stage.begin()
    before = stage.state()
    stage.refused(stage.act("bulletin", bulletin=bulletin), Code.BULLETIN_SIGNATURE, "bulletin")
    stage.unchanged(before, "bulletin")
    accept_keys(stage, Centre.DEVICE, world.device_keys(device_keys(world, key.announced), sequence=NEXT))
    stage.order("bulletin", bulletin=bulletin)
    stage.equal(stage.epoch(), LATER, "epoch")
    flows.still_alive(stage)


# --- revocation ---------------------------------------------------------------------------------------------


@pytest.mark.level("smoke")
@pytest.mark.requirement("EPP-KEY-037")
def test_unit_under_a_revoked_key(stage: Stage) -> None:
    """A unit is good up to the last epoch that the list leaves to its key, and later no more."""
    world = stage.world
    stage.begin()
    flows.give(stage, Side.RESPONDER, [world.holding(4, issued=90)])
    revoke_money(stage, 89)
    refuse_unit(stage, world.holding(4, issued=90))
    flows.give(stage, Side.RESPONDER, [world.holding(4, issued=89)], peer=world.purse())
    revoke_money(stage, 90, NEXT + 1)
    flows.give(stage, Side.RESPONDER, [world.holding(4, issued=90)], peer=world.purse())
    refuse_unit(stage, world.holding(4, issued=91))


VOID = ((1, 0), (LAST_EPOCH, 90), (2**32 - 1, 0))


@pytest.mark.requirement("EPP-KEY-028")
@pytest.mark.parametrize(("first", "last"), VOID)
def test_unit_under_a_void_key(stage: Stage, first: int, last: int) -> None:
    """A key whose first epoch is after its last is valid in none, whatever the epoch of issue."""
    world = stage.world
    old, current = (key.announced for key in world.issuing.keys)
    stage.begin()
    flows.give(stage, Side.RESPONDER, [world.holding(4)])
    void = replace(current, valid_from=first, valid_to=last)
    accept_keys(stage, Centre.MONEY, world.money_keys([old, void], sequence=NEXT))
    for issued in {last, 95, min(first, LAST_EPOCH)}:
        refuse_unit(stage, world.holding(4, issued=issued))
    accept_keys(stage, Centre.MONEY, world.money_keys([old, current], sequence=NEXT + 1))
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-KEY-028")
@pytest.mark.parametrize("part", PARTS)
def test_purse_under_a_void_key(stage: Stage, part: Part) -> None:
    """A purse ID under a void key is refused."""
    world = stage.world
    old, current = (key.announced for key in world.device.keys)
    void = replace(current, valid_from=LAST_EPOCH, valid_to=80)
    old_centre = replace(world.device, keys=world.device.keys[:1])
    good, bad = world.purse(centre=old_centre, issued=50), world.purse(issued=90)
    stage.begin(money(stage, part))
    accept_keys(stage, Centre.DEVICE, world.device_keys([old, void], sequence=NEXT))
    set_purpose(stage, part)
    refused_in_handshake(stage, part, Attack(), peer=bad)
    flows.give(stage, part.side, [world.holding(4, holder=good.number)], peer=good)


@pytest.mark.requirement("EPP-KEY-037")
def test_unit_under_a_key_that_is_left_out(stage: Stage) -> None:
    """A key that the list does not name is unknown, whenever it signed; the other keys are good."""
    world = stage.world
    old = replace(world.issuing, keys=world.issuing.keys[:1])
    stage.begin()
    flows.give(stage, Side.RESPONDER, [world.holding(4, centre=old, issued=10)])
    current = world.issuing.keys[-1].announced
    accept_keys(stage, Centre.MONEY, world.money_keys([current], sequence=NEXT))
    refuse_unit(stage, world.holding(4, centre=old, issued=10))
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-KEY-037")
def test_vault_takes_no_unit_under_a_revoked_key(stage: Stage) -> None:
    """A vault refuses such a unit as everybody does: only the issuing centre takes it."""
    world = stage.world
    world.wallet = world.purse(role=Role.VAULT)
    world.peer = world.purse(holder=world.wallet.claims.holder)
    world.policy = policy()
    stage.begin()
    flows.give(stage, Side.RESPONDER, [world.holding(4, issued=90)])
    revoke_money(stage, 89)
    refuse_unit(stage, world.holding(4, issued=90))
    flows.give(stage, Side.RESPONDER, [world.holding(4, issued=89)])


@pytest.mark.requirement("EPP-KEY-037")
@pytest.mark.parametrize("part", PARTS)
def test_purse_under_a_revoked_key(stage: Stage, part: Part) -> None:
    """A purse ID that was issued after the last epoch of its key by the new list is refused."""
    world = stage.world
    late, good = world.purse(issued=90), world.purse(issued=89)
    stage.begin(money(stage, part))
    flows.give(stage, part.side, [world.holding(4, holder=late.number)], peer=late)
    revoke_device(stage, 89)
    before = stage.state()
    set_purpose(stage, part)
    refused_in_handshake(stage, part, Attack(), peer=late)
    stage.unchanged(before, "handshake")
    flows.give(stage, part.side, [world.holding(4, holder=good.number)], peer=good)


@pytest.mark.requirement("EPP-KEY-042")
@pytest.mark.parametrize("restarted", (False, True), ids=["at-once", "after-a-restart"])
def test_bulletin_held_stays_in_force(stage: Stage, restarted: bool) -> None:  # noqa: FBT001
    """The clock and the revoked numbers stay when the key that signed the bulletin is revoked."""
    world = stage.world
    stage.begin(bulletin=world.bulletin(EPOCH, [world.peer.number]))
    revoke_device(stage, 95)
    if restarted:
        stage.wallet.power_cut("now")
    stage.equal(stage.epoch(), EPOCH, "epoch after the key of the bulletin is revoked")
    refused = stage.act("bulletin", bulletin=world.bulletin(EPOCH + 1))
    stage.refused(refused, Code.BULLETIN_SIGNATURE, "bulletin under the revoked key")
    refuse_peer(stage, Side.RESPONDER, world.peer)
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-KEY-041")
def test_own_purse_id_under_a_revoked_key(stage: Stage, side: Side) -> None:
    """A wallet whose own purse ID the list no longer makes good still takes part in sessions."""
    world = stage.world
    world.wallet = world.purse(issued=90)
    peer = world.purse(issued=80)
    stage.begin()
    revoke_device(stage, 85)
    flows.give(stage, side, [world.holding(4, holder=peer.number)], peer=peer)
    flows.take(stage, side, 4, peer=peer)


# --- effect on sessions -------------------------------------------------------------------------------------


@SIDES
@pytest.mark.requirement("EPP-KEY-036")
def test_list_takes_effect_on_the_next_session(stage: Stage, side: Side) -> None:
    """A session that was open goes on under the old list; the next one is under the new."""
    world = stage.world
    stage.begin()
    held = [world.holding(4)]
    talk = flows.meet_payee(stage, side, 4)
    revoke_money(stage, 89)
    offer = flows.offer_of(talk, held)
    flows.expect_accept(talk, offer, talk.send(offer))
    flows.expect_receipt(talk, offer, talk.send(flows.pay_of(talk, offer, held)))
    refuse_unit(stage, world.holding(4))


@pytest.mark.requirement("EPP-KEY-036")
def test_payer_goes_on_under_the_list_of_its_session(stage: Stage) -> None:
    """A payer still offers, in its session, a unit whose key a list of meanwhile has revoked."""
    world = stage.world
    world.policy = without_redemption()
    stage.begin([world.holding(8, holder=world.wallet.number)])
    stage.order("pay", amount=8)
    talk = connect(stage, Side.RESPONDER)
    revoke_money(stage, 89)
    answer = talk.send(Request(amount=8, reference=flows.REFERENCE))
    stage.accepted(answer.reply, "REQUEST", "open")
    stage.require(isinstance(answer.message, Offer), "OFFER", answer.message, "answer to REQUEST")
    stage.refused(stage.act("pay", amount=8), Code.INSUFFICIENT_FUNDS, "pay in the next session")


# --- units held ---------------------------------------------------------------------------------------------


def without_redemption() -> dict[str, object]:
    """A policy in which nobody pays the issuing centre."""
    found = policy()
    found["operations"] = [each for each in found["operations"] if each["name"] != "redemption"]
    return found


def _revoked(world: World) -> OfferedUnit:
    return world.holding(8, holder=world.wallet.number, issued=95)


def _good(world: World) -> OfferedUnit:
    return world.holding(4, holder=world.wallet.number, issued=90)


@pytest.mark.requirement("EPP-KEY-038")
@pytest.mark.parametrize("restarted", (False, True), ids=["at-once", "after-a-restart"])
def test_held_unit_stays(stage: Stage, restarted: bool) -> None:  # noqa: FBT001
    """A held unit under a revoked key stays where it is, and in the balance."""
    world = stage.world
    stage.begin([_revoked(world), _good(world)])
    before = stage.state()
    revoke_money(stage, 94)
    if restarted:
        stage.wallet.power_cut("now")
    after = stage.state()
    stage.equal(after.balance, 12, "balance")
    stage.equal(set(after.units), set(before.units), "units")


LEFT_OUT: dict[str, Callable[[Stage], None]] = {
    "revoked": lambda stage: revoke_money(stage, 94),
    "left-out": lambda stage: accept_keys(
        stage,
        Centre.MONEY,
        stage.world.money_keys(
            [stage.world.issuing.keys[0].announced, stage.world.money_key(90, 94).announced], sequence=NEXT
        ),
    ),
}


@pytest.mark.requirement("EPP-KEY-040")
@pytest.mark.parametrize("name", sorted(LEFT_OUT))
def test_order_to_pay_with_a_unit_under_a_revoked_key(stage: Stage, name: str) -> None:
    """Where nobody pays the issuing centre, such a unit does not count for an order."""
    world = stage.world
    world.policy = without_redemption()
    old = replace(world.issuing, keys=world.issuing.keys[:1])
    good = world.holding(4, holder=world.wallet.number, centre=old, issued=50)
    stage.begin([_revoked(world), good])
    stage.order("pay", amount=12)
    LEFT_OUT[name](stage)
    for amount in (12, 8):
        stage.refused(stage.act("pay", amount=amount), Code.INSUFFICIENT_FUNDS, "pay with a revoked unit")
    flows.take(stage, Side.RESPONDER, 4)


@SIDES
@pytest.mark.level("smoke")
@pytest.mark.requirement("EPP-KEY-039")
@pytest.mark.parametrize(
    "role", [pytest.param(role, id=role.name.lower()) for role in (Role.MERCHANT, Role.VAULT)]
)
def test_held_unit_is_not_offered(stage: Stage, side: Side, role: Role) -> None:
    """A unit under a revoked key is offered to no shop and no vault, however the order was taken."""
    world = stage.world
    world.policy = policy()
    holder = world.wallet.claims.holder if role is Role.VAULT else world.random(32)
    peer = world.purse(role=role, holder=holder)
    stage.begin([_revoked(world), _good(world)])
    revoke_money(stage, 94)
    before = stage.state()
    stage.order("pay", amount=8)
    answer = refused_to_offer(stage, side, 8, peer=peer)
    expect_no_offer(stage, answer, Code.INSUFFICIENT_FUNDS, Code.AMOUNT)
    stage.unchanged(before, "a payment that could not be made")
    flows.take(stage, side, 4, peer=peer)


@SIDES
@pytest.mark.requirement("EPP-KEY-039", "EPP-KEY-040")
def test_held_unit_goes_to_the_issuing_centre(stage: Stage, side: Side) -> None:
    """A unit under a revoked key is offered to a purse of the issuing centre."""
    world = stage.world
    world.policy = policy()
    stage.begin([_revoked(world), _good(world)])
    revoke_money(stage, 94)
    flows.take(stage, side, 12, peer=world.purse(role=Role.CENTRE))
    stage.equal(stage.state().balance, 0, "balance after redemption")


@pytest.mark.level("smoke")
@pytest.mark.requirement("EPP-CEN-040")
def test_centre_takes_a_unit_under_a_revoked_key(stage: Stage) -> None:
    """A purse of the issuing centre takes a unit issued outside the validity of a key that it knows."""
    world = stage.world
    world.policy = policy()
    world.wallet = world.purse(role=Role.CENTRE)
    stage.begin()
    revoke_money(stage, 94)
    flows.give(stage, Side.RESPONDER, [world.holding(4, issued=95)])
    old, revoked = (key.announced for key in world.issuing.keys)
    void = replace(revoked, valid_from=1, valid_to=0)
    accept_keys(stage, Centre.MONEY, world.money_keys([old, void], sequence=NEXT + 1))
    flows.give(stage, Side.RESPONDER, [world.holding(4, issued=95)])
    unknown = replace(world.issuing, keys=(world.money_key(1, LAST_EPOCH),))
    refuse_unit(stage, world.holding(4, centre=unknown))
