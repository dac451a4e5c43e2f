"""Whole transfers: roles, limits at their boundaries, orders of the holder, bulletins, histories."""

from dataclasses import replace
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest

from eiraku.reference.crypto import cose
from eiraku.reference.device import Accepted, Rejected
from eiraku.reference.meeting import meet, transfer
from eiraku.reference.purse import handshake
from eiraku.reference.purse.state import Order, PayOrder, ReceiveOrder, RedeliverOrder, RequestOrder
from eiraku.spec import objects
from eiraku.spec.bulletins import Whole
from eiraku.spec.errors import Code
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import EndorsementPayload, Role
from eiraku.spec.tables import Side
from eiraku.testing.purses import EPOCH, LAST_EPOCH, Member, World

pytestmark = pytest.mark.slow

PAY, RECEIVE, REQUEST = PayOrder(amount=5), ReceiveOrder(), RequestOrder(amount=5, reference="lunch")


def code(result: object) -> str:
    assert isinstance(result, Rejected), result
    return result.refusal.code.label


@pytest.mark.parametrize("suites", ((4,), (0,), (4, 0)), ids=str)
@pytest.mark.parametrize("payer_opens", (True, False), ids=("payer opens", "payee opens"))
@pytest.mark.parametrize("answer", (RECEIVE, REQUEST), ids=("receive", "request"))
def test_every_combination_of_roles(
    world: World, suites: tuple[int, ...], *, payer_opens: bool, answer: Order
) -> None:
    payer = world.purse([1, 2, 4, 8], patches=[(handshake, "SUITES", suites)])
    payee = world.purse([16], patches=[(handshake, "SUITES", suites)])
    if payer_opens:
        exchange = transfer(payer.device, PAY, payee.device, answer)
        assert len(exchange.messages) == 8
    else:
        exchange = transfer(payee.device, REQUEST, payer.device, PAY)
        assert len(exchange.messages) == 9
    assert not exchange.codes
    a, b = payer.device.snapshot(), payee.device.snapshot()
    assert (a.balance, b.balance) == (10, 21)
    assert not a.pending
    assert [(s.payee, s.amount) for s in a.settled] == [(payee.number, 5)]
    assert [(c.payer, c.amount) for c in b.credited] == [(payer.number, 5)]
    assert [c.transaction for c in b.credited] == [s.transaction for s in a.settled]
    assert a.settled[0].receipt == b.credited[0].receipt
    assert sorted((u.value, u.hop) for u in b.units) == [(1, 1), (4, 1), (16, 0)]
    assert (a.writes, b.writes) == (3, 2), "EPP-CRS-004: provisioning; pending, settled; credited"


def test_back_and_forth(world: World) -> None:
    """Circular paths are legitimate: hops rise, histories open, each endorsement verifies."""
    members = [world.purse([1, 2]), world.purse(), world.purse()]
    path = [0, 1, 0, 2, 1, 0]
    for payer, payee in pairwise(path):
        exchange = transfer(members[payer].device, PayOrder(amount=3), members[payee].device, RECEIVE)
        assert not exchange.codes
    holder = members[path[-1]]
    store = holder.device.store
    for held in store.holdings([s.unit_id for s in store.summaries()]):
        assert held.hop == len(path) - 1
        assert len(held.history) == objects.history_size(held.hop)
        issued = OfferedUnit(unit=held.unit, hop=held.hop, history=held.history)
        layers = world.issuing_centre.open_history(issued)
        assert [layer.payee for layer in reversed(layers)] == [members[i].number for i in path]
        for hop, layer in enumerate(reversed(layers)):
            signer = (
                world.issuing_centre.keys[0].unit_key.public
                if hop == 0
                else world.members[layer.payer].claims.public_key
            )
            payload = EndorsementPayload(
                unit_id=held.unit_id,
                hop=hop,
                history_digest=sha256(layer.inner).digest(),
                payer=layer.payer,
                payee=layer.payee,
                transaction=layer.transaction,
            )
            assert cose.verify_detached(
                signer, objects.CONTEXT_ENDORSEMENT, payload.encode(), layer.signature
            )


def test_nothing_repeats_between_sessions(world: World) -> None:
    payer, payee = world.purse([1, 1]), world.purse([1])
    first = transfer(payer.device, PayOrder(amount=1), payee.device, RECEIVE).messages
    second = transfer(payer.device, PayOrder(amount=1), payee.device, RECEIVE).messages
    chunks = [{m[i : i + 16] for m in messages for i in range(len(m) - 15)} for messages in (first, second)]
    assert not chunks[0] & chunks[1]


def test_bytes_are_reproducible(tmp_path: Any) -> None:
    runs = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        world = World(tmp_path / name)
        payer, payee = world.purse([1, 2]), world.purse()
        runs.append(transfer(payer.device, PayOrder(amount=3), payee.device, RECEIVE).messages)
        world.close()
    assert runs[0] == runs[1]


# --- orders ---


