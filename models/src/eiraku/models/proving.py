"""One run: find out who can answer (a prover here, a cluster, recorded evidence), ask, and collect."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from time import monotonic

import msgspec

from eiraku.models import evidence, execute, limits, plan, prover, recording, solving, stored
from eiraku.models.evidence import Evidence, EvidenceError
from eiraku.models.execute import Call
from eiraku.models.library import Subject
from eiraku.models.limits import DEFAULT, Limits
from eiraku.models.manifest import Job
from eiraku.models.output import Version
from eiraku.models.plan import Plan
from eiraku.models.prover import Outcome, Task
from eiraku.models.results import VERDICTS, Result, Run, Solved, Standing, Watcher
from eiraku.spec.errors import Unavailable


class Mode(Enum):
    """Who answers."""

    SEARCH = "search"
    """The prover searches; where there is none, recorded evidence answers."""
    RECHECK = "recheck"
    """The prover checks the stored proofs; what has none rests on recorded evidence."""
    EVIDENCE = "evidence"
    """Recorded evidence, even where a prover is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is asked. Empty tuples mean all; `jobs` are calls of the prover at once, None as many as fit."""

    theories: tuple[str, ...] = ()
    lemmas: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    mode: Mode = Mode.SEARCH
    record: bool = False
    limits: Limits = DEFAULT
    jobs: int | None = None
    scheduler: str | None = None

    @property
    def partial(self) -> bool:
        """Only a part of what is claimed is asked for."""
        return bool(self.theories or self.lemmas or self.flags)


def prove(request: Request, folder: Path, watcher: Watcher) -> Run:
    """Do what is asked about the theories in `folder`.

    Raises Misuse for names that are not there, Unavailable, Unavailable, and OSError if
    nothing can be recorded.
    """
    start, date = monotonic(), datetime.now(UTC).date().isoformat()
    made = plan.make(folder, theories=request.theories, lemmas=request.lemmas, flags=request.flags)
    recorded, broken = _evidence(made, folder)
    complaints = list(broken)
    version, notes = _who(request)
    asks = version is not None or request.scheduler is not None
    calls = _calls(request, made, folder, recorded) if asks else []
    outcomes: dict[Job, Outcome] = {}
    if calls:
        watcher.begin("proofs by the prover", sum(len(jobs) for _, jobs in calls))
        standing = Standing.RECHECKED if request.mode is Mode.RECHECK else Standing.PROVED

        so_far: dict[Job, Outcome] = {}

        def tell(job: Job, outcome: Outcome) -> None:
            watcher.done(_result(job, outcome, standing, date))
            so_far[job] = outcome
            if request.record:
                # At once: a run may take long, and whoever stops it keeps what was proved.
                before = recorded.get(job.theory)
                recording.write_evidence(folder, made.subjects[job.theory], before, so_far, date=date)

        with _executor(request) as executor:
            outcomes = execute.everything(calls, executor, tell)
    results = [
        _result(job, outcomes[job], standing, date)
        if job in outcomes
        else evidence.result(job, made.subjects[job.theory], recorded.get(job.theory))
        for job in made.jobs
    ]
    if request.record:
        complaints += recording.record(folder, made, recorded, outcomes, date=date)
    elif outcomes:
        wrong, told = _compared(results, outcomes, made, recorded)
        complaints += wrong
        notes += told
    linted = solving.lints(folder)
    # What cannot be read is usually the lints' complaint too; one of them is enough.
    complaints += [said for name, said in made.unusable.items() if not any(name in each for each in linted)]
    complaints += linted
    if request.partial:
        notes.append("Only a part was asked for: the proofs by the SMT solver were not run.")
        solved: tuple[Solved, ...] = ()
    else:
        solved = solving.solve(watcher, jobs=request.jobs or limits.cores())
    versions = {outcome.version for outcome in outcomes.values() if outcome.version}
    if version is not None:
        versions.add(version)
    return Run(
        date=date,
        seconds=monotonic() - start,
        prover=", ".join(sorted({each.prover for each in versions})) or None,
        maude=", ".join(sorted({each.maude for each in versions})) or None,
        machine=limits.machine(),
        results=_with_unproved(results, made),
        solved=solved,
        complaints=tuple(complaints),
        notes=tuple(notes),
    )


def _who(request: Request) -> tuple[Version | None, list[str]]:
    """The prover of this machine if it is to be asked, and what to tell."""
    if request.mode is Mode.EVIDENCE:
        return None, ["As asked, nothing is proved here by the prover: recorded evidence is checked."]
    if request.scheduler is not None:
        return None, [f"The workers of {request.scheduler} prove."]
    try:
        return prover.identify(), []
    except prover.AbsentError as error:
        if request.record or request.mode is Mode.RECHECK:
            raise Unavailable(f"{error}, and this needs one") from error
        return None, [f"T{str(error)[1:]}: recorded evidence is checked instead."]
    except prover.ProverError as error:
        raise Unavailable(f"{error}; with --evidence the recorded evidence is checked instead") from error


def _calls(request: Request, made: Plan, folder: Path, recorded: dict[str, Evidence]) -> list[Call]:
    """What to ask the prover, what took longest last time first."""
    if request.mode is Mode.RECHECK:
        return list(_rechecks(request, made, folder))

    def seconds(job: Job) -> float:
        entry = recorded[job.theory].entry(job) if job.theory in recorded else None
        return entry.seconds if entry is not None else float("inf")

    return [
        (_task(request, made.subjects[job.theory], job), (job,))
        for job in sorted(made.jobs, key=seconds, reverse=True)
    ]


def _task(request: Request, subject: Subject, job: Job) -> Task:
    return Task(
        theory=job.theory,
        text=subject.text,
        lemmas=(job.lemma,),
        flag=job.flag,
        limits=request.limits,
        order=subject.search(job),
        keep=request.record,
    )


def _rechecks(request: Request, made: Plan, folder: Path) -> Iterator[Call]:
    """One call for each theory: what precedes the first proof takes as long as many proofs."""
    for name, subject in made.subjects.items():
        proofs = recording.proofs(folder, name)
        jobs = tuple(
            job for job in made.jobs if job.theory == name and job.flag is None and job.lemma in proofs
        )
        if not jobs:
            continue
        lemmas = tuple(job.lemma for job in jobs)
        text = stored.insert(subject.text, {lemma: proofs[lemma] for lemma in lemmas})
        yield Task(theory=name, text=text, lemmas=lemmas, limits=request.limits, search=False), jobs


@contextlib.contextmanager
def _executor(request: Request) -> Iterator[Executor]:
    if request.scheduler is not None:
        with execute.cluster(request.scheduler) as executor:
            yield executor
        return
    with execute.local(request.jobs or limits.parallel(request.limits)) as executor:
        yield executor


def _evidence(made: Plan, folder: Path) -> tuple[dict[str, Evidence], list[str]]:
    found: dict[str, Evidence] = {}
    complaints: list[str] = []
    for name in made.subjects:
        try:
            one = evidence.load(folder, name)
        except EvidenceError as error:
            complaints.append(str(error))
            continue
        if one is not None:
            found[name] = one
    return found, complaints


def _result(job: Job, outcome: Outcome, standing: Standing, date: str) -> Result:
    reading = outcome.reading
    return Result(
        job=job,
        standing=standing if reading.verdict in VERDICTS else Standing.UNDECIDED,
        verdict=reading.verdict,
        steps=reading.steps,
        seconds=round(outcome.seconds, 2),
        memory_mib=outcome.memory_mib,
        date=date,
        detail=reading.detail,
    )


def _compared(
    results: Iterable[Result], outcomes: dict[Job, Outcome], made: Plan, recorded: dict[str, Evidence]
) -> tuple[list[str], list[str]]:
    """Complaints and notes from comparing what ran here with the evidence; stale evidence is only counted."""
    complaints: list[str] = []
    notes: dict[str, None] = {}
    stale = 0
    for result in results:
        if result.job not in outcomes:
            continue
        before = recorded.get(result.job.theory)
        known = evidence.result(result.job, made.subjects[result.job.theory], before)
        if known.standing is not Standing.RECORDED or before is None:
            stale += 1
            continue
        entry = before.entry(result.job)
        said = evidence.compare(result, entry)
        if said and entry and entry.verdict is not result.verdict:
            complaints.append(said)
        elif said:
            notes[said] = None
        version = outcomes[result.job].version
        session = before.sessions[entry.session] if entry else None
        if version and session and (version.prover, version.maude) != (session.prover, session.maude):
            notes[
                f"The evidence about {result.job.theory} is from version {session.prover} with maude "
                f"{session.maude}; here it is {version.prover} with maude {version.maude}."
            ] = None
    if stale:
        notes[f"Recorded evidence of {stale} of these jobs is stale or missing; --record renews it."] = None
    return complaints, list(notes)


def _with_unproved(results: list[Result], made: Plan) -> tuple[Result, ...]:
    missing = plan.unproved({result.job: result.as_claimed for result in results}, made.subjects)
    return tuple(msgspec.structs.replace(result, unproved=missing[result.job]) for result in results)


def may_record(folder: Path) -> bool:
    """Whether that is a source tree: an installed package is not the place to record anything."""
    return "site-packages" not in folder.parts and os.access(folder, os.W_OK)
