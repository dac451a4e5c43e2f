"""The HTML page and its diagrams: complete, well formed, and deaf to what a wallet writes into them."""

import base64
import hashlib
import re
import runpy
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from eiraku.cli.judge import names
from eiraku.conformance.results import CheckResult, Evidence, Exchange, Level, Outcome, Run, Step
from eiraku.report.certify.page import render
from eiraku.report.certify.steps import MOST_STEPS, draw
from eiraku.spec import registry

pytestmark = pytest.mark.slow

SAMPLES = runpy.run_path(str(Path(__file__).with_name("report_samples.py")))
sample, hostile, MIXED = (SAMPLES[name] for name in ("sample", "hostile", "MIXED"))

VOID = {"meta", "link", "input", "br"}
RUNS = {
    "passed": sample(),
    "mixed": sample(MIXED),
    "hostile": hostile(),
    "incomplete": sample(dict.fromkeys(range(200, 600), Outcome.NOT_RUN), interrupted="stopped by hand"),
    "no wallet": sample(dict.fromkeys(range(600), Outcome.NOT_RUN), wallet=None, round_trips=()),
    "nothing": sample(results=(), wallet=None),
}


class Page(HTMLParser):
    """Every element with its attributes; fails on tags that do not match."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.raw: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(content.decode("utf-8"))
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] in {"script", "style"}:
            self.raw[self._open[-1]] = self.raw.get(self._open[-1], "") + data
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def having(self, attribute: str) -> list[str]:
        return [attributes[attribute] or "" for _, attributes in self.elements if attribute in attributes]


@pytest.mark.parametrize("name", RUNS)
def test_the_page_stands_alone(name: str) -> None:
    page = Page(render(RUNS[name]))
    assert not page.having("src")
    assert [link for link in page.having("href") if not link.startswith("#")] == ["data:,"]
    assert not re.search(r"url\(|@import|https?:", page.raw["style"] + page.raw["script"])
    ids = page.having("id")
    assert len(ids) == len(set(ids))
    assert {link[1:] for link in page.having("href") if link.startswith("#")} <= set(ids)
    assert set(page.having("aria-labelledby")) <= set(ids)


@pytest.mark.parametrize("name", RUNS)
def test_only_the_own_script_may_run(name: str) -> None:
    page = Page(render(RUNS[name]))
    assert [tag for tag, _ in page.elements].count("script") == 1
    assert not [key for _, attributes in page.elements for key in attributes if key.startswith("on")]
    (policy,) = [content for content in page.having("content") if "script-src" in content]
    digest = base64.b64encode(hashlib.sha256(page.raw["script"].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_hostile_text_is_shown_and_not_obeyed() -> None:
    content = render(hostile())
    assert b"<script>alert" not in content
    assert not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", content)
    assert "\u202e" not in content.decode()
    assert "<script>alert(1)</script>red<U+0000>" in Page(content).text
    assert "{{ 7*7 }}" in Page(content).text


@pytest.mark.parametrize(
    ("name", "words"),
    (
        ("passed", "Conformant {PASS} PASS. Exit code 0."),
        ("mixed", "Non-conformant {PASS} PASS, 1 CRASH"),
        ("incomplete", "stopped by hand"),
        ("no wallet", "The wallet never started"),
    ),
)
def test_the_verdict_is_said_in_words(name: str, words: str) -> None:
    passed = sum(result.outcome is Outcome.PASS for result in RUNS[name].results)
    assert words.format(PASS=passed) in Page(render(RUNS[name])).text


def test_headings_and_tables_can_be_followed_by_ear() -> None:
    page = Page(render(RUNS["mixed"]))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert all("scope" in attributes for tag, attributes in page.elements if tag == "th")
    assert not page.having("title")


def test_every_requirement_has_its_row() -> None:
    """But for those that are not about wallets: of each chapter one row says how many they are."""
    page = Page(render(RUNS["mixed"]))
    every = registry.load()
    expected = {each.id for each in every if each.about_wallets}
    assert {name for name in page.having("id") if name.startswith("EPP-")} == expected
    others = [each.chapter for each in every if not each.about_wallets]
    rows = re.findall(r"(\d+) requirements that are not about wallets", page.text)
    assert sorted(map(int, rows)) == sorted(others.count(chapter) for chapter in set(others))


def test_the_box_beside_the_verdict_names_what_is_about_wallets_and_counts_the_rest() -> None:
    content = render(RUNS["passed"]).decode()
    box = content[content.index("What this verdict does not cover") : content.index('<dl class="facts">')]
    named = re.findall(r'<a href="#(EPP-[A-Z]{3}-\d{3})">', box)
    every = registry.load()
    assert sorted(named) == sorted(each.id for each in every if each.not_tested and each.about_wallets)
    others = sum(not each.about_wallets for each in every)
    assert f"{others} requirements are about centres, services or the specification itself" in box


def test_each_check_stands_once_and_links_go_both_ways() -> None:
    run = sample({4: Outcome.FAIL}, per_requirement=2)
    content = render(run).decode()
    suite = content[content.index('<h2 id="checks">') : content.index('<h2 id="round-trips">')]
    listed = re.findall(r'<li id="(c-[^"]+)">(.*?)</li>', suite)
    assert len(listed) == len({result.id.partition("[")[0] + result.title for result in run.results})
    table = content[content.index('<table class="requirements"') : content.index('<h2 id="checks">')]
    for anchor, said in listed:
        (requirement,) = re.findall(r'href="#(EPP-[^"]+)"', said)
        row = table[table.index(f'id="{requirement}"') :].partition("</tr>")[0]
        assert f'href="#{anchor}"' in row
    for result in run.results:
        assert content.count(result.title) == (1 if result.outcome is Outcome.PASS else 3)


def test_what_explains_a_failure_is_not_folded_away() -> None:
    run = sample({4: Outcome.FAIL})
    content = render(run).decode()
    article = content[content.index("<article") : content.index("</article>")]
    folded = "".join(re.findall(r"<details(?: class=\"\w+\")?>.*?</details>", article, re.DOTALL))
    (failed,) = [result for result in run.results if result.outcome is Outcome.FAIL]
    evidence = failed.evidence
    assert evidence is not None
    facts = [fact.value for each in evidence.insights for fact in each.facts]
    steps = [step.data for step in evidence.steps if step.data]
    for decisive in (
        "endorsement: verifies with hop - 1",
        "Violated by the step that failed",
        *facts,
        *steps,
    ):
        assert decisive in article
        assert decisive not in folded
    assert "verifies with payer and payee exchanged" in folded
    assert article.index('href="#EPP-HIS-001"') < article.index(f'href="#{failed.requirements[0]}"')


def test_other_texts_than_those_of_the_run_are_announced() -> None:
    run = sample()
    other = msgspec.structs.replace(run.requirement_set, digest="00" * 32)
    page = Page(render(msgspec.structs.replace(run, requirement_set=other)))
    assert "which is not the one this run was judged against" in page.text
    assert "which is not the one this run" not in Page(render(run)).text


def crowded() -> Run:
    """A thousand checks, sixty failures, each with all the evidence the harness keeps."""
    long = Evidence(
        expected="e" * 9000,
        actual="a" * 9000,
        steps=tuple(
            Step(source="suite", target="wallet", label="TRANSFER", data="ab" * 2000, decoded="d" * 9000)
            for _ in range(40)
        ),
        exchanges=tuple(
            Exchange(seq=n, request='{"a":' * 160, response='{"a":' * 160, milliseconds=1.0)
            for n in range(24)
        ),
        stderr="s" * 60_000,
        traceback="t" * 60_000,
    )
    run = sample(dict.fromkeys(range(0, 960, 16), Outcome.FAIL), per_requirement=6)
    results = tuple(msgspec.structs.replace(r, evidence=r.evidence and long) for r in run.results)
    large: Run = msgspec.structs.replace(run, results=results)
    return large


def test_a_large_run_stays_readable() -> None:
    """The page has every requirement with its text and its checks."""
    requirements = len(registry.load())
    content = render(crowded())
    assert len(content) < 5_000 * requirements
    everywhere = sample(dict.fromkeys(range(1000), Outcome.FAIL), per_requirement=6)
    assert len(render(everywhere)) < 9_000 * requirements


def test_a_conformant_run_at_standard_takes_less_than_a_megabyte() -> None:
    """With the names and titles of the suite's own checks."""
    results = tuple(
        CheckResult(
            id=f"{module}::{name}{f'[{case}]' if case else ''}",
            title=function.title,
            location=f"{module}.py:1",
            requirements=group.requirements,
            level=Level(group.level),
            outcome=Outcome.PASS,
        )
        for module, content in names.stored().suite.items()
        for name, function in content.checks.items()
        for group in function.groups
        for case in group.cases
        if group.level != "full"
    )
    assert len(results) > 5_000
    assert len(render(sample(results=results))) < 1_000_000


