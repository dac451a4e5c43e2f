"""Roles, purposes, epochs and provisioning (chapter 1)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from eiraku.conformance.adapter.client import State
from eiraku.conformance.suite.negative_session import (
    AMOUNT,
    PARTS,
    SIDES,
    Attack,
    Part,
    first_message,
    meet,
    money,
    refused_in_handshake,
    set_purpose,
    silent,
)
from eiraku.conformance.suite.plaintexts import flipped
from eiraku.conformance.tester.flows import give, still_alive, take
from eiraku.conformance.tester.peer import connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, FOREIGN_ECONOMY, LAST_EPOCH, Identity
from eiraku.reference.centres.device import PurseMasterKey
from eiraku.reference.centres.issuing import Holding
from eiraku.reference.crypto import cose, ed25519
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec import objects
from eiraku.spec.errors import Code
from eiraku.spec.messages import Reject
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
@pytest.mark.parametrize("part", SIDES)
def test_no_purpose(stage: Stage, part: Part) -> None:
    """A session without a purpose is declined"""
    stage.begin()
    meet(stage, part)
    before = stage.begin()
    declined(stage, part.side)
    silent(stage, b"\x40", Code.UNEXPECTED_MESSAGE, "bytes afterwards")
    stage.unchanged(before, "declined session")
    still_alive(stage)


@pytest.mark.requirement("EPP-GEN-002")
def test_initiator_that_only_receives(stage: Stage) -> None:
    """A wallet that only waits to be paid cannot be the initiator"""
    stage.begin()
    give(stage, Side.RESPONDER, [stage.world.holding(1)])
    before = stage.begin()
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


@pytest.mark.requirement("EPP-GEN-002")
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


# --- epoch -------------------------------------------------------------------------------------------------


def begin_without_bulletin(stage: Stage, holdings: list[Holding]) -> State:
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
    stage.equal(stage.state().epoch, 0, "epoch after a session with a purse of epoch 190")
    stage.order("bulletin", bulletin=world.bulletin(EPOCH))
    stage.equal(stage.state().epoch, EPOCH, "epoch after a bulletin")
    stage.wallet.power_cut("now")
    stage.equal(stage.state().epoch, EPOCH, "epoch after a loss of power")


@pytest.mark.requirement("EPP-GEN-003")
@pytest.mark.parametrize("part", SIDES)
def test_nothing_expires_without_a_bulletin(stage: Stage, part: Part) -> None:
    """Before the first bulletin a purse ID that expires in epoch 1 is good"""
    begin_without_bulletin(stage, [])
    meet(stage, part, peer=stage.world.purse(issued=1, expires=1, centre=_old(stage)))


def _old(stage: Stage) -> Any:
    return replace(stage.world.device, keys=stage.world.device.keys[:1])


# --- provisioning ------------------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-GEN-004")
@pytest.mark.level("smoke")
@pytest.mark.parametrize("side", [pytest.param(side, id=side.value) for side in Side])
@pytest.mark.parametrize("was", (False, True), ids=["never", "reset"])
def test_not_provisioned(stage: Stage, side: Side, was: bool) -> None:  # noqa: FBT001
    """A wallet that is not provisioned, or no longer, opens no session"""
    if was:
        stage.begin(money(stage, Part(side=side, pays=True)))
        stage.wallet.reset()
    before = stage.state()
    stage.equal((before.balance, before.units), (0, ()), "money")
    _not_provisioned(stage, side)
    # Both describe it: no session is open (EPP-REC-005), and there is nothing to open one with.
    silent(stage, b"\x40", (Code.UNEXPECTED_MESSAGE, Code.NOT_PROVISIONED), "bytes afterwards")
    stage.unchanged(before, "open")
    stage.provision()
    still_alive(stage)


def _not_provisioned(stage: Stage, side: Side) -> None:
    reply = stage.open(side)
    stage.refused(reply, Code.NOT_PROVISIONED, "open")
    stage.equal(reply.out, None, "message sent")


Arguments = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoilt:
    """Provisioning that is wrong in one thing."""

    identity: Callable[[Stage], Identity] = lambda stage: stage.world.wallet
    change: Callable[[Stage, Arguments], None] = lambda *_: None


def _by_stranger(stage: Stage) -> Identity:
    key = PurseMasterKey(key=SigningKey(stage.world.random(32)), valid_from=1, valid_to=LAST_EPOCH)
    return stage.world.purse(centre=replace(stage.world.device, keys=(key,)))


def _by_issuing_centre(stage: Stage) -> Identity:
    honest = stage.world.purse()
    key = stage.world.issuing.keys[-1]
    signed = cose.sign(key.unit_key, objects.CONTEXT_PURSE_ID, honest.claims.encode(), kid=key.kid)
    return replace(honest, purse_id=signed)


def _as_bulletin(stage: Stage) -> Identity:
    honest = stage.world.purse()
    return replace(honest, purse_id=stage.world.device.sign(objects.CONTEXT_BULLETIN, honest.claims.encode()))


def _altered(stage: Stage) -> Identity:
    honest = stage.world.purse()
    return replace(honest, purse_id=flipped(honest.purse_id, -1))


def _key_issued_too_late(stage: Stage) -> Identity:
    return stage.world.purse(centre=_old(stage), issued=61)


def _setting(*path: str, value: Callable[[Stage], object]) -> Callable[[Stage, Arguments], None]:
    def change(stage: Stage, arguments: Arguments) -> None:
        for name in path[:-1]:
            arguments = arguments[name]
        arguments[path[-1]] = value(stage)

    return change


def _unit(position: int, change: Callable[[Stage, bytes], bytes]) -> Callable[[Stage, Arguments], None]:
    def spoil(stage: Stage, arguments: Arguments) -> None:
        holding = arguments["holdings"][position]
        holding["unit"] = change(stage, holding["unit"])

    return spoil


def _signed_by(key: SigningKey, unit: bytes, context: bytes = objects.CONTEXT_UNIT) -> bytes:
    return cose.sign(key, context, cose.parse(unit).payload, kid=ed25519.key_id(key.public))


SPOILT: dict[str, Spoilt] = {
    "purse-id-by-a-stranger": Spoilt(identity=_by_stranger),
    "purse-id-by-the-issuing-centre": Spoilt(identity=_by_issuing_centre),
    "purse-id-signed-as-bulletin": Spoilt(identity=_as_bulletin),
    "purse-id-altered": Spoilt(identity=_altered),
    "purse-id-outside-validity-of-key": Spoilt(identity=_key_issued_too_late),
    "purse-id-other-seal": Spoilt(identity=lambda stage: stage.world.purse(seal=bytes(16))),
    "purse-id-foreign-economy": Spoilt(identity=lambda stage: stage.world.purse(economy=FOREIGN_ECONOMY)),
    "purse-id-tier-8": Spoilt(identity=lambda stage: stage.world.purse(tier=8)),
    "purse-id-number-zero": Spoilt(identity=lambda stage: stage.world.purse(number=bytes(8))),
    "purse-id-empty": Spoilt(change=_setting("purse", "purse_id", value=lambda _: b"")),
    "purse-id-of-another": Spoilt(
        change=_setting("purse", "purse_id", value=lambda stage: stage.world.peer.purse_id)
    ),
    "private-key-of-another": Spoilt(
        change=_setting("purse", "private_key", value=lambda stage: stage.world.peer.seed)
    ),
    "number-of-another": Spoilt(
        change=_setting("purse", "number", value=lambda stage: stage.world.peer.number)
    ),
    "other-device-seal-in-anchor": Spoilt(
        change=_setting("anchor", "device_seal", value=lambda _: bytes(16))
    ),
    "no-device-key-in-anchor": Spoilt(change=_setting("anchor", "device_keys", value=lambda _: [])),
    "first-unit-altered": Spoilt(change=_unit(0, lambda _, unit: flipped(unit, -1))),
    "second-unit-altered": Spoilt(change=_unit(1, lambda _, unit: flipped(unit, -1))),
    "last-unit-altered": Spoilt(change=_unit(2, lambda _, unit: flipped(unit, -1))),
    "last-unit-by-a-stranger": Spoilt(
        change=_unit(2, lambda stage, unit: _signed_by(SigningKey(stage.world.random(32)), unit))
    ),
    "last-unit-by-the-device-centre": Spoilt(
        change=_unit(2, lambda stage, unit: _signed_by(stage.world.device.keys[-1].key, unit))
    ),
    "last-unit-signed-as-endorsement": Spoilt(
        change=_unit(
            2,
            lambda stage, unit: _signed_by(
                stage.world.issuing.keys[-1].unit_key, unit, objects.CONTEXT_ENDORSEMENT
            ),
        )
    ),
    "last-unit-malformed": Spoilt(change=_unit(2, lambda _, unit: unit[:-1])),
}


@pytest.mark.requirement("EPP-GEN-005", "EPP-GEN-004")
@pytest.mark.parametrize("name", sorted(SPOILT))
def test_spoilt_provisioning(stage: Stage, name: str) -> None:
    """Provisioning that is wrong in one thing is refused, and leaves nothing behind"""
    spoilt = SPOILT[name]
    before = stage.begin(_three(stage, stage.world.wallet))
    stage.equal(before.balance, 7, "balance after right provisioning")
    stage.wallet.reset()
    before = stage.state()
    identity = spoilt.identity(stage)
    arguments = stage.world.provisioning(_three(stage, identity), identity=identity)
    spoilt.change(stage, arguments)
    stage.refused(stage.wallet.provision(**arguments), Code.PROVISION, "provision")
    stage.unchanged(before, "refused provisioning")
    stage.equal((before.balance, before.epoch, before.units), (0, 0, ()), "balance, epoch, units")
    for side in Side:
        _not_provisioned(stage, side)
    stage.provision()
    still_alive(stage)


def _three(stage: Stage, holder: Identity) -> list[Holding]:
    return [stage.world.holding(value, holder=holder.number) for value in (1, 2, 4)]
