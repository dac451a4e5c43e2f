"""Lives drawn by Hypothesis: values, sizes, ages and faults from the classes in which implementers err."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.lockstep import faults
from eiraku.conformance.lockstep.steps import (
    Bulletin,
    Circle,
    Event,
    Keys,
    Life,
    NewUnit,
    Ordering,
    Power,
    Reopen,
    Resume,
    SchemeKey,
    Start,
    Step,
    TillPays,
    TillRepeats,
    Trouble,
    WalletPays,
    WalletRedelivers,
)
from eiraku.spec.key_lists import Centre
from eiraku.spec.shape import AMOUNT_MAX
from eiraku.spec.tables import Side

T = TypeVar("T")
MAGNITUDES = (0, 1 << 8, 1 << 16, 1 << 31, 1 << 32)
GREAT = 5
"""Times that a run that failed is tried to be made shorter, for each step that it has."""

SIDE = st.sampled_from(Side)
FEW = st.integers(min_value=0, max_value=5)
ANY = st.integers(min_value=0, max_value=31)
AT = st.sampled_from((0, 2, 3, 1, -1, 4, 5))
CUT = st.sampled_from(("", "", "before", "after"))


def _rarely(value: T, other: st.SearchStrategy[T], odds: int = 4) -> st.SearchStrategy[T]:
    """A value, and once in so many times another."""
    return st.integers(0, odds - 1).flatmap(lambda n: other if n == odds - 1 else st.just(value))


TILL = _rarely(0, st.integers(1, 12), 3)
"""Mostly the one with whom all is well."""
NEWS = st.one_of(
    st.builds(
        Bulletin,
        by=st.sampled_from((1, 1, 2, 3, 4, 0, -1, 16)),
        revokes=_rarely((), st.tuples(st.integers(0, 3)), 4),
        form=st.sampled_from(("whole", "whole", "delta", "again", "again-delta")),
        cut=CUT,
    ),
    st.builds(
        Keys,
        centre=st.sampled_from(Centre),
        kind=st.sampled_from(
            (
                *["without-old", "void-old", "void-new", "new-history", "without-scheme", "void-scheme"],
                *["with-all", "with-all", "newer", "shorter", "same", "older", "forged"],
            )
        ),
        number=FEW,
        cut=CUT,
    ),
    st.builds(SchemeKey, which=_rarely(1, st.one_of(st.none(), FEW), 2), cut=CUT),
)
EVENT: st.SearchStrategy[Event] = st.one_of(NEWS, NEWS, st.builds(Ordering, ANY), st.builds(Power))
_KIND: st.SearchStrategy[Any] = st.one_of(
    st.just("lost"), st.sampled_from(("lost", "spoilt", "wrong", "error", "cut-before", "cut-after")), EVENT
)
TROUBLES = _rarely(
    (),
    st.lists(
        st.builds(Trouble, at=AT, kind=_KIND, number=st.integers(0, 127)),
        min_size=1,
        max_size=2,
    ).map(tuple),
    3,
)
NEW = st.builds(
    NewUnit,
    exponent=_rarely(1, st.sampled_from((0, 2, 3, 7, 8, 15, 16, 31, 32, 40)), 2),
    life=_rarely(20, st.sampled_from((0, 1, 2, 3)), 2),
    hop=_rarely(0, st.sampled_from((1, 2, 7, 15)), 5),
    room=_rarely(9, st.sampled_from((1, 2)), 4),
    old=st.booleans(),
)
TILL_PAYS = st.builds(
    TillPays,
    till=TILL,
    side=SIDE,
    new=st.lists(NEW, max_size=3).map(tuple),
    old=st.lists(ANY, max_size=3).map(tuple),
    copies=_rarely(False, st.just(True), 3),
    at_once=_rarely(False, st.just(True), 3),
    asked=st.sampled_from((None, None, 0, 0, 0, 0, 1, -1)),
    fault=_rarely(0, st.integers(0, len(faults.ALL) - 1)),
    place=FEW,
    troubles=TROUBLES,
)
TILL_REPEATS = st.builds(
    TillRepeats,
    which=FEW,
    side=SIDE,
    stranger=_rarely(False, st.just(True), 6),
    offer=_rarely(False, st.just(True), 4),
    troubles=TROUBLES,
)
WALLET_PAYS = st.builds(
    WalletPays,
    till=TILL,
    side=SIDE,
    kind=st.sampled_from(("some", "some", "some", "twins", "all", "limit", "number")),
    number=st.integers(1, 63),
    off=_rarely(0, st.sampled_from((1, -1)), 4),
    named=_rarely("nobody", st.sampled_from(("the-payee", "another"))),
    asks=_rarely(0, st.sampled_from((1, 1 << 8, 1 << 16, 1 << 32, -AMOUNT_MAX)), 8),
    troubles=TROUBLES,
)
REDELIVERS = st.builds(
    WalletRedelivers,
    which=FEW,
    side=SIDE,
    stranger=_rarely(False, st.just(True), 6),
    known=_rarely(True, st.just(False), 8),
    troubles=TROUBLES,
)
_KINDS: tuple[st.SearchStrategy[Step | None], ...] = (
    st.none(),
    *[TILL_PAYS] * 4,
    *[WALLET_PAYS] * 4,
    *[TILL_REPEATS] * 2,
    *[REDELIVERS] * 2,
    st.builds(Circle, which=ANY, moves=st.integers(1, 3)),
    *[NEWS] * 2,
    st.builds(Ordering, ANY),
    st.builds(Reopen, SIDE),
    st.builds(Reopen, SIDE),
    st.builds(Resume),
    st.builds(Resume),
    st.builds(Power),
)
STEP = st.sampled_from(_KINDS).flatmap(lambda kind: kind)
"""None: nothing happens, which is what a step is replaced by where it is not needed for a failure."""
START = st.builds(
    Start,
    epoch=st.sampled_from(MAGNITUDES),
    worth=st.sampled_from(MAGNITUDES),
    rules=st.sampled_from(("roomy", "drawn", "roomy", "drawn", "tight", "narrow")),
    bulletin=_rarely(True, st.just(False), 5),
    holdings=st.sampled_from((4, 6, 0, 1)),
    watch=st.booleans(),
    list_life=_rarely(1000, st.sampled_from((0, 2, 5)), 5),
    numbers=st.integers(0, (1 << 40) - 1),
    suite_0=_rarely(False, st.just(True)),
)


def lives(steps: int) -> st.SearchStrategy[Life]:
    """Lives of at most so many steps, and seldom of much fewer."""
    drawn = st.lists(STEP, min_size=steps, max_size=steps)
    kept = drawn.map(lambda found: tuple(step for step in found if step is not None))
    return st.builds(Life, start=START, steps=kept)


@dataclass(frozen=True, slots=True)
class _Found:
    """How a life went: its error, and its evidence."""

    error: Exception | None
    evidence: EvidenceNotes


def explore(
    live: Callable[[Life], None], evidence: EvidenceNotes, *, number: int, steps: int, seeded: int
) -> None:
    """Live so many lives. One that fails is made shorter, within bounds; its error is raised, and `evidence`
    is then that of the shortest.

    `live` raises what is wrong, and writes the evidence. Each life is lived once, so that a wallet that does
    not fail the same way twice is found all the same.
    """
    lived: dict[Life, _Found] = {}
    left = math.inf

    @seed(seeded)
    @settings(
        max_examples=number,
        # A profile for CI would ignore the seed
        derandomize=False,
        phases=[Phase.generate, Phase.shrink],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(lives(steps))
    def all_of_them(life: Life) -> None:
        nonlocal left
        if life not in lived:
            if left <= 0:
                return
            left -= 1
            found = lived[life] = _outcome(live, life, evidence)
            if found.error is not None and left == math.inf:
                left = GREAT * len(life.steps)
        found = lived[life]
        if found.error is not None:
            # Into the lists that are there: they are cleared when the next life begins.
            evidence.expected, evidence.actual = found.evidence.expected, found.evidence.actual
            evidence.steps[:], evidence.notes[:] = found.evidence.steps, found.evidence.notes
            raise found.error

    all_of_them()


def _outcome(live: Callable[[Life], None], life: Life, evidence: EvidenceNotes) -> _Found:
    error = None
    try:
        live(life)
    except Exception as raised:  # noqa: BLE001 - kept, and raised above
        error = raised
    kept = replace(evidence, steps=list(evidence.steps), notes=list(evidence.notes))
    return _Found(error, kept)
