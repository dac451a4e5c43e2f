"""Sphinx extension: what is proved, what breaks without a check, and attacks as message sequences.

- `{lemmas} THEORY` is a table of the lemmas of a theory: in words, requirements, verdict, cost, date;
- `{attack} THEORY/NAME` draws the recorded trace of a lemma or of a removed check;
- `{removed-checks}` is the table of all removed checks, and below it a section for each;
- `{solver-proofs}` is the table of what the SMT solver proves.

Everything comes from the manifests, the recorded evidence and the recorded traces; what was not recorded is
said to be so.
"""

from collections.abc import Iterable, Sequence
from os.path import relpath
from pathlib import Path
from typing import Any, TypeAlias

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util.docutils import SphinxDirective

from eiraku.models import evidence, library, theory, trace
from eiraku.models.evidence import Evidence, EvidenceError
from eiraku.models.library import Subject
from eiraku.models.manifest import Job, ManifestError, Removed
from eiraku.models.results import Result, Standing
from eiraku.models.smt.catalogue import PROOFS
from eiraku.models.theory import TheoryError
from eiraku.models.trace import Trace, TraceError
from eiraku.report import sequence
from eiraku.report.prove import attack, graph, terminal

PICTURES = Path(__file__).resolve().parents[1] / "attacks"
Cell: TypeAlias = str | nodes.Node
"""Markdown, or a node."""


class _Proofs(SphinxDirective):
    """What the directives have in common."""

    def subject(self, name: str) -> Subject | None:
        """The theory of that name, None if it is not there yet or cannot be read."""
        folder = library.PACKAGE
        for file in (f"theories/{name}.spthy", f"theories/{name}.toml", f"evidence/{name}.json"):
            self.env.note_dependency(str(folder / file))
        try:
            return library.subject(folder, name)
        except (OSError, TheoryError, ManifestError):
            return None

    def subjects(self) -> list[Subject]:
        """Every theory that can be read."""
        self.env.note_dependency(str(library.PACKAGE / "theories"))
        found = (self.subject(name) for name in theory.names())
        return [subject for subject in found if subject is not None]

    def text(self, markdown: str) -> list[nodes.Node]:
        """Markdown, parsed."""
        return self.parse_text_to_nodes(markdown) if markdown else []

    def table(
        self, head: Sequence[str], rows: Iterable[Sequence[Cell]], widths: Sequence[int]
    ) -> nodes.table:
        """A table that may be wide."""
        table = nodes.table(classes=["proofs", "colwidths-given"])
        group = nodes.tgroup(cols=len(head))
        table += group
        group.extend(nodes.colspec(colwidth=width) for width in widths)
        group += nodes.thead("", self._row(head))
        body = nodes.tbody()
        body.extend(self._row(row) for row in rows)
        group += body
        return table

    def _row(self, cells: Sequence[Cell]) -> nodes.row:
        row = nodes.row()
        for cell in cells:
            entry = nodes.entry()
            entry.extend(self.text(cell) if isinstance(cell, str) else [cell])
            row += entry
        return row

    def trace(self, name: str, record: str) -> Trace | None:
        """The recorded trace. An error if it is there and cannot be read."""
        self.env.note_dependency(str(library.PACKAGE / "attacks" / name / f"{record}.json"))
        try:
            return trace.load(name, record)
        except TraceError as error:
            raise self.error(str(error)) from error

    def picture(self, name: str, record: str, caption: str) -> list[nodes.Node]:
        """The drawing of a recorded trace, its legend, and the same as text."""
        found = self.trace(name, record)
        if found is None:
            return [nodes.paragraph("", "", nodes.emphasis("", f"No trace {name}/{record} is recorded."))]
        box = nodes.container(classes=["attack"])
        before = attack.beforehand(found)
        if before:
            box += nodes.paragraph("", f"Before it begins: {'; '.join(before)}.", classes=["attack-note"])
        drawn = attack.svg(found, title=f"Message sequence: {caption}")
        html = nodes.container(classes=["attack-scroll"])
        html += nodes.raw("", drawn, format="html")
        box += html
        box += _legend(found)
        box += nodes.raw("", "<details><summary>The same as text</summary>", format="html")
        box += nodes.literal_block("", attack.text(found, width=84), language="none")
        box += nodes.raw("", "</details>", format="html")
        file = PICTURES / graph.name(name, record)
        if file.is_file():
            here = Path(self.env.doc2path(self.env.docname)).parent
            box += nodes.raw("", "<details><summary>What depends on what</summary>", format="html")
            box += nodes.image(uri=relpath(file, here), alt=f"attack graph: {caption}")
            box += nodes.raw("", "</details>", format="html")
        return [box]


