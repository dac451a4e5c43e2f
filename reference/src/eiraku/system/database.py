"""The database of a centre, through SQLAlchemy Core: SQLite by default, PostgreSQL by URL.

A `Schema` names the tables of one kind of centre and their version; `Database` opens them, or says what is
wrong and what to do. `writing()` is one durable change: serialised against every other writer, on the medium
before it returns, whole or not at all. Every failure is a `DatabaseError`.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import (
    URL,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Row,
    Select,
    String,
    Table,
    create_engine,
    event,
    exc,
    inspect,
    select,
    text,
)

from eiraku.spec.errors import Unavailable

T = TypeVar("T")

LOCK = 0x45505031
"""PostgreSQL advisory lock of the one writer."""


class DatabaseError(Unavailable):
    """The database cannot be used, or a change to it failed and changed nothing. Says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """The tables of one kind of centre. `metadata` need not hold the table `eiraku`; it is added."""

    name: str
    version: int
    metadata: MetaData

    @property
    def mark(self) -> Table:
        """One row: name and version of the schema."""
        known = self.metadata.tables.get("eiraku")
        if known is not None:
            return known
        columns = (Column("name", String(64), primary_key=True), Column("version", Integer, nullable=False))
        return Table("eiraku", self.metadata, *columns)


class Database:
    """An open database of one kind of centre. `url`: as SQLAlchemy takes it."""

    def __init__(
        self,
        url: str,
        schema: Schema,
        *,
        wait: float = 5.0,
        max_pages: int | None = None,
        read_only: bool = False,
    ) -> None:
        """Open, or create. `wait`: seconds to wait for another writer. Raises DatabaseError.

        `max_pages` bounds a SQLite file, in pages of 4 096 bytes; PostgreSQL has its own means. `read_only`:
        the database must be there, and no change to it can be made through this.
        """
        self.schema = schema
        self._read_only = read_only
        self.name, self._engine = _engine(url, wait, max_pages, read_only=read_only)
        try:
            # Looked at as a reader first: who has made a database goes on writing to it.
            with self._guard("opened"), self._engine.connect() as connection:
                _begin_reading(connection)
                empty = self._is_empty(connection)
            if empty:
                with self._guard("opened"), self._engine.connect() as connection:
                    _begin(connection)
                    self._make(connection)
                    connection.commit()
        except BaseException:
            self.close()
            raise

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One durable change; an exception undoes all of it. Raises DatabaseError."""
        with self._guard("changed; nothing was"), self._engine.connect() as connection:
            _begin(connection)
            yield connection
            connection.commit()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A consistent view. Raises DatabaseError."""
        with self._guard("read"), self._engine.connect() as connection:
            _begin_reading(connection)
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def _make(self, connection: Connection) -> None:
        mark = self.schema.mark
        # Another process may have been quicker.
        if self._is_empty(connection):
            self.schema.metadata.create_all(connection)
            connection.execute(mark.insert().values(name=self.schema.name, version=self.schema.version))

    def _is_empty(self, connection: Connection) -> bool:
        """Whether there is nothing yet. Raises DatabaseError for what cannot be used."""
        mark = self.schema.mark
        tables = set(inspect(connection).get_table_names())
        if not tables and self._read_only:
            raise DatabaseError(
                f"{self.name}: expected the database of {self.schema.name}, found an empty one"
            )
        if not tables:
            return True
        row = connection.execute(select(mark)).one_or_none() if "eiraku" in tables else None
        if row is None or row.name != self.schema.name:
            found = "another database" if row is None else f"that of {row.name}"
            raise DatabaseError(
                f"{self.name}: expected the database of {self.schema.name}, found {found}; name another one"
            )
        if row.version != self.schema.version:
            raise DatabaseError(
                f"{self.name}: expected schema version {self.schema.version}, found {row.version}; "
                "use the release of eiraku that wrote it"
            )
        if self.dialect == "sqlite":
            damage = connection.execute(text("PRAGMA quick_check(1)")).scalar_one()
            if damage != "ok":
                said = " ".join(str(damage).split())
                raise DatabaseError(f"{self.name}: damaged ({said}); restore it from a backup")
        return False

    @contextmanager
    def _guard(self, what: str) -> Iterator[None]:
        try:
            yield
        except exc.DBAPIError as error:
            raise DatabaseError(f"{self.name}: cannot be {what} ({error.orig}); {_advice(error)}") from error


