"""Anything in any order, with losses and power cuts anywhere: value is conserved and all completes."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from eiraku.reference.device import Device
from eiraku.reference.meeting import PurseLostPower
from eiraku.reference.purse.state import PayOrder, RedeliverOrder, RequestOrder
from eiraku.spec.errors import Refusal
from eiraku.system.economy.mishaps import Loss
from eiraku.system.exchange.carrier import ServiceRefused, ServiceUnreachable
from eiraku.system.vault.errors import NotTaken, PeerRefused
from eiraku.system.vault.policy import VaultPolicy
from eiraku.testing.bank import FUNDS, Bank
from eiraku.testing.town import Town

pytestmark = pytest.mark.slow

POLICY = VaultPolicy.from_toml(
    "bulletin_seconds = 60\nexpiry_margin = 0\n"
    "[[stock]]\nvalue = 1\nleast = 2\nmost = 6\n[[stock]]\nvalue = 4\nleast = 1\nmost = 3\n"
)
ERRORS = (ServiceUnreachable, ServiceRefused, Refusal, PeerRefused, PurseLostPower, NotTaken)
VALUES = st.lists(st.sampled_from((1, 2, 4, 8, 64)), min_size=1, max_size=6)
LOSS = st.none() | st.tuples(st.integers(1, 9), st.sampled_from(("lost", "unanswered")))
CUT = st.none() | st.tuples(st.sampled_from(("before", "after")), st.integers(1, 3))


class Weather(RuleBasedStateMachine):
    """One vault, two customers, weather."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.bank = Bank(Town(folder=Path(self.folder.name)), POLICY)
        self.customers = [self.bank.town.purse(), self.bank.town.purse()]

    def teardown(self) -> None:
        self.settle()
        self.bank.close()
        self.folder.cleanup()

    def settle(self) -> None:
        self.bank.fine()
        self.bank.device.disarm()
        self.bank.restart().settle()
        for customer in self.customers:
            for pending in customer.store.pendings():
                self.bank.meet(customer, RedeliverOrder(transaction=pending.transaction))
                assert customer.store.pending(pending.transaction) is None
        for pending in self.bank.device.store.pendings():
            assert self.bank.meet(self.bank.town.by_number()[pending.payee], RequestOrder(amount=1), 1) == ()
        assert self.bank.missing() == 0
        assert self.bank.outstanding() == self.bank.held() == FUNDS - self.bank.account()

    @rule(loss=LOSS, cut=CUT)
    def weather(self, loss: tuple[int, Loss] | None, cut: tuple[str, int] | None) -> None:
        if loss is not None:
            at = self.bank.issuing.calls + loss[0]
            self.bank.issuing.weather = lambda n: loss[1] if n >= at else None
        if cut is not None:
            self.bank.device.arm("before" if cut[0] == "before" else "after", cut[1])

    @rule(values=VALUES)
    def exchange(self, values: list[int]) -> None:
        self.attempt(lambda: self.bank.vault.exchange(values))

    @rule(values=VALUES)
    def issue(self, values: list[int]) -> None:
        self.attempt(lambda: self.bank.vault.issue(values))

    @rule(amount=st.none() | st.integers(1, 40))
    def redeem(self, amount: int | None) -> None:
        self.attempt(lambda: self.bank.vault.redeem(amount))

    @rule()
    def restock(self) -> None:
        self.attempt(self.bank.vault.restock)

    @rule(which=st.integers(0, 1), amount=st.integers(1, 40))
    def pay_out(self, which: int, amount: int) -> None:
        self.attempt(lambda: self.meet(self.customers[which], RequestOrder(amount=amount), amount))

    @rule(which=st.integers(0, 1), amount=st.integers(1, 40))
    def pay_in(self, which: int, amount: int) -> None:
        self.attempt(lambda: self.meet(self.customers[which], PayOrder(amount=amount), None))

    @rule()
    def tick(self) -> None:
        self.attempt(self.bank.vault.tick)

    @rule()
    def all_is_completed(self) -> None:
        self.settle()

    @invariant()
    def nothing_is_made(self) -> None:
        assert self.bank.held() <= self.bank.outstanding() <= FUNDS

    def meet(self, customer: Device, order: PayOrder | RequestOrder, pays_out: int | None) -> None:
        self.bank.meet(customer, order, pays_out)

    def attempt(self, work: object) -> None:
        assert callable(work)
        try:
            work()
        except ERRORS:
            self.bank.vault.end()


TestWeather = Weather.TestCase
TestWeather.settings = settings(
    max_examples=8, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
)
