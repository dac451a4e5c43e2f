"""The banks of a run: each is a vault with its own memory, its account, and its lines to both centres.

The vaults and the services are those of `eiraku.system`; only the lines between them are in this process, and
break as the scenario says. Whatever a vault does with the issuing centre is completed before it counts.
"""

import random
from collections import Counter as Tally
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.meeting import PurseLostPower
from eiraku.reference.purse.state import Order, PayUnitsOrder
from eiraku.spec.errors import Refusal
from eiraku.system.database import Database
from eiraku.system.economy.mishaps import Loss
from eiraku.system.economy.places import Kind, Place, Places
from eiraku.system.economy.scenario import Scenario
from eiraku.system.economy.scheme import Scheme
from eiraku.system.economy.truth import Truth
from eiraku.system.exchange.carrier import ServiceRefused, ServiceUnreachable
from eiraku.system.services.journal import SCHEMA, Journal
from eiraku.system.services.local import LocalCarrier
from eiraku.system.services.making import Maker
from eiraku.system.services.requests import DEVICE_CENTRE, ISSUING_CENTRE
from eiraku.system.services.service import Service
from eiraku.system.vault.errors import PeerRefused
from eiraku.system.vault.exchanging import Exchanging
from eiraku.system.vault.filling import pick
from eiraku.system.vault.policy import VaultPolicy
from eiraku.system.vault.stock import ISSUE_MAX, Exchange
from eiraku.system.vault.vault import Vault

EPOCH_SECONDS = 3600
STALE = EPOCH_SECONDS // 2
"""Seconds of a bulletin's age after which a vault is suspended: one epoch without news."""
MESSAGES = 9
"""Calls of a vault to the issuing centre in one session, about."""
TRIES = 200
"""Times that a vault is told to go on where it was interrupted."""


@dataclass(slots=True, kw_only=True, eq=False)
class Bank:
    """A vault. `customers`: how many people go there; `silent`: no news from the device centre."""

    name: str
    economy: int
    place: Place
    vault: Vault
    customers: int
    silent: bool = False


