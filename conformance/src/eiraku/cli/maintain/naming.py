"""Gathers what ``eiraku explain`` knows besides the specification and the vectors: `cli.judge.names`."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

from eiraku.cli.judge.names import Entry, Function, Group, Module, Names
from eiraku.conformance.results import KNOWN_CAPABILITIES, MANDATORY_CAPABILITIES, Check

_TERM = re.compile(r"\{[a-z]+\}`([^`<]+?)(?:\s*<[^`>]+>)?`")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
_LAID_OUT = re.compile(r"^\s*([-*|>]\s|\d+\. |```)", re.MULTILINE)
_CAPABILITY = re.compile(r"^\| (`[^|]+`) \| ([^|]+) \|$", re.MULTILINE)


def gather(checks: Iterable[Check], docs: Path, suite: Path) -> Names:
    """Everything. `docs`: the folder of that name; `suite`: of the checks, for what their modules say."""
    entries = (
        *_theories(),
        *_proofs(),
        *_mutants(),
        *_capabilities((docs / "howto" / "adapter.md").read_text(encoding="utf-8")),
        *_verbs(),
        *_terms((docs / "glossary.md").read_text(encoding="utf-8")),
        *_records(docs / "adr"),
    )
    return Names(suite=_suite(checks, suite), entries=entries)


def _suite(checks: Iterable[Check], folder: Path) -> dict[str, Module]:
    found: dict[str, dict[str, list[Check]]] = {}
    for check in sorted(checks, key=lambda each: each.id):
        module, _, name = check.id.partition("::")
        found.setdefault(module, {}).setdefault(name.partition("[")[0], []).append(check)
    return {
        module: Module(
            title=_docstring(folder / f"{module}.py"),
            checks={name: _function(cases) for name, cases in functions.items()},
        )
        for module, functions in found.items()
    }


def _docstring(file: Path) -> str:
    import ast

    return (ast.get_docstring(ast.parse(file.read_bytes())) or "").partition("\n\n")[0].replace("\n", " ")


def _function(cases: list[Check]) -> Function:
    groups: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[str]] = {}
    for check in cases:
        _, _, parameters = check.id.partition("[")
        same = (str(check.level), check.requirements, check.needs)
        groups.setdefault(same, []).append(parameters.removesuffix("]"))
    return Function(
        title=cases[0].title,
        groups=tuple(
            Group(level=level, requirements=requirements, needs=needs, cases=tuple(names))
            for (level, requirements, needs), names in groups.items()
        ),
    )


def _theories() -> Iterator[Entry]:
    from eiraku.models import manifest, theory

    for name in theory.names():
        claimed = manifest.load(name)
        yield Entry(
            kind="theory",
            names=(name,),
            text=f"{claimed.title}.\n\n"
            f"Lemmas: {', '.join(each.name for each in claimed.lemma)}.\n\n"
            f"Checks removed: {', '.join(each.name for each in claimed.removed) or 'none'}.\n\n"
            f"Repeat: eiraku prove --theory {name}",
        )
        for lemma in claimed.lemma:
            parts = [lemma.says, f"Claimed: {lemma.verdict} ({lemma.quantifier})."]
            parts += [f"Takes for granted: {', '.join(lemma.assumes)}."] if lemma.assumes else []
            parts += [f"Weakness {lemma.weakness} of the design of 2007."] if lemma.weakness else []
            parts += [lemma.attack] if lemma.attack else []
            parts.append(f"Repeat: eiraku prove --theory {name} --lemma {lemma.name}")
            yield _entry("lemma", (f"{name}/{lemma.name}", lemma.name), parts, lemma.requirements)
        for removed in claimed.removed:
            parts = [removed.check]
            parts += [f"Without it falls: {', '.join(removed.falls)}."] if removed.falls else []
            parts += [part for part in (removed.attack, removed.stays) if part]
            parts += [f"Mutants without it: {', '.join(removed.mutants)}."] if removed.mutants else []
            parts += [f"Checks that replay the trace: {', '.join(removed.tests)}."] if removed.tests else []
            parts.append(f"Repeat: eiraku prove --check-removed {removed.name}")
            names = (removed.name, f"{name}/{removed.name}")
            yield _entry("check removed from a theory", names, parts, removed.requirements)


def _proofs() -> Iterator[Entry]:
    from eiraku.models.smt.catalogue import PROOFS

    for proof in PROOFS:
        twins = [f"Variant that must fail: {twin.says}" for twin in proof.twins]
        parts = [proof.says, f"Proved by the solver ({proof.method}).", *twins]
        yield _entry("proof", (f"smt/{proof.name}", proof.name), parts, proof.requirements)


def _mutants() -> Iterator[Entry]:
    from eiraku.conformance.mutants.registry import mutants

    for mutant in mutants().values():
        parts = [mutant.summary]
        if mutant.survives:
            parts.append(f"Survives: {mutant.survives}")
        else:
            parts.append(f"Checks that must fail: {', '.join(mutant.expected)}.")
        parts.append(f"Judge it: eiraku mutants {mutant.name}")
        yield _entry("mutant", (mutant.name,), parts, (mutant.requirement,))


def _capabilities(adapter: str) -> Iterator[Entry]:
    said = {
        name: words
        for cells, words in _CAPABILITY.findall(adapter)
        for name in re.findall(r"`([^`]+)`", cells)
        if name in KNOWN_CAPABILITIES
    }
    for name in sorted(KNOWN_CAPABILITIES):
        kind = "capability, mandatory" if name in MANDATORY_CAPABILITIES else "capability, optional"
        yield _entry(kind, (name,), [f"Declares: {said[name].strip()}."], _applying(name))


def _applying(capability: str) -> tuple[str, ...]:
    from eiraku.spec import registry

    return tuple(each.id for each in registry.load() if each.applies_to == capability)


def _verbs() -> Iterator[Entry]:
    from eiraku.conformance.adapter.requests import Request

    said: dict[str, list[str]] = {}
    actions: dict[str, str] = {}
    for kind in get_args(Request):
        annotations = kind.__annotations__
        (verb,) = get_args(annotations["verb"])
        words = " ".join((kind.__doc__ or "").split())
        if "action" in annotations:
            (action,) = get_args(annotations["action"])
            actions[action] = words
            said.setdefault(verb, []).append(f"{action}: {words}")
        else:
            said.setdefault(verb, []).append(words)
    where = "Fields and answers: docs/howto/adapter.md and schema.json of the adapter."
    for verb, parts in said.items():
        yield _entry("verb of the adapter", (verb,), [*parts, where], ())
    for action, words in actions.items():
        yield _entry("action of the verb act", (f"act {action}", action), [words, where], ())


def _terms(glossary: str) -> Iterator[Entry]:
    _, _, body = glossary.partition("```{glossary}\n")
    names: list[str] = []
    text: list[str] = []
    for line in [*body.partition("\n```")[0].splitlines(), "end"]:
        if line[:1].strip() and text:
            yield _entry("term", tuple(names), [plain(" ".join(text))], ())
            names, text = [], []
        if line.startswith("  "):
            text.append(line.strip())
        elif line.strip():
            names += [name.strip() for name in line.split(",")]


def _records(folder: Path) -> Iterator[Entry]:
    for file in sorted(folder.glob("[0-9]*.md")):
        head, _, rest = file.read_text(encoding="utf-8").partition("\n")
        number = int(file.stem[:4])
        sections = {part.partition("\n")[0].strip(): part.partition("\n")[2] for part in rest.split("\n## ")}
        decision = sections["Decision"].strip()
        status = rest.strip().partition("\n")[0].replace("*", "")
        parts = [head.partition(". ")[2] + ".", status, plain(decision), f"In full: docs/adr/{file.name}"]
        yield _entry("decision", (f"ADR-{number:04d}", file.stem), parts, ())


def plain(markdown: str) -> str:
    """Without roles and targets of links; a paragraph that is no list or table on one line."""
    words = _LINK.sub(r"\1", _TERM.sub(r"\1", markdown))
    paragraphs = (part.strip() for part in words.split("\n\n"))
    return "\n\n".join(part if _LAID_OUT.search(part) else " ".join(part.split()) for part in paragraphs)


def _entry(kind: str, names: tuple[str, ...], parts: list[str], requirements: tuple[str, ...]) -> Entry:
    return Entry(kind=kind, names=names, text="\n\n".join(map(str.strip, parts)), requirements=requirements)
