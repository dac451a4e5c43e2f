"""What a reader of a theory would check by hand, checked: `lints` lists everything that is amiss.

A prover says whether a lemma is true of a theory. It does not say whether the lemma is the one that was
claimed, whether it speaks of anything that can happen, or whether anything is missing: that is checked here.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Final

from eiraku.models import claims, manifest, theory
from eiraku.models.manifest import FLAWED, Claim, Manifest, ManifestError, Removed
from eiraku.models.theory import Lemma, Restriction, Theory, TheoryError
from eiraku.spec import registry
from eiraku.spec.registry import Requirement

if TYPE_CHECKING:
    from eiraku.models.smt.proof import Proof

_CITED: Final = re.compile(r"\bEPP-[A-Z]{3}-\d{3}\b")
_TABLE: Final = re.compile(
    r"^\W*term\b[^|\n]*\|[^|\n]*clause[^|\n]*\|[^\n]*abstracted", re.MULTILINE | re.IGNORECASE
)
_ROW: Final = re.compile(r"^[^|\n]*\w[^|\n]*\|[^|\n]*\|[^|\n]*\w", re.MULTILINE)
_WEAKNESS: Final = re.compile(r"W-\d+")
_FLAG: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_GIVEN: Final = frozenset({"IN", "OUT", "FR", "KU", "KD", "K"})
"""Facts of the prover, whatever the case of their letters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One theory as it stands, under each of its flags, and what is claimed about it."""

    name: str
    theory: Theory
    removed: dict[str, Theory]
    """By flag."""
    manifest: Manifest

    @property
    def file(self) -> str:
        """Name of the theory's file."""
        return f"{self.name}.spthy"

    @property
    def claims(self) -> str:
        """Name of the manifest's file."""
        return f"{self.name}.toml"

    @property
    def pairs(self) -> Iterator[tuple[Lemma, Claim]]:
        """Lemmas with their claims; one that lacks the other is the matter of `_same_lemmas`."""
        for claim in self.manifest.lemma:
            lemma = self.theory.lemma(claim.name)
            if lemma is not None:
                yield lemma, claim

    @property
    def choices(self) -> Iterator[tuple[str, Theory]]:
        """The theory as it stands and without each check, with words for messages."""
        yield "", self.theory
        for flag, without in self.removed.items():
            yield f" with -D{flag}", without


def lints(
    *,
    within: Traversable | None = None,
    requirements: Sequence[Requirement] | None = None,
    proofs: "Sequence[Proof] | None" = None,
) -> list[str]:
    """Complaints in words, none if all is well. Needs no prover and about a second.

    `within`: a folder of theories and manifests; `requirements`; `proofs` by the solver: each otherwise what
    the package has.
    """
    place = within or theory.folder()
    listed = registry.load() if requirements is None else requirements
    known = {requirement.id for requirement in listed}
    names = {entry.name for entry in place.iterdir()}
    found = [
        f"{file}: there is no theory {file[:-5]}.spthy beside it; delete it or add the theory"
        for file in sorted(names)
        if file.endswith(".toml") and f"{file[:-5]}.spthy" not in names
    ]
    for name in theory.names(within=place):
        try:
            subject = load(name, within=place)
        except TheoryError as error:
            found.append(f"{name}.spthy: {error}")
        except ManifestError as error:
            found.append(str(error))
        else:
            found += [complaint for lint in _LINTS for complaint in lint(subject)]
            found += _unknown_requirements(subject, known)
    return found + claims.complaints(within=place, requirements=listed, proofs=proofs)


def load(name: str, *, within: Traversable | None = None) -> Subject:
    """Everything about one theory. Raises TheoryError or ManifestError."""
    standing = theory.load(name, within=within)
    return Subject(
        name=name,
        theory=standing,
        removed={flag: theory.load(name, flags=frozenset({flag}), within=within) for flag in standing.flags},
        manifest=manifest.load(name, within=within),
    )


# The theory by itself


def _named_like_its_file(subject: Subject) -> Iterator[str]:
    if subject.theory.name != subject.name:
        yield f"{subject.file}: it says 'theory {subject.theory.name}'; a theory is named like its file"


def _explained(subject: Subject) -> Iterator[str]:
    """The file opens with what a reviewer needs to compare it with the specification."""
    header, file = subject.theory.header, subject.file
    if not header:
        yield f"{file}: open it with a block comment: what is modelled, the table of terms, the adversary"
        return
    table = _TABLE.search(header)
    if table is None or not _ROW.search(header, table.end()):
        yield f"{file}: the opening comment has no table 'term | clause | what is abstracted'; add it"
    if "adversary" not in header.lower():
        yield f"{file}: the opening comment does not say what the adversary can do; add it"


