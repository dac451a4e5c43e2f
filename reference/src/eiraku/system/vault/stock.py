"""Which units a vault sends home, and which denominations it asks for instead (EPP-VLT-005): pure functions.

An `Exchange` is a plan: the units that go home, and the values to be issued for them. What goes home is worth
at least what is issued, but for what the account at the centre adds; what is left over stays in the account.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from eiraku.reference.policy import Policy
from eiraku.reference.purse.ledger import HoldingSummary
from eiraku.reference.purse.select import redeliver_size
from eiraku.spec.errors import Code, Refusal
from eiraku.system.vault.policy import VaultPolicy

ISSUE_MAX = 192
"""Units asked for at once; an issue of at most 65 535 bytes has room for more than these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """`home`: identifiers of units to be redeemed; `values`: denominations to be issued."""

    home: tuple[bytes, ...]
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What a vault holds: `fresh` can be paid to people, `worn` can only go home, soon or by its hops."""

    fresh: tuple[HoldingSummary, ...]
    worn: tuple[HoldingSummary, ...]

    @classmethod
    def sort(
        cls, held: Iterable[HoldingSummary], *, epoch: int, policy: Policy, vault_policy: VaultPolicy
    ) -> "Shelf":
        """Expired units are on neither side: nobody takes them any more."""
        fresh: list[HoldingSummary] = []
        worn: list[HoldingSummary] = []
        for unit in sorted(held, key=lambda unit: (-unit.value, unit.size, unit.unit_id)):
            if epoch > unit.expires:
                continue
            # EPP-HIS-005: at its limit a person would refuse it
            tired = unit.hop >= min(unit.max_hops, policy.max_hops)
            soon = unit.expires < epoch + vault_policy.expiry_margin
            (worn if tired or soon else fresh).append(unit)
        return cls(fresh=tuple(fresh), worn=tuple(worn))


def binary(amount: int) -> list[int]:
    """The fewest denominations that make up an amount, largest first."""
    return [1 << n for n in reversed(range(amount.bit_length())) if amount >> n & 1]


def change(
    shelf: Shelf, amount: int, *, max_units: int, vault_policy: VaultPolicy, account: Callable[[], int]
) -> Exchange | None:
    """What must be exchanged before `amount` can be paid to people; None: nothing.

    `account`: what there is at the centre; asked for only if units do not suffice. Raises Refusal
    (INSUFFICIENT_FUNDS; NO_EXACT_CHANGE: too many units however they are exchanged).
    """
    kept: list[HoldingSummary] = []
    rest = amount
    for unit in shelf.fresh:
        if unit.value <= rest:
            kept.append(unit)
            rest -= unit.value
    if not rest and len(kept) <= max_units:
        return None
    while len(kept) + rest.bit_count() > max_units and kept:
        rest += kept.pop().value
    # EPP-TRF-011
    if rest.bit_count() > max_units:
        raise Refusal(Code.NO_EXACT_CHANGE, "EPP-TRF-011", f"{amount} takes more than {max_units} units")
    ids = {unit.unit_id for unit in kept}
    others = [unit for unit in shelf.fresh if unit.unit_id not in ids]
    home = _worth(rest, list(shelf.worn), others, account)
    left = sum(unit.value for unit in home) - rest
    gone = {unit.unit_id for unit in home}
    stays = Counter(unit.value for unit in shelf.fresh if unit.unit_id not in gone)
    values = binary(rest) + _fill(left, stays, vault_policy)
    return Exchange(home=tuple(unit.unit_id for unit in home), values=tuple(values))


def exact(shelf: Shelf, values: Sequence[int], account: Callable[[], int]) -> Exchange:
    """Get exactly these values for units of at least their sum. Raises Refusal(INSUFFICIENT_FUNDS)."""
    wanted = sum(values)
    home = _worth(wanted, list(shelf.worn), list(shelf.fresh), account)
    left = sum(unit.value for unit in home) - wanted
    return Exchange(home=tuple(unit.unit_id for unit in home), values=(*values, *binary(max(left, 0))))


def worth(shelf: Shelf, amount: int) -> tuple[HoldingSummary, ...]:
    """Units that make up an amount exactly, largest first. Raises Refusal, as `purse.select.choose`."""
    units = sorted((*shelf.worn, *shelf.fresh), key=lambda unit: -unit.value)
    # EPP-TRF-011
    if sum(unit.value for unit in units) < amount:
        raise Refusal(Code.INSUFFICIENT_FUNDS, "EPP-TRF-011", f"the vault holds less than {amount}")
    chosen: list[HoldingSummary] = []
    rest = amount
    for unit in units:
        if unit.value <= rest:
            chosen.append(unit)
            rest -= unit.value
    if rest:
        raise Refusal(Code.NO_EXACT_CHANGE, "EPP-TRF-011", f"no units make up {amount}; exchange first")
    return tuple(chosen)


def restock(shelf: Shelf, *, vault_policy: VaultPolicy, account: int, room: int) -> Exchange | None:
    """Bring the stock to what the policy wants; None: it is. `room`: units that fit beside those held.

    Worn units go home in any case. What is issued is as much, smallest first, as there is money and room for.
    """
    home = list(shelf.worn)
    values: list[int] = []
    funds = account + sum(unit.value for unit in home)
    for line in vault_policy.stock:
        here = [unit for unit in shelf.fresh if unit.value == line.value]
        if len(here) > line.most:
            surplus = here[line.wanted :]
            home += surplus
            funds += sum(unit.value for unit in surplus)
    for line in vault_policy.stock:
        here = [unit for unit in shelf.fresh if unit.value == line.value]
        if len(here) < line.least:
            most = min(funds // line.value, ISSUE_MAX - len(values), room + len(home) - len(values))
            count = max(0, min(line.wanted - len(here), most))
            values += [line.value] * count
            funds -= count * line.value
    if not home and not values:
        return None
    return Exchange(home=tuple(unit.unit_id for unit in home), values=tuple(values))


def bundles(
    units: Sequence[HoldingSummary], *, max_units: int, max_record: int, limit: int
) -> tuple[frozenset[bytes], ...]:
    """Units in parts that one transfer each can carry: by count, bytes and amount (EPP-TRF-060).

    Raises Refusal(AMOUNT_LIMIT) for a unit that alone is above the limit.
    """
    parts: list[list[HoldingSummary]] = []
    for unit in sorted(units, key=lambda unit: (unit.value, unit.unit_id)):
        # EPP-TRF-014
        if unit.value > limit:
            raise Refusal(Code.AMOUNT_LIMIT, "EPP-TRF-014", f"a unit of {unit.value}, limit {limit}")
        if not parts or not _fits([*parts[-1], unit], max_units, max_record, limit):
            parts.append([])
        parts[-1].append(unit)
    return tuple(frozenset(unit.unit_id for unit in part) for part in parts)


def _fits(units: list[HoldingSummary], max_units: int, max_record: int, limit: int) -> bool:
    amount = sum(unit.value for unit in units)
    size = redeliver_size(len(units), amount, sum(unit.size for unit in units))
    return len(units) <= max_units and amount <= limit and size <= max_record


def _worth(
    wanted: int, worn: list[HoldingSummary], fresh: list[HoldingSummary], account: Callable[[], int]
) -> list[HoldingSummary]:
    """Units worth `wanted` or more: worn ones first, then the smallest that suffices, then the largest.

    What is missing then must be in the account. Raises Refusal(INSUFFICIENT_FUNDS).
    """
    home: list[HoldingSummary] = []
    short = wanted
    for unit in worn:
        if short <= 0:
            return home
        home.append(unit)
        short -= unit.value
    for unit in sorted(fresh, key=lambda unit: -unit.value):
        if short <= 0:
            break
        enough = [each for each in fresh if each.value >= short and each not in home]
        home.append(min(enough, key=lambda each: each.value) if enough else unit)
        short -= home[-1].value
    # EPP-TRF-011
    if short > 0 and account() < short:
        raise Refusal(
            Code.INSUFFICIENT_FUNDS, "EPP-TRF-011", f"short of {short}, in units and in the account"
        )
    return home


def _fill(amount: int, stays: Counter[int], vault_policy: VaultPolicy) -> list[int]:
    """An amount in denominations: first those of which there are too few, the rest in as few as possible."""
    values: list[int] = []
    for line in vault_policy.stock:
        while stays[line.value] < line.least and line.value <= amount and len(values) < ISSUE_MAX // 2:
            values.append(line.value)
            stays[line.value] += 1
            amount -= line.value
    return values + binary(max(amount, 0))
