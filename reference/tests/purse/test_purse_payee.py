"""What a payee refuses: each check with its code and position, in order; nothing changed, still alive."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from eiraku.reference.device import Accepted, Rejected
from eiraku.reference.meeting import Exchange, transfer
from eiraku.reference.purse.state import (
    Order,
    PayOrder,
    ReceiveOrder,
    RedeliverOrder,
    RequestOrder,
)
from eiraku.spec import messages
from eiraku.spec.errors import Code
from eiraku.spec.messages import Accept, Message, Offer, OfferedUnit, Pay, Redeliver, Reject, Request
from eiraku.spec.objects import Role, history_size
from eiraku.testing.patches import Patch
from eiraku.testing.purses import ECONOMY, EPOCH, LAST_EPOCH, Member, World

Alter = Callable[[Message], Message | bytes]
Crooks = Callable[[Alter], tuple[Patch, ...]]
RECEIVE = ReceiveOrder()


def offered(holding: OfferedUnit, **changes: Any) -> OfferedUnit:
    return replace(holding, **changes)


def flipped(raw: bytes) -> bytes:
    return raw[:-1] + bytes([raw[-1] ^ 1])


class Till:
    """A payee in a strict world, and what it is offered."""

    def __init__(self, world: World, crook: Crooks) -> None:
        self.world = world
        self.crook = crook
        self.payee = world.purse([64])
        self.owned = world.holding(world.unit(16), bytes(8))

    def unit(self, value: int = 4, **changes: Any) -> OfferedUnit:
        return offered(self.world.holding(self.world.unit(value, **changes), bytes(8)))

    def offer(self, alter: Callable[[Offer], Offer], order: Order = RECEIVE) -> Exchange:
        """Offer 2 units worth 12, altered."""

        def change(message: Message) -> Message:
            return alter(message) if isinstance(message, Offer) else message

        payer = self.world.purse([8, 4], patches=self.crook(change))
        before = self.payee.device.snapshot()
        if isinstance(order, RequestOrder):
            exchange = transfer(self.payee.device, order, payer.device, PayOrder(amount=12))
        else:
            exchange = transfer(payer.device, PayOrder(amount=12), self.payee.device, order)
        assert self.payee.device.snapshot() == before
        assert payer.balance == 12
        return exchange

    def refusal(self, alter: Callable[[Offer], Offer], order: Order = RECEIVE) -> tuple[str, int | None]:
        """What the payee's holder sees, which must be what the payer is told."""
        exchange = self.offer(alter, order)
        asked = isinstance(order, RequestOrder)
        theirs, ours = (
            (exchange.responder, exchange.initiator) if asked else (exchange.initiator, exchange.responder)
        )
        rejected, told = ours[-1], theirs[-1]
        assert isinstance(rejected, Rejected), rejected
        assert isinstance(told, Accepted)
        assert told.reject is not None
        if rejected.refusal.code in OF_HOLDINGS:
            # EPP-ERR-030
            assert told.reject == Reject(code=int(Code.NOT_TAKEN), index=None)
            return rejected.refusal.code.label, getattr(rejected.refusal, "index", None)
        assert told.reject.code == rejected.refusal.code
        return rejected.refusal.code.label, told.reject.index


@pytest.fixture
def till(strict: World, crook: Crooks) -> Till:
    return Till(strict, crook)


def with_units(*units: OfferedUnit) -> Callable[[Offer], Offer]:
    return lambda offer: replace(offer, units=(*offer.units, *units))


OF_HOLDINGS = {Code.UNIT_HELD, Code.UNIT_SEEN, Code.CAPACITY, Code.BALANCE_LIMIT}


def swapped(unit: OfferedUnit, value: int = 4) -> Callable[[Offer], Offer]:
    """The second unit (worth 4) exchanged for one of a value."""
    return lambda offer: replace(offer, amount=8 + value, units=(offer.units[0], unit))


def test_control(till: Till) -> None:
    """An offer that is altered into an equally good one is accepted (and then fails for the payer)."""
    exchange = till.offer(swapped(till.unit(4)))
    assert exchange.codes == ["transaction"], "the payer's own check: it did not offer this"


def test_amounts(till: Till) -> None:
    assert till.refusal(lambda o: replace(o, amount=0)) == ("amount", None)
    assert till.refusal(lambda o: replace(o, amount=13), RequestOrder(amount=12)) == ("amount", None)
    assert till.refusal(lambda o: replace(o, amount=1025)) == ("amount-limit", None)
    assert till.refusal(lambda o: replace(o, amount=1024)) == ("sum", None)
    assert till.refusal(lambda o: replace(o, amount=11)) == ("sum", None)


