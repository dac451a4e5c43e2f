"""Mutants of chapter 4, units, endorsements and histories, as a payee checks and makes them."""

import hashlib
from dataclasses import replace

from eiraku.conformance.mutants.registry import defect, omits, replaces
from eiraku.reference.anchor import SignedUnit
from eiraku.reference.purse.checks import Checks
from eiraku.reference.purse.core import Purse
from eiraku.reference.purse.state import Random, Terms
from eiraku.spec import objects, shape
from eiraku.spec.cbor import Item
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import EndorsementPayload, Layer, PurseId, Role, Unit

AREA = "units"
_ordered, _octets = objects._ordered, shape.octets
MANY = 1 << 40


@replaces("EPP-UNI-001", (objects, "_ordered"))
def takes_units_that_expire_before_issue(issued: int, expires: int, rule: str) -> None:
    """Takes a unit that was issued after its last epoch."""
    if rule != "EPP-UNI-001":
        _ordered(issued, expires, rule)


@replaces("EPP-UNI-001", (shape, "octets"))
def takes_long_reserved_areas(
    item: Item, requirement: str, where: str, low: int, high: int | None = None
) -> bytes:
    """Takes a unit whose reserved area is longer than 32 bytes."""
    long = requirement == "EPP-UNI-001" and where == "reserved"
    return _octets(item, requirement, where, low, 255 if long else high)


omits(
    AREA, "skips_unit_signature", "unit_signature", "EPP-UNI-002", "Does not verify the signature of a unit."
)
omits(AREA, "skips_unit_seal", "unit_seal", "EPP-UNI-003", "Does not compare the seal of a unit.")
omits(AREA, "skips_unit_economy", "unit_economy", "EPP-UNI-004", "Takes a unit of any economy.")
omits(AREA, "skips_unit_expiry", "unit_expiry", "EPP-UNI-005", "Takes a unit that has expired.")


@defect("EPP-UNI-005")
class ExpiresUnitsEarly(Checks):
    """Refuses a unit in its last epoch."""

    def unit_expiry(self, terms: Terms, unit: Unit) -> None:
        super().unit_expiry(replace(terms, epoch=terms.epoch + 1), unit)


@defect("EPP-UNI-006")
class RefusesUnitsFromTheFuture(Checks):
    """Refuses a unit issued after its own epoch."""

    def unit_expiry(self, terms: Terms, unit: Unit) -> None:
        super().unit_expiry(terms, unit)
        if unit.issued > terms.epoch:
            raise Refusal(Code.UNIT_EXPIRED, "EPP-UNI-006", "issued in the future")


omits(AREA, "skips_unit_value", "unit_value", "EPP-UNI-007", "Takes a unit of any value.")


@defect("EPP-UNI-007")
class TakesAnyPowerOfTwo(Checks):
    """Takes units of 2^41 and more."""

    def unit_value(self, unit: Unit) -> None:
        if unit.value & (unit.value - 1) or not unit.value:
            super().unit_value(unit)


@defect("EPP-UNI-008")
class RefusesReservedInUnits(Checks):
    """Refuses a unit with reserved content."""

    def unit_shape(self, raw: bytes) -> SignedUnit:
        unit = super().unit_shape(raw)
        if unit.unit.reserved:
            raise Refusal(Code.MALFORMED, "EPP-UNI-008", "reserved content")
        return unit


@defect("EPP-UNI-009")
class KnowsUnitsByTheirBytes(Checks):
    """Takes two units for different if their signatures differ, though their content is the same."""

    def __init__(self) -> None:
        self._digests: dict[bytes, bytes] = {}

    def unit_shape(self, raw: bytes) -> SignedUnit:
        unit = super().unit_shape(raw)
        self._digests[unit.unit_id] = hashlib.sha256(raw).digest()
        return unit

    def duplicate(self, unit_id: bytes, earlier: set[bytes]) -> None:
        digest = self._digests[unit_id]
        if digest in earlier:
            super().duplicate(unit_id, {unit_id})
        earlier.add(digest)


@defect("EPP-UNI-009")
class KnowsUnitsByTheirNumber(Checks):
    """Takes two units for one if their numbers are equal, whatever their issue."""

    def __init__(self) -> None:
        self._numbers: dict[bytes, bytes] = {}

    def unit_shape(self, raw: bytes) -> SignedUnit:
        unit = super().unit_shape(raw)
        self._numbers[unit.unit_id] = b"number" + unit.unit.number.to_bytes(8, "big")
        return unit

    def duplicate(self, unit_id: bytes, earlier: set[bytes]) -> None:
        number = self._numbers[unit_id]
        super().duplicate(number, earlier)
        earlier.add(number)


# --- endorsements -------------------------------------------------------------------------------------------

omits(AREA, "skips_endorsements", "endorsement", "EPP-HIS-002", "Does not verify endorsements.")


