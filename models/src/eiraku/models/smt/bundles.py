"""Boundary cases of histories, of the length of REDELIVER, and of exact choices of units."""

from collections.abc import Callable, Iterator
from itertools import combinations, pairwise

import z3

from eiraku.models.smt.boundary import ACCEPTED, Boundary, Value, impossible, least, possible
from eiraku.models.smt.proof import Term
from eiraku.spec.messages import LIMIT
from eiraku.spec.objects import HOP_MAX

FIXED = 150
"""Bytes that a layer adds beside the layer inside and its head (chapter 4)."""
SHORTEST, LONGEST_UNIT = 113, 145
"""Lengths of signed units that these cases use; `reserved` makes up the difference."""


def cases() -> Iterator[Boundary]:
    """All cases of this file."""
    yield from _histories()
    yield from _redeliver()
    yield from _change()


def head(n: Term) -> Term:
    """Length of the CBOR head that says n, below 2^32."""
    return z3.If(n < 24, 1, z3.If(n < 256, 2, z3.If(n < 65536, 3, 5)))


def _sizes(size: Callable[[Term], Term]) -> list[Term]:
    """The sizes of sealed histories, by hop, as chapter 4 has them."""
    facts = [size(z3.IntVal(-1)) == 0]
    facts += [
        size(z3.IntVal(h)) == size(z3.IntVal(h - 1)) + FIXED + head(size(z3.IntVal(h - 1)))
        for h in range(HOP_MAX + 1)
    ]
    return facts


def _histories() -> Iterator[Boundary]:
    size = z3.Function("size", z3.IntSort(), z3.IntSort())
    facts, hop, bytes_ = _sizes(size), z3.Int("hop"), z3.Int("bytes")
    known = [hop >= 0, hop <= HOP_MAX, bytes_ == size(hop)]
    # No history is so long that its head takes five bytes.
    impossible(*facts, *known, bytes_ >= 65536)
    for name, at in (
        ("whose-inside-is-empty", size(hop - 1) < 24),
        ("whose-inside-has-a-head-of-two", z3.And(size(hop - 1) >= 24, size(hop - 1) < 256)),
        ("whose-inside-has-a-head-of-three", size(hop - 1) >= 256),
        ("at-the-last-hop", hop == HOP_MAX - 1),
    ):
        held, length = least([hop, bytes_], *facts, *known, at)
        for wrong in (-1, 0, 1):
            yield Boundary(
                name=f"history-{name}{('-a-byte-short', '', '-a-byte-long')[wrong + 1]}",
                says="The sealed history of an offered unit; the payee is a vault, so no hop is too many.",
                requirements=("EPP-HIS-004", "EPP-TRF-039"),
                given={"hop": held, "history_bytes": length + wrong},
                expected="history-size" if wrong else ACCEPTED,
            )


def _redeliver() -> Iterator[Boundary]:
    """Units of value 1, all at one hop; all of one length but the last."""
    units, hop, length, last = z3.Ints("units hop length last")
    history = z3.Int("history")
    each = 67 + head(hop) + head(history) + history
    content = units * (each + 2) + (units - 1) * length + last
    offer = 1 + 1 + 17 + head(units) + head(units) + content - 66 * units
    redeliver = 1 + 1 + head(offer) + offer + head(units) + 66 * units
    facts = [
        # From hop 2 on a layer adds the same; only such hops come near the limit.
        hop >= 2,
        hop < HOP_MAX,
        history == 456 + 153 * (hop - 2),
        z3.And(units >= 1, units <= 64),
        *(z3.And(part >= SHORTEST, part <= LONGEST_UNIT) for part in (length, last)),
    ]
    for over, expected in ((0, ACCEPTED), (1, "too-large")):
        number = next(n for n in range(1, 65) if possible(*facts, units == n, redeliver == LIMIT + over))
        fixed = [z3.substitute(fact, (units, z3.IntVal(number))) for fact in facts]
        long = z3.substitute(redeliver, (units, z3.IntVal(number))) == LIMIT + over
        held, most, rest = least([hop, length, last], *fixed, long)
        lengths: list[Value] = [*[most] * (number - 1), rest]
        yield Boundary(
            name=f"redeliver-{'too-large' if over else 'of-greatest-length'}",
            says="The payer holds just these units, each worth 1, and is to pay all of them to a vault:"
            f" REDELIVER would be {LIMIT + over} bytes long.",
            requirements=("EPP-TRF-060", "EPP-ENC-010"),
            given={
                "unit_bytes": lengths,
                "hop": held,
                "amount": number,
                "redeliver_bytes": LIMIT + over,
                "max_record": LIMIT,
            },
            expected=expected,
        )


