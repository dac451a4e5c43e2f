"""The reference executes the tables: whichever row is altered, a run of the core comes out wrong.

`run` goes through every lawful state and every message in it, and says what must follow without a look at
the tables. It passes as they are; with any one row removed, changed or added it must not.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.edhoc import errors
from eiraku.reference.meeting import transfer
from eiraku.reference.purse import core
from eiraku.reference.purse.ledger import Change, PaymentCredited, PaymentPending, PaymentSettled
from eiraku.reference.purse.state import (
    Deliver,
    Effect,
    Env,
    Handshaking,
    Input,
    NoSession,
    Open,
    OpenSession,
    Order,
    PayOrder,
    PeerRejected,
    PurseState,
    Ready,
    ReceiveOrder,
    RedeliverOrder,
    Refuse,
    RequestOrder,
    Send,
    SetOrder,
    Write,
)
from eiraku.reference.records import Channel
from eiraku.reference.store import Store
from eiraku.spec import tables
from eiraku.spec.errors import Code
from eiraku.spec.messages import Accept, Message, Offer, Pay, Receipt, Redeliver, Reject, Request
from eiraku.spec.tables import Purpose, Session, SessionEvent, Side, Transfer, TransferEvent
from eiraku.testing.purses import World

pytestmark = pytest.mark.slow

PAY, REQUEST, RECEIVE = PayOrder(amount=4), RequestOrder(amount=4), ReceiveOrder()
MESSAGES: tuple[Message, ...] = (
    Request(amount=1),
    Offer(transaction=bytes(16), amount=1, units=()),
    Accept(transaction=bytes(16), offer_digest=bytes(32)),
    Pay(transaction=bytes(16), endorsements=()),
    Receipt(transaction=bytes(16), signature=bytes(64)),
    Redeliver(offer=b"", endorsements=()),
)
LAWFUL: dict[Transfer, tuple[type[Message], ...]] = {
    Transfer.PAYER_WAIT_REQUEST: (Request,),
    Transfer.PAYER_OFFERED: (Accept,),
    Transfer.PAYER_PAID: (Receipt,),
    Transfer.PAYEE_REQUESTED: (Offer, Redeliver),
    Transfer.PAYEE_WAIT_OFFER: (Offer, Redeliver),
    Transfer.PAYEE_ACCEPTED: (Pay,),
}
Then = tuple[Session | Transfer, type[Change] | None]
"""The state after a message, and what has become durable."""
PAID: tuple[Then, ...] = (
    (Transfer.PAYEE_ACCEPTED, None),
    (Transfer.PAYER_PAID, PaymentPending),
    (Session.IDLE, PaymentCredited),
    (Session.IDLE, PaymentSettled),
)
DELIVERED: tuple[Then, ...] = ((Session.IDLE, PaymentCredited), (Session.IDLE, PaymentSettled))
KNOWN: tuple[Then, ...] = ((Session.IDLE, None), (Session.IDLE, PaymentSettled))


class Purse:
    """The core over a memory that it only reads: what it would write is looked at, and not written."""

    def __init__(self, store: Store) -> None:
        self.env = Env(ledger=store, random=Drbg(store.path.name.encode()))
        self.state: PurseState = core.restore(store)

    @property
    def session(self) -> Handshaking | Open:
        assert isinstance(self.state, Ready)
        assert isinstance(self.state.session, Handshaking | Open)
        return self.state.session

    def expect(self, given: Input, row: Session | Transfer, *effects: object) -> tuple[Effect, ...]:
        """Take a step, which must lead to this row and have these effects."""
        self.state, found = core.step(self.state, given, self.env)
        assert isinstance(self.state, Ready)
        assert self.state.session.row is row
        assert isinstance(self.state.session, NoSession) == (row is Session.IDLE)
        kinds = [type(effect.change) if isinstance(effect, Write) else type(effect) for effect in found]
        assert kinds == [kind for kind in effects if kind is not None]
        return found

    def look(self, given: Input, *effects: object) -> tuple[Effect, ...]:
        """Take a step that ends the session, and then be as before."""
        before = self.state
        found = self.expect(given, Session.IDLE, *effects)
        self.state = before
        return found


@dataclass(frozen=True)
class Pair:
    """Two memories; in the payer's are two payments that are pending, one of them credited already."""

    payer: Store
    payee: Store
    lost: RedeliverOrder
    known: RedeliverOrder


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    world = World(tmp_path_factory.mktemp("tables"))
    payer, payee = world.purse([1, 2, 4]), world.purse()
    orders: list[RedeliverOrder] = []
    for amount, last in ((1, 7), (2, 8)):
        cut = lambda n, m, last=last: m if n < last else None  # noqa: E731
        transfer(payer.device, PayOrder(amount=amount), payee.device, RECEIVE, cut)
        known = [order.transaction for order in orders]
        (new,) = (p for p in payer.device.snapshot().pending if p.transaction not in known)
        orders.append(RedeliverOrder(transaction=new.transaction))
    assert payee.balance == 2
    yield Pair(payer.device.store, payee.device.store, *orders)
    world.close()


