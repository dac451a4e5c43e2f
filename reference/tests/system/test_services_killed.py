"""The services under SIGKILL: people go on until it is done, and nothing is lost or made (EPP-SVC-077).

The server is killed at random moments of pay-outs, pay-ins, issues and claims, and started again; whoever was
interrupted says the same again. `--kills N` kills more often.
"""

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eiraku.reference.device import Accepted
from eiraku.reference.meeting import meet
from eiraku.reference.purse.state import PayOrder, ReceiveOrder
from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal, Unavailable
from eiraku.spec.tables import Side
from eiraku.system.exchange.carrier import ServiceRefused
from eiraku.system.services.client import HttpCarrier
from eiraku.system.services.requests import ISSUING_CENTRE
from eiraku.system.services.scheme import Scheme
from eiraku.system.services.wallet import Wallet
from eiraku.testing.served import Served

pytestmark = pytest.mark.slow

KILLS = 8
FUNDS = {"alice": 1_000_000, "bob": 50_000}
POOR = {Code.INSUFFICIENT_FUNDS, Code.NO_EXACT_CHANGE}


class Town:
    """Two people with a vault each, and a server that dies."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.chance = chance
        self.served = Served(folder, FUNDS)
        self.served.start()
        self.people = {name: self.served.wallet(folder / name, name) for name in FUNDS}
        self.interrupted = 0
        self.done = 0

    @contextmanager
    def dying(self) -> Iterator[None]:
        """Somewhere in here the server is killed, and comes back."""

        def die() -> None:
            time.sleep(self.chance.uniform(0, 0.25))
            self.served.kill()
            self.served.start()

        killer = threading.Thread(target=die)
        killer.start()
        try:
            yield
        finally:
            killer.join()

    def one(self) -> None:
        """Something that people do; interrupted, they leave it at that, and come again later."""
        name = self.chance.choice(list(self.people))
        person, other = self.people[name], self.people["bob" if name == "alice" else "alice"]
        amount = self.chance.randint(1, 3000)
        act: Callable[[], object] = self.chance.choice(
            [
                lambda: person.pay_out(amount),
                lambda: person.pay_out(amount),
                lambda: person.pay_in(amount),
                person.pay_in,
                lambda: person.pay(amount, other),
                lambda: self.lose_receipt(person, other, amount),
                person.claim,
                person.balance,
            ]
        )
        try:
            act()
            self.done += 1
        except Unavailable:
            self.interrupted += 1
        except Refusal as refusal:
            if refusal.code not in POOR:
                raise
        except ServiceRefused as refused:
            # The names of sessions are gone with the server.
            known = {"session-unknown", "session-order", "busy", "suspended", "unavailable"}
            if refused.code not in known | {code.label for code in POOR}:
                raise
            self.interrupted += 1

    def lose_receipt(self, payer: Wallet, payee: Wallet, amount: int) -> None:
        payer.device.order(PayOrder(amount=amount))
        payee.device.order(ReceiveOrder())
        meet(payer.device, payee.device, lambda count, data: None if count == 8 else data)
        for device in (payer.device, payee.device):
            device.store.reopen()
            device.drop_session()

    def come_to_rest(self) -> None:
        """Everybody says again what was interrupted, until nothing is."""
        alice, bob = self.people.values()
        for _ in range(20):
            for payer, payee in ((alice, bob), (bob, alice)):
                while any(p.payee == payee.claims.number for p in payer.snapshot().pending):
                    payer.pay(1, payee)
                if payer.snapshot().pending:
                    payer.pay_in(1)
            if not any(person.snapshot().pending for person in self.people.values()):
                return
        raise AssertionError("still pending")

    def check(self) -> None:
        """Nothing lost, nothing made: centre, vaults and purses together have what was funded."""
        self.come_to_rest()
        self.served.stop()
        with self.served.opened() as scheme:
            for name, vault in scheme.vaults.items():
                vault.vault.refresh()
                vault.vault.settle()
                for pending in vault.device.store.pendings():
                    # A pay-out whose receipt was lost: the vault still owes it, the purse may have it.
                    number = self.people[name].claims.number
                    assert pending.payee == number
            assert self.total(scheme) == sum(FUNDS.values())
            scheme.directory.issuer.history.conserved()
        self.served.start()

    def total(self, scheme: Scheme) -> int:
        accounts = sum(vault.account() for vault in scheme.vaults.values())
        held = sum(vault.vault.balance for vault in scheme.vaults.values())
        purses = sum(person.snapshot().balance for person in self.people.values())
        underway = 0
        for vault in scheme.vaults.values():
            for pending in vault.device.store.pendings():
                credited = {
                    (c.payer, c.transaction) for p in self.people.values() for c in p.snapshot().credited
                }
                if (vault.number, pending.transaction) not in credited:
                    underway += pending.amount
        outstanding = sum(scheme.directory.issuer.history.outstanding().values())
        assert outstanding == held + purses + underway
        return accounts + outstanding

    def close(self) -> None:
        for person in self.people.values():
            person.close()
        self.served.stop()


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path, random.Random(20261122))
    yield made
    made.close()


def test_killed_at_any_moment(town: Town, kills: int) -> None:
    # EPP-SVC-043, EPP-SVC-046, EPP-SVC-056, EPP-SVC-074, EPP-SVC-077
    town.people["alice"].pay_out(5000)
    for kill in range(kills or KILLS):
        with town.dying():
            for _ in range(4):
                town.one()
        if kill % 4 == 3:
            town.check()
    town.check()
    assert town.done > 0


def test_stopped_in_order(town: Town) -> None:
    # EPP-SVC-077
    town.people["alice"].pay_out(100)
    assert town.served.stop() == 0
    town.served.start()
    assert town.people["alice"].pay_in(100) == 100


def stopping(town: Town) -> threading.Thread:
    """The server has been told to stop."""
    thread = threading.Thread(target=town.served.stop)
    thread.start()
    while town.served.answers():
        time.sleep(0.01)
    return thread


def test_what_was_begun_is_answered(town: Town) -> None:
    # EPP-SVC-014
    alice = town.people["alice"]
    signed = alice.device.sign_request(ISSUING_CENTRE, "account", 1000, cbor.encode(()))
    head = (
        f"POST /epp1/{ISSUING_CENTRE}/requests HTTP/1.1\r\nHost: x\r\nContent-Type: application/cose\r\n"
        f"Content-Length: {len(signed)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", town.served.port), timeout=20) as raw:
        raw.sendall(head.encode() + signed[:9])
        time.sleep(0.2)
        stop = stopping(town)
        raw.sendall(signed[9:])
        answer = b""
        while part := raw.recv(65536):
            answer += part
    stop.join()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(cbor.encode(0))
    town.served.start()


def test_sessions_end_with_the_server(town: Town) -> None:
    # EPP-SVC-076
    alice = town.people["alice"]
    alice.pay_out(100)
    with town.served.http() as http:
        session = HttpCarrier(http, f"vaults/{alice.notes.vault}").open()
        alice.device.order(PayOrder(amount=100))
        opened = alice.device.open(Side.INITIATOR)
        assert isinstance(opened, Accepted)
        assert session.exchange(opened.out or b"")
        assert town.served.stop() == 0
        town.served.start()
        with pytest.raises(ServiceRefused, match="session-unknown"):
            session.exchange(b"more")
    alice.device.drop_session()
    assert alice.pay_in(100) == 100
