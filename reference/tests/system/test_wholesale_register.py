"""The backing register: postings, what holds after each, and what breaks."""

import os
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eiraku.spec import merkle
from eiraku.spec.errors import Misuse
from eiraku.spec.wholesale_objects import Entry, Kind
from eiraku.system.database import Database
from eiraku.system.wholesale import accounts, checkpoint, schema, vectors
from eiraku.system.wholesale.accounts import Standing
from eiraku.system.wholesale.errors import PostingError
from eiraku.system.wholesale.register import SCHEMA, Register
from eiraku.system.wholesale.vectors import JAPAN, SINGAPORE, THAILAND
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


# EPP-WHS-001, EPP-WHS-002, EPP-WHS-030
def test_each_kind_moves_what_the_specification_says(register: Register) -> None:
    register.issue(fresh(), JAPAN, 700)
    assert register.standings()[JAPAN] == Standing(own=300, issued=700, bonds=1000)
    register.reflux(fresh(), JAPAN, SINGAPORE, 200)
    assert register.standings() == {
        JAPAN: Standing(own=300, issued=500, bonds=800),
        SINGAPORE: Standing(own=200, issued=0, bonds=200),
    }
    register.issue(fresh(), JAPAN, 50, at=SINGAPORE)
    register.redeem(fresh(), JAPAN, 100)
    register.transfer(fresh(), JAPAN, SINGAPORE, 10)
    register.withdraw(fresh(), JAPAN, 40)
    assert register.standings() == {
        JAPAN: Standing(own=350, issued=450, bonds=800),
        SINGAPORE: Standing(own=160, issued=0, bonds=160),
    }
    assert register.balances()["assets"] == -960
    assert register.issued(JAPAN) == 450
    assert register.problems() == []


# EPP-WHS-033, EPP-WHS-034
def test_the_same_posting_again_changes_nothing(register: Register) -> None:
    posting = fresh()
    index = register.issue(posting, JAPAN, 10)
    before = register.balances(), register.size
    register.advance(5)
    assert register.issue(posting, JAPAN, 10) == index
    assert (register.balances(), register.size) == before
    same = Entry(posting=posting, kind=Kind.ISSUE, epoch=0, economy=JAPAN, at=JAPAN, amount=10)
    for other in (replace(same, amount=11), replace(same, at=SINGAPORE), replace(same, kind=Kind.REDEEM)):
        with pytest.raises(PostingError, match="known as another one; take a new id"):
            register.post([other])
    assert register.position(posting) == index
    assert register.position(fresh()) is None


# EPP-WHS-008, EPP-WHS-035, EPP-WHS-039, EPP-WHS-040, EPP-WHS-041, EPP-WHS-042, EPP-WHS-044
@pytest.mark.parametrize(
    ("order", "said"),
    (
        (lambda r: r.issue(fresh(), JAPAN, 1001), "own:392 has 1000, issue needs 1001"),
        (lambda r: r.redeem(fresh(), JAPAN, 1), "issued:392 has 0, redeem needs 1"),
        (lambda r: r.reflux(fresh(), JAPAN, SINGAPORE, 1), "issued:392 has 0, reflux needs 1"),
        (lambda r: r.withdraw(fresh(), SINGAPORE, 1), "own:702 has 0, withdraw needs 1"),
        (lambda r: r.transfer(fresh(), SINGAPORE, JAPAN, 1), "own:702 has 0, transfer needs 1"),
        (lambda r: r.issue(fresh(), JAPAN, 1, at=SINGAPORE), "own:702 has 0, issue needs 1"),
        (lambda r: r.contribute(fresh(), THAILAND, 1), "economy 764 is not a member; let it join first"),
        (lambda r: r.reflux(fresh(), JAPAN, THAILAND, 1), "economy 764 is not a member; let it join first"),
        (lambda r: r.join(fresh(), JAPAN), "economy 392 is a member already"),
        (lambda r: r.contribute(fresh(), JAPAN, 0), "amount 0; 0 is for join only"),
        (lambda r: r.contribute(fresh(), JAPAN, -1), "amount: expected an integer"),
        (lambda r: r.contribute(fresh(), JAPAN, 2**53), "amount: expected an integer"),
        (lambda r: r.contribute(fresh(), JAPAN, 2**53 - 1), "would be beyond"),
        (lambda r: r.contribute(fresh(), JAPAN, True), "amount: expected an integer"),
        (lambda r: r.join(fresh(), 0), "economy: expected an integer from 1 to 65535"),
        (lambda r: r.join(fresh(), 65536), "economy: expected an integer from 1 to 65535"),
        (lambda r: r.transfer(fresh(), JAPAN, JAPAN, 1), "transfer: expected another economy"),
        (lambda r: r.join(b"short", THAILAND), "posting: expected 16 to 16 bytes"),
    ),
)
def test_what_cannot_be_posted_changes_nothing(
    register: Register, order: Callable[[Register], int], said: str
) -> None:
    before = register.balances(), register.size
    with pytest.raises(PostingError, match=said):
        order(register)
    assert (register.balances(), register.size) == before


# EPP-WHS-003
def test_every_posting_is_an_entry_of_the_log(register: Register) -> None:
    posting = fresh()
    index = register.issue(posting, JAPAN, 7)
    entry = list(register.entries())[index]
    assert entry == Entry(posting=posting, kind=Kind.ISSUE, epoch=1, economy=JAPAN, at=JAPAN, amount=7)
    signed = checkpoint.verify(register.checkpoint(), register.operator)
    merkle.verify_inclusion(entry.encode(), index, 4, register.inclusion(index, 4), signed.root)


