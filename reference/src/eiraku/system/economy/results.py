"""What a run found, as values and as JSON. Amounts in minor units, times in epochs, sizes in bytes.

Nothing in it depends on the clock or the machine: one scenario and seed give the same bytes.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from eiraku.system.economy.count import Picture
from eiraku.system.economy.places import Places
from eiraku.system.economy.scenario import Scenario
from eiraku.system.economy.scheme import Scheme
from eiraku.system.economy.truth import Cheat, Truth

VERSION = 1
"""Of the JSON form."""


@dataclass(slots=True, kw_only=True)
class Payments:
    """Payments between people and shops. `refused`: by reason; `refused_first`: those tried again later."""

    attempted: int = 0
    made: int = 0
    value: int = 0
    second_tries: int = 0
    visits: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    refused_first: Counter[str] = field(default_factory=Counter)
    by_copies: Counter[str] = field(default_factory=Counter)
    flows: Counter[tuple[int, int]] = field(default_factory=Counter)

    def take(self, payer: int, payee: int, amount: int) -> None:
        """One payment that was made, by economies."""
        self.made += 1
        self.value += amount
        self.flows[payer, payee] += amount


@dataclass(frozen=True, slots=True, kw_only=True)
class CheatFound:
    """What became of one cheat. None: did not happen."""

    number: str
    name: str
    copied_in: int
    copied: int
    accepted: int
    accepted_before_detection: int
    first_double: int | None
    home_in: int | None
    convicted_in: int | None
    delay: int | None
    hops: int | None
    refused_at_vault: int | None
    refused_by_people: int | None

    @classmethod
    def of(cls, cheat: Cheat) -> Self:
        """What the run knows of one."""
        values = {name: getattr(cheat, name) for name in cls.__dataclass_fields__}
        return cls(**(values | {"number": cheat.number.hex()}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """One run."""

    scenario: Scenario
    interrupted: bool
    sessions: int
    payments: Payments
    series: tuple[Picture, ...]
    home: dict[int, tuple[int, int, int]]
    """By hops: units that came home, their bytes in all, the largest."""
    redeemed: int
    reflux: dict[tuple[int, int], int]
    deposits: dict[str, int]
    cheats: tuple[CheatFound, ...]
    missed: tuple[str, ...]
    """Cheats of whom two copies came home and who were not named."""
    wronged: tuple[str, ...]
    """Purses that were named and copied nothing."""
    unproven: tuple[str, ...]
    """Purses named on evidence that does not convince anybody else."""
    evidence: dict[str, bytes]
    """Evidence file against each purse named, by its number in hexadecimal."""
    anchor: bytes
    """Public keys with which anybody verifies evidence, as a file."""
    claims: dict[str, int]
    refunded: int
    events: dict[str, int]
    volume: dict[str, int]
    wholesale: dict[int, tuple[int, int, int]]
    """By economy: own account, issued account, bonds."""
    log_size: int

    @classmethod
    def of(
        cls,
        scheme: Scheme,
        truth: Truth,
        places: Places,
        *,
        payments: Payments,
        series: Sequence[Picture],
        sessions: int,
        claims: Counter[str],
        events: Counter[str],
        volume: Counter[str],
        refunded: int,
        interrupted: bool,
    ) -> Self:
        """Everything that a run found."""
        home, named = scheme.home, set(scheme.convicted)
        names = {number: place.name for number, place in places.by_number.items()}
        return cls(
            scenario=scheme.scenario,
            interrupted=interrupted,
            sessions=sessions,
            payments=payments,
            series=tuple(series),
            home={n: (home.count[n], home.octets[n], home.largest[n]) for n in sorted(home.count)},
            redeemed=home.value,
            reflux=dict(sorted(home.reflux.items())),
            deposits=dict(sorted(home.outcomes.items())),
            cheats=tuple(CheatFound.of(cheat) for cheat in truth.cheats.values()),
            missed=tuple(sorted(names[number] for number in truth.guilty - named)),
            wronged=tuple(sorted(names[number] for number in named - set(truth.cheats))),
            unproven=tuple(sorted(names[number] for number in set(scheme.unproven))),
            evidence={number.hex(): written for number, written in sorted(scheme.evidence.items())},
            anchor=scheme.anchor.to_json(),
            claims=dict(sorted(claims.items())),
            refunded=refunded,
            events=dict(sorted(events.items())),
            volume=dict(sorted(volume.items())),
            wholesale={
                economy: (standing.own, standing.issued, standing.bonds)
                for economy, standing in scheme.wholesale.standings().items()
            },
            log_size=scheme.wholesale.register.size,
        )

    @property
    def good(self) -> bool:
        """Every cheat whose copies came home was named, and nobody else. Conservation ends a run at once."""
        return not (self.missed or self.wronged or self.unproven)

    @property
    def exposure(self) -> int:
        """Value of copies that were accepted before their maker was named."""
        return sum(cheat.accepted_before_detection for cheat in self.cheats)

    @property
    def units_home(self) -> int:
        """Units that came home."""
        return sum(row[0] for row in self.home.values())

    @property
    def mean_delay(self) -> float | None:
        """Epochs from the first unit spent twice to the conviction, on average over those convicted."""
        delays = [cheat.delay for cheat in self.cheats if cheat.delay is not None]
        return round(sum(delays) / len(delays), 1) if delays else None

    @property
    def mean_size(self) -> float:
        """Bytes of a unit that came home, on average."""
        count = self.units_home
        return sum(row[1] for row in self.home.values()) / count if count else 0.0

    @property
    def largest_size(self) -> int:
        """Bytes of the largest unit that came home."""
        return max((row[2] for row in self.home.values()), default=0)

    def to_mapping(self) -> dict[str, Any]:
        """For JSON."""
        payments = self.payments
        return {
            "hop_limit": self.scenario.policy.hop_limit,
            "interrupted": self.interrupted,
            "good": self.good,
            "sessions": self.sessions,
            "payments": {
                "attempted": payments.attempted,
                "made": payments.made,
                "value": payments.value,
                "second_tries": payments.second_tries,
                "visits": payments.visits,
                "refused": dict(sorted(payments.refused.items())),
                "refused_first": dict(sorted(payments.refused_first.items())),
                "by_copies": dict(sorted(payments.by_copies.items())),
                "flows": [
                    {"from": payer, "to": payee, "value": value}
                    for (payer, payee), value in sorted(payments.flows.items())
                ],
            },
            "epochs": [picture.to_mapping() for picture in self.series],
            "home": [
                {"hops": hops, "units": count, "bytes": octets, "largest": largest}
                for hops, (count, octets, largest) in self.home.items()
            ],
            "redeemed": self.redeemed,
            "reflux": [
                {"economy": economy, "at": at, "value": value} for (economy, at), value in self.reflux.items()
            ],
            "deposits": self.deposits,
            "cheats": [asdict(cheat) for cheat in self.cheats],
            "missed": list(self.missed),
            "wronged": list(self.wronged),
            "unproven": list(self.unproven),
            "exposure": self.exposure,
            "claims": self.claims,
            "refunded": self.refunded,
            "events": self.events,
            "volume": self.volume,
            "wholesale": [
                {"economy": economy, "own": own, "issued": issued, "bonds": bonds}
                for economy, (own, issued, bonds) in self.wholesale.items()
            ],
            "log_size": self.log_size,
        }
