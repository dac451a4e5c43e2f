"""The payer's side of a transfer (chapter 7): offer, commit, pay, settle; and redelivery (chapter 8)."""

from dataclasses import dataclass

from eiraku.reference.crypto import cose
from eiraku.reference.purse import select, units
from eiraku.reference.purse.ledger import (
    Holding,
    Ledger,
    PaymentPending,
    PaymentSettled,
    Pending,
    Settlement,
)
from eiraku.reference.purse.state import (
    Answer,
    CannotOffer,
    Data,
    Env,
    Link,
    PayOrder,
    PayUnitsOrder,
    RedeliverOrder,
    Terms,
)
from eiraku.spec import messages, objects
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Accept, Offer, OfferedUnit, Pay, Receipt, Redeliver, Request
from eiraku.spec.objects import EndorsementPayload, ReceiptPayload, Role

# --- choosing ---


def amount_of(order: PayOrder | PayUnitsOrder, ledger: Ledger) -> int:
    """What is to be paid. Raises Refusal for a chosen unit that is not here."""
    if isinstance(order, PayOrder):
        return order.amount
    try:
        return sum(unit.value for unit in ledger.holdings(sorted(order.unit_ids)))
    except KeyError:
        # EPP-TRF-011
        detail = "a unit that was chosen is not here"
        raise CannotOffer(Code.INSUFFICIENT_FUNDS, "EPP-TRF-011", detail) from None


def choose(
    order: PayOrder | PayUnitsOrder, amount: int, ledger: Ledger, terms: Terms, payee: Role | None
) -> tuple[bytes, ...]:
    """Units to offer that sum to `amount`; `payee` None: not yet known. Raises Refusal."""
    identity = terms.identity
    policy = identity.policy
    homeward = payee in (None, Role.VAULT, Role.CENTRE)
    # EPP-TRF-011, EPP-TRF-084
    alive = terms.epoch if homeward else terms.epoch + policy.min_life
    # EPP-KEY-040
    redeems = payee is Role.CENTRE if payee else policy.permits(identity.claims.role, Role.CENTRE)
    stock = ledger.offerable(
        # EPP-TRF-012
        epoch=alive,
        max_hops=None if homeward else policy.max_hops,
        # EPP-KEY-039
        keys=None if redeems else identity.anchor.money_keys,
        among=order.unit_ids if isinstance(order, PayUnitsOrder) else None,
    )
    # EPP-TRF-011, EPP-TRF-060, EPP-TRF-064, EPP-TRF-065
    return select.choose(stock, amount, max_units=policy.max_units, max_record=policy.max_record)


def choose_for(
    order: PayOrder | PayUnitsOrder, amount: int, ledger: Ledger, link: Link
) -> tuple[Holding, ...]:
    """Units to offer to the payee, now that it is known. Raises CannotOffer."""
    try:
        return ledger.holdings(choose(order, amount, ledger, link.terms, link.peer.role))
    except Refusal as refusal:
        # EPP-TRF-116, EPP-TRF-117
        raise CannotOffer(refusal.code, refusal.requirement, refusal.detail) from None


def check_room(terms: Terms, ledger: Ledger) -> None:
    """Room to remember one more transaction. Raises Refusal(CAPACITY)."""
    given, most = ledger.entries("given", terms.epoch), terms.identity.policy.max_given
    # EPP-TRF-061, EPP-CRS-022
    if given >= most:
        detail = f"{given} transactions given away, room for {most}"
        raise Refusal(Code.CAPACITY, "EPP-TRF-061", detail)


# --- waiting for REQUEST ---


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitRequest(Data):
    """Payer and responder: nothing is said."""

    order: PayOrder | PayUnitsOrder | RedeliverOrder


def on_request(link: Link, state: WaitRequest, request: Request, env: Env) -> Answer:
    """REQUEST: offer, or deliver again whatever the amount asked for. Raises Refusal."""
    if isinstance(state.order, RedeliverOrder):
        return redeliver(state.order, link.terms, env)
    return offer(link, state.order, request.amount, env)


