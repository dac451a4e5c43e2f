"""Sessions of a vault's purse: served as responder, or led as initiator with a service (EPP-VLT-001, -002).

`Peers` knows nothing of the centres' requests; what it has to report it hands to `suspect`.
"""

from collections.abc import Callable

from eiraku.reference.device import Rejected, Result
from eiraku.reference.meeting import accepted
from eiraku.reference.purse.state import (
    Open,
    Order,
    SuspectPurse,
    SuspectUnit,
)
from eiraku.spec.errors import Code
from eiraku.spec.objects import PurseId, Role
from eiraku.spec.tables import Side, Transfer
from eiraku.system.exchange.carrier import Carrier, ServiceUnreachable
from eiraku.system.exchange.sessions import Answer, label
from eiraku.system.exchange.talk import lead_over
from eiraku.system.vault.errors import PeerRefused
from eiraku.system.vault.purse import VaultPurse

Suspect = Callable[[bytes, Code, bytes], None]
"""(purse number, code, unit identifier or nothing): keeps the report before it returns."""


class Peers:
    """One session at a time. `ensure`: called before one is led, raises if there may be none.

    `met_centre`: told the number of each authenticated purse of role `centre`, before value moves.
    """

    def __init__(
        self,
        purse: VaultPurse,
        *,
        ensure: Callable[[], None],
        suspect: Suspect,
        met_centre: Callable[[bytes], None],
    ) -> None:
        self._purse = purse
        self._device = purse.device
        self._ensure = ensure
        self._suspect = suspect
        self._met_centre = met_centre
        self._payee: bytes | None = None
        self.active = False

    # --- served ---

    def begin(self, order: Order, payee: bytes | None) -> None:
        """Be responder; `payee`: the only purse that may be paid, None for any. Raises Refusal."""
        accepted(self._device.order(order))
        accepted(self._device.open(Side.RESPONDER))
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
        self.active = False
        answer = Answer.of(result)
        self.active = answer.is_open
        self.look(result)
        return answer

    def end(self) -> None:
        """Let go of the session; the purse forgets it at the next opening (EPP-SES-027)."""
        self.active = False

    # --- led ---

    def meet(self, carrier: Carrier, order: Order) -> None:
        """Lead a session to its receipt. Raises Refusal, PeerRefused, ServiceUnreachable, ServiceRefused,
        and what `ensure` raises.

        After any of them the payment may be pending in the purse; then it is delivered again.
        """
        # EPP-VLT-003
        self._ensure()
        accepted(self._device.order(order))
        states: list[object] = []

        def seen(result: Result) -> None:
            states.append(self._session())
            if (peer := self.peer()) is not None and peer.role is Role.CENTRE:
                self._met_centre(peer.number)
            self.look(result)

        result = lead_over(self._device, carrier.open(), seen)
        if result.reject is not None:
            raise PeerRefused(label(result.reject), "correct the amount or the units")
        if result.out is not None:
            raise ServiceUnreachable("the session ended without an answer; settle")
        # A payment ends with its receipt; whatever ends before is a handshake that failed.
        if not any(isinstance(state, Open) and state.row is Transfer.PAYER_PAID for state in states):
            raise PeerRefused(Code.AUTHENTICATION.label, "the handshake failed; is this vault revoked?")

    # --- both ---

    def look(self, result: Result) -> None:
        """Report a refusal that is to be reported (EPP-VLT-002), before the peer hears of it."""
        match result:
            case Rejected(refusal=SuspectPurse() as refusal):
                self._suspect(refusal.purse, refusal.code, b"")
            case Rejected(refusal=SuspectUnit() as refusal):
                self._suspect(refusal.purse, refusal.code, refusal.unit_id)

    def peer(self) -> PurseId | None:
        """Who is at the other end, once authenticated."""
        session = self._session()
        return session.link.peer if isinstance(session, Open) else None

    def _session(self) -> object:
        return self._purse.ready.session
