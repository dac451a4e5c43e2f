"""The issuing centre on a database: accounts, issue, keys, numbers, sums; on SQLite and on PostgreSQL."""

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from secrets import token_bytes
from typing import Any

import pytest
from sqlalchemy import Executable, delete, update

from eiraku.reference.anchor import parse_unit, verify_unit
from eiraku.reference.crypto import cose
from eiraku.spec import objects
from eiraku.spec.centre_objects import Issue
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import ReceiptPayload
from eiraku.system.books import BooksError
from eiraku.system.database import Database, DatabaseError
from eiraku.system.issuing.history import NotConserved
from eiraku.system.issuing.office import Office
from eiraku.system.issuing.schema import BOOKS, DEPOSIT, SCHEMA, UNIT, IssuerError, Rules, State
from eiraku.testing.town import EPOCH, OTHER_ECONOMY, RULES, Town
from eiraku.testing.village import ECONOMY, HOME, VAULT

R1, R2, R3 = (bytes([n]) * 16 for n in (1, 2, 3))


def receipt(town: Town, encoded: bytes, by: str = VAULT) -> bytes:
    issue = Issue.decode(encoded)
    payload = ReceiptPayload(
        transaction=issue.transaction,
        payer=objects.ISSUER_NUMBER,
        payee=town.numbers[VAULT],
        amount=issue.amount,
        offer_digest=sha256(encoded).digest(),
    )
    return cose.sign_detached(town.keys[by], objects.CONTEXT_RECEIPT, payload.encode())


def test_an_issue_is_paid_from_the_account_and_comes_home(town: Town) -> None:
    # EPP-CEN-012, EPP-CEN-016
    vault = town.numbers[VAULT]
    encoded = town.issuer.issues.issue(R1, vault, ECONOMY, [8, 2, 1])
    assert Issue.decode(encoded).amount == 11
    assert (town.issuer.accounts.amount(vault), town.issuer.history.outstanding()) == (989, {ECONOMY: 11})
    for copy in town.held(encoded):
        unit = verify_unit(replace(town.anchor, money_seal=town.issuer.office.seal), copy.unit).unit
        assert (unit.issued, unit.expires, unit.max_hops) == (EPOCH, EPOCH + RULES.unit_lifetime, 8)
        assert town.outcome(copy, VAULT, "alice", "bob") == "credited"
    assert (town.issuer.accounts.amount(vault), town.issuer.accounts.amount(town.numbers["bob"])) == (989, 11)
    assert town.issuer.history.outstanding() == {}


def test_the_same_request_gets_the_same_bytes(town: Town) -> None:
    # EPP-CEN-012
    vault = town.numbers[VAULT]
    encoded = town.issuer.issues.issue(R1, vault, ECONOMY, [4, 4])
    assert town.issuer.issues.issue(R1, vault, ECONOMY, [4, 4]) == encoded
    assert town.issuer.accounts.amount(vault) == 992
    for other in (
        (vault, ECONOMY, [4]),
        (vault, OTHER_ECONOMY, [4, 4]),
        (town.numbers["bob"], ECONOMY, [4, 4]),
    ):
        with pytest.raises(Refusal, match="made before, for something else") as refused:
            town.issuer.issues.issue(R1, *other)
        assert refused.value.code is Code.TRANSACTION
    assert len(town.issuer.history.bookings()) == 1


def test_numbers_count_up_across_requests(town: Town) -> None:
    # EPP-CEN-011
    copies = town.issue([1] * 3) + town.issue([2] * 2, economy=OTHER_ECONOMY)
    units = [parse_unit(copy.unit).unit for copy in copies]
    assert [(unit.number, unit.issue) for unit in units] == [(n, 0) for n in range(1, 6)]
    assert [unit.economy for unit in units] == [ECONOMY] * 3 + [OTHER_ECONOMY] * 2
    with pytest.raises(Refusal, match="insufficient-funds"):
        town.issue([1024])
    assert parse_unit(town.issue([1])[0].unit).unit.number == 6, "a refused request takes no number"


