"""The objects of the wholesale side, as values and as bytes (chapter 15): entries of the log, checkpoints.

No cryptography here: `encode` gives the bytes that are hashed or signed; `decode` refuses another shape with
MALFORMED. Amounts are in minor units of the basket unit.
"""

from enum import IntEnum
from typing import Annotated

from eiraku.spec.errors import Code, Refusal
from eiraku.spec.fields import Amount, Digest, Economy, Epoch
from eiraku.spec.layout import Octets, Text, Uint
from eiraku.spec.record import Record, record

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


def _possible(entry: "Entry") -> None:
    # EPP-WHS-008
    rule = "EPP-WHS-008"
    if entry.at != entry.economy and entry.kind not in PAIRED:
        raise Refusal(Code.MALFORMED, rule, f"{entry.label}: no other economy takes part in it")
    if entry.kind is Kind.TRANSFER and entry.at == entry.economy:
        raise Refusal(Code.MALFORMED, rule, "transfer: expected another economy")
    if (entry.amount == 0) != (entry.kind is Kind.JOIN):
        raise Refusal(Code.MALFORMED, rule, f"{entry.label}: amount {entry.amount}; 0 is for join only")


@record("EPP-WHS-008", limit=ENTRY_MAX, check=_possible)
class Entry(Record):
    """One posting, and one leaf of the log (EPP-WHS-008).

    `economy`: whose coin or bonds; `at`: the economy on the other side, equal to `economy` if there is none.
    `amount`: minor units, 0 only for JOIN.
    """

    posting: Annotated[bytes, Octets(16)]
    kind: Kind
    epoch: Epoch
    economy: Economy
    at: Economy
    amount: Amount

    @property
    def label(self) -> str:
        """Name of the kind for people; a redemption abroad is a reflux."""
        return "reflux" if self.kind is Kind.REDEEM and self.at != self.economy else self.kind.name.lower()


@record("EPP-WHS-004", limit=CHECKPOINT_MAX)
class Checkpoint(Record):
    """What the operator signs about its log (EPP-WHS-004): the root over `size` entries."""

    origin: Annotated[str, Text(1, ORIGIN_MAX)]
    size: Annotated[int, Uint(0, SIZE_MAX)]
    root: Digest
    epoch: Epoch
