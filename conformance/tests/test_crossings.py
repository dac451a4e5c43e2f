"""Crossings: rows that meet, lawful policies, sessions that go on after something else, words."""

import itertools
import shutil
from pathlib import Path
from random import Random

import pytest

from eiraku.conformance.adapter.lasting import LastingWallet
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.lockstep import covering, crossing
from eiraku.conformance.lockstep.living import live
from eiraku.conformance.lockstep.peer import Said
from eiraku.conformance.lockstep.scenes import rules_of
from eiraku.conformance.lockstep.setting import Judged
from eiraku.conformance.lockstep.spoiling import SPOILING
from eiraku.conformance.lockstep.steps import (
    Bulletin,
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
    Trouble,
    WalletPays,
)
from eiraku.reference.policy import Policy
from eiraku.spec.key_lists import Centre
from eiraku.spec.messages import Reject, Request, decode
from eiraku.spec.tables import Side

pytestmark = pytest.mark.slow

REFERENCE = "python:eiraku.conformance.wallet:factory"
NODE = Path(__file__).parents[1] / "samples" / "node-wallet" / "adapter.mjs"
SEED = bytes(32)


def lived(selector: str, *lives: Life) -> EvidenceNotes:
    notes = EvidenceNotes()
    with LastingWallet(selector, seed=b"\x01" * 32, timeout=60) as wallet:
        info = wallet.start()
        for life in lives:
            live(Judged(player=wallet, notes=notes, room=info.room, suite_0=True), life, SEED)
    return notes


def some(number: int, more: int = 1) -> list[Life]:
    """As many lives of different rows."""
    rows = Random(number).sample(covering.pairwise(crossing.DIMENSIONS), number)
    return [crossing.life(row, Random(n), more) for n, row in enumerate(rows)]


def test_any_two_values_meet() -> None:
    rows = covering.pairwise(crossing.DIMENSIONS)
    for first, second in itertools.combinations(crossing.DIMENSIONS, 2):
        met = {(row[first], row[second]) for row in rows}
        assert met == set(itertools.product(crossing.DIMENSIONS[first], crossing.DIMENSIONS[second]))


def test_every_policy_is_lawful() -> None:
    random = Random(1)
    starts = [*crossing.RULES.values(), Start(rules="tight"), Start(rules="narrow"), Start(rules="ample")]
    starts += [Start(rules="drawn", numbers=random.getrandbits(40)) for _ in range(300)]
    assert len({repr(Policy.from_mapping(rules_of(start, {}))) for start in starts}) > 250


def test_the_shadow_agrees_with_the_reference() -> None:
    assert lived(REFERENCE, *some(40, more=3)).steps


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed")
def test_the_shadow_agrees_with_the_wallet_in_node() -> None:
    assert lived(f"cmd:node {NODE}", *some(40)).steps


def outcomes(*steps: Step, start: Start | None = None) -> list[str]:
    """Everything that was done to the wallet, and what it answered."""
    notes = lived(REFERENCE, Life(start or Start(), steps))
    return [f"{step.label}: {step.outcome}" for step in notes.steps if step.outcome]


def test_a_session_goes_on_after_other_things() -> None:
    lost = (Trouble(crossing.FIRST, "lost"),)
    told = outcomes(
        TillPays(0, Side.RESPONDER, new=(NewUnit(1),), troubles=lost),
        Bulletin(1),
        Ordering(0),
        Keys(Centre.DEVICE, "newer"),
        Resume(),
    )
    assert [line.partition(":")[0] for line in told[-5:]][:3] == ["bulletin", "pay", "keys"]
    assert "OFFER: accepted" in told[-2]


@pytest.mark.parametrize(
    ("between", "accepted"),
    (
        ((), False),
        ((Ordering(3),), True),
        ((Ordering(3), Power()), False),
        ((Ordering(3), Bulletin(1), Keys(Centre.MONEY, "void-old"), SchemeKey(1)), True),
    ),
)
def test_a_purpose_waits_unless_power_is_lost(between: tuple[Step, ...], accepted: bool) -> None:  # noqa: FBT001
    pays = WalletPays(0, Side.RESPONDER, number=1)
    told = [line for line in outcomes(pays, *between, Reopen(Side.RESPONDER)) if line.startswith("open as")]
    assert len(told) == 2
    assert ("accepted" in told[1]) is accepted


def test_keys_come_back() -> None:
    told = outcomes(
        Keys(Centre.DEVICE, "without-scheme", 0),
        WalletPays(0, Side.INITIATOR),
        Keys(Centre.DEVICE, "with-all"),
        Reopen(Side.INITIATOR),
    )
    opened = [line for line in told if line.startswith("open as")]
    assert "anchor-expired" in opened[0]
    assert "accepted" in opened[1]


def test_an_answer_is_a_rejection() -> None:
    right = Request(amount=1, reference="").encode()
    spoil = SPOILING[crossing.REJECTS // 2]
    assert crossing.REJECTS % 2 == 0
    said = spoil(Said(name="REQUEST", plaintext=right))
    assert isinstance(decode(said.plaintext), Reject)


def test_a_life_is_told() -> None:
    keys = (Keys(Centre.MONEY, "void-old"), SchemeKey(None))
    news = (Bulletin(1, form="delta"), *keys, Ordering(1), Power())
    troubles = tuple(Trouble(-1, event) for event in news)
    notes = lived(REFERENCE, Life(Start(), (TillPays(0, Side.RESPONDER, troubles=troubles),)))
    words = notes.notes[-1]
    for said in (
        "before it opens",
        "1 epochs later, delta",
        "void-old",
        "unknown scheme key",
        "another order",
    ):
        assert said in words
