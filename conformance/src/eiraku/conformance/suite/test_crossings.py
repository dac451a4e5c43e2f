"""Whatever a purse has been through, whatever happens to it then, and whatever comes next, in lock-step.

Each check is one event. At level standard it meets each situation, each moment and each probe once; at full
each situation with each probe at each moment.
"""

from collections.abc import Sequence
from functools import cache
from random import Random

import pytest

from eiraku.conformance.lockstep import covering, crossing
from eiraku.conformance.lockstep.covering import Row
from eiraku.conformance.suite.lives import lived
from eiraku.conformance.tester.stage import Stage

CITED = (
    "EPP-GEN-022",
    "EPP-GEN-023",
    "EPP-GEN-024",
    "EPP-SES-027",
    "EPP-BUL-004",
    "EPP-KEY-036",
    "EPP-KEY-049",
)


@cache
def _pairwise() -> Sequence[Row]:
    return covering.pairwise(crossing.DIMENSIONS)


def _lives(stage: Stage, seed: bytes, rows: Sequence[Row], times: int = 1) -> None:
    for number, row in enumerate(rows):
        for time in range(times):
            # No secret: what a run draws can be drawn again.
            random = Random(seed + number.to_bytes(4, "big") + bytes([time]))  # noqa: S311
            lived(stage, crossing.life(row, random), random.randbytes(32))


@pytest.mark.requirement(*CITED)
@pytest.mark.parametrize("event", crossing.EVENTS)
def test_event(stage: Stage, check_seed: bytes, event: str) -> None:
    """Whenever this happens, the purse goes on as the specification says."""
    _lives(stage, check_seed, [row for row in _pairwise() if row["event"] == event])


@pytest.mark.level("full")
@pytest.mark.requirement(*CITED)
@pytest.mark.parametrize("moment", crossing.MOMENTS)
@pytest.mark.parametrize("event", crossing.EVENTS)
def test_event_in_full(stage: Stage, check_seed: bytes, event: str, moment: str) -> None:
    """The same, in each situation, and before each probe."""
    fixed = {"event": (event,), "moment": (moment,)}
    _lives(stage, check_seed, covering.pairwise({**crossing.DIMENSIONS, **fixed}), 3)
