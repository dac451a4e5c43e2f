"""Checks of the suite, played to the recording wallet, and what was observed: cases of vectors."""

import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import pytest

from eiraku.conformance.vectors.recording import Observed, RecordingStage

LEFT_OUT = {"full"}
"""Levels whose checks repeat a finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """One check with its arguments."""

    name: str
    check: Callable[..., None]
    arguments: dict[str, Any]
    requirements: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Choice:
    """One value of a parametrisation."""

    name: str
    arguments: dict[str, Any]
    marks: tuple[pytest.Mark, ...]


def plays(module: str) -> Iterator[Play]:
    """Every check of a module of the suite, with every choice of its parameters."""
    found = importlib.import_module(f"eiraku.conformance.suite.{module}")
    for name, check in inspect.getmembers(found, inspect.isfunction):
        if name.startswith("test_") and check.__module__ == found.__name__:
            yield from _of(name, check)


def _of(name: str, check: Callable[..., None]) -> Iterator[Play]:
    marks: list[pytest.Mark] = getattr(check, "pytestmark", [])
    choices = [list(_choices(mark)) for mark in marks if mark.name == "parametrize"]
    for chosen in product(*choices):
        every = [*marks, *(mark for choice in chosen for mark in choice.marks)]
        if LEFT_OUT.isdisjoint(arg for mark in every if mark.name == "level" for arg in mark.args):
            yield Play(
                name="-".join([name.removeprefix("test_"), *(choice.name for choice in chosen)]),
                check=check,
                arguments={k: v for choice in chosen for k, v in choice.arguments.items()},
                requirements=tuple(
                    dict.fromkeys(arg for mark in every if mark.name == "requirement" for arg in mark.args)
                ),
            )


def _choices(mark: pytest.Mark) -> Iterator[_Choice]:
    names, given = mark.args
    names = names.replace(" ", "").split(",") if isinstance(names, str) else list(names)
    ids = mark.kwargs.get("ids")
    for index, value in enumerate(given):
        # What `pytest.param` makes, has marks.
        values, marks, own = (
            (value.values, value.marks, value.id)
            if hasattr(value, "marks")
            else (value if len(names) > 1 else (value,), (), None)
        )
        shown = own or (ids(values[0]) if callable(ids) else ids[index] if ids else values[0])
        yield _Choice(
            name=str(shown),
            arguments=dict(zip(names, values, strict=True)),
            marks=tuple(getattr(mark, "mark", mark) for mark in marks),
        )


def observe(stage: RecordingStage, play: Play) -> Sequence[Observed]:
    """Play a check; what was refused in it, and of what was accepted the first of each kind."""
    stage.afresh()
    wanted = set(inspect.signature(play.check).parameters) - play.arguments.keys()
    if wanted != {"stage"}:
        return ()
    play.check(stage=stage, **play.arguments)
    refused = [seen for seen in stage.observed if seen.code is not None]
    kinds, kept = {_kind(seen) for seen in refused}, list(refused)
    for seen in stage.observed:
        if seen.code is None and _kind(seen) in kinds:
            kinds.remove(_kind(seen))
            kept.append(seen)
    return kept


def _kind(seen: Observed) -> tuple[Any, ...]:
    """What a control has in common with what is refused."""
    given = seen.given
    return (given["operation"], given.get("state"), given.get("role"), len(given.get("received", ())))


def slug(text: str) -> str:
    """A text as part of an id."""
    return re.sub(r"[^a-zA-Z0-9._]+", "-", text).strip("-")
