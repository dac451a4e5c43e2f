"""Whole flows between the wallet and a till, over a line that may lose or spoil any message.

A `Flow` says who pays, who speaks first, and whether it is a redelivery; a `Journey` carries one out, tells
the oracle what has been agreed, and stops where the line or the power does. A `Scenario` is a flow with
everything that it needs, and with the way back to order after it was disturbed.
"""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from eiraku.conformance.suite.oracle import Commit, Effect, Oracle, Till
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.flows import REFERENCE, Payment
from eiraku.conformance.tester.peer import REFUSED, Answer, HandshakeRefused, Manner, Talk, connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import Identity, identifier, value
from eiraku.spec.errors import Code
from eiraku.spec.messages import Message, Offer, OfferedUnit, Pay, Redeliver, Request
from eiraku.spec.tables import Side

AMOUNT = 5
"""What is paid in scenarios: a unit of 1 and one of 4."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """One of the ways in which value moves between the wallet and a till."""

    wallet_pays: bool
    side: Side
    """The side that the wallet plays."""
    redelivery: bool = False
    known: bool = False
    """Redelivery to the wallet of what it has credited already."""

    def __str__(self) -> str:
        words = ["payer" if self.wallet_pays else "payee", self.side.value]
        return "-".join([*words, *["redelivery"] * self.redelivery, *["known"] * self.known])

    @property
    def messages(self) -> tuple[str, ...]:
        """Names of the messages to the wallet, in order."""
        initiator = self.side is Side.INITIATOR
        handshake = ("message_2", "message_4") if initiator else ("message_1", "message_3")
        if not self.wallet_pays:
            return handshake + (("REDELIVER",) if self.redelivery else ("OFFER", "PAY"))
        request = () if initiator else ("REQUEST",)
        return handshake + request + (("RECEIPT",) if self.redelivery else ("ACCEPT", "RECEIPT"))

    @property
    def commits(self) -> Mapping[str, str]:
        """The messages at which the wallet must commit, and the requirement that says so."""
        points = {
            "ACCEPT": "EPP-CRS-001",
            "PAY": "EPP-CRS-002",
            "REDELIVER": "EPP-CRS-002",
            "RECEIPT": "EPP-CRS-003",
        }
        return {name: points[name] for name in self.messages if name in points and not self.known}


PAYMENTS = tuple(Flow(wallet_pays=pays, side=side) for pays, side in itertools.product((True, False), Side))
REDELIVERIES = tuple(
    Flow(wallet_pays=pays, side=side, redelivery=True)
    for pays, side in itertools.product((True, False), Side)
)
REPEATS = tuple(Flow(wallet_pays=False, side=side, redelivery=True, known=True) for side in Side)
FLOWS = PAYMENTS + REDELIVERIES + REPEATS
HANDSHAKE = ("message_1", "message_2", "message_3", "message_4")


def each_message() -> list[object]:
    """Parameters: every message to the wallet in every flow. A handshake is the same whatever follows, so at
    the standard level only those of payments count.
    """
    return [
        pytest.param(
            flow,
            name,
            id=f"{flow}-{name}",
            marks=[pytest.mark.level("full")] if name in HANDSHAKE and flow.redelivery else [],
        )
        for flow in FLOWS
        for name in flow.messages
    ]


class Line:
    """The channel; this one is good. A subclass loses or spoils messages."""

    def to_wallet(self, name: str, data: bytes) -> bytes:
        """A message to the wallet, as sent; gives it as it arrives. Raises Lost if it does not."""
        del name
        return data

    def from_wallet(self, name: str) -> None:
        """The wallet's message of this name; raises Lost if it does not arrive."""


GOOD_LINE = Line()


class Lost(Exception):
    """The message of this name, or all after it, did not arrive."""


class Losing(Line):
    """Loses the message of this name, and thereby the rest of the session."""

    def __init__(self, name: str) -> None:
        """`name`: of a message in either direction."""
        self.name = name

    def to_wallet(self, name: str, data: bytes) -> bytes:
        """See `Line`."""
        if name == self.name:
            raise Lost(name)
        return data

    def from_wallet(self, name: str) -> None:
        """See `Line`."""
        if name == self.name:
            raise Lost(name)


class PowerLost(Exception):
    """An armed cut fired while the wallet worked on the message `name`, which should have had `effect`."""

    def __init__(self, name: str, effect: Effect | None) -> None:
        super().__init__(name)
        self.name = name
        self.effect = effect


class Refused(Exception):
    """The wallet's answer to a message that the line has spoilt."""

    def __init__(self, name: str, answer: Answer) -> None:
        super().__init__(f"{name}: {answer.reply}")
        self.name = name
        self.answer = answer


