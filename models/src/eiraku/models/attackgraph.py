"""The prover's graph of a trace, as it writes it with ``--output-json``: rules, edges, and one order."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from eiraku.models.terms import Term, base, raw
from eiraku.models.theory import Theory
from eiraku.spec.errors import Refused

_PROTOCOL: Final = "isProtocolRule"
ADVERSARIES: Final = ("Adversary_", "Attacker_", "Intruder_")
CENTRE: Final = re.compile(r"[Cc]entre|Scheme|^(Issuer|Authority|Judge|Setup|Bank)")
PURSE: Final = re.compile(r"Purse|Wallet|Ltk?$|LongTerm")
"""Conventions of the theories: rules of the adversary, roles of centres, and persistent facts whose first
name is that of their owner."""
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


class TraceError(Refused):
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


class _Term(msgspec.Struct, frozen=True):
    """As the prover writes it; so are the next four. What is not needed is not read."""

    jgnConst: str | None = None  # noqa: N815 - the prover's names, here and below
    jgnFunct: str | None = None  # noqa: N815
    jgnParams: tuple["_Term", ...] = ()  # noqa: N815


class _Fact(msgspec.Struct, frozen=True):
    jgnFactName: str  # noqa: N815
    jgnFactMult: str  # noqa: N815
    jgnFactTerms: tuple[_Term, ...]  # noqa: N815
    jgnFactId: str  # noqa: N815


class _Facts(msgspec.Struct, frozen=True):
    jgnPrems: tuple[_Fact, ...]  # noqa: N815
    jgnActs: tuple[_Fact, ...]  # noqa: N815
    jgnConcs: tuple[_Fact, ...]  # noqa: N815


class _Node(msgspec.Struct, frozen=True):
    jgnId: str  # noqa: N815
    jgnType: str  # noqa: N815
    jgnLabel: str  # noqa: N815
    jgnMetadata: _Facts | None = None  # noqa: N815


class _Edge(msgspec.Struct, frozen=True):
    jgeSource: str  # noqa: N815
    jgeTarget: str  # noqa: N815
    jgeRelation: str  # noqa: N815


class _Cluster(msgspec.Struct, frozen=True):
    jgcNodes: tuple[_Node, ...]  # noqa: N815
    jgcEdges: tuple[_Edge, ...]  # noqa: N815


class _Graph(msgspec.Struct, frozen=True):
    jgLabel: str  # noqa: N815
    jgNodes: tuple[_Node, ...]  # noqa: N815
    jgEdges: tuple[_Edge, ...]  # noqa: N815
    jgClusters: tuple[_Cluster, ...]  # noqa: N815


class _Document(msgspec.Struct, frozen=True):
    graphs: tuple[_Graph, ...]


def parse(document: bytes, theory: Theory) -> Graph:
    """The one graph of `document`, a trace of a lemma of `theory`. Raises TraceError."""
    try:
        graphs = msgspec.json.decode(document, type=_Document).graphs
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise TraceError(f"this is not a graph as the prover writes it: {error}") from error
    if len(graphs) != 1:
        raise TraceError(f"expected one graph, found {len(graphs)}: ask the prover for one lemma")
    return _graph(graphs[0], theory)


def _graph(data: _Graph, theory: Theory) -> Graph:
    listed = [*data.jgNodes, *(node for each in data.jgClusters for node in each.jgcNodes)]
    links = [*data.jgEdges, *(edge for each in data.jgClusters for edge in each.jgcEdges)]
    strange = sorted({node.jgnType for node in listed} - _SOLVED)
    if strange:
        raise TraceError(f"a node of kind {strange[0]}: the graph is not that of a complete trace")
    if any(link.jgeRelation == "unsolvedChain" for link in links):
        raise TraceError("an open chain of deductions: the graph is not that of a complete trace")
    nodes = {node.jgnId: _node(node) for node in listed}
    links = [link for link in links if {_at(link.jgeSource), _at(link.jgeTarget)} <= set(nodes)]
    edges = {link.jgeTarget: link.jgeSource for link in links if link.jgeRelation != "LessAtoms"}
    before = {(_at(link.jgeSource), _at(link.jgeTarget)) for link in links}
    for node, target in _hidden(nodes, edges, theory):
        nodes[node.id] = node
        before |= {(_at(edges[target]), node.id), (node.id, _at(target))}
        edges[node.premises[0].at], edges[target] = edges[target], node.conclusions[0].at
    used = set(edges.values())
    for node in list(nodes.values()):
        # A K of the property: the adversary "sends" the term, and nobody takes it.
        if not node.protocol and any(a.name == "K" for a in node.actions) and f"{node.id}:c0" not in used:
            nodes[node.id] = _knowing(node)
    known_rules = {KNOWS, *(rule.name for rule in theory.rules)}
    unknown = sorted({node.rule for node in nodes.values() if node.protocol} - known_rules)
    if unknown:
        raise TraceError(f"theory {theory.name} has no rule {unknown[0]} under these flags")
    if not any(node.protocol for node in nodes.values()):
        raise TraceError("the graph has no step of the protocol")
    return Graph(
        lemma=_lemma(data.jgLabel, theory),
        nodes=nodes,
        edges=edges,
        before=frozenset(before),
    )


def _hidden(nodes: dict[str, Node], edges: dict[str, str], theory: Theory) -> Iterator[tuple[Node, str]]:
    """Steps that the prover leaves out of its graphs, each with the premise that it leads to.

    It does so with rules that say nothing and have one premise and one conclusion. They show where an edge
    ends at another fact than it begins with.
    """
    given = {fact.at: fact for node in nodes.values() for fact in node.conclusions}
    taken = {fact.at: fact for node in nodes.values() for fact in node.premises}
    silent = {(rule.premises, rule.conclusions): rule.name for rule in theory.rules if not rule.actions}
    for target, source in list(edges.items()):
        start, end = given.get(source), taken.get(target)
        if start is None or end is None or start.name == end.name:
            continue
        rule = silent.get((frozenset({start.name}), frozenset({end.name})))
        if rule is not None:
            at = f"{target}/before".replace(":", "/")
            premise, conclusion = replace(start, at=f"{at}:p0"), replace(end, at=f"{at}:c0")
            node = Node(
                id=at, rule=rule, protocol=True, premises=(premise,), actions=(), conclusions=(conclusion,)
            )
            yield node, target


def _at(place: str) -> str:
    """The node of a place ``#i:p0``."""
    return place.partition(":")[0]