@defect("EPP-HIS-002")
class TakesEndorsementsOfTheHeldHop(Checks):
    """Takes an endorsement of the hop at which the payer held the unit."""

    def endorsement(self, payer: PurseId, payload: EndorsementPayload, signature: bytes) -> None:
        try:
            super().endorsement(payer, payload, signature)
        except Refusal:
            super().endorsement(payer, replace(payload, hop=payload.hop - 1), signature)


@defect("EPP-HIS-002")
class TakesEndorsementsOfNoHistory(Checks):
    """Takes an endorsement that does not cover the history."""

    def endorsement(self, payer: PurseId, payload: EndorsementPayload, signature: bytes) -> None:
        try:
            super().endorsement(payer, payload, signature)
        except Refusal:
            empty = hashlib.sha256(b"").digest()
            super().endorsement(payer, replace(payload, history_digest=empty), signature)


@defect("EPP-HIS-002")
class TakesEndorsementsToNobody(Checks):
    """Takes an endorsement that names no payee."""

    def endorsement(self, payer: PurseId, payload: EndorsementPayload, signature: bytes) -> None:
        try:
            super().endorsement(payer, payload, signature)
        except Refusal:
            super().endorsement(payer, replace(payload, payee=bytes(8)), signature)


@defect("EPP-HIS-002")
class TakesEndorsementsOfNoTransaction(Checks):
    """Takes an endorsement that names no transaction."""

    def endorsement(self, payer: PurseId, payload: EndorsementPayload, signature: bytes) -> None:
        try:
            super().endorsement(payer, payload, signature)
        except Refusal:
            super().endorsement(payer, replace(payload, transaction=bytes(16)), signature)


# --- histories ----------------------------------------------------------------------------------------------


@defect("EPP-HIS-003")
class LosesTheInnerHistory(Purse):
    """Seals zeros instead of the history that it received."""

    def layer(
        self, *, inner: bytes, payer: bytes, payee: bytes, transaction: bytes, signature: bytes
    ) -> Layer:
        return super().layer(
            inner=bytes(len(inner)), payer=payer, payee=payee, transaction=transaction, signature=signature
        )


@defect("EPP-HIS-003")
class SealsItselfAsPayer(Purse):
    """Names itself as payer in the layer that it seals."""

    def layer(
        self, *, inner: bytes, payer: bytes, payee: bytes, transaction: bytes, signature: bytes
    ) -> Layer:
        return super().layer(
            inner=inner, payer=payee, payee=payee, transaction=transaction, signature=signature
        )


@defect("EPP-HIS-003")
class SealsForAnotherUnit(Purse):
    """Does not bind the sealed layer to the unit."""

    def seal_layer(self, history_key: bytes, unit_id: bytes, layer: Layer, random: Random) -> bytes:
        return super().seal_layer(history_key, bytes(32), layer, random)


omits(AREA, "skips_history_size", "history_size", "EPP-HIS-004", "Takes a history of any size.")


@defect("EPP-HIS-004")
class TakesShortHistories(Checks):
    """Takes a history that lacks layers."""

    def history_size(self, hop: int, size: int) -> None:
        if size > objects.history_size(hop):
            super().history_size(hop, size)


omits(AREA, "skips_hop_limit", "hop_limit", "EPP-HIS-005", "Takes a unit that has moved too often.")


@defect("EPP-HIS-005")
class KnowsOnlyThePolicysHopLimit(Checks):
    """Does not look at the unit's own hop limit."""

    def hop_limit(self, terms: Terms, unit: Unit, new_hop: int) -> None:
        super().hop_limit(terms, replace(unit, max_hops=objects.HOP_MAX), new_hop)


@defect("EPP-HIS-005")
class KnowsOnlyTheUnitsHopLimit(Checks):
    """Does not look at the policy's hop limit."""

    def hop_limit(self, terms: Terms, unit: Unit, new_hop: int) -> None:
        identity = terms.identity
        policy = replace(identity.policy, max_hops=objects.HOP_MAX)
        super().hop_limit(replace(terms, identity=replace(identity, policy=policy)), unit, new_hop)


@defect("EPP-HIS-005")
class LimitsHopsAtVaults(Checks):
    """As a vault, refuses a unit at its hop limit."""

    def hop_limit(self, terms: Terms, unit: Unit, new_hop: int) -> None:
        identity = terms.identity
        person = replace(identity, claims=replace(identity.claims, role=Role.PERSON))
        super().hop_limit(replace(terms, identity=person), unit, new_hop)


@defect("EPP-HIS-007")
class ReusesTheHistoryEphemeral(Purse):
    """Seals every layer with one HPKE ephemeral key."""

    def seal_layer(self, history_key: bytes, unit_id: bytes, layer: Layer, random: Random) -> bytes:
        return super().seal_layer(history_key, unit_id, layer, lambda length: b"\x11" * length)


@defect("EPP-HIS-008")
class PadsHistories(Purse):
    """Adds 64 bytes to every sealed layer."""

    def seal_layer(self, history_key: bytes, unit_id: bytes, layer: Layer, random: Random) -> bytes:
        return super().seal_layer(history_key, unit_id, layer, random) + random(64)
