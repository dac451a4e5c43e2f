"""The steps of a check as a message sequence: one lifeline per party, one arrow per step.

What the drawing shows is also in the list of messages below it, for those who do not see it.
"""

from collections.abc import Sequence

from eiraku.conformance.results import Step
from eiraku.report.sequence import CHARACTER, Drawing, fitted
from eiraku.report.text import one_line

MOST_STEPS = 24
_MARGIN = 84
_RIGHT = 50
"""The margins: on the left are the numbers."""
_GAP = 312
_NARROW = 190
"""Between the lifelines of the first two parties, and of further ones."""
_SMALLEST = 0.76
"""Scale below which the labels could not be read; a narrower screen scrolls."""
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
    drawing = Drawing(_places(shown), max(_places(shown).values()) + _RIGHT)
    for party in drawing.places:
        drawing.head(party, fitted(one_line(_NAMES.get(party, party)), 2 * _RIGHT))
    if left_out:
        drawing.word(f"{left_out} before", 6, drawing.at - 12, "num")
    for at, step in enumerate(shown, start=left_out):
        _step(drawing, step, at + 1, word if at == marked else "")
    words = f"{len(steps)} steps between {' and '.join(drawing.places)}; step {marked + 1}: {word}"
    return drawing.svg(one_line(words), style=f"min-width:{_SMALLEST * drawing.width:.0f}px")


def _places(steps: Sequence[Step]) -> dict[str, float]:
    """Where each party stands: the two who talk side by side, anybody else beyond the wallet."""
    names = list(dict.fromkeys(name for step in steps for name in (step.source, step.target)))
    ordered = sorted({"suite", "wallet"} & set(names))
    ordered += [name for name in names if name not in ordered]
    return {name: _MARGIN + (_GAP + _NARROW * (at - 1) if at else 0) for at, name in enumerate(ordered)}


def _step(drawing: Drawing, step: Step, number: int, mark: str) -> None:
    start, end = drawing.places[step.source], drawing.places[step.target]
    # A loop has the room beside it, another arrow that between its ends.
    room = abs(end - start) - 16 if start != end else max(start, drawing.width - start) - _MARGIN - _RIGHT
    label = fitted(one_line(step.label), room - CHARACTER * len(size(step))) + size(step)
    with drawing.group("step stop" if mark else "step", band=bool(mark)):
        top = drawing.at
        drawing.word(str(number), 6, top + 22, "num")
        if mark:
            drawing.word(mark, 6, top + 37, "mark")
        drawing.arrow(step.source, step.target, [label], [fitted(one_line(step.outcome), room)])
