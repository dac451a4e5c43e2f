"""The payee's side of a transfer (chapter 7): request, check, accept, credit; and redelivery (chapter 8)."""

from collections.abc import Sequence
from dataclasses import dataclass

from eiraku.reference import anchor
from eiraku.reference.anchor import SignedUnit
from eiraku.reference.crypto import cose
from eiraku.reference.purse import units
from eiraku.reference.purse.ledger import Credit, Ledger, PaymentCredited
from eiraku.reference.purse.state import (
    Answer,
    CommittedBefore,
    Data,
    Env,
    Identity,
    Link,
    RequestOrder,
    SuspectUnit,
    Terms,
    UnitRefusal,
)
from eiraku.spec import messages, objects
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Accept, Offer, OfferedUnit, Pay, Receipt, Redeliver, Request
from eiraku.spec.objects import ReceiptPayload, Role

# --- waiting for OFFER, or for REDELIVER ---


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitOffer(Data):
    """REQUEST sent, or payee and responder. `requested`: an amount; None if any will do."""

    requested: int | None


def request(order: RequestOrder) -> Answer:
    """Ask for an amount."""
    message = Request(amount=order.amount, reference=order.reference)
    return Answer(data=WaitOffer(requested=order.amount), say=message.encode())


def on_offer(link: Link, state: WaitOffer, offer: Offer, encoded: bytes, env: Env) -> Answer:
    """OFFER: check everything, then ACCEPT. Raises Refusal."""
    accepted = check_offer(link, offer, encoded, state.requested, env.ledger)
    # EPP-TRF-045
    accept = Accept(transaction=accepted.transaction, offer_digest=accepted.digest)
    return Answer(data=accepted, say=accept.encode())


def on_redeliver(link: Link, message: Redeliver, env: Env) -> Answer:
    """REDELIVER: the same receipt again, or OFFER and PAY at once. Raises Refusal."""
    offer = messages.decode(message.offer)
    # EPP-TRF-002
    if not isinstance(offer, Offer):
        raise Refusal(Code.MALFORMED, "EPP-TRF-002", "REDELIVER does not hold an OFFER")
    credit = env.ledger.credit(link.peer.number, offer.transaction)
    if credit is None:
        # EPP-CRS-012
        accepted = check_offer(link, offer, message.offer, None, env.ledger)
        return take(link, accepted, message.endorsements, env)
    # EPP-CRS-011
    if credit.offer_digest != messages.offer_digest(message.offer):
        raise Refusal(Code.TRANSACTION, "EPP-CRS-011", "credited with another offer")
    # EPP-CRS-010
    receipt = Receipt(transaction=credit.transaction, signature=credit.receipt)
    return Answer(say=receipt.encode(), change=CommittedBefore())


# --- ACCEPT sent ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted(Data):
    """An OFFER without fault; `units` verified, in its order."""

    transaction: bytes
    amount: int
    digest: bytes
    units: tuple[tuple[SignedUnit, OfferedUnit], ...]


def on_pay(link: Link, state: Accepted, pay: Pay, env: Env) -> Answer:
    """PAY: verify everything, the commit point, then RECEIPT. Raises Refusal."""
    # EPP-TRF-047
    if pay.transaction != state.transaction:
        raise Refusal(Code.TRANSACTION, "EPP-TRF-047", "PAY is for another transaction")
    return take(link, state, pay.endorsements, env)


# --- checking ---


