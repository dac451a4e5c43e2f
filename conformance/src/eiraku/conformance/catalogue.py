"""The checks of a suite as data: what each tests, what it needs, and whether this run includes it."""

from collections.abc import Mapping
from pathlib import PurePosixPath

import msgspec
import pytest

from eiraku.conformance import shards
from eiraku.conformance.results import KNOWN_CAPABILITIES, Check, Level, Shard


def check_id(nodeid: str) -> str:
    """The stable id: pytest's node id with the module's name in place of its path."""
    path, _, rest = nodeid.partition("::")
    return f"{PurePosixPath(path).stem}::{rest}"


def build_catalogue(items: list[pytest.Item], keywords: Mapping[str, str]) -> dict[str, Check]:
    """All checks by id. Raises pytest.UsageError that lists every defect of the suite's markers.

    ``keywords`` are those of the known requirements, by id.
    """
    catalogue: dict[str, Check] = {}
    defects: list[str] = []
    places: dict[object, str] = {}
    for item in items:
        # Cases of one function stand in one place, and pytest takes its time to find it.
        function = getattr(item, "function", item)
        place = places.get(function)
        if place is None:
            place = places[function] = f"{item.path.name}:{(item.location[1] or 0) + 1}"
        check, problems = _check(item, place, keywords)
        if check.id in catalogue:
            problems.append("its id is taken by another check; give modules distinct names")
        catalogue[check.id] = check
        # So that an expression of --only can name requirements as well.
        item.extra_keyword_matches.update(check.requirements)
        defects += [f"{check.id}: {problem}" for problem in problems]
    if defects:
        raise pytest.UsageError("the suite is at fault:\n" + "\n".join(defects))
    return catalogue


def _check(item: pytest.Item, place: str, keywords: Mapping[str, str]) -> tuple[Check, list[str]]:
    problems = []
    requirements = _arguments(item, "requirement")
    needs = _arguments(item, "needs")
    levels = next((mark.args for mark in item.iter_markers("level")), ("standard",))
    if not requirements:
        problems.append('it has no marker requirement("EPP-...")')
    problems += [f"there is no requirement {name}" for name in requirements if name not in keywords]
    problems += [f"there is no capability {name}" for name in needs if name not in KNOWN_CAPABILITIES]
    if len(levels) != 1 or levels[0] not in list(Level):
        problems.append(f"level{levels!r} is none of smoke, standard, full")
        levels = ("standard",)
    documentation = getattr(getattr(item, "function", None), "__doc__", None) or item.name
    check = Check(
        id=check_id(item.nodeid),
        title=documentation.strip().splitlines()[0],
        location=place,
        requirements=requirements,
        level=Level(levels[0]),
        needs=needs,
    )
    return check, problems


def _arguments(item: pytest.Item, marker: str) -> tuple[str, ...]:
    return tuple(sorted({argument for mark in item.iter_markers(marker) for argument in mark.args}))


def deselect(
    items: list[pytest.Item],
    catalogue: dict[str, Check],
    level: Level,
    shard: Shard | None,
    config: pytest.Config,
) -> None:
    """Take out of ``items`` what is above ``level``, of another shard, or not ``--wallet-only``; note why."""
    only = config.getoption("wallet_only")
    of = shards.deal(catalogue.values(), level, shard.of) if shard else {}
    kept, left_out = [], []
    for item in items:
        check = catalogue[check_id(item.nodeid)]
        reason = ""
        if check.level.rank > level.rank:
            reason = f"belongs to level {check.level}"
        elif shard and of[check.id] != shard:
            reason = shards.reason(of[check.id])
        elif only and not matches(check, only):
            reason = f"not selected by {only}"
        if reason:
            catalogue[check.id] = msgspec.structs.replace(check, deselected=reason)
            left_out.append(item)
        else:
            kept.append(item)
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = kept


def matches(check: Check, only: str) -> bool:
    """Whether ``only`` names ``check``: its id, its id up to the parameters, its module or a requirement."""
    module, _, name = check.id.partition("::")
    return only in {check.id, f"{module}::{name.partition('[')[0]}", module, *check.requirements}


def selection(config: pytest.Config) -> list[str]:
    """What narrows the run down, for the report: options of `eiraku certify`, and of pytest besides."""
    options = (
        ("--only", "wallet_only"),
        ("-k", "keyword"),
        ("-m", "markexpr"),
        ("--deselect", "deselect"),
    )
    found = [(flag, config.getoption(name, default=None)) for flag, name in options]
    return [f"{flag} {value}" for flag, value in found if value]
