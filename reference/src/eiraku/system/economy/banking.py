"""What people do at the counter of a bank: news, pay-in and pay-out, and the way to the issuing centre.

A bank pays out whole sets of units that come straight from the centre, and sends home whatever has moved. So
every unit that is paid out makes its first move then, and the scenario's hop limit is the number of payments
between two visits to a bank.
"""

from collections import Counter
from dataclasses import dataclass, field

from eiraku.reference.purse.ledger import HoldingSummary
from eiraku.spec.errors import Code
from eiraku.spec.objects import HOP_MAX, VALUES
from eiraku.system.economy.banks import Bank, Banks
from eiraku.system.economy.meetings import NO_ANSWER, Meetings, Outcome
from eiraku.system.economy.places import Place, Places
from eiraku.system.economy.scenario import Scenario
from eiraku.system.economy.scheme import Scheme
from eiraku.system.scheme.own import has_valid_purse_id

UNITS = 64
"""Units in one session: what the policy allows."""
OCTETS = 60_000
"""Bytes of units in one session; a message has at most 65 535."""
TRIES = 6
ALL = max(VALUES) + 1
"""To keep all units but the worn ones."""
_TO_THE_CENTRE = frozenset({Code.UNIT_SEEN.label, Code.UNIT_HELD.label})


@dataclass(slots=True, kw_only=True)
class Banking:
    """The counters of all banks. `volume`: value, in minor units."""

    scenario: Scenario
    places: Places
    meetings: Meetings
    scheme: Scheme
    banks: Banks
    volume: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)

    def bank(self, place: Place) -> Bank:
        """The bank of a holder."""
        return self.banks.all[place.bank]

    def news(self, place: Place, bulletin: bytes) -> None:
        """A purse at a counter gets the newest key lists and bulletin, and a later purse ID in time."""
        device = self.places.device(place)
        # EPP-SVC-032, EPP-SVC-033
        self.scheme.tell(device)
        device.bulletin(bulletin)
        late = place.renew - self.scheme.epoch <= self.scenario.policy.purse_lifetime // 3
        if late or not has_valid_purse_id(device):
            self.scheme.renew(place)

    def pay_in(self, place: Place, *, keep_below: int = 0) -> str:
        """What a purse can still spend goes into the bank; why not, if something could not.

        `keep_below`: units of less value stay, unless they are worn.
        """
        bank = self.bank(place).place
        for pending in self.meetings.between(bank, place):
            # Until its receipt has come, the vault would refuse to have the same units back.
            self.meetings.redeliver(pending)
        before = place.balance
        refused = self.empty(place, bank, keep_below=keep_below)
        self.volume["paid in"] += before - place.balance
        return refused

    def pay_out(self, place: Place, amount: int) -> str:
        """Whole sets of denominations up to `amount`; why not, if they could not be had."""
        bank, one = self.bank(place), self.scenario.denominations.total
        for _ in range(max(1, amount // one)):
            if not bank.vault.suspended and not self.banks.sets(bank):
                self.banks.stock(bank)
            outcome = self.insist(bank.place, place, one)
            if not outcome.moved:
                return outcome.reason
            self.volume["paid out"] += one
        return ""

    def empty(self, payer: Place, payee: Place, *, keep_below: int = 0) -> str:
        """Move all that can be spent, in as many sessions as it takes; the reason if it does not work."""
        for _ in range(TRIES * TRIES):
            batch = self._batch(payer, keep_below)
            if not batch:
                return ""
            units = tuple(unit.unit_id for unit in batch)
            amount = sum(unit.value for unit in batch)
            outcome = self.insist(payer, payee, amount, units=units)
            if outcome.reason in _TO_THE_CENTRE and payee is not self.scheme.centre:
                # EPP-CEN-010: the vault has had one of them; the issuing centre takes it nevertheless
                self.events["brought to the issuing centre"] += 1
                outcome = self.insist(payer, self.scheme.centre, amount, units=units)
            if not outcome.moved and outcome.reason != NO_ANSWER:
                return outcome.reason
        return NO_ANSWER

    def insist(self, payer: Place, payee: Place, amount: int, *, units: tuple[bytes, ...] = ()) -> Outcome:
        """One payment at a counter: what is disturbed is tried again, what is pending delivered again."""
        outcome = self.meetings.pay(payer, payee, amount, units=units)
        for _ in range(TRIES):
            pending = self.meetings.between(payer, payee)
            if pending:
                again = self.meetings.redeliver(pending[0])
                outcome = again if again.moved else outcome
            elif outcome.moved or outcome.reason != NO_ANSWER:
                break
            else:
                outcome = self.meetings.pay(payer, payee, amount, units=units)
        return outcome

    def _batch(self, payer: Place, keep_below: int) -> list[HoldingSummary]:
        """The largest units that fit one session."""
        chosen: list[HoldingSummary] = []
        octets = 0
        for unit in sorted(self.spendable(payer), key=lambda u: (-u.value, u.size, u.unit_id)):
            if unit.value < keep_below and not self.is_worn(unit):
                continue
            octets += unit.size
            if len(chosen) == UNITS or octets > OCTETS:
                break
            chosen.append(unit)
        return chosen

    def is_worn(self, unit: HoldingSummary) -> bool:
        """Whether a unit soon expires, or has made all its moves."""
        last = self.scheme.epoch + self.scenario.habits.swap
        return unit.expires <= last or unit.hop >= self.scenario.max_hops

    def spendable(self, place: Place) -> list[HoldingSummary]:
        """Units that can at least be paid into a vault."""
        epoch = self.places.epoch(place)
        held = self.places.device(place).store.summaries()
        return [unit for unit in held if unit.expires >= epoch and unit.hop < HOP_MAX]
