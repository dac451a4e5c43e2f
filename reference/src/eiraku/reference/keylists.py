"""Key lists: what a root says of the keys of its centre, verified (specification, chapter 3).

`device_keys` and `money_keys` read a list: size, shape, signature. `is_held` compares its sequence with that
of the list held, `check_keys` judges the keys in it. Refusals have the code of the requirement.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from eiraku.reference.crypto import cose, ed25519, x25519
from eiraku.spec import key_lists
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.key_lists import DeviceKeys, MoneyKeys

P = TypeVar("P", DeviceKeys, MoneyKeys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """The epochs, both included, in which a key may sign, or a scheme key is in force.

    None at all if `valid_from` is greater than `valid_to` (EPP-KEY-028).
    """

    valid_from: int
    valid_to: int

    def covers(self, epoch: int) -> bool:
        """Whether an epoch is one of them."""
        return self.valid_from <= epoch <= self.valid_to

    def is_over(self, epoch: int) -> bool:
        """Whether there is no such epoch, or all of them are before this one."""
        # EPP-KEY-064
        return self.valid_to < max(epoch, self.valid_from)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceKey(Validity):
    """A purse master key: 32 bytes."""

    public: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyKey(Validity):
    """A unit key (Ed25519) with its history key (X25519), 32 bytes each."""

    public: bytes
    history: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyList:
    """What both centres' lists have: as signed by the root, which list of its centre it is, its last epoch.

    `repeats`: one key stands twice in it, of which the mapping has one.
    """

    signed: bytes
    sequence: int
    expires: int
    repeats: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceList(KeyList):
    """The device centre's list. Keys by their 8-byte kid, scheme keys by their 8-byte identifier."""

    keys: Mapping[bytes, DeviceKey]
    scheme: Mapping[bytes, Validity]


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyList(KeyList):
    """The issuing centre's list. Keys by the 8-byte kid of the unit key."""

    keys: Mapping[bytes, MoneyKey]


def device_keys(root: bytes, signed: bytes) -> DeviceList:
    """The device centre's list under its 32-byte root; its keys are judged by `check_keys`.

    Raises Refusal: TOO_LARGE, MALFORMED, KEYS_SIGNATURE.
    """
    found = _verified(root, signed, DeviceKeys, key_lists.CONTEXT_DEVICE_KEYS)
    keys = {
        ed25519.key_id(public): DeviceKey(public=public, valid_from=start, valid_to=end)
        for public, start, end in found.keys
    }
    scheme = {name: Validity(valid_from=start, valid_to=end) for name, start, end in found.scheme}
    return DeviceList(
        signed=signed,
        sequence=found.sequence,
        expires=found.expires,
        repeats=len(keys) != len(found.keys) or len(scheme) != len(found.scheme),
        keys=keys,
        scheme=scheme,
    )


def money_keys(root: bytes, signed: bytes) -> MoneyList:
    """The issuing centre's list under its 32-byte root, as `device_keys`."""
    found = _verified(root, signed, MoneyKeys, key_lists.CONTEXT_MONEY_KEYS)
    keys = {
        ed25519.key_id(public): MoneyKey(public=public, history=history, valid_from=start, valid_to=end)
        for public, history, start, end in found.keys
    }
    return MoneyList(
        signed=signed,
        sequence=found.sequence,
        expires=found.expires,
        repeats=len(keys) != len(found.keys),
        keys=keys,
    )


def is_held(new: KeyList, held: KeyList) -> bool:
    """Whether a list is the one held; else it is a later one. Raises Refusal(KEYS_STALE)."""
    # EPP-KEY-025
    if new.signed == held.signed:
        return True
    # EPP-KEY-023
    if new.sequence < held.sequence:
        detail = f"key list {new.sequence}, held: {held.sequence}"
        raise Refusal(Code.KEYS_STALE, "EPP-KEY-023", detail)
    # EPP-KEY-024
    if new.sequence == held.sequence:
        raise Refusal(Code.KEYS_STALE, "EPP-KEY-024", f"another key list {new.sequence} is held")
    return False


def check_keys(new: DeviceList | MoneyList, *, roots: Iterable[bytes]) -> None:
    """Whether the keys of a list are sound; they may be in the other centre's list too (EPP-KEY-060).

    `roots`: 32 bytes each. Raises Refusal(MALFORMED).
    """
    # EPP-KEY-027
    if new.repeats:
        raise _unsound("EPP-KEY-027", "one key stands twice")
    # EPP-KEY-029
    if not all(ed25519.sound_key(key.public) for key in new.keys.values()):
        raise _unsound("EPP-KEY-029", "a key is no sound Ed25519 key")
    # EPP-KEY-030
    if isinstance(new, MoneyList) and any(map(_is_small, new.keys.values())):
        raise _unsound("EPP-KEY-030", "a history key has small order")
    # EPP-KEY-031
    if not new.keys.keys().isdisjoint(map(ed25519.key_id, roots)):
        raise _unsound("EPP-KEY-031", "a root is among the keys")


def _verified(root: bytes, signed: bytes, kind: type[P], context: bytes) -> P:
    # EPP-KEY-021
    if len(signed) > key_lists.LIST_MAX:
        detail = f"key list: {len(signed)} bytes, at most {key_lists.LIST_MAX} allowed"
        raise Refusal(Code.TOO_LARGE, "EPP-KEY-021", detail)
    parsed = cose.parse(signed)
    kid = cose.kid_of(parsed, "key list")
    # EPP-KEY-022
    found: P = kind.decode(parsed.payload)
    # EPP-KEY-020
    if kid != ed25519.key_id(root) or not cose.verify(root, context, parsed):
        raise Refusal(Code.KEYS_SIGNATURE, "EPP-KEY-020", "key list: not signed by the root of the centre")
    return found


def _is_small(key: MoneyKey) -> bool:
    return x25519.has_small_order(key.history)


def _unsound(rule: str, detail: str) -> Refusal:
    return Refusal(Code.MALFORMED, rule, f"key list: {detail}")
