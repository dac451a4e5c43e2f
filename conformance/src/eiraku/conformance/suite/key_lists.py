"""Key lists as a wallet gets them: of both centres, right and wrong, and what a check asks of the wallet."""

from collections.abc import Iterable
from typing import Any

import pytest

from eiraku.conformance.tester import flows
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import SEQUENCE, World
from eiraku.reference.centres.roots import sign
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.keylists import DeviceKey, MoneyKey
from eiraku.spec import cbor, key_lists
from eiraku.spec.errors import Code
from eiraku.spec.key_lists import Centre

NEXT = SEQUENCE + 1
CENTRES = pytest.mark.parametrize("centre", [pytest.param(centre, id=centre.value) for centre in Centre])
CONTEXTS = {
    Centre.DEVICE: key_lists.CONTEXT_DEVICE_KEYS,
    Centre.MONEY: key_lists.CONTEXT_MONEY_KEYS,
}
OTHER = {Centre.DEVICE: Centre.MONEY, Centre.MONEY: Centre.DEVICE}


def root(world: World, centre: Centre) -> SigningKey:
    """Who signs the lists of a centre."""
    return world.roots.device if centre is Centre.DEVICE else world.roots.money


def operational(world: World, centre: Centre) -> SigningKey:
    """The key under which a centre signs what is no list."""
    return world.device.keys[-1].key if centre is Centre.DEVICE else world.issuing.keys[-1].unit_key


def listed(world: World, centre: Centre, *, sequence: int = NEXT, **changes: Any) -> bytes:
    """The next list of a centre, with the keys that it has."""
    make = world.device_keys if centre is Centre.DEVICE else world.money_keys
    return make(sequence=sequence, **changes)


def fields(world: World, centre: Centre, sequence: int = NEXT) -> tuple[cbor.Item, ...]:
    """The payload of `listed`, item by item."""
    found = cbor.decode(listed(world, centre, sequence=sequence))
    assert isinstance(found, tuple)
    assert isinstance(found[2], bytes)
    payload = cbor.decode(found[2])
    assert isinstance(payload, tuple)
    return payload


def signed(world: World, centre: Centre, payload: cbor.Item) -> bytes:
    """Any payload, signed by the root of a centre."""
    return sign(root(world, centre), CONTEXTS[centre], cbor.encode(payload))


def device_keys(world: World, *more: DeviceKey, last: int | None = None) -> Iterable[DeviceKey]:
    """The keys of the device centre, the current one valid to the epoch `last`, and more."""
    old, current = (key.announced for key in world.device.keys)
    end = current.valid_to if last is None else last
    return (old, DeviceKey(public=current.public, valid_from=current.valid_from, valid_to=end), *more)


def money_keys(world: World, *more: MoneyKey, last: int | None = None) -> Iterable[MoneyKey]:
    """The keys of the issuing centre, the current one valid to the epoch `last`, and more."""
    old, current = (key.announced for key in world.issuing.keys)
    end = current.valid_to if last is None else last
    changed = MoneyKey(
        public=current.public, history=current.history, valid_from=current.valid_from, valid_to=end
    )
    return (old, changed, *more)


def accept_keys(stage: Stage, centre: Centre, keys: bytes) -> None:
    """The wallet must accept a list."""
    stage.order("keys", centre=centre.value, keys=keys)


def refuse_keys(stage: Stage, centre: Centre, keys: bytes, code: Code) -> None:
    """The wallet must refuse a list, unharmed."""
    before = stage.state()
    stage.refused(stage.act("keys", centre=centre.value, keys=keys), code, "key list")
    stage.unchanged(before, "a refused key list")
    flows.still_alive(stage)
