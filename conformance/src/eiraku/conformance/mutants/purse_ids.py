"""Mutants of chapter 3, purse IDs."""

from dataclasses import replace

from eiraku.conformance.mutants.registry import defect, omits, replaces, sets
from eiraku.reference.anchor import SignedPurseId
from eiraku.reference.purse import credential
from eiraku.reference.purse.checks import Checks
from eiraku.reference.purse.core import Purse
from eiraku.reference.purse.state import Identity, Random, Terms
from eiraku.spec import cbor, objects, shape
from eiraku.spec.cbor import Item
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import PurseId

AREA = "purse_ids"
_ordered, _uint = objects._ordered, shape.uint


@replaces("EPP-PID-001", (objects, "_ordered"))
def takes_purse_ids_that_expire_before_issue(issued: int, expires: int, rule: str) -> None:
    """Takes a purse ID that was issued after its last epoch."""
    if rule != "EPP-PID-001":
        _ordered(issued, expires, rule)


@replaces("EPP-PID-001", (shape, "uint"))
def takes_any_tier(item: Item, requirement: str, where: str, low: int, high: int) -> int:
    """Takes a purse ID of a tier above 7."""
    return _uint(item, requirement, where, low, 255 if where == "tier" else high)


sets(
    AREA,
    "takes_purse_number_zero",
    (objects, "ISSUER_NUMBER"),
    "EPP-PID-001",
    "Takes a purse ID whose number is eight zero bytes.",
    value=b"no purse",
)

omits(
    AREA,
    "skips_purse_id_signature",
    "purse_id_signature",
    "EPP-PID-002",
    "Does not verify the signature of a purse ID.",
)
omits(AREA, "skips_purse_id_seal", "purse_id_seal", "EPP-PID-003", "Does not compare the seal of a purse ID.")
omits(AREA, "skips_purse_id_expiry", "peer_expiry", "EPP-PID-004", "Takes a purse ID that has expired.")


@defect("EPP-PID-004")
class ExpiresPurseIdsEarly(Checks):
    """Refuses a purse ID in its last epoch."""

    def peer_expiry(self, terms: Terms, peer: PurseId) -> None:
        super().peer_expiry(replace(terms, epoch=terms.epoch + 1), peer)


@defect("EPP-PID-005")
class RefusesPurseIdsFromTheFuture(Checks):
    """Refuses a purse ID issued after its own epoch."""

    def peer_expiry(self, terms: Terms, peer: PurseId) -> None:
        super().peer_expiry(terms, peer)
        if peer.issued > terms.epoch:
            raise Refusal(Code.AUTHENTICATION, "EPP-PID-005", "issued in the future")


@defect("EPP-PID-006")
class RefusesReservedInPurseIds(Checks):
    """Refuses a purse ID with reserved content."""

    def purse_id_shape(self, raw: bytes) -> SignedPurseId:
        purse_id = super().purse_id_shape(raw)
        if purse_id.claims.reserved:
            raise Refusal(Code.AUTHENTICATION, "EPP-PID-006", "reserved content")
        return purse_id


omits(
    AREA,
    "skips_purse_id_economy",
    "purse_id_economy",
    "EPP-PID-007",
    "Takes a purse ID of an economy outside its anchor.",
)


@defect("EPP-PID-008", collateral={"*": "no peer can read the purse ID, so nothing works"})
class SendsPurseIdInClear(Purse):
    """Sends its purse ID unsealed."""

    def id_cred(self, identity: Identity, random: Random) -> cbor.Map:
        return {objects.LABEL_SEALED_PURSE_ID: identity.purse_id}


@defect("EPP-PID-009")
class SealsWithOneNonce(Purse):
    """Seals its purse ID under the same nonce in every session."""

    def sealing_nonce(self, random: Random) -> bytes:
        return b"\x07" * objects.SEALED_NONCE


@defect("EPP-PID-010")
class TakesUnsealedPurseIds(Checks):
    """Takes a purse ID that is not sealed."""

    def sealed_purse_id(self, terms: Terms, id_cred: cbor.Map) -> bytes:
        try:
            return super().sealed_purse_id(terms, id_cred)
        except Refusal:
            content = id_cred.get(objects.LABEL_SEALED_PURSE_ID)
            if not isinstance(content, bytes):
                raise
            return content


@defect("EPP-PID-010")
class IgnoresSurplusInIdCred(Checks):
    """Ignores other entries of ID_CRED_x beside the sealed purse ID."""

    def sealed_purse_id(self, terms: Terms, id_cred: cbor.Map) -> bytes:
        label = objects.LABEL_SEALED_PURSE_ID
        known: cbor.Map = {label: id_cred[label]} if label in id_cred else {}
        return credential.unseal(terms.identity.anchor.scheme_key, known)


@defect("EPP-PID-011")
class RemembersPeers(Checks):
    """Keeps the attributes of a peer from the first session with its number."""

    def __init__(self) -> None:
        self._known: dict[bytes, PurseId] = {}

    def _first(self, peer: PurseId) -> PurseId:
        return self._known.setdefault(peer.number, peer)

    def role_pair(self, terms: Terms, payer: PurseId, payee: PurseId) -> int:
        own = terms.identity.claims.number
        return super().role_pair(
            terms,
            payer if payer.number == own else self._first(payer),
            payee if payee.number == own else self._first(payee),
        )
