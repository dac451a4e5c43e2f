"""Long random sequences of everything, with every unit counted after each step (chapter 8)."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from eiraku.conformance.suite.campaign import Market
from eiraku.conformance.tester.stage import Stage

SHORT = 30
"""Steps of a sequence at the standard level."""


@pytest.mark.requirement("EPP-CRS-005", "EPP-CRS-017", "EPP-HIS-006")
@pytest.mark.parametrize(
    ("sequences", "steps", "watched"),
    (
        pytest.param(15, SHORT, True, id="short"),
        pytest.param(15, SHORT, False, id="unwatched"),
        pytest.param(200, 50, True, id="long", marks=pytest.mark.level("full")),
        pytest.param(100, 100, False, id="long-unwatched", marks=pytest.mark.level("full")),
    ),
)
def test_campaign(stage: Stage, check_seed: bytes, sequences: int, steps: int, watched: bool) -> None:  # noqa: FBT001
    """Payments, losses, cuts, redeliveries, replays and copies in any order: no unit is lost, none made."""
    # Making a failing sequence shorter takes many times as long as finding it: at the full level only.
    phases = [Phase.generate, Phase.shrink] if steps > SHORT else [Phase.generate]
    bounds = settings(
        phases=phases,
        max_examples=sequences,
        stateful_step_count=steps,
        suppress_health_check=list(HealthCheck),
    )

    class ThisMarket(Market):
        def __init__(self) -> None:
            super().__init__(stage, check_seed, watched=watched)

    run_state_machine_as_test(ThisMarket, settings=bounds)
