"""Mutants of chapter 8: what a purse must remember, and what it must forget."""

from collections.abc import Sequence
from dataclasses import replace

from eiraku.conformance.mutants.commits import writing
from eiraku.conformance.mutants.recovery import refused
from eiraku.conformance.mutants.registry import Area
from eiraku.reference.purse import core
from eiraku.reference.purse.ledger import Change, PaymentPending, PaymentSettled
from eiraku.reference.purse.state import Env, Open, Ready, Refuse, SessionState
from eiraku.reference.store import Store
from eiraku.spec.errors import Code
from eiraku.spec.tables import Side
from eiraku.testing.patches import Patch, instead

AREA = Area(__name__)
_write, _reopen = Store._write, Store.reopen


@AREA.makes("EPP-CRS-015")
def writes_refusals() -> Sequence[Patch]:
    """Makes a durable write for each message that it refuses."""
    return writing(lambda session, turn: isinstance(session, Open) and refused(turn))


@AREA.replaces("EPP-CRS-016", (Store, "reopen"))
def forgets_the_seen_set(store: Store) -> None:
    """Loses the seen-set with the power."""
    _reopen(store)
    store._db.execute("DELETE FROM seen")


@AREA.replaces("EPP-CRS-016", (Store, "_write"))
def forgets_units_that_leave(store: Store, change: Change) -> None:
    """Takes units out of the seen-set when the payment of them is settled."""
    if isinstance(change, PaymentSettled):
        query = "DELETE FROM seen WHERE unit_id IN (SELECT unit_id FROM pending_unit WHERE tx = ?)"
        store._db.execute(query, (change.settlement.transaction,))
    _write(store, change)


@AREA.replaces("EPP-CRS-016", (Store, "_write"))
def remembers_48_units(store: Store, change: Change) -> None:
    """Remembers the 48 units that it has seen last."""
    _write(store, change)
    store._db.execute(
        "DELETE FROM seen WHERE rowid NOT IN (SELECT rowid FROM seen ORDER BY rowid DESC LIMIT 48)"
    )


@AREA.replaces("EPP-TRF-115", (Store, "_write"))
def remembers_the_hop_before_it_paid(store: Store, change: Change) -> None:
    """Remembers of a unit that it gave away the hop at which it had it, not that of its endorsement."""
    _write(store, change)
    if isinstance(change, PaymentPending):
        query = (
            "UPDATE seen SET hop = hop - 1 WHERE unit_id IN (SELECT unit_id FROM pending_unit WHERE tx = ?)"
        )
        store._db.execute(query, (change.pending.transaction,))


@AREA.replaces("EPP-CRS-020", (Store, "_write"))
def forgets_the_oldest_credit(store: Store, change: Change) -> None:
    """Forgets the oldest of more than 64 credited transactions."""
    _write(store, change)
    store._db.execute(
        "DELETE FROM credited WHERE rowid NOT IN (SELECT rowid FROM credited ORDER BY rowid DESC LIMIT 64)"
    )


@AREA.replaces("EPP-CRS-021", (Store, "_write"))
def forgets_the_oldest_receipt(store: Store, change: Change) -> None:
    """Forgets the oldest of more than 64 settled transactions."""
    _write(store, change)
    store._db.execute(
        "DELETE FROM settled WHERE rowid NOT IN (SELECT rowid FROM settled ORDER BY rowid DESC LIMIT 64)"
    )


@AREA.replaces("EPP-CRS-020", (Store, "reopen"))
def forgets_credits(store: Store) -> None:
    """Loses the record of credited transactions with the power."""
    _reopen(store)
    store._db.execute("DELETE FROM credited")


@AREA.makes("EPP-CRS-017")
def locks_after_a_bad_record() -> Sequence[Patch]:
    """Refuses the session after one that ended with a bad record."""
    deliver, open_session = core.deliver, core.open_session
    locked: list[bool] = []

    def remember(session: SessionState, data: bytes, env: Env) -> core.Turn:
        turn = deliver(session, data, env)
        if isinstance(session, Open):
            bad = any(isinstance(e, Refuse) and e.refusal.code is Code.RECORD for e in turn[1])
            locked[:] = [bad]
        return turn

    def refuse(purse: Ready, side: Side, env: Env) -> core.Result:
        if locked and locked.pop():
            purse = replace(purse, order=None)
        return open_session(purse, side, env)

    return [instead(core.deliver, remember), instead(core.open_session, refuse)]
