"""Whole transfers between the suite's purse and the wallet, in steps that a check can stop at or replace.

`give`: the suite pays the wallet. `take`: the wallet pays the suite. Both verify everything the wallet sends.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from eiraku.conformance.adapter.client import HeldUnit
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.results import Insight
from eiraku.conformance.tester import hints
from eiraku.conformance.tester.hints import Endorsed, Signed
from eiraku.conformance.tester.peer import RIGHT, Answer, Manner, Talk, connect
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import Identity, endorse, endorsement_payload, identifier, value
from eiraku.reference.crypto import cose
from eiraku.spec import objects
from eiraku.spec.errors import Code
from eiraku.spec.messages import (
    Accept,
    Offer,
    OfferedUnit,
    Pay,
    Receipt,
    Redeliver,
    Reject,
    Request,
    offer_digest,
)
from eiraku.spec.objects import ReceiptPayload
from eiraku.spec.tables import Side

REFERENCE = "till 7"
OF_HOLDINGS = frozenset({Code.UNIT_HELD, Code.UNIT_SEEN, Code.CAPACITY, Code.BALANCE_LIMIT})
"""Codes that say what a payee holds, has seen or has room for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """One transfer as far as it went: what was offered, what was endorsed, the receipt."""

    offer: Offer
    offered: bytes
    """Bytes of the OFFER."""
    holdings: tuple[OfferedUnit, ...]
    """The units as the payer held them."""
    pay: Pay
    receipt: Receipt | None = None

    @property
    def amount(self) -> int:
        """Amount in minor units."""
        return self.offer.amount


# --- the suite pays the wallet ------------------------------------------------------------------------------


def order_receive(stage: Stage, side: Side, amount: int) -> None:
    """Give the wallet the purpose to be paid: as initiator it must request, as responder it just receives."""
    if side is Side.INITIATOR:
        stage.order("request", amount=amount, reference=REFERENCE)
    else:
        stage.order("receive")


def meet_payee(
    stage: Stage, side: Side, amount: int, *, peer: Identity | None = None, manner: Manner = RIGHT
) -> Talk:
    """A session in which the wallet, playing `side`, waits for an OFFER of `amount`."""
    order_receive(stage, side, amount)
    talk = connect(stage, side, peer=peer, manner=manner)
    if side is Side.INITIATOR:
        stage.equal(talk.opening, Request(amount=amount, reference=REFERENCE), "the wallet's REQUEST")
    return talk


def offer_of(talk: Talk, holdings: Sequence[OfferedUnit], amount: int | None = None) -> Offer:
    """An OFFER of `holdings`, under a fresh transaction; the amount is right unless given."""
    return Offer(
        transaction=talk.stage.world.random(16),
        amount=sum(map(value, holdings)) if amount is None else amount,
        units=tuple(holdings),
    )


def pay_of(talk: Talk, offer: Offer, holdings: Sequence[OfferedUnit]) -> Pay:
    """The right PAY for an offer by the suite's purse."""
    payee = talk.wallet_id.number
    return Pay(
        transaction=offer.transaction,
        endorsements=tuple(
            endorse(held, payer=talk.peer, payee=payee, transaction=offer.transaction) for held in holdings
        ),
    )


def redeliver_of(talk: Talk, offer: Offer, holdings: Sequence[OfferedUnit]) -> Redeliver:
    """The right REDELIVER of an offer by the suite's purse that the wallet has not credited."""
    return Redeliver(offer=offer.encode(), endorsements=pay_of(talk, offer, holdings).endorsements)


def expect_accept(talk: Talk, offer: Offer, answer: Answer) -> None:
    """The wallet must have answered the OFFER with the right ACCEPT."""
    talk.stage.accepted(answer.reply, "OFFER", "open")
    digest = offer_digest(offer.encode())
    expected = Accept(transaction=offer.transaction, offer_digest=digest)

    def explain(notes: EvidenceNotes) -> None:
        if isinstance(answer.message, Accept):
            notes.hints += hints.digest(answer.message.offer_digest, offer.encode())

    talk.stage.equal(answer.message, expected, "answer to OFFER", explain=explain)


