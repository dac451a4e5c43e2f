"""The counter of the issuing centre, with real purses: what its purse took is in the database, always."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes
from typing import Literal

import pytest

from eiraku.reference.centres.issuing import IssuingCentre
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.database import StoreError
from eiraku.reference.device import Accepted, Device
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.state import PayOrder, ReceiveOrder
from eiraku.spec.objects import Role
from eiraku.system.database import Database, DatabaseError
from eiraku.system.issuing.counter import Counter
from eiraku.system.issuing.issuer import Issuer
from eiraku.system.issuing.office import Office
from eiraku.system.issuing.schema import SCHEMA, IssuerError, Rules
from eiraku.testing.purses import ECONOMY, EPOCH, Member, World

pytestmark = pytest.mark.slow

RULES = Rules(redemption_grace=2, claim_grace=4, unit_lifetime=20, max_hops=8)
FUNDS = 1000


@dataclass
class Bank:
    """A world whose units come from an issuing centre on a database, and a vault with an account."""

    world: World
    issuer: Issuer
    vault: Member
    centre: Member
    counter: Counter

    def pay(self, payer: Device, payee: Device, amount: int) -> None:
        assert not transfer(payer, PayOrder(amount=amount), payee, ReceiveOrder()).codes

    def redeem(self, amount: int) -> None:
        """The vault gives to the centre's purse; nothing is collected yet."""
        self.pay(self.vault.device, self.centre.device, amount)

    def complete(self) -> None:
        """Everything collected; purses hold what is outstanding, and all of it sums to what was funded."""
        self.issuer.history.conserved()
        assert self.centre.balance == 0
        held = sum(member.balance for member in self.world.members.values())
        assert held == sum(self.issuer.history.outstanding().values())
        assert held + sum(map(self.issuer.accounts.amount, self.world.members)) == FUNDS


@pytest.fixture
def bank(world: World, centre_url: str) -> Iterator[Bank]:
    def registered(number: bytes) -> bytes | None:
        member = world.members.get(number)
        return None if member is None else member.claims.public_key

    database = Database(centre_url, SCHEMA)
    made = Issuer(
        Office.create(
            database,
            seal=world.issuing_centre.seal,
            economies=(ECONOMY,),
            rules=RULES,
            epoch=EPOCH,
            random=token_bytes,
            root=world.roots.money,
            public_keys=registered,
        )
    )
    world.issuing_centre = IssuingCentre(
        keys=made.office.money_keys(), seal=made.office.seal, economy=ECONOMY
    )
    vault, centre = world.purse(role=Role.VAULT), world.purse(role=Role.CENTRE)
    made.accounts.fund(bytes(16), vault.number, FUNDS)
    issue = made.issues.issue(bytes(16), vault.number, ECONOMY, [1, 2, 4, 8, 16, 32])
    assert isinstance(vault.device.take_issue(issue), Accepted)
    yield Bank(world, made, vault, centre, Counter(centre.device, made))
    database.close()


def test_money_goes_round(bank: Bank) -> None:
    # EPP-CEN-063, EPP-CEN-016
    alice, bob = bank.world.purse(), bank.world.purse()
    bank.pay(bank.vault.device, alice.device, 12)
    bank.pay(alice.device, bob.device, 8)
    bank.pay(bob.device, bank.vault.device, 8)
    bank.redeem(8 + 1)
    assert [done.outcome for done in bank.counter.collect()] == ["credited"] * 2
    assert bank.counter.collect() == ()
    assert bank.issuer.accounts.amount(bank.vault.number) == FUNDS - 63 + 9
    bank.complete()


def test_both_copies_come_home(bank: Bank) -> None:
    # EPP-CEN-004, EPP-CEN-072, EPP-CEN-010, EPP-CEN-014
    alice = bank.world.purse()
    bank.pay(bank.vault.device, alice.device, 32)
    path = bank.world.directory / "copy.db"
    alice.device.close()
    path.write_bytes(alice.device.store.path.read_bytes())
    alice.device.store.reopen()
    copy = Device(path, Drbg(b"copy"))
    bank.pay(alice.device, bank.centre.device, 32)
    assert [done.outcome for done in bank.counter.collect()] == ["credited"]
    bank.pay(copy, bank.centre.device, 32)
    (done,) = bank.counter.collect()
    assert (done.outcome, done.convicted) == ("copy", alice.number)
    (case,) = bank.issuer.history.cases()
    convicted = case.evidence(alice.purse_id).verify(bank.world.anchor)
    assert convicted.number == alice.number
    assert bank.issuer.accounts.amount(alice.number) == 32
    copy.close()
    bank.complete()