def _lemma(label: str, theory: Theory) -> str:
    """The label is ``trace_THEORY_OPTIONS_LEMMA-CASE-CASE``."""
    rest = label.removeprefix(f"trace_{theory.name}_").partition("_")[2]
    fitting = [each.name for each in theory.lemmas if rest == each.name or rest.startswith(f"{each.name}-")]
    if not fitting:
        raise TraceError(f"the graph is labelled {label[:80]}, which names no lemma of theory {theory.name}")
    return max(fitting, key=len)


def _node(data: _Node) -> Node:
    facts = data.jgnMetadata or _Facts((), (), ())
    return Node(
        id=data.jgnId,
        rule=data.jgnLabel,
        protocol=data.jgnType == _PROTOCOL,
        premises=tuple(map(_fact, facts.jgnPrems)),
        actions=tuple(map(_fact, facts.jgnActs)),
        conclusions=tuple(map(_fact, facts.jgnConcs)),
    )


def _knowing(node: Node) -> Node:
    """The step that shows what the adversary knows in the end."""
    term = next(fact.terms for fact in node.actions if fact.name == "K")
    taken = Fact(name="In", persistent=False, terms=term, at=f"{node.id}:in")
    actions = tuple(fact for fact in node.actions if fact.name == "K")
    return Node(id=node.id, rule=KNOWS, protocol=True, premises=(taken,), actions=actions, conclusions=())


def _fact(data: _Fact) -> Fact:
    return Fact(
        name=data.jgnFactName.removeprefix("!"),
        persistent=data.jgnFactMult == "!",
        terms=tuple(map(_term, data.jgnFactTerms)),
        at=data.jgnFactId,
    )


def _term(data: _Term) -> Term:
    if data.jgnConst is not None:
        return Term(data.jgnConst)
    if data.jgnFunct is None:
        raise TraceError("a term that is neither a name nor a function of terms")
    return Term(data.jgnFunct, tuple(map(_term, data.jgnParams)), leaf=False)


def makes_purse(node: Node) -> bool:
    """It leaves a fact that stands for a purse, or for what owns a key."""
    return any(fact.persistent and PURSE.search(fact.name) for fact in node.conclusions)


def setup(node: Node) -> bool:
    """It takes nothing from the network and from no earlier run: keys, purses, units, sessions are made."""
    if node.state or node.inputs("In") or node.rule.startswith(ADVERSARIES):
        return False
    purses = sum(fact.persistent and bool(PURSE.search(fact.name)) for fact in node.premises)
    joint = purses > 1 and not node.outputs
    return bool(CENTRE.search(node.rule.partition("_")[0])) or makes_purse(node) or joint


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
