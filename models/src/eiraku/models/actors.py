"""Who acts in a trace: purses by the numbers that the theory gives them, centres, the adversary."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from eiraku.models.attackgraph import ADVERSARIES, CENTRE, PURSE, Fact, Node, setup
from eiraku.models.terms import Term, base, raw

ADVERSARY: Final = "adversary"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The parties of one trace."""

    of: dict[str, str]
    """Node: name of who acts."""
    on: dict[str, tuple[str, ...]]
    """Node of anybody but one purse: the purses that it concerns."""
    kinds: dict[str, str]
    """Name: purse, centre, party or adversary."""
    names: dict[str, str]
    """Names of leaves as the prover writes them: names to show."""
    makers: dict[str, tuple[str, str]]
    """Shown name of a fresh value: the node that drew it and who that is."""


def role(node: Node) -> str:
    """First part of the rule's name."""
    return node.rule.partition("_")[0]


def words(camel: str) -> str:
    """``SendsTwoUnits`` as three words."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", camel).lower()


def cast(nodes: Sequence[Node]) -> Cast:
    """Everybody in `nodes`, which are in order."""
    numbers = _numbers(nodes)
    ids = {each.head for each in numbers}
    owners = {node.id: _owner(node, ids) for node in nodes}
    shown = _purse_names(nodes, owners, numbers)
    names = _leaf_names(nodes, shown)
    of, kinds, on = {}, {}, {}
    for node in nodes:
        number = owners[node.id]
        if node.rule.startswith(ADVERSARIES):
            who, kind = ADVERSARY, "adversary"
        elif CENTRE.search(role(node)):
            who, kind = words(role(node)), "centre"
        elif number and not _joint(node, ids):
            who, kind = shown[number], "purse"
        else:
            who, kind = words(role(node)), "party"
        of[node.id] = who
        kinds[who] = kind
        if kind != "purse":
            on[node.id] = tuple(shown[each] for each in _concerned(node, ids) or ([number] if number else []))
            kinds.update(dict.fromkeys(on[node.id], "purse"))
    makers = {
        names[term.head]: (node.id, of[node.id])
        for node in nodes
        for term in node.inputs("Fr")
        if term.head in names
    }
    return Cast(of=of, on=on, kinds=kinds, names=names, makers=makers)


def _numbers(nodes: Sequence[Node]) -> list[Term]:
    """Names of purses, in order of their making."""
    found: dict[Term, None] = {}
    for node in nodes:
        for fact in node.conclusions:
            if fact.persistent and PURSE.search(fact.name) and not node.state:
                first = next((term for term in fact.terms if term.leaf and term.head[:1] in "~$"), None)
                if first is not None and (first in _atoms(node.inputs("Fr")) or first.head.startswith("$")):
                    found[first] = None
    return list(found)


def _owner(node: Node, ids: set[str]) -> str:
    """The purse that a rule belongs to.

    Whose state it uses up; else whose purse fact it needs, and if it needs several, whose state it leaves, or
    who is named first in what it says it does; else whoever its other facts name.
    """
    own = [fact for fact in node.premises if fact.persistent and PURSE.search(fact.name)]
    other = [fact for fact in node.premises if fact.persistent and fact not in own]
    left = [fact for fact in node.conclusions if not fact.persistent and fact.name != "Out"]
    several = len({_owner_of(fact, ids) for fact in own}) > 1
    chosen = (node.state, left, node.actions, own) if several else (node.state, own, other, node.actions)
    for facts in chosen:
        for fact in facts:
            for term in (*(t for t in fact.terms if t.leaf), *_atoms(fact.terms)):
                if term.head in ids:
                    return term.head
    return ""


def _joint(node: Node, ids: set[str]) -> bool:
    """Several purses at once."""
    purses = {_owner_of(fact, ids) for fact in node.premises if fact.persistent and PURSE.search(fact.name)}
    return setup(node) and len(purses - {""}) > 1


def _owner_of(fact: Fact, ids: set[str]) -> str:
    return next((term.head for term in fact.terms if term.head in ids), "")


def _atoms(terms: Iterable[Term]) -> Iterator[Term]:
    for term in terms:
        yield from term.leaves()


def _purse_names(nodes: Sequence[Node], owners: dict[str, str], numbers: Sequence[Term]) -> dict[str, str]:
    """A, B, C for purses, in the order in which they begin to act."""
    acting = [owners[node.id] for node in nodes if not setup(node) and owners[node.id]]
    order = list(dict.fromkeys([*acting, *(each.head for each in numbers)]))
    letters = iter("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return {number: next(letters, number) for number in order}


def _leaf_names(nodes: Sequence[Node], shown: dict[str, str]) -> dict[str, str]:
    keys = {
        raw(term.args[-1])
        for node in nodes
        for fact in (*node.premises, *node.conclusions)
        for whole in fact.terms
        for term in whole.walk()
        if term.head in ("pk", "sign") and term.args
    }
    names: dict[str, str] = {}
    for number, who in shown.items():
        names[number] = f"key{who}" if number in keys and number.startswith("~") else who
    taken = {*names.values(), *shown.values()}
    for node in nodes:
        purse = next((shown[t.head] for t in _born(node) if t.head in shown), "")
        for term in node.inputs("Fr"):
            if term.head in names:
                continue
            # The prover may call it keyA after a rule in which its owner is A; here the owner may be C.
            wanted = base(term.head)
            if purse:
                wanted = "key" if term.head in keys else re.sub(r"(?<=[a-z0-9])[A-Z]$", "", wanted)
                wanted += purse
            name, count = wanted, 1
            while name in taken:
                count += 1
                name = f"{wanted}{count}"
            taken.add(name)
            names[term.head] = name
    return names


def _born(node: Node) -> Iterator[Term]:
    """First names in the purse facts that a node makes."""
    for fact in node.conclusions:
        if fact.persistent and PURSE.search(fact.name):
            yield from (term for term in fact.terms if term.leaf)


def _concerned(node: Node, ids: set[str]) -> list[str]:
    """The purses whose own facts a node takes or makes."""
    facts = [f for f in (*node.premises, *node.conclusions) if f.persistent and PURSE.search(f.name)]
    return list(dict.fromkeys(owner for fact in facts if (owner := _owner_of(fact, ids))))
