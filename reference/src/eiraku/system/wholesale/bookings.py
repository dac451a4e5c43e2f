"""From the issuing centre's bookings to the register: each exactly once, and the comparison of both sides.

A booking becomes a posting whose id is derived from the source and its sequence; a cursor moves in the same
durable write. So a loss of power at any point, or two that follow one centre, post nothing twice.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from eiraku.spec import cbor
from eiraku.spec.errors import Misuse
from eiraku.spec.wholesale_objects import Entry, Kind
from eiraku.system.database import Database
from eiraku.system.wholesale import schema
from eiraku.system.wholesale.errors import PostingError
from eiraku.system.wholesale.posting import Batch
from eiraku.system.wholesale.register import Register

PIECE = 256
"""Greatest number of bookings in one durable write."""
_KINDS = {"issue": Kind.ISSUE, "redeem": Kind.REDEEM, "refund": Kind.REDEEM}


class Booking(Protocol):
    """One change of what is outstanding. `economy`: of the unit; `at_economy`: of the account."""

    @property
    def sequence(self) -> int:
        """Greater than that of every earlier booking, from 1 on."""

    @property
    def kind(self) -> str:
        """`issue`, `redeem` or `refund`."""

    @property
    def economy(self) -> int:
        """Economy of the unit."""

    @property
    def at_economy(self) -> int:
        """Economy of the vault whose account was debited or credited."""

    @property
    def value(self) -> int:
        """Minor units."""


class Centre(Protocol):
    """What the register needs of an issuing centre."""

    def bookings(self, after: int = 0) -> Sequence[Booking]:
        """Bookings whose sequence is greater than `after`, in order; perhaps not all at once."""

    def outstanding(self) -> Mapping[int, int]:
        """Value of the coins that are out, by economy, in minor units."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """An economy whose issued account is not its coins outstanding (EPP-WHS-031)."""

    economy: int
    issued: int
    outstanding: int
    waiting: int
    """Change of the issued account by bookings that are not posted yet."""

    def __str__(self) -> str:
        explained = self.issued + self.waiting == self.outstanding
        return (
            f"economy {self.economy}: issued {self.issued}, outstanding {self.outstanding}"
            f"{'; bookings that wait to be posted explain it' if explained else ''}"
        )


class Follower:
    """Posts the bookings of one issuing centre, known as `source`, to a register."""

    def __init__(self, database: Database, *, source: str = "issuing-centre") -> None:
        """`database`: that of the register. Raises Misuse if it holds none."""
        if not 0 < len(source) <= 64:
            raise Misuse(f"expected a name of 1 to 64 characters for the source, found {source!r}")
        self._database = database
        self._register = Register(database)
        self.source = source

    @property
    def cursor(self) -> int:
        """Sequence of the last booking that was posted; 0 before the first."""
        with self._database.reading() as connection:
            return schema.cursor(connection, self.source)

    def sync(self, centre: Centre) -> int:
        """Post everything that is new; the number of bookings.

        Raises PostingError for one that is not backed (those before it are posted), Misuse for
        bookings out of order, DatabaseError.
        """
        count = 0
        while bookings := centre.bookings(self.cursor):
            for begin in range(0, len(bookings), PIECE):
                count += self.post(bookings[begin : begin + PIECE])
        return count

    def post(self, bookings: Sequence[Booking]) -> int:
        """Post bookings in one durable write, those that were posted before left out. Raises as `sync`."""
        refused: PostingError | None = None
        with self._database.writing() as connection:
            batch = Batch(connection)
            begin = last = schema.cursor(connection, self.source)
            count, seen = 0, 0
            for booking in bookings:
                # EPP-WHS-011
                if booking.sequence <= seen:
                    raise Misuse(
                        f"{self.source}: booking {booking.sequence} after {seen}; expected ascending order"
                    )
                seen = booking.sequence
                if booking.sequence <= begin:
                    continue
                try:
                    batch.add(self._entry(booking))
                except PostingError as error:
                    detail = f"{self.source}: booking {booking.sequence} cannot be posted: {error}"
                    refused = PostingError(error.requirement, detail)
                    break
                last, count = booking.sequence, count + 1
            batch.write()
            if last > begin:
                held = schema.CURSOR
                connection.execute(held.delete().where(held.c.source == self.source))
                connection.execute(held.insert().values(source=self.source, sequence=last))
        if refused is not None:
            raise refused
        return count

    def reconcile(self, centre: Centre) -> tuple[Difference, ...]:
        """Every economy whose issued account is not what is outstanding; empty if all agree."""
        waiting: dict[int, int] = {}
        after = self.cursor
        while bookings := centre.bookings(after):
            for booking in bookings:
                sign = 1 if self._entry(booking).kind is Kind.ISSUE else -1
                waiting[booking.economy] = waiting.get(booking.economy, 0) + sign * booking.value
            after = bookings[-1].sequence
        outstanding, standings = centre.outstanding(), self._register.standings()
        found: list[Difference] = []
        for economy in sorted(standings.keys() | outstanding.keys()):
            issued = standings[economy].issued if economy in standings else 0
            # EPP-WHS-031
            if issued != outstanding.get(economy, 0):
                found.append(
                    Difference(
                        economy=economy,
                        issued=issued,
                        outstanding=outstanding.get(economy, 0),
                        waiting=waiting.get(economy, 0),
                    )
                )
        return tuple(found)

    def _entry(self, booking: Booking) -> Entry:
        kind = _KINDS.get(booking.kind)
        if kind is None:
            raise Misuse(
                f"{self.source}: booking {booking.sequence} is {booking.kind!r}; "
                f"expected {', '.join(_KINDS)}; use a release that knows it"
            )
        name = cbor.encode((self.source, booking.sequence))
        return Entry(
            posting=hashlib.sha256(b"EPP/1 booking" + name).digest()[:16],
            kind=kind,
            epoch=0,
            economy=booking.economy,
            at=booking.at_economy,
            amount=booking.value,
        )
