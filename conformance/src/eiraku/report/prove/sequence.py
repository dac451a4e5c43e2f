"""A recorded attack as a message sequence: as text, and as SVG drawn here, without any other program.

The drawing has classes only. ``sequence.css`` beside this file colours it; a page that follows a light or
dark scheme sets the custom properties that are named there.
"""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from eiraku.models.trace import Actor, Part, Received, Sent, Step, Trace

WIDTH: Final = 740
"""Of the drawing, in pixels at full size."""
_MARGIN: Final = 92
_HEAD: Final = 46
_LINE: Final = 15
_CHARACTER: Final = 6.3
"""Width of a character of the labels, generously."""
_BOLD: Final = 7.1
"""The same of bold ones."""
_NOTE: Final = 196
"""Greatest width of a note."""


def text(trace: Trace, *, width: int = 100) -> str:
    """The sequence in lines of at most `width` characters where words allow it."""
    lines: list[str] = []
    opening = [step for step in trace.steps if step.setup]
    if opening:
        lines.append("Before:")
        lines += [_wrapped(f"  {line}", width, "    ") for line in beforehand(trace)]
    for step in trace.steps:
        if step.setup:
            continue
        mark = "  <- " if step.marks else ""
        lines.append(f"{step.number}. {who(trace, step.actor)}: {step.words}{_on(step)}{mark.rstrip()}")
        for received in step.received:
            lines.append(_wrapped(f"   receives  {received.term}", width, " " * 13))
            lines.append(_wrapped(f"             [{origin(received)}]", width, " " * 14))
        for sent in step.sent:
            lines.append(_wrapped(f"   sends ({sent.number}) {sent.term}", width, " " * 13))
        lines += [_wrapped(f"   {mark}{fact}", width, " " * 13) for fact in step.marks]
    if trace.names:
        lines.append("Where:")
        lines += [_wrapped(f"  {names}: {meaning}", width, "      ") for names, meaning in legend(trace)]
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
    picture = _Picture(trace)
    picture.draw()
    box = f'viewBox="0 0 {WIDTH} {picture.at}" width="{WIDTH}" height="{picture.at}"'
    name = escape(title or f"Attack on {trace.lemma}", quote=True)
    lives = [f'<path class="life" d="M{x:g} {_HEAD}V{picture.at - 28}"/>' for x in picture.places.values()]
    return "".join(
        [f'<svg class="attack" {box} role="img" aria-label="{name}">', *lives, *picture.parts, "</svg>"]
    )


def _on(step: Step) -> str:
    return f" ({', '.join(step.on)})" if step.on else ""


