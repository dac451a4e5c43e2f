"""Double-entry books in a centre's database: every posting sums to zero, every amount is an exact integer.

An account is a text such as `vault:0011223344556677` or `outstanding:392`. A posting has an id of 16 bytes;
posting the same again changes nothing, posting something else under a known id is refused. Balances are kept
beside the entries, in the same durable change. Amounts are minor units and may be negative: by the custom of
these books what a centre owes is positive, and the accounts against which it owes are negative.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, MetaData, String, Table, select

ID = 16


class BooksError(ValueError):
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
        wanted = {account: amount for account, amount in amounts.items() if amount}
        if sum(wanted.values()):
            raise BooksError(f"a posting sums to zero, not to {sum(wanted.values())}")
        query = select(self.entry.c.account, self.entry.c.amount).where(self.entry.c.posting == posting)
        known = {row.account: row.amount for row in connection.execute(query)}
        if known:
            if known != wanted:
                raise BooksError(f"posting {posting.hex()} is known with other amounts")
            return False
        for account, amount in sorted(wanted.items()):
            self._add(connection, account, amount)
            connection.execute(self.entry.insert().values(posting=posting, account=account, amount=amount))
        return True

    def _add(self, connection: Connection, account: str, amount: int) -> None:
        row = connection.execute(
            select(self.balance.c.amount).where(self.balance.c.account == account)
        ).one_or_none()
        now = amount if row is None else row.amount + amount
        floor = self.floors.get(account.partition(":")[0])
        if floor is not None and now < floor:
            raise BooksError(f"{account}: {now} would be below {floor}")
        if row is None:
            connection.execute(self.balance.insert().values(account=account, amount=now))
        else:
            connection.execute(
                self.balance.update().where(self.balance.c.account == account).values(amount=now)
            )

    def amount(self, connection: Connection, account: str) -> int:
        """Balance of one account; 0 for one without entries."""
        found = connection.execute(select(self.balance.c.amount).where(self.balance.c.account == account))
        return int(found.scalar_one_or_none() or 0)

    def amounts(self, connection: Connection, prefix: str = "") -> dict[str, int]:
        """Balances of all accounts whose name begins with `prefix`, by account."""
        query = select(self.balance).where(self.balance.c.account.startswith(prefix, autoescape=True))
        return {row.account: row.amount for row in connection.execute(query.order_by(self.balance.c.account))}
