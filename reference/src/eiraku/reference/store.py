"""The durable memory of a purse in one SQLite file (specification, chapter 8).

Each change is one transaction, on the medium before `apply` returns; `eiraku.reference.database` says how.

Nothing is ever removed from the seen-set, the credited and the settled transactions, which a purse keeps
until the units expire (EPP-CRS-016, EPP-CRS-020, EPP-CRS-021): a session that began under an older bulletin
still measures expiry by that one. What has expired does not count (EPP-CRS-022); how many entries expire when
is kept beside them, so that a full table costs no more to ask than an empty one.

Every failure is a `StoreError`, whose message says what was expected and what to do.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.database import StoreError, connect, expect, text
from eiraku.reference.keylists import MoneyKey
from eiraku.reference.offerable import Offerable
from eiraku.reference.policy import Policy
from eiraku.reference.purse.ledger import (
    AnchorChanged,
    BulletinAccepted,
    Change,
    Credit,
    Holding,
    HoldingsCollected,
    HoldingSummary,
    Kept,
    PaymentCredited,
    PaymentPending,
    PaymentSettled,
    Pending,
    Provision,
    Provisioned,
    PurseIdRenewed,
    Settlement,
    StoredBulletin,
    Totals,
)
from eiraku.reference.purse.select import unit_size

# Each table in the order of its primary key, so that equal content has an equal digest.
_PENDING = "SELECT tx, payee, amount, expires, offer, endorsements, unit_ids FROM pending"
_SETTLED = "SELECT tx, payee, amount, offer_digest, receipt, expires FROM settled"
_CREDITED = "SELECT payer, tx, amount, offer_digest, receipt, expires FROM credited"
_HOLDING = "SELECT unit_id, unit, kid, value, issued, expires, max_hops, hop, history, size FROM holding"
_CONTENT = (
    "SELECT number, private_key, purse_id, anchor, policy, given FROM purse",
    "SELECT signed, delta FROM bulletin",
    "SELECT position, data FROM chunk ORDER BY position",
    _HOLDING + " ORDER BY unit_id",
    _PENDING + " ORDER BY tx",
    "SELECT unit_id, tx FROM pending_unit ORDER BY unit_id",
    _SETTLED + " ORDER BY tx",
    _CREDITED + " ORDER BY payer, tx",
    "SELECT unit_id, hop, expires FROM seen ORDER BY unit_id",
)


class Store:
    """An open store; implements `Ledger`. `writes` counts the changes applied by this object."""

    def __init__(self, path: Path, *, max_pages: int | None = None) -> None:
        """Open or create `path`. `max_pages` bounds its size, in pages of 4096 bytes. Raises StoreError."""
        self.path = path
        self.writes = 0
        self._max_pages = max_pages
        self._digest: bytes | None = None
        self._provision: Provision | None = None
        self._db = connect(self.path, max_pages=self._max_pages)

    def reopen(self) -> None:
        """Forget everything that is not on the medium, and open the file again. Raises StoreError."""
        self.close()
        self._digest = None
        self._provision = None
        self._db = connect(self.path, max_pages=self._max_pages)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    # --- writing ---

    def apply(self, change: Change) -> None:
        """Make one change durable, whole or not at all. Raises StoreError."""
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._write(change)
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            # EPP-CRS-018
            raise StoreError(
                f"{self.path}: {type(change).__name__} could not be written, nothing was changed: {error}; "
                "make room on the disk"
            ) from error
        self._digest = None
        self.writes += 1

    def _write(self, change: Change) -> None:
        match change:
            case Provisioned():
                self._provision = None
                self._insert_provision(change.provision, sum(holding.value for holding in change.holdings))
                if change.bulletin is not None:
                    self._replace_bulletin(change.bulletin)
                self._add(change.holdings)
            case BulletinAccepted():
                self._replace_bulletin(change.bulletin)
            case AnchorChanged():
                self._provision = None
                self._db.execute("UPDATE purse SET anchor = ?", (text(change.anchor.to_mapping()),))
            case PaymentPending():
                self._move_to_pending(change.pending)
            case PaymentSettled():
                self._settle(change.settlement)
            case PaymentCredited():
                credit = change.credit
                row = (credit.payer, credit.transaction, credit.amount, credit.offer_digest)
                last = max(holding.expires for holding in change.holdings)
                self._insert("credited", (*row, credit.receipt, last))
                self._add(change.holdings)
            case HoldingsCollected():
                self._remove(change.unit_ids)
            case PurseIdRenewed():
                self._provision = None
                self._db.execute("UPDATE purse SET purse_id = ?", (change.purse_id,))

    def _replace_bulletin(self, bulletin: StoredBulletin) -> None:
        query = "INSERT OR REPLACE INTO bulletin VALUES (1, ?, ?)"
        self._db.execute(query, (bulletin.signed, bulletin.delta))
        self._db.execute("DELETE FROM chunk")
        self._db.executemany("INSERT INTO chunk VALUES (?, ?)", enumerate(bulletin.chunks))

    def _insert_provision(self, provision: Provision, given: int) -> None:
        keys = (provision.number, provision.private_key, provision.purse_id)
        rules = (text(provision.anchor.to_mapping()), text(provision.policy.to_mapping()))
        self._insert("purse", (1, *keys, *rules, given))

    def _add(self, holdings: Sequence[Holding]) -> None:
        rows: list[tuple[bytes | int, ...]] = []
        for h in holdings:
            life = (h.issued, h.expires, h.max_hops, h.hop)
            size = unit_size(len(h.unit), h.hop, len(h.history))
            rows.append((h.unit_id, h.unit, h.kid, h.value, *life, h.history, size))
        self._db.executemany("INSERT INTO holding VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        # EPP-CEN-010: to a centre a unit can come back at a lower hop
        self._db.executemany(
            "INSERT INTO seen VALUES (?, ?, ?)"
            " ON CONFLICT (unit_id) DO UPDATE SET hop = max(hop, excluded.hop)",
            [(h.unit_id, h.hop, h.expires) for h in holdings],
        )

    def _remove(self, unit_ids: Sequence[bytes]) -> None:
        ids = [(unit_id,) for unit_id in unit_ids]
        gone = self._db.executemany("DELETE FROM holding WHERE unit_id = ?", ids)
        expect(gone.rowcount, len(ids))

    def _move_to_pending(self, p: Pending) -> None:
        # EPP-TRF-115: seen at the hop of our own endorsement
        self._db.executemany(
            "INSERT INTO seen SELECT unit_id, hop + 1, expires FROM holding WHERE unit_id = ?"
            " ON CONFLICT (unit_id) DO UPDATE SET hop = excluded.hop",
            [(unit_id,) for unit_id in p.unit_ids],
        )
        found = [self._one("SELECT expires FROM holding WHERE unit_id = ?", u) for u in p.unit_ids]
        self._remove(p.unit_ids)
        last = max(expires for (expires,) in found)
        lists = (b"".join(p.endorsements), b"".join(p.unit_ids))
        self._insert("pending", (p.transaction, p.payee, p.amount, last, p.offer, *lists))
        self._db.executemany(
            "INSERT INTO pending_unit VALUES (?, ?)", [(u, p.transaction) for u in p.unit_ids]
        )

    def _settle(self, s: Settlement) -> None:
        self._db.execute("DELETE FROM pending_unit WHERE tx = ?", (s.transaction,))
        query = "DELETE FROM pending WHERE tx = ? RETURNING expires"
        gone = self._db.execute(query, (s.transaction,)).fetchall()
        expect(len(gone), 1)
        self._insert("settled", (s.transaction, s.payee, s.amount, s.offer_digest, s.receipt, gone[0][0]))

    def _insert(self, table: str, row: tuple[Any, ...]) -> None:
        marks = ", ".join("?" * len(row))
        self._db.execute(f"INSERT INTO {table} VALUES ({marks})", row)  # noqa: S608 - our own names

    # --- reading: `Ledger` ---

    def provision(self) -> Provision | None:
        """See `Ledger`."""
        if self._provision is None:
            row = self._one("SELECT number, private_key, purse_id, anchor, policy FROM purse")
            if row is not None:
                number, private_key, purse_id, anchor, policy = row
                self._provision = Provision(
                    number=number,
                    private_key=private_key,
                    purse_id=purse_id,
                    anchor=TrustAnchor.from_mapping(json.loads(anchor)),
                    policy=Policy.from_mapping(json.loads(policy)),
                )
        return self._provision

    def bulletin(self) -> StoredBulletin | None:
        """See `Ledger`."""
        row = self._one("SELECT signed, delta FROM bulletin")
        if row is None:
            return None
        chunks = tuple(data for (data,) in self.read("SELECT data FROM chunk ORDER BY position"))
        return StoredBulletin(signed=row[0], chunks=chunks, delta=row[1])

    def summaries(self) -> Sequence[HoldingSummary]:
        """See `Ledger`."""
        rows = self.read("SELECT unit_id, value, expires, max_hops, hop, size FROM holding ORDER BY unit_id")
        return [
            HoldingSummary(
                unit_id=unit_id,
                value=value,
                expires=expires,
                max_hops=max_hops,
                hop=hop,
                size=size,
            )
            for unit_id, value, expires, max_hops, hop, size in rows
        ]

    def holdings(self, unit_ids: Sequence[bytes]) -> tuple[Holding, ...]:
        """See `Ledger`."""
        return tuple(map(self._holding, unit_ids))

    def _holding(self, unit_id: bytes) -> Holding:
        row = self._one(
            "SELECT unit, kid, value, issued, expires, max_hops, hop, history FROM holding WHERE unit_id = ?",
            unit_id,
        )
        if row is None:
            raise KeyError(unit_id.hex())
        unit, kid, value, issued, expires, max_hops, hop, history = row
        return Holding(
            unit_id=unit_id,
            unit=unit,
            kid=kid,
            value=value,
            issued=issued,
            expires=expires,
            max_hops=max_hops,
            hop=hop,
            history=history,
        )

    def offerable(
        self,
        *,
        epoch: int,
        max_hops: int | None,
        keys: Mapping[bytes, MoneyKey] | None,
        among: frozenset[bytes] | None = None,
    ) -> Offerable:
        """See `Ledger`."""
        return Offerable(self.read, epoch, max_hops, keys, among)

    def total(self, epoch: int = 0) -> tuple[int, int]:
        """See `Ledger`."""
        query = "SELECT coalesce(sum(count), 0), coalesce(sum(value), 0) FROM held WHERE expires >= ?"
        count, value = self._one(query, epoch)
        return count, value

    def pending_units(self, epoch: int = 0) -> int:
        """See `Ledger`."""
        # Lengths are in the head of a row: the bytes behind it are not read.
        query = "SELECT coalesce(sum(length(unit_ids)), 0) FROM pending WHERE expires >= ?"
        return int(self._one(query, epoch - self._grace())[0]) // 32

    def is_held(self, unit_id: bytes) -> bool:
        """See `Ledger`."""
        return (
            self._one(
                "SELECT 1 FROM holding WHERE unit_id = ?1"
                " UNION ALL SELECT 1 FROM pending_unit WHERE unit_id = ?1",
                unit_id,
            )
            is not None
        )

    def is_spendable(self, unit_id: bytes) -> bool:
        """See `Ledger`."""
        return self._one("SELECT 1 FROM holding WHERE unit_id = ?", unit_id) is not None

    def last_seen(self, unit_id: bytes) -> int | None:
        """See `Ledger`."""
        row = self._one("SELECT hop FROM seen WHERE unit_id = ?", unit_id)
        return None if row is None else int(row[0])

    def entries(self, table: Kept, epoch: int) -> int:
        """See `Ledger`."""
        # EPP-CRS-022
        query = "SELECT coalesce(sum(count), 0) FROM counted WHERE name = ? AND expires >= ?"
        count = int(self.read(query, "settled" if table == "given" else table, epoch)[0][0])
        if table != "given":
            return count
        query = "SELECT count(*) FROM pending WHERE expires >= ?"
        return count + int(self._one(query, epoch - self._grace())[0])

    def _grace(self) -> int:
        """Epochs after those of the units of a pending transaction in which it can be claimed."""
        provision = self.provision()
        return 0 if provision is None else provision.policy.claim_grace

    def pending(self, transaction: bytes, epoch: int = 0) -> Pending | None:
        """See `Ledger`."""
        query = _PENDING + " WHERE tx = ? AND expires >= ?"
        return next(self._pendings(query, transaction, epoch - self._grace()), None)

    def pendings(self, epoch: int = 0) -> tuple[Pending, ...]:
        """See `Ledger`."""
        return tuple(self._pendings(_PENDING + " WHERE expires >= ? ORDER BY tx", epoch - self._grace()))

    def credit(self, payer: bytes, transaction: bytes) -> Credit | None:
        """See `Ledger`."""
        return next(self._credits(_CREDITED + " WHERE payer = ? AND tx = ?", payer, transaction), None)

    def totals(self, epoch: int) -> Totals:
        """See `Ledger`."""
        given, credited, settled, lapsed = self._one(
            "SELECT (SELECT coalesce(sum(given), 0) FROM purse),"
            " (SELECT coalesce(sum(amount), 0) FROM credited),"
            " (SELECT coalesce(sum(amount), 0) FROM settled),"
            " (SELECT coalesce(sum(amount), 0) FROM pending WHERE expires < ?)",
            epoch - self._grace(),
        )
        return Totals(given=given, credited=credited, settled=settled + lapsed)

    def digest(self) -> bytes:
        """See `Ledger`: equal if and only if the content is."""
        if self._digest is None:
            sha = sha256()
            for query in _CONTENT:
                for row in self.read(query):
                    for value in row:
                        raw = value if isinstance(value, bytes) else str(value).encode()
                        sha.update(len(raw).to_bytes(4, "big") + raw)
                sha.update(b"\xff" * 4)  # no value is this long: it ends a table
            self._digest = sha.digest()
        return self._digest

    # --- reading: for the holder ---

    def credits(self) -> tuple[Credit, ...]:
        """Every credited transaction, by payer and transaction."""
        return tuple(self._credits(_CREDITED + " ORDER BY payer, tx"))

    def settlements(self) -> tuple[Settlement, ...]:
        """Every settled transaction, by transaction."""
        return tuple(
            Settlement(transaction=tx, payee=payee, amount=amount, offer_digest=digest, receipt=receipt)
            for tx, payee, amount, digest, receipt, _ in self.read(_SETTLED + " ORDER BY tx")
        )

    def _pendings(self, query: str, *values: bytes | int) -> Iterator[Pending]:
        rows = self.read(query, *values)
        for tx, payee, amount, _, offer, endorsements, unit_ids in rows:
            yield Pending(
                transaction=tx,
                payee=payee,
                amount=amount,
                offer=offer,
                endorsements=_cut(endorsements, 64),
                unit_ids=_cut(unit_ids, 32),
            )

    def _credits(self, query: str, *values: bytes | int) -> Iterator[Credit]:
        rows = self.read(query, *values)
        for payer, tx, amount, digest, receipt, _ in rows:
            yield Credit(transaction=tx, payer=payer, amount=amount, offer_digest=digest, receipt=receipt)

    def read(self, query: str, *values: bytes | int | str) -> list[Any]:
        """The rows of a query. Raises StoreError."""
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(
                f"{self.path}: cannot be read ({error}); restore it, or recall the purse"
            ) from error

    def _one(self, query: str, *values: bytes | int) -> Any:
        rows = self.read(query, *values)
        return rows[0] if rows else None


def _cut(raw: bytes, length: int) -> tuple[bytes, ...]:
    return tuple(raw[i : i + length] for i in range(0, len(raw), length))
