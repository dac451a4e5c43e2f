"""Chapter 4, bulletins: deltas from the bulletin that a wallet holds."""

from collections.abc import Callable
from typing import Any, Literal

import pytest

from eiraku.conformance.suite.negative_bulletin import (
    NEXT,
    accept_bulletin,
    of,
    refuse_bulletin,
    refuse_peer,
)
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.suite.test_general import begin_without_bulletin
from eiraku.conformance.tester import bulletins, flows
from eiraku.conformance.tester.bulletins import MORE_SQUARES, SQUARES
from eiraku.conformance.tester.policies import policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, World
from eiraku.spec import cbor
from eiraku.spec.bulletins import Changed, Delta
from eiraku.spec.errors import Code
from eiraku.spec.revoked import CHUNK, coded
from eiraku.spec.tables import Side

Make = Callable[[World], bytes]

HELD = list(SQUARES)
REMOVED, ADDED = HELD[100:900:3], [2, 3, 10**6 + 1, 10**7]
AFTER = sorted({*HELD, *ADDED} - {*REMOVED})
SMALL = [5, 7, 20]


def held(world: World, numbers: list[int] = HELD, epoch: int = EPOCH) -> bytes:
    """The bulletin that the wallet holds."""
    return bulletins.update(world, coded(numbers), epoch=epoch)


def right(world: World) -> bytes:
    """The next one, by the right delta."""
    return bulletins.by_delta(world, AFTER, bulletins.delta(world, EPOCH, REMOVED, ADDED), epoch=NEXT)


def number(n: int) -> bytes:
    """A purse number."""
    return n.to_bytes(8, "big")


@SIDES
@pytest.mark.requirement("EPP-BUL-023", "EPP-BUL-004", "EPP-SES-022")
def test_delta(stage: Stage, side: Side) -> None:
    """After a delta the numbers added are revoked and those removed are not, also after a loss of power."""
    world = stage.world
    stage.begin(bulletin=held(world))
    refuse_peer(stage, side, world.purse(number=number(REMOVED[0])))
    accept_bulletin(stage, right(world))
    for cut in (False, True):
        if cut:
            stage.wallet.power_cut("now")
        for there in (ADDED[0], ADDED[-1], HELD[0], HELD[-1]):
            refuse_peer(stage, side, world.purse(number=number(there)))
        free = world.purse(number=number(REMOVED[0]))
        flows.give(stage, side, [world.holding(4, holder=free.number)], peer=free)
    # The list is the one that was signed: the next delta begins with it.
    change = bulletins.delta(world, NEXT, [ADDED[0]], [])
    last = bulletins.by_delta(world, AFTER[:1] + AFTER[2:], change, epoch=NEXT + 1)
    accept_bulletin(stage, last, NEXT + 1)


CHANGES: dict[str, tuple[list[int], list[int], list[int]]] = {
    "nothing": (SMALL, [], []),
    "everything-goes": (SMALL, SMALL, []),
    "everything-comes": ([], [], SMALL),
    "another-k": (SMALL, [], [10**9]),
    "a-chunk-more": (HELD, [], [n * n + 1 for n in range(2, 2801, 2)]),
    "a-chunk-less": (HELD, HELD[::2], []),
    "first-and-last": (SMALL, [5, 20], [1, 2**64 - 1]),
}


@pytest.mark.requirement("EPP-BUL-020", "EPP-BUL-023")
@pytest.mark.parametrize("name", tuple(CHANGES))
def test_kinds_of_change(stage: Stage, name: str) -> None:
    """A delta is accepted, whatever it does to the list."""
    world = stage.world
    before, removed, added = CHANGES[name]
    after = sorted({*before, *added} - {*removed})
    stage.begin(bulletin=held(world, before))
    change = bulletins.delta(world, EPOCH, removed, added)
    accept_bulletin(stage, bulletins.by_delta(world, after, change, epoch=NEXT))
    flows.still_alive(stage)


def refuse_delta(stage: Stage, change: bytes, code: Code, after: list[int] = AFTER) -> None:
    """The wallet must refuse a delta, unharmed, and accept the right one."""
    world = stage.world
    stage.begin(bulletin=held(world))
    refuse_bulletin(stage, bulletins.by_delta(world, after, change, epoch=NEXT), code)
    accept_bulletin(stage, right(world))


