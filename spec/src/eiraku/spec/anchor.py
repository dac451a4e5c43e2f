"""The trust anchor in JSON, byte strings as lower-case hexadecimal: the one shape of it.

It is what a purse is provisioned with (EPP-GEN-005), by the adapter protocol or at enrolment (EPP-SVC-065).
Whoever verifies what the centres sign needs the public half only, which is without the scheme keys
(EPP-CEN-082).
"""

from typing import Annotated

import msgspec
from msgspec import Meta

Hex8 = Annotated[
    str, Meta(pattern=r"^[0-9a-f]{16}$", description="8 bytes: a purse number or key id, lower-case hex.")
]
Hex16 = Annotated[
    str, Meta(pattern=r"^[0-9a-f]{32}$", description="16 bytes: a transaction id or a seal, lower-case hex.")
]
Hex32 = Annotated[
    str,
    Meta(
        pattern=r"^[0-9a-f]{64}$",
        description="32 bytes: a key, a unit id, a digest or the seed, lower-case hex.",
    ),
]
KeyList = Annotated[
    str,
    Meta(pattern=r"^([0-9a-f]{2})+$", description="a signed key list (EPP-KEY-022), lower-case hex."),
]
Secret = Meta(extra={"secret": True})
"""Marks what no message about a fault may repeat."""
Count = Annotated[int, Meta(ge=0)]


class PublicAnchor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The public half: whose purses and whose money are those of the scheme."""

    economies: tuple[int, ...]
    device_root: Hex32
    money_root: Hex32
    device_keys: KeyList
    money_keys: KeyList
    device_seal: Hex16
    money_seal: Hex16


class Anchor(PublicAnchor, frozen=True, kw_only=True):
    """The trust anchor: whose purses and whose money the wallet accepts."""

    scheme_keys: tuple[Annotated[Hex32, Secret], ...]
