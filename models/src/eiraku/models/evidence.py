"""Recorded evidence: what the prover said, of which theory and formula, which prover, where and when.

It is a statement of whoever committed it; where a prover is, `eiraku prove` does not rely on it. A record is
stale as soon as the theory or the formula differs from the one that was proved.
"""

from pathlib import Path

import msgspec

from eiraku.models import library
from eiraku.models.library import Subject
from eiraku.models.manifest import Job
from eiraku.models.output import Version
from eiraku.models.prover import Outcome
from eiraku.models.results import VERDICTS, Machine, Result, Standing, Verdict
from eiraku.models.theory import TheoryError
from eiraku.spec.errors import Refused


class EvidenceError(Refused):
    """A file of evidence that cannot be read; the message says which and why."""


class Session(msgspec.Struct, frozen=True, kw_only=True, order=True, forbid_unknown_fields=True):
    """Where and when jobs ran: ISO date, the versions as the prover says them, cores, GiB, system."""

    date: str
    prover: str
    revision: str
    maude: str
    cores: int
    memory_gib: int
    system: str


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One job. `formula`: digest of the lemma that was proved; `session`: index into the sessions."""

    lemma: str
    flag: str | None
    formula: str
    verdict: Verdict
    steps: int
    seconds: float
    memory_mib: int
    session: int


class Evidence(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All that is recorded about one theory; `digest` is that of the theory that was proved."""

    theory: str
    digest: str
    sessions: tuple[Session, ...] = ()
    jobs: tuple[Entry, ...] = ()

    def entry(self, job: Job) -> Entry | None:
        """What is recorded of that job."""
        return next((each for each in self.jobs if (each.lemma, each.flag) == (job.lemma, job.flag)), None)


def path(folder: Path, theory: str) -> Path:
    """Where the evidence of a theory lies."""
    return folder / "evidence" / f"{theory}.json"


def load(folder: Path, theory: str) -> Evidence | None:
    """Evidence of that theory, None if there is none. Raises EvidenceError."""
    file = path(folder, theory)
    if not file.is_file():
        return None
    try:
        evidence = msgspec.json.decode(file.read_bytes(), type=Evidence)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise EvidenceError(f"evidence/{file.name}: {error}") from error
    if evidence.theory != theory:
        raise EvidenceError(f"evidence/{file.name}: it is about the theory {evidence.theory}")
    if any(not 0 <= entry.session < len(evidence.sessions) for entry in evidence.jobs):
        raise EvidenceError(f"evidence/{file.name}: a job belongs to a session that is not there")
    return evidence


def result(job: Job, subject: Subject, evidence: Evidence | None) -> Result:
    """What the evidence is worth for that job today."""
    entry = evidence.entry(job) if evidence is not None else None
    if evidence is None or entry is None:
        return Result(job=job, standing=Standing.MISSING, verdict=None, detail="never recorded")
    session = evidence.sessions[entry.session]
    why = _stale(entry, session, evidence, subject)
    return Result(
        job=job,
        standing=Standing.STALE if why else Standing.RECORDED,
        verdict=entry.verdict,
        steps=entry.steps,
        seconds=entry.seconds,
        memory_mib=entry.memory_mib,
        date=session.date,
        detail=why,
    )


def merged(subject: Subject, before: Evidence | None, outcomes: dict[Job, Outcome], *, date: str) -> Evidence:
    """The evidence `before` with the jobs that ran now in place of the old ones.

    Only verdicts are recorded: a job that was not finished leaves what was there. What is no longer claimed
    goes, and so does everything that was proved of another version of the theory.
    """
    digest = subject.theory().digest
    kept = before if before is not None and before.digest == digest else None
    entries: list[tuple[Entry, Session]] = []
    for job in subject.jobs:
        outcome = outcomes.get(job)
        lemma = subject.theory(job.flag).lemma(job.lemma)
        old = kept.entry(job) if kept is not None else None
        if outcome is not None and outcome.reading.verdict in VERDICTS and lemma:
            entries.append((_entry(job, lemma.digest, outcome), _session(outcome, date)))
        elif kept is not None and old is not None:
            entries.append((old, kept.sessions[old.session]))
    sessions = tuple(sorted({session for _, session in entries}))
    return Evidence(
        theory=subject.name,
        digest=digest,
        sessions=sessions,
        jobs=tuple(
            msgspec.structs.replace(entry, session=sessions.index(session)) for entry, session in entries
        ),
    )


def save(folder: Path, evidence: Evidence) -> None:
    """Write it, in the order of the manifest. Raises OSError."""
    content = msgspec.json.format(msgspec.json.encode(evidence), indent=1)
    library.write(path(folder, evidence.theory), content + b"\n")


def compare(result: Result, entry: Entry | None) -> str:
    """In words how a proof of today differs from the recorded one; empty if only time and memory do."""
    name = f"{result.job.theory} {result.job.lemma}" + (
        f" under {result.job.flag}" if result.job.flag else ""
    )
    if entry is None or result.verdict not in VERDICTS:
        return ""
    if entry.verdict is not result.verdict:
        return f"{name}: {result.verdict} here, {entry.verdict} in the recorded evidence"
    if entry.steps != result.steps and result.standing is Standing.PROVED:
        return f"{name}: {result.steps} steps here, {entry.steps} in the recorded evidence"
    return ""


def _stale(entry: Entry, session: Session, evidence: Evidence, subject: Subject) -> str:
    try:
        theory = subject.theory(entry.flag)
    except TheoryError as error:
        return f"the theory cannot be read: {error}"
    lemma = theory.lemma(entry.lemma)
    if lemma is None:
        return "the theory has no such lemma"
    if lemma.digest != entry.formula:
        return "the lemma was changed after its proof"
    if theory.digest != evidence.digest:
        return "the theory was changed after the proof"
    if entry.verdict not in VERDICTS:
        return f"the evidence is no verdict: {entry.verdict}"
    if not (session.prover and session.maude and session.date):
        return "the evidence does not say which prover it is from, and of when"
    return ""


def _entry(job: Job, digest: str, outcome: Outcome) -> Entry:
    return Entry(
        lemma=job.lemma,
        flag=job.flag,
        formula=digest,
        verdict=outcome.reading.verdict,
        steps=outcome.reading.steps,
        seconds=round(outcome.seconds, 1),
        memory_mib=outcome.memory_mib,
        session=0,
    )


def _session(outcome: Outcome, date: str) -> Session:
    version: Version | None = outcome.version
    machine: Machine | None = outcome.machine
    return Session(
        date=date,
        prover=version.prover if version else "",
        revision=version.revision if version else "",
        maude=version.maude if version else "",
        cores=machine.cores if machine else 0,
        memory_gib=machine.memory_gib if machine else 0,
        system=machine.system if machine else "",
    )
