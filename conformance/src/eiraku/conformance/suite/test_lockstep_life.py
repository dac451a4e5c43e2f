"""Whole lives of a purse, drawn at random, in lock-step with the shadow purse.

Everything that can happen to a purse happens, in any order and of any size; after each message the wallet
must have done what the specification, executed, does. What fails is made shorter and told in words.
"""

import pytest

from eiraku.conformance.lockstep.drawing import explore
from eiraku.conformance.lockstep.steps import (
    Bulletin,
    Circle,
    Keys,
    Life,
    NewUnit,
    Power,
    Start,
    Step,
    TillPays,
    TillRepeats,
    Trouble,
    WalletPays,
    WalletRedelivers,
)
from eiraku.conformance.suite.lives import lived
from eiraku.conformance.suite.sides import BOTH_SIDES, SIDES
from eiraku.conformance.tester.stage import Stage
from eiraku.spec.key_lists import Centre
from eiraku.spec.tables import Side

STEPS = 16
BUNDLE = 48
"""Units of each payment to a purse that grows old."""
LOST_RECEIPT = {Side.INITIATOR: 3, Side.RESPONDER: 4}
"""Which message of ours RECEIPT is where the wallet pays."""
BETWEEN: dict[str, tuple[Step, ...]] = {
    "nothing": (),
    "power-loss": (Power(),),
    "bulletin": (Bulletin(1),),
    "expiry": (Bulletin(4),),
    "key-list": (Keys(Centre.MONEY, "without-old"),),
    "list-before-power-loss": (Keys(Centre.DEVICE, "newer", cut="before"), Power()),
}
"""What may happen before a payment that is long over comes again."""


@pytest.mark.requirement("EPP-CRS-005", "EPP-CRS-015", "EPP-CRS-017", "EPP-TRF-001", "EPP-HIS-006")
@pytest.mark.parametrize(
    ("lives", "steps"),
    (
        pytest.param(30, STEPS, id="short"),
        pytest.param(2000, 30, id="long", marks=pytest.mark.level("full")),
    ),
)
def test_life(stage: Stage, check_seed: bytes, lives: int, steps: int) -> None:
    """Whatever happens to a purse, it does what the specification says, step by step."""
    explore(
        lambda life: lived(stage, life, check_seed),
        stage.evidence,
        number=lives,
        steps=steps,
        seeded=int.from_bytes(check_seed[:8], "big"),
    )


@SIDES
@pytest.mark.requirement("EPP-CRS-010", "EPP-CRS-020", "EPP-TRF-034", "EPP-TRF-041")
@pytest.mark.parametrize("between", BETWEEN)
def test_round_in_a_circle(stage: Stage, check_seed: bytes, side: Side, between: str) -> None:
    """Units leave the wallet and come back in a circle; then all that was paid with them comes again."""
    new = tuple(NewUnit(exponent, life=3 if between == "expiry" else 20, old=True) for exponent in (0, 1))
    again = tuple(TillRepeats(which, side) for which in range(3))
    steps = (
        TillPays(0, side, new=new),
        WalletPays(1, side, kind="all"),
        Circle(0, moves=2),
        TillPays(0, side, old=(0,)),
        *BETWEEN[between],
        *again,
        WalletPays(0, side, kind="all"),
        *again,
        *(TillPays(0, side, old=(copy,), copies=True) for copy in range(8)),
        *(TillRepeats(which, side, offer=True) for which in range(2)),
    )
    lived(stage, Life(Start(holdings=0), steps), check_seed)


@SIDES
@pytest.mark.requirement("EPP-TRF-014", "EPP-CRS-007", "EPP-CRS-010", "EPP-CRS-011")
def test_renewed_into_a_lower_tier(stage: Stage, check_seed: bytes, side: Side) -> None:
    """What was signed away under the limits of one tier is delivered again under those of another."""
    lost = (Trouble(LOST_RECEIPT[side], "lost"),)
    steps = (
        TillPays(0, side, new=(NewUnit(2),)),
        WalletPays(0, side, kind="all", troubles=lost),
        TillRepeats(1, side),
        WalletRedelivers(1, side),
    )
    lived(stage, Life(Start(rules="tiers"), steps), check_seed)


@pytest.mark.requirement(
    "EPP-CRS-016", "EPP-CRS-020", "EPP-CRS-021", "EPP-CRS-001", "EPP-CRS-007", "EPP-TRF-041"
)
@pytest.mark.parametrize(
    ("bundles", "owed"),
    (
        pytest.param(5, 40, id="240-units"),
        pytest.param(60, 100, id="2880-units", marks=pytest.mark.level("full")),
    ),
)
def test_old_purse(stage: Stage, check_seed: bytes, bundles: int, owed: int) -> None:
    """A purse remembers what was long ago: every unit, every payment, everything that is pending."""
    steps: list[Step] = []
    for number in range(bundles):
        side = BOTH_SIDES[number % 2]
        new = tuple(NewUnit(n % 3) for n in range(BUNDLE))
        steps += [TillPays(0, side, new=new), WalletPays(1, side, kind="all")]
    for number in range(owed):
        side = BOTH_SIDES[number % 2]
        lost = (Trouble(LOST_RECEIPT[side], "lost"),)
        steps += [
            TillPays(0, side, new=(NewUnit(number % 5),)),
            WalletPays(1, side, kind="all", troubles=lost),
        ]
    steps.append(Power())
    # The oldest, the newest, and some between; a copy of each, and each payment again.
    steps += [
        TillPays(0, BOTH_SIDES[n % 2], old=(3 * n * BUNDLE // 2,), copies=True) for n in range(2 * bundles)
    ]
    steps += [TillPays(0, Side.RESPONDER, old=(-1 - n,), copies=True) for n in range(4)]
    steps += [TillRepeats(n, BOTH_SIDES[n % 2]) for n in range(bundles + owed)]
    steps += [WalletRedelivers(n // 2, BOTH_SIDES[n % 2]) for n in reversed(range(owed))]
    lived(stage, Life(Start(rules="ample", holdings=0, watch=False), tuple(steps)), check_seed)
