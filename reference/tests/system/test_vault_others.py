"""A vault with other vaults and requests of others: payment between vaults, claims that are handed on."""

import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from eiraku.reference.device import Device
from eiraku.reference.meeting import PurseLostPower
from eiraku.reference.purse.state import PayOrder, RequestOrder
from eiraku.spec import cbor
from eiraku.spec.centre_objects import Claim
from eiraku.spec.errors import Refusal
from eiraku.spec.objects import Role
from eiraku.system.exchange.carrier import Carrier, ServiceRefused, ServiceUnreachable
from eiraku.system.exchange.sessions import SessionTable
from eiraku.system.services.local import LocalCarrier
from eiraku.system.services.requests import Gate
from eiraku.system.services.service import Service
from eiraku.system.vault.errors import PeerRefused
from eiraku.system.vault.policy import VaultPolicy
from eiraku.system.vault.vault import Vault
from eiraku.testing.bank import FUNDS, Bank
from eiraku.testing.bench import Line
from eiraku.testing.device import number_of
from eiraku.testing.town import Town

pytestmark = pytest.mark.slow

POLICY = VaultPolicy(bulletin_seconds=60, expiry_margin=2, stock=())


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    made = Bank(Town(folder=tmp_path), POLICY)
    yield made
    made.close()


@pytest.fixture
def other(bank: Bank) -> Iterator[Vault]:
    """The vault of somebody else, at the same centres."""
    device = bank.town.purse(holder=bytes(32), role=Role.VAULT)
    vault = Vault.open(device, bank.issuing, bank.device_centre, bank.town.folder / "other.db", policy=POLICY)
    vault.refresh()
    yield vault
    vault.close()


def line_to(bank: Bank, vault: Vault) -> Line:
    table = SessionTable(host=vault, random=bank.town.directory.random, clock=map(float, count()).__next__)
    centre = bank.device_centre
    gate = Gate(audience="vault", journal=None, callers=lambda _n: None, methods={})  # type: ignore[arg-type]
    return Line(LocalCarrier(Service(gate=gate, bulletin=centre.bulletin, keys=centre.keys, sessions=table)))


def test_vault_to_vault(bank: Bank, other: Vault) -> None:
    """EPP-VLT-001, EPP-VLT-005: change is made first, as for people."""
    bank.vault.issue([64])
    bank.vault.pay(line_to(bank, other), 5)
    assert (bank.vault.balance, other.balance) == (59, 5)
    other.redeem()
    assert other.account() == 5
    assert bank.account() == FUNDS - 64


def test_a_lost_answer_between_vaults(bank: Bank, other: Vault) -> None:
    bank.vault.issue([8])
    line = line_to(bank, other)
    line.weather = lambda n: "unanswered" if n == 5 else None
    with pytest.raises(ServiceUnreachable):
        bank.vault.pay(line, 8)
    (pending,) = bank.device.store.pendings()
    assert (bank.vault.balance, other.balance) == (0, 8)
    bank.vault.settle()
    assert bank.device.store.pendings() == (pending,), "not to the centre: to whom it was paid"
    bank.vault.redeliver(line, pending.transaction)
    assert bank.device.store.pendings() == ()
    assert (bank.vault.balance, other.balance) == (0, 8)


def test_another_vault_that_refuses(bank: Bank, other: Vault) -> None:
    bank.vault.issue([8])
    bank.town.registry.purses.revoke(bank.vault.number, "closed")
    bank.town.directory.advance()
    other.refresh()
    with pytest.raises(PeerRefused):
        bank.vault.pay(line_to(bank, other), 8)
    assert bank.vault.balance == 8
    assert [found.reporter for found in bank.town.registry.suspects.after()] == [other.number]


def test_another_vault_that_is_refused_is_reported(bank: Bank, other: Vault) -> None:
    """EPP-VLT-002: also when the vault is the one that leads the session."""
    bank.vault.issue([8])
    bank.town.registry.purses.revoke(other.number, "closed")
    bank.town.directory.advance()
    bank.vault.refresh()
    with pytest.raises(Refusal, match="purse-revoked"):
        bank.vault.pay(line_to(bank, other), 8)
    assert bank.vault.balance == 8
    (found,) = bank.town.registry.suspects.after()
    assert (found.reporter, found.number) == (bank.vault.number, other.number)


def test_a_service_that_falls_silent(bank: Bank, other: Vault) -> None:
    bank.vault.issue([8])
    line = line_to(bank, other)
    line.carrier = Silent(line.carrier)
    with pytest.raises(ServiceUnreachable, match="without an answer"):
        bank.vault.pay(line, 8)
    assert bank.vault.balance == 8


class Silent:
    """A carrier whose sessions say nothing."""

    def __init__(self, carrier: Carrier) -> None:
        self.request, self.bulletin, self.keys = carrier.request, carrier.bulletin, carrier.keys

    def open(self) -> "Silent":
        return self

    def exchange(self, data: bytes) -> None:
        assert data


def test_a_customers_claim_is_handed_on(bank: Bank, other: Vault) -> None:
    """EPP-CEN-008: signed by the customer, for the vault's account."""
    alice = bank.town.purse()
    bank.vault.issue([8])
    assert bank.meet(alice, RequestOrder(amount=8), 8) == ()
    bank.device.arm("before", 1)
    lost(bank, alice)
    (pending,) = alice.store.pendings()
    body = Claim(
        offer=pending.offer,
        endorsements=pending.endorsements,
        payee=pending.payee,
        beneficiary=other.number,
    ).encode()
    signed = alice.sign_request("issuing-centre", "claim", 1, body)
    bank.issuing.weather = lambda _n: "lost"
    with pytest.raises(ServiceUnreachable):
        other.forward(signed)
    bank.fine()
    assert cbor.decode(other.forward(signed)) == "open"
    assert cbor.decode(other.forward(signed)) == "open", "the very same request is answered as the first time"
    with pytest.raises(ServiceRefused, match="authentication"):
        other.forward(bank.town.purse().sign_request("issuing-centre", "claim", 1, body)[:-1] + b"\0")


def lost(bank: Bank, customer: Device) -> None:
    """The vault loses power when it is paid, before it credits."""
    with pytest.raises(PurseLostPower):
        bank.meet(customer, PayOrder(amount=8))
    bank.restart()


def test_several_threads(bank: Bank) -> None:
    """EPP-VLT-006: customers in turn, while the vault does what is due; nobody is disturbed."""
    customers = [bank.town.purse() for _ in range(2)]
    bank.vault.issue([1] * 40)
    turn = threading.Lock()
    stop = threading.Event()
    problems: list[object] = []

    def ticks() -> None:
        while not stop.is_set():
            problems.extend(bank.vault.tick())

    def serve(customer: Device) -> None:
        for _ in range(5):
            with turn:
                problems.extend(bank.meet(customer, RequestOrder(amount=2), 2))
                problems.extend(bank.meet(customer, PayOrder(amount=1)))

    workers = [threading.Thread(target=serve, args=(customer,)) for customer in customers]
    ticking = threading.Thread(target=ticks)
    for thread in (ticking, *workers):
        thread.start()
    for thread in workers:
        thread.join()
    stop.set()
    ticking.join()
    assert problems == []
    assert [customer.store.total()[1] for customer in customers] == [5, 5]
    assert bank.missing() == 0
    assert number_of(bank.device) == bank.vault.number
