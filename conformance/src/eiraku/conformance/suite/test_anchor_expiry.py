"""Chapter 3, expiry of an anchor: no session under a key list that has expired, and the way out."""

import pytest

from eiraku.conformance.suite.key_lists import CENTRES, NEXT, accept_keys, listed
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, LIST_EXPIRES, SEQUENCE
from eiraku.spec.errors import Code
from eiraku.spec.key_lists import Centre
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
    accept_keys(stage, centre, listed(world, centre, expires=EPOCH))
    stage.order("bulletin", bulletin=world.bulletin(EPOCH + 5))
    accept_keys(stage, centre, listed(world, centre, sequence=NEXT + 1, expires=EPOCH + 2))
    stage.order("receive")
    stage.refused(stage.open(Side.RESPONDER), Code.ANCHOR_EXPIRED, "open under an expired list")
    accept_keys(stage, centre, listed(world, centre, sequence=NEXT + 2, expires=LIST_EXPIRES))
    flows.still_alive(stage)
