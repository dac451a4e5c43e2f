"""A Tamarin theory as the lints and the runner see it: flags, rules, lemmas, and hashes of what they say.

Only the parts of the language that the theories here use are read; what is not understood is a TheoryError
that names the line, never skipped. The prover itself remains the judge of terms and formulas.
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from eiraku.models.syntax import (
    Definition,
    Fact,
    Formula,
    Item,
    LemmaItem,
    Reader,
    RestrictionItem,
    RuleItem,
)
from eiraku.models.tokens import (
    Comment,
    Lines,
    TheoryError,
    comments,
    flags_of,
    normalised,
    preprocessed,
    spaced,
    without_comments,
)

__all__ = [
    "Lemma",
    "Restriction",
    "Rule",
    "Theory",
    "TheoryError",
    "load",
    "names",
    "normalised",
    "parse",
    "source",
    "without_comments",
]

_SILENT: Final = frozenset({"K", "KU", "KD"})
"""Actions of the adversary, which no rule of a theory emits."""
_GIVEN: Final = frozenset({"IN", "OUT", "FR", "KU", "KD", "DED", "K"})
"""Facts of the prover itself; it does not care for the case of their letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One multiset rewriting rule, as the names of its facts."""

    name: str
    premises: frozenset[str]
    actions: frozenset[str]
    conclusions: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lemma:
    """One property. `formula` is as written, without comments and with one space between words."""

    name: str
    attributes: tuple[str, ...]
    quantifier: str
    formula: str
    actions: frozenset[str]
    """Names of the action facts that the formula speaks of, those of the adversary excepted."""
    definitions: tuple[str, ...] = ()
    """Macros and predicates that it means, normalised: they are part of what it says."""
    comment: str = ""
    """The comment that stands directly above it."""

    @property
    def digest(self) -> str:
        """SHA-256 of quantifier, attributes and normalised formula, in hexadecimal.

        The attributes are part of it: `use_induction` decides how it is proved, `reuse` who may assume it.
        """
        said = (self.quantifier, ",".join(self.attributes), normalised(self.formula), *self.definitions)
        return hashlib.sha256("\n".join(said).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Restriction:
    """An assumption on all traces. One embedded in a rule has the name that the prover gives it."""

    name: str
    formula: str
    actions: frozenset[str]
    """As for a lemma."""


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
    """The block comment that opens the file, around `theory NAME begin`; empty if there is none."""
    digest: str
    """SHA-256 of the whole file without comments and superfluous space, whatever the flags."""
    persistent: frozenset[str] = field(default=frozenset())
    """Names of the facts that are not used up."""

    def lemma(self, name: str) -> Lemma | None:
        """The lemma of that name."""
        return next((lemma for lemma in self.lemmas if lemma.name == name), None)

    def assumed_by(self, name: str) -> tuple[str, ...]:
        """Names of the lemmas that the prover assumes without proof when it proves this one, in file order.

        These are the [reuse] lemmas above it that it does not hide, and all [sources] lemmas of the file,
        wherever they stand. A [sources] lemma assumes only what is [sources, reuse] above it.
        """
        proved = self.lemma(name)
        if proved is None:
            return ()
        first = "sources" in proved.attributes
        hidden = {word.removeprefix("hide_lemma=") for word in proved.attributes}
        above, assumed = True, []
        for lemma in self.lemmas:
            above = above and lemma.name != name
            early = "sources" in lemma.attributes
            reused = above and "reuse" in lemma.attributes and not hidden & {lemma.name, "ALL"}
            if lemma.quantifier == "all-traces" and (
                (early and not first) or (reused and (early or not first))
            ):
                assumed.append(lemma.name)
        return tuple(assumed)


def folder() -> Traversable:
    """Where the packaged theories and their manifests are."""
    return files("eiraku.models") / "theories"


def source(name: str, *, within: Traversable | None = None) -> str:
    """Text of the theory of that name. Raises TheoryError if there is none."""
    file = (within or folder()) / f"{name}.spthy"
    if not file.is_file():
        known = ", ".join(names(within=within))
        raise TheoryError(f"there is no theory {name}; the theories are: {known}")
    return file.read_text(encoding="utf-8")


def names(*, within: Traversable | None = None) -> tuple[str, ...]:
    """All theories, in alphabetical order."""
    inside = (within or folder()).iterdir()
    return tuple(sorted(file.name[:-6] for file in inside if file.name.endswith(".spthy")))


def load(name: str, *, flags: frozenset[str] = frozenset(), within: Traversable | None = None) -> Theory:
    """The theory of that name with these flags set. Raises TheoryError."""
    return parse(source(name, within=within), flags=flags)


def parse(text: str, *, flags: frozenset[str] = frozenset()) -> Theory:
    """Read a theory as if the prover were called with -D for each of `flags`. Raises TheoryError."""
    plain = without_comments(text)
    known = flags_of(plain)
    if unknown := flags - set(known):
        raise TheoryError(f"the theory has no flag {min(unknown)}; its flags are: {', '.join(known)}")
    chosen = preprocessed(text, plain, flags)
    reader = Reader(chosen)
    name = reader.header()
    items = list(reader.items())
    _refuse_contradictions(items, Lines(text))
    rules = [item for item in items if isinstance(item, RuleItem)]
    defined = {item.words[0]: item.words for item in items if isinstance(item, Definition)}
    said = comments(text)
    return Theory(
        name=name,
        flags=known,
        rules=tuple(_rule(item) for item in rules),
        lemmas=tuple(
            Lemma(
                name=item.name,
                attributes=item.attributes,
                quantifier=item.quantifier,
                formula=spaced(plain[item.formula.start : item.formula.end]),
                actions=_actions(item.formula),
                definitions=_meant(item.formula.words, defined),
                comment=_above(item.at, said, plain),
            )
            for item in items
            if isinstance(item, LemmaItem)
        ),
        restrictions=tuple(
            Restriction(
                name=name,
                formula=spaced(plain[formula.start : formula.end]),
                actions=_actions(formula),
            )
            for name, formula in _restricting(items)
        ),
        header=_header(text, said, plain),
        digest=hashlib.sha256(normalised(plain).encode()).hexdigest(),
        persistent=frozenset(
            fact.name for rule in rules for fact in (*rule.premises, *rule.conclusions) if fact.persistent
        ),
    )


def _rule(item: RuleItem) -> Rule:
    premises, actions, conclusions = (
        frozenset(fact.name for fact in facts) for facts in (item.premises, item.actions, item.conclusions)
    )
    return Rule(name=item.name, premises=premises, actions=actions, conclusions=conclusions)


def _restricting(items: Iterable[Item]) -> Iterable[tuple[str, Formula]]:
    for item in items:
        if isinstance(item, RestrictionItem):
            yield item.name, item.formula
        elif isinstance(item, RuleItem):
            for number, formula in enumerate(item.restricts, start=1):
                yield f"Restr_{item.name}_{number}", formula


def _actions(formula: Formula) -> frozenset[str]:
    return frozenset(fact.name for fact in formula.actions) - _SILENT


def _meant(words: Iterable[str], defined: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Definitions that the words use, directly or through others, in order of their names."""
    found: set[str] = set()
    waiting = {word for word in words if word in defined}
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= {word for word in defined[name] if word in defined} - found
    return tuple(" ".join(defined[name]) for name in sorted(found))