def sent(effects: Iterable[Effect]) -> bytes:
    (data,) = (effect.data for effect in effects if isinstance(effect, Send))
    return data


def interrupted(purse: Purse) -> None:
    """An EDHOC error in this state ends the session, and nothing is said (EPP-SES-018)."""
    purse.look(Deliver(data=errors.unspecified("refused")))


def told_otherwise(purse: Purse) -> None:
    """Every other message in this state: REJECT ends the session, the rest is refused (EPP-TRF-001)."""
    session = purse.session
    assert isinstance(session, Open)
    own = session.link.channel
    peer = Channel(most=65535, aead=own.aead, sending=own.receiving, receiving=own.sending)
    for message in MESSAGES:
        if isinstance(message, LAWFUL[session.row]):
            continue
        *_, refuse = purse.look(Deliver(data=peer.seal(message.encode())[0]), Send, Refuse)
        assert isinstance(refuse, Refuse)
        assert refuse.refusal.code is Code.UNEXPECTED_MESSAGE
    purse.look(Deliver(data=peer.seal(Reject(code=1, index=None).encode())[0]), PeerRejected)


def meet(pair: Pair, orders: tuple[Order, Order], first: tuple[Transfer, Transfer], *then: Then) -> None:
    """One session. `orders`, `first`: of the initiator and of the responder; `then`: message by message."""
    pays = isinstance(orders[0], PayOrder | RedeliverOrder)
    one, other = Purse(pair.payer), Purse(pair.payee)
    initiator, responder = (one, other) if pays else (other, one)
    initiator.expect(SetOrder(order=orders[0]), Session.IDLE)
    responder.expect(SetOrder(order=orders[1]), Session.IDLE)
    responder.expect(OpenSession(side=Side.RESPONDER), Session.WAIT_MESSAGE_1)
    interrupted(responder)
    said = sent(initiator.expect(OpenSession(side=Side.INITIATOR), Session.WAIT_MESSAGE_2, Send))
    interrupted(initiator)
    said = sent(responder.expect(Deliver(data=said), Session.WAIT_MESSAGE_3, Send))
    interrupted(responder)
    said = sent(initiator.expect(Deliver(data=said), Session.WAIT_MESSAGE_4, Send))
    interrupted(initiator)
    said = sent(responder.expect(Deliver(data=said), first[1], Send))
    said = sent(initiator.expect(Deliver(data=said), first[0], Send))
    told_otherwise(initiator)
    hears, speaks = responder, initiator
    for n, (row, change) in enumerate(then, start=1):
        told_otherwise(hears)
        last = n == len(then)
        effects = hears.expect(Deliver(data=said), row, change, None if last else Send)
        said = b"" if last else sent(effects)
        hears, speaks = speaks, hears


