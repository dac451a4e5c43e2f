"""Failures that explain themselves: each hint is met by a wallet that makes that very mistake."""

import importlib
import runpy
from collections import defaultdict
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from eiraku.conformance import tester
from eiraku.conformance.adapter.inprocess import InProcess
from eiraku.conformance.adapter.observed import ObservedWallet
from eiraku.conformance.adapter.transports import Selector
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.mutants.wallet import MutantWallet
from eiraku.conformance.tester import flows
from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import World
from eiraku.reference.policy import Policy
from eiraku.spec.tables import Side
from eiraku.testing.patches import Patch

pytestmark = pytest.mark.slow

WALLETS = runpy.run_path(str(Path(__file__).with_name("hint_wallets_sessions.py")))["FOUND"]
SEED = b"hints".ljust(32, b"\0")
TABLES = (
    *("hints.SIGNATURE", "hints.ENDORSEMENT", "hints.RECEIPT", "hints.DIGEST", "hints.MEMBER"),
    *("hints_sealed.LAYER", "hints_sealed.CONTENT", "hints_sealed.PURSE_ID"),
    *("hints_session.MESSAGE_2", "hints_session.SIGNATURE", "hints_session.LATER", "hints_records.RECORD"),
)


def world() -> World:
    text = resources.files(tester).joinpath("policy.toml").read_text()
    return World(SEED, Policy.from_toml(text).to_mapping())


def stage(patches: Sequence[Patch] = ()) -> Stage:
    """A wallet with a defect, in this process."""
    wallet = MutantWallet("hints", lambda: patches)
    selector = Selector(text="hints", kind="python", open=lambda: InProcess(lambda: wallet, "hints"))
    client = ObservedWallet(selector, seed=SEED)
    client.start()
    return Stage(client, world(), EvidenceNotes())


def play(on: Stage, what: str, side: Side) -> None:
    """A payment to the wallet, or by it with what it was provisioned with, or by it with what it was paid."""
    made = on.world
    if what == "take":
        on.begin([made.holding(4, hop=1, holder=made.wallet.number)])
        flows.take(on, side, 4)
        return
    on.begin()
    flows.give(on, side, [made.holding(4, hop=1)])
    if what == "pass on":
        flows.take(on, side, 4)


def failed(on: Stage, what: str, side: Side) -> EvidenceNotes:
    """The evidence, as the harness would have it."""
    with pytest.raises(AssertionError):
        play(on, what, side)
    on.wallet.close()
    on.evidence.gather()
    return on.evidence


@pytest.mark.parametrize("wallet", WALLETS, ids=lambda wallet: f"{wallet.table} {wallet.words[:60]}")
def test_a_misreading_is_recognised(wallet: Any) -> None:
    other = world().issuing.keys[0].history_key.public
    found = failed(stage(wallet.patches(other)), wallet.play, wallet.side)
    holding = {hint.words for hint in found.hints if hint.holds}
    assert any(words.endswith(wallet.words) for words in holding), found.hints
    assert len(holding) <= 2
    assert len(found.hints) > len(holding)
    assert found.violated == wallet.violated


def test_every_hint_has_its_wallet() -> None:
    made = defaultdict(set)
    for wallet in WALLETS:
        made[wallet.table].add(wallet.words)
    for name in TABLES:
        module, _, table = name.partition(".")
        loaded = importlib.import_module(f"eiraku.conformance.tester.{module}")
        assert set(getattr(loaded, table)) == made[name], name


@pytest.mark.parametrize("what", ("give", "take", "pass on"))
@pytest.mark.parametrize("side", (Side.INITIATOR, Side.RESPONDER))
def test_a_right_wallet_gives_no_hint_and_all_can_be_read(what: str, side: Side) -> None:
    on = stage()
    play(on, what, side)
    on.wallet.close()
    notes = on.evidence
    assert not notes.hints
    assert not notes.insights
    notes.gather()
    told = {fact.name for fact in notes.insights[-1].facts}
    assert told >= {"TH_2", "TH_3", "TH_4", "PRK_2e", "PRK_3e2m", "PRK_4e3m", "PRK_out"}
    for number in (2, 3, 4):
        (step,) = [step for step in notes.steps if step.label == f"message_{number}"][-1:]
        assert step.decoded.startswith(f"PLAINTEXT_{number}: ")
    assert all(step.decoded for step in notes.steps if step.label in {"OFFER", "ACCEPT", "PAY", "RECEIPT"})


def test_orders_state_and_loss_of_power_are_steps() -> None:
    on = stage()
    on.begin()
    on.wallet.power_cut("before", 1)
    on.wallet.power_cut("never")
    on.wallet.power_cut("now")
    on.order("receive")
    balance = on.state().balance
    on.wallet.close()
    labels = [step.label for step in on.evidence.steps]
    assert labels[0] == "provision, units: 0"
    assert labels[-5:] == [
        "power will be lost before write 1",
        "power stays on",
        "power lost",
        "receive()",
        "state",
    ]
    assert f"balance {balance}" in on.evidence.steps[-1].outcome