def expect_receipt(talk: Talk, offer: Offer, answer: Answer) -> Receipt:
    """The wallet must have answered PAY or REDELIVER with a receipt that verifies, and closed the session."""
    stage = talk.stage
    stage.accepted(answer.reply, "PAY", "closed")
    if not isinstance(answer.message, Receipt):
        raise AssertionError(f"answer to PAY: expected RECEIPT, found {answer.message}")
    stage.equal(answer.message.transaction, offer.transaction, "transaction of RECEIPT")
    payload = ReceiptPayload(
        transaction=offer.transaction,
        payer=talk.peer.number,
        payee=talk.wallet_id.number,
        amount=offer.amount,
        offer_digest=offer_digest(offer.encode()),
    )
    signed = Signed(
        context=objects.CONTEXT_RECEIPT,
        payload=payload.encode(),
        public=talk.wallet_id.public_key,
        signature=answer.message.signature,
    )

    def explain(notes: EvidenceNotes) -> None:
        notes.insights.append(Insight(title="Receipt, as it was verified", facts=signed.facts()))
        notes.hints += hints.receipt(payload, offer.encode(), signed)

    stage.require(
        signed.fits(signed.covered),
        "a signature that verifies",
        signed.signature.hex(),
        "signature of RECEIPT",
        requirement="EPP-TRF-050",
        explain=explain,
    )
    stage.layers.credited(
        offer, payer=talk.peer, payee=talk.wallet_id.number, history_keys=stage.history_keys
    )
    return answer.message


def give(
    stage: Stage, side: Side, holdings: Sequence[OfferedUnit], *, peer: Identity | None = None
) -> Payment:
    """The suite's purse pays the wallet with `holdings`; everything must go well."""
    talk = meet_payee(stage, side, sum(map(value, holdings)), peer=peer)
    offer = offer_of(talk, holdings)
    expect_accept(talk, offer, talk.send(offer))
    pay = pay_of(talk, offer, holdings)
    receipt = expect_receipt(talk, offer, talk.send(pay))
    return Payment(offer=offer, offered=offer.encode(), holdings=tuple(holdings), pay=pay, receipt=receipt)


# --- the wallet pays the suite ------------------------------------------------------------------------------


def meet_payer(
    stage: Stage,
    side: Side,
    amount: int,
    *,
    peer: Identity | None = None,
    manner: Manner = RIGHT,
    named: bool = False,
) -> tuple[Talk, Offer]:
    """A session in which the wallet, playing `side`, has just made a right OFFER of `amount`.

    `named`: its order names the peer (EPP-TRF-080).
    """
    stage.order("pay", amount=amount, **({"payee": (peer or stage.world.peer).number} if named else {}))
    talk = connect(stage, side, peer=peer, manner=manner)
    if side is Side.INITIATOR:
        offer = talk.opening
    else:
        answer = talk.send(Request(amount=amount, reference=REFERENCE))
        stage.accepted(answer.reply, "REQUEST", "open")
        offer = answer.message
    if not isinstance(offer, Offer):
        raise AssertionError(f"expected OFFER, found {offer}")
    check_offer(stage, offer, amount)
    return talk, offer


def check_offer(
    stage: Stage, offer: Offer, amount: int, held: Mapping[bytes, HeldUnit] | None = None
) -> None:
    """The wallet's OFFER must be of the amount, in units that it holds (EPP-TRF-012), each layer that it made
    readable for the centre (EPP-HIS-003). `held`: what it must hold, by id; if not given, it is asked.
    """
    if held is None:
        held = {unit.unit_id: unit for unit in stage.state().units}
    rule = "EPP-TRF-012"
    stage.equal(offer.amount, amount, "amount of OFFER", requirement=rule)
    stage.equal(sum(map(value, offer.units)), amount, "sum of the units offered", requirement=rule)
    for unit in offer.units:
        mine, name = held.get(identifier(unit)), identifier(unit).hex()
        stage.require(mine is not None, "a spendable unit", name, "unit offered", requirement=rule)
        stage.equal(unit.hop, mine.hop if mine else None, "hop of a unit offered", requirement=rule)
    # Before the sizes, since it says more.
    wrong = stage.layers.wrong(offer.units, stage.evidence)
    stage.equal(wrong, None, "fault of a layer that the wallet made", requirement="EPP-HIS-003")
    for unit in offer.units:
        size = objects.history_size(unit.hop)
        stage.equal(len(unit.history), size, "size of a history offered", requirement="EPP-HIS-003")


