"""What all reports have in common: a run judged, grouped by chapter, and the texts of its requirements."""

import shlex
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from eiraku.conformance import SUITE_PACKAGE
from eiraku.conformance.results import FAILURES, SEVERITY, CheckResult, Level, Outcome, Run
from eiraku.conformance.verdict import Judgement, RequirementResult, in_scope, verdict, word_of_the_wallet
from eiraku.spec import registry

OTHER = "other"
"""Name of the chapter of checks whose requirements the set does not know."""

COLUMNS = ("tested", "passed", "warned", "failed", "crashed", "not applicable", "not tested", "not run")
"""What is counted per chapter. ``tested`` is the sum of the next four; all but it sum up to the chapter."""

COLUMN_OF = {
    Outcome.PASS: "passed",
    Outcome.WARN: "warned",
    Outcome.FAIL: "failed",
    Outcome.CRASH: "crashed",
    Outcome.TIMEOUT: "crashed",
    Outcome.ADAPTER_ERROR: "crashed",
    Outcome.NOT_APPLICABLE: "not applicable",
    Outcome.NOT_TESTED: "not tested",
    Outcome.NOT_RUN: "not run",
    Outcome.HARNESS_ERROR: "not run",
}

_SPOKEN_ORDER = sorted(SEVERITY, key=lambda outcome: outcome is not Outcome.PASS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """The requirements of one chapter and how many of them ended how."""

    name: str
    """File name without suffix, such as ``05-session``."""
    requirements: tuple[RequirementResult, ...]
    counts: Mapping[str, int]
    """By `COLUMNS`."""

    @property
    def title(self) -> str:
        """For people: ``5 Session``."""
        return chapter_title(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A run as reports show it."""

    run: Run
    judgement: Judgement
    counts: tuple[tuple[Outcome, int], ...]
    """Checks in scope by outcome: passed first, then the worst."""
    scope: tuple[CheckResult, ...]
    """The results that count for the verdict."""
    chapters: tuple[Chapter, ...]
    failures: tuple[CheckResult, ...]
    """The wallet's fault, in the order of the chapters."""
    harness_errors: tuple[CheckResult, ...]
    warnings: tuple[CheckResult, ...]
    not_run: tuple[tuple[str, int], ...]
    """Reason and number of the checks in scope that were not run, most frequent first."""
    not_tested: tuple[tuple[str, tuple[str, ...]], ...]
    """Why a black box cannot show it, and the requirements of which that holds, most of them first."""
    word_of_the_wallet: tuple[str, ...]
    """What is known from nobody but the wallet."""
    others: int
    """Requirements of the set that are not about wallets."""
    out_of_scope: int
    """Checks that are not in this run: above its level, or excluded."""
    strangers: tuple[CheckResult, ...]
    """Results in scope none of whose requirements is in the set."""
    same_texts: bool
    """Whether the installed requirement texts are those the run was judged against."""


def summarise(run: Run) -> Summary:
    """Judge ``run`` and group its results."""
    judgement = verdict(run)
    scope = in_scope(run)
    order = {requirement.id: at for at, requirement in enumerate(run.requirement_set.requirements)}

    def place(result: CheckResult) -> tuple[int, str]:
        return min((order.get(i, len(order)) for i in result.requirements), default=len(order)), result.id

    ranked = sorted(scope, key=place)
    reasons = Counter(result.reason for result in scope if result.outcome is Outcome.NOT_RUN)
    return Summary(
        run=run,
        judgement=judgement,
        counts=tuple((o, judgement.counts[o]) for o in _SPOKEN_ORDER if o in judgement.counts),
        scope=scope,
        chapters=_chapters(judgement),
        failures=tuple(result for result in ranked if result.outcome in FAILURES),
        harness_errors=tuple(result for result in ranked if result.outcome is Outcome.HARNESS_ERROR),
        warnings=tuple(result for result in ranked if result.outcome is Outcome.WARN),
        not_run=tuple(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
        not_tested=_not_tested(judgement),
        word_of_the_wallet=word_of_the_wallet(run),
        others=sum(not info.about_wallets for info in run.requirement_set.requirements),
        out_of_scope=len(run.results) - len(scope),
        strangers=tuple(result for result in ranked if not any(i in order for i in result.requirements)),
        same_texts=run.requirement_set.digest == registry.digest(),
    )


def _not_tested(judgement: Judgement) -> tuple[tuple[str, tuple[str, ...]], ...]:
    found: dict[str, list[str]] = {}
    for requirement in judgement.requirements:
        if requirement.outcome is Outcome.NOT_TESTED:
            found.setdefault(requirement.reason, []).append(requirement.id)
    return tuple((reason, tuple(ids)) for reason, ids in sorted(found.items(), key=lambda i: -len(i[1])))


def _chapters(judgement: Judgement) -> tuple[Chapter, ...]:
    grouped: dict[str, list[RequirementResult]] = {}
    for requirement in judgement.requirements:
        grouped.setdefault(requirement.chapter, []).append(requirement)
    return tuple(_chapter(name, grouped[name]) for name in sorted(grouped))


def _chapter(name: str, requirements: list[RequirementResult]) -> Chapter:
    counts = dict.fromkeys(COLUMNS, 0)
    for requirement in requirements:
        counts[COLUMN_OF[requirement.outcome]] += 1
    counts["tested"] = sum(counts[column] for column in ("passed", "warned", "failed", "crashed"))
    return Chapter(name=name, requirements=tuple(requirements), counts=counts)


def chapter_title(name: str) -> str:
    """``05-session`` as ``5 Session``."""
    number, _, words = name.partition("-")
    return f"{number.lstrip('0')} {words.replace('-', ' ').capitalize()}" if words else name.capitalize()


def chapter_of(result: CheckResult, chapters: Mapping[str, str]) -> str:
    """The chapter of the first requirement of ``result`` that has one in ``chapters``, else `OTHER`."""
    return next((chapters[i] for i in result.requirements if i in chapters), OTHER)


def requirement_text(requirement: str) -> str:
    """The normative text (Markdown) in the installed specification; empty if it does not know the id."""
    found = registry.by_id().get(requirement)
    return found.text if found else ""


def reproduce(run: Run, check: str) -> str:
    """The command, for a POSIX shell, that runs ``check`` alone under the same conditions.

    A policy file has to be put in by hand: a run keeps its digest only.
    """
    words = ["eiraku", "certify", run.selector]
    if run.level is not Level.STANDARD:
        words += ["--level", str(run.level)]
    words += ["--only", check, "--seed", run.seed]
    if run.suite != SUITE_PACKAGE:
        words += ["--suite", run.suite]
    if run.policy:
        words += ["--policy", "POLICY.toml"]
    return shlex.join(words)
