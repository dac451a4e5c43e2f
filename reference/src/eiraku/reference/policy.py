"""Policy: who may pay whom, and how much, as data (specification, chapter 9).

`Policy.from_toml` reads the form that people write, `Policy.from_mapping` the JSON form that a purse is
given. Amounts are in minor units, tiers are 0 to 7.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib import resources
from itertools import pairwise, product
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from eiraku.reference.settings import SettingsError, Table
from eiraku.spec import cbor, objects
from eiraku.spec.objects import HOP_MAX, Role
from eiraku.spec.revoked import CHUNK, CHUNKS_MAX
from eiraku.spec.shape import AMOUNT_MAX, EPOCH_MAX

ENTRIES_MAX = 2**32 - 1
"""Greatest number of entries of a table."""

# EPP-POL-011: the exact digits; "01" or "+1" would be a second name for tier 1.
_Tier = Literal["0", "1", "2", "3", "4", "5", "6", "7"]
# EPP-POL-007
_Limits = Mapping[_Tier, Annotated[int, Meta(ge=0, le=AMOUNT_MAX)]]
_Entries = Annotated[int, Meta(ge=1, le=ENTRIES_MAX)]
_Epochs = Annotated[int, Meta(ge=0, le=EPOCH_MAX)]
_Roles = Annotated[tuple[Literal["person", "merchant", "vault", "centre"], ...], Meta(min_length=1)]


class _OperationForm(Table, frozen=True, kw_only=True):
    """An operation as it is written."""

    # EPP-POL-012; EPP-POL-013: two may have one name
    name: Annotated[str, Meta(min_length=1, description="text that is not empty")]
    payer: _Roles
    payee: _Roles
    same_holder: bool
    min_amount: Annotated[int, Meta(ge=1, le=AMOUNT_MAX)]
    limits: _Limits

    def __post_init__(self) -> None:
        """Raises SettingsError."""
        # EPP-POL-009
        for field in ("payer", "payee"):
            roles = getattr(self, field)
            for index, role in enumerate(roles):
                if role in roles[:index]:
                    raise SettingsError(f"{field}[{index}]", f"each role once, found {role!r} again")
        _redeemable(self)
        _never_falling(self.limits, "limits")


class _PolicyForm(Table, frozen=True, kw_only=True):
    """A policy as it is written."""

    FILE = "policy"

    max_units: Annotated[int, Meta(ge=1, le=64)]
    capacity: Annotated[int, Meta(ge=1, le=65535)]
    max_bulletin: Annotated[int, Meta(ge=CHUNK, le=CHUNK * CHUNKS_MAX)]
    max_hops: Annotated[int, Meta(ge=1, le=HOP_MAX)]
    max_record: Annotated[int, Meta(ge=1, le=cbor.LIMIT)]
    max_given: _Entries
    max_credited: _Entries
    max_seen: _Entries
    min_life: _Epochs
    claim_grace: _Epochs
    balance_limits: _Limits
    operations: tuple[_OperationForm, ...]

    def __post_init__(self) -> None:
        """Raises SettingsError."""
        _roomy(self)
        _never_falling(self.balance_limits, "balance_limits")
        _unambiguous(self.operations)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Least and largest amount, inclusive (EPP-POL-004, EPP-POL-032)."""

    least: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One kind of transfer: which roles, one holder or two, least amount, largest amount for each tier."""

    name: str
    payer: frozenset[Role]
    payee: frozenset[Role]
    same_holder: bool
    min_amount: int
    limits: Mapping[int, int]

    def limit(self, tier: int) -> int:
        """Largest amount for one tier; 0 for a tier without a limit."""
        return self.limits.get(tier, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What a purse has room for: units that it holds, bytes of a message and of a revoked list, and entries
    of its tables: transactions given away, transactions credited, units seen.
    """

    capacity: int
    max_bulletin: int
    max_record: int
    max_given: int
    max_credited: int
    max_seen: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy(Room):
    """A valid policy: most units in one transfer, most moves of a unit after its issue, the room, and in
    epochs how long a unit that is taken must live, and how long after it dies it can be claimed.
    """

    max_units: int
    max_hops: int
    min_life: int
    claim_grace: int
    balance_limits: Mapping[int, int]
    operations: tuple[Operation, ...]

    @classmethod
    def from_toml(cls, text: str, *, file: str = "") -> "Policy":
        """Read the TOML form. Raises SettingsError."""
        # EPP-POL-001
        return cls._from_form(_PolicyForm.from_toml(text, file=file))

    @classmethod
    def from_file(cls, path: Path) -> "Policy":
        """Read a file in the TOML form. Raises SettingsError."""
        # EPP-POL-001
        return cls._from_form(_PolicyForm.from_file(path))

    @classmethod
    def from_mapping(cls, given: object) -> "Policy":
        """Read the JSON form. Raises SettingsError."""
        # EPP-POL-001
        return cls._from_form(_read(given))

    @classmethod
    def _from_form(cls, form: _PolicyForm) -> "Policy":
        return cls(
            max_units=form.max_units,
            capacity=form.capacity,
            max_bulletin=form.max_bulletin,
            max_hops=form.max_hops,
            max_record=form.max_record,
            max_given=form.max_given,
            max_credited=form.max_credited,
            max_seen=form.max_seen,
            min_life=form.min_life,
            claim_grace=form.claim_grace,
            balance_limits=_by_tier(form.balance_limits),
            operations=tuple(
                Operation(
                    name=operation.name,
                    payer=_roles(operation.payer),
                    payee=_roles(operation.payee),
                    same_holder=operation.same_holder,
                    min_amount=operation.min_amount,
                    limits=_by_tier(operation.limits),
                )
                for operation in form.operations
            ),
        )

    def to_mapping(self) -> dict[str, Any]:
        """The JSON form; `from_mapping` reads it back."""
        return {
            "max_units": self.max_units,
            "capacity": self.capacity,
            "max_bulletin": self.max_bulletin,
            "max_hops": self.max_hops,
            "max_record": self.max_record,
            "max_given": self.max_given,
            "max_credited": self.max_credited,
            "max_seen": self.max_seen,
            "min_life": self.min_life,
            "claim_grace": self.claim_grace,
            "balance_limits": {str(tier): limit for tier, limit in self.balance_limits.items()},
            "operations": [
                {
                    "name": operation.name,
                    "payer": [role.name.lower() for role in sorted(operation.payer)],
                    "payee": [role.name.lower() for role in sorted(operation.payee)],
                    "same_holder": operation.same_holder,
                    "min_amount": operation.min_amount,
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

    def permits(self, payer: Role, payee: Role) -> bool:
        """Whether any operation applies between purses of these roles, of one holder or of two."""
        return any(self.operation(payer, payee, same_holder=same) for same in (False, True))

    def bounds(self, operation: Operation, *tiers: int) -> Bounds:
        """Of a transfer between purses of these tiers."""
        # EPP-POL-005
        return Bounds(least=operation.min_amount, most=min(operation.limit(tier) for tier in tiers))

    def exceeded(self, room: Room) -> str | None:
        """The name of what this policy asks for more of than there is room for; None if there is enough."""
        names = (field.name for field in fields(Room))
        return next((name for name in names if getattr(self, name) > getattr(room, name)), None)

    def payer_bounds(self, payer: Role, tier: int) -> Bounds:
        """What a payer may set before it knows the payee (EPP-TRF-010, EPP-TRF-085)."""
        return _open([op for op in self.operations if payer in op.payer], tier)

    def payee_bounds(self, payee: Role, tier: int) -> Bounds:
        """What a payee may ask for before it knows the payer (EPP-TRF-068, EPP-TRF-088)."""
        return _open([op for op in self.operations if payee in op.payee], tier)

    def balance_limit(self, tier: int) -> int:
        """Largest balance for a tier, inclusive."""
        # EPP-POL-015
        return self.balance_limits.get(tier, 0)


def default() -> Policy:
    """The policy that is packaged beside this module, for demonstrations and tests."""
    return Policy.from_toml(resources.files("eiraku.reference").joinpath("default_policy.toml").read_text())


def _read(given: object) -> _PolicyForm:
    return _PolicyForm.from_mapping(given)


def least_record(max_hops: int) -> int:
    """The longest REDELIVER of one unit, in bytes, that a vault holds after its last move."""
    return 366 + objects.history_size(min(max_hops + 1, HOP_MAX - 1))


def _roomy(form: _PolicyForm) -> None:
    """Raises SettingsError."""
    # EPP-POL-016
    if form.max_seen < form.capacity:
        raise SettingsError("max_seen", f"at least capacity, {form.capacity}; found {form.max_seen}")
    least = least_record(form.max_hops)
    # EPP-POL-017
    if form.max_record < least:
        expected = f"at least {least}, for a unit after {form.max_hops} moves; found {form.max_record}"
        raise SettingsError("max_record", expected)


def _redeemable(form: _OperationForm) -> None:
    """Raises SettingsError."""
    # EPP-POL-030
    if form.min_amount > 1 and not {"vault", "centre"}.isdisjoint(form.payee):
        raise SettingsError("min_amount", f"1 where a vault or the centre is paid, found {form.min_amount}")


def _unambiguous(operations: Iterable[_OperationForm]) -> None:
    """Raises SettingsError."""
    # EPP-POL-008
    first: dict[tuple[str, str, bool], int] = {}
    for index, operation in enumerate(operations):
        for payer, payee in product(operation.payer, operation.payee):
            other = first.setdefault((payer, payee, operation.same_holder), index)
            if other != index:
                expected = f"one operation for {payer} to {payee}; operations[{other}] applies too"
                raise SettingsError(f"operations[{index}]", expected)


def _never_falling(limits: _Limits, where: str) -> None:
    """Limits that are given must not fall as the tier rises. Raises SettingsError."""
    # EPP-POL-010
    for (low, limit), (high, other) in pairwise(sorted(limits.items())):
        if other < limit:
            expected = f"at least {limit}, the limit of tier {low}; found {other}"
            raise SettingsError(f"{where}.{high}", expected)


def _open(operations: Sequence[Operation], tier: int) -> Bounds:
    """What any of these operations allows a tier."""
    least = min((operation.min_amount for operation in operations), default=1)
    return Bounds(least=least, most=max((operation.limit(tier) for operation in operations), default=0))


def _by_tier(limits: _Limits) -> dict[int, int]:
    """Ascending."""
    return {int(tier): limit for tier, limit in sorted(limits.items())}


def _roles(names: Iterable[str]) -> frozenset[Role]:
    return frozenset(Role[name.upper()] for name in names)