class Journey:
    """One flow from the holder's order to the end of the session. Everything unspoilt must go well.

    Raises Lost, PowerLost or Refused where it stops early, AssertionError where the wallet is wrong.
    """

    def __init__(self, oracle: Oracle, flow: Flow, till: Till, line: Line = GOOD_LINE) -> None:
        self.oracle = oracle
        self.stage = oracle.stage
        self.flow = flow
        self.till = till
        self.line = line
        self.spoilt: str | None = None
        """Name of the message that arrived other than it was sent."""

    def pay(self, amount: int) -> None:
        """The wallet pays the till."""
        side = self.flow.side
        self.stage.order("pay", amount=amount)
        talk = self._connect()
        if side is Side.INITIATOR:
            offer = talk.opening
        else:
            offer = self._send(talk, "REQUEST", Request(amount=amount, reference=REFERENCE)).message
        if not isinstance(offer, Offer):
            raise AssertionError(f"expected OFFER, found {offer}")
        flows.check_offer(self.stage, offer, amount, self.oracle.spendable)
        self.line.from_wallet("OFFER")
        effect = Effect(commit=Commit.PENDING, offer=offer, till=self.till)
        payment = flows.expect_pay(talk, offer, self._send(talk, "ACCEPT", flows.accept_of(offer), effect))
        self.oracle.sent[offer.transaction] = payment
        self.oracle.saw_endorsed(offer, self.till)
        self.line.from_wallet("PAY")
        self._receipt(talk, payment)

    def receive(self, holdings: tuple[OfferedUnit, ...]) -> None:
        """The till pays the wallet with these of its units."""
        amount = sum(map(value, holdings))
        flows.order_receive(self.stage, self.flow.side, amount)
        talk = self._connect()
        self._expect_request(talk, amount)
        offer = flows.offer_of(talk, holdings)
        flows.expect_accept(talk, offer, self._send(talk, "OFFER", offer))
        self.line.from_wallet("ACCEPT")
        pay = flows.pay_of(talk, offer, holdings)
        self.till.commit(Payment(offer=offer, offered=offer.encode(), holdings=holdings, pay=pay))
        effect = Effect(commit=Commit.CREDITED, offer=offer, till=self.till)
        answer = self._send(talk, "PAY", pay, effect)
        receipt = flows.expect_receipt(talk, offer, answer)
        self.line.from_wallet("RECEIPT")
        self.till.settle(offer.transaction, receipt)

    def redeliver(self, transaction: bytes) -> None:
        """The wallet redelivers a pending transaction to the till; with the same bytes (EPP-CRS-007)."""
        self.stage.order("redeliver", transaction=transaction)
        talk = self._connect()
        message = talk.opening
        if self.flow.side is Side.RESPONDER:
            message = self._send(talk, "REQUEST", Request(amount=AMOUNT, reference=REFERENCE)).message
        self.line.from_wallet("REDELIVER")
        self._receipt(talk, self._check_redelivery(talk, transaction, message))

    def receive_again(self, payment: Payment) -> None:
        """The till redelivers a payment to the wallet, which may have credited it before (EPP-CRS-010)."""
        offer = payment.offer
        flows.order_receive(self.stage, self.flow.side, offer.amount)
        talk = self._connect()
        self._expect_request(talk, offer.amount)
        message = Redeliver(offer=payment.offered, endorsements=payment.pay.endorsements)
        effect = Effect(commit=Commit.CREDITED, offer=offer, till=self.till)
        known = (self.till.number, offer.transaction) in self.oracle.credited
        answer = self._send(talk, "REDELIVER", message, None if known else effect)
        receipt = flows.expect_receipt(talk, offer, answer)
        if payment.receipt is not None:
            # EPP-CRS-010
            self.stage.equal(receipt.encode(), payment.receipt.encode(), "bytes of the RECEIPT given before")
        self.line.from_wallet("RECEIPT")
        if offer.transaction in self.till.pending:
            self.till.settle(offer.transaction, receipt)

    def _receipt(self, talk: Talk, payment: Payment) -> None:
        """Credit what the wallet has sent, once, and answer with the receipt."""
        offer = payment.offer
        receipt = flows.receipt_of(talk, offer)
        if offer.transaction not in self.till.credited:
            self.till.credit(self.stage.world, self.stage.world.wallet, payment, receipt)
        effect = Effect(commit=Commit.SETTLED, offer=offer, till=self.till)
        self.stage.accepted(self._send(talk, "RECEIPT", receipt, effect).reply, "RECEIPT", "closed")

    def _check_redelivery(self, talk: Talk, transaction: bytes, message: Message | None) -> Payment:
        """The payment that a REDELIVER brings; it must be the one that was made."""
        if not isinstance(message, Redeliver):
            raise AssertionError(f"expected REDELIVER, found {message}")
        offer = self.oracle.pending[transaction].offer
        # EPP-CRS-007
        self.stage.equal(message.offer, offer.encode(), "bytes of the OFFER in REDELIVER")
        pay = Pay(transaction=transaction, endorsements=message.endorsements)
        flows.check_endorsements(talk, offer, pay)
        self.oracle.saw_endorsed(offer, self.till)
        payment = Payment(offer=offer, offered=message.offer, holdings=offer.units, pay=pay)
        first = self.oracle.sent.setdefault(transaction, payment)
        self.stage.equal(
            _hex(message.endorsements), _hex(first.pay.endorsements), "endorsements in REDELIVER"
        )
        return payment

    def _expect_request(self, talk: Talk, amount: int) -> None:
        if self.flow.side is Side.INITIATOR:
            request = Request(amount=amount, reference=REFERENCE)
            self.stage.equal(talk.opening, request, "the wallet's REQUEST")
            self.line.from_wallet("REQUEST")

    def _connect(self) -> Talk:
        manner = Manner(alter=self._over_the_line)
        try:
            talk = connect(self.stage, self.flow.side, peer=self.till.identity, manner=manner)
        except HandshakeRefused as refused:
            if refused.reply.outcome == "power-cut":
                raise PowerLost(refused.message, None) from None
            if self.spoilt:
                raise Refused(refused.message, Answer(reply=refused.reply)) from None
            raise AssertionError(f"{refused.message}: expected accepted, found {refused.reply}") from None
        if self.spoilt:
            raise AssertionError(f"the wallet went on after a spoilt {self.spoilt}")
        return talk

    def _send(self, talk: Talk, name: str, message: Message, effect: Effect | None = None) -> Answer:
        try:
            record = self._over_the_line(name, talk.channel.seal(message.encode()))
        except PowerLost as lost:
            raise PowerLost(lost.name, effect) from None
        answer = talk.send_record(record, name)
        if answer.reply.outcome == "power-cut":
            raise PowerLost(name, effect)
        if self.spoilt:
            raise Refused(name, answer)
        self.stage.accepted(answer.reply, name)
        if effect is not None:
            self.oracle.apply(effect)
        return answer

    def _over_the_line(self, name: str, data: bytes) -> bytes:
        arrives = self.line.to_wallet(name, data)
        if arrives != data:
            self.spoilt = name
        return arrives