@pytest.mark.parametrize(
    ("request_id", "economy", "values", "code"),
    (
        (b"short", ECONOMY, [1], Code.MALFORMED),
        (R1, ECONOMY, [], Code.AMOUNT),
        (R1, ECONOMY, [1] * 257, Code.TOO_LARGE),
        (R1, ECONOMY, [3], Code.UNIT_VALUE),
        (R1, ECONOMY, [0], Code.UNIT_VALUE),
        (R1, ECONOMY, [-1], Code.UNIT_VALUE),
        (R1, ECONOMY, [1 << 41], Code.UNIT_VALUE),
        (R1, 1, [1], Code.UNIT_ECONOMY),
        (R1, 0, [1], Code.UNIT_ECONOMY),
        (R1, ECONOMY, [512, 512], Code.INSUFFICIENT_FUNDS),
    ),
)
def test_orders_that_are_refused_change_nothing(
    town: Town, request_id: bytes, economy: int, values: list[int], code: Code
) -> None:
    # EPP-CEN-019
    with pytest.raises(Refusal) as refused:
        town.issuer.issues.issue(request_id, town.numbers[VAULT], economy, values)
    assert refused.value.code is code
    assert refused.value.detail
    assert (town.issuer.accounts.amount(town.numbers[VAULT]), town.issuer.history.bookings()) == (1000, ())


def test_the_first_fault_decides(town: Town) -> None:
    # EPP-CEN-019
    vault, nobody = town.numbers[VAULT], bytes(8)
    town.issuer.issues.issue(R2, vault, ECONOMY, [1])
    for request, who, economy, values, code in (
        (b"short", nobody, 1, [], Code.MALFORMED),
        (R2, nobody, 1, [], Code.AMOUNT),
        (R2, nobody, 1, [3] * 257, Code.TOO_LARGE),
        (R2, nobody, 1, [3], Code.UNIT_VALUE),
        (R2, nobody, 1, [2048], Code.AUTHENTICATION),
        (R2, vault, 1, [2048], Code.TRANSACTION),
        (R1, vault, 1, [2048], Code.UNIT_ECONOMY),
        (R1, vault, ECONOMY, [2048], Code.INSUFFICIENT_FUNDS),
    ):
        with pytest.raises(Refusal) as refused:
            town.issuer.issues.issue(request, who, economy, values)
        assert refused.value.code is code


def test_the_greatest_issue_fits_into_its_object(town: Town) -> None:
    # EPP-CEN-019
    assert len(town.issue([1] * 256)) == 256


def test_a_stranger_gets_no_money(town: Town) -> None:
    # EPP-CEN-012, EPP-CEN-018
    with pytest.raises(Refusal, match="not registered"):
        town.issuer.issues.issue(R1, bytes(8), ECONOMY, [1])
    with pytest.raises(Refusal, match="not registered"):
        town.issuer.accounts.fund(R1, bytes(8), 5)


def test_funding_is_done_once_for_each_posting(town: Town) -> None:
    # EPP-CEN-018
    vault = town.numbers[VAULT]
    assert town.issuer.accounts.fund(R1, vault, 50)
    assert not town.issuer.accounts.fund(R1, vault, 50)
    with pytest.raises(BooksError, match="known with other amounts; give"):
        town.issuer.accounts.fund(R1, vault, 51)
    assert town.issuer.accounts.fund(R2, vault, -1050)
    with pytest.raises(BooksError, match="below 0"):
        town.issuer.accounts.fund(R3, vault, -1)
    for amount in (0, 1 << 53):
        with pytest.raises(IssuerError, match="expected an amount"):
            town.issuer.accounts.fund(R3, vault, amount)
    assert town.issuer.accounts.amount(vault) == 0


def test_receipts(town: Town) -> None:
    # EPP-CEN-012
    vault = town.numbers[VAULT]
    encoded = town.issuer.issues.issue(R1, vault, ECONOMY, [4])
    transaction = Issue.decode(encoded).transaction
    with pytest.raises(Refusal) as refused:
        town.issuer.issues.receipt(vault, R2, receipt(town, encoded))
    assert refused.value.code is Code.UNKNOWN_TRANSACTION
    with pytest.raises(Refusal) as refused:
        town.issuer.issues.receipt(town.numbers["alice"], transaction, receipt(town, encoded, "alice"))
    assert refused.value.code is Code.UNKNOWN_TRANSACTION
    assert town.issuer.issues.unreceipted() == (transaction,)
    with pytest.raises(Refusal) as refused:
        town.issuer.issues.receipt(vault, transaction, receipt(town, encoded, "alice"))
    assert refused.value.code is Code.RECEIPT
    for _ in range(2):
        town.issuer.issues.receipt(vault, transaction, receipt(town, encoded))
    assert town.issuer.issues.unreceipted() == ()


