"""Every way in which the wallet can come into an open state of a transfer, and what it may meet there."""

from dataclasses import dataclass

from eiraku.conformance.suite.payer import own, paid, redeliver, settle_by_redelivery
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.peer import Talk, connect
from eiraku.conformance.tester.stage import Stage
from eiraku.spec import cbor
from eiraku.spec.errors import Code
from eiraku.spec.messages import Message, Offer, OfferedUnit, Reject, Request
from eiraku.spec.tables import Purpose, Side, Transfer, TransferEvent, next_transfer

AMOUNT = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The wallet in an open state."""

    talk: Talk
    theirs: Offer | None
    """The wallet's OFFER, if it has made one."""
    lost: flows.Payment | None
    """The wallet's payment, if it is pending."""
    ours: Offer
    """An OFFER of the suite's purse, which the wallet has accepted if its state says so."""
    holdings: tuple[OfferedUnit, ...]
    """The units of `ours`."""

    def message(self, event: TransferEvent) -> Message:
        """A message of this kind that is right in itself, and as near to the transfer as can be."""
        talk = self.talk
        about = self.theirs or self.ours
        match event:
            case TransferEvent.REQUEST:
                return Request(amount=AMOUNT, reference=flows.REFERENCE)
            case TransferEvent.OFFER:
                return self.ours
            case TransferEvent.ACCEPT:
                return flows.accept_of(about)
            case TransferEvent.PAY:
                return flows.pay_of(talk, self.ours, self.holdings)
            case TransferEvent.RECEIPT:
                return flows.receipt_of(talk, about)
            case TransferEvent.REDELIVER:
                return flows.redeliver_of(talk, self.ours, self.holdings)
            case TransferEvent.REJECT:
                return Reject(code=int(Code.AMOUNT), index=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How the wallet comes into a state: its side, its purpose, the messages before."""

    state: Transfer
    side: Side
    purpose: Purpose

    @property
    def name(self) -> str:
        """For people and for the ids of checks."""
        return f"{self.state.name.lower().replace('_', '-')}-{self.side.value}-{self.purpose.value}"

    @property
    def level(self) -> str:
        """One way into each state is enough for the standard level, where a check makes many attempts."""
        first = next(way for way in WAYS if way.state is self.state)
        return "standard" if first == self else "full"

    def permits(self, event: TransferEvent) -> bool:
        """Whether the table permits a message here."""
        return next_transfer(self.state, event, self.purpose) is not None

    def reach(self, stage: Stage) -> Moment:
        """Reset the wallet and bring it into the state. It has units worth `AMOUNT`, spendable or pending."""
        world = stage.world
        stage.begin(own(world, (8, 4)))
        holdings = (world.holding(8), world.holding(4, hop=1))
        if self.purpose in {Purpose.PAY, Purpose.REDELIVER}:
            return self._reach_as_payer(stage, holdings)
        if self.purpose is Purpose.REQUEST:
            stage.order("request", amount=AMOUNT, reference=flows.REFERENCE)
        else:
            stage.order("receive")
        talk = connect(stage, self.side)
        ours = flows.offer_of(talk, holdings)
        if self.state is Transfer.PAYEE_ACCEPTED:
            flows.expect_accept(talk, ours, talk.send(ours))
        return Moment(talk=talk, theirs=None, lost=None, ours=ours, holdings=holdings)

    def _reach_as_payer(self, stage: Stage, holdings: tuple[OfferedUnit, ...]) -> Moment:
        lost: flows.Payment | None = None
        theirs: Offer | None = None
        if self.purpose is Purpose.REDELIVER:
            _, lost = paid(stage, Side.INITIATOR, AMOUNT)
            theirs = lost.offer
        if self.state is Transfer.PAYER_WAIT_REQUEST:
            if lost is None:
                stage.order("pay", amount=AMOUNT)
            else:
                stage.order("redeliver", transaction=lost.offer.transaction)
            talk = connect(stage, self.side)
        elif lost is not None:
            talk, _ = redeliver(stage, self.side, lost)
        elif self.state is Transfer.PAYER_PAID:
            talk, lost = paid(stage, self.side, AMOUNT)
            theirs = lost.offer
        else:
            talk, theirs = flows.meet_payer(stage, self.side, AMOUNT)
        ours = flows.offer_of(talk, holdings)
        return Moment(talk=talk, theirs=theirs, lost=lost, ours=ours, holdings=holdings)

    def finish(self, moment: Moment) -> None:
        """Go on from here to the end of the transfer; everything must go well."""
        talk, stage = moment.talk, moment.talk.stage
        if self.purpose in {Purpose.REQUEST, Purpose.RECEIVE}:
            if self.state is not Transfer.PAYEE_ACCEPTED:
                flows.expect_accept(talk, moment.ours, talk.send(moment.ours))
            pay = flows.pay_of(talk, moment.ours, moment.holdings)
            flows.expect_receipt(talk, moment.ours, talk.send(pay))
            return
        offer = moment.theirs
        if self.state is Transfer.PAYER_WAIT_REQUEST:
            answer = talk.send(moment.message(TransferEvent.REQUEST))
            stage.accepted(answer.reply, "REQUEST", "open")
            if self.purpose is Purpose.PAY:
                if not isinstance(answer.message, Offer):
                    raise AssertionError(f"answer to REQUEST: expected OFFER, found {answer.message}")
                offer = answer.message
        if offer is None:
            raise ValueError("a payer that has offered nothing cannot finish")
        if self.purpose is Purpose.PAY and self.state is not Transfer.PAYER_PAID:
            flows.expect_pay(talk, offer, talk.send(flows.accept_of(offer)))
        stage.accepted(talk.send(flows.receipt_of(talk, offer)).reply, "RECEIPT", "closed")

    def recover(self, stage: Stage, moment: Moment) -> None:
        """After a broken session: the payment can still be made, or redelivered if it was committed."""
        if moment.lost is not None:
            settle_by_redelivery(stage, self.side, moment.lost)
        elif self.purpose is Purpose.PAY:
            flows.take(stage, self.side, AMOUNT)
        else:
            flows.give(stage, self.side, moment.holdings)


WAYS = (
    Way(state=Transfer.PAYER_WAIT_REQUEST, side=Side.RESPONDER, purpose=Purpose.PAY),
    Way(state=Transfer.PAYER_WAIT_REQUEST, side=Side.RESPONDER, purpose=Purpose.REDELIVER),
    Way(state=Transfer.PAYER_OFFERED, side=Side.INITIATOR, purpose=Purpose.PAY),
    Way(state=Transfer.PAYER_OFFERED, side=Side.RESPONDER, purpose=Purpose.PAY),
    Way(state=Transfer.PAYER_PAID, side=Side.INITIATOR, purpose=Purpose.PAY),
    Way(state=Transfer.PAYER_PAID, side=Side.RESPONDER, purpose=Purpose.PAY),
    Way(state=Transfer.PAYER_PAID, side=Side.INITIATOR, purpose=Purpose.REDELIVER),
    Way(state=Transfer.PAYER_PAID, side=Side.RESPONDER, purpose=Purpose.REDELIVER),
    Way(state=Transfer.PAYEE_REQUESTED, side=Side.INITIATOR, purpose=Purpose.REQUEST),
    Way(state=Transfer.PAYEE_WAIT_OFFER, side=Side.RESPONDER, purpose=Purpose.RECEIVE),
    Way(state=Transfer.PAYEE_WAIT_OFFER, side=Side.RESPONDER, purpose=Purpose.REQUEST),
    Way(state=Transfer.PAYEE_ACCEPTED, side=Side.INITIATOR, purpose=Purpose.REQUEST),
    Way(state=Transfer.PAYEE_ACCEPTED, side=Side.RESPONDER, purpose=Purpose.RECEIVE),
)


# --- shapes -------------------------------------------------------------------------------------------------

Items = tuple[cbor.Item, ...]


def misshapen(message: Message) -> dict[str, bytes]:
    """Encodings that are near to the message, and of another shape than any message."""
    encoded = message.encode()
    items = cbor.decode(encoded)
    if not isinstance(items, tuple):
        raise ValueError("a message is an array")
    wrong: dict[str, bytes] = {
        "one-item-short": cbor.encode(items[:-1]),
        "one-item-more": cbor.encode((*items, None)),
        "trailing-byte": encoded + b"\x00",
        "truncated": encoded[:-1],
        "indefinite-length": b"\x9f" + encoded[1:] + b"\xff",
        "long-head": bytes((0x98, len(items))) + encoded[1:],
        "inside-an-array": cbor.encode((items,)),
        "inside-a-byte-string": cbor.encode(encoded),
        "tagged": b"\xc1" + encoded,
        "type-as-text": cbor.encode((str(items[0]), *items[1:])),
    }
    for position, item in enumerate(items[1:], start=1):
        for name, other in _other(item, is_index=isinstance(message, Reject) and position == 2):
            altered = (*items[:position], other, *items[position + 1 :])
            wrong[f"item-{position}-{name}"] = cbor.encode(altered)
    return wrong


def _other(item: cbor.Item, *, is_index: bool) -> list[tuple[str, cbor.Item]]:
    """Items that cannot stand where `item` stands."""
    others: list[tuple[str, cbor.Item]] = [("map", {}), ("true", True)]
    if not is_index:
        others.append(("null", None))
    match item:
        case int() | None:
            others += [("negative", -1), ("too-great", 2**53), ("text", "1")]
        case bytes() if len(item) <= 64:
            others += [("short", item[:-1]), ("long", item + b"\x00"), ("as-text", "a" * len(item))]
        case str():
            others += [("too-long", "a" * 65), ("as-bytes", item.encode())]
        case tuple():
            others += [("with-null", (*item, None)), ("as-integer", 1)]
            others += [(f"first-{name}", (other, *item[1:])) for name, other in _first(item)]
        case _:
            others.append(("as-integer", 1))
    return others


def _first(items: Items) -> list[tuple[str, cbor.Item]]:
    match items[0]:
        case bytes(signature):
            return [("short", signature[:-1]), ("as-text", "a" * 64)]
        case (unit, hop, history):
            return [
                ("two-items", (unit, hop)),
                ("four-items", (unit, hop, history, None)),
                ("unit-null", (None, hop, history)),
                ("hop-256", (unit, 256, history)),
                ("hop-negative", (unit, -1, history)),
                ("history-null", (unit, hop, None)),
            ]
        case _:
            return []


UNKNOWN: dict[str, bytes] = {
    "nothing": b"",
    "type-0": cbor.encode((0,)),
    "type-8": cbor.encode((8, bytes(16), AMOUNT)),
    "type-24": cbor.encode((24,)),
    "type-negative": cbor.encode((-1, 1, "")),
    "type-2^63": cbor.encode((2**63, 1, "")),
    "type-null": cbor.encode((None, 1, "")),
    "empty-array": cbor.encode(()),
    "an-integer": cbor.encode(5),
    "a-map": cbor.encode({1: 1}),
    "a-text": cbor.encode("REQUEST"),
    "no-CBOR": b"\xff",
    "a-float": b"\x83\x01\xf9\x3c\x00\x60",
    "declares-too-much": b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    "two-messages": 2 * Reject(code=1, index=None).encode(),
}
"""Plaintexts that are no message at all."""
