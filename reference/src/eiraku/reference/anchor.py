"""The trust anchor of a purse, and the verification of what the centres sign (specification, chapters 3, 4).

Each `verify_*` function returns the decoded object, or raises Refusal with the code and the requirement; the
pieces it is made of are functions of their own, because a purse checks in the order of the specification.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from eiraku.reference.crypto import cose, ed25519, x25519
from eiraku.reference.history import unit_id
from eiraku.reference.settings import SettingsError, convert
from eiraku.spec import anchor as written
from eiraku.spec import objects
from eiraku.spec.bulletins import BULLETIN_MAX, Bulletin
from eiraku.spec.errors import Code, Refusal, Refused
from eiraku.spec.objects import PurseId, Unit

K = TypeVar("K", "DeviceKey", "MoneyKey")
F = TypeVar("F", written.DeviceKey, written.MoneyKey)


class AnchorError(Refused):
    """A trust anchor that cannot be used; the message names the field and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceKey:
    """A purse master key: 32 bytes, and the epochs, both included, whose objects it may sign."""

    public: bytes
    valid_from: int
    valid_to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyKey:
    """A unit key (Ed25519) with its history key (X25519), 32 bytes each, and its epochs, both included."""

    public: bytes
    history: bytes
    valid_from: int
    valid_to: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustAnchor:
    """What a purse trusts. Keys by their 8-byte kid; seals of 16 bytes; scheme key of 32."""

    economies: frozenset[int]
    device_keys: Mapping[bytes, DeviceKey]
    money_keys: Mapping[bytes, MoneyKey]
    device_seal: bytes
    money_seal: bytes
    scheme_key: bytes

    @classmethod
    def from_mapping(cls, fields: object) -> "TrustAnchor":
        """From the JSON form that a purse is provisioned with, `eiraku.spec.anchor`. Raises AnchorError."""
        try:
            form = convert(fields, written.Anchor, "anchor")
        except SettingsError as error:
            raise AnchorError(str(error)) from None
        _check_keys(form)
        _check_economies(form.economies)
        return cls(
            economies=frozenset(form.economies),
            device_keys=_by_kid(
                form.device_keys,
                lambda key: DeviceKey(
                    public=bytes.fromhex(key.public), valid_from=key.start, valid_to=key.end
                ),
            ),
            money_keys=_by_kid(
                form.money_keys,
                lambda key: MoneyKey(
                    public=bytes.fromhex(key.public),
                    history=bytes.fromhex(key.history),
                    valid_from=key.start,
                    valid_to=key.end,
                ),
            ),
            device_seal=bytes.fromhex(form.device_seal),
            money_seal=bytes.fromhex(form.money_seal),
            scheme_key=bytes.fromhex(form.scheme_key),
        )

    @classmethod
    def from_json(cls, data: bytes) -> "TrustAnchor":
        """From a file, in which the scheme key, which stays with purses, may be left out; then it is zero.

        Raises AnchorError.
        """
        try:
            fields = msgspec.json.decode(data)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise AnchorError(f"anchor: expected the JSON form of an anchor ({error})") from None
        if isinstance(fields, dict):
            fields.setdefault("scheme_key", bytes(32).hex())
        return cls.from_mapping(fields)

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form; `from_mapping` reads it back."""
        found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self._public()))
        return {**found, "scheme_key": self.scheme_key.hex()}

    def to_json(self) -> bytes:
        """A file of the public half, as anybody may have it (EPP-CEN-082); `from_json` reads it."""
        return msgspec.json.format(msgspec.json.encode(self._public()), indent=1) + b"\n"

    def _public(self) -> written.PublicAnchor:
        return written.PublicAnchor(
            economies=tuple(sorted(self.economies)),
            device_keys=tuple(
                written.DeviceKey(
                    kid=kid.hex(), public=key.public.hex(), start=key.valid_from, end=key.valid_to
                )
                for kid, key in self.device_keys.items()
            ),
            money_keys=tuple(
                written.MoneyKey(
                    kid=kid.hex(),
                    public=key.public.hex(),
                    history=key.history.hex(),
                    start=key.valid_from,
                    end=key.valid_to,
                )
                for kid, key in self.money_keys.items()
            ),
            device_seal=self.device_seal.hex(),
            money_seal=self.money_seal.hex(),
        )


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


def check_unit_signature(anchor: TrustAnchor, unit: SignedUnit) -> None:
    """Signed under a money key that was valid when the unit was issued. Raises Refusal(UNIT_SIGNATURE)."""
    public = signer(anchor.money_keys, unit.kid, unit.unit.issued, Code.UNIT_SIGNATURE, "unit")
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


def verify_unit(anchor: TrustAnchor, raw: bytes) -> SignedUnit:
    """Shape, signature, seal, economy and value; not expiry, which depends on the epoch. Raises Refusal."""
    unit = parse_unit(raw)
    check_unit_signature(anchor, unit)
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
    if signed.kid is None:
        raise Refusal(Code.MALFORMED, "EPP-KEY-005", "bulletin: no key identifier")
    bulletin = Bulletin.decode(signed.payload)
    public = signer(anchor.device_keys, signed.kid, bulletin.epoch, Code.BULLETIN_SIGNATURE, "bulletin")
    # EPP-BUL-001
    if not cose.verify(public, objects.CONTEXT_BULLETIN, signed):
        raise Refusal(Code.BULLETIN_SIGNATURE, "EPP-BUL-001", "bulletin: signature does not verify")
    return bulletin


def signer(
    keys: Mapping[bytes, DeviceKey | MoneyKey], kid: bytes | None, epoch: int, fault: Code, where: str
) -> bytes:
    """Public key of `kid`, if valid in the epoch of the object, which is `where`. Raises Refusal(`fault`)."""
    # EPP-KEY-007, EPP-KEY-008, EPP-KEY-010
    key = None if kid is None else keys.get(kid)
    if key is None:
        raise Refusal(fault, "EPP-KEY-008", f"{where}: signed by a key that is not in the anchor")
    # EPP-KEY-009
    if not key.valid_from <= epoch <= key.valid_to:
        raise Refusal(fault, "EPP-KEY-009", f"{where}: issued outside the validity of its key")
    return key.public


def _parse(raw: bytes, limit: int, rule: str, where: str) -> tuple[cose.Sign1, bytes]:
    # A limit of size that belongs to a shape is answered as the shape is: MALFORMED, not TOO_LARGE.
    if len(raw) > limit:
        raise Refusal(Code.MALFORMED, rule, f"{where}: {len(raw)} bytes, at most {limit} allowed")
    signed = cose.parse(raw, limit=limit)
    if signed.kid is None:
        # EPP-KEY-005
        raise Refusal(Code.MALFORMED, "EPP-KEY-005", f"{where}: no key identifier")
    return signed, signed.kid


def _check_economies(economies: tuple[int, ...]) -> None:
    """Raises AnchorError."""
    in_range = all(1 <= economy <= 65535 for economy in economies)
    # EPP-GEN-010
    if not economies or len(set(economies)) < len(economies) or not in_range:
        raise AnchorError("anchor: expected one or more different economies from 1 to 65535")


def _check_keys(form: written.Anchor) -> None:
    """Raises AnchorError."""
    # EPP-GEN-009
    if not form.device_keys or not form.money_keys:
        raise AnchorError("anchor: expected a device key and a money key")
    earlier: set[str] = set()
    keys: list[written.DeviceKey | written.MoneyKey] = [*form.device_keys, *form.money_keys]
    for key in keys:
        public = bytes.fromhex(key.public)
        # EPP-KEY-015
        if bytes.fromhex(key.kid) != ed25519.key_id(public):
            raise AnchorError(f"anchor: kid {key.kid} is not the identifier of its public key")
        # EPP-KEY-016
        if key.kid in earlier:
            raise AnchorError(f"anchor: key {key.kid} occurs twice")
        earlier.add(key.kid)
        # EPP-KEY-017
        if key.start > key.end:
            raise AnchorError(f"anchor: key {key.kid} is valid from {key.start} to {key.end}")
        # EPP-KEY-018
        if not ed25519.sound_key(public):
            raise AnchorError(f"anchor: key {key.kid} is no point under which anything verifies")
    for money in form.money_keys:
        # EPP-KEY-019
        if x25519.has_small_order(bytes.fromhex(money.history)):
            raise AnchorError(f"anchor: the history key of {money.kid} has small order")


def _by_kid(items: Iterable[F], read: Callable[[F], K]) -> dict[bytes, K]:
    return {bytes.fromhex(item.kid): read(item) for item in items}
