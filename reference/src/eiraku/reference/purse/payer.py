"""The payer's side of a transfer (chapter 7): offer, commit, pay, settle; and redelivery (chapter 8)."""

from hashlib import sha256

from eiraku.reference.purse.ledger import (
    Holding,
    HoldingSummary,
    PaymentPending,
    PaymentSettled,
    Pending,
    Settlement,
)
from eiraku.reference.purse.seams import Seams
from eiraku.reference.purse.select import Candidate, choose
from eiraku.reference.purse.state import (
    Env,
    Link,
    NoSession,
    PayerOffered,
    PayerPaid,
    PayerWaitRequest,
    PayUnitsOrder,
    RedeliverOrder,
    SentOffer,
    Turn,
    Write,
)
from eiraku.spec import messages, objects
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Accept, Offer, OfferedUnit, Pay, Receipt, Request
from eiraku.spec.objects import ReceiptPayload, Role


class Payer(Seams):
    """What a payer does with each message, and what it says first."""

    # --- choosing ---

    def candidates(
        self, held: list[HoldingSummary], *, epoch: int, max_hops: int, payee: Role | None
    ) -> list[Candidate]:
        """Units that can be offered; `payee` None: somebody not yet known, who may be a vault."""
        homeward = payee in (None, Role.VAULT, Role.CENTRE)
        return [
            Candidate(unit_id=unit.unit_id, value=unit.value, size=unit.size)
            for unit in held
            # EPP-TRF-012
            if epoch <= unit.expires
            and unit.hop < (objects.HOP_MAX if homeward else min(unit.max_hops, max_hops))
        ]

    def pick(self, link: Link, amount: int, env: Env) -> tuple[Holding, ...]:
        """The units to offer to this peer. Raises Refusal."""
        policy = link.terms.identity.policy
        candidates = self.candidates(
            list(env.ledger.summaries()),
            epoch=link.terms.epoch,
            max_hops=policy.max_hops,
            payee=link.peer.role,
        )
        # EPP-TRF-011, EPP-TRF-060
        return env.ledger.holdings(choose(candidates, amount, max_units=policy.max_units))

    # --- messages ---

    def make_offer(self, link: Link, amount: int, env: Env) -> Turn:
        """Offer units worth `amount`. Raises Refusal."""
        self.checks.payer_limit(link.limit, amount)
        return self.offer(link, amount, self.pick(link, amount, env), env)

    def offer_units(self, link: Link, order: PayUnitsOrder, env: Env) -> Turn:
        """Offer the units that the holder chose. Raises Refusal."""
        chosen = self.chosen(order, env)
        amount = sum(unit.value for unit in chosen)
        self.checks.payer_limit(link.limit, amount)
        policy = link.terms.identity.policy
        candidates = self.candidates(
            chosen, epoch=link.terms.epoch, max_hops=policy.max_hops, payee=link.peer.role
        )
        # EPP-TRF-011, EPP-TRF-060: all of them, or it is no exact choice
        units = choose(candidates, amount, max_units=policy.max_units)
        return self.offer(link, amount, env.ledger.holdings(units), env)

    def chosen(self, order: PayUnitsOrder, env: Env) -> list[HoldingSummary]:
        """What is known of the units that the holder chose. Raises Refusal for one that is not here."""
        found = [unit for unit in env.ledger.summaries() if unit.unit_id in order.unit_ids]
        # EPP-TRF-011
        if len(found) != len(order.unit_ids):
            raise Refusal(Code.INSUFFICIENT_FUNDS, "EPP-TRF-011", "a unit that was chosen is not here")
        return found

    def offer(self, link: Link, amount: int, holdings: tuple[Holding, ...], env: Env) -> Turn:
        """Offer these units."""
        offer = Offer(
            transaction=self.transaction(env.random),
            amount=amount,
            # EPP-TRF-012, EPP-UNI-008
            units=tuple(OfferedUnit(unit=h.unit, hop=h.hop, history=h.history) for h in holdings),
        )
        encoded = offer.encode()
        link, offered = self.say(link, encoded)
        sent = SentOffer(
            transaction=offer.transaction,
            amount=amount,
            encoded=encoded,
            digest=messages.offer_digest(encoded),
            units=tuple((h.unit_id, h.hop, sha256(h.history).digest()) for h in holdings),
        )
        return PayerOffered(link=link, offer=sent), (offered,)

    def redeliver(self, link: Link, order: RedeliverOrder, env: Env) -> Turn:
        """Send a pending transaction again. Raises Refusal."""
        pending = self.checks.to_redeliver(env.ledger, order.transaction)
        link, sent = self.say(link, self.redelivery(pending).encode())
        paid = PayerPaid(
            link=link,
            transaction=pending.transaction,
            amount=pending.amount,
            offer_digest=messages.offer_digest(pending.offer),
        )
        return paid, (sent,)

    def on_request(self, state: PayerWaitRequest, request: Request, env: Env) -> Turn:
        """REQUEST: offer, or deliver again whatever the amount asked for."""
        if isinstance(state.order, RedeliverOrder):
            return self.redeliver(state.link, state.order, env)
        if isinstance(state.order, PayUnitsOrder):
            amount = sum(unit.value for unit in self.chosen(state.order, env))
            self.checks.requested_amount(amount, request.amount)
            return self.offer_units(state.link, state.order, env)
        self.checks.requested_amount(state.order.amount, request.amount)
        return self.make_offer(state.link, state.order.amount, env)

    def on_accept(self, state: PayerOffered, accept: Accept) -> Turn:
        """ACCEPT: the commit point, then PAY."""
        link, offer = state.link, state.offer
        self.checks.accepted_offer(offer, accept)
        terms, payee = link.terms, link.peer.number
        endorsements = tuple(
            self.sign_endorsement(
                terms,
                self.endorsement_payload(
                    unit_id=unit_id,
                    hop=hop,
                    history_digest=history_digest,
                    payer=terms.identity.claims.number,
                    payee=payee,
                    transaction=offer.transaction,
                ),
            )
            for unit_id, hop, history_digest in offer.units
        )
        pending = Pending(
            transaction=offer.transaction,
            payee=payee,
            amount=offer.amount,
            offer=offer.encoded,
            endorsements=endorsements,
            unit_ids=tuple(unit_id for unit_id, _, _ in offer.units),
        )
        link, sent = self.say(link, Pay(transaction=offer.transaction, endorsements=endorsements).encode())
        paid = PayerPaid(
            link=link, transaction=offer.transaction, amount=offer.amount, offer_digest=offer.digest
        )
        # EPP-CRS-001, EPP-TRF-016
        return paid, (Write(change=PaymentPending(pending=pending)), sent)

    def on_receipt(self, state: PayerPaid, receipt: Receipt) -> Turn:
        """RECEIPT: settled."""
        payee = state.link.peer
        expected = ReceiptPayload(
            transaction=state.transaction,
            payer=state.link.terms.identity.claims.number,
            payee=payee.number,
            amount=state.amount,
            offer_digest=state.offer_digest,
        )
        self.checks.receipt(payee, expected, receipt)
        settlement = Settlement(
            transaction=state.transaction,
            payee=payee.number,
            amount=state.amount,
            offer_digest=state.offer_digest,
            receipt=receipt.signature,
        )
        # EPP-CRS-003, EPP-TRF-018
        return NoSession(), (Write(change=PaymentSettled(settlement=settlement)),)
