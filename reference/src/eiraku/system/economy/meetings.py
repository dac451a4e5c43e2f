"""Two purses meet: a real session between two real devices, with the faults of the scenario.

Every session is counted: what the two had before, they have after (EPP-CRS-005). A transaction that stays
pending is remembered here, until it is delivered again, or claimed.
"""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from eiraku.reference.device import Accepted, Device, Rejected, Result
from eiraku.reference.meeting import Channel, Exchange, PurseLostPower, accepted, lead, transfer
from eiraku.reference.purse.ledger import Pending
from eiraku.reference.purse.state import (
    NoSession,
    Order,
    PayOrder,
    PayUnitsOrder,
    Ready,
    ReceiveOrder,
    RedeliverOrder,
    RequestOrder,
)
from eiraku.spec.errors import Code, Refusal
from eiraku.system.economy.errors import ConservationError
from eiraku.system.economy.places import Kind, Place, Places
from eiraku.system.economy.scenario import Faults
from eiraku.system.economy.truth import Truth
from eiraku.system.exchange.carrier import ServiceRefused
from eiraku.system.vault.vault import Vault

MESSAGES = 9
"""Messages of a session from message_1 to RECEIPT, if the payer begins."""

HOP_LIMIT = "hop-limit-reached"
"""Why a payer that has enough cannot pay this payee: its units have made all their moves."""
NO_ANSWER = "disturbed"
"""A message was lost, or the power was cut, before anything had moved."""


