"""The trust anchor in JSON, byte strings as lower-case hexadecimal: the one shape of it.

It is what a purse is provisioned with (EPP-GEN-005), by the adapter protocol or at enrolment (EPP-SVC-065).
Whoever verifies what the centres sign needs the public half only, which is without the scheme key
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
Secret = Meta(extra={"secret": True})
"""Marks what no message about a fault may repeat."""
Count = Annotated[int, Meta(ge=0)]


class DeviceKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device centre's Ed25519 key, valid from epoch ``from`` to ``to`` inclusive."""

    kid: Hex8
    public: Hex32
    start: Count = msgspec.field(name="from")
    end: Count = msgspec.field(name="to")


class MoneyKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An issuing centre's Ed25519 unit key and X25519 history key, valid like a device key."""

    kid: Hex8
    public: Hex32
    history: Hex32
    start: Count = msgspec.field(name="from")
    end: Count = msgspec.field(name="to")


class PublicAnchor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The public half: whose purses and whose money are those of the scheme."""

    economies: tuple[int, ...]
    device_keys: tuple[DeviceKey, ...]
    money_keys: tuple[MoneyKey, ...]
    device_seal: Hex16
    money_seal: Hex16


class Anchor(PublicAnchor, frozen=True, kw_only=True):
    """The trust anchor: whose purses and whose money the wallet accepts."""

    scheme_key: Annotated[Hex32, Secret]
