"""A vault as a service: its files, its methods for its own holder, its sessions (EPP-SVC-012)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from eiraku.reference.device import Device
from eiraku.spec.centre_objects import Balance, NoBody, PayOutBody, PendingSession, SessionName
from eiraku.spec.errors import Unavailable
from eiraku.spec.objects import Role
from eiraku.system.exchange.carrier import Carrier, ServiceRefused
from eiraku.system.exchange.sessions import SessionTable
from eiraku.system.scheme.directory import Directory
from eiraku.system.scheme.settings import DirectoryError
from eiraku.system.services.requests import Caller, Method, vault_audience
from eiraku.system.services.service import Service
from eiraku.system.vault.filling import usefully
from eiraku.system.vault.policy import DEFAULT, VaultPolicy
from eiraku.system.vault.vault import Vault

TIER = 2


@dataclass(slots=True, kw_only=True)
class OpenVault:
    """A vault that is served. `holder`: 32 bytes; `account`: what it has at the issuing centre."""

    vault: Vault
    device: Device
    holder: bytes
    account: Callable[[], int]
    _table: SessionTable | None = field(default=None)

    @property
    def number(self) -> bytes:
        """Purse number."""
        return self.vault.number

    @property
    def audience(self) -> str:
        """Name of the service."""
        return vault_audience(self.number)

    @property
    def path(self) -> str:
        """Where it is below `/epp1/`."""
        return f"vaults/{self.number.hex()}"

    def serve_by(self, service: Service) -> None:
        """The service whose sessions pay out."""
        self._table = service.sessions

    def methods(self) -> Mapping[str, Method]:
        """`balance`, `pay-out` and `pending`, for purses of the vault's holder."""
        return {
            "balance": Method(handler=self._balance),
            "pay-out": Method(handler=self._pay_out),
            "pending": Method(handler=self._pending),
        }

    def suspended(self) -> bool:
        """Whether it opens no session."""
        return self.vault.suspended

    def work(self) -> None:
        """What is due by itself. Raises Unavailable with everything that did not work."""
        problems = self.vault.tick()
        if problems:
            raise Unavailable("; ".join(problems))

    def close(self) -> None:
        """Close the vault and switch its purse off."""
        self.vault.close()
        self.device.close()

    def _balance(self, caller: Caller, _request_id: bytes, body: bytes) -> bytes:
        self._own(caller)
        NoBody.decode(body)
        return Balance(held=self.vault.balance, account=self.account()).encode()

    def _pay_out(self, caller: Caller, _request_id: bytes, body: bytes) -> bytes:
        self._own(caller)
        amount = PayOutBody.decode(body).amount
        return SessionName(name=self._session(caller, amount)).encode()

    def _pending(self, caller: Caller, _request_id: bytes, body: bytes) -> bytes:
        self._own(caller)
        NoBody.decode(body)
        pendings = self.device.store.pendings(self.vault.epoch)
        waiting = [p.amount for p in pendings if p.payee == caller.number]
        # What is pending for this purse goes before any amount: see `Vault.begin`.
        return PendingSession(name=self._session(caller, waiting[0]) if waiting else None).encode()

    def _session(self, caller: Caller, amount: int) -> bytes:
        if self._table is None:
            raise AssertionError("served before it was given its sessions")
        return self._table.open(amount, caller.number)

    def _own(self, caller: Caller) -> None:
        # EPP-SVC-012
        if caller.holder != self.holder:
            detail = "this vault serves purses of its own holder only"
            raise ServiceRefused("not-allowed", "EPP-SVC-012", detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultPlace:
    """Where a vault is, whose it is, and how it reaches its centres. `holder`: 32 bytes."""

    folder: Path
    name: str
    holder: bytes
    economy: int
    issuing: Carrier
    device_centre: Carrier

    def open(self, directory: Directory) -> OpenVault:
        """Open the vault, after making it if it is not there.

        Raises DirectoryError, RegistryError, SettingsError, DatabaseError, StoreError.
        """
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise DirectoryError(f"{self.folder}: cannot be made ({error.strerror}); allow writing") from None
        store = self.folder / f"{self.name}.db"
        device = Device(store, directory.random)
        try:
            if device.store.provision() is None:
                device.close()
                device = directory.make_purse(
                    store, role=Role.VAULT, tier=TIER, holder=self.holder, economy=self.economy
                )
            state = self.folder / f"{self.name}-state.db"
            policy = VaultPolicy.from_file(self.folder / f"{self.name}.toml", absent=DEFAULT)
            vault = Vault.open(device, self.issuing, self.device_centre, state, policy=policy, fill=usefully)
        except BaseException:
            device.close()
            raise
        return OpenVault(
            vault=vault,
            device=device,
            holder=self.holder,
            account=lambda: directory.issuer.accounts.amount(vault.number),
        )
