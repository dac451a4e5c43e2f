"""Wallets that are killed and started again on the same store."""

import gc
import os
import signal
import sys
import time
from importlib import resources
from pathlib import Path

import pytest

from eiraku.conformance import tester
from eiraku.conformance.adapter import lasting
from eiraku.conformance.adapter.lasting import LastingWallet
from eiraku.conformance.results import STORE
from eiraku.conformance.tester.world import World
from eiraku.reference.policy import Policy

pytestmark = pytest.mark.slow

REFERENCE = f"cmd:{sys.executable} -m eiraku.conformance.wallet"
POLICY = Policy.from_toml(resources.files(tester).joinpath("policy.toml").read_text()).to_mapping()


@pytest.mark.parametrize("selector", (REFERENCE, "python:eiraku.conformance.wallet:factory"))
def test_a_killed_wallet_has_what_it_wrote(selector: str) -> None:
    world = World(bytes(32), POLICY)
    wallet = LastingWallet(selector, seed=bytes(32))
    wallet.start()
    assert wallet.declares(STORE)
    assert wallet.provision(**world.provisioning([world.holding(4, holder=world.wallet.number)])).accepted
    assert wallet.act("receive").accepted
    before, transcript = wallet.state(), wallet.transcript
    wallet.kill()
    after = wallet.state()
    assert (after.digest, after.balance, after.writes) == (before.digest, 4, 0)
    assert wallet.open("responder").code == "declined", "the purpose is lost"
    wallet.act("pay", amount=4)
    first = wallet.open("initiator").out
    # The answer is never waited for so long.
    began = time.monotonic()
    reply = wallet.deliver_and_kill(b"\x00", 20)
    assert time.monotonic() - began < 15
    assert reply is not None
    assert reply.session == "closed"
    assert wallet.kills == 2
    assert wallet.take_failures() == ()
    assert wallet.transcript == transcript, "what comes after a kill does not count"
    wallet.act("pay", amount=4)
    assert wallet.open("initiator").out != first, "nothing is drawn twice"
    wallet.start()
    assert (wallet.kills, wallet.state().balance) == (0, 0), "on a new store"
    wallet.close()


def test_a_kill_in_the_middle_is_no_failure_of_the_wallet() -> None:
    with LastingWallet(REFERENCE) as wallet:
        wallet.start()
        assert wallet.deliver_and_kill(b"\x00", 1e-6) is None
        assert wallet.take_failures() == ()
        assert wallet.state().balance == 0


def test_the_store_goes_with_the_wallet_and_the_group_with_the_kill(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A place of its own: other tests make and remove stores at the same time.
    place = tmp_path / "stores"
    place.mkdir()
    monkeypatch.setattr(lasting, "_MEMORY", place)
    script = tmp_path / "wallet.sh"
    script.write_text(f"sleep 1000 & echo $! > {tmp_path}/child\n{REFERENCE.removeprefix('cmd:')}\n")
    wallet = LastingWallet(f"cmd:/bin/sh {script}")
    wallet.start()
    assert len(list(place.iterdir())) == 1
    child = int((tmp_path / "child").read_text())
    wallet.kill()
    for _ in range(200):
        if not Path(f"/proc/{child}").exists() or " Z " in Path(f"/proc/{child}/stat").read_text():
            break
        time.sleep(0.05)
    else:
        os.kill(child, signal.SIGKILL)
        raise AssertionError("a process of the killed group lives on")
    wallet.close()
    del wallet
    gc.collect()
    assert not list(place.iterdir())


def test_a_wallet_that_cannot_be_killed_has_no_store() -> None:
    wallet = LastingWallet("tcp:localhost:1")
    assert not wallet.declares(STORE)
    assert "store" not in wallet._introduction()
