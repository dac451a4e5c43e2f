"""The memory of the shadow purse: chapter 8 in plain tables, written apart from the store of the reference.

Numbers are 8 bytes, transactions 16, unit identifiers 32; amounts in minor units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from eiraku.conformance.lockstep.choices import Choices
from eiraku.reference.keylists import MoneyKey
from eiraku.reference.purse import ledger, select
from eiraku.reference.purse.ledger import Holding, HoldingSummary, Kept, Pending, Provision, StoredBulletin
from eiraku.spec.objects import HOP_MAX


@dataclass(frozen=True, slots=True)
class _Stock:
    """Units that can be offered."""

    units: Sequence[HoldingSummary]

    def lightest(self, value: int, most: int) -> list[select.Candidate]:
        """See `select.Stock`."""
        fit = sorted((h for h in self.units if h.value == value), key=lambda h: (h.size, h.unit_id))
        return [select.Candidate(unit_id=h.unit_id, value=h.value, size=h.size) for h in fit[:most]]

    def worth(self) -> int:
        """See `select.Stock`."""
        return sum(h.value for h in self.units)


class Memory:
    """What a purse must remember; implements `Ledger`. `writes` counts the changes."""

    def __init__(self, choices: Choices) -> None:
        self._choices = choices
        self.writes = 0
        self._provision: Provision | None = None
        self._bulletin: StoredBulletin | None = None
        self._given = 0
        self.units: dict[bytes, Holding] = {}
        self.open: dict[bytes, Pending] = {}
        """What is pending, by transaction; also what has lapsed."""
        self.settled: dict[bytes, ledger.Settlement] = {}
        self.credited: dict[tuple[bytes, bytes], ledger.Credit] = {}
        """By payer and transaction."""
        self._seen: dict[bytes, int] = {}
        self._dies: dict[bytes, int] = {}
        """The last epoch of each unit that was ever here."""
        self._last: dict[tuple[bytes, ...], int] = {}
        """The last epoch of any unit of a transaction, by its key in the tables above."""

    # --- writing ---

    def apply(self, change: ledger.Change) -> None:
        """One durable write."""
        self.writes += 1
        match change:
            case ledger.Provisioned():
                self._provision, self._bulletin = change.provision, change.bulletin
                self._given = sum(holding.value for holding in change.holdings)
                self._arrive(change.holdings)
            case ledger.BulletinAccepted():
                self._bulletin = change.bulletin
            case ledger.AnchorChanged():
                self._provision = replace(self._made(), anchor=change.anchor)
            case ledger.PaymentPending():
                self._leave(change.pending)
            case ledger.PaymentSettled():
                transaction = change.settlement.transaction
                del self.open[transaction]
                self.settled[transaction] = change.settlement
            case ledger.PaymentCredited():
                credit = change.credit
                key = (credit.payer, credit.transaction)
                self.credited[key] = credit
                self._arrive(change.holdings)
                self._last[key] = max(holding.expires for holding in change.holdings)
            case ledger.HoldingsCollected() | ledger.PurseIdRenewed():
                raise AssertionError("a wallet under test is neither a centre nor renewed")

    def _arrive(self, holdings: Sequence[Holding]) -> None:
        for holding in holdings:
            self.units[holding.unit_id] = holding
            self._seen[holding.unit_id] = max(holding.hop, self._seen.get(holding.unit_id, 0))
            self._dies[holding.unit_id] = holding.expires

    def _leave(self, pending: Pending) -> None:
        for name in pending.unit_ids:
            # EPP-TRF-115
            self._seen[name] = self.units.pop(name).hop + 1
        self.open[pending.transaction] = pending
        self._last[(pending.transaction,)] = max(self._dies[name] for name in pending.unit_ids)

    # --- reading ---

    def provision(self) -> Provision | None:
        """See `Ledger`."""
        return self._provision

    def bulletin(self) -> StoredBulletin | None:
        """See `Ledger`."""
        return self._bulletin

    def summaries(self) -> list[HoldingSummary]:
        """See `Ledger`."""
        return [_summary(self.units[name]) for name in sorted(self.units)]

    def holdings(self, unit_ids: Sequence[bytes]) -> tuple[Holding, ...]:
        """See `Ledger`; in the order, and with the seals, that the wallet chose."""
        return tuple(self._choices.sealed(self.units[name]) for name in self._choices.ordered(unit_ids))

    def offerable(
        self,
        *,
        epoch: int,
        max_hops: int | None,
        keys: Mapping[bytes, MoneyKey] | None,
        among: frozenset[bytes] | None = None,
    ) -> _Stock:
        """See `Ledger`; only what the wallet chose, if it had the choice."""

        def lawful(held: Holding) -> bool:
            most = HOP_MAX if max_hops is None else min(held.max_hops, max_hops)
            # EPP-KEY-039
            key = None if keys is None else keys.get(held.kid)
            signed = keys is None or (key is not None and key.valid_from <= held.issued <= key.valid_to)
            return (
                held.expires >= epoch
                and held.hop < most
                and signed
                and (among is None or held.unit_id in among)
            )

        # EPP-TRF-012
        units = [_summary(held) for held in self.units.values() if lawful(held)]
        chosen = self._choices.among([held.unit_id for held in units])
        return _Stock([held for held in units if chosen is None or held.unit_id in chosen])

    def total(self, epoch: int = 0) -> tuple[int, int]:
        """See `Ledger`."""
        values = [held.value for held in self.units.values() if held.expires >= epoch]
        return len(values), sum(values)

    def pending_units(self, epoch: int = 0) -> int:
        """See `Ledger`."""
        return sum(len(pending.unit_ids) for pending in self.pendings(epoch))

    def is_held(self, unit_id: bytes) -> bool:
        """See `Ledger`."""
        return unit_id in self.units or any(unit_id in pending.unit_ids for pending in self.open.values())

    def is_spendable(self, unit_id: bytes) -> bool:
        """See `Ledger`."""
        return unit_id in self.units

    def last_seen(self, unit_id: bytes) -> int | None:
        """See `Ledger`."""
        return self._seen.get(unit_id)

    def entries(self, table: Kept, epoch: int) -> int:
        """See `Ledger`."""
        # EPP-CRS-022
        if table == "seen":
            return sum(self._dies[name] >= epoch for name in self._seen)
        if table == "credited":
            return sum(self._last[key] >= epoch for key in self.credited)
        settled = sum(self._last[(transaction,)] >= epoch for transaction in self.settled)
        return settled + len(self.pendings(epoch))

    def pending(self, transaction: bytes, epoch: int = 0) -> Pending | None:
        """See `Ledger`."""
        found = self.open.get(transaction)
        # EPP-CRS-030
        grace = 0 if found is None else self._made().policy.claim_grace
        return None if found is None or self._last[(transaction,)] + grace < epoch else found

    def pendings(self, epoch: int = 0) -> list[Pending]:
        """See `Ledger`."""
        return [p for _, p in sorted(self.open.items()) if self.pending(p.transaction, epoch) is not None]

    def credit(self, payer: bytes, transaction: bytes) -> ledger.Credit | None:
        """See `Ledger`."""
        return self.credited.get((payer, transaction))

    def totals(self, epoch: int) -> ledger.Totals:
        """See `Ledger`."""
        lapsed = sum(p.amount for p in self.open.values()) - sum(p.amount for p in self.pendings(epoch))
        credited = sum(credit.amount for credit in self.credited.values())
        settled = sum(settlement.amount for settlement in self.settled.values())
        return ledger.Totals(given=self._given, credited=credited, settled=settled + lapsed)

    def digest(self) -> bytes:
        """See `Ledger`: every change here changes something."""
        return self.writes.to_bytes(32, "big")

    def _made(self) -> Provision:
        if self._provision is None:
            raise AssertionError("nothing changes in a purse that is not made")
        return self._provision


def _summary(held: Holding) -> HoldingSummary:
    return HoldingSummary(
        unit_id=held.unit_id,
        value=held.value,
        expires=held.expires,
        max_hops=held.max_hops,
        hop=held.hop,
        size=select.unit_size(len(held.unit), held.hop, len(held.history)),
    )
