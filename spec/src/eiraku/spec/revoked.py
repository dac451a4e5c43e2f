"""The code of a list of purse numbers, as bulletins and deltas have it (chapter 4, code of a list).

Numbers are integers from 1 to 2^64 - 1, strictly ascending. A list is cut into chunks of at most 4 096 bytes;
each holds the gaps after its first number as Golomb-Rice code and is read by itself. A list has one code, so
`verify` codes again what it has read and compares.

Nothing here holds a list as numbers: they pass one by one, and a chunk of bits (32 768 characters) is what is
in memory beside the bytes.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import TypeAlias

from eiraku.spec.errors import Code, Refusal

CHUNK = 4096
"""Greatest length of a chunk, in bytes."""
CHUNKS_MAX = 256
"""Greatest number of chunks in a list: a mebibyte."""
NUMBER_MAX = 2**64 - 1
K_MAX = 63

_BITS = 8 * CHUNK

Part: TypeAlias = tuple[int, bytes]
"""A chunk: its first number, and the code of those that follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coded:
    """A list in its code with `k`; `last` is its last number, 0 without one."""

    count: int
    k: int
    last: int
    parts: tuple[Part, ...]

    @property
    def canonical(self) -> bool:
        """Whether `k` is the one that belongs to the list."""
        return self.k == parameter(self.count, self.last)


def parameter(count: int, last: int) -> int:
    """The k of a list: the greatest with count x 2^k <= the last number; 0 for no number (EPP-BUL-016)."""
    return (last // count).bit_length() - 1 if count else 0


def coded(numbers: Sequence[int]) -> Coded:
    """The code of a list that is ascending."""
    return encode(numbers, parameter(len(numbers), numbers[-1] if numbers else 0))


def encode(numbers: Iterable[int], k: int) -> Coded:
    """The code of numbers with a given k. Raises Refusal (MALFORMED) if they are not strictly ascending."""
    parts: list[Part] = []
    words: list[str] = []
    first = last = count = used = 0
    low, width = (1 << k) - 1, f"0{k + 1}b"
    for number in numbers:
        gap = number - last - 1
        # EPP-BUL-003
        if gap < 0:
            raise Refusal(Code.MALFORMED, "EPP-BUL-003", "numbers are not strictly ascending")
        length = (gap >> k) + k + 1
        # EPP-BUL-018: a chunk is as full as can be; one-bits that do not fit are never made
        if not count or used + length > _BITS:
            if count:
                parts.append((first, _bytes(words)))
            first, words, used = number, [], 0
        else:
            words.append("1" * (gap >> k) + format(gap & low, width))
            used += length
        last = number
        count += 1
    if count:
        parts.append((first, _bytes(words)))
    return Coded(count=count, k=k, last=last, parts=tuple(parts))


def decode(part: Part, k: int) -> Iterator[int]:
    """The numbers of a chunk. Raises Refusal (MALFORMED), when it comes to what is wrong."""
    number, chunk = part
    bits = format(int.from_bytes(b"\x01" + chunk, "big"), "b")[1:]
    at, size = 0, len(bits)
    yield number
    # find is bounded by the chunk: a run of one-bits without an end makes no number
    while (zero := bits.find("0", at)) >= 0:
        end = zero + 1 + k
        # EPP-BUL-013
        if end > size:
            raise Refusal(Code.MALFORMED, "EPP-BUL-013", "a chunk ends within a code word")
        number += ((zero - at) << k) + int(bits[zero:end], 2) + 1
        # EPP-BUL-014
        if number > NUMBER_MAX:
            raise Refusal(Code.MALFORMED, "EPP-BUL-014", "a number above 2^64 - 1")
        yield number
        at = end
    # EPP-BUL-015
    if size - at >= 8:
        raise Refusal(Code.MALFORMED, "EPP-BUL-015", "8 one-bits or more after the last number of a chunk")


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokedList:
    """A list in its code, to be read."""

    k: int = 0
    parts: tuple[Part, ...] = ()

    def __iter__(self) -> Iterator[int]:
        """Every number, as it comes. Raises Refusal (MALFORMED) for a list that was not verified."""
        for part in self.parts:
            yield from decode(part, self.k)

    def __contains__(self, number: int) -> bool:
        """Whether a list that was verified has a number: one chunk is read."""
        at = bisect_right(self.parts, number, key=itemgetter(0)) - 1
        return at >= 0 and number in decode(self.parts[at], self.k)


def verify(count: int, listed: RevokedList) -> None:
    """Whether these chunks are the code of a list of so many numbers. Raises Refusal (MALFORMED)."""
    found = encode(listed, listed.k)
    # EPP-BUL-017
    if found.count != count:
        raise Refusal(Code.MALFORMED, "EPP-BUL-017", f"a list of {found.count} numbers says {count}")
    # EPP-BUL-016
    if not found.canonical:
        raise Refusal(
            Code.MALFORMED, "EPP-BUL-016", f"a list of {count} numbers to {found.last} has k {listed.k}"
        )
    # EPP-BUL-018
    if found.parts != listed.parts:
        raise Refusal(Code.MALFORMED, "EPP-BUL-018", "a chunk is not as full as it can be")


def changed(held: Iterable[int], removed: Iterable[int], added: Iterable[int]) -> Iterator[int]:
    """The numbers held without those removed and with those added; all ascending, and so is the result.

    Raises Refusal (MALFORMED) for one to remove that is not held, and one to add that is (EPP-BUL-022).
    """
    going, coming = iter(removed), iter(added)
    gone, new = next(going, None), next(coming, None)
    for number in held:
        while new is not None and new < number:
            yield new
            new = next(coming, None)
        # EPP-BUL-022
        if new == number:
            raise Refusal(Code.MALFORMED, "EPP-BUL-022", f"adds {number}, which is in the list")
        if gone == number:
            gone = next(going, None)
            continue
        yield number
    # EPP-BUL-022: they ascend, so one that was not met stays in front
    if gone is not None:
        raise Refusal(Code.MALFORMED, "EPP-BUL-022", f"removes {gone}, which is not in the list")
    if new is not None:
        yield new
        yield from coming


def difference(held: Iterable[int], wanted: Iterable[int]) -> tuple[list[int], list[int]]:
    """What to remove and what to add to come from one ascending list to another."""
    removed: list[int] = []
    added: list[int] = []
    one, two = iter(held), iter(wanted)
    a, b = next(one, None), next(two, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a < b):
            removed.append(a)  # type: ignore[arg-type]  # not None: one of them is not
            a = next(one, None)
        elif a is None or b < a:
            added.append(b)
            b = next(two, None)
        else:
            a, b = next(one, None), next(two, None)
    return removed, added


def _bytes(words: Iterable[str]) -> bytes:
    bits = "".join(words)
    bits += "1" * (-len(bits) % 8)
    return int("1" + bits, 2).to_bytes(len(bits) // 8 + 1, "big")[1:]
