"""Mutants of chapter 3, keys and signed objects."""

import hashlib
from dataclasses import replace

from eiraku.conformance.mutants.registry import defect, replaces
from eiraku.conformance.tester import edwards
from eiraku.reference import anchor
from eiraku.reference.anchor import DeviceKey, MoneyKey, SignedPurseId, SignedUnit, TrustAnchor
from eiraku.reference.crypto import cose, ed25519
from eiraku.reference.purse.checks import Checks
from eiraku.reference.purse.state import Terms
from eiraku.spec import cbor, objects
from eiraku.spec.objects import Bulletin

ALWAYS = (0, 1 << 32)
_verify, _acceptable, _parse, _detached = (
    ed25519.verify,
    ed25519.acceptable_point,
    cose.parse,
    cose.verify_detached,
)


@replaces("EPP-KEY-001", (ed25519, "verify"))
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


@replaces("EPP-KEY-002", (ed25519, "verify"))
def takes_any_public_key(public: bytes, message: bytes, signature: bytes) -> bool:
    """Verifies under small-order and non-canonical keys."""
    good = len(signature) == 64 and _acceptable(signature[:32])
    return _verify(public, message, signature) or (good and _plainly(public, message, signature))


@replaces("EPP-KEY-003", (ed25519, "verify"))
def takes_any_r(public: bytes, message: bytes, signature: bytes) -> bool:
    """Verifies signatures whose R has small order."""
    good = len(signature) == 64 and _acceptable(public)
    return _verify(public, message, signature) or (good and _plainly(public, message, signature))


@replaces("EPP-KEY-004", (ed25519, "verify"))
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


@replaces("EPP-KEY-005", (cose, "parse"))
def ignores_unprotected_headers(data: bytes, *, limit: int = cbor.LIMIT) -> cose.Sign1:
    """Ignores what is in the unprotected header."""
    item = cbor.decode(data, limit=limit, depth=2)
    if isinstance(item, tuple) and len(item) == 4 and isinstance(item[1], dict):
        data = cbor.encode((item[0], {}, item[2], item[3]))
    return _parse(data, limit=limit)


@replaces("EPP-KEY-005", (cose, "parse"))
def takes_tagged_objects(data: bytes, *, limit: int = cbor.LIMIT) -> cose.Sign1:
    """Takes a COSE_Sign1 with its tag, 18."""
    return _parse(data.removeprefix(b"\xd2"), limit=limit)


@replaces("EPP-KEY-006", (cose, "verify_detached"))
def ignores_the_context(
    public: bytes, context: bytes, payload: bytes, signature: bytes, *, kid: bytes | None = None
) -> bool:
    """Verifies an object under the context string of any type."""
    others = (objects.CONTEXT_UNIT, objects.CONTEXT_PURSE_ID, objects.CONTEXT_BULLETIN)
    signs = (objects.CONTEXT_ENDORSEMENT, objects.CONTEXT_RECEIPT)
    return any(_detached(public, one, payload, signature, kid=kid) for one in (context, *others, *signs))


def _money_for_devices(trusted: TrustAnchor) -> TrustAnchor:
    keys = {
        kid: DeviceKey(public=key.public, valid_from=key.valid_from, valid_to=key.valid_to)
        for kid, key in trusted.money_keys.items()
    }
    return replace(trusted, device_keys={**trusted.device_keys, **keys})


def _devices_for_money(trusted: TrustAnchor) -> TrustAnchor:
    history = next(iter(trusted.money_keys.values())).history
    keys = {
        kid: MoneyKey(public=key.public, history=history, valid_from=key.valid_from, valid_to=key.valid_to)
        for kid, key in trusted.device_keys.items()
    }
    return replace(trusted, money_keys={**trusted.money_keys, **keys})


