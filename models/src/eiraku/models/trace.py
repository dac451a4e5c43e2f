"""A recorded attack: what each party does, sends and receives, in one order, with readable names.

The prover's graph of a trace (``--output-json``) holds every deduction of the adversary. A record keeps the
steps of the protocol and says of each received message where it comes from: an earlier message, or pieces of
several. The same attack gives the same record, whatever the prover calls its variables.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

import msgspec

from eiraku.models.actors import Cast, cast, role, words
from eiraku.models.attackgraph import Node, TraceError, in_order, parse, setup
from eiraku.models.knowledge import Knowledge, needed, witnesses
from eiraku.models.terms import Printer, Term, raw
from eiraku.models.theory import Theory

__all__ = ["Actor", "Name", "Part", "Received", "Sent", "Step", "Trace", "TraceError", "load", "read", "save"]

FORMAT: Final = 1


class Actor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who acts."""

    name: str
    """Short, unique: it stands in terms too, where the theory names purses."""
    kind: str
    """purse, centre, party (without a number) or adversary."""
    roles: tuple[str, ...]
    """In words: "payer"."""

    @property
    def label(self) -> str:
        """For a heading."""
        return f"purse {self.name}" if self.kind == "purse" else self.name


class Name(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the legend."""

    short: str
    meaning: str
    """A longer term, or who made a fresh value."""


class Part(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A piece of a message that the adversary composes."""

    term: str
    message: int
    """The message it is taken from; 0 if the adversary made it up."""
    keys: tuple["Part", ...] = ()
    """What the message was opened with."""


class Received(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message that a step takes from the network."""

    term: str
    origin: str
    """delivered: as sent, for the first time. repeated: as sent, again. built: composed by the adversary."""
    message: int = 0
    """The message sent, unless composed."""
    parts: tuple[Part, ...] = ()
    """Of a composed message. None: everything in it is public."""


class Sent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A message put on the network."""

    number: int
    term: str
    used: bool
    """Whether anything is done with it later."""


class Step(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One application of a rule."""

    number: int
    rule: str
    actor: str
    words: str
    """What the rule's name says is done."""
    on: tuple[str, ...] = ()
    """Where not one purse acts: the purses that it concerns."""
    setup: bool = False
    """It happens before the attack begins: keys, purses, units."""
    received: tuple[Received, ...] = ()
    sent: tuple[Sent, ...] = ()
    actions: tuple[str, ...] = ()
    """Facts, as the theory's lemmas name them."""
    marks: tuple[str, ...] = ()
    """Those of them that the property speaks of."""


class Trace(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One attack (or one honest run)."""

    format: int
    theory: str
    lemma: str
    quantifier: str
    """"all-traces": an attack on the lemma; "exists-trace": the run that it asks for."""
    actors: tuple[Actor, ...]
    steps: tuple[Step, ...]
    names: tuple[Name, ...]
    """Legend: fresh values, then longer terms."""


def read(document: bytes, theory: Theory) -> Trace:
    """The record of the one graph in `document`, as the prover wrote it for a lemma of `theory`.

    `theory` was loaded with the flags under which the prover ran. Raises TraceError.
    """
    graph = parse(document, theory)
    nodes = needed(graph, in_order(graph, theory), theory)
    people = cast(nodes)
    printer = Printer(people.names, frozenset(people.kinds))
    said = theory.lemma(graph.lemma)
    telling = _Telling(nodes=nodes, people=people, printer=printer, known=Knowledge(graph, nodes))
    steps = telling.steps(witnesses(graph, nodes, theory), frozenset({"K", *(said.actions if said else ())}))
    return Trace(
        format=FORMAT,
        theory=theory.name,
        lemma=graph.lemma,
        quantifier=said.quantifier if said else "",
        actors=_actors(nodes, people, steps),
        steps=steps,
        names=_legend(nodes, people, printer, steps),
    )


def save(trace: Trace, *, name: str, folder: Path | None = None) -> Path:
    """Write a record where `load` finds it; `name` is the removed check, or the lemma. Returns the file."""
    where = (folder or Path(str(_attacks()))) / trace.theory
    where.mkdir(parents=True, exist_ok=True)
    file = where / f"{name}.json"
    file.write_bytes(msgspec.json.format(msgspec.json.encode(trace), indent=1) + b"\n")
    return file


def load(theory: str, name: str, *, folder: Path | None = None) -> Trace | None:
    """The record of that name, None if there is none. Raises TraceError if it cannot be read."""
    file = (folder or _attacks()) / theory / f"{name}.json"
    if not file.is_file():
        return None
    try:
        trace = msgspec.json.decode(file.read_bytes(), type=Trace)
    except msgspec.DecodeError as error:
        raise TraceError(f"attacks/{theory}/{name}.json: {error}") from error
    if trace.format != FORMAT:
        raise TraceError(f"attacks/{theory}/{name}.json has format {trace.format}, expected {FORMAT}")
    return trace


def names(theory: str) -> tuple[str, ...]:
    """Names of the records of a theory, sorted."""
    folder = _attacks() / theory
    if not folder.is_dir():
        return ()
    return tuple(sorted(file.name[:-5] for file in folder.iterdir() if file.name.endswith(".json")))


def _attacks() -> Traversable:
    return files("eiraku.models") / "attacks"


@dataclass(slots=True, kw_only=True)
class _Telling:
    """Turns nodes into steps, one after the other."""

    nodes: tuple[Node, ...]
    people: Cast
    printer: Printer
    known: Knowledge
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)
    """Number of the message that a node sent."""
    sent: dict[str, int] = field(default_factory=dict)
    """Number of the message, by its term, of those already sent."""
    met: set[int] = field(default_factory=set)
    """Messages that somebody received as they were."""

    def steps(self, shown: frozenset[str], watched: frozenset[str]) -> tuple[Step, ...]:
        """All of them; the property speaks of the actions `watched` of the nodes `shown`."""
        opening = self._opening()
        used = self._used()
        for node in self.nodes:
            for term in node.outputs:
                if node.id not in opening or raw(term) in used:
                    self.numbers[node.id, raw(term)] = len(self.numbers) + 1
        told, count = [], 0
        for node in self.nodes:
            begins = node.id in opening
            count += not begins
            received = tuple(self._received(term, node) for term in node.inputs("In"))
            facts = tuple(f"{f.name}({', '.join(map(self.printer.show, f.terms))})" for f in node.actions)
            told.append(
                Step(
                    number=0 if begins else count,
                    rule=node.rule,
                    actor=self.people.of[node.id],
                    words=words(node.rule.partition("_")[2]) or words(node.rule),
                    on=self.people.on.get(node.id, ()),
                    setup=begins,
                    received=received,
                    sent=tuple(self._sent(node, used)),
                    actions=facts,
                    marks=tuple(
                        text
                        for text, fact in zip(facts, node.actions, strict=True)
                        if node.id in shown and fact.name in watched
                    ),
                )
            )
        return tuple(told)

    def _opening(self) -> set[str]:
        """Nodes with which it begins, before anybody acts."""
        opening: set[str] = set()
        for node in self.nodes:
            if not setup(node):
                break
            opening.add(node.id)
        return opening

    def _used(self) -> set[str]:
        """Messages of which something is received later, as text."""
        return {
            source.message
            for node in self.nodes
            for term in node.inputs("In")
            for source in self.known.sources(term, to=node)
        }

    def _parts(self, term: Term, to: Node, above: frozenset[str] = frozenset()) -> Iterator[Part]:
        """Pieces of a composed message."""
        if raw(term) in above or term.public:
            return
        above |= {raw(term)}
        source = self.known.source(term, to=to)
        if source is None and not term.leaf:
            for each in term.args:
                yield from self._parts(each, to, above)
            return
        inner = source.keys if source is not None else ()
        keys = [part for key in inner for part in self._parts(key, to, above)]
        number = self.sent[source.message] if source is not None else 0
        yield Part(term=self.printer.show(term), message=number, keys=tuple(dict.fromkeys(keys)))

    def _received(self, term: Term, to: Node) -> Received:
        shown = self.printer.message(term)
        source = self.known.whole(term, to=to)
        if source is not None:
            number = self.sent[source.message]
            again = number in self.met
            self.met.add(number)
            return Received(term=shown, origin="repeated" if again else "delivered", message=number)
        parts = dict.fromkeys(self._parts(term, to))
        ordered = sorted(parts, key=lambda part: (part.message == 0, part.message))
        return Received(term=shown, origin="built", parts=tuple(ordered))

    def _sent(self, node: Node, used: set[str]) -> Iterator[Sent]:
        for term in node.outputs:
            number = self.numbers.get((node.id, raw(term)))
            if number is not None:
                self.sent.setdefault(raw(term), number)
                first = self.sent[raw(term)] == number
                shown = self.printer.message(term)
                yield Sent(number=number, term=shown, used=first and raw(term) in used)


def _actors(nodes: tuple[Node, ...], people: Cast, steps: tuple[Step, ...]) -> tuple[Actor, ...]:
    """Those who act after the opening, in the order in which they begin; the adversary last."""
    roles: dict[str, dict[str, None]] = {}
    for node, step in zip(nodes, steps, strict=True):
        if step.setup:
            continue
        if people.kinds[step.actor] == "adversary":
            roles.update({name: {} for name in step.on if name not in roles})
        roles.setdefault(step.actor, {})[words(role(node))] = None
    found = [
        Actor(name=name, kind=people.kinds[name], roles=tuple(held) if people.kinds[name] == "purse" else ())
        for name, held in roles.items()
    ]
    return tuple(sorted(found, key=lambda actor: actor.kind == "adversary"))


def _legend(
    nodes: tuple[Node, ...], people: Cast, printer: Printer, steps: tuple[Step, ...]
) -> tuple[Name, ...]:
    """Fresh values that are mentioned, with who drew them, then longer terms."""
    place = {node.id: step for node, step in zip(nodes, steps, strict=True)}
    drawn = [
        Name(short=name, meaning=_drawn(who, place[at]))
        for name, (at, who) in people.makers.items()
        if name in printer.used and name not in people.kinds
    ]
    return (*drawn, *(Name(short=short, meaning=full) for short, full in printer.legend.items()))


def _drawn(who: str, step: Step) -> str:
    return (
        f"drawn beforehand ({who}: {step.words})" if step.setup else f"drawn by {who} in step {step.number}"
    )
