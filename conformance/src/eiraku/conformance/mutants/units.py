"""Mutants of chapter 4, units, endorsements and histories, as a payee checks and makes them."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from eiraku.conformance.mutants.registry import Area
from eiraku.reference.purse import payee, units
from eiraku.spec import objects, shape
from eiraku.spec.cbor import Item
from eiraku.spec.objects import EndorsementPayload
from eiraku.testing.patches import Patch, instead

AREA = Area(__name__)
_ordered, _octets, _is_endorsed = objects._ordered, shape.octets, units.is_endorsed


@AREA.replaces("EPP-UNI-001", (objects, "_ordered"))
def takes_units_that_expire_before_issue(issued: int, expires: int, rule: str) -> None:
    """Takes a unit that was issued after its last epoch."""
    if rule != "EPP-UNI-001":
        _ordered(issued, expires, rule)


@AREA.replaces("EPP-UNI-001", (shape, "octets"))
def takes_long_reserved_areas(
    item: Item, requirement: str, where: str, low: int, high: int | None = None
) -> bytes:
    """Takes a unit whose reserved area is longer than 32 bytes."""
    long = requirement == "EPP-UNI-001" and where == "reserved"
    return _octets(item, requirement, where, low, 255 if long else high)


AREA.edits(
    "EPP-UNI-002",
    "skips_unit_signature",
    "Does not verify the signature of a unit.",
    payee.check_money,
    ("anchor.check_unit_signature(trusted, signed, at_any_epoch=redeems)", "pass"),
)
AREA.edits(
    "EPP-UNI-003",
    "skips_unit_seal",
    "Does not compare the seal of a unit.",
    payee.check_money,
    ("anchor.check_unit_seal(trusted, unit)", "pass"),
)
AREA.edits(
    "EPP-UNI-004",
    "skips_unit_economy",
    "Takes a unit of any economy.",
    payee.check_money,
    ("anchor.check_unit_economy(trusted, unit)", "pass"),
)
EXPIRED = "terms.epoch > unit.expires"
AREA.edits(
    "EPP-UNI-005",
    "skips_unit_expiry",
    "Takes a unit that has expired.",
    payee.check_money,
    (EXPIRED, "False"),
    ("policy.min_life > unit.expires", "policy.min_life > unit.expires >= terms.epoch"),
)
AREA.edits(
    "EPP-UNI-005",
    "leaves_expiry_to_min_life",
    "Leaves expiry to the rule about the life of units, which is not one for a vault or the centre.",
    payee.check_money,
    (EXPIRED, "False"),
)
AREA.edits(
    "EPP-UNI-005",
    "expires_units_early",
    "Refuses a unit in its last epoch.",
    payee.check_money,
    (EXPIRED, "terms.epoch >= unit.expires"),
)
AREA.edits(
    "EPP-UNI-006",
    "refuses_units_from_the_future",
    "Refuses a unit issued after its own epoch.",
    payee.check_money,
    (EXPIRED, f"unit.issued > terms.epoch or {EXPIRED}"),
)
VALUE = "anchor.check_unit_value(unit)"
AREA.edits(
    "EPP-UNI-007",
    "skips_unit_value",
    "Takes a unit of any value.",
    payee.check_money,
    (VALUE, "pass"),
)
AREA.edits(
    "EPP-UNI-007",
    "takes_any_power_of_two",
    "Takes units of 2^41 and more.",
    payee.check_money,
    (VALUE, f"if unit.value & (unit.value - 1) or not unit.value: {VALUE}"),
)
PARSED = "unit = anchor.parse_unit(encoded)"
EARLIER = "if unit.unit_id in earlier:"
REMEMBERED = "earlier.add(unit.unit_id)"
AREA.edits(
    "EPP-UNI-008",
    "refuses_reserved_in_units",
    "Refuses a unit with reserved content.",
    payee.distinct,
    (
        PARSED,
        (
            f"{PARSED}\n"
            "            if unit.unit.reserved:\n"
            '                raise Refusal(Code.MALFORMED, "EPP-UNI-008", "reserved content")'
        ),
    ),
)
AREA.edits(
    "EPP-UNI-009",
    "knows_units_by_their_bytes",
    "Takes two units for different if their signatures differ, though their content is the same.",
    payee.distinct,
    (EARLIER, "if encoded in earlier:"),
    (REMEMBERED, "earlier.add(encoded)"),
)
AREA.edits(
    "EPP-UNI-009",
    "knows_units_by_their_number",
    "Takes two units for one if their numbers are equal, whatever their issue.",
    payee.distinct,
    (EARLIER, "if unit.unit.number in earlier:"),
    (REMEMBERED, "earlier.add(unit.unit.number)"),
)


# --- endorsements -------------------------------------------------------------------------------------------


def endorsed_as(change: Callable[[EndorsementPayload], EndorsementPayload]) -> Patch:
    """Takes, beside the right endorsement, one of a changed payload."""

    def is_endorsed(public: bytes, move: EndorsementPayload, signature: bytes) -> bool:
        return _is_endorsed(public, move, signature) or _is_endorsed(public, change(move), signature)

    return instead(units.is_endorsed, is_endorsed)


AREA.edits(
    "EPP-HIS-002",
    "skips_endorsements",
    "Does not verify endorsements.",
    payee.take,
    ("if not units.is_endorsed(payer.public_key, move, signature):", "if False:"),
)


@AREA.makes("EPP-HIS-002")
def takes_endorsements_of_the_held_hop() -> Sequence[Patch]:
    """Takes an endorsement of the hop at which the payer held the unit."""
    return [endorsed_as(lambda move: replace(move, hop=move.hop - 1))]


@AREA.makes("EPP-HIS-002")
def takes_endorsements_of_no_history() -> Sequence[Patch]:
    """Takes an endorsement that does not cover the history."""
    empty = hashlib.sha256(b"").digest()
    return [endorsed_as(lambda move: replace(move, history_digest=empty))]


@AREA.makes("EPP-HIS-002")
def takes_endorsements_to_nobody() -> Sequence[Patch]:
    """Takes an endorsement that names no payee."""
    return [endorsed_as(lambda move: replace(move, payee=bytes(8)))]


@AREA.makes("EPP-HIS-002")
def takes_endorsements_of_no_transaction() -> Sequence[Patch]:
    """Takes an endorsement that names no transaction."""
    return [endorsed_as(lambda move: replace(move, transaction=bytes(16)))]


# --- histories ----------------------------------------------------------------------------------------------

AREA.edits(
    "EPP-HIS-003",
    "loses_the_inner_history",
    "Seals zeros instead of the history that it received.",
    units.hold,
    ("inner=inner,", "inner=bytes(len(inner)),"),
)
AREA.edits(
    "EPP-HIS-003",
    "seals_itself_as_payer",
    "Names itself as payer in the layer that it seals.",
    units.hold,
    ("payer=move.payer", "payer=move.payee"),
)
AREA.edits(
    "EPP-HIS-003",
    "seals_for_another_unit",
    "Does not bind the sealed layer to the unit.",
    units.hold,
    ("identifier=unit.unit_id", "identifier=bytes(32)"),
)
SIZE = "if size != expected:"
MOST = "most = objects.HOP_MAX if homeward else min(unit.max_hops, identity.policy.max_hops)"
AREA.edits(
    "EPP-HIS-004",
    "skips_history_size",
    "Takes a history of any size.",
    payee.check_unit,
    (SIZE, "if False:"),
)
AREA.edits(
    "EPP-HIS-004",
    "takes_short_histories",
    "Takes a history that lacks layers.",
    payee.check_unit,
    (SIZE, "if size > expected:"),
)
AREA.edits(
    "EPP-HIS-005",
    "skips_hop_limit",
    "Takes a unit that has moved too often.",
    payee.check_unit,
    ("if hop > most:", "if False:"),
)
AREA.edits(
    "EPP-HIS-005",
    "knows_only_the_policys_hop_limit",
    "Does not look at the unit's own hop limit.",
    payee.check_unit,
    (MOST, MOST.replace("min(unit.max_hops, identity.policy.max_hops)", "identity.policy.max_hops")),
)
AREA.edits(
    "EPP-HIS-005",
    "knows_only_the_units_hop_limit",
    "Does not look at the policy's hop limit.",
    payee.check_unit,
    (MOST, MOST.replace("min(unit.max_hops, identity.policy.max_hops)", "unit.max_hops")),
)
AREA.edits(
    "EPP-HIS-005",
    "limits_hops_at_vaults",
    "As a vault, refuses a unit at its hop limit.",
    payee.check_unit,
    (MOST, MOST.replace("objects.HOP_MAX if homeward else ", "")),
)
AREA.edits(
    "EPP-HIS-007",
    "reuses_the_history_ephemeral",
    "Seals every layer with one HPKE ephemeral key.",
    units.hold,
    ("ephemeral=random(32)", 'ephemeral=b"\\x11" * 32'),
)
AREA.edits(
    "EPP-HIS-008",
    "pads_histories",
    "Adds 64 bytes to every sealed layer.",
    units.hold,
    ("return held(unit, move.hop, sealed)", "return held(unit, move.hop, sealed + random(64))"),
)
