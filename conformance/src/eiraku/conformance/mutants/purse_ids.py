"""Mutants of chapter 3, purse IDs."""

from collections.abc import Sequence
from dataclasses import replace

from eiraku.conformance.mutants.registry import Area
from eiraku.reference.edhoc import messages
from eiraku.reference.purse import credential, handshake
from eiraku.reference.purse.state import Env, Order, Terms
from eiraku.spec import cbor, objects, shape
from eiraku.spec.cbor import Item
from eiraku.spec.errors import Refusal
from eiraku.spec.objects import PurseId
from eiraku.testing.patches import Patch, instead

AREA = Area(__name__)
_ordered, _uint, _unseal = objects._ordered, shape.uint, credential.unseal
_read_id_cred = messages._read_id_cred


@AREA.replaces("EPP-PID-001", (objects, "_ordered"))
def takes_purse_ids_that_expire_before_issue(issued: int, expires: int, rule: str) -> None:
    """Takes a purse ID that was issued after its last epoch."""
    if rule != "EPP-PID-001":
        _ordered(issued, expires, rule)


@AREA.replaces("EPP-PID-001", (shape, "uint"))
def takes_any_tier(item: Item, requirement: str, where: str, low: int, high: int) -> int:
    """Takes a purse ID of a tier above 7."""
    return _uint(item, requirement, where, low, 255 if where == "tier" else high)


AREA.sets(
    "EPP-PID-001",
    "takes_purse_number_zero",
    "Takes a purse ID whose number is eight zero bytes.",
    (objects, "ISSUER_NUMBER"),
    b"no purse",
)
AREA.edits(
    "EPP-PID-002",
    "skips_purse_id_signature",
    "Does not verify the signature of a purse ID.",
    handshake.resolve,
    ("anchor.check_purse_id_signature(trusted, purse_id)", "pass"),
)
AREA.edits(
    "EPP-PID-003",
    "skips_purse_id_seal",
    "Does not compare the seal of a purse ID.",
    handshake.resolve,
    ("anchor.check_purse_id_seal(trusted, purse_id.claims)", "pass"),
)
EXPIRED = "terms.epoch > peer.expires"
AREA.edits(
    "EPP-PID-004",
    "skips_purse_id_expiry",
    "Takes a purse ID that has expired.",
    handshake.judge,
    (EXPIRED, "False"),
)
AREA.edits(
    "EPP-PID-004",
    "expires_purse_ids_early",
    "Refuses a purse ID in its last epoch.",
    handshake.judge,
    (EXPIRED, "terms.epoch >= peer.expires"),
)
AREA.edits(
    "EPP-PID-005",
    "refuses_purse_ids_from_the_future",
    "Refuses a purse ID issued after its own epoch.",
    handshake.judge,
    (EXPIRED, f"not peer.issued <= terms.epoch or {EXPIRED}"),
)
AREA.edits(
    "EPP-PID-006",
    "refuses_reserved_in_purse_ids",
    "Refuses a purse ID with reserved content.",
    handshake.resolve,
    (
        "purse_id = anchor.parse_purse_id(raw)",
        (
            "purse_id = anchor.parse_purse_id(raw)\n"
            "    if purse_id.claims.reserved:\n"
            '        raise Refusal(Code.AUTHENTICATION, "EPP-PID-006", "reserved content")'
        ),
    ),
)
AREA.edits(
    "EPP-PID-007",
    "skips_purse_id_economy",
    "Takes a purse ID of an economy outside its anchor.",
    handshake.resolve,
    ("anchor.check_purse_id_economy(trusted, purse_id.claims)", "pass"),
)
SEALED = "credential.seal(identity.anchor.scheme_key, nonce, identity.purse_id)"
AREA.edits(
    "EPP-PID-008",
    "sends_purse_id_in_clear",
    "Sends its purse ID unsealed.",
    handshake.party,
    (SEALED, "{objects.LABEL_KID: identity.purse_id}"),
    collateral={"*": "no peer can read the purse ID, so nothing works"},
)
AREA.edits(
    "EPP-PID-009",
    "seals_with_one_nonce",
    "Seals its purse ID under the same nonce in every session.",
    handshake.party,
    ("env.random(objects.SEALED_NONCE)", 'b"\\x07" * objects.SEALED_NONCE'),
)


@AREA.replaces("EPP-PID-010", (credential, "unseal"))
def takes_unsealed_purse_ids(scheme_key: bytes, id_cred: cbor.Map) -> bytes:
    """Takes a purse ID that is not sealed."""
    try:
        return _unseal(scheme_key, id_cred)
    except Refusal:
        content = id_cred.get(objects.LABEL_KID)
        if not isinstance(content, bytes):
            raise
        return content


@AREA.replaces("EPP-PID-010", (credential, "unseal"))
def ignores_surplus_in_id_cred(scheme_key: bytes, id_cred: cbor.Map) -> bytes:
    """Ignores other entries of ID_CRED_x beside the sealed purse ID."""
    label = objects.LABEL_KID
    return _unseal(scheme_key, {label: id_cred[label]} if label in id_cred else {})


@AREA.replaces("EPP-PID-012", (messages, "_read_id_cred"))
def takes_the_kid_in_its_map(item: cbor.Item) -> cbor.Map:
    """Takes ID_CRED_x also as the map that it stands for."""
    return item if isinstance(item, dict) else _read_id_cred(item)


@AREA.makes("EPP-PID-011")
def remembers_peers() -> Sequence[Patch]:
    """Keeps the attributes of a peer from the first session with its number."""
    judge = handshake.judge
    known: dict[bytes, PurseId] = {}

    def as_first_met(terms: Terms, order: Order, peer: PurseId, env: Env) -> int:
        first = known.setdefault(peer.number, peer)
        kept = replace(first, expires=peer.expires, public_key=peer.public_key)
        return judge(terms, order, kept, env)

    return [instead(handshake.judge, as_first_met)]
