"""What the models find without a check, and the suite's checks that replay it, belong together."""

from functools import cache

import pytest

from eiraku.conformance import runner
from eiraku.conformance.mutants.registry import find, mutants
from eiraku.conformance.results import Check
from eiraku.models import manifest, theory
from eiraku.models.manifest import FLAWED, Removed
from eiraku.spec import registry

REMOVED = {
    f"{name}-{removed.name}": removed
    for name in theory.names()
    if name not in FLAWED
    for removed in manifest.load(name).removed
}
ROWS = [pytest.param(removed, id=name) for name, removed in REMOVED.items()]


@cache
def catalogue() -> dict[str, list[Check]]:
    """Checks by module and function, without their parameters."""
    by_function: dict[str, list[Check]] = {}
    for check in runner.collect().values():
        by_function.setdefault(check.id.partition("[")[0], []).append(check)
    return by_function


def black_box(removed: Removed) -> bool:
    """Whether a wallet can be tested for the check: those of the centre, and the untestable, are not."""
    return any(not registry.by_id()[name].not_tested for name in removed.requirements)


@pytest.mark.parametrize("removed", ROWS)
def test_every_removed_check_of_a_purse_is_replayed(removed: Removed) -> None:
    assert bool(removed.tests) == black_box(removed)


@pytest.mark.parametrize("removed", ROWS)
def test_what_replays_it_exists_and_names_the_requirement(removed: Removed) -> None:
    for test in removed.tests:
        assert test in catalogue(), f"the suite has no {test}"
        named = {name for check in catalogue()[test] for name in check.requirements}
        wanted = {find(name).requirement for name in removed.mutants} | set(removed.requirements)
        assert named & wanted, f"{test} names none of {sorted(wanted)}"


@pytest.mark.parametrize("removed", ROWS)
def test_its_mutants_exist(removed: Removed) -> None:
    assert set(removed.mutants) <= set(mutants())


def test_every_replayed_attack_belongs_to_a_removed_check() -> None:
    replays = {name for name in catalogue() if name.startswith("test_attacks_")}
    claimed = {test for removed in REMOVED.values() for test in removed.tests}
    assert replays <= claimed
