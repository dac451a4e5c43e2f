"""The payee's side of a transfer (chapter 7): request, check, accept, credit; and redelivery (chapter 8)."""

from hashlib import sha256

from eiraku.reference.anchor import SignedUnit
from eiraku.reference.purse.ledger import Credit, Holding, PaymentCredited
from eiraku.reference.purse.seams import Seams
from eiraku.reference.purse.state import (
    Env,
    Link,
    NoSession,
    PayeeAccepted,
    PayeeRequested,
    PayeeWaitOffer,
    ReceivedOffer,
    RequestOrder,
    SuspectUnit,
    Turn,
    UnitRefusal,
    Write,
)
from eiraku.spec import messages
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Accept, Offer, OfferedUnit, Pay, Receipt, Redeliver, Request
from eiraku.spec.objects import ReceiptPayload, Role


class Payee(Seams):
    """What a payee does with each message, and what it says first."""

    def request(self, link: Link, order: RequestOrder) -> Turn:
        """Ask for an amount."""
        link, sent = self.say(link, Request(amount=order.amount, reference=order.reference).encode())
        return PayeeRequested(link=link, amount=order.amount), (sent,)

    def on_offer(
        self, state: PayeeRequested | PayeeWaitOffer, offer: Offer, encoded: bytes, env: Env
    ) -> Turn:
        """OFFER: check everything, then ACCEPT."""
        link = state.link
        received = self.check_offer(link, offer, encoded, self.requested(state), env)
        # EPP-TRF-045
        accept = Accept(transaction=received.transaction, offer_digest=received.digest)
        link, sent = self.say(link, accept.encode())
        return PayeeAccepted(link=link, offer=received), (sent,)

    def on_pay(self, state: PayeeAccepted, pay: Pay, env: Env) -> Turn:
        """PAY: verify everything, the commit point, then RECEIPT."""
        self.checks.paid_transaction(state.offer.transaction, pay.transaction)
        return self.take(state.link, state.offer, pay.endorsements, env)

    def on_redeliver(self, state: PayeeRequested | PayeeWaitOffer, message: Redeliver, env: Env) -> Turn:
        """REDELIVER: the same receipt again, or OFFER and PAY at once."""
        link = state.link
        offer = self.decode_message(message.offer)
        # EPP-TRF-002
        if not isinstance(offer, Offer):
            raise Refusal(Code.MALFORMED, "EPP-TRF-002", "REDELIVER does not hold an OFFER")
        credit = env.ledger.credit(link.peer.number, offer.transaction)
        if credit is not None:
            return self.again(link, credit, message)
        # EPP-CRS-012
        received = self.check_offer(link, offer, message.offer, None, env)
        return self.take(link, received, message.endorsements, env)

    def again(self, link: Link, credit: Credit, message: Redeliver) -> Turn:
        """The receipt of a transaction that is credited already."""
        self.checks.same_offer(credit, messages.offer_digest(message.offer))
        # EPP-CRS-010
        receipt = Receipt(transaction=credit.transaction, signature=credit.receipt)
        _, sent = self.say(link, receipt.encode())
        return NoSession(), (sent,)

    def requested(self, state: PayeeRequested | PayeeWaitOffer) -> int | None:
        """The amount that the holder asked for; None if any will do."""
        if isinstance(state, PayeeRequested):
            return state.amount
        return state.order.amount if isinstance(state.order, RequestOrder) else None

    # --- checking ---

    def check_offer(
        self, link: Link, offer: Offer, encoded: bytes, requested: int | None, env: Env
    ) -> ReceivedOffer:
        """The checks on an OFFER, in the order of EPP-TRF-030 to EPP-TRF-044. Raises Refusal."""
        checks, ledger = self.checks, env.ledger
        claims, policy = link.terms.identity.claims, link.terms.identity.policy
        checks.offer_amount(requested, offer.amount)
        checks.offer_limit(link.limit, offer.amount)
        checks.unit_count(policy, len(offer.units))
        shapes = self.check_duplicates(offer)
        checks.new_transaction(ledger.credit(link.peer.number, offer.transaction))
        units = self.check_units(link, offer, shapes, env)
        checks.offer_sum(offer.amount, sum(unit.unit.value for unit in units))
        count, balance = ledger.total()
        checks.capacity(policy, count + ledger.pending_units() + len(units))
        checks.balance_limit(policy, claims.tier, balance + offer.amount)
        return ReceivedOffer(
            transaction=offer.transaction,
            amount=offer.amount,
            digest=messages.offer_digest(encoded),
            units=tuple(zip(units, offer.units, strict=True)),
        )

    def check_duplicates(self, offer: Offer) -> list[SignedUnit | Refusal]:
        """Every unit parsed, or why it cannot be: that counts when its turn comes. Raises UnitRefusal."""
        parsed: list[SignedUnit | Refusal] = []
        earlier: set[bytes] = set()
        for index, offered in enumerate(offer.units):
            try:
                unit = self.checks.unit_shape(offered.unit)
            except Refusal as refusal:
                parsed.append(refusal)
                continue
            try:
                self.checks.duplicate(unit.unit_id, earlier)
            except Refusal as refusal:
                raise UnitRefusal(refusal, index) from None
            earlier.add(unit.unit_id)
            parsed.append(unit)
        return parsed

    def check_units(
        self, link: Link, offer: Offer, shapes: list[SignedUnit | Refusal], env: Env
    ) -> list[SignedUnit]:
        """All checks for the first unit, then for the second, and so on. Raises UnitRefusal."""
        units: list[SignedUnit] = []
        for index, (shape, offered) in enumerate(zip(shapes, offer.units, strict=True)):
            # EPP-TRF-035
            if isinstance(shape, Refusal):
                raise UnitRefusal(shape, index)
            try:
                self.check_unit(link, shape, offered, env)
            except Refusal as refusal:
                if self.is_copy(refusal, env, shape.unit_id, offered.hop + 1):
                    peer = link.peer.number
                    raise SuspectUnit(refusal, index, purse=peer, unit_id=shape.unit_id) from None
                raise UnitRefusal(refusal, index) from None
            units.append(shape)
        return units

    def is_copy(self, refusal: Refusal, env: Env, unit_id: bytes, new_hop: int) -> bool:
        """Whether a refused unit can only be a copy: not one that comes back before it is settled."""
        # EPP-VLT-002
        if refusal.code not in (Code.UNIT_HELD, Code.UNIT_SEEN):
            return False
        last = env.ledger.last_seen(unit_id)
        return (last is not None and new_hop <= last) or env.ledger.is_spendable(unit_id)

    def check_unit(self, link: Link, unit: SignedUnit, offered: OfferedUnit, env: Env) -> None:
        """The checks on a unit after its shape, in the order of EPP-TRF-036 to 041. Raises Refusal."""
        checks, terms, new_hop = self.checks, link.terms, offered.hop + 1
        checks.unit_signature(terms, unit)
        checks.unit_seal(terms, unit.unit)
        checks.unit_economy(terms, unit.unit)
        checks.unit_expiry(terms, unit.unit)
        checks.unit_value(unit.unit)
        checks.hop_limit(terms, unit.unit, new_hop)
        checks.history_size(offered.hop, len(offered.history))
        checks.held(env.ledger, unit.unit_id)
        # EPP-CEN-010
        if terms.identity.claims.role is not Role.CENTRE:
            checks.seen(env.ledger, unit.unit_id, new_hop)

    # --- crediting ---

    def take(self, link: Link, offer: ReceivedOffer, endorsements: tuple[bytes, ...], env: Env) -> Turn:
        """Verify the endorsements, credit everything in one write, give the receipt. Raises Refusal."""
        terms, payer = link.terms, link.peer
        own = terms.identity.claims.number
        self.checks.endorsement_count(len(offer.units), len(endorsements))
        for index, ((unit, offered), signature) in enumerate(zip(offer.units, endorsements, strict=True)):
            payload = self.endorsement_payload(
                unit_id=unit.unit_id,
                hop=offered.hop,
                history_digest=sha256(offered.history).digest(),
                payer=payer.number,
                payee=own,
                transaction=offer.transaction,
            )
            try:
                self.checks.endorsement(payer, payload, signature)
            except Refusal as refusal:
                raise UnitRefusal(refusal, index) from None
        receipt = self.sign_receipt(
            terms,
            ReceiptPayload(
                transaction=offer.transaction,
                payer=payer.number,
                payee=own,
                amount=offer.amount,
                offer_digest=offer.digest,
            ),
        )
        credit = Credit(
            transaction=offer.transaction,
            payer=payer.number,
            amount=offer.amount,
            offer_digest=offer.digest,
            receipt=receipt,
        )
        holdings = tuple(
            self.holding(
                link, unit=unit, offered=offered, transaction=offer.transaction, signature=signature, env=env
            )
            for (unit, offered), signature in zip(offer.units, endorsements, strict=True)
        )
        _, sent = self.say(link, Receipt(transaction=offer.transaction, signature=receipt).encode())
        # EPP-CRS-002, EPP-CRS-004
        return NoSession(), (Write(change=PaymentCredited(credit=credit, holdings=holdings)), sent)

    def holding(
        self,
        link: Link,
        *,
        unit: SignedUnit,
        offered: OfferedUnit,
        transaction: bytes,
        signature: bytes,
        env: Env,
    ) -> Holding:
        """A unit as it is held from now on."""
        layer = self.layer(
            inner=offered.history,
            payer=link.peer.number,
            payee=link.terms.identity.claims.number,
            transaction=transaction,
            signature=signature,
        )
        history_key = link.terms.identity.anchor.money_keys[unit.kid].history
        return Holding(
            unit_id=unit.unit_id,
            unit=offered.unit,
            value=unit.unit.value,
            expires=unit.unit.expires,
            max_hops=unit.unit.max_hops,
            # EPP-TRF-049
            hop=offered.hop + 1,
            history=self.seal_layer(history_key, unit.unit_id, layer, env.random),
        )
