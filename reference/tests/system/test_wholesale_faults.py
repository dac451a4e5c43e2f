"""The backing register when something breaks: in the middle, in the database, by a kill."""

import itertools
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from eiraku.spec.errors import Refused
from eiraku.system.database import Database, DatabaseError
from eiraku.system.wholesale import accounts, schema, vector_notes, vectors
from eiraku.system.wholesale.errors import BrokenBooksError, CheckpointError
from eiraku.system.wholesale.register import SCHEMA, Register
from eiraku.system.wholesale.vectors import JAPAN, SINGAPORE
from eiraku.testing.wholesale import fresh

pytestmark = pytest.mark.slow


@pytest.fixture
def database(centre_url: str) -> Iterator[Database]:
    made = Database(centre_url, SCHEMA, wait=0.2)
    yield made
    made.close()


@pytest.fixture
def register(database: Database) -> Register:
    made = Register.create(database, origin="acu.example", epoch=1, random=os.urandom)
    for economy in (JAPAN, SINGAPORE):
        made.join(fresh(), economy)
    made.contribute(fresh(), JAPAN, 1000)
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "register.db"


@pytest.fixture
def local(file: Path) -> Iterator[Register]:
    """A register in a file that a test can spoil."""
    database = Database(f"sqlite:///{file}", SCHEMA, wait=0.2)
    made = Register.create(database, origin=vector_notes.ORIGIN, epoch=1, random=os.urandom)
    vectors.play(made)
    yield made
    database.close()


