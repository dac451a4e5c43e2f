"""Terms of the prover, and how they are written for people."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

_LONG: Final = 26
"""Characters from which a term gets a name in the legend."""
_ATOM = re.compile(r"[~$%#]?([A-Za-z]\w*?)(?:\.(\d+))?$")
_INFIX: Final = {"Mult": "*", "Union": " ++ ", "Xor": " XOR "}
_KINDS: Final = {
    "sign": "sig",
    "aenc": "enc",
    "senc": "enc",
    "aead": "enc",
    "hash": "hash",
    "h": "hash",
    "exp": "dh",
}


@dataclass(frozen=True, slots=True)
class Term:
    """A name, constant or variable (`leaf`), or a function applied to terms."""

    head: str
    args: tuple["Term", ...] = ()
    leaf: bool = True

    @property
    def fresh(self) -> bool:
        """Somebody drew it at random."""
        return self.leaf and self.head.startswith("~")

    @property
    def public(self) -> bool:
        """Everybody knows it: a constant, a public name, a number."""
        return (self.leaf and self.head[:1] in "'$%") or (not self.leaf and not self.args)

    def leaves(self) -> Iterator["Term"]:
        """Every leaf, from left to right."""
        if self.leaf:
            yield self
        for each in self.args:
            yield from each.leaves()

    def walk(self) -> Iterator["Term"]:
        """The term and everything in it."""
        yield self
        for each in self.args:
            yield from each.walk()

    def flat(self) -> tuple["Term", ...]:
        """The elements of a tuple, which nests to the right; of anything else itself."""
        if self.leaf or self.head != "pair" or len(self.args) != 2:
            return (self,)
        return (self.args[0], *self.args[1].flat())


def raw(term: Term) -> str:
    """One text for each term, for comparison."""
    return term.head if term.leaf else f"{term.head}({','.join(map(raw, term.args))})"


def base(name: str) -> str:
    """The name of a variable without its sort and numbers: ``~k.1`` and ``~k1`` are k."""
    found = _ATOM.match(name)
    return (found[1].rstrip("0123456789") or found[1]) if found else name


@dataclass(slots=True)
class Printer:
    """Writes terms, and remembers which names it gave to long ones.

    `names` are names of leaves, as the prover writes them, with what to call them; `people` are the names
    among them that stand for a party.
    """

    names: Mapping[str, str]
    people: frozenset[str] = frozenset()
    legend: dict[str, str] = field(default_factory=dict)
    """Name of a longer term, and the term, in order of first use."""
    used: set[str] = field(default_factory=set)
    """Names of leaves that were written."""
    _given: dict[str, str] = field(default_factory=dict)
    _known: dict[str, str] = field(default_factory=dict)

    def message(self, term: Term) -> str:
        """A whole message: its outermost shape is always written out."""
        parts = term.flat()
        if len(parts) > 1:
            return ", ".join(map(self.show, parts))
        return term.head if term.leaf and term.head.startswith("'") else self._written(term)

    def show(self, term: Term) -> str:
        """A term inside something: by its name in the legend if it is long."""
        if term.leaf or len(self._plain(term)) <= _LONG or (term.head == "pair" and not self._tag(term)):
            return self._written(term)
        key = raw(term)
        if key not in self._known:
            self._known[key] = name = self._unused(self._kind(term))
            self.legend[name] = ""  # keeps its place before the names of what is in it
            self.legend[name] = self._written(term)
        return self._known[key]

    def _written(self, term: Term) -> str:
        if term.leaf:
            return self._leaf(term.head)
        if term.head == "pair":
            return f"<{', '.join(map(self.show, term.flat()))}>"
        return _join(term, [self.show(each) for each in term.args])

    def _plain(self, term: Term) -> str:
        if term.leaf:
            return self.names.get(term.head, base(term.head))
        shown = [self._plain(each) for each in (term.flat() if term.head == "pair" else term.args)]
        return f"<{', '.join(shown)}>" if term.head == "pair" else _join(term, shown)

    def _leaf(self, head: str) -> str:
        if head[:1] == "'" or head.isdigit():
            return head
        name = self.names.get(head) or self._given.get(head)
        if name is None:
            name = self._given[head] = self._unused(base(head))
        self.used.add(name)
        return name

    def _kind(self, term: Term) -> str:
        """``hopSig`` for a signature over a tuple that begins with 'hop'; ``privA`` if only A is in it."""
        kind = _KINDS.get(term.head, term.head)
        if term.head == "pair":
            return self._tag(term)
        tag = next((found for each in term.args if (found := self._tag(each))), "")
        if tag:
            return tag + kind[:1].upper() + kind[1:]
        inside = {self.names.get(leaf.head, "") for leaf in term.leaves()} & self.people
        return kind + min(inside) if len(inside) == 1 else kind

    def _tag(self, term: Term) -> str:
        """The constant with which a tuple begins, as a name: ``'EPP/1 unit'`` is unit."""
        first = term.flat()[0]
        if term.leaf or term.head != "pair" or not (first.leaf and first.head.startswith("'")):
            return ""
        if all(each.leaf and each.head.startswith("'") for each in term.flat()):
            return ""
        words = re.findall(r"[A-Za-z]\w*", first.head.removeprefix("'EPP/1 "))
        tag = "".join(word.lower() if word.isupper() else word[:1].upper() + word[1:] for word in words)
        return tag[:1].lower() + tag[1:]

    def _unused(self, wanted: str) -> str:
        taken = {*self.names.values(), *self._given.values(), *self.legend}
        name, count = wanted, 1
        while name in taken:
            count += 1
            name = f"{wanted}{count}"
        return name


def _join(term: Term, shown: list[str]) -> str:
    if term.head in ("tone", "one") and not shown:
        return "1"
    if term.head == "NatPlus":
        ones = shown.count("1")
        others = [each for each in shown if each != "1"]
        return f"({' + '.join([*others, str(ones)] if ones else others)})" if others else str(ones)
    if term.head == "exp" and len(shown) == 2:
        return f"{shown[0]}^{shown[1]}"
    if term.head in _INFIX:
        return f"({_INFIX[term.head].join(shown)})"
    return f"{term.head}({', '.join(shown)})" if shown else term.head
