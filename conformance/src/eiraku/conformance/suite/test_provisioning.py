"""Provisioning: all of it or nothing (chapter 1)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from eiraku.conformance.suite.negative_session import (
    Part,
    money,
    old_device_centre,
    silent,
)
from eiraku.conformance.suite.plaintexts import flipped
from eiraku.conformance.tester import bulletins
from eiraku.conformance.tester.drawn import Economy
from eiraku.conformance.tester.flows import still_alive, take
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, LAST_EPOCH, Identity, World
from eiraku.reference.crypto import cose, ed25519
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec import objects
from eiraku.spec.errors import Code
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import history_size
from eiraku.spec.revoked import CHUNK, coded
from eiraku.spec.tables import Side


@pytest.mark.requirement("EPP-GEN-004")
@pytest.mark.level("smoke")
@pytest.mark.parametrize("side", [pytest.param(side, id=side.value) for side in Side])
@pytest.mark.parametrize("was", (False, True), ids=["never", "reset"])
def test_not_provisioned(stage: Stage, side: Side, was: bool) -> None:  # noqa: FBT001
    """A wallet that is not provisioned, or no longer, opens no session, takes no order and reads no bytes"""
    if was:
        stage.begin(money(stage, Part(side=side, pays=True)))
        stage.wallet.reset()
    before = stage.state()
    stage.equal((before.balance, before.units), (0, ()), "money")
    _not_provisioned(stage, side)
    silent(stage, b"\x40", Code.NOT_PROVISIONED, "bytes afterwards")
    for order in (("receive", {}), ("pay", {"amount": 1}), ("request", {"amount": 1, "reference": ""})):
        stage.refused(stage.act(order[0], **order[1]), Code.NOT_PROVISIONED, order[0])
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
    change: Callable[[Stage, Arguments], object] = lambda *_: None
    code: Code = Code.PROVISION
    rule: str = "EPP-GEN-008"
    """The requirement that demands the refusal."""


def _by_stranger(stage: Stage) -> Identity:
    key = stage.world.master_key(1, LAST_EPOCH)
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
    return stage.world.purse(centre=old_device_centre(stage), issued=61)


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


def _other_unit(value: int = 4, **changes: Any) -> Callable[[Stage, Arguments], None]:
    """The last holding is of a unit that the issuing centre signed, but should not have."""

    def spoil(stage: Stage, arguments: Arguments) -> None:
        held = stage.world.holding(value, holder=arguments["purse"]["number"], **changes)
        arguments["holdings"][2] = {"unit": held.unit, "hop": held.hop, "history": held.history}

    return spoil


def _setting_last(name: str, change: Callable[[Any], object]) -> Callable[[Stage, Arguments], None]:
    def spoil(_: Stage, arguments: Arguments) -> None:
        arguments["holdings"][2][name] = change(arguments["holdings"][2][name])

    return spoil


def _stranger_bulletin(stage: Stage) -> bytes:
    key = stage.world.master_key(1, LAST_EPOCH)
    centre = replace(stage.world.device, keys=(key,))
    return centre.bulletin(epoch=EPOCH, revoked=(), policy_digest=stage.world.drawn.policy_digest)


def _wrong_list(world: World) -> bytes:
    return bulletins.update(world, replace(coded((5, 7, 20)), k=1), epoch=EPOCH)


def _first_by_delta(world: World) -> bytes:
    return bulletins.by_delta(world, [5], bulletins.delta(world, 0, [], [5]), epoch=EPOCH)


def _two_chunks(world: World) -> bytes:
    return bulletins.update(world, coded(bulletins.SQUARES), epoch=EPOCH)


def _signed_by(key: SigningKey, unit: bytes, context: bytes = objects.CONTEXT_UNIT) -> bytes:
    return cose.sign(key, context, cose.parse(unit).payload, kid=ed25519.key_id(key.public))


def _moved_on(held: dict[str, Any]) -> dict[str, Any]:
    hop = held["hop"] + 1
    return {**held, "hop": hop, "history": bytes(history_size(hop))}


def _of_hop_256(stage: Stage) -> bytes:
    """A sealed history of the size that the next layer would give it."""
    return stage.world.random(objects.history_size(255) + 153)


SPOILT: dict[str, Spoilt] = {
    "purse-id-by-a-stranger": Spoilt(identity=_by_stranger, rule="EPP-GEN-011"),
    "purse-id-by-the-issuing-centre": Spoilt(identity=_by_issuing_centre, rule="EPP-GEN-011"),
    "purse-id-signed-as-bulletin": Spoilt(identity=_as_bulletin, rule="EPP-GEN-011"),
    "purse-id-altered": Spoilt(identity=_altered, rule="EPP-GEN-011"),
    "purse-id-outside-validity-of-key": Spoilt(identity=_key_issued_too_late, rule="EPP-GEN-011"),
    "purse-id-other-seal": Spoilt(
        identity=lambda stage: stage.world.purse(seal=bytes(16)), rule="EPP-GEN-011"
    ),
    "purse-id-foreign-economy": Spoilt(
        identity=lambda stage: stage.world.purse(economy=Economy.FOREIGN), rule="EPP-GEN-011"
    ),
    "purse-id-tier-8": Spoilt(identity=lambda stage: stage.world.purse(tier=8), rule="EPP-GEN-011"),
    "purse-id-number-zero": Spoilt(
        identity=lambda stage: stage.world.purse(number=bytes(8)), rule="EPP-GEN-011"
    ),
    "purse-id-empty": Spoilt(change=_setting("purse", "purse_id", value=lambda _: b""), rule="EPP-GEN-011"),
    "purse-id-of-another": Spoilt(
        change=_setting("purse", "purse_id", value=lambda stage: stage.world.peer.purse_id),
        rule="EPP-GEN-012",
    ),
    "private-key-of-another": Spoilt(
        change=_setting("purse", "private_key", value=lambda stage: stage.world.peer.seed), rule="EPP-GEN-012"
    ),
    "number-of-another": Spoilt(
        change=_setting("purse", "number", value=lambda stage: stage.world.peer.number), rule="EPP-GEN-013"
    ),
    "other-device-seal-in-anchor": Spoilt(
        change=_setting("anchor", "device_seal", value=lambda _: bytes(16)), rule="EPP-GEN-011"
    ),
    "first-unit-altered": Spoilt(change=_unit(0, lambda _, unit: flipped(unit, -1)), rule="EPP-GEN-014"),
    "second-unit-altered": Spoilt(change=_unit(1, lambda _, unit: flipped(unit, -1)), rule="EPP-GEN-014"),
    "last-unit-altered": Spoilt(change=_unit(2, lambda _, unit: flipped(unit, -1)), rule="EPP-GEN-014"),
    "last-unit-by-a-stranger": Spoilt(
        change=_unit(2, lambda stage, unit: _signed_by(SigningKey(stage.world.random(32)), unit)),
        rule="EPP-GEN-014",
    ),
    "last-unit-by-the-device-centre": Spoilt(
        change=_unit(2, lambda stage, unit: _signed_by(stage.world.device.keys[-1].key, unit)),
        rule="EPP-GEN-014",
    ),
    "last-unit-signed-as-endorsement": Spoilt(
        change=_unit(
            2,
            lambda stage, unit: _signed_by(
                stage.world.issuing.keys[-1].unit_key, unit, objects.CONTEXT_ENDORSEMENT
            ),
        ),
        rule="EPP-GEN-014",
    ),
    "last-unit-malformed": Spoilt(change=_unit(2, lambda _, unit: unit[:-1]), rule="EPP-GEN-014"),
    "last-unit-other-seal": Spoilt(change=_other_unit(seal=bytes(16)), rule="EPP-GEN-014"),
    "last-unit-foreign-economy": Spoilt(change=_other_unit(economy=Economy.FOREIGN), rule="EPP-GEN-014"),
    "last-unit-of-3": Spoilt(change=_other_unit(value=3), rule="EPP-GEN-014"),
    "last-unit-issued-after-it-expires": Spoilt(
        change=_other_unit(issued=150, expires=149), rule="EPP-GEN-014"
    ),
    "last-history-too-short": Spoilt(
        change=_setting_last("history", lambda found: found[:-1]), rule="EPP-GEN-015"
    ),
    "last-history-too-long": Spoilt(
        change=_setting_last("history", lambda found: found + b"\0"), rule="EPP-GEN-015"
    ),
    "last-history-missing": Spoilt(change=_setting_last("history", lambda _: b""), rule="EPP-GEN-015"),
    "last-hop-256": Spoilt(
        change=lambda stage, found: found["holdings"][2].update(hop=256, history=_of_hop_256(stage)),
        rule="EPP-GEN-015",
    ),
    "last-hop-does-not-fit": Spoilt(change=_setting_last("hop", lambda hop: hop + 1), rule="EPP-GEN-015"),
    "unit-twice": Spoilt(
        change=lambda _, found: found["holdings"].append(found["holdings"][0]), rule="EPP-GEN-016"
    ),
    "unit-twice-at-two-hops": Spoilt(
        change=lambda _, found: found["holdings"].append(_moved_on(found["holdings"][0])), rule="EPP-GEN-016"
    ),
    "policy-empty": Spoilt(change=_setting("policy", value=lambda _: {}), code=Code.POLICY),
    "policy-before-purse-id": Spoilt(
        identity=_by_stranger, change=_setting("policy", value=lambda _: {}), code=Code.POLICY
    ),
    "bulletin-by-a-stranger": Spoilt(
        change=_setting("bulletin", value=_stranger_bulletin),
        code=Code.BULLETIN_SIGNATURE,
        rule="EPP-BUL-001",
    ),
    "bulletin-of-a-wrong-list": Spoilt(
        change=_setting("bulletin", value=lambda stage: _wrong_list(stage.world)), code=Code.MALFORMED
    ),
    "bulletin-by-a-delta": Spoilt(
        change=_setting("bulletin", value=lambda stage: _first_by_delta(stage.world)),
        code=Code.BULLETIN_STALE,
    ),
    "bulletin-beyond-the-policy": Spoilt(
        change=lambda stage, found: found.update(
            policy={**found["policy"], "max_bulletin": CHUNK}, bulletin=_two_chunks(stage.world)
        ),
        code=Code.TOO_LARGE,
        rule="EPP-BUL-010",
    ),
    "purse-id-before-bulletin": Spoilt(
        identity=_by_stranger, change=_setting("bulletin", value=_stranger_bulletin)
    ),
    "unit-before-bulletin": Spoilt(
        change=lambda stage, found: (
            _unit(2, lambda _, unit: flipped(unit, -1))(stage, found),
            found.update(bulletin=_stranger_bulletin(stage)),
        )
    ),
}


@pytest.mark.requirement("EPP-GEN-005", "EPP-GEN-004")
@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.requirement(SPOILT[name].rule)) for name in sorted(SPOILT)],
)
def test_spoilt_provisioning(stage: Stage, name: str) -> None:
    """Provisioning that is wrong in one thing is refused, and leaves nothing behind"""
    refuse_spoilt(stage, SPOILT[name])


def refuse_spoilt(stage: Stage, spoilt: Spoilt) -> None:
    """A wallet takes right provisioning, refuses what is wrong in one thing, and can be provisioned then."""
    stage.begin(_three(stage, stage.world.wallet))
    before = stage.state()
    stage.equal(before.balance, 7, "balance after right provisioning")
    stage.wallet.reset()
    before = stage.state()
    identity = spoilt.identity(stage)
    arguments = stage.world.provisioning(_three(stage, identity), identity=identity)
    spoilt.change(stage, arguments)
    stage.refused(stage.wallet.provision(**arguments), spoilt.code, "provision")
    stage.unchanged(before, "refused provisioning")
    stage.equal((before.balance, before.epoch, before.units), (0, 0, ()), "balance, epoch, units")
    for side in Side:
        _not_provisioned(stage, side)
    stage.provision()
    still_alive(stage)


def _three(stage: Stage, holder: Identity) -> list[OfferedUnit]:
    return [stage.world.holding(value, holder=holder.number) for value in (1, 2, 4)]


@pytest.mark.requirement("EPP-GEN-007")
@pytest.mark.parametrize("same", (True, False), ids=["same", "other"])
def test_second_provisioning(stage: Stage, same: bool) -> None:  # noqa: FBT001
    """A wallet that is provisioned refuses to be provisioned again, and stays as it was"""
    stage.begin(_three(stage, stage.world.wallet))
    before = stage.state()
    identity = stage.world.wallet if same else stage.world.purse()
    again = stage.world.provisioning([], identity=identity)
    stage.refused(stage.wallet.provision(**again), Code.PROVISION, "second provisioning")
    # EPP-GEN-008: before anything that is given is looked at.
    again["policy"] = {}
    stage.refused(stage.wallet.provision(**again), Code.PROVISION, "second provisioning")
    stage.unchanged(before, "second provisioning")
    stage.equal(stage.state().balance, 7, "balance")
    still_alive(stage)


@pytest.mark.requirement("EPP-GEN-018")
def test_expired_unit_is_no_fault(stage: Stage) -> None:
    """A wallet can be provisioned with a unit that has expired"""
    expired = stage.world.holding(4, holder=stage.world.wallet.number, expires=EPOCH - 1)
    stage.provision([expired])
    still_alive(stage)


@pytest.mark.requirement("EPP-GEN-019")
def test_expired_purse_id_is_no_fault(stage: Stage) -> None:
    """A wallet can be provisioned with a purse ID that has expired, and takes part in sessions"""
    expired = stage.world.purse(expires=EPOCH - 1)
    stage.begin([stage.world.holding(4, holder=expired.number)], identity=expired)
    stage.equal(stage.epoch(), EPOCH, "epoch")
    # Whether the peer accepts it is the peer's affair.
    take(stage, Side.RESPONDER, 4)


@pytest.mark.requirement("EPP-GEN-017", "EPP-GEN-005", "EPP-POL-004")
def test_as_many_units_as_the_capacity(stage: Stage) -> None:
    """A wallet can be provisioned with as many units as it may hold, and not with one more"""
    world = stage.world
    world.policy = {**world.policy, "capacity": 3}
    stage.begin(_three(stage, world.wallet))
    stage.wallet.reset()
    before = stage.state()
    four = [*_three(stage, world.wallet), world.holding(8, holder=world.wallet.number)]
    reply = stage.wallet.provision(**world.provisioning(four))
    stage.refused(reply, Code.PROVISION, "provisioning with one unit too many")
    stage.unchanged(before, "refused provisioning")
    stage.provision()
    still_alive(stage)
