"""Double-entry books in a centre's database: every posting sums to zero, every amount is an exact integer.

An account is a text such as `vault:0011223344556677` or `outstanding:392`. A posting has an id of 16 bytes;
posting the same again changes nothing, posting something else under a known id is refused. Balances are kept
beside the entries, in the same durable change. Amounts are minor units and may be negative: by the custom of
these books what a centre owes is positive, and the accounts against which it owes are negative.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    LargeBinary,
    MetaData,
    String,
    Table,
    bindparam,
    func,
    select,
)

from eiraku.spec.errors import Refused
from eiraku.system.database import batches

ID = 16
"""Length of the id of a posting, in bytes."""
LIMIT = 2**62
"""No balance is greater, so that no sum of two leaves 64 bits."""


class BooksError(Refused):
    """A posting that cannot be made: not balanced, overdrawn, or another one under a known id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The two tables of one set of books; `floors` by prefix of account: least balance permitted."""

    entry: Table
    balance: Table
    floors: Mapping[str, int]

    @classmethod
    def declare(cls, metadata: MetaData, *, floors: Mapping[str, int] | None = None) -> "Books":
        """Add the tables to a schema."""
        entry = Table(
            "entry",
            metadata,
            Column("posting", LargeBinary(ID), primary_key=True),
            Column("account", String(64), primary_key=True),
            Column("amount", BigInteger, nullable=False),
        )
        balance = Table(
            "balance",
            metadata,
            Column("account", String(64), primary_key=True),
            Column("amount", BigInteger, nullable=False),
        )
        return cls(entry=entry, balance=balance, floors=dict(floors or {}))

    def post(self, connection: Connection, posting: bytes, amounts: Mapping[str, int]) -> bool:
        """Add `amounts` to accounts; False if exactly this was posted before. Raises BooksError."""
        if len(posting) != ID:
            raise BooksError(f"the id of a posting has {ID} bytes, not {len(posting)}")
        wanted = {account: amount for account, amount in amounts.items() if amount}
        if sum(wanted.values()):
            raise BooksError(f"a posting sums to zero, not to {sum(wanted.values())}")
        query = select(self.entry.c.account, self.entry.c.amount).where(self.entry.c.posting == posting)
        known = {row.account: row.amount for row in connection.execute(query)}
        if known:
            if known != wanted:
                raise BooksError(
                    f"posting {posting.hex()} is known with other amounts; give this one a new id"
                )
            return False
        now = self._balances(connection, wanted)
        for account, amount in wanted.items():
            after = now.get(account, 0) + amount
            floor = self.floors.get(account.partition(":")[0])
            if floor is not None and after < floor:
                raise BooksError(f"{account}: {after} would be below {floor}; put in what is missing first")
            if not -LIMIT <= after <= LIMIT:
                raise BooksError(f"{account}: {after} is more than these books can hold")
        rows = [{"posting": posting, "account": a, "amount": n} for a, n in sorted(wanted.items())]
        if rows:
            connection.execute(self.entry.insert(), rows)
        made = [{"account": a, "amount": n} for a, n in sorted(wanted.items()) if a not in now]
        if made:
            connection.execute(self.balance.insert(), made)
        moved = [{"which": a, "by": n} for a, n in sorted(wanted.items()) if a in now]
        if moved:
            amount_ = self.balance.c.amount
            change = self.balance.update().where(self.balance.c.account == bindparam("which"))
            connection.execute(change.values(amount=amount_ + bindparam("by")), moved)
        return True

    def _balances(self, connection: Connection, accounts: Iterable[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for some in batches(sorted(accounts)):
            query = select(self.balance).where(self.balance.c.account.in_(some))
            found.update((row.account, row.amount) for row in connection.execute(query))
        return found

    def amount(self, connection: Connection, account: str) -> int:
        """Balance of one account; 0 for one without entries."""
        found = connection.execute(select(self.balance.c.amount).where(self.balance.c.account == account))
        return int(found.scalar_one_or_none() or 0)

    def amounts(self, connection: Connection, prefix: str = "") -> dict[str, int]:
        """Balances of all accounts whose name begins with `prefix`, by account."""
        query = select(self.balance).where(self.balance.c.account.startswith(prefix, autoescape=True))
        return {row.account: row.amount for row in connection.execute(query.order_by(self.balance.c.account))}

    def problem(self, connection: Connection) -> str | None:
        """What is wrong in these books, in words; None if every sum is right."""
        total = connection.execute(select(func.coalesce(func.sum(self.balance.c.amount), 0))).scalar_one()
        if total:
            return f"expected all accounts to sum to zero, found {total}"
        sums = select(self.entry.c.account, func.sum(self.entry.c.amount)).group_by(self.entry.c.account)
        entries = {account: int(amount) for account, amount in connection.execute(sums)}
        for account, amount in self.amounts(connection).items():
            if entries.pop(account, 0) != amount:
                return f"{account}: its balance {amount} is not the sum of its entries"
        return f"{min(entries)}: entries without a balance" if entries else None
