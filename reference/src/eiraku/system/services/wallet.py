"""The purse of a person who uses the services: a purse file, and beside it what a client must remember.

`NAME` is the memory of the purse; `NAME.json` holds the address of the services, `NAME.outbox` the requests
that are under way (EPP-SVC-074). Errors: Misuse with advice, Refusal, ServiceRefused, Unavailable.
"""

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from eiraku.reference.anchor import AnchorError, parse_purse_id
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.device import Device, Snapshot
from eiraku.reference.meeting import accepted, meet
from eiraku.reference.purse.state import (
    Order,
    PayOrder,
    PayUnitsOrder,
    Provisioning,
    RedeliverOrder,
    RequestOrder,
)
from eiraku.reference.settings import SettingsError
from eiraku.spec.centre_objects import (
    Balance,
    Claim,
    ClaimState,
    Enrolled,
    NoBody,
    PayOutBody,
    PendingSession,
    RenewBody,
    SessionName,
)
from eiraku.spec.errors import Code, Misuse, Refusal, Refused
from eiraku.spec.objects import PurseId
from eiraku.system.database import Database
from eiraku.system.exchange import trust
from eiraku.system.exchange.outbox import SCHEMA, Outbox
from eiraku.system.exchange.talk import talk
from eiraku.system.services import notes as remembered
from eiraku.system.services.client import HttpCarrier, HttpService
from eiraku.system.services.enrolment import first_request
from eiraku.system.services.notes import Notes, Reach
from eiraku.system.services.requests import DEVICE_CENTRE, ISSUING_CENTRE, vault_audience

Random = Callable[[int], bytes]
ASKING = NoBody().encode()
AT_ONCE = 16
"""Units in one payment when everything is paid in; within every sensible policy and record."""