def batches(items: Sequence[T], size: int = 500) -> Iterator[Sequence[T]]:
    """Slices for `IN (...)`: a statement has room for so many parameters only."""
    return (items[at : at + size] for at in range(0, len(items), size))


def pages(
    connection: Connection, query: Select[Any], key: Column[Any], size: int
) -> Iterator[Sequence[Row[Any]]]:
    """All rows of a query by its unique column `key`, so many at once: no more of them are in memory."""
    more = query.order_by(key).limit(size)
    page = connection.execute(more).all()
    while page:
        yield page
        page = connection.execute(more.where(key > page[-1]._mapping[key])).all()  # noqa: SLF001 - its public name


def _engine(url: str, wait: float, max_pages: int | None, *, read_only: bool) -> tuple[str, Engine]:
    try:
        # A connection that a server has closed meanwhile is replaced before it is used.
        engine = create_engine(url, pool_pre_ping=True)
        # A port or an option that is no number is looked at by the dialect only.
        engine.dialect.create_connect_args(engine.url)
    except (exc.ArgumentError, ValueError):
        raise DatabaseError(f"{url}: expected a URL such as sqlite:///centre.db") from None
    except ModuleNotFoundError as error:
        raise DatabaseError(
            f"{url.partition(':')[0]}: needs the package {error.name}; "
            "install eiraku[postgresql], or name a sqlite:/// URL"
        ) from None
    name = engine.url.render_as_string(hide_password=True)
    match engine.dialect.name:
        case "sqlite":
            if read_only:
                engine = create_engine(_read_only(engine.url))
                event.listen(engine, "connect", lambda connection, _: _sqlite_reader(connection, wait))
                return name, engine
            if engine.url.database not in (None, "", ":memory:"):
                _owned(Path(str(engine.url.database)))
            event.listen(engine, "connect", lambda connection, _: _sqlite(connection, wait, max_pages))
        case "postgresql":
            milliseconds = int(wait * 1000)
            event.listen(
                engine,
                "connect",
                lambda connection, _: _postgresql(connection, milliseconds, read_only=read_only),
            )
        case other:
            raise DatabaseError(f"{name}: expected sqlite or postgresql, found {other}")
    return name, engine


def _owned(path: Path) -> None:
    """Private keys are in it: nobody but the owner reads the file."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except (OSError, ValueError) as error:
        raise DatabaseError(f"{path}: expected a file that can be read and written ({error})") from error


def _read_only(url: URL) -> URL:
    path = quote(str(Path(url.database or "").absolute()))
    return url.set(database=f"file:{path}", query={**url.query, "mode": "ro", "uri": "true"})


def _sqlite_reader(connection: Any, wait: float) -> None:
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {int(wait * 1000):d}")


def _sqlite(connection: Any, wait: float, max_pages: int | None) -> None:
    # SQLAlchemy's own BEGIN would be deferred, and two writers could both read before either writes.
    _sqlite_reader(connection, wait)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    # Identifiers are random, so each insertion hits another page of the index: with room for 64 MiB of them,
    # and the log copied back after 16 MiB instead of 4, the cost stays flat as the history grows.
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute("PRAGMA wal_autocheckpoint = 4096")
    if max_pages is not None:
        connection.execute(f"PRAGMA max_page_count = {max_pages:d}")


def _postgresql(connection: Any, milliseconds: int, *, read_only: bool) -> None:
    with connection.cursor() as cursor:
        if read_only:
            cursor.execute("SET default_transaction_read_only = on")
        cursor.execute(f"SET lock_timeout = {milliseconds:d}")
        cursor.execute("SET synchronous_commit = on")
    connection.commit()


def _begin(connection: Connection) -> None:
    """One writer at a time, on either kind."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})


def _begin_reading(connection: Connection) -> None:
    """One state of the database until the end, whoever writes meanwhile."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN")
    else:
        connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))


def _advice(error: exc.DBAPIError) -> str:
    said = str(error.orig).lower()
    for part, advice in (
        ("locked", "end the other program that writes to it"),
        ("lock timeout", "end the other program that writes to it"),
        ("full", "make room on the disk"),
        ("no space", "make room on the disk"),
        ("i/o error", "look at the disk: it may be full or damaged"),
        ("not a database", "expected a database of a centre; name another file"),
        ("malformed", "restore it from a backup"),
        ("readonly", "allow writing to it"),
        ("connect", "start the server, or correct the URL"),
    ):
        if part in said:
            return advice
    return "look at the message of the database"
