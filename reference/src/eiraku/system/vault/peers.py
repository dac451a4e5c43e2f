"""Sessions of a vault's purse: served as responder, or led as initiator with a service (EPP-VLT-001, -002).

`Peers` knows the device and nothing of the centres' requests; what it has to report it hands to `suspect`.
"""

from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from eiraku.reference.device import Accepted, Device, Rejected, Result
from eiraku.reference.purse.state import (
    Open,
    Order,
    Ready,
    SuspectPurse,
    SuspectUnit,
)
from eiraku.spec.errors import Code, Refusal, Refused
from eiraku.spec.messages import Reject
from eiraku.spec.objects import PurseId
from eiraku.spec.tables import Side, Transfer
from eiraku.system.exchange.carrier import (
    Carrier,
    ServiceRefused,
    ServiceUnreachable,
    Session,
)
from eiraku.system.exchange.sessions import Answer
from eiraku.system.vault.errands import done

Suspect = Callable[[bytes, Code, bytes], None]
"""(purse number, code, unit identifier or nothing): keeps the report before it returns."""


class PeerRefused(Refused):
    """The purse behind a service refused. `code`: its label, `authentication` for any handshake."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"the purse behind the service refuses: {code}; {detail}")
        self.code = code


class Peers:
    """One session at a time. `met`: told of each authenticated peer, before value moves."""

    def __init__(self, device: Device, *, suspect: Suspect, met: Callable[[PurseId], None]) -> None:
        self._device = device
        self._suspect = suspect
        self._met = met
        self._payee: bytes | None = None
        self.active = False

    # --- served ---

    def begin(self, order: Order, payee: bytes | None) -> None:
        """Be responder; `payee`: the only purse that may be paid, None for any. Raises Refusal."""
        done(self._device.order(order))
        done(self._device.open(Side.RESPONDER))
        self._payee = payee
        self.active = True

    def deliver(self, data: bytes) -> Answer:
        """One message of the peer, and what is said to it. Raises PurseLostPower."""
        result = self._device.deliver(data)
        peer = self.peer()
        # EPP-VLT-007
        if peer is not None and self._payee not in (None, peer.number):
            self.end()
            return Answer(out=None, is_open=False, code=Code.AUTHENTICATION.label)
        self.active = result.is_open
        match result:
            case Rejected():
                self.look(result.refusal)
                return Answer(out=result.out, is_open=False, code=result.refusal.code.label)
            case _:
                reject = done(result).reject
                code = "" if reject is None else _label(reject)
                return Answer(out=result.out, is_open=result.is_open, code=code)

    def end(self) -> None:
        """Let go of the session; the purse forgets it at the next opening (EPP-SES-027)."""
        self.active = False

    # --- led ---

    def meet(self, carrier: Carrier, order: Order) -> None:
        """Lead a session to its receipt. Raises Refusal, PeerRefused, ServiceUnreachable, ServiceRefused.

        After any of them the payment may be pending in the purse; then it is delivered again.
        """
        done(self._device.order(order))
        session = carrier.open()
        result: Result = self._device.open(Side.INITIATOR)
        paid = False
        while True:
            out = self._say(session, result)
            if out is None:
                break
            answer = session.exchange(out)
            if answer is None:
                raise ServiceUnreachable("the session ended without an answer; settle")
            own = self._session()
            paid = isinstance(own, Open) and own.row is Transfer.PAYER_PAID
            result = self._device.deliver(answer)
            peer = self.peer()
            if peer is not None:
                self._met(peer)
        if not paid:
            raise PeerRefused(Code.AUTHENTICATION.label, "the handshake failed; is this vault revoked?")

    def _say(self, session: Session, result: Result) -> bytes | None:
        match result:
            case Rejected():
                self._tell(session, result)
            case Accepted(reject=Reject() as reject):
                raise PeerRefused(_label(reject), "correct the amount or the units")
        return done(result).out

    def _tell(self, session: Session, result: Rejected) -> NoReturn:
        if result.out is not None:
            with suppress(ServiceUnreachable, ServiceRefused):
                session.exchange(result.out)
        self.look(result.refusal)
        raise result.refusal

    # --- both ---

    def look(self, refusal: Refusal) -> None:
        """Report a refusal that is to be reported (EPP-VLT-002)."""
        match refusal:
            case SuspectPurse():
                self._suspect(refusal.purse, refusal.code, b"")
            case SuspectUnit():
                self._suspect(refusal.purse, refusal.code, refusal.unit_id)

    def peer(self) -> PurseId | None:
        """Who is at the other end, once authenticated."""
        session = self._session()
        return session.link.peer if isinstance(session, Open) else None

    def _session(self) -> object:
        state = self._device.state
        return state.session if isinstance(state, Ready) else None


def _label(reject: Reject) -> str:
    try:
        return Code(reject.code).label
    except ValueError:
        return f"code-{reject.code}"
