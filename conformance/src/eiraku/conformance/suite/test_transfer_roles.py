"""Chapter 7: whole transfers, the wallet in every pair of roles, and money that goes from hand to hand."""

from dataclasses import replace

import pytest

from eiraku.conformance.adapter.client import Payment as Booked
from eiraku.conformance.suite.chains import Chain, check_chain, passed_on, sealed_by_peer
from eiraku.conformance.suite.sides import BOTH_SIDES, SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.peer import connect
from eiraku.conformance.tester.policies import RECORD_MAX, policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import Identity, World, identifier, value
from eiraku.spec.messages import Offer, OfferedUnit, Request
from eiraku.spec.objects import Role
from eiraku.spec.tables import Side

COUNTS = pytest.mark.parametrize("count", (1, 10), ids=("one-unit", "ten-units"))


def units(world: World, count: int, holder: Identity) -> list[OfferedUnit]:
    """Units of 1, 2, 4, ... at hops 0, 1, 2, 0, ..., held by `holder`."""
    return [world.holding(1 << n, hop=n % 3, holder=holder.number) for n in range(count)]


@SIDES
@COUNTS
@pytest.mark.level("smoke")
@pytest.mark.requirement("EPP-GEN-001", "EPP-TRF-045", "EPP-TRF-049", "EPP-TRF-050")
def test_wallet_is_paid(stage: Stage, side: Side, count: int) -> None:
    """The wallet is paid: it accepts, holds each unit one hop further, and its receipt verifies."""
    world = stage.world
    stage.begin([world.holding(4, holder=world.wallet.number)])
    before = stage.state()
    given = flows.give(stage, side, units(world, count, world.peer))
    after = stage.state()
    stage.equal(after.balance, before.balance + (1 << count) - 1, "balance")
    expected = {(unit.unit_id, unit.value, unit.hop) for unit in before.units}
    expected |= {(identifier(held), value(held), held.hop + 1) for held in given.holdings}
    stage.equal({(unit.unit_id, unit.value, unit.hop) for unit in after.units}, expected, "units held")
    booked = Booked(transaction=given.offer.transaction, peer=world.peer.number, amount=given.amount)
    stage.equal(set(after.credited), {booked}, "credited transactions")
    stage.equal((after.pending, after.settled), ((), ()), "pending and settled transactions")


@SIDES
@COUNTS
@pytest.mark.level("smoke")
@pytest.mark.requirement("EPP-GEN-001", "EPP-HIS-001", "EPP-TRF-012", "EPP-TRF-016", "EPP-TRF-018")
def test_wallet_pays(stage: Stage, side: Side, count: int) -> None:
    """The wallet pays: it offers what it holds, its endorsements verify, the receipt settles the payment."""
    world = stage.world
    kept = world.holding(1 << 12, holder=world.wallet.number)
    stage.begin([*units(world, count, world.wallet), kept])
    taken = flows.take(stage, side, (1 << count) - 1)
    after = stage.state()
    stage.equal([unit.unit_id for unit in after.units], [identifier(kept)], "units held")
    stage.equal(after.balance, 1 << 12, "balance")
    booked = Booked(transaction=taken.offer.transaction, peer=world.peer.number, amount=taken.amount)
    stage.equal(set(after.settled), {booked}, "settled transactions")
    stage.equal((after.pending, after.credited), ((), ()), "pending and credited transactions")


@SIDES
@pytest.mark.requirement("EPP-TRF-050")
def test_receipt_of_an_open_amount(stage: Stage, side: Side) -> None:
    """A responder that has asked for an amount is paid like one that takes what comes."""
    world = stage.world
    stage.begin()
    stage.order("request", amount=8, reference="")
    held = [world.holding(8)]
    talk = connect(stage, side)
    if side is Side.INITIATOR:
        stage.equal(talk.opening, Request(amount=8, reference=""), "REQUEST")
    offer = flows.offer_of(talk, held)
    flows.expect_accept(talk, offer, talk.send(offer))
    flows.expect_receipt(talk, offer, talk.send(flows.pay_of(talk, offer, held)))
    stage.equal(stage.state().balance, 8, "balance")


