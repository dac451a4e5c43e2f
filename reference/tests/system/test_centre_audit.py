"""An audit of the issuing centre's own database: good where it is, and every tampered row is found."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Table, delete, func, select, update

from eiraku.spec.centre_objects import Issue
from eiraku.system.issuing import audit as auditing
from eiraku.system.issuing import review
from eiraku.system.issuing.audit import Audit, audit
from eiraku.system.issuing.pools import SameProcess, local
from eiraku.system.issuing.schema import (
    BOOKING,
    BOOKS,
    CASE,
    CLAIM,
    DEPOSIT,
    ISSUE,
    UNIT,
    vault_account,
)
from eiraku.testing.town import ECONOMY, EPOCH, HOME, ISSUER, RULES, VAULT, Town

pytestmark = pytest.mark.slow


def looked_at(town: Town, executor: Executor | None = None) -> Audit:
    """An audit of the town's centre."""
    by_number = {town.numbers[name]: purse_id for name, purse_id in town.purse_ids.items()}
    return audit(
        town.issuer.office,
        anchor=replace(
            town.anchor,
            money_seal=town.issuer.office.seal,
            money=replace(
                town.anchor.money,
                keys={key.kid: key.announced for key in town.issuer.office.money_keys(every=True)},
            ),
        ),
        purse_ids=lambda number: by_number.get(number, b""),
        executor=executor or SameProcess(),
        at_once=3,
    )


def live(town: Town) -> None:
    """A little of everything: copies, bad layers, unknown units, claims, a refund, late deposits."""
    issuer, numbers = town.issuer, town.numbers
    encoded = issuer.issues.issue(town.random(16), numbers[VAULT], ECONOMY, [4, 2, 2, 1, 1, 8])
    signature = town.receipt(encoded)
    issuer.issues.receipt(numbers[VAULT], Issue.decode(encoded).transaction, signature)
    held = [town.move(unit, VAULT, "alice") for unit in town.held(encoded)]
    # one comes home, one is copied and comes home three times
    assert town.outcome(held[0], "alice", "bob") == "credited"
    assert town.outcome(held[1], "alice", "bob") == "credited"
    assert town.outcome(held[1], "alice", "carol", "dave") == "copy"
    assert town.outcome(held[1], "alice", "dave") == "copy"
    # bad layers: of bob, and of whoever brought it
    noise = replace(town.move(held[2], "alice", "bob"), history=town.random(440))
    assert town.outcome(noise, "bob", "carol") == "bad-history"
    assert town.outcome(replace(held[2], history=bytes(300)), "alice") == "bad-history"
    assert town.bring(replace(town.move(held[2], "alice", "bob"), hop=2))[0].outcome == "bad-history"
    assert town.bring(town.move(held[2], "alice", "bob"))[0].outcome == "bad-history"
    # no unit of ours, and one that we signed and do not know
    stranger = Town(("alice",), seed=b"stranger")
    assert town.bring(stranger.move(stranger.unit(), ISSUER, VAULT))[0].outcome == "unknown"
    forged = town.move(town.unit(seal=town.issuer.office.seal), ISSUER, VAULT, "alice", HOME)
    assert town.bring(forged)[0].outcome == "unknown"
    # claims: one open for ever, one refunded, one with a bad layer, one that was given on by the centre
    claim, arrived = town.pending([held[3]], "alice", "bob")
    assert issuer.claims.claim(numbers["alice"], claim) == "open"
    assert town.outcome(arrived[0], "bob") == "credited"
    for claimed, payer in (
        (held[4], "alice"),
        (replace(town.move(held[2], "alice", "bob"), history=bytes(440)), "bob"),
        (town.move(held[5], "alice", HOME), HOME),
    ):
        claim, _ = town.pending([claimed], payer, "dave")
        issuer.claims.claim(numbers[payer], claim)
    issuer.office.rotate(town.roots.money, EPOCH + 1, earliest=0)
    issuer.office.advance(EPOCH + 1)
    newer = town.issue([2, 2], request=bytes(16))
    issuer.office.advance(EPOCH + RULES.unit_lifetime + RULES.redemption_grace + 1)
    assert town.outcome(held[5], "alice") == "late"
    assert town.outcome(newer[0], VAULT, "alice") == "credited"
    issuer.office.advance(EPOCH + RULES.unit_lifetime + RULES.claim_grace + 1)
    assert [refund.value for refund in issuer.claims.refund()] == [1]


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """So small that there are many."""
    monkeypatch.setattr(auditing, "ISSUES", 1)
    monkeypatch.setattr(auditing, "PATHS", 3)
    monkeypatch.setattr(review, "PAGE", 2)


@pytest.fixture
def lived(tmp_path: Path) -> Iterator[Town]:
    town = Town(("alice", "bob", "carol", "dave"), f"sqlite:///{tmp_path / 'issuing.db'}")
    town.fund(1000)
    live(town)
    yield town
    town.close()


