"""The objects of the wholesale side, as values and as bytes (chapter 15): entries of the log, checkpoints.

No cryptography here: `encode` gives the bytes that are hashed or signed; `decode` refuses another shape with
MALFORMED. Postings have 16 bytes, roots 32; amounts are in minor units of the basket unit.
"""

from dataclasses import dataclass
from enum import IntEnum

from eiraku.spec import cbor, shape
from eiraku.spec.errors import Code, Refusal

CONTEXT_CHECKPOINT = b"EPP/1 checkpoint"

ENTRY_MAX = 64
"""Greatest length of an encoded entry, in bytes."""
CHECKPOINT_MAX = 256
"""Greatest length of a signed checkpoint, in bytes."""
ORIGIN_MAX = 64
"""Greatest length of the name of a log, in bytes of UTF-8."""
SIZE_MAX = 2**53 - 1
"""Greatest number of entries in a log."""


class Kind(IntEnum):
    """What an entry does (EPP-WHS-008)."""

    JOIN = 0
    CONTRIBUTE = 1
    WITHDRAW = 2
    ISSUE = 3
    REDEEM = 4
    TRANSFER = 5


PAIRED = frozenset({Kind.ISSUE, Kind.REDEEM, Kind.TRANSFER})
"""Kinds in which another economy than the first may take part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One posting, and one leaf of the log (EPP-WHS-008).

    `economy`: whose coin or bonds; `at`: the economy on the other side, equal to `economy` if there is none.
    `amount`: minor units, 0 only for JOIN.
    """

    posting: bytes
    kind: Kind
    epoch: int
    economy: int
    at: int
    amount: int

    @property
    def label(self) -> str:
        """Name of the kind for people; a redemption abroad is a reflux."""
        return "reflux" if self.kind is Kind.REDEEM and self.at != self.economy else self.kind.name.lower()

    def encode(self) -> bytes:
        """Bytes of the leaf."""
        return cbor.encode((self.posting, int(self.kind), self.epoch, self.economy, self.at, self.amount))

    @classmethod
    def decode(cls, data: bytes) -> "Entry":
        """Read a leaf. Raises Refusal (MALFORMED, TOO_LARGE)."""
        # EPP-WHS-008
        rule = "EPP-WHS-008"
        fields = shape.array(cbor.decode(data, limit=ENTRY_MAX), rule, "entry", 6)
        posting, kind, epoch, economy, at, amount = fields
        entry = cls(
            posting=shape.octets(posting, rule, "posting", 16),
            kind=Kind(shape.uint(kind, rule, "kind", 0, len(Kind) - 1)),
            epoch=shape.uint(epoch, rule, "epoch", 0, shape.EPOCH_MAX),
            economy=shape.uint(economy, rule, "economy", 1, 65535),
            at=shape.uint(at, rule, "at", 1, 65535),
            amount=shape.amount(amount, rule, "amount"),
        )
        if entry.at != entry.economy and entry.kind not in PAIRED:
            raise Refusal(Code.MALFORMED, rule, f"{entry.label}: no other economy takes part in it")
        if entry.kind is Kind.TRANSFER and entry.at == entry.economy:
            raise Refusal(Code.MALFORMED, rule, "transfer: expected another economy")
        if (entry.amount == 0) != (entry.kind is Kind.JOIN):
            raise Refusal(Code.MALFORMED, rule, f"{entry.label}: amount {entry.amount}; 0 is for join only")
        return entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What the operator signs about its log (EPP-WHS-004). `root`: 32 bytes over `size` entries."""

    origin: str
    size: int
    root: bytes
    epoch: int

    def encode(self) -> bytes:
        """Bytes of the payload."""
        return cbor.encode((self.origin, self.size, self.root, self.epoch))

    @classmethod
    def decode(cls, payload: bytes) -> "Checkpoint":
        """Read a payload. Raises Refusal (MALFORMED, TOO_LARGE)."""
        # EPP-WHS-004
        rule = "EPP-WHS-004"
        fields = shape.array(cbor.decode(payload, limit=CHECKPOINT_MAX), rule, "checkpoint", 4)
        origin, size, root, epoch = fields
        if origin == "":
            raise Refusal(Code.MALFORMED, rule, "origin: expected a name")
        return cls(
            origin=shape.text(origin, rule, "origin", ORIGIN_MAX),
            size=shape.uint(size, rule, "size", 0, SIZE_MAX),
            root=shape.octets(root, rule, "root", 32),
            epoch=shape.uint(epoch, rule, "epoch", 0, shape.EPOCH_MAX),
        )
