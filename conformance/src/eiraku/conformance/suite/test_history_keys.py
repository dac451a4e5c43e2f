"""Chapter 4: under which history key a wallet seals, of several and over several lists.

The layers are opened where the wallet offers the units (`tester.layers`).
"""

from dataclasses import replace

import pytest

from eiraku.conformance.suite.chains import sealed_by_peer
from eiraku.conformance.suite.key_lists import NEXT, accept_keys
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import LAST_EPOCH, World
from eiraku.reference.centres.issuing import MoneyKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.spec.key_lists import Centre
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.tables import Side

RESTARTED = pytest.mark.parametrize("restarted", (False, True), ids=["at-once", "after-a-restart"])


def _units(world: World) -> list[OfferedUnit]:
    """One under each money key, worth 1, 2, 4 ..."""
    centres = [replace(world.issuing, keys=(key,)) for key in world.issuing.keys]
    return [world.holding(1 << n, centre=centre, issued=55) for n, centre in enumerate(centres)]


def _several(world: World) -> None:
    """Five money keys: of one first epoch, of earlier and later ones."""
    ends = ((1, LAST_EPOCH), (55, 55), (50, 60))
    more = tuple(world.money_key(first, last) for first, last in ends)
    world.issuing = replace(world.issuing, keys=(*world.issuing.keys, *more))


def _others(world: World) -> tuple[MoneyKey, ...]:
    """The same unit keys with other history keys."""
    return tuple(replace(key, history_key=AgreementKey(world.random(32))) for key in world.issuing.keys)


def _now(world: World, keys: tuple[MoneyKey, ...]) -> None:
    world.issuing = replace(world.issuing, keys=keys)


@SIDES
@pytest.mark.requirement("EPP-HIS-003", "EPP-KEY-010")
@pytest.mark.parametrize("order", ("as-listed", "reversed"))
def test_each_unit_under_its_own(stage: Stage, side: Side, order: str) -> None:
    """A unit is sealed for the history key beside its own of several, in whatever order they stand."""
    world = stage.world
    _several(world)
    if order == "reversed":
        world.issuing = replace(world.issuing, keys=tuple(reversed(world.issuing.keys)))
    stage.begin()
    units = _units(world)
    flows.give(stage, side, units)
    flows.take(stage, side, 31)
    for held in _units(world):
        flows.give(stage, side, [held])
    flows.take(stage, side, 31)


@SIDES
@RESTARTED
@pytest.mark.requirement("EPP-KEY-037", "EPP-HIS-003")
def test_list_gives_other_history_keys(stage: Stage, side: Side, restarted: bool) -> None:  # noqa: FBT001
    """What is credited after a list is sealed for its history keys, also if they only change places."""
    world = stage.world
    _several(world)
    stage.begin()
    first = world.issuing.keys
    places = tuple(
        replace(key, history_key=other.history_key)
        for key, other in zip(first, (*first[1:], first[0]), strict=True)
    )
    for at, keys in enumerate((_others(world), places, first)):
        flows.give(stage, side, _units(world))
        accept_keys(
            stage, Centre.MONEY, world.money_keys((key.announced for key in keys), sequence=NEXT + at)
        )
        _now(world, keys)
        if restarted:
            stage.wallet.power_cut("now")
        flows.give(stage, side, _units(world))
        # Sealed for the keys before and after the list.
        flows.take(stage, side, 62)


@SIDES
@pytest.mark.requirement("EPP-KEY-037", "EPP-HIS-003")
def test_unit_comes_back_after_a_list(stage: Stage, side: Side) -> None:
    """A unit that comes back after a list is sealed for the history key of that list."""
    world = stage.world
    stage.begin()
    flows.give(stage, side, [world.holding(4)])
    for at in range(3):
        payment = flows.take(stage, side, 4)
        keys = _others(world)
        accept_keys(
            stage, Centre.MONEY, world.money_keys((key.announced for key in keys), sequence=NEXT + at)
        )
        _now(world, keys)
        flows.give(stage, side, [sealed_by_peer(world, payment, payment.holdings[0])])
    flows.take(stage, side, 4)