def test_numbers_of_units(till: Till) -> None:
    assert till.refusal(lambda o: replace(o, units=())) == ("unit-count", None)
    assert till.refusal(with_units(*(till.unit() for _ in range(3)))) == ("unit-count", None)
    assert till.refusal(with_units(till.unit(), till.unit())) == ("sum", None)


def test_one_unit_twice(till: Till) -> None:
    assert till.refusal(lambda o: with_units(o.units[0])(o)) == ("duplicate-unit", 2)

    def resigned(offer: Offer) -> Offer:
        second = offer.units[1]
        return with_units(replace(second, unit=flipped(second.unit)))(offer)

    assert till.refusal(resigned) == ("duplicate-unit", 2), "EPP-UNI-009"
    junk = OfferedUnit(unit=b"junk", hop=0, history=bytes(151))
    assert till.refusal(lambda o: replace(o, units=(junk, junk, *o.units))) == ("malformed", 0)
    assert till.refusal(lambda o: replace(o, units=(junk, o.units[0], o.units[0]))) == ("duplicate-unit", 2)


UNIT_FAULTS: dict[str, Callable[[Till], OfferedUnit]] = {
    "malformed": lambda t: replace(t.unit(), unit=t.unit().unit + b"\x00"),
    "unit-signature": lambda t: replace(t.unit(), unit=flipped(t.unit().unit)),
    "unit-seal": lambda t: t.unit(seal=bytes(16)),
    "unit-economy": lambda t: t.unit(economy=ECONOMY + 1),
    "unit-expired": lambda t: t.unit(expires=EPOCH - 1),
    "unit-value": lambda t: t.unit(3),
    "hop-limit": lambda t: replace(t.unit(max_hops=2), hop=2, history=bytes(history_size(2))),
    "history-size": lambda t: replace(t.unit(), history=t.unit().history + b"x"),
}


@pytest.mark.parametrize("name", UNIT_FAULTS)
def test_faults_of_one_unit(till: Till, name: str) -> None:
    fault = UNIT_FAULTS[name](till)
    assert till.refusal(swapped(fault)) == (name, 1)


def test_a_unit_from_a_key_outside_the_anchor_or_its_validity(till: Till) -> None:
    world = till.world
    assert till.refusal(swapped(till.unit(issued=LAST_EPOCH + 1, expires=LAST_EPOCH + 9))) == (
        "unit-signature",
        1,
    )
    other = World(world.directory, seed=b"other", policy=world.policy)
    foreign = offered(other.holding(other.unit(4, seal=world.issuing_centre.seal), bytes(8)))
    assert till.refusal(swapped(foreign)) == ("unit-signature", 1)
    purse_id = till.payee.purse_id
    assert till.refusal(swapped(OfferedUnit(unit=purse_id, hop=0, history=bytes(151)))) == ("malformed", 1)


BOUNDARIES: dict[str, Callable[[Till], OfferedUnit]] = {
    "last epoch": lambda t: t.unit(expires=EPOCH),
    "issued in the future": lambda t: t.unit(issued=EPOCH + 1),
    "reserved": lambda t: t.unit(reserved=bytes(range(32))),
    "last hop of the unit": lambda t: replace(t.unit(max_hops=2), hop=1, history=bytes(history_size(1))),
    "last hop of the policy": lambda t: replace(t.unit(), hop=2, history=bytes(history_size(2))),
}


@pytest.mark.parametrize("name", BOUNDARIES)
def test_just_good_enough(till: Till, name: str) -> None:
    assert till.offer(swapped(BOUNDARIES[name](till))).codes == ["transaction"]


def test_unit_limits(till: Till) -> None:
    assert till.refusal(swapped(replace(till.unit(), hop=3, history=bytes(history_size(3))))) == (
        "hop-limit",
        1,
    )
    assert till.refusal(swapped(till.unit(issued=EPOCH, expires=EPOCH - 1))) == ("malformed", 1)
    assert till.refusal(swapped(replace(till.unit(), unit=bytes(257)))) == ("malformed", 1)


def test_hop_255_is_the_last_for_a_vault_too(strict: World, crook: Crooks) -> None:
    till = Till(strict, crook)
    till.payee = strict.purse(role=Role.VAULT)
    last = replace(till.unit(), hop=254, history=bytes(history_size(254)))
    assert till.offer(swapped(last)).codes == ["transaction"]
    assert till.refusal(swapped(replace(last, hop=255, history=bytes(history_size(255))))) == ("hop-limit", 1)


def held_units(member: Member) -> list[OfferedUnit]:
    store = member.device.store
    held = store.holdings([s.unit_id for s in store.summaries()])
    return [OfferedUnit(unit=h.unit, hop=h.hop, history=h.history) for h in held]


