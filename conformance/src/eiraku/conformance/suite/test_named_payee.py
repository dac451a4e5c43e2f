"""Chapter 7: an order to pay that names its payee is carried out with that purse and with no other."""

from collections.abc import Callable

import pytest

from eiraku.conformance.suite.negative_session import Attack, Part, refused_in_handshake
from eiraku.conformance.suite.payer import own, paid, settle_by_redelivery
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.stage import Stage
from eiraku.spec.errors import Code
from eiraku.spec.tables import Side

WRONG = Attack(codes=Code.WRONG_PAYEE)


def _flip(at: int) -> Callable[[bytes], bytes]:
    return lambda number: number[:at] + bytes([number[at] ^ 1]) + number[at + 1 :]


OTHERS: dict[str, Callable[[bytes], bytes]] = {
    "first-byte": _flip(0),
    "middle-byte": _flip(4),
    "last-byte": _flip(7),
    "reversed": lambda number: number[::-1],
    "nobody": lambda _: bytes(8),
}
"""Numbers that are not the peer's."""


@SIDES
@pytest.mark.level("smoke")
@pytest.mark.requirement("EPP-TRF-080", "EPP-ERR-001")
def test_payee_that_is_named(stage: Stage, side: Side) -> None:
    """The purse that the order names is paid, another one is refused, and then still that one is paid."""
    world = stage.world
    stage.begin(own(world, (8, 4, 2)))
    flows.take(stage, side, 8, named=True)
    relay, before = world.purse(), stage.state()
    stage.order("pay", amount=4, payee=world.peer.number)
    refused_in_handshake(stage, Part(side=side, pays=True), WRONG, peer=relay)
    stage.unchanged(before, "refused payee")
    flows.still_alive(stage)
    flows.take(stage, side, 4, named=True)
    flows.take(stage, side, 2, peer=relay, named=True)


@SIDES
@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.requirement("EPP-TRF-080", "EPP-SES-016")
def test_number_that_is_not_the_payees(stage: Stage, side: Side, name: str) -> None:
    """All eight bytes of the number count."""
    world = stage.world
    peer = world.purse(number=bytes.fromhex("0102030405060708"))
    stage.begin(own(world, (8,)))
    before = stage.state()
    stage.order("pay", amount=8, payee=OTHERS[name](peer.number))
    refused_in_handshake(stage, Part(side=side, pays=True), WRONG, peer=peer)
    stage.unchanged(before, "refused payee")
    flows.take(stage, side, 8, peer=peer, named=True)


@SIDES
@pytest.mark.requirement("EPP-TRF-080", "EPP-GEN-002")
def test_name_belongs_to_its_order(stage: Stage, side: Side) -> None:
    """A new order takes the place of the one that named a payee, name and all; so it is after a refusal."""
    world = stage.world
    stage.begin(own(world, (8, 4)))
    other = world.purse()
    stage.order("pay", amount=4, payee=other.number)
    flows.take(stage, side, 8)
    stage.order("pay", amount=4, payee=other.number)
    refused_in_handshake(stage, Part(side=side, pays=True), WRONG, peer=world.peer)
    flows.take(stage, side, 4)


@SIDES
@pytest.mark.requirement("EPP-TRF-080", "EPP-CRS-013", "EPP-SES-024")
def test_named_payee_and_a_pending_payment(stage: Stage, side: Side) -> None:
    """What is pending for one purse is neither delivered to nor lost by an order that names another."""
    world = stage.world
    stage.begin(own(world, (8, 4)))
    shop = world.purse()
    _, lost = paid(stage, side, 8)
    before = stage.state()
    stage.order("pay", amount=4, payee=shop.number)
    refused_in_handshake(stage, Part(side=side, pays=True), WRONG, peer=world.peer)
    stage.unchanged(before, "refused payee")
    stage.order("redeliver", transaction=lost.offer.transaction)
    wrong = Attack(codes=Code.TRANSACTION)
    refused_in_handshake(stage, Part(side=side, pays=True), wrong, peer=shop)
    stage.unchanged(before, "redelivery to another purse")
    settle_by_redelivery(stage, side, lost)
    flows.take(stage, side, 4, peer=shop, named=True)