# EPP-WHS-022
def test_a_checkpoint_that_contradicts_an_earlier_one_is_not_signed(local: Register, file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM leaf WHERE position = 11")
        connection.execute("DELETE FROM node WHERE place IN (19, 21, 22)")
    assert "a checkpoint of 12 entries was signed, the log has 11" in local.problems()
    local.advance(9)
    with pytest.raises(CheckpointError, match="do not sign another one, restore the log"):
        local.checkpoint()


# EPP-WHS-003
@pytest.mark.parametrize("part", ("Books.post", "Log.append", "check"))
def test_a_failure_between_undoes_everything(
    register: Register, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    before = register.balances(), register.size

    def fail(*_: object) -> None:
        raise RuntimeError("cut")

    if part == "check":
        calls = itertools.count()
        sound = accounts.check
        monkeypatch.setattr(
            accounts, "check", lambda balances: fail() if next(calls) == 2 else sound(balances)
        )
    else:
        owner, _, name = part.partition(".")
        monkeypatch.setattr({"Books": type(schema.BOOKS), "Log": type(schema.LOG)}[owner], name, fail)
    posting = fresh()
    with pytest.raises(RuntimeError, match="cut"):
        register.issue(posting, JAPAN, 1)
    monkeypatch.undo()
    assert (register.balances(), register.size) == before
    assert register.issue(posting, JAPAN, 1) == before[1]
    assert register.problems() == []


# EPP-WHS-002
def test_books_that_do_not_take_a_posting_are_noticed(
    register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = register.size
    monkeypatch.setattr(type(schema.BOOKS), "post", lambda *_: True)
    with pytest.raises(BrokenBooksError, match=r"another amount than posted in issued:392, own:392"):
        register.issue(fresh(), JAPAN, 1)
    monkeypatch.undo()
    assert register.size == before
    assert register.problems() == []


# EPP-WHS-002
def test_another_writer_in_the_way(register: Register, database: Database, centre_url: str) -> None:
    other = Database(centre_url, SCHEMA)
    with other.writing(), pytest.raises(DatabaseError, match="end the other program that writes to it"):
        register.issue(fresh(), JAPAN, 1)
    other.close()
    register.issue(fresh(), JAPAN, 1)
    assert database.name
    assert register.problems() == []


# EPP-WHS-001, EPP-WHS-032
def test_books_that_contradict_themselves_take_nothing_more(register: Register, database: Database) -> None:
    with database.writing() as connection:
        connection.execute(text("UPDATE balance SET amount = 999 WHERE account = 'own:392'"))
    before = register.size
    with pytest.raises(BrokenBooksError, match="own 999 and issued 0 are not its bonds 1000"):
        register.issue(fresh(), JAPAN, 1)
    assert register.size == before
    found = register.problems()
    assert any("own:392 has 999 in the books and 1000 according to the log" in line for line in found)


# EPP-WHS-001, EPP-WHS-030, EPP-WHS-035
@pytest.mark.parametrize(
    ("account", "amount", "said"),
    (
        ("own:1", 2, "own 2 and issued 1 are not its bonds 2"),
        ("issued:1", 0, "own 1 and issued 0 are not its bonds 2"),
        ("bonds:1", 3, "own 1 and issued 1 are not its bonds 3"),
        ("assets", -3, "assets 3 are not the sum of all bonds 2"),
        ("bonded", -1, "bonded 1 are not the sum of all bonds 2"),
    ),
)
def test_every_contradiction_of_balances_is_seen(account: str, amount: int, said: str) -> None:
    sound = {"own:1": 1, "issued:1": 1, "bonds:1": 2, "assets": -2, "bonded": -2}
    accounts.check(sound)
    with pytest.raises(BrokenBooksError, match=said):
        accounts.check(sound | {account: amount})
    with pytest.raises(BrokenBooksError, match="economy 1: an account is below zero"):
        accounts.check(sound | {"own:1": 3, "issued:1": -1})


@pytest.mark.parametrize(
    ("statement", "said"),
    (
        ("UPDATE leaf SET data = zeroblob(30) WHERE position = 5", "leaf 5: the stored hash is not that"),
        ("UPDATE node SET hash = zeroblob(32) WHERE place = 1", "leaves 0 to 1: the stored hash is not that"),
        ("DELETE FROM node WHERE place = 7", "leaves 0 to 7: the stored hash is not that"),
        ("DELETE FROM leaf WHERE position = 5", "leaf 5 is missing"),
        ("DELETE FROM leaf WHERE position = 11", "23 hashes are stored where 11 leaves have 19|22 hashes"),
        ("INSERT INTO node VALUES (999, zeroblob(32))", "23 hashes are stored where 12 leaves have 22"),
        ("UPDATE entry SET amount = amount + 1 WHERE account = 'own:392'", "books: .*own:392"),
        ("DELETE FROM posted", "0 postings are known where the log has 12 entries"),
        ("UPDATE balance SET amount = -1 WHERE account = 'assets'", "assets has -1 in the books"),
        ("UPDATE checkpoint SET note = '0' WHERE size = 9", "stored checkpoint of 9 entries: .*not well"),
        ("DELETE FROM balance WHERE account = 'issued:392'", "own 1000000 and issued 0 are not its bonds"),
    ),
)
def test_whatever_is_altered_in_the_database_is_found(
    local: Register, file: Path, statement: str, said: str
) -> None:
    assert local.problems() == []
    with sqlite3.connect(file) as connection:
        connection.execute(statement)
    assert any(re.search(said, line) for line in local.problems()), local.problems()


# EPP-WHS-022
def test_a_log_that_was_made_anew_contradicts_what_was_signed(local: Register, file: Path) -> None:
    """Somebody swaps two entries and makes all hashes anew: only the signed checkpoints tell."""
    leaves = list(local.leaves())
    swapped = [*leaves[:3], leaves[4], leaves[3], *leaves[5:]]
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM leaf")
        connection.execute("DELETE FROM node")
    database = Database(f"sqlite:///{file}", SCHEMA)
    with database.writing() as connection_:
        schema.LOG.append(connection_, swapped)
    database.close()
    assert local.problems() == [
        f"the signed root of {size} entries is not that of the log" for size in (5, 9, 12)
    ]
    local.contribute(fresh(), JAPAN, 1)
    with pytest.raises(CheckpointError, match="that this log of 13 contradicts; do not sign another one"):
        local.checkpoint()


def test_a_missing_hash_is_said(local: Register, file: Path) -> None:
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM node")
    with pytest.raises(Refused, match="stored hashes of the log are missing; restore a backup"):
        local.inclusion(0, 12)


WRITER = """
import sys
from eiraku.system.database import Database
from eiraku.system.wholesale.register import SCHEMA, Register
register = Register(Database(f"sqlite:///{sys.argv[1]}", SCHEMA))
number = int(sys.argv[2])
while True:
    number += 1
    register.issue(number.to_bytes(16, "big"), 392, 1)
    print(number, flush=True)
    if number % 5 == 0:
        register.checkpoint()
"""


# EPP-WHS-033, EPP-WHS-003
def test_killed_at_any_moment(file: Path, kills: int) -> None:
    database = Database(f"sqlite:///{file}", SCHEMA)
    register = Register.create(database, origin="acu.example", epoch=1, random=os.urandom)
    register.join(bytes(16), JAPAN)
    register.contribute(b"\xff" * 16, JAPAN, 10**9)
    draw, last = random.Random(7), 0
    for _ in range(kills or 6):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file), str(last)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            for _ in range(draw.randrange(1, 25)):
                last = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().split()
        assert process.returncode == -signal.SIGKILL
        last = max(last, *(int(number) for number in rest), 0)
        assert register.problems() == []
        # The one that was on its way is there or not; posting it again makes no difference.
        assert register.issued(JAPAN) in (last, last + 1)
        last += 1
        register.issue(last.to_bytes(16, "big"), JAPAN, 1)
        assert register.issued(JAPAN) == last
        assert register.size == last + 2
    database.close()
