"""What a revoked list of many numbers costs a purse: ``eiraku measure bulletins``.

The numbers are drawn at random from those issued, which count up from 1. A purse with its memory on disk
takes the list whole, then by a delta, and looks numbers up. Times are of the processor. Memory is what Python
allocated on top of what there was, at its highest, in a run of its own.
"""

import tracemalloc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from time import process_time

from eiraku.reference.device import Accepted, Device
from eiraku.reference.gossip import held_by
from eiraku.spec import objects
from eiraku.spec.bulletins import Bulletin, Changed, CodedList, Delta, Whole
from eiraku.spec.revoked import Coded, coded
from eiraku.testing.purses import EPOCH, World

LOOKUPS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Bytes of the list, the signed bulletin, the delta; seconds; bytes of memory at their highest."""

    k: int
    chunks: int
    listed: int
    signed: int
    delta: int
    lookup: float
    whole: float
    by_delta: float
    whole_memory: int
    delta_memory: int


def measure(folder: Path, *, issued: int, revoked: int, changes: int) -> Figures:
    """One purse, `revoked` numbers of `issued`, and a delta that removes and adds half of `changes` each."""
    chance = Random(1)  # noqa: S311 - to be repeated
    drawn = chance.sample(range(1, issued + 1), revoked + changes // 2)
    before = sorted(drawn[:revoked])
    removed, added = sorted(chance.sample(before, changes // 2)), sorted(drawn[revoked:])
    after = sorted({*before, *added} - {*removed})
    world = World(folder)
    first, second = coded(before), coded(after)
    whole = _update(world, first, EPOCH + 1)
    signed = _signed(world, second, EPOCH + 2)
    delta = Delta(from_epoch=EPOCH + 1, removed=CodedList.of(removed), added=CodedList.of(added)).encode()
    changed = Changed(signed=signed, delta=delta).encode()
    timed, traced = world.purse().device, world.purse().device
    times = [_seconds(timed, update) for update in (whole, changed)]
    memory = [_peak(traced, update) for update in (whole, changed)]
    held = held_by(timed)
    if held is None or list(held.revoked) != after:
        raise AssertionError("the purse holds another list than the one that was signed")
    wanted = [*chance.sample(after, LOOKUPS // 2), *chance.sample(range(1, issued + 1), LOOKUPS // 2)]
    found = _lookups(wanted, held.revoked.__contains__)
    for purse in (timed, traced):
        purse.close()
    return Figures(
        k=second.k,
        chunks=len(second.parts),
        listed=sum(len(data) for _, data in second.parts),
        signed=len(signed),
        delta=len(delta),
        lookup=found,
        whole=times[0],
        by_delta=times[1],
        whole_memory=memory[0],
        delta_memory=memory[1],
    )


def _signed(world: World, listed: Coded, epoch: int) -> bytes:
    payload = Bulletin.of(listed, epoch=epoch, policy_digest=bytes(32)).encode()
    return world.device_centre.sign(objects.CONTEXT_BULLETIN, payload)


def _update(world: World, listed: Coded, epoch: int) -> bytes:
    chunks = tuple(data for _, data in listed.parts)
    return Whole(signed=_signed(world, listed, epoch), chunks=chunks).encode()


def _seconds(device: Device, update: bytes) -> float:
    begin = process_time()
    result = device.bulletin(update)
    spent = process_time() - begin
    if not isinstance(result, Accepted):
        raise AssertionError(f"the purse refuses what was signed: {result}")
    return spent


def _peak(device: Device, update: bytes) -> int:
    tracemalloc.start()
    try:
        _seconds(device, update)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def _lookups(numbers: Sequence[int], look: Callable[[int], bool]) -> float:
    times: list[float] = []
    for number in numbers:
        begin = process_time()
        look(number)
        times.append(process_time() - begin)
    return median(times)
