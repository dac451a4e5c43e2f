"""The file of a vault, beside its purse: requests under way, reports, plans, the age of its bulletin.

One SQLite file (or another database by URL) for one vault; each part of the vault keeps its own tables. Purse
numbers are 8 bytes, transactions 16, unit identifiers 32.
"""

from pathlib import Path

from sqlalchemy import Column, Float, Integer, LargeBinary, MetaData, String, Table, UniqueConstraint, select

from eiraku.system.database import Database, DatabaseError, Schema
from eiraku.system.exchange import outbox

METADATA = MetaData()
VAULT = Table(
    "vault",
    METADATA,
    Column("number", LargeBinary(8), primary_key=True),
    Column("confirmed", Float, nullable=True),
)
"""Whose file it is, and when its bulletin was last confirmed."""
REPORT = Table(
    "report",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("number", LargeBinary(8), nullable=False),
    Column("code", Integer, nullable=False),
    Column("unit_id", LargeBinary(32), nullable=False),
    Column("epoch", Integer, nullable=False),
    UniqueConstraint("number", "code", "unit_id", "epoch"),
)
DUE = Table(
    "due",
    METADATA,
    Column("report", Integer, primary_key=True),
    Column("audience", String(32), primary_key=True),
    Column("refused", String(400), nullable=False),
)
"""Reports that a service does not have; `refused`: why it would not take one."""
ISSUE = Table(
    "issue",
    METADATA,
    Column("encoded", LargeBinary, primary_key=True),
    Column("reason", String(400), nullable=False),
)
CENTRE = Table("centre", METADATA, Column("number", LargeBinary(8), primary_key=True))
CLAIMED = Table("claimed", METADATA, Column("tx", LargeBinary(16), primary_key=True))
PLAN = Table(
    "plan",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("home", LargeBinary, nullable=False),
    Column("exponents", LargeBinary, nullable=False),
)
for _table in outbox.TABLES:
    _table.to_metadata(METADATA)
SCHEMA = Schema(name="vault", version=2, metadata=METADATA)

REASON_MAX = 400


def open_(where: Path | str, number: bytes) -> Database:
    """The file of the vault with this purse number, made if it is not there; `where`: a file, or a URL.

    Raises DatabaseError, also for the file of another vault.
    """
    database = Database(f"sqlite:///{where}" if isinstance(where, Path) else where, SCHEMA)
    try:
        with database.writing() as connection:
            row = connection.execute(select(VAULT)).one_or_none()
            if row is None:
                connection.execute(VAULT.insert().values(number=number))
        _check(database, number, number if row is None else bytes(row.number))
    except BaseException:
        database.close()
        raise
    return database


def _check(database: Database, number: bytes, found: bytes) -> None:
    if found != number:
        raise DatabaseError(
            f"{database.name}: expected the file of vault {number.hex()}, found that of {found.hex()}; "
            "name another file"
        )
