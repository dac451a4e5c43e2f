"""What a wallet draws: from its seed alone if it declares so, and never twice the same without one."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations

import pytest

from eiraku.conformance.suite.journey import Flow, Journey, Losing, Lost
from eiraku.conformance.suite.oracle import Oracle, Till
from eiraku.conformance.suite.payer import own
from eiraku.conformance.suite.sides import BOTH_SIDES
from eiraku.conformance.tester.stage import WALLET, Stage
from eiraku.conformance.tester.world import World, identifier
from eiraku.spec.tables import Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What a wallet did in one and the same life."""

    first: str
    """Its first message, which no peer has had a part in."""
    transactions: tuple[bytes, ...]
    """Those that it has drawn, 16 bytes each."""
    sent: tuple[tuple[str, str], ...]
    """Every message: its name and its bytes, hex."""
    transcript: str
    """Digest of every request and answer."""


@contextmanager
def _told(stage: Stage, seed: bytes | None) -> Iterator[None]:
    """The wallet starts, and is told this seed, or none; who comes next has it started anew."""
    before, stage.wallet.seed = stage.wallet.seed, seed
    try:
        stage.wallet.start()
        yield
    finally:
        stage.wallet.seed = before
        stage.wallet.close()


def _live(stage: Stage, seed: bytes) -> Life:
    """Payments in all roles, one that fails and is redelivered, a loss of power; `seed`: of the world."""
    stage.world = world = World(seed, stage.world.policy)
    stage.watched = False
    till = Till(identity=world.purse())
    held = [world.holding(worth, holder=till.number) for worth in (1, 2, 4)]
    till.held.update({identifier(each): each for each in held})
    stage.wallet.clear_trace()
    oracle = Oracle(stage, own(world, (1, 2, 4, 8)), [till])
    for amount, side in zip((1, 2), BOTH_SIDES, strict=True):
        Journey(oracle, Flow(wallet_pays=True, side=side), till).pay(amount)
        Journey(oracle, Flow(wallet_pays=False, side=side), till).receive(till.holdings(amount))
    with pytest.raises(Lost):
        Journey(oracle, Flow(wallet_pays=True, side=Side.INITIATOR), till, Losing("PAY")).pay(4)
    stage.wallet.power_cut("now")
    again = Flow(wallet_pays=True, side=Side.INITIATOR, redelivery=True)
    Journey(oracle, again, till).redeliver(next(iter(oracle.pending)))
    oracle.check("a life")
    sent = [(step.label, step.data) for step in stage.evidence.steps if step.source == WALLET]
    return Life(
        first=next(data for name, data in sent if name == "message_1"),
        transactions=tuple(oracle.settled),
        sent=tuple(sent),
        transcript=stage.wallet.transcript,
    )


def _same(stage: Stage, first: Life, second: Life, when: str) -> None:
    for number, (one, other) in enumerate(zip(first.sent, second.sent, strict=False)):
        stage.equal(" ".join(other), " ".join(one), f"message {number + 1} that it sent, {when}")
    stage.equal(second.transcript, first.transcript, f"digest of all that was exchanged, {when}")


@pytest.mark.needs("deterministic")
@pytest.mark.requirement("EPP-TRF-003", "EPP-SES-011")
def test_seed_decides(stage: Stage, check_seed: bytes) -> None:
    """Told the same seed again, or reset, a wallet that declares to be deterministic sends the same bytes."""
    seed = stage.world.random(32)
    with _told(stage, seed):
        first = _live(stage, check_seed)
        _same(stage, first, _live(stage, check_seed), "after a reset")
    with _told(stage, seed):
        _same(stage, first, _live(stage, check_seed), "after another start with the same seed")


@pytest.mark.requirement("EPP-TRF-003", "EPP-SES-011")
def test_starts_differ(stage: Stage, check_seed: bytes) -> None:
    """What a wallet draws, it draws anew in each life; a deterministic one if it is told another seed."""
    seeds = [stage.world.random(32)] * 2
    if stage.wallet.declares("deterministic"):
        seeds[1] = stage.world.random(32)
    lives = []
    for seed in seeds:
        with _told(stage, seed):
            lives.append(_live(stage, check_seed))
            if not stage.wallet.declares("deterministic"):
                lives.append(_live(stage, check_seed))
    for first, second in combinations(lives, 2):
        stage.require(first.first != second.first, "another", second.first, "message_1 of another life")
        common = {*first.transactions} & {*second.transactions}
        stage.equal(sorted(each.hex() for each in common), [], "transactions drawn in two lives")
