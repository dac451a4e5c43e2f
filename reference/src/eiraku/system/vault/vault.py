"""A vault: a purse of role `vault` that is online, between its customers and the two centres (chapter 14).

It serves one session at a time, reports suspect purses, stops when its bulletin may be stale, and exchanges
units at the issuing centre. Whatever is interrupted (power, a lost answer, a centre that cannot be reached)
is completed by `settle`; then value is where it belongs: in purses, in the vault, in its account.

`Vault` puts the parts together, each of which has one job: `Freshness`, `Peers`, `Outbox`, `Reports`,
`Issues`, `Exchanging`. It may be called from several threads; one thing happens at a time. Beside what each
method names they raise DatabaseError and StoreError (the vault's own memory), and PurseLostPower.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from eiraku.reference.device import Device
from eiraku.reference.purse.state import Order, PayOrder, ReceiveOrder, RedeliverOrder
from eiraku.spec.centre_objects import Claim, ClaimState, NoBody, RenewBody
from eiraku.spec.errors import Code, Refusal, Refused
from eiraku.system.database import Database
from eiraku.system.exchange import trust
from eiraku.system.exchange.carrier import Carrier, ServiceRefused, ServiceUnreachable
from eiraku.system.exchange.outbox import Outbox
from eiraku.system.exchange.sessions import Answer
from eiraku.system.vault import schema
from eiraku.system.vault.errors import NotTaken, VaultBusy, VaultSuspended
from eiraku.system.vault.exchanging import Exchanging, denominations
from eiraku.system.vault.filling import Fill, exactly
from eiraku.system.vault.freshness import Freshness
from eiraku.system.vault.issues import ISSUING_CENTRE, Issues
from eiraku.system.vault.peers import Peers
from eiraku.system.vault.policy import VaultPolicy, default
from eiraku.system.vault.progress import Progress
from eiraku.system.vault.purse import VaultPurse
from eiraku.system.vault.reports import Reports
from eiraku.system.vault.stock import Exchange

DEVICE_CENTRE = "device-centre"
BOTH = (ISSUING_CENTRE, DEVICE_CENTRE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vault:
    """One vault. Call `refresh` and `settle` when it starts, and `tick` every now and then.

    `centre`: the way to the issuing centre; `fill`: with which units it pays; `lock`: of the purse.
    """

    purse: VaultPurse
    centre: Carrier
    database: Database
    outbox: Outbox
    freshness: Freshness
    reports: Reports
    peers: Peers
    issues: Issues
    exchanging: Exchanging
    progress: Progress
    fill: Fill
    lock: threading.RLock

    @classmethod
    def open(
        cls,
        device: Device,
        issuing: Carrier,
        device_centre: Carrier,
        where: Path | str,
        *,
        policy: VaultPolicy | None = None,
        clock: Callable[[], float] = time.time,
        fill: Fill = exactly,
    ) -> Self:
        """The vault of a purse, with its own memory and the way to both centres.

        `where`: its own file or database URL; `clock`: seconds, of a clock that goes on while it is off.
        Raises Misuse for a purse that is no vault, DatabaseError.
        """
        purse, lock = VaultPurse(device), threading.RLock()
        policy = default() if policy is None else policy
        database = schema.open_(where, purse.number)
        ways = {ISSUING_CENTRE: issuing, DEVICE_CENTRE: device_centre}
        outbox = Outbox(database, device.sign_request, ways.__getitem__)
        outbox.handle("renew", trust.renewals(device))
        outbox.handle(trust.SCHEME_KEYS, trust.scheme_keys(device))
        freshness = Freshness(
            purse, device_centre, database, seconds=policy.bulletin_seconds, clock=clock, lock=lock
        )
        reports = Reports(purse, outbox, database, BOTH)
        progress = Progress(database)
        peers = Peers(purse, ensure=freshness.ensure, suspect=reports.suspect, met_centre=progress.met_centre)
        issues = Issues(purse, outbox, database, may_take=lambda: not peers.active)
        return cls(
            purse=purse,
            centre=issuing,
            database=database,
            outbox=outbox,
            freshness=freshness,
            reports=reports,
            peers=peers,
            issues=issues,
            exchanging=Exchanging(
                purse, policy, issuing, peers=peers, outbox=outbox, issues=issues, progress=progress
            ),
            progress=progress,
            fill=fill,
            lock=lock,
        )

    def close(self) -> None:
        """Close the vault's own file; the device is the caller's."""
        with self.lock:
            self.database.close()

    # --- what there is ---

    @property
    def device(self) -> Device:
        """Its purse."""
        return self.purse.device

    @property
    def number(self) -> bytes:
        """Purse number, 8 bytes."""
        return self.purse.number

    @property
    def epoch(self) -> int:
        """Epoch of the vault's bulletin."""
        return self.purse.epoch

    @property
    def balance(self) -> int:
        """Sum of spendable units."""
        return self.device.store.total()[1]

    @property
    def suspended(self) -> bool:
        """Whether the bulletin is unconfirmed for longer than the policy allows."""
        return self.freshness.suspended

    @property
    def busy(self) -> bool:
        """Whether a session has the purse."""
        return self.peers.active

    # --- sessions of customers: `exchange.sessions.Host` ---

    def begin(self, order: int | None = None, payee: bytes | None = None) -> None:
        """Be ready for one session, as responder: to receive, or to pay `order` out.

        `payee`: number of the only purse that may be paid. If a payment to it is pending, that one is
        delivered again instead (EPP-CRS-007). Makes change first, if it must. Raises ServiceRefused
        (VaultBusy, VaultSuspended, `unavailable`, or a code of chapter 10).
        """
        with self._alone():
            # EPP-VLT-003
            if self.suspended:
                raise VaultSuspended
            try:
                self.peers.begin(self._order(order, payee), payee)
            except Refusal as refusal:
                raise ServiceRefused(refusal.code.label, refusal.requirement, refusal.detail) from refusal

    def deliver(self, data: bytes) -> Answer:
        """One message of the customer. Reports at once what is to be reported."""
        with self.lock:
            # EPP-SVC-006
            if not self.peers.active:
                raise ServiceRefused("session-order", "EPP-SVC-006", "no session is open; open one")
            return self.peers.deliver(data)

    def end(self) -> None:
        """Let go of a session that does not come to its end by itself."""
        with self.lock:
            self.peers.end()

    # --- sessions with others ---

    def pay(self, carrier: Carrier, amount: int) -> None:
        """Pay the purse behind another service, such as another vault. Raises as `exchange`."""
        with self._alone():
            self.exchanging.change(amount)
            self.peers.meet(carrier, PayOrder(amount=amount))

    def redeliver(self, carrier: Carrier, transaction: bytes) -> None:
        """Deliver a pending payment again. Raises Refusal, PeerRefused, ServiceUnreachable."""
        with self._alone():
            self.peers.meet(carrier, RedeliverOrder(transaction=transaction))

    # --- the centres ---

    def refresh(self) -> int:
        """Get the newest key lists and bulletin, and confirm it; the epoch. Raises as `Freshness.refresh`."""
        epoch = self.freshness.refresh()
        with self.lock:
            # EPP-SVC-033
            if trust.lacks_scheme_keys(self.device):
                self.outbox.ask(DEVICE_CENTRE, trust.SCHEME_KEYS, NoBody().encode())
        return epoch

    def tick(self) -> tuple[str, ...]:
        """Do what is due: the bulletin, reports, what was interrupted. The answer is what did not work."""
        problems: list[str] = []
        for task in (self.refresh, self.send_reports, self._settle_if_free):
            try:
                task()
            except (Refused, ServiceUnreachable, NotTaken) as problem:
                problems.append(str(problem))
        return tuple(problems)

    def send_reports(self) -> None:
        """Send every report that is due. Raises ServiceUnreachable when it has tried both centres."""
        with self.lock:
            self.reports.send()

    def account(self) -> int:
        """What the vault has at the issuing centre. Raises ServiceUnreachable, ServiceRefused, Refusal."""
        with self.lock:
            return self.exchanging.account()

    def forward(self, signed: bytes) -> bytes:
        """Hand a customer's own signed request, such as a claim, to the issuing centre; its answer.

        The customer keeps the bytes and brings them again if this raises ServiceUnreachable.
        """
        return self.centre.request(signed)

    def renew(self, expires: int) -> None:
        """Get a purse ID that is good up to the epoch `expires`. Raises ServiceRefused, Refusal."""
        with self._alone():
            self.outbox.ask(DEVICE_CENTRE, "renew", RenewBody(expires=expires).encode())

    def inspect(self) -> None:
        """Send the device centre a self-report over a fresh challenge (EPP-DEV-006)."""
        with self.lock:
            challenge = self.outbox.ask(DEVICE_CENTRE, "challenge", NoBody().encode())
            self.outbox.ask(DEVICE_CENTRE, "self-report", self.device.self_report(challenge))

    # --- units for others: each method raises as `Exchanging.carry_out` ---

    def issue(self, values: Sequence[int]) -> None:
        """Draw units of these values from the account."""
        plan = Exchange(home=(), values=denominations(values))
        self.carry_out(lambda _units: plan)

    def redeem(self, amount: int | None = None) -> None:
        """Send units home that make up `amount`, or all of them."""
        with self._alone():
            self.exchanging.redeem(amount)

    def exchange(self, values: Sequence[int]) -> None:
        """Get units of these values for others (EPP-CEN-013), with the account if units do not suffice."""
        wanted = denominations(values)
        with self._alone():
            self.exchanging.exact(wanted)

    def carry_out(self, plan: Callable[[Exchanging], Exchange | None]) -> bool:
        """Carry out an exchange of the operator's own; False if there is none to be made."""
        with self._alone():
            return self.exchanging.carry_out(lambda: plan(self.exchanging))

    def restock(self) -> bool:
        """Bring the stock to what the policy wants; False if it is."""
        with self._alone():
            return self.exchanging.restock()

    def claim(self, transaction: bytes) -> str:
        """Claim a pending payment whose receipt never comes (EPP-CEN-008); what the centre says of it.

        Raises Refusal for one that is not pending, ServiceRefused, ServiceUnreachable.
        """
        with self.lock:
            pending = self.device.store.pending(transaction, self.purse.epoch)
            # EPP-CRS-009, EPP-CRS-030
            if pending is None:
                raise Refusal(Code.UNKNOWN_TRANSACTION, "EPP-CRS-009", "this transaction is not pending")
            body = Claim(
                offer=pending.offer,
                endorsements=pending.endorsements,
                payee=pending.payee,
                beneficiary=self.number,
            ).encode()
            answer = self.outbox.ask(ISSUING_CENTRE, "claim", body)
            self.progress.claim(transaction)
        return ClaimState.decode(answer).state

    def settle(self) -> None:
        """Complete everything that was interrupted; nothing is done twice.

        Payments to the centre are delivered again, requests sent again, an exchange carried on, issues that
        waited taken, reports sent. Raises the first failure; call it again when its cause is gone. A payment
        that the centre refuses for good (its units have expired, say) is to be claimed; the rest goes on.
        """
        with self._alone():
            # EPP-VLT-029
            refused = self.exchanging.redeliver()
            for audience in BOTH:
                self.outbox.finish(audience)
            self.issues.take_waiting()
            self.exchanging.go_on()
            self.send_reports()
            if refused is not None:
                raise refused

    # --- inside ---

    def _order(self, amount: int | None, payee: bytes | None) -> Order:
        if amount is None:
            return ReceiveOrder()
        # EPP-VLT-022
        pending = self.purse.pending_for(payee)
        if pending is not None:
            return RedeliverOrder(transaction=pending.transaction)
        return self.fill(self.exchanging, amount)

    def _settle_if_free(self) -> None:
        with self.lock:
            if not self.peers.active:
                self.settle()

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """While no session has the purse. Raises VaultBusy."""
        with self.lock:
            # EPP-VLT-006
            if self.peers.active:
                raise VaultBusy
            yield
