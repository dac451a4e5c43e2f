"""The history database of the issuing centre (S-13), as read: units, paths, cases, bookings, sums."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Row, func, select

from eiraku.reference.anchor import parse_unit
from eiraku.system.database import DatabaseError
from eiraku.system.issuing.cases import COPY, TWO_KEYS, Case, read_case
from eiraku.system.issuing.chain import Chain
from eiraku.system.issuing.office import Office
from eiraku.system.issuing.schema import (
    BOOKING,
    BOOKS,
    CASE,
    CLAIM,
    CLOSED_NUMBER,
    DEPOSIT,
    UNIT,
    State,
    read_path,
)


class NotConserved(DatabaseError):
    """The books, the units and the deposits contradict each other: value was lost or made (EPP-CEN-016)."""


@dataclass(frozen=True, kw_only=True)
class UnitRecord:
    """One unit as the history database has it. `chains`: of its deposits, then of claims."""

    number: int
    issue: int
    unit_id: bytes
    value: int
    economy: int
    issued: int
    expires: int
    holder: bytes
    state: State
    chains: tuple[Chain, ...]

    @cached_property
    def given_away(self) -> dict[bytes, int]:
        """Purse number -> highest hop at which a returned path shows that it gave the unit away."""
        hops: dict[bytes, int] = {}
        for chain in self.chains:
            for each in chain.endorsements:
                hops[each.payer] = max(each.hop, hops.get(each.payer, 0))
        return hops


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """What the wholesale register is to know: `kind` is `issue`, `redeem` or `refund`.

    `economy`: of the units; `at_economy`: of the vault that paid or was paid; `value`: in minor units.
    """

    sequence: int
    kind: str
    economy: int
    at_economy: int
    value: int
    epoch: int


class History:
    """Questions to the history database; each is answered from one consistent view."""

    def __init__(self, office: Office) -> None:
        self.database = office.database
        self._office = office

    def holdings_at(self, unit_id: bytes) -> UnitRecord | None:
        """What is known of a unit (32 bytes); None: it was never issued. Raises DatabaseError."""
        with self.database.reading() as connection:
            row = connection.execute(select(UNIT).where(UNIT.c.unit_id == unit_id)).one_or_none()
            return None if row is None else _record(connection, row)

    def path(self, number: int) -> tuple[UnitRecord, ...]:
        """Every issue of a number, the first one first. Raises DatabaseError."""
        with self.database.reading() as connection:
            query = select(UNIT).where(UNIT.c.number == number).order_by(UNIT.c.issue)
            return tuple(_record(connection, row) for row in connection.execute(query).all())

    def cases(self, after: int = 0) -> tuple[Case, ...]:
        """Cases with a greater sequence than `after`. Raises DatabaseError."""
        with self.database.reading() as connection:
            query = select(CASE).where(CASE.c.sequence > after).order_by(CASE.c.sequence)
            return tuple(self._judged(read_case(row)) for row in connection.execute(query))

    def _judged(self, case: Case) -> Case:
        """With another kind while a second key of a purse may be the fault."""
        # EPP-CEN-105
        doubtful = case.payer is not None and self._office.is_doubtful(parse_unit(case.unit).unit.expires)
        return replace(case, kind=TWO_KEYS) if doubtful else case

    def convicted(self) -> frozenset[bytes]:
        """Numbers of all purses with evidence of a double spend (EPP-CEN-005). Raises DatabaseError."""
        with self.database.reading() as connection:
            return frozenset(connection.execute(select(CASE.c.purse).where(CASE.c.kind == COPY)).scalars())

    def bookings(self, after: int = 0) -> tuple[Booking, ...]:
        """Bookings with a greater sequence than `after`. Raises DatabaseError."""
        with self.database.reading() as connection:
            query = select(BOOKING).where(BOOKING.c.sequence > after).order_by(BOOKING.c.sequence)
            return tuple(Booking(**row._asdict()) for row in connection.execute(query))

    def outstanding(self) -> dict[int, int]:
        """For each economy, the value issued and neither redeemed nor refunded, expired units among it."""
        with self.database.reading() as connection:
            return _owed(connection)

    def expired(self) -> dict[int, int]:
        """For each economy, the part of `outstanding` that can no longer be deposited or claimed."""
        with self.database.reading() as connection:
            return _values(connection, State.EXPIRED)

    def conserved(self) -> None:
        """Compare books, units and deposits (EPP-CEN-011, -014, -016). Raises NotConserved, DatabaseError."""
        with self.database.reading() as connection:
            problem = self.problem(connection)
        if problem:
            raise NotConserved(f"{self.database.name}: {problem}; stop, keep a copy, and look into it")

    def problem(self, connection: Connection) -> str | None:
        """What is wrong, in words; None if nothing is."""
        return (
            BOOKS.problem(connection)
            or _units_problem(connection)
            or _credits_problem(connection)
            or _numbers_problem(connection, self._office.centre(connection).next_number)
        )


def _units_problem(connection: Connection) -> str | None:
    owed: dict[int, int] = {}
    for state in (State.OUTSTANDING, State.EXPIRED):
        for economy, value in _values(connection, state).items():
            owed[economy] = owed.get(economy, 0) + value
    found = _owed(connection)
    if found != owed:
        return f"expected the units outstanding to be worth {owed} by economy, the books have {found}"
    return None


def _owed(connection: Connection) -> dict[int, int]:
    """What the books have outstanding, by economy."""
    booked = BOOKS.amounts(connection, "outstanding:")
    return {int(account.partition(":")[2]): amount for account, amount in booked.items() if amount}


def _record(connection: Connection, row: Row[Any]) -> UnitRecord:
    chains: list[Chain] = []
    for table in (DEPOSIT, CLAIM):
        paths = select(table.c.path).where(table.c.unit_id == row.unit_id).order_by(table.c.sequence)
        chains += [read_path(row.unit_id, path) for path in connection.execute(paths).scalars() if path]
    return UnitRecord(
        number=row.number,
        issue=row.issue,
        unit_id=row.unit_id,
        value=row.value,
        economy=row.economy,
        issued=row.issued,
        expires=row.expires,
        holder=row.holder,
        state=State(row.state),
        chains=tuple(chains),
    )


def _values(connection: Connection, state: State) -> dict[int, int]:
    query = select(UNIT.c.economy, func.sum(UNIT.c.value)).where(UNIT.c.state == int(state))
    return {economy: int(value) for economy, value in connection.execute(query.group_by(UNIT.c.economy))}


def _credits_problem(connection: Connection) -> str | None:
    """Each redeemed unit has exactly one credited deposit, each refunded one one refunded claim."""
    for state, table, column, done in (
        (State.REDEEMED, DEPOSIT, DEPOSIT.c.outcome, "credited"),
        (State.REFUNDED, CLAIM, CLAIM.c.state, "refunded"),
    ):
        units = select(func.count()).select_from(UNIT).where(UNIT.c.state == int(state))
        paid = select(func.count(), func.count(func.distinct(table.c.unit_id))).where(column == done)
        wanted = connection.execute(units).scalar_one()
        times, different = connection.execute(paid).one()
        both = UNIT.join(table, table.c.unit_id == UNIT.c.unit_id)
        matched = select(func.count()).select_from(both).where(column == done, UNIT.c.state == int(state))
        agreeing = connection.execute(matched).scalar_one()
        if not wanted == times == different == agreeing:
            return f"{wanted} units are {state.label}, {times} times {different} different ones were {done}"
    return None


def _numbers_problem(connection: Connection, next_number: int) -> str | None:
    """Numbers from 1 on without a gap, and issues of each from 0 on without a gap."""
    first = select(func.count(), func.min(UNIT.c.number), func.max(UNIT.c.number)).where(UNIT.c.issue == 0)
    count, least, most = connection.execute(first).one()
    if count != next_number - 1 or (count and (least, most) != (1, count)):
        return f"expected unit numbers 1 to {next_number - 1}, found {count} from {least} to {most}"
    again = select(func.count(), func.coalesce(func.sum(UNIT.c.issue), 0)).select_from(UNIT)
    tops = select(func.max(UNIT.c.issue).label("top")).group_by(UNIT.c.number).subquery()
    total = connection.execute(again).one()
    expected = connection.execute(
        select(
            func.coalesce(func.sum(tops.c.top + 1), 0),
            func.coalesce(func.sum(tops.c.top * (tops.c.top + 1) / 2), 0),
        )
    ).one()
    if [int(n) for n in total] != [int(n) for n in expected]:
        return "an issue of a number is missing"
    both = CLOSED_NUMBER.join(UNIT, UNIT.c.number == CLOSED_NUMBER.c.number)
    waiting = select(func.count()).select_from(both)
    if connection.execute(waiting.where(UNIT.c.issue > CLOSED_NUMBER.c.issue)).scalar_one():
        return "a number waits to be issued again that was issued again already"
    return None
