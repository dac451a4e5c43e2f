"""Deposits: what becomes of a unit that came home (EPP-CEN-004 to 007, 014).

Opening and verifying chains needs no database and may be done elsewhere; `Deposits.store` then stores
any number of them in one durable write.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, bindparam, select

from eiraku.reference.anchor import parse_unit
from eiraku.spec.errors import Refusal
from eiraku.spec.messages import OfferedUnit
from eiraku.system.database import batches
from eiraku.system.issuing.attribution import Fork, forks
from eiraku.system.issuing.cases import (
    BAD_HISTORY,
    NOT_ISSUED,
    UNKNOWN,
    copy_case,
    layer_case,
    store_cases,
    unknown_case,
)
from eiraku.system.issuing.chain import BadLayer, Chain, Opener
from eiraku.system.issuing.office import Office
from eiraku.system.issuing.schema import (
    BOOKING,
    BOOKS,
    CLAIM,
    DEPOSIT,
    UNIT,
    IssuerError,
    State,
    outstanding_account,
    read_path,
    vault_account,
    write_path,
)

CREDITED = "credited"
REPEATED = "repeated"
COPIED = "copy"
LATE = "late"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A deposit that was opened: `found` is its chain, or what is wrong with it.

    `unit`: as signed; `history`: as deposited, kept only with a fault; `economy`: of the depositor, None for
    that of the unit.
    """

    unit_id: bytes
    unit: bytes
    history: bytes
    economy: int | None
    found: Chain | BadLayer | Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposited:
    """What became of one unit: `credited`, `repeated`, `copy`, `bad-history`, `late` or `unknown`.

    `convicted`: the purse of which this deposit gave evidence of a double spend, or that made the bad layer,
    if no other key of a purse can be the fault.
    """

    unit_id: bytes
    outcome: str
    convicted: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Credit:
    payer: bytes
    unit_id: bytes
    value: int
    economy: int
    at_economy: int


def open_deposit(
    opener: Opener, unit: bytes, hop: int, history: bytes, *, economy: int | None = None
) -> Opened:
    """Open one deposit; a fault is part of the result."""
    found: Chain | BadLayer | Refusal
    try:
        # EPP-CEN-002
        found = opener.open(unit, hop, history)
        identifier, kept = found.unit_id, b""
    except BadLayer as fault:
        found, identifier, kept = fault, parse_unit(unit).unit_id, history
    except Refusal as refusal:
        found, identifier, kept = refusal, sha256(unit).digest(), history
    return Opened(unit_id=identifier, unit=unit, history=kept, economy=economy, found=found)


