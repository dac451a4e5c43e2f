"""Sphinx extension: requirements and their ids in the documentation.

- `{requirements}` lists every requirement of the registry, one section and table for each chapter;
- each requirement id in running text becomes a link to the requirement in its chapter.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from eiraku.spec import registry

SPEC = Path(__file__).resolve().parents[2] / "spec"
_ID = re.compile(r"\bEPP-[A-Z]{3}-\d{3}\b")
_UNTOUCHED = (nodes.reference, nodes.title, nodes.literal_block, nodes.raw)


def _title(chapter: str) -> str:
    """First heading of a chapter."""
    first = (SPEC / f"{chapter}.md").read_text(encoding="utf-8").split("\n", 1)[0]
    return first.removeprefix("# ")


class Requirements(SphinxDirective):
    """All requirements with what the suite does about each."""

    def run(self) -> list[nodes.Node]:
        """One section for each chapter."""
        self.env.note_dependency(str(SPEC / "src" / "eiraku" / "spec" / "registry.json"))
        listed: list[nodes.Node] = [
            nodes.paragraph("", "", nodes.Text(f"{len(registry.load())} requirements. Digest of the set: ")),
            nodes.literal_block("", registry.digest(), language="text"),
        ]
        for chapter, group in groupby(registry.load(), key=lambda each: each.chapter):
            section = nodes.section(ids=[f"requirements-{chapter}"])
            section += nodes.title("", _title(chapter))
            section += self._table(list(group))
            listed.append(section)
        return listed

    def _table(self, requirements: Sequence[registry.Requirement]) -> nodes.table:
        rows = [(each.id, each.keyword, each.text, _judged(each)) for each in requirements]
        table = nodes.table(classes=["requirements"])
        group = nodes.tgroup(cols=4)
        table += group
        for width in (14, 10, 52, 24):
            group += nodes.colspec(colwidth=width)
        head = nodes.thead()
        head += self._row(("id", "keyword", "text", "how it is judged"))
        body = nodes.tbody()
        body.extend(self._row(row) for row in rows)
        group += [head, body]
        return table

    def _row(self, cells: Sequence[str]) -> nodes.row:
        row = nodes.row()
        for cell in cells:
            entry = nodes.entry()
            entry.extend(self.parse_text_to_nodes(cell))
            row += entry
        return row


def _judged(requirement: registry.Requirement) -> str:
    """Some sentences, Markdown."""
    said = "By the suite."
    if requirement.not_tested:
        said = f"Not by the suite: {requirement.not_tested}"
    elif requirement.applies_to:
        said = f"By the suite, where the wallet declares `{requirement.applies_to}`."
    proved = ", ".join(f"`{lemma}`" for lemma in requirement.proved)
    return f"{said} Proved: {proved}." if proved else said


def _pieces(text: str) -> Iterator[tuple[str, registry.Requirement | None]]:
    """`text` cut into words to keep and ids to link."""
    at = 0
    for match in _ID.finditer(text):
        yield text[at : match.start()], None
        yield match[0], registry.by_id().get(match[0])
        at = match.end()
    yield text[at:], None


def _link_ids(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    for text in list(doctree.findall(nodes.Text)):
        ancestors = _ancestors(text)
        if not _ID.search(text) or any(isinstance(node, _UNTOUCHED) for node in ancestors):
            continue
        linked: list[nodes.Node] = []
        for piece, requirement in _pieces(text):
            if requirement is None:
                linked.append(nodes.Text(piece))
                continue
            page = app.builder.get_relative_uri(docname, f"spec/{requirement.chapter}")
            target = f"{page}#{requirement.anchor}"
            linked.append(nodes.reference("", piece, internal=True, refuri=target))
        text.parent.replace(text, linked)


def _ancestors(node: nodes.Node) -> Iterator[nodes.Node]:
    while node.parent is not None:
        node = node.parent
        yield node


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive and the links."""
    app.add_directive("requirements", Requirements)
    app.connect("doctree-resolved", _link_ids)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