def _actions_happen(subject: Subject) -> Iterator[str]:
    """A lemma about an action that no rule emits is true of everything, and says nothing.

    Nor does a restriction; but without a check, the action that it looks at may be gone with it.
    """
    said: set[tuple[str, str]] = set()
    for choice, chosen in subject.choices:
        live = reachable(chosen)
        emitted = {action for rule in chosen.rules if rule.name in live for action in rule.actions}
        speakers: tuple[Lemma | Restriction, ...] = (
            chosen.lemmas if choice else (*chosen.lemmas, *chosen.restrictions)
        )
        for speaker in speakers:
            for action in sorted(speaker.actions - emitted):
                if (speaker.name, action) not in said:
                    said.add((speaker.name, action))
                    kind = "lemma" if isinstance(speaker, Lemma) else "restriction"
                    yield (
                        f"{subject.file}: {kind} {speaker.name} speaks of {action}, which no rule that"
                        f" can happen emits{choice}; emit it or correct the name"
                    )


def _rules_happen(subject: Subject) -> Iterator[str]:
    """A rule that waits for a fact that nobody makes is not part of the model, whatever it looks like."""
    said: set[str] = set()
    for choice, chosen in subject.choices:
        live = reachable(chosen)
        made = {fact for rule in chosen.rules if rule.name in live for fact in rule.conclusions}
        for rule in chosen.rules:
            if rule.name not in live | said:
                said.add(rule.name)
                missing = sorted(fact for fact in rule.premises - made if fact.upper() not in _GIVEN)
                yield (
                    f"{subject.file}: rule {rule.name} can never happen{choice}: no rule that can"
                    f" happen makes {', '.join(missing)}; make it or remove the rule"
                )


def _facts_are_used(subject: Subject) -> Iterator[str]:
    """A linear fact that nobody takes is a state that leads nowhere, mostly a misspelt one."""
    taken = {fact for _, chosen in subject.choices for rule in chosen.rules for fact in rule.premises}
    kept = taken | subject.theory.persistent
    for rule in subject.theory.rules:
        for fact in sorted(rule.conclusions - kept):
            if fact.upper() not in _GIVEN:
                yield (
                    f"{subject.file}: rule {rule.name} makes {fact}, which no rule takes; remove it, make"
                    " it persistent if it is a record, or correct the name"
                )


def reachable(chosen: Theory) -> frozenset[str]:
    """Names of the rules whose premises can all be made from nothing; terms are not looked at."""
    live: set[str] = set()
    made: set[str] = set()
    while True:
        more = [
            rule
            for rule in chosen.rules
            if rule.name not in live and all(fact in made or fact.upper() in _GIVEN for fact in rule.premises)
        ]
        if not more:
            return frozenset(live)
        live.update(rule.name for rule in more)
        made.update(fact for rule in more for fact in rule.conclusions)


# The theory and its manifest


def _same_lemmas(subject: Subject) -> Iterator[str]:
    name = subject.name
    written = [lemma.name for lemma in subject.theory.lemmas]
    claimed = [claim.name for claim in subject.manifest.lemma]
    for lemma in written:
        if lemma not in claimed:
            yield f"{name}.toml: lemma {lemma} of the theory is missing; claim it as [[lemma]]"
    for lemma in dict.fromkeys(claimed):
        if lemma not in written:
            yield f"{name}.toml: lemma {lemma} is not in {name}.spthy; remove the claim or write the lemma"
        if claimed.count(lemma) > 1:
            yield f"{name}.toml: lemma {lemma} is claimed {claimed.count(lemma)} times; claim it once"


def _same_flags(subject: Subject) -> Iterator[str]:
    name = subject.name
    claimed = [removed.name for removed in subject.manifest.removed]
    for flag in subject.theory.flags:
        if flag not in claimed:
            yield f"{name}.toml: flag {flag} of the theory is missing; describe it as [[removed]]"
    for flag in dict.fromkeys(claimed):
        if flag not in subject.theory.flags:
            yield f"{name}.toml: no #ifdef in {name}.spthy asks for {flag}; remove it or add the flag"
        if claimed.count(flag) > 1:
            yield f"{name}.toml: flag {flag} is described {claimed.count(flag)} times; describe it once"
        if not _FLAG.fullmatch(flag):
            yield f"{name}.toml: flag {flag} is to be written in small letters and underscores; rename it"


def _same_words(subject: Subject) -> Iterator[str]:
    """Quantifier, assumptions and digest are those of the file."""
    for lemma, claim in subject.pairs:
        place = f"{subject.claims}: lemma {lemma.name}"
        if claim.quantifier != lemma.quantifier:
            yield f"{place}: the theory says {lemma.quantifier}, the manifest {claim.quantifier}; correct one"
        assumed = subject.theory.assumed_by(lemma.name)
        if sorted(claim.assumes) != sorted(assumed):
            wanted = ", ".join(f'"{each}"' for each in assumed)
            yield f"{place}: the prover takes other lemmas for granted; write assumes = [{wanted}]"
        if claim.formula != lemma.digest:
            state = "has no digest" if not claim.formula else "reads otherwise than when it was pinned"
            yield (f"{place} {state}; look at the formula, then run eiraku maintain pins --write")


