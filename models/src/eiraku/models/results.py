"""What one run of `eiraku prove` found, as data: every report is made from it."""

from enum import StrEnum

import msgspec

from eiraku.models.manifest import Job


class Verdict(StrEnum):
    """What the prover said of one lemma, or why it said nothing. Only the first two are verdicts."""

    VERIFIED = "verified"
    FALSIFIED = "falsified"
    INCOMPLETE = "incomplete"
    """The prover stopped with open cases, or its output says `undetermined`."""
    INVALIDATED = "invalidated"
    """A stored proof does not fit the theory."""
    TIMEOUT = "timeout"
    OUT_OF_MEMORY = "out of memory"
    KILLED = "killed"
    SYNTAX = "syntax error"
    NOT_WELL_FORMED = "not well-formed"
    UNREADABLE = "unreadable output"
    NO_MAUDE = "no maude"


class Standing(StrEnum):
    """On what a result rests."""

    PROVED = "proved here"
    RECHECKED = "stored proof checked here"
    RECORDED = "recorded evidence"
    STALE = "stale"
    MISSING = "missing"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One job and its outcome."""

    job: Job
    standing: Standing
    verdict: Verdict | None
    """None where there is no evidence."""
    steps: int = 0
    seconds: float = 0.0
    memory_mib: int = 0
    """Peak resident memory of the prover."""
    date: str = ""
    """Day of the proof, ISO 8601."""
    detail: str = ""
    """For people: why it is stale, what the prover complained about."""

    @property
    def good(self) -> bool:
        """The verdict is the expected one and rests on something."""
        resting = self.standing in (Standing.PROVED, Standing.RECHECKED, Standing.RECORDED)
        return resting and self.verdict is not None and self.verdict.value == self.job.expected


class Solved(msgspec.Struct, frozen=True, kw_only=True):
    """One proof by the SMT solver with its broken twins; always run here."""

    name: str
    says: str
    requirements: tuple[str, ...]
    method: str
    holds: bool
    queries: int
    seconds: float
    twins: tuple[tuple[str, bool, tuple[str, ...]], ...]
    """Name, whether it fails as it should, the counterexample in words."""

    @property
    def good(self) -> bool:
        """It holds, and every twin fails."""
        return self.holds and all(fails for _, fails, _ in self.twins)


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where it ran."""

    cores: int
    memory_gib: int
    system: str


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """Everything."""

    date: str
    seconds: float
    prover: str | None
    """Version of the prover, None where there is none."""
    maude: str | None
    machine: Machine
    results: tuple[Result, ...]
    solved: tuple[Solved, ...]
    complaints: tuple[str, ...]
    """Of the lints."""
