"""A holder chooses the units (EPP-TRF-011): exactly these, all of them, or nothing."""

from eiraku.reference.device import Rejected
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.state import PayUnitsOrder, ReceiveOrder, RequestOrder
from eiraku.spec.objects import Role
from eiraku.testing.purses import Member, World


def ids(member: Member, *values: int) -> frozenset[bytes]:
    left = list(values)
    found = set()
    for unit in member.device.snapshot().units:
        if unit.value in left:
            left.remove(unit.value)
            found.add(unit.unit_id)
    assert not left
    return frozenset(found)


def test_these_and_no_others(world: World) -> None:
    vault, centre = world.purse([1, 1, 2, 4], role=Role.VAULT), world.purse(role=Role.CENTRE)
    order = PayUnitsOrder(unit_ids=ids(vault, 1, 1, 2))
    assert not transfer(vault.device, order, centre.device, ReceiveOrder()).rejections
    assert [unit.value for unit in vault.device.snapshot().units] == [4]
    assert {unit.unit_id for unit in centre.device.snapshot().units} == order.unit_ids


def test_in_answer_to_a_request(world: World) -> None:
    alice, bob = world.purse([1, 2, 4]), world.purse()
    order = PayUnitsOrder(unit_ids=ids(alice, 1, 4))
    exchange = transfer(bob.device, RequestOrder(amount=4), alice.device, order)
    assert exchange.codes == ["amount"]
    assert not transfer(bob.device, RequestOrder(amount=5), alice.device, order).rejections
    assert bob.balance == 5


def code(member: Member, unit_ids: frozenset[bytes]) -> str:
    result = member.device.order(PayUnitsOrder(unit_ids=unit_ids))
    assert isinstance(result, Rejected)
    return result.refusal.code.label


def test_refused_orders(strict: World) -> None:
    alice, rich = strict.purse([1, 2, 4, 8, 16]), strict.purse([1024, 1024])
    assert code(alice, frozenset()) == "amount"
    assert code(alice, frozenset([bytes(32)])) == "insufficient-funds"
    assert code(alice, ids(alice, 1, 2, 4, 8, 16)) == "no-exact-change", "more than four units"
    assert code(rich, ids(rich, 1024, 1024)) == "amount-limit"
    old = strict.purse([strict.unit(2, expires=9)])
    assert code(old, ids(old, 2)) == "insufficient-funds", "an expired unit is not offered (EPP-TRF-012)"


def test_the_hop_limit_counts_when_the_payee_is_known(strict: World) -> None:
    """EPP-TRF-012: at its limit a unit goes to a vault or the centre only."""
    alice, bob, vault = (
        strict.purse([strict.unit(2, max_hops=1)]),
        strict.purse(),
        strict.purse(role=Role.VAULT),
    )
    carol = strict.purse()
    order = PayUnitsOrder(unit_ids=ids(alice, 2))
    assert not transfer(alice.device, order, bob.device, ReceiveOrder()).rejections
    assert "insufficient-funds" in transfer(bob.device, order, carol.device, ReceiveOrder()).codes
    assert not transfer(bob.device, order, vault.device, ReceiveOrder()).rejections