@dataclass(slots=True, kw_only=True)
class Undelivered:
    """A pending transaction. `never`: the two will not meet again; `tries`: refused redeliveries."""

    transaction: bytes
    payer: Place
    payee: Place
    amount: int
    since: int
    never: bool
    credited: bool
    unit_ids: tuple[bytes, ...]
    tries: int = 0
    claimed: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`moved`: the payee has the value now; otherwise `reason`: a code of chapter 10, or one of the above."""

    moved: bool
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class Held:
    """What happened in one session. `refusals`: who refused, and with what code."""

    messages: int = 0
    refusals: list[tuple[Place, str]] = field(default_factory=list)
    power_lost: bool = False

    @classmethod
    def of(cls, exchange: Exchange, initiator: Place, responder: Place) -> Self:
        """Of two purses that are in the hands of people."""
        made = cls(messages=len(exchange.messages))
        for place, results in ((initiator, exchange.initiator), (responder, exchange.responder)):
            for result in results:
                made.see(place, result)
        return made

    def see(self, place: Place, result: Result) -> None:
        """What one side said."""
        if isinstance(result, Rejected):
            self.refusals.append((place, result.refusal.code.label))
        self.power_lost |= not isinstance(result, Accepted | Rejected)

    @property
    def reason(self) -> str:
        """Why nothing moved."""
        if not self.refusals:
            return NO_ANSWER
        _, code = self.refusals[0]
        # The order was good for a payee not yet known; so it is the hops that stand in the way.
        return HOP_LIMIT if code in _SHORT and self.messages else code


@dataclass(slots=True, kw_only=True)
class Meetings:
    """All sessions of a run, but those of vaults with the centre. `step`: sessions so far.

    `on_refusal`: (who refused, whom, code); `on_home`: somebody has paid the issuing centre.
    """

    places: Places
    truth: Truth
    faults: Faults
    random: random.Random
    seed: int
    vaults: Mapping[Place, Vault]
    on_refusal: Callable[[Place, Place, str], None]
    on_home: Callable[[Place], None]
    epoch: int = 0
    step: int = 0
    undelivered: dict[tuple[bytes, bytes], Undelivered] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)

    def pay(self, payer: Place, payee: Place, amount: int, *, units: tuple[bytes, ...] = ()) -> Outcome:
        """One attempt to pay an amount, or `units` that sum to it. Either side may begin."""
        order: Order = PayUnitsOrder(unit_ids=frozenset(units)) if units else PayOrder(amount=amount)
        answer: Order = ReceiveOrder()
        if payer in self.vaults:
            answer = RequestOrder(amount=amount)
        elif not units and payee not in self.vaults and self.random.random() < 0.5:
            answer = RequestOrder(amount=amount, reference="simulated")
        return self._session(payer, payee, (order, answer), amount)

    def redeliver(self, pending: Undelivered) -> Outcome:
        """Deliver a pending transaction again."""
        self.events["redeliveries"] += 1
        order = RedeliverOrder(transaction=pending.transaction)
        answer: Order = ReceiveOrder()
        if pending.payer in self.vaults:
            answer = RequestOrder(amount=pending.amount)
        return self._session(pending.payer, pending.payee, (order, answer), pending.amount)

    def between(self, payer: Place, payee: Place) -> list[Undelivered]:
        """What is pending from one to the other, oldest first."""
        found = (one for one in self.undelivered.values() if one.payer is payer and one.payee is payee)
        return sorted(found, key=lambda one: (one.since, one.transaction))

    def _session(self, payer: Place, payee: Place, orders: tuple[Order, Order], amount: int) -> Outcome:
        self.step += 1
        one, other = self.places.device(payer), self.places.device(payee)
        before, worth = _Worth.of(payer, one), _Worth.of(payee, other)
        total = before.between(worth, one, other)
        followed = {unit.unit_id for unit in one.store.summaries()} if self.truth.follows(payer) else set()
        lost = self._prepare(one, other)
        if payer in self.vaults:
            held = self._at_counter(payee, orders[1], payer, lost, pays_out=amount)
        elif payee in self.vaults:
            held = self._at_counter(payer, orders[0], payee, lost, pays_out=None)
        elif isinstance(orders[1], RequestOrder):
            held = Held.of(transfer(other, orders[1], one, orders[0], lost), payee, payer)
        else:
            held = Held.of(transfer(one, orders[0], other, orders[1], lost), payer, payee)
        for device in (one, other):
            self.places.mishaps.hold(device)
            if isinstance(device.state, Ready) and not isinstance(device.state.session, NoSession):
                # Taken apart in the middle of a session, as a card from a reader: it loses its power.
                self.places.mishaps.off_and_on(device)
        self.events["sessions"] += bool(held.messages)
        self.events["power cuts"] += held.power_lost
        payer_now, payee_now = _Worth.of(payer, one), _Worth.of(payee, other)
        found = payer_now.between(payee_now, one, other)
        # EPP-CRS-005
        if found != total:
            raise ConservationError(
                f"session {self.step}, {payer.name} to {payee.name}: together {total} before, {found} after",
                self.seed,
            )
        payer.balance, payee.balance = payer_now.balance, payee_now.balance
        moved = payee_now.balance > worth.balance
        self._remember(payer, payee, payer_now, before, other)
        if moved and isinstance(orders[0], RedeliverOrder):
            self.truth.moved(payer, payee, self.undelivered[payer.number, orders[0].transaction].unit_ids)
        elif moved and followed:
            left = followed - {unit.unit_id for unit in one.store.summaries()}
            self.truth.moved(payer, payee, left)
        self._forget(payer, payer_now)
        for who, code in held.refusals:
            self.on_refusal(who, payee if who is payer else payer, code)
        if payee.kind is Kind.CENTRE:
            # EPP-CEN-063: before that purse opens the next session
            self.on_home(payer)
        return Outcome(moved=moved, reason="" if moved else held.reason)

    def _at_counter(
        self, customer: Place, order: Order, bank: Place, channel: Channel | None, *, pays_out: int | None
    ) -> "Held":
        """A session that a customer leads with the vault of a bank."""
        held, vault, device = Held(), self.vaults[bank], self.places.device(customer)

        def through(data: bytes) -> bytes | None:
            held.messages += 1
            return data if channel is None else channel(held.messages, data)

        def carry(data: bytes) -> bytes | None:
            arrived = through(data)
            if arrived is None or not vault.busy:
                return None
            try:
                answer = vault.deliver(arrived)
            except PurseLostPower:
                held.power_lost = True
                return None
            # What the customer refuses, the vault only hears of.
            if answer.code and not held.refusals:
                held.refusals.append((bank, answer.code))
            return None if answer.out is None else through(answer.out)

        try:
            vault.begin(pays_out, customer.number)
            accepted(device.order(order))
            for result in lead(device, carry):
                held.see(customer, result)
        except ServiceRefused as refused:
            held.refusals.append((bank, refused.code))
        except Refusal as refusal:
            held.refusals.append((customer, refusal.code.label))
        finally:
            vault.end()
        return held

    def _prepare(self, one: Device, other: Device) -> Channel | None:
        """Arm what goes wrong in the next session."""
        if self.random.random() < self.faults.power_cut:
            device, write = self.random.choice((one, other)), self.random.randint(1, 2)
            self.places.mishaps.fail(device, self.random.choice(("before", "after")), write)
        if self.random.random() < self.faults.message_lost:
            gone = self.random.randint(1, MESSAGES)
            return lambda n, data: self._lose(data, n == gone)
        return None

    def _lose(self, data: bytes, lost: bool) -> bytes | None:  # noqa: FBT001 - called above, nowhere else
        if not lost:
            return data
        self.events["messages lost"] += 1
        return None

    def _remember(self, payer: Place, payee: Place, now: "_Worth", before: "_Worth", other: Device) -> None:
        """What has become pending, and what of it was credited since."""
        for transaction, pending in now.pendings.items():
            credited = other.store.credit(payer.number, transaction) is not None
            key = payer.number, transaction
            known = self.undelivered.get(key)
            if transaction not in before.pendings:
                never = self.random.random() < self.faults.never
                between_banks = payer.kind in _INSTITUTIONS and payee.kind in _INSTITUTIONS
                self.undelivered[key] = Undelivered(
                    transaction=transaction,
                    payer=payer,
                    payee=payee,
                    amount=pending.amount,
                    since=self.epoch,
                    never=never and not between_banks,
                    credited=credited,
                    unit_ids=pending.unit_ids,
                )
                self.events["left pending"] += 1
                if not credited:
                    payer.pending += pending.amount
            elif known is not None and known.payee is payee and credited and not known.credited:
                known.credited = True
                payer.pending -= pending.amount

    def _forget(self, payer: Place, now: "_Worth") -> None:
        """What was settled in this session."""
        for key in [key for key in self.undelivered if key[0] == payer.number]:
            known = self.undelivered[key]
            if known.payer is payer and not known.closed and key[1] not in now.pendings:
                if not known.credited:
                    payer.pending -= known.amount
                known.closed = True
                del self.undelivered[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Worth:
    """What a place has: spendable, and pending by transaction."""

    number: bytes
    balance: int
    pendings: dict[bytes, Pending]

    @classmethod
    def of(cls, place: Place, device: Device) -> "_Worth":
        return cls(
            number=place.number,
            balance=device.store.total()[1],
            pendings={pending.transaction: pending for pending in device.store.pendings()},
        )

    def between(self, other: "_Worth", mine: Device, theirs: Device) -> int:
        """What two places have together; what is pending here and credited there counts once."""
        return (
            self.balance
            + other.balance
            + sum(p.amount for p in self.pendings.values() if not _credited(self, p, other, theirs))
            + sum(p.amount for p in other.pendings.values() if not _credited(other, p, self, mine))
        )


def _credited(payer: _Worth, pending: Pending, payee: _Worth, device: Device) -> bool:
    return (
        pending.payee == payee.number and device.store.credit(payer.number, pending.transaction) is not None
    )


_INSTITUTIONS = frozenset({Kind.BANK, Kind.CENTRE})
_SHORT = frozenset({Code.INSUFFICIENT_FUNDS.label, Code.NO_EXACT_CHANGE.label})
