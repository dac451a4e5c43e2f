"""Mutants of chapter 8: redelivery, and what a purse must remember."""

import hashlib
from dataclasses import replace
from typing import Any

from eiraku.conformance.mutants.registry import defect, lacking, omits
from eiraku.conformance.mutants.wallet import Parts
from eiraku.conformance.tester import edwards
from eiraku.reference.purse.core import Purse, Result
from eiraku.reference.purse.ledger import (
    BulletinAccepted,
    Change,
    Credit,
    Holding,
    PaymentPending,
    PaymentSettled,
    Pending,
    Settlement,
)
from eiraku.reference.purse.state import (
    Env,
    Link,
    NoSession,
    Open,
    OpenSession,
    Order,
    PayeeRequested,
    PayeeWaitOffer,
    PayerPaid,
    Ready,
    RedeliverOrder,
    Refuse,
    Send,
    Turn,
    Write,
)
from eiraku.reference.store import Store
from eiraku.spec import cbor, messages, objects
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Message, Offer, Receipt, Redeliver, Reject
from eiraku.spec.tables import Purpose

AREA = "recovery"


# --- the payer: a pending transaction that does not stay one ------------------------------------------------


class _TakenBack(PaymentSettled):
    """The pending transaction is undone and its units can be spent again."""


class _Forgotten(PaymentSettled):
    """The pending transaction is forgotten."""


class _Refunded(PaymentSettled):
    """The transaction is settled and its units can be spent again."""


class _UndoingStore(Store):
    """Can undo or forget a pending transaction."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._spent: dict[bytes, tuple[Holding, ...]] = {}

    def _write(self, change: Change) -> None:
        if isinstance(change, PaymentPending):
            self._spent[change.pending.transaction] = self.holdings(change.pending.unit_ids)
        if isinstance(change, _TakenBack | _Forgotten):
            tx = change.settlement.transaction
            self._db.execute("DELETE FROM pending_unit WHERE tx = ?", (tx,))
            self._db.execute("DELETE FROM pending WHERE tx = ?", (tx,))
        else:
            super()._write(change)
        if isinstance(change, _TakenBack | _Refunded):
            self._add(self._spent[change.settlement.transaction])


def _settlement(state: PayerPaid) -> Settlement:
    return Settlement(
        transaction=state.transaction,
        payee=state.link.peer.number,
        amount=state.amount,
        offer_digest=state.offer_digest,
        receipt=b"",
    )


class _TakingBack(Purse):
    def message(self, state: Open, message: Message, encoded: bytes, env: Env) -> Turn:
        session, effects = super().message(state, message, encoded, env)
        rejected = isinstance(state, PayerPaid) and isinstance(message, Reject)
        if rejected and state.link.purpose is Purpose.PAY and isinstance(state, PayerPaid):
            effects = (Write(change=_TakenBack(settlement=_settlement(state))), *effects)
        return session, effects


class _Forgetting(Purse):
    def message(self, state: Open, message: Message, encoded: bytes, env: Env) -> Turn:
        session, effects = super().message(state, message, encoded, env)
        rejected = isinstance(state, PayerPaid) and isinstance(message, Reject)
        if rejected and state.link.purpose is Purpose.REDELIVER and isinstance(state, PayerPaid):
            effects = (Write(change=_Forgotten(settlement=_settlement(state))), *effects)
        return session, effects


class _Despairing(Purse):
    def record(self, state: Open, data: bytes, env: Env) -> Turn:
        session, effects = super().record(state, data, env)
        if isinstance(state, PayerPaid) and any(isinstance(effect, Refuse) for effect in effects):
            effects = (Write(change=_TakenBack(settlement=_settlement(state))), *effects)
        return session, effects


class _Refunding(Purse):
    def on_receipt(self, state: PayerPaid, receipt: Receipt) -> Turn:
        session, effects = super().on_receipt(state, receipt)
        (write,) = effects
        if isinstance(write, Write) and isinstance(write.change, PaymentSettled):
            return session, (Write(change=_Refunded(settlement=write.change.settlement)),)
        return session, effects


@defect("EPP-TRF-005")
class TakesRejectedPaymentsBack:
    """Can spend the units again if its PAY is answered with REJECT."""

    parts = Parts(purse_class=_TakingBack, store_class=_UndoingStore)


@defect("EPP-CRS-013")
class ForgetsRejectedRedeliveries:
    """Forgets a pending transaction if its redelivery is answered with REJECT."""

    parts = Parts(purse_class=_Forgetting, store_class=_UndoingStore)


@defect("EPP-CRS-014")
class TakesFailedPaymentsBack:
    """Can spend the units again if the session fails between PAY and RECEIPT."""

    parts = Parts(purse_class=_Despairing, store_class=_UndoingStore)


@defect("EPP-TRF-018")
class RefundsItself:
    """Can spend the units again when it has the RECEIPT."""

    parts = Parts(purse_class=_Refunding, store_class=_UndoingStore)


# --- the payer: redelivery ----------------------------------------------------------------------------------


@defect("EPP-CRS-007")
class RedeliversInAnotherOrder(Purse):
    """Turns the order of the units round in REDELIVER."""

    def redelivery(self, pending: Pending) -> Redeliver:
        offer = messages.decode(pending.offer)
        if not isinstance(offer, Offer):
            return super().redelivery(pending)
        return Redeliver(
            offer=replace(offer, units=offer.units[::-1]).encode(), endorsements=pending.endorsements[::-1]
        )


@defect("EPP-HIS-006")
class EndorsesAnew(Purse):
    """Redelivers under a new transaction, with new endorsements of the same units and hops."""

    def redeliver(self, link: Link, order: RedeliverOrder, env: Env) -> Turn:
        pending = self.checks.to_redeliver(env.ledger, order.transaction)
        old = messages.decode(pending.offer)
        if not isinstance(old, Offer):
            return super().redeliver(link, order, env)
        offer = replace(old, transaction=self.transaction(env.random))
        endorsements = tuple(
            self.sign_endorsement(
                link.terms,
                self.endorsement_payload(
                    unit_id=unit_id,
                    hop=unit.hop,
                    history_digest=hashlib.sha256(unit.history).digest(),
                    payer=link.terms.identity.claims.number,
                    payee=link.peer.number,
                    transaction=offer.transaction,
                ),
            )
            for unit_id, unit in zip(pending.unit_ids, offer.units, strict=True)
        )
        message = Redeliver(offer=offer.encode(), endorsements=endorsements)
        link, sent = self.say(link, message.encode())
        paid = PayerPaid(
            link=link,
            transaction=offer.transaction,
            amount=pending.amount,
            offer_digest=messages.offer_digest(message.offer),
        )
        return paid, (sent,)


@defect("EPP-CRS-008")
class RedeliversOnce(Purse):
    """Redelivers a pending transaction only once."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._done: set[bytes] = set()

    def order(self, state: Ready, order: Order, env: Env) -> Order:
        if isinstance(order, RedeliverOrder) and order.transaction in self._done:
            raise Refusal(Code.UNKNOWN_TRANSACTION, "EPP-CRS-008", "delivered once already")
        return super().order(state, order, env)

    def redeliver(self, link: Link, order: RedeliverOrder, env: Env) -> Turn:
        self._done.add(order.transaction)
        return super().redeliver(link, order, env)


