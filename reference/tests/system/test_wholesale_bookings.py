"""From the issuing centre's bookings to the register: each exactly once, and both sides equal."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eiraku.spec.errors import Misuse
from eiraku.system.database import Database
from eiraku.system.wholesale import bookings, schema
from eiraku.system.wholesale.accounts import Standing
from eiraku.system.wholesale.bookings import Difference, Follower
from eiraku.system.wholesale.errors import PostingError
from eiraku.system.wholesale.register import SCHEMA, Register
from eiraku.testing.town import ECONOMY, OTHER_ECONOMY, VAULT, Town

A, B = 392, 702


@dataclass(frozen=True, slots=True, kw_only=True)
class Booked:
    sequence: int
    kind: str
    economy: int
    at_economy: int
    value: int


@dataclass(slots=True)
class Centre:
    """An issuing centre as far as the register sees it; gives at most `page` bookings at once."""

    page: int = 100
    booked: list[Booked] = field(default_factory=list)

    def book(self, kind: str, economy: int, at: int, value: int) -> None:
        # Sequences may have gaps: a database takes a number and undoes the change.
        sequence = 3 * len(self.booked) + 1
        self.booked.append(Booked(sequence=sequence, kind=kind, economy=economy, at_economy=at, value=value))

    def bookings(self, after: int = 0) -> Sequence[Booked]:
        return [booking for booking in self.booked if booking.sequence > after][: self.page]

    def outstanding(self) -> Mapping[int, int]:
        found: dict[int, int] = {}
        for booking in self.booked:
            sign = 1 if booking.kind == "issue" else -1
            found[booking.economy] = found.get(booking.economy, 0) + sign * booking.value
        return found


@pytest.fixture
def database(tmp_path: object) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/register.db", SCHEMA)
    yield made
    made.close()


@pytest.fixture
def register(database: Database) -> Register:
    made = Register.create(database, origin="acu.example", epoch=1, random=bytes)
    for number, economy in enumerate((A, B), start=1):
        made.join(bytes([number]) * 16, economy)
        made.contribute(bytes([number + 10]) * 16, economy, 1000)
    return made


# EPP-WHS-031, EPP-WHS-045, EPP-WHS-046
def test_bookings_become_postings(database: Database, register: Register) -> None:
    centre, follower = Centre(), Follower(database)
    centre.book("issue", A, A, 500)
    centre.book("redeem", A, B, 100)
    centre.book("refund", A, A, 50)
    centre.book("issue", A, B, 30)
    assert follower.sync(centre) == 4
    assert register.standings() == {
        A: Standing(own=550, issued=380, bonds=930),
        B: Standing(own=1070, issued=0, bonds=1070),
    }
    assert [entry.label for entry in register.entries(4)] == ["issue", "reflux", "redeem", "issue"]
    assert follower.reconcile(centre) == ()
    assert follower.sync(centre) == 0
    assert follower.cursor == 10


# EPP-WHS-011
@given(st.lists(st.integers(0, 5), max_size=6), st.integers(1, 4))
@settings(max_examples=10, deadline=None)
def test_each_is_posted_once_however_it_is_cut(pieces: list[int], page: int) -> None:
    """Two followers take turns, and what was posted is given to them again."""
    database = Database("sqlite://", SCHEMA)
    register = Register.create(database, origin="acu.example", epoch=1, random=bytes)
    register.join(bytes(16), A)
    register.contribute(b"\xff" * 16, A, 10_000)
    centre = Centre(page=page)
    followers = itertools.cycle((Follower(database), Follower(database)))
    for count in pieces:
        for number in range(count):
            kind, value = ("redeem", 1) if number % 3 == 2 else ("issue", 2)
            centre.book(kind, A, A, value)
        follower = next(followers)
        follower.post(centre.bookings(0))
        follower.sync(centre)
        assert follower.post(centre.bookings(0)) == 0
        assert follower.reconcile(centre) == ()
    assert register.size == 2 + len(centre.booked)
    database.close()


# EPP-WHS-011, EPP-WHS-047
def test_a_loss_of_power_posts_nothing_twice(
    database: Database, register: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    centre, follower = Centre(), Follower(database)
    for value in range(1, 20):
        centre.book("issue", A, A, value)
    monkeypatch.setattr(bookings, "PIECE", 4)
    original = Follower.post
    calls = itertools.count()

    def cut(self: Follower, found: Sequence[bookings.Booking]) -> int:
        if next(calls) == 2:
            raise RuntimeError("cut")
        return original(self, found)

    monkeypatch.setattr(Follower, "post", cut)
    with pytest.raises(RuntimeError, match="cut"):
        follower.sync(centre)
    assert register.size == 4 + 8
    assert Follower(database).sync(centre) == 11
    assert follower.reconcile(centre) == ()
    # The cursor and the postings are of one write: a cursor that is set back finds the postings known.
    with database.writing() as connection:
        connection.execute(schema.CURSOR.delete())
    assert Follower(database).sync(centre) == 19
    assert register.size == 4 + 19


# EPP-WHS-001, EPP-WHS-048
def test_a_booking_that_is_not_backed_stops_there(database: Database, register: Register) -> None:
    centre, follower = Centre(), Follower(database)
    centre.book("issue", A, A, 900)
    centre.book("issue", A, A, 101)
    centre.book("redeem", A, A, 900)
    for _ in range(2):
        with pytest.raises(
            PostingError, match=r"booking 4 cannot be posted: own:392 has 100, issue needs 101"
        ):
            follower.sync(centre)
        assert (follower.cursor, register.issued(A)) == (1, 900)
    found = follower.reconcile(centre)
    assert found == (Difference(economy=A, issued=900, outstanding=101, waiting=-799),)
    assert str(found[0]).endswith("bookings that wait to be posted explain it")
    register.contribute(b"more" * 4, A, 1)
    assert follower.sync(centre) == 2
    assert follower.reconcile(centre) == ()


# EPP-WHS-031
def test_a_difference_is_named(database: Database, register: Register) -> None:
    centre, follower = Centre(), Follower(database)
    register.issue(b"x" * 16, B, 7)
    centre.book("issue", 764, 764, 5)
    found = follower.reconcile(centre)
    assert [str(difference) for difference in found] == [
        "economy 702: issued 7, outstanding 0",
        "economy 764: issued 0, outstanding 5; bookings that wait to be posted explain it",
    ]


# EPP-WHS-011
def test_bookings_out_of_order_or_unknown_are_refused(database: Database, register: Register) -> None:
    centre, follower = Centre(), Follower(database)
    centre.book("issue", A, A, 1)
    centre.book("issue", A, A, 1)
    with pytest.raises(Misuse, match="booking 1 after 4; expected ascending order"):
        follower.post(centre.booked[::-1])
    centre.book("gift", A, A, 1)
    with pytest.raises(Misuse, match="booking 7 is 'gift'; expected issue, redeem, refund"):
        follower.sync(centre)
    assert register.size == 4
    for name in ("", "x" * 65):
        with pytest.raises(Misuse, match="name of 1 to 64"):
            Follower(database, source=name)


# EPP-WHS-031, EPP-CEN-016
def test_the_register_equals_what_an_issuing_centre_has_outstanding(town: Town, database: Database) -> None:
    register = Register.create(database, origin="acu.example", epoch=1, random=bytes)
    for number, economy in enumerate((ECONOMY, OTHER_ECONOMY), start=1):
        register.join(bytes([number]) * 16, economy)
        register.contribute(bytes([number + 10]) * 16, economy, 10_000)
    follower = Follower(database)
    copies = town.issue([8, 4, 2, 1]) + town.issue([16, 32], economy=OTHER_ECONOMY)
    follower.sync(town.issuer.history)
    assert follower.reconcile(town.issuer.history) == ()
    assert register.issued(ECONOMY) == 15
    for copy in copies[1:5]:
        assert town.outcome(copy, VAULT, "alice", "bob") == "credited"
    waiting = follower.reconcile(town.issuer.history)
    assert [difference.economy for difference in waiting] == [ECONOMY, OTHER_ECONOMY]
    assert all(d.issued + d.waiting == d.outstanding for d in waiting)
    follower.sync(town.issuer.history)
    assert follower.reconcile(town.issuer.history) == ()
    assert {economy: held.issued for economy, held in register.standings().items() if held.issued} == (
        town.issuer.history.outstanding()
    )
    assert register.problems() == []
