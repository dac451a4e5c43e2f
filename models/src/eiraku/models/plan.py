"""The jobs of a run: all that is claimed, or what was asked for and what that takes for granted."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from eiraku.models import library, theory
from eiraku.models.library import Subject
from eiraku.models.manifest import Job
from eiraku.spec.errors import Misuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Theories by name, jobs in the order of the manifests; in words why a theory cannot be used."""

    subjects: dict[str, Subject]
    jobs: tuple[Job, ...]
    unusable: dict[str, str]


def make(
    folder: Path, *, theories: tuple[str, ...] = (), lemmas: tuple[str, ...] = (), flags: tuple[str, ...] = ()
) -> Plan:
    """Choose; each empty tuple means all. With `flags` only the theories without these checks.

    Raises Misuse.
    """
    _known("theory", "theories", theories, theory.names(within=folder / "theories"))
    subjects: dict[str, Subject] = {}
    unusable: dict[str, str] = {}
    for name, found in library.subjects(folder):
        if theories and name not in theories:
            continue
        if isinstance(found, str):
            unusable[name] = found
        else:
            subjects[name] = found
    every = [job for subject in subjects.values() for job in subject.jobs]
    _known("lemma", "lemmas", lemmas, [job.lemma for job in every])
    _known("removed check", "removed checks", flags, [job.flag for job in every if job.flag])
    wanted = {
        job for job in every if (not lemmas or job.lemma in lemmas) and (not flags or job.flag in flags)
    }
    if not wanted and (lemmas or flags):
        raise Misuse(f"no lemma {', '.join(lemmas)} is claimed about {', '.join(flags)}")
    closed = _closed(wanted, every, subjects)
    return Plan(subjects=subjects, jobs=tuple(job for job in every if job in closed), unusable=unusable)


def unproved(results: dict[Job, bool], subjects: dict[str, Subject]) -> dict[Job, tuple[str, ...]]:
    """For each job the lemmas that it takes for granted under the same flag and that do not count.

    `results` says of each job whether its own verdict is the claimed one. A lemma that is not among the jobs
    does not count.
    """
    counts: dict[Job, bool] = {}
    by_key = {(job.theory, job.flag, job.lemma): job for job in results}

    def missing(job: Job) -> tuple[str, ...]:
        needed = subjects[job.theory].assumed(job)
        others = {name: by_key.get((job.theory, job.flag, name)) for name in needed}
        return tuple(name for name, other in others.items() if other is None or not counted(other))

    def counted(job: Job) -> bool:
        if job not in counts:
            # A lemma may only assume those above it; a manifest that says otherwise must not loop.
            counts[job] = False
            counts[job] = results[job] and not missing(job)
        return counts[job]

    return {job: missing(job) for job in results}


def _closed(wanted: set[Job], every: list[Job], subjects: dict[str, Subject]) -> set[Job]:
    by_key = {(job.theory, job.flag, job.lemma): job for job in every}
    done: set[Job] = set()
    left = list(wanted)
    while left:
        job = left.pop()
        if job in done:
            continue
        done.add(job)
        others = (by_key.get((job.theory, job.flag, name)) for name in subjects[job.theory].assumed(job))
        left += [other for other in others if other is not None]
    return done


def _known(kind: str, kinds: str, asked: Iterable[str], existing: Iterable[str]) -> None:
    known = sorted(set(existing))
    for name in asked:
        if name not in known:
            listed = ", ".join(known) if known else "there are none"
            raise Misuse(f"there is no {kind} {name}; the {kinds} are: {listed}")
