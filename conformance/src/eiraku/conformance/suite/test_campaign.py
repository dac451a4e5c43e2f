"""Long random sequences of everything, with every unit counted after each step (chapter 8)."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from eiraku.conformance.suite.campaign import Market
from eiraku.conformance.tester.stage import Stage


@pytest.mark.requirement(
    "EPP-CRS-005",
    "EPP-CRS-006",
    "EPP-CRS-007",
    "EPP-CRS-008",
    "EPP-CRS-010",
    "EPP-CRS-012",
    "EPP-CRS-013",
    "EPP-CRS-014",
    "EPP-CRS-015",
    "EPP-CRS-016",
    "EPP-CRS-017",
    "EPP-HIS-006",
    "EPP-TRF-019",
)
@pytest.mark.parametrize(
    ("sequences", "steps"),
    (
        pytest.param(8, 20, id="short"),
        pytest.param(150, 50, id="long", marks=pytest.mark.level("full")),
    ),
)
def test_campaign(stage: Stage, check_seed: bytes, sequences: int, steps: int) -> None:
    """Payments, losses, cuts, redeliveries, replays and copies in any order: no unit is lost, none made."""
    bounds = settings(
        max_examples=sequences,
        stateful_step_count=steps,
        suppress_health_check=list(HealthCheck),
    )

    class ThisMarket(Market):
        def __init__(self) -> None:
            super().__init__(stage, check_seed)

    run_state_machine_as_test(ThisMarket, settings=bounds)
