"""Chapter 3, scheme keys: which of several is used, how they come, and how they end."""

from typing import Literal

import pytest

from eiraku.conformance.suite.key_lists import NEXT, accept_keys
from eiraku.conformance.suite.negative_session import (
    PAYEES,
    RESPONDER,
    Attack,
    Part,
    refused_in_handshake,
    set_purpose,
)
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.peer import Manner, purse_id_item
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, World
from eiraku.reference.centres.roots import ALWAYS
from eiraku.reference.keylists import Validity
from eiraku.spec.errors import Code
from eiraku.spec.key_lists import Centre, scheme_key_id
from eiraku.spec.tables import Side

SINCE_NOW = Validity(valid_from=EPOCH, valid_to=EPOCH + 50)


def name(stage: Stage, scheme: dict[bytes, Validity], sequence: int = NEXT) -> None:
    """The wallet gets a device list that names these scheme keys, by the keys themselves."""
    named = {scheme_key_id(key): validity for key, validity in scheme.items()}
    accept_keys(stage, Centre.DEVICE, stage.world.device_keys(scheme=named, sequence=sequence))


def hand(stage: Stage, *keys: bytes) -> None:
    """The wallet gets scheme keys, and must accept them."""
    for key in keys:
        stage.order("scheme-key", key=key)


def two_keys(world: World) -> tuple[bytes, bytes]:
    """The one that the world uses, and another."""
    return world.scheme_key, world.random(32)


def meets(stage: Stage, side: Side, key: bytes) -> None:
    """A payment under one scheme key must go well."""
    world = stage.world
    before, world.scheme_key = world.scheme_key, key
    flows.give(stage, side, [world.holding(4)])
    world.scheme_key = before


def strange(stage: Stage, key: bytes) -> None:
    """As responder the wallet must not take part in a session under this key."""
    world = stage.world
    before, world.scheme_key = world.scheme_key, key
    state = stage.state()
    set_purpose(stage, RESPONDER)
    refused_in_handshake(stage, RESPONDER, Attack(at="message_1"))
    stage.unchanged(state, "handshake")
    world.scheme_key = before


@SIDES
@pytest.mark.level("smoke")
@pytest.mark.requirement("EPP-KEY-045", "EPP-KEY-046")
@pytest.mark.parametrize("restarted", (False, True), ids=["at-once", "after-a-restart"])
def test_successor(stage: Stage, side: Side, restarted: bool) -> None:  # noqa: FBT001
    """A wallet begins under the key that came into force last, and answers under either."""
    old, new = two_keys(stage.world)
    stage.begin()
    meets(stage, side, old)
    name(stage, {old: ALWAYS, new: SINCE_NOW})
    meets(stage, side, old)
    hand(stage, new)
    if restarted:
        stage.wallet.power_cut("now")
    meets(stage, side, new)
    if side is Side.RESPONDER:
        meets(stage, side, old)


@PAYEES
@pytest.mark.requirement("EPP-PID-010", "EPP-KEY-045", "EPP-KEY-046")
def test_purse_id_under_another_key_that_is_held(stage: Stage, part: Part) -> None:
    """A purse ID that is sealed under another scheme key than the session's is refused, though it is held"""
    old, new = two_keys(stage.world)
    stage.begin()
    name(stage, {old: SINCE_NOW, new: ALWAYS})
    hand(stage, new)
    meets(stage, part.side, old)
    state = stage.state()
    set_purpose(stage, part)
    attack = Attack(manner=lambda stage, peer: Manner(purse_id=(purse_id_item(stage, peer.purse_id, new),)))
    refused_in_handshake(stage, part, attack)
    stage.unchanged(state, "handshake")
    meets(stage, part.side, old)


