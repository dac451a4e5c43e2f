"""The tables of the register, and the reads that several of its parts share."""

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    select,
)

from eiraku.spec.wholesale_objects import ORIGIN_MAX
from eiraku.system.books import Books
from eiraku.system.database import Schema
from eiraku.system.wholesale import accounts
from eiraku.system.wholesale.log import Log

METADATA = MetaData()
LOG = Log.declare(METADATA)
BOOKS = Books.declare(METADATA, floors=accounts.FLOORS)
OPERATOR = Table(
    "operator",
    METADATA,
    Column("one", Integer, primary_key=True),
    Column("origin", String(ORIGIN_MAX), nullable=False),
    Column("seed", LargeBinary(32), nullable=False),
    Column("epoch", BigInteger, nullable=False),
)
MEMBER = Table("member", METADATA, Column("economy", Integer, primary_key=True, autoincrement=False))
POSTED = Table(
    "posted",
    METADATA,
    Column("posting", LargeBinary(16), primary_key=True),
    Column("position", BigInteger, nullable=False),
)
CURSOR = Table(
    "cursor",
    METADATA,
    Column("source", String(64), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
)
CHECKPOINT = Table(
    "checkpoint",
    METADATA,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("epoch", BigInteger, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
)
SCHEMA = Schema(name="wholesale register", version=2, metadata=METADATA)


def balances(connection: Connection) -> dict[str, int]:
    """Every account; those of a member are there even if nothing was posted to them."""
    found = BOOKS.amounts(connection)
    for economy in connection.execute(select(MEMBER.c.economy)).scalars():
        for prefix in accounts.FLOORS:
            found.setdefault(f"{prefix}:{economy}", 0)
    return found


def position(connection: Connection, posting: bytes) -> int | None:
    """Index of the entry of a posting, if there is one."""
    found = connection.execute(select(POSTED.c.position).where(POSTED.c.posting == posting))
    return found.scalar_one_or_none()


def cursor(connection: Connection, source: str) -> int:
    """Sequence of the last booking of `source` that was posted; 0 before the first."""
    found = connection.execute(select(CURSOR.c.sequence).where(CURSOR.c.source == source))
    return int(found.scalar_one_or_none() or 0)


def epoch(connection: Connection) -> int:
    """Current epoch."""
    return int(connection.execute(select(OPERATOR.c.epoch)).scalar_one())
