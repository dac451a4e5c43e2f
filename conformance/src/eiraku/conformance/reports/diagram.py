"""Sequence diagrams of a check as SVG: one lifeline per party, one arrow per step.

Drawn with classes only; the page's style sheet gives them colours, so that the diagram follows its light or
dark scheme. What a diagram shows is also in the list of messages below it, for those who do not see it.
"""

from collections.abc import Sequence
from html import escape

from eiraku.conformance.reports.text import one_line
from eiraku.conformance.results import Step

MOST_STEPS = 24
_MARGIN = 84
_RIGHT = 50
"""The margins: on the left are the numbers."""
_GAP = 312
"""Between the lifelines of two parties, in units of the drawing: pixels at full size. Of more, 3/4 of it."""
_TOP = 46
_ROW = 46
_LOOP = 36
_CHARACTER = 6.6
"""Width of a character of the labels, generously."""
_NAMES = {"suite": "suite (peer)"}


def size(step: Step) -> str:
    """``, 37 bytes`` for a step that carries as many, else nothing."""
    return f", {len(step.data) // 2} bytes" if step.data else ""


def draw(steps: Sequence[Step]) -> str:
    """An SVG element for ``steps``, the last of which is marked as the one where the check stopped.

    Of more than `MOST_STEPS` the last are drawn. Empty for no steps.
    """
    if not steps:
        return ""
    shown = steps[-MOST_STEPS:]
    parties = _parties(shown)
    places = _places(parties)
    width = max(places.values()) + _RIGHT
    height = _TOP + _ROW * len(shown) + 14
    left_out = len(steps) - len(shown)
    words = f"{len(steps)} steps between {' and '.join(parties)}; the last is where the check stopped"
    box = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    parts = [f'<svg class="seq" {box} role="img" aria-label="{escape(one_line(words))}">']
    for party, x in places.items():
        parts.append(f'<path class="life" d="M{x} {_TOP - 18}V{height - 4}"/>')
        name = _fit(_NAMES.get(party, party), 2 * _RIGHT)
        parts.append(f'<text class="who" x="{x}" y="18">{name}</text>')
    if left_out:
        parts.append(f'<text class="mark" x="4" y="{_TOP - 8}">{left_out} before</text>')
    for at, step in enumerate(shown):
        number, top, stopped = left_out + at + 1, _TOP + _ROW * at, at == len(shown) - 1
        parts.append(_step(step, number=number, top=top, places=places, stopped=stopped))
    parts.append("</svg>")
    return "".join(parts)


def _parties(steps: Sequence[Step]) -> list[str]:
    """In the order in which they appear, but the wallet last: it is the one looked at."""
    names = list(dict.fromkeys(name for step in steps for name in (step.source, step.target)))
    known = [name for name in ("suite", "wallet") if name in names]
    middle = [name for name in names if name not in known]
    return [*(n for n in known if n == "suite"), *middle, *(n for n in known if n == "wallet")]


def _places(parties: Sequence[str]) -> dict[str, int]:
    if len(parties) == 1:
        return {parties[0]: _MARGIN + _GAP // 2}
    gap = _GAP if len(parties) == 2 else 3 * _GAP // 4
    return {party: _MARGIN + gap * at for at, party in enumerate(parties)}


def _step(step: Step, *, number: int, top: int, places: dict[str, int], stopped: bool) -> str:
    start, end = places[step.source], places[step.target]
    width = max(places.values()) + _RIGHT
    line = top + 22
    if start == end:
        inward = 1 if start < width / 2 else -1
        bend = start + inward * _LOOP
        path = f"M{start} {line - 6}H{bend}V{line + 6}H{start + inward * 2}"
        tip = _tip(start, line + 6, -inward)
        anchor = "start" if inward > 0 else "end"
        text = bend + inward * 8
        room = width - _MARGIN - _RIGHT - _LOOP - 8
        words = _text(step.label, text, line + 4, room, f"lab {anchor}", end=size(step))
        result = _text(step.outcome, text, line + 18, room, f"out {anchor}")
    else:
        way = 1 if end > start else -1
        path = f"M{start} {line}H{end - way * 6}"
        tip = _tip(end, line, way)
        middle, room = (start + end) / 2, abs(end - start) - 16
        words = _text(step.label, middle, line - 6, room, "lab", end=size(step))
        result = _text(step.outcome, middle, line + 14, room, "out")
    band = f'<rect x="0" y="{top}" width="{width}" height="{_ROW - 4}" rx="4"/>' if stopped else ""
    mark = f'<text class="mark" x="6" y="{line + 15}">stopped here</text>' if stopped else ""
    return (
        f'<g class="{"step stop" if stopped else "step"}">{band}'
        f'<text class="num" x="6" y="{line}">{number}</text>'
        f'<path class="arrow" d="{path}"/>{tip}{words}{result}{mark}</g>'
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
