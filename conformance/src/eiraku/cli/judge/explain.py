"""``eiraku explain``: whatever has a name, in words."""

import textwrap
from collections.abc import Iterator
from functools import cache

import click

from eiraku.cli.judge import names
from eiraku.cli.judge.names import Entry, Function, Group, Module, Vector
from eiraku.conformance import SUITE_FOLDER
from eiraku.spec import registry
from eiraku.spec.errors import Code
from eiraku.spec.registry import Requirement

_WIDTH = 96
_MANY = 12
"""Cases or names that are listed; of more it is said how many there are."""


@click.command()
@click.argument("subject", nargs=-1, required=True, metavar="NAME")
def main(*, subject: tuple[str, ...]) -> int:
    """Explain whatever has a NAME.

    A requirement (EPP-SES-007), a check or a module of checks, an error code (unit-expired or 19), a lemma,
    a theory, a proof, a removed check, a mutant, a vector or its file, a capability, a verb of the adapter,
    a term of the glossary, a decision (ADR 30).
    """
    name = " ".join(subject)
    found = list(explanations(name))
    if not found:
        near = names.nearest(name)
        hint = f"; nearest: {', '.join(near)}" if near else ""
        raise click.ClickException(f"nothing has the name {name!r}{hint}")
    click.echo("\n\n".join(found))
    return 0


def explanations(name: str) -> Iterator[str]:
    """One text for each thing of that name; vectors only if nothing else has it."""
    found = [*_of_the_specification(name), *_checks(name)]
    found += ["\n".join(_entry(entry)) for entry in names.entries().get(names.record(name), ())]
    file = name.removesuffix(".json")
    if file in names.vector_files():
        found.append("\n".join(_vectors(file)))
    yield from found or ("\n".join(_vector(each)) for each in names.vectors().get(name.lower(), ()))


def _of_the_specification(name: str) -> Iterator[str]:
    requirement = registry.by_id().get(name.upper())
    if requirement is not None:
        yield "\n".join(_requirement(requirement))
    for code in Code:
        if name.lower() in {code.label, str(code.value)}:
            yield "\n".join(_code(code))


def _requirement(requirement: Requirement) -> Iterator[str]:
    yield f"{requirement.id} {requirement.keyword}    chapter {requirement.chapter}\n"
    yield _paragraphs(requirement.text)
    yield _paragraphs(f"Why: {requirement.why}")
    if requirement.applies_to:
        yield _paragraphs(f"Applies to wallets that declare {requirement.applies_to}.")
    if requirement.proved:
        yield _paragraphs(f"Proved: {', '.join(requirement.proved)} (eiraku prove)")
    mutants = [
        e.names[0] for e in names.stored().entries if e.kind == "mutant" and requirement.id in e.requirements
    ]
    if mutants:
        yield _paragraphs(f"Mutants that violate it: {_some(mutants)}")
    if requirement.not_tested:
        yield _paragraphs(f"Not tested: {requirement.not_tested}")
        return
    checks = _naming().get(requirement.id, [])
    yield "Checks:" if checks else "No check names it."
    for name, function, group in checks:
        yield f"  {name}  [{group.level}]{_count(group)}\n      {function.title}"


@cache
def _naming() -> dict[str, list[tuple[str, Function, Group]]]:
    """By requirement, the checks that name it."""
    found: dict[str, list[tuple[str, Function, Group]]] = {}
    for module, content in names.stored().suite.items():
        for name, function in content.checks.items():
            for group in function.groups:
                for requirement in group.requirements:
                    found.setdefault(requirement, []).append((f"{module}::{name}", function, group))
    return found


def _code(code: Code) -> Iterator[str]:
    yield f"{code.label}: error code {code.value}, chapter 10-errors\n"
    naming = [found for found in registry.load() if f"`{code.label}`" in f"{found.text} {found.why}"]
    if not naming:
        yield "No requirement speaks of it by name."
    for requirement in naming:
        yield from _brief(requirement.id)


