"""The prover's graph of a trace, as it writes it with ``--output-json``: rules, edges, and one order."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from eiraku.models.terms import Term, base, raw
from eiraku.models.theory import Theory

_PROTOCOL: Final = "isProtocolRule"
KNOWS: Final = "Adversary_Knows"
"""Rule of the steps that are made up here: the adversary has what the property says it has not."""
_SOLVED: Final = frozenset(
    {
        _PROTOCOL,
        "isIntruderRule",
        "isDestrRule",
        "isIEqualityRule",
        "isConstrRule",
        "isPubConstrRule",
        "isNatConstrRule",
        "isFreshRule",
        "isIRecvRule",
        "isISendRule",
        "isCoerceRule",
        "unsolvedActionAtom",  # what the adversary can know from itself is left so in a complete trace
        "lastAtom",
    }
)
"""Kinds of node that a complete trace may have."""


class TraceError(Exception):
    """A graph or a record that cannot be read; the message says what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact of a rule's instance."""

    name: str
    """Without the exclamation mark."""
    persistent: bool
    terms: tuple[Term, ...]
    at: str
    """Where edges meet it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One application of a rule, of the protocol or of the adversary."""

    id: str
    rule: str
    protocol: bool
    premises: tuple[Fact, ...]
    actions: tuple[Fact, ...]
    conclusions: tuple[Fact, ...]

    @property
    def state(self) -> tuple[Fact, ...]:
        """Premises of the protocol that are used up."""
        return tuple(f for f in self.premises if not f.persistent and f.name not in ("Fr", "In"))

    def inputs(self, name: str) -> tuple[Term, ...]:
        """Terms of the premises of that name with one term: In, Fr."""
        return tuple(fact.terms[0] for fact in self.premises if fact.name == name and len(fact.terms) == 1)

    @property
    def outputs(self) -> tuple[Term, ...]:
        """Terms that it puts on the network."""
        return tuple(fact.terms[0] for fact in self.conclusions if fact.name == "Out" and fact.terms)


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """All of it."""

    lemma: str
    nodes: dict[str, Node]
    edges: dict[str, str]
    """Place of a premise: place of the conclusion that it comes from."""
    before: frozenset[tuple[str, str]]
    """Pairs of nodes, the earlier first."""


