"""Bulletins in their parts, as tests of news need them: functions over a world of purses."""

from collections.abc import Iterable
from random import Random

from eiraku.reference.device import Device
from eiraku.reference.gossip import held_by
from eiraku.reference.purse.state import HeldBulletin
from eiraku.spec import bulletins
from eiraku.spec.bulletins import Changed, CodedList, Delta, Whole
from eiraku.testing.purses import World


def revoked(count: int, *, apart: int = 1) -> list[bytes]:
    """Numbers of as many purses, ascending; one in `apart` is among them, at random."""
    chance = Random(count)  # noqa: S311 - variety, not secrecy
    return [n.to_bytes(8, "big") for n in sorted(chance.sample(range(1, count * apart + 1), count))]


def published(world: World, epoch: int, numbers: Iterable[bytes] = ()) -> Whole:
    """A bulletin and its chunks."""
    update = bulletins.update(world.bulletin(epoch, numbers))
    if not isinstance(update, Whole):
        raise AssertionError("made whole")
    return update


def by_delta(update: Whole, since: int, removed: Iterable[bytes], added: Iterable[bytes]) -> Changed:
    """The same bulletin by a delta from an earlier one."""
    gone, new = (
        CodedList.of(sorted(int.from_bytes(number, "big") for number in numbers))
        for numbers in (removed, added)
    )
    return Changed(signed=update.signed, delta=Delta(from_epoch=since, removed=gone, added=new).encode())


def held(device: Device) -> HeldBulletin:
    """The bulletin that a purse holds, which has one."""
    found = held_by(device)
    if found is None:
        raise AssertionError("the purse holds no bulletin")
    return found
