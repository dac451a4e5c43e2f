"""Stored proofs: the theory with the proofs that the prover found written below their lemmas.

The prover loads such a file and checks each step without searching. A check here never trusts the theory of
the stored file: only its proofs are taken, and put into the theory as it is now.
"""

import re
from collections.abc import Mapping
from typing import Final

from eiraku.models.tokens import without_comments

LARGEST: Final = 2**20
"""Bytes of one file of stored proofs. Above that the largest proofs are left out; they are searched anew."""

_LEMMA = re.compile(
    r"\blemma\s+(\w+)\s*(?:\[[^\]]*\])?\s*:\s*(?:all-traces|exists-trace)?\s*\"[^\"]*\"[ \t]*\n?"
)
_ITEM = re.compile(
    r"^(?:(?:lemma|rule|restriction|predicates?|tactic|heuristic|functions|equations|macros|end)\b|#)",
    re.MULTILINE,
)


def proofs(text: str) -> dict[str, str]:
    """The proofs in a theory by lemma, without comments. A proof with a gap is none."""
    # Comments are blanked in place: the prover's carry no step, ours stand before the next lemma.
    plain = without_comments(text)
    found: dict[str, str] = {}
    for match in _LEMMA.finditer(plain):
        after = _ITEM.search(plain, match.end())
        below = plain[match.end() : after.start() if after else len(plain)]
        proof = "\n".join(line.rstrip() for line in below.splitlines() if line.strip())
        if proof and not re.search(r"\bsorry\b", proof):
            found[match[1]] = proof
    return found


def is_invalid(text: str, lemma: str) -> bool:
    """Whether the prover, writing the theory with the proofs that it checked, marked a step of this one."""
    found = next((match for match in _LEMMA.finditer(text) if match[1] == lemma), None)
    if found is None:
        return "invalid proof step encountered" in text
    after = _ITEM.search(text, found.end())
    return "invalid proof step encountered" in text[found.end() : after.start() if after else len(text)]


def insert(text: str, proofs: Mapping[str, str]) -> str:
    """The theory `text` with each proof below its lemma; lemmas without one stay as they are."""
    parts, at = [], 0
    for match in _LEMMA.finditer(without_comments(text)):
        proof = proofs.get(match[1])
        if proof is not None:
            parts += [text[at : match.end()].rstrip("\n"), "\n", proof, "\n"]
            at = match.end()
    return "".join(parts) + text[at:]


def smallest(proofs: Mapping[str, str], room: int) -> dict[str, str]:
    """As many proofs as fit into `room` bytes, the smallest first."""
    kept: dict[str, str] = {}
    for name, proof in sorted(proofs.items(), key=lambda item: (len(item[1].encode()), item[0])):
        room -= len(proof.encode()) + 2
        if room < 0:
            break
        kept[name] = proof
    return kept
