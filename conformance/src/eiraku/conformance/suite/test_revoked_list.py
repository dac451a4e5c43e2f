"""Chapter 4, bulletins: the code of the revoked list, its chunks and its size."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from eiraku.conformance.suite.negative_bulletin import (
    NEXT,
    accept_bulletin,
    made,
    of,
    refuse_bulletin,
    refuse_peer,
)
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import bulletins, flows
from eiraku.conformance.tester.bulletins import MORE_SQUARES, SQUARES, with_parts
from eiraku.conformance.tester.policies import policy
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import World
from eiraku.spec import objects
from eiraku.spec.bulletins import Whole
from eiraku.spec.errors import Code
from eiraku.spec.revoked import CHUNK, NUMBER_MAX, Coded, coded, encode
from eiraku.spec.tables import Side

SMALL = coded((5, 7, 20))
"""k is 2; the chunk is 3c7f."""
TWO, THREE = coded(SQUARES), coded(MORE_SQUARES)
"""Lists of so many chunks."""


def refuse_list(stage: Stage, wrong: Coded, right: Coded, code: Code = Code.MALFORMED) -> None:
    """The wallet must accept the bulletin of one list, and refuse that of the other, unharmed."""
    stage.begin()
    accept_bulletin(stage, bulletins.update(stage.world, right, epoch=NEXT))
    stage.begin()
    refuse_bulletin(stage, bulletins.update(stage.world, wrong, epoch=NEXT), code)
    accept_bulletin(stage, made(stage.world))


def _second_from(first: int) -> Coded:
    """Two chunks, the second of which begins at another number."""
    return with_parts(TWO, TWO.parts[0], (first, TWO.parts[1][1]))


LAST_OF_THE_FIRST = SQUARES[SQUARES.index(TWO.parts[1][0]) - 1]

ORDERS = {
    "last-number-again": _second_from(LAST_OF_THE_FIRST),
    "below-the-last-number": _second_from(LAST_OF_THE_FIRST - 1),
    "below-the-first-number": with_parts(TWO, (100, TWO.parts[0][1]), (99, TWO.parts[1][1])),
}


@pytest.mark.requirement("EPP-BUL-003", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(ORDERS))
def test_chunks_ascend(stage: Stage, name: str) -> None:
    """A chunk that begins at or below a number of the chunk before is malformed."""
    refuse_list(stage, ORDERS[name], TWO)


CUT = {
    # 5, 7 with k = 1 is 01; 111111 would fill it up
    "in-the-low-bits": with_parts(coded((5, 7)), (5, bytes((0b01_111110,)))),
    "filled-with-zeros": with_parts(SMALL, (5, bytes((0b001_11100, 0b0_0000000)))),
    "after-the-zero-bit": replace(with_parts(SMALL, (5, bytes((0b001_11100, 0b0_001_1110)))), count=4, k=2),
}


@pytest.mark.requirement("EPP-BUL-013", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(CUT))
def test_cut_code_word(stage: Stage, name: str) -> None:
    """A chunk that ends within a code word is malformed."""
    refuse_list(stage, CUT[name], SMALL)


BEYOND = {
    "by-one": Coded(count=2, k=63, last=0, parts=((NUMBER_MAX, bytes(8)),)),
    "by-a-run-of-one-bits": Coded(count=2, k=63, last=0, parts=((1, b"\xff" * 7 + b"\xfe" + bytes(8)),)),
}


@pytest.mark.requirement("EPP-BUL-014", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(BEYOND))
def test_number_beyond_64_bits(stage: Stage, name: str) -> None:
    """A number above 2^64 - 1 is malformed; 2^64 - 1 is a number."""
    refuse_list(stage, BEYOND[name], coded((1, NUMBER_MAX - 1, NUMBER_MAX)))


FILLED = {
    "a-byte": with_parts(SMALL, (5, bytes.fromhex("3c7fff"))),
    "a-whole-chunk": with_parts(SMALL, (5, bytes.fromhex("3c7f") + b"\xff" * (CHUNK - 2))),
    "a-chunk-of-one-number": with_parts(coded((5,)), (5, b"\xff")),
    "nothing-but-one-bits": with_parts(coded((5,)), (5, b"\xff" * CHUNK)),
}


@pytest.mark.requirement("EPP-BUL-015", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(FILLED))
def test_filling(stage: Stage, name: str) -> None:
    """Eight one-bits or more after the last number of a chunk are malformed, however many they are."""
    refuse_list(stage, FILLED[name], SMALL)


PARAMETERS = {
    "one-less": encode((5, 7, 20), 1),
    "one-more": encode((5, 7, 20), 3),
    "0": encode((5, 7, 20), 0),
    "one-less-for-many": encode(SQUARES, TWO.k - 1),
    "one-more-for-one-number": encode((5,), 3),
    "1-for-no-number": encode((), 1),
}


@pytest.mark.requirement("EPP-BUL-016", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(PARAMETERS))
def test_parameter(stage: Stage, name: str) -> None:
    """A list in code with another k than its own is malformed."""
    refuse_list(stage, PARAMETERS[name], SMALL)


COUNTS = {
    # with these counts, too, k is the one that belongs to the list
    "one-more": replace(SMALL, count=4),
    "one-less": replace(coded((5, 7, 30)), count=2),
    "one-less-for-many": replace(TWO, count=TWO.count - 1),
    "numbers-without-a-chunk": Coded(count=1, k=0, last=0, parts=()),
}


@pytest.mark.requirement("EPP-BUL-017", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(COUNTS))
def test_count(stage: Stage, name: str) -> None:
    """A list of another number of numbers than its count is malformed."""
    refuse_list(stage, COUNTS[name], TWO)


def _earlier(by: int) -> Coded:
    """The second chunk begins some numbers earlier."""
    at = SQUARES.index(TWO.parts[1][0]) - by
    return with_parts(TWO, *encode(SQUARES[:at], TWO.k).parts, *encode(SQUARES[at:], TWO.k).parts)


ROOM = {
    "one-number-earlier": _earlier(1),
    "half-a-chunk-earlier": _earlier(1000),
    "two-chunks-for-a-few": with_parts(SMALL, (5, b"\x3f"), (20, b"")),
}


@pytest.mark.requirement("EPP-BUL-018", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(ROOM))
def test_full_chunks(stage: Stage, name: str) -> None:
    """A chunk that has room for the first number of the next one is malformed."""
    refuse_list(stage, ROOM[name], TWO)


# --- chunks -------------------------------------------------------------------------------------------------

Chunks = tuple[bytes, ...]

NUMBERS: dict[str, Callable[[Chunks], Chunks]] = {
    "none": lambda chunks: chunks[:0],
    "the-first-only": lambda chunks: chunks[:1],
    "the-second-only": lambda chunks: chunks[1:],
    "an-empty-one-more": lambda chunks: (*chunks, b""),
    "the-last-twice": lambda chunks: (*chunks, chunks[1]),
}


@pytest.mark.requirement("EPP-BUL-011", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(NUMBERS))
def test_number_of_chunks(stage: Stage, name: str) -> None:
    """An update with another number of chunks than the bulletin describes is malformed."""
    right = Whole.decode(bulletins.update(stage.world, TWO, epoch=NEXT))
    stage.begin()
    refuse_bulletin(
        stage, Whole(signed=right.signed, chunks=NUMBERS[name](right.chunks)).encode(), Code.MALFORMED
    )
    accept_bulletin(stage, right.encode())


OTHER = {
    # 5, 8, 20: another list, with the same count, k and first number
    "another-list": (SMALL, (coded((5, 8, 20)).parts[0][1],)),
    "one-bit": (SMALL, (bytes.fromhex("3c7e"),)),
    "a-byte-more": (SMALL, (bytes.fromhex("3c7fff"),)),
    "nothing": (SMALL, (b"",)),
    "exchanged": (TWO, (TWO.parts[1][1], TWO.parts[0][1])),
    "the-second-of-another-list": (TWO, (TWO.parts[0][1], coded([*SQUARES[:-1], 7840001]).parts[1][1])),
}


@pytest.mark.requirement("EPP-BUL-012", "EPP-ERR-001")
@pytest.mark.parametrize("name", tuple(OTHER))
def test_another_chunk(stage: Stage, name: str) -> None:
    """A chunk with another digest than the signed one is refused."""
    listed, chunks = OTHER[name]
    stage.begin()
    signed = bulletins.signed(stage.world, listed, epoch=NEXT)
    refuse_bulletin(stage, Whole(signed=signed, chunks=chunks).encode(), Code.BULLETIN_SIGNATURE)
    accept_bulletin(stage, bulletins.whole(signed, listed))


# --- sizes --------------------------------------------------------------------------------------------------


@pytest.mark.requirement("EPP-BUL-007", "EPP-ERR-001")
def test_length_of_an_update(stage: Stage) -> None:
    """An update of more than 1 114 112 bytes is too large, one of as many has to be looked at."""
    stage.begin()
    refuse_bulletin(stage, bytes(1_114_113), Code.TOO_LARGE)
    refuse_bulletin(stage, bytes(1_114_112), Code.MALFORMED)
    accept_bulletin(stage, made(stage.world))


def _of_length(world: World, length: int) -> bytes:
    """A signed object of so many bytes that is no bulletin."""
    empty = len(world.device.sign(objects.CONTEXT_BULLETIN, bytes(10_000))) - 10_000
    return of(world.device.sign(objects.CONTEXT_BULLETIN, bytes(length - empty)))


@pytest.mark.requirement("EPP-BUL-008", "EPP-ERR-001")
def test_length_of_a_bulletin(stage: Stage) -> None:
    """A signed bulletin of more than 12 288 bytes is too large, one of as many has to be looked at."""
    stage.begin()
    refuse_bulletin(stage, _of_length(stage.world, 12_289), Code.TOO_LARGE)
    refuse_bulletin(stage, _of_length(stage.world, 12_288), Code.MALFORMED)
    accept_bulletin(stage, made(stage.world))


@pytest.mark.requirement("EPP-BUL-009", "EPP-BUL-010", "EPP-ERR-001")
@pytest.mark.parametrize("room", (2 * CHUNK, 3 * CHUNK - 1))
def test_room_of_the_policy(stage: Stage, room: int) -> None:
    """A list of as many chunks as the policy has room for is accepted; of one more it is too large."""
    world = stage.world
    world.policy = policy(max_bulletin=room)
    three = bulletins.update(world, THREE, epoch=NEXT)
    if (len(TWO.parts), len(THREE.parts)) != (2, 3):
        raise ValueError("the lists have two and three chunks")
    stage.begin()
    refuse_bulletin(stage, three, Code.TOO_LARGE)
    # It is seen before a chunk is asked for.
    refuse_bulletin(stage, of(Whole.decode(three).signed), Code.TOO_LARGE)
    accept_bulletin(stage, bulletins.update(world, TWO, epoch=NEXT))


LARGEST = 174_400
"""So many numbers, spread evenly, fill 256 chunks."""


def spread(count: int) -> Coded:
    """Numbers over the whole range, the first and the last among them."""
    step = (NUMBER_MAX - 1) // count
    return coded([*(1 + n * step + n * n % (step // 2) for n in range(count - 1)), NUMBER_MAX])


@SIDES
@pytest.mark.requirement("EPP-BUL-009", "EPP-SES-022")
def test_largest_list(stage: Stage, side: Side) -> None:
    """A list of 256 chunks is accepted; its first, last and a middle number count, and no neighbour."""
    world = stage.world
    listed = spread(LARGEST)
    if len(listed.parts) != 256:
        raise ValueError(f"the largest list has {len(listed.parts)} chunks")
    stage.begin()
    accept_bulletin(stage, bulletins.update(world, listed, epoch=NEXT))
    numbers = (1, listed.parts[100][0], NUMBER_MAX)
    for number in numbers:
        refuse_peer(stage, side, world.purse(number=number.to_bytes(8, "big")))
    stage.wallet.power_cut("now")
    refuse_peer(stage, side, world.purse(number=numbers[1].to_bytes(8, "big")))
    for number in (2, listed.parts[100][0] - 1, NUMBER_MAX - 1):
        free = world.purse(number=number.to_bytes(8, "big"))
        flows.give(stage, side, [world.holding(4, holder=free.number)], peer=free)
