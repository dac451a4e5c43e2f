"""One run of a scenario: the population is made, trades for its epochs, and goes home.

Everything is decided by one seed. A `Watcher` is told of every payment; KeyboardInterrupt ends a run early,
and its results say so.
"""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.gossip import Gossip, epoch_of, exchange, lists_of
from eiraku.spec.errors import Code, Refusal
from eiraku.system.economy.banking import ALL, Banking
from eiraku.system.economy.banks import Banks
from eiraku.system.economy.count import Count, Picture
from eiraku.system.economy.meetings import HOP_LIMIT, NO_ANSWER, Meetings, Undelivered
from eiraku.system.economy.mishaps import Mishaps
from eiraku.system.economy.people import People
from eiraku.system.economy.places import Kind, Place, Places
from eiraku.system.economy.results import Payments, Results
from eiraku.system.economy.scenario import Scenario
from eiraku.system.economy.scheme import Scheme
from eiraku.system.economy.truth import Truth
from eiraku.system.economy.watching import Watcher
from eiraku.system.vault.errors import VaultSuspended

CLAIM_AFTER = 3
"""Epochs that a payer waits for somebody it will not meet again, before it claims."""
TRIES = 3
"""Redeliveries that may be refused before the payer gives up and claims."""

_WORTH_A_VISIT = {HOP_LIMIT, Code.NO_EXACT_CHANGE.label, Code.INSUFFICIENT_FUNDS.label}


@contextmanager
def running(scenario: Scenario, directory: Path, watcher: Watcher, mishaps: Mishaps) -> Iterator["Run"]:
    """A run with everything open."""
    made = Run(scenario, directory, watcher, mishaps)
    try:
        yield made
    finally:
        made.close()


