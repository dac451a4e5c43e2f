"""The checks as the page lists them: each once, the cases of one function together."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from eiraku.conformance.results import CheckResult, Outcome, worst


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Cases of one check that stand for the same requirements."""

    anchor: str
    name: str
    """Module and function."""
    title: str
    outcome: Outcome
    """The worst of the cases."""
    requirements: tuple[str, ...]
    results: tuple[CheckResult, ...]

    @property
    def cases(self) -> tuple[tuple[str, CheckResult], ...]:
        """Parameters and result of each case that has any."""
        found = ((result.id.partition("[")[2].removesuffix("]"), result) for result in self.results)
        return tuple((name, result) for name, result in found if name)


class Anchors:
    """Fragments that stay the same from run to run, none twice."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._taken: set[str] = set()

    def of(self, name: str) -> str:
        """A fragment for `name`."""
        base = self._prefix + re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-").lower()
        anchor, count = base, 1
        while anchor in self._taken:
            count += 1
            anchor = f"{base}-{count}"
        self._taken.add(anchor)
        return anchor


def grouped(results: Sequence[CheckResult]) -> tuple[Group, ...]:
    """Every result, in the order of their names."""
    found: dict[tuple[str, str, tuple[str, ...]], list[CheckResult]] = {}
    for result in sorted(results, key=lambda each: each.id):
        name = result.id.partition("[")[0]
        found.setdefault((name, result.title, result.requirements), []).append(result)
    anchors = Anchors("c-")
    return tuple(
        Group(
            anchor=anchors.of(name.replace("test_", "")),
            name=name,
            title=title,
            outcome=worst([case.outcome for case in cases]),
            requirements=requirements,
            results=tuple(cases),
        )
        for (name, title, requirements), cases in found.items()
    )


def by_requirement(groups: Sequence[Group]) -> dict[str, tuple[Group, ...]]:
    """The groups of each requirement that any of them names."""
    found: dict[str, list[Group]] = {}
    for group in groups:
        for requirement in group.requirements:
            found.setdefault(requirement, []).append(group)
    return {requirement: tuple(named) for requirement, named in found.items()}


def by_module(groups: Sequence[Group]) -> dict[str, tuple[Group, ...]]:
    """The groups of each module."""
    found: dict[str, list[Group]] = {}
    for group in groups:
        found.setdefault(group.name.partition("::")[0], []).append(group)
    return {module: tuple(held) for module, held in found.items()}
