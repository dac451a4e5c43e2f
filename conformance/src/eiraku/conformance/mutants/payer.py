"""Mutants of chapter 7, the payer, and of what it endorses (chapter 4)."""

from collections.abc import Iterable
from dataclasses import replace

from eiraku.conformance.mutants.registry import defect, omits, replaces
from eiraku.reference.purse import core
from eiraku.reference.purse import payer as payer_module
from eiraku.reference.purse.checks import Checks
from eiraku.reference.purse.core import Purse
from eiraku.reference.purse.ledger import Holding, HoldingSummary
from eiraku.reference.purse.select import Candidate, choose
from eiraku.reference.purse.state import (
    Env,
    Link,
    NoSession,
    Open,
    PayerOffered,
    PayerPaid,
    Random,
    SentOffer,
    Terms,
    Turn,
)
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Accept, Message, Receipt, Reject
from eiraku.spec.objects import EndorsementPayload, PurseId, ReceiptPayload, Role
from eiraku.spec.tables import Transfer

AREA = "payer"


@defect("EPP-TRF-003")
class ReusesTransactions(Purse):
    """Uses one transaction for every OFFER."""

    def transaction(self, random: Random) -> bytes:
        return b"\x33" * 16


# --- orders -------------------------------------------------------------------------------------------------

omits(AREA, "pays_nothing", "amount_to_pay", "EPP-TRF-010", "Takes an order to pay nothing.")
omits(
    AREA,
    "ignores_limits_of_orders",
    "highest_limit",
    "EPP-TRF-010",
    "Takes an order to pay more than the policy allows in any operation.",
)


@replaces("EPP-TRF-011", (core, "choose"), (payer_module, "choose"))
def takes_the_smallest_units_first(
    candidates: Iterable[Candidate], amount: int, *, max_units: int
) -> tuple[bytes, ...]:
    """Takes the smallest units first, and so misses exact choices."""
    ordered = sorted(candidates, key=lambda c: c.value)
    chosen: list[Candidate] = []
    rest = amount
    for candidate in ordered:
        if candidate.value <= rest:
            chosen.append(candidate)
            rest -= candidate.value
    if rest > 0:
        # Not enough money is not the defect; an exact choice that is there and not found is.
        choose(ordered, amount, max_units=max_units)
        raise Refusal(Code.NO_EXACT_CHANGE, "EPP-TRF-011", "no exact choice found")
    return choose(chosen, amount, max_units=max_units)


@replaces("EPP-TRF-011", (core, "choose"), (payer_module, "choose"))
def calls_poverty_lack_of_change(
    candidates: Iterable[Candidate], amount: int, *, max_units: int
) -> tuple[bytes, ...]:
    """Refuses an order beyond its means with `no-exact-change`."""
    try:
        return choose(candidates, amount, max_units=max_units)
    except Refusal as refusal:
        if refusal.code is not Code.INSUFFICIENT_FUNDS:
            raise
        raise Refusal(Code.NO_EXACT_CHANGE, refusal.requirement, refusal.detail) from None


@replaces("EPP-TRF-011", (core, "choose"), (payer_module, "choose"))
def offers_too_many_units(
    candidates: Iterable[Candidate], amount: int, *, max_units: int
) -> tuple[bytes, ...]:
    """Offers more units than the policy permits."""
    return choose(candidates, amount, max_units=max_units + 1000)


@replaces("EPP-TRF-060", (core, "choose"), (payer_module, "choose"))
def offers_more_than_fits(
    candidates: Iterable[Candidate], amount: int, *, max_units: int
) -> tuple[bytes, ...]:
    """Offers bundles that would be too long for REDELIVER."""
    return choose([replace(c, size=1) for c in candidates], amount, max_units=max_units)


# --- OFFER --------------------------------------------------------------------------------------------------


@defect("EPP-TRF-012")
class OffersExpiredUnits(Purse):
    """Offers units that have expired."""

    def candidates(
        self, held: list[HoldingSummary], *, epoch: int, max_hops: int, payee: Role | None
    ) -> list[Candidate]:
        return super().candidates(held, epoch=0, max_hops=max_hops, payee=payee)


@defect("EPP-TRF-012")
class OffersUnitsAtTheirLimit(Purse):
    """Offers units at their hop limit to everybody."""

    def candidates(
        self, held: list[HoldingSummary], *, epoch: int, max_hops: int, payee: Role | None
    ) -> list[Candidate]:
        return super().candidates(held, epoch=epoch, max_hops=max_hops, payee=Role.VAULT)


@defect("EPP-TRF-012")
class KeepsUnitsAtTheirLimit(Purse):
    """Does not offer units at their hop limit to a vault either."""

    def candidates(
        self, held: list[HoldingSummary], *, epoch: int, max_hops: int, payee: Role | None
    ) -> list[Candidate]:
        return super().candidates(held, epoch=epoch, max_hops=max_hops, payee=Role.PERSON)


