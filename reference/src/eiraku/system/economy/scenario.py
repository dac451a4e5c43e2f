"""What is simulated: a scenario in TOML, validated.

Every number has a default and bounds; both stand in the classes below. Amounts are minor units of the basket,
times are epochs, shares and chances are from 0 to 1. Nothing is read but what is named here.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from eiraku.reference.policy import Policy

MOVES_BEFORE = 1
"""Moves of a unit before a person has it: from the vault of a bank to the person."""
MOVES_MAX = 200
EPOCHS_MAX = 500

T = TypeVar("T")


class ScenarioError(ValueError):
    """A scenario that cannot be run: which field, and what was expected there."""

    def __init__(self, name: str, expected: str) -> None:
        super().__init__(f"scenario: {name}: expected {expected}")
        self.field = name
        self.expected = expected


def _whole(default: int, low: int, high: int) -> Any:
    return field(default=default, metadata={"low": low, "high": high})


def _share(default: float) -> Any:
    return field(default=default, metadata={"low": 0.0, "high": 1.0})


@dataclass(frozen=True, slots=True, kw_only=True)
class Economy:
    """One economy: its number (as in purse IDs), a short name, and how much of everything it has."""

    number: int = _whole(0, 1, 65535)
    name: str = ""
    share: int = _whole(1, 1, 1000)
    banks: int = _whole(1, 1, 50)
    shops: int = _whole(4, 1, 1000)
    assets: int = _whole(2_000_000, 1, 2**50)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The scheme's rules. `hop_limit`: payments that a unit makes between two visits to a bank (S-38)."""

    hop_limit: int = _whole(5, 1, MOVES_MAX)
    what_if: tuple[int, ...] = (1, 3, 10)
    transfer_limit: int = _whole(5000, 1, 2**40)
    unit_lifetime: int = _whole(16, 4, EPOCHS_MAX)
    redemption_grace: int = _whole(2, 0, 100)
    claim_grace: int = _whole(4, 1, 100)
    purse_lifetime: int = _whole(15, 4, 10 * EPOCHS_MAX)


