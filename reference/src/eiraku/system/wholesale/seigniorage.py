"""Sharing the seigniorage of a period, exactly to the minor unit (EPP-WHS-006, EPP-WHS-036 to 038).

Pure functions. The weight of an economy is the sum of its bonds at the end of each epoch of the period: what
it contributed, times how long. Everything follows from the log, so every member computes the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eiraku.spec.errors import Refused
from eiraku.spec.wholesale_objects import Entry, Kind
from eiraku.system.wholesale.accounts import movements


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """The seigniorage of the epochs from `first` to `last`, both included, in minor units."""

    first: int
    last: int
    income: int
    cost: int
    investment: int
    weights: Mapping[int, int]
    """Minor units times epochs, by economy."""
    shares: Mapping[int, int]
    """By economy; they sum to `result`."""

    @property
    def result(self) -> int:
        """Income less cost and investment; negative for a loss."""
        return self.income - self.cost - self.investment


def statement(
    entries: Iterable[Entry], *, epoch: int, first: int, last: int, income: int, cost: int, investment: int
) -> Statement:
    """The statement of a period, from a log in order whose current epoch is `epoch`. Raises Refused."""
    # EPP-WHS-036
    if last >= epoch:
        raise Refused(f"the period is not over: it ends with epoch {last}, the log is at {epoch}; wait")
    for name, amount in (("income", income), ("cost", cost), ("investment", investment)):
        if amount < 0:
            raise Refused(f"{name}: expected 0 or more minor units, found {amount}")
    found = weights(entries, first=first, last=last)
    return Statement(
        first=first,
        last=last,
        income=income,
        cost=cost,
        investment=investment,
        weights=found,
        shares=share(income - cost - investment, found),
    )


def weights(entries: Iterable[Entry], *, first: int, last: int) -> dict[int, int]:
    """Minor units times epochs for every member that joined up to `last`. Raises Refused."""
    if not 0 <= first <= last:
        raise Refused(f"expected a period that does not end before it begins, found {first} to {last}")
    found: dict[int, int] = {}
    for entry in entries:
        if entry.epoch > last:
            break
        if entry.kind is Kind.JOIN:
            found.setdefault(entry.economy, 0)
        # a change counts at the end of its own epoch and of every later one of the period.
        epochs = last - max(entry.epoch, first) + 1
        for account, change in movements(entry).items():
            name, _, economy = account.partition(":")
            if name == "bonds":
                found[int(economy)] = found.get(int(economy), 0) + change * epochs
    return dict(sorted(found.items()))


def share(result: int, by: Mapping[int, int]) -> dict[int, int]:
    """`result` (minor units) in proportion to weights, by largest remainders, ties to the smaller number.

    A negative result is shared as its absolute value is, with the other sign. Raises Refused.
    """
    total = sum(by.values())
    if any(weight < 0 for weight in by.values()):
        raise Refused("expected weights of 0 or more")
    # EPP-WHS-038
    if result == 0:
        return dict.fromkeys(sorted(by), 0)
    if total == 0:
        raise Refused(f"{result} minor units to share, and nobody contributed anything in the period")
    # EPP-WHS-006, EPP-WHS-037
    amount = abs(result)
    shares = {economy: amount * by[economy] // total for economy in sorted(by)}
    left = amount - sum(shares.values())
    order = sorted(by, key=lambda economy: (-(amount * by[economy] % total), economy))
    for economy in order[:left]:
        shares[economy] += 1
    sign = 1 if result > 0 else -1
    return {economy: sign * part for economy, part in shares.items()}
