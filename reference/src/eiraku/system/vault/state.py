"""What a vault remembers beside its purse: requests in flight, reports to be sent, plans, its bulletin's age.

One SQLite file (or another database by URL) for one vault. Each public method is one durable write, or reads.
All of them raise DatabaseError. Purse numbers are 8 bytes, transactions 16, unit identifiers 32.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import (
    Column,
    Connection,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    UniqueConstraint,
    select,
)

from eiraku.system.database import Database, DatabaseError, Schema
from eiraku.system.vault.stock import Exchange

METADATA = MetaData()
_VAULT = Table(
    "vault",
    METADATA,
    Column("number", LargeBinary(8), primary_key=True),
    Column("confirmed", Float, nullable=True),
)
_SERVICE = Table(
    "service",
    METADATA,
    Column("audience", String(32), primary_key=True),
    Column("sequence", Integer, nullable=False),
)
_ERRAND = Table(
    "errand",
    METADATA,
    Column("audience", String(32), primary_key=True),
    Column("method", String(32), nullable=False),
    Column("signed", LargeBinary, nullable=False),
    Column("report", Integer, nullable=False),
)
_REPORT = Table(
    "report",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("number", LargeBinary(8), nullable=False),
    Column("code", Integer, nullable=False),
    Column("unit_id", LargeBinary(32), nullable=False),
    Column("epoch", Integer, nullable=False),
    UniqueConstraint("number", "code", "unit_id", "epoch"),
)
_DUE = Table(
    "due",
    METADATA,
    Column("report", Integer, primary_key=True),
    Column("audience", String(32), primary_key=True),
    Column("refused", String(400), nullable=False),
)
_ISSUE = Table(
    "issue",
    METADATA,
    Column("encoded", LargeBinary, primary_key=True),
    Column("reason", String(400), nullable=False),
)
_CENTRE = Table("centre", METADATA, Column("number", LargeBinary(8), primary_key=True))
_CLAIMED = Table("claimed", METADATA, Column("tx", LargeBinary(16), primary_key=True))
_PLAN = Table(
    "plan",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("home", LargeBinary, nullable=False),
    Column("exponents", LargeBinary, nullable=False),
)
SCHEMA = Schema(name="vault", version=1, metadata=METADATA)

REASON_MAX = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A signed request that has no answer yet; `report`: which one it carries, 0 for none."""

    audience: str
    method: str
    signed: bytes
    report: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A suspect purse that showed itself (EPP-VLT-002). `unit_id`: 32 bytes, or empty if not about a unit."""

    report: int
    number: bytes
    code: int
    unit_id: bytes
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingIssue:
    """An issue that the purse would not take yet, and why."""

    encoded: bytes
    reason: str


class VaultState:
    """The open file of one vault."""

    def __init__(self, where: Path | str, number: bytes) -> None:
        """`where`: a file, or a database URL; `number`: of the vault's purse. Raises DatabaseError."""
        url = f"sqlite:///{where}" if isinstance(where, Path) else where
        self._database = Database(url, SCHEMA)
        try:
            with self._database.writing() as connection:
                row = connection.execute(select(_VAULT)).one_or_none()
                found = None if row is None else bytes(row.number)
                if found is None:
                    connection.execute(_VAULT.insert().values(number=number))
            self._check(number, found)
        except BaseException:
            self.close()
            raise

    def _check(self, number: bytes, found: bytes | None) -> None:
        if found not in (None, number):
            raise DatabaseError(
                f"{self._database.name}: expected the file of vault {number.hex()}, found that of "
                f"{found.hex()}; name another file"
            )

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    # --- the bulletin ---

    def confirmed(self) -> float | None:
        """When the bulletin was last known to be the newest, in seconds of the vault's clock."""
        with self._database.reading() as connection:
            found = connection.execute(select(_VAULT.c.confirmed)).scalar_one()
        return None if found is None else float(found)

    def confirm(self, now: float) -> None:
        """It is known to be the newest."""
        with self._database.writing() as connection:
            connection.execute(_VAULT.update().values(confirmed=now))

    # --- requests in flight ---

    def errand(self, audience: str) -> Errand | None:
        """The request to a service that has no answer yet."""
        with self._database.reading() as connection:
            row = connection.execute(select(_ERRAND).where(_ERRAND.c.audience == audience)).one_or_none()
        if row is None:
            return None
        return Errand(audience=row.audience, method=row.method, signed=bytes(row.signed), report=row.report)

    def start(
        self,
        audience: str,
        method: str,
        sign: Callable[[int], bytes],
        *,
        report: int = 0,
        ends_plan: bool = False,
    ) -> Errand:
        """The next request to a service, in place of the one before; `sign`: sequence to signed bytes."""
        with self._database.writing() as connection:
            # EPP-SVC-003: the sequence is used up before anything is sent under it
            last = connection.execute(
                select(_SERVICE.c.sequence).where(_SERVICE.c.audience == audience)
            ).scalar_one_or_none()
            if last is None:
                connection.execute(_SERVICE.insert().values(audience=audience, sequence=1))
            else:
                mine = _SERVICE.c.audience == audience
                connection.execute(_SERVICE.update().where(mine).values(sequence=last + 1))
            signed = sign((last or 0) + 1)
            connection.execute(_ERRAND.delete().where(_ERRAND.c.audience == audience))
            connection.execute(
                _ERRAND.insert().values(audience=audience, method=method, signed=signed, report=report)
            )
            if ends_plan:
                connection.execute(_PLAN.delete())
        return Errand(audience=audience, method=method, signed=signed, report=report)

    def done(self, errand: Errand, *, refused: str | None = None) -> None:
        """The request is answered; a report in it is acknowledged, or refused with a reason."""
        with self._database.writing() as connection:
            connection.execute(_ERRAND.delete().where(_ERRAND.c.audience == errand.audience))
            if errand.report:
                mine = (_DUE.c.report == errand.report, _DUE.c.audience == errand.audience)
                # EPP-VLT-004
                if refused is None:
                    connection.execute(_DUE.delete().where(*mine))
                else:
                    connection.execute(_DUE.update().where(*mine).values(refused=refused[:REASON_MAX]))

    def outdated(self, errand: Errand) -> None:
        """The service has seen higher sequences: this file is from a backup. Go on from far above."""
        with self._database.writing() as connection:
            mine = _SERVICE.c.audience == errand.audience
            connection.execute(_SERVICE.update().where(mine).values(sequence=2 * _SERVICE.c.sequence + 1))
            connection.execute(_ERRAND.delete().where(_ERRAND.c.audience == errand.audience))

    # --- reports ---

    def add_report(
        self, number: bytes, code: int, unit_id: bytes, epoch: int, audiences: Sequence[str]
    ) -> None:
        """Keep a report until each of `audiences` has it; the same one again changes nothing."""
        row = {"number": number, "code": code, "unit_id": unit_id, "epoch": epoch}
        with self._database.writing() as connection:
            same = [_REPORT.c[name] == value for name, value in row.items()]
            if connection.execute(select(_REPORT.c.id).where(*same)).first() is not None:
                return
            _forget_reports(connection, epoch)
            report = connection.execute(_REPORT.insert().values(**row)).inserted_primary_key
            assert report is not None  # noqa: S101 - of an insert of one row
            for audience in audiences:
                connection.execute(_DUE.insert().values(report=report[0], audience=audience, refused=""))

    def reports(self, audience: str, *, refused: bool = False) -> tuple[Report, ...]:
        """Reports that a service does not have yet, in order; `refused`: those that it would not take."""
        query = (
            select(_REPORT)
            .join(_DUE, _DUE.c.report == _REPORT.c.id)
            .where(_DUE.c.audience == audience, (_DUE.c.refused != "") == refused)
            .order_by(_REPORT.c.id)
        )
        with self._database.reading() as connection:
            return tuple(
                Report(
                    report=row.id,
                    number=bytes(row.number),
                    code=row.code,
                    unit_id=bytes(row.unit_id),
                    epoch=row.epoch,
                )
                for row in connection.execute(query)
            )

    # --- issues that wait, centres, the plan ---

    def keep_issue(self, errand: Errand, encoded: bytes, reason: str) -> None:
        """An issue that the purse would not take is not lost; its request is answered."""
        with self._database.writing() as connection:
            known = connection.execute(select(_ISSUE).where(_ISSUE.c.encoded == encoded)).first()
            if known is None:
                connection.execute(_ISSUE.insert().values(encoded=encoded, reason=reason[:REASON_MAX]))
            connection.execute(_ERRAND.delete().where(_ERRAND.c.audience == errand.audience))

    def waiting(self) -> tuple[WaitingIssue, ...]:
        """Issues that the purse would not take yet."""
        with self._database.reading() as connection:
            return tuple(
                WaitingIssue(encoded=bytes(row.encoded), reason=row.reason)
                for row in connection.execute(select(_ISSUE).order_by(_ISSUE.c.encoded))
            )

    def issue_taken(self, encoded: bytes) -> None:
        """It waits no longer."""
        with self._database.writing() as connection:
            connection.execute(_ISSUE.delete().where(_ISSUE.c.encoded == encoded))

    def centres(self) -> frozenset[bytes]:
        """Numbers of the issuing centre's purses that were met."""
        with self._database.reading() as connection:
            return frozenset(bytes(number) for number in connection.execute(select(_CENTRE)).scalars())

    def met_centre(self, number: bytes) -> None:
        """A purse of the issuing centre."""
        with self._database.writing() as connection:
            if connection.execute(select(_CENTRE).where(_CENTRE.c.number == number)).first() is None:
                connection.execute(_CENTRE.insert().values(number=number))

    def claimed(self) -> frozenset[bytes]:
        """Pending transactions that were claimed: they are delivered again no more."""
        with self._database.reading() as connection:
            return frozenset(bytes(tx) for tx in connection.execute(select(_CLAIMED)).scalars())

    def claim(self, transaction: bytes) -> None:
        """The issuing centre has a claim for it."""
        with self._database.writing() as connection:
            if connection.execute(select(_CLAIMED).where(_CLAIMED.c.tx == transaction)).first() is None:
                connection.execute(_CLAIMED.insert().values(tx=transaction))

    def plan(self) -> Exchange | None:
        """The exchange that is under way."""
        with self._database.reading() as connection:
            row = connection.execute(select(_PLAN)).one_or_none()
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
            connection.execute(_PLAN.delete())
            if plan is not None:
                exponents = bytes(value.bit_length() - 1 for value in plan.values)
                connection.execute(_PLAN.insert().values(id=1, home=b"".join(plan.home), exponents=exponents))


def _forget_reports(connection: Connection, epoch: int) -> None:
    """Reports of earlier epochs that everybody has: they are kept only so as not to be made twice."""
    due = select(_DUE.c.report)
    connection.execute(_REPORT.delete().where(_REPORT.c.epoch < epoch, _REPORT.c.id.not_in(due)))
