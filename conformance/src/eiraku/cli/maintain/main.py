"""``eiraku maintain``: files of a checkout that are made from others. For those who work on Eiraku itself.

Every command has the same form: ``--check`` compares and changes nothing, with exit code 1 if a file is not
what it should be; ``--write`` writes what differs.
"""

import json
import subprocess
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Any

import click

from eiraku.cli.maintain import kept
from eiraku.cli.maintain.kept import Kept, exactly, settle, stale

VECTORS = Path("spec", "src", "eiraku", "spec", "vectors")


@click.group()
def main() -> None:
    """Keep files of a checkout up to date that are made from others."""
    if not (kept.ROOT / "spec" / "01-scope.md").exists():
        raise click.ClickException("no chapters here: run this in a checkout with an editable install")


def _command(name: str) -> Callable[[Callable[..., int]], click.Command]:
    """A command of the one form. What it calls gets `write`, and returns an exit code."""

    def decorate(function: Callable[..., int]) -> click.Command:
        @wraps(function)
        def run(*, write: bool) -> int:
            try:
                return function(write=write)
            except FileNotFoundError as error:
                if error.filename == "dot":
                    raise click.ClickException("the program dot of Graphviz is not installed") from error
                raise
            except subprocess.CalledProcessError as error:
                raise click.ClickException(f"dot says: {error.stderr}") from error

        option = click.option("--write/--check", required=True, help="Write what differs, or only say so.")
        return main.command(name)(option(run))

    return decorate


@_command("registry")
def registry_(*, write: bool) -> int:
    """The requirements as data, from the chapters: registry.json."""
    from eiraku.spec import registry

    folder = kept.ROOT / "spec"
    try:
        requirements = registry.parse(registry.read_chapters(folder))
    except registry.ChapterError as error:
        click.echo(error, err=True)
        return 1
    path = folder / "src" / "eiraku" / "spec" / "registry.json"
    code = settle("registry", [exactly(path, registry.render(requirements))], [], write=write)
    click.echo(f"{len(requirements)} requirements, digest {registry.digest_of(requirements)}")
    return code


@_command("claims")
def claims_(*, write: bool) -> int:
    """What is proved, from the manifests of the models into the chapters."""
    from eiraku.models import claims
    from eiraku.spec import registry

    folder, said = kept.ROOT / "spec", claims.claimed()
    chapters = {name: claims.rewritten(text, said) for name, text in registry.read_chapters(folder).items()}
    wanted = [exactly(folder / f"{name}.md", text.encode()) for name, text in chapters.items()]
    code = settle("claims", wanted, [], write=write)
    try:
        requirements = registry.parse(chapters)
    except registry.ChapterError as error:
        click.echo(error, err=True)
        return 1
    found = claims.complaints(requirements=requirements)
    for line in found:
        click.echo(line, err=True)
    click.echo(f"{sum(1 for each in requirements if each.proved)} requirements with proofs")
    if write:
        click.echo("now run eiraku maintain registry --write")
    return 1 if found else code


@_command("pins")
def pins(*, write: bool) -> int:
    """The digests of the formulas, from the theories into the manifests."""
    from eiraku.models import pin, theory
    from eiraku.models.manifest import ManifestError
    from eiraku.models.theory import TheoryError

    folder = kept.ROOT / "models" / "src" / "eiraku" / "models" / "theories"
    wanted, code = [], 0
    for name in theory.names(within=folder):
        try:
            fresh, report = pin.pin(name, folder)
        except (TheoryError, ManifestError) as error:
            click.echo(f"{name}: {error}", err=True)
            code = 1
            continue
        # So that nobody pins a weaker lemma unseen.
        click.echo("\n".join((*report, f"{name}: {len(report)} formulas differ")))
        wanted.append(exactly(folder / f"{name}.toml", fresh.encode()))
    return settle("pins", wanted, [], write=write) or code


@_command("diagrams")
def diagrams_(*, write: bool) -> int:
    """State diagrams, from the tables into spec/diagrams; needs Graphviz."""
    from eiraku.spec import diagrams

    graphs = {f"{name}.svg": graph() for name, graph in diagrams.GRAPHS.items()}
    return _pictures("diagrams", kept.ROOT / "spec" / "diagrams", graphs, write=write)


