"""Interruption at every message and every durable write of both purses: value is conserved."""

from collections.abc import Sequence
from typing import Literal

import pytest

from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.device import Accepted, Device, Rejected
from eiraku.reference.meeting import Exchange, meet, transfer
from eiraku.reference.purse.ledger import Change
from eiraku.reference.purse.state import Effect, PayOrder, ReceiveOrder, RedeliverOrder, RequestOrder, Write
from eiraku.reference.store import Store
from eiraku.spec.tables import Side
from eiraku.testing.device import BenchDevice, PowerLost
from eiraku.testing.purses import Member, World

pytestmark = pytest.mark.slow

RECEIVE = ReceiveOrder()
MESSAGES = {False: 8, True: 9}


def pay(payer: Member, payee: Member, *, payee_opens: bool, amount: int = 3, cut: int = 99) -> Exchange:
    lose = lambda n, m: m if n != cut else None  # noqa: E731
    if payee_opens:
        return transfer(
            payee.device, RequestOrder(amount=amount), payer.device, PayOrder(amount=amount), lose
        )
    return transfer(payer.device, PayOrder(amount=amount), payee.device, RECEIVE, lose)


def places(member: Member) -> list[bytes]:
    """Every unit that is here, spendable or pending; each once."""
    now = member.device.snapshot()
    units = [u.unit_id for u in now.units] + [u for p in now.pending for u in p.unit_ids]
    assert len(units) == len(set(units))
    assert now.balance == sum(u.value for u in now.units)
    return units


def recover(world: World, payer: Member, payee: Member, *, payee_opens: bool) -> None:
    """Whatever happened: deliver what is pending, twice refused nowhere, and pay again."""
    places(payer)
    places(payee)
    assert world.total() == 7
    for pending in payer.device.snapshot().pending:
        order = RedeliverOrder(transaction=pending.transaction)
        if payee_opens:
            exchange = transfer(payee.device, RequestOrder(amount=999), payer.device, order)
        else:
            exchange = transfer(payer.device, order, payee.device, RECEIVE)
        assert not exchange.codes
    assert not payer.device.snapshot().pending
    assert payer.balance + payee.balance == 7
    assert payee.balance in (0, 3)
    if payee.balance == 0:
        assert not pay(payer, payee, payee_opens=payee_opens).codes
    assert (payer.balance, payee.balance) == (4, 3)
    assert not transfer(payee.device, PayOrder(amount=3), payer.device, RECEIVE).codes
    assert payer.balance == 7


