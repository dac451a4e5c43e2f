"""Chapter 4, bulletins: the clock of a purse and its list of revoked purses."""

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest

from eiraku.conformance.suite.negative_bulletin import (
    HIGH,
    LOW,
    NEXT,
    Make,
    accept_bulletin,
    made,
    of,
    parts,
    refuse_bulletin,
    refuse_peer,
    signed,
)
from eiraku.conformance.suite.negative_transfer import flip
from eiraku.conformance.suite.second_signature import signed_again
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.peer import connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, LAST_EPOCH, World
from eiraku.reference.centres.device import PurseMasterKey
from eiraku.reference.crypto import cose, ed25519
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec import cbor, objects
from eiraku.spec.bulletins import Bulletin
from eiraku.spec.errors import Code
from eiraku.spec.messages import Offer, Request
from eiraku.spec.tables import Side


def _another_key(key_of: Callable[[World], SigningKey], *, known_kid: bool) -> Make:
    def make(world: World) -> bytes:
        key = key_of(world)
        kid = world.device.keys[-1].kid if known_kid else ed25519.key_id(key.public)
        return of(cose.sign(key, objects.CONTEXT_BULLETIN, cose.parse(signed(world)).payload, kid=kid))

    return make


def _signature(change: Callable[[bytes], bytes]) -> Make:
    """The right bulletin with its bytes changed."""
    return lambda world: of(change(signed(world)))


def _later_epoch(parts: list[cbor.Item]) -> cbor.Item:
    assert isinstance(parts[2], bytes)
    body = Bulletin.decode(parts[2])
    return (parts[0], parts[1], replace(body, epoch=body.epoch + 1).encode(), parts[3])


SIGNATURES: dict[str, Make] = {
    "last-bit": _signature(flip),
    "bit-of-R": _signature(lambda raw: flip(raw, -64)),
    "zeros": _signature(lambda raw: raw[:-64] + bytes(64)),
    "epoch-altered": parts(_later_epoch),
    "unknown-key": _another_key(lambda world: SigningKey(world.random(32)), known_kid=False),
    "unknown-key-under-a-known-kid": _another_key(lambda world: SigningKey(world.random(32)), known_kid=True),
    "unit-key": _another_key(lambda world: world.issuing.keys[-1].unit_key, known_kid=False),
    "unit-key-under-the-device-kid": _another_key(
        lambda world: world.issuing.keys[-1].unit_key, known_kid=True
    ),
    "a-purse": _another_key(lambda world: world.peer.key, known_kid=True),
    "signed-as-a-purse-ID": lambda world: of(
        world.device.sign(objects.CONTEXT_PURSE_ID, cose.parse(signed(world)).payload)
    ),
    "signed-as-a-unit": lambda world: of(
        world.device.sign(objects.CONTEXT_UNIT, cose.parse(signed(world)).payload)
    ),
}


@pytest.mark.requirement("EPP-BUL-001", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(SIGNATURES))
def test_signature_of_a_bulletin(stage: Stage, name: str) -> None:
    """A bulletin that no device key of the anchor has signed is refused, and the right one accepted."""
    stage.begin()
    accept_bulletin(stage, made(stage.world))
    stage.begin()
    refuse_bulletin(stage, SIGNATURES[name](stage.world), Code.BULLETIN_SIGNATURE)
    accept_bulletin(stage, made(stage.world))


STALE: dict[str, Make] = {
    "one-epoch-back": lambda world: made(world, epoch=EPOCH - 1),
    "long-ago": lambda world: made(world, epoch=60),
    "same-epoch-more-revoked": lambda world: made(world, epoch=EPOCH, revoked=(LOW, HIGH)),
    "same-epoch-fewer-revoked": lambda world: made(world, epoch=EPOCH),
    "same-epoch-other-policy": lambda world: made(world, epoch=EPOCH, revoked=(LOW,), digest=b"\x01" * 32),
}


@pytest.mark.requirement("EPP-BUL-002", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(STALE))
def test_stale_bulletin(stage: Stage, name: str) -> None:
    """An older bulletin, and another one of the same epoch, is refused; the next epoch's is accepted."""
    held = made(stage.world, epoch=EPOCH, revoked=(LOW,))
    stage.begin(bulletin=held)
    refuse_bulletin(stage, STALE[name](stage.world), Code.BULLETIN_STALE)
    accept_bulletin(stage, made(stage.world))
    refuse_bulletin(stage, held, Code.BULLETIN_STALE)


@pytest.mark.requirement("EPP-BUL-002")
def test_bulletin_held_already(stage: Stage) -> None:
    """The bulletin that the wallet holds is accepted again and changes nothing."""
    held = made(stage.world, epoch=EPOCH, revoked=(LOW,))
    stage.begin(bulletin=held)
    for bulletin in (held, made(stage.world)):
        stage.order("bulletin", bulletin=bulletin)
        before = stage.state()
        stage.order("bulletin", bulletin=bulletin)
        stage.unchanged(before, "the bulletin held already")