class Deposits:
    """Taking units home."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def deposit(
        self, payer: bytes, payer_economy: int | None, transaction: bytes, holdings: Sequence[OfferedUnit]
    ) -> tuple[Deposited, ...]:
        """Credit the units that `payer` gave to the centre's purse in one transaction, in one durable write.

        `payer_economy`: None stands for that of each unit. Raises DatabaseError.
        """
        opener = self._office.opener()
        return self.store(
            [
                _of(open_deposit(opener, h.unit, h.hop, h.history, economy=payer_economy), payer, transaction)
                for h in holdings
            ]
        )

    def store(self, opened: Sequence[Opened]) -> tuple[Deposited, ...]:
        """Store deposits that were opened, in one durable write and in the order given.

        Each unit is credited to the payer of the last endorsement of its chain. Raises DatabaseError.
        """
        if not opened:
            return ()
        with self._office.database.writing() as connection:
            writing = _Writing(connection, self._office.refresh(connection), opened)
            done = tuple(writing.take(each) for each in opened)
            # EPP-CEN-057
            writing.store()
            _credit(connection, writing)
        return done


class _Writing:
    """What one write knows of the units it is about, and what it will store."""

    def __init__(self, connection: Connection, centre: Any, opened: Sequence[Opened]) -> None:
        self.connection = connection
        self.centre = centre
        ids = sorted({each.unit_id for each in opened if isinstance(each.found, Chain)})
        self.units = {row.unit_id: row for row in _rows(connection, UNIT, ids)}
        self.states = {unit_id: State(row.state) for unit_id, row in self.units.items()}
        self.deposited: dict[bytes, list[Chain]] = {}
        for row in _rows(connection, DEPOSIT, ids):
            self.deposited.setdefault(row.unit_id, []).append(read_path(row.unit_id, row.path))
        self.claimed: dict[bytes, list[Chain]] = {}
        for row in _rows(connection, CLAIM, ids):
            if row.path:
                self.claimed.setdefault(row.unit_id, []).append(read_path(row.unit_id, row.path))
        self.rows: list[dict[str, Any]] = []
        self.cases: list[dict[str, Any]] = []
        self.credits: list[_Credit] = []

    def take(self, opened: Opened) -> Deposited:
        """Decide what becomes of one deposit."""
        found, epoch = opened.found, self.centre.epoch
        match found:
            case BadLayer():
                # EPP-CEN-003
                case = layer_case(found, opened.unit_id, opened.unit, opened.history, epoch)
                # EPP-CEN-104
                maker = found.purse if found.payer is None else None
                return self._suspect(opened, BAD_HISTORY, case, maker)
            case Refusal():
                return self._unknown(opened, str(found))
        unit = self.units.get(found.unit_id)
        if unit is None:
            return self._unknown(opened, NOT_ISSUED)
        earlier = self.deposited.setdefault(found.unit_id, [])
        # EPP-CEN-055
        if any(_equal(found, chain) for chain in earlier):
            return Deposited(unit_id=found.unit_id, outcome=REPEATED, convicted=None)
        # EPP-CEN-004, EPP-CEN-005
        copies = forks(found, (*earlier, *self.claimed.get(found.unit_id, ())))
        self.cases += [copy_case(fork, opened.unit, epoch) for fork in copies]
        outcome = self._outcome(unit)
        earlier.append(found)
        self.rows.append(
            {
                "unit_id": found.unit_id,
                "epoch": epoch,
                "outcome": outcome,
                "path": write_path(found.endorsements),
            }
        )
        if outcome == CREDITED:
            self.states[found.unit_id] = State.REDEEMED
            at = unit.economy if opened.economy is None else opened.economy
            self.credits.append(
                _Credit(
                    payer=found.endorsements[-1].payer,
                    unit_id=found.unit_id,
                    value=unit.value,
                    economy=unit.economy,
                    at_economy=at,
                )
            )
        return Deposited(unit_id=found.unit_id, outcome=outcome, convicted=_deepest(copies))

    def store(self) -> None:
        """Write everything but the books."""
        if self.rows:
            self.connection.execute(DEPOSIT.insert(), self.rows)
        if self.credits:
            change = UNIT.update().where(UNIT.c.unit_id == bindparam("which"))
            credited = [{"which": credit.unit_id} for credit in self.credits]
            self.connection.execute(change.values(state=int(State.REDEEMED)), credited)
        store_cases(self.connection, self.cases)

    def _outcome(self, unit: Any) -> str:
        # EPP-CEN-007
        if self.centre.epoch > unit.expires + self.centre.redemption_grace:
            return LATE
        # EPP-CEN-014, EPP-CEN-072
        return CREDITED if self.states[unit.unit_id] is State.OUTSTANDING else COPIED

    def _unknown(self, opened: Opened, detail: str) -> Deposited:
        # EPP-CEN-083
        case = unknown_case(opened.unit_id, opened.unit, self.centre.epoch, detail)
        return self._suspect(opened, UNKNOWN, case, None)

    def _suspect(self, opened: Opened, outcome: str, case: dict[str, Any], purse: bytes | None) -> Deposited:
        self.cases.append(case)
        return Deposited(unit_id=opened.unit_id, outcome=outcome, convicted=purse)


def _credit(connection: Connection, writing: _Writing) -> None:
    if not writing.credits:
        return
    amounts: dict[str, int] = {}
    booked: dict[tuple[int, int], int] = {}
    for credit in writing.credits:
        vault, owed = vault_account(credit.payer), outstanding_account(credit.economy)
        amounts[vault] = amounts.get(vault, 0) + credit.value
        amounts[owed] = amounts.get(owed, 0) - credit.value
        pair = credit.economy, credit.at_economy
        booked[pair] = booked.get(pair, 0) + credit.value
    # Each unit is credited once, so this name is never made twice.
    name = b"".join(credit.unit_id for credit in writing.credits)
    BOOKS.post(connection, sha256(b"deposit" + name).digest()[:16], amounts)
    now = writing.centre.epoch
    rows = [
        {"kind": "redeem", "economy": economy, "at_economy": at, "value": value, "epoch": now}
        for (economy, at), value in sorted(booked.items())
    ]
    connection.execute(BOOKING.insert(), rows)


def _of(opened: Opened, payer: bytes, transaction: bytes) -> Opened:
    """The caller names the transaction by which the unit came; its chain must say the same."""
    if isinstance(opened.found, Chain):
        last = opened.found.endorsements[-1]
        if (last.payer, last.transaction) != (payer, transaction):
            raise IssuerError(
                f"expected a unit given by {payer.hex()} in transaction {transaction.hex()}, found one by "
                f"{last.payer.hex()} in {last.transaction.hex()}; deposit each transaction by itself"
            )
    return opened


def _rows(connection: Connection, table: Any, unit_ids: Sequence[bytes]) -> Iterable[Any]:
    for some in batches(unit_ids):
        query = select(table).where(table.c.unit_id.in_(some))
        if table is not UNIT:
            query = query.order_by(table.c.sequence)
        yield from connection.execute(query)


def _equal(one: Chain, other: Chain) -> bool:
    return [e.content for e in one.endorsements] == [e.content for e in other.endorsements]


def _deepest(copies: Sequence[Fork]) -> bytes | None:
    """The signer whom this chain convicts: forks nearer to the issue were seen between earlier chains."""
    return copies[-1].signer if copies else None