@pytest.fixture(params=(False, True), ids=("payer opens", "payee opens"))
def payee_opens(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.mark.parametrize("cut", range(1, 10))
@pytest.mark.parametrize("power", (False, True), ids=("lost", "both without power"))
def test_at_every_message(world: World, *, payee_opens: bool, cut: int, power: bool) -> None:
    payer, payee = world.purse([1, 2, 4]), world.purse()
    pay(payer, payee, payee_opens=payee_opens, cut=cut)
    committed = cut >= MESSAGES[payee_opens] - 1 and cut <= MESSAGES[payee_opens]
    assert bool(payer.device.snapshot().pending) == committed
    if power:
        payer.device.power_cut()
        payee.device.power_cut()
    recover(world, payer, payee, payee_opens=payee_opens)


@pytest.mark.parametrize("when", ("before", "after"))
@pytest.mark.parametrize(("who", "write"), (("payer", 1), ("payer", 2), ("payee", 1)))
def test_at_every_write(
    world: World, *, payee_opens: bool, who: str, write: int, when: Literal["before", "after"]
) -> None:
    payer, payee = world.purse([1, 2, 4]), world.purse()
    device = (payer if who == "payer" else payee).device
    device.arm(when, write)
    exchange = pay(payer, payee, payee_opens=payee_opens)
    assert PowerLost() in (*exchange.initiator, *exchange.responder)
    done = {("payer", 1, "before"): (7, 0, 0), ("payer", 2, "after"): (4, 3, 0)}
    balance, credited, pending = done.get(
        (who, write, when), (4, 0 if who != "payer" and when == "before" else 3, 1)
    )
    if (who, write) == ("payer", 1) and when == "after":
        credited = 0
    assert (payer.balance, payee.balance) == (balance, credited)
    assert len(payer.device.snapshot().pending) == pending
    recover(world, payer, payee, payee_opens=payee_opens)


@pytest.mark.parametrize("when", ("before", "after"))
@pytest.mark.parametrize(("who", "write"), (("payer", 1), ("payee", 1)))
def test_at_every_write_of_a_redelivery(
    world: World, *, payee_opens: bool, who: str, write: int, when: Literal["before", "after"]
) -> None:
    payer, payee = world.purse([1, 2, 4]), world.purse()
    pay(payer, payee, payee_opens=payee_opens, cut=MESSAGES[payee_opens] - 1)
    (pending,) = payer.device.snapshot().pending
    (payer if who == "payer" else payee).device.arm(when, write)
    transfer(payer.device, RedeliverOrder(transaction=pending.transaction), payee.device, RECEIVE)
    recover(world, payer, payee, payee_opens=payee_opens)


def test_cuts_are_counted_and_disarmed(world: World) -> None:
    payer, payee = world.purse([1, 2, 4]), world.purse()
    payer.device.arm("before", 3)
    assert not pay(payer, payee, payee_opens=False).codes
    payer.device.disarm()
    assert not pay(payer, payee, payee_opens=False, amount=4).codes
    with pytest.raises(ValueError, match="from 1"):
        payer.device.arm("before", 0)


def test_provisioning_is_one_write(world: World) -> None:
    device = BenchDevice(world.directory / "new.db", world.random)
    device.arm("before", 1)
    assert device.provision(world.provisioning([1])) == PowerLost()
    assert device.snapshot().units == []
    device.arm("after", 1)
    assert device.provision(world.provisioning([1])) == PowerLost()
    assert device.snapshot().balance == 1
    device.close()


def test_redelivered_any_number_of_times(world: World) -> None:
    """The same bytes and the same receipt each time; credited once (EPP-CRS-007, 008, 010)."""
    payer, payee = world.purse([1, 2, 4]), world.purse()
    pay(payer, payee, payee_opens=False, cut=7)
    (pending,) = payer.device.snapshot().pending
    order = RedeliverOrder(transaction=pending.transaction)
    for n in range(4):
        assert not transfer(
            payer.device, order, payee.device, RECEIVE, lambda i, m: m if i < 6 else None
        ).codes
        assert payee.device.snapshot().writes == 2, f"attempt {n}"
        assert payer.device.snapshot().pending == (pending,)
    (credit,) = payee.device.snapshot().credited
    assert not transfer(payer.device, order, payee.device, RECEIVE).codes
    (settled,) = payer.device.snapshot().settled
    assert settled.receipt == credit.receipt
    assert payee.balance == 3


def test_the_payee_has_spent_it_before_the_receipt_arrives(world: World) -> None:
    payer, payee, third = world.purse([1, 2, 4]), world.purse(), world.purse()
    pay(payer, payee, payee_opens=False, cut=8)
    assert not transfer(payee.device, PayOrder(amount=3), third.device, RECEIVE).codes
    (pending,) = payer.device.snapshot().pending
    assert not transfer(
        payer.device, RedeliverOrder(transaction=pending.transaction), payee.device, RECEIVE
    ).codes
    assert (payer.balance, payee.balance, third.balance) == (4, 0, 3)


def test_opening_discards_the_session(world: World) -> None:
    """EPP-SES-027: also when the opening is refused."""
    payer, payee = world.purse([1]), world.purse()
    payee.device.order(RECEIVE)
    payee.device.open(Side.RESPONDER)
    payer.device.order(PayOrder(amount=1))
    first = payer.device.open(Side.INITIATOR)
    assert isinstance(first, Accepted)
    assert first.out is not None
    assert isinstance(payee.device.open(Side.RESPONDER), Rejected)
    refused = payee.device.deliver(first.out)
    assert isinstance(refused, Rejected)
    assert refused.refusal.code.label == "unexpected-message"


# --- the commit points matter: a purse without them loses or makes money ---


class Late(BenchDevice):
    """Sends first and never comes to write."""

    def execute(self, effects: Sequence[Effect], *, is_open: bool) -> Accepted | Rejected:
        unwritten = [effect for effect in effects if not isinstance(effect, Write)]
        return super().execute(unwritten, is_open=is_open)


@pytest.mark.parametrize("who", ("payer", "payee"))
def test_without_a_commit_point_value_is_made_or_lost(world: World, who: str) -> None:
    payer, payee = world.purse([1, 2, 4]), world.purse()
    careless = payer if who == "payer" else payee
    late = Late(careless.device.store, Drbg(b"late"))
    pair = (late, payee.device) if who == "payer" else (payer.device, late)
    assert not transfer(pair[0], PayOrder(amount=3), pair[1], RECEIVE).codes
    late.power_cut()
    assert world.total() == {"payer": 10, "payee": 4}[who]


def test_order_of_effects(world: World) -> None:
    """In every step a write comes before what is sent; the driver keeps the order."""
    orders: list[list[str]] = []

    class Watched(Device):
        def execute(self, effects: Sequence[Effect], *, is_open: bool) -> Accepted | Rejected:
            orders.append([type(e).__name__ for e in effects])
            return super().execute(effects, is_open=is_open)

    def make(values: list[int]) -> Device:
        device = Watched(world.directory / f"w{len(values)}.db", Drbg(bytes([len(values)])))
        device.provision(world.provisioning(values))
        return device

    a, b = make([1, 2]), make([])
    a.order(PayOrder(amount=3))
    b.order(RECEIVE)
    assert not meet(a, b).codes
    assert orders.count(["Write", "Send"]) == 2
    assert all(o in (["Write"], ["Send"], ["Write", "Send"], []) for o in orders)
    a.close()
    b.close()


def test_writes_are_what_the_specification_says(world: World) -> None:
    seen: list[type[Change]] = []

    class Counting(Store):
        def apply(self, change: Change) -> None:
            seen.append(type(change))
            super().apply(change)

    device = Device(Counting(world.directory / "c.db"), Drbg(b"c"))
    device.provision(world.provisioning([1]))
    other = world.purse()
    device.order(PayOrder(amount=1))
    other.device.order(RECEIVE)
    meet(device, other.device)
    assert not transfer(other.device, PayOrder(amount=1), device, RECEIVE).codes
    assert [c.__name__ for c in seen] == [
        "Provisioned",
        "PaymentPending",
        "PaymentSettled",
        "PaymentCredited",
    ]
    device.close()