@pytest.mark.requirement("EPP-BUL-002")
def test_bulletin_held_already_but_signed_again(stage: Stage) -> None:
    """Of one epoch there is one bulletin: the same content in other bytes is refused."""
    world = stage.world
    seed = world.random(32)
    key = PurseMasterKey(key=SigningKey(seed), valid_from=1, valid_to=LAST_EPOCH)
    world.device = replace(world.device, keys=(*world.device.keys, key))
    held = signed(world)
    payload = cose.parse(held).payload
    again = signed_again(seed, world.random(32), objects.CONTEXT_BULLETIN, payload)
    for bulletin in (again, held):
        stage.begin()
        accept_bulletin(stage, of(bulletin))
    refuse_bulletin(stage, of(again), Code.BULLETIN_STALE)


@SIDES
@pytest.mark.requirement("EPP-BUL-002")
def test_revoked_stays_revoked(stage: Stage, side: Side) -> None:
    """Neither an older bulletin nor another one of the same epoch brings a revoked purse back."""
    world = stage.world
    stage.begin()
    accept_bulletin(stage, world.bulletin(NEXT, [world.peer.number]))
    for bulletin in (world.bulletin(), world.bulletin(NEXT)):
        stage.refused(stage.act("bulletin", bulletin=bulletin), Code.BULLETIN_STALE, "bulletin")
        refuse_peer(stage, side, world.peer)
    accept_bulletin(stage, world.bulletin(NEXT + 1), NEXT + 1)
    flows.give(stage, side, [world.holding(4)])


@SIDES
@pytest.mark.requirement("EPP-BUL-004")
def test_bulletin_is_durable(stage: Stage, side: Side) -> None:
    """An accepted bulletin survives a loss of power right after its acceptance: epoch and list."""
    world = stage.world
    stage.begin()
    flows.give(stage, side, [world.holding(4)])
    stage.order("bulletin", bulletin=world.bulletin(NEXT, [world.peer.number]))
    stage.wallet.power_cut("now")
    stage.equal(stage.epoch(), NEXT, "epoch after a loss of power")
    refuse_peer(stage, side, world.peer)
    stage.refused(stage.act("bulletin", bulletin=world.bulletin()), Code.BULLETIN_STALE, "bulletin")
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-BUL-004")
@pytest.mark.parametrize(("when", "epoch"), (("before", EPOCH), ("after", NEXT)))
def test_power_fails_while_taking_a_bulletin(
    stage: Stage, when: Literal["before", "after"], epoch: int
) -> None:
    """A bulletin is taken with one durable write: before it the old one holds, after it the new one."""
    stage.begin()
    stage.cut(when, "bulletin", bulletin=made(stage.world))
    stage.equal(stage.epoch(), epoch, "epoch after a loss of power")
    accept_bulletin(stage, made(stage.world))
    flows.still_alive(stage)


@SIDES
@pytest.mark.requirement("EPP-BUL-004")
def test_bulletin_takes_effect_on_the_next_session(stage: Stage, side: Side) -> None:
    """A session that was open goes on under the old bulletin; the next one is under the new."""
    world = stage.world
    stage.begin()
    last = [world.holding(4, expires=EPOCH) for _ in range(2)]
    talk = flows.meet_payee(stage, side, 4)
    stage.order("bulletin", bulletin=world.bulletin(NEXT, [world.peer.number]))
    offer = flows.offer_of(talk, last[:1])
    flows.expect_accept(talk, offer, talk.send(offer))
    flows.expect_receipt(talk, offer, talk.send(flows.pay_of(talk, offer, last[:1])))
    refuse_peer(stage, side, world.peer)
    other = world.purse()
    talk = flows.meet_payee(stage, side, 4, peer=other)
    answer = talk.send(flows.offer_of(talk, last[1:]))
    flows.expect_reject(talk, answer, Code.UNIT_EXPIRED, "OFFER", 0)
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-BUL-004")
def test_payer_goes_on_under_the_bulletin_of_its_session(stage: Stage) -> None:
    """A payer still offers, in its session, a unit that a bulletin of meanwhile has expired."""
    world = stage.world
    stage.begin([world.holding(8, holder=world.wallet.number, expires=EPOCH)])
    stage.order("pay", amount=8)
    talk = connect(stage, Side.RESPONDER)
    stage.order("bulletin", bulletin=made(world))
    answer = talk.send(Request(amount=8, reference=flows.REFERENCE))
    stage.accepted(answer.reply, "REQUEST", "open")
    stage.require(isinstance(answer.message, Offer), "OFFER", answer.message, "answer to REQUEST")
    stage.refused(stage.act("pay", amount=8), Code.INSUFFICIENT_FUNDS, "pay in the next session")


@SIDES
@pytest.mark.requirement("EPP-BUL-004", "EPP-UNI-005", "EPP-TRF-012")
def test_epoch_expires_what_the_wallet_holds(stage: Stage, side: Side) -> None:
    """Once a bulletin has passed the last epoch of a unit, the wallet does not pay with it."""
    world = stage.world
    own = world.wallet.number
    stage.begin([world.holding(8, holder=own, expires=NEXT), world.holding(4, holder=own)])
    accept_bulletin(stage, made(world))
    stage.order("pay", amount=12)
    accept_bulletin(stage, made(world, epoch=NEXT + 1), NEXT + 1)
    stage.refused(stage.act("pay", amount=12), Code.INSUFFICIENT_FUNDS, "pay with an expired unit")
    stage.refused(stage.act("pay", amount=8), Code.INSUFFICIENT_FUNDS, "pay with an expired unit")
    flows.take(stage, side, 4)