def check_offer(link: Link, offer: Offer, encoded: bytes, requested: int | None, ledger: Ledger) -> Accepted:
    """The checks on an OFFER, in the order of chapter 7, "Payee". Raises Refusal."""
    identity = link.terms.identity
    # EPP-TRF-030
    if offer.amount == 0 or requested not in (None, offer.amount):
        raise Refusal(Code.AMOUNT, "EPP-TRF-030", f"peer offers {offer.amount}, requested: {requested}")
    # EPP-TRF-031, EPP-POL-004
    if offer.amount > link.bounds.most:
        detail = f"{offer.amount} is above the limit of {link.bounds.most}"
        raise Refusal(Code.AMOUNT_LIMIT, "EPP-TRF-031", detail)
    # EPP-TRF-087, EPP-POL-032
    if offer.amount < link.bounds.least:
        detail = f"{offer.amount} is below the least of {link.bounds.least}"
        raise Refusal(Code.AMOUNT_LIMIT, "EPP-TRF-087", detail)
    most = identity.policy.max_units
    # EPP-TRF-032, EPP-POL-004
    if not 1 <= len(offer.units) <= most:
        raise Refusal(Code.UNIT_COUNT, "EPP-TRF-032", f"{len(offer.units)} units, {most} allowed")
    # EPP-TRF-033
    shapes = distinct([offered.unit for offered in offer.units])
    # EPP-TRF-034
    if ledger.credit(link.peer.number, offer.transaction) is not None:
        raise Refusal(Code.TRANSACTION, "EPP-TRF-034", "this transaction is credited already")
    # EPP-TRF-035 to EPP-TRF-039: all of them for the first unit, then for the second, and so on
    checked: list[tuple[SignedUnit, OfferedUnit]] = []
    for index, (unit, offered) in enumerate(zip(shapes, offer.units, strict=True)):
        if isinstance(unit, Refusal):
            raise UnitRefusal(unit, index)
        try:
            check_unit(link.terms, unit, offered)
        except Refusal as refusal:
            raise UnitRefusal(refusal, index) from None
        checked.append((unit, offered))
    total = sum(unit.unit.value for unit, _ in checked)
    # EPP-TRF-042
    if total != offer.amount:
        raise Refusal(Code.SUM, "EPP-TRF-042", f"units of {total} for an amount of {offer.amount}")
    # EPP-TRF-040, EPP-TRF-041: what the peer cannot know comes last (EPP-ERR-031)
    for index, (unit, offered) in enumerate(checked):
        check_copy(link, unit, index, offered.hop + 1, ledger)
    make_room(link.terms, [unit for unit, _ in checked], total, ledger)
    return Accepted(
        transaction=offer.transaction,
        amount=offer.amount,
        digest=messages.offer_digest(encoded),
        units=tuple(checked),
    )


def distinct(raw: list[bytes]) -> list[SignedUnit | Refusal]:
    """Every unit parsed, or why it cannot be: that counts when its turn comes. Raises UnitRefusal."""
    shapes: list[SignedUnit | Refusal] = []
    earlier: set[bytes] = set()
    for index, encoded in enumerate(raw):
        try:
            # EPP-TRF-035, EPP-UNI-001
            unit = anchor.parse_unit(encoded)
        except Refusal as refusal:
            shapes.append(refusal)
            continue
        # EPP-TRF-033, EPP-UNI-009
        if unit.unit_id in earlier:
            twice = Refusal(Code.DUPLICATE_UNIT, "EPP-TRF-033", "occurs before in the bundle")
            raise UnitRefusal(twice, index)
        earlier.add(unit.unit_id)
        shapes.append(unit)
    return shapes


def check_unit(terms: Terms, signed: SignedUnit, offered: OfferedUnit) -> None:
    """The checks on a unit by itself after its shape, in the order of EPP-TRF-036 to 039. Raises Refusal."""
    identity, unit, hop = terms.identity, signed.unit, offered.hop + 1
    # EPP-TRF-036 to EPP-TRF-038
    check_money(terms, signed)
    homeward = identity.claims.role in (Role.VAULT, Role.CENTRE)
    # EPP-HIS-005: an endorsement has no room for a hop above 255, not even to a vault
    most = objects.HOP_MAX if homeward else min(unit.max_hops, identity.policy.max_hops)
    # EPP-TRF-039, EPP-HIS-005, EPP-POL-004
    if hop > most:
        raise Refusal(Code.HOP_LIMIT, "EPP-HIS-005", f"hop {hop} is above the limit of {most}")
    size, expected = len(offered.history), objects.history_size(offered.hop)
    # EPP-TRF-039, EPP-HIS-004
    if size != expected:
        detail = f"history of {size} bytes, {expected} belong to hop {offered.hop}"
        raise Refusal(Code.HISTORY_SIZE, "EPP-HIS-004", detail)


