"""What an exchange under way remembers: its plan, the centre's purses that were met, what was claimed."""

from sqlalchemy import select

from eiraku.system.database import Database
from eiraku.system.vault.schema import CENTRE, CLAIMED, PLAN
from eiraku.system.vault.stock import Exchange


class Progress:
    """In the file of a vault. Each method is one durable write, or reads; all raise DatabaseError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.reading() as connection:
            self.centres = frozenset(bytes(number) for number in connection.execute(select(CENTRE)).scalars())
        """Numbers of the issuing centre's purses that were met."""

    def met_centre(self, number: bytes) -> None:
        """A purse of the issuing centre; known before there is a payment to it."""
        if number not in self.centres:
            with self._database.writing() as connection:
                connection.execute(CENTRE.insert().values(number=number))
            self.centres |= {number}

    def claimed(self) -> frozenset[bytes]:
        """Pending transactions that were claimed: they are delivered again no more."""
        with self._database.reading() as connection:
            return frozenset(bytes(tx) for tx in connection.execute(select(CLAIMED)).scalars())

    def claim(self, transaction: bytes) -> None:
        """The issuing centre has a claim for it."""
        with self._database.writing() as connection:
            if connection.execute(select(CLAIMED).where(CLAIMED.c.tx == transaction)).first() is None:
                connection.execute(CLAIMED.insert().values(tx=transaction))

    def plan(self) -> Exchange | None:
        """The exchange that is under way."""
        with self._database.reading() as connection:
            row = connection.execute(select(PLAN)).one_or_none()
        if row is None:
            return None
        home = bytes(row.home)
        return Exchange(
            home=tuple(home[i : i + 32] for i in range(0, len(home), 32)),
            values=tuple(1 << exponent for exponent in bytes(row.exponents)),
        )

    def set_plan(self, plan: Exchange | None) -> None:
        """Begin an exchange, or give it up."""
        with self._database.writing() as connection:
            connection.execute(PLAN.delete())
            if plan is not None:
                exponents = bytes(value.bit_length() - 1 for value in plan.values)
                connection.execute(PLAN.insert().values(id=1, home=b"".join(plan.home), exponents=exponents))
