"""What the holder gives a purse: orders for the next session, and bulletins (chapters 1, 3, 7)."""

from dataclasses import replace

from eiraku.reference import anchor
from eiraku.reference.purse import payer
from eiraku.reference.purse.ledger import BulletinAccepted
from eiraku.reference.purse.state import (
    Effect,
    Env,
    HeldBulletin,
    Identity,
    Order,
    PayOrder,
    PayUnitsOrder,
    Ready,
    ReceiveOrder,
    RedeliverOrder,
    RequestOrder,
    Write,
)
from eiraku.spec import messages, shape
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import Bulletin


def check_order(purse: Ready, order: Order, env: Env) -> None:
    """Whether the next session can be for this. Raises Refusal."""
    match order:
        case PayOrder() | PayUnitsOrder():
            amount = payer.amount_of(order, env.ledger)
            check_amount(purse.identity, amount)
            payer.check_room(purse.terms, env.ledger)
            payer.choose(order, amount, env.ledger, purse.terms, None)
        case RequestOrder():
            check_request(purse.identity, order)
        case RedeliverOrder():
            payer.to_redeliver(order, env.ledger)
        case ReceiveOrder():
            pass


def check_amount(identity: Identity, amount: int) -> None:
    """Something, and within what any operation allows. Raises Refusal."""
    # EPP-TRF-010
    if amount <= 0:
        raise Refusal(Code.AMOUNT, "EPP-TRF-010", "nothing to pay")
    highest = identity.policy.highest_limit(identity.claims.role, identity.claims.tier)
    # EPP-TRF-010
    if amount > highest:
        raise Refusal(Code.AMOUNT_LIMIT, "EPP-TRF-010", f"{amount} is above the limit of {highest}")


def check_request(identity: Identity, order: RequestOrder) -> None:
    """Something that somebody could pay, and a reference that fits. Raises Refusal."""
    # EPP-TRF-029
    if not 0 < order.amount <= shape.AMOUNT_MAX:
        raise Refusal(Code.AMOUNT, "EPP-TRF-029", f"cannot request {order.amount}")
    highest = identity.policy.highest_request(identity.claims.role, identity.claims.tier)
    # EPP-TRF-068
    if order.amount > highest:
        detail = f"{order.amount} is above the limit of {highest}"
        raise Refusal(Code.AMOUNT_LIMIT, "EPP-TRF-068", detail)
    # EPP-TRF-067
    if len(order.reference.encode()) > messages.REFERENCE_MAX:
        raise Refusal(Code.MALFORMED, "EPP-TRF-067", "reference: longer than 64 bytes")


def take_bulletin(purse: Ready, signed: bytes) -> tuple[Ready, tuple[Effect, ...]]:
    """A newer bulletin is stored, the one held already changes nothing. Raises Refusal."""
    held = purse.bulletin
    # EPP-BUL-001, EPP-BUL-003
    bulletin = anchor.verify_bulletin(purse.identity.anchor, signed)
    if held is not None:
        if signed == held.signed:
            return purse, ()
        # EPP-BUL-002
        if bulletin.epoch <= held.epoch:
            raise Refusal(
                Code.BULLETIN_STALE, "EPP-BUL-002", f"bulletin of epoch {bulletin.epoch}, now {held.epoch}"
            )
    # EPP-BUL-004
    write = Write(change=BulletinAccepted(bulletin=signed))
    return replace(purse, bulletin=held_bulletin(bulletin, signed)), (write,)


def held_bulletin(bulletin: Bulletin, signed: bytes) -> HeldBulletin:
    """The working form of a bulletin."""
    return HeldBulletin(signed=signed, epoch=bulletin.epoch, revoked=frozenset(bulletin.revoked))