class Wallet:
    """An open purse with its services. Close it, or use it with `with`."""

    def __init__(self, path: Path, *, random: Random = secrets.token_bytes) -> None:
        """Open a purse that `create` made."""
        if not path.is_file() or not remembered.where(path).is_file():
            raise Misuse(f"{path}: expected a purse; make one with `eiraku purse {path} create`")
        self.path = path
        self.notes = remembered.read(path)
        self.device = Device(path, random)
        self._http: HttpService | None = None
        self._database: Database | None = None
        self._outbox: Outbox | None = None
        if self.device.store.provision() is None:
            self.device.close()
            raise Misuse(f"{path}: this purse is not enrolled; create it again with its code")

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        reach: Reach,
        code: str,
        random: Random = secrets.token_bytes,
    ) -> "Wallet":
        """Make a key pair and enrol it; the same call again goes on where it stopped."""
        notes = remembered.begin(path, reach, random)
        key = SigningKey(bytes.fromhex(notes.seed))
        with _connect(notes) as http:
            answer = http.send("POST", "/epp1/enrolments", first_request(key, code)).content
        enrolled = Enrolled.decode(answer)
        device = Device(path, random)
        try:
            _provision(device, bytes.fromhex(notes.seed), enrolled)
        finally:
            device.close()
        vault = "" if enrolled.vault is None else enrolled.vault.hex()
        remembered.write(path, replace(notes, seed="", vault=vault))
        return cls(path, random=random)

    # --- what there is ---

    @property
    def claims(self) -> PurseId:
        """What the purse ID says."""
        provision = self.device.store.provision()
        if provision is None:
            raise AssertionError("checked when it was opened")
        return parse_purse_id(provision.purse_id).claims

    def snapshot(self) -> Snapshot:
        """Balance, units, pending payments."""
        return self.device.snapshot()

    # --- with the vault ---

    def pay_out(self, amount: int) -> int:
        """Take `amount` out of the holder's vault; what came, which may be a payment left from before.

        What this purse has pending for the vault is delivered first: until then it would refuse to have the
        same units back (EPP-TRF-040).
        """
        self._deliver_again()
        before = {(c.payer, c.transaction) for c in self.snapshot().credited}
        accepted(self.device.order(RequestOrder(amount=amount)))
        answer = self.request(self._vault_audience(), "pay-out", PayOutBody(amount=amount).encode())
        self._session(SessionName.decode(answer).name)
        return sum(c.amount for c in self.snapshot().credited if (c.payer, c.transaction) not in before)

    def pay_in(self, amount: int | None = None) -> int:
        """Pay `amount` into the holder's vault, None for everything; what went.

        What was pending for it is delivered first, and then nothing else.
        """
        before = {s.transaction for s in self.snapshot().settled}
        if not self._deliver_again():
            for order in self._everything() if amount is None else [PayOrder(amount=amount)]:
                self._hand_in(order)
        return sum(s.amount for s in self.snapshot().settled if s.transaction not in before)

    def _deliver_again(self) -> bool:
        """Everything that is pending for the vault; False: nothing is."""
        vault = self._vault_number()
        waiting = [p.transaction for p in self.snapshot().pending if p.payee == vault]
        for transaction in waiting:
            self._hand_in(RedeliverOrder(transaction=transaction))
        return bool(waiting)

    def _everything(self) -> Sequence[Order]:
        """One payment for as many units as fit into each."""
        now = self.snapshot()
        ids = [unit.unit_id for unit in now.units if unit.expires >= now.epoch]
        return [
            PayUnitsOrder(unit_ids=frozenset(ids[start : start + AT_ONCE]))
            for start in range(0, len(ids), AT_ONCE)
        ]

    def balance(self) -> tuple[int, int]:
        """What the vault holds, and its account at the issuing centre."""
        answer = Balance.decode(self.request(self._vault_audience(), "balance", ASKING))
        return answer.held, answer.account

    def _hand_in(self, order: Order) -> None:
        """Pay the vault. It refuses a unit that it gave us as long as it has no receipt for it."""
        for last in (False, True):
            try:
                accepted(self.device.order(order))
                self._session()
            except Refusal as refusal:
                if last or refusal.code is not Code.NOT_TAKEN or not self._finish_pay_out():
                    raise
            else:
                return

    def _finish_pay_out(self) -> bool:
        """Let the vault deliver again what it has pending for us; False: nothing."""
        answer = self.request(self._vault_audience(), "pending", ASKING)
        name = PendingSession.decode(answer).name
        if name is None:
            return False
        accepted(self.device.order(RequestOrder(amount=1)))
        self._session(name)
        return True

    def _session(self, name: bytes = b"") -> None:
        """One session with the vault, a new one or one that it gave a name."""
        try:
            talk(self.device, self._vault().resume(name) if name else self._vault().open())
        finally:
            # Whatever happened: no session is left half open in the purse (EPP-CRS-017).
            self.device.drop_session()

    # --- with another purse, offline ---

    def pay(self, amount: int, other: "Wallet", *, payee: bytes | None = None) -> int:
        """Hand `amount` to another purse; what went, which may be a payment left from before.

        `payee`: the number that it must have, 8 bytes; None: whatever it is.
        """
        return _between(self, other, PayOrder(amount=amount, payee=payee), meet_as=(self, other))

    def receive(self, amount: int, other: "Wallet") -> int:
        """Ask another purse for `amount`; what came, which may be a payment left from before."""
        return _between(other, self, PayOrder(amount=amount), meet_as=(self, other))

    # --- with the centres ---

    def bulletin(self) -> int:
        """Get the newest key lists and bulletin, and scheme keys that are missing; the epoch afterwards."""
        trust.refresh(self.device, self._carrier(DEVICE_CENTRE))
        # EPP-SVC-033
        if trust.lacks_scheme_keys(self.device):
            self.request(DEVICE_CENTRE, trust.SCHEME_KEYS, ASKING)
        return self.snapshot().epoch

    def renew(self, expires: int) -> int:
        """Get a purse ID that is good until `expires`; the epoch until which it is good now."""
        self.request(DEVICE_CENTRE, "renew", RenewBody(expires=expires).encode())
        return self.claims.expires

    def inspect(self) -> None:
        """Report to the device centre over a fresh challenge (EPP-DEV-006)."""
        challenge = self.request(DEVICE_CENTRE, "challenge", ASKING)
        self.request(DEVICE_CENTRE, "self-report", self.device.self_report(challenge))

    def claim(self) -> dict[str, str]:
        """Claim every pending payment for the account of the holder's vault; state by transaction."""
        states: dict[str, str] = {}
        beneficiary = self._vault_number()
        for pending in self.snapshot().pending:
            body = Claim(
                offer=pending.offer,
                endorsements=pending.endorsements,
                payee=pending.payee,
                beneficiary=beneficiary,
            ).encode()
            answer = ClaimState.decode(self.request(ISSUING_CENTRE, "claim", body))
            states[pending.transaction.hex()] = answer.state
        return states

    def request(self, audience: str, method: str, body: bytes) -> bytes:
        """Ask a service; what was not answered before is sent again first."""
        return self.outbox.ask(audience, method, body)

    @property
    def outbox(self) -> Outbox:
        """Requests that are under way (EPP-SVC-074). Raises DatabaseError."""
        if self._outbox is None:
            self._database = Database(f"sqlite:///{remembered.outbox(self.path)}", SCHEMA)
            self._outbox = Outbox(self._database, self.device.sign_request, self._carrier)
            self._outbox.handle("renew", trust.renewals(self.device))
            self._outbox.handle(trust.SCHEME_KEYS, trust.scheme_keys(self.device))
        return self._outbox

    # --- inside ---

    def _server(self) -> HttpService:
        if self._http is None:
            self._http = _connect(self.notes)
        return self._http

    def _vault_number(self) -> bytes:
        if not self.notes.vault:
            raise Misuse(f"{self.path}: its holder has no vault there; ask the operator for one")
        return bytes.fromhex(self.notes.vault)

    def _vault_audience(self) -> str:
        return vault_audience(self._vault_number())

    def _carrier(self, audience: str) -> HttpCarrier:
        return HttpCarrier(self._server(), audience.replace("vault:", "vaults/"))

    def _vault(self) -> HttpCarrier:
        return self._carrier(self._vault_audience())

    def close(self) -> None:
        """Close the file and the connections."""
        if self._http is not None:
            self._http.close()
        if self._database is not None:
            self._database.close()
        self.device.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _between(payer: Wallet, payee: Wallet, order: PayOrder, *, meet_as: tuple[Wallet, Wallet]) -> int:
    """Sessions of two purses that are both here; the first of `meet_as` speaks first.

    What one of them has pending for the other is delivered again first: until then the other one's units
    would be refused as held (EPP-TRF-040).
    """
    before = {s.transaction for s in payer.snapshot().settled}
    for giver, taker in ((payee, payer), (payer, payee)):
        for pending in giver.snapshot().pending:
            if pending.payee == taker.claims.number:
                _meet(giver, RedeliverOrder(transaction=pending.transaction), taker, order.amount, meet_as)
    went = sum(s.amount for s in payer.snapshot().settled if s.transaction not in before)
    if not went:
        _meet(payer, order, payee, order.amount, meet_as)
        went = order.amount
    return went


