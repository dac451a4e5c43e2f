"""Chapter 3: how the wallet signs, as far as its signatures show it."""

import pytest

from eiraku.conformance.suite.memory import repeat
from eiraku.conformance.suite.payer import own, paid, redeliver, settle_by_redelivery
from eiraku.conformance.suite.sides import SIDES
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.stage import Stage
from eiraku.reference.crypto import ed25519
from eiraku.spec.tables import Side

R_BYTES = 32
SESSIONS = 7
UNITS = 9
RECEIPTS = 2


@SIDES
@pytest.mark.requirement("EPP-KEY-013")
def test_no_two_signatures_share_r(stage: Stage, side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all that the wallet signs in its sessions, no two messages have signatures with one R"""
    world = stage.world
    verify = ed25519.verify
    signed: dict[bytes, set[bytes]] = {}

    def listen(public: bytes, message: bytes, signature: bytes) -> bool:
        good = verify(public, message, signature)
        if good and public == world.wallet.claims.public_key:
            signed.setdefault(message, set()).add(signature[:R_BYTES])
        return good

    monkeypatch.setattr(ed25519, "verify", listen)
    stage.begin(own(world, [1 << n for n in range(8)]))
    # Eight endorsements at once, and twice the same ones again.
    _, lost = paid(stage, side, 255)
    redeliver(stage, side, lost)
    settle_by_redelivery(stage, side, lost)
    payment = flows.give(stage, side, [world.holding(1), world.holding(2)])
    flows.give(stage, side, [world.holding(1)])
    repeat(stage, side, payment)
    flows.take(stage, side, 2)
    # One of each handshake, each endorsement and each receipt: nothing went by unheard.
    stage.equal(len(signed), SESSIONS + UNITS + RECEIPTS, "messages that the wallet signed")
    found: dict[bytes, bytes] = {}
    for message, points in signed.items():
        for point in points:
            earlier = found.setdefault(point, message)
            stage.require(earlier == message, "another R", point.hex(), "R of signatures over two messages")