def accept_of(offer: Offer) -> Accept:
    """The right ACCEPT."""
    return Accept(transaction=offer.transaction, offer_digest=offer_digest(offer.encode()))


def expect_pay(talk: Talk, offer: Offer, answer: Answer) -> Payment:
    """The wallet must have answered ACCEPT with a PAY whose every endorsement verifies (EPP-HIS-001)."""
    talk.stage.accepted(answer.reply, "ACCEPT", "open")
    if not isinstance(answer.message, Pay):
        raise AssertionError(f"answer to ACCEPT: expected PAY, found {answer.message}")
    check_endorsements(talk, offer, answer.message)
    return Payment(offer=offer, offered=offer.encode(), holdings=offer.units, pay=answer.message)


def check_endorsements(talk: Talk, offer: Offer, pay: Pay) -> None:
    """Every endorsement must verify over exactly the payload of EPP-HIS-001."""
    stage = talk.stage
    stage.equal(pay.transaction, offer.transaction, "transaction of PAY")
    stage.equal(len(pay.endorsements), len(offer.units), "endorsements in PAY")
    for held, signature in zip(offer.units, pay.endorsements, strict=True):
        payload = endorsement_payload(
            held, payer=talk.wallet_id.number, payee=talk.peer.number, transaction=offer.transaction
        )
        signed = Signed(
            context=objects.CONTEXT_ENDORSEMENT,
            payload=payload.encode(),
            public=talk.wallet_id.public_key,
            signature=signature,
        )
        stage.require(
            signed.fits(signed.covered),
            "an endorsement that verifies",
            signature.hex(),
            f"endorsement at hop {held.hop}",
            requirement="EPP-HIS-001",
            explain=partial(
                _of_endorsement, Endorsed(payload=payload, history=held.history, unit=held.unit), signed
            ),
        )


def _of_endorsement(case: Endorsed, signed: Signed, notes: EvidenceNotes) -> None:
    notes.insights.append(Insight(title="Endorsement, as it was verified", facts=signed.facts()))
    notes.hints += hints.endorsement(case, signed)


def receipt_of(talk: Talk, offer: Offer, offered: bytes | None = None) -> Receipt:
    """The right RECEIPT by the suite's purse, for the OFFER as sent (its bytes, if not its encoding)."""
    payload = ReceiptPayload(
        transaction=offer.transaction,
        payer=talk.wallet_id.number,
        payee=talk.peer.number,
        amount=offer.amount,
        offer_digest=hashlib.sha256(offered or offer.encode()).digest(),
    )
    signature = cose.sign_detached(talk.peer.key, objects.CONTEXT_RECEIPT, payload.encode())
    return Receipt(transaction=offer.transaction, signature=signature)


def take(
    stage: Stage, side: Side, amount: int, *, peer: Identity | None = None, named: bool = False
) -> Payment:
    """The wallet pays the suite's purse; everything must go well. Returns what the wallet paid with."""
    talk, offer = meet_payer(stage, side, amount, peer=peer, named=named)
    payment = expect_pay(talk, offer, talk.send(accept_of(offer)))
    stage.accepted(talk.send(receipt_of(talk, offer)).reply, "RECEIPT", "closed")
    return payment


# --- refusals -----------------------------------------------------------------------------------------------


def expect_reject(talk: Talk, answer: Answer, code: Code, what: str, index: int | None = None) -> None:
    """The wallet must have refused a message of an open session: code, REJECT on the wire, session closed.

    `index`: of the unit at fault. What the wallet holds is no business of its peer (EPP-ERR-030).
    """
    told = Reject(code=Code.NOT_TAKEN, index=None) if code in OF_HOLDINGS else Reject(code=code, index=index)
    talk.stage.refused(answer.reply, code, what)
    talk.stage.equal(answer.message, told, f"answer to {what}")
    talk.stage.equal(answer.reply.session, "closed", f"session after {what}")


def still_alive(stage: Stage) -> None:
    """The wallet takes part in a new session as if nothing had happened (EPP-CRS-017)."""
    before = stage.state()
    give(stage, Side.RESPONDER, [stage.world.holding(1)], peer=stage.world.purse())
    after = stage.state().balance
    stage.equal(after, before.balance + 1, "balance after a further payment", requirement="EPP-CRS-017")
