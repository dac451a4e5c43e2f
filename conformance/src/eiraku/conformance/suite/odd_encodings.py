"""Encodings that a strict decoder refuses, by the rule they break, and how they are tried (chapter 2)."""

from collections.abc import Callable
from hashlib import sha256

import pytest

from eiraku.conformance.results import Level
from eiraku.conformance.suite.positions import Position, Waiting
from eiraku.conformance.tester import loose
from eiraku.conformance.tester.flows import still_alive
from eiraku.conformance.tester.loose import Forms, Mutant
from eiraku.conformance.tester.peer import Answer
from eiraku.conformance.tester.stage import Stage
from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Reject

FAMILIES: dict[str, tuple[str, Forms]] = {
    "long-heads": ("EPP-ENC-002", loose.long_heads),
    "indefinite-lengths": ("EPP-ENC-003", loose.indefinite),
    "maps": ("EPP-ENC-005", loose.bad_maps),
    "foreign-items": ("EPP-ENC-006", loose.foreign),
    "bad-text": ("EPP-ENC-007", loose.bad_text),
    "other-shapes": ("EPP-ENC-008", loose.other_shapes),
    "deep-nesting": ("EPP-ENC-009", loose.deep),
    "more-declared-than-there": ("EPP-ENC-011", loose.hollow),
}


def families(*without: str) -> list[object]:
    """The families of faults as parameters."""
    return [
        pytest.param(forms, id=name, marks=pytest.mark.requirement(requirement))
        for name, (requirement, forms) in FAMILIES.items()
        if name not in without
    ]


def malformed(data: bytes, decode: Callable[[bytes], object]) -> bool:
    """Whether a strict decoder finds the bytes malformed."""
    try:
        decode(data)
    except Refusal as refusal:
        return refusal.code is Code.MALFORMED
    return False


def chosen(right: bytes, forms: Forms, decode: Callable[[bytes], object], level: Level) -> list[Mutant]:
    """The mutants of an encoding that are to be tried, all of them malformed."""
    found = loose.mutants(cbor.decode(right), forms)
    found = [mutant for mutant in found if malformed(mutant.data, decode)]
    if level is Level.FULL:
        return found
    # One of each form, somewhere, and all of them at the root.
    spread = sorted(found, key=lambda mutant: sha256(str(mutant).encode()).digest())
    one_of_each = {mutant.form: mutant for mutant in spread}
    return [mutant for mutant in found if not mutant.path or one_of_each[mutant.form] is mutant]


RECORDS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "long-head": ("EPP-ENC-002", lambda found: b"\x5a" + len(found).to_bytes(4, "big") + found),
    "longest-head": ("EPP-ENC-002", lambda found: b"\x5b" + len(found).to_bytes(8, "big") + found),
    "indefinite": ("EPP-ENC-003", lambda found: b"\x5f" + cbor.encode(found) + b"\xff"),
    "chunks": ("EPP-ENC-003", lambda s: b"\x5f" + cbor.encode(s[:9]) + cbor.encode(s[9:]) + b"\xff"),
    "tagged": ("EPP-ENC-006", lambda found: b"\xd8\x18" + cbor.encode(found)),
    "declares-one-byte-more": ("EPP-ENC-011", lambda found: cbor.encode(found + b"\0")[:-1]),
    "declares-2-to-the-32": ("EPP-ENC-011", lambda found: b"\x5a\xff\xff\xff\xff" + found),
    "declares-2-to-the-64": ("EPP-ENC-011", lambda found: b"\x5b" + b"\xff" * 8 + found),
    "ends-inside-the-head": ("EPP-ENC-011", lambda _: b"\x59\x01"),
}


Recipe = Callable[[Waiting], bytes]
"""Makes a wrong plaintext; the right message is another in each session."""


def refuse_plaintexts(
    stage: Stage, position: Position, recipes: Callable[[Waiting], dict[str, Recipe]]
) -> None:
    """The four parts of a negative test, for many plaintexts in place of one message."""
    right = position.go(stage)
    stage.accepted(right.talk.send(right.message).reply, position.message)
    for name, recipe in recipes(right).items():
        waiting = position.go(stage)
        before = stage.state()
        answer = waiting.talk.send_plaintext(recipe(waiting))
        refused_with_reject(stage, answer, f"{position.message}, {name}")
        stage.unchanged(before, name)
    still_alive(stage)


def refused_with_reject(stage: Stage, answer: Answer, what: str) -> None:
    """The wallet must have found a message malformed."""
    stage.refused(answer.reply, Code.MALFORMED, what)
    stage.equal(answer.message, Reject(code=int(Code.MALFORMED), index=None), f"answer to {what}")
    stage.equal(answer.reply.session, "closed", f"session after {what}")
