"""The fields that several objects share, with their sizes and bounds (`schema.cddl`, common)."""

from typing import Annotated, TypeAlias

from eiraku.spec import cbor, shape
from eiraku.spec.layout import Octets, Uint

Amount: TypeAlias = Annotated[int, Uint(0, shape.AMOUNT_MAX)]
"""Minor units (EPP-ENC-012)."""
Epoch: TypeAlias = Annotated[int, Uint(0, shape.EPOCH_MAX)]
Economy: TypeAlias = Annotated[int, Uint(1, 65535)]
Hop: TypeAlias = Annotated[int, Uint(0, 255)]
Number: TypeAlias = Annotated[bytes, Octets(8)]
"""Number of a purse."""
Transaction: TypeAlias = Annotated[bytes, Octets(16)]
Digest: TypeAlias = Annotated[bytes, Octets(32)]
Signature: TypeAlias = Annotated[bytes, Octets(64)]
Seal: TypeAlias = Annotated[bytes, Octets(16)]
Reserved: TypeAlias = Annotated[bytes, Octets(0, 32)]
Encoded: TypeAlias = Annotated[bytes, Octets(0, cbor.LIMIT)]
"""Bytes of another object."""
