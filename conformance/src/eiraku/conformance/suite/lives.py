"""Lives on the stage, in lock-step with the shadow purse."""

import hashlib

from eiraku.conformance.lockstep.living import live
from eiraku.conformance.lockstep.setting import Judged
from eiraku.conformance.lockstep.steps import Life
from eiraku.conformance.results import SUITE_0
from eiraku.conformance.tester.stage import Stage


def lived(stage: Stage, life: Life, seed: bytes) -> None:
    """One life of the wallet on the stage. Raises Difference."""
    if not stage.wallet.running:
        # It has crashed in a life before this one, which is now made shorter.
        stage.wallet.start()
    suite_0 = stage.wallet.declares(SUITE_0)
    judged = Judged(player=stage.wallet, notes=stage.evidence, room=stage.rooms, suite_0=suite_0)
    live(judged, life, hashlib.sha256(seed).digest())
