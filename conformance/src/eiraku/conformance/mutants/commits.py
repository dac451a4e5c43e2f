"""Mutants of chapter 8: durable writes that are late, missing, too many or incomplete."""

from pathlib import Path
from typing import Any

from eiraku.conformance.mutants.registry import defect
from eiraku.conformance.mutants.wallet import Parts
from eiraku.reference.device import Accepted, Device, Rejected
from eiraku.reference.purse.ledger import (
    Change,
    Holding,
    PaymentCredited,
    PaymentPending,
    PaymentSettled,
)
from eiraku.reference.purse.state import (
    Write,
)
from eiraku.reference.store import Store


class Forgetful(Store):
    """Keeps changes of the kind `lost` in memory until a change of another kind is written."""

    lost: type

    def __init__(self, path: Path, *, max_pages: int | None = None) -> None:
        super().__init__(path, max_pages=max_pages)
        self._durable: bytes | None = None

    def apply(self, change: Change) -> None:
        """See `Store`."""
        if not isinstance(change, self.lost):
            self._durable = None
        elif self._durable is None:
            self._durable = self._db.serialize()
        super().apply(change)

    def reopen(self) -> None:
        """See `Store`."""
        if self._durable is not None:
            self.close()
            self.path.write_bytes(self._durable)
            for suffix in ("-wal", "-shm"):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)
            self._durable = None
        super().reopen()


class _Late(Device):
    """Makes durable writes of the kind `late` only when the next request comes."""

    late: type

    def __init__(self, *arguments: Any, **parts: Any) -> None:
        super().__init__(*arguments, **parts)
        self._unwritten: list[Change] = []

    def execute(self, effects: Any) -> Accepted | Rejected:
        """See `Device`."""
        now = [*(Write(change=change) for change in self._unwritten)]
        later = [e for e in effects if isinstance(e, Write) and isinstance(e.change, self.late)]
        self._unwritten = [write.change for write in later]
        return super().execute([*now, *(effect for effect in effects if effect not in later)])

    def power_cut(self) -> None:
        """See `Device`."""
        self._unwritten = []
        super().power_cut()


@defect("EPP-CRS-001")
class PaysBeforeItCommits(_Late):
    """Sends PAY first and commits with the next message."""

    late = PaymentPending


@defect("EPP-CRS-001")
class KeepsPendingInMemory(Forgetful):
    """Keeps a pending transaction in memory until something else is written."""

    lost = PaymentPending


@defect("EPP-CRS-002", collateral={"*": "what was paid is there only after the next request"})
class ReceiptsBeforeItCommits(_Late):
    """Sends RECEIPT first and commits with the next request."""

    late = PaymentCredited


@defect("EPP-CRS-002")
class KeepsCreditsInMemory(Forgetful):
    """Keeps what it has received in memory until something else is written."""

    lost = PaymentCredited


@defect("EPP-CRS-003")
class KeepsSettlementsInMemory(Forgetful):
    """Keeps a settlement in memory until something else is written."""

    lost = PaymentSettled


# --- writes in two parts ------------------------------------------------------------------------------------


class _Units(PaymentCredited):
    """The units of a credited payment, without the record of it."""


class _Record(PaymentCredited):
    """The record of a credited payment, without its units."""


class _Gone(PaymentSettled):
    """The pending transaction leaves; nothing else."""


class _Settled(PaymentSettled):
    """The settled transaction is stored; nothing else."""


class _Taken(PaymentPending):
    """The units leave what can be spent; nothing else."""


class _Stored(PaymentPending):
    """The pending transaction is stored; nothing else."""


