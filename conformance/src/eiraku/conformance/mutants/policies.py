"""Mutants of chapter 9: policy."""

import copy
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta

from eiraku.conformance.mutants.registry import Area
from eiraku.reference import policy as policy_module
from eiraku.reference.purse import handshake, payee, payer, provisioning
from eiraku.reference.settings import SettingsError
from eiraku.testing.patches import Patch, edit

AREA = Area(__name__)
OPERATION = "operation = policy.operation(payer.role, payee.role, same_holder=same)"
SAME_HOLDER = "same = payer.holder == payee.holder"
TIERS = "policy.bounds(operation, payer.tier, payee.tier)"
OFFERED_LIMIT = "offer.amount > link.bounds.most"
TIERS_OF_A_POLICY = frozenset("01234567")
PLENTY = (1 << 53) - 1
_read, _unambiguous = policy_module._read, policy_module._unambiguous
_Number = Annotated[int, Meta(ge=0)]


@AREA.replaces("EPP-POL-008", (policy_module, "_unambiguous"))
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
    max_hops: Annotated[int, Meta(ge=0, le=256)]
    max_given: _Number
    max_credited: _Number
    max_seen: _Number


@AREA.replaces("EPP-POL-006", (policy_module, "_read"))
def takes_numbers_out_of_range(fields: object) -> policy_module._PolicyForm:
    """Takes numbers out of range in a policy."""
    return _AnyNumbers.from_mapping(fields)


def _mended(fields: object, mend: Callable[[dict[str, Any]], None]) -> policy_module._PolicyForm:
    """A policy read after somebody has put right what should have been refused."""
    if isinstance(fields, dict) and all(isinstance(each, dict) for each in fields.get("operations", ())):
        fields = copy.deepcopy(fields)
        mend(fields)
    return _read(fields)


def _tables(fields: dict[str, Any]) -> list[dict[str, Any]]:
    """The tables of limits in a policy."""
    found = [fields.get("balance_limits"), *(each.get("limits") for each in fields.get("operations", ()))]
    return [each for each in found if isinstance(each, dict)]


@AREA.replaces("EPP-POL-007", (policy_module, "_read"))
def cuts_limits_to_53_bits(fields: object) -> policy_module._PolicyForm:
    """Takes a limit that no amount can reach for the greatest amount."""

    def mend(found: dict[str, Any]) -> None:
        for table in _tables(found):
            table.update(
                {tier: PLENTY for tier, limit in table.items() if type(limit) is int and limit > PLENTY}
            )

    return _mended(fields, mend)


@AREA.replaces("EPP-POL-009", (policy_module, "_read"))
def takes_roles_twice(fields: object) -> policy_module._PolicyForm:
    """Takes an operation that names a role twice."""

    def mend(found: dict[str, Any]) -> None:
        for each in found["operations"]:
            for side in ("payer", "payee"):
                if isinstance(each.get(side), list):
                    each[side] = list(dict.fromkeys(each[side]))

    return _mended(fields, mend)


@AREA.replaces("EPP-POL-011", (policy_module, "_read"))
def ignores_tiers_that_it_does_not_know(fields: object) -> policy_module._PolicyForm:
    """Ignores a limit for a tier that there is not."""

    def mend(found: dict[str, Any]) -> None:
        for table in _tables(found):
            for tier in [tier for tier in table if tier not in TIERS_OF_A_POLICY]:
                del table[tier]

    return _mended(fields, mend)


@AREA.replaces("EPP-POL-012", (policy_module, "_read"))
def takes_operations_without_a_name(fields: object) -> policy_module._PolicyForm:
    """Takes an operation whose name is empty."""

    def mend(found: dict[str, Any]) -> None:
        for each in found["operations"]:
            if each.get("name") == "":
                each["name"] = "operation"

    return _mended(fields, mend)


@AREA.replaces("EPP-POL-013", (policy_module, "_unambiguous"))
def refuses_operations_of_one_name(operations: Sequence[policy_module._OperationForm]) -> None:
    """Refuses a policy in which two operations have one name."""
    _unambiguous(operations)
    if len({operation.name for operation in operations}) < len(operations):
        raise SettingsError("operations", "another name for each")


@AREA.replaces("EPP-POL-014", (policy_module, "_unambiguous"))
def refuses_policies_without_operations(operations: Sequence[policy_module._OperationForm]) -> None:
    """Refuses a policy without operations."""
    _unambiguous(operations)
    if not operations:
        raise SettingsError("operations", "one at least")


AREA.edits(
    "EPP-POL-015",
    "has_no_balance_limit_where_none_is_named",
    "Has no limit of its balance where the policy names none for its tier.",
    policy_module.Policy.balance_limit,
    ("self.balance_limits.get(tier, 0)", "self.balance_limits.get(tier, 1 << 53)"),
)
AREA.edits(
    "EPP-POL-016",
    "takes_policies_that_see_less_than_they_hold",
    "Takes a policy with a smaller seen-set than capacity.",
    policy_module._roomy,
    ("if form.max_seen < form.capacity:", "if False:"),
)
AREA.edits(
    "EPP-POL-017",
    "takes_policies_with_short_records",
    "Takes a policy whose records are too short for a unit on its way home.",
    policy_module._roomy,
    ("if form.max_record < least:", "if False:"),
)
AREA.edits(
    "EPP-POL-018",
    "takes_policies_beyond_its_room",
    "Takes a policy that asks for more room than it has declared.",
    provisioning.check_policy,
    ("if name is not None:", "if False:"),
)


@AREA.replaces("EPP-POL-010", (policy_module, "_never_falling"))
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
        edit(payer.offer, ("amount > link.bounds.most", "amount >= link.bounds.most")),
        edit(payee.check_offer, (OFFERED_LIMIT, "offer.amount >= link.bounds.most")),
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
    (OFFERED_LIMIT, "offer.amount > link.bounds.most + 1"),
)
AREA.edits(
    "EPP-POL-005",
    "knows_only_its_own_tier",
    "Takes the limit for its own tier, whatever the peer's.",
    handshake.judge,
    (TIERS, "policy.bounds(operation, own.tier)"),
)
AREA.edits(
    "EPP-POL-005",
    "takes_the_greater_limit",
    "Takes the greater of the limits for the two tiers.",
    handshake.judge,
    (TIERS, "policy.bounds(operation, max(payer.tier, payee.tier))"),
)
