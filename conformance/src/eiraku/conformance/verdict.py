"""From the results of a run to one verdict.

- **non-conformant** (exit code 1): a check in scope failed, crashed, timed out or met an adapter error, or
  the wallet does not declare a mandatory capability. This holds however little was run.
- **conformant** (exit code 0): the whole built-in suite was run at level standard or full; every requirement
  that applies has a check; and every check passed, warned, or does not apply for a reason. A MUST is not
  fulfilled by checks of which none applied.
- **incomplete** (exit code 3): everything else. The suite itself erred, was interrupted, or left a gap.

Level smoke, a selection of checks, one shard of several, a suite or a policy of somebody else's, a wallet
inside the judge's own process, a run within somebody's own pytest and the default seed, which wallets can
know, never certify. If all they ran passed, the verdict is incomplete too, but the words say ``smoke passed,
not a certificate`` and the exit code is 0: whoever asked for a part got what was asked for, and a continuous
build can rely on the code.

The suite is whole if the results are those of its catalogue, check by check, whatever the run says of itself.

With a list of expected failures the exit code tells instead whether exactly what is listed failed (0 or 1; 3
if the run left a gap). The list changes neither the verdict nor an outcome.

Checks above the level of the run are out of scope and count for nothing.
"""

from collections import Counter
from enum import StrEnum

from eiraku.conformance import DEFAULT_SEED, SUITE_PACKAGE
from eiraku.conformance.results import (
    FAILURES,
    GAPS,
    MANDATORY_CAPABILITIES,
    STORE,
    CheckResult,
    Level,
    Model,
    Outcome,
    RequirementInfo,
    Run,
    parts,
    worst,
)


class Verdict(StrEnum):
    """The three verdicts."""

    CONFORMANT = "conformant"
    NON_CONFORMANT = "non-conformant"
    INCOMPLETE = "incomplete"


class RequirementResult(Model, frozen=True, kw_only=True):
    """All checks of one requirement in one word."""

    id: str
    keyword: str
    chapter: str
    outcome: Outcome
    reason: str = ""
    """Why the outcome is not PASS."""
    checks: tuple[str, ...] = ()
    """Ids of the checks in scope that name it."""


class Judgement(Model, frozen=True, kw_only=True):
    """The verdict on a run and what it rests on."""

    verdict: Verdict
    words: str
    """One line for people; begins with the verdict except for a part of the suite that passed."""
    reasons: tuple[str, ...]
    """Why it is not conformant, most important first."""
    exit_code: int
    gaps: tuple[str, ...]
    """Why more could be known, whatever the verdict; the last of the reasons."""
    counts: dict[str, int]
    """Checks in scope by outcome; outcomes that did not occur are left out."""
    requirements: tuple[RequirementResult, ...]


def in_scope(run: Run) -> tuple[CheckResult, ...]:
    """The results that count: at most the run's level, and not deselected."""
    return tuple(
        result for result in run.results if result.level.rank <= run.level.rank and not result.deselected
    )


