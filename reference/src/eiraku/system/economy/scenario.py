"""What is simulated: a scenario in TOML, validated.

Every number has a default and bounds; both stand in the classes below. Amounts are minor units of the basket,
times are epochs, shares and chances are from 0 to 1. Nothing is read but what is named here.
"""

from importlib import resources
from typing import Annotated

from msgspec import Meta, structs

from eiraku.reference import settings
from eiraku.reference.policy import Policy
from eiraku.reference.settings import SettingsError, Table

MOVES_BEFORE = 1
"""Moves of a unit before a person has it: from the vault of a bank to the person."""
MOVES_MAX = 200
EPOCHS_MAX = 500

Moves = Annotated[int, Meta(ge=1, le=MOVES_MAX)]
Amount = Annotated[int, Meta(ge=1, le=2**40)]
UpTo100 = Annotated[int, Meta(ge=0, le=100)]
UpTo1000 = Annotated[int, Meta(ge=1, le=1000)]
Share = Annotated[float, Meta(ge=0, le=1)]
Text = Annotated[str, Meta(min_length=1, max_length=80)]


class Economy(Table, frozen=True, kw_only=True):
    """One economy: its number (as in purse IDs), a short name, and how much of everything it has."""

    number: settings.Economy
    name: Text
    share: UpTo1000 = 1
    banks: Annotated[int, Meta(ge=1, le=50)] = 1
    shops: UpTo1000 = 4
    assets: Annotated[int, Meta(ge=1, le=2**50)] = 2_000_000


class Rules(Table, frozen=True, kw_only=True):
    """The scheme's rules. `hop_limit`: payments that a unit makes between two visits to a bank (S-38)."""

    hop_limit: Moves = 5
    what_if: tuple[Moves, ...] = (1, 3, 10)
    """Each once, in the order that was written."""
    transfer_limit: Amount = 5000
    unit_lifetime: Annotated[int, Meta(ge=4, le=EPOCHS_MAX)] = 16
    min_life: UpTo100 = 0
    redemption_grace: UpTo100 = 2
    claim_grace: Annotated[int, Meta(ge=1, le=100)] = 4
    purse_lifetime: Annotated[int, Meta(ge=4, le=10 * EPOCHS_MAX)] = 15

    def __post_init__(self) -> None:
        """Raises SettingsError."""
        structs.force_setattr(self, "what_if", tuple(dict.fromkeys(self.what_if)))
        if self.claim_grace <= self.redemption_grace:
            # EPP-CEN-058
            raise SettingsError(
                "claim_grace", f"more than redemption_grace, {self.redemption_grace} (EPP-CEN-058)"
            )


class Habits(Table, frozen=True, kw_only=True):
    """How people and shops behave."""

    to_shop: Share = 0.45
    abroad: Share = 0.12
    wages: Share = 0.15
    largest: Amount = 200
    cash: Amount = 510
    pay_in: Share = 0.6
    change: Share = 0.5
    swap: UpTo100 = 2
    careless: Share = 0.03
    gossip: Share = 0.5


class Faults(Table, frozen=True, kw_only=True):
    """What goes wrong without anybody's fault."""

    power_cut: Share = 0.01
    message_lost: Share = 0.02
    redelivered: Share = 0.5
    never: Share = 0.15
    silent: Share = 0.03


class Cheating(Table, frozen=True, kw_only=True):
    """How many people copy the memory of their purse, and how much the copy spends."""

    count: Annotated[int, Meta(ge=0, le=1000)] = 4
    payments: UpTo1000 = 8


class Rotation(Table, frozen=True, kw_only=True):
    """Keys that change within a run: the epoch in which successors of all of them are announced, and the one
    in which the purse master key and the scheme keys are revoked; 0: never.
    """

    announced: Annotated[int, Meta(ge=0, le=EPOCHS_MAX)] = 0
    revoked: Annotated[int, Meta(ge=0, le=EPOCHS_MAX)] = 0


class Denominations(Table, frozen=True, kw_only=True):
    """A set is one unit of each power of two up to `largest`."""

    largest: Annotated[int, Meta(ge=1, le=2**20)] = 128

    def __post_init__(self) -> None:
        """Raises SettingsError."""
        if self.largest & (self.largest - 1):
            # EPP-UNI-007
            raise SettingsError("largest", f"a power of two (EPP-UNI-007), found {self.largest}")

    @property
    def values(self) -> tuple[int, ...]:
        """The set, ascending."""
        return tuple(1 << n for n in range(self.largest.bit_length()))

    @property
    def total(self) -> int:
        """Value of one set."""
        return 2 * self.largest - 1


class Scenario(Table, frozen=True, kw_only=True):
    """Everything a run is made from; two runs of one scenario give the same results."""

    FILE = "scenario"

    title: Text = "Without a title"
    seed: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 1
    people: Annotated[int, Meta(ge=2, le=100_000)] = 200
    payments: Annotated[int, Meta(ge=1, le=10_000_000)] = 5000
    epochs: Annotated[int, Meta(ge=1, le=EPOCHS_MAX)] = 20
    economies: Annotated[tuple[Economy, ...], Meta(min_length=1)]
    policy: Rules = Rules()
    habits: Habits = Habits()
    faults: Faults = Faults()
    cheats: Cheating = Cheating()
    rotation: Rotation = Rotation()
    denominations: Denominations = Denominations()

    def __post_init__(self) -> None:
        """Raises SettingsError."""
        numbers = [economy.number for economy in self.economies]
        for n, number in enumerate(numbers):
            if number in numbers[:n]:
                raise SettingsError(f"economies[{n}].number", f"another number; {number} is there already")
        if self.habits.largest > self.policy.transfer_limit:
            limit = self.policy.transfer_limit
            raise SettingsError("habits.largest", f"at most policy.transfer_limit, {limit}")
        most = self.policy.unit_lifetime - 2
        if self.habits.swap > most:
            raise SettingsError("habits.swap", f"at most policy.unit_lifetime less 2, {most}")
        if self.cheats.count > self.people:
            raise SettingsError("cheats.count", f"at most the number of people, {self.people}")

    def with_hop_limit(self, limit: int) -> "Scenario":
        """The same with another limit of payments between two visits to a bank. Raises SettingsError."""
        return self.changed(policy={"hop_limit": limit})

    def with_what_if(self, limits: tuple[int, ...]) -> "Scenario":
        """The same, compared with other limits. Raises SettingsError."""
        return self.changed(policy={"what_if": limits})

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
                "max_bulletin": 1_048_576,
                "max_hops": self.max_hops,
                "max_record": 65535,
                # The centre takes every unit home, some of them often.
                "max_given": 2**24,
                "max_credited": 2**24,
                "max_seen": 2**24,
                "min_life": self.policy.min_life,
                "claim_grace": self.policy.claim_grace,
                "balance_limits": {"2": 2**50},
                "operations": [
                    {
                        "name": name if not same else f"{name}, same holder",
                        "payer": payer,
                        "payee": payee,
                        "same_holder": same,
                        "min_amount": 1,
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
