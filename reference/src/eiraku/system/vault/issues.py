"""Fresh units from the issuing centre: into the purse first, then the receipt (EPP-CEN-070, EPP-VLT-028)."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import Connection, select

from eiraku.reference.device import Accepted, Rejected
from eiraku.reference.meeting import accepted
from eiraku.spec.centre_objects import Issue, IssueBody, ReceiptBody
from eiraku.system.database import Database
from eiraku.system.exchange.carrier import ServiceRefused, ServiceUnreachable
from eiraku.system.exchange.outbox import Answer, Outbox, Request, Taken, Write
from eiraku.system.vault.errors import NotTaken
from eiraku.system.vault.purse import VaultPurse
from eiraku.system.vault.schema import ISSUE, PLAN, REASON_MAX

ISSUING_CENTRE = "issuing-centre"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingIssue:
    """An issue that the purse would not take yet, and why."""

    encoded: bytes
    reason: str


class Issues:
    """Issues asked for, and those that wait. `may_take`: whether the purse is free to take one, which would
    end a session. Methods raise DatabaseError.
    """

    def __init__(
        self, purse: VaultPurse, outbox: Outbox, database: Database, *, may_take: Callable[[], bool]
    ) -> None:
        self._purse = purse
        self._outbox = outbox
        self._database = database
        self._may_take = may_take
        outbox.handle("issue", self._answered)

    def ask(self, values: tuple[int, ...]) -> None:
        """Ask for units of these values; the plan of it is done with when the request is durable.

        Raises ServiceUnreachable, ServiceRefused, NotTaken, PurseLostPower.
        """
        # EPP-CEN-013, EPP-VLT-010
        body = IssueBody(economy=self._purse.identity.claims.economy, values=values).encode()
        self._outbox.ask(ISSUING_CENTRE, "issue", body, also=lambda c: c.execute(PLAN.delete()))

    def waiting(self) -> tuple[WaitingIssue, ...]:
        """Issues that the purse would not take yet."""
        with self._database.reading() as connection:
            return tuple(
                WaitingIssue(encoded=bytes(row.encoded), reason=row.reason)
                for row in connection.execute(select(ISSUE).order_by(ISSUE.c.encoded))
            )

    def take_waiting(self) -> None:
        """Offer the purse again what it would not take. Raises NotTaken if it still will not."""
        for waiting in self.waiting():
            result = self._purse.device.take_issue(waiting.encoded)
            if isinstance(result, Rejected):
                raise _not_taken(result)
            method, body = _receipt(waiting.encoded, accepted(result))
            self._outbox.finish(ISSUING_CENTRE)
            with suppress(ServiceUnreachable, ServiceRefused):
                self._outbox.ask(ISSUING_CENTRE, method, body, also=_forget(waiting.encoded))

    def _answered(self, _request: Request, answer: Answer) -> Taken:
        if isinstance(answer, ServiceRefused):
            return Taken()
        if not self._may_take():
            raise ServiceUnreachable("an issue is in flight and the purse is busy; end the session first")
        result = self._purse.device.take_issue(answer)
        if isinstance(result, Rejected):
            reason = str(result.refusal)[:REASON_MAX]
            return Taken(also=lambda c: _keep(c, answer, reason), error=_not_taken(result))
        # The units are here; the centre asks for the receipt, nobody here does.
        return Taken(then=_receipt(answer, accepted(result)))


def _keep(connection: Connection, encoded: bytes, reason: str) -> None:
    if connection.execute(select(ISSUE).where(ISSUE.c.encoded == encoded)).first() is None:
        connection.execute(ISSUE.insert().values(encoded=encoded, reason=reason))


def _forget(encoded: bytes) -> Write:
    return lambda connection: connection.execute(ISSUE.delete().where(ISSUE.c.encoded == encoded))


def _receipt(encoded: bytes, taken: Accepted) -> tuple[str, bytes]:
    """Method and body of it."""
    # EPP-CEN-070
    body = ReceiptBody(transaction=Issue.decode(encoded).transaction, signature=taken.out or b"")
    return "receipt", body.encode()


def _not_taken(result: Rejected) -> NotTaken:
    return NotTaken(f"the vault does not take an issue ({result.refusal}); make room, then settle")
