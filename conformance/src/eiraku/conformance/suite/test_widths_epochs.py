"""Epochs of more than 8, 16 and 31 bits, wherever two of them are compared."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from eiraku.conformance.suite.key_lists import accept_keys, listed
from eiraku.conformance.suite.memory import refuse_offer, repeat
from eiraku.conformance.suite.negative_session import Attack, Part, refused_in_handshake, set_purpose
from eiraku.conformance.suite.payer import own
from eiraku.conformance.suite.sides import BOTH_SIDES
from eiraku.conformance.suite.test_scheme_keys import hand, meets, name, strange, two_keys
from eiraku.conformance.suite.test_transfer_orders import refuse_order
from eiraku.conformance.suite.widths import EPOCHS, Field, begin_at, each, without_end
from eiraku.conformance.tester import bulletins, flows
from eiraku.conformance.tester.policies import policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import Identity, World
from eiraku.reference.centres.roots import ALWAYS
from eiraku.reference.keylists import Validity
from eiraku.spec.errors import Code
from eiraku.spec.key_lists import Centre
from eiraku.spec.shape import EPOCH_MAX
from eiraku.spec.tables import Side

PAYEE = Side.RESPONDER


def _meet(stage: Stage, peer: Identity) -> None:
    """The wallet must deal with the peer, on either side."""
    for side in BOTH_SIDES:
        flows.give(stage, side, [stage.world.holding(1, holder=peer.number)], peer=peer)


def _refuse(stage: Stage, peer: Identity, code: Code) -> None:
    """The wallet must refuse the peer in the handshake, on either side."""
    before = stage.state()
    for side in BOTH_SIDES:
        part = Part(side=side)
        set_purpose(stage, part)
        refused_in_handshake(stage, part, Attack(codes=code), peer=peer)
    stage.unchanged(before, "refused handshakes")


# --- expiry -------------------------------------------------------------------------------------------------


def _purse_lives(stage: Stage, base: int) -> None:
    world = begin_at(stage, 5)
    _meet(stage, world.purse(issued=0, expires=base + 3))


def _purse_expired(stage: Stage, base: int) -> None:
    world = begin_at(stage, base + 1)
    _refuse(stage, world.purse(issued=0, expires=2), Code.PURSE_EXPIRED)


def _unit_lives(stage: Stage, base: int) -> None:
    world = begin_at(stage, 5)
    flows.give(stage, PAYEE, [world.holding(4, issued=0, expires=base + 3)])
    flows.take(stage, PAYEE, 4)


def _unit_expired(stage: Stage, base: int) -> None:
    world = begin_at(stage, base + 1)
    refuse_offer(stage, world.holding(4, issued=0, expires=2), Code.UNIT_EXPIRED, 0)
    stage.begin(own(world, (4,), issued=0, expires=2), bulletin=world.bulletin(base + 1))
    refuse_order(stage, Code.INSUFFICIENT_FUNDS, amount=4)


def _list_lives(stage: Stage, base: int) -> None:
    world = begin_at(stage, 5)
    for centre in Centre:
        accept_keys(stage, centre, listed(world, centre, expires=base + 3))
    flows.still_alive(stage)


def _list_expired(stage: Stage, base: int) -> None:
    for centre in Centre:
        world = begin_at(stage, base + 1)
        accept_keys(stage, centre, listed(world, centre, expires=2))
        stage.order("receive")
        stage.refused(stage.open(PAYEE), Code.ANCHOR_EXPIRED, "open under a list that has expired")


# --- what is kept, and takes room ---------------------------------------------------------------------------


def _kept(stage: Stage, base: int) -> None:
    """Seen, credited and settled, with a unit that has not expired."""
    world = without_end(stage.world)
    world.policy = policy(max_given=1)
    stage.begin(own(world, (1,)), bulletin=world.bulletin(5))
    held = world.holding(4, issued=0, expires=base + 9)
    payment = flows.give(stage, PAYEE, [held])
    flows.take(stage, PAYEE, 4)
    stage.order("bulletin", bulletin=world.bulletin(20))
    repeat(stage, PAYEE, payment)
    refuse_offer(stage, held, Code.UNIT_SEEN, 0)
    refuse_order(stage, Code.CAPACITY, amount=1)


def _freed(stage: Stage, base: int) -> None:
    """Seen, credited and settled, with a unit that has expired: there is room again."""
    world = without_end(stage.world)
    world.policy = policy(max_given=1, max_credited=1, max_seen=1, capacity=1)
    stage.begin(bulletin=world.bulletin(5))
    flows.give(stage, PAYEE, [world.holding(4, issued=0, expires=9)])
    flows.take(stage, PAYEE, 4)
    refuse_offer(stage, world.holding(1), Code.CAPACITY)
    stage.order("bulletin", bulletin=world.bulletin(base + 5))
    flows.give(stage, PAYEE, [world.holding(1)])
    flows.take(stage, PAYEE, 1)


# --- validity of keys ---------------------------------------------------------------------------------------

Present = Callable[[Stage, int, int, int, bool], None]
"""An object of an epoch under a key with a first and a last epoch, which is good or not."""


def _unit_under(stage: Stage, epoch: int, first: int, last: int, good: bool) -> None:  # noqa: FBT001
    world = without_end(stage.world)
    world.issuing = replace(world.issuing, keys=(world.money_key(first, last), *world.issuing.keys))
    stage.begin(bulletin=world.bulletin(1))
    centre = replace(world.issuing, keys=world.issuing.keys[:1])
    held = world.holding(4, centre=centre, issued=epoch)
    if good:
        flows.give(stage, PAYEE, [held])
        flows.take(stage, PAYEE, 4)
    else:
        refuse_offer(stage, held, Code.UNIT_SIGNATURE, 0)


def _narrow(stage: Stage, first: int, last: int) -> World:
    world = without_end(stage.world)
    world.device = replace(world.device, keys=(world.master_key(first, last), *world.device.keys))
    stage.begin(bulletin=world.bulletin(1))
    return world


def _purse_under(stage: Stage, epoch: int, first: int, last: int, good: bool) -> None:  # noqa: FBT001
    world = _narrow(stage, first, last)
    peer = world.purse(centre=replace(world.device, keys=world.device.keys[:1]), issued=epoch)
    if good:
        _meet(stage, peer)
    else:
        _refuse(stage, peer, Code.AUTHENTICATION)


def _bulletin_under(stage: Stage, epoch: int, first: int, last: int, good: bool) -> None:  # noqa: FBT001
    world = _narrow(stage, first, last)
    centre = replace(world.device, keys=world.device.keys[:1])
    before = stage.state()
    reply = stage.act(
        "bulletin",
        bulletin=centre.bulletin(epoch=epoch, revoked=(), policy_digest=stage.world.drawn.policy_digest),
    )
    if good:
        stage.accepted(reply, "bulletin")
        stage.equal(stage.epoch(), epoch, "epoch")
    else:
        stage.refused(reply, Code.BULLETIN_SIGNATURE, "bulletin")
        stage.unchanged(before, "bulletin")


def _first(present: Present) -> Field:
    """`from` of a key, and the epoch that is compared with it."""
    return Field(
        rules=("EPP-KEY-009",),
        bits=EPOCHS,
        right=lambda stage, base: present(stage, base + 5, base, EPOCH_MAX, True),
        wrong=lambda stage, base: present(stage, 5, base + 1, EPOCH_MAX, False),
    )


def _last(present: Present) -> Field:
    """`to` of a key, and the epoch that is compared with it."""
    return Field(
        rules=("EPP-KEY-009",),
        bits=EPOCHS,
        right=lambda stage, base: present(stage, 5, 0, base + 3, True),
        wrong=lambda stage, base: present(stage, base + 5, 0, 9, False),
    )


# --- scheme keys --------------------------------------------------------------------------------------------


def _scheme_key_lasts(stage: Stage, base: int) -> None:
    world = begin_at(stage, 5)
    name(stage, {world.scheme_key: Validity(valid_from=0, valid_to=base + 3)})
    for side in BOTH_SIDES:
        meets(stage, side, world.scheme_key)


def _scheme_key_over(stage: Stage, base: int) -> None:
    world = begin_at(stage, base + 1)
    old, new = two_keys(world)
    name(stage, {old: Validity(valid_from=0, valid_to=2), new: ALWAYS})
    hand(stage, new)
    strange(stage, old)
    meets(stage, PAYEE, new)


def _later_scheme_key(stage: Stage, base: int) -> None:
    world = begin_at(stage, base + 2)
    old, new = two_keys(world)
    name(
        stage,
        {
            old: Validity(valid_from=3, valid_to=EPOCH_MAX),
            new: Validity(valid_from=base + 1, valid_to=EPOCH_MAX),
        },
    )
    hand(stage, new)
    meets(stage, Side.INITIATOR, new)


def _scheme_key_of_later(stage: Stage, base: int) -> None:
    world = begin_at(stage, 5)
    old, new = two_keys(world)
    name(stage, {old: ALWAYS, new: Validity(valid_from=base + 1, valid_to=EPOCH_MAX)})
    hand(stage, new)
    meets(stage, Side.INITIATOR, old)


# --- the clock ----------------------------------------------------------------------------------------------


def _clock_goes_on(stage: Stage, base: int) -> None:
    world = begin_at(stage, 5)
    for epoch in (base + 1, EPOCH_MAX):
        stage.order("bulletin", bulletin=world.bulletin(epoch))
        stage.equal(stage.epoch(), epoch, "epoch")
        stage.wallet.power_cut("now")
        stage.equal(stage.epoch(), epoch, "epoch after a loss of power")
    flows.still_alive(stage)


def _clock_goes_back(stage: Stage, base: int) -> None:
    world = begin_at(stage, base + 9)
    before = stage.state()
    stage.refused(stage.act("bulletin", bulletin=world.bulletin(12)), Code.BULLETIN_STALE, "bulletin")
    stage.unchanged(before, "an old bulletin")


def _delta(world: World, since: int, epoch: int) -> bytes:
    number = int.from_bytes(world.peer.number, "big")
    return bulletins.by_delta(world, [number], bulletins.delta(world, since, [], [number]), epoch=epoch)


def _delta_from_here(stage: Stage, base: int) -> None:
    world = begin_at(stage, base + 5)
    stage.order("bulletin", bulletin=_delta(world, base + 5, base + 6))
    _refuse(stage, world.peer, Code.PURSE_REVOKED)


def _delta_from_elsewhere(stage: Stage, base: int) -> None:
    for held, since in ((5, base + 5), (base + 5, 5)):
        world = begin_at(stage, held)
        before = stage.state()
        reply = stage.act("bulletin", bulletin=_delta(world, since, base + 9))
        stage.refused(reply, Code.BULLETIN_STALE, "delta from another bulletin")
        stage.unchanged(before, "delta from another bulletin")


def _field(right: Callable[[Stage, int], None], wrong: Callable[[Stage, int], None], *rules: str) -> Field:
    return Field(rules=rules, bits=EPOCHS, right=right, wrong=wrong)


FIELDS = {
    "expiry-of-a-purse-id": _field(_purse_lives, _purse_expired, "EPP-PID-004"),
    "expiry-of-a-unit": _field(_unit_lives, _unit_expired, "EPP-UNI-005"),
    "expiry-of-a-list": _field(_list_lives, _list_expired, "EPP-KEY-043"),
    "expiry-of-what-is-kept": _field(
        _kept, _freed, "EPP-CRS-016", "EPP-CRS-020", "EPP-CRS-021", "EPP-CRS-022"
    ),
    "first-of-a-money-key": _first(_unit_under),
    "last-of-a-money-key": _last(_unit_under),
    "first-of-a-master-key": _first(_purse_under),
    "last-of-a-master-key": _last(_purse_under),
    "first-of-a-master-key-for-bulletins": _first(_bulletin_under),
    "last-of-a-master-key-for-bulletins": _last(_bulletin_under),
    "last-of-a-scheme-key": _field(_scheme_key_lasts, _scheme_key_over, "EPP-KEY-046"),
    "first-of-a-scheme-key": _field(_later_scheme_key, _scheme_key_of_later, "EPP-KEY-045"),
    "epoch-of-a-bulletin": _field(_clock_goes_on, _clock_goes_back, "EPP-BUL-002"),
    "epoch-of-a-delta": _field(_delta_from_here, _delta_from_elsewhere, "EPP-BUL-021"),
}


@pytest.mark.parametrize(("field", "base"), each(FIELDS))
def test_whole_epoch_is_right(stage: Stage, field: Field, base: int) -> None:
    """A wallet accepts what is right by whole epochs, though their low bits would be wrong."""
    field.right(stage, base)


@pytest.mark.parametrize(("field", "base"), each(FIELDS))
def test_low_bits_of_an_epoch_are_right(stage: Stage, field: Field, base: int) -> None:
    """A wallet refuses what is wrong by whole epochs, though their low bits would be right."""
    field.wrong(stage, base)
