"""The seven messages of a transfer, as values and as bytes (chapter 7).

`decode` refuses whatever is not exactly one of them with MALFORMED. Amounts are in minor units; `index`
counts units of the offer from 0.
"""

from hashlib import sha256
from typing import Annotated, ClassVar, TypeAlias

from eiraku.spec import cbor
from eiraku.spec.fields import Amount, Digest, Encoded, Hop, Signature, Transaction
from eiraku.spec.layout import Text, Uint
from eiraku.spec.record import Record, one_of, record

RULE = "EPP-TRF-002"
LIMIT = cbor.LIMIT
"""Greatest length of a message, in bytes (EPP-ENC-010)."""
REFERENCE_MAX = 64


@record(RULE)
class Request(Record):
    """The payee asks for an amount; `reference` is text for people."""

    TYPE: ClassVar[int] = 1
    amount: Amount
    reference: Annotated[str, Text(0, REFERENCE_MAX)] = ""


@record(RULE)
class OfferedUnit(Record):
    """One unit of an offer: the signed unit, the hop at which the payer holds it, its sealed history."""

    unit: Encoded
    hop: Hop
    history: Encoded


@record(RULE)
class Offer(Record):
    """The payer offers units; its encoding is what ACCEPT and RECEIPT are about."""

    TYPE: ClassVar[int] = 2
    transaction: Transaction
    amount: Amount
    units: tuple[OfferedUnit, ...]


@record(RULE)
class Accept(Record):
    """The payee agrees to the offer with this digest."""

    TYPE: ClassVar[int] = 3
    transaction: Transaction
    offer_digest: Digest


@record(RULE)
class Pay(Record):
    """The payer gives the units away: one endorsement signature for each, in the order of the offer."""

    TYPE: ClassVar[int] = 4
    transaction: Transaction
    endorsements: tuple[Signature, ...]


@record(RULE)
class Receipt(Record):
    """The payee has credited the transaction."""

    TYPE: ClassVar[int] = 5
    transaction: Transaction
    signature: Signature


@record(RULE)
class Redeliver(Record):
    """Everything again: the bytes of the OFFER as sent, and the endorsements."""

    TYPE: ClassVar[int] = 6
    offer: Encoded
    endorsements: tuple[Signature, ...]


@record(RULE)
class Reject(Record):
    """Either side refuses. `code` may be one that this version does not know (EPP-TRF-006)."""

    TYPE: ClassVar[int] = 7
    code: Annotated[int, Uint(1, 65535)]
    index: Annotated[int, Uint(0, 65535)] | None


Message: TypeAlias = Request | Offer | Accept | Pay | Receipt | Redeliver | Reject

KINDS: tuple[type[Message], ...] = (Request, Offer, Accept, Pay, Receipt, Redeliver, Reject)


def decode(data: bytes) -> Message:
    """Read one message of at most 65 535 bytes. Raises Refusal (MALFORMED or TOO_LARGE)."""
    # EPP-TRF-002
    return one_of(KINDS, data, "message")


def offer_digest(offer: bytes) -> bytes:
    """SHA-256 digest of the bytes of an OFFER, 32 bytes."""
    return sha256(offer).digest()