@defect("EPP-CRS-009")
class TakesAnyOrderToRedeliver(Purse):
    """Takes an order to redeliver a transaction that is not pending."""

    def order(self, state: Ready, order: Order, env: Env) -> Order:
        return order if isinstance(order, RedeliverOrder) else super().order(state, order, env)


# --- the payee ----------------------------------------------------------------------------------------------


@defect("EPP-CRS-010")
class RefusesRepeats(Purse):
    """Refuses REDELIVER of a transaction that it has credited."""

    def again(self, link: Link, credit: Credit, message: Redeliver) -> Turn:
        self.checks.same_offer(credit, messages.offer_digest(message.offer))
        raise Refusal(Code.TRANSACTION, "EPP-CRS-010", "credited already")


@defect("EPP-CRS-010")
class SignsAnotherReceipt(Purse):
    """Signs a good receipt anew for each REDELIVER, with other bytes."""

    def again(self, link: Link, credit: Credit, message: Redeliver) -> Turn:
        self.checks.same_offer(credit, messages.offer_digest(message.offer))
        identity = link.terms.identity
        payload = objects.ReceiptPayload(
            transaction=credit.transaction,
            payer=credit.payer,
            payee=identity.claims.number,
            amount=credit.amount,
            offer_digest=credit.offer_digest,
        )
        covered = ("Signature1", cbor.encode({1: -8}), objects.CONTEXT_RECEIPT, payload.encode())
        signature = _sign_otherwise(identity.key._secret[:32], cbor.encode(covered))
        _, sent = self.say(link, Receipt(transaction=credit.transaction, signature=signature).encode())
        return NoSession(), (sent,)


def _sign_otherwise(seed: bytes, message: bytes) -> bytes:
    """A valid Ed25519 signature that is not the one of RFC 8032: its nonce is another hash."""
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
    public = edwards.encode(edwards.multiply(scalar, edwards.BASE))
    r = int.from_bytes(hashlib.sha512(b"other" + digest[32:] + message).digest(), "little") % edwards.L
    first = edwards.encode(edwards.multiply(r, edwards.BASE))
    k = int.from_bytes(hashlib.sha512(first + public + message).digest(), "little") % edwards.L
    return first + ((r + k * scalar) % edwards.L).to_bytes(32, "little")