def _legend(record: Trace) -> nodes.Node:
    """Names in the drawing, on few lines."""
    listed = nodes.paragraph(classes=["attack-note"])
    for names, meaning in attack.legend(record):
        listed += nodes.Text("; " if listed.children else "Where: ")
        listed += nodes.literal("", names)
        listed += nodes.Text(f": {meaning}")
    return listed


class Attack(_Proofs):
    """One recorded trace, named as THEORY/LEMMA or THEORY/CHECK."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """The drawing with what it violates as its caption."""
        name, _, record = self.arguments[0].partition("/")
        subject = self.subject(name)
        claim = subject.manifest.claim(record) if subject else None
        checks = subject.manifest.removed if subject else ()
        check = next((each for each in checks if each.name == record), None)
        caption = claim.says if claim else f"without the check: {check.check}" if check else self.arguments[0]
        return self.picture(name, record, caption)


class Lemmas(_Proofs):
    """All lemmas of one theory."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """A table, or that there is none."""
        subject = self.subject(self.arguments[0])
        if subject is None:
            return self.text(f"There is no theory `{self.arguments[0]}` yet.")
        recorded = _recorded(subject)
        rows = []
        for claim in subject.manifest.lemma:
            job = next(each for each in subject.jobs if each.lemma == claim.name and each.flag is None)
            result = evidence.result(job, subject, recorded)
            weakness = f"**{claim.weakness}.** " if claim.weakness else ""
            says = (
                weakness
                + claim.says
                + (" *(Such a run exists.)*" if claim.quantifier == "exists-trace" else "")
            )
            rows.append(
                (_code(claim.name), f"{says} {', '.join(claim.requirements)}".strip(), *_measured(result))
            )
        head = ("lemma", "property, requirements", "verdict", "steps", "s", "MiB", "recorded")
        return [self.table(head, rows, (20, 40, 11, 8, 7, 7, 12)), *self.text(_sessions(recorded))]


class RemovedChecks(_Proofs):
    """Every removed check of every theory."""

    def run(self) -> list[nodes.Node]:
        """The table, then a section for each."""
        checks = [(subject, each) for subject in self.subjects() for each in subject.manifest.removed]
        if not checks:
            return self.text("No removed check is recorded yet.")
        head = ("check", "requirements", "falls", "trace", "tests of the suite", "mutants")
        table = self.table(head, (self._line(*each) for each in checks), (25, 15, 20, 9, 18, 13))
        return [table, *(self._section(*each) for each in checks)]

    def _line(self, subject: Subject, removed: Removed) -> tuple[Cell, ...]:
        link = nodes.paragraph()
        link += nodes.reference("", removed.check, refid=_anchor(subject, removed))
        drawn = nodes.paragraph()
        if self.trace(subject.name, removed.name) is not None:
            drawn += nodes.reference("", "picture", refid=_anchor(subject, removed))
        else:
            drawn += nodes.Text("none yet" if removed.falls else "")
        return (
            link,
            ", ".join(removed.requirements),
            _codes(removed.falls) if removed.falls else "nothing",
            drawn,
            _codes(removed.tests),
            _codes(removed.mutants),
        )

    def _section(self, subject: Subject, removed: Removed) -> nodes.section:
        section = nodes.section(ids=[_anchor(subject, removed)])
        section += nodes.title("", removed.check.rstrip("."))
        where = f"Theory `{subject.name}`, flag `{removed.name}`; {', '.join(removed.requirements)}."
        section.extend(self.text(where))
        recorded = _recorded(subject)
        for lemma in removed.falls:
            job = Job(theory=subject.name, lemma=lemma, flag=removed.name, expected="falsified")
            result = evidence.result(job, subject, recorded)
            claim = subject.manifest.claim(lemma)
            said = f" ({result.steps} steps, {result.seconds:.1f} s)" if result.seconds else ""
            falls = f"`{lemma}`: {claim.says if claim else ''} **{_verdict(result)}**{said}"
            section.extend(self.text(f"- {falls}"))
        section.extend(self.text(_paragraphs(removed.attack or f"Nothing falls. {removed.stays}")))
        if removed.falls:
            section.extend(self.picture(subject.name, removed.name, f"without the check: {removed.check}"))
        return section


class SolverProofs(_Proofs):
    """What the SMT solver proves, from the list that `eiraku prove` runs."""

    def run(self) -> list[nodes.Node]:
        """The table."""
        rows = [
            (_code(p.name), f"{p.says} {', '.join(p.requirements)}".strip(), p.method, str(len(p.twins)))
            for p in PROOFS
        ]
        return [self.table(("proof", "property, requirements", "method", "twins"), rows, (20, 48, 23, 9))]


def _recorded(subject: Subject) -> Evidence | None:
    try:
        return evidence.load(library.PACKAGE, subject.name)
    except EvidenceError:
        return None


def _sessions(recorded: Evidence | None) -> str:
    """With what and where the evidence was recorded, and what it took; Markdown."""
    if recorded is None or not recorded.jobs:
        return ""
    plain = [entry for entry in recorded.jobs if entry.flag is None]
    flagged = [entry for entry in recorded.jobs if entry.flag is not None]
    cost = f"{len(plain)} lemmas in {sum(entry.seconds for entry in plain):.0f} s"
    if flagged:
        cost += f", {len(flagged)} lemmas without a check in {sum(entry.seconds for entry in flagged):.0f} s"
    most = max(entry.memory_mib for entry in recorded.jobs)
    where = "; ".join(
        f"{each.date}, Tamarin {each.prover}, Maude {each.maude}, {each.cores} cores, {each.memory_gib} GiB"
        for each in recorded.sessions
    )
    return f"{cost}, at most {most} MiB. Recorded: {where}."


def _measured(result: Result) -> tuple[Cell, ...]:
    return (
        _verdict(result),
        str(result.steps) if result.steps else "",
        f"{result.seconds:.1f}" if result.seconds else "",
        str(result.memory_mib) if result.memory_mib else "",
        _standing(result),
    )


def _verdict(result: Result) -> str:
    return str(result.verdict) if result.verdict else f"not recorded (claimed: {result.job.expected})"


def _standing(result: Result) -> str:
    if result.standing is Standing.RECORDED:
        return result.date
    return "" if result.standing is Standing.MISSING else terminal.describe(result)


def _anchor(subject: Subject, removed: Removed) -> str:
    return f"removed-{subject.name}-{removed.name}".replace("_", "-")


def _paragraphs(text: str) -> str:
    """Every line a paragraph."""
    return "\n\n".join(line.strip() for line in text.splitlines() if line.strip())


def _code(name: str) -> nodes.Node:
    return nodes.paragraph("", "", nodes.literal("", name))


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _style(_app: Sphinx, config: Config) -> None:
    """The drawings are coloured by the file that lies beside the code that draws them."""
    config.html_static_path.append(str(Path(sequence.__file__).with_name("sequence.css")))


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directives and the style sheet."""
    app.add_directive("lemmas", Lemmas)
    app.add_directive("attack", Attack)
    app.add_directive("removed-checks", RemovedChecks)
    app.add_directive("solver-proofs", SolverProofs)
    app.connect("config-inited", _style)
    app.add_css_file("sequence.css")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
