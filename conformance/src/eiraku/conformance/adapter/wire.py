"""The types both directions of the adapter protocol are made of."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

MAX_LINE = 4 * 1024 * 1024
"""Bytes in a line, newline included."""

Seq = Annotated[int, Meta(description="Chosen by the suite, repeated by the wallet.")]
Hex = Annotated[str, Meta(pattern="^([0-9a-f]{2})*$", description="Bytes, lower-case hex.")]
Out = Annotated[Hex | None, Meta(description="Bytes for the peer; null for none.")]
Label = Annotated[
    str,
    Meta(
        pattern="^[a-z0-9]+(-[a-z0-9]+)*$",
        description="Stable name of an error code, chapter 10 of the specification.",
    ),
]
Role = Literal["initiator", "responder"]
SessionState = Literal["open", "closed"]


class Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every object of the protocol."""


def to_wire(value: Any) -> Any:
    """``value`` with every byte string as hex and every mapping and sequence as JSON has them."""
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, list | tuple):
        return [to_wire(item) for item in value]
    if isinstance(value, Mapping):
        return {key: to_wire(item) for key, item in value.items()}
    return value