def _hex(signatures: tuple[bytes, ...]) -> list[str]:
    return [signature.hex() for signature in signatures]


class Scenario:
    """A wallet and a till with money each, and a flow of `AMOUNT` to be carried out between them."""

    def __init__(self, stage: Stage, flow: Flow, *, times: int = 1) -> None:
        """Reset, provision with money for so many times, and make ready for the flow."""
        world = stage.world
        self.stage = stage
        self.flow = flow
        self.till = Till(identity=world.purse())
        for _ in range(times):
            for held in (world.holding(worth, holder=self.till.number) for worth in (1, 2, 4)):
                self.till.held[identifier(held)] = held
        worths = (1, 2, 4, 8) * times
        holdings = [world.holding(worth, holder=world.wallet.number) for worth in worths]
        self.oracle = Oracle(stage, holdings, [self.till])
        self.target = 0
        self.prepare()

    def prepare(self) -> None:
        """Make ready for the flow, or for the next: a redelivery needs a transaction that failed before."""
        self.target = self.oracle.balance + (-AMOUNT if self.flow.wallet_pays else AMOUNT)
        if self.flow.redelivery:
            lost = "RECEIPT" if self.flow.known else "PAY"
            payment = Flow(wallet_pays=self.flow.wallet_pays, side=self.flow.side)
            self.interrupt(payment, Losing(lost))

    def interrupt(self, flow: Flow, line: Line) -> None:
        """Carry out a flow that must end early, by loss of a message."""
        try:
            self.run(line, flow)
        except Lost:
            return
        raise AssertionError("the session did not come as far as it should")

    def run(self, line: Line = GOOD_LINE, flow: Flow | None = None) -> None:
        """Carry out the flow, as it stands or another for the same payment. Raises as `Journey`."""
        flow = flow or self.flow
        journey = Journey(self.oracle, flow, self.till, line)
        if not flow.redelivery and flow.wallet_pays:
            journey.pay(AMOUNT)
        elif not flow.redelivery:
            journey.receive(self.till.holdings(AMOUNT))
        elif flow.wallet_pays:
            journey.redeliver(next(iter(self.oracle.pending)))
        else:
            journey.receive_again(next(iter(self.till.pending.values())))

    def finish(self) -> None:
        """Complete what was begun: redeliver what is pending, else pay anew; then all must be as agreed.

        The session roles are the other way round than before, so that each redelivers in both.
        """
        other = Side.RESPONDER if self.flow.side is Side.INITIATOR else Side.INITIATOR
        paid = self.flow.wallet_pays
        if self.oracle.pending or self.till.pending:
            self.run(flow=Flow(wallet_pays=paid, side=other, redelivery=True))
        elif self.oracle.balance != self.target:
            self.run(flow=Flow(wallet_pays=paid, side=other))
        state = self.oracle.check("recovery")
        self.stage.equal(state.balance, self.target, "balance after recovery")
        flows.still_alive(self.stage)


def expect_refused_peer(stage: Stage, side: Side, peer: Identity, code: Code, what: str) -> None:
    """The wallet, which has a purpose, must refuse this peer in the handshake, silent about the reason."""
    try:
        connect(stage, side, peer=peer)
    except HandshakeRefused as refused:
        stage.refused(refused.reply, code, what)
        # EPP-SES-016
        stage.equal(refused.reply.out, REFUSED, f"answer to {what}")
        return
    raise AssertionError(f"{what}: expected rejected {code.label}, found an open session")
