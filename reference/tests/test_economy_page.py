"""The report: one page with everything in it, also where little was found."""

import re
from dataclasses import replace

import pytest

pytest.importorskip("matplotlib", reason="the figures need matplotlib (eiraku[system])")

from eiraku.reference.economy import page
from eiraku.reference.economy.compare import compare
from eiraku.reference.economy.results import Payments, Results
from eiraku.reference.economy.scenario import Scenario
from eiraku.reference.economy.watching import Silent

TINY = """
title = "<b>Tiny & quick</b>"
people = 5
payments = 25
epochs = 3
[[economies]]
number = 392
name = "JP"
assets = 3000
[habits]
largest = 30
cash = 62
[policy]
what_if = []
transfer_limit = 100
[cheats]
count = 1
[denominations]
largest = 16
"""


@pytest.fixture(scope="module")
def results() -> Results:
    return compare(Scenario.from_toml(TINY), Silent()).main


def rendered(results: Results, *runs: Results) -> str:
    return page.render(results, runs, "eiraku simulate --seed 1").decode()


def test_asks_nothing_of_any_network(results: Results) -> None:
    html = rendered(results, results)
    assert "<script" not in html
    assert "default-src 'none'" in html
    for address in re.findall(r'(?:href|src)="([^"]*)"', html):
        assert address.startswith("#")
    assert "url(http" not in html


def test_has_every_part(results: Results) -> None:
    html = rendered(results, results)
    for part in ("money", "payments", "units", "cheats", "policy", "about"):
        assert f'<section id="{part}">' in html
    assert html.count("<svg ") >= 6
    assert "every cheat who could be named was" in html


def test_text_is_escaped(results: Results) -> None:
    html = rendered(results)
    assert "<b>Tiny" not in html
    assert "&lt;b&gt;Tiny &amp; quick" in html


def test_names_in_figures_are_unique(results: Results) -> None:
    names = re.findall(r'\bid="([^"]*)"', rendered(results, results))
    assert len(names) == len(set(names))


def test_same_results_same_bytes(results: Results) -> None:
    assert rendered(results, results) == rendered(results, results)


def test_colours_come_from_the_page(results: Results) -> None:
    html = rendered(results, results)
    drawn = "".join(re.findall(r"<svg .*?</svg>", html, flags=re.DOTALL))
    assert not re.findall(r"(?:fill|stroke): #", drawn)


def test_wrong_verdicts_are_said(results: Results) -> None:
    html = rendered(replace(results, missed=("JP person 1",), wronged=("JP person 2",)))
    assert "Somebody was named wrongly, or not at all" in html
    assert "Not named: JP person 1." in html
    assert "Wrongly named: JP person 2." in html
    assert "does not verify: JP person 3." in rendered(replace(results, unproven=("JP person 3",)))
    html = rendered(results, replace(results, missed=("JP person 1",)))
    assert "these hop limits went wrong: 5" in html


def test_nothing_found_is_a_page_too(results: Results) -> None:
    empty = replace(
        results,
        interrupted=True,
        payments=Payments(),
        series=(),
        home={},
        reflux={},
        cheats=(),
        events={},
        claims={},
    )
    html = rendered(empty)
    assert "Partial: the run was interrupted" in html
    assert "Nothing was counted." in html
    assert "Nobody cheats in this scenario." in html
