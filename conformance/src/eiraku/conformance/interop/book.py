"""Who must have what: the account of each purse as it must be, and that each unit is in one place.

The line reads no records, so which units went and under which transaction is taken from the payer's own
account; everything else about the payment is known, and the payee's account must agree with the payer's.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from eiraku.conformance.adapter.client import HeldUnit, Payment, State
from eiraku.conformance.interop.purses import Meeting, Purse
from eiraku.conformance.tester.world import EPOCH, identifier, value
from eiraku.spec.messages import OfferedUnit


@dataclass(slots=True, kw_only=True)
class Account:
    """What a wallet must say of itself."""

    spendable: dict[bytes, HeldUnit]
    """By 32-byte id."""
    epoch: int = EPOCH
    pending: dict[bytes, Payment] = field(default_factory=dict)
    """By 16-byte transaction."""
    given: dict[bytes, tuple[HeldUnit, ...]] = field(default_factory=dict)
    """The units of each transaction that was ever pending, as they were."""
    credited: set[tuple[bytes, bytes, int]] = field(default_factory=set)
    settled: set[tuple[bytes, bytes, int]] = field(default_factory=set)
    writes: int = 0
    digest: bytes = b""


class Book:
    """The accounts of all purses of a meeting."""

    def __init__(self, meeting: Meeting) -> None:
        self.meeting = meeting
        self.accounts: dict[Purse, Account] = {}
        self.issued: dict[bytes, int] = {}
        """Value of each unit, by id."""

    def open(self, purse: Purse, holdings: Sequence[OfferedUnit] = ()) -> None:
        """Provision a purse; every unit of the scenario comes in this way."""
        held = {
            identifier(unit): HeldUnit(unit_id=identifier(unit), value=value(unit), hop=unit.hop)
            for unit in holdings
        }
        self.issued |= {name: unit.value for name, unit in held.items()}
        self.accounts[purse] = Account(spendable=held)
        state = purse.provision(holdings)
        self.accounts[purse].writes, self.accounts[purse].digest = state.writes, state.digest

    def balance(self, purse: Purse) -> int:
        """What the purse must be able to spend."""
        return sum(unit.value for unit in self.accounts[purse].spendable.values())

    def after_payment(
        self, payer: Purse, payee: Purse, amount: int, committed: Sequence[str]
    ) -> bytes | None:
        """Enter what a payment came to and compare; the transaction, None if nothing became of it."""
        transaction = None
        if "ACCEPT" in committed:
            transaction = self._observe(payer, payee, amount)
            self._enter(payer, payee, transaction, committed)
        self.check("a payment")
        return transaction

    def after_redelivery(
        self, payer: Purse, payee: Purse, transaction: bytes, committed: Sequence[str]
    ) -> None:
        """Enter what a redelivery came to and compare."""
        self._enter(payer, payee, transaction, committed)
        self.check("a redelivery")

    def _observe(self, payer: Purse, payee: Purse, amount: int) -> bytes:
        """The payer's account of a payment that it has committed to: units, payee, amount must be right."""
        account, state = self.accounts[payer], payer.wallet.state()
        left = {unit.unit_id for unit in state.units}
        gone = tuple(unit for name, unit in account.spendable.items() if name not in left)
        self.meeting.equal(sum(unit.value for unit in gone), amount, f"{payer.name}: value that left it")
        known = {*account.pending, *(each[0] for each in account.settled)}
        new = [each for each in (*state.pending, *state.settled) if each.transaction not in known]
        self.meeting.equal(len(new), 1, f"{payer.name}: new transactions after a payment")
        (found,) = new
        self.meeting.equal(found.peer.hex(), payee.number.hex(), f"{payer.name}: payee of its transaction")
        account.given[found.transaction] = gone
        for unit in gone:
            del account.spendable[unit.unit_id]
        account.pending[found.transaction] = Payment(
            transaction=found.transaction,
            peer=payee.number,
            amount=amount,
            units=tuple(unit.unit_id for unit in gone),
        )
        return found.transaction

    def _enter(self, payer: Purse, payee: Purse, transaction: bytes, committed: Sequence[str]) -> None:
        source, target = self.accounts[payer], self.accounts[payee]
        units = source.given[transaction]
        amount = sum(unit.value for unit in units)
        received = (transaction, payer.number, amount)
        if {"PAY", "REDELIVER"} & {*committed} and received not in target.credited:
            target.credited.add(received)
            for unit in units:
                moved = HeldUnit(unit_id=unit.unit_id, value=unit.value, hop=unit.hop + 1)
                target.spendable[unit.unit_id] = moved
        if "RECEIPT" in committed:
            del source.pending[transaction]
            source.settled.add((transaction, payee.number, amount))

    def credited(self, payer: Purse, payee: Purse, transaction: bytes) -> bool:
        """Whether the payee must have the money."""
        return any(each[:2] == (transaction, payer.number) for each in self.accounts[payee].credited)

    def check(self, what: str) -> None:
        """Every wallet's account must be the book's, and each unit be in exactly one place (EPP-CRS-005)."""
        states = {purse: purse.wallet.state() for purse in self.accounts}
        for purse, state in states.items():
            self._check_account(purse, state, what)
        self._check_places(states, what)

    def unchanged(self, what: str) -> None:
        """No wallet has made a durable write since the last `check` (EPP-CRS-015)."""
        before = {purse: (each.writes, each.digest) for purse, each in self.accounts.items()}
        self.check(what)
        for purse, account in self.accounts.items():
            now = (account.writes, account.digest)
            same = now == before[purse]
            self.meeting.require(
                same, "no durable write", "another digest or count", f"{purse.name}: state after {what}"
            )

    def _check_account(self, purse: Purse, state: State, what: str) -> None:
        account = self.accounts[purse]

        def equal(actual: object, expected: object, name: str) -> None:
            self.meeting.equal(actual, expected, f"{purse.name}: {name} after {what}")

        equal(_units(state.units), _units(account.spendable.values()), "spendable units")
        equal(state.balance, self.balance(purse), "balance")
        equal(_payments(state.pending), _payments(account.pending.values()), "pending")
        equal(_bare(_three(state.credited)), _bare(account.credited), "credited")
        equal(_bare(_three(state.settled)), _bare(account.settled), "settled")
        equal(self.meeting.world.drawn.calendar.read(state.epoch), account.epoch, "epoch")
        account.writes, account.digest = state.writes, state.digest

    def _check_places(self, states: dict[Purse, State], what: str) -> None:
        places: dict[bytes, list[str]] = {name: [] for name in self.issued}
        received = {
            (purse.number, each.peer, each.transaction)
            for purse, state in states.items()
            for each in state.credited
        }
        for purse, state in states.items():
            for unit in state.units:
                places.setdefault(unit.unit_id, []).append(f"spendable at {purse.name}")
            for each in state.pending:
                # What is pending at the payer and credited at the payee counts once, at the payee.
                if (each.peer, purse.number, each.transaction) not in received:
                    for name in each.units:
                        places.setdefault(name, []).append(f"pending at {purse.name}")
        for name, found in places.items():
            good = len(found) == 1 and name in self.issued
            self.meeting.require(
                good, "exactly one place", " and ".join(found) or "nowhere", f"unit {name.hex()} after {what}"
            )


def _units(units: Iterable[HeldUnit]) -> list[str]:
    return sorted(f"{unit.unit_id.hex()[:16]} value {unit.value} hop {unit.hop}" for unit in units)


def _payments(payments: Iterable[Payment]) -> list[str]:
    return sorted(
        " ".join(
            (
                each.transaction.hex(),
                each.peer.hex(),
                str(each.amount),
                *sorted(name.hex()[:16] for name in each.units),
            )
        )
        for each in payments
    )


def _three(payments: Iterable[Payment]) -> Iterable[tuple[bytes, bytes, int]]:
    return ((each.transaction, each.peer, each.amount) for each in payments)


def _bare(payments: Iterable[tuple[bytes, bytes, int]]) -> list[str]:
    return sorted(f"{transaction.hex()} {peer.hex()} {amount}" for transaction, peer, amount in payments)