@pytest.mark.parametrize(
    ("order", "expected"),
    (
        (PayOrder(amount=0), "amount"),
        (PayOrder(amount=1_500), "insufficient-funds"),
        (PayOrder(amount=1_501), "amount-limit"),
        (PayOrder(amount=62), "insufficient-funds"),
        (PayOrder(amount=61), "no-exact-change"),
        (PayOrder(amount=2), "no-exact-change"),
        (RequestOrder(amount=0), "amount"),
        (RequestOrder(amount=2**53), "amount"),
        (RequestOrder(amount=1, reference="é" * 33), "malformed"),
        (RedeliverOrder(transaction=bytes(16)), "unknown-transaction"),
    ),
    ids=str,
)
def test_refused_orders(strict: World, order: Order, expected: str) -> None:
    """A refused order changes nothing, and leaves an earlier one as it was."""
    member, other = strict.purse([1, 4, 8, 16, 32]), strict.purse()
    assert isinstance(member.device.order(PayOrder(amount=1)), Accepted)
    before = member.device.snapshot()
    assert code(member.device.order(order)) == expected
    assert member.device.snapshot() == before
    meet_receiver(member, other)
    assert other.balance == 1


def meet_receiver(payer: Member, payee: Member) -> None:
    payee.device.order(RECEIVE)
    assert not meet(payer.device, payee.device).codes


def test_as_many_units_as_the_policy_permits(strict: World) -> None:
    payer = strict.purse([1, 1, 1, 1, 1])
    assert code(payer.device.order(PayOrder(amount=5))) == "no-exact-change"
    assert isinstance(payer.device.order(PayOrder(amount=4)), Accepted)
    payee = strict.purse()
    meet_receiver(payer, payee)
    assert payee.balance == 4


def test_a_bundle_too_large_to_be_redelivered(world: World) -> None:
    """EPP-TRF-060: 64 units fit at first; with ever longer histories they no longer do."""
    world.policy = replace(world.policy, max_units=64)
    payer, payee = world.purse([1] * 64), world.purse()
    for _ in range(9):
        exchange = transfer(payer.device, PayOrder(amount=64), payee.device, RECEIVE)
        if exchange.codes:
            break
        assert all(len(message) < 65_600 for message in exchange.messages)
        payer, payee = payee, payer
    assert exchange.codes == ["too-large"]
    assert payer.balance == 64
    assert not transfer(payer.device, PayOrder(amount=32), payee.device, RECEIVE).codes


def test_a_purpose_serves_one_session(world: World) -> None:
    member, other = world.purse([1]), world.purse()
    assert code(member.device.open(Side.INITIATOR)) == "declined"
    member.device.order(PayOrder(amount=1))
    assert isinstance(member.device.open(Side.INITIATOR), Accepted)
    assert code(member.device.open(Side.INITIATOR)) == "declined"
    member.device.order(RECEIVE)
    assert code(member.device.open(Side.INITIATOR)) == "declined"
    assert isinstance(member.device.open(Side.RESPONDER), Accepted)
    member.device.order(PayOrder(amount=1))
    member.device.power_cut()
    assert code(member.device.open(Side.RESPONDER)) == "declined"
    other.device.order(RECEIVE)
    member.device.order(PayOrder(amount=1))
    assert not meet(member.device, other.device).codes


# --- limits, exactly and one beyond ---


@pytest.mark.parametrize(
    ("tiers", "same", "limit"),
    (
        ((1, 1), False, 50),
        ((2, 1), False, 50),
        ((1, 2), False, 50),
        ((2, 2), False, 1024),
        ((2, 1), True, 65),
    ),
)
def test_the_limit_of_the_operation(strict: World, tiers: tuple[int, int], *, same: bool, limit: int) -> None:
    """Inclusive, the smaller of two tiers, another for one holder (EPP-POL-003 to 005)."""
    holder = [bytes([1]) * 32, bytes([1 if same else 2]) * 32]
    values = {50: [32, 16, 2, 1], 65: [64, 1, 2], 1024: [1024, 1]}[limit]
    payer = strict.purse(values, tier=tiers[0], holder=holder[0])
    payee = strict.purse(tier=tiers[1], holder=holder[1])
    over = transfer(payer.device, PayOrder(amount=limit + 1), payee.device, RECEIVE)
    assert over.codes == ["amount-limit"]
    assert not transfer(payer.device, PayOrder(amount=limit), payee.device, RECEIVE).codes
    assert payee.balance == limit


def test_purses_that_may_not_pay_each_other(strict: World) -> None:
    person, centre = strict.purse([1]), strict.purse(role=Role.CENTRE)
    exchange = transfer(person.device, PayOrder(amount=1), centre.device, RECEIVE)
    assert exchange.codes == ["role-pair"]
    vault = strict.purse([1], role=Role.VAULT)
    assert transfer(vault.device, PayOrder(amount=1), person.device, RECEIVE).codes == ["role-pair"]
    assert not transfer(vault.device, PayOrder(amount=1), centre.device, RECEIVE).codes


