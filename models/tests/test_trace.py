"""Graphs of the prover become records that are the same each time, or are refused in words."""

import contextlib
import json
import random
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eiraku.models import theory, trace
from eiraku.models.trace import Trace, TraceError

DATA = Path(__file__).parent / "data"
GRAPHS = {
    "forged-unit": ("pay", "no_unit_signature"),
    "hidden-step": ("hidden", None),
    "honest-payment": ("pay", None),
    "leaked-key": ("leak", None),
    "repeated-payment": ("replay", "no_seen_set"),
}
"""Graphs as the prover wrote them, without the fields that only repeat terms as text."""


def theory_of(name: str) -> theory.Theory:
    file, flag = GRAPHS[name]
    return theory.parse((DATA / f"{file}.spthy").read_text(), flags=frozenset({flag} if flag else ()))


def recorded(name: str) -> Trace:
    return trace.read((DATA / f"{name}.json").read_bytes(), theory_of(name))


def plain(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((DATA / f"{name}.json").read_text())
    return document


def read(document: object, name: str) -> Trace:
    return trace.read(json.dumps(document).encode(), theory_of(name))


def acts(found: Trace) -> list[tuple[str, str]]:
    return [(step.actor, step.words) for step in found.steps if not step.setup]


def test_repeated_message_is_told_from_delivered() -> None:
    found = recorded("repeated-payment")
    assert found.lemma == "no_double_credit"
    assert acts(found) == [("A", "pay"), ("B", "credit"), ("B", "credit")]
    first, second = found.steps[-2].received, found.steps[-1].received
    assert [(each.origin, each.message) for each in (*first, *second)] == [("delivered", 2), ("repeated", 2)]
    assert found.steps[-1].marks == ("Credited(t, u, pk(keyB))",)


def test_composed_message_has_its_pieces() -> None:
    found = recorded("forged-unit")
    assert acts(found)[0] == ("adversary", "breaks chip")
    assert found.steps[-1].words == "credits any unit"
    (forged,) = found.steps[-1].received
    assert forged.origin == "built"
    pieces = {part.term: part.message for part in forged.parts}
    assert pieces["keyA"] == 1
    assert pieces["seal"] == pieces["u"] == 0


def test_what_the_adversary_knows_is_a_step() -> None:
    found = recorded("leaked-key")
    last = found.steps[-1]
    assert (last.actor, last.words, last.marks) == ("adversary", "knows", ("K(k)",))
    (secret,) = last.received[0].parts
    assert (secret.term, secret.message) == ("k", 3)
    assert [(key.term, key.message) for key in secret.keys] == [("keyA", 1)]


def test_honest_run_has_no_adversary() -> None:
    found = recorded("honest-payment")
    assert found.quantifier == "exists-trace"
    assert acts(found) == [("A", "requests"), ("B", "pays"), ("A", "credits")]
    assert [actor.kind for actor in found.actors] == ["purse", "purse"]


def test_step_that_the_prover_hides_is_found() -> None:
    assert [words for _, words in acts(recorded("hidden-step"))] == ["pays", "loses power", "pays"]


def test_long_terms_have_names() -> None:
    names = {name.short: name.meaning for name in recorded("repeated-payment").names}
    assert names["hopSig"] == "sign(<'hop', u, h(t), pk(keyB)>, keyA)"
    assert names["t"] == "drawn by A in step 1"


@pytest.mark.parametrize("name", GRAPHS)
def test_record_does_not_depend_on_names_and_order_of_the_prover(name: str) -> None:
    document = plain(name)
    text = re.sub(
        r'"~(\w+?)(\.\d+)?"', lambda found: f'"~{found[1]}.{9 + len(found[2] or "")}"', json.dumps(document)
    )
    if len(set(re.findall(r'"~[\w.]+"', text))) == len(set(re.findall(r'"~[\w.]+"', json.dumps(document)))):
        document = json.loads(text)
    (graph,) = document["graphs"]
    draw = random.Random(7)
    draw.shuffle(graph["jgNodes"])
    draw.shuffle(graph["jgEdges"])
    assert read(document, name) == recorded(name)


@pytest.mark.parametrize("name", GRAPHS)
def test_nodes_may_sit_in_clusters(name: str) -> None:
    document = plain(name)
    (graph,) = document["graphs"]
    half = len(graph["jgNodes"]) // 2
    graph["jgClusters"] = [
        {"jgcName": "x", "jgcNodes": graph["jgNodes"][half:], "jgcEdges": graph["jgEdges"]}
    ]
    graph["jgNodes"], graph["jgEdges"] = graph["jgNodes"][:half], []
    assert read(document, name) == recorded(name)


@pytest.mark.parametrize("name", GRAPHS)
def test_saved_is_loaded(name: str, tmp_path: Path) -> None:
    found = recorded(name)
    file = trace.save(found, name="some_check", folder=tmp_path)
    assert file == tmp_path / found.theory / "some_check.json"
    assert trace.load(found.theory, "some_check", folder=tmp_path) == found
    assert len(file.read_bytes()) < 16_384


def test_no_record_is_none(tmp_path: Path) -> None:
    assert trace.load("pay", "never_recorded", folder=tmp_path) is None


@pytest.mark.parametrize("content", (b"", b"[]", b'{"format": 1}', b"\xff"))
def test_bad_record_is_refused_in_words(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "pay").mkdir()
    (tmp_path / "pay" / "bad.json").write_bytes(content)
    with pytest.raises(TraceError, match=r"attacks/pay/bad\.json"):
        trace.load("pay", "bad", folder=tmp_path)


def test_record_of_another_format_is_refused(tmp_path: Path) -> None:
    file = trace.save(recorded("leaked-key"), name="bad", folder=tmp_path)
    file.write_text(file.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(TraceError, match="format 2, expected 1"):
        trace.load("leak", "bad", folder=tmp_path)


def changed(name: str, **fields: object) -> dict[str, Any]:
    document = plain(name)
    document["graphs"][0].update(fields)
    return document


def with_node(**fields: object) -> dict[str, Any]:
    document = plain("leaked-key")
    document["graphs"][0]["jgNodes"][0].update(fields)
    return document


@pytest.mark.parametrize(
    ("document", "words"),
    (
        ({"graphs": []}, "expected one graph, found 0"),
        ({"graphs": plain("leaked-key")["graphs"] * 2}, "expected one graph, found 2"),
        ({}, "not a graph as the prover writes it"),
        ([], "not a graph as the prover writes it"),
        (changed("leaked-key", jgLabel="trace_other_x_y-1"), "names no lemma of theory leak"),
        (changed("leaked-key", jgNodes=[]), "no step of the protocol"),
        (
            changed(
                "leaked-key", jgEdges=[{"jgeRelation": "unsolvedChain", "jgeSource": "a", "jgeTarget": "b"}]
            ),
            "open chain",
        ),
        (with_node(jgnType="missingNodePrem"), "missingNodePrem"),
        (with_node(jgnType="isProtocolRule", jgnLabel="Nobody_Acts"), "no rule Nobody_Acts"),
    ),
)
def test_strange_graph_is_refused_in_words(document: object, words: str) -> None:
    with pytest.raises(TraceError, match=words):
        read(document, "leaked-key")


def test_cycle_is_refused() -> None:
    document = plain("leaked-key")
    edges = document["graphs"][0]["jgEdges"]
    edges += [
        {**edge, "jgeSource": edge["jgeTarget"], "jgeTarget": edge["jgeSource"], "jgeRelation": "LessAtoms"}
        for edge in edges
    ]
    with pytest.raises(TraceError, match="cycle"):
        read(document, "leaked-key")


@given(st.data())
def test_damaged_graph_never_raises_anything_else(data: st.DataObject) -> None:
    document = plain("leaked-key")
    at: Any = document
    for _ in range(data.draw(st.integers(1, 7))):
        keys = list(at) if isinstance(at, dict) else list(range(len(at))) if isinstance(at, list) else []
        if not keys:
            break
        key = data.draw(st.sampled_from(keys))
        holder, at = at, at[key]
    holder[key] = data.draw(
        st.sampled_from((None, 0, "x", [], {}, [None], {"jgnConst": 3}, {}, "#i:c0", "isProtocolRule"))
    )
    with contextlib.suppress(TraceError):
        read(document, "leaked-key")


@pytest.mark.skipif(shutil.which("tamarin-prover") is None, reason="tamarin-prover is not on the path")
def test_prover_still_writes_what_is_read_here(tmp_path: Path) -> None:
    graph = tmp_path / "graph.json"
    command = ["tamarin-prover", "--derivcheck-timeout=0", "--prove=key_is_secret", f"--output-json={graph}"]
    limits = ["+RTS", "-N1", "-M2g", "-RTS"]
    subprocess.run(
        [*command, str(DATA / "leak.spthy"), *limits], check=True, capture_output=True, timeout=120
    )
    assert trace.read(graph.read_bytes(), theory_of("leaked-key")) == recorded("leaked-key")
