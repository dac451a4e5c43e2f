"""Whether a requirement is one testable statement, as far as that can be counted.

Counted are words and sentences of the text without its code spans: `malformed` is one word and ends no
sentence. One sentence states what is required; a second one may define a term of it, or an exception.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping

from eiraku.spec.registry import Requirement

WORDS_MAX = 60
SENTENCES_MAX = 2

_CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)
_END = re.compile(r"[.!?;](?=[\s)]|$)")


def words(requirement: Requirement) -> int:
    """Length of the text in words; a code span is one."""
    return len(_CODE.sub("code", requirement.text).split())


def sentences(requirement: Requirement) -> int:
    """Ends of sentences, and semicolons, which join what could be two."""
    return len(_END.findall(_CODE.sub("code", requirement.text)))


def faults(requirement: Requirement) -> tuple[str, ...]:
    """Why a requirement is not one statement; empty if it may be one."""
    found: list[str] = []
    if sentences(requirement) > SENTENCES_MAX:
        found.append(f"{sentences(requirement)} sentences, at most {SENTENCES_MAX}")
    if words(requirement) > WORDS_MAX:
        found.append(f"{words(requirement)} words, at most {WORDS_MAX}")
    if requirement.keyword.endswith("NOT") and requirement.text.startswith("No "):
        found.append(f"{requirement.keyword} of a text that begins with No")
    return tuple(found)


def compound(requirements: Iterable[Requirement]) -> Mapping[str, tuple[Requirement, ...]]:
    """Those with `faults`, by chapter; only chapters that have one."""
    found: dict[str, list[Requirement]] = defaultdict(list)
    for requirement in requirements:
        if faults(requirement):
            found[requirement.chapter].append(requirement)
    return {chapter: tuple(each) for chapter, each in found.items()}
