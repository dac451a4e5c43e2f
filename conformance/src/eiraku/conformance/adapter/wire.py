"""The types both directions of the adapter protocol are made of."""

from typing import Annotated, Literal

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
