"""Measurements run and measure; how fast things are is no matter of tests."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from eiraku.cli.study import measure, measure_services

pytestmark = pytest.mark.slow


def test_both_ways_are_measured(tmp_path: Path) -> None:
    found = measure_services.measure(tmp_path, 2)
    assert set(found) == {"signed request", "pay-in, a whole session"}
    assert all(milliseconds > 0 for pair in found.values() for milliseconds in pair)


def test_lists_are_measured() -> None:
    words = ["bulletins", "10000", "200000", "--revoked", "2000", "--changes", "20"]
    done = CliRunner().invoke(measure.main, words)
    assert done.exit_code == 0, done.output
    head, _, *rows = done.output.splitlines()
    assert len(rows) == 2
    for row in rows:
        cells = dict(zip(head.split(" | "), row.split(" | "), strict=True))
        bits, chunks = float(cells["bits a number"]), int(cells["chunks"])
        assert (3 < bits < 10, chunks) == (True, 1)
        assert int(cells["bytes of the delta"]) < 80
    assert CliRunner().invoke(measure.main, ["bulletins", "100", "--revoked", "100"]).exit_code == 2


def test_the_register_is_measured() -> None:
    done = CliRunner().invoke(measure.main, ["wholesale", "10", "20"])
    assert done.exit_code == 0, done.output
    assert "postings a second" in done.output
    rows = [line for line in done.output.splitlines() if line.startswith(("| 10 |", "| 20 |"))]
    assert [row.count("|") for row in rows] == [10, 10]


@pytest.mark.parametrize(
    "words",
    (
        ["services", "--rounds", "0"],
        ["services", "--rounds", "101"],
        ["services", "2"],
        ["wholesale"],
        ["wholesale", "2"],
        ["wholesale", "many"],
    ),
)
def test_misuse(words: list[str]) -> None:
    assert CliRunner().invoke(measure.main, words).exit_code == 2
