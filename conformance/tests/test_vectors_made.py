"""The negative files are what the generator makes: tables as a whole, of the played checks every so many."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from eiraku.conformance.vectors import files, played
from eiraku.spec.vectors import forms

pytestmark = pytest.mark.slow

EVERY = 23
"""Playing all of them takes minutes; ``eiraku maintain vectors --check`` does."""
Json = dict[str, Any]


@pytest.mark.parametrize("name", ("negative-encoding.json", "negative-objects.json"))
def test_a_file_made_from_tables_is_current(name: str) -> None:
    assert forms.render(files.FILES[name]()) == forms.read(name), "run eiraku maintain vectors --write"


def whole(content: Json) -> Iterator[tuple[str, str, str | None, set[str]]]:
    """What is given, the input, the code and the requirements of each case, with all that it shares."""
    for group in content["groups"]:
        given = {k: v for k, v in group.items() if k not in {"id", "cases", "right"}}
        if given.get("purse") is not None:
            given["purse"] = content["purses"][given["purse"]]
        for case in group["cases"]:
            data = {**group["right"], **case["input"]} if "right" in group else case["input"]
            rules = set(case["requirements"])
            yield json.dumps(given, sort_keys=True), json.dumps(data, sort_keys=True), case["code"], rules


@pytest.mark.parametrize("name", files.PLAYED)
def test_a_file_made_from_checks_is_current(name: str) -> None:
    found: Json = json.loads(forms.read(f"negative-{name}.json"))
    known = {(given, data): (code, rules) for given, data, code, rules in whole(found)}
    plays = list(files.played(name))
    made = list(whole(files.gather(name, plays[::EVERY])))
    assert len(made) > 5
    for given, data, code, rules in made:
        # What is long is kept once for each code.
        if max(len(given), len(data)) < files.LONG:
            assert (given, data) in known, f"{code} {rules}: run eiraku maintain vectors --write"
            assert known[given, data][0] == code
            assert rules <= known[given, data][1]


def test_every_beginning_names_a_check() -> None:
    for modules in files.PLAYED.values():
        for module, beginnings in modules.items():
            names = [play.name for play in played.plays(module)]
            assert all(any(name.startswith(beginning) for name in names) for beginning in beginnings)
