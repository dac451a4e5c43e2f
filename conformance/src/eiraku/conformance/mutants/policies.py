"""Mutants of chapter 9: policy."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated

from msgspec import Meta

from eiraku.conformance.mutants.registry import defect, omits, replaces
from eiraku.reference import policy as policy_module
from eiraku.reference.policy import Policy
from eiraku.reference.purse.checks import Checks
from eiraku.reference.purse.state import Terms
from eiraku.spec import objects
from eiraku.spec.objects import PurseId, Unit

AREA = "policies"
_read = policy_module._read
_Number = Annotated[int, Meta(ge=0)]


@replaces("EPP-POL-001", (policy_module, "_unambiguous"))
def takes_ambiguous_policies(operations: Iterable[object]) -> None:
    """Takes a policy in which two operations apply to one pair."""


@replaces("EPP-POL-001", (policy_module, "_read"))
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
    max_hops: _Number


@replaces("EPP-POL-001", (policy_module, "_read"))
def takes_numbers_out_of_range(fields: object) -> policy_module._PolicyForm:
    """Takes numbers out of range in a policy."""
    return _AnyNumbers.from_mapping(fields)


@replaces("EPP-POL-001", (policy_module, "_never_falling"))
def takes_falling_limits(limits: Mapping[str, int], where: str) -> None:
    """Takes limits that fall as the tier rises."""


@defect("EPP-POL-002")
class TakesTheFirstOperation(Checks):
    """Takes the first operation of the policy where none applies."""

    def role_pair(self, terms: Terms, payer: PurseId, payee: PurseId) -> int:
        policy = terms.identity.policy
        same = self.same_holder(payer, payee)
        operation = policy.operation(payer.role, payee.role, same_holder=same) or policy.operations[0]
        return policy.limit(operation, payer.tier, payee.tier)


omits(
    AREA,
    "takes_all_for_other_holders",
    "same_holder",
    "EPP-POL-003",
    "Does not see that two purses are one holder's.",
    result=False,
)


@defect("EPP-POL-003")
class KnowsHoldersByTheirBeginning(Checks):
    """Takes two holders for one if the first 16 bytes of their hashes are equal."""

    def same_holder(self, payer: PurseId, payee: PurseId) -> bool:
        return payer.holder[:16] == payee.holder[:16]


@defect("EPP-POL-004")
class ExcludesTheAmountLimit(Checks):
    """Refuses an amount equal to the limit."""

    def payer_limit(self, limit: int, amount: int) -> None:
        super().payer_limit(limit - 1, amount)

    def offer_limit(self, limit: int, amount: int) -> None:
        super().offer_limit(limit - 1, amount)


@defect("EPP-POL-004")
class ExcludesTheBalanceLimit(Checks):
    """Refuses a balance equal to the limit."""

    def balance_limit(self, policy: Policy, tier: int, balance: int) -> None:
        super().balance_limit(policy, tier, balance + 1)


@defect("EPP-POL-004")
class ExcludesTheGreatestBundle(Checks):
    """Refuses a bundle of the greatest number of units."""

    def unit_count(self, policy: Policy, count: int) -> None:
        super().unit_count(replace(policy, max_units=policy.max_units - 1), count)


@defect("EPP-POL-004")
class ExcludesTheLastHop(Checks):
    """Refuses a unit whose new hop is equal to the limit."""

    def hop_limit(self, terms: Terms, unit: Unit, new_hop: int) -> None:
        super().hop_limit(terms, unit, min(new_hop + 1, objects.HOP_MAX))


@defect("EPP-TRF-043")
class ExcludesTheLastPlace(Checks):
    """Refuses a bundle that would fill it exactly."""

    def capacity(self, policy: Policy, count: int) -> None:
        super().capacity(policy, count + 1)


@defect("EPP-POL-004")
class LetsAmountsExceedByOne(Checks):
    """As payee takes one minor unit more than the limit."""

    def offer_limit(self, limit: int, amount: int) -> None:
        super().offer_limit(limit + 1, amount)


@defect("EPP-POL-005")
class KnowsOnlyItsOwnTier(Checks):
    """Takes the limit for its own tier, whatever the peer's."""

    def role_pair(self, terms: Terms, payer: PurseId, payee: PurseId) -> int:
        own = terms.identity.claims.tier
        return super().role_pair(terms, replace(payer, tier=own), replace(payee, tier=own))


@defect("EPP-POL-005")
class TakesTheGreaterLimit(Checks):
    """Takes the greater of the limits for the two tiers."""

    def role_pair(self, terms: Terms, payer: PurseId, payee: PurseId) -> int:
        tier = max(payer.tier, payee.tier)
        return super().role_pair(terms, replace(payer, tier=tier), replace(payee, tier=tier))
