"""The report: one page with everything in it, also where little was found."""

import re
from dataclasses import replace

import pytest

pytest.importorskip("matplotlib", reason="the figures need matplotlib (eiraku[system])")

from eiraku.system.economy import page
from eiraku.system.economy.compare import compare
from eiraku.system.economy.results import Payments, Results
from eiraku.system.economy.scenario import Scenario
from eiraku.system.economy.watching import Silent
from eiraku.testing.bench import Bench

pytestmark = pytest.mark.slow

TINY = """
title = "<b>Tiny & quick</b>"
seed = 2
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
    return compare(Scenario.from_toml(TINY), Silent(), Bench()).main


def rendered(results: Results, *runs: Results) -> str:
    return page.render(results, runs, "eiraku simulate --seed 1").decode()


@pytest.fixture(scope="module")
def html(results: Results) -> str:
    return rendered(results, results)


def test_asks_nothing_of_any_network(html: str) -> None:
    assert "<script" not in html
    assert "default-src 'none'" in html
    for address in re.findall(r'(?:href|src)="([^"]*)"', html):
        assert address.startswith("#")
    assert "url(http" not in html


def test_has_every_part(html: str) -> None:
    for part in ("money", "payments", "units", "cheats", "policy", "about"):
        assert f'<section id="{part}">' in html
    assert html.count("<svg ") >= 6
    assert "every cheat who could be named was" in html


def test_text_is_escaped(html: str) -> None:
    assert "<b>Tiny" not in html
    assert "&lt;b&gt;Tiny &amp; quick" in html


def test_names_in_figures_are_unique(html: str) -> None:
    names = re.findall(r'\bid="([^"]*)"', html)
    assert len(names) == len(set(names))


def test_same_results_same_bytes(results: Results, html: str) -> None:
    assert rendered(results, results) == html


def test_colours_come_from_the_page(html: str) -> None:
    drawn = "".join(re.findall(r"<svg .*?</svg>", html, flags=re.DOTALL))
    assert drawn
    assert not re.findall(r"(?:fill|stroke): #", drawn)


def test_wrong_verdicts_are_said(results: Results) -> None:
    missed = replace(results, missed=("JP person 1",))
    wrong = replace(missed, wronged=("JP person 2",), unproven=("JP person 3",))
    tone, word, lines = page.verdict(wrong, ())
    assert (tone, word) == ("fail", "Somebody was named wrongly, or not at all")
    assert "Not named: JP person 1." in lines
    assert "Wrongly named: JP person 2." in lines
    assert "Named on evidence that does not verify: JP person 3." in lines
    tone, _, lines = page.verdict(results, (results, missed))
    assert tone == "fail"
    assert "In the comparison, these hop limits went wrong: 5." in lines


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
