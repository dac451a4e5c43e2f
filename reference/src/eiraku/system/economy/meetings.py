"""Two purses meet: a real session between two real devices, with the faults of the scenario.

Every session is counted: what the two had before, they have after (EPP-CRS-005). A transaction that stays
pending is remembered here, until it is delivered again, or claimed.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from eiraku.reference.device import Accepted, Device, Rejected
from eiraku.reference.meeting import Exchange, transfer
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
from eiraku.spec.errors import Code
from eiraku.system.economy.errors import ConservationError
from eiraku.system.economy.places import Kind, Place, Places
from eiraku.system.economy.scenario import Faults
from eiraku.system.economy.truth import Truth

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
class Meetings:
    """All sessions of a run. `hops`, `sessions`: what was counted; `step`: sessions so far."""

    places: Places
    truth: Truth
    faults: Faults
    random: random.Random
    seed: int
    epoch: int = 0
    step: int = 0
    undelivered: dict[tuple[bytes, bytes], Undelivered] = field(default_factory=dict)
    events: Counter[str] = field(default_factory=Counter)
    on_refusal: Callable[[Place, Place, Exchange, bool], None] | None = None
    on_home: Callable[[Place], None] | None = None

    def pay(self, payer: Place, payee: Place, amount: int, *, units: tuple[bytes, ...] = ()) -> Outcome:
        """One attempt to pay an amount, or `units` that sum to it. Either side may begin."""
        order: Order = PayUnitsOrder(unit_ids=frozenset(units)) if units else PayOrder(amount=amount)
        if not units and self.random.random() < 0.5:
            request = RequestOrder(amount=amount, reference="simulated")
            return self._session(payer, payee, (order, request), payee_begins=True)
        return self._session(payer, payee, (order, ReceiveOrder()), payee_begins=False)

    def redeliver(self, pending: Undelivered) -> Outcome:
        """Deliver a pending transaction again."""
        self.events["redeliveries"] += 1
        orders = (RedeliverOrder(transaction=pending.transaction), ReceiveOrder())
        return self._session(pending.payer, pending.payee, orders, payee_begins=False)

    def between(self, payer: Place, payee: Place) -> list[Undelivered]:
        """What is pending from one to the other, oldest first."""
        found = (one for one in self.undelivered.values() if one.payer is payer and one.payee is payee)
        return sorted(found, key=lambda one: (one.since, one.transaction))

    def _session(
        self, payer: Place, payee: Place, orders: tuple[Order, Order], *, payee_begins: bool
    ) -> Outcome:
        self.step += 1
        one, other = self.places.device(payer), self.places.device(payee)
        before, worth = _Worth.of(payer, one), _Worth.of(payee, other)
        total = before.between(worth, one, other)
        followed = {unit.unit_id for unit in one.store.summaries()} if self.truth.follows(payer) else set()
        lost = self._prepare(one, other)
        if payee_begins:
            exchange = transfer(other, orders[1], one, orders[0], lost)
        else:
            exchange = transfer(one, orders[0], other, orders[1], lost)
        for device in (one, other):
            self.places.power.hold(device)
            if isinstance(device.state, Ready) and not isinstance(device.state.session, NoSession):
                # Taken apart in the middle of a session, as a card from a reader: it loses its power.
                self.places.power.off_and_on(device)
        self._tally(exchange)
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
        if exchange.rejections and self.on_refusal is not None:
            self.on_refusal(payer, payee, exchange, payee_begins)
        if payee.kind is Kind.CENTRE and self.on_home is not None:
            # EPP-CEN-010: before that purse opens the next session
            self.on_home(payer)
        return Outcome(moved=moved, reason="" if moved else self._reason(exchange))

    def _prepare(self, one: Device, other: Device) -> Callable[[int, bytes], bytes | None] | None:
        """Arm what goes wrong in the next session."""
        if self.random.random() < self.faults.power_cut:
            device = self.random.choice((one, other))
            self.places.power.fail(device, self.random.choice(("before", "after")), self.random.randint(1, 2))
        if self.random.random() < self.faults.message_lost:
            gone = self.random.randint(1, MESSAGES)
            return lambda n, data: self._lose(data, n == gone)
        return None

    def _lose(self, data: bytes, lost: bool) -> bytes | None:  # noqa: FBT001 - called above, nowhere else
        if not lost:
            return data
        self.events["messages lost"] += 1
        return None

    def _tally(self, exchange: Exchange) -> None:
        if exchange.messages:
            self.events["sessions"] += 1
        results = (*exchange.initiator, *exchange.responder)
        if not all(isinstance(result, Accepted | Rejected) for result in results):
            self.events["power cuts"] += 1

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

    @staticmethod
    def _reason(exchange: Exchange) -> str:
        if not exchange.rejections:
            return NO_ANSWER
        code = exchange.rejections[0].refusal.code
        # The order was good for a payee not yet known; so it is the hops that stand in the way.
        if code in (Code.INSUFFICIENT_FUNDS, Code.NO_EXACT_CHANGE) and exchange.messages:
            return HOP_LIMIT
        return code.label


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


_INSTITUTIONS = frozenset({Kind.DESK, Kind.SAFE, Kind.CENTRAL_BANK, Kind.CENTRE})
