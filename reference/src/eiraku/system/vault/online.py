"""What a vault does with its centres, one thing at a time: news, reports, requests, sessions that it leads.

`Vault` in `vault` is this with customers and exchange. Beside what each method names they raise DatabaseError
and StoreError (the vault's own memory), and PurseLostPower.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from eiraku.reference.device import Device
from eiraku.reference.meeting import accepted
from eiraku.reference.purse.state import (
    Identity,
    Order,
    Ready,
    RedeliverOrder,
)
from eiraku.spec import cbor, shape
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import PurseId, Role
from eiraku.system.exchange.carrier import Carrier, ServiceRefused, ServiceUnreachable
from eiraku.system.vault.errands import (
    DEVICE_CENTRE,
    ISSUING_CENTRE,
    Errands,
    NotTaken,
)
from eiraku.system.vault.peers import Peers
from eiraku.system.vault.policy import VaultPolicy, default
from eiraku.system.vault.state import Report, VaultState, WaitingIssue

BOTH = (ISSUING_CENTRE, DEVICE_CENTRE)


class VaultError(ValueError):
    """A vault that cannot be opened with what was given: what was expected."""


class VaultBusy(ServiceRefused):
    """Another session has the purse (EPP-VLT-006)."""

    def __init__(self) -> None:
        super().__init__("busy", "EPP-VLT-006", "another session has the vault; try again soon")


class VaultSuspended(ServiceRefused):
    """The bulletin was not confirmed for too long (EPP-VLT-003)."""

    def __init__(self) -> None:
        detail = "no session until the device centre confirms the bulletin; look at the connection to it"
        super().__init__("suspended", "EPP-VLT-003", detail)


class OnlineVault:
    """A purse of role `vault`, its own memory, and the way to both centres.

    `device`: its purse; `state`: its own file or database URL; `clock`: seconds, of a clock that goes on
    while the vault is off.
    """

    def __init__(
        self,
        device: Device,
        issuing: Carrier,
        device_centre: Carrier,
        state: Path | str,
        *,
        policy: VaultPolicy | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Raises VaultError for a purse that is no vault, DatabaseError."""
        ready = device.state
        # EPP-VLT-001
        if not isinstance(ready, Ready) or ready.identity.claims.role is not Role.VAULT:
            raise VaultError(f"{device.store.path}: expected a purse of role vault; make one first")
        self.device = device
        self.policy = default() if policy is None else policy
        self._issuing = issuing
        self._device_centre = device_centre
        self._clock = clock
        self._lock = threading.RLock()
        self._state = VaultState(state, ready.identity.claims.number)
        self._confirmed = self._stored = self._state.confirmed()
        self._centres = self._state.centres()
        self._peers = Peers(device, suspect=self._suspect, met=self._met)
        self._errands = Errands(
            device,
            self._state,
            {ISSUING_CENTRE: issuing, DEVICE_CENTRE: device_centre},
            may_take=lambda: not self._peers.active,
        )

    def close(self) -> None:
        """Close the vault's own file; the device is the caller's."""
        with self._lock:
            self._state.close()

    # --- what there is ---

    @property
    def number(self) -> bytes:
        """Purse number, 8 bytes."""
        return self._identity.claims.number

    @property
    def epoch(self) -> int:
        """Epoch of the vault's bulletin."""
        return self._ready.epoch

    @property
    def balance(self) -> int:
        """Sum of spendable units."""
        return self.device.store.total()[1]

    @property
    def confirmed(self) -> float | None:
        """When the bulletin was last confirmed, in seconds of the clock; None: never."""
        return self._confirmed

    @property
    def suspended(self) -> bool:
        """Whether the bulletin is unconfirmed for longer than the policy allows."""
        # EPP-VLT-003: a clock that went back says nothing about the age either
        age = None if self._confirmed is None else self._clock() - self._confirmed
        return age is None or not 0 <= age <= self.policy.bulletin_seconds

    @property
    def busy(self) -> bool:
        """Whether a session has the purse."""
        return self._peers.active

    def reports(self, audience: str = DEVICE_CENTRE, *, refused: bool = False) -> tuple[Report, ...]:
        """Reports that a service does not have yet, or (`refused`) would not take."""
        return self._state.reports(audience, refused=refused)

    def waiting_issues(self) -> tuple[WaitingIssue, ...]:
        """Issues that the purse would not take yet."""
        return self._state.waiting()

    # --- the centres ---

    def refresh(self) -> int:
        """Get the newest bulletin, and confirm it; the epoch.

        Raises ServiceUnreachable, ServiceRefused, Refusal (one that is older, or does not verify: then
        nothing is confirmed).
        """
        now = self._clock()
        signed = self._device_centre.bulletin()
        with self._lock:
            accepted(self.device.bulletin(signed))
            self._confirmed = now
            # Not a write for every look at it: what is stored may be older, never younger.
            if self._stored is None or not 0 <= now - self._stored < self.policy.bulletin_seconds / 20:
                self._state.confirm(now)
                self._stored = now
            return self.epoch

    def send_reports(self) -> None:
        """Send every report that is due. Raises ServiceUnreachable when it has tried both centres."""
        missed: ServiceUnreachable | None = None
        for audience in BOTH:
            with self._lock:
                if not self._state.reports(audience):
                    continue
                try:
                    self._errands.send_reports(audience)
                except ServiceUnreachable as error:
                    missed = error
        if missed is not None:
            raise missed

    def account(self) -> int:
        """What the vault has at the issuing centre. Raises ServiceUnreachable, ServiceRefused, Refusal."""
        with self._lock:
            answer = self._errands.ask(ISSUING_CENTRE, "account", cbor.encode(()))
        return shape.amount(cbor.decode(answer), "EPP-VLT-005", "account")

    def redeliver(self, carrier: Carrier, transaction: bytes) -> None:
        """Deliver a pending payment again. Raises Refusal, PeerRefused, ServiceUnreachable."""
        with self._alone():
            self._meet(carrier, RedeliverOrder(transaction=transaction))

    def forward(self, signed: bytes) -> bytes:
        """Hand a customer's own signed request, such as a claim, to the issuing centre; its answer.

        The customer keeps the bytes and brings them again if this raises ServiceUnreachable.
        """
        return self._issuing.request(signed)

    def renew(self, expires: int) -> None:
        """Get a purse ID that is good up to the epoch `expires`. Raises ServiceRefused, Refusal."""
        with self._alone():
            self._errands.ask(DEVICE_CENTRE, "renew", cbor.encode((expires,)))

    def inspect(self) -> None:
        """Send the device centre a self-report over a fresh challenge (EPP-DEV-006)."""
        with self._lock:
            answer = self._errands.ask(DEVICE_CENTRE, "challenge", cbor.encode(()))
            challenge = shape.octets(cbor.decode(answer), "EPP-DEV-006", "challenge", 16)
            self._errands.ask(DEVICE_CENTRE, "self-report", self.device.self_report(challenge))

    # --- inside ---

    def _meet(self, carrier: Carrier, order: Order) -> None:
        # EPP-VLT-003
        if self.suspended:
            try:
                self.refresh()
            except Refusal as refusal:
                raise VaultSuspended from refusal
        self._peers.meet(carrier, order)

    def _met(self, peer: PurseId) -> None:
        """To whom pending payments are delivered again by `settle`, known before there is one."""
        if peer.role is Role.CENTRE and peer.number not in self._centres:
            self._state.met_centre(peer.number)
            self._centres |= {peer.number}

    def _suspect(self, number: bytes, code: Code, unit_id: bytes) -> None:
        # EPP-VLT-002, EPP-VLT-004: durable before the peer is told anything
        self._state.add_report(number, int(code), unit_id, self.epoch, BOTH)
        try:
            self.send_reports()
        except (ServiceUnreachable, NotTaken, Refusal):
            # It is in the outbox; what is wrong with another request is for `settle` to say.
            return

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While no session has the purse. Raises VaultBusy."""
        with self._lock:
            # EPP-VLT-006
            if self._peers.active:
                raise VaultBusy
            yield

    @property
    def _ready(self) -> Ready:
        state = self.device.state
        assert isinstance(state, Ready)  # noqa: S101 - made once and for all, see __init__
        return state

    @property
    def _identity(self) -> Identity:
        return self._ready.identity
