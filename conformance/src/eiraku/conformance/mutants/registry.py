"""Every mutant: the reference wallet with one defect, and what the suite must make of it.

A mutant is declared where its defect is described, in one of the modules of `AREAS`, through the `Area` of
that module. Each is a patch:

- `AREA.edits`: a text in the source of a function of the reference, changed;
- `@AREA.replaces` on a function that stands in for functions of the reference;
- `AREA.sets`: another value for a constant of the reference;
- `@AREA.makes` on a function that makes all patches of one wallet: several at once, or with a memory.

The name is that of the decorated function or the one given; the summary the first line of its docstring.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any, TypedDict, TypeVar, Unpack

from eiraku.conformance.mutants.related import related
from eiraku.conformance.mutants.wallet import Make, MutantWallet
from eiraku.spec.errors import Misuse
from eiraku.testing.patches import edit

AREAS = (
    "provisioning",
    "encoding",
    "keys",
    "key_lists",
    "key_changes",
    "scheme_keys",
    "purse_ids",
    "units",
    "bulletins",
    "revoked_lists",
    "purposes",
    "handshake",
    "negotiation",
    "records",
    "turns",
    "payer",
    "offers",
    "payee",
    "commits",
    "recovery",
    "memory",
    "restarts",
    "room",
    "purses",
    "policies",
    "privacy",
    "widths",
    "news",
    "bounds",
    "recognition",
    "crossings",
    "gross",
)
"""Modules of this package that declare mutants; also the parts of the kill matrix."""

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One defective wallet."""

    name: str
    requirement: str
    """The requirement that it violates."""
    summary: str
    """What it does, in one line."""
    area: str
    make: Make = field(repr=False)
    expected: tuple[str, ...]
    """Checks that must fail: ids of requirements, or patterns (`fnmatch`) of check ids. Each must be met."""
    collateral: Mapping[str, str]
    """Other checks that may fail, by the same kinds of names, each with the reason."""
    survives: str = ""
    """Why the suite does not kill it; empty if it does."""

    def wallet(self) -> MutantWallet:
        """A new wallet with the defect."""
        return MutantWallet(self.name, self.make)

    @property
    def selector(self) -> str:
        """For `--wallet`: in the suite's own process."""
        return f"python:eiraku.conformance.mutants:{self.name}"


_MUTANTS: dict[str, Mutant] = {}


@cache
def mutants() -> dict[str, Mutant]:
    """All mutants by name, in the order of their areas and declarations."""
    for area in AREAS:
        import_module(f"eiraku.conformance.mutants.{area}")
    return dict(sorted(_MUTANTS.items(), key=lambda item: AREAS.index(item[1].area)))


def find(name: str) -> Mutant:
    """One mutant. Raises Misuse."""
    known = mutants()
    if name not in known:
        near = get_close_matches(name, known, n=3, cutoff=0.4)
        hint = f"the nearest are {', '.join(near)}" if near else "list them with: eiraku mutants --list"
        raise Misuse(f"there is no mutant {name!r}; {hint}")
    return known[name]


class Verdict(TypedDict, total=False):
    """What the suite must make of a mutant, where it is not just that its requirement's checks fail."""

    expected: tuple[str, ...]
    collateral: Mapping[str, str]
    survives: str


class Area:
    """The mutants of one part of the specification; `module`: `__name__` of the file that declares them."""

    def __init__(self, module: str) -> None:
        self.name = module.rpartition(".")[2]

    def edits(
        self,
        requirement: str,
        name: str,
        summary: str,
        function: Callable[..., Any],
        *changes: tuple[str, str],
        **verdict: Unpack[Verdict],
    ) -> None:
        """Declare the reference with one function's source changed: each `(old, new)`, found exactly once."""
        self._add(requirement, name, summary, lambda: [edit(function, *changes)], verdict)

    def sets(
        self,
        requirement: str,
        name: str,
        summary: str,
        place: tuple[ModuleType | type, str],
        value: object,
        **verdict: Unpack[Verdict],
    ) -> None:
        """Declare the reference with the constant, or whatever else is at `place`, being `value`."""
        patch = (place[0], place[1], value)
        self._add(requirement, name, summary, lambda: [patch], verdict)

    def replaces(
        self, requirement: str, *places: tuple[ModuleType | type, str], **verdict: Unpack[Verdict]
    ) -> Callable[[F], F]:
        """Declare the decorated function, standing in for those at `places`."""

        def declare(function: F) -> F:
            patches = [(owner, name, function) for owner, name in places]
            self._add(requirement, function.__name__, function.__doc__ or "", lambda: patches, verdict)
            return function

        return declare

    def makes(self, requirement: str, **verdict: Unpack[Verdict]) -> Callable[[Make], Make]:
        """Declare the decorated function, which makes the patches of one wallet."""

        def declare(make: Make) -> Make:
            self._add(requirement, str(getattr(make, "__name__", "")), make.__doc__ or "", make, verdict)
            return make

        return declare

    def _add(self, requirement: str, name: str, documentation: str, make: Make, verdict: Verdict) -> None:
        if name in _MUTANTS:
            raise ValueError(f"two mutants are called {name}")
        _MUTANTS[name] = Mutant(
            name=name,
            requirement=requirement,
            summary=documentation.strip().splitlines()[0],
            area=self.name,
            make=make,
            expected=verdict.get("expected") or (requirement,),
            collateral={**verdict.get("collateral", {}), **related(name, requirement)},
            survives=verdict.get("survives", ""),
        )
