"""The signed requests of a vault: one at a time for each service, and none lost (EPP-VLT-008, EPP-SVC-003).

A request is durable, with its sequence, before it is sent. Until there is an answer the very same bytes are
sent again, and no other request to that service before them. What an answer asks for (taking an issue, a
renewed purse ID) is durable in the purse before the request counts as answered. So it may all happen twice,
and every step of it is one that changes nothing the second time.

Methods raise ServiceUnreachable (try again), ServiceRefused (answered with a refusal), PurseLostPower,
DatabaseError and StoreError.
"""

from collections.abc import Callable, Mapping

from eiraku.reference.device import Accepted, Device, Rejected, Result
from eiraku.reference.meeting import accepted
from eiraku.spec import cbor
from eiraku.spec.centre_objects import Issue
from eiraku.system.exchange.carrier import Carrier, ServiceRefused, ServiceUnreachable
from eiraku.system.exchange.codes import RETRY_AFTER
from eiraku.system.vault.state import Errand, Report, VaultState

ISSUING_CENTRE = "issuing-centre"
DEVICE_CENTRE = "device-centre"

NO_STATEMENT = RETRY_AFTER | {"internal"}
"""Codes of a service that mean: not carried out, or not known; send the very same request again."""

REPLAYED = "request-replayed"


class NotTaken(ValueError):
    """The purse would not take an issue. It is kept, and offered to the purse again by `settle`."""


class Errands:
    """What a vault asks of its centres. `carriers`: the way to each service, by audience.

    `may_take`: whether the purse is free to take an issue, which would end a session.
    """

    def __init__(
        self,
        device: Device,
        state: VaultState,
        carriers: Mapping[str, Carrier],
        may_take: Callable[[], bool],
    ) -> None:
        self._device = device
        self._state = state
        self._carriers = carriers
        self._may_take = may_take

    def ask(self, audience: str, method: str, body: bytes, *, ends_plan: bool = False) -> bytes:
        """Ask for something, after what is in flight there; the answer, carried out."""
        self.finish(audience)
        return self._carry(self._start(audience, method, body, ends_plan=ends_plan))

    def finish(self, audience: str) -> None:
        """Complete what is in flight to a service. A refusal of it is an answer: nobody waits for it."""
        # Two at most: an issue leaves its receipt in flight.
        while (errand := self._state.errand(audience)) is not None:
            try:
                self._carry(errand)
            except ServiceRefused:
                continue

    def send_reports(self, audience: str) -> None:
        """Send every report that a service does not have (EPP-VLT-004)."""
        self.finish(audience)
        for report in self._state.reports(audience):
            # EPP-VLT-002
            body = cbor.encode((report.number, report.code, report.unit_id or None, report.epoch))
            try:
                self._carry(self._start(audience, "suspect", body, report=report.report))
            except ServiceRefused:
                # Kept as refused, for the operator: sending it again would not help.
                continue

    def refused_reports(self, audience: str) -> tuple[Report, ...]:
        """Reports that a service would not take."""
        return self._state.reports(audience, refused=True)

    def take_waiting(self) -> None:
        """Offer the purse again what it would not take. Raises NotTaken if it still will not."""
        for waiting in self._state.waiting():
            result = self._device.take_issue(waiting.encoded)
            if isinstance(result, Rejected):
                raise NotTaken(_not_taken(result))
            self.finish(ISSUING_CENTRE)
            self._receipt(waiting.encoded, result)
            self._state.issue_taken(waiting.encoded)

    # --- one request ---

    def _start(
        self, audience: str, method: str, body: bytes, *, report: int = 0, ends_plan: bool = False
    ) -> Errand:
        return self._state.start(
            audience,
            method,
            lambda sequence: self._device.sign_request(audience, method, sequence, body),
            report=report,
            ends_plan=ends_plan,
        )

    def _carry(self, errand: Errand) -> bytes:
        if errand.method == "issue" and not self._may_take():
            raise ServiceUnreachable("an issue is in flight and the purse is busy; end the session first")
        try:
            answer = self._carriers[errand.audience].request(errand.signed)
        except ServiceRefused as refused:
            if refused.code in NO_STATEMENT:
                raise ServiceUnreachable(f"{errand.audience}: {refused}; send it again") from refused
            if refused.code == REPLAYED:
                self._state.outdated(errand)
            else:
                self._state.done(errand, refused=str(refused))
            raise
        match errand.method:
            case "issue":
                self._take(errand, answer)
            case "renew":
                self._renew(errand, answer)
            case _:
                self._state.done(errand)
        return answer

    def _take(self, errand: Errand, encoded: bytes) -> None:
        """Units first into the purse; then the receipt takes the place of the request."""
        result = self._device.take_issue(encoded)
        if isinstance(result, Rejected):
            self._state.keep_issue(errand, encoded, str(result.refusal))
            raise NotTaken(_not_taken(result))
        self._receipt(encoded, result)

    def _receipt(self, encoded: bytes, result: Result) -> None:
        # EPP-CEN-012
        body = cbor.encode((Issue.decode(encoded).transaction, accepted(result).out))
        receipt = self._start(ISSUING_CENTRE, "receipt", body)
        try:
            self._carry(receipt)
        except (ServiceUnreachable, ServiceRefused):
            # The units are here; the centre asks for the receipt, nobody here does.
            return

    def _renew(self, errand: Errand, signed: bytes) -> None:
        result = self._device.take_purse_id(signed)
        if isinstance(result, Accepted | Rejected):
            self._state.done(errand)
        accepted(result)


def _not_taken(result: Rejected) -> str:
    return f"the vault does not take an issue ({result.refusal}); make room, then settle"
