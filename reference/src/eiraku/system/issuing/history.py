"""The history database of the issuing centre (S-13), as read: units, paths, cases, bookings, sums."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Row, func, select

from eiraku.spec import objects
from eiraku.system.database import DatabaseError
from eiraku.system.issuing.attribution import Fork
from eiraku.system.issuing.chain import BadLayer, Chain, Endorsement
from eiraku.system.issuing.evidence import Evidence
from eiraku.system.issuing.office import Office
from eiraku.system.issuing.schema import (
    BOOKING,
    CASE,
    CLAIM,
    CLOSED_NUMBER,
    DEPOSIT,
    UNIT,
    IssuerError,
    State,
    read_endorsement,
    read_path,
    write_endorsement,
)

COPY = "copy"
BAD_HISTORY = "bad-history"
UNKNOWN = "unknown"
NOT_ISSUED = "under our key, and not in the history database"


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
class Case:
    """What must be looked into, in the order of its `sequence`.

    `kind`: `copy` (`first`, `second`: two endorsements that `purse` signed for the unit and hop),
    `bad-history` (`history`: what was deposited; `second`: the endorsement by which `purse` gave the bad
    layer away, if there is one), or `unknown` (a unit under our key that the history database does not
    have; `purse`: eight zero bytes). `unit`: as signed.
    """

    sequence: int
    kind: str
    purse: bytes
    unit_id: bytes
    hop: int
    epoch: int
    unit: bytes
    detail: str
    first: Endorsement | None
    second: Endorsement | None
    history: bytes | None

    def evidence(self, purse_id: bytes) -> Evidence:
        """The evidence of a copy, for a file. `purse_id`: of `purse`, as signed; empty at hop 0.

        Raises IssuerError for another kind of case: there is no evidence of copying in it (EPP-CEN-005).
        """
        # EPP-CEN-005
        if self.kind != COPY or self.first is None or self.second is None:
            raise IssuerError(
                f"case {self.sequence} is of kind {self.kind}, expected {COPY}: it convicts nobody"
            )
        return Evidence(unit=self.unit, purse_id=purse_id, first=self.first, second=self.second)


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


class History(Office):
    """Questions to the history database; each is answered from one consistent view."""

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
            return tuple(_case(row) for row in connection.execute(query))

    def convicted(self) -> frozenset[bytes]:
        """Numbers of all purses of which there is evidence of copying (EPP-CEN-005). Raises DatabaseError."""
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
            return self._owed(connection)

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
            self.books.problem(connection)
            or self._units_problem(connection)
            or _credits_problem(connection)
            or _numbers_problem(connection, self._centre(connection).next_number)
        )

    def _units_problem(self, connection: Connection) -> str | None:
        owed: dict[int, int] = {}
        for state in (State.OUTSTANDING, State.EXPIRED):
            for economy, value in _values(connection, state).items():
                owed[economy] = owed.get(economy, 0) + value
        found = self._owed(connection)
        if found != owed:
            return f"expected the units outstanding to be worth {owed} by economy, the books have {found}"
        return None

    def _owed(self, connection: Connection) -> dict[int, int]:
        """What the books have outstanding, by economy."""
        booked = self.books.amounts(connection, "outstanding:")
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


def _case(row: Row[Any]) -> Case:
    return Case(
        sequence=row.sequence,
        kind=row.kind,
        purse=row.purse,
        unit_id=row.unit_id,
        hop=row.hop,
        epoch=row.epoch,
        unit=row.unit,
        detail=row.detail,
        first=None if row.first is None else read_endorsement(row.first, row.hop),
        second=None if row.second is None else read_endorsement(row.second, _second_hop(row)),
        history=row.history,
    )


def _second_hop(row: Row[Any]) -> int:
    """The hop of the second endorsement: a bad layer of one hop is given away at the next."""
    return int(row.hop) + int(row.kind == BAD_HISTORY)


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


# --- writing cases ---


def copy_case(fork: Fork, unit: bytes, epoch: int) -> dict[str, Any]:
    """The row of a fork (EPP-CEN-005)."""
    return _row(
        kind=COPY,
        purse=fork.signer,
        unit_id=fork.unit_id,
        hop=fork.hop,
        epoch=epoch,
        unit=unit,
        detail=f"signed two endorsements of hop {fork.hop}",
        first=write_endorsement(fork.first),
        second=write_endorsement(fork.second),
    )


def layer_case(fault: BadLayer, unit_id: bytes, unit: bytes, history: bytes, epoch: int) -> dict[str, Any]:
    """The row of a bad layer (EPP-CEN-003)."""
    endorsed = None if fault.endorsed is None else write_endorsement(fault.endorsed)
    return _row(
        kind=BAD_HISTORY,
        purse=fault.purse,
        unit_id=unit_id,
        hop=fault.hop,
        epoch=epoch,
        unit=unit,
        detail=fault.reason,
        second=endorsed,
        history=history,
    )


def unknown_case(unit_id: bytes, unit: bytes, epoch: int, detail: str) -> dict[str, Any]:
    """The row of a unit that was never issued."""
    return _row(
        kind=UNKNOWN,
        purse=objects.ISSUER_NUMBER,
        unit_id=unit_id,
        hop=0,
        epoch=epoch,
        unit=unit,
        detail=detail,
    )


def _row(
    *,
    kind: str,
    purse: bytes,
    unit_id: bytes,
    hop: int,
    epoch: int,
    unit: bytes,
    detail: str,
    first: bytes | None = None,
    second: bytes | None = None,
    history: bytes | None = None,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "purse": purse,
        "unit_id": unit_id,
        "hop": hop,
        "epoch": epoch,
        "unit": unit,
        "detail": detail,
        "first": first,
        "second": second,
        "history": history,
    }


def store_cases(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Add the cases that are not known yet: one for each unit, kind, purse and hop."""
    for row in rows:
        same = [CASE.c[name] == row[name] for name in ("unit_id", "kind", "purse", "hop")]
        if connection.execute(select(CASE.c.sequence).where(*same)).one_or_none() is None:
            connection.execute(CASE.insert().values(**row))
