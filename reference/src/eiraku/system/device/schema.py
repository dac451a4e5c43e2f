"""Tables of the device centre's database: purses, master keys, bulletins, inspections (chapter 13).

Purse numbers are 8 bytes, keys, holders, digests and unit identifiers 32, challenges and seals 16; epochs are
integers. `clock` counts challenges and reports, so that it is known which came first.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    select,
)

from eiraku.system import announced
from eiraku.system.database import Schema

METADATA = MetaData()
SCHEMA = Schema(name="device centre", version=2, metadata=METADATA)

CENTRE = Table(
    "centre",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seal", LargeBinary(16), nullable=False),
    Column("policy_digest", LargeBinary(32), nullable=False),
    Column("max_bulletin", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("clock", BigInteger, nullable=False),
)
"""One row."""

MASTER_KEY = Table(
    "master_key",
    METADATA,
    Column("kid", LargeBinary(8), primary_key=True),
    Column("private", LargeBinary(32), nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_to", BigInteger, nullable=False),
)

SCHEME_KEY = Table(
    "scheme_key",
    METADATA,
    Column("id", LargeBinary(8), primary_key=True),
    Column("secret", LargeBinary(32), nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_to", BigInteger, nullable=False),
)

KEY_LIST = announced.table(METADATA)

PURSE = Table(
    "purse",
    METADATA,
    Column("number", LargeBinary(8), primary_key=True),
    Column("public_key", LargeBinary(32), nullable=False, unique=True),
    Column("role", Integer, nullable=False),
    Column("tier", Integer, nullable=False),
    Column("holder", LargeBinary(32), nullable=False),
    Column("economy", Integer, nullable=False),
    Column("registered", BigInteger, nullable=False),
    Column("issued", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("reserved", LargeBinary(32), nullable=False),
    Column("purse_id", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("reason", String(500), nullable=False),
    Index("purse_by_state", "state", "expires"),
)
"""The purse history database of S-14. `since`: epoch in which it came into its state."""

EVENT = Table(
    "event",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("number", LargeBinary(8), nullable=False, index=True),
    Column("epoch", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("note", String(500), nullable=False),
)
"""What happened to a purse; never changed."""

BULLETIN = Table(
    "bulletin",
    METADATA,
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("signed", LargeBinary, nullable=False),
    Column("step", LargeBinary, nullable=True),
)
"""`step`: the delta from the bulletin before; none if it is too long."""

CHUNKS = Table(
    "chunk",
    METADATA,
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)
"""The list of the newest bulletin."""

CHALLENGE = Table(
    "challenge",
    METADATA,
    Column("number", LargeBinary(8), primary_key=True),
    Column("challenge", LargeBinary(16), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("deposits", BigInteger, nullable=True),
)
"""The newest challenge of each purse that is not used. `deposits`: the issuing centre's last one then."""

REPORT = Table(
    "report",
    METADATA,
    Column("at", BigInteger, primary_key=True, autoincrement=False),
    Column("number", LargeBinary(8), nullable=False),
    Column("digest", LargeBinary(32), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("signed", LargeBinary, nullable=False),
    Index("report_by_number", "number", "at"),
)

HELD = Table(
    "held",
    METADATA,
    Column("unit_id", LargeBinary(32), primary_key=True),
    Column("hop", Integer, primary_key=True),
    Column("number", LargeBinary(8), primary_key=True),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
)
"""Which purse reported which unit at which hop: in its reports from `first` to `last`."""

FINDING = Table(
    "finding",
    METADATA,
    Column("report", BigInteger, primary_key=True, autoincrement=False),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("kind", String(32), nullable=False),
    Column("unit_id", LargeBinary(32), nullable=True),
    Column("reported", String(500), nullable=False),
    Column("known", String(500), nullable=False),
)

SUSPECT = Table(
    "suspect",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=True),
    Column("reporter", LargeBinary(8), nullable=False),
    Column("number", LargeBinary(8), nullable=False, index=True),
    Column("code", Integer, nullable=False),
    Column("unit_id", LargeBinary(32), nullable=True),
    Column("epoch", BigInteger, nullable=False),
    Column("received", BigInteger, nullable=False),
    Index("suspect_by_reporter", "reporter", "number", "code", "epoch"),
)
"""What vaults report (EPP-VLT-012). `epoch`: the vault's; `received`: the centre's."""


def epoch_of(connection: Connection) -> int:
    """Epoch of the newest bulletin."""
    return int(connection.execute(select(CENTRE.c.epoch)).scalar_one())
