"""The objects of the wholesale side (chapter 15): entries of the log as bytes, checkpoints as text.

No cryptography here: `encode` gives what is hashed or signed; `decode` refuses another shape with MALFORMED.
Amounts are in minor units of the basket unit.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, NoReturn

from eiraku.spec.errors import Code, Refusal
from eiraku.spec.fields import Amount, Economy, Epoch
from eiraku.spec.layout import Octets
from eiraku.spec.record import Record, record
from eiraku.spec.shape import EPOCH_MAX
from eiraku.spec.signed_note import decimal, from_base64, is_key_name, to_base64

ENTRY_MAX = 64
"""Greatest length of an encoded entry, in bytes."""
ORIGIN_MAX = 64
"""Greatest length of the name of a log, in bytes of UTF-8."""
SIZE_MAX = 2**53 - 1
"""Greatest number of entries in a log."""
_EPOCH = "epoch "


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
    # EPP-WHS-039
    if entry.at != entry.economy and entry.kind not in PAIRED:
        raise Refusal(Code.MALFORMED, "EPP-WHS-039", f"{entry.label}: no other economy takes part in it")
    if entry.kind is Kind.TRANSFER and entry.at == entry.economy:
        raise Refusal(Code.MALFORMED, "EPP-WHS-039", "transfer: expected another economy")
    # EPP-WHS-040
    if (entry.amount == 0) != (entry.kind is Kind.JOIN):
        raise Refusal(
            Code.MALFORMED, "EPP-WHS-040", f"{entry.label}: amount {entry.amount}; 0 is for join only"
        )


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What the operator signs about its log (EPP-WHS-004): the root (32 bytes) over `size` entries.

    `extensions`: lines after that of the epoch, without newlines; signed, and otherwise ignored.
    """

    origin: str
    size: int
    root: bytes
    epoch: int
    extensions: tuple[str, ...] = ()

    def encode(self) -> str:
        """The text of the note."""
        lines = (self.origin, str(self.size), to_base64(self.root), f"{_EPOCH}{self.epoch}", *self.extensions)
        return "\n".join(lines) + "\n"

    @classmethod
    def decode(cls, text: str) -> "Checkpoint":
        """Read the text of a note. Raises Refusal."""
        lines = text.split("\n")
        # EPP-WHS-018
        if len(lines) < 5 or lines[-1] or not all(lines[:-1]):
            _unlike("expected lines with origin, size, root and epoch, none of them empty")
        origin, size, root, epoch, *extensions = lines[:-1]
        if not is_origin(origin):
            _unlike(f"origin: expected a name of 1 to {ORIGIN_MAX} bytes without white space and plus sign")
        found_size, found_root = decimal(size, SIZE_MAX), from_base64(root)
        if found_size is None:
            _unlike(f"size: expected a decimal number from 0 to {SIZE_MAX} without leading zeros")
        if found_root is None or len(found_root) != 32:
            _unlike("root: expected base64 of 32 bytes")
        found_epoch = decimal(epoch.removeprefix(_EPOCH), EPOCH_MAX) if epoch.startswith(_EPOCH) else None
        if found_epoch is None or any(line.startswith(_EPOCH) for line in extensions):
            _unlike(f"expected the line `epoch` and a number from 0 to {EPOCH_MAX} after the root, and once")
        return cls(
            origin=origin,
            size=found_size,
            root=found_root,
            epoch=found_epoch,
            extensions=tuple(extensions),
        )


def is_origin(name: str) -> bool:
    """Whether a log may have this name: that of a key, and short enough."""
    return is_key_name(name) and len(name.encode()) <= ORIGIN_MAX


def _unlike(detail: str) -> NoReturn:
    raise Refusal(Code.MALFORMED, "EPP-WHS-018", detail)
