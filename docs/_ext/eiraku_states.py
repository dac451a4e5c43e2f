"""Sphinx extension: the state machines of `eiraku.spec.tables`, as tables and as drawings.

- `{state-table} session`, `transfer` or `start` prints one table;
- `{state-diagrams}` shows every SVG in `spec/diagrams`, the file name as its caption.
"""

from collections.abc import Sequence
from os.path import relpath
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from eiraku.spec import tables

DIAGRAMS = Path(__file__).resolve().parents[2] / "spec" / "diagrams"


def _session() -> list[tuple[str, ...]]:
    head = ("state", "event", "next state")
    return [
        head,
        *((state.value, event.value, after.value) for (state, event), after in tables.SESSION.items()),
    ]


def _start() -> list[tuple[str, ...]]:
    head = ("side", "purpose", "first state")
    return [
        head,
        *((side.value, purpose.value, state.value) for (side, purpose), state in tables.START.items()),
    ]


def _transfer() -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("state", "message received", "if the purpose is", "next state", "durable write")
    ]
    for (state, event, purpose), after in tables.TRANSFER.items():
        commits = "yes" if (state, event) in tables.COMMITS else ""
        rows.append((state.value, event.name, purpose.value if purpose else "", after.value, commits))
    return rows


class StateTable(SphinxDirective):
    """One table of the state machines."""

    required_arguments = 1
    kinds: ClassVar = {"session": _session, "transfer": _transfer, "start": _start}

    def run(self) -> list[nodes.Node]:
        """The table named by the argument."""
        self.env.note_dependency(str(tables.__file__))
        head, *rows = self.kinds[self.arguments[0]]()
        table = nodes.table()
        group = nodes.tgroup(cols=len(head))
        table += group
        group.extend(nodes.colspec(colwidth=1) for _ in head)
        group += nodes.thead("", _row(head))
        group += nodes.tbody("", *map(_row, rows))
        return [table]


def _row(cells: Sequence[str]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph(text=cell)) for cell in cells))


class StateDiagrams(SphinxDirective):
    """Every diagram drawn from the tables."""

    def run(self) -> list[nodes.Node]:
        """One figure for each file, in the order of names."""
        here = Path(self.env.doc2path(self.env.docname)).parent
        figures: list[nodes.Node] = []
        for drawing in sorted(DIAGRAMS.glob("*.svg")):
            caption = drawing.stem.replace("-", " ")
            figure = nodes.figure()
            figure += nodes.image(uri=relpath(drawing, here), alt=f"state diagram: {caption}")
            figure += nodes.caption("", caption)
            figures.append(figure)
        return figures


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives."""
    app.add_directive("state-table", StateTable)
    app.add_directive("state-diagrams", StateDiagrams)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
