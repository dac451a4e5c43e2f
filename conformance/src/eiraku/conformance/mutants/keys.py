"""Mutants of chapter 3, keys and signed objects."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache

from eiraku.conformance.mutants.registry import Area
from eiraku.conformance.tester import edwards
from eiraku.reference import anchor
from eiraku.reference.anchor import SignedPurseId, SignedUnit, TrustAnchor
from eiraku.reference.crypto import cose, ed25519
from eiraku.reference.keylists import DeviceKey, MoneyKey
from eiraku.spec import cbor, objects
from eiraku.testing.patches import Patch, instead

AREA = Area(__name__)
ALWAYS = (0, 1 << 32)
_verify, _acceptable, _parse, _detached = (
    ed25519.verify,
    ed25519.acceptable_point,
    cose.parse,
    cose.verify_detached,
)


@cache
def _one_r(prefix: bytes) -> tuple[int, bytes]:
    """A secret scalar and its point that depend on the key alone."""
    r = int.from_bytes(hashlib.sha512(prefix).digest(), "little") % edwards.L
    return r, edwards.encode(edwards.multiply(r, edwards.BASE))


@AREA.replaces("EPP-KEY-013", (ed25519.SigningKey, "sign"))
def signs_with_one_nonce(key: ed25519.SigningKey, message: bytes) -> bytes:
    """Signs everything with one R."""
    digest = hashlib.sha512(key._secret[:32]).digest()
    scalar = int.from_bytes(digest[:32], "little") & ((1 << 254) - 8) | 1 << 254
    r, point = _one_r(digest[32:])
    k = int.from_bytes(hashlib.sha512(point + key.public + message).digest(), "little") % edwards.L
    return point + ((r + k * scalar) % edwards.L).to_bytes(32, "little")


@AREA.replaces("EPP-KEY-001", (ed25519, "verify"))
def verifies_with_the_cofactor(public: bytes, message: bytes, signature: bytes) -> bool:
    """Multiplies by the cofactor when it verifies a signature."""
    if _verify(public, message, signature):
        return True
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    if not (_acceptable(public) and len(signature) == 64 and _acceptable(r) and s < edwards.L):
        return False
    try:
        key, point = edwards.decode(public), edwards.decode(r)
    except ValueError:
        return False
    k = int.from_bytes(hashlib.sha512(r + public + message).digest(), "little") % edwards.L
    right = edwards.add(point, edwards.multiply(k, key))
    return edwards.multiply(8, edwards.multiply(s, edwards.BASE)) == edwards.multiply(8, right)


@AREA.replaces("EPP-KEY-002", (ed25519, "verify"))
def takes_any_public_key(public: bytes, message: bytes, signature: bytes) -> bool:
    """Verifies under small-order and non-canonical keys."""
    good = len(signature) == 64 and _acceptable(signature[:32])
    return _verify(public, message, signature) or (good and _plainly(public, message, signature))


@AREA.replaces("EPP-KEY-003", (ed25519, "verify"))
def takes_any_r(public: bytes, message: bytes, signature: bytes) -> bool:
    """Verifies signatures whose R has small order."""
    good = len(signature) == 64 and _acceptable(public)
    return _verify(public, message, signature) or (good and _plainly(public, message, signature))


@AREA.replaces("EPP-KEY-004", (ed25519, "verify"))
def reduces_s(public: bytes, message: bytes, signature: bytes) -> bool:
    """Takes S modulo the group order, so that S + L is a second signature."""
    s = int.from_bytes(signature[32:], "little") % edwards.L
    return _verify(public, message, signature[:32] + s.to_bytes(32, "little"))


def _plainly(public: bytes, message: bytes, signature: bytes) -> bool:
    """[S]B = R + [k]A, encoded, with no care for which points those are."""
    s = int.from_bytes(signature[32:], "little")
    try:
        key = edwards.decode(public)
    except ValueError:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % edwards.L
    x, y = edwards.multiply(k, key)
    found = edwards.add(edwards.multiply(s, edwards.BASE), ((edwards.P - x) % edwards.P, y))
    return s < edwards.L and edwards.encode(found) == signature[:32]


@AREA.replaces("EPP-KEY-005", (cose, "parse"))
def ignores_unprotected_headers(data: bytes, *, limit: int = cbor.LIMIT) -> cose.Sign1:
    """Ignores what is in the unprotected header."""
    item = cbor.decode(data, limit=limit, depth=2)
    if isinstance(item, tuple) and len(item) == 4 and isinstance(item[1], dict):
        data = cbor.encode((item[0], {}, item[2], item[3]))
    return _parse(data, limit=limit)


@AREA.replaces("EPP-KEY-005", (cose, "parse"))
def takes_tagged_objects(data: bytes, *, limit: int = cbor.LIMIT) -> cose.Sign1:
    """Takes a COSE_Sign1 with its tag, 18."""
    return _parse(data.removeprefix(b"\xd2"), limit=limit)


@AREA.replaces("EPP-KEY-006", (cose, "verify_detached"))
def ignores_the_context(
    public: bytes, context: bytes, payload: bytes, signature: bytes, *, kid: bytes | None = None
) -> bool:
    """Verifies an object under the context string of any type."""
    others = (objects.CONTEXT_UNIT, objects.CONTEXT_PURSE_ID, objects.CONTEXT_BULLETIN)
    signs = (objects.CONTEXT_ENDORSEMENT, objects.CONTEXT_RECEIPT)
    return any(_detached(public, one, payload, signature, kid=kid) for one in (context, *others, *signs))


def _device(trusted: TrustAnchor, keys: Mapping[bytes, DeviceKey]) -> TrustAnchor:
    return replace(trusted, device=replace(trusted.device, keys=keys))


def _money(trusted: TrustAnchor, keys: Mapping[bytes, MoneyKey]) -> TrustAnchor:
    return replace(trusted, money=replace(trusted.money, keys=keys))


def _money_for_devices(trusted: TrustAnchor) -> TrustAnchor:
    keys = {
        kid: DeviceKey(public=key.public, valid_from=key.valid_from, valid_to=key.valid_to)
        for kid, key in trusted.money_keys.items()
    }
    return _device(trusted, {**trusted.device_keys, **keys})


def _devices_for_money(trusted: TrustAnchor) -> TrustAnchor:
    history = next(iter(trusted.money_keys.values())).history
    keys = {
        kid: MoneyKey(public=key.public, history=history, valid_from=key.valid_from, valid_to=key.valid_to)
        for kid, key in trusted.device_keys.items()
    }
    return _money(trusted, {**trusted.money_keys, **keys})


def _always(trusted: TrustAnchor) -> TrustAnchor:
    first, last = ALWAYS
    devices = {kid: replace(k, valid_from=first, valid_to=last) for kid, k in trusted.device_keys.items()}
    money = {kid: replace(k, valid_from=first, valid_to=last) for kid, k in trusted.money_keys.items()}
    return _money(_device(trusted, devices), money)


def _newest(trusted: TrustAnchor) -> TrustAnchor:
    device = max(trusted.device_keys, key=lambda kid: trusted.device_keys[kid].valid_from)
    money = max(trusted.money_keys, key=lambda kid: trusted.money_keys[kid].valid_from)
    return _money(_device(trusted, {device: trusted.device_keys[device]}), {money: trusted.money_keys[money]})


_check_unit, _check_purse_id, _verify_bulletin = (
    anchor.check_unit_signature,
    anchor.check_purse_id_signature,
    anchor.verify_bulletin,
)
Change = Callable[[TrustAnchor], TrustAnchor]


def units_under(change: Change) -> Patch:
    """Verifies the signature of units under another anchor than the one that was given."""

    def check(trusted: TrustAnchor, unit: SignedUnit, *, at_any_epoch: bool = False) -> None:
        _check_unit(change(trusted), unit, at_any_epoch=at_any_epoch)

    return instead(_check_unit, check)


def purse_ids_under(change: Change) -> Patch:
    """Verifies the signature of purse IDs under another anchor."""
    return instead(_check_purse_id, lambda trusted, purse_id: _check_purse_id(change(trusted), purse_id))


def bulletins_under(change: Change) -> Patch:
    """Verifies bulletins under another anchor."""
    return instead(_verify_bulletin, lambda trusted, raw: _verify_bulletin(change(trusted), raw))


@AREA.makes("EPP-KEY-007")
def takes_purse_ids_under_money_keys() -> Sequence[Patch]:
    """Verifies purse IDs with money keys too."""
    return [purse_ids_under(_money_for_devices)]


@AREA.makes("EPP-KEY-007")
def takes_bulletins_under_money_keys() -> Sequence[Patch]:
    """Verifies bulletins with money keys too."""
    return [bulletins_under(_money_for_devices)]


@AREA.makes("EPP-KEY-007")
def takes_units_under_device_keys() -> Sequence[Patch]:
    """Verifies units with device keys too."""
    return [units_under(_devices_for_money)]


@AREA.replaces("EPP-KEY-008", (anchor, "check_unit_signature"))
def tries_every_key_for_units(trusted: TrustAnchor, unit: SignedUnit, *, at_any_epoch: bool = False) -> None:
    """Ignores the kid of a unit and tries every money key."""
    keys = trusted.money_keys.values()
    if not any(cose.verify(key.public, objects.CONTEXT_UNIT, unit.signed) for key in keys):
        _check_unit(trusted, unit, at_any_epoch=at_any_epoch)


@AREA.replaces("EPP-KEY-008", (anchor, "check_purse_id_signature"))
def tries_every_key_for_purse_ids(trusted: TrustAnchor, purse_id: SignedPurseId) -> None:
    """Ignores the kid of a purse ID and tries every device key."""
    keys = trusted.device_keys.values()
    if not any(cose.verify(key.public, objects.CONTEXT_PURSE_ID, purse_id.signed) for key in keys):
        _check_purse_id(trusted, purse_id)


@AREA.makes("EPP-KEY-009")
def takes_units_of_retired_keys() -> Sequence[Patch]:
    """Does not look at the validity of money keys."""
    return [units_under(_always)]


@AREA.makes("EPP-KEY-009")
def takes_purse_ids_of_retired_keys() -> Sequence[Patch]:
    """Does not look at the validity of device keys when it verifies a purse ID."""
    return [purse_ids_under(_always)]


@AREA.makes("EPP-KEY-009")
def takes_bulletins_of_retired_keys() -> Sequence[Patch]:
    """Does not look at the validity of device keys when it verifies a bulletin."""
    return [bulletins_under(_always)]


@AREA.makes("EPP-KEY-010")
def knows_only_the_newest_keys() -> Sequence[Patch]:
    """Verifies only under the newest key of each centre."""
    return [units_under(_newest), purse_ids_under(_newest), bulletins_under(_newest)]
