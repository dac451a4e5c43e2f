"""The statement on wallets that met: one, which names all makes and the files of each."""

from collections.abc import Mapping, Sequence

from eiraku.conformance import DEFAULT_SEED
from eiraku.conformance.interop.results import InteropRun, Verdict, judge
from eiraku.conformance.results import FAILURES, Level, Outcome
from eiraku.conformance.statement.content import (
    MakeOf,
    MeetingDetails,
    Predicate,
    Resource,
    Statement,
    rooted,
    wallet_of,
)
from eiraku.conformance.verdict import PLAYED, WORD_OF_THE_WALLET
from eiraku.spec.errors import Refused


def obstacle(run: InteropRun) -> str:
    """Why `run` cannot be signed; empty if it can."""
    found = limit([make.selector for make in run.makes], run.level, run.seed)
    if found:
        return found
    silent = [make.letter for make in run.makes if make.wallet is None]
    if silent:
        return f"wallet {silent[0]} never started"
    counts = judge(run).counts
    gaps = [f"{counts[each]} {each}" for each in (Outcome.NOT_RUN, Outcome.HARNESS_ERROR) if each in counts]
    return "; ".join([*gaps, *([run.interrupted] if run.interrupted else [])])


def limit(selectors: Sequence[str], level: Level, seed: str) -> str:
    """Why a run like this is never signed, which is known before it; empty if it may be."""
    if any(selector.startswith("python:") for selector in selectors):
        return "a python: wallet runs inside its judge, so it is never signed for"
    if level is Level.SMOKE:
        return "a run at level smoke is never signed"
    if seed == DEFAULT_SEED:
        return "every wallet knows the default seed; add --seed random"
    return ""


def state(run: InteropRun, subject: Sequence[Resource], files: Mapping[str, Sequence[str]]) -> Statement:
    """The statement on `run`. `files`: names among `subject` by letter. Raises Refused if there is none."""
    found = obstacle(run)
    if found:
        raise Refused(found)
    without = [make.letter for make in run.makes if not files.get(make.letter)]
    if without:
        raise Refused(f"wallet {without[0]} has no subject")
    judgement = judge(run)
    passed = sorted(each.id for each in run.results if each.outcome is Outcome.PASS)
    failed = sorted(each.id for each in run.results if each.outcome in FAILURES)
    digests = {
        f"specification {run.specification}": run.registry,
        "suite": run.sources,
        "adapter schema": run.adapter_schema,
    }
    details = MeetingDetails(
        suite_version=run.suite_version,
        makes=tuple(
            MakeOf(
                letter=make.letter,
                subjects=tuple(sorted(files[make.letter])),
                wallet=wallet_of(make.wallet),
            )
            for make in run.makes
        ),
        level=run.level,
        seed=run.seed,
        verdict=judgement.verdict,
        reasons=judgement.reasons,
        counts=judgement.counts,
        word_of_the_wallet=(*WORD_OF_THE_WALLET, PLAYED),
        transcript=rooted({each.id: each.transcript for each in run.results}),
    )
    predicate = Predicate(
        result="PASSED" if judgement.verdict is Verdict.INTEROPERABLE else "FAILED",
        configuration=tuple(Resource(name=name, digest={"sha256": each}) for name, each in digests.items()),
        passed_tests=tuple(passed),
        warned_tests=(),
        failed_tests=tuple(failed),
        eiraku=details,
    )
    return Statement(subject=tuple(subject), predicate=predicate)