# EPP-WHS-003
@given(st.lists(st.integers(0, 40), min_size=1, max_size=8))
@settings(max_examples=10, deadline=None)
def test_a_log_that_grows_in_pieces_is_the_tree_of_its_leaves(pieces: list[int]) -> None:
    database = Database("sqlite://", SCHEMA)
    leaves: list[bytes] = []
    with database.writing() as connection:
        for count in pieces:
            new = [os.urandom(5) for _ in range(count)]
            assert schema.LOG.append(connection, new) == len(leaves)
            leaves += new
        size = len(leaves)
        tree = merkle.complete(leaves)
        for part in range(size + 1):
            assert schema.LOG.root(connection, part) == vectors.mth(leaves[:part])
        for index in range(size):
            proof = [merkle.root(span, tree) for span in merkle.inclusion(index, size)]
            assert schema.LOG.inclusion(connection, index, size) == tuple(proof)
        assert list(schema.LOG.damage(connection)) == []
        assert list(schema.LOG.leaves(connection, 0, size)) == leaves
    database.close()


# EPP-WHS-004, EPP-WHS-021
def test_a_checkpoint_is_stored_and_given_again(register: Register) -> None:
    first = register.checkpoint()
    assert register.checkpoint() == first
    register.advance(2)
    second = register.checkpoint()
    old, new = (checkpoint.verify(item, register.operator) for item in (first, second))
    assert (old.size, old.root, old.origin) == (new.size, new.root, "acu.example")
    assert (old.epoch, new.epoch) == (1, 2)
    assert register.checkpoints() == [first, second]


def test_epochs_only_move_on(register: Register) -> None:
    register.advance(4)
    assert register.epoch == 4
    for epoch in (3, -1, 2**32):
        with pytest.raises(Misuse, match="expected an epoch from"):
            register.advance(epoch)


def test_a_register_is_made_once(database: Database) -> None:
    with pytest.raises(Misuse, match="expected a register; create it first"):
        Register(database)
    for name in ("", "x" * 65, "a\nb", "a b", "a+b", "a\N{NO-BREAK SPACE}b", "\udc80"):
        with pytest.raises(Misuse, match="name of 1 to 64 bytes"):
            Register.create(database, origin=name, epoch=1, random=os.urandom)
    Register.create(database, origin="a", epoch=1, random=os.urandom)
    with pytest.raises(Misuse, match="a register already"):
        Register.create(database, origin="a", epoch=1, random=os.urandom)


def test_proofs_are_for_what_is_in_the_log(register: Register) -> None:
    for index, size in ((3, 3), (-1, 3), (0, 4), (0, 0)):
        with pytest.raises(Misuse, match="expected a number from"):
            register.inclusion(index, size)
    for first, second in ((3, 2), (0, 4), (-1, 2)):
        with pytest.raises(Misuse, match="expected a number from"):
            register.consistency(first, second)


# EPP-WHS-001, EPP-WHS-002, EPP-WHS-030, EPP-WHS-035
@given(st.integers(0, 2**32))
@settings(max_examples=10, deadline=None)
def test_whatever_is_ordered_the_books_hold(seed: int) -> None:
    """Random orders, many of them impossible: what is refused changes nothing, the rest can be replayed."""
    draw = random.Random(seed)
    database = Database("sqlite://", SCHEMA)
    register = Register.create(database, origin="acu.example", epoch=0, random=os.urandom)
    economies = (1, 2, 3)
    for economy in economies[:2]:
        register.join(fresh(), economy)
    done: list[Entry] = []
    for _ in range(60):
        if draw.random() < 0.2 and done:
            order = draw.choice(done)
        else:
            kind = draw.choice(list(Kind))
            economy, other = draw.choice(economies), draw.choice(economies)
            order = Entry(
                posting=fresh(),
                kind=kind,
                epoch=0,
                economy=economy,
                at=other if kind in (Kind.ISSUE, Kind.REDEEM, Kind.TRANSFER) else economy,
                amount=0 if kind is Kind.JOIN else draw.choice((1, 5, 50)),
            )
        before = register.balances()
        try:
            register.post([order])
        except PostingError:
            assert register.balances() == before
        else:
            done += [] if order in done else [order]
        accounts.check(register.balances())
    assert register.problems() == []
    assert register.size == len(done) + 2
    database.close()


# EPP-WHS-002
def test_several_postings_go_together_or_not_at_all(register: Register) -> None:
    good = Entry(posting=fresh(), kind=Kind.ISSUE, epoch=0, economy=JAPAN, at=JAPAN, amount=600)
    same = Entry(posting=fresh(), kind=Kind.ISSUE, epoch=0, economy=JAPAN, at=JAPAN, amount=500)
    with pytest.raises(PostingError, match="own:392 has 400"):
        register.post([good, same])
    assert register.size == 3
    assert register.post([good, good]) == (3, 3)
    assert register.size == 4


# EPP-WHS-033, EPP-WHS-003
def test_three_writers_at_once(register: Register, centre_url: str) -> None:
    """Each posts ten of its own, and the same ten that the others post too."""

    def write(number: int) -> None:
        database = Database(centre_url, SCHEMA, wait=30.0)
        mine = Register(database)
        for turn in range(10):
            mine.issue(bytes([100 + number, turn]) * 8, JAPAN, 1)
            mine.issue(bytes([99, turn]) * 8, JAPAN, 1)
        database.close()

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(write, range(3)))
    assert register.size == 3 + 40
    assert register.issued(JAPAN) == 40
    assert register.problems() == []