@_command("tables")
def tables_(*, write: bool) -> int:
    """Tables of states, from `eiraku.spec.tables` into the chapters that print them."""
    from eiraku.spec import printed

    chapters = sorted((kept.ROOT / "spec").glob("[0-9]*.md"))
    wanted = [exactly(chapter, printed.fill(chapter.read_text()).encode()) for chapter in chapters]
    return settle("tables", wanted, [], write=write)


@_command("graphs")
def graphs_(*, write: bool) -> int:
    """Attack graphs, from the recorded traces into docs/attacks; needs Graphviz."""
    from eiraku.report.prove import graph

    return _pictures("graphs", kept.ROOT / "docs" / "attacks", dict(graph.pictures()), write=write)


@_command("vectors")
def vectors_(*, write: bool) -> int:
    """Test vectors, from the reference, the suite's faults and the wholesale log."""
    from eiraku.conformance.vectors.files import FILES as NEGATIVE
    from eiraku.reference.vectors.files import FILES as POSITIVE
    from eiraku.spec.vectors import coverage, forms
    from eiraku.system.wholesale import vectors as wholesale

    folder = kept.ROOT / VECTORS
    refused = {name: make() for name, make in NEGATIVE.items()}
    made = {**{name: make() for name, make in POSITIVE.items()}, **refused}
    wanted = [exactly(folder / name, forms.render(content)) for name, content in made.items()]
    wanted.append(_json(folder / "wholesale.json", wholesale.vectors()))
    readme = folder / "README.md"
    wanted.append(exactly(readme, coverage.fill(readme.read_text(), refused).encode()))
    return settle("vectors", wanted, [], write=write)


@_command("witnesses")
def witnesses_(*, write: bool) -> int:
    """Boundary cases, from the solver: boundaries.json."""
    from eiraku.models.smt import witnesses

    path = kept.ROOT / VECTORS / "boundaries.json"
    wanted = [exactly(path, witnesses.render(witnesses.boundaries()))]
    return settle("witnesses", wanted, [], write=write)


@_command("catalogue")
def catalogue_(*, write: bool) -> int:
    """What the suite consists of, by module: catalogue.json."""
    from eiraku.conformance import CATALOGUE
    from eiraku.conformance.results import catalogue_file, parts
    from eiraku.conformance.runner import collect

    content = catalogue_file(parts(collect().values()))
    return settle("catalogue", [exactly(CATALOGUE, content)], [], write=write)


@_command("names")
def names_(*, write: bool) -> int:
    """What `eiraku explain` knows by name: names.json."""
    from eiraku.cli.judge import names
    from eiraku.cli.maintain.naming import gather
    from eiraku.conformance import SUITE_FOLDER
    from eiraku.conformance.runner import collect

    path = Path(names.__file__).with_name(names.FILE)
    content = gather(collect().values(), kept.ROOT / "docs", SUITE_FOLDER).encode()
    return settle("names", [exactly(path, content)], [], write=write)


@_command("schema")
def schema_(*, write: bool) -> int:
    """JSON schemas, from the types: of the report, of the adapter protocol, and of each file of vectors."""
    from eiraku.conformance.adapter import schema
    from eiraku.report.certify import json_report
    from eiraku.spec.vectors import forms
    from eiraku.spec.vectors.schemas import KINDS

    packages = kept.ROOT / "conformance" / "src" / "eiraku"
    report = packages / "report" / "certify" / "report.schema.json"
    adapter = packages / "conformance" / "adapter" / schema.FILE
    wanted = [exactly(report, json_report.schema()), exactly(adapter, schema.schema())]
    folder = kept.ROOT / VECTORS
    wanted += [
        exactly(folder / forms.schema_of(name), forms.schema(name, kind)) for name, kind in KINDS.items()
    ]
    return settle("schema", wanted, list(stale(folder, "*.schema.json", wanted)), write=write)


def _json(path: Path, content: Mapping[str, Any]) -> Kept:
    return exactly(path, (json.dumps(content, indent=1) + "\n").encode())


def _pictures(command: str, folder: Path, graphs: Mapping[str, str], *, write: bool) -> int:
    """Pictures of graphs: each carries the digest of the graph that it was drawn from."""
    wanted = [_picture(folder / name, graph) for name, graph in graphs.items()]
    return settle(command, wanted, list(stale(folder, "*.svg", wanted)), write=write)


def _picture(path: Path, graph: str) -> Kept:
    from eiraku.spec.diagrams import digest, draw

    return Kept(
        path=path,
        fits=lambda found: digest(graph).encode() in found,
        make=lambda: draw(graph).encode(),
    )
