"""What a holder may set and hand over: the bounds of orders, a payee by name, lists, keys, a new purse."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from eiraku.reference import policy
from eiraku.reference.anchor import verify_bulletin
from eiraku.reference.centres.roots import ALWAYS
from eiraku.reference.crypto import cose
from eiraku.reference.device import Accepted, Device, Rejected, Result
from eiraku.reference.keylists import Validity
from eiraku.reference.meeting import transfer
from eiraku.reference.policy import Bounds, Policy
from eiraku.reference.purse import handshake
from eiraku.reference.purse.provisioning import ROOM
from eiraku.reference.purse.state import (
    Order,
    PayOrder,
    PayUnitsOrder,
    Provisioning,
    Ready,
    ReceiveOrder,
    RequestOrder,
)
from eiraku.spec import objects
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.key_lists import SCHEME_KEYS_MAX, Centre, scheme_key_id
from eiraku.spec.objects import Role
from eiraku.spec.shape import AMOUNT_MAX
from eiraku.spec.tables import Side
from eiraku.testing.purses import EPOCH, LAST_EPOCH, Member, World

RECEIVE = ReceiveOrder()


def refused(result: Result, code: Code, rule: str) -> None:
    assert isinstance(result, Rejected)
    assert (result.refusal.code, result.refusal.requirement) == (code, rule)


# --- bounds ---


def bounded(*, least: int, own: int) -> Policy:
    """Persons pay each other from `least` up to 50, and themselves from `own` up to 100; nothing else."""
    between, self_to_self = policy.default().operations[:2]
    persons = frozenset({Role.PERSON})
    return replace(
        policy.default(),
        operations=(
            replace(between, payer=persons, payee=persons, min_amount=least, limits={2: 50}),
            replace(self_to_self, payer=persons, payee=persons, min_amount=own, limits={2: 100}),
        ),
    )


@pytest.mark.parametrize(
    ("order", "code", "rule"),
    (
        (PayOrder(amount=0), Code.AMOUNT, "EPP-TRF-010"),
        (PayOrder(amount=101), Code.AMOUNT_LIMIT, "EPP-TRF-010"),
        (PayOrder(amount=2), Code.AMOUNT_LIMIT, "EPP-TRF-085"),
        (RequestOrder(amount=0), Code.AMOUNT, "EPP-TRF-029"),
        (RequestOrder(amount=AMOUNT_MAX + 1), Code.AMOUNT, "EPP-TRF-029"),
        (RequestOrder(amount=101), Code.AMOUNT_LIMIT, "EPP-TRF-068"),
        (RequestOrder(amount=2), Code.AMOUNT_LIMIT, "EPP-TRF-088"),
        (RequestOrder(amount=3, reference="x" * 65), Code.MALFORMED, "EPP-TRF-067"),
        (RequestOrder(amount=3, reference="é" * 33), Code.MALFORMED, "EPP-TRF-067"),
    ),
    ids=str,
)
def test_an_order_outside_what_any_operation_allows(
    tmp_path: Path, order: Order, code: Code, rule: str
) -> None:
    """EPP-POL-032: before the peer is known, the least and the most of any operation hold."""
    alice = World(tmp_path, policy=bounded(least=5, own=3)).purse([1, 2, 32, 64, 64])
    before = alice.device.snapshot()
    refused(alice.device.order(order), code, rule)
    assert alice.device.snapshot() == before
    for good in (PayOrder(amount=3), PayOrder(amount=99)):
        assert isinstance(alice.device.order(good), Accepted)
    for asked in (3, 100):
        assert isinstance(alice.device.order(RequestOrder(amount=asked, reference="x" * 64)), Accepted)


def test_the_units_chosen_are_bounded_too(tmp_path: Path) -> None:
    alice = World(tmp_path, policy=bounded(least=5, own=3)).purse([2])
    units = frozenset(unit.unit_id for unit in alice.device.snapshot().units)
    refused(alice.device.order(PayUnitsOrder(unit_ids=units)), Code.AMOUNT_LIMIT, "EPP-TRF-085")


@pytest.mark.parametrize(
    ("amount", "at_payer", "at_payee"),
    ((4, "EPP-TRF-086", "EPP-TRF-087"), (51, "EPP-TRF-014", "EPP-TRF-031")),
)
def test_the_bounds_of_the_operation(tmp_path: Path, amount: int, at_payer: str, at_payee: str) -> None:
    """What the payer's own purse may have, another holder's may not; both sides look."""
    world = World(tmp_path, policy=bounded(least=5, own=3))
    values = [1, 1, 2, 4, 16, 32]
    alice, bob = world.purse(values), world.purse()
    lax = world.purse(values, patches=[(handshake, "judge", lambda *_: Bounds(least=1, most=AMOUNT_MAX))])
    for purse, rule in ((alice, at_payer), (lax, at_payee)):
        before = (purse.device.snapshot(), bob.device.snapshot())
        exchange = transfer(purse.device, PayOrder(amount=amount), bob.device, RECEIVE)
        (rejected,) = exchange.rejections
        refused(rejected, Code.AMOUNT_LIMIT, rule)
        assert (purse.device.snapshot(), bob.device.snapshot()) == before
    own = world.purse(holder=alice.claims.holder)
    assert not transfer(alice.device, PayOrder(amount=amount), own.device, RECEIVE).rejections
    for fits in (5, 50):
        assert not transfer(lax.device, PayOrder(amount=fits), bob.device, RECEIVE).rejections


# --- the payee by name ---


@pytest.mark.parametrize("opens", (True, False), ids=("initiator", "responder"))
@pytest.mark.parametrize("chosen", (False, True), ids=("amount", "units"))
def test_a_payee_by_name(world: World, *, opens: bool, chosen: bool) -> None:
    """EPP-TRF-080: whoever else is met gets nothing, and learns no more than from any refusal."""
    alice, bob, carol = world.purse([4]), world.purse(), world.purse()
    units = frozenset(unit.unit_id for unit in alice.device.snapshot().units)
    order = (
        PayUnitsOrder(unit_ids=units, payee=bob.number) if chosen else PayOrder(amount=4, payee=bob.number)
    )

    def meet(other: Member) -> list[Rejected]:
        if opens:
            return transfer(alice.device, order, other.device, RECEIVE).rejections
        return transfer(other.device, RequestOrder(amount=4), alice.device, order).rejections

    before = alice.device.snapshot()
    (rejected,) = meet(carol)
    refused(rejected, Code.WRONG_PAYEE, "EPP-TRF-080")
    assert (alice.device.snapshot(), carol.balance) == (before, 0)
    assert not meet(bob)
    assert (alice.balance, bob.balance) == (0, 4)


# --- room, and units that die soon ---


def test_no_room_to_remember_what_is_given(tmp_path: Path) -> None:
    """EPP-TRF-061: the payer's holder is told before a session opens."""
    world = World(tmp_path, policy=replace(policy.default(), max_given=1))
    alice, bob = world.purse([1, 2]), world.purse()
    assert not transfer(alice.device, PayOrder(amount=1), bob.device, RECEIVE).rejections
    refused(alice.device.order(PayOrder(amount=2)), Code.CAPACITY, "EPP-TRF-061")
    assert isinstance(alice.device.order(RECEIVE), Accepted)