def test_capacity_counts_what_is_pending(strict: World) -> None:
    payer, payee = strict.purse([2, 2, 4, 8]), strict.purse([1, 1, 1, 1])
    lost = transfer(
        payee.device, PayOrder(amount=2), payer.device, RECEIVE, lambda n, m: m if n < 7 else None
    )
    assert not lost.codes
    assert transfer(payer.device, PayOrder(amount=14), payee.device, RECEIVE).codes == ["capacity"]
    assert not transfer(payer.device, PayOrder(amount=4), payee.device, RECEIVE).codes
    assert payee.balance == 6


def test_balance_limit_is_inclusive(strict: World) -> None:
    payer = strict.purse([2, 1])
    payee = strict.purse([64, 32, 2], tier=1)
    assert not transfer(payer.device, PayOrder(amount=2), payee.device, RECEIVE).codes
    assert payee.balance == 100
    assert transfer(payer.device, PayOrder(amount=1), payee.device, RECEIVE).codes == ["balance-limit"]


def test_hops_end_at_the_limit_but_value_comes_home(strict: World) -> None:
    """A policy of 3 hops: three moves, then only to a vault, from there to the centre (EPP-HIS-005)."""
    people = [strict.purse([1])] + [strict.purse() for _ in range(4)]
    for payer, payee in pairwise(people[:4]):
        assert not transfer(payer.device, PayOrder(amount=1), payee.device, RECEIVE).codes
    exchange = transfer(people[3].device, PayOrder(amount=1), people[4].device, RECEIVE)
    assert exchange.codes == ["insufficient-funds"]
    told = exchange.responder[-1]
    assert isinstance(told, Accepted)
    assert told.reject is not None
    assert told.reject.code == Code.AMOUNT
    vault, centre = strict.purse(role=Role.VAULT), strict.purse(role=Role.CENTRE)
    assert not transfer(people[3].device, PayOrder(amount=1), vault.device, RECEIVE).codes
    assert not transfer(vault.device, PayOrder(amount=1), centre.device, RECEIVE).codes
    assert centre.device.snapshot().units[0].hop == 5


# --- bulletins and epochs ---


def test_bulletins(world: World) -> None:
    member = world.purse([1])
    device = member.device
    writes = device.snapshot().writes
    assert isinstance(device.bulletin(world.bulletin()), Accepted)
    assert device.snapshot().writes == writes, "the bulletin held already changes nothing"
    assert code(device.bulletin(world.bulletin(revoked=[bytes(7) + b"\x01"]))) == "bulletin-stale"
    assert code(device.bulletin(world.bulletin(epoch=EPOCH - 1))) == "bulletin-stale"
    good = world.bulletin(epoch=EPOCH + 1)
    # The last byte is the array of chunks, which is empty.
    assert code(device.bulletin(good[:-2] + bytes([good[-2] ^ 1]) + good[-1:])) == "bulletin-signature"
    assert code(device.bulletin(world.bulletin(epoch=LAST_EPOCH + 1))) == "bulletin-signature"
    assert code(device.bulletin(good + b"\x00")) == "malformed"
    unit = world.holding(world.unit(1), member.number).unit
    assert code(device.bulletin(unit)) == "malformed"
    assert device.snapshot().epoch == EPOCH
    assert isinstance(device.bulletin(good), Accepted)
    device.power_cut()
    assert device.snapshot().epoch == EPOCH + 1
    assert code(device.bulletin(world.bulletin())) == "bulletin-stale"


def test_a_bulletin_counts_from_the_next_session_on(world: World) -> None:
    payer, payee = world.purse([1, 1]), world.purse()
    news = world.bulletin(epoch=EPOCH + 1, revoked=[payer.number])

    def arrives(n: int, data: bytes) -> bytes:
        if n == 2:
            assert isinstance(payee.device.bulletin(news), Accepted)
        return data

    assert not transfer(payer.device, PayOrder(amount=1), payee.device, RECEIVE, arrives).codes
    assert transfer(payer.device, PayOrder(amount=1), payee.device, RECEIVE).codes == ["purse-revoked"]


def test_expired_units_stay_where_they_are(world: World) -> None:
    old, new = world.unit(1, expires=EPOCH), world.unit(2)
    payer, payee = world.purse([old, new]), world.purse()
    assert not transfer(payer.device, PayOrder(amount=1), payee.device, RECEIVE).codes
    later = world.purse([world.unit(1, expires=EPOCH), 4])
    later.device.bulletin(world.bulletin(epoch=EPOCH + 1))
    assert code(later.device.order(PayOrder(amount=5))) == "insufficient-funds"
    assert later.balance == 5


def test_a_large_bulletin(world: World) -> None:
    """EPP-BUL-009, EPP-BUL-010: the greatest list that the policy has room for, and one chunk more."""
    spread = 2**46
    numbers = [(n * spread).to_bytes(8, "big") for n in range(1, 178_500)]
    update = Whole.decode(world.bulletin(epoch=EPOCH + 1, revoked=numbers))
    assert len(update.chunks) == 256
    assert isinstance(world.purse().device.bulletin(update.encode()), Accepted)
    world.policy = replace(world.policy, max_bulletin=255 * 4096)
    assert code(world.purse().device.bulletin(update.encode())) == "too-large"