def _same_under_flags(subject: Subject) -> Iterator[str]:
    """With a check removed the same lemmas are asked; otherwise `falls` would say nothing about the check."""
    standing = {
        lemma.name: (lemma.quantifier, lemma.formula, lemma.definitions) for lemma in subject.theory.lemmas
    }
    for flag, without in subject.removed.items():
        for lemma in without.lemmas:
            if standing.get(lemma.name) != (lemma.quantifier, lemma.formula, lemma.definitions):
                yield (
                    f"{subject.file}: lemma {lemma.name} reads otherwise with -D{flag}; move it out of"
                    " the #ifdef"
                )
        for missing in sorted(standing.keys() - {lemma.name for lemma in without.lemmas}):
            yield f"{subject.file}: lemma {missing} is not there with -D{flag}; move it out of #ifdef"


def _commented(subject: Subject) -> Iterator[str]:
    """The comment above a lemma cites the requirements that the manifest cites."""
    for lemma, claim in subject.pairs:
        place = f"{subject.file}: lemma {lemma.name}"
        cited = set(_CITED.findall(lemma.comment))
        if not lemma.comment:
            yield f"{place}: say in a comment directly above it what it means"
        elif cited != set(claim.requirements):
            here, there = ", ".join(sorted(cited)) or "none", ", ".join(sorted(claim.requirements)) or "none"
            yield f"{place}: the comment above it cites {here}, the manifest {there}; let them say the same"


def _claimed_with_reason(subject: Subject) -> Iterator[str]:
    """What is false is a weakness of a design that is not ours; what is true supports something."""
    flawed = subject.name in FLAWED
    assumed = {name for claim in subject.manifest.lemma for name in claim.assumes}
    for claim in subject.manifest.lemma:
        place = f"{subject.claims}: lemma {claim.name}"
        if not claim.says.strip():
            yield f"{place}: say in plain words what it means ('says')"
        if claim.verdict == "falsified":
            if not flawed:
                yield f"{place} is claimed to be false, which only {', '.join(FLAWED)} may; mend the theory"
            if claim.quantifier != "all-traces":
                yield f"{place} is claimed to be false without a trace; claim that of all-traces lemmas only"
            if not _WEAKNESS.fullmatch(claim.weakness) or not claim.attack.strip():
                yield f"{place} is false: name the weakness W-n and describe the attack"
        elif claim.weakness or claim.attack:
            yield f"{place} is claimed to be true; remove its weakness and attack"
        elif (
            not flawed
            and claim.quantifier == "all-traces"
            and not (claim.requirements or claim.name in assumed)
        ):
            yield f"{place} supports no requirement and no other lemma; name what it supports"


def _possible(subject: Subject) -> Iterator[str]:
    """Without a run, everything holds on all of them."""
    if not any(
        claim.quantifier == "exists-trace" and claim.verdict == "verified" for claim in subject.manifest.lemma
    ):
        yield f"{subject.claims}: no exists-trace lemma is claimed; show that honest runs exist"


def _removed_with_reason(subject: Subject) -> Iterator[str]:
    for removed in subject.manifest.removed:
        place = f"{subject.claims}: removed check {removed.name}"
        if not removed.check.strip():
            yield f"{place}: say what is checked ('check')"
        if not removed.requirements:
            yield f"{place}: name the requirement that the check fulfils"
        yield from _falls(subject, removed, place)


def _falls(subject: Subject, removed: Removed, place: str) -> Iterator[str]:
    if removed.falls and not removed.attack.strip():
        yield f"{place}: describe the attack that is possible without it, step by step ('attack')"
    if removed.falls and removed.stays:
        yield f"{place}: something falls without it, so that 'stays' has no meaning; remove it"
    if not removed.falls and not removed.stays.strip():
        yield f"{place}: nothing falls without it; say why it stays ('stays') or what falls ('falls')"
    if not removed.falls and removed.attack:
        yield f"{place}: an attack is described, but no lemma falls; name it in 'falls'"
    for name in removed.falls:
        claim = subject.manifest.claim(name)
        if claim is None:
            yield f"{place}: there is no lemma {name} that could fall; correct the name"
        elif claim.quantifier != "all-traces" or claim.verdict != "verified":
            yield f"{place}: lemma {name} cannot fall, only a true all-traces lemma can; remove it"


def _unknown_requirements(subject: Subject, known: set[str]) -> Iterator[str]:
    cites = [(f"lemma {claim.name}", claim.requirements) for claim in subject.manifest.lemma]
    cites += [(f"removed check {each.name}", each.requirements) for each in subject.manifest.removed]
    for what, cited_there in cites:
        for cited in cited_there:
            if cited not in known:
                yield f"{subject.claims}: {what} cites {cited}, which does not exist; correct it"


_LINTS: Final[tuple[Callable[[Subject], Iterator[str]], ...]] = (
    _named_like_its_file,
    _explained,
    _actions_happen,
    _rules_happen,
    _facts_are_used,
    _same_lemmas,
    _same_flags,
    _same_words,
    _same_under_flags,
    _commented,
    _claimed_with_reason,
    _possible,
    _removed_with_reason,
)
