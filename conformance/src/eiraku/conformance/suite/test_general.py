"""Roles, purposes and epochs (chapter 1)."""

from collections.abc import Callable

import pytest

from eiraku.conformance.adapter.client import State
from eiraku.conformance.suite.negative_session import (
    AMOUNT,
    PARTS,
    PAYEES,
    Attack,
    Part,
    first_message,
    meet,
    money,
    old_device_centre,
    refused_in_handshake,
    set_purpose,
    silent,
)
from eiraku.conformance.tester.flows import give, still_alive, take
from eiraku.conformance.tester.peer import connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH
from eiraku.spec.errors import Code
from eiraku.spec.messages import OfferedUnit, Reject
from eiraku.spec.tables import Side

# --- roles -------------------------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-GEN-001")
@pytest.mark.level("smoke")
@pytest.mark.parametrize("first", PARTS)
def test_every_part_in_turn(stage: Stage, first: Part) -> None:
    """One wallet plays all four parts, in any order, without being provisioned anew"""
    parts = [param.values[0] for param in PARTS]
    start = parts.index(first)
    stage.begin([stage.world.holding(AMOUNT, holder=stage.world.wallet.number)])
    expected = AMOUNT
    for part in parts[start:] + parts[:start]:
        assert isinstance(part, Part)
        if part.pays and expected == 0:
            give(stage, part.side, [stage.world.holding(AMOUNT)])
            expected += AMOUNT
        if part.pays:
            take(stage, part.side, AMOUNT)
        else:
            give(stage, part.side, [stage.world.holding(AMOUNT)])
        expected += -AMOUNT if part.pays else AMOUNT
        stage.equal(stage.state().balance, expected, f"balance after {part}")


# --- purposes ----------------------------------------------------------------------------------------------


def declined(stage: Stage, side: Side) -> None:
    """Opening must be refused, without a word to the peer."""
    reply = stage.open(side)
    stage.refused(reply, Code.DECLINED, "open")
    stage.equal(reply.out, None, "message sent")
    stage.equal(reply.session, "closed", "session after open")


@pytest.mark.requirement("EPP-GEN-002")
@PAYEES
def test_no_purpose(stage: Stage, part: Part) -> None:
    """A session without a purpose is declined"""
    stage.begin()
    meet(stage, part)
    stage.begin()
    before = stage.state()
    declined(stage, part.side)
    silent(stage, b"\x40", Code.UNEXPECTED_MESSAGE, "bytes afterwards")
    stage.unchanged(before, "declined session")
    still_alive(stage)


@pytest.mark.requirement("EPP-GEN-021")
def test_initiator_that_only_receives(stage: Stage) -> None:
    """A wallet that only waits to be paid cannot be the initiator"""
    stage.begin()
    give(stage, Side.RESPONDER, [stage.world.holding(1)])
    stage.begin()
    before = stage.state()
    stage.order("receive")
    declined(stage, Side.INITIATOR)
    stage.unchanged(before, "declined session")
    still_alive(stage)


def _whole(stage: Stage, part: Part) -> None:
    if part.pays:
        take(stage, part.side, AMOUNT)
    else:
        give(stage, part.side, [stage.world.holding(AMOUNT)])


def _only_opened(stage: Stage, part: Part) -> None:
    set_purpose(stage, part)
    first_message(stage, part)


def _handshake_only(stage: Stage, part: Part) -> None:
    set_purpose(stage, part)
    connect(stage, part.side)


def _handshake_refused(stage: Stage, part: Part) -> None:
    set_purpose(stage, part)
    refused_in_handshake(stage, part, Attack(), peer=stage.world.purse(seal=bytes(16)))


def _peer_declined(stage: Stage, part: Part) -> None:
    set_purpose(stage, part)
    talk = connect(stage, part.side)
    answer = talk.send(Reject(code=int(Code.AMOUNT), index=None))
    stage.equal(answer.reply.session, "closed", "session after REJECT")


SESSIONS: dict[str, Callable[[Stage, Part], None]] = {
    "finished": _whole,
    "only-opened": _only_opened,
    "handshake-only": _handshake_only,
    "handshake-refused": _handshake_refused,
    "rejected-by-the-peer": _peer_declined,
}


@pytest.mark.requirement("EPP-GEN-022")
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("name", sorted(SESSIONS))
def test_purpose_serves_one_session(stage: Stage, name: str, part: Part) -> None:
    """After a session, however it ended, its purpose is gone"""
    stage.begin([*money(stage, part), *money(stage, part)])
    SESSIONS[name](stage, part)
    before = stage.state()
    for side in Side:
        declined(stage, side)
    stage.unchanged(before, "declined sessions")
    still_alive(stage)