def test_a_unit_that_dies_soon_goes_home_only(tmp_path: Path) -> None:
    """EPP-TRF-083, EPP-TRF-084: with a least life of 3 epochs; a vault takes it up to its last one."""
    world = World(tmp_path, policy=replace(policy.default(), min_life=3))
    short, enough = world.unit(2, expires=EPOCH + 2), world.unit(1, expires=EPOCH + 3)
    alice, bob = world.purse([short, enough]), world.purse()
    vault = world.purse(role=Role.VAULT, holder=alice.claims.holder)
    assert not transfer(alice.device, PayOrder(amount=1), bob.device, RECEIVE).rejections
    exchange = transfer(alice.device, PayOrder(amount=2), bob.device, RECEIVE)
    refused(exchange.rejections[0], Code.INSUFFICIENT_FUNDS, "EPP-TRF-011")
    impatient = replace(
        world.provisioning([world.unit(4, expires=EPOCH + 2)]), policy=policy.default().to_mapping()
    )
    carol = world.purse(provisioning=impatient)
    exchange = transfer(carol.device, PayOrder(amount=4), bob.device, RECEIVE)
    (rejected,) = exchange.rejections
    refused(rejected, Code.UNIT_EXPIRED, "EPP-TRF-083")
    assert (carol.balance, bob.balance) == (4, 1)
    assert not transfer(alice.device, PayOrder(amount=2), vault.device, RECEIVE).rejections


