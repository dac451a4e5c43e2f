"""The issuing centre on a database: keys, epochs, rules, numbers, sums; on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from secrets import token_bytes
from typing import Any

import pytest
from sqlalchemy import Executable, delete, update

from eiraku.reference.anchor import parse_unit
from eiraku.reference.centres.issuing import identifier
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.system.database import Database, DatabaseError
from eiraku.system.issuing.history import NotConserved
from eiraku.system.issuing.office import Office
from eiraku.system.issuing.schema import BOOKS, DEPOSIT, SCHEMA, UNIT, IssuerError, Rules, State
from eiraku.testing.town import ECONOMY, EPOCH, HOME, RULES, VAULT, Town

pytestmark = pytest.mark.slow
ROOT = SigningKey(bytes(31) + b"1")

# --- keys ---


def test_units_under_the_earlier_key_come_home_after_rotation(town: Town) -> None:
    # EPP-CEN-041
    before = town.issue([1])[0]
    earlier = town.issuer.office.money_keys()[0]
    new = town.issuer.office.rotate(town.roots.money, EPOCH + 2, earliest=0)
    assert [key.kid for key in town.issuer.office.money_keys()] == [earlier.kid, new.kid], (
        "known before it signs"
    )
    assert town.issuer.office.money_keys()[0].valid_to == EPOCH + 1
    town.issuer.office.advance(EPOCH + 1)
    between = town.issue([1])[0]
    town.issuer.office.advance(EPOCH + 2)
    after = town.issue([1])[0]
    kids = [parse_unit(copy.unit).kid for copy in (before, between, after)]
    assert kids == [earlier.kid, earlier.kid, new.kid]
    for copy in (before, after, between):
        assert town.outcome(copy, VAULT, "alice") == "credited"


def test_a_key_that_nobody_needs_is_left_out(town: Town) -> None:
    # EPP-CEN-041
    town.issuer.office.rotate(town.roots.money, EPOCH + 1, earliest=0)
    last = EPOCH + RULES.unit_lifetime + RULES.claim_grace
    town.issuer.office.advance(last)
    assert len(town.issuer.office.money_keys()) == 2
    town.issuer.office.advance(last + 1)
    assert len(town.issuer.office.money_keys()) == 1


@pytest.mark.parametrize(("first", "last"), ((EPOCH, 9), (0, 9), (EPOCH + 2, EPOCH + 1), (5, 1 << 32)))
def test_rotations_that_are_refused(town: Town, first: int, last: int) -> None:
    # EPP-CEN-043
    with pytest.raises(IssuerError, match="expected a key valid from"):
        town.issuer.office.rotate(town.roots.money, first, valid_to=last, earliest=0)
    assert len(town.issuer.office.money_keys()) == 1


def test_keys_are_announced_in_order_and_one_must_be_valid(town: Town) -> None:
    # EPP-CEN-044, EPP-KEY-009
    town.issuer.office.rotate(town.roots.money, EPOCH + 3, valid_to=EPOCH + 4, earliest=0)
    with pytest.raises(IssuerError, match="when the newest begins"):
        town.issuer.office.rotate(town.roots.money, EPOCH + 2, earliest=0)
    town.issuer.office.advance(EPOCH + 5)
    with pytest.raises(IssuerError, match="rotate in time"):
        town.issue([1])


# --- epochs and rules ---


def test_epochs_never_go_back(town: Town) -> None:
    # EPP-CEN-017
    town.issuer.office.advance(7)
    town.issuer.office.advance(7)
    with pytest.raises(IssuerError, match="expected an epoch of 7 or later"):
        town.issuer.office.advance(6)
    with pytest.raises(IssuerError, match="expected an epoch from 0"):
        town.issuer.office.advance((1 << 32) - 5)
    assert town.issuer.office.epoch == 7
    assert town.issuer.office.rules == RULES


@pytest.mark.parametrize(
    "change",
    (
        {"redemption_grace": -1},
        {"claim_grace": 2},
        {"unit_lifetime": -1},
        {"max_hops": 0},
        {"max_hops": 251},
        {"unit_lifetime": 1 << 32},
    ),
)
def test_rules_that_make_no_sense(change: dict[str, Any]) -> None:
    # EPP-CEN-058, EPP-UNI-010
    with pytest.raises(IssuerError, match="rules: expected"):
        replace(RULES, **change)


def nobody(number: bytes) -> bytes | None:  # noqa: ARG001 - there is nobody
    return None


def make(
    database: Database, seal: bytes = bytes(16), economies: tuple[int, ...] = (1,), epoch: int = 0
) -> Office:
    return Office.create(
        database, seal=seal, economies=economies, rules=RULES, epoch=epoch, random=token_bytes, root=ROOT
    )


def test_making_a_centre(centre_url: str) -> None:
    database = Database(centre_url, SCHEMA)
    with pytest.raises(DatabaseError, match="expected a centre, found none; create it first"):
        Office(database, public_keys=nobody, random=token_bytes)
    with pytest.raises(IssuerError, match="seal of 16 bytes"):
        make(database, seal=b"short")
    for economies in ((), (0,), (65536,)):
        with pytest.raises(IssuerError, match="one economy or more"):
            make(database, economies=economies)
    with pytest.raises(IssuerError, match="expected an epoch"):
        make(database, epoch=1 << 32)
    assert not Office.exists(database)
    assert make(database).economies == {1}
    with pytest.raises(DatabaseError, match="holds a centre already"):
        make(database)
    with pytest.raises(IssuerError, match="8 bytes"):
        Office(database, public_keys=nobody, random=token_bytes).add_purse(b"short")
    database.close()


# --- numbers that are issued again ---


@pytest.fixture
def thrifty(centre_url: str) -> Iterator[Town]:
    town = Town(("alice", "bob"), centre_url, rules=replace(RULES, reuse_numbers=True))
    town.fund(1000)
    yield town
    town.close()


def test_closed_numbers_are_issued_again(thrifty: Town) -> None:
    # EPP-CEN-064
    town = thrifty
    home, lost, other = town.issue([1, 2, 4])
    assert town.outcome(home, VAULT, "alice") == "credited"
    closed = EPOCH + RULES.unit_lifetime + RULES.claim_grace + 1
    town.issuer.office.advance(closed - 1)
    town.issuer.claims.refund()
    assert parse_unit(town.issue([1])[0].unit).unit.number == 4, "not closed yet"
    town.issuer.office.advance(closed)
    town.issuer.claims.refund()
    again = [parse_unit(copy.unit).unit for copy in town.issue([1] * 5)]
    assert [(unit.number, unit.issue) for unit in again] == [(1, 1), (2, 1), (3, 1), (5, 0), (6, 0)]
    assert town.outcome(lost, VAULT, "alice") == "late"
    assert [record.state for record in town.issuer.history.path(1)] == [State.REDEEMED, State.OUTSTANDING]
    assert town.issuer.history.path(99) == ()
    assert town.issuer.history.expired() == {ECONOMY: 6}
    assert identifier(other.unit) != town.issuer.history.path(3)[1].unit_id
    town.issuer.history.conserved()
    town.close()


# --- conservation is really checked ---


def try_damage(town: Town, damage: Executable) -> None:
    """Undone by the exception, as every change is."""
    with town.database.writing() as connection:
        connection.execute(damage)
        raise NotConserved(str(town.issuer.history.problem(connection)))


def test_contradictions_are_found(town: Town) -> None:
    # EPP-CEN-016
    vault = town.numbers[VAULT]
    for copy in town.issue([1, 2])[:1]:
        town.outcome(copy, VAULT, "alice")
    for damage, words in (
        (
            update(BOOKS.balance).where(BOOKS.balance.c.account == f"vault:{vault.hex()}").values(amount=1),
            "zero",
        ),
        (
            BOOKS.entry.insert().values(posting=bytes(16), account="vault:x", amount=5),
            "entries without a balance",
        ),
        (update(BOOKS.entry).values(amount=BOOKS.entry.c.amount + 1), "not the sum of its entries"),
        (update(UNIT).where(UNIT.c.number == 2).values(value=4), "expected the units outstanding"),
        (delete(DEPOSIT), "1 units are redeemed, 0 times 0 different ones were credited"),
        (update(UNIT).where(UNIT.c.number == 2).values(number=7), "expected unit numbers 1 to 2"),
        (update(UNIT).where(UNIT.c.number == 2).values(issue=1), "expected unit numbers"),
    ):
        with pytest.raises(NotConserved, match=words):
            try_damage(town, damage)
    town.issuer.history.conserved()


def test_the_database_must_be_of_an_issuing_centre(tmp_path: Path) -> None:
    from eiraku.system.device.schema import SCHEMA as DEVICE  # noqa: PLC0415 - only here

    database = Database(f"sqlite:///{tmp_path / 'device.db'}", DEVICE)
    with pytest.raises(DatabaseError, match="opened as that of issuing centre"):
        Office(database, public_keys=nobody, random=token_bytes)
    database.close()


def test_the_own_purse_is_named_once(town: Town) -> None:
    for _ in range(2):
        town.issuer.office.add_purse(town.numbers[HOME])
    assert town.issuer.office.opener().centres == {town.numbers[HOME]}


def test_rules_are_those_of_the_database(town: Town) -> None:
    assert town.issuer.office.rules == Rules(redemption_grace=2, claim_grace=4, unit_lifetime=10, max_hops=8)