def _always(trusted: TrustAnchor) -> TrustAnchor:
    first, last = ALWAYS
    return replace(
        trusted,
        device_keys={
            kid: replace(key, valid_from=first, valid_to=last) for kid, key in trusted.device_keys.items()
        },
        money_keys={
            kid: replace(key, valid_from=first, valid_to=last) for kid, key in trusted.money_keys.items()
        },
    )


def _newest(trusted: TrustAnchor) -> TrustAnchor:
    device = max(trusted.device_keys, key=lambda kid: trusted.device_keys[kid].valid_from)
    money = max(trusted.money_keys, key=lambda kid: trusted.money_keys[kid].valid_from)
    return replace(
        trusted,
        device_keys={device: trusted.device_keys[device]},
        money_keys={money: trusted.money_keys[money]},
    )


def _same(trusted: TrustAnchor) -> TrustAnchor:
    return trusted


class _OtherAnchor(Checks):
    """Checks what the centres sign under other anchors than the one that was given."""

    for_units = staticmethod(_same)
    for_purse_ids = staticmethod(_same)
    for_bulletins = staticmethod(_same)

    def unit_signature(self, terms: Terms, unit: SignedUnit) -> None:
        anchor.check_unit_signature(self.for_units(terms.identity.anchor), unit)

    def purse_id_signature(self, terms: Terms, purse_id: SignedPurseId) -> None:
        anchor.check_purse_id_signature(self.for_purse_ids(terms.identity.anchor), purse_id)

    def bulletin(self, identity_anchor: TrustAnchor, signed: bytes) -> Bulletin:
        return super().bulletin(self.for_bulletins(identity_anchor), signed)


@defect("EPP-KEY-007")
class TakesPurseIdsUnderMoneyKeys(_OtherAnchor):
    """Verifies purse IDs with money keys too."""

    for_purse_ids = staticmethod(_money_for_devices)


@defect("EPP-KEY-007")
class TakesBulletinsUnderMoneyKeys(_OtherAnchor):
    """Verifies bulletins with money keys too."""

    for_bulletins = staticmethod(_money_for_devices)


@defect("EPP-KEY-007")
class TakesUnitsUnderDeviceKeys(_OtherAnchor):
    """Verifies units with device keys too."""

    for_units = staticmethod(_devices_for_money)


@defect("EPP-KEY-008")
class TriesEveryKeyForUnits(Checks):
    """Ignores the kid of a unit and tries every money key."""

    def unit_signature(self, terms: Terms, unit: SignedUnit) -> None:
        keys = terms.identity.anchor.money_keys.values()
        if not any(cose.verify(key.public, objects.CONTEXT_UNIT, unit.signed) for key in keys):
            super().unit_signature(terms, unit)


@defect("EPP-KEY-008")
class TriesEveryKeyForPurseIds(Checks):
    """Ignores the kid of a purse ID and tries every device key."""

    def purse_id_signature(self, terms: Terms, purse_id: SignedPurseId) -> None:
        keys = terms.identity.anchor.device_keys.values()
        if not any(cose.verify(key.public, objects.CONTEXT_PURSE_ID, purse_id.signed) for key in keys):
            super().purse_id_signature(terms, purse_id)


@defect("EPP-KEY-009")
class TakesUnitsOfRetiredKeys(_OtherAnchor):
    """Does not look at the validity of money keys."""

    for_units = staticmethod(_always)


@defect("EPP-KEY-009")
class TakesPurseIdsOfRetiredKeys(_OtherAnchor):
    """Does not look at the validity of device keys when it verifies a purse ID."""

    for_purse_ids = staticmethod(_always)


@defect("EPP-KEY-009")
class TakesBulletinsOfRetiredKeys(_OtherAnchor):
    """Does not look at the validity of device keys when it verifies a bulletin."""

    for_bulletins = staticmethod(_always)


@defect("EPP-KEY-010")
class KnowsOnlyTheNewestKeys(_OtherAnchor):
    """Verifies only under the newest key of each centre."""

    for_units = for_purse_ids = for_bulletins = staticmethod(_newest)
