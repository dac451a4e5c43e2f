"""Chapter 3, expiry of an anchor: no session under a key list that has expired, and the way out."""

import pytest

from eiraku.conformance.suite.key_lists import CENTRES, NEXT, accept_keys, listed
from eiraku.conformance.suite.negative_bulletin import (
    accept_bulletin,
    forged,
    of,
    refuse_bulletin,
    refuse_peer,
)
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.suite.test_scheme_keys import SINCE_NOW
from eiraku.conformance.tester import bulletins, flows
from eiraku.conformance.tester.policies import policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, LAST_EPOCH, LIST_EXPIRES, SEQUENCE, World
from eiraku.reference.centres.roots import ALWAYS
from eiraku.reference.keylists import Validity
from eiraku.spec.errors import Code
from eiraku.spec.key_lists import Centre, scheme_key_id
from eiraku.spec.revoked import CHUNK, coded
from eiraku.spec.tables import Side


@CENTRES
@SIDES
@pytest.mark.requirement("EPP-KEY-043", "EPP-KEY-080", "EPP-KEY-081")
@pytest.mark.parametrize("held", ("provisioned", "accepted"))
def test_expired_list(stage: Stage, side: Side, centre: Centre, held: str) -> None:
    """A wallet opens no session after the last epoch of either list, and loses nothing by it."""
    world = stage.world
    short = listed(world, centre, expires=EPOCH, sequence=SEQUENCE if held == "provisioned" else NEXT)
    if held == "provisioned":
        stage.wallet.reset()
        arguments = world.provisioning([world.holding(4, holder=world.wallet.number)])
        arguments["anchor"][f"{centre}_keys"] = short
        stage.accepted(stage.wallet.provision(**arguments), "provision")
    else:
        stage.begin([world.holding(4, holder=world.wallet.number)])
        accept_keys(stage, centre, short)
    flows.give(stage, side, [world.holding(1)])
    stage.order("bulletin", bulletin=world.bulletin(EPOCH + 1))
    before = stage.state()
    stage.refused(stage.open(side), Code.DECLINED, "open without a purpose")
    stage.order("pay", amount=4)
    stage.refused(stage.open(side), Code.ANCHOR_EXPIRED, "open under an expired list")
    stage.unchanged(before, "open")
    stage.equal(before.balance, 5, "balance")


@CENTRES
@pytest.mark.requirement("EPP-KEY-044")
def test_way_out_of_an_expired_anchor(stage: Stage, centre: Centre) -> None:
    """A wallet takes newer lists when its own has expired, also one that has expired too."""
    world = stage.world
    stage.begin()
    stage.order("bulletin", bulletin=world.bulletin(EPOCH + 5))
    accept_keys(stage, centre, listed(world, centre, expires=EPOCH))
    accept_keys(stage, centre, listed(world, centre, sequence=NEXT + 1, expires=EPOCH + 2))
    stage.order("receive")
    stage.refused(stage.open(Side.RESPONDER), Code.ANCHOR_EXPIRED, "open under an expired list")
    accept_keys(stage, centre, listed(world, centre, sequence=NEXT + 2, expires=LIST_EXPIRES))
    flows.still_alive(stage)


@CENTRES
@pytest.mark.requirement("EPP-KEY-061")
def test_news_under_an_expired_anchor(stage: Stage, centre: Centre) -> None:
    """A wallet whose anchor has expired learns who is revoked, and takes scheme keys."""
    world = stage.world
    revoked, new = world.purse(), world.random(32)
    stage.begin()
    named = {scheme_key_id(world.scheme_key): ALWAYS, scheme_key_id(new): SINCE_NOW}
    accept_keys(stage, Centre.DEVICE, world.device_keys(scheme=named, sequence=NEXT))
    accept_keys(stage, centre, _again(world, centre, named, sequence=NEXT + 1, expires=EPOCH - 2))
    stage.order("receive")
    stage.refused(stage.open(Side.RESPONDER), Code.ANCHOR_EXPIRED, "open under an expired list")
    stage.order("scheme-key", key=new)
    if centre is Centre.MONEY:
        stage.order("bulletin", bulletin=world.bulletin(EPOCH + 2, [revoked.number]))
    accept_keys(stage, centre, _again(world, centre, named, sequence=NEXT + 2, expires=LIST_EXPIRES))
    world.scheme_key = new
    flows.still_alive(stage)
    if centre is Centre.MONEY:
        refuse_peer(stage, Side.RESPONDER, revoked)


def _again(
    world: World, centre: Centre, named: dict[bytes, Validity], *, sequence: int, expires: int
) -> bytes:
    """A further list of a centre, with these scheme keys if it is the device centre's."""
    if centre is Centre.DEVICE:
        return world.device_keys(scheme=named, sequence=sequence, expires=expires)
    return world.money_keys(sequence=sequence, expires=expires)


# --- how far ahead a bulletin may be ------------------------------------------------------------------------

