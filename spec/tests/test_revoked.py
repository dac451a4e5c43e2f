"""The code of revoked lists: one list, one code; what is hostile costs no more than its bytes."""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from hashlib import sha256

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eiraku.spec import bulletins, cbor, revoked
from eiraku.spec.bulletins import Bulletin, Changed, CodedList, Delta, Whole
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.revoked import CHUNK, NUMBER_MAX, RevokedList

NEAR = st.lists(st.integers(1, 3000), unique=True, max_size=400).map(sorted)
FAR = st.lists(st.integers(1, NUMBER_MAX), unique=True, max_size=100).map(sorted)
DENSE = st.integers(1, 2**40).flatmap(
    lambda first: st.integers(0, 3000).map(lambda count: list(range(first, first + count)))
)
LISTS = st.one_of(NEAR, FAR, DENSE, st.tuples(NEAR, FAR).map(lambda two: sorted({*two[0], *two[1]})))


def of(listed: revoked.Coded) -> RevokedList:
    return RevokedList(k=listed.k, parts=listed.parts)


def refused(call: Callable[[], object]) -> Refusal:
    with pytest.raises(Refusal) as caught:
        call()
    return caught.value


def verdict(call: Callable[[], object]) -> Refusal | None:
    try:
        call()
    except Refusal as refusal:
        return refusal
    return None


def bits(chunk: bytes) -> str:
    return "".join(f"{byte:08b}" for byte in chunk)


def chunk_of(text: str) -> bytes:
    """Bits, spaces left out, as bytes; filled up as they are."""
    text = text.replace(" ", "")
    assert len(text) % 8 == 0
    return bytes(int(text[at : at + 8], 2) for at in range(0, len(text), 8))


def test_the_example_of_the_text() -> None:
    """Chapter 4"""
    listed = revoked.coded((5, 7, 20))
    assert (listed.count, listed.k, listed.parts) == (3, 2, ((5, bytes.fromhex("3c7f")),))


@given(numbers=LISTS)
@example(numbers=[])
@example(numbers=[1])
@example(numbers=[NUMBER_MAX])
@example(numbers=[1, NUMBER_MAX])
@example(numbers=[*range(1, 40_000), NUMBER_MAX - 1, NUMBER_MAX])
@settings(deadline=None)
def test_a_list_comes_back(numbers: list[int]) -> None:
    """EPP-BUL-016, EPP-BUL-018: and its code is small."""
    listed = revoked.coded(numbers)
    assert list(of(listed)) == numbers
    revoked.verify(len(numbers), of(listed))
    assert all(len(data) <= CHUNK for _, data in listed.parts)
    length = sum(len(bits(data)) for _, data in listed.parts)
    assert length <= len(numbers) * (listed.k + 3) + 8 * len(listed.parts)


@given(numbers=LISTS, others=st.lists(st.integers(1, 3000), max_size=30))
@settings(deadline=None)
def test_who_is_in_a_list(numbers: list[int], others: list[int]) -> None:
    """EPP-SES-022"""
    listed = of(revoked.coded(numbers))
    near = [n + step for n in numbers[:20] for step in (-1, 0, 1)]
    for number in (*others, *near, 0, NUMBER_MAX):
        assert (number in listed) == (number in set(numbers))


CODES = st.tuples(
    st.integers(0, 70),
    st.integers(0, 8),
    st.lists(st.tuples(st.integers(1, 40), st.binary(max_size=12)), max_size=3),
)


@given(code=CODES)
@settings(deadline=None, max_examples=500)
def test_whatever_is_taken_is_the_one_code(code: tuple[int, int, list[tuple[int, bytes]]]) -> None:
    """EPP-BUL-003, EPP-BUL-013 to EPP-BUL-018"""
    count, k, parts = code
    given_list = RevokedList(k=k, parts=tuple(parts))
    refusal = verdict(lambda: revoked.verify(count, given_list))
    if refusal is not None:
        assert refusal.code is Code.MALFORMED
    else:
        again = revoked.coded(list(given_list))
        assert (again.count, again.k, again.parts) == (count, k, given_list.parts)