@dataclass(frozen=True, slots=True, kw_only=True)
class Habits:
    """How people and shops behave."""

    to_shop: float = _share(0.45)
    abroad: float = _share(0.12)
    wages: float = _share(0.15)
    largest: int = _whole(200, 1, 2**40)
    cash: int = _whole(510, 1, 2**40)
    pay_in: float = _share(0.6)
    change: float = _share(0.5)
    swap: int = _whole(2, 0, 100)
    careless: float = _share(0.03)
    gossip: float = _share(0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong without anybody's fault."""

    power_cut: float = _share(0.01)
    message_lost: float = _share(0.02)
    redelivered: float = _share(0.5)
    never: float = _share(0.15)
    silent: float = _share(0.03)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cheating:
    """How many people copy the memory of their purse, and how much the copy spends."""

    count: int = _whole(4, 0, 1000)
    payments: int = _whole(8, 1, 1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Denominations:
    """A set is one unit of each power of two up to `largest`."""

    largest: int = _whole(128, 1, 2**20)

    @property
    def values(self) -> tuple[int, ...]:
        """The set, ascending."""
        return tuple(1 << n for n in range(self.largest.bit_length()))

    @property
    def total(self) -> int:
        """Value of one set."""
        return 2 * self.largest - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything a run is made from; two runs of one scenario give the same results."""

    title: str = "Without a title"
    seed: int = _whole(1, 0, 2**63 - 1)
    people: int = _whole(200, 2, 100_000)
    payments: int = _whole(5000, 1, 10_000_000)
    epochs: int = _whole(20, 1, EPOCHS_MAX)
    economies: tuple[Economy, ...] = ()
    policy: Rules = Rules()
    habits: Habits = Habits()
    faults: Faults = Faults()
    cheats: Cheating = Cheating()
    denominations: Denominations = Denominations()

    @classmethod
    def from_toml(cls, text: str) -> "Scenario":
        """Read a scenario. Raises ScenarioError."""
        try:
            return cls.from_mapping(tomllib.loads(text))
        except tomllib.TOMLDecodeError as error:
            raise ScenarioError("text", f"TOML 1.0 ({error})") from None

    @classmethod
    def from_file(cls, path: Path) -> "Scenario":
        """Read a file. Raises ScenarioError."""
        try:
            return cls.from_toml(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ScenarioError(str(path), f"a file that can be read ({error.strerror})") from None
        except UnicodeDecodeError:
            raise ScenarioError(str(path), "text in UTF-8") from None

    @classmethod
    def from_mapping(cls, given: object) -> "Scenario":
        """Read what TOML gives. Raises ScenarioError."""
        table = dict(_table(given, "scenario"))
        economies = table.pop("economies", ())
        if not isinstance(economies, list | tuple) or not economies:
            raise ScenarioError("economies", "at least one table [[economies]]")
        read = tuple(_read(Economy, item, f"economies[{n}]") for n, item in enumerate(economies))
        return _consistent(replace(_read(cls, table, ""), economies=read))

    def changed(self, **changes: Any) -> "Scenario":
        """With other numbers at the top level, checked again. Raises ScenarioError."""
        for name, value in changes.items():
            _check(cls_field(type(self), name), value, name)
        return _consistent(replace(self, **changes))

    def with_hop_limit(self, limit: int) -> "Scenario":
        """The same with another limit of payments between two visits to a bank. Raises ScenarioError."""
        _check(cls_field(Rules, "hop_limit"), limit, "policy.hop_limit")
        return replace(self, policy=replace(self.policy, hop_limit=limit))

    def with_what_if(self, limits: tuple[int, ...]) -> "Scenario":
        """The same, compared with other limits. Raises ScenarioError."""
        found = _check(cls_field(Rules, "what_if"), limits, "policy.what_if")
        return replace(self, policy=replace(self.policy, what_if=found))

    def to_mapping(self) -> dict[str, Any]:
        """What `from_mapping` reads."""
        return asdict(self)

    @property
    def max_hops(self) -> int:
        """The limit as units and policies count it: moves after issue (EPP-HIS-005)."""
        return MOVES_BEFORE + self.policy.hop_limit

    def people_of(self, economy: Economy) -> int:
        """How many of the people are of one economy: by shares, the largest remainders rounded up."""
        total = sum(each.share for each in self.economies)
        exact = [(divmod(self.people * each.share, total), each.number) for each in self.economies]
        rest = self.people - sum(whole for (whole, _), _ in exact)
        rounded_up = sorted(exact, key=lambda one: (-one[0][1], one[1]))[:rest]
        whole = self.people * economy.share // total
        return whole + any(number == economy.number for _, number in rounded_up)

    def purse_policy(self) -> Policy:
        """What is allowed between the purses of this scheme (chapter 9)."""
        ordinary, large = self.policy.transfer_limit, 2**40
        operations = [
            ("transfer", ["person", "merchant"], ["person", "merchant"], ordinary),
            ("pay-out", ["vault"], ["person", "merchant"], large),
            ("pay-in", ["person", "merchant"], ["vault"], large),
            ("between vaults", ["vault"], ["vault"], large),
            ("redemption", ["person", "merchant", "vault"], ["centre"], large),
        ]
        return Policy.from_mapping(
            {
                "max_units": 64,
                "capacity": 65535,
                "max_hops": self.max_hops,
                "balance_limits": {"2": 2**50},
                "operations": [
                    {
                        "name": name if not same else f"{name}, same holder",
                        "payer": payer,
                        "payee": payee,
                        "same_holder": same,
                        "limits": {"2": limit},
                    }
                    for name, payer, payee, limit in operations
                    for same in (False, True)
                ],
            }
        )


def default() -> Scenario:
    """The scenario that is packaged beside this module."""
    text = resources.files("eiraku.system.economy").joinpath("scenario.toml").read_text(encoding="utf-8")
    return Scenario.from_toml(text)


def cls_field(cls: type, name: str) -> Any:
    """The field of a class. Raises ScenarioError for a name that it does not have."""
    for one in fields(cls):
        if one.name == name:
            return one
    raise ScenarioError(name, f"no such name (the names are {', '.join(f.name for f in fields(cls))})")


def _read(cls: type[T], given: object, where: str) -> T:
    prefix = f"{where}." if where else ""
    values: dict[str, Any] = {}
    for name, value in _table(given, where or "scenario").items():
        one = cls_field(cls, name) if name in {f.name for f in fields(cls)} else None  # type: ignore[arg-type]
        if one is None:
            known = ", ".join(f.name for f in fields(cls))  # type: ignore[arg-type]
            raise ScenarioError(prefix + name, f"no such name (the names are {known})")
        if isinstance(one.type, type) and hasattr(one.type, "__dataclass_fields__"):
            values[name] = _read(one.type, value, prefix + name)
        else:
            values[name] = _check(one, value, prefix + name)
    return cls(**values)


def _check(one: Any, value: object, where: str) -> Any:
    if one.type is str:
        if not isinstance(value, str) or not 0 < len(value) <= 80:
            raise ScenarioError(where, "text of 1 to 80 characters")
        return value
    if one.name == "what_if":
        if not isinstance(value, list | tuple) or any(
            type(n) is not int or not 1 <= n <= MOVES_MAX for n in value
        ):
            raise ScenarioError(where, f"a list of integers from 1 to {MOVES_MAX}")
        return tuple(dict.fromkeys(value))
    low, high = one.metadata["low"], one.metadata["high"]
    if one.type is float:
        # bool is a subclass of int in Python; true is not a number here
        if type(value) not in (int, float) or not low <= value <= high:
            raise ScenarioError(where, f"a number from {low:g} to {high:g}, found {value!r}")
        return float(value)  # type: ignore[arg-type]
    if type(value) is not int or not low <= value <= high:
        raise ScenarioError(where, f"an integer from {low} to {high}, found {value!r}")
    return value


def _consistent(scenario: Scenario) -> Scenario:
    numbers = [economy.number for economy in scenario.economies]
    for n, economy in enumerate(scenario.economies):
        _check(cls_field(Economy, "number"), economy.number, f"economies[{n}].number")
        _check(cls_field(Economy, "name"), economy.name, f"economies[{n}].name")
        if economy.number in numbers[:n]:
            raise ScenarioError(
                f"economies[{n}].number", f"another number; {economy.number} is there already"
            )
    rules = scenario.policy
    if rules.claim_grace <= rules.redemption_grace:
        # EPP-CEN-008
        raise ScenarioError(
            "policy.claim_grace", f"more than redemption_grace, {rules.redemption_grace} (EPP-CEN-008)"
        )
    if scenario.denominations.largest & (scenario.denominations.largest - 1):
        # EPP-UNI-007
        raise ScenarioError("denominations.largest", "a power of two (EPP-UNI-007)")
    if scenario.habits.largest > rules.transfer_limit:
        raise ScenarioError("habits.largest", f"at most policy.transfer_limit, {rules.transfer_limit}")
    if scenario.habits.swap > rules.unit_lifetime - 2:
        raise ScenarioError("habits.swap", f"at most policy.unit_lifetime less 2, {rules.unit_lifetime - 2}")
    if scenario.cheats.count > scenario.people:
        raise ScenarioError("cheats.count", f"at most the number of people, {scenario.people}")
    return scenario


def _table(given: object, where: str) -> Mapping[str, Any]:
    if not isinstance(given, dict) or not all(isinstance(name, str) for name in given):
        raise ScenarioError(where, "a table")
    return given
