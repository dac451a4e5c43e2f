"""The issuing centre on a database: accounts, issues, receipts; on SQLite and on PostgreSQL."""

import os
from dataclasses import replace

import pytest
from sqlalchemy import select

from eiraku.reference.anchor import parse_unit, verify_unit
from eiraku.spec.centre_objects import Issue
from eiraku.spec.errors import Code, Refusal
from eiraku.system.books import BooksError
from eiraku.system.issuing.schema import ISSUE, IssuerError
from eiraku.testing.town import ECONOMY, EPOCH, OTHER_ECONOMY, RULES, VAULT, Town

pytestmark = pytest.mark.slow

R1, R2, R3 = (bytes([n]) * 16 for n in (1, 2, 3))


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
    # EPP-CEN-065, EPP-CEN-019, EPP-SVC-046
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
    # EPP-CEN-011, EPP-CEN-078
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
    # EPP-CEN-019, EPP-CEN-078
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
    # EPP-CEN-019, EPP-CEN-077, EPP-CEN-018
    with pytest.raises(Refusal, match="not registered"):
        town.issuer.issues.issue(R1, bytes(8), ECONOMY, [1])
    with pytest.raises(Refusal, match="not registered"):
        town.issuer.accounts.fund(R1, bytes(8), 5)


def test_funding_is_done_once_for_each_posting(town: Town) -> None:
    # EPP-CEN-074, EPP-CEN-075, EPP-CEN-076
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


def unreceipted(town: Town) -> tuple[bytes, ...]:
    """Transactions of issues for which no receipt came."""
    query = select(ISSUE.c.transaction_id).where(ISSUE.c.receipt.is_(None))
    with town.issuer.office.database.reading() as connection:
        return tuple(connection.execute(query).scalars())


def test_receipts(town: Town) -> None:
    # EPP-CEN-071
    vault = town.numbers[VAULT]
    encoded = town.issuer.issues.issue(R1, vault, ECONOMY, [4])
    transaction = Issue.decode(encoded).transaction
    with pytest.raises(Refusal) as refused:
        town.issuer.issues.receipt(vault, R2, town.receipt(encoded))
    assert refused.value.code is Code.UNKNOWN_TRANSACTION
    with pytest.raises(Refusal) as refused:
        town.issuer.issues.receipt(town.numbers["alice"], transaction, town.receipt(encoded, by="alice"))
    assert refused.value.code is Code.UNKNOWN_TRANSACTION
    assert unreceipted(town) == (transaction,)
    with pytest.raises(Refusal) as refused:
        town.issuer.issues.receipt(vault, transaction, town.receipt(encoded, by="alice"))
    assert refused.value.code is Code.RECEIPT
    for _ in range(2):
        town.issuer.issues.receipt(vault, transaction, town.receipt(encoded))
    assert unreceipted(town) == ()


def test_two_processes_share_a_database(town: Town, centre_url: str) -> None:
    # EPP-CEN-011, EPP-CEN-041: what one changed the other knows
    other = Town(("alice", "bob", "carol", "dave"), centre_url, run=b"other")
    try:
        town.issue([1])
        assert parse_unit(other.issue([1])[0].unit).unit.number == 2
        town.issuer.office.rotate(town.roots.money, EPOCH + 1, earliest=0)
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
