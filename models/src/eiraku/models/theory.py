"""A Tamarin theory as the lints and the runner see it: flags, rules, lemmas, and hashes of what they say.

Only the parts of the language that the theories here use are read; what is not understood is an error, never
skipped. The prover itself remains the judge of the whole syntax.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

_COMMENT = re.compile(r"//[^\n]*|/\*|\*/")
_DIRECTIVE = re.compile(r"^\s*#(ifdef|else|endif)\b[ \t]*(\w*)[^\n]*$", re.MULTILINE)
_ITEM = re.compile(
    r"^\s*(rule|lemma|restriction|functions|equations|builtins|predicates?|macros|heuristic|tactic|options|end)\b",
    re.MULTILINE,
)
_RULE = re.compile(r"\s*rule\s+(\w+)\s*(?:\[[^\]]*\])?\s*:")
_LEMMA = re.compile(r"\s*lemma\s+(\w+)\s*(?:\[([^\]]*)\])?\s*:\s*(all-traces|exists-trace)?\s*\"([^\"]*)\"")
_RESTRICTION = re.compile(r"\s*restriction\s+(\w+)\s*(?:\[[^\]]*\])?\s*:\s*\"([^\"]*)\"")
_FACT = re.compile(r"!?\b([A-Z]\w*)\s*\(")
_SILENT: Final = frozenset({"K", "KU", "KD", "Fr", "In", "Out"})
"""Facts of the prover itself."""


class TheoryError(Exception):
    """A theory that cannot be read; the message says where and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One multiset rewriting rule, as the names of its facts."""

    name: str
    premises: frozenset[str]
    actions: frozenset[str]
    conclusions: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lemma:
    """One property. `formula` is normalised: no comments, one space between words."""

    name: str
    attributes: tuple[str, ...]
    quantifier: str
    formula: str

    @property
    def actions(self) -> frozenset[str]:
        """Names of the action facts that the formula speaks of."""
        return frozenset(_FACT.findall(self.formula)) - _SILENT

    @property
    def digest(self) -> str:
        """SHA-256 of quantifier, attributes and normalised formula, in hexadecimal.

        The attributes are part of it: `use_induction` decides how it is proved, `reuse` who may assume it.
        """
        said = "\n".join((self.quantifier, ",".join(self.attributes), self.formula))
        return hashlib.sha256(said.encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """An assumption on all traces."""

    name: str
    formula: str

    @property
    def actions(self) -> frozenset[str]:
        """As for a lemma."""
        return frozenset(_FACT.findall(self.formula)) - _SILENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Theory:
    """A theory under one choice of flags."""

    name: str
    flags: tuple[str, ...]
    """Every flag that the file knows, in order of appearance."""
    rules: tuple[Rule, ...]
    lemmas: tuple[Lemma, ...]
    restrictions: tuple[Restriction, ...]
    header: str
    """The block comment that opens the file."""
    digest: str
    """SHA-256 of the whole file without comments and superfluous space, whatever the flags."""

    def lemma(self, name: str) -> Lemma | None:
        """The lemma of that name."""
        return next((lemma for lemma in self.lemmas if lemma.name == name), None)

    def assumed_by(self, name: str) -> tuple[str, ...]:
        """Names of the lemmas that the prover assumes without proof when it proves this one."""
        before: list[str] = []
        for lemma in self.lemmas:
            if lemma.name == name:
                break
            if {"reuse", "sources"} & set(lemma.attributes):
                before.append(lemma.name)
        return tuple(before)


def source(name: str) -> str:
    """Text of the theory of that name. Raises TheoryError if there is none."""
    file = files("eiraku.models") / "theories" / f"{name}.spthy"
    if not file.is_file():
        raise TheoryError(f"there is no theory {name}; the theories are: {', '.join(names())}")
    return file.read_text(encoding="utf-8")


def names() -> tuple[str, ...]:
    """All theories, in alphabetical order."""
    folder = files("eiraku.models") / "theories"
    return tuple(sorted(file.name[:-6] for file in folder.iterdir() if file.name.endswith(".spthy")))


def load(name: str, *, flags: frozenset[str] = frozenset()) -> Theory:
    """The theory of that name with these flags set. Raises TheoryError."""
    return parse(source(name), flags=flags)


def parse(text: str, *, flags: frozenset[str] = frozenset()) -> Theory:
    """Read a theory as if the prover were called with -D for each of `flags`. Raises TheoryError."""
    plain = without_comments(text)
    named = re.match(r"\s*theory\s+(\w+)\s+begin\b", plain)
    if named is None:
        raise TheoryError("a theory begins with: theory NAME begin")
    known = tuple(dict.fromkeys(match[2] for match in _DIRECTIVE.finditer(plain) if match[1] == "ifdef"))
    if unknown := flags - set(known):
        raise TheoryError(f"theory {named[1]} has no flag {min(unknown)}; its flags are: {', '.join(known)}")
    rules, lemmas, restrictions = [], [], []
    for kind, item in _items(_preprocess(plain, flags)):
        if kind == "rule":
            rules.append(_rule(item))
        elif kind == "lemma":
            lemmas.append(_lemma(item))
        elif kind == "restriction":
            restrictions.append(_restriction(item))
    opening = re.search(r"/\*(.*?)\*/", text, re.DOTALL)
    return Theory(
        name=named[1],
        flags=known,
        rules=tuple(rules),
        lemmas=tuple(lemmas),
        restrictions=tuple(restrictions),
        header=opening[1] if opening else "",
        digest=hashlib.sha256(normalised(plain).encode()).hexdigest(),
    )


def without_comments(text: str) -> str:
    """`text` with each comment replaced by a space; block comments nest. Raises TheoryError."""
    kept, depth, at = [], 0, 0
    for match in _COMMENT.finditer(text):
        if depth == 0:
            kept.append(text[at : match.start()])
        if match[0] == "/*":
            depth += 1
        elif match[0] == "*/":
            depth -= 1
        if depth < 0:
            raise TheoryError(f"line {text.count(chr(10), 0, match.start()) + 1}: */ without /*")
        at = match.end() if depth == 0 else at
        if depth == 0:
            kept.append(" ")
    if depth:
        raise TheoryError("a comment is not closed")
    return "".join(kept) + text[at:]


def normalised(text: str) -> str:
    """One space between words, line breaks kept only where a directive needs its own line."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    parts = [f"\n{line}\n" if line.startswith("#") else f"{line} " for line in lines if line]
    return re.sub(r" *\n+ *", "\n", "".join(parts)).strip()


