"""What the tester's purse says in a transfer, as payer and as payee, right or with one fault.

A voice answers the message that was heard last (None: nothing yet) with the next one, or None at the end.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from eiraku.conformance.lockstep.faults import GOOD, Draft, Fault, Scene
from eiraku.conformance.lockstep.peer import Random, Said
from eiraku.conformance.tester.world import Identity, World, endorse, identifier
from eiraku.reference.centres import issuing
from eiraku.reference.crypto import cose
from eiraku.spec import messages, objects
from eiraku.spec.messages import (
    Accept,
    Message,
    Offer,
    OfferedUnit,
    Pay,
    Receipt,
    Redeliver,
    Request,
    offer_digest,
)
from eiraku.spec.objects import ReceiptPayload

REFERENCE = "till 7"
Spoil = Callable[[Said], Said]
"""Last word on a message."""


@dataclass(slots=True, kw_only=True)
class Purses:
    """What the tester's purses have and remember, all of them together: no wallet knows who is behind which.

    It is kept once for each of the two in lock-step.
    """

    world: World
    random: Random
    units: list[OfferedUnit] = field(default_factory=list)
    """Each unit at each hop at which it was ever here: copies are kept."""
    given: list[Draft] = field(default_factory=list)
    """What was endorsed to the wallet."""
    taken: dict[bytes, tuple[Identity, Offer]] = field(default_factory=dict)
    """What the wallet has endorsed to one of them, by transaction."""

    def newest(self, gone: Iterable[bytes]) -> list[OfferedUnit]:
        """Each unit at its highest hop, but for those of these identifiers."""
        found: dict[bytes, OfferedUnit] = {}
        for held in self.units:
            name = identifier(held)
            if name not in found or held.hop > found[name].hop:
                found[name] = held
        without = set(gone)
        return [held for name, held in found.items() if name not in without]

    def take(self, us: Identity, offer: Offer, endorsements: Iterable[bytes]) -> None:
        """The units that the wallet endorsed to `us`, once."""
        if offer.transaction in self.taken:
            return
        self.taken[offer.transaction] = (us, offer)
        for held, signature in zip(offer.units, endorsements, strict=False):
            self.units.append(held)
            self._wrap(held, self.world.wallet, us, offer.transaction, signature)

    def pass_on(self, held: OfferedUnit, payer: Identity, payee: Identity) -> OfferedUnit:
        """A unit goes from one of them to another."""
        transaction = self.random(16)
        signature = endorse(held, payer=payer, payee=payee.number, transaction=transaction)
        return self._wrap(held, payer, payee, transaction, signature)

    def _wrap(
        self, held: OfferedUnit, payer: Identity, payee: Identity, transaction: bytes, signature: bytes
    ) -> OfferedUnit:
        keys = {key.kid: key.history_key.public for key in self.world.issuing.keys}
        taken = issuing.taken(
            held,
            payer=payer.number,
            payee=payee.number,
            transaction=transaction,
            signature=signature,
            history_key=keys[cose.parse(held.unit).kid or b""],
            ephemeral=self.random(32),
        )
        self.units.append(taken)
        return taken


@dataclass(slots=True, kw_only=True)
class Paying:
    """Pays the wallet. `at_once`: by REDELIVER; `fault`: in this scene."""

    purses: Purses
    draft: Draft
    at_once: bool = False
    fault: Fault = GOOD
    scene: Scene | None = None
    spoil: Spoil = field(default=lambda said: said)

    def __call__(self, heard: Message | None) -> Said | None:
        """See the module."""
        match heard:
            case None | Request() if self.at_once:
                self.draft = self._faulty(self._faulty(self.draft, signing=False), signing=True)
                self.purses.given.append(self.draft)
                return self.spoil(said(self.draft.redeliver))
            case None | Request():
                self.draft = self._faulty(self.draft, signing=False)
                return self.spoil(said(self.draft.offer))
            case Accept():
                self.draft = self._faulty(self.draft, signing=True)
                self.purses.given.append(self.draft)
                return self.spoil(said(self.draft.pay))
        return None

    def _faulty(self, draft: Draft, *, signing: bool) -> Draft:
        if self.scene is None or self.fault.signing is not signing:
            return draft
        return self.fault.spoil(draft, self.scene)


@dataclass(slots=True, kw_only=True)
class Paid:
    """Is paid by the wallet. `asks`: the amount of its REQUEST, if it begins."""

    purses: Purses
    us: Identity
    asks: int
    spoil: Spoil = field(default=lambda said: said)
    offer: bytes = b""
    """The OFFER as it was heard."""

    def __call__(self, heard: Message | None) -> Said | None:
        """See the module."""
        match heard:
            case None:
                return self.spoil(said(Request(amount=self.asks, reference=REFERENCE)))
            case Offer():
                self.offer = heard.encode()
                digest = offer_digest(self.offer)
                return self.spoil(said(Accept(transaction=heard.transaction, offer_digest=digest)))
            case Pay():
                return self._receipt(heard.endorsements)
            case Redeliver():
                self.offer = heard.offer
                return self._receipt(heard.endorsements)
        return None

    def _receipt(self, endorsements: tuple[bytes, ...]) -> Said:
        offer = messages.decode(self.offer)
        if not isinstance(offer, Offer):
            raise AssertionError("the oracle would not say so")
        self.purses.take(self.us, offer, endorsements)
        return self.spoil(said(receipt(self.purses.world, self.us, offer, self.offer)))


def receipt(world: World, us: Identity, offer: Offer, encoded: bytes) -> Receipt:
    """The right RECEIPT by `us` for what the wallet has paid."""
    payload = ReceiptPayload(
        transaction=offer.transaction,
        payer=world.wallet.number,
        payee=us.number,
        amount=offer.amount,
        offer_digest=offer_digest(encoded),
    )
    signature = cose.sign_detached(us.key, objects.CONTEXT_RECEIPT, payload.encode())
    return Receipt(transaction=offer.transaction, signature=signature)


def said(message: Message) -> Said:
    """A message with its name."""
    return Said(name=type(message).__name__.upper(), plaintext=message.encode())