# --- lists, keys and bulletins ---


def test_scheme_keys(world: World) -> None:
    """EPP-KEY-048, EPP-KEY-049, EPP-KEY-064, EPP-KEY-065"""
    purse = world.purse().device
    spans = {"over": (0, EPOCH - 1), "void": (EPOCH + 9, EPOCH + 8), "now": (0, EPOCH)}
    spans |= {"late": (EPOCH + 1, LAST_EPOCH), "next": (0, LAST_EPOCH), "fifth": (0, 99)}
    keys = {name: name.encode().ljust(32) for name in spans}
    named = {scheme_key_id(keys[name]): Validity(valid_from=a, valid_to=b) for name, (a, b) in spans.items()}
    signed = world.device_keys(2, scheme={scheme_key_id(world.scheme_key): ALWAYS, **named})
    refused(purse.scheme_key(keys["now"]), Code.KEYS_SIGNATURE, "EPP-KEY-048")
    assert isinstance(purse.keys(Centre.DEVICE, signed), Accepted)
    for name in ("over", "void"):
        refused(purse.scheme_key(keys[name]), Code.KEYS_STALE, "EPP-KEY-065")
    for name in ("now", "late", "next"):
        assert isinstance(purse.scheme_key(keys[name]), Accepted)
    before = purse.snapshot()
    assert isinstance(purse.scheme_key(keys["late"]), Accepted)
    assert purse.snapshot() == before, "one that is held changes nothing"
    refused(purse.scheme_key(keys["fifth"]), Code.CAPACITY, "EPP-KEY-049")
    assert purse.snapshot() == before
    assert isinstance(purse.bulletin(world.bulletin(EPOCH + 1)), Accepted)
    assert isinstance(purse.scheme_key(keys["fifth"]), Accepted), "the place of the one that is over"
    assert isinstance(purse.state, Ready)
    held = purse.state.identity.anchor.scheme_keys.values()
    assert set(held) == {world.scheme_key, keys["late"], keys["next"], keys["fifth"]}
    assert len(held) == SCHEME_KEYS_MAX


def test_a_key_list_that_is_held_changes_nothing(world: World) -> None:
    """EPP-KEY-025"""
    purse = world.purse().device
    lists = {Centre.DEVICE: world.device_keys(2), Centre.MONEY: world.money_keys(2)}
    for centre, signed in lists.items():
        assert isinstance(purse.keys(centre, signed), Accepted)
        before = purse.snapshot()
        assert isinstance(purse.keys(centre, signed), Accepted)
        assert purse.snapshot() == before


def test_bulletins(world: World) -> None:
    """EPP-BUL-002, EPP-BUL-050: later than the one held, up to one epoch after the device list."""
    purse = world.purse().device
    assert isinstance(purse.keys(Centre.DEVICE, world.device_keys(2, expires=EPOCH + 5)), Accepted)
    before = purse.snapshot()
    assert isinstance(purse.bulletin(world.bulletin()), Accepted)
    assert purse.snapshot() == before, "the one held changes nothing"
    refused(purse.bulletin(world.bulletin(EPOCH - 1)), Code.BULLETIN_STALE, "EPP-BUL-002")
    refused(purse.bulletin(world.bulletin(revoked=[b"revoked!"])), Code.BULLETIN_STALE, "EPP-BUL-002")
    refused(purse.bulletin(world.bulletin(EPOCH + 7)), Code.ANCHOR_EXPIRED, "EPP-BUL-050")
    assert purse.snapshot() == before
    assert isinstance(purse.bulletin(world.bulletin(EPOCH + 6)), Accepted)


