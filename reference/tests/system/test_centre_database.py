"""The database of a centre: whole changes or none, one writer, faults that say what to do."""

import os
import resource
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from secrets import token_bytes
from typing import Any

import pytest
from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, func, select, text

from eiraku.system.database import Database, DatabaseError, Schema, batches
from eiraku.testing.town import ECONOMY, VAULT, Town

pytestmark = pytest.mark.slow

METADATA = MetaData()
THING = Table("thing", METADATA, Column("n", Integer, primary_key=True), Column("data", LargeBinary))
SCHEMA = Schema(name="a test", version=3, metadata=METADATA)


@pytest.fixture
def database(centre_url: str) -> Iterator[Database]:
    made = Database(centre_url, SCHEMA)
    yield made
    made.close()


def add(database: Database, n: int, data: bytes = b"") -> None:
    with database.writing() as connection:
        connection.execute(THING.insert().values(n=n, data=data))


def count(database: Database) -> int:
    with database.reading() as connection:
        return int(connection.execute(select(func.count()).select_from(THING)).scalar_one())


def test_a_change_is_whole_or_not_at_all(database: Database) -> None:
    def interrupted() -> None:
        with database.writing() as connection:
            connection.execute(THING.insert().values(n=1))
            raise KeyError

    with pytest.raises(KeyError):
        interrupted()
    assert count(database) == 0
    add(database, 1)
    with pytest.raises(DatabaseError, match="cannot be changed; nothing was"):
        add(database, 1)
    assert count(database) == 1


def test_everything_is_there_after_reopening(database: Database, centre_url: str) -> None:
    add(database, 1)
    database.close()
    again = Database(centre_url, SCHEMA)
    assert count(again) == 1
    again.close()


def test_who_only_reads_changes_nothing(database: Database, centre_url: str) -> None:
    """And sees what others write meanwhile."""
    add(database, 1)
    reader = Database(centre_url, SCHEMA, read_only=True)
    assert count(reader) == 1
    with pytest.raises(DatabaseError, match="cannot be changed; nothing was"):
        add(reader, 2)
    add(database, 2)
    assert count(reader) == count(database) == 2
    reader.close()


