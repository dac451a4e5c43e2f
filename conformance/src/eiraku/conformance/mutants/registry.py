"""Every mutant: the reference wallet with one defect, and what the suite must make of it.

A mutant is declared where its defect is written, in one of the modules of `AREAS`:

- `@defect` on a subclass of `Checks`, `Purse`, `Device` or `Store`, or of several of them;
- `@replaces` on a function that stands in for a function of the reference while the wallet works;
- `omits` for a check that is simply not made.

The name is that of the class or function, in snake_case; the summary is the first line of its docstring.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import NamedTuple, TypeVar

from eiraku.conformance.mutants.related import related
from eiraku.conformance.mutants.wallet import MutantWallet, Parts, Patch
from eiraku.reference.purse.checks import Checks
from eiraku.spec.errors import Misuse

AREAS = (
    "provisioning",
    "encoding",
    "keys",
    "purse_ids",
    "units",
    "bulletins",
    "handshake",
    "negotiation",
    "records",
    "turns",
    "payer",
    "offers",
    "payee",
    "commits",
    "recovery",
    "policies",
    "privacy",
    "gross",
)
"""Modules of this package that declare mutants; also the parts of the kill matrix."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One defective wallet."""

    name: str
    requirement: str
    """The requirement that it violates."""
    summary: str
    """What it does, in one line."""
    area: str
    parts: Parts = field(repr=False)
    expected: tuple[str, ...]
    """Checks that must fail: ids of requirements, or patterns (`fnmatch`) of check ids. Each must be met."""
    collateral: Mapping[str, str]
    """Other checks that may fail, by the same kinds of names, each with the reason."""
    survives: str = ""
    """Why the suite does not kill it; empty if it does."""

    def wallet(self) -> MutantWallet:
        """A new wallet with the defect."""
        return MutantWallet(self.name, self.parts)

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


def defect(
    requirement: str,
    *,
    expected: tuple[str, ...] = (),
    collateral: Mapping[str, str] | None = None,
    survives: str = "",
) -> Callable[[type[T]], type[T]]:
    """Declare a subclass of a part of the reference wallet as a mutant of `requirement`.

    `expected` is the requirement itself unless given.
    """

    def declare(part: type[T]) -> type[T]:
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", part.__name__).lower()
        mutant = _Named(name, part.__doc__ or "", part.__module__, Parts.of(part))
        _add(mutant, requirement, expected=expected, collateral=collateral, survives=survives)
        return part

    return declare


def replaces(
    requirement: str,
    *places: tuple[ModuleType, str],
    expected: tuple[str, ...] = (),
    collateral: Mapping[str, str] | None = None,
    survives: str = "",
) -> Callable[[T], T]:
    """Declare a function that stands in for those at `places` as a mutant of `requirement`."""

    def declare(function: T) -> T:
        parts = Parts(patches=tuple(Patch(owner=owner, name=name, value=function) for owner, name in places))
        name = str(getattr(function, "__name__", ""))
        mutant = _Named(name, function.__doc__ or "", function.__module__, parts)
        _add(mutant, requirement, expected=expected, collateral=collateral, survives=survives)
        return function

    return declare


def omits(
    area: str,
    name: str,
    method: str,
    requirement: str,
    summary: str,
    *,
    result: object = None,
    collateral: Mapping[str, str] | None = None,
) -> None:
    """Declare a mutant that lacks one method of `Checks`: it always gives `result`."""
    mutant = _Named(name, summary, area, Parts(checks_class=lacking(method, result=result)))
    _add(mutant, requirement, collateral=collateral)


def lacking(*methods: str, result: object = None) -> type[Checks]:
    """Checks without these methods: they always give `result`. Raises ValueError for an unknown one."""

    def accept(*_: object, **__: object) -> object:
        return result

    for method in methods:
        if not callable(getattr(Checks, method, None)):
            raise ValueError(f"Checks has no method {method}")
    return type("Lacking", (Checks,), dict.fromkeys(methods, accept))


def sets(
    area: str,
    name: str,
    place: tuple[ModuleType, str],
    requirement: str,
    summary: str,
    *,
    value: object,
    collateral: Mapping[str, str] | None = None,
) -> None:
    """Declare a mutant in which the constant at `place` of the reference is `value`."""
    owner, attribute = place
    parts = Parts(patches=(Patch(owner=owner, name=attribute, value=value),))
    _add(_Named(name, summary, area, parts), requirement, collateral=collateral)


class _Named(NamedTuple):
    name: str
    documentation: str
    module: str
    parts: Parts


def _add(
    mutant: _Named,
    requirement: str,
    *,
    expected: tuple[str, ...] = (),
    collateral: Mapping[str, str] | None,
    survives: str = "",
) -> None:
    if mutant.name in _MUTANTS:
        raise ValueError(f"two mutants are called {mutant.name}")
    _MUTANTS[mutant.name] = Mutant(
        name=mutant.name,
        requirement=requirement,
        summary=mutant.documentation.strip().splitlines()[0],
        area=mutant.module.rpartition(".")[2],
        parts=mutant.parts,
        expected=expected or (requirement,),
        collateral={**(collateral or {}), **related(mutant.name, requirement)},
        survives=survives,
    )