def _refuse_contradictions(items: Sequence[Item], lines: Lines) -> None:
    """Names that are used twice, and facts that are not used alike everywhere."""
    seen: set[tuple[type[Item], str]] = set()
    for item in items:
        if isinstance(item, Definition):
            continue
        if (type(item), item.name) in seen:
            raise lines.error(item.at, f"{item.name} is there twice")
        seen.add((type(item), item.name))
    terms: dict[str, int] = {}
    kinds: dict[str, bool] = {}
    for item in items:
        for fact, state in _facts(item):
            if fact.name.upper() in _GIVEN:
                continue
            if terms.setdefault(fact.name, fact.arity) != fact.arity:
                raise lines.error(
                    fact.at, f"{fact.name} has {fact.arity} terms here and {terms[fact.name]} elsewhere"
                )
            if state and kinds.setdefault(fact.name, fact.persistent) is not fact.persistent:
                raise lines.error(fact.at, f"{fact.name} is persistent here or elsewhere, but not in both")


def _facts(item: Item) -> Iterable[tuple[Fact, bool]]:
    """The facts of an item, and whether each is part of the state (or an action)."""
    match item:
        case RuleItem():
            yield from ((fact, True) for fact in (*item.premises, *item.conclusions))
            yield from ((fact, False) for fact in item.actions)
            yield from ((fact, False) for formula in item.restricts for fact in formula.actions)
        case LemmaItem() | RestrictionItem():
            yield from ((fact, False) for fact in item.formula.actions)


def _above(at: int, said: Sequence[Comment], plain: str) -> str:
    """Text of the comments directly above a place, with no empty line between."""
    found: list[str] = []
    for comment in reversed(said):
        gap = plain[comment.end : at] if comment.end <= at else None
        if gap is None:
            continue
        if gap.strip() or gap.count("\n") > 1:
            break
        found.insert(0, comment.text)
        at = comment.start
    return "\n".join(text.strip() for text in found)


def _header(text: str, said: Sequence[Comment], plain: str) -> str:
    if not said or not text.startswith("/*", said[0].start):
        return ""
    before = plain[: said[0].start]
    return said[0].text if re.fullmatch(r"\s*(?:theory\s+\w+\s+(?:begin\s+)?)?", before) else ""