def parse(document: bytes, theory: Theory) -> Graph:
    """The one graph of `document`, a trace of a lemma of `theory`. Raises TraceError."""
    try:
        graphs = msgspec.json.decode(document)["graphs"]
        if len(graphs) != 1:
            raise TraceError(f"expected one graph, found {len(graphs)}: ask the prover for one lemma")
        return _graph(graphs[0], theory)
    except (msgspec.DecodeError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise TraceError(f"this is not a graph as the prover writes it: {error!r}") from error


def _graph(data: dict[str, Any], theory: Theory) -> Graph:
    parts = [data, *data["jgClusters"]]
    listed = [node for part in parts for node in part.get("jgNodes", part.get("jgcNodes", ()))]
    links = [edge for part in parts for edge in part.get("jgEdges", part.get("jgcEdges", ()))]
    strange = sorted({node["jgnType"] for node in listed} - _SOLVED)
    if strange:
        raise TraceError(f"a node of kind {strange[0]}: the graph is not that of a complete trace")
    nodes = {node["jgnId"]: _node(node) for node in listed}
    edges, before = {}, set()
    for link in links:
        source, target = link["jgeSource"], link["jgeTarget"]
        if link["jgeRelation"] == "unsolvedChain":
            raise TraceError("an open chain of deductions: the graph is not that of a complete trace")
        if link["jgeRelation"] != "LessAtoms":
            edges[target] = source
        before.add((source.split(":")[0], target.split(":")[0]))
    used = set(edges.values())
    for node in list(nodes.values()):
        # A K of the property: the adversary "sends" the term, and nobody takes it.
        if not node.protocol and any(a.name == "K" for a in node.actions) and f"{node.id}:c0" not in used:
            nodes[node.id] = _knowing(node)
    unknown = sorted(
        {n.rule for n in nodes.values() if n.protocol} - {KNOWS, *(rule.name for rule in theory.rules)}
    )
    if unknown:
        raise TraceError(f"theory {theory.name} has no rule {unknown[0]} under these flags")
    if not any(node.protocol for node in nodes.values()):
        raise TraceError("the graph has no step of the protocol")
    known = {(a, b) for a, b in before if a in nodes and b in nodes}
    return Graph(lemma=_lemma(data["jgLabel"], theory), nodes=nodes, edges=edges, before=frozenset(known))


def _lemma(label: str, theory: Theory) -> str:
    """The label is ``trace_THEORY_OPTIONS_LEMMA-CASE-CASE``."""
    rest = label.removeprefix(f"trace_{theory.name}_").partition("_")[2]
    fitting = [each.name for each in theory.lemmas if rest == each.name or rest.startswith(f"{each.name}-")]
    if not fitting:
        raise TraceError(f"the graph is labelled {label[:80]}, which names no lemma of theory {theory.name}")
    return max(fitting, key=len)


def _node(data: dict[str, Any]) -> Node:
    facts = data.get("jgnMetadata") or {}
    return Node(
        id=data["jgnId"],
        rule=data["jgnLabel"],
        protocol=data["jgnType"] == _PROTOCOL,
        premises=tuple(map(_fact, facts.get("jgnPrems", ()))),
        actions=tuple(map(_fact, facts.get("jgnActs", ()))),
        conclusions=tuple(map(_fact, facts.get("jgnConcs", ()))),
    )


def _knowing(node: Node) -> Node:
    """The step that shows what the adversary knows in the end."""
    term = next(fact.terms for fact in node.actions if fact.name == "K")
    taken = Fact(name="In", persistent=False, terms=term, at=f"{node.id}:in")
    actions = tuple(fact for fact in node.actions if fact.name == "K")
    return Node(id=node.id, rule=KNOWS, protocol=True, premises=(taken,), actions=actions, conclusions=())


def _fact(data: dict[str, Any]) -> Fact:
    return Fact(
        name=data["jgnFactName"].removeprefix("!"),
        persistent=data["jgnFactMult"] == "!",
        terms=tuple(map(_term, data["jgnFactTerms"])),
        at=data["jgnFactId"],
    )


def _term(data: dict[str, Any]) -> Term:
    if "jgnConst" in data:
        return Term(data["jgnConst"])
    return Term(data["jgnFunct"], tuple(map(_term, data["jgnParams"])), leaf=False)


def setup(node: Node) -> bool:
    """It takes nothing from the network and from no earlier run: keys, purses, units are made."""
    centre = "entre" in node.rule.split("_")[0] or node.rule.startswith(("Issuer", "Scheme", "Setup"))
    return not node.state and not node.inputs("In") and (centre or not node.outputs)


def in_order(graph: Graph, theory: Theory) -> tuple[Node, ...]:
    """The steps of the protocol, each after those it needs.

    Of several that could come next: setting up, then the answer to the message just sent, then the order of
    the rules in the file. Raises TraceError if the graph has a cycle.
    """
    steps = [node for node in graph.nodes.values() if node.protocol]
    needs = _needs(graph)
    place = {rule.name: at for at, rule in enumerate(theory.rules)}
    place[KNOWS] = len(place)
    done: list[Node] = []
    while len(done) < len(steps):
        passed = {node.id for node in done}
        ready = [node for node in steps if node.id not in passed and needs[node.id] <= passed]
        if not ready:
            raise TraceError("the graph has a cycle")
        last = set(map(raw, done[-1].outputs)) if done else set()
        done.append(min(ready, key=lambda node: _rank(node, last, place)))
    return tuple(done)


def _rank(node: Node, last: set[str], place: dict[str, int]) -> tuple[object, ...]:
    answers = bool(last & set(map(raw, node.inputs("In"))))
    said = " ".join(base(leaf.head) for fact in node.actions for term in fact.terms for leaf in term.leaves())
    return (not setup(node), not answers, place[node.rule], said, len(node.id), node.id)


def _needs(graph: Graph) -> dict[str, set[str]]:
    """For each node of the protocol those of the protocol that come before it."""
    direct: defaultdict[str, set[str]] = defaultdict(set)
    for earlier, later in graph.before:
        direct[later].add(earlier)
    needs: dict[str, set[str]] = {}
    for node in graph.nodes.values():
        seen: set[str] = set()
        stack = list(direct[node.id])
        while stack:
            at = stack.pop()
            if at not in seen:
                seen.add(at)
                stack.extend(direct[at])
        needs[node.id] = {at for at in seen if graph.nodes[at].protocol}
    return needs
