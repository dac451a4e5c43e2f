"""Boundary cases of amounts, limits, counts, hops and epochs: what is just allowed, and what just is not.

Each function states a rule as a formula and asks for the least situation on either side of it in which no
other rule, and no careless reading of this one, gives the same answer.
"""

from collections.abc import Iterator

import z3

from eiraku.models.smt.boundary import ACCEPTED, Boundary, least
from eiraku.spec.objects import HOP_MAX, VALUES
from eiraku.spec.shape import AMOUNT_MAX

UNITS_MAX = 64
"""Greatest `max_units` of a policy (chapter 9)."""
VALUE_MAX = max(VALUES)


def cases() -> Iterator[Boundary]:
    """All cases of this file."""
    yield from _amounts()
    yield from _worth()
    yield from _amount_limit()
    yield from _balance_limit()
    yield from _unit_count()
    yield from _capacity()
    yield from _tables()
    yield from _orders()
    yield from _policies()
    yield from _hops()
    yield from _homeward()
    yield from _expiry()


def _amounts() -> Iterator[Boundary]:
    amount = z3.Int("amount")
    fits, next_fits = amount <= AMOUNT_MAX, amount + 1 <= AMOUNT_MAX
    (last,) = least([amount], amount >= 0, fits, z3.Not(next_fits))
    for name, value, expected in (("greatest", last, ACCEPTED), ("too-great", last + 1, "malformed")):
        yield Boundary(
            name=f"amount-{name}",
            says="An amount in a message; no limit of policy is met.",
            requirements=("EPP-ENC-012", "EPP-TRF-002"),
            given={"amount": value},
            expected=expected,
        )


def _worth() -> Iterator[Boundary]:
    units = z3.Int("units")
    (most,) = least([units], units >= 0, units <= UNITS_MAX, units + 1 > UNITS_MAX)
    yield Boundary(
        name="bundle-of-greatest-worth",
        says="The most that one transfer can move: its sum is exact in 53 bits.",
        requirements=("EPP-ENC-012", "EPP-TRF-032", "EPP-TRF-042"),
        given={"units": most, "value": VALUE_MAX, "amount": most * VALUE_MAX, "max_units": UNITS_MAX},
        expected=ACCEPTED,
    )
    (held,) = least([units], units >= 0, (units + 1) * VALUE_MAX > AMOUNT_MAX)
    yield Boundary(
        name="balance-beyond-amounts",
        says="Units of the greatest value, one more than any balance limit has room for: the sum of the"
        " balance and the amount is above 2^53 - 1, and must not wrap.",
        requirements=("EPP-ENC-012", "EPP-TRF-044"),
        given={
            "balance": held * VALUE_MAX,
            "amount": VALUE_MAX,
            "balance_limit": AMOUNT_MAX,
            "units_held": held,
        },
        expected="balance-limit",
    )


def _amount_limit() -> Iterator[Boundary]:
    payer, payee, amount = z3.Ints("payer_limit payee_limit amount")
    smaller = z3.If(payer <= payee, payer, payee)
    orders = {"payer": payer < payee, "payee": payee < payer}
    for side, order in orders.items():
        for over, expected in ((0, ACCEPTED), (1, "amount-limit")):
            own, peer, value = least(
                [payer, payee, amount], payer >= 1, payee >= 1, order, amount == smaller + over
            )
            yield Boundary(
                name=f"amount-limit-of-the-{side}{'-exceeded' if over else ''}",
                says=f"The {side}'s tier has the smaller limit, and the amount is"
                f" {'one above' if over else 'at'} it.",
                requirements=("EPP-POL-004", "EPP-POL-005", "EPP-TRF-014", "EPP-TRF-031"),
                given={"payer_limit": own, "payee_limit": peer, "amount": value},
                expected=expected,
            )


def _balance_limit() -> Iterator[Boundary]:
    limit, balance, amount = z3.Ints("balance_limit balance amount")
    for over, expected in ((0, ACCEPTED), (1, "balance-limit")):
        most, held, offered = least(
            [limit, balance, amount],
            balance >= 1,
            amount >= 1,
            amount <= limit,
            balance <= limit,
            balance + amount == limit + over,
        )
        yield Boundary(
            name=f"balance-limit{'-exceeded' if over else ''}",
            says=f"Balance and amount together are {'one above' if over else 'at'} the limit, each alone is"
            " within it.",
            requirements=("EPP-POL-004", "EPP-TRF-044"),
            given={"balance_limit": most, "balance": held, "amount": offered},
            expected=expected,
        )


