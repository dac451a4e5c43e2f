"""Lengths of handshake messages, which everybody sees: the same for all purses (chapters 3 and 5)."""

from collections.abc import Callable
from typing import Any

import pytest

from eiraku.conformance.suite.negative_session import PAYEES, Part, meet
from eiraku.conformance.tester.peer import PADDED
from eiraku.conformance.tester.stage import WALLET, Stage
from eiraku.conformance.tester.world import World
from eiraku.reference.edhoc.messages import encode_identifier
from eiraku.spec.objects import Role
from eiraku.spec.shape import EPOCH_MAX

SESSIONS = 3
NAMED = ("message_1", "message_2")
"""The messages that have the connection identifier of who sends them."""
Attributes = Callable[[World], dict[str, Any]]

PURSES: dict[str, Attributes] = {
    # What the purse ID of the wallet is like, other than that of a usual person.
    "merchant": lambda _: {"role": Role.MERCHANT},
    "vault": lambda world: {"role": Role.VAULT, "holder": world.peer.claims.holder},
    "centre": lambda _: {"role": Role.CENTRE},
    "tier-2": lambda _: {"tier": 2},
    "lowest-number": lambda _: {"number": (1).to_bytes(8, "big")},
    "highest-number": lambda _: {"number": b"\xff" * 8},
    "other-holder": lambda _: {"holder": bytes(32)},
    "late": lambda _: {"expires": EPOCH_MAX},
    "reserved-1": lambda _: {"reserved": b"\0"},
    "reserved-24": lambda _: {"reserved": bytes(24)},
    "longest": lambda _: {"expires": EPOCH_MAX, "reserved": b"\xff" * 32},
}


def lengths(stage: Stage, part: Part) -> set[tuple[tuple[str, int], ...]]:
    """Lengths of the wallet's handshake messages, but for its connection identifier, in some sessions."""
    found: set[tuple[tuple[str, int], ...]] = set()
    stage.begin()
    for _ in range(SESSIONS):
        stage.evidence.steps.clear()
        talk = meet(stage, part)
        identifier = len(encode_identifier(talk.wallet_connection_id))
        heard = [step for step in stage.evidence.steps if step.source == WALLET and step.data]
        sent = [
            (step.label, len(step.data) // 2 - (identifier if step.label in NAMED else 0))
            for step in heard
            if step.label.startswith("message_")
        ]
        stage.equal(len(sent), 2, "messages of the wallet in a handshake")
        found.add(tuple(sent))
    return found


@pytest.mark.requirement("EPP-SES-062", "EPP-PID-030")
@PAYEES
@pytest.mark.parametrize("name", sorted(PURSES))
def test_lengths_tell_nothing(stage: Stage, name: str, part: Part) -> None:
    """Handshake messages have one length, whoever the wallet is"""
    world = stage.world
    usual = lengths(stage, part)
    stage.equal(len(usual), 1, "different lengths in some sessions of one purse")
    world.wallet = world.purse(**PURSES[name](world))
    stage.require(len(world.wallet.purse_id) <= PADDED, "a purse ID that fits", name, "purse ID")
    stage.equal(lengths(stage, part), usual, "lengths of messages of another purse")
