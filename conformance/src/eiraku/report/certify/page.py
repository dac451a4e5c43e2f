"""``report.html``: one page with everything in it, that asks nothing of any network.

Without scripts it loses its filter and nothing else. Long output of failures is cut; ``report.json`` has all
of it. A conformant run at level standard takes about 3 MB, most of it the checks under each requirement.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from eiraku.conformance.results import CheckResult, Outcome, Run
from eiraku.report import page
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
    checks: tuple[CheckResult, ...]


def render(run: Run) -> bytes:
    """The bytes of ``report.html``."""
    summary = summarise(run)
    anchors = _anchors(summary.scope)
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
    return {
        "run": summary.run,
        "judgement": summary.judgement,
        "summary": summary,
        "columns": COLUMNS,
        "problems": [(key, title, group) for key, title, group in problems if group],
        "proofs": proofs(shown),
        "linked": {result.id for result in shown},
        "texts": {requirement.id: requirement.text for requirement in registry.load()},
        "known": {info.id: info.keyword for info in summary.run.requirement_set.requirements},
        "chapters": [
            (chapter, _rows(summary.run, chapter.requirements, results)) for chapter in summary.chapters
        ],
        "tones": [(outcome, *_TONES[outcome]) for outcome in Outcome],
    }


def _rows(run: Run, requirements: Sequence[Any], results: dict[str, CheckResult]) -> list[RequirementRow]:
    texts = registry.by_id()
    infos = {info.id: info for info in run.requirement_set.requirements}
    rows = []
    for requirement in requirements:
        known, info = texts.get(requirement.id), infos[requirement.id]
        text = known.text if known else "Not in the installed specification."
        first = first_sentence(text)
        rows.append(
            RequirementRow(
                id=requirement.id,
                keyword=requirement.keyword,
                outcome=requirement.outcome,
                reason=one_line(requirement.reason),
                first=inline(first),
                rest=paragraphs(text.removeprefix(first)),
                why=inline(known.why if known else ""),
                applies_to=info.applies_to,
                not_tested=inline(info.not_tested),
                checks=tuple(results[check] for check in requirement.checks),
            )
        )
    return rows


def _anchors(results: Sequence[CheckResult]) -> dict[str, str]:
    """A fragment for each check that stays the same from run to run."""
    anchors: dict[str, str] = {}
    taken: set[str] = set()
    for result in results:
        base = "check-" + re.sub(r"[^A-Za-z0-9]+", "-", result.id).strip("-").lower()
        anchor, count = base, 1
        while anchor in taken:
            count += 1
            anchor = f"{base}-{count}"
        taken.add(anchor)
        anchors[result.id] = anchor
    return anchors
