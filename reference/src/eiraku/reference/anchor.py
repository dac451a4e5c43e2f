"""The trust anchor of a purse, and the verification of what the centres sign (specification, chapters 3, 4).

Each `verify_*` function returns the decoded object, or raises Refusal with the code and the requirement; the
pieces it is made of are functions of their own, because a purse checks in the order of the specification.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from eiraku.reference import keylists
from eiraku.reference.crypto import cose
from eiraku.reference.history import unit_id
from eiraku.reference.keylists import DeviceKey, DeviceList, MoneyKey, MoneyList
from eiraku.reference.settings import SettingsError, convert
from eiraku.spec import anchor as written
from eiraku.spec import key_lists, objects
from eiraku.spec.bulletins import BULLETIN_MAX, Bulletin
from eiraku.spec.errors import Code, Refusal, Refused
from eiraku.spec.key_lists import Centre
from eiraku.spec.objects import PurseId, Unit


class AnchorError(Refused):
    """A trust anchor that cannot be used; the message names the field and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustAnchor:
    """What a purse trusts. Roots of 32 bytes, seals of 16; scheme keys of 32 by their 8-byte identifiers."""

    economies: frozenset[int]
    device_root: bytes
    money_root: bytes
    device: DeviceList
    money: MoneyList
    device_seal: bytes
    money_seal: bytes
    scheme_keys: Mapping[bytes, bytes]

    @property
    def device_keys(self) -> Mapping[bytes, DeviceKey]:
        """The keys of the device centre, by kid."""
        return self.device.keys

    @property
    def money_keys(self) -> Mapping[bytes, MoneyKey]:
        """The keys of the issuing centre, by kid."""
        return self.money.keys

    @property
    def expires(self) -> int:
        """The last epoch in which neither list has expired."""
        return min(self.device.expires, self.money.expires)

    @classmethod
    def from_mapping(cls, fields: object) -> "TrustAnchor":
        """From the JSON form that a purse is provisioned with, `eiraku.spec.anchor`. Raises AnchorError."""
        try:
            form = convert(fields, written.Anchor, "anchor")
        except SettingsError as error:
            raise AnchorError(str(error)) from None
        roots = (bytes.fromhex(form.device_root), bytes.fromhex(form.money_root))
        # EPP-KEY-033
        if roots[0] == roots[1]:
            raise AnchorError("anchor: expected two different roots, found one key twice")
        try:
            # EPP-KEY-034
            device = keylists.device_keys(roots[0], bytes.fromhex(form.device_keys))
            money = keylists.money_keys(roots[1], bytes.fromhex(form.money_keys))
            keylists.check_keys(device, roots=roots, other=())
            keylists.check_keys(money, roots=roots, other=device.keys)
        except Refusal as refusal:
            raise AnchorError(f"anchor: {refusal}") from None
        scheme_keys = [bytes.fromhex(key) for key in form.scheme_keys]
        # EPP-GEN-020
        if len(scheme_keys) > key_lists.SCHEME_KEYS_MAX:
            raise AnchorError(f"anchor: expected at most {key_lists.SCHEME_KEYS_MAX} scheme keys")
        _check_economies(form.economies)
        return cls(
            economies=frozenset(form.economies),
            device_root=roots[0],
            money_root=roots[1],
            device=device,
            money=money,
            device_seal=bytes.fromhex(form.device_seal),
            money_seal=bytes.fromhex(form.money_seal),
            scheme_keys={key_lists.scheme_key_id(key): key for key in scheme_keys},
        )

    @classmethod
    def from_json(cls, data: bytes) -> "TrustAnchor":
        """From a file, in which the scheme keys, which stay with purses, may be left out.

        Raises AnchorError.
        """
        try:
            fields = msgspec.json.decode(data)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise AnchorError(f"anchor: expected the JSON form of an anchor ({error})") from None
        if isinstance(fields, dict):
            fields.setdefault("scheme_keys", [])
        return cls.from_mapping(fields)

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form; `from_mapping` reads it back."""
        found: dict[str, Any] = msgspec.to_builtins(self._public())
        return {
            **found,
            "economies": list(found["economies"]),
            "scheme_keys": [key.hex() for key in self.scheme_keys.values()],
        }

    def to_json(self) -> bytes:
        """A file of the public half, as anybody may have it (EPP-CEN-082); `from_json` reads it."""
        return msgspec.json.format(msgspec.json.encode(self._public()), indent=1) + b"\n"

    def _public(self) -> written.PublicAnchor:
        return written.PublicAnchor(
            economies=tuple(sorted(self.economies)),
            device_root=self.device_root.hex(),
            money_root=self.money_root.hex(),
            device_keys=self.device.signed.hex(),
            money_keys=self.money.signed.hex(),
            device_seal=self.device_seal.hex(),
            money_seal=self.money_seal.hex(),
        )

    def with_keys(self, centre: Centre, signed: bytes) -> "TrustAnchor":
        """With another list of one centre; itself if it has that list already. Raises Refusal."""
        # EPP-KEY-026, EPP-KEY-037
        roots = (self.device_root, self.money_root)
        if centre is Centre.DEVICE:
            device = keylists.device_keys(self.device_root, signed)
            if keylists.is_held(device, self.device):
                return self
            keylists.check_keys(device, roots=roots, other=self.money.keys)
            return replace(self, device=device)
        money = keylists.money_keys(self.money_root, signed)
        if keylists.is_held(money, self.money):
            return self
        keylists.check_keys(money, roots=roots, other=self.device.keys)
        return replace(self, money=money)

    def with_scheme_key(self, key: bytes, epoch: int) -> "TrustAnchor":
        """With another scheme key, without those that are over; itself if it has that. Raises Refusal."""
        name = key_lists.scheme_key_id(key)
        # EPP-KEY-048
        if name not in self.device.scheme:
            detail = "scheme key: not one of the key list that is held"
            raise Refusal(Code.KEYS_SIGNATURE, "EPP-KEY-048", detail)
        if name in self.scheme_keys:
            return self
        # EPP-KEY-049
        kept = self._lasting(epoch)
        if len(kept) == key_lists.SCHEME_KEYS_MAX:
            detail = f"{key_lists.SCHEME_KEYS_MAX} scheme keys are here already"
            raise Refusal(Code.CAPACITY, "EPP-KEY-049", detail)
        return replace(self, scheme_keys={**kept, name: key})

    def scheme_key_of_initiator(self, epoch: int) -> bytes | None:
        """The scheme key that an initiator uses in an epoch; None if none is in force."""
        # EPP-KEY-045
        named = self.device.scheme
        names = [name for name in self.scheme_keys if name in named and named[name].covers(epoch)]
        best = min(names, key=lambda name: (-named[name].valid_from, name), default=None)
        return None if best is None else self.scheme_keys[best]

    def scheme_keys_of_responder(self, epoch: int) -> tuple[bytes, ...]:
        """The scheme keys under which a responder takes part in a session."""
        # EPP-KEY-046
        return tuple(self._lasting(epoch).values())

    def _lasting(self, epoch: int) -> Mapping[bytes, bytes]:
        """The scheme keys of the list held that are not over, by identifier."""
        named = self.device.scheme
        return {
            name: key
            for name, key in self.scheme_keys.items()
            if name in named and named[name].valid_to >= epoch
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedUnit:
    """A unit of the right shape, its signature not yet verified. `unit_id`: 32 bytes (EPP-UNI-009)."""

    raw: bytes
    unit_id: bytes
    kid: bytes
    unit: Unit
    signed: cose.Sign1


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPurseId:
    """A purse ID of the right shape, its signature not yet verified."""

    claims: PurseId
    signed: cose.Sign1


def parse_unit(raw: bytes) -> SignedUnit:
    """The shape of a unit. Raises Refusal(MALFORMED)."""
    signed, kid = _parse(raw, objects.UNIT_MAX, "EPP-UNI-001", "unit")
    return SignedUnit(
        raw=raw,
        unit_id=unit_id(kid, signed.payload),
        kid=kid,
        unit=Unit.decode(signed.payload),
        signed=signed,
    )


def check_unit_signature(anchor: TrustAnchor, unit: SignedUnit, *, at_any_epoch: bool = False) -> None:
    """Signed under a money key that was valid when the unit was issued. Raises Refusal(UNIT_SIGNATURE).

    `at_any_epoch`: whenever it was issued, as a centre takes it (EPP-CEN-040).
    """
    issued = None if at_any_epoch else unit.unit.issued
    public = signer(anchor.money_keys, unit.kid, issued, Code.UNIT_SIGNATURE, "unit")
    # EPP-UNI-002
    if not cose.verify(public, objects.CONTEXT_UNIT, unit.signed):
        raise Refusal(Code.UNIT_SIGNATURE, "EPP-UNI-002", "unit: signature does not verify")


def check_unit_seal(anchor: TrustAnchor, unit: Unit) -> None:
    """Raises Refusal(UNIT_SEAL)."""
    # EPP-UNI-003
    if unit.seal != anchor.money_seal:
        raise Refusal(Code.UNIT_SEAL, "EPP-UNI-003", "unit: not the seal of the issuing centre")


def check_unit_economy(anchor: TrustAnchor, unit: Unit) -> None:
    """Raises Refusal(UNIT_ECONOMY)."""
    # EPP-UNI-004
    if unit.economy not in anchor.economies:
        raise Refusal(Code.UNIT_ECONOMY, "EPP-UNI-004", f"unit: economy {unit.economy} is not in the anchor")


def check_unit_value(unit: Unit) -> None:
    """Raises Refusal(UNIT_VALUE)."""
    # EPP-UNI-007
    if unit.value not in objects.VALUES:
        raise Refusal(Code.UNIT_VALUE, "EPP-UNI-007", f"unit: {unit.value} is not a denomination")


def verify_unit(anchor: TrustAnchor, raw: bytes, *, at_any_epoch: bool = False) -> SignedUnit:
    """Shape, signature, seal, economy and value; not expiry, which depends on the epoch. Raises Refusal.

    `at_any_epoch`: as in `check_unit_signature`.
    """
    unit = parse_unit(raw)
    check_unit_signature(anchor, unit, at_any_epoch=at_any_epoch)
    check_unit_seal(anchor, unit.unit)
    check_unit_economy(anchor, unit.unit)
    check_unit_value(unit.unit)
    return unit


def parse_purse_id(raw: bytes) -> SignedPurseId:
    """The shape of a purse ID. Raises Refusal(AUTHENTICATION), as for all that is wrong with a purse ID."""
    try:
        signed, _ = _parse(raw, objects.PURSE_ID_MAX, "EPP-PID-001", "purse ID")
        claims = PurseId.decode(signed.payload)
    except Refusal as refusal:
        # EPP-PID-001
        raise Refusal(Code.AUTHENTICATION, refusal.requirement, refusal.detail) from None
    return SignedPurseId(claims=claims, signed=signed)


def check_purse_id_signature(anchor: TrustAnchor, purse_id: SignedPurseId) -> None:
    """Signed under a device key that was valid at its issue. Raises Refusal(AUTHENTICATION)."""
    signed, issued = purse_id.signed, purse_id.claims.issued
    public = signer(anchor.device_keys, signed.kid, issued, Code.AUTHENTICATION, "purse ID")
    # EPP-PID-002
    if not cose.verify(public, objects.CONTEXT_PURSE_ID, signed):
        raise Refusal(Code.AUTHENTICATION, "EPP-PID-002", "purse ID: signature does not verify")


def check_purse_id_seal(anchor: TrustAnchor, claims: PurseId) -> None:
    """Raises Refusal(AUTHENTICATION)."""
    # EPP-PID-003
    if claims.seal != anchor.device_seal:
        raise Refusal(Code.AUTHENTICATION, "EPP-PID-003", "purse ID: not the seal of the device centre")


def check_purse_id_economy(anchor: TrustAnchor, claims: PurseId) -> None:
    """Raises Refusal(AUTHENTICATION)."""
    # EPP-PID-007
    if claims.economy not in anchor.economies:
        raise Refusal(
            Code.AUTHENTICATION, "EPP-PID-007", f"purse ID: economy {claims.economy} not in the anchor"
        )


def verify_purse_id(anchor: TrustAnchor, raw: bytes) -> SignedPurseId:
    """Shape, signature, seal, economy; not expiry, which depends on the epoch. Raises Refusal."""
    purse_id = parse_purse_id(raw)
    check_purse_id_signature(anchor, purse_id)
    check_purse_id_seal(anchor, purse_id.claims)
    check_purse_id_economy(anchor, purse_id.claims)
    return purse_id


def verify_bulletin(anchor: TrustAnchor, raw: bytes) -> Bulletin:
    """Shape, then signature; not the epoch, and no chunk. Raises Refusal (MALFORMED, TOO_LARGE or
    BULLETIN_SIGNATURE).
    """
    # EPP-BUL-008
    signed = cose.parse(raw, limit=BULLETIN_MAX)
    kid = cose.kid_of(signed, "bulletin")
    bulletin = Bulletin.decode(signed.payload)
    public = signer(anchor.device_keys, kid, bulletin.epoch, Code.BULLETIN_SIGNATURE, "bulletin")
    # EPP-BUL-001
    if not cose.verify(public, objects.CONTEXT_BULLETIN, signed):
        raise Refusal(Code.BULLETIN_SIGNATURE, "EPP-BUL-001", "bulletin: signature does not verify")
    return bulletin


def signer(
    keys: Mapping[bytes, DeviceKey | MoneyKey], kid: bytes | None, epoch: int | None, fault: Code, where: str
) -> bytes:
    """Public key of `kid`, if valid in the epoch of the object, None: in any. Raises Refusal(`fault`)."""
    # EPP-KEY-007, EPP-KEY-008, EPP-KEY-010
    key = None if kid is None else keys.get(kid)
    if key is None:
        raise Refusal(fault, "EPP-KEY-008", f"{where}: signed by a key that is not in the anchor")
    # EPP-KEY-009
    if epoch is not None and not key.covers(epoch):
        raise Refusal(fault, "EPP-KEY-009", f"{where}: issued outside the validity of its key")
    return key.public


def _parse(raw: bytes, limit: int, rule: str, where: str) -> tuple[cose.Sign1, bytes]:
    # A limit of size that belongs to a shape is answered as the shape is: MALFORMED, not TOO_LARGE.
    if len(raw) > limit:
        raise Refusal(Code.MALFORMED, rule, f"{where}: {len(raw)} bytes, at most {limit} allowed")
    signed = cose.parse(raw, limit=limit)
    return signed, cose.kid_of(signed, where)


def _check_economies(economies: tuple[int, ...]) -> None:
    """Raises AnchorError."""
    in_range = all(1 <= economy <= 65535 for economy in economies)
    # EPP-GEN-010
    if not economies or len(set(economies)) < len(economies) or not in_range:
        raise AnchorError("anchor: expected one or more different economies from 1 to 65535")
