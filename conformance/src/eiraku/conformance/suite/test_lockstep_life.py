"""Whole lives of a purse, drawn at random, in lock-step with the shadow purse.

Everything that can happen to a purse happens, in any order and of any size; after each message the wallet
must have done what the specification, executed, does. What fails is made shorter and told in words.
"""

import hashlib

import pytest

from eiraku.conformance.lockstep.drawing import explore
from eiraku.conformance.lockstep.living import Judged, live
from eiraku.conformance.lockstep.steps import Life
from eiraku.conformance.tester.stage import Stage

STEPS = 16


@pytest.mark.requirement("EPP-CRS-005", "EPP-CRS-015", "EPP-CRS-017", "EPP-TRF-001", "EPP-HIS-006")
@pytest.mark.parametrize(
    ("lives", "steps"),
    (
        pytest.param(120, STEPS, id="short"),
        pytest.param(2000, 30, id="long", marks=pytest.mark.level("full")),
    ),
)
def test_life(stage: Stage, check_seed: bytes, lives: int, steps: int) -> None:
    """Whatever happens to a purse, it does what the specification says, step by step."""

    def one(life: Life) -> None:
        if not stage.wallet.running:
            # It has crashed in a life before this one, which is now made shorter.
            stage.wallet.start()
        judged = Judged(player=stage.wallet, notes=stage.evidence, room=stage.rooms)
        live(judged, life, hashlib.sha256(check_seed).digest())

    explore(one, stage.evidence, number=lives, steps=steps, seeded=int.from_bytes(check_seed[:8], "big"))