def _delta(change: Callable[[list[Any]], cbor.Item]) -> Make:
    """The right delta, with its items changed."""

    def make(world: World) -> bytes:
        items = cbor.decode(bulletins.delta(world, EPOCH, REMOVED, ADDED))
        assert isinstance(items, tuple)
        return cbor.encode(change(list(items)))

    return make


SHAPES: dict[str, Make] = {
    "no-cbor": lambda _: b"\xff",
    "trailing-byte": lambda world: bulletins.delta(world, EPOCH, REMOVED, ADDED) + b"\x00",
    "two-items": _delta(lambda items: tuple(items[:2])),
    "four-items": _delta(lambda items: (*items, 0)),
    "epoch-negative": _delta(lambda items: (-1, *items[1:])),
    "a-list-null": _delta(lambda items: (*items[:2], None)),
    "a-list-without-count": _delta(lambda items: (*items[:2], items[2][1:])),
    "a-chunk-as-text": _delta(lambda items: (*items[:2], (*items[2][:2], ((2, ""),)))),
    "a-chunk-of-4097-bytes": _delta(lambda items: (*items[:2], (*items[2][:2], ((2, bytes(4097)),)))),
    # The code of its lists: the same numbers in another code.
    "another-k": _delta(lambda items: (*items[:2], (3, 1, ((2, b"\x3f"),)))),
    "another-count": _delta(lambda items: (*items[:2], (items[2][0] + 1, *items[2][1:]))),
    "two-chunks-for-one": _delta(
        lambda items: (*items[:2], (*items[2][:2], (*items[2][2], (10**7 + 1, b""))))
    ),
    "filled-up-twice": _delta(
        lambda items: (*items[:2], (*items[2][:2], ((2, items[2][2][0][1] + b"\xff"),)))
    ),
}


@pytest.mark.requirement("EPP-BUL-020", "EPP-ERR-003")
@pytest.mark.parametrize("name", tuple(SHAPES))
def test_shape_of_a_delta(stage: Stage, name: str) -> None:
    """A delta of another shape, or with a list in another code, is malformed."""
    refuse_delta(stage, SHAPES[name](stage.world), Code.MALFORMED)


@pytest.mark.requirement("EPP-BUL-021", "EPP-ERR-001")
@pytest.mark.parametrize("since", (0, EPOCH - 1, NEXT))
def test_delta_from_another_epoch(stage: Stage, since: int) -> None:
    """A delta from another bulletin than the one held is stale, though it leads to the signed list."""
    refuse_delta(stage, bulletins.delta(stage.world, since, REMOVED, ADDED), Code.BULLETIN_STALE)


@pytest.mark.requirement("EPP-BUL-021", "EPP-ERR-001")
def test_delta_without_a_bulletin(stage: Stage) -> None:
    """A wallet without a bulletin takes no delta, not even one from epoch 0."""
    world = stage.world
    begin_without_bulletin(stage, [])
    first = bulletins.by_delta(world, SMALL, bulletins.delta(world, 0, [], SMALL), epoch=NEXT)
    refuse_bulletin(stage, first, Code.BULLETIN_STALE)
    accept_bulletin(stage, held(world, SMALL, NEXT))


MEMBERS: dict[str, tuple[list[int], list[int]]] = {
    "removes-what-is-not-there": ([*REMOVED, HELD[-1] - 1], ADDED),
    "removes-what-is-beyond": ([*REMOVED, 10**9], ADDED),
    "adds-what-is-there": (REMOVED, [1, *ADDED]),
    "adds-the-last-again": (REMOVED, sorted([*ADDED, HELD[-1]])),
    "removes-and-adds": (sorted([*REMOVED, HELD[-1]]), sorted([*ADDED, HELD[-1]])),
}


@pytest.mark.requirement("EPP-BUL-022", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(MEMBERS))
def test_delta_of_what_is_no_change(stage: Stage, name: str) -> None:
    """A delta that removes what is not in the list or adds what is, is malformed, though it leads there."""
    removed, added = MEMBERS[name]
    refuse_delta(stage, bulletins.delta(stage.world, EPOCH, removed, added), Code.MALFORMED)