def test_units_that_are_or_were_here(till: Till) -> None:
    (own,) = held_units(till.payee)
    later = replace(own, hop=2, history=bytes(history_size(2)))
    assert till.refusal(swapped(own, 64)) == ("unit-held", 1)
    assert till.refusal(swapped(own)) == ("sum", None), "what the payer can see comes first"
    assert till.refusal(swapped(later, 64)) == ("unit-held", 1)
    friend = till.world.purse()
    transfer(
        till.payee.device, PayOrder(amount=64), friend.device, RECEIVE, lambda n, m: m if n < 7 else None
    )
    (pending,) = till.payee.device.snapshot().pending
    assert till.refusal(swapped(later, 64)) == ("unit-held", 1), "pending is held too"
    again = transfer(
        till.payee.device, RedeliverOrder(transaction=pending.transaction), friend.device, RECEIVE
    )
    assert not again.codes
    assert till.refusal(swapped(own, 64)) == ("unit-seen", 1)
    circle = ["transaction"]  # good, and the payer's own check: it did not offer this
    assert till.offer(swapped(later, 64)).codes == circle
    assert till.offer(swapped(replace(own, hop=1, history=bytes(303)), 64)).codes == circle


def test_the_first_unit_with_a_fault_decides(till: Till) -> None:
    for earlier, later in pairwise(UNIT_FAULTS):
        first, second = UNIT_FAULTS[later](till), UNIT_FAULTS[earlier](till)
        altered = till.refusal(lambda o, a=first, b=second: replace(o, units=(o.units[0], a, b)))  # type: ignore[misc]
        assert altered == (later, 1)


UNIT_FIELDS: list[tuple[str, dict[str, Any]]] = [
    ("unit-seal", {"seal": bytes(16)}),
    ("unit-economy", {"economy": ECONOMY + 1}),
    ("unit-expired", {"expires": EPOCH - 1}),
    ("unit-value", {"value": 3}),
    ("hop-limit", {"max_hops": 1}),
]


@pytest.mark.parametrize("start", range(len(UNIT_FIELDS)))
def test_of_several_faults_in_one_unit_the_first_check_decides(till: Till, start: int) -> None:
    fields: dict[str, Any] = {}
    for _, change in UNIT_FIELDS[start:]:
        fields |= change
    unit = replace(till.unit(**{"value": 4, **fields}), hop=1, history=b"")
    assert till.refusal(swapped(unit)) == (UNIT_FIELDS[start][0], 1)
    assert till.refusal(swapped(replace(unit, unit=flipped(unit.unit)))) == ("unit-signature", 1)


def test_offer_checks_come_in_order(till: Till) -> None:
    """Every fault at once; then one less each time."""
    bad = UNIT_FAULTS["unit-seal"](till)

    def offer(o: Offer, *, amount: int, extra: int, twice: bool) -> Offer:
        units = (o.units[0], bad, *((o.units[0],) if twice else ()), *(till.unit() for _ in range(extra)))
        return replace(o, amount=amount, units=units)

    assert till.refusal(lambda o: offer(o, amount=0, extra=3, twice=True)) == ("amount", None)
    assert till.refusal(lambda o: offer(o, amount=5000, extra=3, twice=True)) == ("amount-limit", None)
    assert till.refusal(lambda o: offer(o, amount=9, extra=3, twice=True)) == ("unit-count", None)
    assert till.refusal(lambda o: offer(o, amount=9, extra=0, twice=True)) == ("duplicate-unit", 2)
    assert till.refusal(lambda o: offer(o, amount=9, extra=0, twice=False)) == ("unit-seal", 1)


def test_a_credited_transaction_is_not_offered_again(till: Till) -> None:
    """Each payer's transactions are its own: the same number from another payer is another transaction."""
    taken: list[bytes] = []

    def reuse(message: Message) -> Message:
        if isinstance(message, Offer):
            taken.append(message.transaction)
            return replace(message, transaction=taken[0])
        return message

    payer = till.world.purse([8, 4], patches=till.crook(reuse))
    assert not transfer(payer.device, PayOrder(amount=8), till.payee.device, RECEIVE).codes
    assert transfer(payer.device, PayOrder(amount=4), till.payee.device, RECEIVE).codes == ["transaction"]
    assert till.refusal(lambda o: replace(o, transaction=taken[0], amount=11)) == ("sum", None)


# --- PAY ---

