"""Attack graphs, drawn from the recorded traces with Graphviz: ``eiraku maintain graphs --write``.

What the prover draws shows every deduction and is far too large for a page. Here a box is a step and an arrow
a message; where the adversary composes one, the arrows meet in what it composes. The pictures are kept in
``docs/attacks``: `dot` is not everywhere. Each holds the digest of its graph, so that a test
can tell a picture that no longer matches its trace.
"""

from collections.abc import Iterator

from eiraku.models import theory, trace
from eiraku.models.trace import Received, Step, Trace
from eiraku.report.prove import attack

_STYLE = (
    'rankdir=TB; bgcolor="transparent"; nodesep=0.3; ranksep=0.35;'
    ' node [shape=box, style="rounded,filled", fillcolor="#eef3fb", color="#41669c", fontcolor="#1c2024",'
    ' fontname="sans-serif", fontsize=11];'
    ' edge [fontname="sans-serif", fontsize=10, color="#777777", fontcolor="#777777"];'
)
_FINAL = ', fillcolor="#fde7e7", color="#d1242f", penwidth=2'
_MADE = ', shape=ellipse, style="filled", fillcolor="#fcf0cd", color="#b67d00"'


def dot(record: Trace) -> str:
    """The steps of a trace and what goes from one to another, in the DOT language."""
    lines = [f"digraph attack {{\n  {_STYLE}"]
    steps = [step for step in record.steps if not step.setup]
    last = max((step.number for step in steps if step.marks), default=0)
    broken = record.quantifier != "exists-trace"
    senders = {sent.number: f"s{step.number}" for step in steps for sent in step.sent}
    for step in steps:
        label = f"{step.number}  {attack.who(record, step.actor)}\n{step.words}"
        look = _FINAL if broken and step.number == last else ""
        lines.append(f"  s{step.number} [label={_quoted(label)}{look}];")
    if any(step.setup and step.sent for step in record.steps):
        lines.append('  before [label="before", fillcolor="#f4f4f4", color="#888888"];')
    for step in steps:
        for at, received in enumerate(step.received):
            lines += _arrows(step, received, f"a{step.number}x{at}", senders)
    lines += _lives(steps)
    return "\n".join([*lines, "}", ""])


def name(record_theory: str, record: str) -> str:
    """File name of the picture of a record."""
    return f"{record_theory}-{record}.svg"


def _arrows(step: Step, received: Received, made: str, senders: dict[int, str]) -> Iterator[str]:
    target = f"s{step.number}"
    if received.origin != "built":
        again = " again" if received.origin == "repeated" else ""
        source = senders.get(received.message, "before")
        yield f"  {source} -> {target} [label={_quoted(f'({received.message}){again}')}];"
        return
    yield f"  {made} [label={_quoted(_short(received.term))}{_MADE}];"
    yield f"  {made} -> {target};"
    taken: dict[int, list[str]] = {}
    for part in received.parts:
        taken.setdefault(part.message, []).append(part.term)
        for key in part.keys:
            taken.setdefault(key.message, []).append(key.term)
    for number, terms in taken.items():
        if number:
            label = _quoted(_short(", ".join(dict.fromkeys(terms))))
            yield f"  {senders.get(number, 'before')} -> {made} [label={label}];"


def _lives(steps: list[Step]) -> Iterator[str]:
    """Dotted lines between the steps of one party."""
    before: dict[str, int] = {}
    for step in steps:
        if step.actor in before:
            yield f"  s{before[step.actor]} -> s{step.number} [style=dotted, arrowhead=none];"
        before[step.actor] = step.number


def _short(term: str) -> str:
    return term if len(term) <= 44 else term[:41] + "..."


def _quoted(text: str) -> str:
    plain = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{plain}"'


def pictures() -> Iterator[tuple[str, str]]:
    """File name and graph of every recorded attack. Raises TraceError."""
    for each in theory.names():
        for record in trace.names(each):
            found = trace.load(each, record)
            if found is not None and found.quantifier != "exists-trace":
                yield name(each, record), dot(found)
