"""Bulletins with their heads, as tests of gossip need them: functions over a world of purses."""

from collections.abc import Iterable
from hashlib import sha256

from eiraku.reference.device import Device
from eiraku.spec.centre_objects import CONTEXT_BULLETIN_HEAD, BulletinHead
from eiraku.system.device.bulletins import cut
from eiraku.testing.purses import World


def revoked(count: int) -> list[bytes]:
    """Numbers of as many purses."""
    return [n.to_bytes(8, "big") for n in range(1, count + 1)]


def published(world: World, epoch: int, numbers: Iterable[bytes] = ()) -> tuple[bytes, bytes]:
    """A bulletin and its head."""
    signed = world.bulletin(epoch, numbers)
    head = BulletinHead(
        epoch=epoch,
        digest=sha256(signed).digest(),
        chunks=tuple(sha256(chunk).digest() for chunk in cut(signed)),
    )
    return signed, world.device_centre.sign(CONTEXT_BULLETIN_HEAD, head.encode())


def held(device: Device) -> bytes:
    """The bulletin that a purse holds, which has one."""
    signed = device.store.bulletin()
    if signed is None:
        raise AssertionError("the purse holds no bulletin")
    return signed