def _unit_count() -> Iterator[Boundary]:
    most, units = z3.Ints("max_units units")
    for name, at in (("least", most >= 1), ("greatest", z3.And(most >= UNITS_MAX, most <= UNITS_MAX))):
        for over, expected in ((0, ACCEPTED), (1, "unit-count")):
            limit, offered = least([most, units], at, units == most + over)
            yield Boundary(
                name=f"unit-count-{name}{'-exceeded' if over else ''}",
                says=f"A bundle of {'one unit more than' if over else 'exactly'} the {name} max_units there"
                " is.",
                requirements=("EPP-POL-004", "EPP-TRF-032"),
                given={"max_units": limit, "units": offered},
                expected=expected,
            )


def _capacity() -> Iterator[Boundary]:
    room, spendable, pending, offered = z3.Ints("capacity spendable pending offered")
    for over, expected in ((0, ACCEPTED), (1, "capacity")):
        # Pending units count: without them there would be room.
        numbers = least(
            [room, spendable, pending, offered],
            spendable >= 1,
            pending >= 1,
            offered >= 1,
            spendable + offered <= room,
            spendable + pending + offered == room + over,
        )
        yield Boundary(
            name=f"capacity{'-exceeded' if over else ''}",
            says=f"Spendable, pending and offered units are {'one more than' if over else 'exactly'} the"
            " capacity; without the pending ones there is room.",
            requirements=("EPP-POL-004", "EPP-TRF-043"),
            given=dict(zip(("capacity", "spendable", "pending", "offered"), numbers, strict=True)),
            expected=expected,
        )


def _tables() -> Iterator[Boundary]:
    most, first, second = z3.Ints("most first second")
    cases = (
        (
            "given",
            "Settled and pending transactions take {} max_given, and the holder orders one more payment.",
            ("EPP-CRS-022", "EPP-TRF-061"),
            ("max_given", "settled", "pending"),
            1,
        ),
        (
            "credited",
            "Credited transactions of two payers take {} max_credited, and one more is offered.",
            ("EPP-CRS-022", "EPP-TRF-062"),
            ("max_credited", "of_this_payer", "of_another"),
            1,
        ),
        (
            "seen",
            "Units that were here and are gone, and those offered, are together {} max_seen.",
            ("EPP-CRS-022", "EPP-TRF-063"),
            ("max_seen", "gone", "offered"),
            0,
        ),
    )
    for name, says, requirements, names, coming in cases:
        for over, expected in ((0, ACCEPTED), (1, "capacity")):
            full = first + second + coming == most + over
            numbers = least([most, first, second], first >= 1, second >= 1, full)
            words = ("all but one of", "all of", "one more than")
            yield Boundary(
                name=f"{name}{'-exceeded' if over else ''}",
                says=says.format(words[1 - coming + over]),
                requirements=requirements,
                given=dict(zip(names, numbers, strict=True)),
                expected=expected,
            )


def _orders() -> Iterator[Boundary]:
    hop, limit, amount = z3.Ints("hop limit amount")
    for over, expected in ((0, ACCEPTED), (1, "insufficient-funds")):
        last = least([hop], hop >= 0, hop + 1 == HOP_MAX + over)[0]
        yield Boundary(
            name=f"order-{'after-the-last-hop' if over else 'at-the-last-hop'}",
            says="The payer holds one unit, far above its hop limits, and is to pay it; a vault would take it"
            " if an endorsement had room for its next hop.",
            requirements=("EPP-TRF-011",),
            given={"hop": last, "amount": 1},
            expected=expected,
        )
    for over, expected in ((0, ACCEPTED), (1, "amount-limit")):
        numbers = least([limit, amount], limit >= 1, amount == limit + over)
        yield Boundary(
            name=f"request-limit{'-exceeded' if over else ''}",
            says=f"The amount to request is {'one above' if over else 'at'} the limit of every operation in"
            " which the payee can be paid.",
            requirements=("EPP-POL-004", "EPP-TRF-068"),
            given=dict(zip(("limit", "amount"), numbers, strict=True)),
            expected=expected,
        )


