"""The benchmark measures what it says; no test here looks at a time."""

import json
from itertools import pairwise

import pytest

from eiraku.cli.study import benchmarks as bench
from eiraku.cli.study.benchmarks import counting, work
from eiraku.reference.crypto import ed25519


def test_the_reference_does_no_more_cryptography_than_the_protocol_needs() -> None:
    counts = work.count()
    for part, needed in work.NEEDED.items():
        assert {name: counts[part][name] for name in needed} == dict(needed), part


def test_counting_leaves_nothing_behind() -> None:
    before = ed25519.verify
    with counting.counting():
        assert ed25519.verify is not before
    assert ed25519.verify is before


def test_a_unit_grows_by_less_than_200_bytes_for_each_hop() -> None:
    sizes = work.growth(3)
    assert all(0 < b - a <= 200 for a, b in pairwise(sizes))


def test_figures_are_complete_and_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--rounds", "1", "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert set(figures["wire_bytes"]) == {*work.HANDSHAKE, *work.TRANSFER}
    for part in ("handshake", "transfer"):
        assert figures[part]["disk"]["ratio"] > 1, "faster than its own cryptography: the floor is wrong"
