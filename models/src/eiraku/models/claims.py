"""The *Proved* paragraphs of the specification, as the manifests have them.

A manifest says which requirements a lemma supports; the chapters say the same from the other side, where
`eiraku maintain claims --write` puts it: no requirement claims a proof that does not exist, and none hides
one.

Counted are the lemmas on all traces that are claimed to be true of EPP/1, and the proofs by the solver. The
design of 2007 and the lemmas that only show that honest runs exist support no requirement.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Final

from eiraku.models import manifest, theory
from eiraku.models.manifest import FLAWED, ManifestError
from eiraku.spec.registry import Requirement

if TYPE_CHECKING:
    from eiraku.models.smt.proof import Proof

SOLVER: Final = "smt"
"""What stands for a theory where the solver proves."""

_HEADING: Final = re.compile(r"#{1,6}\s")
_REQUIREMENT: Final = re.compile(r"####\s+(EPP-[A-Z]{3}-\d{3})\b")
_FENCE: Final = re.compile(r"\s*(```|~~~)")


def claimed(
    *, within: Traversable | None = None, proofs: "Sequence[Proof] | None" = None
) -> Mapping[str, tuple[str, ...]]:
    """By requirement the names `theory/lemma` that support it, ascending.

    A manifest that cannot be read supports nothing; `eiraku.models.lints` says so.
    """
    found: dict[str, set[str]] = {}
    for name in theory.names(within=within):
        if name in FLAWED:
            continue
        try:
            claims = manifest.load(name, within=within).lemma
        except ManifestError:
            continue
        for claim in claims:
            if claim.quantifier == "all-traces" and claim.verdict == "verified":
                for requirement in claim.requirements:
                    found.setdefault(requirement, set()).add(f"{name}/{claim.name}")
    for proof in _solved() if proofs is None else proofs:
        for requirement in proof.requirements:
            found.setdefault(requirement, set()).add(f"{SOLVER}/{proof.name}")
    return {requirement: tuple(sorted(names)) for requirement, names in sorted(found.items())}


def complaints(
    *,
    within: Traversable | None = None,
    requirements: Sequence[Requirement],
    proofs: "Sequence[Proof] | None" = None,
) -> list[str]:
    """Where the chapters and the manifests differ, in words; none if they agree."""
    said = claimed(within=within, proofs=proofs)
    mend = "run eiraku maintain claims --write"
    found = []
    for requirement in requirements:
        there, wanted = set(requirement.proved), set(said.get(requirement.id, ()))
        place = f"spec/{requirement.chapter}.md: {requirement.id}"
        found += [
            f"{place} claims to be proved by {name}, which does not say so or does not exist; name the"
            f" requirement there, or {mend}"
            for name in sorted(there - wanted)
        ]
        found += [f"{place} does not say that {name} supports it; {mend}" for name in sorted(wanted - there)]
    known = {requirement.id for requirement in requirements}
    found += [
        f"{SOLVER}/{proof.name} cites {cited}, which does not exist; correct it"
        for proof in (_solved() if proofs is None else proofs)
        for cited in proof.requirements
        if cited not in known
    ]
    return found


def _solved() -> "Sequence[Proof]":
    from eiraku.models.smt.catalogue import PROOFS  # noqa: PLC0415 - loading the solver takes a while

    return PROOFS


def rewritten(chapter: str, said: Mapping[str, Sequence[str]]) -> str:
    """The text of a chapter with exactly these *Proved* paragraphs; everything else stays as it is."""
    kept: list[str] = []
    for number, section in _sections(chapter):
        if number is None:
            kept += section
            continue
        blank = next((at for at, line in enumerate(reversed(section)) if line.strip()), len(section))
        body, after = section[: len(section) - blank], section[len(section) - blank :]
        body = _without_proved(body)
        if names := said.get(number):
            body += ["", f"*Proved:* {', '.join(names)}"]
        kept += body + after
    return "\n".join(kept)


def _without_proved(body: list[str]) -> list[str]:
    """Lines of one requirement without the paragraph, which is its last, and the empty lines before that."""
    start = max((at + 1 for at, line in enumerate(body) if not line.strip()), default=0)
    if not body[start:] or not body[start].startswith("*Proved:*"):
        return body
    while start and not body[start - 1].strip():
        start -= 1
    return body[:start]


def _sections(chapter: str) -> Iterator[tuple[str | None, list[str]]]:
    """Lines from one heading to the next, with the id where it is the heading of a requirement."""
    number: str | None = None
    section: list[str] = []
    fence = ""
    for line in chapter.split("\n"):
        mark = _FENCE.match(line)
        if mark and (not fence or mark[1] == fence):
            fence = "" if fence else mark[1]
        if not fence and _HEADING.match(line):
            yield number, section
            named = _REQUIREMENT.match(line)
            number, section = named[1] if named else None, []
        section.append(line)
    yield number, section
