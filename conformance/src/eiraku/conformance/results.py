"""What a run of the suite found: the data every report is made from.

Everything here is an immutable msgspec struct, so that a run is written with ``msgspec.json.encode(run)``.
Byte strings are lower-case hex, times are seconds unless a name says milliseconds, moments are UTC in RFC
3339 form with a trailing Z.

``Run`` is complete in itself: it carries the id and keyword of every requirement of the set it was judged
against, so a verdict never depends on which version of the specification is installed later. The words of
a requirement are not copied; they are in the registry named by ``requirement_set``.
"""

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Any, Self

import msgspec
from msgspec import Meta

from eiraku.spec.errors import Misuse

RUN_FORMAT = "eiraku-run/1"

MANDATORY_CAPABILITIES = ("initiator", "responder", "payer", "payee", "power-cut")
STORE = "store"
"""What survives is in a folder that a new process can be started on: the suite kills the old one."""
SUITE_0 = "suite-0"
OPTIONAL_CAPABILITIES = (SUITE_0, "deterministic", STORE)
KNOWN_CAPABILITIES = frozenset(MANDATORY_CAPABILITIES + OPTIONAL_CAPABILITIES)


class Outcome(StrEnum):
    """The outcome of one check. The kinds are disjoint: a crash or a time-out is never a refusal."""

    PASS = "PASS"  # noqa: S105 - not a password
    FAIL = "FAIL"
    WARN = "WARN"
    CRASH = "CRASH"
    TIMEOUT = "TIMEOUT"
    ADAPTER_ERROR = "ADAPTER_ERROR"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    NOT_TESTED = "NOT_TESTED"
    """Of a requirement only: it applies, and a black box cannot show it."""
    NOT_RUN = "NOT_RUN"
    HARNESS_ERROR = "HARNESS_ERROR"


FAILURES = frozenset({Outcome.FAIL, Outcome.CRASH, Outcome.TIMEOUT, Outcome.ADAPTER_ERROR})
"""Outcomes that are the wallet's fault and make it non-conformant."""

GAPS = frozenset({Outcome.NOT_RUN, Outcome.HARNESS_ERROR})
"""Outcomes that say nothing about the wallet and make a run incomplete."""

# Worst first: the order in which the outcomes of several checks are summed up in one word.
SEVERITY = (
    Outcome.CRASH,
    Outcome.TIMEOUT,
    Outcome.ADAPTER_ERROR,
    Outcome.FAIL,
    Outcome.HARNESS_ERROR,
    Outcome.NOT_RUN,
    Outcome.WARN,
    Outcome.PASS,
    Outcome.NOT_APPLICABLE,
    Outcome.NOT_TESTED,
)


class Level(StrEnum):
    """How much is run. A level contains the ones before it."""

    SMOKE = "smoke"
    STANDARD = "standard"
    FULL = "full"

    @property
    def rank(self) -> int:
        """0 for smoke, 1 for standard, 2 for full."""
        return _RANKS[self]


_RANKS = {level: rank for rank, level in enumerate(Level)}


