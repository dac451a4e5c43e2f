"""Identity of a unit, and layers of its sealed history (specification, chapter 4)."""

from hashlib import sha256

from eiraku.reference.crypto import cose, hpke
from eiraku.spec import objects
from eiraku.spec.objects import Layer


def unit_id(kid: bytes, payload: bytes) -> bytes:
    """Identifier of a unit, 32 bytes: digest of what its signature covers (EPP-UNI-009)."""
    return sha256(cose.to_be_signed(objects.CONTEXT_UNIT, payload, kid=kid)).digest()


def layer_info(identifier: bytes) -> bytes:
    """HPKE `info` of every layer of one unit: it binds a history to its unit."""
    return objects.INFO_HISTORY + identifier


def seal_layer(layer: Layer, *, history_key: bytes, identifier: bytes, ephemeral: bytes) -> bytes:
    """Seal one layer for the 32-byte `history_key` of the unit's money key (EPP-HIS-003)."""
    return hpke.seal(history_key, layer_info(identifier), layer.encode(), ephemeral=ephemeral)