def limits(run: Run) -> str:
    """Why the run cannot certify even if all passes, in few words; empty if it can."""
    left_out = any(r.deselected and r.level.rank <= run.level.rank for r in run.results)
    reasons = {
        "other suite": run.suite != SUITE_PACKAGE,
        "shard": run.shard is not None,
        "selection": bool(run.selection) or left_out,
        "other policy": bool(run.policy),
        "wallet in the judge's own process": run.selector.startswith("python:"),
        "run of pytest": not run.certifying,
        "smoke": run.level is Level.SMOKE,
        "default seed": run.seed == DEFAULT_SEED,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


WORD_OF_THE_WALLET = (
    "start: its name, version, capabilities and room",
    "state: balance, units, payments, writes and digest are what it says it stores",
    "reset: nothing of the purse before is left",
    "power_cut: the power is lost when it says so, and with it all that was not written",
)
"""What the suite learns from nobody but the wallet."""
PLAYED = "every loss of power was played by the wallet itself: no process was killed"
"""The same, of a wallet without a store that a new process could be started on."""


def word_of_the_wallet(run: Run) -> tuple[str, ...]:
    """What of this run is only the wallet's word."""
    killed = run.wallet is not None and STORE in run.wallet.capabilities and run.selector[:4] != "tcp:"
    return WORD_OF_THE_WALLET + (() if killed else (PLAYED,))


def verdict(run: Run) -> Judgement:
    """Judge ``run``; see the module's docstring."""
    scope = in_scope(run)
    requirements = roll_up(run, scope)
    counts = Counter(str(result.outcome) for result in scope)
    limit = limits(run)
    faults = _faults(run, scope)
    gaps = _gaps(run, scope, requirements, limit)
    if faults:
        result, words, code = Verdict.NON_CONFORMANT, "non-conformant", 1
    elif gaps:
        result, words, code = Verdict.INCOMPLETE, "incomplete", 3
    elif limit:
        result, words, code = Verdict.INCOMPLETE, f"{limit} passed, not a certificate", 0
    else:
        result, words, code = Verdict.CONFORMANT, "conformant", 0
    if run.gate is not None:
        code = 3 if gaps else int(bool(run.gate.problems))
    return Judgement(
        verdict=result,
        words=words,
        reasons=tuple(faults + gaps),
        exit_code=code,
        gaps=tuple(gaps),
        counts=dict(sorted(counts.items())),
        requirements=requirements,
    )


def roll_up(run: Run, scope: tuple[CheckResult, ...]) -> tuple[RequirementResult, ...]:
    """One result per requirement of the run's set, in its order. ``scope`` as from `in_scope`."""
    by_requirement: dict[str, list[CheckResult]] = {}
    for result in scope:
        for requirement in result.judged:
            by_requirement.setdefault(requirement, []).append(result)
    declared = set(run.wallet.capabilities) if run.wallet else set()
    return tuple(
        _sum_up(requirement, by_requirement.get(requirement.id, []), declared)
        for requirement in run.requirement_set.requirements
    )


def _sum_up(
    requirement: RequirementInfo, results: list[CheckResult], declared: set[str]
) -> RequirementResult:
    if results:
        outcome = worst([result.outcome for result in results])
        reason = next((r.reason for r in results if r.outcome is outcome), "")
    elif requirement.not_tested:
        outcome = Outcome.NOT_TESTED if requirement.about_wallets else Outcome.NOT_APPLICABLE
        reason = requirement.not_tested
    elif requirement.applies_to and requirement.applies_to not in declared:
        outcome, reason = Outcome.NOT_APPLICABLE, f"the wallet does not declare {requirement.applies_to}"
    else:
        outcome, reason = Outcome.NOT_RUN, "no check in scope names it"
    return RequirementResult(
        id=requirement.id,
        keyword=requirement.keyword,
        chapter=requirement.chapter,
        outcome=outcome,
        reason=reason,
        checks=tuple(result.id for result in results),
    )


def _faults(run: Run, scope: tuple[CheckResult, ...]) -> list[str]:
    faults = []
    for outcome in (Outcome.CRASH, Outcome.TIMEOUT, Outcome.ADAPTER_ERROR, Outcome.FAIL):
        found = [result.id for result in scope if result.outcome is outcome]
        if found:
            faults.append(f"{_number(len(found), 'check')}: {outcome} ({_some(found)})")
    if run.wallet is not None:
        missing = [name for name in MANDATORY_CAPABILITIES if name not in run.wallet.capabilities]
        if missing:
            faults.append(f"not declared though mandatory: {', '.join(missing)}")
    return faults


def _gaps(
    run: Run, scope: tuple[CheckResult, ...], requirements: tuple[RequirementResult, ...], limit: str
) -> list[str]:
    gaps = [run.interrupted] if run.interrupted else []
    for outcome in (Outcome.HARNESS_ERROR, Outcome.NOT_RUN):
        found = [result.id for result in scope if result.outcome is outcome]
        if found:
            gaps.append(f"{_number(len(found), 'check')}: {outcome} ({_some(found)})")
    if run.wallet is None:
        gaps.append("the wallet never answered start")
    if not any(result.outcome in FAILURES | {Outcome.PASS, Outcome.WARN} for result in scope):
        gaps.append("no check passed or failed")
    if run.suite == SUITE_PACKAGE:
        gaps += _catalogue_gaps(run)
    if not limit:
        gaps += _requirement_gaps(run, requirements)
    return gaps


def _catalogue_gaps(run: Run) -> list[str]:
    found = parts(run.results)
    wrong = [
        f"{module}: {found[module].checks if module in found else 0} of {part.checks}"
        for module, part in run.catalogue.items()
        if found.get(module) != part
    ]
    wrong += [f"{module}: not in the suite" for module in found if module not in run.catalogue]
    if not wrong:
        return []
    return [f"the checks are not those of the suite ({_some(wrong)})"]


def _requirement_gaps(run: Run, requirements: tuple[RequirementResult, ...]) -> list[str]:
    gaps = []
    if not requirements:
        gaps.append("there is no requirement set to judge against")
    unchecked = [r.id for r in requirements if r.outcome in GAPS and not r.checks]
    if unchecked:
        gaps.append(f"{_number(len(unchecked), 'requirement')} without a check ({_some(unchecked)})")
    optional = {r.id for r in run.requirement_set.requirements if r.applies_to}
    hollow = [
        r.id
        for r in requirements
        if r.checks
        and r.outcome is Outcome.NOT_APPLICABLE
        and r.keyword in {"MUST", "MUST NOT"}
        and r.id not in optional
    ]
    if hollow:
        gaps.append(f"{_number(len(hollow), 'requirement')} of which no check applied ({_some(hollow)})")
    silent = [r.id for r in run.results if r.outcome is Outcome.NOT_APPLICABLE and not r.reason]
    if silent:
        gaps.append(f"{_number(len(silent), 'check')} not applicable without a reason ({_some(silent)})")
    return gaps


def failed(run: Run) -> tuple[CheckResult, ...]:
    """The results in scope that are the wallet's fault."""
    return tuple(result for result in in_scope(run) if result.outcome in FAILURES)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _some(ids: list[str], limit: int = 3) -> str:
    more = f", and {len(ids) - limit} more" if len(ids) > limit else ""
    return ", ".join(ids[:limit]) + more