def _wrapped(line: str, width: int, indent: str) -> str:
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
    """Collects the parts from top to bottom; `at` is where the next one goes."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.good = trace.quantifier == "exists-trace"
        self.steps = [step for step in trace.steps if not step.setup]
        self.parts: list[str] = []
        self.at = _HEAD + 12
        self.places = self._places()

    def draw(self) -> None:
        """Everything but the lifelines."""
        for actor in self._columns():
            self._head(actor)
        last = max((at for at, step in enumerate(self.steps) if step.marks), default=-1)
        for at, step in enumerate(self.steps):
            before = self.steps[at - 1] if at else None
            after = self.steps[at + 1] if at + 1 < len(self.steps) else None
            for arrow in self._arrows(step, before, after, note=False):
                self._arrow(arrow)
            self._note(step, final=at == last)
            for arrow in self._arrows(step, before, after, note=True):
                self._arrow(arrow)
            self.at += 6
        self._ending()

    def _ending(self) -> None:
        """What the sequence shows."""
        look = "ending good" if self.good else "ending"
        self._band(f"{'shows' if self.good else 'violates'} {self.trace.lemma}", look)
        self.at += 3

    def _band(self, words: str, look: str) -> None:
        """Words over the whole width."""
        lines = _lines(words, WIDTH - 20)
        height = _LINE * len(lines) + 10
        self.parts.append(
            f'<g class="{look}"><rect x="2" y="{self.at}" width="{WIDTH - 4}" height="{height}" rx="5"/>'
        )
        bottom = self.at + height
        self.at += 5
        self._text(lines, WIDTH / 2, "does")
        self.parts.append("</g>")
        self.at = bottom + 5

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

    def _head(self, actor: Actor) -> None:
        x = self.places[actor.name]
        roles = escape(", ".join(actor.roles))
        look = f"who {actor.kind}"
        self.parts.append(f'<text class="{look}" x="{x:g}" y="18">{escape(actor.label)}</text>')
        if roles:
            self.parts.append(f'<text class="role" x="{x:g}" y="34">{roles}</text>')

    def _arrow(self, arrow: _Arrow) -> None:
        start, end = self.places[arrow.source], self.places[arrow.target]
        if start == end:
            return
        way = 1 if end > start else -1
        room = max(abs(end - start) - 22, 150)
        words = (
            f"({arrow.number}) {arrow.words}"
            if arrow.number and arrow.words[:8] != "message "
            else arrow.words
        )
        top, bottom = _lines(words, room), _lines(arrow.below, room) if arrow.below else []
        middle = (start + end) / 2
        css = f" {arrow.look}" if arrow.look else ""
        self.parts.append(f'<g class="arrow{css}">')
        self._text(top, middle, "term")
        y = self.at + 4
        self.parts.append(f'<path class="line" d="M{start:g} {y:g}H{end - way * 7:g}"/>')
        self.parts.append(f'<path class="tip" d="M{end:g} {y:g}l{-9 * way} -5v10z"/>')
        self.at = int(y) + 4
        self._text(bottom, middle, "origin")
        self.parts.append("</g>")
        self.at += 5

    def _text(self, lines: Sequence[str], x: float, css: str) -> None:
        for line in lines:
            self.at += _LINE
            self.parts.append(f'<text class="{css}" x="{x:g}" y="{self.at - 3:g}">{escape(line)}</text>')

    def _note(self, step: Step, *, final: bool) -> None:
        x = self.places.get(step.actor)
        if x is None:
            done = f"{step.number}  {step.actor}: {step.words}{_on(step)}"
            self._band("; ".join([done, *step.marks]), "band")
            return
        words = _lines(f"{step.number}  {step.words}{_on(step)}", _NOTE - 30)  # bold is wider
        said = [*step.marks]
        if step.actor == "adversary":
            said += [
                origin(received).removeprefix("composed by the adversary: ") for received in step.received
            ]
            said += [f"({sent.number}) {sent.term}" for sent in step.sent if not step.on]
        facts = [line for fact in said for line in _lines(fact, _NOTE - 16)]
        longest = max(*(len(line) * _BOLD for line in words), *(len(line) * _CHARACTER for line in facts), 52)
        width = min(longest + 18, _NOTE)
        height = _LINE * (len(words) + len(facts)) + 8
        left = min(max(x - width / 2, 2), WIDTH - width - 2)
        css = "note" if self.good or not step.marks else "note final" if final else "note marked"
        self.parts.append(
            f'<g class="{css}">'
            f'<rect x="{left:g}" y="{self.at:g}" width="{width:g}" height="{height}" rx="5"/>'
        )
        bottom = self.at + height
        self.at += 3
        self._text(words, left + width / 2, "does")
        self._text(facts, left + width / 2, "fact")
        self.parts.append("</g>")
        self.at = bottom + 4


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


def _lines(words: str, room: float) -> list[str]:
    """`words` in lines that fit into `room` pixels, at most four; a term is broken only after a comma."""
    most = max(int(room / _CHARACTER), 8)
    lines = textwrap.wrap(words, most, break_long_words=True, break_on_hyphens=False) or [""]
    return lines if len(lines) <= 4 else [*lines[:3], lines[3][: most - 3] + "..."]
