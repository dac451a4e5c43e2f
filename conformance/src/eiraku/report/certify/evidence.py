"""What the page shows of the evidence of each check: cleaned, cut, and in all no more than it can bear."""

from collections.abc import Iterable
from dataclasses import dataclass

from markupsafe import escape

from eiraku.conformance.results import CheckResult, Evidence, Fact, Insight
from eiraku.report.certify import steps as sequence
from eiraku.report.text import one_line, shorten, tail, visible

ROOM = 1_400_000
"""Bytes of diagrams and transcripts on one page; checks after that are shown without them."""
_BRIEF = 400
_BLOCK = 3_000
_FACT = 6_000
"""Characters of one value: a sealed history of hop 10 has 3 400 in hex."""
_LINE = 240
_MOST_EXCHANGES = 12
_MESSAGES = 12_000
"""Characters kept of the contents of all messages of a check; the long ones are cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One step in words and bytes."""

    title: str
    way: str
    """From whom to whom and how many bytes."""
    outcome: str
    decoded: str
    hex: str
    mark: str
    """``failed here`` or ``stopped here``; empty for the other steps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One exchange with the adapter."""

    request: str
    response: str
    milliseconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """Evidence without control characters; not yet escaped but for the diagram."""

    expected: str
    actual: str
    violated: str = ""
    """The requirement that the step which failed violates."""
    found: tuple[str, ...] = ()
    """Misreadings that explain it."""
    tried: tuple[str, ...] = ()
    """The others."""
    insights: tuple[Insight, ...] = ()
    notes: tuple[str, ...]
    diagram: str = ""
    """An SVG element."""
    steps: int = 0
    """All of them; ``messages`` may have fewer, the last."""
    messages: tuple[Message, ...] = ()
    earlier: int = 0
    """Exchanges before the first in ``exchanges``."""
    exchanges: tuple[Line, ...] = ()
    stderr: str = ""
    traceback: str = ""
    left_out: bool = False
    """Whether there is more, for which the page has no room."""

    @property
    def size(self) -> int:
        """About how many bytes of the page it takes."""
        parts = [
            self.expected,
            self.actual,
            *self.notes,
            self.stderr,
            self.traceback,
            *self.found,
            *self.tried,
        ]
        parts += [text for each in self.insights for fact in each.facts for text in (fact.name, fact.value)]
        for message in self.messages:
            parts += [message.title, message.way, message.outcome, message.decoded, message.hex]
        for line in self.exchanges:
            parts += [line.request, line.response]
        return sum(len(escape(part)) for part in parts) + len(self.diagram)


def proofs(results: Iterable[CheckResult]) -> dict[str, Proof]:
    """By check id: in full as long as there is room, then in brief."""
    shown: dict[str, Proof] = {}
    room = ROOM
    for result in results:
        evidence = result.evidence or Evidence()
        proof = _full(evidence)
        if proof.size > room:
            room = 0
            proof = _brief(evidence)
        else:
            room -= proof.size
        shown[result.id] = proof
    return shown


def _brief(evidence: Evidence) -> Proof:
    return Proof(
        expected=visible(shorten(evidence.expected, _BRIEF)),
        actual=visible(shorten(evidence.actual, _BRIEF)),
        violated=one_line(evidence.violated),
        found=hints(evidence, holding=True),
        notes=(),
        left_out=True,
    )


def _full(evidence: Evidence) -> Proof:
    last = evidence.exchanges[-_MOST_EXCHANGES:]
    return Proof(
        expected=visible(shorten(evidence.expected, _BLOCK)),
        actual=visible(shorten(evidence.actual, _BLOCK)),
        violated=one_line(evidence.violated),
        found=hints(evidence, holding=True),
        tried=hints(evidence, holding=False),
        insights=tuple(_insight(each) for each in evidence.insights),
        notes=tuple(one_line(shorten(note, _BLOCK)) for note in evidence.notes),
        diagram=sequence.draw(evidence.steps, evidence.actual),
        steps=len(evidence.steps),
        messages=_messages(evidence),
        earlier=len(evidence.exchanges) - len(last),
        exchanges=tuple(
            Line(
                request=one_line(shorten(exchange.request, _LINE)),
                response=one_line(shorten(exchange.response, _LINE)),
                milliseconds=exchange.milliseconds,
            )
            for exchange in last
        ),
        stderr=visible(tail(evidence.stderr, _BLOCK)),
        traceback=visible(tail(evidence.traceback, _BLOCK)),
    )


def hints(evidence: Evidence, *, holding: bool) -> tuple[str, ...]:
    """The misreadings that hold, or those that do not, each as a sentence without its stop."""
    return tuple(one_line(f"{each.about}: {each.words}") for each in evidence.hints if each.holds is holding)


def _insight(insight: Insight) -> Insight:
    facts = tuple(
        Fact(name=one_line(fact.name), value=one_line(shorten(fact.value, _FACT))) for fact in insight.facts
    )
    return Insight(title=one_line(insight.title), facts=facts)


def _messages(evidence: Evidence) -> tuple[Message, ...]:
    marked, word = sequence.failing(evidence.steps, evidence.actual)
    first = max(len(evidence.steps) - sequence.MOST_STEPS, 0)
    steps = evidence.steps[first:]
    limit = _limit([len(content) for step in steps for content in (step.decoded, step.data)], _MESSAGES)
    return tuple(
        Message(
            title=one_line(shorten(step.label, _LINE)),
            way=one_line(f"{step.source} to {step.target}{sequence.size(step)}"),
            outcome=one_line(shorten(step.outcome, _LINE)),
            decoded=visible(shorten(step.decoded, limit)),
            hex=one_line(shorten(step.data, limit)),
            mark=word if at == marked else "",
        )
        for at, step in enumerate(steps, start=first)
    )


def _limit(lengths: list[int], total: int) -> int:
    """The length to cut to so that contents of ``lengths`` take ``total`` together: short ones stay whole."""
    left = total
    for at, length in enumerate(sorted(lengths)):
        fair = left // (len(lengths) - at)
        if length > fair:
            return fair
        left -= length
    return total
