"""Records are drawn: every step, within the page, escaped; pictures in the documents fit their records."""

import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from eiraku.models import theory, trace
from eiraku.models.trace import Actor, Name, Part, Received, Sent, Step, Trace
from eiraku.report.prove import attack, graph
from eiraku.spec.diagrams import digest, draw

DATA = Path(__file__).resolve().parents[2] / "models" / "tests" / "data"
PICTURES = Path(__file__).resolve().parents[2] / "docs" / "attacks"
GRAPHS = {
    "forged-unit": ("pay", "no_unit_signature"),
    "hidden-step": ("hidden", None),
    "honest-payment": ("pay", None),
    "leaked-key": ("leak", None),
    "repeated-payment": ("replay", "no_seen_set"),
}
LARGEST = 60 * 1024
"""Bytes of a picture that is kept."""


def recorded(name: str) -> Trace:
    file, flag = GRAPHS[name]
    text = (DATA / f"{file}.spthy").read_text()
    return trace.read(
        (DATA / f"{name}.json").read_bytes(), theory.parse(text, flags=frozenset({flag} if flag else ()))
    )


def hostile() -> Trace:
    """Names that would do harm if they were not escaped, and terms without a place to break."""
    bad = "<script>&\"'"
    step = Step(
        number=1,
        rule="A_B",
        actor=bad,
        words=bad,
        received=(Received(term="x" * 400, origin="built", parts=(Part(term=bad, message=0),)),),
        sent=(Sent(number=1, term=f"{bad} " * 40, used=False),),
        marks=(f"{bad}({'y' * 300})",),
    )
    return Trace(
        format=1,
        theory="t",
        lemma=bad,
        quantifier="all-traces",
        actors=(Actor(name=bad, kind="purse", roles=(bad,)),),
        steps=(step,),
        names=(Name(short=bad, meaning=bad),),
    )


def every() -> list[Trace]:
    return [*map(recorded, GRAPHS), hostile()]


def inner(svg: str) -> list[ET.Element]:
    return list(ET.fromstring(svg).iter())


@pytest.mark.parametrize("found", every(), ids=[*GRAPHS, "hostile"])
def test_drawing_stays_within_its_width(found: Trace) -> None:
    svg = attack.svg(found)
    assert "<script" not in svg
    for each in inner(svg):
        if each.tag.endswith("rect"):
            left, width = float(each.attrib["x"]), float(each.attrib["width"])
            assert 0 <= left <= left + width <= attack.WIDTH
        if each.tag.endswith("text") and "x" in each.attrib:
            assert 0 <= float(each.attrib["x"]) <= attack.WIDTH
            assert len(each.text or "") * 5.5 <= attack.WIDTH


@pytest.mark.parametrize("found", every(), ids=[*GRAPHS, "hostile"])
def test_everything_is_in_the_drawing_in_order(found: Trace) -> None:
    svg = attack.svg(found)
    height = float(ET.fromstring(svg).attrib["height"])
    rows = [float(each.attrib["y"]) for each in inner(svg) if each.tag.endswith("text")]
    assert max(rows) <= height
    said = " ".join(each.text or "" for each in inner(svg))
    for step in found.steps:
        assert step.setup or f"{step.number} {step.words}" in re.sub(r"\s+", " ", said)


@pytest.mark.parametrize("name", GRAPHS)
def test_text_says_the_same(name: str) -> None:
    found = recorded(name)
    text = " ".join(attack.text(found, width=80).split())
    for step in found.steps:
        assert step.words in text
        assert all(sent.term in text for sent in step.sent if sent.used)
        assert all(received.term in text for received in step.received)
        assert all(mark in text for mark in step.marks)
    assert all(name.meaning in text for name in found.names)


def test_untouched_message_goes_from_one_purse_to_the_other() -> None:
    svg = attack.svg(recorded("honest-payment"))
    assert svg.count('class="line"') == 3
    assert 'class="arrow made"' not in svg
    assert "shows payment_is_possible" in svg


def test_repeated_message_comes_from_the_adversary_in_red() -> None:
    svg = attack.svg(recorded("repeated-payment"))
    assert svg.count('class="arrow made"') == 1
    assert "message 2 again" in svg
    assert svg.count("note final") == 1
    assert "violates no_double_credit" in svg


def test_origin_of_an_opened_piece() -> None:
    (received,) = recorded("leaked-key").steps[-1].received
    assert attack.origin(received) == "composed by the adversary: k from 3, opened with keyA from 1"


def test_graph_has_every_step_and_is_short() -> None:
    for found in every():
        dot = graph.dot(found)
        for step in found.steps:
            assert step.setup or f"s{step.number} [label=" in dot
        assert len(dot) < 8_000


@pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")
@pytest.mark.parametrize("found", every(), ids=[*GRAPHS, "hostile"])
def test_graph_can_be_drawn(found: Trace) -> None:
    drawn = draw(graph.dot(found))
    ET.fromstring(drawn)
    assert len(drawn) < LARGEST


def test_pictures_in_the_documents_fit_the_records() -> None:
    wanted = dict(graph.pictures())
    kept = {file.name: file for file in PICTURES.glob("*.svg")}
    assert sorted(kept) == sorted(wanted), "run eiraku maintain graphs --write"
    for name, file in kept.items():
        text = file.read_text(encoding="utf-8")
        assert digest(wanted[name]) in text, f"{name} is out of date: run eiraku maintain graphs --write"
        assert len(text) < LARGEST
