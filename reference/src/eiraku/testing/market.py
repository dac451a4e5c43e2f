"""A market: both centres, a vault and some persons, whose purses are inspected."""

import shutil
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.device import Accepted, Device
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.ledger import Provision
from eiraku.reference.purse.state import PayOrder, ReceiveOrder, RedeliverOrder
from eiraku.spec.centre_objects import Issue
from eiraku.spec.objects import Role
from eiraku.system.device.inspection import Finding
from eiraku.system.issuing.counter import Counter
from eiraku.system.scheme import directory
from eiraku.system.scheme.settings import DEFAULT
from eiraku.testing.bank import number_of
from eiraku.testing.device import BenchDevice
from eiraku.testing.faulty_store import FaultyStore

ECONOMY = 392
POLICY = (
    (resources.files("eiraku.reference") / "default_policy.toml")
    .read_text("utf-8")
    .replace("capacity = 256", "capacity = 1024")
)


class Market:
    """Both centres, a vault and some persons: real purses, real sessions, real deposits."""

    def __init__(self, folder: Path, persons: int, seed: bytes = b"market", **given: Any) -> None:
        self.folder = folder
        self.random = Drbg(seed)
        self.centres = directory.create(
            folder / "centres",
            settings=DEFAULT.changed(economies=(ECONOMY,), **given),
            policy=POLICY,
            random=self.random,
        )
        self.registry, self.issuer = self.centres.registry, self.centres.issuer
        self.counter = Counter(self.centres.counter(), self.issuer)
        self.vault = self.purse(Role.VAULT)
        self.persons = [self.purse() for _ in range(persons)]
        self.issuer.accounts.fund(self.random(16), number_of(self.vault), 1_000_000)

    def purse(self, role: Role = Role.PERSON) -> BenchDevice:
        """A new purse without money."""
        store = FaultyStore(self.folder / f"{self.random(4).hex()}.db")
        self.centres.make_purse(store, role=role, tier=2, holder=self.random(32), economy=ECONOMY)
        return BenchDevice(store, self.random)

    def issue(self, values: Sequence[int]) -> None:
        """Fresh units for the vault, which gives its receipt."""
        encoded = self.issuer.issues.issue(self.random(16), number_of(self.vault), ECONOMY, values)
        taken = self.vault.take_issue(encoded)
        if not isinstance(taken, Accepted) or taken.out is None:
            raise ValueError(f"the vault does not take an issue: {taken}")
        self.issuer.issues.receipt(number_of(self.vault), Issue.decode(encoded).transaction, taken.out)

    def pay(self, payer: Device, payee: Device, amount: int, lost: int = 0) -> list[str]:
        """Codes of refusals; message `lost` does not arrive."""
        channel = (lambda n, m: None if n == lost else m) if lost else None
        codes = transfer(payer, PayOrder(amount=amount), payee, ReceiveOrder(), channel).codes
        if payee is self.counter.device:
            self.counter.collect()
        return codes

    def give(self, person: Device, values: Sequence[int]) -> None:
        """Fresh units from the vault."""
        self.issue(values)
        codes = self.pay(self.vault, person, sum(values))
        if codes:
            raise ValueError(f"the vault cannot pay: {codes}")

    def redeliver(self, payer: Device) -> None:
        """Deliver again whatever is pending."""
        devices = {number_of(d): d for d in (*self.persons, self.vault, self.counter.device)}
        for pending in payer.store.pendings():
            payee = devices[pending.payee]
            transfer(payer, RedeliverOrder(transaction=pending.transaction), payee, ReceiveOrder())
        self.counter.collect()

    def inspect(self, device: Device) -> Sequence[Finding]:
        """What an inspection finds."""
        challenge = self.registry.inspections.challenge(number_of(device), self.issuer.history)
        return self.registry.inspections.inspect(
            number_of(device), device.self_report(challenge), self.issuer.history
        )

    def copy(self, device: BenchDevice) -> Device:
        """A second purse with the same memory."""
        original = device.store.path
        device.close()
        other = original.with_name(f"copy-{self.random(4).hex()}.db")
        shutil.copy(original, other)
        device.power_cut()
        return Device(other, self.random)

    def close(self) -> None:
        """Close everything."""
        for device in (*self.persons, self.vault, self.counter.device):
            device.close()
        self.centres.close()


def provision(device: Device) -> Provision:
    """What a purse was made with."""
    found = device.store.provision()
    if found is None:
        raise ValueError("expected a purse that is made")
    return found


def kinds(findings: Sequence[Finding]) -> set[str]:
    """Their stable names."""
    return {finding.kind for finding in findings}
