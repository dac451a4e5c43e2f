"""Mutants of chapter 9: policy."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from msgspec import Meta

from eiraku.conformance.mutants.registry import Area
from eiraku.reference import policy as policy_module
from eiraku.reference.purse import handshake, payee, payer
from eiraku.testing.patches import Patch, edit

AREA = Area(__name__)
OPERATION = "operation = policy.operation(payer.role, payee.role, same_holder=same)"
SAME_HOLDER = "same = payer.holder == payee.holder"
TIERS = "policy.limit(operation, payer.tier, payee.tier)"
OFFERED_LIMIT = "offer.amount > link.limit"
_read = policy_module._read
_Number = Annotated[int, Meta(ge=0)]


@AREA.replaces("EPP-POL-001", (policy_module, "_unambiguous"))
def takes_ambiguous_policies(operations: Iterable[object]) -> None:
    """Takes a policy in which two operations apply to one pair."""


@AREA.replaces("EPP-POL-001", (policy_module, "_read"))
def ignores_unknown_names(fields: object) -> policy_module._PolicyForm:
    """Ignores names in a policy that it does not know."""
    known = (*policy_module._PolicyForm.__struct_fields__, *policy_module._OperationForm.__struct_fields__)
    if isinstance(fields, dict):
        fields = {name: value for name, value in fields.items() if name in known}
        if isinstance(fields.get("operations"), list):
            fields["operations"] = [
                {name: value for name, value in each.items() if name in known}
                if isinstance(each, dict)
                else each
                for each in fields["operations"]
            ]
    return _read(fields)


class _AnyNumbers(policy_module._PolicyForm, frozen=True, kw_only=True):
    max_units: _Number
    capacity: _Number
    max_bulletin: _Number
    max_hops: _Number


@AREA.replaces("EPP-POL-001", (policy_module, "_read"))
def takes_numbers_out_of_range(fields: object) -> policy_module._PolicyForm:
    """Takes numbers out of range in a policy."""
    return _AnyNumbers.from_mapping(fields)


@AREA.replaces("EPP-POL-001", (policy_module, "_never_falling"))
def takes_falling_limits(limits: Mapping[str, int], where: str) -> None:
    """Takes limits that fall as the tier rises."""


AREA.edits(
    "EPP-POL-002",
    "takes_the_first_operation",
    "Takes the first operation of the policy where none applies.",
    handshake.judge,
    (OPERATION, OPERATION + " or policy.operations[0]"),
)
AREA.edits(
    "EPP-POL-003",
    "takes_all_for_other_holders",
    "Does not see that two purses are one holder's.",
    handshake.judge,
    (SAME_HOLDER, "same = False"),
)
AREA.edits(
    "EPP-POL-003",
    "knows_holders_by_their_beginning",
    "Takes two holders for one if the first 16 bytes of their hashes are equal.",
    handshake.judge,
    (SAME_HOLDER, "same = payer.holder[:16] == payee.holder[:16]"),
)


@AREA.makes("EPP-POL-004")
def excludes_the_amount_limit() -> Sequence[Patch]:
    """Refuses an amount equal to the limit."""
    return [
        edit(payer.offer, ("amount > link.limit", "amount >= link.limit")),
        edit(payee.check_offer, (OFFERED_LIMIT, "offer.amount >= link.limit")),
    ]


AREA.edits(
    "EPP-POL-004",
    "excludes_the_balance_limit",
    "Refuses a balance equal to the limit.",
    payee.check_room,
    ("balance > limit", "balance >= limit"),
)
AREA.edits(
    "EPP-POL-004",
    "excludes_the_greatest_bundle",
    "Refuses a bundle of the greatest number of units.",
    payee.check_offer,
    ("1 <= len(offer.units) <= most", "1 <= len(offer.units) < most"),
)
AREA.edits(
    "EPP-POL-004",
    "excludes_the_last_hop",
    "Refuses a unit whose new hop is equal to the limit.",
    payee.check_unit,
    ("hop > most", "min(hop + 1, objects.HOP_MAX) > most"),
)
AREA.edits(
    "EPP-TRF-043",
    "excludes_the_last_place",
    "Refuses a bundle that would fill it exactly.",
    payee.check_room,
    ("count > policy.capacity", "count >= policy.capacity"),
)
AREA.edits(
    "EPP-POL-004",
    "lets_amounts_exceed_by_one",
    "As payee takes one minor unit more than the limit.",
    payee.check_offer,
    (OFFERED_LIMIT, "offer.amount > link.limit + 1"),
)
AREA.edits(
    "EPP-POL-005",
    "knows_only_its_own_tier",
    "Takes the limit for its own tier, whatever the peer's.",
    handshake.judge,
    (TIERS, "policy.limit(operation, own.tier)"),
)
AREA.edits(
    "EPP-POL-005",
    "takes_the_greater_limit",
    "Takes the greater of the limits for the two tiers.",
    handshake.judge,
    (TIERS, "policy.limit(operation, max(payer.tier, payee.tier))"),
)