def run(pair: Pair) -> None:
    """Every lawful session: who opens, what for, delivered for the first time or again."""
    offered = ((Transfer.PAYER_OFFERED, None), *PAID)
    again = (Transfer.PAYER_PAID, None)
    opens = (Transfer.PAYER_OFFERED, Transfer.PAYEE_WAIT_OFFER)
    asks = (Transfer.PAYEE_REQUESTED, Transfer.PAYER_WAIT_REQUEST)
    repeats = (Transfer.PAYER_PAID, Transfer.PAYEE_WAIT_OFFER)
    meet(pair, (PAY, RECEIVE), opens, *PAID)
    meet(pair, (REQUEST, PAY), asks, *offered)
    meet(pair, (REQUEST, pair.lost), asks, again, *DELIVERED)
    meet(pair, (REQUEST, pair.known), asks, again, *KNOWN)
    meet(pair, (pair.lost, RECEIVE), repeats, *DELIVERED)
    meet(pair, (pair.known, RECEIVE), repeats, *KNOWN)
    meet(pair, (PAY, REQUEST), opens, *PAID)
    meet(pair, (pair.lost, REQUEST), repeats, *DELIVERED)
    only_receives = Purse(pair.payee)
    only_receives.expect(SetOrder(order=RECEIVE), Session.IDLE)
    # EPP-REC-004
    only_receives.expect(OpenSession(side=Side.INITIATOR), Session.IDLE, Refuse)


class Rows(dict[Any, Any]):
    """A table that remembers which keys it was asked for."""

    def __init__(self, table: dict[Any, Any]) -> None:
        super().__init__(table)
        self.asked: set[object] = set()

    def __getitem__(self, key: object) -> Any:
        self.asked.add(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.asked.add(key)
        return super().__contains__(key)

    def get(self, key: object, default: object = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


def check(pair: Pair) -> None:
    """`run`, in which each row of each table is asked for: a row that nothing can reach says nothing."""
    rows = {name: Rows(getattr(tables, name)) for name in ("SESSION", "START", "TRANSFER")}
    rows["COMMITS"] = Rows(dict.fromkeys(tables.COMMITS))
    with pytest.MonkeyPatch.context() as patch:
        for name, table in rows.items():
            patch.setattr(tables, name, table)
        run(pair)
    for name, table in rows.items():
        assert table.keys() <= table.asked, f"{name} has rows that nothing can reach"


def altered(
    table: dict[Any, Any], keys: Iterable[Any], states: type[Session | Transfer]
) -> Iterator[tuple[str, object]]:
    """One row removed, leading elsewhere, or added."""
    for key in keys:
        name = " ".join(part.name for part in key if part is not None)
        if key not in table:
            yield f"{name} added", {**table, key: states.CLOSED}
            continue
        yield f"{name} removed", {k: v for k, v in table.items() if k != key}
        for state in states:
            if state is not table[key]:
                yield f"{name} to {state.name}", {**table, key: state}


def alterations() -> Iterator[tuple[str, str, object]]:
    """(table, what is done to it, the altered table): every row there is or could be, one at a time."""
    for table, keys, states in (
        ("SESSION", product(Session, SessionEvent), Session),
        ("START", product(Side, Purpose), Transfer),
        ("TRANSFER", product(Transfer, TransferEvent, (None, *Purpose)), Transfer),
    ):
        for name, value in altered(getattr(tables, table), keys, states):
            yield table, name, value
    for state, event in product(Transfer, TransferEvent):
        changed = tables.COMMITS ^ {(state, event)}
        done = "removed" if len(changed) < len(tables.COMMITS) else "added"
        yield "COMMITS", f"{state.name} {event.name} {done}", changed


ALTERATIONS = tuple(alterations())


def test_as_they_are(pair: Pair) -> None:
    check(pair)


def test_every_row_is_altered() -> None:
    rows = {table: sum(found == table for found, _, _ in ALTERATIONS) for table, _, _ in ALTERATIONS}
    sizes = {
        "SESSION": (len(tables.SESSION), len(Session) * len(SessionEvent), len(Session)),
        "START": (len(tables.START), len(Side) * len(Purpose), len(Transfer)),
        "TRANSFER": (
            len(tables.TRANSFER),
            len(Transfer) * len(TransferEvent) * (1 + len(Purpose)),
            len(Transfer),
        ),
    }
    expected = {name: there * states + could - there for name, (there, could, states) in sizes.items()}
    assert rows == expected | {"COMMITS": len(Transfer) * len(TransferEvent)}


@pytest.mark.parametrize(
    ("table", "value"),
    [pytest.param(table, value, id=f"{table}: {name}") for table, name, value in ALTERATIONS],
)
def test_altered(pair: Pair, monkeypatch: pytest.MonkeyPatch, table: str, value: object) -> None:
    monkeypatch.setattr(tables, table, value)
    with pytest.raises(AssertionError):
        check(pair)