@pytest.mark.requirement("EPP-KEY-045")
@pytest.mark.parametrize("first", (EPOCH + 1, EPOCH + 3))
def test_initiator_waits_for_the_successor(stage: Stage, first: int) -> None:
    """Before the first epoch of the successor a wallet begins under the earlier key."""
    world = stage.world
    old, new = two_keys(world)
    stage.begin()
    name(stage, {old: ALWAYS, new: Validity(valid_from=first, valid_to=first + 9)})
    hand(stage, new)
    meets(stage, Side.INITIATOR, old)
    if first > EPOCH + 1:
        stage.order("bulletin", bulletin=world.bulletin(first - 1))
        meets(stage, Side.INITIATOR, old)
    stage.order("bulletin", bulletin=world.bulletin(first))
    meets(stage, Side.INITIATOR, new)


@pytest.mark.requirement("EPP-KEY-045")
def test_initiator_takes_the_lowest_of_equals(stage: Stage) -> None:
    """Of keys that came into force in one epoch a wallet uses the one with the lowest identifier."""
    world = stage.world
    others = [world.random(32) for _ in range(3)]
    stage.begin()
    name(stage, {world.scheme_key: ALWAYS, **dict.fromkeys(others, SINCE_NOW)})
    hand(stage, *others)
    meets(stage, Side.INITIATOR, min(others, key=scheme_key_id))


@pytest.mark.requirement("EPP-KEY-046")
def test_responder_takes_a_key_before_its_time(stage: Stage) -> None:
    """A wallet answers under a key that is not in force for it yet, and not under one that is over."""
    world = stage.world
    old, new = two_keys(world)
    stage.begin()
    name(
        stage,
        {old: Validity(valid_from=0, valid_to=EPOCH), new: Validity(valid_from=EPOCH + 1, valid_to=900)},
    )
    hand(stage, new)
    meets(stage, Side.RESPONDER, new)
    meets(stage, Side.RESPONDER, old)
    stage.order("bulletin", bulletin=world.bulletin(EPOCH + 1))
    strange(stage, old)
    meets(stage, Side.RESPONDER, new)


@pytest.mark.requirement("EPP-KEY-046", "EPP-KEY-037")
def test_key_that_is_left_out(stage: Stage) -> None:
    """A key that the new list does not name is over at once."""
    world = stage.world
    old, new = two_keys(world)
    stage.begin()
    name(stage, {old: ALWAYS, new: SINCE_NOW})
    hand(stage, new)
    name(stage, {new: SINCE_NOW}, NEXT + 1)
    strange(stage, old)
    meets(stage, Side.RESPONDER, new)
    meets(stage, Side.INITIATOR, new)


@pytest.mark.requirement("EPP-KEY-046")
def test_keys_of_a_session_are_fixed(stage: Stage) -> None:
    """A session that waits for message_1 goes on under the list with which it was opened."""
    world = stage.world
    old, new = two_keys(world)
    stage.begin()
    held = [world.holding(4)]
    talk = flows.meet_payee(stage, Side.RESPONDER, 4)
    name(stage, {new: ALWAYS})
    offer = flows.offer_of(talk, held)
    flows.expect_accept(talk, offer, talk.send(offer))
    flows.expect_receipt(talk, offer, talk.send(flows.pay_of(talk, offer, held)))
    stage.order("receive")
    stage.refused(stage.open(Side.RESPONDER), Code.ANCHOR_EXPIRED, "open without a scheme key")
    hand(stage, new)
    strange(stage, old)


@SIDES
@pytest.mark.requirement("EPP-KEY-047")
def test_no_key_in_force(stage: Stage, side: Side) -> None:
    """Without a scheme key in force a wallet opens no session, and goes on when it gets one."""
    world = stage.world
    old, new = two_keys(world)
    stage.begin([world.holding(4, holder=world.wallet.number)])
    before = stage.state()
    name(stage, {new: ALWAYS, old: Validity(valid_from=EPOCH + 1, valid_to=900)})
    stage.refused(stage.open(side), Code.DECLINED, "open without a purpose")
    stage.order("pay", amount=4)
    stage.refused(stage.open(side), Code.ANCHOR_EXPIRED, "open without a scheme key")
    stage.equal(stage.state().balance, before.balance, "balance")
    hand(stage, new)
    world.scheme_key = new
    flows.take(stage, side, 4)


