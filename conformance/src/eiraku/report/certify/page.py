"""``report.html``: one page with everything in it, that asks nothing of any network.

Without scripts it loses its filter and nothing else. Long output of failures is cut; ``report.json`` has all
of it. Each check stands there once, and requirements and checks link to each other; a conformant run at level
standard takes less than 1 MB.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from eiraku.conformance.results import CheckResult, Outcome, Run
from eiraku.conformance.verdict import RequirementResult
from eiraku.report import page
from eiraku.report.certify.checks import Anchors, Group, by_module, by_requirement, grouped
from eiraku.report.certify.evidence import proofs
from eiraku.report.certify.summary import (
    COLUMNS,
    Summary,
    chapter_title,
    reproduce,
    summarise,
)
from eiraku.report.text import code_spans, first_sentence, one_line, visible
from eiraku.spec import registry

_TONES = {
    Outcome.PASS: ("pass", "✓"),
    Outcome.WARN: ("warn", "!"),
    Outcome.FAIL: ("fail", "✗"),
    Outcome.CRASH: ("crash", "✗"),
    Outcome.TIMEOUT: ("crash", "✗"),
    Outcome.ADAPTER_ERROR: ("crash", "✗"),
    Outcome.HARNESS_ERROR: ("gap", "?"),
    Outcome.NOT_RUN: ("gap", "–"),  # noqa: RUF001 - a dash is meant
    Outcome.NOT_APPLICABLE: ("none", "·"),
    Outcome.NOT_TESTED: ("none", "◦"),
}
"""Style class and sign of each outcome; its word always stands beside them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequirementRow:
    """One requirement in the table."""

    id: str
    keyword: str
    outcome: Outcome
    reason: str
    first: Markup
    """The first sentence of its text."""
    rest: Markup
    why: Markup
    applies_to: str
    not_tested: Markup
    count: int
    """Of checks."""
    problems: tuple[CheckResult, ...]
    """Those that the page shows in full."""
    groups: tuple[Group, ...]


def render(run: Run) -> bytes:
    """The bytes of ``report.html``."""
    summary = summarise(run)
    named = Anchors("check-")
    anchors = {result.id: named.of(result.id) for result in summary.scope}
    filters: dict[str, Callable[[Any], object]] = {
        "visible": visible,
        "line": one_line,
        "chapter": chapter_title,
        "first": lambda text: inline(first_sentence(text)),
        "tone": lambda outcome: _TONES[outcome][0],
        "sign": lambda outcome: _TONES[outcome][1],
        "anchor": lambda result: anchors[result.id],
        "reproduce": lambda result: one_line(reproduce(run, result.id)),
        "diagram": lambda proof: Markup(proof.diagram),  # noqa: S704 - escapes what it draws
    }
    return page.render(__package__, _facts(summary), filters, script="filter.js")


def inline(markdown: str) -> Markup:
    """Markdown as HTML: code spans; everything else is text."""
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if code else escape(piece)
        for piece, code in code_spans(visible(markdown))
    )


def paragraphs(markdown: str) -> Markup:
    """Markdown as HTML paragraphs; line breaks within one are kept by the style sheet."""
    return Markup("").join(
        Markup("<p>{}</p>").format(inline(part)) for part in markdown.split("\n\n") if part.strip()
    )


def _facts(summary: Summary) -> dict[str, Any]:
    """Everything the template names."""
    results = {result.id: result for result in summary.scope}
    problems = [
        ("failures", "Failures", summary.failures),
        ("suite-errors", "Errors of the suite itself", summary.harness_errors),
        ("warnings", "Warnings", summary.warnings),
    ]
    shown = [result for _, _, group in problems for result in group]
    linked = {result.id for result in shown}
    groups = grouped(summary.scope)
    mine = {info.id for info in summary.run.requirement_set.requirements if info.about_wallets}
    rows = _Rows(summary.run, results, linked, by_requirement(groups))
    return {
        "run": summary.run,
        "judgement": summary.judgement,
        "summary": summary,
        "columns": COLUMNS,
        "problems": [(key, title, group) for key, title, group in problems if group],
        "proofs": proofs(shown),
        "linked": linked,
        "modules": by_module(groups),
        "shown": mine,
        "texts": {requirement.id: requirement.text for requirement in registry.load()},
        "known": {info.id: info.keyword for info in summary.run.requirement_set.requirements},
        "chapters": [
            (chapter, [rows.of(each) for each in chapter.requirements if each.id in mine])
            for chapter in summary.chapters
        ],
        "tones": [(outcome, *_TONES[outcome]) for outcome in Outcome],
    }


class _Rows:
    """Makes the rows of a run."""

    def __init__(
        self,
        run: Run,
        results: Mapping[str, CheckResult],
        linked: Collection[str],
        groups: Mapping[str, tuple[Group, ...]],
    ) -> None:
        self._infos = {info.id: info for info in run.requirement_set.requirements}
        self._results, self._linked, self._groups = results, linked, groups

    def of(self, requirement: RequirementResult) -> RequirementRow:
        """The row of one requirement."""
        known, info = registry.by_id().get(requirement.id), self._infos[requirement.id]
        text = known.text if known else "Not in the installed specification."
        first = first_sentence(text)
        return RequirementRow(
            id=requirement.id,
            keyword=requirement.keyword,
            outcome=requirement.outcome,
            reason=one_line(requirement.reason),
            first=inline(first),
            rest=paragraphs(text.removeprefix(first)),
            why=inline(known.why if known else ""),
            applies_to=info.applies_to,
            not_tested=inline(info.not_tested),
            count=len(requirement.checks),
            problems=tuple(self._results[check] for check in requirement.checks if check in self._linked),
            groups=self._groups.get(requirement.id, ()),
        )
