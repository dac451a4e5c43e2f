"""What is known while a run goes on, and how it becomes a `Run`."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata

import msgspec

from eiraku.conformance import CATALOGUE, SUITE_PACKAGE, sources
from eiraku.conformance.results import (
    Check,
    CheckResult,
    Level,
    Outcome,
    Part,
    RequirementInfo,
    RequirementSet,
    Run,
    Shard,
    WalletInfo,
    summarise_round_trips,
)


def now() -> str:
    """This moment, UTC, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True, kw_only=True)
class Conditions:
    """What a run was asked to do. Fields as in `Run`."""

    suite: str
    certifying: bool
    selector: str
    seed: str
    level: Level
    selection: str = ""
    policy: str = ""
    shard: Shard | None = None


@dataclass(slots=True)
class Findings:
    """Gathered piece by piece, from this process or from workers."""

    catalogue: dict[str, Check] = field(default_factory=dict)
    results: dict[str, CheckResult] = field(default_factory=dict)
    wallet: WalletInfo | None = None
    times: dict[str, list[float]] = field(default_factory=dict)
    interrupted: str = ""
    started: str = field(default_factory=now)

    def add_times(self, times: dict[str, list[float]]) -> None:
        """Add round-trip times, seconds by verb."""
        for verb, seconds in times.items():
            self.times.setdefault(verb, []).extend(seconds)

    def run(self, conditions: Conditions) -> Run:
        """The run so far; checks without a result are NOT_RUN."""
        results = [self.results.get(check.id) or self._not_run(check) for check in self.catalogue.values()]
        results += [result for key, result in self.results.items() if key not in self.catalogue]
        return Run(
            suite_version=suite_version(),
            suite=conditions.suite,
            sources=sources.digest(),
            adapter_schema=sources.adapter_schema(),
            catalogue=stored_catalogue() if conditions.suite == SUITE_PACKAGE else {},
            certifying=conditions.certifying,
            requirement_set=requirement_set(),
            wallet=self.wallet,
            selector=conditions.selector,
            seed=conditions.seed,
            level=conditions.level,
            policy=conditions.policy,
            selection=conditions.selection,
            shard=conditions.shard,
            interrupted=self.interrupted,
            started=self.started,
            finished=now(),
            round_trips=summarise_round_trips(self.times),
            results=tuple(sorted(results, key=lambda result: result.id)),
        )

    def _not_run(self, check: Check) -> CheckResult:
        return CheckResult(
            id=check.id,
            title=check.title,
            location=check.location,
            requirements=check.requirements,
            level=check.level,
            needs=check.needs,
            outcome=Outcome.NOT_RUN,
            reason=check.deselected or self.interrupted or "the run ended before this check",
            deselected=bool(check.deselected),
        )


def stored_catalogue() -> dict[str, Part]:
    """The suite as it was released; ``eiraku maintain catalogue`` keeps it."""
    return msgspec.json.decode(CATALOGUE.read_bytes(), type=dict[str, Part])


def suite_version() -> str:
    """Version of the installed distribution."""
    try:
        return metadata.version("eiraku")
    except metadata.PackageNotFoundError:
        return "0+uninstalled"


def requirement_set() -> RequirementSet:
    """The requirements of the installed specification, without their texts."""
    from eiraku.spec import registry

    return RequirementSet(
        version=registry.SPECIFICATION,
        digest=registry.digest(),
        requirements=tuple(
            RequirementInfo(
                id=requirement.id,
                keyword=requirement.keyword,
                chapter=requirement.chapter,
                applies_to=requirement.applies_to or "",
                not_tested=requirement.not_tested or "",
                about_wallets=requirement.about_wallets,
            )
            for requirement in registry.load()
        ),
    )