def test_two_processes_share_a_database(town: Town, centre_url: str) -> None:
    # EPP-CEN-011, EPP-CEN-015: what one changed the other knows
    other = Town(("alice", "bob", "carol", "dave"), centre_url, run=b"other")
    try:
        town.issue([1])
        assert parse_unit(other.issue([1])[0].unit).unit.number == 2
        town.issuer.office.rotate(EPOCH + 1)
        town.issuer.office.advance(EPOCH + 1)
        copy = other.issue([1])[0]
        assert parse_unit(copy.unit).kid == town.issuer.office.money_keys()[-1].kid
        assert town.outcome(copy, VAULT, "alice") == "credited"
        assert other.issuer.office.epoch == EPOCH + 1
    finally:
        other.close()


def issue_often(url: str, run: bytes) -> None:
    """In a process of its own."""
    town = Town((), url, run=run, wait=60)
    for _ in range(12):
        town.issue([1, 1, 1])
    town.close()


def test_processes_that_issue_at_once(town: Town, centre_url: str) -> None:
    # EPP-CEN-011, EPP-CEN-016
    town.close()  # no child shares a connection with its parent
    children = []
    for run in (b"one", b"two", b"three"):
        child = os.fork()
        if child == 0:
            try:
                issue_often(centre_url, run)
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0, 0]
    town.issuer.history.conserved()
    assert [len(town.issuer.history.path(number)) for number in range(1, 110)] == [1] * 108 + [0]
    assert town.issuer.accounts.amount(town.numbers[VAULT]) == 1000 - 108


# --- keys ---


def test_units_under_the_earlier_key_come_home_after_rotation(town: Town) -> None:
    # EPP-CEN-015
    before = town.issue([1])[0]
    earlier = town.issuer.office.money_keys()[0]
    new = town.issuer.office.rotate(EPOCH + 2)
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
    # EPP-CEN-015
    town.issuer.office.rotate(EPOCH + 1)
    last = EPOCH + RULES.unit_lifetime + RULES.claim_grace
    town.issuer.office.advance(last)
    assert len(town.issuer.office.money_keys()) == 2
    town.issuer.office.advance(last + 1)
    assert len(town.issuer.office.money_keys()) == 1


@pytest.mark.parametrize(("first", "last"), ((EPOCH, 9), (0, 9), (EPOCH + 2, EPOCH + 1), (5, 1 << 32)))
def test_rotations_that_are_refused(town: Town, first: int, last: int) -> None:
    # EPP-CEN-015
    with pytest.raises(IssuerError, match="expected a key valid from"):
        town.issuer.office.rotate(first, valid_to=last)
    assert len(town.issuer.office.money_keys()) == 1


def test_keys_are_announced_in_order_and_one_must_be_valid(town: Town) -> None:
    # EPP-CEN-015, EPP-KEY-009
    town.issuer.office.rotate(EPOCH + 3, valid_to=EPOCH + 4)
    with pytest.raises(IssuerError, match="when the newest begins"):
        town.issuer.office.rotate(EPOCH + 2)
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
    # EPP-CEN-008, EPP-UNI-010
    with pytest.raises(IssuerError, match="rules: expected"):
        replace(RULES, **change)


def nobody(number: bytes) -> bytes | None:  # noqa: ARG001 - there is nobody
    return None


def make(
    database: Database, seal: bytes = bytes(16), economies: tuple[int, ...] = (1,), epoch: int = 0
) -> Office:
    return Office.create(
        database, seal=seal, economies=economies, rules=RULES, epoch=epoch, random=token_bytes
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
def thrifty(centre_url: str) -> Town:
    town = Town(("alice", "bob"), centre_url, rules=replace(RULES, reuse_numbers=True))
    town.fund(1000)
    return town


def test_closed_numbers_are_issued_again(thrifty: Town) -> None:
    # EPP-CEN-011
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
    assert other.unit_id != town.issuer.history.path(3)[1].unit_id
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
        (BOOKS.entry.insert().values(posting=R1, account="vault:x", amount=5), "entries without a balance"),
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
