"""Bulletins at fault, and how a wallet has to answer them: what the checks of bulletins and lists share."""

from collections.abc import Callable

from eiraku.conformance.suite.journey import expect_refused_peer
from eiraku.conformance.suite.negative_transfer import flip
from eiraku.conformance.tester import bulletins, flows
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, Identity, World
from eiraku.reference.crypto import cose
from eiraku.spec import cbor, objects
from eiraku.spec.bulletins import Whole
from eiraku.spec.errors import Code
from eiraku.spec.revoked import coded
from eiraku.spec.tables import Side

NEXT = EPOCH + 1
LOW, HIGH = b"\x7f" + bytes(7), b"\x80" + bytes(7)
"""In bytewise order; taken for signed integers they would be the other way round."""


def made(
    world: World, *, epoch: int = NEXT, revoked: tuple[bytes, ...] = (), digest: bytes | None = None
) -> bytes:
    """A bulletin with all chunks, signed by the device centre's current key."""
    return world.device.bulletin(
        epoch=epoch,
        revoked=revoked,
        policy_digest=world.drawn.policy_digest if digest is None else digest,
    )


def of(signed: bytes) -> bytes:
    """An update without chunks, as they belong to an empty list."""
    return Whole(signed=signed, chunks=()).encode()


def signed(world: World, *, epoch: int = NEXT) -> bytes:
    """A signed bulletin of an empty list."""
    return bulletins.signed(world, coded(()), epoch=epoch)


def accept_bulletin(stage: Stage, bulletin: bytes, epoch: int = NEXT) -> None:
    """The wallet must accept a bulletin, and then be in its epoch."""
    stage.order("bulletin", bulletin=bulletin)
    stage.equal(stage.epoch(), epoch, "epoch after an accepted bulletin")


def refuse_bulletin(stage: Stage, bulletin: bytes, code: Code) -> None:
    """The wallet must refuse a bulletin, unharmed."""
    before = stage.state()
    stage.refused(stage.act("bulletin", bulletin=bulletin), code, "bulletin")
    stage.unchanged(before, "a refused bulletin")
    flows.still_alive(stage)


def refuse_peer(stage: Stage, side: Side, peer: Identity) -> None:
    """The wallet must refuse a revoked peer."""
    flows.order_receive(stage, side, 4)
    expect_refused_peer(stage, side, peer, Code.PURSE_REVOKED, "a revoked peer")


Make = Callable[[World], bytes]


def parts(change: Callable[[list[cbor.Item]], cbor.Item]) -> Make:
    """The right bulletin with its COSE_Sign1 changed."""

    def make(world: World) -> bytes:
        items = cbor.decode(signed(world))
        assert isinstance(items, tuple)
        return of(cbor.encode(change(list(items))))

    return make


def body(change: Callable[[tuple[cbor.Item, ...]], cbor.Item]) -> Make:
    """A bulletin with another payload, signed by the device centre, and the chunks of the right one."""

    def make(world: World) -> bytes:
        listed = coded((int.from_bytes(LOW, "big"),))
        items = cbor.decode(cose.parse(bulletins.signed(world, listed, epoch=NEXT)).payload)
        assert isinstance(items, tuple)
        again = world.device.sign(objects.CONTEXT_BULLETIN, cbor.encode(change(items)))
        return bulletins.whole(again, listed)

    return make


def update(change: Callable[[tuple[cbor.Item, ...]], cbor.Item]) -> Make:
    """The right bulletin in another update."""

    def make(world: World) -> bytes:
        items = cbor.decode(made(world, revoked=(LOW,)))
        assert isinstance(items, tuple)
        return cbor.encode(change(items))

    return make


def forged(make: Make) -> Make:
    """With a signature that does not verify; the rest stays as it is."""

    def forge(world: World) -> bytes:
        right = Whole.decode(make(world))
        return Whole(signed=flip(right.signed), chunks=right.chunks).encode()

    return forge
