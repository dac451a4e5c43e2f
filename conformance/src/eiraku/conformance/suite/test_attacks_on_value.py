"""Attacks on value that the prover found when a check was removed from the models of transfer and life cycle.

Each check plays the adversary of one recorded trace against the wallet, step by step, and then looks whether
the adversary has what it came for: value twice, value destroyed, or two signatures by an honest purse.
"""

from collections.abc import Sequence

import pytest

from eiraku.conformance.suite.attacks import VALUE, Evidence, committed, money, offered, settle
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.flows import Payment
from eiraku.conformance.tester.peer import HandshakeRefused, connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import Identity
from eiraku.spec import objects
from eiraku.spec.errors import Code
from eiraku.spec.messages import OfferedUnit, Redeliver, Request
from eiraku.spec.objects import Role
from eiraku.spec.tables import Side

# --- copies -------------------------------------------------------------------------------------------------


@SIDES
@pytest.mark.parametrize("accomplice", (False, True), ids=["directly", "through-an-accomplice"])
@pytest.mark.requirement("EPP-TRF-041", "EPP-HIS-006", "EPP-CRS-016")
def test_second_copy_of_a_predecessor(stage: Stage, side: Side, accomplice: bool) -> None:  # noqa: FBT001
    """A cheat pays the wallet, keeps a copy, and brings it back to have the wallet sign for the hop again"""
    world = stage.world
    cheat, shop, friend = world.purse(), world.purse(), world.purse()
    copy = world.holding(VALUE, holder=cheat.number)
    stage.begin()
    flows.give(stage, side, [copy], peer=cheat)
    evidence = Evidence(stage)
    evidence.add(flows.take(stage, side, VALUE, peer=shop), shop)
    bearer = cheat
    if accomplice:
        copy, bearer = world.move(copy, payer=cheat, payee=friend.number), friend
    before = stage.state()
    talk, answer = offered(stage, side, copy, bearer)
    flows.expect_reject(talk, answer, Code.UNIT_SEEN, "OFFER of the copy", 0)
    stage.unchanged(before, "a refused copy")
    stage.refused(stage.act("pay", amount=VALUE), Code.INSUFFICIENT_FUNDS, "order to pay with the copy")
    evidence.blames_nobody()
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-TRF-040")
def test_copy_of_a_unit_that_is_here(stage: Stage, side: Side) -> None:
    """Two holders of copies pay the wallet with both: the second is not counted"""
    world = stage.world
    cheat, friend = world.purse(), world.purse()
    copy = world.holding(VALUE, holder=cheat.number)
    stage.begin()
    flows.give(stage, side, [copy], peer=cheat)
    before = stage.state()
    talk, answer = offered(stage, side, world.move(copy, payer=cheat, payee=friend.number), friend)
    flows.expect_reject(talk, answer, Code.UNIT_HELD, "OFFER of the copy", 0)
    stage.unchanged(before, "a refused copy")
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-TRF-033")
def test_one_unit_twice_in_a_bundle(stage: Stage, side: Side) -> None:
    """A cheat pays 16 with one unit of 8 that stands in the bundle twice"""
    world = stage.world
    held = world.holding(VALUE)
    stage.begin()
    talk = flows.meet_payee(stage, side, 2 * VALUE)
    before = stage.state()
    answer = talk.send(flows.offer_of(talk, [held, held]))
    flows.expect_reject(talk, answer, Code.DUPLICATE_UNIT, "OFFER", 1)
    stage.unchanged(before, "a refused bundle")
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-CRS-010", "EPP-TRF-041")
def test_redelivery_of_what_was_spent(stage: Stage, side: Side) -> None:
    """A payer redelivers what the wallet has credited and spent: the same receipt, and no value"""
    world = stage.world
    shop = world.purse()
    stage.begin()
    payment = flows.give(stage, side, [world.holding(VALUE)])
    flows.take(stage, side, VALUE, peer=shop)
    before = stage.state()
    flows.order_receive(stage, side, VALUE)
    talk = connect(stage, side)
    answer = talk.send(Redeliver(offer=payment.offered, endorsements=payment.pay.endorsements))
    stage.equal(answer.message, payment.receipt, "answer to the second redelivery")
    stage.unchanged(before, "a repeated redelivery")
    flows.still_alive(stage)


# --- loss of power ------------------------------------------------------------------------------------------


@SIDES
@pytest.mark.requirement("EPP-CRS-001", "EPP-TRF-016", "EPP-HIS-006")
def test_power_fails_when_pay_is_out(stage: Stage, side: Side) -> None:
    """Power fails when the shop has PAY: the wallet cannot pay somebody else with the same unit"""
    world = stage.world
    shop, other = world.purse(), world.purse()
    stage.begin([money(stage)])
    evidence = Evidence(stage)
    _, payment = committed(stage, side, shop)
    evidence.add(payment, shop)
    stage.wallet.power_cut("now")
    if stage.act("pay", amount=VALUE).accepted:
        evidence.add(flows.take(stage, side, VALUE, peer=other), other)
    evidence.blames_nobody()
    stage.equal(stage.state().balance, 0, "balance when PAY is out")
    settle(stage, payment, shop)
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-CRS-001", "EPP-CRS-005")
def test_power_fails_at_the_payers_commit_point(stage: Stage, side: Side) -> None:
    """Power fails just before the commit point: no PAY is out, and the unit pays somebody else"""
    world = stage.world
    stage.begin([money(stage)])
    talk, offer = flows.meet_payer(stage, side, VALUE, peer=world.purse())
    stage.wallet.power_cut("before", 1)
    answer = talk.send(flows.accept_of(offer))
    stage.equal(answer.reply.outcome, "power-cut", "outcome of ACCEPT")
    stage.wallet.power_cut("never")
    flows.take(stage, side, VALUE, peer=world.purse())