def check_copy(link: Link, unit: SignedUnit, index: int, hop: int, ledger: Ledger) -> None:
    """That a unit offered for a hop is neither here nor a replay. Raises UnitRefusal."""
    redeems = link.terms.identity.claims.role is Role.CENTRE
    try:
        # EPP-CEN-010: to a centre a unit can come back at any hop
        check_new(ledger, unit.unit_id, None if redeems else hop)
    except Refusal as refusal:
        if is_copy(ledger, unit.unit_id, hop):
            raise SuspectUnit(refusal, index, purse=link.peer.number, unit_id=unit.unit_id) from None
        raise UnitRefusal(refusal, index) from None


def check_money(terms: Terms, signed: SignedUnit) -> None:
    """That a unit is good money, in the order of EPP-TRF-036 to 038. Raises Refusal."""
    trusted, unit = terms.identity.anchor, signed.unit
    role = terms.identity.claims.role
    # EPP-CEN-040
    redeems = role is Role.CENTRE
    # EPP-TRF-036, EPP-UNI-002
    anchor.check_unit_signature(trusted, signed, at_any_epoch=redeems)
    # EPP-TRF-037, EPP-UNI-003
    anchor.check_unit_seal(trusted, unit)
    # EPP-TRF-037, EPP-UNI-004
    anchor.check_unit_economy(trusted, unit)
    # EPP-TRF-038, EPP-UNI-005: good up to and in its last epoch; `issued` is not compared (EPP-UNI-006)
    if terms.epoch > unit.expires:
        raise Refusal(Code.UNIT_EXPIRED, "EPP-UNI-005", f"expired after epoch {unit.expires}")
    homeward = role in (Role.VAULT, Role.CENTRE)
    # EPP-TRF-083, EPP-POL-032
    if not homeward and terms.epoch + terms.identity.policy.min_life > unit.expires:
        raise Refusal(Code.UNIT_EXPIRED, "EPP-TRF-083", f"expires soon, in epoch {unit.expires}")
    # EPP-TRF-038, EPP-UNI-007
    anchor.check_unit_value(unit)


def check_new(ledger: Ledger, unit_id: bytes, hop: int | None) -> None:
    """Not here, and at a higher hop than when it was last here; `hop` None: at any. Raises Refusal."""
    # EPP-TRF-040
    if ledger.is_held(unit_id):
        raise Refusal(Code.UNIT_HELD, "EPP-TRF-040", "is held here")
    last = ledger.last_seen(unit_id)
    # EPP-TRF-041
    if hop is not None and last is not None and hop <= last:
        raise Refusal(Code.UNIT_SEEN, "EPP-TRF-041", f"hop {hop}, was here at hop {last}")


def make_room(terms: Terms, offered: Sequence[SignedUnit], amount: int, ledger: Ledger) -> None:
    """Room for these units of an amount, in one more transaction. Raises Refusal."""
    # EPP-CRS-032, EPP-CRS-034
    count, balance = ledger.total(terms.epoch)
    new = sum(ledger.last_seen(unit.unit_id) is None for unit in offered)
    count += ledger.pending_units(terms.epoch) + len(offered)
    check_room(terms, ledger, count=count, new=new, balance=balance + amount)