def test_a_good_centre_is_good(town: Town) -> None:
    # EPP-CEN-002, EPP-CEN-005, EPP-CEN-016
    live(town)
    lived = town
    done = looked_at(lived)
    assert done.problems == []
    assert done.document()["good"]
    with lived.database.reading() as connection:
        for table in (ISSUE, UNIT, DEPOSIT, CLAIM, CASE):
            rows = connection.execute(select(func.count()).select_from(table)).scalar_one()
            assert rows > 1
            name = "cases" if table is CASE else f"{table.name}s"
            assert done.verified[name] == rows
        assert {row.kind for row in connection.execute(select(CASE))} == {"copy", "bad-history", "unknown"}
    assert set(done.outcomes) == {"credited", "copy", "late"}


def test_workers_find_the_same(lived: Town) -> None:
    with lived.database.writing() as connection:
        spoil(DEPOSIT, DEPOSIT.c.path, 100)(connection)
    here = looked_at(lived)
    with local(2) as executor:
        there = looked_at(lived, executor)
    assert there.document() | {"problems": sorted(there.problems)} == here.document() | {
        "problems": sorted(here.problems)
    }
    assert here.found > 0


def test_an_empty_centre_is_good(town: Town) -> None:
    assert looked_at(town).document() == {
        "good": True,
        "verified": {"units": 0},
        "outcomes": {},
        "problems_found": 0,
        "problems": [],
    }


# --- what is not as it was ---

Tamper = Callable[[Connection], None]


def spoil(table: Table, column: Column[bytes], at: int, where: str = "true") -> Tamper:
    """One bit of one value in the first row that has one, at an index in bytes (from the end if negative)."""

    def tamper(connection: Connection) -> None:
        key = next(iter(table.primary_key.columns))
        rows = connection.execute(select(key, column, table).order_by(key)).all()
        row = next(
            row for row in rows if row[1] and (where == "true" or where in map(str, row._mapping.values()))
        )
        value = bytearray(row[1])
        value[at] ^= 1
        connection.execute(update(table).where(key == row[0]).values({column.name: bytes(value)}))

    return tamper


def change(table: Table, where: str, **values: object) -> Tamper:
    """The first row in which a value is `where`."""

    def tamper(connection: Connection) -> None:
        key = next(iter(table.primary_key.columns))
        rows = connection.execute(select(table).order_by(key)).all()
        row = next(row for row in rows if where in map(str, row._mapping.values()))
        connection.execute(update(table).where(key == row._mapping[key]).values(**values))

    return tamper


def forget(table: Table, where: str) -> Tamper:
    """The first row in which a value is `where` is gone."""

    def tamper(connection: Connection) -> None:
        key = next(iter(table.primary_key.columns))
        rows = connection.execute(select(table).order_by(key)).all()
        row = next(row for row in rows if where in map(str, row._mapping.values()))
        connection.execute(delete(table).where(key == row._mapping[key]))

    return tamper


def invent_a_case(connection: Connection) -> None:
    """Somebody else is accused with the evidence against alice."""
    row = dict(connection.execute(select(CASE).where(CASE.c.kind == "copy").limit(1)).one()._mapping)
    del row["sequence"]
    connection.execute(CASE.insert().values(**row | {"purse": b"innocent"}))


def swap_outcomes(connection: Connection) -> None:
    """The second deposit of a unit was credited, not the first."""
    rows = connection.execute(select(DEPOSIT).order_by(DEPOSIT.c.sequence)).all()
    copy = next(row for row in rows if row.outcome == "copy")
    first = next(row for row in rows if row.unit_id == copy.unit_id)
    for row, outcome in ((first, "copy"), (copy, "credited")):
        connection.execute(update(DEPOSIT).where(DEPOSIT.c.sequence == row.sequence).values(outcome=outcome))


def pay_somebody_else(connection: Connection) -> None:
    """Entries and balances agree, and another purse has the money."""
    entry, balance = BOOKS.entry, BOOKS.balance
    rows = connection.execute(select(entry).where(entry.c.account.startswith("vault:"))).all()
    row = next(row for row in rows if row.amount == 4)
    where = entry.c.posting == row.posting, entry.c.account == row.account
    other = vault_account(b"innocent")
    connection.execute(update(entry).where(*where).values(account=other))
    left = update(balance).where(balance.c.account == row.account)
    connection.execute(left.values(amount=balance.c.amount - row.amount))
    connection.execute(balance.insert().values(account=other, amount=row.amount))


def forget_a_deposit_and_its_traces(connection: Connection) -> None:
    """A copy that came home is gone; its case stays."""
    connection.execute(delete(DEPOSIT).where(DEPOSIT.c.outcome == "copy"))