# --- exact choices ---


def _sums(values: list[Term], most: int, amount: Term) -> Term:
    """Some choice of at most so many units makes up the amount."""
    choices = [c for n in range(1, most + 1) for c in combinations(values, n)]
    return z3.Or([z3.Sum(choice) == amount for choice in choices])


def _in_turn(values: list[Term], amount: Term) -> tuple[Term, Term]:
    """What is left, and how many units are taken, if each that fits is taken in the order given."""
    rest, taken = amount, z3.IntVal(0)
    for value in values:
        fits = value <= rest
        rest, taken = z3.If(fits, rest - value, rest), z3.If(fits, taken + 1, taken)
    return rest, taken


def _change() -> Iterator[Boundary]:
    amount = z3.Int("amount")
    three = list(z3.Ints("v0 v1 v2"))

    def case(name: str, says: str, values: list[Term], most: int, expected: str, *facts: Term) -> Boundary:
        powers = [z3.Or([v == 1 << n for n in range(7)]) for v in values]
        rising = [a <= b for a, b in pairwise(values)]
        enough = [amount >= 1, amount <= z3.Sum(values)]
        # The amount last: the fewest coins and the least values first
        *held, wanted = least([*values, amount], *powers, *rising, *enough, *facts)
        given: dict[str, Value] = {"values": list(held), "amount": wanted, "max_units": most}
        rule = "EPP-TRF-065" if expected == ACCEPTED else "EPP-TRF-064"
        return Boundary(name=name, says=says, requirements=(rule,), given=given, expected=expected)

    one, two, all_three = three[:1], three[:2], three
    rest, _ = _in_turn(two, amount)
    _, taken = _in_turn(all_three, amount)
    falling_rest, _ = _in_turn(all_three[::-1], amount)
    yield case(
        "change-none",
        "The total suffices; no choice makes up the amount.",
        one,
        32,
        "no-exact-change",
        z3.Not(_sums(one, 1, amount)),
    )
    yield case(
        "change-none-of-three",
        "The same with three different values.",
        all_three,
        32,
        "no-exact-change",
        z3.Distinct(all_three),
        z3.Not(_sums(all_three, 3, amount)),
    )
    yield case(
        "change-with-too-many-units",
        "Only a choice of more units than permitted makes up the amount.",
        all_three,
        2,
        "no-exact-change",
        z3.Not(_sums(all_three, 2, amount)),
        _sums(all_three, 3, amount),
    )
    yield case(
        "change-smallest-first-fails",
        "Whoever takes the smallest unit first cannot go on; an exact choice exists.",
        two,
        32,
        ACCEPTED,
        _sums(two, 2, amount),
        rest > 0,
    )
    yield case(
        "change-smallest-first-takes-too-many",
        "Whoever takes the smallest units first takes more than permitted; an exact choice of one unit"
        " exists.",
        all_three,
        1,
        ACCEPTED,
        _sums(all_three, 1, amount),
        taken > 1,
    )
    # Powers of two: to take the largest that fits never fails where a choice exists.
    powers = [z3.Or([v == 1 << n for n in range(7)]) for v in three]
    impossible(*powers, three[0] <= three[1], three[1] <= three[2], _sums(three, 3, amount), falling_rest > 0)
