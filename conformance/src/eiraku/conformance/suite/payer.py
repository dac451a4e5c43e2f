"""Common to the checks of the wallet as payer."""

from collections.abc import Iterable
from typing import Any

from eiraku.conformance.tester import flows
from eiraku.conformance.tester.peer import Answer, HandshakeRefused, Talk, connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import Identity, World
from eiraku.spec.errors import Code
from eiraku.spec.messages import Offer, OfferedUnit, Redeliver, Reject, Request
from eiraku.spec.objects import history_size
from eiraku.spec.tables import Side

LOCAL = frozenset(
    {
        Code.RECORD,
        Code.INSUFFICIENT_FUNDS,
        Code.NO_EXACT_CHANGE,
        Code.DECLINED,
        Code.BULLETIN_SIGNATURE,
        Code.BULLETIN_STALE,
        Code.UNKNOWN_TRANSACTION,
        Code.NOT_PROVISIONED,
        Code.POLICY,
        Code.PROVISION,
        *flows.OF_HOLDINGS,
    }
)
"""Codes that are never sent (chapter 10)."""


def own(world: World, values: Iterable[int], **fields: Any) -> list[OfferedUnit]:
    """Units for the wallet to begin with. `fields`: `hop`, or fields of the unit."""
    return [world.holding(value, holder=world.wallet.number, **fields) for value in values]


def unread(world: World, value: int, hop: int, **fields: Any) -> OfferedUnit:
    """A unit whose history has the size that belongs to `hop`, but holds nothing: the wallet cannot tell."""
    held = world.holding(value, holder=world.wallet.number, **fields)
    return OfferedUnit(unit=held.unit, hop=hop, history=world.random(history_size(hop)))


def refused_to_offer(stage: Stage, side: Side, requested: int, *, peer: Identity | None = None) -> Answer:
    """What the wallet, with the purpose to pay, says when it should offer and must not (EPP-TRF-113).

    As initiator it answers message_4, as responder a REQUEST for the amount `requested`.
    """
    if side is Side.RESPONDER:
        return connect(stage, side, peer=peer).send(Request(amount=requested, reference=flows.REFERENCE))
    try:
        talk = connect(stage, side, peer=peer)
    except HandshakeRefused as refused:
        stage.equal(refused.message, "message_4", "message after which the wallet refuses to offer")
        if refused.talk is None:
            raise
        return refused.talk.read(refused.reply)
    raise AssertionError(f"expected a refusal to offer, found {talk.opening}")


def expect_no_offer(stage: Stage, answer: Answer, code: Code, sent: Code) -> None:
    """The wallet must tell its holder `code` and its peer `sent`, and close the session."""
    stage.refused(answer.reply, code, "the order in this session")
    stage.equal(answer.reply.session, "closed", "session")
    stage.equal(answer.message, Reject(code=sent, index=None), "what the peer is told")


def redeliver(
    stage: Stage, side: Side, lost: flows.Payment, *, peer: Identity | None = None
) -> tuple[Talk, Redeliver]:
    """The wallet delivers a pending payment again, exactly as it was (EPP-CRS-007)."""
    stage.order("redeliver", transaction=lost.offer.transaction)
    talk = connect(stage, side, peer=peer)
    message = talk.opening
    if side is Side.RESPONDER:
        answer = talk.send(Request(amount=lost.amount, reference=flows.REFERENCE))
        stage.accepted(answer.reply, "REQUEST", "open")
        message = answer.message
    expected = Redeliver(offer=lost.offered, endorsements=lost.pay.endorsements)
    stage.equal(message, expected, "REDELIVER")
    return talk, expected


def settle_by_redelivery(
    stage: Stage, side: Side, lost: flows.Payment, *, peer: Identity | None = None
) -> None:
    """The wallet delivers a pending payment again and settles it when it gets the receipt."""
    talk, _ = redeliver(stage, side, lost, peer=peer)
    stage.accepted(talk.send(flows.receipt_of(talk, lost.offer)).reply, "RECEIPT", "closed")
    stage.equal([p.transaction for p in stage.state().pending], [], "pending transactions")


def paid(
    stage: Stage, side: Side, amount: int, *, peer: Identity | None = None
) -> tuple[Talk, flows.Payment]:
    """A session in which the wallet has just sent PAY and waits for the receipt."""
    talk, offer = flows.meet_payer(stage, side, amount, peer=peer)
    return talk, flows.expect_pay(talk, offer, talk.send(flows.accept_of(offer)))


def spendable(stage: Stage, offer: Offer) -> None:
    """The units of an offer must be spendable, and nothing pending."""
    state = stage.state()
    stage.equal(state.pending, (), "pending transactions")
    stage.require(state.balance >= offer.amount, f"at least {offer.amount}", state.balance, "balance")
