"""What a payer refuses, and what becomes of its units."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from eiraku.reference.device import Accepted, Rejected, Result
from eiraku.reference.meeting import transfer
from eiraku.reference.policy import Bounds
from eiraku.reference.purse import handshake
from eiraku.reference.purse.state import PayOrder, ReceiveOrder, RedeliverOrder, RequestOrder
from eiraku.spec import tables
from eiraku.spec.errors import Code
from eiraku.spec.messages import Accept, Message, Offer, Pay, Receipt, Redeliver, Reject, Request
from eiraku.spec.tables import Transfer, TransferEvent
from eiraku.testing.patches import Patch
from eiraku.testing.purses import World

Alter = Callable[[Message], Message | bytes]
Crooks = Callable[[Alter], tuple[Patch, ...]]
RECEIVE = ReceiveOrder()


def on(kind: type[Message], change: Callable[..., Message | bytes]) -> Alter:
    return lambda message: change(message) if isinstance(message, kind) else message


def refusals(results: list[Result]) -> list[str]:
    return [r.refusal.code.label for r in results if isinstance(r, Rejected)]


ANSWERS: dict[str, tuple[Alter, str]] = {
    "another transaction": (on(Accept, lambda m: replace(m, transaction=bytes(16))), "transaction"),
    "another digest": (on(Accept, lambda m: replace(m, offer_digest=bytes(32))), "transaction"),
    "PAY": (on(Accept, lambda m: Pay(transaction=m.transaction, endorsements=())), "unexpected-message"),
    "RECEIPT too early": (
        on(Accept, lambda m: Receipt(transaction=m.transaction, signature=bytes(64))),
        "unexpected-message",
    ),
    "unknown type": (on(Accept, lambda _: b"\x81\x18\x2a"), "malformed"),
    "empty": (on(Accept, lambda _: b""), "malformed"),
    "trailing byte": (on(Accept, lambda m: m.encode() + b"\x00"), "malformed"),
    "not shortest": (on(Accept, lambda m: b"\x83\x18\x03" + m.encode()[2:]), "malformed"),
    "REJECT": (on(Accept, lambda _: Reject(code=int(Code.CAPACITY), index=None)), ""),
    "REJECT, unknown code": (on(Accept, lambda _: Reject(code=65535, index=7)), ""),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_before_the_commit_point_the_units_stay(world: World, crook: Crooks, name: str) -> None:
    alter, expected = ANSWERS[name]
    payer, payee = world.purse([1, 2]), world.purse(patches=crook(alter))
    before = payer.device.snapshot()
    exchange = transfer(payer.device, PayOrder(amount=3), payee.device, RECEIVE)
    assert exchange.codes == ([expected] if expected else [])
    assert payer.device.snapshot() == before
    payee.device.patches = ()
    assert not transfer(payer.device, PayOrder(amount=3), payee.device, RECEIVE).codes


RECEIPTS: dict[str, tuple[Alter, str]] = {
    "another transaction": (on(Receipt, lambda m: replace(m, transaction=bytes(16))), "receipt"),
    "bad signature": (on(Receipt, lambda m: replace(m, signature=bytes(64))), "receipt"),
    "ACCEPT again": (
        on(Receipt, lambda m: Accept(transaction=m.transaction, offer_digest=bytes(32))),
        "unexpected-message",
    ),
    "unknown type": (on(Receipt, lambda _: b"\x81\x08"), "malformed"),
    "REJECT": (on(Receipt, lambda _: Reject(code=int(Code.ENDORSEMENT), index=0)), ""),
}


@pytest.mark.parametrize("again", (False, True), ids=("paid", "redelivered"))
@pytest.mark.parametrize("name", RECEIPTS)
def test_after_the_commit_point_it_is_pending(world: World, crook: Crooks, name: str, *, again: bool) -> None:
    alter, expected = RECEIPTS[name]
    payer, payee = world.purse([1, 2]), world.purse(patches=crook(alter))
    codes = [expected] if expected else []
    assert refusals(transfer(payer.device, PayOrder(amount=3), payee.device, RECEIVE).initiator) == codes
    (pending,) = payer.device.snapshot().pending
    order = RedeliverOrder(transaction=pending.transaction)
    if again:
        before = payer.device.snapshot()
        assert refusals(transfer(payer.device, order, payee.device, RECEIVE).initiator) == codes
        assert payer.device.snapshot() == before
    assert payer.balance == 0
    assert world.total() == 3
    payee.device.patches = ()
    assert not transfer(payer.device, order, payee.device, RECEIVE).codes
    (settled,) = payer.device.snapshot().settled
    assert settled.amount == 3
    refused = payer.device.order(order)
    assert isinstance(refused, Rejected)
    assert refused.refusal.code is Code.UNKNOWN_TRANSACTION


@pytest.mark.parametrize("amount", (1, 3, 0))
def test_a_request_for_another_amount(world: World, crook: Crooks, amount: int) -> None:
    payer = world.purse([1, 2])
    payee = world.purse(patches=crook(on(Request, lambda m: replace(m, amount=amount))))
    exchange = transfer(payee.device, RequestOrder(amount=2), payer.device, PayOrder(amount=2))
    assert exchange.codes == ["amount"]
    assert payer.balance == 3


def test_both_sides_hold_the_limit(strict: World) -> None:
    payer, payee = strict.purse([32, 16, 2, 1]), strict.purse(tier=1)
    lax = strict.purse([32, 16, 2, 1], patches=[(handshake, "judge", lambda *_: Bounds(least=1, most=10**6))])
    honest = transfer(payer.device, PayOrder(amount=51), payee.device, RECEIVE)
    assert honest.codes == ["amount-limit"]
    assert isinstance(honest.initiator[-1], Rejected), "the payer's own check"
    forced = transfer(lax.device, PayOrder(amount=51), payee.device, RECEIVE)
    assert forced.codes == ["amount-limit"]
    assert isinstance(forced.responder[-1], Rejected), "the payee's"


def test_pending_units_are_never_offered(world: World) -> None:
    payer, payee, other = world.purse([1, 2]), world.purse(), world.purse()
    transfer(payer.device, PayOrder(amount=2), payee.device, RECEIVE, lambda n, m: m if n < 7 else None)
    refused = payer.device.order(PayOrder(amount=2))
    assert isinstance(refused, Rejected)
    assert refused.refusal.code is Code.INSUFFICIENT_FUNDS
    assert not transfer(payer.device, PayOrder(amount=1), other.device, RECEIVE).codes


# --- every illegal pair of the table ---

MESSAGES: dict[TransferEvent, Message] = {
    TransferEvent.REQUEST: Request(amount=1),
    TransferEvent.OFFER: Offer(transaction=bytes(16), amount=1, units=()),
    TransferEvent.ACCEPT: Accept(transaction=bytes(16), offer_digest=bytes(32)),
    TransferEvent.PAY: Pay(transaction=bytes(16), endorsements=()),
    TransferEvent.RECEIPT: Receipt(transaction=bytes(16), signature=bytes(64)),
    TransferEvent.REDELIVER: Redeliver(offer=b"", endorsements=()),
}


@pytest.mark.parametrize(
    ("state", "event"), tables.illegal_pairs(), ids=lambda value: value.name if hasattr(value, "name") else ""
)
def test_illegal_pairs(world: World, crook: Crooks, state: Transfer, event: TransferEvent) -> None:
    """The peer says something else than it should when the purse is in that state."""
    said: list[Message] = []
    when = {Transfer.PAYER_PAID: 2, Transfer.PAYEE_ACCEPTED: 2}.get(state, 1)

    def alter(message: Message) -> Message:
        said.append(message)
        return MESSAGES[event] if len(said) == when else message

    pays = state.name.startswith("PAYER")
    purse = world.purse([1])
    peer = world.purse([1], patches=crook(alter))
    mine = PayOrder(amount=1) if pays else RequestOrder(amount=1)
    theirs = RequestOrder(amount=1) if pays else PayOrder(amount=1)
    first = state in (Transfer.PAYER_OFFERED, Transfer.PAYER_PAID, Transfer.PAYEE_REQUESTED)
    if first:
        exchange = transfer(purse.device, mine, peer.device, theirs)
    else:
        exchange = transfer(peer.device, theirs, purse.device, mine)
    result = (exchange.initiator if first else exchange.responder)[-1]
    assert isinstance(result, Rejected)
    assert result.refusal.code is Code.UNEXPECTED_MESSAGE
    told = (exchange.responder if first else exchange.initiator)[-1]
    committed = state is Transfer.PAYER_PAID
    if not committed:  # then the payee believes to have given its receipt and is gone
        assert isinstance(told, Accepted)
        assert told.reject == Reject(code=Code.UNEXPECTED_MESSAGE, index=None)
    assert len(purse.device.snapshot().pending) == committed
    assert purse.device.snapshot().writes == 1 + committed