def _preprocess(plain: str, flags: frozenset[str]) -> str:
    """Keep what the prover would keep."""
    kept: list[str] = []
    taken: list[bool] = []
    at = 0
    for match in _DIRECTIVE.finditer(plain):
        if all(taken):
            kept.append(plain[at : match.start()])
        at = match.end()
        if match[1] == "ifdef":
            taken.append(match[2] in flags)
        elif not taken:
            raise TheoryError(f"#{match[1]} without #ifdef")
        elif match[1] == "else":
            taken[-1] = not taken[-1]
        else:
            taken.pop()
    if taken:
        raise TheoryError("an #ifdef is not closed")
    return "".join(kept) + plain[at:]


def _items(text: str) -> Iterator[tuple[str, str]]:
    starts = [(match.start(), match[1]) for match in _ITEM.finditer(text)]
    for (start, kind), (end, _) in zip(starts, [*starts[1:], (len(text), "")], strict=True):
        yield kind, text[start:end]


def _rule(item: str) -> Rule:
    named = _RULE.match(item)
    if named is None:
        raise TheoryError(f"a rule reads 'rule NAME: [..] --[..]-> [..]', not: {item.strip()[:60]}")
    body = item[named.end() :]
    if re.match(r"\s*let\b", body):
        body = re.split(r"\bin\b", body, maxsplit=1)[1]
    groups = list(_bracketed(body))
    if len(groups) not in (2, 3):
        raise TheoryError(f"rule {named[1]}: expected premises, actions and conclusions in brackets")
    facts = [frozenset(_FACT.findall(group)) for group in groups]
    return Rule(
        name=named[1],
        premises=facts[0],
        actions=facts[1] if len(groups) == 3 else frozenset(),
        conclusions=facts[-1],
    )


def _bracketed(text: str) -> Iterator[str]:
    """Contents of the brackets of the outermost level."""
    depth, start = 0, 0
    for at, character in enumerate(text):
        if character == "[":
            depth += 1
            start = at + 1 if depth == 1 else start
        elif character == "]":
            depth -= 1
            if depth == 0:
                yield text[start:at]


def _lemma(item: str) -> Lemma:
    read = _LEMMA.match(item)
    if read is None:
        raise TheoryError(
            f"a lemma reads 'lemma NAME [ATTRIBUTES]: all-traces \"FORMULA\"', not: {item.strip()[:60]}"
        )
    attributes = tuple(word.strip() for word in (read[2] or "").split(",") if word.strip())
    return Lemma(
        name=read[1],
        attributes=attributes,
        quantifier=read[3] or "all-traces",
        formula=" ".join(read[4].split()),
    )


def _restriction(item: str) -> Restriction:
    read = _RESTRICTION.match(item)
    if read is None:
        raise TheoryError(f"a restriction reads 'restriction NAME: \"FORMULA\"', not: {item.strip()[:60]}")
    return Restriction(name=read[1], formula=" ".join(read[2].split()))
