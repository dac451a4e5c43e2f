"""What a purse is given outside of sessions: orders, bulletins, key lists (chapters 1, 3, 4, 7)."""

from dataclasses import replace

from eiraku.reference import anchor
from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.crypto import cose
from eiraku.reference.policy import Policy
from eiraku.reference.purse import payer
from eiraku.reference.purse.ledger import AnchorChanged, BulletinAccepted, StoredBulletin
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
from eiraku.spec import bulletins, messages, shape
from eiraku.spec.bulletins import Bulletin, Whole
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.key_lists import Centre
from eiraku.spec.revoked import RevokedList


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
            payer.to_redeliver(order, purse.terms, env.ledger)
        case ReceiveOrder():
            pass


def check_amount(identity: Identity, amount: int) -> None:
    """Something, and what some operation allows. Raises Refusal."""
    # EPP-TRF-010
    if amount <= 0:
        raise Refusal(Code.AMOUNT, "EPP-TRF-010", "nothing to pay")
    bounds = identity.policy.payer_bounds(identity.claims.role, identity.claims.tier)
    # EPP-TRF-010
    if amount > bounds.most:
        raise Refusal(Code.AMOUNT_LIMIT, "EPP-TRF-010", f"{amount} is above the limit of {bounds.most}")
    # EPP-TRF-085, EPP-POL-032
    if amount < bounds.least:
        raise Refusal(Code.AMOUNT_LIMIT, "EPP-TRF-085", f"{amount} is below the least of {bounds.least}")


def check_request(identity: Identity, order: RequestOrder) -> None:
    """Something that somebody could pay, and a reference that fits. Raises Refusal."""
    # EPP-TRF-029
    if not 0 < order.amount <= shape.AMOUNT_MAX:
        raise Refusal(Code.AMOUNT, "EPP-TRF-029", f"cannot request {order.amount}")
    bounds = identity.policy.payee_bounds(identity.claims.role, identity.claims.tier)
    # EPP-TRF-068
    if order.amount > bounds.most:
        detail = f"{order.amount} is above the limit of {bounds.most}"
        raise Refusal(Code.AMOUNT_LIMIT, "EPP-TRF-068", detail)
    # EPP-TRF-088, EPP-POL-032
    if order.amount < bounds.least:
        detail = f"{order.amount} is below the least of {bounds.least}"
        raise Refusal(Code.AMOUNT_LIMIT, "EPP-TRF-088", detail)
    # EPP-TRF-067
    if len(order.reference.encode()) > messages.REFERENCE_MAX:
        raise Refusal(Code.MALFORMED, "EPP-TRF-067", "reference: longer than 64 bytes")


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


def take_bulletin(purse: Ready, given: bytes) -> tuple[Ready, tuple[Effect, ...]]:
    """A newer bulletin is stored, the one held already changes nothing. Raises Refusal."""
    bulletin = check_bulletin(purse.identity.anchor, purse.identity.policy, given, purse.bulletin)
    if bulletin is purse.bulletin:
        return purse, ()
    # EPP-BUL-004
    return replace(purse, bulletin=bulletin), (Write(change=BulletinAccepted(bulletin=bulletin.stored)),)


def check_bulletin(
    trusted: TrustAnchor, policy: Policy, given: bytes, held: HeldBulletin | None
) -> HeldBulletin:
    """The bulletin that an update brings, which may be the one held, in the order of EPP-BUL-006.

    Raises Refusal.
    """
    update = bulletins.update(given)
    # EPP-BUL-001
    said = anchor.verify_bulletin(trusted, update.signed)
    if held is not None:
        if update.signed == held.signed:
            return held
        # EPP-BUL-002
        if said.epoch <= held.epoch:
            raise Refusal(
                Code.BULLETIN_STALE, "EPP-BUL-002", f"bulletin of epoch {said.epoch}, now {held.epoch}"
            )
    # EPP-BUL-050
    anchor.check_bulletin_epoch(trusted, said)
    # EPP-BUL-010
    bulletins.check_room(said, policy.max_bulletin)
    if isinstance(update, Whole):
        revoked = bulletins.whole(said, update.chunks)
        return HeldBulletin(signed=update.signed, said=said, revoked=revoked, delta=None)
    epoch, before = (None, RevokedList()) if held is None else (held.epoch, held.revoked)
    revoked = bulletins.changed(said, update.delta, epoch, before)
    return HeldBulletin(signed=update.signed, said=said, revoked=revoked, delta=update.delta)


def restored(stored: StoredBulletin) -> HeldBulletin:
    """The working form of a bulletin that was checked when it was stored."""
    said = Bulletin.decode(cose.parse(stored.signed).payload)
    return HeldBulletin(
        signed=stored.signed, said=said, revoked=bulletins.listed(said, stored.chunks), delta=stored.delta
    )