@dataclass(slots=True, kw_only=True)
class Banks:
    """All banks, and the services that they use. `volume`: value, in minor units."""

    directory: Path
    scenario: Scenario
    places: Places
    scheme: Scheme
    truth: Truth
    random: random.Random
    crypto: Drbg
    all: list[Bank] = field(default_factory=list)
    vaults: dict[Place, Vault] = field(default_factory=dict)
    volume: Tally[str] = field(default_factory=Tally)
    events: Tally[str] = field(default_factory=Tally)
    _journal: Database = field(init=False)
    _services: dict[str, Service] = field(init=False)

    def __post_init__(self) -> None:
        """Open the services of both centres."""
        self._journal = Database(f"sqlite:///{self.directory / 'services.db'}", SCHEMA)
        make = Maker(
            registry=self.scheme.registry,
            issuer=self.scheme.issuer,
            journal=Journal(self._journal),
            random=self.crypto,
            clock=map(float, count()).__next__,
        )
        self._services = make.centres(self.scheme.counter, lifetime=self.scenario.policy.purse_lifetime)

    def open(self, name: str, economy: int, *, customers: int, funds: int) -> Bank:
        """A new bank with `funds` in its account."""
        place = self.scheme.make(Kind.BANK, name, economy)
        issuing = self.places.mishaps.line(LocalCarrier(self._services[ISSUING_CENTRE]), self._weather)
        device_centre = self.places.mishaps.line(
            LocalCarrier(self._services[DEVICE_CENTRE]), lambda _n: "lost" if bank.silent else None
        )
        vault = Vault.open(
            self.places.device(place),
            issuing,
            device_centre,
            place.path.with_suffix(".vault"),
            policy=VaultPolicy(bulletin_seconds=STALE, expiry_margin=self.scenario.habits.swap + 1, stock=()),
            clock=lambda: float(self.scheme.epoch * EPOCH_SECONDS),
            fill=self._sets,
        )
        bank = Bank(name=name, economy=economy, place=place, vault=vault, customers=customers)
        self.all.append(bank)
        self.vaults[place] = vault
        vault.refresh()
        self.scheme.fund(place, funds)
        return bank

    def close(self) -> None:
        """Close what vaults and services remember."""
        for bank in self.all:
            bank.vault.close()
        self._journal.close()

    # --- news ---

    def new_epoch(self) -> None:
        """Every bank asks for the new bulletin; some cannot reach the device centre, and are suspended."""
        for bank in self.all:
            bank.silent = self.random.random() < self.scenario.faults.silent
            self.listen(bank)
            if bank.vault.suspended:
                self.events["banks suspended"] += 1

    def listen(self, bank: Bank) -> None:
        """Ask for the newest bulletin, and send what reports there are."""
        try:
            bank.vault.refresh()
            self.scheme.keep(bank.place)
            bank.vault.send_reports()
        except ServiceUnreachable:
            return

    def speak_again(self) -> None:
        """At the end of an epoch every bank can be reached."""
        for bank in self.all:
            bank.silent = False
            self.listen(bank)

    # --- units ---

    def sets(self, bank: Bank) -> int:
        """Whole sets of denominations that can be paid out: units straight from the centre."""
        held = Tally(unit.value for unit in self.places.device(bank.place).store.summaries() if not unit.hop)
        return min(held[value] for value in self.scenario.denominations.values)

    def stock(self, bank: Bank) -> None:
        """Fresh units for what the bank has at the centre; its economy backs more coin if that is nothing."""
        one = self.scenario.denominations.total
        most = ISSUE_MAX // len(self.scenario.denominations.values)
        wanted = min(most, max(2, bank.customers * self.scenario.habits.cash // one // 3))
        self.redeem(bank)
        if self.scheme.accounts[bank.place.number] < one:
            self.events["more assets contributed"] += 1
            self.scheme.wholesale.contribute(bank.economy, one * wanted * 10)
            self.scheme.fund(bank.place, one * wanted * 10)
        count_ = min(wanted, self.scheme.accounts[bank.place.number] // one)
        values = self.scenario.denominations.values * count_
        self._completed(bank, lambda: bank.vault.issue(values))

    def redeem(self, bank: Bank, *, everything: bool = False) -> None:
        """What has moved or is getting old goes home; or all of it."""

        def plan(units: Exchanging) -> Exchange | None:
            shelf = units.shelf()
            fresh = [unit for unit in shelf.fresh if unit.hop or everything]
            home = tuple(unit.unit_id for unit in (*shelf.worn, *fresh))
            return Exchange(home=home, values=()) if home else None

        self._completed(bank, lambda: bank.vault.carry_out(plan))

    def _sets(self, units: Exchanging, amount: int) -> Order:
        """Fills an amount that is one set or more, with units that have made no move."""
        sets = amount // self.scenario.denominations.total
        fresh = [unit for unit in units.shelf().fresh if not unit.hop]
        found, missing = pick(fresh, self.scenario.denominations.values * sets)
        if missing:
            raise ServiceRefused("unavailable", "EPP-VLT-005", "no sets left")
        return PayUnitsOrder(unit_ids=frozenset(unit.unit_id for unit in found))

    def _completed(self, bank: Bank, work: Callable[[], object]) -> None:
        """Something that a vault does with the issuing centre, through power cuts and lost messages."""
        device = self.places.device(bank.place)
        before = {unit.unit_id for unit in device.store.summaries()}
        account = self.scheme.accounts[bank.place.number]
        self.scheme.depositor = bank.place
        for _ in range(TRIES):
            self._disturb(bank)
            try:
                work()
            except (ServiceUnreachable, PurseLostPower):
                self.events["vaults interrupted"] += 1
                self._hang_up()
                work = bank.vault.settle
            except (Refusal, PeerRefused, ServiceRefused) as refused:
                self.events[f"vaults refused: {refused}"] += 1
                break
            else:
                break
        self.places.mishaps.hold(device)
        self.volume["redeemed"] += self.scheme.accounts[bank.place.number] - account
        self.volume["issued"] += self.scheme.observe(bank.place)
        bank.place.balance = bank.vault.balance
        left = before - {unit.unit_id for unit in device.store.summaries()}
        self.truth.moved(bank.place, self.scheme.centre, left)
        self.scheme.came_home(self.truth)

    def _disturb(self, bank: Bank) -> None:
        if self.random.random() < self.scenario.faults.power_cut:
            device, write = self.places.device(bank.place), self.random.randint(1, 2)
            self.places.mishaps.fail(device, self.random.choice(("before", "after")), write)

    def _weather(self, _number: int) -> Loss | None:
        if self.random.random() >= self.scenario.faults.message_lost / MESSAGES:
            return None
        return self.random.choice(("lost", "unanswered"))

    def _hang_up(self) -> None:
        """The issuing centre lets go of a session that was broken off (EPP-SVC-056)."""
        sessions = self._services[ISSUING_CENTRE].sessions
        if sessions is not None:
            sessions.drop_all()
