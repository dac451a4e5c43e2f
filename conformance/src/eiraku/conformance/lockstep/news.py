"""Bulletins, key lists and scheme keys for a life, each made once and given to both."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar

from eiraku.conformance.lockstep.steps import Bulletin, Keys, SchemeKey
from eiraku.conformance.tester.world import Identity, World
from eiraku.reference import keylists
from eiraku.reference.centres.issuing import MoneyKey
from eiraku.reference.centres.roots import ALWAYS
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.keylists import DeviceKey, Validity
from eiraku.spec import objects
from eiraku.spec.bulletins import Bulletin as Payload
from eiraku.spec.bulletins import Changed, CodedList, Delta, Whole
from eiraku.spec.key_lists import Centre, scheme_key_id
from eiraku.spec.revoked import coded
from eiraku.spec.shape import EPOCH_MAX

FAR = 1000
"""Epochs for which a newer list is good."""
LATER: Final = (0, 2, 30, 0, 0)
"""Epochs until the scheme keys that a purse has not from the beginning are in force."""
SOON = 2
"""Epochs after which the last of them but one is over."""
VOIDS: Final = (Validity(valid_from=1, valid_to=0), Validity(valid_from=EPOCH_MAX, valid_to=EPOCH_MAX - 1))
"""Both are over in every epoch, whatever their `to` is (EPP-KEY-028, EPP-KEY-064)."""
T = TypeVar("T", DeviceKey, keylists.MoneyKey)


class News:
    """What the centres have announced so far."""

    def __init__(self, world: World, epoch: int, list_life: int) -> None:
        """`list_life`: epochs for which the first lists are good."""
        self.world = world
        begins = [min(epoch + later, EPOCH_MAX) for later in LATER]
        ends = [*[EPOCH_MAX] * (len(LATER) - 2), min(epoch + SOON, EPOCH_MAX), EPOCH_MAX]
        self.scheme_keys = (world.scheme_key, *(world.random(32) for _ in LATER))
        """All that there are; the first is what every purse has, the last is never taken back."""
        periods = zip(begins, ends, strict=True)
        self._scheme = [ALWAYS, *(Validity(valid_from=begin, valid_to=end) for begin, end in periods)]
        self._without: dict[Centre, dict[int, bool]] = {centre: {} for centre in Centre}
        """Keys of a list by number that are void (True) or left out."""
        self._without_scheme: dict[int, bool] = {}
        self._sequence = dict.fromkeys(Centre, 5)
        self._expires = min(epoch + list_life, EPOCH_MAX)
        self._histories: list[AgreementKey] = []
        self._revoked: set[bytes] = set()
        self._held = {centre: self._list(centre, 5, self._expires) for centre in Centre}
        self._last: tuple[int, frozenset[bytes], bytes] | None = None
        """Epoch and numbers of the last bulletin, and the signed bulletin."""

    @property
    def history_keys(self) -> list[AgreementKey]:
        """Every private history key that there ever was."""
        return [*self.world.history_keys.values(), *self._histories]

    @property
    def anchor(self) -> dict[str, Any]:
        """What a purse begins with."""
        lists = {"device_keys": self._held[Centre.DEVICE], "money_keys": self._held[Centre.MONEY]}
        return {**self.world.anchor(), **lists}

    # --- bulletins ---

    def bulletin(self, step: Bulletin, epoch: int, tills: Sequence[Identity]) -> Mapping[str, Any]:
        """A bulletin so many epochs later; nobody is ever taken off it."""
        before = self._last
        if step.form in {"again", "again-delta"} and before is not None:
            delta = Delta(from_epoch=max(before[0] - 1, 0), removed=CodedList.of([]), added=CodedList.of([]))
            again = self._whole(before) if step.form == "again" else _changed(before[2], delta)
            return {"bulletin": again}
        self._revoked |= {tills[number % len(tills)].number for number in step.revokes}
        later = min(max(epoch + step.by, 0), EPOCH_MAX)
        numbers = frozenset(self._revoked)
        payload = Payload.of(
            coded(_sorted(numbers)), epoch=later, policy_digest=self.world.drawn.policy_digest
        )
        signed = self.world.device.sign(objects.CONTEXT_BULLETIN, payload.encode())
        made = later, numbers, signed
        self._last = made
        if step.form == "delta" and before is not None:
            added = CodedList.of(_sorted(numbers - before[1]))
            delta = Delta(from_epoch=before[0], removed=CodedList.of([]), added=added)
            return {"bulletin": _changed(signed, delta)}
        return {"bulletin": self._whole(made)}

    def _whole(self, made: tuple[int, frozenset[bytes], bytes]) -> bytes:
        _, numbers, signed = made
        parts = coded(_sorted(numbers)).parts
        return Whole(signed=signed, chunks=tuple(data for _, data in parts)).encode()

    # --- keys ---

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
                self._change(step)
                expires = epoch + 1 if step.kind == "shorter" else expires
                made = self._list(centre, sequence + 1, min(expires, EPOCH_MAX))
                self._held[centre] = made
        return {"centre": centre.value, "keys": made}

    def scheme_key(self, step: SchemeKey) -> Mapping[str, Any]:
        """A scheme key."""
        if step.which is None:
            return {"key": self.world.random(32)}
        return {"key": self.scheme_keys[step.which % len(self.scheme_keys)]}

    def _change(self, step: Keys) -> None:
        """What the next list says otherwise."""
        without = self._without[step.centre]
        match step.kind:
            case "without-old":
                without[0] = False
            case "void-old":
                without[0] = True
            case "void-new":
                without[1] = True
            case "without-scheme" | "void-scheme":
                number = step.number % (len(self.scheme_keys) - 1)
                self._without_scheme[number] = step.kind == "void-scheme"
            case "with-all":
                without.clear()
                if step.centre is Centre.DEVICE:
                    self._without_scheme.clear()
            case "new-history" if step.centre is Centre.MONEY:
                issuing = self.world.issuing
                fresh = [AgreementKey(self.world.random(32)) for _ in issuing.keys]
                self._histories += fresh
                keys: list[MoneyKey] = [
                    replace(key, history_key=history)
                    for key, history in zip(issuing.keys, fresh, strict=True)
                ]
                self.world.issuing = replace(issuing, keys=tuple(keys))

    def _list(self, centre: Centre, sequence: int, expires: int, root: SigningKey | None = None) -> bytes:
        world, without = self.world, self._without[centre]
        if centre is Centre.MONEY:
            money = [
                _voided(key.announced, number, void=without.get(number, False))
                for number, key in enumerate(world.issuing.keys)
                if without.get(number, True)
            ]
            return world.money_keys(money, sequence=sequence, expires=expires, root=root)
        scheme = {
            scheme_key_id(key): VOIDS[number % 2] if self._without_scheme.get(number) else validity
            for number, (key, validity) in enumerate(zip(self.scheme_keys, self._scheme, strict=True))
            if self._without_scheme.get(number, True)
        }
        keys = [
            _voided(key.announced, number, void=without.get(number, False))
            for number, key in enumerate(world.device.keys)
            if without.get(number, True)
        ]
        return world.device_keys(keys, scheme=scheme, sequence=sequence, expires=expires, root=root)


def _voided(key: T, number: int, *, void: bool) -> T:
    period = VOIDS[number % 2]
    return replace(key, valid_from=period.valid_from, valid_to=period.valid_to) if void else key


def _sorted(numbers: frozenset[bytes]) -> list[int]:
    return sorted(int.from_bytes(number, "big") for number in numbers)


def _changed(signed: bytes, delta: Delta) -> bytes:
    return Changed(signed=signed, delta=delta.encode()).encode()
