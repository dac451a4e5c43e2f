"""Suspect purses that showed themselves: durable before they are told anything, and kept until both centres
have them (EPP-VLT-002, EPP-VLT-004).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from eiraku.spec.centre_objects import SuspectBody
from eiraku.spec.errors import Code, Refusal
from eiraku.system.database import Database
from eiraku.system.exchange.carrier import ServiceRefused, ServiceUnreachable
from eiraku.system.exchange.outbox import Answer, Outbox, Request, Taken
from eiraku.system.vault.errors import NotTaken
from eiraku.system.vault.purse import VaultPurse
from eiraku.system.vault.schema import DUE, REASON_MAX, REPORT


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A suspect purse that showed itself (EPP-VLT-012). `unit_id`: 32 bytes, or empty if not about a unit."""

    report: int
    number: bytes
    code: int
    unit_id: bytes
    epoch: int


class Reports:
    """What a vault has to report. `audiences`: to whom. Methods raise DatabaseError."""

    def __init__(
        self, purse: VaultPurse, outbox: Outbox, database: Database, audiences: Sequence[str]
    ) -> None:
        self._purse = purse
        self._outbox = outbox
        self._database = database
        self._audiences = audiences
        outbox.handle("suspect", _answered)

    def suspect(self, number: bytes, code: Code, unit_id: bytes) -> None:
        """Keep a report, and send it if that works; the same one again changes nothing."""
        self._keep(number, int(code), unit_id, self._purse.epoch)
        try:
            self.send()
        except (ServiceUnreachable, NotTaken, Refusal):
            # It is in the outbox; what is wrong with another request is for `settle` to say.
            return

    def send(self) -> None:
        """Send every report that is due. Raises ServiceUnreachable when it has tried all services."""
        missed: ServiceUnreachable | None = None
        for audience in self._audiences:
            if not self.due(audience):
                continue
            try:
                self._send(audience)
            except ServiceUnreachable as error:
                missed = error
        if missed is not None:
            raise missed

    def due(self, audience: str, *, refused: bool = False) -> tuple[Report, ...]:
        """Reports that a service does not have yet, in order; `refused`: those that it would not take."""
        query = (
            select(REPORT)
            .join(DUE, DUE.c.report == REPORT.c.id)
            .where(DUE.c.audience == audience, (DUE.c.refused != "") == refused)
            .order_by(REPORT.c.id)
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

    def _send(self, audience: str) -> None:
        self._outbox.finish(audience)
        for report in self.due(audience):
            # EPP-VLT-012
            body = SuspectBody(
                number=report.number, code=report.code, unit_id=report.unit_id or None, epoch=report.epoch
            ).encode()
            try:
                self._outbox.ask(audience, "suspect", body, about=report.report)
            except ServiceRefused:
                # Kept as refused, for the operator: sending it again would not help.
                continue

    def _keep(self, number: bytes, code: int, unit_id: bytes, epoch: int) -> None:
        row = {"number": number, "code": code, "unit_id": unit_id, "epoch": epoch}
        with self._database.writing() as connection:
            # EPP-VLT-020
            same = [REPORT.c[name] == value for name, value in row.items()]
            if connection.execute(select(REPORT.c.id).where(*same)).first() is not None:
                return
            _forget(connection, epoch)
            report = connection.execute(REPORT.insert().values(**row)).inserted_primary_key
            assert report is not None  # noqa: S101 - of an insert of one row
            for audience in self._audiences:
                connection.execute(DUE.insert().values(report=report[0], audience=audience, refused=""))


def _answered(request: Request, answer: Answer) -> Taken:
    mine = (DUE.c.report == request.about, DUE.c.audience == request.audience)
    # EPP-VLT-021
    if isinstance(answer, ServiceRefused):
        reason = str(answer)[:REASON_MAX]
        return Taken(also=lambda c: c.execute(DUE.update().where(*mine).values(refused=reason)))
    return Taken(also=lambda c: c.execute(DUE.delete().where(*mine)))


def _forget(connection: Connection, epoch: int) -> None:
    """Reports of earlier epochs that everybody has: they are kept only so as not to be made twice."""
    due = select(DUE.c.report)
    connection.execute(REPORT.delete().where(REPORT.c.epoch < epoch, REPORT.c.id.not_in(due)))
