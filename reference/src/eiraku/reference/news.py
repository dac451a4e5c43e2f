"""The messages by which two purses pass on bulletins before a session, as values and bytes (EPP-DEV-021).

Each is a CBOR array whose first item is its type, so its first byte is 0x81 to 0x84; message_1 of a session
begins with an integer below 0x04. `epoch` is that of a bulletin; `position` counts its chunks from 0.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from eiraku.spec import cbor, shape
from eiraku.spec.centre_objects import CHUNK, CHUNKS_MAX
from eiraku.spec.errors import Code, Refusal

RULE = "EPP-DEV-021"
LIMIT = cbor.LIMIT + 8
"""Greatest length of a message, in bytes: a bulletin and its heads."""
HEAD_MAX = 4096
"""Greatest length of a signed head, in bytes; one with 64 digests has less than 2 300."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Have:
    """The epoch of my bulletin; 0 without one."""

    TYPE: ClassVar[int] = 1
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AskHead:
    """Send the head of your bulletin."""

    TYPE: ClassVar[int] = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class AskChunk:
    """Send one chunk of your bulletin, if it has this epoch."""

    TYPE: ClassVar[int] = 3
    epoch: int
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AskWhole:
    """Send your bulletin."""

    TYPE: ClassVar[int] = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A head, as signed."""

    TYPE: ClassVar[int] = 5
    signed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A chunk, 1 to 1 024 bytes."""

    TYPE: ClassVar[int] = 6
    epoch: int
    position: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A bulletin, as signed."""

    TYPE: ClassVar[int] = 7
    signed: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """I do not have what you asked for."""

    TYPE: ClassVar[int] = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """I want nothing more."""

    TYPE: ClassVar[int] = 9


News: TypeAlias = Have | AskHead | AskChunk | AskWhole | Head | Chunk | Whole | Nothing | Done

_KINDS: tuple[type[News], ...] = (Have, AskHead, AskChunk, AskWhole, Head, Chunk, Whole, Nothing, Done)


def is_news(data: bytes) -> bool:
    """Whether bytes that come where message_1 may come belong here: they begin with an array."""
    # EPP-DEV-021
    return len(data) > 0 and data[0] >> 5 == 4


def encode(message: News) -> bytes:
    """Bytes of a message."""
    fields = tuple(getattr(message, name) for name in message.__slots__)
    return cbor.encode((message.TYPE, *fields))


def decode(data: bytes) -> News:
    """Read one message. Raises Refusal (MALFORMED, TOO_LARGE)."""
    fields = shape.array(cbor.decode(data, limit=LIMIT), RULE, "news")
    # EPP-DEV-021
    if not fields:
        raise Refusal(Code.MALFORMED, RULE, "news: empty array")
    kind = _KINDS[shape.uint(fields[0], RULE, "type", 1, len(_KINDS)) - 1]
    names = kind.__slots__
    values = shape.array(fields[1:], RULE, kind.__name__, len(names))
    found: dict[str, Any] = {
        name: _field(name, value, kind) for name, value in zip(names, values, strict=True)
    }
    return kind(**found)


def _field(name: str, value: cbor.Item, kind: type[News]) -> int | bytes:
    match name:
        case "epoch":
            return shape.uint(value, RULE, name, 0, shape.EPOCH_MAX)
        case "position":
            return shape.uint(value, RULE, name, 0, CHUNKS_MAX - 1)
        case "data":
            return shape.octets(value, RULE, name, 1, CHUNK)
        case _:
            return shape.octets(value, RULE, name, 1, HEAD_MAX if kind is Head else cbor.LIMIT)
