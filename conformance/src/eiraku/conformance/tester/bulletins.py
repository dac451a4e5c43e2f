"""Bulletins and their lists, right or wrong, as updates: the one place where the suite makes them."""

from collections.abc import Sequence
from dataclasses import replace

from eiraku.conformance.tester.world import World
from eiraku.spec import objects
from eiraku.spec.bulletins import Bulletin, Changed, CodedList, Delta, Whole
from eiraku.spec.revoked import Coded, Part, coded

SQUARES = tuple(n * n for n in range(1, 2801))
"""Numbers whose list has two chunks, of which the first is full."""
MORE_SQUARES = tuple(n * n for n in range(1, 5001))
"""Numbers whose list has three chunks."""


def with_parts(listed: Coded, *parts: Part) -> Coded:
    """A list with other chunks, which need not be its code."""
    return replace(listed, parts=parts)


def payload(world: World, listed: Coded, *, epoch: int, digest: bytes | None = None) -> Bulletin:
    """What the bulletin of a list says, right or wrong. `digest`: of the policy."""
    digest = world.drawn.policy_digest if digest is None else digest
    return Bulletin.of(listed, epoch=world.at(epoch), policy_digest=digest)


def signed(world: World, listed: Coded, *, epoch: int, digest: bytes | None = None) -> bytes:
    """The signed bulletin of a list, right or wrong. `digest`: of the policy."""
    made = payload(world, listed, epoch=epoch, digest=digest)
    return world.device.sign(objects.CONTEXT_BULLETIN, made.encode())


def whole(signed_: bytes, listed: Coded) -> bytes:
    """An update with all chunks of a list."""
    return Whole(signed=signed_, chunks=tuple(data for _, data in listed.parts)).encode()


def update(world: World, listed: Coded, *, epoch: int) -> bytes:
    """The bulletin of a list with all chunks."""
    return whole(signed(world, listed, epoch=epoch), listed)


def delta(world: World, since: int, removed: Sequence[int], added: Sequence[int]) -> bytes:
    """From the bulletin of an epoch; numbers ascending."""
    return Delta(
        from_epoch=world.at(since), removed=CodedList.of(removed), added=CodedList.of(added)
    ).encode()


def by_delta(world: World, numbers: Sequence[int], change: bytes, *, epoch: int) -> bytes:
    """The bulletin of the list of these numbers, with a delta."""
    return Changed(signed=signed(world, coded(numbers), epoch=epoch), delta=change).encode()
