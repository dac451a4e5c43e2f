"""Scenarios: what is read, what is refused, and what the refusal says."""

from pathlib import Path

import pytest

from eiraku.reference.settings import SettingsError
from eiraku.system.economy.scenario import Scenario, default

ONE = '[[economies]]\nnumber = 392\nname = "JP"\n'


def test_default_is_complete() -> None:
    scenario = default()
    assert sum(map(scenario.people_of, scenario.economies)) == scenario.people
    assert Scenario.from_mapping(scenario.to_mapping()) == scenario


def test_everything_but_an_economy_may_be_left_out() -> None:
    scenario = Scenario.from_toml(ONE)
    assert scenario.policy.hop_limit == 5
    assert scenario.economies[0].banks == 1


@pytest.mark.parametrize(
    ("text", "where", "expected"),
    (
        ("", "economies", "at least one"),
        ("economies = 3", "economies", "at least one"),
        ("people = [", "", "TOML 1.0"),
        ("persons = 3\n" + ONE, "persons", "one of the names title, seed, people"),
        ("people = 1\n" + ONE, "people", "an integer from 2 to 100000, found 1"),
        ("people = true\n" + ONE, "people", "an integer"),
        ("people = 3.0\n" + ONE, "people", "an integer"),
        ('title = ""\n' + ONE, "title", "text of 1 to 80"),
        (ONE + "colour = 1", "economies[0].colour", "one of the names number, name"),
        ("[[economies]]\nnumber = 392", "economies[0].name", "text"),
        ('[[economies]]\nname = "JP"', "economies[0].number", "an integer from 1"),
        (ONE + ONE, "economies[1].number", "another number"),
        (ONE + "[faults]\nnever = 2", "faults.never", "a number from 0 to 1, found 2"),
        (ONE + "[faults]\nnever = nan", "faults.never", "a number from 0 to 1"),
        (ONE + "[faults]\nnever = true", "faults.never", "a number"),
        ("faults = 3\n" + ONE, "faults", "a table"),
        (ONE + "[policy]\nwhat_if = [0]", "policy.what_if[0]", "an integer from 1 to 200, found 0"),
        (ONE + "[policy]\nclaim_grace = 2", "policy.claim_grace", "more than redemption_grace"),
        (ONE + "[policy]\ntransfer_limit = 10", "habits.largest", "at most policy.transfer_limit"),
        (ONE + "[habits]\nswap = 15", "habits.swap", "at most policy.unit_lifetime less 2"),
        (ONE + "[denominations]\nlargest = 100", "denominations.largest", "a power of two"),
        ("people = 3\n" + ONE, "cheats.count", "at most the number of people"),
    ),
)
def test_refused(text: str, where: str, expected: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Scenario.from_toml(text)
    assert refused.value.field == where
    assert expected in refused.value.expected


def test_changes_are_checked() -> None:
    with pytest.raises(SettingsError, match="people"):
        default().changed(people=1)
    with pytest.raises(SettingsError, match="persons: expected one of the names"):
        default().changed(persons=10)
    with pytest.raises(SettingsError, match=r"policy\.hop_limit"):
        default().with_hop_limit(0)
    with pytest.raises(SettingsError, match=r"policy\.what_if"):
        default().with_what_if((201,))


def test_files(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="a text file that can be read"):
        Scenario.from_file(tmp_path / "missing.toml")
    path = tmp_path / "latin.toml"
    path.write_bytes(b'title = "\xe9"')
    with pytest.raises(SettingsError, match="UTF-8"):
        Scenario.from_file(path)


def test_people_are_shared_out_exactly() -> None:
    for people in range(4, 40):
        scenario = default().changed(people=people)
        counts = [scenario.people_of(economy) for economy in scenario.economies]
        assert sum(counts) == people
        for economy, count in zip(scenario.economies, counts, strict=True):
            assert abs(count - people * economy.share / 10) < 1


def test_hop_limit_counts_payments_between_visits() -> None:
    scenario = default().with_hop_limit(1)
    # EPP-HIS-005: one move to the person, one payment
    assert scenario.max_hops == scenario.purse_policy().max_hops == 2