@given(numbers=st.lists(st.integers(1, 400), unique=True, min_size=2).map(sorted), at=st.integers(0, 10**6))
@settings(deadline=None)
def test_a_flipped_bit_gives_no_second_code(numbers: list[int], at: int) -> None:
    """EPP-BUL-015 to EPP-BUL-018: what is taken after it is another list."""
    listed = revoked.coded(numbers)
    first, data = listed.parts[0]
    changed = bytearray(data)
    changed[at % (8 * len(data)) // 8] ^= 1 << at % 8
    other = RevokedList(k=listed.k, parts=((first, bytes(changed)),))
    if verdict(lambda: revoked.verify(listed.count, other)) is None:
        assert list(other) != numbers


FULL = [2 * n for n in range(1, 20_001)]
"""More than one chunk: each further number has a code word of three bits."""

WRONG: dict[str, tuple[int, int, tuple[tuple[int, bytes], ...], str]] = {
    # 5, 7, 20 is 001 111000 with k = 2
    "first number twice": (3, 2, ((5, chunk_of("00111000")), (6, b"")), "EPP-BUL-003"),
    "ends within the low bits": (4, 2, ((5, chunk_of("00111100 00011111") + b"\x00"),), "EPP-BUL-013"),
    "above 2^64 - 1": (2, 63, ((NUMBER_MAX, chunk_of("0" * 64)),), "EPP-BUL-014"),
    "a byte of filling": (3, 2, ((5, chunk_of("00111100 01111111 11111111")),), "EPP-BUL-015"),
    "a smaller k": (2, 1, ((5, chunk_of("10111111")),), "EPP-BUL-016"),
    "a greater k": (2, 2, ((5, chunk_of("00111111")),), "EPP-BUL-016"),
    "fewer than said": (4, 2, ((5, bytes.fromhex("3c7f")),), "EPP-BUL-017"),
    "more than said": (2, 2, ((5, bytes.fromhex("3c7f")),), "EPP-BUL-017"),
    "room left": (3, 2, ((5, chunk_of("00111111")), (20, b"")), "EPP-BUL-018"),
    "filled with zeros": (3, 2, ((5, chunk_of("00111100 00000000")),), "EPP-BUL-013"),
    "a chunk of no list": (0, 0, ((1, b""),), "EPP-BUL-017"),
    "numbers without a chunk": (1, 0, (), "EPP-BUL-017"),
    "k of no list": (0, 1, (), "EPP-BUL-016"),
}


@pytest.mark.parametrize("name", WRONG)
def test_another_code(name: str) -> None:
    """EPP-BUL-003, EPP-BUL-013 to EPP-BUL-018"""
    count, k, parts, rule = WRONG[name]
    refusal = refused(lambda: revoked.verify(count, RevokedList(k=k, parts=parts)))
    assert (refusal.code, refusal.requirement) == (Code.MALFORMED, rule)


def test_chunks_are_full() -> None:
    """EPP-BUL-018: a number earlier or later in the next chunk is another code."""
    listed = revoked.coded(FULL)
    (_, full), (second, _) = listed.parts[:2]
    assert len(full) == CHUNK
    numbers = list(of(listed))
    at = numbers.index(second)
    one, two = (revoked.encode(part, listed.k) for part in (numbers[: at - 8], numbers[at - 8 :]))
    shorter = RevokedList(k=listed.k, parts=one.parts + two.parts)
    refusal = refused(lambda: revoked.verify(listed.count, shorter))
    assert refusal.requirement == "EPP-BUL-018"


@pytest.mark.parametrize("k", (0, 1, 63))
@pytest.mark.parametrize("byte", (b"\xff", b"\x00", b"\xaa"))
def test_hostile_chunks_are_bounded(k: int, byte: bytes) -> None:
    """EPP-BUL-014, EPP-BUL-015: the time is that of reading it, and no number has more than 64 bits."""
    began = time.process_time()
    listed = RevokedList(k=k, parts=((1, byte * CHUNK),) * 4)
    highest = 0
    for part in listed.parts:
        with suppress(Refusal):
            highest = max(highest, *revoked.decode(part, k))
    assert refused(lambda: revoked.verify(2**63, listed)).code is Code.MALFORMED
    assert highest <= NUMBER_MAX
    assert time.process_time() - began < 2


SETS = st.sets(st.integers(1, 500), max_size=60)


@given(held=SETS, wanted=SETS)
def test_a_difference_leads_there(held: set[int], wanted: set[int]) -> None:
    """EPP-BUL-022"""
    removed, added = revoked.difference(sorted(held), sorted(wanted))
    assert (set(removed), set(added)) == (held - wanted, wanted - held)
    assert list(revoked.changed(sorted(held), removed, added)) == sorted(wanted)


@given(held=SETS, removed=SETS, added=SETS)
def test_only_what_changes_can_be_changed(held: set[int], removed: set[int], added: set[int]) -> None:
    """EPP-BUL-022"""
    if removed - held or added & held:
        change = revoked.changed(sorted(held), sorted(removed), sorted(added))
        assert refused(lambda: list(change)).requirement == "EPP-BUL-022"
    else:
        found = list(revoked.changed(sorted(held), sorted(removed), sorted(added)))
        assert found == sorted(held - removed | added)


# --- what stands around lists -------------------------------------------------------------------------------


def bulletin(numbers: list[int], epoch: int = 2) -> tuple[Bulletin, tuple[bytes, ...]]:
    listed = revoked.coded(numbers)
    said = Bulletin.of(listed, epoch=epoch, policy_digest=bytes(32))
    return said, tuple(data for _, data in listed.parts)


def test_a_bulletin_has_the_digest_of_each_chunk() -> None:
    """EPP-BUL-011, EPP-BUL-012"""
    said, chunks = bulletin(FULL)
    assert [digest for _, digest in said.chunks] == [sha256(data).digest() for data in chunks]
    assert list(bulletins.whole(said, chunks)) == FULL
    assert len(said.encode()) <= 12_000
    for wrong, rule in (
        (chunks[:-1], "EPP-BUL-011"),
        ((*chunks, b""), "EPP-BUL-011"),
        (chunks[::-1], "EPP-BUL-012"),
        ((*chunks[:-1], chunks[-1] + b"\xff"), "EPP-BUL-012"),
    ):
        assert refused(partial(bulletins.whole, said, wrong)).requirement == rule


def test_the_greatest_bulletin_fits() -> None:
    """EPP-BUL-008, EPP-BUL-007"""
    described = tuple((NUMBER_MAX - n, bytes(32)) for n in range(256))
    said = Bulletin(epoch=2**32 - 1, policy_digest=bytes(32), count=NUMBER_MAX, k=63, chunks=described)
    signed = cbor.encode((bytes(14), {}, said.encode(), bytes(64)))
    assert len(signed) < 11_500
    whole = Whole(signed=bytes(12_288), chunks=(bytes(CHUNK),) * 256).encode()
    assert len(whole) <= bulletins.UPDATE_MAX
    assert bulletins.update(whole) == Whole.decode(whole)


def test_a_list_without_a_number() -> None:
    said, chunks = bulletin([])
    assert (said.count, said.k, said.chunks, chunks) == (0, 0, (), ())
    assert 1 not in bulletins.whole(said, chunks)


def delta(removed: list[int], added: list[int], since: int = 1) -> bytes:
    return Delta(from_epoch=since, removed=CodedList.of(removed), added=CodedList.of(added)).encode()


def test_a_delta_leads_to_the_signed_list() -> None:
    """EPP-BUL-021, EPP-BUL-022, EPP-BUL-023"""
    before, after = FULL, sorted({*FULL[5:], 1, 99_999})
    held = bulletins.whole(*bulletin(before, 1))
    said, chunks = bulletin(after)
    found = bulletins.changed(said, delta(FULL[:5], [1, 99_999]), 1, held)
    assert tuple(data for _, data in found.parts) == chunks
    assert list(found) == after
    for wrong, epoch, code, rule in (
        (delta(FULL[:5], [1, 99_999]), 2, Code.BULLETIN_STALE, "EPP-BUL-021"),
        (delta(FULL[:5], [1, 99_999]), None, Code.BULLETIN_STALE, "EPP-BUL-021"),
        (delta(FULL[:4], [1, 99_999]), 1, Code.BULLETIN_SIGNATURE, "EPP-BUL-023"),
        (delta(FULL[:5], [1, 99_997]), 1, Code.BULLETIN_SIGNATURE, "EPP-BUL-023"),
        (delta([3], [1]), 1, Code.MALFORMED, "EPP-BUL-022"),
        (delta([2], [4]), 1, Code.MALFORMED, "EPP-BUL-022"),
        (b"\x80", 1, Code.MALFORMED, "EPP-BUL-020"),
    ):
        refusal = refused(partial(bulletins.changed, said, wrong, epoch, held))
        assert (refusal.code, refusal.requirement) == (code, rule)


def test_the_lists_of_a_delta_have_one_code() -> None:
    """EPP-BUL-020"""
    right = cbor.decode(delta([5, 7, 20], []))
    assert right == (1, (3, 2, ((5, bytes.fromhex("3c7f")),)), (0, 0, ()))
    for wrong, rule in (
        ((1, (3, 2, ((5, bytes.fromhex("3c00")),)), (0, 0, ())), "EPP-BUL-013"),
        ((1, (0, 0, ()), (0, 1, ())), "EPP-BUL-016"),
        ((1, (0, 0, ())), "EPP-BUL-020"),
    ):
        said, _ = bulletin([])
        call = partial(bulletins.changed, said, cbor.encode(wrong), 1, RevokedList())
        assert refused(call).requirement == rule


def test_which_update_it_is() -> None:
    """EPP-BUL-007"""
    assert bulletins.update(cbor.encode((b"s", ()))) == Whole(signed=b"s", chunks=())
    assert bulletins.update(cbor.encode((b"s", b"d"))) == Changed(signed=b"s", delta=b"d")
    too_long, too_many = (bytes(CHUNK + 1),), (b"",) * 257
    for wrong in ((b"s", b""), (b"s", (1,)), (b"s",), (b"s", too_long), (b"s", too_many), b"s"):
        assert refused(partial(bulletins.update, cbor.encode(wrong))).code is Code.MALFORMED
    assert refused(lambda: bulletins.update(bytes(bulletins.UPDATE_MAX + 1))).code is Code.TOO_LARGE


def test_room() -> None:
    """EPP-BUL-010"""
    said, chunks = bulletin(FULL)
    bulletins.check_room(said, CHUNK * len(chunks))
    assert refused(lambda: bulletins.check_room(said, CHUNK * len(chunks) - 1)).code is Code.TOO_LARGE