# --- diagrams -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("actual", "marked", "words"),
    (("", 4, "stopped here"), ("verified", 2, "failed here"), ("anything else", 4, "stopped here")),
)
def test_a_diagram_has_one_arrow_per_step_and_marks_one(actual: str, marked: int, words: str) -> None:
    steps = SAMPLES["evidence"](SAMPLES["random"].Random(2), Outcome.FAIL).steps
    root = ET.fromstring(draw(steps, actual))
    groups = root.findall("g")
    assert len(groups) == len(steps)
    assert [at for at, group in enumerate(groups) if "stop" in group.attrib["class"].split()] == [marked]
    assert words in ET.tostring(groups[marked], encoding="unicode")
    assert "412 bytes" in ET.tostring(groups[-1], encoding="unicode")
    assert "suite (peer)" in ET.tostring(root, encoding="unicode")


def test_a_diagram_of_nothing_is_nothing() -> None:
    assert not draw(())


def test_a_long_diagram_shows_its_end() -> None:
    steps = [Step(source="suite", target="wallet", label=f"step {n}") for n in range(100)]
    drawn = draw(steps)
    assert ">step 99<" in drawn
    assert ">step 1<" not in drawn
    assert f"{100 - MOST_STEPS} before" in drawn


@pytest.mark.parametrize("parties", (("wallet",), ("suite", "holder", "wallet"), ("a", "b", "c", "d")))
def test_any_number_of_parties_can_be_drawn(parties: tuple[str, ...]) -> None:
    steps = [Step(source=a, target=b, label="x") for a in parties for b in parties]
    root = ET.fromstring(draw(steps))
    width = float(root.attrib["width"])
    assert all(0 <= float(element.attrib["x"]) <= width for element in root.iter("text"))
