"""A vault that hands out change: units from which its customer can pay smaller amounts exactly (EPP-VLT-005).

Purses pay exact amounts only (EPP-TRF-011); a customer who gets 4 096 in one unit can pay nobody.
"""

from collections.abc import Iterable

from eiraku.reference.purse import holder
from eiraku.reference.purse.ledger import HoldingSummary
from eiraku.reference.purse.state import Order, PayUnitsOrder
from eiraku.spec.errors import Refusal
from eiraku.system.exchange.carrier import ServiceRefused, ServiceUnreachable
from eiraku.system.vault import stock
from eiraku.system.vault.errands import NotTaken
from eiraku.system.vault.peers import PeerRefused
from eiraku.system.vault.stock import Shelf
from eiraku.system.vault.vault import Vault


class ChangeVault(Vault):
    """Pays out in useful units where it can, and as `Vault` does where it cannot."""

    def _order(self, amount: int | None, payee: bytes | None) -> Order:
        if amount is not None and self._pending_for(payee) is None:
            units = self._purseful(amount)
            if units:
                return PayUnitsOrder(unit_ids=units)
        return super()._order(amount, payee)

    def _purseful(self, amount: int) -> frozenset[bytes]:
        """Units for a customer who wants change, got from the centre if need be; empty: it cannot be."""
        identity = self._identity
        holder.check_amount(identity, amount)
        values = purseful(amount, most=identity.policy.max_units)
        shelf = self._shelf()
        found, missing = pick(shelf.fresh, values)
        if missing:
            rest = Shelf(fresh=tuple(u for u in shelf.fresh if u not in found), worn=shelf.worn)
            try:
                self._carry_out(lambda: stock.exact(rest, missing, self.account))
            except (Refusal, PeerRefused, ServiceRefused, ServiceUnreachable, NotTaken):
                # No room, no money or no centre: the fewest units may still do.
                return frozenset()
            found, missing = pick(self._shelf().fresh, values)
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
