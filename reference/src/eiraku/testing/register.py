"""Functions for tests of the register, no world: purses are entries whose keys nobody keeps."""

from typing import Any

from eiraku.reference.anchor import TrustAnchor, parse_purse_id
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec.objects import Role
from eiraku.system.database import Database
from eiraku.system.device.registry import Registry
from eiraku.system.device.schema import SCHEMA

SEAL = b"device centre..."
RANDOM = Drbg(b"registry")
PERSON: dict[str, Any] = {"role": Role.PERSON, "tier": 2, "holder": bytes(32), "economy": 392, "expires": 60}


def made(url: str, **changes: Any) -> Registry:
    """A new centre at epoch 10 in an empty database."""
    given: dict[str, Any] = {"seal": SEAL, "policy_digest": bytes(32), "epoch": 10, "random": RANDOM}
    given |= {"max_bulletin": 2**20}
    return Registry.create(Database(url, SCHEMA, wait=60), **given | changes)


def key() -> bytes:
    """A new public key."""
    return SigningKey(RANDOM(32)).public


def new(registry: Registry, **changes: Any) -> bytes:
    """The number of a new purse."""
    return parse_purse_id(registry.purses.register(key(), **PERSON | changes)).claims.number


def anchor(registry: Registry) -> TrustAnchor:
    """What a purse of this centre trusts."""
    return TrustAnchor(
        economies=frozenset({392}),
        device_keys=registry.keys.announced(),
        money_keys={},
        device_seal=registry.seal,
        money_seal=bytes(16),
        scheme_key=bytes(32),
    )
