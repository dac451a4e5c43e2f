"""What a wallet says and stores, with whatever it draws at random replaced by what that is.

Transactions are named by the payment that they belong to; signatures are verified, histories measured, the
order of an offer is not looked at. What then differs between two wallets is no chance.
"""

import hashlib
from dataclasses import dataclass, field

from eiraku.conformance.adapter.client import State
from eiraku.conformance.lockstep.views import state_lines
from eiraku.conformance.tester.world import Identity, endorsement_payload, identifier
from eiraku.reference.crypto import cose
from eiraku.spec import messages, objects
from eiraku.spec.errors import Refusal
from eiraku.spec.messages import Accept, Offer, OfferedUnit, Pay, Receipt, Redeliver, Reject, Request
from eiraku.spec.objects import ReceiptPayload

_SHOWN = 12
"""Digits of a name in a state."""


@dataclass(slots=True, kw_only=True)
class Meaning:
    """Of one wallet, since its provisioning. `us`: whom it meets."""

    wallet: Identity
    us: Identity | None = None
    offered: bytes = b""
    """The OFFER of the session, by whomever it was made."""
    _payments: dict[bytes, str] = field(default_factory=dict)
    """Names of the wallet's own transactions."""
    _sent: dict[bytes, tuple[bytes, tuple[bytes, ...]]] = field(default_factory=dict)
    """OFFER and endorsements of each."""
    _receipts: dict[tuple[bytes, bytes], bytes] = field(default_factory=dict)
    """Given by the wallet, by payer and transaction."""

    def told(self, plaintext: bytes | None) -> None:
        """The wallet is sent this."""
        match _decoded(plaintext):
            case Offer():
                self.offered = plaintext or b""
            case Redeliver(offer=offer):
                self.offered = offer

    def of(self, plaintext: bytes) -> tuple[object, ...]:
        """A message of the wallet."""
        match _decoded(plaintext):
            case Request() as request:
                return "REQUEST", request.amount, request.reference
            case Offer() as offer:
                self.offered = plaintext
                return "OFFER", self._name(offer.transaction), *_bundle(offer)
            case Accept() as accept:
                right = accept.offer_digest == hashlib.sha256(self.offered).digest()
                return "ACCEPT", self._name(accept.transaction, make=False), right
            case Pay() as pay:
                self._sent.setdefault(pay.transaction, (self.offered, pay.endorsements))
                return "PAY", self._name(pay.transaction), self._endorsed(pay.endorsements)
            case Redeliver() as redeliver:
                return self._redelivery(redeliver)
            case Receipt() as receipt:
                name = self._name(receipt.transaction, make=False)
                return "RECEIPT", name, self._receipted(receipt), self._given_before(receipt)
            case Reject() as reject:
                return "REJECT", reject.code, reject.index
        return "bytes", plaintext

    def lines(self, state: State, name: str) -> list[str]:
        """A part of its state."""
        found = state_lines(state, name)
        for transaction, payment in self._payments.items():
            found = [line.replace(transaction.hex()[:_SHOWN], payment) for line in found]
        return sorted(found)

    def _name(self, transaction: bytes, *, make: bool = True) -> str:
        """The wallet's own payments are counted; those of others are called as they are."""
        if make:
            self._payments.setdefault(transaction, f"of payment {len(self._payments) + 1}")
        return self._payments.get(transaction, transaction.hex())

    def _redelivery(self, message: Redeliver) -> tuple[object, ...]:
        offer = _decoded(message.offer)
        if not isinstance(offer, Offer):
            return "REDELIVER", "of what is no OFFER"
        self.offered = message.offer
        sent = self._sent.setdefault(offer.transaction, (message.offer, message.endorsements))
        same = sent == (message.offer, message.endorsements)
        name = self._name(offer.transaction)
        return "REDELIVER", name, *_bundle(offer), self._endorsed(message.endorsements), same

    def _endorsed(self, signatures: tuple[bytes, ...]) -> tuple[bool, ...]:
        """Which endorsements of the wallet verify; in the order of units that `_bundle` has."""
        offer = _decoded(self.offered)
        if not isinstance(offer, Offer) or self.us is None or len(signatures) != len(offer.units):
            return (False,) * len(signatures)
        payee = self.us.number
        found = {}
        for held, signature in zip(offer.units, signatures, strict=True):
            payload = endorsement_payload(
                held, payer=self.wallet.number, payee=payee, transaction=offer.transaction
            )
            found[identifier(held)] = self._verified(objects.CONTEXT_ENDORSEMENT, payload.encode(), signature)
        return tuple(found[name] for name in sorted(found))

    def _receipted(self, receipt: Receipt) -> bool:
        offer = _decoded(self.offered)
        if not isinstance(offer, Offer) or self.us is None:
            return False
        payload = ReceiptPayload(
            transaction=receipt.transaction,
            payer=self.us.number,
            payee=self.wallet.number,
            amount=offer.amount,
            offer_digest=hashlib.sha256(self.offered).digest(),
        )
        return self._verified(objects.CONTEXT_RECEIPT, payload.encode(), receipt.signature)

    def _given_before(self, receipt: Receipt) -> bool:
        """Whether it is the first of a transaction, or the very same again (EPP-CRS-010)."""
        payer = b"" if self.us is None else self.us.number
        return self._receipts.setdefault((payer, receipt.transaction), receipt.signature) == receipt.signature

    def _verified(self, context: bytes, payload: bytes, signature: bytes) -> bool:
        return cose.verify_detached(self.wallet.key.public, context, payload, signature)


def units_of(plaintext: bytes | None) -> tuple[int, frozenset[bytes]] | None:
    """Amount and units of an OFFER; None for anything else."""
    offer = _decoded(plaintext)
    if not isinstance(offer, Offer):
        return None
    return offer.amount, frozenset(map(identifier, offer.units))


def _bundle(offer: Offer) -> tuple[object, ...]:
    return offer.amount, tuple(sorted(map(_unit, offer.units)))


def _unit(held: OfferedUnit) -> tuple[str, int, int]:
    return identifier(held).hex(), held.hop, len(held.history)


def _decoded(plaintext: bytes | None) -> messages.Message | None:
    try:
        return None if plaintext is None else messages.decode(plaintext)
    except Refusal:
        return None