def _checks(name: str) -> Iterator[str]:
    module, _, rest = name.partition("::")
    content = names.stored().suite.get(module)
    if content is None:
        return
    if not rest:
        yield "\n".join(_module(module, content))
        return
    function, bracket, case = rest.partition("[")
    found = content.checks.get(function)
    if found is None:
        return
    wanted = case.removesuffix("]") if bracket else None
    groups = [group for group in found.groups if wanted is None or wanted in group.cases]
    if groups:
        yield "\n".join(_check(module, function, found, groups, name))


def _module(name: str, content: Module) -> Iterator[str]:
    yield f"{name}    a module of checks\n"
    yield _paragraphs(content.title)
    for check, function in content.checks.items():
        cases = sum(len(group.cases) for group in function.groups)
        yield f"  {name}::{check}  {f'({cases} cases)' if cases > 1 else ''}".rstrip()
        yield f"      {function.title}"


def _check(module: str, name: str, function: Function, groups: list[Group], shown: str) -> Iterator[str]:
    yield f"{shown}    {_location(module, name)}, level {', '.join(sorted({g.level for g in groups}))}\n"
    yield _paragraphs(function.title)
    needs = sorted({need for group in groups for need in group.needs})
    if needs:
        yield _paragraphs(f"Needs: {', '.join(needs)}")
    cases = [case for group in groups for case in group.cases if case]
    if cases and "[" not in shown:
        yield _paragraphs(f"Cases: {_some(cases)}")
    for requirement in dict.fromkeys(each for group in groups for each in group.requirements):
        yield from _brief(requirement)


def _location(module: str, name: str) -> str:
    line = next((at for at, text in enumerate(_source(module), 1) if text.startswith(f"def {name}(")), 1)
    return f"{module}.py:{line}"


@cache
def _source(module: str) -> list[str]:
    return (SUITE_FOLDER / f"{module}.py").read_text(encoding="utf-8").splitlines()


def _entry(entry: Entry) -> Iterator[str]:
    others = f" ({', '.join(entry.names[1:])})" if len(entry.names) > 1 else ""
    yield f"{entry.names[0]}{others}    {entry.kind}\n"
    yield _paragraphs(entry.text)
    for requirement in entry.requirements:
        yield from _brief(requirement)


def _vectors(file: str) -> Iterator[str]:
    title, cases = names.vector_file(file)
    yield f"{file}.json    vectors\n"
    yield _paragraphs(title)
    yield f"{len(cases)} cases with an id: {_some([case.id for case in cases])}"


def _vector(vector: Vector) -> Iterator[str]:
    yield f"{vector.id}    a vector of {vector.file}\n"
    if vector.says:
        yield _paragraphs(vector.says)
    if vector.negative:
        yield _paragraphs(f"Refused with {vector.code}." if vector.code else "Accepted.")
    for requirement in vector.requirements:
        yield from _brief(requirement)


def _brief(name: str) -> Iterator[str]:
    requirement = registry.by_id()[name]
    yield f"{requirement.id} {requirement.keyword}    chapter {requirement.chapter}"
    yield _paragraphs(requirement.text, indent="    ")


def _count(group: Group) -> str:
    return f"  {len(group.cases)} cases" if len(group.cases) > 1 else ""


def _some(found: list[str]) -> str:
    more = f", and {len(found) - _MANY} more" if len(found) > _MANY else ""
    return ", ".join(found[:_MANY]) + more


@cache
def _paragraphs(text: str, indent: str = "") -> str:
    out = []
    for paragraph in text.split("\n\n"):
        # Lists and tables keep their lines.
        wrapped = textwrap.wrap(paragraph, _WIDTH, break_on_hyphens=False)
        lines = paragraph.splitlines() if "\n" in paragraph else wrapped
        out.append("\n".join(f"{indent}{line}" for line in lines) + "\n")
    return "\n".join(out)