class Model(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of all result types: immutable, by keyword only, unknown fields refused when read."""


class Step(Model, frozen=True, kw_only=True, rename={"source": "from", "target": "to", "data": "bytes"}):
    """One arrow of a sequence diagram. In JSON: from, to, label, bytes, decoded, outcome."""

    source: str
    target: str
    label: str
    data: str = ""
    """The bytes on the wire, hex; empty when the step carries none."""
    decoded: str = ""
    """The message in readable form, several lines if need be."""
    outcome: str = ""
    """What the receiver made of it, for example ``rejected unit-expired``."""


class Exchange(Model, frozen=True, kw_only=True):
    """One request to the wallet and what came back."""

    seq: int
    request: str
    """The JSON line sent, shortened if long."""
    response: str
    """The JSON line received, shortened if long; empty when none came."""
    milliseconds: float


class Fact(Model, frozen=True, kw_only=True):
    """One value that only the suite can know."""

    name: str
    value: str
    """Hex, or words."""


class Insight(Model, frozen=True, kw_only=True):
    """Values that belong together: the secrets of a session, or what a signature was verified over."""

    title: str
    facts: tuple[Fact, ...]


class Hint(Model, frozen=True, kw_only=True):
    """A misreading of the specification that was tried on what the wallet sent."""

    about: str
    """The object, such as ``endorsement``."""
    words: str
    """Such as ``verifies with hop - 1``."""
    holds: bool
    """Whether it explains what the wallet sent."""


class Evidence(Model, frozen=True, kw_only=True):
    """Why a check did not pass. All fields may be empty."""

    expected: str = ""
    actual: str = ""
    violated: str = ""
    """Id of the requirement that the step which failed violates, where the check knows it; it need not be one
    that the check names."""
    hints: tuple[Hint, ...] = ()
    """Misreadings that were tried, those that hold and those that do not."""
    insights: tuple[Insight, ...] = ()
    steps: tuple[Step, ...] = ()
    exchanges: tuple[Exchange, ...] = ()
    """The last exchanges with the wallet, oldest first."""
    stderr: str = ""
    """The last of what the wallet wrote to its standard error. Kept for the reader, never judged."""
    traceback: str = ""
    """Where in the suite the check stopped."""
    notes: tuple[str, ...] = ()


class Check(Model, frozen=True, kw_only=True):
    """A test of the suite, before it is run."""

    id: str
    """Stable: module, then the test's own name and parameters: ``test_session::test_replay[initiator]``."""
    title: str
    """First line of the test's docstring, or its name."""
    location: str
    """``file.py:line`` inside the suite."""
    requirements: tuple[str, ...]
    level: Level
    needs: tuple[str, ...] = ()
    """Capabilities without which the test makes no sense."""
    deselected: str = ""
    """Why this run leaves it out; empty when it is to be run."""


class CheckResult(Model, frozen=True, kw_only=True):
    """The outcome of one check in one run."""

    id: str
    title: str
    location: str
    requirements: tuple[str, ...]
    level: Level
    needs: tuple[str, ...] = ()
    outcome: Outcome
    seconds: float = 0.0
    transcript: str = ""
    """SHA-256, hex, of all exchanges with the wallet; empty if the check was not run."""
    reason: str = ""
    """One line; never empty unless the outcome is PASS."""
    violated: str = ""
    """The requirement, if what failed is not what the check asks but what is watched in every check."""
    deselected: bool = False
    """The run was told to leave it out; the outcome then is NOT_RUN."""
    evidence: Evidence | None = None
    """Present when the wallet or the harness is at fault."""

    @property
    def judged(self) -> tuple[str, ...]:
        """The requirements that the outcome is about."""
        return (self.violated,) if self.violated else self.requirements


class RequirementInfo(Model, frozen=True, kw_only=True):
    """One numbered requirement of the set the run was judged against."""

    id: str
    keyword: str
    """MUST, MUST NOT, SHOULD, SHOULD NOT or MAY."""
    chapter: str
    """For example ``05-session``."""
    applies_to: str = ""
    """The capability it depends on; empty when it holds for every wallet."""
    not_tested: str = ""
    """Why no black-box test can show it; empty when it is tested."""
    about_wallets: bool = True
    """False if it is about centres, services or the specification itself."""


class RequirementSet(Model, frozen=True, kw_only=True):
    """The frozen requirement set of one version of the specification."""

    version: str
    digest: str
    """SHA-256 of the registry, hex; empty if no registry is installed."""
    requirements: tuple[RequirementInfo, ...] = ()


class WalletInfo(Model, frozen=True, kw_only=True):
    """What the wallet said about itself in its answer to ``start``."""

    name: str
    version: str
    protocol: int
    capabilities: tuple[str, ...]
    """Those of KNOWN_CAPABILITIES it declared, sorted."""
    unknown_capabilities: tuple[str, ...] = ()
    """Declared, but not known to this version of the suite; reported, otherwise ignored."""
    room: dict[str, int] = msgspec.field(default_factory=dict)
    """The greatest of each size of a policy that it can hold, by the names of chapter 9."""


class Part(Model, frozen=True, kw_only=True):
    """The checks of one module of the suite."""

    checks: int
    digest: str
    """SHA-256, hex, over their ids, levels and requirements: see `parts`."""


class Shard(Model, frozen=True, kw_only=True):
    """Which part of its checks a run has: the ``number``-th ``of`` so many, as `shards` deals them."""

    number: Annotated[int, Meta(ge=1)]
    of: Annotated[int, Meta(ge=1, le=1000)]

    def __post_init__(self) -> None:
        """Raises ValueError."""
        if self.number > self.of:
            raise ValueError(f"there is no shard {self}")

    def __str__(self) -> str:
        """For people and for ``--shard``: ``2/4``."""
        return f"{self.number}/{self.of}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of its form for people. Raises Misuse."""
        try:
            number, of = text.split("/")
            return msgspec.convert({"number": int(number), "of": int(of)}, cls)
        except ValueError:
            raise Misuse(f"expected a shard such as 2/4, of at most 1000, found {text!r}") from None


class Gate(Model, frozen=True, kw_only=True):
    """How a run compares with its list of expected failures."""

    problems: tuple[str, ...]
    """Why the gate is closed; empty when exactly the listed checks failed."""
    met: tuple[str, ...]
    """Ids of the checks that failed as expected."""


class RoundTrips(Model, frozen=True, kw_only=True):
    """Statistics of the time from request to response of one verb, in milliseconds."""

    verb: str
    count: int
    median: float
    p95: float
    maximum: float
    total: float


class Run(Model, frozen=True, kw_only=True):
    """One run of the suite against one wallet."""

    format: str = RUN_FORMAT
    suite_version: str
    suite: str
    """``eiraku.conformance.suite``, or the folder of another suite; another one never certifies."""
    sources: str
    """SHA-256, hex, of the files of the suite: see `eiraku.conformance.sources`."""
    adapter_schema: str
    """SHA-256, hex, of the schema of the adapter protocol."""
    catalogue: dict[str, Part]
    """What the suite consists of, by module, whatever was run of it; empty for another suite."""
    certifying: bool
    """Whether ``eiraku certify`` made the run; a run within somebody's own pytest never certifies."""
    requirement_set: RequirementSet
    wallet: WalletInfo | None
    """None if the wallet never answered ``start``."""
    selector: str
    seed: str
    """32 bytes, hex."""
    level: Level
    policy: str = ""
    """SHA-256, hex, of the policy file given to the run; empty for the suite's own policies."""
    selection: str = ""
    """How the checks were narrowed down (``--only``, ``-k``); empty when all of the level were asked for."""
    shard: Shard | None = None
    """The part of its checks that this run has; None for all. A part never certifies: see `shards`."""
    interrupted: str = ""
    """Why the run ended early; empty when it did not."""
    gate: Gate | None = None
    """What the list of expected failures made of it; None without a list."""
    started: str
    finished: str
    round_trips: tuple[RoundTrips, ...] = ()
    results: tuple[CheckResult, ...] = ()
    """Sorted by id; one per check of the suite, those not run included."""


def parts(checks: Iterable[Check | CheckResult]) -> dict[str, Part]:
    """``checks`` by module, in as many bytes as a digest has."""
    lines: dict[str, list[str]] = {}
    for check in checks:
        module = check.id.partition("::")[0]
        lines.setdefault(module, []).append(f"{check.id} {check.level} {' '.join(check.requirements)}\n")
    return {module: _part(sorted(found)) for module, found in sorted(lines.items())}


def catalogue_file(catalogue: dict[str, Part]) -> bytes:
    """The bytes of ``catalogue.json``."""
    return msgspec.json.format(msgspec.json.encode(catalogue), indent=1) + b"\n"


def _part(lines: list[str]) -> Part:
    content = "".join(lines).encode("utf-8", "backslashreplace")
    return Part(checks=len(lines), digest=hashlib.sha256(content).hexdigest())


def worst(outcomes: list[Outcome]) -> Outcome:
    """The most severe of ``outcomes``, which must not be empty."""
    return min(outcomes, key=SEVERITY.index)


def summarise_round_trips(samples: dict[str, list[float]]) -> tuple[RoundTrips, ...]:
    """Statistics of ``samples``: for each verb the round-trip times in seconds."""
    rows = []
    for verb in sorted(samples):
        times = sorted(1000 * second for second in samples[verb])
        if times:
            rows.append(
                RoundTrips(
                    verb=verb,
                    count=len(times),
                    median=round(times[(len(times) - 1) // 2], 3),
                    p95=round(times[min(len(times) - 1, -(-len(times) * 95 // 100) - 1)], 3),
                    maximum=round(times[-1], 3),
                    total=round(sum(times), 3),
                )
            )
    return tuple(rows)


def to_json(value: Model) -> dict[str, Any]:
    """``value`` as plain dictionaries, lists and strings."""
    plain: dict[str, Any] = msgspec.to_builtins(value)
    return plain
