"""The seven messages of a transfer, as values and as bytes (chapter 7).

`decode` refuses whatever is not exactly one of them with MALFORMED. Digests are 32 bytes, transactions 16,
signatures 64; amounts are in minor units; `index` counts units of the offer from 0.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar, TypeAlias

from eiraku.spec import cbor, shape
from eiraku.spec.errors import Code, Refusal

RULE = "EPP-TRF-002"
LIMIT = 65535
"""Greatest length of a message, in bytes (EPP-ENC-010)."""
REFERENCE_MAX = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """The payee asks for an amount; `reference` is text for people, at most 64 bytes."""

    TYPE: ClassVar[int] = 1
    amount: int
    reference: str = ""

    def encode(self) -> bytes:
        """Bytes of the message."""
        return cbor.encode((self.TYPE, self.amount, self.reference))

    @classmethod
    def read(cls, fields: tuple[cbor.Item, ...]) -> "Request":
        """From the items after the type."""
        amount, reference = shape.array(fields, RULE, "REQUEST", 2)
        return cls(
            amount=shape.amount(amount, RULE, "amount"),
            reference=shape.text(reference, RULE, "reference", REFERENCE_MAX),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferedUnit:
    """One unit of an offer: the signed unit, the hop at which the payer holds it, its sealed history."""

    unit: bytes
    hop: int
    history: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """The payer offers units; its encoding is what ACCEPT and RECEIPT are about."""

    TYPE: ClassVar[int] = 2
    transaction: bytes
    amount: int
    units: tuple[OfferedUnit, ...]

    def encode(self) -> bytes:
        """Bytes of the message."""
        units = tuple((u.unit, u.hop, u.history) for u in self.units)
        return cbor.encode((self.TYPE, self.transaction, self.amount, units))

    @classmethod
    def read(cls, fields: tuple[cbor.Item, ...]) -> "Offer":
        """From the items after the type."""
        transaction, amount, units = shape.array(fields, RULE, "OFFER", 3)
        return cls(
            transaction=shape.octets(transaction, RULE, "transaction", 16),
            amount=shape.amount(amount, RULE, "amount"),
            units=tuple(_offered(unit) for unit in shape.array(units, RULE, "units")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Accept:
    """The payee agrees to the offer with this digest."""

    TYPE: ClassVar[int] = 3
    transaction: bytes
    offer_digest: bytes

    def encode(self) -> bytes:
        """Bytes of the message."""
        return cbor.encode((self.TYPE, self.transaction, self.offer_digest))

    @classmethod
    def read(cls, fields: tuple[cbor.Item, ...]) -> "Accept":
        """From the items after the type."""
        transaction, digest = shape.array(fields, RULE, "ACCEPT", 2)
        return cls(
            transaction=shape.octets(transaction, RULE, "transaction", 16),
            offer_digest=shape.octets(digest, RULE, "offer digest", 32),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pay:
    """The payer gives the units away: one endorsement signature for each, in the order of the offer."""

    TYPE: ClassVar[int] = 4
    transaction: bytes
    endorsements: tuple[bytes, ...]

    def encode(self) -> bytes:
        """Bytes of the message."""
        return cbor.encode((self.TYPE, self.transaction, self.endorsements))

    @classmethod
    def read(cls, fields: tuple[cbor.Item, ...]) -> "Pay":
        """From the items after the type."""
        transaction, endorsements = shape.array(fields, RULE, "PAY", 2)
        return cls(
            transaction=shape.octets(transaction, RULE, "transaction", 16),
            endorsements=_signatures(endorsements),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The payee has credited the transaction."""

    TYPE: ClassVar[int] = 5
    transaction: bytes
    signature: bytes

    def encode(self) -> bytes:
        """Bytes of the message."""
        return cbor.encode((self.TYPE, self.transaction, self.signature))

    @classmethod
    def read(cls, fields: tuple[cbor.Item, ...]) -> "Receipt":
        """From the items after the type."""
        transaction, signature = shape.array(fields, RULE, "RECEIPT", 2)
        return cls(
            transaction=shape.octets(transaction, RULE, "transaction", 16),
            signature=shape.octets(signature, RULE, "signature", 64),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeliver:
    """Everything again: the bytes of the OFFER as sent, and the endorsements."""

    TYPE: ClassVar[int] = 6
    offer: bytes
    endorsements: tuple[bytes, ...]

    def encode(self) -> bytes:
        """Bytes of the message."""
        return cbor.encode((self.TYPE, self.offer, self.endorsements))

    @classmethod
    def read(cls, fields: tuple[cbor.Item, ...]) -> "Redeliver":
        """From the items after the type."""
        offer, endorsements = shape.array(fields, RULE, "REDELIVER", 2)
        return cls(
            offer=shape.octets(offer, RULE, "offer", 0, LIMIT),
            endorsements=_signatures(endorsements),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Either side refuses. `code` may be one that this version does not know (EPP-TRF-006)."""

    TYPE: ClassVar[int] = 7
    code: int
    index: int | None

    def encode(self) -> bytes:
        """Bytes of the message."""
        return cbor.encode((self.TYPE, self.code, self.index))

    @classmethod
    def read(cls, fields: tuple[cbor.Item, ...]) -> "Reject":
        """From the items after the type."""
        code, index = shape.array(fields, RULE, "REJECT", 2)
        return cls(
            code=shape.uint(code, RULE, "code", 1, 65535),
            index=None if index is None else shape.uint(index, RULE, "index", 0, 65535),
        )


Message: TypeAlias = Request | Offer | Accept | Pay | Receipt | Redeliver | Reject

_KINDS: tuple[type[Message], ...] = (Request, Offer, Accept, Pay, Receipt, Redeliver, Reject)


def decode(data: bytes) -> Message:
    """Read one message of at most 65 535 bytes. Raises Refusal (MALFORMED or TOO_LARGE)."""
    fields = shape.array(cbor.decode(data, limit=LIMIT), RULE, "message")
    # EPP-TRF-002
    if not fields:
        raise Refusal(Code.MALFORMED, RULE, "message: empty array")
    kind = shape.uint(fields[0], RULE, "type", 1, len(_KINDS))
    return _KINDS[kind - 1].read(fields[1:])


def offer_digest(offer: bytes) -> bytes:
    """SHA-256 digest of the bytes of an OFFER, 32 bytes."""
    return sha256(offer).digest()


def _offered(item: cbor.Item) -> OfferedUnit:
    unit, hop, history = shape.array(item, RULE, "offered unit", 3)
    return OfferedUnit(
        unit=shape.octets(unit, RULE, "unit", 0, LIMIT),
        hop=shape.uint(hop, RULE, "hop", 0, 255),
        history=shape.octets(history, RULE, "history", 0, LIMIT),
    )


def _signatures(item: cbor.Item) -> tuple[bytes, ...]:
    return tuple(
        shape.octets(signature, RULE, "endorsement", 64)
        for signature in shape.array(item, RULE, "endorsements")
    )
