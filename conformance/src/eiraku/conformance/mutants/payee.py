"""Mutants of chapter 7, the payee: ACCEPT, PAY, RECEIPT."""

from dataclasses import replace

from eiraku.conformance.mutants.registry import defect, omits
from eiraku.reference.anchor import SignedUnit
from eiraku.reference.purse.checks import Checks
from eiraku.reference.purse.core import Purse
from eiraku.reference.purse.ledger import BulletinAccepted, Holding, PaymentCredited
from eiraku.reference.purse.state import (
    Env,
    Link,
    PayeeRequested,
    PayeeWaitOffer,
    ReceivedOffer,
    Terms,
    Turn,
    UnitRefusal,
    Write,
)
from eiraku.spec.messages import Offer, OfferedUnit
from eiraku.spec.objects import EndorsementPayload, PurseId, ReceiptPayload

AREA = "payee"
BADLY_RECEIPTED = {"*": "no payer can take such a receipt, so every flow in which the wallet is paid fails"}


omits(AREA, "requests_anything", "amount_to_request", "EPP-TRF-029", "Takes an order to request anything.")


@defect("EPP-TRF-029")
class CutsReferences(Checks):
    """Takes an order to request with a reference of any length, and sends its beginning."""

    def amount_to_request(self, amount: int, reference: str) -> None:
        super().amount_to_request(amount, reference[:16])


@defect("EPP-TRF-045")
class WritesWhenItAccepts(Purse):
    """Makes a durable write before it sends ACCEPT."""

    def on_offer(
        self, state: PayeeRequested | PayeeWaitOffer, offer: Offer, encoded: bytes, env: Env
    ) -> Turn:
        session, effects = super().on_offer(state, offer, encoded, env)
        signed = env.ledger.bulletin()
        if signed is None:
            return session, effects
        return session, (Write(change=BulletinAccepted(bulletin=signed)), *effects)


omits(
    AREA, "takes_pay_for_anything", "paid_transaction", "EPP-TRF-047", "Takes a PAY of another transaction."
)


@defect("EPP-TRF-047")
class IgnoresSurplusEndorsements(Purse):
    """Ignores endorsements beyond the units."""

    def take(self, link: Link, offer: ReceivedOffer, endorsements: tuple[bytes, ...], env: Env) -> Turn:
        return super().take(link, offer, endorsements[: len(offer.units)], env)


@defect("EPP-TRF-047")
class TakesFewerEndorsements(Purse):
    """Credits as many units as are endorsed."""

    def take(self, link: Link, offer: ReceivedOffer, endorsements: tuple[bytes, ...], env: Env) -> Turn:
        count = min(len(offer.units), len(endorsements))
        if 0 < count < len(offer.units):
            offer = replace(offer, units=offer.units[:count])
        return super().take(link, offer, endorsements, env)


@defect("EPP-TRF-048")
class CreditsUntilAFault(Purse):
    """Credits the units before the first bad endorsement."""

    def take(self, link: Link, offer: ReceivedOffer, endorsements: tuple[bytes, ...], env: Env) -> Turn:
        try:
            return super().take(link, offer, endorsements, env)
        except UnitRefusal as refusal:
            if not refusal.index:
                raise
            good = replace(offer, units=offer.units[: refusal.index])
            _, effects = super().take(link, good, endorsements[: refusal.index], env)
            session, told = self.refuse(link, refusal)
            return session, (effects[0], *told)


@defect("EPP-TRF-048")
class VerifiesOnlyTheFirstEndorsement(Purse):
    """Verifies the endorsement of the first unit only."""

    def take(self, link: Link, offer: ReceivedOffer, endorsements: tuple[bytes, ...], env: Env) -> Turn:
        checks = self.checks
        try:
            if endorsements:
                self.checks = _OnlyOne(endorsements[0])
            return super().take(link, offer, endorsements, env)
        finally:
            self.checks = checks


class _OnlyOne(Checks):
    def __init__(self, first: bytes) -> None:
        self._first = first

    def endorsement(self, payer: PurseId, payload: EndorsementPayload, signature: bytes) -> None:
        if signature == self._first:
            super().endorsement(payer, payload, signature)


@defect("EPP-TRF-048")
class NamesTheFirstEndorsement(Purse):
    """Names the first unit as the one whose endorsement is bad."""

    def take(self, link: Link, offer: ReceivedOffer, endorsements: tuple[bytes, ...], env: Env) -> Turn:
        try:
            return super().take(link, offer, endorsements, env)
        except UnitRefusal as refusal:
            raise UnitRefusal(refusal, 0) from None


@defect("EPP-TRF-049")
class KeepsTheHop(Purse):
    """Holds a unit at the hop at which the payer held it."""

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
        held = super().holding(
            link, unit=unit, offered=offered, transaction=transaction, signature=signature, env=env
        )
        return replace(held, hop=offered.hop)


@defect("EPP-TRF-049")
class LosesTheLastUnit(Purse):
    """Credits all units but the last of several."""

    def take(self, link: Link, offer: ReceivedOffer, endorsements: tuple[bytes, ...], env: Env) -> Turn:
        session, effects = super().take(link, offer, endorsements, env)
        write = effects[0]
        if isinstance(write, Write) and isinstance(write.change, PaymentCredited) and len(offer.units) > 1:
            change = replace(write.change, holdings=write.change.holdings[:-1])
            return session, (Write(change=change), *effects[1:])
        return session, effects


@defect("EPP-TRF-050", collateral=BADLY_RECEIPTED)
class ReceiptsWithoutThePayer(Purse):
    """Signs the receipt without the payer's number."""

    def sign_receipt(self, terms: Terms, payload: ReceiptPayload) -> bytes:
        return super().sign_receipt(terms, replace(payload, payer=bytes(8)))


@defect("EPP-TRF-050", collateral=BADLY_RECEIPTED)
class ReceiptsHalfTheAmount(Purse):
    """Signs the receipt over half the amount."""

    def sign_receipt(self, terms: Terms, payload: ReceiptPayload) -> bytes:
        return super().sign_receipt(terms, replace(payload, amount=payload.amount // 2))
