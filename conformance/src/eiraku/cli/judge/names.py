"""Everything of Eiraku that has a name, as ``eiraku explain`` looks it up.

Requirements and error codes come from the specification, vectors from their files. All else is in
``names.json`` beside this file: to gather it takes seconds, since the suite is collected and every mutant
imported.
``eiraku maintain names --write`` does that; a test compares.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from eiraku.spec import registry
from eiraku.spec.errors import Code

FILE = "names.json"
_VECTORS = files("eiraku.spec").joinpath("vectors")
_RECORD = re.compile(r"(?:adr|record)[ -]?0*(\d+)")


class Group(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Cases of one check that have all this in common."""

    level: str
    requirements: tuple[str, ...]
    needs: tuple[str, ...] = ()
    cases: tuple[str, ...]
    """Their parameters, without brackets; one empty string if there are none."""


class Function(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One check with all its cases."""

    title: str
    groups: tuple[Group, ...]


class Module(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One module of the suite."""

    title: str
    checks: dict[str, Function]


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Anything else."""

    kind: str
    names: tuple[str, ...]
    """The first is the one to show."""
    text: str
    """Paragraphs."""
    requirements: tuple[str, ...] = ()


class Names(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of ``names.json``."""

    suite: dict[str, Module]
    entries: tuple[Entry, ...]

    def encode(self) -> bytes:
        """The bytes of the file: one line for each thing."""
        lines = [f"{_json(name)}:{_json(msgspec.to_builtins(module))}" for name, module in self.suite.items()]
        entries = [_json(entry) for entry in self.entries]
        return (
            '{"suite":{\n' + ",\n".join(lines) + '},\n"entries":[\n' + ",\n".join(entries) + "]}\n"
        ).encode()


class Vector(msgspec.Struct, frozen=True, kw_only=True):
    """One case of a file of vectors."""

    file: str
    id: str
    requirements: tuple[str, ...] = ()
    says: str = ""
    code: str | None = None
    negative: bool = False


@cache
def stored() -> Names:
    """The file as packaged."""
    return msgspec.json.decode(files(__package__).joinpath(FILE).read_bytes(), type=Names)


@cache
def entries() -> Mapping[str, tuple[Entry, ...]]:
    """By each of their names, in lower case."""
    found: dict[str, list[Entry]] = {}
    for entry in stored().entries:
        for name in entry.names:
            found.setdefault(name.lower(), []).append(entry)
    return {name: tuple(each) for name, each in found.items()}


@cache
def vector_files() -> tuple[str, ...]:
    """The files of vectors, without their suffix."""
    found = (path.name for path in _VECTORS.iterdir() if path.name.endswith(".json"))
    return tuple(sorted(name.removesuffix(".json") for name in found if not name.endswith(".schema.json")))


@cache
def vector_file(name: str) -> tuple[str, tuple[Vector, ...]]:
    """The title of a file of vectors, and its cases that have an id."""
    content = msgspec.json.decode(_VECTORS.joinpath(f"{name}.json").read_bytes())
    return content["title"], tuple(_cases(name, content))


@cache
def vectors() -> Mapping[str, tuple[Vector, ...]]:
    """By id, and by file and id with a slash between them, in lower case."""
    found: dict[str, list[Vector]] = {}
    for file in vector_files():
        for case in vector_file(file)[1]:
            for name in (case.id, f"{file}/{case.id}"):
                found.setdefault(name.lower(), []).append(case)
    return {name: tuple(each) for name, each in found.items()}


def _cases(file: str, content: Mapping[str, Any]) -> Iterator[Vector]:
    groups = content.get("groups", [content])
    for case in (case for group in groups for case in group.get("cases", ())):
        if "id" in case:
            code = {"code": case["code"], "negative": True} if "code" in case else {}
            yield Vector(
                file=file,
                id=case["id"],
                requirements=tuple(case.get("requirements", ())),
                says=case.get("says", ""),
                **code,
            )


def record(subject: str) -> str:
    """``ADR 30``, ``adr-0030`` and ``record 30`` as ``adr-0030``; anything else as it is, in lower case."""
    found = _RECORD.fullmatch(subject.lower())
    return f"adr-{int(found[1]):04d}" if found else subject.lower()


def everything() -> Iterator[str]:
    """Every name, cases of checks without their parameters."""
    yield from registry.by_id()
    yield from (code.label for code in Code)
    for module, content in stored().suite.items():
        yield module
        yield from (f"{module}::{name}" for name in content.checks)
    yield from (name for entry in stored().entries for name in entry.names)
    yield from vector_files()
    yield from (case.id for file in vector_files() for case in vector_file(file)[1])


def nearest(subject: str) -> list[str]:
    """Up to three names that look like it, the likeliest first."""
    known = {name.lower(): name for name in everything()}
    sought = subject.lower().partition("[")[0]
    # A check is often named without its module.
    within = [name for name in known if "::" in name and name.partition("::")[2] == sought]
    close = within or get_close_matches(sought, known, n=3, cutoff=0.5) or _holding(sought, known)
    return [known[name] for name in close[:3]]


def _holding(sought: str, known: Iterable[str]) -> list[str]:
    return sorted((name for name in known if len(sought) > 2 and sought in name), key=len)


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
