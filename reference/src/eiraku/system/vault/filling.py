"""With which units a vault pays an amount out: a `Fill` is an argument of the vault (EPP-VLT-005).

`exactly` pays with whatever makes up the amount. `usefully` hands out change: units from which its customer
can pay smaller amounts exactly; purses pay exact amounts only (EPP-TRF-011), and a customer who gets 4 096 in
one unit can pay nobody.
"""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from eiraku.reference.purse import holder
from eiraku.reference.purse.ledger import HoldingSummary
from eiraku.reference.purse.state import Order, PayOrder, PayUnitsOrder
from eiraku.spec.errors import Refusal
from eiraku.system.exchange.carrier import ServiceRefused, ServiceUnreachable
from eiraku.system.vault import stock
from eiraku.system.vault.errors import NotTaken, PeerRefused
from eiraku.system.vault.exchanging import Exchanging
from eiraku.system.vault.stock import Shelf

Fill: TypeAlias = Callable[[Exchanging, int], Order]
"""(what the vault has, amount) to the order that pays it, after exchanges if need be.

Raises Refusal, ServiceRefused (`unavailable`: not now)."""


def exactly(units: Exchanging, amount: int) -> Order:
    """The amount, in whatever units."""
    try:
        units.change(amount)
    except (ServiceUnreachable, NotTaken) as error:
        detail = "no exact change, and the issuing centre cannot be asked; try again later"
        raise ServiceRefused("unavailable", "EPP-VLT-005", detail) from error
    except PeerRefused as error:
        raise ServiceRefused("unavailable", "EPP-VLT-005", str(error)) from error
    return PayOrder(amount=amount)


def usefully(units: Exchanging, amount: int) -> Order:
    """In useful units where it can be, and exactly where it cannot."""
    useful = _useful(units, amount)
    return PayUnitsOrder(unit_ids=useful) if useful else exactly(units, amount)


def _useful(units: Exchanging, amount: int) -> frozenset[bytes]:
    """Units for a customer who wants change, got from the centre if need be; empty: it cannot be."""
    holder.check_amount(units.purse.identity, amount)
    values = purseful(amount, most=units.purse.identity.policy.max_units)
    shelf = units.shelf()
    found, missing = pick(shelf.fresh, values)
    if missing:
        rest = Shelf(fresh=tuple(u for u in shelf.fresh if u not in found), worn=shelf.worn)
        try:
            units.carry_out(lambda: stock.exact(rest, missing, units.account))
        except (Refusal, PeerRefused, ServiceRefused, ServiceUnreachable, NotTaken):
            # No room, no money or no centre: the fewest units may still do.
            return frozenset()
        found, missing = pick(units.shelf().fresh, values)
    return frozenset() if missing else frozenset(unit.unit_id for unit in found)


def purseful(amount: int, *, most: int) -> list[int]:
    """An amount in at most `most` units from which as many smaller amounts as possible can be paid exactly.

    1, 2, 4 and so on as far as the number of units allows, and the rest in as few as possible, so that who
    gets them has change. [] if not even the fewest suffice.
    """
    for ladder in reversed(range(amount.bit_length())):
        steps = [1 << n for n in range(ladder)]
        rest = amount - sum(steps)
        if rest >= 0 and ladder + rest.bit_count() <= most:
            return sorted([*steps, *stock.binary(rest)], reverse=True)
    return []


def pick(units: Iterable[HoldingSummary], values: Iterable[int]) -> tuple[list[HoldingSummary], list[int]]:
    """Units of these values, each once, and the values for which there was none."""
    here = sorted(units, key=lambda unit: (unit.size, unit.unit_id))
    found: list[HoldingSummary] = []
    missing: list[int] = []
    for value in values:
        unit = next((each for each in here if each.value == value), None)
        if unit is None:
            missing.append(value)
        else:
            here.remove(unit)
            found.append(unit)
    return found, missing