RESULTS: dict[str, tuple[list[int], list[int]]] = {
    "one-more-removed": (sorted([*REMOVED, HELD[-1]]), ADDED),
    "one-fewer-removed": (REMOVED[1:], ADDED),
    "one-more-added": (REMOVED, [*ADDED, 10**7 + 1]),
    "one-fewer-added": (REMOVED, ADDED[:-1]),
    "another-one-added": (REMOVED, [*ADDED[:-1], 10**7 - 1]),
    "nothing": ([], []),
}


@pytest.mark.requirement("EPP-BUL-023", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(RESULTS))
def test_delta_to_another_list(stage: Stage, name: str) -> None:
    """A delta that leads to another list than the signed one is refused."""
    removed, added = RESULTS[name]
    refuse_delta(stage, bulletins.delta(stage.world, EPOCH, removed, added), Code.BULLETIN_SIGNATURE)


@pytest.mark.requirement("EPP-BUL-004")
@pytest.mark.parametrize(("when", "epoch"), (("before", EPOCH), ("after", NEXT)))
def test_power_fails_while_taking_a_delta(stage: Stage, when: Literal["before", "after"], epoch: int) -> None:
    """A delta is taken with one durable write: before it the old list holds, after it the new one."""
    world = stage.world
    stage.begin(bulletin=held(world))
    stage.cut(when, "bulletin", bulletin=right(world))
    stage.equal(stage.epoch(), epoch, "epoch after a loss of power")
    there = REMOVED[0] if when == "before" else ADDED[0]
    refuse_peer(stage, Side.RESPONDER, world.purse(number=number(there)))
    accept_bulletin(stage, right(world))


@pytest.mark.requirement("EPP-BUL-002")
def test_bulletin_held_already_with_something_else(stage: Stage) -> None:
    """The bulletin that the wallet holds is accepted again, whatever comes with it, and changes nothing."""
    world = stage.world
    stage.begin(bulletin=held(world))
    signed = bulletins.signed(world, coded(HELD), epoch=EPOCH)
    wrong = bulletins.delta(world, EPOCH - 1, [1], [2])
    for again in (of(signed), Changed(signed=signed, delta=wrong).encode(), held(world)):
        before = stage.state()
        stage.order("bulletin", bulletin=again)
        stage.unchanged(before, "the bulletin held already")
    refuse_peer(stage, Side.RESPONDER, world.purse(number=number(HELD[-1])))
    accept_bulletin(stage, right(world))


ORDER: dict[str, tuple[Callable[[World], bytes], Code]] = {
    "epoch-before-the-delta": (
        lambda world: bulletins.by_delta(world, AFTER, b"\xff", epoch=EPOCH - 1),
        Code.BULLETIN_STALE,
    ),
    "room-before-the-delta": (
        lambda world: bulletins.by_delta(world, MORE_SQUARES, b"\xff", epoch=NEXT),
        Code.TOO_LARGE,
    ),
    "code-before-from-epoch": (
        lambda world: bulletins.by_delta(world, AFTER, _from(world, EPOCH - 1), epoch=NEXT),
        Code.MALFORMED,
    ),
    "from-epoch-before-members": (
        lambda world: bulletins.by_delta(
            world, AFTER, bulletins.delta(world, EPOCH - 1, [2], [1]), epoch=NEXT
        ),
        Code.BULLETIN_STALE,
    ),
    "members-before-the-result": (
        lambda world: bulletins.by_delta(world, AFTER, bulletins.delta(world, EPOCH, [2], []), epoch=NEXT),
        Code.MALFORMED,
    ),
}


def _from(world: World, since: int) -> bytes:
    """A delta from an epoch, with a wrong count."""
    found = Delta.decode(bulletins.delta(world, since, [], [2, 3]))
    return cbor.encode((found.from_epoch, (0, 0, ()), (3, found.added.k, found.added.chunks)))


@pytest.mark.requirement("EPP-BUL-006", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(ORDER))
def test_order_of_the_checks_on_a_delta(stage: Stage, name: str) -> None:
    """A delta with two faults is refused for the first of them."""
    world = stage.world
    world.policy = policy(max_bulletin=2 * CHUNK)
    make, code = ORDER[name]
    stage.begin(bulletin=held(world))
    refuse_bulletin(stage, make(world), code)
    accept_bulletin(stage, right(world))