def offer(link: Link, order: PayOrder | PayUnitsOrder, requested: int | None, env: Env) -> Answer:
    """Offer units; `requested`: None if the payee did not ask for an amount. Raises Refusal."""
    amount = amount_of(order, env.ledger)
    # EPP-TRF-013
    if requested not in (None, amount):
        raise Refusal(Code.AMOUNT, "EPP-TRF-013", f"peer requests {requested}, holder pays {amount}")
    # EPP-TRF-014, EPP-POL-004
    if amount > link.bounds.most:
        raise Refusal(Code.AMOUNT_LIMIT, "EPP-TRF-014", f"{amount} is above the limit of {link.bounds.most}")
    # EPP-TRF-086, EPP-POL-032
    if amount < link.bounds.least:
        raise Refusal(Code.AMOUNT_LIMIT, "EPP-TRF-086", f"{amount} is below the least of {link.bounds.least}")
    terms = link.terms
    holdings = choose_for(order, amount, env.ledger, link)
    message = Offer(
        # EPP-TRF-003
        transaction=env.random(16),
        amount=amount,
        # EPP-TRF-012, EPP-UNI-008
        units=tuple(OfferedUnit(unit=h.unit, hop=h.hop, history=h.history) for h in holdings),
    )
    encoded = message.encode()
    payer, payee, transaction = terms.identity.claims.number, link.peer.number, message.transaction
    moves = tuple(
        units.move(h.unit_id, h.hop + 1, inner=h.history, payer=payer, payee=payee, transaction=transaction)
        for h in holdings
    )
    offered = Offered(
        transaction=message.transaction,
        amount=amount,
        encoded=encoded,
        digest=messages.offer_digest(encoded),
        moves=moves,
    )
    return Answer(data=offered, say=encoded)


# --- OFFER sent ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered(Data):
    """OFFER sent; nothing is endorsed. `moves`: what will be, in the order of its units."""

    transaction: bytes
    amount: int
    encoded: bytes
    digest: bytes
    moves: tuple[EndorsementPayload, ...]


def on_accept(link: Link, state: Offered, accept: Accept) -> Answer:
    """ACCEPT: the commit point, then PAY. Raises Refusal."""
    # EPP-TRF-015
    if accept.transaction != state.transaction or accept.offer_digest != state.digest:
        raise Refusal(Code.TRANSACTION, "EPP-TRF-015", "ACCEPT is for another offer")
    key = link.terms.identity.key
    endorsements = tuple(units.endorse(key, move) for move in state.moves)
    pending = Pending(
        transaction=state.transaction,
        payee=link.peer.number,
        amount=state.amount,
        offer=state.encoded,
        endorsements=endorsements,
        unit_ids=tuple(move.unit_id for move in state.moves),
    )
    paid = Paid(transaction=state.transaction, amount=state.amount, offer_digest=state.digest)
    pay = Pay(transaction=state.transaction, endorsements=endorsements)
    # EPP-CRS-001, EPP-TRF-016
    return Answer(data=paid, say=pay.encode(), change=PaymentPending(pending=pending))


def to_redeliver(order: RedeliverOrder, terms: Terms, ledger: Ledger) -> Pending:
    """The transaction to deliver again. Raises Refusal(UNKNOWN_TRANSACTION)."""
    pending = ledger.pending(order.transaction, terms.epoch)
    # EPP-CRS-009, EPP-CRS-030
    if pending is None:
        raise Refusal(Code.UNKNOWN_TRANSACTION, "EPP-CRS-009", "this transaction is not pending")
    return pending


def redeliver(order: RedeliverOrder, terms: Terms, env: Env) -> Answer:
    """Send a pending transaction again, exactly as it was committed. Raises Refusal."""
    pending = to_redeliver(order, terms, env.ledger)
    digest = messages.offer_digest(pending.offer)
    paid = Paid(transaction=pending.transaction, amount=pending.amount, offer_digest=digest)
    # EPP-CRS-007
    again = Redeliver(offer=pending.offer, endorsements=pending.endorsements)
    return Answer(data=paid, say=again.encode())


# --- PAY or REDELIVER sent ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid(Data):
    """PAY or REDELIVER sent: the transaction is pending."""

    transaction: bytes
    amount: int
    offer_digest: bytes


def on_receipt(link: Link, state: Paid, receipt: Receipt) -> Answer:
    """RECEIPT: settled. Raises Refusal."""
    # EPP-TRF-017
    if receipt.transaction != state.transaction:
        raise Refusal(Code.RECEIPT, "EPP-TRF-017", "RECEIPT is for another transaction")
    expected = ReceiptPayload(
        transaction=state.transaction,
        payer=link.terms.identity.claims.number,
        payee=link.peer.number,
        amount=state.amount,
        offer_digest=state.offer_digest,
    )
    # EPP-TRF-017
    if not cose.verify_detached(
        link.peer.public_key, objects.CONTEXT_RECEIPT, expected.encode(), receipt.signature
    ):
        raise Refusal(Code.RECEIPT, "EPP-TRF-017", "RECEIPT does not verify")
    settlement = Settlement(
        transaction=state.transaction,
        payee=link.peer.number,
        amount=state.amount,
        offer_digest=state.offer_digest,
        receipt=receipt.signature,
    )
    # EPP-CRS-003, EPP-TRF-018
    return Answer(change=PaymentSettled(settlement=settlement))
