"""The measurement of services runs and measures; how fast they are is no matter of tests."""

from pathlib import Path

import pytest

from eiraku.cli.study import measure_services


def test_both_ways_are_measured(tmp_path: Path) -> None:
    found = measure_services.measure(tmp_path, 2)
    assert set(found) == {"signed request", "pay-in, a whole session"}
    assert all(milliseconds > 0 for pair in found.values() for milliseconds in pair)


@pytest.mark.parametrize("words", (["0"], ["101"], ["many"], ["1", "2"]))
def test_misuse(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert measure_services.main(words) == 2
    assert "1 to 100" in capsys.readouterr().err
