"""Challenges, self-reports and findings in the device centre's database (EPP-DEV-006, 007, 016).

A challenge is used up by the first report over it, which is stored with its findings in the same durable
change; the very same report again gives the same findings.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select

from eiraku.reference.crypto import cose
from eiraku.spec.centre_objects import CONTEXT_CHALLENGE, REQUEST_MAX, Challenge, SelfReport
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import Role
from eiraku.system.database import Database, batches
from eiraku.system.device import inspection
from eiraku.system.device.histories import last_deposit, units_known
from eiraku.system.device.inspection import Finding, HeldBefore, UnitKnown
from eiraku.system.device.keys import key_for
from eiraku.system.device.purses import purse_row, registered
from eiraku.system.device.schema import CENTRE, CHALLENGE, EVENT, FINDING, HELD, REPORT, epoch_of
from eiraku.system.issuing.history import History

_WORDS = 500


class Inspections:
    """Challenges, and what comes of the reports over them. `random`: so many fresh random bytes."""

    def __init__(self, database: Database, random: Callable[[int], bytes]) -> None:
        self._database = database
        self._random = random

    def challenge(self, number: bytes, history: History | None = None) -> bytes:
        """A fresh challenge for a self-report, as signed; an earlier one is void. Raises RegistryError.

        With `history`, only what was deposited before this challenge counts against the report.
        """
        deposits = None if history is None else last_deposit(history)
        with self._database.writing() as connection:
            purse_row(connection, number)
            epoch = epoch_of(connection)
            asked = Challenge(number=number, challenge=self._random(16), epoch=epoch)
            # EPP-DEV-045
            key = key_for(connection, epoch)
            _keep(connection, asked, deposits=deposits)
            return cose.sign(key.key, CONTEXT_CHALLENGE, asked.encode(), kid=key.kid)

    def inspect(self, number: bytes, signed_report: bytes, history: History | None) -> Sequence[Finding]:
        """Verify a self-report and compare it (EPP-DEV-007): what contradicts, both sides of it.

        The same report again gives the same findings. Raises Refusal for what is not a report of this purse
        over its newest challenge, RegistryError for an unknown number, DatabaseError.
        """
        with self._database.reading() as connection:
            purse = registered(purse_row(connection, number))
            deposits = _deposits_at_challenge(connection, number)
        report = inspection.read(number, purse.public_key, signed_report)
        known = None if history is None else units_known(history, self._units(report), until=deposits)
        with self._database.writing() as connection:
            before = _stored(connection, number, signed_report)
            if before is not None:
                return before
            return _compare_and_store(connection, report, signed_report, role=purse.role, known=known)

    def findings(self, number: bytes) -> Sequence[Finding]:
        """What inspections of a purse found, oldest first."""
        with self._database.reading() as connection:
            return _all_findings(connection, number)

    def _units(self, report: SelfReport) -> list[bytes]:
        """Units of a report and of the one before."""
        with self._database.reading() as connection:
            before = _last_report(connection, report.number)
        return sorted({unit_id for each in (report, before) if each for unit_id, _ in each.units})


def _keep(connection: Connection, asked: Challenge, *, deposits: int | None) -> None:
    """Keep a challenge; an earlier one of this purse is void (EPP-DEV-016, EPP-DEV-111)."""
    connection.execute(CHALLENGE.delete().where(CHALLENGE.c.number == asked.number))
    row = {
        "number": asked.number,
        "challenge": asked.challenge,
        "at": _tick(connection),
        "deposits": deposits,
    }
    connection.execute(CHALLENGE.insert().values(**row))


def _deposits_at_challenge(connection: Connection, number: bytes) -> int | None:
    """The issuing centre's last deposit at the newest challenge (EPP-DEV-130); None: not known."""
    query = select(CHALLENGE.c.deposits).where(CHALLENGE.c.number == number)
    return connection.execute(query).scalar_one_or_none()


def _stored(connection: Connection, number: bytes, signed: bytes) -> Sequence[Finding] | None:
    """Findings of the very same report, if it came before (EPP-DEV-113)."""
    query = select(REPORT.c.at).where(REPORT.c.number == number, REPORT.c.signed == signed)
    at = connection.execute(query).scalars().first()
    return None if at is None else _findings(connection, at)


