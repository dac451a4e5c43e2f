"""What can be wrong with what a payee says to the wallet, one thing at a time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from eiraku.conformance.lockstep.faults import Scene, flip, malleable
from eiraku.conformance.lockstep.peer import Said
from eiraku.conformance.lockstep.voices import Paid, said
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec import messages, objects
from eiraku.spec.messages import Accept, Message, Offer, Receipt, Request, offer_digest
from eiraku.spec.objects import ReceiptPayload
from eiraku.spec.shape import AMOUNT_MAX

Change = Callable[[Paid, Message, Scene], Message]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault of REQUEST, ACCEPT or RECEIPT. `rules` as in `faults.Fault`."""

    name: str
    rules: tuple[str, ...]
    of: type[Message] | None
    change: Change

    def spoiling(self, voice: Callable[[], Paid], scene: Scene) -> Callable[[Said], Said]:
        """The last word on a message of this payee."""

        def spoil(right: Said) -> Said:
            message = messages.decode(right.plaintext)
            if self.of is None or not isinstance(message, self.of):
                return right
            return said(self.change(voice(), message, scene))

        return spoil


def _request(_: Paid, message: Message, scene: Scene) -> Message:
    if not isinstance(message, Request):
        raise AssertionError("a fault of REQUEST")
    return replace(message, amount=min(message.amount + scene.off, AMOUNT_MAX))


def _accept(**changes: Callable[[Scene], Any]) -> Change:
    def change(_: Paid, message: Message, scene: Scene) -> Message:
        if not isinstance(message, Accept):
            raise AssertionError("a fault of ACCEPT")
        return replace(message, **{name: make(scene) for name, make in changes.items()})

    return change


def _receipt(alter: Callable[[bytes, Scene], bytes]) -> Change:
    """Another signature."""

    def change(_: Paid, message: Message, scene: Scene) -> Message:
        if not isinstance(message, Receipt):
            raise AssertionError("a fault of RECEIPT")
        return replace(message, signature=alter(message.signature, scene))

    return change


def _over(
    key: Callable[[Paid, Scene], SigningKey] | None = None, **changes: Callable[[Any, Scene], Any]
) -> Change:
    """A signature over another payload, or by another key. Of each change: the right value, the scene."""

    def change(voice: Paid, message: Message, scene: Scene) -> Message:
        offer = messages.decode(voice.offer)
        if not isinstance(message, Receipt) or not isinstance(offer, Offer):
            raise AssertionError("a fault of RECEIPT")
        right = ReceiptPayload(
            transaction=offer.transaction,
            payer=voice.purses.world.wallet.number,
            payee=voice.us.number,
            amount=offer.amount,
            offer_digest=offer_digest(voice.offer),
        )
        wrong = replace(right, **{name: make(getattr(right, name), scene) for name, make in changes.items()})
        signer = voice.us.key if key is None else key(voice, scene)
        signature = cose.sign_detached(signer, objects.CONTEXT_RECEIPT, wrong.encode())
        return replace(message, signature=signature)

    return change


def _replayed(voice: Paid, message: Message, _: Scene) -> Message:
    """The receipt for what this payee was paid first."""
    us, offer = next(iter(voice.purses.taken.values()))
    payload = ReceiptPayload(
        transaction=offer.transaction,
        payer=voice.purses.world.wallet.number,
        payee=us.number,
        amount=offer.amount,
        offer_digest=offer_digest(offer.encode()),
    )
    if not isinstance(message, Receipt):
        raise AssertionError("a fault of RECEIPT")
    return replace(message, signature=cose.sign_detached(us.key, objects.CONTEXT_RECEIPT, payload.encode()))


def _more(amount: int, scene: Scene) -> int:
    return (amount + scene.off) % AMOUNT_MAX


def _of_receipt(name: str, change: Change) -> Fault:
    return Fault(name=name, rules=("EPP-TRF-017",), of=Receipt, change=change)


GOOD = Fault(name="nothing", rules=(), of=None, change=lambda _, message, __: message)
PAY_ONLY = (
    Fault(name="request-for-another-amount", rules=("EPP-TRF-013",), of=Request, change=_request),
    Fault(
        name="accept-of-another-transaction",
        rules=("EPP-TRF-015",),
        of=Accept,
        change=_accept(transaction=lambda scene: scene.random(16)),
    ),
    Fault(
        name="accept-of-another-offer",
        rules=("EPP-TRF-015",),
        of=Accept,
        change=_accept(offer_digest=lambda scene: scene.random(32)),
    ),
)
"""Faults of what only a payee says that is not owed anything; in a redelivery they are none."""
RECEIPTS = (
    Fault(
        name="receipt-of-another-transaction",
        rules=("EPP-TRF-017",),
        of=Receipt,
        change=lambda _, message, scene: Receipt(
            transaction=scene.random(16), signature=getattr(message, "signature", b"")
        ),
    ),
    _of_receipt("receipt-altered", _receipt(lambda found, _: flip(found))),
    _of_receipt("receipt-plus-L", _receipt(lambda found, _: malleable(found))),
    _of_receipt("receipt-of-zeros", _receipt(lambda *_: bytes(64))),
    _of_receipt("receipt-of-another-amount", _over(amount=_more)),
    _of_receipt("receipt-of-another-payer", _over(payer=lambda _, scene: scene.random(8))),
    _of_receipt("receipt-of-another-payee", _over(payee=lambda _, scene: scene.random(8))),
    _of_receipt("receipt-of-another-offer", _over(offer_digest=lambda found, _: flip(found))),
    _of_receipt("receipt-signed-for-another", _over(transaction=lambda _, scene: scene.random(16))),
    _of_receipt("receipt-by-another", _over(key=lambda _, scene: SigningKey(scene.random(32)))),
    _of_receipt("receipt-of-an-earlier-payment", _replayed),
)
ALL = (GOOD, *PAY_ONLY, *RECEIPTS)
