"""Every requirement is tested, or says why it cannot be; and no check is without a requirement."""

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import msgspec
import pytest

from eiraku.cli.judge import names
from eiraku.cli.maintain import naming
from eiraku.conformance import SUITE_FOLDER
from eiraku.conformance.findings import stored_catalogue
from eiraku.conformance.results import Check, Level, parts
from eiraku.spec import registry

Checks = dict[str, list[tuple[str, Level]]]


@pytest.fixture(scope="module")
def suite() -> list[Check]:
    """The checks, from a process of its own: pytest in pytest shares plugins."""
    command = [sys.executable, "-c", "from eiraku.cli import entry; entry()", "list", "--json"]
    done = subprocess.run(command, capture_output=True, check=True, timeout=300)
    return msgspec.convert(msgspec.json.decode(done.stdout)["checks"], list[Check])


@pytest.fixture(scope="module")
def checks(suite: list[Check]) -> Checks:
    """Checks (id, level) by requirement."""
    found = defaultdict(list)
    for check in suite:
        assert check.requirements, check.id
        for requirement in check.requirements:
            found[requirement].append((check.id, check.level))
    return found


def test_the_catalogue_is_that_of_the_suite(suite: list[Check]) -> None:
    """`eiraku maintain catalogue --write` writes it."""
    assert stored_catalogue() == parts(suite)


def test_what_explain_knows_is_up_to_date(suite: list[Check]) -> None:
    """`eiraku maintain names --write` writes it."""
    made = naming.gather(suite, Path(__file__).resolve().parents[2] / "docs", SUITE_FOLDER)
    assert made == names.stored()


def test_a_requirement_that_can_be_tested_is_tested_at_standard(
    checks: Checks,
) -> None:
    bare = [
        requirement.id
        for requirement in registry.load()
        if not requirement.not_tested
        and not any(level != Level.FULL for _, level in checks.get(requirement.id, []))
    ]
    assert bare == []


def test_a_requirement_that_says_it_is_not_tested_is_not(checks: Checks) -> None:
    both = [r.id for r in registry.load() if r.not_tested and checks.get(r.id)]
    assert both == []


def test_every_chapter_with_checks_has_some_at_smoke(checks: Checks) -> None:
    chapters = {r.chapter for r in registry.load() if not r.not_tested}
    quick = {
        r.chapter for r in registry.load() if any(level == Level.SMOKE for _, level in checks.get(r.id, []))
    }
    assert chapters - quick == set()
