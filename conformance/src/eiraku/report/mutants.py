"""The kill matrix: which checks kill which mutant, as a page and as JSON."""

import json
from collections import Counter
from collections.abc import Sequence

import msgspec

from eiraku.conformance.findings import requirement_set
from eiraku.conformance.mutants.gate import Breadth, Finding
from eiraku.conformance.mutants.registry import AREAS, Mutant, mutants
from eiraku.report.text import one_line

TITLES = {
    "provisioning": "Provisioning",
    "encoding": "Encoding",
    "keys": "Keys and signed objects",
    "key_lists": "Key lists: which are accepted",
    "key_changes": "Key lists: what they do",
    "scheme_keys": "Scheme keys",
    "purse_ids": "Purse IDs",
    "units": "Units, endorsements, histories",
    "bulletins": "Bulletins and the clock",
    "revoked_lists": "Revoked lists",
    "purposes": "Roles and purposes",
    "handshake": "Session: authentication, errors",
    "negotiation": "Session: method, suite, version, EAD",
    "records": "Records",
    "turns": "Transfer: messages, turns, codes",
    "payer": "Transfer: the payer",
    "offers": "Transfer: checks on an OFFER",
    "payee": "Transfer: the payee",
    "commits": "Crash safety: commit points",
    "recovery": "Crash safety: redelivery",
    "memory": "Crash safety: memory",
    "restarts": "Crash safety: restarts, and what is said of writes",
    "room": "Room: tables and what counts in them",
    "purses": "Peers: whom it pays, what they learn, what they can block",
    "policies": "Policy",
    "privacy": "Privacy",
    "widths": "Numbers of which only the low bits are kept",
    "news": "Keys and bulletins that come in a session; void keys; history keys",
    "bounds": "Tables and sizes at their bounds",
    "recognition": "Wallets that recognise the judge",
    "crossings": "Where two features meet",
    "gross": "Gross",
}
WITHOUT = {
    "EPP-REC-001": "A purse with other keys can talk to no other purse, which every check shows.",
    "EPP-REC-004": "A purse that speaks out of turn can complete no transfer, which every check shows.",
}
"""Requirements that the suite tests and no mutant violates, with the reason."""
_INTRODUCTION = """# Mutants

A mutant is the reference wallet with one defect: it violates one requirement and as far as possible nothing
else. The suite is run against each of them. Checks that name the requirement must fail; checks of other
requirements must not, unless the defect cannot be had without them.

This page is written by `eiraku mutants --report DIR`; `eiraku mutants NAME` repeats one row, and
`eiraku certify python:eiraku.conformance.mutants:NAME` shows each failure in full.
"""
_BREADTHS = {
    Breadth.SAMPLE: (
        "Each mutant met checks of level standard that name its requirement, and the positive controls: a "
        "payment in all four roles."
    ),
    Breadth.NAMED: (
        "Each mutant met every check of level standard that names its requirement, and the positive "
        "controls: a payment in all four roles."
    ),
    Breadth.WIDE: (
        "Each mutant met every check of level standard that names its requirement, the positive controls (a "
        "payment in all four roles), and one case of every other test function."
    ),
    Breadth.ALL: "Each mutant met every check of level standard.",
}
_SHOWN = 2


def page(findings: Sequence[Finding], breadth: Breadth) -> str:
    """The matrix in Markdown."""
    known = mutants()
    rows = {finding.name: finding for finding in findings}
    killed = sum(finding.killed for finding in findings)
    checks = sum(finding.ran for finding in findings)
    requirements = {known[name].requirement for name in rows}
    lines = [
        _INTRODUCTION,
        (
            f"{len(rows)} mutants of {len(requirements)} requirements: {killed} killed, "
            f"{len(rows) - killed} survive. {checks} checks were run. {_BREADTHS[breadth]}"
        ),
        "",
    ]
    for area in AREAS:
        inside = [known[name] for name in rows if known[name].area == area]
        if inside:
            lines += [
                f"## {TITLES[area]}",
                "",
                "| mutant | requirement | defect | killed by |",
                "|---|---|---|---|",
            ]
            lines += [_row(mutant, rows[mutant.name]) for mutant in inside]
            lines.append("")
    lines += _survivors(findings) + _collateral(findings) + _without()
    return "\n".join(lines)


def row_start(mutant: Mutant) -> str:
    """The part of a row that does not depend on a run."""
    return f"| `{mutant.name}` | {mutant.requirement} | {one_line(mutant.summary)} |"


def _row(mutant: Mutant, finding: Finding) -> str:
    functions = Counter(name.partition("[")[0] for name in finding.killed_by)
    shown = [f"`{function}` ({count})" for function, count in functions.most_common(_SHOWN)]
    if len(functions) > _SHOWN:
        shown.append(f"{len(functions) - _SHOWN} more")
    return f"{row_start(mutant)} {', '.join(shown) or 'nothing, see below'} |"


def _survivors(findings: Sequence[Finding]) -> list[str]:
    lines = ["## Survivors", ""]
    survivors = [finding for finding in findings if not finding.killed]
    for finding in survivors:
        reason = finding.survives or "**a hole in the suite**: " + ", ".join(finding.unmet) + " did not fail"
        lines.append(f"- `{finding.name}` ({finding.requirement}): {reason}")
    return [*lines, *([] if survivors else ["None."]), ""]


def _collateral(findings: Sequence[Finding]) -> list[str]:
    lines = ["## Failures beside the requirement", ""]
    told = [finding for finding in findings if finding.collateral or finding.unexplained or finding.controls]
    if told:
        lines += ["| mutant | other checks that fail | why |", "|---|---|---|"]
    for finding in told:
        by_reason: dict[str, Counter[str]] = {}
        for name, reason in finding.collateral.items():
            by_reason.setdefault(reason, Counter())[name.partition("[")[0]] += 1
        for name in (*finding.unexplained, *finding.controls):
            by_reason.setdefault("**not explained**", Counter())[name.partition("[")[0]] += 1
        for reason, functions in by_reason.items():
            shown = [f"`{function}` ({count})" for function, count in functions.most_common(4)]
            if len(functions) > 4:
                shown.append(f"{len(functions) - 4} more")
            lines.append(f"| `{finding.name}` | {', '.join(shown)} | {reason} |")
    return [*lines, *([] if told else ["None."]), ""]


def _without() -> list[str]:
    lines = ["## Requirements without a mutant", ""]
    lines += [f"- {requirement}: {reason}" for requirement, reason in WITHOUT.items()]
    untested = sum(bool(info.not_tested) for info in requirement_set().requirements)
    lines.append(
        f"- {untested} requirements that no black-box test can show; each says why in the specification."
    )
    return [*lines, ""]


def document(findings: Sequence[Finding], breadth: Breadth) -> bytes:
    """The matrix in JSON."""
    known = mutants()
    plain = {
        "format": "eiraku-mutants/1",
        "requirement_set": requirement_set().digest,
        "breadth": str(breadth),
        "mutants": [
            {
                **msgspec.to_builtins(finding),
                "area": known[finding.name].area,
                "summary": known[finding.name].summary,
                "killed": finding.killed,
                "problems": finding.problems,
            }
            for finding in findings
        ],
    }
    return json.dumps(plain, indent=1, ensure_ascii=False).encode() + b"\n"