@defect("EPP-TRF-012")
class OffersALowerHop(Purse):
    """Offers units at a hop one lower than they are held at, where that is possible."""

    def pick(self, link: Link, amount: int, env: Env) -> tuple[Holding, ...]:
        return tuple(replace(held, hop=max(held.hop - 1, 0)) for held in super().pick(link, amount, env))


omits(
    AREA,
    "pays_whatever_is_requested",
    "requested_amount",
    "EPP-TRF-013",
    "Does not compare REQUEST with the amount that its holder has set.",
)
omits(AREA, "ignores_the_payers_limit", "payer_limit", "EPP-TRF-014", "As payer does not look at limits.")

# --- ACCEPT -------------------------------------------------------------------------------------------------

omits(AREA, "takes_any_accept", "accepted_offer", "EPP-TRF-015", "Takes an ACCEPT of another offer.")


@defect("EPP-TRF-015")
class IgnoresTheDigestOfAccept(Checks):
    """Looks only at the transaction of ACCEPT."""

    def accepted_offer(self, offer: SentOffer, accept: Accept) -> None:
        super().accepted_offer(offer, replace(accept, offer_digest=offer.digest))


@defect("EPP-TRF-015")
class IgnoresTheTransactionOfAccept(Checks):
    """Looks only at the digest of ACCEPT."""

    def accepted_offer(self, offer: SentOffer, accept: Accept) -> None:
        super().accepted_offer(offer, replace(accept, transaction=offer.transaction))


@defect("EPP-TRF-016")
class PaysWithoutAccept(Purse):
    """Takes a message that is neither ACCEPT nor REJECT for consent to its OFFER."""

    def permitted(self, state: Open, message: Message) -> Transfer:
        if isinstance(state, PayerOffered) and not isinstance(message, Accept | Reject):
            return Transfer.PAYER_PAID
        return super().permitted(state, message)

    def message(self, state: Open, message: Message, encoded: bytes, env: Env) -> Turn:
        if isinstance(state, PayerOffered) and not isinstance(message, Accept | Reject):
            offer = state.offer
            message = Accept(transaction=offer.transaction, offer_digest=offer.digest)
        return super().message(state, message, encoded, env)


# --- endorsements -------------------------------------------------------------------------------------------


class _Endorses(Purse):
    """Signs another endorsement than it should."""

    def wrong(self, payload: EndorsementPayload) -> EndorsementPayload:
        """What is signed instead."""
        raise NotImplementedError

    def sign_endorsement(self, terms: Terms, payload: EndorsementPayload) -> bytes:
        return super().sign_endorsement(terms, self.wrong(payload))


PAYS_NOBODY = {"*": "no payee can take such an endorsement, so every flow in which the wallet pays fails"}


@defect("EPP-HIS-001", collateral=PAYS_NOBODY)
class EndorsesTheHeldHop(_Endorses):
    """Endorses the hop at which it holds the unit, not the next."""

    def wrong(self, payload: EndorsementPayload) -> EndorsementPayload:
        return replace(payload, hop=payload.hop - 1)


@defect("EPP-HIS-001", collateral=PAYS_NOBODY)
class EndorsesNoHistory(_Endorses):
    """Endorses without the digest of the history."""

    def wrong(self, payload: EndorsementPayload) -> EndorsementPayload:
        return replace(payload, history_digest=bytes(32))


@defect("EPP-HIS-001", collateral=PAYS_NOBODY)
class EndorsesNobody(_Endorses):
    """Endorses to no payee in particular."""

    def wrong(self, payload: EndorsementPayload) -> EndorsementPayload:
        return replace(payload, payee=bytes(8))


# --- RECEIPT ------------------------------------------------------------------------------------------------

omits(AREA, "takes_any_receipt", "receipt", "EPP-TRF-017", "Settles on any RECEIPT.")


@defect("EPP-TRF-017")
class SkipsReceiptSignatures(Checks):
    """Looks only at the transaction of RECEIPT, not at its signature."""

    def receipt(self, payee: PurseId, expected: ReceiptPayload, receipt: Receipt) -> None:
        if receipt.transaction != expected.transaction:
            super().receipt(payee, expected, receipt)


@defect("EPP-TRF-017")
class IgnoresTheAmountOfReceipts(Checks):
    """Takes a RECEIPT that is signed over the amount 0."""

    def receipt(self, payee: PurseId, expected: ReceiptPayload, receipt: Receipt) -> None:
        try:
            super().receipt(payee, expected, receipt)
        except Refusal:
            super().receipt(payee, replace(expected, amount=0), receipt)


@defect("EPP-TRF-018")
class NeverSettles(Purse):
    """Takes the RECEIPT and keeps the transaction pending."""

    def on_receipt(self, state: PayerPaid, receipt: Receipt) -> Turn:
        super().on_receipt(state, receipt)
        return NoSession(), ()