def _compare_and_store(
    connection: Connection,
    report: SelfReport,
    signed: bytes,
    *,
    role: Role,
    known: Mapping[bytes, UnitKnown | None] | None,
) -> Sequence[Finding]:
    """Use up the challenge, compare, store report and findings. Raises Refusal(AUTHENTICATION)."""
    number = report.number
    asked = connection.execute(select(CHALLENGE).where(CHALLENGE.c.number == number)).one_or_none()
    # EPP-DEV-016
    if asked is None or asked.challenge != report.challenge:
        raise Refusal(
            Code.AUTHENTICATION, "EPP-DEV-016", "self-report: not over the newest challenge; ask for another"
        )
    # EPP-DEV-112
    connection.execute(CHALLENGE.delete().where(CHALLENGE.c.number == number))
    epoch = connection.execute(select(CENTRE.c.epoch)).scalar_one()
    last = _last(connection, number)
    found = [*inspection.by_itself(report, role=role), *inspection.against_clock(report, epoch)]
    if last is not None:
        before = _decoded(last.signed)
        found += inspection.against_last(report, before)
        if role is not Role.CENTRE:  # EPP-CEN-063: its units go into the database
            found += inspection.against_flow(report, before, known or {})
        found += inspection.against_memory(
            report,
            before,
            known_before=_known_digest(connection, report),
            renewed=_renewed(connection, number),
        )
    at = _tick(connection)
    last_at = None if last is None else last.at
    found += _hold(connection, report, challenged=asked.at, last=last_at, at=at)
    # EPP-DEV-132
    if known is not None:
        found += inspection.against_issuer(report, known, number=number)
    row = {"at": at, "number": number, "digest": report.digest, "epoch": epoch, "signed": signed}
    connection.execute(REPORT.insert().values(**row))
    for position, finding in enumerate(found):
        fields = {name: getattr(finding, name) for name in ("kind", "unit_id")}
        words = {"reported": finding.reported[:_WORDS], "known": finding.known[:_WORDS]}
        connection.execute(FINDING.insert().values(report=at, position=position, **fields, **words))
    return found


def _last_report(connection: Connection, number: bytes) -> SelfReport | None:
    """The newest report of a purse."""
    last = _last(connection, number)
    return None if last is None else _decoded(last.signed)


def _all_findings(connection: Connection, number: bytes) -> Sequence[Finding]:
    """Of every report of a purse, oldest first."""
    query = select(REPORT.c.at).where(REPORT.c.number == number).order_by(REPORT.c.at)
    return [
        finding for at in connection.execute(query).scalars().all() for finding in _findings(connection, at)
    ]


def _last(connection: Connection, number: bytes) -> Any:
    query = select(REPORT.c.at, REPORT.c.signed).where(REPORT.c.number == number)
    return connection.execute(query.order_by(REPORT.c.at.desc()).limit(1)).one_or_none()


def _decoded(signed: bytes) -> SelfReport:
    return SelfReport.decode(cose.parse(signed, limit=4 * REQUEST_MAX).payload)


def _known_digest(connection: Connection, report: SelfReport) -> bool:
    same = (REPORT.c.number == report.number, REPORT.c.digest == report.digest)
    return connection.execute(select(REPORT.c.at).where(*same)).first() is not None


def _renewed(connection: Connection, number: bytes) -> bool:
    renewed = (EVENT.c.number == number, EVENT.c.kind == "renewed")
    return connection.execute(select(EVENT.c.sequence).where(*renewed)).first() is not None


def _hold(
    connection: Connection, report: SelfReport, *, challenged: int, last: int | None, at: int
) -> list[Finding]:
    """Compare each unit with what anybody reported before, and remember it."""
    number = report.number
    units = dict(report.units)
    before: dict[bytes, list[HeldBefore]] = {unit_id: [] for unit_id in units}
    for some in batches(list(units)):
        for row in connection.execute(select(HELD).where(HELD.c.unit_id.in_(some)).order_by(HELD.c.hop)):
            before[row.unit_id].append(
                HeldBefore(number=row.number, hop=row.hop, first=row.first, last=row.last)
            )
    found: list[Finding] = []
    new: list[dict[str, Any]] = []
    for unit_id, hop in units.items():
        found += inspection.against_held(
            number, unit_id, hop, before[unit_id], challenged=challenged, last=last
        )
        if any((known.number, known.hop) == (number, hop) for known in before[unit_id]):
            mine = (HELD.c.unit_id == unit_id, HELD.c.hop == hop, HELD.c.number == number)
            connection.execute(HELD.update().where(*mine).values(last=at))
        else:
            new.append({"unit_id": unit_id, "hop": hop, "number": number, "first": at, "last": at})
    if new:
        connection.execute(HELD.insert(), new)
    return found


def _findings(connection: Connection, at: int) -> list[Finding]:
    query = select(FINDING).where(FINDING.c.report == at).order_by(FINDING.c.position)
    return [
        Finding(kind=row.kind, unit_id=row.unit_id, reported=row.reported, known=row.known)
        for row in connection.execute(query)
    ]


def _tick(connection: Connection) -> int:
    clock = int(connection.execute(select(CENTRE.c.clock)).scalar_one()) + 1
    connection.execute(CENTRE.update().values(clock=clock))
    return clock
