"""What the store offers for choosing: the same choice as out of all units, at a cost that does not grow."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eiraku.reference.database import StoreError
from eiraku.reference.keylists import MoneyKey
from eiraku.reference.purse.ledger import (
    Credit,
    Holding,
    HoldingsCollected,
    HoldingSummary,
    PaymentCredited,
    PaymentPending,
    Pending,
)
from eiraku.reference.purse.select import Candidate, choose, redeliver_size
from eiraku.reference.store import Store
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import LIMIT

pytestmark = pytest.mark.slow

# The greatest are too long for two of them to fit a message.
HISTORIES = st.sampled_from((1, 20, 23, 24, 150, 255, 256, 300, 12_000, 33_000))
UNITS = st.lists(
    st.tuples(
        st.integers(0, 4).map(lambda n: 1 << n),
        st.integers(8, 11),
        st.integers(1, 3),
        st.integers(0, 3),
        HISTORIES,
    ),
    max_size=14,
)


KEYS = {
    kid: MoneyKey(public=bytes(32), history=bytes(32), valid_from=first, valid_to=1)
    for kid, first in ((b"another.", 0), (bytes(8), 1))
}


def held(n: int, kind: tuple[int, int, int, int, int]) -> Holding:
    value, expires, max_hops, hop, history = kind
    return Holding(
        unit_id=(n * 7919 % 65_536).to_bytes(2, "big") * 16,
        unit=bytes(20 + n % 6),
        kid=bytes(8),
        value=value,
        issued=1,
        expires=expires,
        max_hops=max_hops,
        hop=hop,
        history=bytes(history),
    )


def credit(store: Store, *holdings: Holding) -> None:
    row = Credit(transaction=bytes(16), payer=bytes(8), amount=1, offer_digest=bytes(32), receipt=bytes(64))
    store.apply(PaymentCredited(credit=row, holdings=holdings))


def former(candidates: Iterable[Candidate], amount: int, *, max_units: int) -> tuple[bytes, ...]:
    """`select.choose` as it was when it had every unit of the purse before it."""
    # Largest values first, and of each value the shortest encodings first.
    ordered = sorted(candidates, key=lambda c: (-c.value, c.size, c.unit_id))
    # EPP-TRF-011, EPP-TRF-064
    if sum(c.value for c in ordered) < amount:
        raise Refusal(Code.INSUFFICIENT_FUNDS, "EPP-TRF-011", f"cannot spend {amount}")
    rest = amount
    chosen: list[Candidate] = []
    for candidate in ordered:
        if candidate.value <= rest:
            chosen.append(candidate)
            rest -= candidate.value
    # EPP-TRF-011, EPP-TRF-064
    if rest or len(chosen) > max_units:
        raise Refusal(
            Code.NO_EXACT_CHANGE, "EPP-TRF-064", f"no choice of {max_units} units or fewer makes up {amount}"
        )
    if redeliver_size(len(chosen), amount, sum(c.size for c in chosen)) > LIMIT:
        chosen = former_lightest(ordered, amount, max_units)
    return tuple(c.unit_id for c in chosen)


@dataclass(frozen=True, slots=True)
class Part:
    """A choice among the units of the lower binary digits, as a chain from the highest of them down."""

    size: int
    taken: tuple[Candidate, ...]
    below: "Part | None"


def former_lightest(ordered: list[Candidate], amount: int, max_units: int) -> list[Candidate]:
    """The fewest units that sum to `amount` and fit a message. Raises Refusal(TOO_LARGE).

    For each binary digit, from the lowest, `best` holds for every (carry, count) the lightest choice of
    `count` units below that digit whose sum is the amount's lower digits plus `carry` times the digit.
    """
    by_value: defaultdict[int, list[Candidate]] = defaultdict(list)
    for candidate in ordered:
        by_value[candidate.value].append(candidate)
    best: dict[tuple[int, int], Part] = {(0, 0): Part(0, (), None)}
    digit = 1
    while digit <= amount:
        units = by_value[digit][:max_units]
        sizes = list(accumulate((c.size for c in units), initial=0))
        found: dict[tuple[int, int], Part] = {}
        for (carry, count), part in best.items():
            wanted = (1 if amount & digit else 0) ^ (carry & 1)
            for more in range(wanted, min(len(units), max_units - count) + 1, 2):
                key = ((carry + more) // 2, count + more)
                size = part.size + sizes[more]
                if key not in found or size < found[key].size:
                    found[key] = Part(size, tuple(units[:more]), part)
        best = found
        digit *= 2
    for (carry, count), part in sorted(best.items(), key=lambda item: item[0]):
        if not carry and redeliver_size(count, amount, part.size) <= LIMIT:
            return former_units(part)
    # EPP-TRF-060
    raise Refusal(Code.TOO_LARGE, "EPP-TRF-060", f"no choice of units for {amount} fits a record")


def former_units(part: Part | None) -> list[Candidate]:
    units: list[Candidate] = []
    while part is not None:
        units += part.taken
        part = part.below
    return units


def offerable(held: Iterable[HoldingSummary], epoch: int, max_hops: int | None) -> list[Candidate]:
    """EPP-TRF-012, unit by unit."""
    return [
        Candidate(unit_id=unit.unit_id, value=unit.value, size=unit.size)
        for unit in held
        if epoch <= unit.expires and unit.hop < (255 if max_hops is None else min(unit.max_hops, max_hops))
    ]


def outcome(pick: Callable[[], tuple[bytes, ...]]) -> tuple[bytes, ...] | str:
    """What is chosen, or why nothing is."""
    try:
        return pick()
    except Refusal as refusal:
        return str(refusal)


@given(
    units=UNITS,
    amount=st.integers(1, 70),
    max_units=st.integers(1, 12),
    epoch=st.integers(8, 11),
    max_hops=st.none() | st.integers(1, 4),
    some=st.sets(st.integers(0, 14)),
)
@settings(max_examples=300, deadline=None)
def test_the_choice_is_the_same(
    *,
    units: list[tuple[int, int, int, int, int]],
    amount: int,
    max_units: int,
    epoch: int,
    max_hops: int | None,
    some: set[int],
) -> None:
    """14 among `some`: all of them."""
    with TemporaryDirectory() as folder:
        store = Store(Path(folder) / "purse.db")
        holdings = [held(n, each) for n, each in enumerate(units)]
        if holdings:
            credit(store, *holdings)
        among = None if 14 in some else frozenset(h.unit_id for n, h in enumerate(holdings) if n in some)
        candidates = offerable(store.summaries(), epoch, max_hops)
        if among is not None:
            candidates = [each for each in candidates if each.unit_id in among]
        stock = store.offerable(epoch=epoch, max_hops=max_hops, keys=KEYS, among=among)
        assert stock.worth() == sum(each.value for each in candidates)
        expected = outcome(lambda: former(candidates, amount, max_units=max_units))
        assert outcome(lambda: choose(stock, amount, max_units=max_units, max_record=LIMIT)) == expected
        store.close()


def test_few_rows_are_read_whatever_is_held(tmp_path: Path) -> None:
    """Rows read for a choice, and SQLite's own steps for them: as many with 20 units as with 2 000."""
    steps = []
    for count in (20, 2_000):
        store = Store(tmp_path / f"{count}.db")
        credit(store, *(held(n, (1 << n % 5, 9, 3, 0, 150)) for n in range(count)))
        taken = 0

        def count_step() -> int:
            nonlocal taken
            taken += 1
            return 0

        store._db.set_progress_handler(count_step, 1)
        chosen = choose(store.offerable(epoch=1, max_hops=3, keys=KEYS), 21, max_units=8, max_record=LIMIT)
        assert len(store.holdings(chosen)) == len(chosen) == 3
        store._db.set_progress_handler(None, 0)
        steps.append(taken)
        store.close()
    assert steps[1] <= 1.2 * steps[0]


def test_the_total_is_kept(tmp_path: Path) -> None:
    """`total` is what a sum over all units gives, after every kind of change and after a failure."""
    store = Store(tmp_path / "total.db")

    def check() -> None:
        summaries = store.summaries()
        assert store.total() == (len(summaries), sum(unit.value for unit in summaries))

    check()
    holdings = [held(n, (1 << n, 9, 3, 0, 150)) for n in range(6)]
    credit(store, *holdings)
    check()
    ids = [unit.unit_id for unit in holdings]
    pending = Pending(
        transaction=bytes(16), payee=bytes(8), amount=3, offer=b"", endorsements=(), unit_ids=tuple(ids[:2])
    )
    store.apply(PaymentPending(pending=pending))
    check()
    store.apply(HoldingsCollected(unit_ids=(ids[3],)))
    check()
    assert store.total() == (3, 4 + 16 + 32)
    with pytest.raises(StoreError):
        store.apply(HoldingsCollected(unit_ids=(ids[4], ids[3])))
    check()
    assert store.total() == (3, 4 + 16 + 32)
    store.reopen()
    check()
    store.close()