def check_room(terms: Terms, ledger: Ledger, *, count: int, new: int, balance: int) -> None:
    """Room for `count` units in all, spendable and pending, `new` of them never seen, for one more
    transaction, and for a balance: in the order of EPP-TRF-043, 062, 063, 044. Raises Refusal.
    """
    policy, epoch = terms.identity.policy, terms.epoch
    # EPP-TRF-043, EPP-POL-004
    if count > policy.capacity:
        raise Refusal(Code.CAPACITY, "EPP-TRF-043", f"{count} units, room for {policy.capacity}")
    # EPP-TRF-062, EPP-CRS-022
    if ledger.entries("credited", epoch) >= policy.max_credited:
        detail = f"{policy.max_credited} transactions are credited, and count"
        raise Refusal(Code.CAPACITY, "EPP-TRF-062", detail)
    seen = ledger.entries("seen", epoch) + new
    # EPP-TRF-063, EPP-CRS-022
    if seen > policy.max_seen:
        raise Refusal(Code.CAPACITY, "EPP-TRF-063", f"{seen} units seen, room for {policy.max_seen}")
    limit = policy.balance_limit(terms.identity.claims.tier)
    # EPP-TRF-044, EPP-POL-004: inclusive
    if balance > limit:
        raise Refusal(Code.BALANCE_LIMIT, "EPP-TRF-044", f"balance of {balance}, at most {limit}")


def is_copy(ledger: Ledger, unit_id: bytes, hop: int) -> bool:
    """Whether a refused unit can only be a copy: not one that comes back before it is settled."""
    # EPP-VLT-013
    last = ledger.last_seen(unit_id)
    return (last is not None and hop <= last) or ledger.is_spendable(unit_id)


# --- crediting ---


def take(link: Link, offer: Accepted, endorsements: tuple[bytes, ...], env: Env) -> Answer:
    """Verify the endorsements, credit everything in one write, give the receipt. Raises Refusal."""
    identity, payer = link.terms.identity, link.peer
    # EPP-TRF-047
    if len(endorsements) != len(offer.units):
        raise Refusal(
            Code.ENDORSEMENT, "EPP-TRF-047", f"{len(endorsements)} endorsements for {len(offer.units)} units"
        )
    moves = [
        units.move(
            unit.unit_id,
            offered.hop + 1,
            inner=offered.history,
            payer=payer.number,
            payee=identity.claims.number,
            transaction=offer.transaction,
        )
        for unit, offered in offer.units
    ]
    for index, (move, signature) in enumerate(zip(moves, endorsements, strict=True)):
        # EPP-HIS-002, EPP-TRF-048
        if not units.is_endorsed(payer.public_key, move, signature):
            refusal = Refusal(Code.ENDORSEMENT, "EPP-HIS-002", "endorsement does not verify")
            raise UnitRefusal(refusal, index)
    credit = credited(identity, payer.number, offer.transaction, offer.amount, offer.digest)
    holdings = tuple(
        units.hold(
            unit,
            move,
            signature,
            inner=offered.history,
            history_key=identity.anchor.money_keys[unit.kid].history,
            random=env.random,
        )
        for (unit, offered), move, signature in zip(offer.units, moves, endorsements, strict=True)
    )
    receipt = Receipt(transaction=offer.transaction, signature=credit.receipt)
    # EPP-CRS-002, EPP-CRS-004
    return Answer(say=receipt.encode(), change=PaymentCredited(credit=credit, holdings=holdings))


def credited(identity: Identity, payer: bytes, transaction: bytes, amount: int, digest: bytes) -> Credit:
    """A transaction received, with the receipt for it, signed."""
    payload = ReceiptPayload(
        transaction=transaction,
        payer=payer,
        payee=identity.claims.number,
        amount=amount,
        offer_digest=digest,
    )
    return Credit(
        transaction=transaction,
        payer=payer,
        amount=amount,
        offer_digest=digest,
        # EPP-TRF-050
        receipt=cose.sign_detached(identity.key, objects.CONTEXT_RECEIPT, payload.encode()),
    )
