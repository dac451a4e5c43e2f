"""A recorded attack as a message sequence: as text, and as a drawing."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from eiraku.models.trace import Actor, Part, Received, Sent, Step, Trace
from eiraku.report.sequence import Drawing, wrapped

WIDTH: Final = 740
"""Of the drawing, in pixels at full size."""
_MARGIN: Final = 92
_NOTE: Final = 196
"""Greatest width of a note."""


def text(trace: Trace, *, width: int = 100) -> str:
    """The sequence in lines of at most `width` characters where words allow it."""
    lines: list[str] = []
    opening = [step for step in trace.steps if step.setup]
    if opening:
        lines.append("Before:")
        lines += [_paragraph(f"  {line}", width, "    ") for line in beforehand(trace)]
    for step in trace.steps:
        if step.setup:
            continue
        mark = "  <- " if step.marks else ""
        lines.append(f"{step.number}. {who(trace, step.actor)}: {step.words}{_on(step)}{mark.rstrip()}")
        for received in step.received:
            lines.append(_paragraph(f"   receives  {received.term}", width, " " * 13))
            lines.append(_paragraph(f"             [{origin(received)}]", width, " " * 14))
        for sent in step.sent:
            lines.append(_paragraph(f"   sends ({sent.number}) {sent.term}", width, " " * 13))
        lines += [_paragraph(f"   {mark}{fact}", width, " " * 13) for fact in step.marks]
    if trace.names:
        lines.append("Where:")
        lines += [_paragraph(f"  {names}: {meaning}", width, "      ") for names, meaning in legend(trace)]
    return "\n".join(lines) + "\n"


def beforehand(trace: Trace) -> list[str]:
    """One line for each step before anybody acts; equal ones are counted."""
    found: dict[str, int] = {}
    for step in trace.steps:
        if step.setup:
            sent = "".join(f", publishes ({each.number}) {each.term}" for each in step.sent if each.used)
            line = f"{step.actor}: {step.words}{_on(step)}{sent}"
            found[line] = found.get(line, 0) + 1
    return [line if count == 1 else f"{line} ({count} times)" for line, count in found.items()]


def legend(trace: Trace) -> list[tuple[str, str]]:
    """Names in the drawing and what they mean; those of one origin together."""
    found: dict[str, list[str]] = {}
    for name in trace.names:
        found.setdefault(name.meaning, []).append(name.short)
    return [(", ".join(names), meaning) for meaning, names in found.items()]


def who(trace: Trace, name: str) -> str:
    """A party as a heading says it."""
    return next((actor.label for actor in trace.actors if actor.name == name), name)


def origin(received: Received) -> str:
    """Where a message comes from, in words."""
    if received.origin == "delivered":
        return f"message {received.message}"
    if received.origin == "repeated":
        return f"message {received.message} again"
    if not received.parts:
        return "made up by the adversary"
    return f"composed by the adversary: {_said(received.parts)}"


def _said(parts: Sequence[Part]) -> str:
    """``a, b from 1; c from 2, opened with k of its own``."""
    taken: dict[tuple[int, str], list[str]] = {}
    for part in parts:
        taken.setdefault((part.message, _said(part.keys)), []).append(part.term)
    return "; ".join(
        f"{', '.join(terms)} {f'from {number}' if number else 'of its own'}"
        + (f", opened with {keys}" if keys else "")
        for (number, keys), terms in taken.items()
    )


def svg(trace: Trace, *, title: str = "") -> str:
    """The sequence as one SVG element; `title` is its name for those who do not see it."""
    return _Picture(trace).drawn().svg(title or f"Attack on {trace.lemma}")


def _on(step: Step) -> str:
    return f" ({', '.join(step.on)})" if step.on else ""


def _paragraph(line: str, width: int, indent: str) -> str:
    return textwrap.fill(
        line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


@dataclass(slots=True, kw_only=True)
class _Arrow:
    """From one lifeline to another."""

    source: str
    target: str
    words: str
    number: int
    """Of the message, 0 for one that the adversary composes."""
    below: str = ""
    look: str = ""


class _Picture:
    """One trace on its way into a drawing."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.good = trace.quantifier == "exists-trace"
        self.steps = [step for step in trace.steps if not step.setup]
        self.drawing = Drawing(self._places(), WIDTH)

    def drawn(self) -> Drawing:
        """Everything, from the names to what the sequence shows."""
        for actor in self._columns():
            self.drawing.head(actor.name, actor.label, below=", ".join(actor.roles), look=actor.kind)
        last = max((at for at, step in enumerate(self.steps) if step.marks), default=-1)
        for at, step in enumerate(self.steps):
            before = self.steps[at - 1] if at else None
            after = self.steps[at + 1] if at + 1 < len(self.steps) else None
            for arrow in self._arrows(step, before, after, note=False):
                self._arrow(arrow)
            self._note(step, final=at == last)
            for arrow in self._arrows(step, before, after, note=True):
                self._arrow(arrow)
            self.drawing.at += 6
        look = "ending good" if self.good else "ending"
        self.drawing.band(f"{'shows' if self.good else 'violates'} {self.trace.lemma}", look)
        return self.drawing

    def _columns(self) -> list[Actor]:
        """Parties as they begin to act, the adversary between the first two of them."""
        silent = {step.actor for step in self.steps} - {s.actor for s in self.steps if not _silent(s)}
        others = [a for a in self.trace.actors if a.kind != "adversary" and a.name not in silent]
        adversary = Actor(name="adversary", kind="adversary", roles=())
        if any("adversary" in (a.source, a.target) for a in self._all()) or len(others) < len(
            self.trace.actors
        ):
            others.insert(min(1, len(others)), adversary)
        return others

    def _places(self) -> dict[str, float]:
        columns = self._columns()
        gap = (WIDTH - 2 * _MARGIN) / max(len(columns) - 1, 1)
        start = _MARGIN if len(columns) > 1 else WIDTH / 2
        return {actor.name: start + gap * at for at, actor in enumerate(columns)}

    def _all(self) -> Iterator[_Arrow]:
        for at, step in enumerate(self.steps):
            before = self.steps[at - 1] if at else None
            after = self.steps[at + 1] if at + 1 < len(self.steps) else None
            for note in (False, True):
                yield from self._arrows(step, before, after, note=note)

    def _arrows(self, step: Step, before: Step | None, after: Step | None, *, note: bool) -> Iterator[_Arrow]:
        """What `step` receives (before its note) or sends (after it)."""
        if not note:
            for received in step.received:
                yield from self._incoming(step, received, before)
            return
        for sent in step.sent:
            direct = after is not None and any(
                _direct(step, sent.number, after, each) for each in after.received
            )
            if not direct:
                yield from self._outgoing(step, sent)

    def _incoming(self, step: Step, received: Received, before: Step | None) -> Iterator[_Arrow]:
        if step.actor == "adversary":
            return
        if before is not None and _direct(before, received.message, step, received):
            yield _Arrow(source=before.actor, target=step.actor, words=received.term, number=received.message)
            return
        composed = received.origin == "built"
        drawn = any(sent.number == received.message for each in self.steps for sent in each.sent)
        words = origin(received) if drawn and not composed else received.term
        below = origin(received).removeprefix("composed by the adversary: ") if composed else ""
        yield _Arrow(
            source="adversary",
            target=step.actor,
            words=words,
            number=0 if composed else received.message,
            below=below,
            look="made" if not self.good and received.origin != "delivered" else "",
        )

    def _outgoing(self, step: Step, sent: Sent) -> Iterator[_Arrow]:
        source = next(iter(step.on), "") if step.actor == "adversary" else step.actor
        if source:
            look = "" if sent.used else "lost"
            yield _Arrow(source=source, target="adversary", words=sent.term, number=sent.number, look=look)

    def _arrow(self, arrow: _Arrow) -> None:
        if arrow.source == arrow.target:
            return
        places = self.drawing.places
        room = max(abs(places[arrow.target] - places[arrow.source]) - 22, 150)
        numbered = arrow.number and arrow.words[:8] != "message "
        words = f"({arrow.number}) {arrow.words}" if numbered else arrow.words
        below = wrapped(arrow.below, room) if arrow.below else []
        self.drawing.arrow(arrow.source, arrow.target, wrapped(words, room), below, look=arrow.look)

    def _note(self, step: Step, *, final: bool) -> None:
        x = self.drawing.places.get(step.actor)
        if x is None:
            done = f"{step.number}  {step.actor}: {step.words}{_on(step)}"
            self.drawing.band("; ".join([done, *step.marks]), "band")
            return
        words = wrapped(f"{step.number}  {step.words}{_on(step)}", _NOTE - 30)  # bold is wider
        said = [*step.marks]
        if step.actor == "adversary":
            said += [
                origin(received).removeprefix("composed by the adversary: ") for received in step.received
            ]
            said += [f"({sent.number}) {sent.term}" for sent in step.sent if not step.on]
        facts = [line for fact in said for line in wrapped(fact, _NOTE - 16)]
        look = "note" if self.good or not step.marks else "note final" if final else "note marked"
        self.drawing.note(x, words, facts, most=_NOTE, look=look)


def _silent(step: Step) -> bool:
    """It is between parties, and nothing is sent: it has no lifeline of its own."""
    return len(step.on) > 1 and not step.received and not step.sent


def _direct(before: Step, number: int, step: Step, received: Received) -> bool:
    """The message goes from one party to the next that acts, untouched."""
    return (
        received.origin == "delivered"
        and received.message == number
        and any(sent.number == number for sent in before.sent)
        and "adversary" not in (before.actor, step.actor)
        and before.actor != step.actor
    )
