"""What the adversary knows in a trace, and from which messages; which steps matter."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from eiraku.models.attackgraph import Graph, Node
from eiraku.models.terms import Term, raw
from eiraku.models.theory import Theory


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A message that a term is taken from."""

    sender: str
    """The node that sent the message."""
    message: str
    """The message, as `raw` writes it."""
    keys: tuple[Term, ...] = ()
    """What has to be known to open the message."""


class Knowledge:
    """Of the messages that `nodes` send, in this order: where each term can be had."""

    def __init__(self, graph: Graph, nodes: Sequence[Node]) -> None:
        self._place = {node.id: at for at, node in enumerate(nodes)}
        self._whole: dict[str, Source] = {}
        self._plain: dict[str, Source] = {}
        for node in nodes:
            for term in node.outputs:
                source = Source(sender=node.id, message=raw(term))
                self._whole.setdefault(raw(term), source)
                for element in term.flat():
                    self._plain.setdefault(raw(element), source)
        # Where several steps send the same message, the first will do.
        self._opened = {
            text: replace(piece, sender=self._whole.get(piece.message, piece).sender)
            for text, piece in _opened(graph).items()
        }

    def whole(self, term: Term, *, to: Node) -> Source | None:
        """Who sent `term` as it is, before `to`."""
        return self._before(self._whole.get(raw(term)), to)

    def source(self, term: Term, *, to: Node) -> Source | None:
        """The message that the adversary has `term` from, the plainest first; None if it composes it."""
        text = raw(term)
        for known in (self._whole, self._plain, self._opened):
            if found := self._before(known.get(text), to):
                return found
        return None

    def sources(self, term: Term, *, to: Node, above: frozenset[str] = frozenset()) -> Iterator[Source]:
        """Every message that is needed to compose or to open `term`."""
        if raw(term) in above:
            return
        found = self.source(term, to=to)
        if found is not None:
            yield found
        for each in term.args if found is None else found.keys:
            yield from self.sources(each, to=to, above=above | {raw(term)})

    def _before(self, source: Source | None, to: Node) -> Source | None:
        if source is None or source.sender not in self._place:
            return None
        return source if self._place[source.sender] < self._place[to.id] else None


def witnesses(graph: Graph, nodes: Sequence[Node], theory: Theory) -> frozenset[str]:
    """The nodes that show that the lemma is false, or that the run that it asks for exists.

    The prover names them after the time points of the formula, and what the adversary knows is among them;
    where it does not, they are all nodes with an action of which the formula speaks.
    """
    lemma = theory.lemma(graph.lemma)
    times = set(re.findall(r"#\s*(\w+)", lemma.formula)) if lemma else set()
    said = {"K", *(lemma.actions if lemma else ())}
    speaking = [node for node in nodes if any(fact.name in said for fact in node.actions)]
    named = [node for node in speaking if node.id.removeprefix("#").partition(".")[0] in times]
    return frozenset(node.id for node in named or speaking or nodes)


def needed(graph: Graph, nodes: Sequence[Node], theory: Theory) -> tuple[Node, ...]:
    """Those of `nodes`, which are in order, without which the attack would not be one.

    The prover may let the adversary take a piece from a run that has nothing else to do with the attack,
    though it has the piece already. Kept are the witnesses, what a restriction demands, and what these need.
    """
    demanded = {name for each in theory.restrictions for name in _demanded(each.formula)}
    known, places = Knowledge(graph, nodes), {node.id for node in nodes}
    shown = witnesses(graph, nodes, theory)
    kept: set[str] = set()
    left = [node for node in nodes if node.id in shown or any(f.name in demanded for f in node.actions)]
    while left:
        node = left.pop()
        if node.id in kept:
            continue
        kept.add(node.id)
        makers = {graph.edges.get(fact.at, "").split(":")[0] for fact in node.premises}
        for term in node.inputs("In"):
            makers.update(source.sender for source in known.sources(term, to=node))
        left += [graph.nodes[name] for name in makers if name in places]
    return tuple(node for node in nodes if node.id in kept)


def _demanded(formula: str) -> set[str]:
    """Actions of which a restriction says that there must be one."""
    _, arrow, then = formula.partition("==>")
    return set(re.findall(r"\b([A-Z]\w*)\s*\(", then)) if arrow and re.search(r"\bEx\b", then) else set()


def _opened(graph: Graph) -> dict[str, Source]:
    """What the prover's adversary takes out of messages, by the text of the term.

    A piece is followed from where the adversary has it back to the Out that it was taken out of.
    """
    found: dict[str, Source] = {}
    sent = {
        fact.at: (node.id, raw(fact.terms[0]))
        for node in graph.nodes.values()
        if node.protocol
        for fact in node.conclusions
        if fact.name == "Out" and fact.terms
    }
    for node in sorted(graph.nodes.values(), key=lambda each: (len(each.id), each.id)):
        known = next((fact for fact in node.conclusions if fact.name == "KU"), None)
        if node.protocol or known is None or not node.premises or node.premises[0].name != "KD":
            continue
        place: str | None = graph.edges.get(node.premises[0].at)
        keys: list[Term] = []
        passed: set[str] = set()
        while place is not None and place not in sent and place not in passed:
            passed.add(place)
            by = graph.nodes[place.split(":")[0]]
            keys += [fact.terms[0] for fact in by.premises if fact.name == "KU" and fact.terms]
            place = graph.edges.get(f"{by.id}:p0")
        if place is not None and place in sent and known.terms:
            sender, message = sent[place]
            source = Source(sender=sender, message=message, keys=tuple(dict.fromkeys(keys)))
            found.setdefault(raw(known.terms[0]), source)
    return found