def test_who_only_reads_makes_no_database(centre_url: str, tmp_path: Path) -> None:
    said = "cannot be opened" if centre_url.startswith("sqlite") else "found an empty one"
    with pytest.raises(DatabaseError, match=said):
        Database(centre_url, SCHEMA, read_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_reader_sees_one_state(database: Database, centre_url: str) -> None:
    other = Database(centre_url, SCHEMA)
    with database.reading() as connection:
        query = select(func.count()).select_from(THING)
        before = connection.execute(query).scalar_one()
        add(other, 1)
        assert connection.execute(query).scalar_one() == before == 0
    assert count(database) == 1
    other.close()


def test_writers_wait_for_each_other(database: Database, centre_url: str) -> None:
    """Eight threads count up; none reads what another is about to change."""

    def step(own: Database) -> None:
        for _ in range(5):
            with own.writing() as connection:
                top = connection.execute(select(func.coalesce(func.max(THING.c.n), 0))).scalar_one()
                connection.execute(THING.insert().values(n=top + 1))

    owns = [Database(centre_url, SCHEMA, wait=30) for _ in range(4)]
    threads = [threading.Thread(target=step, args=(own,)) for own in (*owns, *owns)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count(database) == 40
    for own in owns:
        own.close()


def test_a_busy_database_says_so_and_nothing_is_changed(database: Database, centre_url: str) -> None:
    hasty = Database(centre_url, SCHEMA, wait=0.05)
    with database.writing() as connection:
        connection.execute(THING.insert().values(n=1))
        with pytest.raises(DatabaseError, match=r"nothing was \(.*; end the other program"):
            add(hasty, 2)
    add(hasty, 2)
    assert count(hasty) == 2
    hasty.close()


@pytest.mark.parametrize("found", (2, 4))
def test_another_version(database: Database, centre_url: str, found: int) -> None:
    with database.writing() as connection:
        connection.execute(SCHEMA.mark.update().values(version=found))
    with pytest.raises(
        DatabaseError, match=f"expected schema version 3, found {found}; use the release of eiraku"
    ):
        Database(centre_url, SCHEMA)
    with database.writing() as connection:
        connection.execute(SCHEMA.mark.update().values(version=3))
    Database(centre_url, SCHEMA).close()


def test_the_database_of_another_centre(database: Database, centre_url: str) -> None:
    add(database, 1)
    other = Schema(name="another test", version=3, metadata=MetaData())
    with pytest.raises(DatabaseError, match="expected the database of another test, found that of a test"):
        Database(centre_url, other)
    assert count(database) == 1


def test_a_database_of_somebody_else(database: Database, centre_url: str) -> None:
    with database.writing() as connection:
        connection.execute(text("DROP TABLE eiraku"))
    with pytest.raises(DatabaseError, match="found another database; name another one"):
        Database(centre_url, SCHEMA)


@pytest.mark.parametrize(
    ("url", "words"),
    (
        ("centre.db", "expected a URL such as sqlite:///centre.db"),
        ("mysql+mysqldb://x/y", "needs the package MySQLdb|expected sqlite or postgresql"),
        ("nothing://x", "expected a URL such as sqlite"),
        ("sqlite:////no/such/folder/centre.db", "can be read and written"),
        ("sqlite:///centre\0.db", "can be read and written"),
        ("sqlite:///centre.db?timeout=long", "expected a URL such as sqlite"),
        ("postgresql+psycopg://x:port/y", "expected a URL such as sqlite"),
    ),
)
def test_urls_that_lead_nowhere(url: str, words: str) -> None:
    with pytest.raises(DatabaseError, match=words):
        Database(url, SCHEMA)


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="start the server, or correct the URL") as refused:
        Database(f"postgresql+psycopg://eiraku:secret@/x?host={tmp_path}", SCHEMA)
    assert "secret" not in str(refused.value)


def test_batches() -> None:
    assert [list(some) for some in batches(range(5), 2)] == [[0, 1], [2, 3], [4]]
    assert list(batches(())) == []


# --- files ---


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "centre.db"


def town(path: Path, **settings: Any) -> Town:
    return Town(("alice",), f"sqlite:///{path}", run=token_bytes(8), **settings)


def test_only_the_owner_reads_the_files(path: Path) -> None:
    made = town(path)
    made.fund(10)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    made.close()
    assert "centre.db-wal" in modes
    assert set(modes.values()) == {0o600}, modes


def test_another_kind_of_file(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be read as one" * 30)
    before = path.read_bytes()
    with pytest.raises(DatabaseError, match="expected a database of a centre; name another file"):
        town(path)
    assert path.read_bytes() == before


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DatabaseError, match="expected a file that can be read and written"):
        town(tmp_path)


def test_damage_is_found(path: Path) -> None:
    made = town(path)
    made.fund(2000)
    for _ in range(8):
        made.issue([1] * 200)
    made.close()
    good = path.read_bytes()
    data = bytearray(good)
    data[4096 * 20 : 4096 * 60] = os.urandom(4096 * 40)
    path.write_bytes(bytes(data))
    with pytest.raises(DatabaseError, match="restore it from a backup"):
        town(path)
    path.write_bytes(good)
    again = town(path)
    again.issuer.history.conserved()
    again.close()


def test_a_file_cut_short(path: Path) -> None:
    made = town(path)
    made.fund(2000)
    made.issue([1] * 200)
    made.close()
    good = path.read_bytes()
    path.write_bytes(good[: len(good) // 2])
    with pytest.raises(DatabaseError, match=r"restore it from a backup|name another file"):
        town(path)


def test_damage_while_open(path: Path) -> None:
    made = town(path)
    made.fund(2000)
    with made.database.writing() as connection:
        connection.execute(text("DROP TABLE unit"))
    with pytest.raises(DatabaseError, match="look at the message"):
        made.issue([1])
    assert made.issuer.accounts.amount(made.numbers[VAULT]) == 2000
    made.close()


def fill(made: Town) -> None:
    """Twenty issues of 200 units each."""
    for n in range(20):
        made.issuer.issues.issue(n.to_bytes(16, "big"), made.numbers[VAULT], ECONOMY, [1] * 200)


def test_a_full_database(path: Path) -> None:
    """EPP-CEN-012: no room, no issue; the same request is good when there is room again."""
    made = town(path)
    made.fund(10_000)
    made.close()
    pages = path.stat().st_size // 4096
    full = town(path, max_pages=pages + 8)
    vault = full.numbers[VAULT]
    with pytest.raises(DatabaseError, match=r"nothing was.*make room on the disk"):
        fill(full)
    full.issuer.history.conserved()
    left = full.issuer.accounts.amount(vault)
    full.close()
    again = town(path)
    fill(again)
    assert again.issuer.accounts.amount(vault) == 10_000 - 4_000
    assert left % 200 == 0
    again.issuer.history.conserved()
    again.close()


def test_a_disk_that_fills_in_the_middle(path: Path) -> None:
    """EPP-CEN-012: the file cannot grow at any of several points; nothing is half done."""
    made = town(path)
    made.fund(10_000)
    vault = made.numbers[VAULT]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    done = 0
    for room in range(0, 200_000, 20_000):
        size = max(p.stat().st_size for p in path.parent.iterdir())
        resource.setrlimit(resource.RLIMIT_FSIZE, (size + room, limits[1]))
        try:
            made.issuer.issues.issue(bytes([done]) * 16, vault, ECONOMY, [1] * 200)
            done += 1
        except DatabaseError as error:
            assert "look at the disk" in str(error) or "make room" in str(error)  # noqa: PT017
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        made.issuer.history.conserved()
        assert made.issuer.accounts.amount(vault) == 10_000 - 200 * done
    assert 0 < done < 10
    made.close()


def test_a_long_writer_does_not_keep_others_from_opening(database: Database, centre_url: str) -> None:
    with database.writing() as connection:
        connection.execute(THING.insert().values(n=1))
        other = Database(centre_url, SCHEMA, wait=0)
        assert count(other) == 0
        other.close()


def test_a_locked_issue_is_done_later(path: Path) -> None:
    """EPP-CEN-012: another program writes; the same request is good when it has ended."""
    made = town(path, wait=0)
    made.fund(10)
    vault, request = made.numbers[VAULT], bytes(16)
    lock = sqlite3.connect(path, isolation_level=None)
    lock.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseError, match="end the other program"):
        made.issuer.issues.issue(request, vault, ECONOMY, [4])
    assert made.issuer.accounts.amount(vault) == 10
    lock.execute("ROLLBACK")
    lock.close()
    made.issuer.issues.issue(request, vault, ECONOMY, [4])
    assert made.issuer.accounts.amount(vault) == 6
    made.close()


def test_no_rights(path: Path) -> None:
    """As another user, for root may do everything."""
    town(path).close()
    path.parent.chmod(0o755)
    code = (
        "import os, sys\n"
        "from eiraku.testing.town import Town\n"
        "Town((), 'sqlite://').close()  # everything is imported\n"
        "if os.geteuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "Town((), sys.argv[1])\n"
    )
    path.chmod(0o444)
    found = subprocess.run(
        [sys.executable, "-c", code, f"sqlite:///{path}"], capture_output=True, text=True, check=False
    )
    assert found.returncode == 1
    assert "DatabaseError" in found.stderr
    assert "expected a file that can be read and written" in found.stderr
    path.chmod(0o600)
    town(path).close()


def cut(made: Town, url: str) -> None:
    """End every other connection, as a server does that is started again."""
    other = Database(url, made.database.schema)
    with other.reading() as connection:
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        connection.execute(text(kill + " AND datname = current_database()"))
    other.close()


def cut_while_writing(made: Town, url: str) -> None:
    with made.database.writing() as connection:
        connection.execute(text("DELETE FROM entry"))
        cut(made, url)
        connection.execute(text("DELETE FROM balance"))


@pytest.mark.parametrize("centre_url", ("postgresql",), indirect=True)
def test_a_server_that_goes_away(centre_url: str) -> None:
    """EPP-CEN-012: the connection is cut; the same request is good afterwards."""
    made = Town((), centre_url)
    made.fund(10)
    vault = made.numbers[VAULT]
    with pytest.raises(DatabaseError, match=r"start the server|look at the message"):
        cut_while_writing(made, centre_url)
    made.issuer.issues.issue(bytes(16), vault, ECONOMY, [4])
    cut(made, centre_url)
    made.issuer.issues.issue(bytes(16), vault, ECONOMY, [4])
    assert made.issuer.accounts.amount(vault) == 6
    made.close()