class PartStore(Store):
    """Can make one half of a change."""

    def _write(self, change: Change) -> None:
        match change:
            case _Units():
                self._add(change.holdings)
            case _Record():
                super()._write(PaymentCredited(credit=change.credit, holdings=()))
            case _Gone():
                tx = change.settlement.transaction
                self._db.execute("DELETE FROM pending_unit WHERE tx = ?", (tx,))
                self._db.execute("DELETE FROM pending WHERE tx = ?", (tx,))
            case _Settled():
                s = change.settlement
                self._insert("settled", (s.transaction, s.payee, s.amount, s.offer_digest, s.receipt))
            case _Taken():
                units = [(unit_id,) for unit_id in change.pending.unit_ids]
                self._db.executemany("DELETE FROM holding WHERE unit_id = ?", units)
            case _Stored():
                p = change.pending
                lists = (b"".join(p.endorsements), b"".join(p.unit_ids))
                self._insert("pending", (p.transaction, p.payee, p.amount, p.offer, *lists))
                self._db.executemany(
                    "INSERT INTO pending_unit VALUES (?, ?)", [(u, p.transaction) for u in p.unit_ids]
                )
            case _:
                super()._write(change)


class _InTwo(Device):
    """Makes a change of the kind `divided` in two writes."""

    divided: type

    def write(self, change: Change) -> None:
        """See `Device`."""
        if not isinstance(change, self.divided):
            super().write(change)
            return
        match change:
            case PaymentPending():
                super().write(_Taken(pending=change.pending))
                super().write(_Stored(pending=change.pending))
            case PaymentCredited():
                super().write(_Units(credit=change.credit, holdings=change.holdings))
                super().write(_Record(credit=change.credit, holdings=change.holdings))
            case PaymentSettled():
                super().write(_Gone(settlement=change.settlement))
                super().write(_Settled(settlement=change.settlement))


class _PaymentInTwo(_InTwo):
    divided = PaymentPending


class _CreditInTwo(_InTwo):
    divided = PaymentCredited


class _SettlementInTwo(_InTwo):
    divided = PaymentSettled


@defect("EPP-CRS-004")
class CommitsPaymentsInTwoWrites:
    """As payer takes the units out in one write and stores the pending transaction in another."""

    parts = Parts(device_class=_PaymentInTwo, store_class=PartStore)


@defect("EPP-CRS-004")
class CreditsInTwoWrites:
    """As payee adds the units in one write and the record of the payment in another."""

    parts = Parts(device_class=_CreditInTwo, store_class=PartStore)


@defect("EPP-CRS-003")
class SettlesInTwoWrites:
    """Removes the pending transaction in one write and stores the settlement in another."""

    parts = Parts(device_class=_SettlementInTwo, store_class=PartStore)


# --- one place for each unit --------------------------------------------------------------------------------


@defect("EPP-CRS-005")
class LosesTheUnitsOfHalfAPayment(Device):
    """Loses the units of an OFFER if power fails before its answer to ACCEPT is written."""

    def write(self, change: Change) -> None:
        """See `Device`."""
        armed = self._armed
        if isinstance(change, PaymentPending) and armed is not None and armed.write == 1:
            units = [(unit_id,) for unit_id in change.pending.unit_ids]
            self.store._db.executemany("DELETE FROM holding WHERE unit_id = ?", units)
        super().write(change)


@defect("EPP-CRS-006")
class CountsPendingUnits(Store):
    """Counts pending units in the balance."""

    def total(self) -> tuple[int, int]:
        """See `Store`."""
        count, balance = super().total()
        return count, balance + sum(pending.amount for pending in self.pendings())


@defect("EPP-TRF-019")
class OffersPendingUnits(Store):
    """Keeps pending units among those that it can spend, until they are settled."""

    def _write(self, change: Change) -> None:
        kept: tuple[Holding, ...] = ()
        if isinstance(change, PaymentPending):
            kept = self.holdings(change.pending.unit_ids)
        if isinstance(change, PaymentSettled):
            self._db.execute(
                "DELETE FROM holding WHERE unit_id IN (SELECT unit_id FROM pending_unit WHERE tx = ?)",
                (change.settlement.transaction,),
            )
        super()._write(change)
        if kept:
            self._add(kept)