LAST = EPOCH + 5


@pytest.mark.requirement("EPP-BUL-050")
@pytest.mark.parametrize("held", ("provisioned", "accepted"))
def test_bulletin_beyond_the_device_list(stage: Stage, held: str) -> None:
    """A wallet takes no bulletin that is more than one epoch after the end of its device list."""
    world = stage.world
    short = listed(world, Centre.DEVICE, expires=LAST, sequence=SEQUENCE if held == "provisioned" else NEXT)
    if held == "provisioned":
        stage.wallet.reset()
        arguments = world.provisioning()
        arguments["anchor"]["device_keys"] = short
        stage.accepted(stage.wallet.provision(**arguments), "provision")
    else:
        stage.begin()
        accept_keys(stage, Centre.DEVICE, short)
    for epoch in (LAST + 2, LAST_EPOCH):
        refuse_bulletin(stage, world.bulletin(epoch), Code.ANCHOR_EXPIRED)
    accept_bulletin(stage, world.bulletin(LAST + 1), LAST + 1)
    stage.order("receive")
    stage.refused(stage.open(Side.RESPONDER), Code.ANCHOR_EXPIRED, "open under an expired list")
    accept_keys(stage, Centre.DEVICE, listed(world, Centre.DEVICE, sequence=NEXT + 1, expires=LAST + 1))
    accept_bulletin(stage, world.bulletin(LAST + 2), LAST + 2)
    accept_keys(stage, Centre.DEVICE, listed(world, Centre.DEVICE, sequence=NEXT + 2))
    accept_bulletin(stage, world.bulletin(LAST_EPOCH - 1), LAST_EPOCH - 1)
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-BUL-050")
def test_list_of_the_issuing_centre_does_not_count(stage: Stage) -> None:
    """How far a bulletin may reach is said by the device list alone."""
    stage.begin()
    accept_keys(stage, Centre.MONEY, listed(stage.world, Centre.MONEY, expires=EPOCH - 9))
    accept_bulletin(stage, stage.world.bulletin(EPOCH + 5), EPOCH + 5)
    accept_keys(stage, Centre.MONEY, listed(stage.world, Centre.MONEY, sequence=NEXT + 1))
    flows.still_alive(stage)


@pytest.mark.requirement("EPP-BUL-050")
def test_delta_beyond_the_device_list(stage: Stage) -> None:
    """What is not a whole list is no way around."""
    world = stage.world
    stage.begin()
    accept_keys(stage, Centre.DEVICE, listed(world, Centre.DEVICE, expires=LAST))
    for epoch, code in ((LAST + 2, Code.ANCHOR_EXPIRED), (LAST + 1, None)):
        change = bulletins.delta(world, EPOCH, (), (7,))
        update = bulletins.by_delta(world, (7,), change, epoch=epoch)
        if code is None:
            accept_bulletin(stage, update, epoch)
        else:
            refuse_bulletin(stage, update, code)


@pytest.mark.requirement("EPP-BUL-050")
def test_provisioned_beyond_the_device_list(stage: Stage) -> None:
    """A wallet is not provisioned with a bulletin that its device list does not reach."""
    world = stage.world
    for expires, code in ((EPOCH - 2, Code.ANCHOR_EXPIRED), (EPOCH - 1, None)):
        stage.wallet.reset()
        arguments = world.provisioning()
        arguments["anchor"]["device_keys"] = world.device_keys(expires=expires)
        result = stage.wallet.provision(**arguments)
        if code is None:
            stage.accepted(result, "provision")
        else:
            stage.refused(result, code, "provision")


@pytest.mark.requirement("EPP-BUL-050", "EPP-BUL-006")
def test_order_of_the_checks_on_a_bulletin_too_far_ahead(stage: Stage) -> None:
    """Signature and staleness are judged before, the room after; the bulletin that is held is accepted."""
    world = stage.world
    held, full = world.bulletin(EPOCH + 1), coded(bulletins.MORE_SQUARES)
    world.policy = policy(max_bulletin=2 * CHUNK)
    stage.begin()
    accept_bulletin(stage, held, EPOCH + 1)
    accept_keys(stage, Centre.DEVICE, listed(world, Centre.DEVICE, expires=EPOCH - 9))
    before = stage.state()
    refused = (
        (forged(lambda world: world.bulletin(EPOCH + 2))(world), Code.BULLETIN_SIGNATURE),
        (world.bulletin(EPOCH), Code.BULLETIN_STALE),
        (world.bulletin(EPOCH + 1, [world.peer.number]), Code.BULLETIN_STALE),
        (of(bulletins.signed(world, full, epoch=EPOCH + 2)), Code.ANCHOR_EXPIRED),
    )
    for bulletin, code in refused:
        stage.refused(stage.act("bulletin", bulletin=bulletin), code, "bulletin")
    stage.order("bulletin", bulletin=held)
    stage.unchanged(before, "bulletins that change nothing")
