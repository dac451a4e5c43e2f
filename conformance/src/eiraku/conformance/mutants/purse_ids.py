"""Mutants of chapter 3, purse IDs."""

from collections.abc import Sequence
from dataclasses import replace

from eiraku.conformance.mutants.registry import Area
from eiraku.reference.edhoc import initiator, responder
from eiraku.reference.edhoc.messages import Ead, Plaintext
from eiraku.reference.edhoc.party import Credential, Party, SubjectT, identify
from eiraku.reference.policy import Bounds
from eiraku.reference.purse import credential, handshake
from eiraku.reference.purse.state import Env, Order, Terms
from eiraku.spec import objects, shape
from eiraku.spec.cbor import Item
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import PurseId
from eiraku.testing.patches import Patch, instead

AREA = Area(__name__)
_ordered, _uint, _unseal = objects._ordered, shape.uint, credential.unseal
_sealed_in = credential.sealed_in


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
SEALED = "credential.seal(scheme_key, nonce, identity.purse_id)"
AREA.edits(
    "EPP-PID-008",
    "sends_purse_id_in_clear",
    "Sends its purse ID unsealed.",
    handshake.party,
    (SEALED, "Ead(label=65003, value=identity.purse_id, critical=True)"),
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
def takes_unsealed_purse_ids(scheme_key: bytes, sealed: bytes) -> bytes:
    """Takes a purse ID that is not sealed."""
    try:
        return _unseal(scheme_key, sealed)
    except Refusal:
        return credential.unpadded(sealed)


PADDED = 'purse_id.ljust(objects.PURSE_ID_MAX, b"\\0")'
AREA.edits(
    "EPP-PID-030",
    "seals_without_padding",
    "Seals its purse ID as it is.",
    credential.seal,
    (PADDED, "purse_id"),
    collateral={"*": "no peer takes the sealed purse ID, so nothing works"},
)
AREA.edits(
    "EPP-PID-030",
    "pads_with_ones",
    "Pads its purse ID with one-bits.",
    credential.seal,
    (PADDED, PADDED.replace("\\0", "\\xff")),
    collateral={"*": "no peer takes the sealed purse ID, so nothing works"},
)
AREA.edits(
    "EPP-PID-010",
    "takes_purse_ids_of_any_length",
    "Takes a sealed purse ID that is padded to another length, or not at all.",
    credential.sealed_in,
    ("SealedPurseId.codec.read(items[0].value)", "SealedPurseId(sealed=items[0].value or b'')"),
)
AREA.edits(
    "EPP-PID-031",
    "takes_any_padding",
    "Does not look at what follows a purse ID.",
    credential.unpadded,
    ("if any(rest):", "if False:"),
)
AREA.edits(
    "EPP-PID-031",
    "looks_only_at_the_end_of_the_padding",
    "Looks only at the last byte after a purse ID.",
    credential.unpadded,
    ("if any(rest):", "if any(rest[-1:]):"),
)


@AREA.makes("EPP-PID-011")
def remembers_peers() -> Sequence[Patch]:
    """Keeps the attributes of a peer from the first session with its number."""
    judge = handshake.judge
    known: dict[bytes, PurseId] = {}

    def as_first_met(terms: Terms, order: Order, peer: PurseId, env: Env) -> Bounds:
        first = known.setdefault(peer.number, peer)
        kept = replace(first, expires=peer.expires, public_key=peer.public_key)
        return judge(terms, order, kept, env)

    return [instead(handshake.judge, as_first_met)]


# --- how a purse names itself -------------------------------------------------------------------------------

CHECK_ID_CRED = "credential.check_id_cred(id_cred)"
AREA.edits(
    "EPP-PID-012",
    "takes_any_id_cred",
    "Does not look at ID_CRED_x, since the purse ID is in EAD.",
    handshake.resolve,
    (CHECK_ID_CRED, "pass"),
)
AREA.edits(
    "EPP-PID-012",
    "takes_any_kid",
    "Takes every ID_CRED_x that is a kid.",
    handshake.resolve,
    (CHECK_ID_CRED, "credential.check_id_cred({4: b'\\x01'} if id_cred.keys() == {4} else id_cred)"),
)
AREA.edits(
    "EPP-PID-012",
    "ignores_surplus_in_id_cred",
    "Ignores other entries of ID_CRED_x beside the kid.",
    handshake.resolve,
    (CHECK_ID_CRED, "credential.check_id_cred({4: id_cred.get(4)})"),
)
AREA.edits(
    "EPP-PID-012",
    "has_a_kid_of_its_own",
    "Puts a byte of its number into ID_CRED_x.",
    handshake.party,
    ("id_cred=credential.ID_CRED", "id_cred={4: identity.claims.number[-1:]}"),
    collateral={"*": "no peer takes the ID_CRED_x, so nothing works"},
)
AREA.edits(
    "EPP-PID-013",
    "sends_its_purse_id_not_critical",
    "Sends its sealed purse ID in an item that is not critical.",
    credential.seal,
    ("critical=True", "critical=False"),
    expected=("EPP-PID-008",),
    collateral={"*": "no peer takes the purse ID, so nothing works"},
)


@AREA.replaces("EPP-PID-013", (credential, "sealed_in"))
def takes_the_first_purse_id(ead: Sequence[Ead]) -> bytes:
    """Takes the first of two sealed purse IDs."""
    return _sealed_in(ead[:1])


@AREA.replaces("EPP-PID-013", (credential, "sealed_in"))
def takes_the_last_purse_id(ead: Sequence[Ead]) -> bytes:
    """Takes the second of two sealed purse IDs."""
    return _sealed_in(ead[-1:])


@AREA.replaces("EPP-PID-013", (credential, "sealed_in"))
def takes_a_purse_id_twice(ead: Sequence[Ead]) -> bytes:
    """Takes the same sealed purse ID twice."""
    return _sealed_in(list(dict.fromkeys(ead)))


@AREA.replaces("EPP-PID-013", (credential, "sealed_in"))
def takes_a_purse_id_that_is_not_critical(ead: Sequence[Ead]) -> bytes:
    """Takes a sealed purse ID in an item that is not critical."""
    return _sealed_in([replace(item, critical=True) for item in ead])


@AREA.replaces("EPP-PID-013", (credential, "sealed_in"))
def ignores_a_purse_id_that_is_not_critical(ead: Sequence[Ead]) -> bytes:
    """Takes a second item with a sealed purse ID that is not critical for an unknown one."""
    return _sealed_in([item for item in ead if item.critical])


@AREA.replaces("EPP-PID-014", (initiator, "identify"), (responder, "identify"))
def takes_only_the_first_item_for_a_purse_id(
    party: Party[SubjectT], plain: Plaintext, prk: bytes, label: int, th: bytes, *, c_r: bytes = b""
) -> Credential[SubjectT]:
    """Takes a sealed purse ID only before all other items."""
    if plain.ead and plain.ead[0].label != credential.LABEL_PURSE_ID:
        raise Refusal(Code.AUTHENTICATION, "EPP-PID-014", "another item first")
    return identify(party, plain, prk, label, th, c_r=c_r)
