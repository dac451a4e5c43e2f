"""Mutants of chapter 8: durable writes that are late, missing, too many or incomplete."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

from eiraku.conformance.mutants.registry import Area
from eiraku.reference.device import Accepted, Device, Rejected
from eiraku.reference.purse import core
from eiraku.reference.purse.ledger import (
    AnchorChanged,
    BulletinAccepted,
    Change,
    PaymentCredited,
    PaymentPending,
    PaymentSettled,
)
from eiraku.reference.purse.state import Effect, Env, SessionState, Write
from eiraku.reference.store import Store
from eiraku.testing.device import BenchDevice
from eiraku.testing.faulty_store import FaultyStore
from eiraku.testing.patches import Patch, instead

AREA = Area(__name__)
Kind: TypeAlias = type[AnchorChanged | BulletinAccepted | PaymentCredited | PaymentPending | PaymentSettled]


def forgetful(lost: Kind) -> Sequence[Patch]:
    """Keeps changes of the kind `lost` in memory until a change of another kind is written."""
    apply, reopen = Store.apply, Store.reopen
    durable: list[bytes] = []

    def write(store: Store, change: Change) -> None:
        if not isinstance(change, lost):
            durable.clear()
        elif not durable:
            durable.append(store._db.serialize())
        apply(store, change)

    def restart(store: Store) -> None:
        if durable:
            store.close()
            store.path.write_bytes(durable.pop())
            for suffix in ("-wal", "-shm"):
                Path(f"{store.path}{suffix}").unlink(missing_ok=True)
        reopen(store)

    return [instead(Store.apply, write), instead(Store.reopen, restart)]


def late(kind: Kind) -> Sequence[Patch]:
    """Makes durable writes of one kind only when the next request comes."""
    execute, power_cut = Device.execute, BenchDevice.power_cut
    unwritten: list[Effect] = []

    def carry_out(device: Device, effects: Sequence[Effect], *, is_open: bool) -> Accepted | Rejected:
        now = list(unwritten)
        unwritten[:] = [e for e in effects if isinstance(e, Write) and isinstance(e.change, kind)]
        rest = [effect for effect in effects if effect not in unwritten]
        return execute(device, [*now, *rest], is_open=is_open)

    def cut(device: BenchDevice) -> None:
        unwritten.clear()
        power_cut(device)

    return [instead(Device.execute, carry_out), instead(BenchDevice.power_cut, cut)]


def writing(when: Callable[[SessionState, core.Turn], bool]) -> Sequence[Patch]:
    """Writes the bulletin again, which changes nothing, in the steps of a session that `when` picks."""
    deliver = core.deliver

    def more(session: SessionState, data: bytes, env: Env) -> core.Turn:
        after, effects = turn = deliver(session, data, env)
        signed = env.ledger.bulletin()
        if signed is None or not when(session, turn):
            return turn
        return after, (Write(change=BulletinAccepted(bulletin=signed)), *effects)

    return [instead(core.deliver, more)]


@AREA.makes("EPP-CRS-001")
def pays_before_it_commits() -> Sequence[Patch]:
    """Sends PAY first and commits with the next message."""
    return late(PaymentPending)


@AREA.makes("EPP-CRS-001")
def keeps_pending_in_memory() -> Sequence[Patch]:
    """Keeps a pending transaction in memory until something else is written."""
    return forgetful(PaymentPending)


@AREA.makes("EPP-CRS-002", collateral={"*": "what was paid is there only after the next request"})
def receipts_before_it_commits() -> Sequence[Patch]:
    """Sends RECEIPT first and commits with the next request."""
    return late(PaymentCredited)


@AREA.makes("EPP-CRS-002")
def keeps_credits_in_memory() -> Sequence[Patch]:
    """Keeps what it has received in memory until something else is written."""
    return forgetful(PaymentCredited)


@AREA.makes("EPP-CRS-003")
def keeps_settlements_in_memory() -> Sequence[Patch]:
    """Keeps a settlement in memory until something else is written."""
    return forgetful(PaymentSettled)


# --- writes in two parts ------------------------------------------------------------------------------------


class _Units(PaymentCredited):
    """The units of a credited payment, without the record of it."""


class _Credit(PaymentCredited):
    """The record of a credited payment, without its units."""


class _Gone(PaymentSettled):
    """The pending transaction leaves; nothing else."""


class _Settled(PaymentSettled):
    """The settled transaction is stored; nothing else."""


class _Taken(PaymentPending):
    """The units leave what can be spent; nothing else."""


class _Stored(PaymentPending):
    """The pending transaction is stored; nothing else."""


_write = Store._write
_LATE = 2**32 - 1
"""Last epoch of a row whose units are in another write."""


def write_part(store: Store, change: Change) -> None:
    """One half of a change, or a whole one."""
    match change:
        case _Units():
            store._add(change.holdings)
        case _Credit():
            c = change.credit
            store._insert("credited", (c.payer, c.transaction, c.amount, c.offer_digest, c.receipt, _LATE))
        case _Gone():
            tx = change.settlement.transaction
            store._db.execute("DELETE FROM pending_unit WHERE tx = ?", (tx,))
            store._db.execute("DELETE FROM pending WHERE tx = ?", (tx,))
        case _Settled():
            s = change.settlement
            store._insert("settled", (s.transaction, s.payee, s.amount, s.offer_digest, s.receipt, _LATE))
        case _Taken():
            units = [(unit_id,) for unit_id in change.pending.unit_ids]
            store._db.executemany("DELETE FROM holding WHERE unit_id = ?", units)
        case _Stored():
            p = change.pending
            lists = (b"".join(p.endorsements), b"".join(p.unit_ids))
            store._insert("pending", (p.transaction, p.payee, p.amount, _LATE, p.offer, *lists))
            pairs = [(unit_id, p.transaction) for unit_id in p.unit_ids]
            store._db.executemany("INSERT INTO pending_unit VALUES (?, ?)", pairs)
        case _:
            _write(store, change)


def halves(change: Change) -> tuple[Change, ...]:
    """A change in two halves; one that has none, whole."""
    match change:
        case PaymentPending():
            return _Taken(pending=change.pending), _Stored(pending=change.pending)
        case PaymentCredited():
            units = _Units(credit=change.credit, holdings=change.holdings)
            return units, _Credit(credit=change.credit, holdings=())
        case PaymentSettled():
            return _Gone(settlement=change.settlement), _Settled(settlement=change.settlement)
        case _:
            return (change,)


def in_two(divided: Kind) -> Sequence[Patch]:
    """Makes a change of one kind in two writes."""
    apply: Callable[[FaultyStore, Change], None] = FaultyStore.apply

    def write(store: FaultyStore, change: Change) -> None:
        for part in halves(change) if isinstance(change, divided) else (change,):
            apply(store, part)

    return [instead(FaultyStore.apply, write), instead(Store._write, write_part)]


@AREA.makes("EPP-CRS-004")
def commits_payments_in_two_writes() -> Sequence[Patch]:
    """As payer takes the units out in one write and stores the pending transaction in another."""
    return in_two(PaymentPending)


@AREA.makes("EPP-CRS-004")
def credits_in_two_writes() -> Sequence[Patch]:
    """As payee adds the units in one write and the record of the payment in another."""
    return in_two(PaymentCredited)


@AREA.makes("EPP-CRS-003")
def settles_in_two_writes() -> Sequence[Patch]:
    """Removes the pending transaction in one write and stores the settlement in another."""
    return in_two(PaymentSettled)


# --- one place for each unit --------------------------------------------------------------------------------


@AREA.makes("EPP-CRS-005")
def loses_the_units_of_half_a_payment() -> Sequence[Patch]:
    """Loses the units of an OFFER if power fails before its answer to ACCEPT is written."""
    apply = FaultyStore.apply

    def write(store: FaultyStore, change: Change) -> None:
        armed = store._armed
        cut = armed is not None and armed.write == 1 and armed.when == "before"
        if isinstance(change, PaymentPending) and cut:
            units = [(unit_id,) for unit_id in change.pending.unit_ids]
            store._db.executemany("DELETE FROM holding WHERE unit_id = ?", units)
        apply(store, change)

    return [instead(FaultyStore.apply, write)]


@AREA.makes("EPP-CRS-006")
def counts_pending_units() -> Sequence[Patch]:
    """Counts pending units in the balance."""
    total = Store.total

    def more(store: Store, epoch: int = 0) -> tuple[int, int]:
        count, balance = total(store, epoch)
        return count, balance + sum(pending.amount for pending in store.pendings())

    return [instead(Store.total, more)]


@AREA.replaces("EPP-TRF-019", (Store, "_write"))
def offers_pending_units(store: Store, change: Change) -> None:
    """Keeps pending units among those that it can spend, until they are settled."""
    if isinstance(change, PaymentSettled):
        query = "DELETE FROM holding WHERE unit_id IN (SELECT unit_id FROM pending_unit WHERE tx = ?)"
        store._db.execute(query, (change.settlement.transaction,))
    kept = store.holdings(change.pending.unit_ids) if isinstance(change, PaymentPending) else ()
    _write(store, change)
    store._add(kept)
