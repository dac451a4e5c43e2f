"""The types both directions of the adapter protocol are made of."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

MAX_LINE = 1024 * 1024
"""Bytes in a line, newline included."""

Hex = Annotated[str, Meta(pattern="^([0-9a-f]{2})*$")]
Hex8 = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
"""8 bytes: a purse number or key id."""
Hex16 = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
"""16 bytes: a transaction id or seal."""
Hex32 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
"""32 bytes: a key, a unit id, a digest or the seed."""
Count = Annotated[int, Meta(ge=0)]
Label = Annotated[str, Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")]
Role = Literal["initiator", "responder"]
SessionState = Literal["open", "closed"]


class Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every object of the protocol."""
