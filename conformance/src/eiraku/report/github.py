"""What a workflow of GitHub shows of a run: ``python -m eiraku.report.github report.json``.

Annotations go to standard output, a summary in Markdown to the file that ``GITHUB_STEP_SUMMARY`` names, and
the verdict to that of ``GITHUB_OUTPUT``. Used by ``conformance/ci/action.yml``. Whatever a wallet or a suite
says is one line of text in all three: it can neither begin an order to the runner nor be read as Markdown.
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from eiraku.conformance.results import CheckResult, Run
from eiraku.report.certify import json_report
from eiraku.report.certify.summary import Summary, reproduce, summarise
from eiraku.report.text import one_line, shorten

MOST = 10
"""Annotations; GitHub shows no more of a step."""
MOST_ROWS = 200
"""Failures in the summary, which GitHub takes up to 1 MiB."""
_LONGEST = 400


def annotations(run: Run) -> list[str]:
    """A line for each failure, the worst chapters first: an order to the runner to show it."""
    failures = summarise(run).failures
    lines = [
        f"::error title={_escaped(_title(result), ',:')}::{_escaped(_reason(result), '')}"
        for result in failures[:MOST]
    ]
    if len(failures) > MOST:
        lines.append(f"::error title=eiraku::{len(failures) - MOST} more failures are in the summary")
    return lines


def summary(run: Run) -> str:
    """Markdown: the verdict, its reasons, and a row for each failure."""
    found = summarise(run)
    wallet = found.run.wallet
    who = f"{wallet.name} {wallet.version}" if wallet else "a wallet that never started"
    parts = [
        f"## EPP/1: {_plain(found.judgement.words)}",
        f"{_plain(who)}, level {run.level}, seed `{_plain(run.seed)}`; "
        + (", ".join(f"{count} {outcome}" for outcome, count in found.counts) or "no checks"),
    ]
    reasons = [*found.judgement.reasons, *(run.gate.problems if run.gate else ())]
    if reasons:
        parts.append("\n".join(f"- {_plain(reason)}" for reason in reasons))
    if found.failures:
        parts.append(_table(found))
    return "\n\n".join(parts) + "\n"


def _table(found: Summary) -> str:
    rows = ["| outcome | check | requirements | why | reproduce |", "|---|---|---|---|---|"]
    for result in found.failures[:MOST_ROWS]:
        cells = (result.id, ", ".join(result.requirements), _reason(result), reproduce(found.run, result.id))
        rows.append(f"| {result.outcome} | {' | '.join(map(_plain, cells))} |")
    if len(found.failures) > MOST_ROWS:
        rows.append(f"\n{len(found.failures) - MOST_ROWS} more are in the report.")
    return "\n".join(rows)


def _title(result: CheckResult) -> str:
    return f"{result.outcome} {', '.join(result.requirements)}: {result.id}"


def _reason(result: CheckResult) -> str:
    return result.reason or result.title


def _escaped(text: str, marks: str) -> str:
    """As a value or, with the ``marks`` of one, a property of an order to the runner."""
    text = shorten(one_line(text), _LONGEST)
    for mark in f"%\r\n{marks}":
        text = text.replace(mark, f"%{ord(mark):02X}")
    return text


def _plain(text: str) -> str:
    """Text that Markdown and HTML leave as it is."""
    return re.sub(r"[^A-Za-z0-9 ,]", lambda mark: f"&#{ord(mark[0])};", shorten(one_line(text), _LONGEST))


def write(report: Path, environment: Mapping[str, str]) -> str:
    """Write summary and verdict of a ``report.json``; the annotations. Raises Refused, OSError."""
    run = json_report.read(report.read_bytes())
    for name, text in (
        ("GITHUB_STEP_SUMMARY", summary(run)),
        ("GITHUB_OUTPUT", f"verdict={one_line(summarise(run).judgement.words)}\n"),
    ):
        if environment.get(name):
            with Path(environment[name]).open("a", encoding="utf-8") as file:
                file.write(text)
    return "".join(f"{line}\n" for line in annotations(run))


if __name__ == "__main__":
    if Path(sys.argv[1]).exists():  # else nothing was judged, and eiraku has said why
        sys.stdout.write(write(Path(sys.argv[1]), os.environ))