@pytest.mark.parametrize("when", ("before", "after"))
def test_power_cut_while_collecting(bank: Bank, when: Literal["before", "after"]) -> None:
    # EPP-CEN-063, EPP-CEN-037, EPP-CEN-091: the deposit is durable, the purse may or may not have let go
    bank.redeem(7)
    bank.centre.device.arm(when, 1)
    outcomes = [done.outcome for done in bank.counter.collect()]
    assert outcomes == ["credited"] * 3 + (["repeated"] * 3 if when == "before" else [])
    bank.complete()


def test_stopped_between_deposit_and_purse(bank: Bank) -> None:
    # EPP-CEN-091: at the next start everything is deposited again, and credited once
    bank.redeem(7)
    held = [unit.unit_id for unit in bank.centre.device.snapshot().units]
    bank.counter._deposit(held)
    again = Counter(bank.centre.device, bank.issuer)
    assert [done.outcome for done in again.collect()] == ["repeated"] * 3
    bank.complete()


def test_a_purse_that_cannot_write(bank: Bank) -> None:
    # EPP-CRS-018, EPP-CEN-037
    bank.redeem(7)
    bank.centre.device.store._db.execute("PRAGMA query_only = 1")
    with pytest.raises(StoreError):
        bank.counter.collect()
    assert bank.issuer.accounts.amount(bank.vault.number) == FUNDS - 63 + 7
    bank.centre.device.store._db.execute("PRAGMA query_only = 0")
    assert {done.outcome for done in bank.counter.collect()} == {"repeated"}
    bank.complete()


def test_a_database_that_is_busy(bank: Bank, centre_url: str) -> None:
    # EPP-CEN-037: nothing leaves the purse before it is deposited
    bank.redeem(7)
    hasty = Database(centre_url, SCHEMA, wait=0.05)
    issuer = Issuer(Office(hasty, public_keys=bank.issuer.office.public_keys, random=token_bytes))
    counter = Counter(bank.centre.device, issuer)
    with bank.issuer.office.database.writing(), pytest.raises(DatabaseError, match="end the other program"):
        counter.collect()
    assert bank.centre.balance == 7
    assert {done.outcome for done in counter.collect()} == {"credited"}
    hasty.close()
    bank.complete()


def test_a_receipt_that_was_lost_on_the_way_to_the_vault(bank: Bank) -> None:
    # EPP-CEN-063, EPP-CRS-010: the vault delivers again after the units were collected
    from eiraku.reference.purse.state import RedeliverOrder  # noqa: PLC0415 - only here

    def lose(n: int, data: bytes) -> bytes | None:
        return None if n == 8 else data

    transfer(bank.vault.device, PayOrder(amount=7), bank.centre.device, ReceiveOrder(), lose)
    (pending,) = bank.vault.device.snapshot().pending
    assert {done.outcome for done in bank.counter.collect()} == {"credited"}
    again = RedeliverOrder(transaction=pending.transaction)
    assert not transfer(bank.vault.device, again, bank.centre.device, ReceiveOrder()).codes
    assert bank.vault.device.snapshot().pending == ()
    assert bank.counter.collect() == ()
    bank.complete()


def test_where_the_depositor_is(bank: Bank) -> None:
    # EPP-CEN-036
    places = {bank.vault.number: 410}
    bank.redeem(7)
    Counter(bank.centre.device, bank.issuer, economy_of=places.get).collect()
    (_, redeemed) = bank.issuer.history.bookings()
    assert (redeemed.kind, redeemed.economy, redeemed.at_economy, redeemed.value) == (
        "redeem",
        ECONOMY,
        410,
        7,
    )
    bank.complete()


def test_only_a_purse_of_a_centre(bank: Bank, tmp_path: Path) -> None:
    # EPP-CEN-001
    with pytest.raises(IssuerError, match="expected a purse of role centre"):
        Counter(bank.vault.device, bank.issuer)
    empty = Device(tmp_path / "empty.db", Drbg(b""))
    with pytest.raises(IssuerError, match="expected a purse of role centre"):
        Counter(empty, bank.issuer)
    empty.close()
