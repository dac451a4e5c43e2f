"""Sequence diagrams of a check as SVG: one lifeline per party, one arrow per step.

Drawn with classes only; the page's style sheet gives them colours, so that the diagram follows its light or
dark scheme. What a diagram shows is also in the list of messages below it, for those who do not see it.
"""

from collections.abc import Sequence
from html import escape

from eiraku.conformance.results import Step
from eiraku.report.text import one_line

MOST_STEPS = 24
_MARGIN = 84
_RIGHT = 50
"""The margins: on the left are the numbers."""
_GAP = 312
_NARROW = 190
"""Between the lifelines of the first two parties, and of further ones. Units are pixels at full size."""
_SMALLEST = 0.76
"""Scale below which the labels could not be read; a narrower screen scrolls."""
_TOP = 46
_ROW = 46
_LOOP = 36
_CHARACTER = 6.6
"""Width of a character of the labels, generously."""
_NAMES = {"suite": "suite (peer)"}


def size(step: Step) -> str:
    """``, 37 bytes`` for a step that carries as many, else nothing."""
    return f", {len(step.data) // 2} bytes" if step.data else ""


def failing(steps: Sequence[Step], actual: str) -> tuple[int, str]:
    """Place of the step to be marked, and the words to mark it with.

    It is the last one that ended as ``actual`` says, else the last of all: there the check stopped.
    """
    for at in range(len(steps) - 1, -1, -1):
        if actual and steps[at].outcome == actual:
            return at, "failed here"
    return len(steps) - 1, "stopped here"


def draw(steps: Sequence[Step], actual: str = "") -> str:
    """An SVG element for ``steps``, with one step marked; see `failing`.

    Of more than `MOST_STEPS` the last are drawn. Empty for no steps.
    """
    if not steps:
        return ""
    marked, word = failing(steps, actual)
    shown = steps[-MOST_STEPS:]
    left_out = len(steps) - len(shown)
    places = _places(shown)
    width, height = max(places.values()) + _RIGHT, _TOP + _ROW * len(shown) + 14
    words = f"{len(steps)} steps between {' and '.join(places)}; step {marked + 1}: {word}"
    box = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    parts = [
        f'<svg class="seq" {box} style="min-width:{_SMALLEST * width:.0f}px" role="img"',
        f' aria-label="{escape(one_line(words))}">',
    ]
    for party, x in places.items():
        parts.append(f'<path class="life" d="M{x} {_TOP - 18}V{height - 4}"/>')
        parts.append(f'<text class="who" x="{x}" y="18">{_fit(_NAMES.get(party, party), 2 * _RIGHT)}</text>')
    if left_out:
        parts.append(f'<text class="num" x="6" y="{_TOP - 8}">{left_out} before</text>')
    for at, step in enumerate(shown):
        mark = word if left_out + at == marked else ""
        parts.append(_step(step, left_out + at + 1, _TOP + _ROW * at, places, mark))
    parts.append("</svg>")
    return "".join(parts)


def _places(steps: Sequence[Step]) -> dict[str, int]:
    """Where each party stands: the two who talk side by side, anybody else beyond the wallet."""
    names = list(dict.fromkeys(name for step in steps for name in (step.source, step.target)))
    ordered = sorted({"suite", "wallet"} & set(names))
    ordered += [name for name in names if name not in ordered]
    return {name: _MARGIN + (_GAP + _NARROW * (at - 1) if at else 0) for at, name in enumerate(ordered)}


def _step(step: Step, number: int, top: int, places: dict[str, int], mark: str) -> str:
    start, end = places[step.source], places[step.target]
    width, line = max(places.values()) + _RIGHT, top + 22
    if start == end:
        # A loop, with its words on the wider side.
        inward = 1 if start < width / 2 else -1
        bend = start + inward * _LOOP
        path = f"M{start} {line - 6}H{bend}V{line + 6}H{start + inward * 2}"
        tip = _tip(start, line + 6, -inward)
        text, anchor = bend + inward * 8, "start" if inward > 0 else "end"
        room = width - _MARGIN - text if inward > 0 else text - _MARGIN
        words = _text(step.label, text, line + 4, room, f"lab {anchor}", end=size(step))
        result = _text(step.outcome, text, line + 18, room, f"out {anchor}")
    else:
        way = 1 if end > start else -1
        path = f"M{start} {line}H{end - way * 6}"
        tip = _tip(end, line, way)
        middle, room = (start + end) / 2, abs(end - start) - 16
        words = _text(step.label, middle, line - 6, room, "lab", end=size(step))
        result = _text(step.outcome, middle, line + 14, room, "out")
    band = f'<rect x="0" y="{top}" width="{width}" height="{_ROW - 4}" rx="4"/>' if mark else ""
    note = f'<text class="mark" x="6" y="{line + 15}">{mark}</text>' if mark else ""
    return (
        f'<g class="{"step stop" if mark else "step"}">{band}'
        f'<text class="num" x="6" y="{line}">{number}</text>'
        f'<path class="arrow" d="{path}"/>{tip}{words}{result}{note}</g>'
    )


def _tip(x: int, y: int, way: int) -> str:
    return f'<path class="tip" d="M{x} {y}l{-9 * way} -5v10z"/>'


def _text(words: str, x: float, y: float, room: float, css: str, *, end: str = "") -> str:
    """``words``, cut to ``room`` units, and all of ``end``."""
    if not words + end:
        return ""
    return f'<text class="{css}" x="{x:g}" y="{y:g}">{_fit(words, room - _CHARACTER * len(end))}{end}</text>'


def _fit(words: str, room: float) -> str:
    """``words`` on one line, cut to ``room`` units, escaped."""
    line, most = one_line(words), int(room / _CHARACTER)
    return escape(line if len(line) <= most else line[: max(most - 3, 1)] + "...")