@pytest.mark.requirement("EPP-KEY-048")
def test_key_that_the_list_does_not_name(stage: Stage) -> None:
    """A scheme key is taken only if the device list names it."""
    world = stage.world
    _, new = two_keys(world)
    stage.begin()
    before = stage.state()
    for key in (new, bytes(32)):
        stage.refused(stage.act("scheme-key", key=key), Code.KEYS_SIGNATURE, "unknown scheme key")
    stage.unchanged(before, "an unknown scheme key")
    name(stage, {world.scheme_key: ALWAYS, new: ALWAYS})
    hand(stage, new)
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-KEY-049")
@pytest.mark.parametrize("when", ("before", "after"))
def test_power_fails_while_taking_a_key(stage: Stage, when: Literal["before", "after"]) -> None:
    """A scheme key is taken with one durable write; the one that is held is none."""
    world = stage.world
    old, new = two_keys(world)
    stage.begin()
    name(stage, {old: Validity(valid_from=0, valid_to=EPOCH), new: ALWAYS})
    stage.cut(when, "scheme-key", key=new)
    if when == "before":
        strange(stage, new)
        hand(stage, new)
    before = stage.state()
    hand(stage, new, old)
    stage.unchanged(before, "scheme keys that are held")
    meets(stage, Side.RESPONDER, new)


@pytest.mark.requirement("EPP-KEY-049")
def test_four_keys_are_held(stage: Stage) -> None:
    """A wallet holds four scheme keys and refuses a fifth, until one is over."""
    world = stage.world
    old = world.scheme_key
    more = [world.random(32) for _ in range(4)]
    ends = {old: EPOCH, **{key: 900 + n for n, key in enumerate(more)}}
    stage.begin()
    name(stage, {key: Validity(valid_from=0, valid_to=last) for key, last in ends.items()})
    hand(stage, *more[:3])
    before = stage.state()
    stage.refused(stage.act("scheme-key", key=more[3]), Code.CAPACITY, "a fifth scheme key")
    stage.unchanged(before, "a fifth scheme key")
    for key in (old, *more[:3]):
        meets(stage, Side.RESPONDER, key)
    stage.order("bulletin", bulletin=world.bulletin(EPOCH + 1))
    hand(stage, more[3])
    meets(stage, Side.RESPONDER, more[3])


@pytest.mark.requirement("EPP-KEY-049")
def test_a_key_that_is_over_is_erased(stage: Stage) -> None:
    """What is over when another key comes does not come back with a later list."""
    world = stage.world
    old, new = two_keys(world)
    stage.begin()
    name(stage, {new: ALWAYS})
    hand(stage, new)
    name(stage, {old: ALWAYS, new: ALWAYS}, NEXT + 1)
    strange(stage, old)
    hand(stage, old)
    meets(stage, Side.RESPONDER, old)


OVER = {
    "past": Validity(valid_from=0, valid_to=EPOCH - 1),
    "void": Validity(valid_from=EPOCH + 9, valid_to=EPOCH + 8),
}


@pytest.mark.requirement("EPP-KEY-065")
@pytest.mark.parametrize("held", (False, True), ids=["new", "held"])
@pytest.mark.parametrize("why", tuple(OVER))
def test_key_that_is_over_when_it_comes(stage: Stage, why: str, held: bool) -> None:  # noqa: FBT001
    """A scheme key that is over is refused, whether or not the wallet has it, and one of this epoch taken."""
    world = stage.world
    old, new = two_keys(world)
    late, last = (old, new) if held else (new, old)
    stage.begin()
    name(stage, {late: OVER[why], last: Validity(valid_from=0, valid_to=EPOCH)})
    before = stage.state()
    stage.refused(stage.act("scheme-key", key=late), Code.KEYS_STALE, "a scheme key that is over")
    stage.unchanged(before, "a scheme key that is over")
    hand(stage, last)
    meets(stage, Side.RESPONDER, last)
