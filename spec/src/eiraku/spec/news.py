"""The messages by which two purses pass on key lists and bulletins before a session (EPP-DEV-021).

Each is a CBOR array whose first item is its type, so its first byte is 0x81 to 0x84; message_1 of a session
begins with an integer below 0x04. `epoch` is that of a bulletin; `position` counts its chunks from 0.
"""

from enum import IntEnum
from typing import Annotated, ClassVar, TypeAlias

from eiraku.spec import cbor
from eiraku.spec.bulletins import BULLETIN_MAX, DELTA_MAX
from eiraku.spec.fields import Epoch
from eiraku.spec.key_lists import LIST_MAX, Sequence
from eiraku.spec.layout import Octets, Uint
from eiraku.spec.record import Record, one_of, record
from eiraku.spec.revoked import CHUNK, CHUNKS_MAX

RULE = "EPP-DEV-021"
LIMIT = cbor.LIMIT + 16
"""Greatest length of a message, in bytes: a delta and its heads."""


Position: TypeAlias = Annotated[int, Uint(0, CHUNKS_MAX - 1)]


@record(RULE, limit=LIMIT)
class Have(Record):
    """The epoch of my bulletin, 0 without one, and the sequences of my key lists."""

    TYPE: ClassVar[int] = 1
    epoch: Epoch
    device: Sequence
    money: Sequence


@record(RULE, limit=LIMIT)
class AskBulletin(Record):
    """Send your bulletin."""

    TYPE: ClassVar[int] = 2


@record(RULE, limit=LIMIT)
class AskChunk(Record):
    """Send one chunk of the list of the bulletin of this epoch."""

    TYPE: ClassVar[int] = 3
    epoch: Epoch
    position: Position


@record(RULE, limit=LIMIT)
class AskDelta(Record):
    """Send the delta from the bulletin of one epoch to that of a later one."""

    TYPE: ClassVar[int] = 4
    epoch: Epoch
    from_epoch: Epoch


@record(RULE, limit=LIMIT)
class Signed(Record):
    """A bulletin, as signed."""

    TYPE: ClassVar[int] = 5
    signed: Annotated[bytes, Octets(1, BULLETIN_MAX)]


@record(RULE, limit=LIMIT)
class Chunk(Record):
    """One chunk of a list."""

    TYPE: ClassVar[int] = 6
    epoch: Epoch
    position: Position
    data: Annotated[bytes, Octets(0, CHUNK)]


@record(RULE, limit=LIMIT)
class Difference(Record):
    """A delta to the bulletin of this epoch."""

    TYPE: ClassVar[int] = 7
    epoch: Epoch
    delta: Annotated[bytes, Octets(1, DELTA_MAX)]


@record(RULE, limit=LIMIT)
class Nothing(Record):
    """I do not have what you asked for."""

    TYPE: ClassVar[int] = 8


@record(RULE, limit=LIMIT)
class Done(Record):
    """I want nothing more."""

    TYPE: ClassVar[int] = 9


class Whose(IntEnum):
    """The centre whose key list is asked for."""

    DEVICE = 1
    MONEY = 2


@record(RULE, limit=LIMIT)
class AskKeys(Record):
    """Send your key list of one centre."""

    TYPE: ClassVar[int] = 10
    centre: Whose


@record(RULE, limit=LIMIT)
class Keys(Record):
    """A key list, as signed."""

    TYPE: ClassVar[int] = 11
    signed: Annotated[bytes, Octets(1, LIST_MAX)]


News: TypeAlias = (
    Have | AskBulletin | AskChunk | AskDelta | Signed | Chunk | Difference | Nothing | Done | AskKeys | Keys
)

KINDS: tuple[type[News], ...] = (
    *(Have, AskBulletin, AskChunk, AskDelta, Signed, Chunk, Difference, Nothing, Done),
    *(AskKeys, Keys),
)


def is_news(data: bytes) -> bool:
    """Whether bytes that come where message_1 may come belong here: they begin with an array."""
    # EPP-DEV-021
    return len(data) > 0 and data[0] >> 5 == 4


def decode(data: bytes) -> News:
    """Read one message. Raises Refusal (MALFORMED, TOO_LARGE)."""
    # EPP-DEV-021
    return one_of(KINDS, data, "news")
