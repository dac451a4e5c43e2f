"""Opening the SQLite file of a purse: its schema, its settings, its lock.

Write-ahead log with `synchronous=FULL`: one fsync for a commit, where a rollback journal costs two or three.
A torn write of the log is recognised by its checksums and rolled back at the next opening. The file is locked
for as long as it is open: two programs with one purse could both offer the same unit.
"""

import json
import os
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eiraku.spec.errors import Unavailable

APPLICATION = 0x45505031
"""SQLite application_id of a purse: "EPP1"."""
SCHEMA_VERSION = 6

_TABLES = """
CREATE TABLE purse (
    id INTEGER PRIMARY KEY CHECK (id = 1), number BLOB NOT NULL, private_key BLOB NOT NULL,
    purse_id BLOB NOT NULL, anchor TEXT NOT NULL, policy TEXT NOT NULL, given INTEGER NOT NULL);
CREATE TABLE bulletin (id INTEGER PRIMARY KEY CHECK (id = 1), signed BLOB NOT NULL, delta BLOB);
CREATE TABLE chunk (position INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE holding (
    unit_id BLOB PRIMARY KEY, unit BLOB NOT NULL, kid BLOB NOT NULL, value INTEGER NOT NULL,
    issued INTEGER NOT NULL, expires INTEGER NOT NULL, max_hops INTEGER NOT NULL, hop INTEGER NOT NULL,
    history BLOB NOT NULL, size INTEGER NOT NULL);
CREATE INDEX holding_choice ON holding (value, size, unit_id, expires, hop, max_hops, kid, issued);
CREATE TABLE held (expires INTEGER PRIMARY KEY, count INTEGER NOT NULL, value INTEGER NOT NULL);
CREATE TRIGGER holding_came AFTER INSERT ON holding BEGIN
    INSERT INTO held VALUES (new.expires, 1, new.value)
    ON CONFLICT DO UPDATE SET count = count + 1, value = value + excluded.value; END;
CREATE TRIGGER holding_went AFTER DELETE ON holding BEGIN
    UPDATE held SET count = count - 1, value = value - old.value WHERE expires = old.expires; END;
CREATE TABLE pending (
    tx BLOB PRIMARY KEY, payee BLOB NOT NULL, amount INTEGER NOT NULL, expires INTEGER NOT NULL,
    offer BLOB NOT NULL, endorsements BLOB NOT NULL, unit_ids BLOB NOT NULL);
CREATE TABLE pending_unit (unit_id BLOB PRIMARY KEY, tx BLOB NOT NULL);
CREATE TABLE settled (
    tx BLOB PRIMARY KEY, payee BLOB NOT NULL, amount INTEGER NOT NULL, offer_digest BLOB NOT NULL,
    receipt BLOB NOT NULL, expires INTEGER NOT NULL);
CREATE TABLE credited (
    payer BLOB NOT NULL, tx BLOB NOT NULL, amount INTEGER NOT NULL, offer_digest BLOB NOT NULL,
    receipt BLOB NOT NULL, expires INTEGER NOT NULL, PRIMARY KEY (payer, tx));
CREATE TABLE seen (unit_id BLOB PRIMARY KEY, hop INTEGER NOT NULL, expires INTEGER NOT NULL);
CREATE TABLE counted (
    name TEXT NOT NULL, expires INTEGER NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (name, expires)) WITHOUT ROWID;
CREATE TRIGGER settled_came AFTER INSERT ON settled BEGIN
    INSERT INTO counted VALUES ('settled', new.expires, 1) ON CONFLICT DO UPDATE SET count = count + 1; END;
CREATE TRIGGER credited_came AFTER INSERT ON credited BEGIN
    INSERT INTO counted VALUES ('credited', new.expires, 1) ON CONFLICT DO UPDATE SET count = count + 1; END;
CREATE TRIGGER seen_came AFTER INSERT ON seen BEGIN
    INSERT INTO counted VALUES ('seen', new.expires, 1) ON CONFLICT DO UPDATE SET count = count + 1; END;
"""


class StoreError(Unavailable):
    """The memory of the purse cannot be used, or a write to it failed and changed nothing."""


def connect(path: Path, *, max_pages: int | None = None) -> sqlite3.Connection:
    """Open or create the store at `path`, at most `max_pages` pages of 4096 bytes. Raises StoreError."""
    try:
        # The private key is in it: nobody but the owner reads the file.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreError(f"{path}: expected a file that can be read and written ({error})") from error
    # The caller may serve from another thread than the one that opened; never from two at once.
    db = sqlite3.connect(path, isolation_level=None, timeout=0, check_same_thread=False)
    try:
        _prepare(db, path, max_pages)
    except sqlite3.Error as error:
        db.close()
        raise StoreError(_advice(path, error)) from error
    except BaseException:
        db.close()
        raise
    return db


def _prepare(db: sqlite3.Connection, path: Path, max_pages: int | None) -> None:
    db.execute("PRAGMA locking_mode = EXCLUSIVE")
    empty = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    if not empty:
        _check(db, path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    if max_pages is not None:
        db.execute(f"PRAGMA max_page_count = {max_pages:d}")
    if empty:
        db.executescript(
            f"BEGIN IMMEDIATE; {_TABLES} PRAGMA application_id = {APPLICATION};"
            f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
        )
    # Takes the lock now rather than at the first write.
    db.execute("BEGIN IMMEDIATE")
    db.execute("COMMIT")


def _check(db: sqlite3.Connection, path: Path) -> None:
    if _pragma(db, "application_id") != APPLICATION:
        raise StoreError(f"{path}: expected the store of a purse, found another database; name another file")
    version = _pragma(db, "user_version")
    if version != SCHEMA_VERSION:
        advice = "use the program that wrote it" if version > SCHEMA_VERSION else "recall the purse"
        raise StoreError(f"{path}: expected schema version {SCHEMA_VERSION}, found {version}; {advice}")
    damage = db.execute("PRAGMA quick_check(1)").fetchone()[0]
    if damage != "ok":
        raise StoreError(f"{path}: damaged ({damage}); restore it, or recall the purse")


def _pragma(db: sqlite3.Connection, name: str) -> int:
    return int(db.execute(f"PRAGMA {name}").fetchone()[0])


def _advice(path: Path, error: sqlite3.Error) -> str:
    match error.sqlite_errorname:
        case "SQLITE_BUSY" | "SQLITE_LOCKED":
            return f"{path}: locked; end the other program that has this purse open"
        case "SQLITE_NOTADB":
            return f"{path}: expected the store of a purse, found a file of another kind; name another file"
        case "SQLITE_CORRUPT":
            return f"{path}: damaged ({error}); restore it, or recall the purse"
        case _:
            return f"{path}: cannot be opened ({error}); check the disk and the permissions"


def text(fields: Mapping[str, Any]) -> str:
    """JSON, in one way for each content."""
    return json.dumps(fields, sort_keys=True)


def expect(found: int, wanted: int) -> None:
    """Raise IntegrityError unless so many rows moved."""
    if found != wanted:
        raise sqlite3.IntegrityError(f"expected {wanted} rows to move, found {found}")