PAY_FAULTS: dict[str, tuple[Callable[[Pay], Message], tuple[str, int | None]]] = {
    "another transaction": (lambda p: replace(p, transaction=bytes(16)), ("transaction", None)),
    "one too few": (lambda p: replace(p, endorsements=p.endorsements[:1]), ("endorsement", None)),
    "one too many": (lambda p: replace(p, endorsements=(*p.endorsements, bytes(64))), ("endorsement", None)),
    "none": (lambda p: replace(p, endorsements=()), ("endorsement", None)),
    "exchanged": (lambda p: replace(p, endorsements=p.endorsements[::-1]), ("endorsement", 0)),
    "second altered": (
        lambda p: replace(p, endorsements=(p.endorsements[0], flipped(p.endorsements[1]))),
        ("endorsement", 1),
    ),
    "not PAY": (
        lambda p: Accept(transaction=p.transaction, offer_digest=bytes(32)),
        ("unexpected-message", None),
    ),
}


@pytest.mark.parametrize("name", PAY_FAULTS)
def test_bad_payments(till: Till, name: str) -> None:
    change, expected = PAY_FAULTS[name]

    def alter(message: Message) -> Message:
        return change(message) if isinstance(message, Pay) else message

    payer = till.world.purse([8, 4], patches=till.crook(alter))
    before = till.payee.device.snapshot()
    exchange = transfer(payer.device, PayOrder(amount=12), till.payee.device, RECEIVE)
    told = exchange.initiator[-1]
    assert exchange.codes == [expected[0]]
    assert isinstance(told, Accepted)
    assert told.reject is not None
    assert told.reject.index == expected[1]
    assert till.payee.device.snapshot() == before
    assert len(payer.device.snapshot().pending) == 1
    payer.device.patches = ()
    (pending,) = payer.device.snapshot().pending
    again = RedeliverOrder(transaction=pending.transaction)
    assert not transfer(payer.device, again, till.payee.device, RECEIVE).codes
    assert till.payee.balance == 64 + 12


# --- REDELIVER ---


def pending_payment(till: Till, *, delivered: bool) -> tuple[Member, RedeliverOrder]:
    payer = till.world.purse([8, 4], patches=till.crook(lambda m: m))
    cut = 8 if delivered else 7
    transfer(
        payer.device, PayOrder(amount=12), till.payee.device, RECEIVE, lambda n, m: m if n < cut else None
    )
    (pending,) = payer.device.snapshot().pending
    return payer, RedeliverOrder(transaction=pending.transaction)


def change_offer(message: Message, change: Callable[[Offer], Offer]) -> Message:
    if not isinstance(message, Redeliver):
        return message
    offer = messages.decode(message.offer)
    assert isinstance(offer, Offer)
    return replace(message, offer=change(offer).encode())


REDELIVERIES: dict[str, tuple[Alter, str, str]] = {
    "other amount": (lambda m: change_offer(m, lambda o: replace(o, amount=11)), "sum", "transaction"),
    "no units": (lambda m: change_offer(m, lambda o: replace(o, units=())), "unit-count", "transaction"),
    "not an offer": (
        lambda m: replace(m, offer=Request(amount=1).encode()) if isinstance(m, Redeliver) else m,
        "malformed",
        "malformed",
    ),
    "not a message": (
        lambda m: replace(m, offer=b"\x80") if isinstance(m, Redeliver) else m,
        "malformed",
        "malformed",
    ),
    "an endorsement missing": (
        lambda m: replace(m, endorsements=m.endorsements[1:]) if isinstance(m, Redeliver) else m,
        "endorsement",
        "",
    ),
}


@pytest.mark.parametrize("delivered", (False, True), ids=("not credited", "credited"))
@pytest.mark.parametrize("name", REDELIVERIES)
def test_bad_redeliveries(till: Till, name: str, *, delivered: bool) -> None:
    payer, order = pending_payment(till, delivered=delivered)
    alter, fresh, known = REDELIVERIES[name]
    payer.device.patches = till.crook(alter)
    before = till.payee.device.snapshot()
    exchange = transfer(payer.device, order, till.payee.device, RECEIVE)
    expected = known if delivered else fresh
    assert exchange.codes == ([expected] if expected else [])
    assert till.payee.device.snapshot() == before
    payer.device.patches = ()
    if expected:
        assert not transfer(payer.device, order, till.payee.device, RECEIVE).codes
    assert till.payee.balance == 64 + 12
    assert not payer.device.snapshot().pending


def test_redelivery_whatever_was_requested(till: Till) -> None:
    payer, order = pending_payment(till, delivered=False)
    exchange = transfer(till.payee.device, RequestOrder(amount=999), payer.device, order)
    assert not exchange.codes
    assert till.payee.balance == 64 + 12


def test_redelivery_to_somebody_else(till: Till) -> None:
    payer, order = pending_payment(till, delivered=False)
    stranger = till.world.purse()
    assert transfer(payer.device, order, stranger.device, RECEIVE).codes == ["transaction"]
    assert transfer(stranger.device, RequestOrder(amount=1), payer.device, order).codes == ["transaction"]
    assert len(payer.device.snapshot().pending) == 1
