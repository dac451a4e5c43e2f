"""The counter of the issuing centre: from its own purse into its database (EPP-CEN-063, EPP-CEN-037).

The deposit is durable before the purse lets the units go. Whatever happens in between, the same units are
deposited again next time, and that changes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from eiraku.reference.anchor import parse_purse_id
from eiraku.reference.device import Device, Rejected
from eiraku.spec.objects import Role
from eiraku.system.issuing.chain import Chain
from eiraku.system.issuing.deposits import Deposited, Opened, open_deposit
from eiraku.system.issuing.issuer import Issuer
from eiraku.system.issuing.schema import IssuerError

EconomyOf = Callable[[bytes], int | None]
"""The economy of a registered purse, by number; None: not registered."""
AT_ONCE = 500
"""Units in one durable write."""


class Counter:
    """The centre's own purse and its database. Call `collect` at start and before each session."""

    def __init__(self, device: Device, issuer: Issuer, *, economy_of: EconomyOf | None = None) -> None:
        """`device`: a made purse of role `centre`; `economy_of` None: depositors are of the unit's economy.

        Raises IssuerError for another purse, DatabaseError.
        """
        provision = device.store.provision()
        claims = None if provision is None else parse_purse_id(provision.purse_id).claims
        # EPP-CEN-001
        if claims is None or claims.role is not Role.CENTRE:
            raise IssuerError(
                f"{device.store.path}: expected a purse of role centre; make one for the counter"
            )
        self.device = device
        self.issuer = issuer
        self.economy_of = economy_of
        issuer.office.add_purse(claims.number)

    def collect(self) -> tuple[Deposited, ...]:
        """Deposit everything the purse holds, then take it out of the purse.

        Raises DatabaseError and StoreError; what was not finished is done at the next call.
        """
        done: list[Deposited] = []
        while held := [summary.unit_id for summary in self.device.store.summaries()[:AT_ONCE]]:
            done += self._deposit(held)
            # EPP-CEN-037: only now, when the deposit is durable
            result = self.device.collect(held)
            if isinstance(result, Rejected):
                raise AssertionError(f"the counter's purse keeps what was deposited: {result.refusal}")
        return tuple(done)

    def _deposit(self, unit_ids: Sequence[bytes]) -> tuple[Deposited, ...]:
        opener = self.issuer.office.opener()
        holdings = self.device.store.holdings(unit_ids)
        opened = [open_deposit(opener, each.unit, each.hop, each.history) for each in holdings]
        return self.issuer.deposits.store([self._placed(each) for each in opened])

    def _placed(self, opened: Opened) -> Opened:
        """With the economy of the depositor, who is the payer of the last endorsement."""
        if self.economy_of is None or not isinstance(opened.found, Chain):
            return opened
        return replace(opened, economy=self.economy_of(opened.found.endorsements[-1].payer))
