"""What `eiraku prove --record` writes: evidence, stored proofs, traces of attacks and of honest runs."""

from pathlib import Path

from eiraku.models import evidence, library, stored
from eiraku.models.evidence import Evidence
from eiraku.models.library import Subject
from eiraku.models.manifest import Job
from eiraku.models.plan import Plan
from eiraku.models.prover import Outcome


def write_evidence(
    folder: Path, subject: Subject, before: Evidence | None, outcomes: dict[Job, Outcome], *, date: str
) -> Evidence:
    """Write what the outcomes so far say about one theory. Raises OSError."""
    mine = {job: outcome for job, outcome in outcomes.items() if job.theory == subject.name}
    now = evidence.merged(subject, before, mine, date=date)
    evidence.save(folder, now)
    return now


def record(
    folder: Path, made: Plan, before: dict[str, Evidence], outcomes: dict[Job, Outcome], *, date: str
) -> list[str]:
    """Write evidence, then proofs and traces, of each theory that ran; return complaints about traces.

    Raises OSError.
    """
    complaints: list[str] = []
    for subject in made.subjects.values():
        mine = {job: outcome for job, outcome in outcomes.items() if job.theory == subject.name}
        if mine:
            old = before.get(subject.name)
            now = write_evidence(folder, subject, old, mine, date=date)
            unchanged = old is not None and old.digest == now.digest
            _write_proofs(folder, subject, mine, keep_old=unchanged, now=now)
            complaints += _write_traces(folder, subject, mine)
    return complaints


def proofs(folder: Path, theory: str) -> dict[str, str]:
    """The stored proofs of a theory, by lemma."""
    file = folder / "proofs" / f"{theory}.spthy"
    if not file.is_file():
        return {}
    return stored.proofs(file.read_text(encoding="utf-8"))


def _write_proofs(
    folder: Path, subject: Subject, outcomes: dict[Job, Outcome], *, keep_old: bool, now: Evidence
) -> None:
    kept = proofs(folder, subject.name) if keep_old else {}
    for job, outcome in outcomes.items():
        if job.flag is None and (proof := stored.proofs(outcome.proof).get(job.lemma)):
            kept[job.lemma] = proof
    proved = {entry.lemma for entry in now.jobs if entry.flag is None}
    kept = {name: proof for name, proof in kept.items() if name in proved}
    fitting = stored.smallest(kept, stored.LARGEST - len(subject.text.encode()))
    content = stored.insert(subject.text, fitting).encode()
    library.write(folder / "proofs" / f"{subject.name}.spthy", content)


def _write_traces(folder: Path, subject: Subject, outcomes: dict[Job, Outcome]) -> list[str]:
    """One trace for each removed check (its first lemma that falls) and for each lemma that has one."""
    from eiraku.models import trace  # noqa: PLC0415 - only needed here

    complaints = []
    names = {job: name for job in subject.jobs if (name := _name(subject, job))}
    for job, outcome in outcomes.items():
        if job not in names or b"jgNodes" not in outcome.trace:
            continue
        try:
            read = trace.read(outcome.trace, subject.theory(job.flag))
            trace.save(read, name=names[job], folder=folder / "attacks")
        except trace.TraceError as error:
            complaints.append(f"the trace of {subject.name} {job.lemma} cannot be read: {error}")
    for file in (folder / "attacks" / subject.name).glob("*.json"):
        if file.stem not in names.values():
            file.unlink()
    return complaints


def _name(subject: Subject, job: Job) -> str:
    if job.flag is None:
        return job.lemma
    removed = next(each for each in subject.manifest.removed if each.name == job.flag)
    return job.flag if removed.falls[:1] == (job.lemma,) else ""
