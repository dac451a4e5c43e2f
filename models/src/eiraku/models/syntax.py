"""The grammar of a Tamarin theory, as far as the theories here use it: items, facts, attributes.

Terms and formulas are only looked through, for the facts they speak of; the prover reads the rest.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from eiraku.models.tokens import Lines, TheoryError, Token, tokens

_SIGNATURE: Final = ("builtins", "functions", "function", "equations", "macros", "predicates", "predicate")
_ITEMS: Final = ("rule", "lemma", "restriction", "heuristic", "tactic", *_SIGNATURE)
_ATTRIBUTE: Final = re.compile(
    r"sources|reuse|use_induction|hide_lemma=\w+|heuristic=(?:[a-zA-Z]+|\{[^{}]+\})|output=\[\w+(?:,\w+)*\]"
)
_TACTIC_SIGNS: Final = frozenset({"presort", "prio", "deprio", ":", "{", "}", "&", "|", "not"})
_WORD: Final = re.compile(r"\w+")
_FACT_NAME: Final = re.compile(r"[A-Z]\w*")
_OPENING: Final = {"(": ")", "[": "]", "{": "}", "<": ">"}  # a term's `<` opens a tuple
_CLOSING: Final = frozenset(_OPENING.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A fact where it is used; `at` is its place in the file."""

    name: str
    arity: int
    persistent: bool
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """A formula: its tokens' texts, the actions it speaks of, and its part of the file."""

    words: tuple[str, ...]
    actions: tuple[Fact, ...]
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleItem:
    """One rule; `restricts` are the formulas in its embedded restrictions."""

    name: str
    at: int
    premises: tuple[Fact, ...]
    actions: tuple[Fact, ...]
    conclusions: tuple[Fact, ...]
    restricts: tuple[Formula, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LemmaItem:
    """One lemma."""

    name: str
    at: int
    attributes: tuple[str, ...]
    quantifier: str
    formula: Formula


@dataclass(frozen=True, slots=True, kw_only=True)
class RestrictionItem:
    """One restriction."""

    name: str
    at: int
    formula: Formula


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A macro or predicate; `words` are its tokens, the first is its name."""

    words: tuple[str, ...]


Item = RuleItem | LemmaItem | RestrictionItem | Definition


class Reader:
    """Reads the items of a theory that has no comments and no directives left."""

    def __init__(self, plain: str) -> None:
        self._tokens = list(tokens(plain))
        self._lines = Lines(plain)
        self._at = 0
        self._end = len(plain)

    def header(self) -> str:
        """`theory NAME begin`; gives the name. Raises TheoryError."""
        self._take("theory")
        name = self._word("the name of the theory")
        self._take("begin")
        return name

    def items(self) -> Iterator[Item]:
        """All items up to `end`, which must be the last word. Raises TheoryError."""
        while not self._next("end"):
            kind = self._word("an item")
            if kind == "rule":
                yield self._rule()
            elif kind == "lemma":
                yield self._lemma()
            elif kind == "restriction":
                yield self._restriction()
            elif kind == "heuristic":
                self._heuristic()
            elif kind == "tactic":
                self._tactic()
            elif kind in _SIGNATURE:
                yield from self._definitions(kind)
            else:
                raise self._error(f"{kind!r} begins no item that is read here: {', '.join(_ITEMS)}", back=1)
        self._take("end")
        if self._at < len(self._tokens):
            raise self._error("the prover ignores what follows 'end'")

    # Items

    def _rule(self) -> RuleItem:
        at = self._here()
        name = self._word("the name of the rule")
        if self._next("["):
            self._skip()
        self._take(":")
        if self._next("let"):
            while not self._next("in"):
                self._any("'in' after the let block")
            self._take("in")
        self._take("[")
        premises, _ = self._facts("]", restricting=False)
        actions: list[Fact] = []
        restricts: list[Formula] = []
        if self._next("-->"):
            self._take("-->")
        else:
            self._take("--[")
            actions, restricts = self._facts("]->", restricting=True)
        self._take("[")
        conclusions, _ = self._facts("]", restricting=False)
        return RuleItem(
            name=name,
            at=at,
            premises=tuple(premises),
            actions=tuple(actions),
            conclusions=tuple(conclusions),
            restricts=tuple(restricts),
        )

    def _lemma(self) -> LemmaItem:
        at = self._here(back=1)
        name = self._word("the name of the lemma")
        attributes: tuple[str, ...] = ()
        if self._next("["):
            attributes = self._attributes()
        self._take(":")
        quantifier = "all-traces"
        for first, last in (("all", "traces"), ("exists", "trace")):
            if self._next(first):
                for word in (first, "-", last):
                    self._take(word)
                quantifier = f"{first}-{last}"
        return LemmaItem(
            name=name, at=at, attributes=attributes, quantifier=quantifier, formula=self._quoted_formula()
        )

    def _restriction(self) -> RestrictionItem:
        at = self._here(back=1)
        name = self._word("the name of the restriction")
        self._take(":")
        return RestrictionItem(name=name, at=at, formula=self._quoted_formula())

    def _heuristic(self) -> None:
        self._take(":")
        while self._next("{") or (self._at < len(self._tokens) and not self._at_item()):
            if self._next("{"):
                self._skip()
            elif "o" in self._word("a ranking").lower():
                raise self._error("an oracle is a file outside the theory; use a tactic", back=1)

    def _tactic(self) -> None:
        self._take(":")
        self._word("the name of the tactic")
        while self._at < len(self._tokens) and not self._at_item():
            word = self._any("a tactic")
            if word in ("presort", "{"):
                closing = word == "{"
                if not closing:
                    self._take(":")
                self._word("a ranking")
                if closing:
                    self._take("}")
            elif word not in _TACTIC_SIGNS and not word.endswith('"'):
                raise self._error(f"{word!r} is not understood in a tactic", back=1)
            elif word.endswith('"') and re.search(r'"\s*(?://|/\*)', word):
                raise self._error("a pattern of a tactic begins like a comment", back=1)

    def _definitions(self, kind: str) -> Iterator[Definition]:
        """The block up to the next item; yields definitions if it is one of macros or predicates."""
        if kind == "equations" and self._next("["):
            self._skip()
        self._take(":")
        first = self._at
        while self._at < len(self._tokens) and not self._at_item():
            if self._tokens[self._at].text in ("(", "["):
                self._skip()
            else:
                self._any("a definition")
        if kind not in ("macros", "predicates", "predicate"):
            return
        block = self._tokens[first : self._at]
        starts = [at for at in range(len(block)) if self._defines(block, at)]
        if not starts or starts[0] != 0:
            raise self._error(f"{kind}: expected NAME(VARIABLES) = .. or <=> ..", back=len(block))
        for start, end in zip(starts, [*starts[1:], len(block)], strict=True):
            words = [token.text for token in block[start:end]]
            yield Definition(words=tuple(words[:-1] if words[-1] == "," else words))

    @staticmethod
    def _defines(block: Sequence[Token], at: int) -> bool:
        """Whether a definition begins at this token: NAME ( .. ) and then = or <=>."""
        if (at and block[at - 1].text != ",") or not _WORD.fullmatch(block[at].text):
            return False
        depth = 0
        for after in range(at + 1, len(block) - 1):
            depth += {"(": 1, ")": -1}.get(block[after].text, 0)
            if depth == 0:
                return block[after].text == ")" and block[after + 1].text in ("=", "<=>")
        return False

    # Parts of items

    def _facts(self, closing: str, *, restricting: bool) -> tuple[list[Fact], list[Formula]]:
        facts: list[Fact] = []
        restricts: list[Formula] = []
        while not self._next(closing):
            if restricting and self._next("_restrict"):
                self._take("_restrict")
                first = self._at + 1
                self._skip(only="()")
                restricts.append(self._formula(first, self._at - 1))
            else:
                facts.append(self._fact())
            if not self._next(closing):
                self._take(",")
        self._take(closing)
        return facts, restricts

    def _fact(self) -> Fact:
        persistent = self._next("!")
        if persistent:
            self._take("!")
        at = self._here()
        name = self._any("a fact")
        if not _FACT_NAME.fullmatch(name):
            raise self._error(f"{name!r} is no name of a fact", back=1)
        arity = self._arguments()
        if self._next("["):
            self._skip()
        return Fact(name=name, arity=arity, persistent=persistent, at=at)

    def _arguments(self) -> int:
        """`( .. )`; gives the number of terms in it."""
        self._take("(")
        count, pending = 0, False
        while not self._next(")"):
            if self._next(","):
                self._take(",")
                count, pending = count + 1, False
            elif self._tokens_left() and self._tokens[self._at].text in _OPENING:
                self._skip()
                pending = True
            elif self._any(")") in _CLOSING:
                raise self._error("expected ')'", back=1)
            else:
                pending = True
        self._take(")")
        return count + pending

    def _attributes(self) -> tuple[str, ...]:
        self._take("[")
        found: list[str] = []
        while not self._next("]"):
            said = ""
            while not self._next("]") and not self._next(","):
                first = self._at
                if self._next("[") or self._next("{"):
                    self._skip()
                else:
                    self._any("an attribute")
                said += "".join(token.text for token in self._tokens[first : self._at])
            if not _ATTRIBUTE.fullmatch(said) or re.fullmatch(r"heuristic=\w*[oO]\w*", said):
                raise self._error(f"the attribute {said!r} is not understood", back=1)
            found.append(said)
            if self._next(","):
                self._take(",")
        self._take("]")
        return tuple(found)

    def _quoted_formula(self) -> Formula:
        self._take('"')
        first = self._at
        while not self._next('"'):
            self._any('a closing " of the formula')
        formula = self._formula(first, self._at)
        self._take('"')
        return formula

    def _formula(self, first: int, after: int) -> Formula:
        """The formula in the tokens from `first` to before `after`."""
        back, self._at = self._at, first
        actions: list[Fact] = []
        while self._at < after:
            word = self._tokens[self._at].text
            following = self._tokens[self._at + 1].text if self._at + 1 < after else ""
            if not _FACT_NAME.fullmatch(word) or following != "(":
                self._any("a formula")
                continue
            fact = self._fact()
            if self._next("@"):
                actions.append(fact)
        self._at = back
        if first == after:
            raise self._error("the formula is empty")
        return Formula(
            words=tuple(token.text for token in self._tokens[first:after]),
            actions=tuple(actions),
            start=self._tokens[first].start,
            end=self._tokens[after].start,
        )

    # Tokens

    def _skip(self, *, only: str = "()[]{}<>") -> None:
        """A bracket with everything up to its partner."""
        start = self._here()
        opened: list[str] = []
        while True:
            if not self._tokens_left():
                raise self._lines.error(start, "this bracket is not closed")
            word = self._any("a bracket")
            if word in _OPENING and word in only:
                opened.append(_OPENING[word])
            elif word in _CLOSING and word in only:
                if word != opened.pop():
                    raise self._error(f"{word!r} closes another bracket", back=1)
                if not opened:
                    return

    def _at_item(self) -> bool:
        """Whether an item begins here, or the end."""
        word = self._tokens[self._at].text
        after = self._tokens[self._at + 1].text if self._at + 1 < len(self._tokens) else ""
        if word in ("rule", "lemma", "restriction"):
            return bool(_WORD.fullmatch(after))
        if word == "end":
            return not after
        return word in _ITEMS and (after == ":" or (word == "equations" and after == "["))

    def _tokens_left(self) -> bool:
        return self._at < len(self._tokens)

    def _next(self, text: str) -> bool:
        return self._tokens_left() and self._tokens[self._at].text == text

    def _here(self, *, back: int = 0) -> int:
        return self._tokens[self._at - back].start if self._at - back < len(self._tokens) else self._end

    def _any(self, wanted: str) -> str:
        if not self._tokens_left():
            raise self._error(f"the file ends where {wanted} was expected")
        word = self._tokens[self._at].text
        if word in ("'", "#"):
            raise self._error(f"{word!r} stands alone")
        if re.match(r"'[\s/]|.*\s'$", word):
            raise self._error(f"the public name {word} begins like a comment, or with or before a space")
        self._at += 1
        return word

    def _word(self, wanted: str) -> str:
        word = self._any(wanted)
        if not _WORD.fullmatch(word):
            raise self._error(f"expected {wanted}, found {word!r}", back=1)
        return word

    def _take(self, text: str) -> None:
        if not self._next(text):
            found = repr(self._tokens[self._at].text) if self._tokens_left() else "the end of the file"
            raise self._error(f"expected {text!r}, found {found}")
        self._at += 1

    def _error(self, message: str, *, back: int = 0) -> TheoryError:
        return self._lines.error(self._here(back=back), message)
