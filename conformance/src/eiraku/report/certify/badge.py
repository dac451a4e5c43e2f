"""``badge.svg``: the verdict in one small picture, for a README."""

from html import escape

from eiraku.conformance.results import Run
from eiraku.conformance.verdict import Verdict, verdict
from eiraku.report.text import one_line

_COLOURS = {Verdict.CONFORMANT: "#1a7f37", Verdict.NON_CONFORMANT: "#b3261e", Verdict.INCOMPLETE: "#6b5900"}


def render(run: Run) -> bytes:
    """The bytes of ``badge.svg``."""
    judgement = verdict(run)
    left, right = one_line(run.requirement_set.version) or "EPP", one_line(judgement.words)
    first, second = 7 * len(left) + 14, 7 * len(right) + 14
    whole, label = first + second, escape(f"{left}: {right}")
    style = 'fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" '
        f'aria-label="{label}">'
        f"<title>{label}</title>"
        f'<rect width="{whole}" height="20" rx="3" fill="{_COLOURS[judgement.verdict]}"/>'
        f'<path d="M3 0h{first - 3}v20H3a3 3 0 0 1-3-3V3a3 3 0 0 1 3-3z" fill="#3b4148"/>'
        f'<text x="{first / 2:g}" y="14" {style}>{escape(left)}</text>'
        f'<text x="{first + second / 2:g}" y="14" {style}>{escape(right)}</text></svg>\n'
    ).encode()
