"""Who must have what: the wallet's book as it must be, the suite's tills, and that no unit is in two places.

The oracle is told what has been agreed on the wire and never asks the wallet what to expect; `Oracle.check`
then compares the wallet's own account with it, and counts every unit over all purses. Units are named by
their 32-byte ids, transactions by 16 bytes; amounts are in minor units.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from eiraku.conformance.adapter.client import HeldUnit, State
from eiraku.conformance.tester.flows import Payment
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import EPOCH, Identity, World, identifier, value
from eiraku.spec.messages import Offer, OfferedUnit, Receipt
from eiraku.spec.objects import Layer


@dataclass(slots=True, kw_only=True, eq=False)
class Till:
    """One of the suite's purses: what an honest purse would remember, in memory that never fails."""

    identity: Identity
    held: dict[bytes, OfferedUnit] = field(default_factory=dict)
    """Units by id."""
    pending: dict[bytes, Payment] = field(default_factory=dict)
    """Endorsed to the wallet, no receipt yet; by transaction."""
    settled: dict[bytes, Payment] = field(default_factory=dict)
    """Paid to the wallet, with its receipt."""
    credited: dict[bytes, Payment] = field(default_factory=dict)
    """Received from the wallet, with the RECEIPT for it."""

    @property
    def number(self) -> bytes:
        """Purse number, 8 bytes."""
        return self.identity.number

    def holdings(self, amount: int) -> tuple[OfferedUnit, ...]:
        """Units that make up `amount`, greatest first. Raises ValueError if there are none."""
        chosen: list[OfferedUnit] = []
        for held in sorted(self.held.values(), key=value, reverse=True):
            if value(held) <= amount - sum(map(value, chosen)):
                chosen.append(held)
        if sum(map(value, chosen)) != amount:
            raise ValueError(f"the till cannot pay {amount}")
        return tuple(chosen)

    def commit(self, payment: Payment) -> None:
        """The units leave the till: pending for the wallet."""
        for held in payment.holdings:
            del self.held[identifier(held)]
        self.pending[payment.offer.transaction] = payment

    def settle(self, transaction: bytes, receipt: Receipt) -> None:
        """The wallet has receipted."""
        self.settled[transaction] = replace(self.pending.pop(transaction), receipt=receipt)

    def credit(self, world: World, payer: Identity, payment: Payment, receipt: Receipt) -> None:
        """The units that the wallet has endorsed come in, each under a new layer (EPP-HIS-003)."""
        transaction = payment.offer.transaction
        for held, signature in zip(payment.holdings, payment.pay.endorsements, strict=True):
            layer = Layer(
                inner=held.history,
                payer=payer.number,
                payee=self.number,
                transaction=transaction,
                signature=signature,
            )
            moved = OfferedUnit(unit=held.unit, hop=held.hop + 1, history=world.seal(held, layer))
            self.held[identifier(held)] = moved
        self.credited[transaction] = replace(payment, receipt=receipt)


class Commit(Enum):
    """The three commit points of chapter 8."""

    PENDING = "units pending at the payer"
    CREDITED = "units credited at the payee"
    SETTLED = "transaction settled at the payer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What one durable write of the wallet must do: a commit point, of this OFFER, with this till."""

    commit: Commit
    offer: Offer
    till: Till