def test_a_bulletin_without_a_key_identifier(world: World) -> None:
    """EPP-KEY-005"""
    with pytest.raises(Refusal) as caught:
        verify_bulletin(
            world.anchor, cose.sign(world.device_centre.keys[-1].key, objects.CONTEXT_BULLETIN, b"")
        )
    assert (caught.value.code, caught.value.requirement) == (Code.MALFORMED, "EPP-KEY-005")


@pytest.mark.parametrize("side", Side)
def test_no_session_with_an_anchor_that_is_over(world: World, side: Side) -> None:
    """EPP-KEY-043, EPP-KEY-047: the order stays, and its session opens once there is a newer list."""
    purse = world.purse([1]).device
    assert isinstance(purse.keys(Centre.DEVICE, world.device_keys(2, expires=EPOCH)), Accepted)
    assert isinstance(purse.order(PayOrder(amount=1)), Accepted)
    assert isinstance(purse.bulletin(world.bulletin(EPOCH + 1)), Accepted)
    refused(purse.open(side), Code.ANCHOR_EXPIRED, "EPP-KEY-043")
    over = Validity(valid_from=0, valid_to=EPOCH)
    without = world.device_keys(3, scheme={scheme_key_id(world.scheme_key): over})
    assert isinstance(purse.keys(Centre.DEVICE, without), Accepted)
    refused(purse.open(side), Code.ANCHOR_EXPIRED, "EPP-KEY-047")
    assert isinstance(purse.keys(Centre.DEVICE, world.device_keys(4)), Accepted)
    assert isinstance(purse.open(side), Accepted)


# --- a new purse ---


def new_purse(world: World, given: Provisioning, code: Code, rule: str) -> None:
    device = Device(world.directory / "new.db", world.random)
    before = device.snapshot()
    refused(device.provision(given), code, rule)
    assert device.snapshot() == before
    assert isinstance(device.provision(world.provisioning()), Accepted)
    device.close()


def test_a_new_purse_has_the_room_that_its_policy_asks_for(world: World) -> None:
    """EPP-POL-018, EPP-GEN-017"""
    for name in ("max_given", "max_credited", "max_seen"):
        (world.directory / "new.db").unlink(missing_ok=True)
        greedy = replace(policy.default(), **{name: getattr(ROOM, name) + 1}).to_mapping()
        new_purse(world, replace(world.provisioning(), policy=greedy), Code.POLICY, "EPP-POL-018")
    (world.directory / "new.db").unlink()
    small = replace(policy.default(), capacity=2).to_mapping()
    full = replace(world.provisioning([1, 1, 1]), policy=small)
    new_purse(world, full, Code.PROVISION, "EPP-GEN-017")
    fits = replace(world.provisioning([1, 1]), policy=small)
    assert world.purse(provisioning=fits).balance == 2


@pytest.mark.parametrize(
    ("keys", "rule"),
    (
        ((), "EPP-KEY-066"),
        (("ours", "ours"), "EPP-KEY-067"),
        (("strange",), "EPP-KEY-068"),
        (("ours", "strange"), "EPP-KEY-068"),
    ),
    ids=str,
)
def test_the_scheme_keys_of_a_new_purse(world: World, keys: tuple[str, ...], rule: str) -> None:
    hexed = {"ours": world.scheme_key.hex(), "strange": bytes(32).hex()}
    given = world.provisioning()
    anchor: dict[str, Any] = {**given.anchor, "scheme_keys": [hexed[key] for key in keys]}
    new_purse(world, replace(given, anchor=anchor), Code.PROVISION, rule)


def test_a_scheme_key_that_is_over_is_no_fault(world: World) -> None:
    """EPP-KEY-069"""
    given = world.provisioning()
    over = Validity(valid_from=0, valid_to=EPOCH - 1)
    signed = world.device_keys(2, scheme={scheme_key_id(world.scheme_key): over})
    made = world.purse(provisioning=replace(given, anchor={**given.anchor, "device_keys": signed.hex()}))
    assert isinstance(made.device.order(RECEIVE), Accepted)
    refused(made.device.open(Side.RESPONDER), Code.ANCHOR_EXPIRED, "EPP-KEY-047")
