"""What a centre's root signs: the list of its keys (chapter 3), as values and as payload bytes.

No cryptography here, and no judgement of the keys: `decode` refuses another shape with MALFORMED. A validity
is a pair of epochs, both included.
"""

from enum import StrEnum
from hashlib import sha256
from typing import Annotated, TypeAlias

from eiraku.spec import shape
from eiraku.spec.fields import Epoch
from eiraku.spec.layout import Count, Octets, Uint
from eiraku.spec.record import Record, record

CONTEXT_DEVICE_KEYS = b"EPP/1 device keys"
CONTEXT_MONEY_KEYS = b"EPP/1 money keys"

LIST_MAX = 4096
"""Greatest length of a signed list, in bytes (EPP-KEY-021)."""
ENTRIES_MAX = 32
SCHEME_KEYS_MAX = 4
"""Scheme keys that a purse holds (EPP-KEY-049)."""

Sequence: TypeAlias = Annotated[int, Uint(0, shape.AMOUNT_MAX)]
Key: TypeAlias = Annotated[bytes, Octets(32)]
"""The public half of a key, or a scheme key."""
SchemeKeyId: TypeAlias = Annotated[bytes, Octets(8)]


class Centre(StrEnum):
    """Whose keys a list names."""

    DEVICE = "device"
    MONEY = "money"


@record("EPP-KEY-022")
class DeviceKeys(Record):
    """Payload of the device centre's list: (public key, from, to), and (scheme key id, from, to)."""

    sequence: Sequence
    expires: Epoch
    keys: Annotated[tuple[tuple[Key, Epoch, Epoch], ...], Count(1, ENTRIES_MAX)]
    scheme: Annotated[tuple[tuple[SchemeKeyId, Epoch, Epoch], ...], Count(1, ENTRIES_MAX)]


@record("EPP-KEY-022")
class MoneyKeys(Record):
    """Payload of the issuing centre's list: (unit key, history key, from, to)."""

    sequence: Sequence
    expires: Epoch
    keys: Annotated[tuple[tuple[Key, Key, Epoch, Epoch], ...], Count(1, ENTRIES_MAX)]


def scheme_key_id(key: bytes) -> bytes:
    """By which 8 bytes a list names a scheme key of 32 bytes."""
    return sha256(b"EPP/1 scheme key" + key).digest()[:8]
