"""Functions for tests of the register, no world: purses are entries whose keys nobody keeps."""

from dataclasses import replace
from typing import Any

from eiraku.reference.anchor import TrustAnchor, parse_purse_id
from eiraku.reference.centres.roots import Roots
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.keylists import MoneyKey
from eiraku.spec.objects import Role
from eiraku.system.database import Database
from eiraku.system.device.registry import Registry
from eiraku.system.device.schema import SCHEMA

SEAL = b"device centre..."
RANDOM = Drbg(b"registry")
ROOTS = Roots(device=SigningKey(RANDOM(32)), money=SigningKey(RANDOM(32)))
PERSON: dict[str, Any] = {"role": Role.PERSON, "tier": 2, "holder": bytes(32), "economy": 392, "expires": 60}


def made(url: str, **changes: Any) -> Registry:
    """A new centre at epoch 10 in an empty database."""
    given: dict[str, Any] = {"seal": SEAL, "policy_digest": bytes(32), "epoch": 10, "random": RANDOM}
    given |= {"max_bulletin": 2**20, "root": ROOTS.device}
    return Registry.create(Database(url, SCHEMA, wait=60), **given | changes)


def key() -> bytes:
    """A new public key."""
    return SigningKey(RANDOM(32)).public


def new(registry: Registry, **changes: Any) -> bytes:
    """The number of a new purse."""
    return parse_purse_id(registry.purses.register(key(), **PERSON | changes)).claims.number


def anchor(registry: Registry) -> TrustAnchor:
    """What a purse of this centre trusts."""
    other = MoneyKey(public=key(), history=AgreementKey(RANDOM(32)).public, valid_from=0, valid_to=0)
    announced = registry.keys.announced()
    made = ROOTS.anchor(
        economies=(392,),
        device_keys=announced.keys.values(),
        money_keys=(other,),
        device_seal=registry.seal,
        money_seal=bytes(16),
    )
    return replace(made, device=announced)