def _policies() -> Iterator[Boundary]:
    hops, record, seen, room = z3.Ints("max_hops max_record max_seen capacity")
    home = z3.If(hops + 1 < HOP_MAX, hops + 1, HOP_MAX - 1)
    # From hop 2 on a layer adds the same.
    least_record = 366 + 456 + 153 * (home - 2)
    for name, most in (("shortest", hops >= 1), ("longest", hops >= HOP_MAX)):
        for under, expected in ((0, ACCEPTED), (1, "policy")):
            numbers = least([hops, record], most, hops <= HOP_MAX, record == least_record - under)
            yield Boundary(
                name=f"policy-{name}-record{'-too-short' if under else ''}",
                says=f"A policy whose records are {'one byte too short' if under else 'just long enough'} for"
                " a unit on its last way home.",
                requirements=("EPP-POL-017",),
                given=dict(zip(("max_hops", "max_record"), numbers, strict=True)),
                expected=expected,
            )
    for under, expected in ((0, ACCEPTED), (1, "policy")):
        numbers = least([room, seen], room >= 2, seen == room - under)
        yield Boundary(
            name=f"policy-seen-set{'-too-small' if under else ''}",
            says=f"A policy with {'one place less' if under else 'as many places'} for units seen"
            f" {'than' if under else 'as'} for units held.",
            requirements=("EPP-POL-016",),
            given=dict(zip(("capacity", "max_seen"), numbers, strict=True)),
            expected=expected,
        )


def _hops() -> Iterator[Boundary]:
    unit, policy, hop = z3.Ints("unit_max_hops policy_max_hops hop")
    smaller = z3.If(unit <= policy, unit, policy)
    for name, order in (("unit", unit < policy), ("policy", policy < unit)):
        for over, expected in ((0, ACCEPTED), (1, "hop-limit")):
            numbers = least(
                [unit, policy, hop], unit >= 1, policy >= 1, order, hop >= 0, hop + 1 == smaller + over
            )
            yield Boundary(
                name=f"hop-limit-of-the-{name}{'-exceeded' if over else ''}",
                says=f"The {name}'s limit is the smaller, and the new hop is {'one above' if over else 'at'}"
                " it; the payee is a person.",
                requirements=("EPP-HIS-005", "EPP-POL-004", "EPP-TRF-039"),
                given=dict(zip(("unit_max_hops", "policy_max_hops", "hop"), numbers, strict=True)),
                expected=expected,
            )


def _homeward() -> Iterator[Boundary]:
    unit, policy, hop = z3.Ints("unit_max_hops policy_max_hops hop")
    beyond = z3.And(unit >= 1, policy >= 1, hop + 1 > unit, hop + 1 > policy)
    last = z3.And(hop + 1 <= HOP_MAX, hop + 2 > HOP_MAX)
    for name, at, expected in (
        ("beyond-both-limits", z3.BoolVal(True), ACCEPTED),
        ("last", last, ACCEPTED),
        ("after-the-last", hop + 1 == HOP_MAX + 1, "hop-limit"),
    ):
        numbers = least([unit, policy, hop], beyond, at)
        yield Boundary(
            name=f"hop-to-a-vault-{name}",
            says="The new hop is above the limits of unit and policy; the payee is a vault.",
            requirements=("EPP-HIS-005", "EPP-TRF-039"),
            given=dict(zip(("unit_max_hops", "policy_max_hops", "hop"), numbers, strict=True)),
            expected=expected,
        )


def _expiry() -> Iterator[Boundary]:
    issued, expires, epoch = z3.Ints("issued expires epoch")
    for name, at, expected in (
        ("in-its-last-epoch", epoch == expires, ACCEPTED),
        ("after-its-last-epoch", epoch == expires + 1, "unit-expired"),
        ("issued-later", z3.And(issued == epoch + 1, epoch < expires), ACCEPTED),
    ):
        numbers = least([issued, expires, epoch], issued >= 0, epoch >= 0, issued <= expires, at)
        yield Boundary(
            name=f"unit-{name}",
            says="A unit, and the current epoch of the purse that is offered it.",
            requirements=("EPP-UNI-005", "EPP-UNI-006"),
            given=dict(zip(("issued", "expires", "epoch"), numbers, strict=True)),
            expected=expected,
        )
