"""A scheme in one process with a vault at its bank, and lines between them that break: for tests.

Everything is real (centres, services, purses, memories) but the network: a `Line` carries to a service in
this process, and loses what it is told to lose. `Bank.missing` is what every test comes down to: nothing.
"""

from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.device import Device, Rejected
from eiraku.reference.meeting import lead
from eiraku.reference.purse.state import Order
from eiraku.spec.objects import Role
from eiraku.system.database import Database
from eiraku.system.exchange.sessions import SessionTable
from eiraku.system.issuing.counter import Counter
from eiraku.system.scheme import directory as folders
from eiraku.system.scheme.directory import Directory
from eiraku.system.scheme.settings import DEFAULT
from eiraku.system.services.journal import SCHEMA, Journal
from eiraku.system.services.local import LocalCarrier
from eiraku.system.services.making import Maker
from eiraku.system.vault.issues import ISSUING_CENTRE
from eiraku.system.vault.policy import VaultPolicy
from eiraku.system.vault.vault import BOTH, Vault
from eiraku.testing.bench import Line
from eiraku.testing.device import BenchDevice
from eiraku.testing.faulty_store import FaultyStore

HOLDER = bytes([7]) * 32
FUNDS = 100_000


@dataclass(slots=True)
class Bank:
    """The scheme, a vault with `FUNDS` in its account, and its customers. `now`: what its clock says."""

    folder: Path
    directory: Directory
    counter: Counter
    issuing: Line
    device_centre: Line
    device: BenchDevice
    policy: VaultPolicy | None
    vault: Vault
    sessions: SessionTable
    database: Database
    now: float = 1000.0
    purses: dict[bytes, BenchDevice] = field(default_factory=dict)

    @classmethod
    def found(cls, folder: Path, *, seed: bytes = b"bank", policy: VaultPolicy | None = None) -> "Bank":
        """A new one in an empty folder."""
        random = Drbg(seed)
        directory = folders.create(folder / "scheme", settings=DEFAULT, random=random)
        store = FaultyStore(folder / "vault.db")
        directory.make_purse(store, role=Role.VAULT, tier=2, holder=HOLDER, economy=392)
        device = BenchDevice(store, random)
        bank = cls._of(folder, directory, device, policy)
        directory.issuer.accounts.fund(random(16), bank.vault.number, FUNDS)
        bank.vault.refresh()
        return bank

    @classmethod
    def open(cls, folder: Path, *, seed: bytes, policy: VaultPolicy | None = None) -> "Bank":
        """One that was there before; `seed` must be another one than then."""
        directory = folders.open_(folder / "scheme", random=Drbg(seed))
        bank = cls._of(folder, directory, BenchDevice(folder / "vault.db", directory.random), policy)
        for path in sorted(folder.glob("purse-*.db")):
            device = BenchDevice(path, directory.random)
            bank.purses[number_of(device)] = device
        bank.counter.collect()
        return bank

    @classmethod
    def _of(
        cls, folder: Path, directory: Directory, device: BenchDevice, policy: VaultPolicy | None
    ) -> "Bank":
        database = Database(f"sqlite:///{folder / 'services.db'}", SCHEMA)
        counter = Counter(directory.counter(), directory.issuer)
        make = Maker(
            registry=directory.registry,
            issuer=directory.issuer,
            journal=Journal(database),
            random=directory.random,
            clock=map(float, count()).__next__,
        )
        services = make.centres(counter, lifetime=1000)
        issuing, device_centre = (Line(LocalCarrier(services[name])) for name in BOTH)
        sessions = services[ISSUING_CENTRE].sessions
        assert sessions is not None  # noqa: S101 - the counter has some
        bank = cls(
            folder=folder,
            directory=directory,
            counter=counter,
            issuing=issuing,
            device_centre=device_centre,
            device=device,
            policy=policy,
            vault=Vault.open(device, issuing, device_centre, folder / "state.db", policy=policy),
            sessions=sessions,
            database=database,
        )
        bank.restart()
        return bank

    def restart(self) -> Vault:
        """The vault loses power and is switched on again, with what was durable."""
        self.vault.close()
        self.device.power_cut()
        self.vault = Vault.open(
            self.device,
            self.issuing,
            self.device_centre,
            self.folder / "state.db",
            policy=self.policy,
            clock=lambda: self.now,
        )
        return self.vault

    def fine(self) -> None:
        """Both lines work, and the centre has let go of sessions that were broken off (EPP-SVC-056)."""
        self.issuing.weather = self.device_centre.weather = lambda _n: None
        self.sessions.drop_all()

    def purse(self, *, holder: bytes = HOLDER, role: Role = Role.PERSON) -> BenchDevice:
        """A new customer without money."""
        store = FaultyStore(self.folder / f"purse-{len(self.purses)}.db")
        self.directory.make_purse(store, role=role, tier=2, holder=holder, economy=392)
        device = BenchDevice(store, self.directory.random)
        self.purses[number_of(device)] = device
        return device

    def meet(
        self, customer: Device, order: Order, pays_out: int | None = None, *, payee: bytes | None = None
    ) -> tuple[str, ...]:
        """A session of a customer with the vault; the codes by which the vault, then the customer refused.

        `pays_out`: what is ordered, for this customer or for the purse `payee`.
        """
        codes: list[str] = []
        result = customer.order(order)
        if isinstance(result, Rejected):
            return (result.refusal.code.label,)
        self.vault.begin(pays_out, payee or number_of(customer))

        def carry(data: bytes) -> bytes | None:
            if not self.vault.busy:
                return None
            answer = self.vault.deliver(data)
            codes.extend([answer.code] if answer.code else [])
            return answer.out

        for result in lead(customer, carry):
            last = result
        codes += [last.refusal.code.label] if isinstance(last, Rejected) else []
        self.vault.end()
        return tuple(codes)

    # --- where value is ---

    def outstanding(self) -> int:
        """What the issuing centre has issued and not got back."""
        return sum(self.directory.issuer.history.outstanding().values())

    def account(self) -> int:
        """Of the vault, at the issuing centre."""
        return self.directory.issuer.accounts.amount(self.vault.number)

    def held(self) -> int:
        """In all purses: spendable, or pending and not credited where it went; and in issues that wait."""
        homes: dict[bytes, Device] = {**self.purses, number_of(self.device): self.device}
        homes[number_of(self.counter.device)] = self.counter.device
        value = 0
        for number, device in homes.items():
            value += device.store.total()[1]
            for pending in device.store.pendings():
                if homes[pending.payee].store.credit(number, pending.transaction) is None:
                    value += pending.amount
        return value

    def missing(self) -> int:
        """What was funded, less what can be found. After `settle`: 0."""
        self.directory.issuer.history.conserved()
        self.counter.collect()
        return FUNDS - self.account() - self.held()

    def close(self) -> None:
        """Close everything."""
        self.vault.close()
        for device in (self.device, self.counter.device, *self.purses.values()):
            device.close()
        self.database.close()
        self.directory.close()


def number_of(device: Device) -> bytes:
    """Purse number of a device that is made."""
    provision = device.store.provision()
    if provision is None:
        raise ValueError("expected a purse that is made")
    return provision.number