class Oracle:
    """The wallet's book as it must be, beside the tills; see the module's docstring."""

    def __init__(self, stage: Stage, holdings: Iterable[OfferedUnit], tills: Sequence[Till]) -> None:
        """Reset the wallet and provision it with `holdings`; `tills` have their units already."""
        holdings = tuple(holdings)
        self.stage = stage
        self.tills = {till.number: till for till in tills}
        self.epoch = EPOCH
        self.spendable = {
            identifier(held): HeldUnit(unit_id=identifier(held), value=value(held), hop=held.hop)
            for held in holdings
        }
        self.pending: dict[bytes, Effect] = {}
        self.settled: dict[bytes, Effect] = {}
        self.credited: dict[tuple[bytes, bytes], Effect] = {}
        """By payer's number and transaction."""
        self.seen = {name: unit.hop for name, unit in self.spendable.items()}
        """Last hop at which the wallet saw each unit (EPP-TRF-115)."""
        self.sent: dict[bytes, Payment] = {}
        """What the wallet has endorsed, as far as the suite saw it; by transaction."""
        self.endorsed: dict[tuple[bytes, int], tuple[bytes, bytes]] = {}
        """Payee and transaction of what the wallet has signed, by unit and new hop."""
        issued = [*holdings, *(held for till in tills for held in till.held.values())]
        self.values = {identifier(held): value(held) for held in issued}
        stage.begin(holdings)

    @property
    def balance(self) -> int:
        """What the wallet must be able to spend."""
        return sum(unit.value for unit in self.spendable.values())

    def apply(self, effect: Effect) -> None:
        """The wallet must have made this write."""
        offer, till = effect.offer, effect.till
        if effect.commit is Commit.PENDING:
            for held in offer.units:
                del self.spendable[identifier(held)]
            self.pending[offer.transaction] = effect
        elif effect.commit is Commit.SETTLED:
            self.settled[offer.transaction] = self.pending.pop(offer.transaction)
        else:
            for held in offer.units:
                name = identifier(held)
                self.spendable[name] = HeldUnit(unit_id=name, value=value(held), hop=held.hop + 1)
                self.seen[name] = held.hop + 1
            self.credited[till.number, offer.transaction] = effect

    def saw_endorsed(self, offer: Offer, till: Till) -> None:
        """The wallet has sent endorsements of this OFFER: never two for one unit and hop."""
        for held in offer.units:
            move = (till.number, offer.transaction)
            first = self.endorsed.setdefault((identifier(held), held.hop + 1), move)
            # EPP-HIS-006
            self.stage.equal(move, first, f"payee and transaction of the endorsement at hop {held.hop + 1}")

    def resolve(self, effect: Effect) -> None:
        """The wallet may have made this write, wholly or not at all: take its word for which."""
        state, offer = self.stage.state(), effect.offer
        listed = {
            Commit.PENDING: state.pending,
            Commit.SETTLED: state.settled,
            Commit.CREDITED: state.credited,
        }
        if any(payment.transaction == offer.transaction for payment in listed[effect.commit]):
            self.apply(effect)

    def check(self, what: str) -> State:
        """The wallet's account must be exactly the book, and every unit be in one place (EPP-CRS-005)."""
        state = self.stage.state()
        self._check_book(state, what)
        self._check_places(state, what)
        return state

    def _check_book(self, state: State, what: str) -> None:
        equal = self.stage.equal
        equal(_units(state.units), _units(self.spendable.values()), f"spendable units after {what}")
        equal(state.balance, self.balance, f"balance after {what}")
        pending = [(p.transaction, p.peer, p.amount, p.units) for p in state.pending]
        equal(_payments(pending), _payments(map(_with_units, self.pending.values())), f"pending after {what}")
        credited = [(c.transaction, c.peer, c.amount, ()) for c in state.credited]
        equal(_payments(credited), _payments(map(_bare, self.credited.values())), f"credited after {what}")
        settled = [(s.transaction, s.peer, s.amount, ()) for s in state.settled]
        equal(_payments(settled), _payments(map(_bare, self.settled.values())), f"settled after {what}")
        equal(state.epoch, self.stage.world.at(self.epoch), f"epoch after {what}")

    def _check_places(self, state: State, what: str) -> None:
        # EPP-CRS-005
        places: dict[bytes, list[str]] = {name: [] for name in self.values}
        for unit in state.units:
            places.setdefault(unit.unit_id, []).append("spendable at the wallet")
        for payment in state.pending:
            payee = self.tills.get(payment.peer)
            # A unit that is pending at the payer and credited at the payee counts once, at the payee.
            if payee is None or payment.transaction not in payee.credited:
                for name in payment.units:
                    places.setdefault(name, []).append("pending at the wallet")
        received = {(payment.peer, payment.transaction) for payment in state.credited}
        for till in self.tills.values():
            for name in till.held:
                places[name].append(f"with purse {till.number.hex()}")
            for transaction, paid in till.pending.items():
                if (till.number, transaction) not in received:
                    for held in paid.holdings:
                        places[identifier(held)].append(f"pending at purse {till.number.hex()}")
        for name, found in places.items():
            self.stage.require(
                len(found) == 1 and name in self.values,
                "exactly one place",
                " and ".join(found) or "nowhere",
                f"unit {name.hex()} after {what}",
            )


def _units(units: Iterable[HeldUnit]) -> list[str]:
    return sorted(f"{unit.unit_id.hex()} value {unit.value} hop {unit.hop}" for unit in units)


def _payments(payments: Iterable[tuple[bytes, bytes, int, Iterable[bytes]]]) -> list[str]:
    return sorted(
        " ".join([transaction.hex(), peer.hex(), str(amount), *sorted(name.hex() for name in units)])
        for transaction, peer, amount, units in payments
    )


def _bare(effect: Effect) -> tuple[bytes, bytes, int, Iterable[bytes]]:
    return effect.offer.transaction, effect.till.number, effect.offer.amount, ()


def _with_units(effect: Effect) -> tuple[bytes, bytes, int, Iterable[bytes]]:
    return *_bare(effect)[:3], tuple(map(identifier, effect.offer.units))
