"""Double-entry books: every posting once, whole, summing to zero, above its floors; on both databases."""

from collections.abc import Iterator, Mapping

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from sqlalchemy import MetaData, update

from eiraku.system.books import Books, BooksError
from eiraku.system.database import Database, Schema

pytestmark = pytest.mark.slow

METADATA = MetaData()
BOOKS = Books.declare(METADATA, floors={"vault": 0})
SCHEMA = Schema(name="books", version=1, metadata=METADATA)
ONE, TWO = b"1" * 16, b"2" * 16


@pytest.fixture
def database(centre_url: str) -> Iterator[Database]:
    made = Database(centre_url, SCHEMA)
    yield made
    with made.reading() as connection:
        assert BOOKS.problem(connection) is None
    made.close()


def post(database: Database, posting: bytes, amounts: Mapping[str, int]) -> bool:
    with database.writing() as connection:
        return BOOKS.post(connection, posting, amounts)


def balances(database: Database, prefix: str = "") -> dict[str, int]:
    with database.reading() as connection:
        return BOOKS.amounts(connection, prefix)


def test_a_posting_is_made_once(database: Database) -> None:
    # EPP-CEN-018, EPP-CEN-074
    assert post(database, ONE, {"vault:a": 5, "funded": -5, "nobody": 0})
    assert not post(database, ONE, {"vault:a": 5, "funded": -5})
    assert post(database, TWO, {"vault:a": -2, "vault:b": 2})
    assert balances(database) == {"vault:a": 3, "vault:b": 2, "funded": -5}
    assert balances(database, "vault:") == {"vault:a": 3, "vault:b": 2}
    with database.reading() as connection:
        assert (BOOKS.amount(connection, "vault:a"), BOOKS.amount(connection, "vault:z")) == (3, 0)


@pytest.mark.parametrize(
    ("posting", "amounts", "words"),
    (
        (TWO, {"vault:a": 1}, "sums to zero, not to 1"),
        (TWO, {"vault:a": -6, "funded": 6}, "vault:a: -1 would be below 0; put in what is missing"),
        (TWO, {"vault:a": 1 << 62, "funded": -(1 << 62)}, "more than these books can hold"),
        (ONE, {"vault:a": 4, "funded": -4}, "known with other amounts"),
        (ONE, {"vault:b": 5, "funded": -5}, "known with other amounts"),
        (b"short", {"vault:a": 4, "funded": -4}, "has 16 bytes, not 5"),
    ),
)
def test_a_posting_that_is_refused_changes_nothing(
    database: Database, posting: bytes, amounts: dict[str, int], words: str
) -> None:
    # EPP-CEN-075, EPP-CEN-076
    post(database, ONE, {"vault:a": 5, "funded": -5})
    with pytest.raises(BooksError, match=words):
        post(database, posting, amounts)
    assert balances(database) == {"vault:a": 5, "funded": -5}


def test_names_are_not_patterns(database: Database) -> None:
    post(database, ONE, {"a_b": 1, "aXb": -1})
    assert balances(database, "a_") == {"a_b": 1}


def test_more_accounts_than_one_statement_has_room_for(database: Database) -> None:
    amounts = {f"vault:{n}": n for n in range(1, 1200)}
    amounts["funded"] = -sum(amounts.values())
    assert post(database, ONE, amounts)
    assert post(database, TWO, amounts)
    assert balances(database) == {account: 2 * amount for account, amount in amounts.items()}


def test_a_wrong_sum_is_found(database: Database) -> None:
    post(database, ONE, {"vault:a": 5, "funded": -5})
    wrong = update(BOOKS.balance).where(BOOKS.balance.c.account == "vault:a").values(amount=6)

    def damaged() -> None:
        with database.writing() as connection:
            connection.execute(wrong)
            raise BooksError(str(BOOKS.problem(connection)))

    with pytest.raises(BooksError, match="expected all accounts to sum to zero, found 1"):
        damaged()


AMOUNTS = st.dictionaries(
    st.sampled_from(("vault:a", "vault:b", "other:c")), st.integers(-9, 9), max_size=3
).map(lambda amounts: {**amounts, "funded": -sum(amounts.values())})


@settings(max_examples=60, deadline=None)
@given(postings=st.lists(st.tuples(st.integers(0, 5), AMOUNTS), max_size=12))
def test_any_postings(postings: list[tuple[int, dict[str, int]]]) -> None:
    """Against plain dictionaries."""
    database = Database("sqlite://", SCHEMA)
    known: dict[bytes, dict[str, int]] = {}
    now: dict[str, int] = {}
    for name, amounts in postings:
        posting = bytes([name]) * 16
        wanted = {account: amount for account, amount in amounts.items() if amount}
        after = {account: now.get(account, 0) + amount for account, amount in wanted.items()}
        low = any(amount < 0 for account, amount in after.items() if account.startswith("vault:"))
        try:
            done = post(database, posting, amounts)
        except BooksError:
            assert (posting in known and known[posting] != wanted) or (posting not in known and low)
            continue
        if known.get(posting):
            assert (done, known[posting]) == (False, wanted)
            continue
        assert done
        assert not low
        known[posting] = wanted
        now.update(after)
    assert balances(database) == now
    with database.reading() as connection:
        assert BOOKS.problem(connection) is None
    database.close()