@pytest.mark.requirement("EPP-TRF-049", "EPP-HIS-001", "EPP-HIS-003")
@pytest.mark.parametrize("inward", [pytest.param(side, id=f"paid-as-{side.value}") for side in BOTH_SIDES])
@pytest.mark.parametrize("outward", [pytest.param(side, id=f"pays-as-{side.value}") for side in BOTH_SIDES])
def test_change_of_hands(stage: Stage, inward: Side, outward: Side) -> None:
    """What the wallet was paid it can pay on at once to a third purse; the centre verifies the whole way."""
    world = stage.world
    chains = [Chain.to_peer(world, 1 << n, moves=n) for n in range(3)]
    third = world.purse(role=Role.PERSON)
    stage.begin()
    given = flows.give(stage, inward, [chain.held for chain in chains])
    taken = flows.take(stage, outward, 7, peer=third)
    for chain in chains:
        unit = passed_on(stage, taken, chain.held)
        at_wallet = chain.moved(unit, given, payer=world.peer, payee=world.wallet.number)
        held = sealed_by_peer(world, taken, unit, peer=third)
        check_chain(stage, at_wallet.moved(held, taken, payer=world.wallet, payee=third.number))
    stage.equal(stage.state().balance, 0, "balance")


@SIDES
@pytest.mark.requirement("EPP-TRF-041", "EPP-TRF-049", "EPP-TRF-019")
def test_legitimate_circle(stage: Stage, side: Side) -> None:
    """A unit that comes back over two other purses is taken, and can be paid with again."""
    world = stage.world
    first, second = world.purse(), world.purse(role=Role.MERCHANT)
    stage.begin([world.holding(8, holder=world.wallet.number)])
    for _ in range(2):
        taken = flows.take(stage, side, 8, peer=first)
        held = sealed_by_peer(world, taken, taken.holdings[0], peer=first)
        held = world.move(held, payer=first, payee=second.number)
        flows.give(stage, side, [held], peer=second)
        stage.equal(stage.state().units[0].hop, held.hop + 1, "hop of the unit that came back")
    stage.equal(stage.state().balance, 8, "balance")


@SIDES
@pytest.mark.requirement("EPP-TRF-003")
def test_fresh_transactions(stage: Stage, side: Side) -> None:
    """Each OFFER has a transaction of its own, with nothing of a counter, also after a loss of power."""
    world = stage.world
    stage.begin([world.holding(8, holder=world.wallet.number)])
    seen: list[int] = []
    for turn in range(8):
        _, offer = flows.meet_payer(stage, side, 8)
        seen.append(int.from_bytes(offer.transaction, "big"))
        if turn == 4:
            stage.wallet.power_cut("now")
    distances = [(a ^ b).bit_count() for number, a in enumerate(seen) for b in seen[:number]]
    # 128 random bits differ in fewer than 20 places with a probability below 2^-45.
    stage.require(min(distances) >= 20, "at least 20 bits", min(distances), "difference of two transactions")
    stage.equal(stage.state().balance, 8, "balance")


@SIDES
@pytest.mark.requirement("EPP-TRF-032", "EPP-POL-004", "EPP-TRF-064")
def test_largest_bundle(stage: Stage, side: Side) -> None:
    """As many units as any policy permits are taken in one transfer, and paid on in one."""
    world = stage.world
    world.policy = policy(max_units=64, max_record=RECORD_MAX)
    stage.begin()
    flows.give(stage, side, [world.holding(1) for _ in range(64)])
    stage.equal(stage.state().balance, 64, "balance")
    taken = flows.take(stage, side, 64)
    stage.equal(len(taken.holdings), 64, "units in the offer")


@SIDES
@pytest.mark.requirement("EPP-TRF-045")
def test_digest_of_the_offer_as_sent(stage: Stage, side: Side) -> None:
    """ACCEPT is about the bytes of this OFFER: another one gets another digest."""
    world = stage.world
    stage.begin()
    held = [world.holding(8), world.holding(4)]
    for order in (held, held[::-1]):
        talk = flows.meet_payee(stage, side, 12)
        offer: Offer = replace(flows.offer_of(talk, order), transaction=b"\x5a" * 16)
        flows.expect_accept(talk, offer, talk.send(offer))
    flows.still_alive(stage)
