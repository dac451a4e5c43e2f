"""What a purse is given outside of sessions: orders, bulletins, key lists (chapters 1, 3, 4, 7)."""

from dataclasses import replace

from eiraku.reference import anchor
from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.purse import payer
from eiraku.reference.purse.ledger import AnchorChanged, BulletinAccepted
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
from eiraku.spec.key_lists import Centre
from eiraku.spec.objects import Bulletin


def check_order(purse: Ready, order: Order, env: Env) -> None:
    """Whether the next session can be for this. Raises Refusal."""
    match order:
        case PayOrder() | PayUnitsOrder():
            amount = payer.amount_of(order, env.ledger)
            check_amount(purse.identity, amount)
            payer.choose(order, amount, env.ledger, purse.terms, None)
        case RequestOrder():
            # EPP-TRF-029
            if not 0 < order.amount <= shape.AMOUNT_MAX:
                raise Refusal(Code.AMOUNT, "EPP-TRF-029", f"cannot request {order.amount}")
            # EPP-TRF-029
            if len(order.reference.encode()) > messages.REFERENCE_MAX:
                raise Refusal(Code.MALFORMED, "EPP-TRF-029", "reference: longer than 64 bytes")
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


def take_keys(purse: Ready, centre: Centre, signed: bytes) -> tuple[Ready, tuple[Effect, ...]]:
    """A newer key list is stored, the one held already changes nothing. Raises Refusal."""
    return _trusting(purse, purse.identity.anchor.with_keys(centre, signed))


def take_scheme_key(purse: Ready, key: bytes) -> tuple[Ready, tuple[Effect, ...]]:
    """A scheme key of the list held is stored, one held already changes nothing. Raises Refusal."""
    return _trusting(purse, purse.identity.anchor.with_scheme_key(key, purse.epoch))


def _trusting(purse: Ready, trusted: TrustAnchor) -> tuple[Ready, tuple[Effect, ...]]:
    # EPP-KEY-025
    if trusted is purse.identity.anchor:
        return purse, ()
    # EPP-KEY-035, EPP-KEY-049; EPP-KEY-036: a session that is open has its own terms
    write = Write(change=AnchorChanged(anchor=trusted))
    return replace(purse, identity=replace(purse.identity, anchor=trusted)), (write,)


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