TAMPERED: dict[str, tuple[Tamper, str]] = {
    "signature in a deposit": (spoil(DEPOSIT, DEPOSIT.c.path, -1), "its endorsement does not verify"),
    "payer in a deposit": (
        spoil(DEPOSIT, DEPOSIT.c.path, 128 + 32),
        "another purse than the one that got it",
    ),
    "first payee": (spoil(DEPOSIT, DEPOSIT.c.path, 40), "another endorsement than the one of its issue"),
    "history before issue": (spoil(DEPOSIT, DEPOSIT.c.path, 0), "a history before its issue"),
    "last payee": (spoil(DEPOSIT, DEPOSIT.c.path, -88), "does not end where it first comes to the centre"),
    "unit of a deposit": (spoil(DEPOSIT, DEPOSIT.c.unit_id, 0), "of a unit that was not issued"),
    "in time, as late": (change(DEPOSIT, "copy", outcome="late"), "late in epoch 1, of a unit that expires"),
    "late, as in time": (change(DEPOSIT, "late", outcome="copy"), "copy in epoch 14, of a unit that expires"),
    "credited later": (swap_outcomes, "credited after another deposit"),
    "deposit gone": (forget(DEPOSIT, "credited"), "units are redeemed"),
    "copies gone": (forget_a_deposit_and_its_traces, "a case that no two paths show"),
    "case gone": (forget(CASE, "copy"), ": no case"),
    "case invented": (invent_a_case, "purse 696e6e6f63656e74, hop 2: a case that no two paths show"),
    "evidence": (spoil(CASE, CASE.c.second, -1, "copy"), "second endorsement does not verify"),
    "unit in a case": (spoil(CASE, CASE.c.unit, -1, "copy"), "signature does not verify"),
    "bad history": (spoil(CASE, CASE.c.history, 20, "bad-history"), "its history does not show the fault"),
    "whose bad layer": (spoil(CASE, CASE.c.purse, 0, "bad-history"), "its history does not show the fault"),
    "reason of a bad layer": (change(CASE, "bad-history", detail="was eaten"), "does not show the fault"),
    "case of an unknown unit": (spoil(CASE, CASE.c.unit_id, 0, "unknown"), "is not what it says"),
    "value of a unit": (change(UNIT, "4", value=8), "the history database has other units"),
    "holder of a unit": (spoil(UNIT, UNIT.c.holder, 0), "the history database has other units"),
    "state of a unit": (change(UNIT, "4", state=0), "by economy"),
    "unit gone": (forget(UNIT, "8"), "of a unit that was not issued"),
    "number of a unit": (change(UNIT, "8", number=99), "expected unit numbers 1 to 8"),
    "issue": (spoil(ISSUE, ISSUE.c.encoded, -1), "its first endorsement does not verify"),
    "issue cut off": (change(ISSUE, "18", encoded=b"\xa0"), "its bytes are not those of an issue"),
    "amount of an issue": (change(ISSUE, "18", amount=19), "its bytes are those of another issue"),
    "economy of an issue": (change(ISSUE, "18", economy=410), "its units are not worth what was paid"),
    "receipt": (spoil(ISSUE, ISSUE.c.receipt, 0), "its receipt does not verify"),
    "issue gone": (forget(ISSUE, "18"), "2 units were issued, and the history database has 8"),
    "signature in a claim": (spoil(CLAIM, CLAIM.c.path, -1), "its endorsement does not verify"),
    "claimed endorsement": (spoil(CLAIM, CLAIM.c.endorsement, 0, "refunded"), "stands under another"),
    "claimant": (spoil(CLAIM, CLAIM.c.claimant, 0), "is not by its claimant"),
    "path of a claim": (change(CLAIM, "refunded", path=b""), "without endorsements"),
    "beneficiary": (spoil(CLAIM, CLAIM.c.beneficiary, 0, "refunded"), "what was done sums to"),
    "account": (pay_somebody_else, "vault:696e6e6f63656e74: 4, and what was done sums to 0"),
    "balance": (change(BOOKS.balance, "funded", amount=-999), "accounts to sum to zero"),
    "booking": (change(BOOKING, "redeem", value=5), "bookings of kind redeem"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_what_is_not_as_it_was_is_found(lived: Town, name: str) -> None:
    tamper, said = TAMPERED[name]
    with lived.database.writing() as connection:
        tamper(connection)
    done = looked_at(lived)
    assert said in "\n".join(done.problems)
    assert done.found == len(done.problems)
    assert not done.document()["good"]


def test_problems_are_counted_and_the_first_are_told(lived: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "TOLD", 2)
    with lived.database.writing() as connection:
        connection.execute(update(CASE).values(unit=b""))
    done = looked_at(lived)
    assert len(done.problems) == 2
    assert done.found >= done.verified["cases"]
