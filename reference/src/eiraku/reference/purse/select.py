"""Which units a payer offers: exactly the amount, as few units as possible, within the limits of size.

**Why greedy is right.** All values are powers of two. Lemma: a collection of powers of two, none larger than
v = 2^k, whose sum is at least v, has a part that sums to exactly v. (Add them from the largest down. Before
each step the sum so far and the remainder to v are multiples of the value to be added, since that value
divides every larger power and v; so the sum cannot jump over v.) Let v be the largest value not above the
amount that is still to be found, and let a unit of v be at hand. If some exact choice does not use it, then
all its units are at most v and sum to at least v, so by the lemma a part of them sums to v; put the unit in
the place of that part: still exact, and no more units. Hence taking the largest unit that fits, again and
again, finds an exact choice whenever there is one; and since replacing a part of two or more units saves
units, that choice is the only one, as a collection of values, with the fewest units. Among units of equal
value the smaller encodings are taken, so no choice with as few units is smaller in bytes either.

So of each value only as many units are looked at as can be used; what else a purse holds costs nothing.
Only when that choice is too long for a record can another, with more but shorter units, still do. `_lightest`
looks for the fewest units that fit, by dynamic programming over the binary digits of the amount.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Protocol

from eiraku.spec.errors import Code, Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A unit that could be offered. `value`: a power of two; `size`: bytes it adds to REDELIVER."""

    unit_id: bytes
    value: int
    size: int


def unit_size(unit: int, hop: int, history: int) -> int:
    """Bytes that one unit adds to REDELIVER: its place in the offer, and its endorsement.

    `unit` and `history` are lengths in bytes.
    """
    return 1 + _head(unit) + unit + _head(hop) + _head(history) + history + 66


def redeliver_size(units: int, amount: int, sizes: int) -> int:
    """Length in bytes of REDELIVER for so many units, whose `unit_size` sum up to `sizes`."""
    offer = 1 + 1 + 17 + _head(amount) + _head(units) + sizes - 66 * units
    return 1 + 1 + _head(offer) + offer + _head(units) + 66 * units


class Stock(Protocol):
    """Units that can be offered to somebody."""

    def lightest(self, value: int, most: int) -> Sequence[Candidate]:
        """At most `most` units of a value: those with the shortest encodings, of these by identifier."""

    def worth(self) -> int:
        """The sum of their values."""


def choose(stock: Stock, amount: int, *, max_units: int, max_record: int) -> tuple[bytes, ...]:
    """Identifiers of units whose values sum to `amount`, largest first.

    `max_record`: greatest length of REDELIVER, in bytes. Raises Refusal: INSUFFICIENT_FUNDS, NO_EXACT_CHANGE,
    or TOO_LARGE if no exact choice is short enough.
    """
    rest = amount
    chosen: list[Candidate] = []
    for value in _values(amount):
        # One more than permitted tells that there is no choice with few enough.
        most = min(rest // value, max_units + 1 - len(chosen))
        if most > 0:
            found = stock.lightest(value, most)
            chosen += found
            rest -= value * len(found)
    if rest or len(chosen) > max_units:
        # EPP-TRF-011
        if stock.worth() < amount:
            raise Refusal(Code.INSUFFICIENT_FUNDS, "EPP-TRF-011", f"cannot spend {amount}")
        # EPP-TRF-064
        raise Refusal(
            Code.NO_EXACT_CHANGE, "EPP-TRF-064", f"no choice of {max_units} units or fewer makes up {amount}"
        )
    # EPP-TRF-060, EPP-TRF-065
    if redeliver_size(len(chosen), amount, sum(c.size for c in chosen)) > max_record:
        chosen = _lightest(stock, amount, max_units, max_record)
    return tuple(c.unit_id for c in chosen)


def _values(amount: int) -> Iterator[int]:
    """The denominations up to an amount, largest first."""
    return (1 << n for n in reversed(range(amount.bit_length())))


@dataclass(frozen=True, slots=True)
class _Part:
    """A choice among the units of the lower binary digits, as a chain from the highest of them down."""

    size: int
    taken: tuple[Candidate, ...]
    below: "_Part | None"


def _lightest(stock: Stock, amount: int, max_units: int, max_record: int) -> list[Candidate]:
    """The fewest units that sum to `amount` and fit a record. Raises Refusal(TOO_LARGE).

    For each binary digit, from the lowest, `best` holds for every (carry, count) the lightest choice of
    `count` units below that digit whose sum is the amount's lower digits plus `carry` times the digit.
    """
    best: dict[tuple[int, int], _Part] = {(0, 0): _Part(0, (), None)}
    for digit in reversed(list(_values(amount))):
        units = stock.lightest(digit, max_units)
        sizes = list(accumulate((c.size for c in units), initial=0))
        found: dict[tuple[int, int], _Part] = {}
        for (carry, count), part in best.items():
            wanted = (1 if amount & digit else 0) ^ (carry & 1)
            for more in range(wanted, min(len(units), max_units - count) + 1, 2):
                key = ((carry + more) // 2, count + more)
                size = part.size + sizes[more]
                if key not in found or size < found[key].size:
                    found[key] = _Part(size, tuple(units[:more]), part)
        best = found
    for (carry, count), part in sorted(best.items(), key=lambda item: item[0]):
        if not carry and redeliver_size(count, amount, part.size) <= max_record:
            return _units(part)
    # EPP-TRF-060
    raise Refusal(Code.TOO_LARGE, "EPP-TRF-060", f"no choice of units for {amount} fits a record")


def _units(part: _Part | None) -> list[Candidate]:
    units: list[Candidate] = []
    while part is not None:
        units += part.taken
        part = part.below
    return units


def _head(n: int) -> int:
    """Length of the CBOR head that says n."""
    return 1 if n < 24 else 2 if n < 0x100 else 3 if n < 0x1_0000 else 5 if n < 0x1_0000_0000 else 9