def _meet(payer: Wallet, order: Order, payee: Wallet, amount: int, meet_as: tuple[Wallet, Wallet]) -> None:
    accepted(payer.device.order(order))
    accepted(payee.device.order(RequestOrder(amount=amount)))
    initiator, responder = meet_as
    for rejected in meet(initiator.device, responder.device).rejections:
        raise rejected.refusal


def _connect(notes: Notes) -> HttpService:
    ca, cert, key = (notes.reach[name] for name in ("ca", "cert", "key"))
    return HttpService(
        notes.reach["server"],
        ca=Path(ca) if ca else None,
        cert=(Path(cert), Path(key)) if cert else None,
    )


def _provision(device: Device, seed: bytes, enrolled: Enrolled) -> None:
    if device.store.provision() is not None:
        return
    try:
        given = Provisioning(
            number=parse_purse_id(enrolled.purse_id).claims.number,
            private_key=seed,
            purse_id=enrolled.purse_id,
            anchor=json.loads(enrolled.anchor),
            policy=json.loads(enrolled.policy),
            bulletin=enrolled.bulletin,
            holdings=(),
        )
    except (json.JSONDecodeError, AnchorError, SettingsError) as error:
        raise Refused(f"the centre's answer cannot be used ({error}); tell its operator") from None
    accepted(device.provision(given))