@defect("EPP-CRS-010")
class WritesRepeats(Purse):
    """Makes a durable write for each REDELIVER of a transaction that it has credited."""

    def on_redeliver(self, state: PayeeRequested | PayeeWaitOffer, message: Redeliver, env: Env) -> Turn:
        session, effects = super().on_redeliver(state, message, env)
        signed = env.ledger.bulletin()
        if isinstance(effects[0], Send) and signed is not None:
            effects = (Write(change=BulletinAccepted(bulletin=signed)), *effects)
        return session, effects


omits(
    AREA,
    "receipts_another_offer",
    "same_offer",
    "EPP-CRS-011",
    "Answers REDELIVER of a credited transaction with the receipt though the OFFER is another.",
)


@defect("EPP-CRS-012")
class JudgesRedeliveryByItsRequest(Purse):
    """Refuses REDELIVER of another amount than it requested."""

    def on_redeliver(self, state: PayeeRequested | PayeeWaitOffer, message: Redeliver, env: Env) -> Turn:
        offer = self.decode_message(message.offer)
        requested = self.requested(state)
        if isinstance(offer, Offer) and requested not in (None, offer.amount):
            raise Refusal(Code.AMOUNT, "EPP-CRS-012", "not what was requested")
        return super().on_redeliver(state, message, env)


@defect("EPP-CRS-012")
class RefusesUnknownRedeliveries(Purse):
    """Refuses REDELIVER of a transaction that it has not credited."""

    def on_redeliver(self, state: PayeeRequested | PayeeWaitOffer, message: Redeliver, env: Env) -> Turn:
        offer = self.decode_message(message.offer)
        if isinstance(offer, Offer) and env.ledger.credit(state.link.peer.number, offer.transaction) is None:
            raise Refusal(Code.TRANSACTION, "EPP-CRS-012", "not known here")
        return super().on_redeliver(state, message, env)


_UNITS = (
    "unit_signature unit_seal unit_economy unit_expiry unit_value hop_limit history_size held seen "
    "offer_limit unit_count offer_sum capacity balance_limit"
)


@defect("EPP-CRS-012")
class TrustsRedeliveries(Purse):
    """Does not check the units that come with REDELIVER."""

    def on_redeliver(self, state: PayeeRequested | PayeeWaitOffer, message: Redeliver, env: Env) -> Turn:
        checks = self.checks
        try:
            self.checks = lacking(*_UNITS.split())()
            return super().on_redeliver(state, message, env)
        finally:
            self.checks = checks


@defect("EPP-CRS-012")
class TrustsRedeliveredEndorsements(Purse):
    """Does not verify the endorsements that come with REDELIVER."""

    def on_redeliver(self, state: PayeeRequested | PayeeWaitOffer, message: Redeliver, env: Env) -> Turn:
        checks = self.checks
        try:
            self.checks = lacking("endorsement")()
            return super().on_redeliver(state, message, env)
        finally:
            self.checks = checks


# --- memory -------------------------------------------------------------------------------------------------


@defect("EPP-CRS-015")
class WritesRefusals(Purse):
    """Makes a durable write for each message that it refuses."""

    def record(self, state: Open, data: bytes, env: Env) -> Turn:
        session, effects = super().record(state, data, env)
        signed = env.ledger.bulletin()
        if signed is not None and any(isinstance(effect, Refuse) for effect in effects):
            effects = (Write(change=BulletinAccepted(bulletin=signed)), *effects)
        return session, effects


@defect("EPP-CRS-016")
class ForgetsTheSeenSet(Store):
    """Loses the seen-set with the power."""

    def reopen(self) -> None:
        """See `Store`."""
        super().reopen()
        self._db.execute("DELETE FROM seen")


@defect("EPP-CRS-016")
class ForgetsUnitsThatLeave(Store):
    """Takes units out of the seen-set when they are paid away."""

    def _write(self, change: Change) -> None:
        if isinstance(change, PaymentSettled):
            self._db.execute(
                "DELETE FROM seen WHERE unit_id IN (SELECT unit_id FROM pending_unit WHERE tx = ?)",
                (change.settlement.transaction,),
            )
        super()._write(change)


@defect("EPP-CRS-016")
class ForgetsCredits(Store):
    """Loses the record of credited transactions with the power."""

    def reopen(self) -> None:
        """See `Store`."""
        super().reopen()
        self._db.execute("DELETE FROM credited")


@defect("EPP-CRS-017")
class LocksAfterABadRecord(Purse):
    """Refuses the session after one that ended with a bad record."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._locked = False

    def record(self, state: Open, data: bytes, env: Env) -> Turn:
        turn = super().record(state, data, env)
        self._locked = any(isinstance(e, Refuse) and e.refusal.code is Code.RECORD for e in turn[1])
        return turn

    def open(self, state: Ready, given: OpenSession, env: Env) -> Result:
        if self._locked:
            self._locked = False
            state = replace(state, order=None)
        return super().open(state, given, env)