@SIDES
@pytest.mark.requirement("EPP-CRS-002", "EPP-CRS-012")
def test_power_fails_at_the_payees_commit_point(stage: Stage, side: Side) -> None:
    """Power fails when the wallet is about to credit: no receipt is out, and redelivery brings the value"""
    world = stage.world
    held = world.holding(VALUE)
    stage.begin()
    talk = flows.meet_payee(stage, side, VALUE)
    offer = flows.offer_of(talk, [held])
    flows.expect_accept(talk, offer, talk.send(offer))
    pay = flows.pay_of(talk, offer, [held])
    stage.wallet.power_cut("before", 1)
    answer = talk.send(pay)
    stage.equal(answer.reply.outcome, "power-cut", "outcome of PAY")
    stage.wallet.power_cut("never")
    stage.equal(stage.state().balance, 0, "balance without a credit")
    flows.order_receive(stage, side, VALUE)
    talk = connect(stage, side)
    again = talk.send(Redeliver(offer=offer.encode(), endorsements=pay.endorsements))
    flows.expect_receipt(talk, offer, again)
    stage.wallet.power_cut("now")
    stage.equal(stage.state().balance, VALUE, "balance after redelivery")


@SIDES
@pytest.mark.requirement("EPP-CRS-006", "EPP-TRF-019", "EPP-HIS-006", "EPP-SES-024", "EPP-CRS-007")
def test_pending_unit_for_somebody_else(stage: Stage, side: Side) -> None:
    """The receipt is jammed: the unit is the payee's, and neither spendable nor redelivered elsewhere"""
    world = stage.world
    shop, other = world.purse(), world.purse()
    stage.begin([money(stage)])
    _, payment = committed(stage, side, shop)
    before = stage.state()
    stage.refused(stage.act("pay", amount=VALUE), Code.INSUFFICIENT_FUNDS, "order to pay what is pending")
    stage.order("redeliver", transaction=payment.offer.transaction)
    redelivered_elsewhere(stage, side, other)
    stage.unchanged(before, "a refused redelivery")
    settle(stage, payment, shop)
    flows.still_alive(stage)


def redelivered_elsewhere(stage: Stage, side: Side, other: Identity) -> None:
    """The wallet, about to redeliver, must refuse another purse (EPP-SES-024)."""
    try:
        talk = connect(stage, side, peer=other)
    except HandshakeRefused as refused:
        stage.refused(refused.reply, Code.TRANSACTION, "another purse than the payee")
        return
    found = talk.opening if side is Side.INITIATOR else talk.send(Request(amount=VALUE)).message
    stage.require(False, "no session", found, "redelivery to another purse than the payee")


# --- circles and revoked purses -----------------------------------------------------------------------------


@SIDES
@pytest.mark.requirement("EPP-HIS-001", "EPP-HIS-006", "EPP-TRF-041")
def test_circle_blames_nobody(stage: Stage, side: Side) -> None:
    """A unit goes in a circle twice: the wallet signs for each hop once, and the two are told apart"""
    world = stage.world
    shop = world.purse()
    held = money(stage)
    stage.begin([held])
    evidence = Evidence(stage)
    for _ in range(2):
        payment = flows.take(stage, side, VALUE, peer=shop)
        evidence.add(payment, shop)
        back = _received(stage, payment, shop)
        flows.give(stage, side, [back], peer=shop)
    evidence.add(flows.take(stage, side, VALUE, peer=world.purse()), shop)
    evidence.blames_nobody()


def _received(stage: Stage, payment: Payment, payee: Identity) -> OfferedUnit:
    (held,) = payment.holdings
    (signature,) = payment.pay.endorsements
    layer = objects.Layer(
        inner=held.history,
        payer=stage.world.wallet.number,
        payee=payee.number,
        transaction=payment.offer.transaction,
        signature=signature,
    )
    return OfferedUnit(unit=held.unit, hop=held.hop + 1, history=stage.world.seal(held, layer))


@SIDES
@pytest.mark.requirement("EPP-SES-022")
def test_convicted_cheat_at_a_vault(stage: Stage, side: Side) -> None:
    """A purse on the bulletin tries to bring its second copy to a vault"""
    world = stage.world
    vault = world.purse(role=Role.VAULT)
    cheat = world.purse(role=Role.MERCHANT, holder=vault.claims.holder)
    copies: Sequence[OfferedUnit] = [world.holding(VALUE, holder=cheat.number) for _ in range(2)]
    stage.begin(identity=vault)
    flows.give(stage, side, copies[:1], peer=cheat)
    stage.order("bulletin", bulletin=world.bulletin(120, [cheat.number]))
    before = stage.state()
    flows.order_receive(stage, side, VALUE)
    with pytest.raises(HandshakeRefused) as refused:
        connect(stage, side, peer=cheat)
    stage.refused(refused.value.reply, Code.PURSE_REVOKED, "a convicted purse")
    stage.unchanged(before, "a refused purse")
    honest = world.purse(holder=vault.claims.holder)
    flows.give(stage, side, [world.holding(VALUE, holder=honest.number)], peer=honest)
