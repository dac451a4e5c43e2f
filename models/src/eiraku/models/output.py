"""What the prover printed, as a verdict. Its exit code is 0 for false lemmas too: only the summary counts.

Nothing is taken for proved unless the summary is complete, names the lemma exactly once, and reads as version
1.10 writes it; everything else is a verdict of its own with the prover's words as detail.
"""

import re
from dataclasses import dataclass
from typing import Final

from eiraku.models.results import Verdict

_SUMMARY = re.compile(r"^summary of summaries:\n(.*?)^={40,}$", re.MULTILINE | re.DOTALL)
_LINE = re.compile(r"^ {2}(\w+) \((all-traces|exists-trace)\): (.+?)(?: \((\d+) steps\))?$", re.MULTILINE)
_SYNTAX = re.compile(r"^\"[^\"\n]*\" (\(line \d+, column \d+\):\n(?:.+\n?)+)", re.MULTILINE)
_CHECK = re.compile(r"WARNING: the following wellformedness checks failed!\s+(.+?)\n\s*(?:\*/|$)", re.DOTALL)
_VERSION = re.compile(r"^Tamarin version (\S+)$", re.MULTILINE)
_MAUDE = re.compile(r"^Maude version (\S+)$", re.MULTILINE)
_REVISION = re.compile(r"^Git revision: (.+)$", re.MULTILINE)

_HEAP_OVERFLOW: Final = 251
"""Exit code of the prover's run-time system when the limit on its heap is reached."""

_SAID: Final = {
    ("all-traces", "verified"): Verdict.VERIFIED,
    ("exists-trace", "verified"): Verdict.VERIFIED,
    ("all-traces", "falsified - found trace"): Verdict.FALSIFIED,
    ("exists-trace", "falsified - no trace found"): Verdict.FALSIFIED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Verdict on one lemma. `steps` is 0 unless the prover says it; `detail` is for people."""

    verdict: Verdict
    steps: int = 0
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """What the prover says of itself."""

    prover: str
    maude: str
    revision: str


def read(*, stdout: str, stderr: str, code: int, lemma: str) -> Reading:
    """The verdict on `lemma`; `code` is the exit code, negative for a signal."""
    if code == _HEAP_OVERFLOW and re.search(r"heap (exhausted|overflow)", stderr, re.IGNORECASE):
        return Reading(verdict=Verdict.OUT_OF_MEMORY, detail="its heap reached the limit")
    if (signal := _signal(code)) is not None:
        return Reading(
            verdict=Verdict.KILLED,
            detail=f"the prover was killed by signal {signal}; perhaps the machine had no memory left",
        )
    if "Maude is not installed" in stderr or re.search(r"\bmaude\b.*does not exist", stderr):
        return Reading(verdict=Verdict.NO_MAUDE, detail="the prover does not find its program maude")
    if failed := _CHECK.search(stdout):
        return Reading(verdict=Verdict.NOT_WELL_FORMED, detail=" ".join(failed[1].split()))
    if code != 0:
        wrong = _SYNTAX.search(stderr)
        if wrong is not None:
            return Reading(verdict=Verdict.SYNTAX, detail=" ".join(wrong[1].split()))
        return Reading(verdict=Verdict.UNREADABLE, detail=f"exit code {code}: {_complaint(stderr)}")
    return _summary(stdout, lemma)


def version(text: str) -> Version | None:
    """Versions from the answer to --version or from the comment that closes a theory; None if incomplete."""
    found = [pattern.search(text) for pattern in (_VERSION, _MAUDE, _REVISION)]
    said = [match[1].strip() for match in found if match is not None]
    return Version(prover=said[0], maude=said[1], revision=said[2]) if len(said) == 3 else None


def _summary(stdout: str, lemma: str) -> Reading:
    summaries = _SUMMARY.findall(stdout)
    if len(summaries) != 1:
        what = "no summary, or a torn one" if not summaries else "more than one summary"
        return Reading(verdict=Verdict.UNREADABLE, detail=f"the prover wrote {what}")
    if "WARNING" in summaries[0]:
        return Reading(verdict=Verdict.NOT_WELL_FORMED, detail="the summary carries a warning")
    lines = [match for match in _LINE.finditer(summaries[0]) if match[1] == lemma]
    if len(lines) != 1:
        return Reading(verdict=Verdict.UNREADABLE, detail=f"the summary names the lemma {len(lines)} times")
    quantifier, words, steps = lines[0][2], lines[0][3], lines[0][4]
    said = f"{words} ({steps} steps)" if steps else words
    verdict = _SAID.get((quantifier, words))
    if verdict is not None and steps is not None:
        return Reading(verdict=verdict, steps=int(steps))
    if words.startswith("analysis "):
        return Reading(verdict=Verdict.INCOMPLETE, steps=int(steps or 0), detail=said)
    if "invalidated" in words:
        return Reading(verdict=Verdict.INVALIDATED, steps=int(steps or 0), detail=said)
    return Reading(verdict=Verdict.UNREADABLE, detail=f"unknown words: {said[:80]}")


def _signal(code: int) -> int | None:
    """A shell between us and the prover reports a signal as 128 and its number."""
    if code < 0:
        return -code
    return code - 128 if 128 < code < 160 else None


def _complaint(text: str) -> str:
    """The line in which the program names itself, otherwise the last one."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    named = [line for line in lines if line.startswith("tamarin-prover: ")]
    return (named or lines or ["nothing was said"])[-1][:200]
