"""Whatever a purse has been through, happens to it then, and comes next, in lock-step with the shadow purse.

Each check is one event. At level standard it meets each situation, moment, probe and policy; at full, at each
moment, each two of these.
"""

from collections.abc import Sequence
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
    "EPP-KEY-036",
    "EPP-CRS-015",
    "EPP-TRF-001",
)


def _rows(seed: bytes, **fixed: str) -> Sequence[Row]:
    """Rows in which every two values of any two dimensions meet, others in each run."""
    random = _random(seed)
    values = {name: random.sample(each, len(each)) for name, each in crossing.DIMENSIONS.items()}
    return covering.pairwise({**values, **{name: (value,) for name, value in fixed.items()}})


def _random(seed: bytes) -> Random:
    return Random(seed)  # noqa: S311 - no secret: what a run draws can be drawn again


def _lives(stage: Stage, seed: bytes, rows: Sequence[Row]) -> None:
    for number, row in enumerate(rows):
        random = _random(seed + number.to_bytes(4, "big"))
        lived(stage, crossing.life(row, random), random.randbytes(32))


@pytest.mark.requirement(*CITED)
@pytest.mark.parametrize("event", crossing.EVENTS)
def test_event(stage: Stage, check_seed: bytes, event: str) -> None:
    """Whenever this happens, the purse goes on as the specification says."""
    _lives(stage, check_seed, [row for row in _rows(check_seed) if row["event"] == event])


@pytest.mark.level("full")
@pytest.mark.requirement(*CITED)
@pytest.mark.parametrize("moment", crossing.MOMENTS)
@pytest.mark.parametrize("event", crossing.EVENTS)
def test_event_in_full(stage: Stage, check_seed: bytes, event: str, moment: str) -> None:
    """The same, after all that a purse may have been through, and before all that may come next."""
    _lives(stage, check_seed, _rows(check_seed, event=event, moment=moment))
