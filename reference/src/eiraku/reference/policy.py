"""Policy: who may pay whom, and how much, as data (specification, chapter 9).

`Policy.from_toml` reads the form that people write, `Policy.from_mapping` the JSON form that a purse is
given; both raise `PolicyError`, which names the field (or the line, where the TOML itself is wrong) and says
what was expected. Amounts are in minor units, tiers are 0 to 7.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from itertools import pairwise, product
from typing import Any, NoReturn

from eiraku.spec.errors import Refused
from eiraku.spec.objects import HOP_MAX, Role
from eiraku.spec.shape import AMOUNT_MAX

TIER_MAX = 7
UNITS_MAX = 64
CAPACITY_MAX = 65535

_NAMES = ("max_units", "capacity", "max_hops", "balance_limits", "operations")
_OPERATION_NAMES = ("name", "payer", "payee", "same_holder", "limits")
_ROLES = {role.name.lower(): role for role in Role}


class PolicyError(Refused):
    """A policy that cannot be read in exactly one way (EPP-POL-001): where, and what belongs there."""

    def __init__(self, field: str, expected: str) -> None:
        super().__init__(f"policy: {field}: expected {expected}")
        self.field = field
        self.expected = expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One kind of transfer: which roles, one holder or two, and the largest amount for each tier."""

    name: str
    payer: frozenset[Role]
    payee: frozenset[Role]
    same_holder: bool
    limits: Mapping[int, int]

    def limit(self, tier: int) -> int:
        """Largest amount for one tier; 0 for a tier without a limit."""
        return self.limits.get(tier, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A valid policy: most units in one transfer, most units held, most moves of a unit after its issue."""

    max_units: int
    capacity: int
    max_hops: int
    balance_limits: Mapping[int, int]
    operations: tuple[Operation, ...]

    @classmethod
    def from_toml(cls, text: str) -> "Policy":
        """Read the TOML form. Raises PolicyError."""
        try:
            return cls.from_mapping(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            # EPP-POL-001
            raise PolicyError("text", f"TOML 1.0 ({error})") from None

    @classmethod
    def from_mapping(cls, fields: object) -> "Policy":
        """Read the JSON form. Raises PolicyError."""
        # EPP-POL-001
        found = _exactly(fields, _NAMES, "")
        policy = cls(
            max_units=_integer(found["max_units"], "max_units", 1, UNITS_MAX),
            capacity=_integer(found["capacity"], "capacity", 1, CAPACITY_MAX),
            max_hops=_integer(found["max_hops"], "max_hops", 1, HOP_MAX),
            balance_limits=_limits(found["balance_limits"], "balance_limits"),
            operations=tuple(
                _operation(item, f"operations[{index}]")
                for index, item in enumerate(_list(found["operations"], "operations"))
            ),
        )
        _unambiguous(policy.operations)
        return policy

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form; `from_mapping` reads it back."""
        return {
            "max_units": self.max_units,
            "capacity": self.capacity,
            "max_hops": self.max_hops,
            "balance_limits": {str(tier): limit for tier, limit in self.balance_limits.items()},
            "operations": [
                {
                    "name": operation.name,
                    "payer": [role.name.lower() for role in sorted(operation.payer)],
                    "payee": [role.name.lower() for role in sorted(operation.payee)],
                    "same_holder": operation.same_holder,
                    "limits": {str(tier): limit for tier, limit in operation.limits.items()},
                }
                for operation in self.operations
            ],
        }

    def operation(self, payer: Role, payee: Role, *, same_holder: bool) -> Operation | None:
        """The operation that applies, or None: then the transfer is not allowed (EPP-POL-002)."""
        for operation in self.operations:
            # EPP-POL-003
            if operation.same_holder == same_holder and payer in operation.payer and payee in operation.payee:
                return operation
        return None

    def limit(self, operation: Operation, *tiers: int) -> int:
        """Largest amount of a transfer between purses of these tiers, inclusive (EPP-POL-004)."""
        # EPP-POL-005
        return min(operation.limit(tier) for tier in tiers)

    def highest_limit(self, payer: Role, tier: int) -> int:
        """Largest amount that a payer may set before it knows the payee (EPP-TRF-010)."""
        return max((op.limit(tier) for op in self.operations if payer in op.payer), default=0)

    def balance_limit(self, tier: int) -> int:
        """Largest balance for a tier, inclusive."""
        return self.balance_limits.get(tier, 0)


def default() -> Policy:
    """The policy that is packaged beside this module, for demonstrations and tests."""
    return Policy.from_toml(resources.files("eiraku.reference").joinpath("default_policy.toml").read_text())


def _operation(item: object, where: str) -> Operation:
    found = _exactly(item, _OPERATION_NAMES, where)
    name = found["name"]
    if not isinstance(name, str) or not name:
        _refuse(f"{where}.name", "text that is not empty")
    same_holder = found["same_holder"]
    if not isinstance(same_holder, bool):
        _refuse(f"{where}.same_holder", "true or false")
    return Operation(
        name=name,
        payer=_roles(found["payer"], f"{where}.payer"),
        payee=_roles(found["payee"], f"{where}.payee"),
        same_holder=same_holder,
        limits=_limits(found["limits"], f"{where}.limits"),
    )


def _roles(item: object, where: str) -> frozenset[Role]:
    roles: set[Role] = set()
    for index, name in enumerate(_list(item, where)):
        role = _ROLES.get(name) if isinstance(name, str) else None
        if role is None:
            _refuse(f"{where}[{index}]", f"a role ({', '.join(_ROLES)}), found {name!r}")
        if role in roles:
            _refuse(f"{where}[{index}]", f"each role once, found {name!r} again")
        roles.add(role)
    if not roles:
        _refuse(where, "at least one role")
    return frozenset(roles)


def _limits(item: object, where: str) -> dict[int, int]:
    """Limits by tier, ascending; those given must not fall as the tier rises."""
    found = _table(item, where)
    for tier in found:
        # The exact digits: "01" or "+1" would be a second name for tier 1.
        if tier not in {str(n) for n in range(TIER_MAX + 1)}:
            _refuse(f"{where}.{tier}", f"a tier from 0 to {TIER_MAX} as name")
    tiers = sorted((int(tier), tier) for tier in found)
    limits = {number: _integer(found[tier], f"{where}.{tier}", 0, AMOUNT_MAX) for number, tier in tiers}
    for (low, limit), (high, other) in pairwise(limits.items()):
        if other < limit:
            _refuse(f"{where}.{high}", f"at least {limit}, the limit of tier {low}; found {other}")
    return limits


def _unambiguous(operations: tuple[Operation, ...]) -> None:
    first: dict[tuple[Role, Role, bool], str] = {}
    for index, operation in enumerate(operations):
        for payer, payee in product(sorted(operation.payer), sorted(operation.payee)):
            other = first.setdefault((payer, payee, operation.same_holder), f"operations[{index}]")
            if other != f"operations[{index}]":
                _refuse(
                    f"operations[{index}]",
                    f"one operation for {payer.name.lower()} to {payee.name.lower()}; {other} applies too",
                )


def _exactly(item: object, names: tuple[str, ...], where: str) -> dict[str, Any]:
    found = _table(item, where or "policy")
    prefix = f"{where}." if where else ""
    for name in found:
        if name not in names:
            _refuse(f"{prefix}{name}", f"no such name (the names are {', '.join(names)})")
    for name in names:
        if name not in found:
            _refuse(f"{prefix}{name}", "a value; it is missing")
    return found


def _table(item: object, where: str) -> dict[str, Any]:
    if not isinstance(item, dict) or not all(isinstance(name, str) for name in item):
        _refuse(where, "a table")
    return item


def _list(item: object, where: str) -> Iterator[Any]:
    if not isinstance(item, list | tuple):
        _refuse(where, "a list")
    return iter(item)


def _integer(item: object, where: str, low: int, high: int) -> int:
    # bool is a subclass of int in Python; true is not a number here
    if type(item) is not int or not low <= item <= high:
        _refuse(where, f"an integer from {low} to {high}, found {item!r}")
    return item


def _refuse(field: str, expected: str) -> NoReturn:
    raise PolicyError(field, expected)
