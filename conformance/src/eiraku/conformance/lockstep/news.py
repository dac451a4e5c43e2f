"""Bulletins, key lists and scheme keys for a life, each made once and given to both."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from eiraku.conformance.lockstep.steps import Bulletin, Keys, SchemeKey
from eiraku.conformance.tester.world import Identity, World
from eiraku.reference.centres.roots import ALWAYS
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.keylists import DeviceKey, Validity
from eiraku.spec.key_lists import Centre, scheme_key_id
from eiraku.spec.shape import EPOCH_MAX

FAR = 1000
"""Epochs for which a newer list is good."""


class News:
    """What the centres have announced so far."""

    def __init__(self, world: World, epoch: int, list_life: int) -> None:
        """`list_life`: epochs for which the first lists are good."""
        self.world = world
        self.next_key = world.random(32)
        """A scheme key that every list has, and no purse yet."""
        self._since = min(epoch + 2, EPOCH_MAX)
        self._sequence = dict.fromkeys(Centre, 5)
        self._expires = min(epoch + list_life, EPOCH_MAX)
        self._histories: list[AgreementKey] = []
        self._revoked: set[bytes] = set()
        self._held = {centre: self._list(centre, 5, self._expires) for centre in Centre}

    @property
    def history_keys(self) -> list[AgreementKey]:
        """Every private history key that there ever was."""
        return [*self.world.history_keys.values(), *self._histories]

    @property
    def anchor(self) -> dict[str, Any]:
        """What a purse begins with."""
        lists = {"device_keys": self._held[Centre.DEVICE], "money_keys": self._held[Centre.MONEY]}
        return {**self.world.anchor(), **lists}

    def bulletin(self, step: Bulletin, epoch: int, tills: Sequence[Identity]) -> Mapping[str, Any]:
        """A bulletin so many epochs later; nobody is ever taken off it."""
        self._revoked |= {tills[number % len(tills)].number for number in step.revokes}
        later = min(max(epoch + step.by, 0), EPOCH_MAX)
        return {"bulletin": self.world.bulletin(later, self._revoked)}

    def keys(self, step: Keys, epoch: int) -> Mapping[str, Any]:
        """A key list."""
        centre = step.centre
        sequence = self._sequence[centre]
        expires = min(epoch + FAR, EPOCH_MAX)
        match step.kind:
            case "same":
                made = self._held[centre]
            case "older":
                made = self._list(centre, max(sequence - 1, 0), expires)
            case "forged":
                made = self._list(centre, sequence + 1, expires, root=SigningKey(self.world.random(32)))
            case _:
                self._sequence[centre] = sequence + 1
                self._change(step, epoch)
                expires = epoch + 1 if step.kind == "shorter" else expires
                made = self._list(centre, sequence + 1, min(expires, EPOCH_MAX))
                self._held[centre] = made
        return {"centre": centre.value, "keys": made}

    def scheme_key(self, step: SchemeKey) -> Mapping[str, Any]:
        """A scheme key."""
        match step.kind:
            case "known":
                return {"key": self.world.scheme_key}
            case "new":
                return {"key": self.next_key}
            case "unknown":
                return {"key": self.world.random(32)}

    def _change(self, step: Keys, epoch: int) -> None:
        """What the next list says otherwise."""
        world = self.world
        if step.kind == "without-old":
            if step.centre is Centre.MONEY:
                old = replace(world.issuing.keys[0], valid_from=1, valid_to=0)
                world.issuing = replace(world.issuing, keys=(old, *world.issuing.keys[1:]))
            else:
                made = replace(world.device.keys[0], valid_to=max(epoch - 1, 0))
                world.device = replace(world.device, keys=(made, *world.device.keys[1:]))
        if step.kind == "new-history" and step.centre is Centre.MONEY:
            fresh = [AgreementKey(world.random(32)) for _ in world.issuing.keys]
            self._histories += fresh
            keys = zip(world.issuing.keys, fresh, strict=True)
            world.issuing = replace(
                world.issuing, keys=tuple(replace(key, history_key=history) for key, history in keys)
            )

    def _list(self, centre: Centre, sequence: int, expires: int, root: SigningKey | None = None) -> bytes:
        world = self.world
        if centre is Centre.MONEY:
            return world.money_keys(sequence=sequence, expires=expires, root=root)
        scheme = {
            scheme_key_id(world.scheme_key): ALWAYS,
            scheme_key_id(self.next_key): Validity(valid_from=self._since, valid_to=EPOCH_MAX),
        }
        keys = [
            DeviceKey(public=key.key.public, valid_from=key.valid_from, valid_to=key.valid_to)
            for key in world.device.keys
        ]
        return world.device_keys(keys, scheme=scheme, sequence=sequence, expires=expires, root=root)
