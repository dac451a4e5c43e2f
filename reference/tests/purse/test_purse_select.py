"""Choice of units against brute force over all subsets."""

from itertools import combinations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from eiraku.reference.purse.select import Candidate, choose, redeliver_size, unit_size
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import LIMIT, Offer, OfferedUnit, Redeliver
from eiraku.testing.pile import Pile

pytestmark = pytest.mark.slow

# Two large units are too many for a message: then the fewest units are often not the right ones.
SIZES = st.sampled_from((400, 20_000, 33_000))
UNITS = st.lists(st.tuples(st.integers(0, 3).map(lambda n: 1 << n), SIZES), max_size=9)


def candidates(units: list[tuple[int, int]]) -> list[Candidate]:
    return [Candidate(unit_id=bytes([i]) * 32, value=v, size=s) for i, (v, s) in enumerate(units)]


def best(units: list[tuple[int, int]], amount: int, max_units: int) -> Code | int:
    """Fewest units of an exact choice that fits; or the code to expect."""
    if sum(v for v, _ in units) < amount:
        return Code.INSUFFICIENT_FUNDS
    exact = [
        chosen
        for n in range(1, max_units + 1)
        for chosen in combinations(units, n)
        if sum(v for v, _ in chosen) == amount
    ]
    if not exact:
        return Code.NO_EXACT_CHANGE
    fitting = [c for c in exact if redeliver_size(len(c), amount, sum(s for _, s in c)) <= LIMIT]
    return min(map(len, fitting)) if fitting else Code.TOO_LARGE


@given(units=UNITS, amount=st.integers(1, 40), max_units=st.integers(1, 9))
@example(units=[(4, 33_000), (2, 33_000), (2, 400), (1, 400), (1, 400)], amount=6, max_units=4)
@example(units=[(4, 33_000), (2, 33_000), (2, 20_000), (2, 400), (1, 400), (1, 400)], amount=6, max_units=9)
@example(units=[(8, 33_000), (4, 33_000), (1, 400)] + [(2, 400)] * 6, amount=13, max_units=9)
@settings(max_examples=400, deadline=None)
def test_as_good_as_brute_force(units: list[tuple[int, int]], amount: int, max_units: int) -> None:
    expected = best(units, amount, max_units)
    pool = candidates(units)
    if isinstance(expected, Code):
        with pytest.raises(Refusal) as caught:
            choose(Pile(pool), amount, max_units=max_units, max_record=LIMIT)
        assert caught.value.code is expected
        return
    chosen = choose(Pile(pool), amount, max_units=max_units, max_record=LIMIT)
    by_id = {c.unit_id: c for c in pool}
    assert len(set(chosen)) == len(chosen) == expected
    assert sum(by_id[u].value for u in chosen) == amount
    assert redeliver_size(len(chosen), amount, sum(by_id[u].size for u in chosen)) <= LIMIT


@given(
    units=st.lists(
        st.tuples(st.integers(0, 256), st.integers(0, 255), st.integers(0, 900)), min_size=1, max_size=64
    ),
    amount=st.integers(1, 2**53 - 1),
)
@settings(max_examples=60, deadline=None)
def test_the_size_is_that_of_the_message(units: list[tuple[int, int, int]], amount: int) -> None:
    offer = Offer(
        transaction=bytes(16),
        amount=amount,
        units=tuple(OfferedUnit(unit=bytes(u), hop=h, history=bytes(y)) for u, h, y in units),
    )
    message = Redeliver(offer=offer.encode(), endorsements=(bytes(64),) * len(units))
    assert len(message.encode()) == redeliver_size(len(units), amount, sum(unit_size(*u) for u in units))


def test_a_purse_full_of_long_histories_is_chosen_from_quickly() -> None:
    """The dynamic programme is bounded by 64 units, whatever the purse holds."""
    pool = candidates([(1 << (i % 20), 900 + 40 * (i % 7)) for i in range(255)])
    chosen = choose(Pile(pool), 2**20 - 1, max_units=64, max_record=LIMIT)
    assert len(chosen) == 20
    with pytest.raises(Refusal) as caught:
        choose(Pile(candidates([(1, 2_000)] * 64)), 64, max_units=64, max_record=LIMIT)
    assert caught.value.code is Code.TOO_LARGE
