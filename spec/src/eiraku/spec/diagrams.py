"""State diagrams, drawn from the tables with Graphviz: ``eiraku maintain diagrams --write``.

The pictures are kept in ``spec/diagrams``: `dot` is not everywhere. Each holds the digest of the graph
it was drawn from, so that a test can tell a picture that no longer matches its table.
"""

import hashlib
import subprocess
from collections import defaultdict

from eiraku.spec.tables import COMMITS, SESSION, START, TRANSFER, Session, Transfer

Edges = defaultdict[tuple[str, str, bool], list[str]]
"""Labels of the arrows from one state to another; the third part: whether the transition writes."""

_STYLE = (
    'rankdir=LR; bgcolor="transparent"; nodesep=0.35; ranksep=0.9;'
    ' node [shape=box, style="rounded,filled", fillcolor="#eef3fb", color="#41669c",'
    ' fontname="sans-serif", fontsize=12];'
    ' edge [fontname="sans-serif", fontsize=11, color="#555555", fontcolor="#333333"];'
)


def session_graph() -> str:
    """The handshake table in the DOT language."""
    edges: Edges = defaultdict(list)
    for (state, event), after in SESSION.items():
        edges[state.value, after.value, False].append(event.value)
    return _graph("handshake", [s.value for s in Session], edges, {"closed", "open"})


def transfer_graph() -> str:
    """The transfer table in the DOT language; a transition with a durable write is drawn bold."""
    edges: Edges = defaultdict(list)
    for (side, purpose), first in START.items():
        edges[f"open as {side.value}", first.value, False].append(purpose.value)
    for (state, event, deciding), after in TRANSFER.items():
        label = event.name if deciding is None else f"{event.name} ({deciding.value})"
        edges[state.value, after.value, (state, event) in COMMITS].append(label)
    starts = ["open as initiator", "open as responder"]
    return _graph("transfer", [*starts, *(s.value for s in Transfer)], edges, {"closed", *starts})


GRAPHS = {"handshake": session_graph, "transfer": transfer_graph}


def digest(graph: str) -> str:
    """What a picture of `graph` carries, in a comment."""
    return "graph sha256:" + hashlib.sha256(graph.encode()).hexdigest()


def draw(graph: str) -> str:
    """`graph` as SVG. Raises FileNotFoundError without Graphviz, CalledProcessError if it fails."""
    command = ["dot", "-Tsvg"]
    drawn = subprocess.run(command, input=graph, capture_output=True, text=True, check=True).stdout  # noqa: S603
    return drawn[drawn.index("<svg") :].replace("</svg>", f"<!-- {digest(graph)} --></svg>")


def _graph(name: str, states: list[str], edges: Edges, ends: set[str]) -> str:
    lines = [f"digraph {name} {{", f"  {_STYLE}"]
    for state in states:
        label = state.replace(", ", "\\n")
        look = ', fillcolor="#f4f4f4", color="#888888"' if state in ends else ""
        lines.append(f'  "{state}" [label="{label}"{look}];')
    for (before, after, commits), labels in edges.items():
        look = ", penwidth=2.4" if commits else ""
        text = "\\n".join(labels)
        lines.append(f'  "{before}" -> "{after}" [label="{text}"{look}];')
    return "\n".join([*lines, "}", ""])
