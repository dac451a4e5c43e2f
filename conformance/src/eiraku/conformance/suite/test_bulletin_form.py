"""Chapter 4, bulletins: sizes and shapes of updates and bulletins, and the order of the checks."""

import pytest

from eiraku.conformance.suite.negative_bulletin import (
    LOW,
    NEXT,
    Make,
    accept_bulletin,
    body,
    forged,
    made,
    of,
    parts,
    refuse_bulletin,
    signed,
    update,
)
from eiraku.conformance.tester import bulletins
from eiraku.conformance.tester.bulletins import with_parts
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, World
from eiraku.spec import cbor, objects
from eiraku.spec.bulletins import Whole
from eiraku.spec.errors import Code
from eiraku.spec.revoked import coded

ZEROS = bytes(32)

SHAPES: dict[str, Make] = {
    "four-items": body(lambda items: items[:4]),
    "six-items": body(lambda items: (*items, 0)),
    "epoch-negative": body(lambda items: (-1, *items[1:])),
    "epoch-2^32": body(lambda items: (2**32, *items[1:])),
    "digest-of-31-bytes": body(lambda items: (items[0], bytes(31), *items[2:])),
    "count-negative": body(lambda items: (*items[:2], -1, *items[3:])),
    "k-of-64": body(lambda items: (*items[:3], 64, items[4])),
    "chunks-null": body(lambda items: (*items[:4], None)),
    "first-number-0": body(lambda items: (*items[:4], ((0, ZEROS),))),
    "first-number-as-bytes": body(lambda items: (*items[:4], ((LOW, ZEROS),))),
    "digest-of-a-chunk-of-31-bytes": body(lambda items: (*items[:4], ((1, bytes(31)),))),
    "257-chunks": body(lambda items: (*items[:4], ((1, ZEROS),) * 257)),
    "payload-not-an-array": body(lambda _: 7),
    "five-parts": parts(lambda parts: (*parts, 0)),
    "unprotected-header": parts(lambda parts: (parts[0], {1: -8}, *parts[2:])),
    "tagged": lambda world: of(b"\xd2" + signed(world)),
    "trailing-byte": lambda world: of(signed(world) + b"\x00"),
    "truncated": lambda world: of(signed(world)[:-1]),
    "nothing": lambda _: of(b""),
}


@pytest.mark.requirement("EPP-BUL-001", "EPP-ERR-003")
@pytest.mark.parametrize("name", tuple(SHAPES))
def test_shape_of_a_bulletin(stage: Stage, name: str) -> None:
    """A bulletin of another shape is malformed, whoever signed it."""
    stage.begin()
    refuse_bulletin(stage, SHAPES[name](stage.world), Code.MALFORMED)
    accept_bulletin(stage, made(stage.world))


UPDATES: dict[str, Make] = {
    "bulletin-alone": signed,
    "one-item": update(lambda items: items[:1]),
    "three-items": update(lambda items: (*items, ())),
    "chunks-null": update(lambda items: (items[0], None)),
    "chunk-as-text": update(lambda items: (items[0], ("",))),
    "chunk-of-4097-bytes": update(lambda items: (items[0], (bytes(4097),))),
    "257-chunks": update(lambda items: (items[0], (b"",) * 257)),
    "delta-of-no-bytes": update(lambda items: (items[0], b"")),
    "delta-of-65536-bytes": update(lambda items: (items[0], bytes(65_536))),
    "tagged": lambda world: b"\xd2" + made(world),
    "trailing-byte": lambda world: made(world) + b"\x00",
    "truncated": lambda world: made(world)[:-1],
    "nothing": lambda _: b"",
}


@pytest.mark.requirement("EPP-BUL-006", "EPP-ERR-003")
@pytest.mark.parametrize("name", tuple(UPDATES))
def test_shape_of_an_update(stage: Stage, name: str) -> None:
    """An update of another shape is malformed, though its bulletin is good."""
    stage.begin()
    refuse_bulletin(stage, UPDATES[name](stage.world), Code.MALFORMED)
    accept_bulletin(stage, made(stage.world))


def _too_long(world: World) -> bytes:
    """A bulletin of more than 12 288 bytes, of good shape but for that."""
    listed = with_parts(coded((5,)), *((5 + n, b"") for n in range(256)))
    body = bulletins.payload(world, listed, epoch=NEXT)
    padded = cbor.encode((body.epoch, body.policy_digest, 1, 0, *body.chunks, bytes(4000)))
    return of(world.device.sign(objects.CONTEXT_BULLETIN, padded))


def _without_its_chunk(world: World, epoch: int = NEXT) -> bytes:
    return of(bulletins.signed(world, coded((5,)), epoch=epoch))


def _shape_of_an_older_one(world: World) -> bytes:
    """A bulletin of an epoch before the one held, without its list of chunks."""
    return body(lambda items: (world.at(EPOCH - 1), *items[1:4]))(world)


def _another_chunk(world: World) -> bytes:
    """Neither the chunk that was signed, nor the code of a list."""
    return Whole(signed=bulletins.signed(world, coded((5,)), epoch=NEXT), chunks=(b"\xff",)).encode()


ORDER: dict[str, tuple[Make, Code]] = {
    "size-of-the-update-before-its-shape": (lambda _: bytes(1_114_113), Code.TOO_LARGE),
    "shape-of-the-update-before-size-of-the-bulletin": (
        lambda world: cbor.encode((Whole.decode(_too_long(world)).signed, None)),
        Code.MALFORMED,
    ),
    "size-before-shape-and-signature": (forged(_too_long), Code.TOO_LARGE),
    "shape-before-signature": (forged(body(lambda items: items[:4])), Code.MALFORMED),
    "shape-before-epoch": (_shape_of_an_older_one, Code.MALFORMED),
    "signature-before-epoch": (
        forged(lambda world: made(world, epoch=EPOCH - 1)),
        Code.BULLETIN_SIGNATURE,
    ),
    "signature-of-the-one-held": (forged(lambda world: world.bulletin()), Code.BULLETIN_SIGNATURE),
    "signature-before-number-of-chunks": (forged(_without_its_chunk), Code.BULLETIN_SIGNATURE),
    "epoch-before-number-of-chunks": (
        lambda world: _without_its_chunk(world, EPOCH - 1),
        Code.BULLETIN_STALE,
    ),
    "digest-before-code": (_another_chunk, Code.BULLETIN_SIGNATURE),
}


@pytest.mark.requirement("EPP-BUL-006", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(ORDER))
def test_order_of_the_checks_on_a_bulletin(stage: Stage, name: str) -> None:
    """A bulletin with two faults is refused for the first of them."""
    make, code = ORDER[name]
    stage.begin()
    refuse_bulletin(stage, make(stage.world), code)
    accept_bulletin(stage, made(stage.world))
