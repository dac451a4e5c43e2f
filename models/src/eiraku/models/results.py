"""What one run of `eiraku prove` found, as data: every report is made from it."""

from enum import StrEnum
from typing import Final, Protocol

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
    NO_PROVER = "no usable prover"


VERDICTS: Final = frozenset({Verdict.VERIFIED, Verdict.FALSIFIED})
"""The prover decided."""

UNFINISHED: Final = frozenset(
    {
        Verdict.INCOMPLETE,
        Verdict.TIMEOUT,
        Verdict.OUT_OF_MEMORY,
        Verdict.KILLED,
        Verdict.UNREADABLE,
        Verdict.NO_MAUDE,
        Verdict.NO_PROVER,
    }
)
"""Nothing was learnt about the lemma, neither good nor bad."""


class Standing(StrEnum):
    """On what a result rests."""

    PROVED = "proved here"
    RECHECKED = "stored proof checked here"
    RECORDED = "recorded evidence"
    UNDECIDED = "undecided here"
    """The prover ran and gave no verdict."""
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
    """Peak resident memory of the prover and its maude together, see `prover.run`."""
    date: str = ""
    """Day of the proof, ISO 8601."""
    detail: str = ""
    """For people: why it is stale, what the prover complained about."""
    unproved: tuple[str, ...] = ()
    """Lemmas that the prover took for granted here and that do not count themselves."""

    @property
    def as_claimed(self) -> bool:
        """The verdict is the expected one and rests on something."""
        resting = self.standing in (Standing.PROVED, Standing.RECHECKED, Standing.RECORDED)
        return resting and self.verdict is not None and self.verdict.value == self.job.expected

    @property
    def good(self) -> bool:
        """As claimed, and so is all that it takes for granted: it counts."""
        return self.as_claimed and not self.unproved


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
    counterexample: tuple[str, ...] = ()
    """Where it does not hold: why, in words."""

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
    notes: tuple[str, ...] = ()
    """What a reader should know about this run: no prover here, another version than the evidence's, ..."""

    @property
    def exit_code(self) -> int:
        """0: all is as claimed; 1: something is not; 3: something could not be finished."""
        failing = [result for result in self.results if not result.as_claimed]
        unfinished = [result for result in failing if result.verdict in UNFINISHED]
        if self.complaints or not all(each.good for each in self.solved) or len(failing) > len(unfinished):
            return 1
        if unfinished:
            return 3
        return 0 if all(result.good for result in self.results) else 1


class Watcher(Protocol):
    """Somebody who wants to see progress."""

    def begin(self, text: str, count: int) -> None:
        """A stage begins, with so many results to come."""

    def done(self, result: Result | Solved) -> None:
        """One more."""