class Run:
    """A run. `directory`: empty, for the memories of purses and the databases of the centres."""

    def __init__(self, scenario: Scenario, directory: Path, watcher: Watcher, mishaps: Mishaps) -> None:
        self.scenario = scenario
        self.watcher = watcher
        # Behaviour and cryptography have a source each: a session more does not change who meets whom.
        self.random = random.Random(scenario.seed)  # noqa: S311 - a simulation, to be repeated
        crypto = Drbg(b"simulation" + scenario.seed.to_bytes(8, "big"))
        self.places = Places(directory=directory, mishaps=mishaps)
        self.truth = Truth()
        self.scheme = Scheme(scenario, directory, self.places, crypto)
        self.banks = Banks(
            directory=directory,
            scenario=scenario,
            places=self.places,
            scheme=self.scheme,
            truth=self.truth,
            random=self.random,
            crypto=crypto,
        )
        self.meetings = Meetings(
            places=self.places,
            truth=self.truth,
            faults=scenario.faults,
            random=self.random,
            seed=scenario.seed,
            vaults=self.banks.vaults,
            on_refusal=self._refused,
            on_home=self._home,
        )
        self.banking = Banking(
            scenario=scenario,
            places=self.places,
            meetings=self.meetings,
            scheme=self.scheme,
            banks=self.banks,
        )
        self.people = People(scenario=scenario, random=self.random)
        self.count = Count(self.places, self.meetings, self.scheme, self.truth, scenario.seed)
        self.payments = Payments()
        self.series: list[Picture] = []
        self.claims: Counter[str] = Counter()
        self.refunded = 0
        self.crypto = crypto
        self.bulletin = self.scheme.registry.bulletins.newest()
        self.interrupted = False

    def close(self) -> None:
        """Close all memories and databases."""
        self.banks.close()
        self.places.close()
        self.scheme.close()

    # --- the story ---

    def go(self) -> Results:
        """Trade and go home. Raises ConservationError."""
        try:
            self.populate()
            self.trade()
            self.go_home()
        except KeyboardInterrupt:
            # A session may have been cut short: what was counted before is reported, and no more is counted.
            self.interrupted = True
        return self.results()

    def populate(self) -> None:
        """Banks with money, shops, people with cash."""
        scheme, scenario = self.scheme, self.scenario
        for economy in scenario.economies:
            first = len(self.banks.all)
            for n in range(economy.banks):
                self.banks.open(
                    f"{economy.name} bank {n + 1}",
                    economy.number,
                    customers=scenario.people_of(economy) // economy.banks,
                    funds=economy.assets // economy.banks + (economy.assets % economy.banks if n == 0 else 0),
                )
            for n in range(economy.shops):
                bank = first + n % economy.banks
                self.people.add(
                    scheme.make(Kind.SHOP, f"{economy.name} shop {n + 1}", economy.number, bank=bank)
                )
            for n in range(scenario.people_of(economy)):
                bank = first + n % economy.banks
                place = scheme.make(Kind.PERSON, f"{economy.name} person {n + 1}", economy.number, bank=bank)
                place.careless = self.random.random() < scenario.habits.careless
                self.people.add(place)
        for place in self.people.persons:
            self.banking.pay_out(place, scenario.habits.cash)

    def trade(self) -> None:
        """Every epoch of trade, with a full count at its end."""
        scenario = self.scenario
        self.watcher.begin(f"hop limit {scenario.policy.hop_limit}", scenario.payments)
        copies = self.people.copies()
        for n in range(scenario.epochs):
            self._new_epoch()
            for place in self.people.persons:
                if not place.careless and any(map(self.banking.is_worn, self.banking.spendable(place))):
                    self.visit(place)
            for _ in range(copies[n]):
                self._copy()
            made = scenario.payments * (n + 1) // scenario.epochs - scenario.payments * n // scenario.epochs
            for _ in range(made):
                self._payment()
                self.watcher.done(1)
            for clone in [place for place in self.places.all if place.original is not None]:
                self._spend_copy(clone)
            self._end_of_epoch()

    def go_home(self) -> None:
        """Everybody pays in, banks redeem, claims are made and refunded, until nothing can change."""
        self._new_epoch()
        self.banks.speak_again()
        for _ in range(TRIES):
            for pending in self._open():
                if not pending.never:
                    self._again(pending)
        for place in (*self.people.persons, *self.people.shops):
            self.banking.news(place, self.bulletin)
            self.banking.pay_in(place)
        self._close_of_day(everything=True)
        for pending in self._open():
            self._claim(pending)
        self.series.append(self.count.full())
        last = max((unit.expires for unit in self.scheme.units.values()), default=0)
        while self.scheme.epoch <= last + self.scenario.policy.claim_grace + 1:
            self._new_epoch()
        self.series.append(self.count.full())

    # --- an epoch ---

    def _new_epoch(self) -> None:
        if self.scheme.epoch + 1 == self.scenario.rotation.revoked:
            # Before the bulletin, which the successor signs.
            self.scheme.revoke()
            self.meetings.events["keys revoked in epoch"] = self.scheme.epoch + 1
        self.bulletin = self.scheme.advance()
        self.truth.epoch = self.meetings.epoch = self.scheme.epoch
        self.refunded += self.scheme.refund()
        if self.scheme.epoch == self.scenario.rotation.announced:
            self.meetings.events["successors used from epoch"] = self.scheme.rotate()
        centre = self.places.device(self.scheme.centre)
        self.scheme.tell(centre)
        centre.bulletin(self.bulletin)
        self.banks.new_epoch()

    def _end_of_epoch(self) -> None:
        for pending in self._open():
            if not pending.never and self.random.random() < self.scenario.faults.redelivered:
                self._again(pending)
            elif pending.never and self.scheme.epoch - pending.since >= CLAIM_AFTER:
                self._claim(pending)
        for shop in self.people.shops:
            if self.random.random() < self.scenario.habits.pay_in:
                self.banking.news(shop, self.bulletin)
                self.banking.pay_in(shop)
        self._close_of_day()
        self.series.append(self.count.full())

    def _close_of_day(self, *, everything: bool = False) -> None:
        """Every bank can be reached again, and sends home what was paid in; or all that it has."""
        self.banks.speak_again()
        for bank in self.banks.all:
            self.banks.redeem(bank, everything=everything)

    def _payment(self) -> None:
        payer, payee, amount = self.people.meeting()
        if payer.kind is Kind.PERSON and payer.balance < amount:
            self.visit(payer)
        self._gossip(payer, payee)
        outcome = self.meetings.pay(payer, payee, amount)
        self.payments.attempted += 1
        if outcome.reason in _WORTH_A_VISIT and self.random.random() < self.scenario.habits.change:
            self.payments.second_tries += 1
            self.payments.refused_first[outcome.reason] += 1
            self.visit(payer, for_change=True)
            outcome = self.meetings.pay(payer, payee, amount)
        if outcome.moved:
            self.payments.take(payer.economy, payee.economy, amount)
        else:
            self.payments.refused[outcome.reason] += 1

    def visit(self, place: Place, *, for_change: bool = False) -> None:
        """Pay in what is worn, for change also what is large; draw cash."""
        self.payments.visits += 1
        large = max(1, self.scenario.denominations.largest // 2) if for_change else ALL
        self.banking.news(place, self.bulletin)
        self.banking.pay_in(place, keep_below=large)
        cash = self.scenario.habits.cash - place.balance
        if place.kind is Kind.PERSON and (cash > 0 or for_change):
            self.banking.pay_out(place, cash)

    def _gossip(self, one: Place, other: Place) -> None:
        """Two who meet tell each other the news, before the session opens."""
        if self.random.random() >= self.scenario.habits.gossip:
            return
        devices = self.places.device(one), self.places.device(other)
        if epoch_of(devices[0]) != epoch_of(devices[1]):
            self.meetings.events["bulletins passed on"] += 1
        if lists_of(devices[0]) != lists_of(devices[1]):
            self.meetings.events["key lists passed on"] += 1
        # EPP-DEV-010
        exchange(Gossip(devices[0]), Gossip(devices[1]))

    # --- pending transactions ---

    def _open(self) -> list[Undelivered]:
        """Pending transactions of people and shops, oldest first."""
        return sorted(
            (one for one in self.meetings.undelivered.values() if one.payer.kind in (Kind.PERSON, Kind.SHOP)),
            key=lambda one: (one.since, one.payer.number, one.transaction),
        )

    def _again(self, pending: Undelivered) -> None:
        outcome = self.meetings.redeliver(pending)
        if not outcome.moved and not pending.closed and outcome.reason != NO_ANSWER:
            pending.tries += 1
            pending.never = pending.tries >= TRIES

    def _claim(self, pending: Undelivered) -> None:
        if pending.claimed or pending.payer.original is not None:
            return
        pending.claimed = True
        try:
            self.claims[self.scheme.claim(pending, self.banking.bank(pending.payer).place)] += 1
        except Refusal as refusal:
            self.claims[refusal.code.label] += 1

    # --- cheats ---

    def _copy(self) -> None:
        """Somebody draws cash and copies the memory of his purse."""
        busy = {one.payer for one in self.meetings.undelivered.values()}
        able = [p for p in self.people.persons if p not in busy and p.number not in self.truth.cheats]
        if not able:
            return
        place = self.random.choice(able)
        self.visit(place)
        if any(one.payer is place for one in self.meetings.undelivered.values()):
            return
        clone = self.places.copy(place, Drbg(self.crypto(32)))
        clone.balance = place.balance
        units = self.places.device(place).store.summaries()
        self.truth.copied(place, clone, [(unit.unit_id, unit.value) for unit in units])

    def _spend_copy(self, clone: Place) -> None:
        """The copy pays strangers with one to three units at a time: it does not care for the price."""
        for _ in range(self.scenario.cheats.payments):
            able = [unit for unit in self.banking.spendable(clone) if unit.hop < self.scenario.max_hops]
            if not able:
                return
            units = self.random.sample(able, min(len(able), self.random.randint(1, 3)))
            amount, payee = sum(unit.value for unit in units), self.people.stranger(clone)
            outcome = self.meetings.pay(clone, payee, amount, units=tuple(unit.unit_id for unit in units))
            self.payments.by_copies[outcome.reason or "accepted"] += 1

    # --- what the meetings report ---

    def _home(self, payer: Place) -> None:
        self.scheme.take_home(payer, self.truth)

    def _refused(self, who: Place, whom: Place, code: str) -> None:
        if code == VaultSuspended().code:
            self.meetings.events["refused by a suspended vault"] += 1
        if code == Code.PURSE_REVOKED.label:
            cheat = self.truth.cheats.get(whom.number)
            vault = who.kind is Kind.BANK
            self.meetings.events["revoked purse refused" + (" by a vault" if vault else "")] += 1
            if cheat is not None and vault and cheat.refused_at_vault is None:
                cheat.refused_at_vault = self.scheme.epoch
            if cheat is not None and not vault and cheat.refused_by_people is None:
                cheat.refused_by_people = self.scheme.epoch

    # --- at the end ---

    def _reported(self) -> Counter[str]:
        """What the device centre has from vaults (EPP-VLT-002)."""
        return Counter({"reports of vaults": len(self.scheme.registry.suspects.after())})

    def results(self) -> Results:
        """Everything that was found."""
        return Results.of(
            self.scheme,
            self.truth,
            self.places,
            payments=self.payments,
            series=self.series,
            sessions=self.meetings.step,
            claims=self.claims,
            events=self.meetings.events + self.banking.events + self.banks.events + self._reported(),
            volume=self.banking.volume + self.banks.volume,
            refunded=self.refunded,
            interrupted=self.interrupted,
        )