@pytest.mark.requirement("EPP-GEN-023")
@pytest.mark.parametrize("part", PARTS)
def test_new_purpose_replaces_the_old(stage: Stage, part: Part) -> None:
    """Of two purposes the last one holds"""
    first = Part(side=part.side, pays=not part.pays)
    stage.begin(money(stage, Part(side=part.side, pays=True)))
    set_purpose(stage, first, 1 if part.pays else AMOUNT)
    _whole(stage, part)
    declined(stage, part.side)


@pytest.mark.requirement("EPP-GEN-024")
@pytest.mark.parametrize("part", PARTS)
def test_refused_order_keeps_the_purpose(stage: Stage, part: Part) -> None:
    """A refused order leaves the purpose that was set before"""
    stage.begin(money(stage, part))
    set_purpose(stage, part)
    stage.refused(stage.act("pay", amount=0), Code.AMOUNT, "pay 0")
    stage.refused(
        stage.act("redeliver", transaction=bytes(16)), Code.UNKNOWN_TRANSACTION, "redeliver nothing"
    )
    talk = connect(stage, part.side)
    stage.equal(talk.opening is not None, part.side is Side.INITIATOR, "whether the wallet speaks first")


@pytest.mark.requirement("EPP-GEN-024")
def test_refused_opening_keeps_the_purpose(stage: Stage) -> None:
    """A purpose to receive, declined as initiator, still serves as responder"""
    stage.begin()
    stage.order("receive")
    declined(stage, Side.INITIATOR)
    connect(stage, Side.RESPONDER)
    declined(stage, Side.RESPONDER)


@pytest.mark.requirement("EPP-GEN-025")
@pytest.mark.parametrize("part", PARTS)
def test_purpose_is_volatile(stage: Stage, part: Part) -> None:
    """A loss of power removes the purpose"""
    stage.begin(money(stage, part))
    before = stage.state()
    set_purpose(stage, part)
    stage.wallet.power_cut("now")
    declined(stage, part.side)
    stage.unchanged(before, "declined session")
    still_alive(stage)


# --- epoch -------------------------------------------------------------------------------------------------


def begin_without_bulletin(stage: Stage, holdings: list[OfferedUnit]) -> State:
    """Reset the wallet and provision it without a bulletin."""
    stage.wallet.reset()
    stage.evidence.steps.clear()
    reply = stage.wallet.provision(**{**stage.world.provisioning(holdings), "bulletin": None})
    stage.accepted(reply, "provision without a bulletin")
    return stage.state()


@pytest.mark.requirement("EPP-GEN-003")
@pytest.mark.parametrize("part", PARTS)
def test_epoch_comes_from_bulletins(stage: Stage, part: Part) -> None:
    """The epoch is 0 before the first bulletin, then the bulletin's, and nothing else moves it"""
    world = stage.world
    held = [world.holding(AMOUNT, holder=world.wallet.number, issued=180)] * part.pays
    stage.equal(begin_without_bulletin(stage, held).epoch, 0, "epoch before the first bulletin")
    late = world.purse(issued=190)
    if part.pays:
        take(stage, part.side, AMOUNT, peer=late)
    else:
        unit = world.holding(AMOUNT, holder=late.number, issued=180)
        give(stage, part.side, [unit], peer=late)
    stage.equal(stage.epoch(), 0, "epoch after a session with a purse of epoch 190")
    stage.order("bulletin", bulletin=world.bulletin(EPOCH))
    stage.equal(stage.epoch(), EPOCH, "epoch after a bulletin")
    stage.wallet.power_cut("now")
    stage.equal(stage.epoch(), EPOCH, "epoch after a loss of power")


@pytest.mark.requirement("EPP-GEN-003")
@PAYEES
def test_nothing_expires_without_a_bulletin(stage: Stage, part: Part) -> None:
    """Before the first bulletin a purse ID that expires in epoch 1 is good"""
    begin_without_bulletin(stage, [])
    meet(stage, part, peer=stage.world.purse(issued=1, expires=1, centre=old_device_centre(stage)))


@pytest.mark.requirement("EPP-GEN-003")
@pytest.mark.parametrize("side", [pytest.param(side, id=side.value) for side in Side])
def test_peer_does_not_tell_the_time(stage: Stage, side: Side) -> None:
    """A peer from a later epoch makes nothing expire, in its session or after it"""
    world = stage.world
    late, soon = world.purse(issued=190), world.purse(expires=150)
    stage.begin()
    for peer in (late, soon):
        give(stage, side, [world.holding(AMOUNT, holder=peer.number, expires=150)], peer=peer)
    take(stage, side, AMOUNT, peer=late)
    stage.equal(stage.epoch(), EPOCH, "epoch")
