"""The reference wallet behind the adapter protocol: every verb, both directions checked."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eiraku.conformance.adapter.protocol import check_request, check_response
from eiraku.conformance.wallet import CAPABILITIES, ReferenceWallet, factory
from eiraku.reference.purse.state import Provisioning
from eiraku.spec import cbor
from eiraku.testing.purses import World

SEED = "5a" * 32


class Driver:
    """Sends requests to a wallet, with both directions checked."""

    def __init__(self, wallet: Any) -> None:
        self.wallet = wallet
        self.seq = 0

    def __call__(self, verb: str, **fields: Any) -> dict[str, Any]:
        self.seq += 1
        request = {"seq": self.seq, "verb": verb, **fields}
        check_request(request)
        response: dict[str, Any] = json.loads(json.dumps(self.wallet.handle(request)))
        assert response["seq"] == self.seq
        check_response(verb, response)
        return response

    def good(self, verb: str, **fields: Any) -> dict[str, Any]:
        response = self(verb, **fields)
        assert response["outcome"] == "accepted", response
        return response


def provision(given: Provisioning) -> dict[str, Any]:
    return {
        "purse": {
            "number": given.number.hex(),
            "private_key": given.private_key.hex(),
            "purse_id": given.purse_id.hex(),
        },
        "anchor": given.anchor,
        "policy": given.policy,
        "bulletin": None if given.bulletin is None else given.bulletin.hex(),
        "holdings": [
            {"unit": h.unit.hex(), "hop": h.hop, "history": h.history.hex()} for h in given.holdings
        ],
    }


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def pair(world: World) -> Iterator[tuple[Driver, Driver]]:
    drivers = Driver(factory()), Driver(factory())
    for n, driver in enumerate(drivers):
        driver.good("start", protocol={"min": 1, "max": 3}, seed=f"{n:02x}" * 32)
        driver.good("provision", **provision(world.provisioning([1, 2, 4])))
    yield drivers
    for driver in drivers:
        driver.good("stop")


def talk(initiator: Driver, responder: Driver, stop_after: int = 99) -> list[str]:
    responder.good("open", role="responder")
    out = initiator.good("open", role="initiator")["out"]
    sides = [responder, initiator]
    messages: list[str] = []
    while out is not None and len(messages) < stop_after:
        messages.append(out)
        response = sides[0]("deliver", data=out)
        out = response.get("out")
        sides.reverse()
    return messages


def test_a_transfer(pair: tuple[Driver, Driver]) -> None:
    a, b = pair
    a.good("act", action="pay", amount=3)
    b.good("act", action="request", amount=3, reference="tea")
    assert len(talk(a, b)) == 8
    mine, theirs = a.good("state"), b.good("state")
    assert (mine["balance"], theirs["balance"]) == (4, 10)
    assert mine["settled"][0]["transaction"] == theirs["credited"][0]["transaction"]
    assert (mine["writes"], theirs["writes"]) == (3, 2)
    assert len(theirs["units"]) == 5


def test_cut_and_redeliver(pair: tuple[Driver, Driver]) -> None:
    a, b = pair
    a.good("act", action="pay", amount=3)
    b.good("act", action="receive")
    b.good("power_cut", when="after", write=1)
    assert len(talk(a, b)) == 7
    (pending,) = a.good("state")["pending"]
    assert len(pending["units"]) == 2
    a.good("power_cut", when="now")
    a.good("act", action="redeliver", transaction=pending["transaction"])
    b.good("act", action="receive")
    b.good("power_cut", when="never")
    assert len(talk(a, b)) == 6
    assert a.good("state")["pending"] == []
    refused = a("act", action="redeliver", transaction=pending["transaction"])
    assert (refused["outcome"], refused["code"]) == ("rejected", "unknown-transaction")


def test_the_answer_to_a_cut_is_nothing_but_power_cut(pair: tuple[Driver, Driver], world: World) -> None:
    a, _ = pair
    a.good("power_cut", when="before", write=1)
    cut = a("act", action="bulletin", bulletin=world.bulletin(epoch=11).hex())
    assert cut == {"seq": cut["seq"], "outcome": "power-cut"}
    assert a.good("state")["epoch"] == 10
    a.good("act", action="bulletin", bulletin=world.bulletin(epoch=11).hex())
    assert a.good("state")["epoch"] == 11


def test_refusals_carry_what_the_peer_is_told(pair: tuple[Driver, Driver]) -> None:
    a, b = pair
    refused = a("open", role="initiator")
    assert (refused["code"], refused["out"], refused["session"]) == ("declined", None, "closed")
    b.good("act", action="receive")
    b.good("open", role="responder")
    refused = b("deliver", data="00")
    assert (refused["code"], refused["session"]) == ("malformed", "closed")
    assert bytes.fromhex(refused["out"]) == cbor.encode_sequence(1, "")
    refused = b("deliver", data="00")
    assert (refused["code"], refused["out"]) == ("unexpected-message", None)


def test_reset_is_as_after_start(pair: tuple[Driver, Driver], world: World) -> None:
    a, _ = pair
    again = provision(world.provisioning([8]))
    runs = []
    for _ in range(2):
        a.good("reset")
        empty = a.good("state")
        assert (empty["writes"], empty["units"], empty["epoch"]) == (0, [], 0)
        a.good("provision", **again)
        a.good("act", action="pay", amount=8)
        runs.append((a.good("open", role="initiator")["out"], a.good("state")["digest"]))
    assert runs[0] == runs[1], "deterministic"


def test_reset_forgets_an_armed_cut(pair: tuple[Driver, Driver], world: World) -> None:
    """Even if nothing else was asked since the last reset."""
    a, _ = pair
    a.good("reset")
    a.good("power_cut", when="before", write=1)
    a.good("reset")
    a.good("provision", **provision(world.provisioning([8])))


def test_reset_forgets_a_kept_purse(tmp_path: Path, world: World) -> None:
    """Also one that an earlier program has left, before anything else is asked."""
    for units in (0, 1):
        kept = Driver(ReferenceWallet())
        kept.good("start", protocol={"min": 1, "max": 1}, store=str(tmp_path))
        assert len(kept.good("state")["units"]) == units
        kept.good("reset")
        assert kept.good("state")["units"] == []
        kept.good("provision", **provision(world.provisioning([8])))
        kept.good("stop")


def test_without_a_seed_nothing_repeats(world: World) -> None:
    a = Driver(factory())
    outs = []
    for _ in range(2):
        a.good("start", protocol={"min": 1, "max": 1})
        a.good("provision", **provision(world.provisioning([8])))
        a.good("act", action="pay", amount=8)
        outs.append(a.good("open", role="initiator")["out"])
    assert outs[0] != outs[1]
    a.good("stop")


def test_odd_requests() -> None:
    wallet = factory()
    assert wallet.handle({"seq": 1, "verb": "dance"}) == {"seq": 1, "outcome": "unsupported"}
    with pytest.raises(RuntimeError, match="expected start"):
        wallet.handle({"seq": 2, "verb": "state"})
    answer = Driver(wallet)("start", protocol={"min": 2, "max": 3})
    assert answer["outcome"] == "errored"
    answer = Driver(wallet)("start", protocol={"min": 1, "max": 1}, store="/nowhere")
    assert "expected a folder for the store" in answer["detail"]


# --- as a program ---

START = b'{"seq":1,"verb":"start","protocol":{"min":1,"max":1}}\n'
STATE = b'{"seq":2,"verb":"state"}\n'
STOP = b'{"seq":3,"verb":"stop"}\n'


def test_over_standard_input() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "eiraku.conformance.wallet"],
        input=START + STATE + STOP,
        capture_output=True,
        check=True,
    )
    start, state, stop = (json.loads(line) for line in found.stdout.splitlines())
    assert start["capabilities"] == list(CAPABILITIES)
    assert state["balance"] == 0
    assert stop == {"seq": 3, "outcome": "accepted"}
    assert found.stderr == b""


def test_over_tcp() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "eiraku.conformance.wallet", "--tcp", f"127.0.0.1:{port}"]
    with subprocess.Popen(command) as process:
        try:
            for _ in range(100):
                try:
                    connection = socket.create_connection(("127.0.0.1", port), timeout=5)
                    break
                except ConnectionRefusedError:
                    time.sleep(0.1)
            with connection, connection.makefile("rb") as lines:
                connection.sendall(START + STOP)
                assert json.loads(lines.readline())["outcome"] == "accepted"
                assert json.loads(lines.readline()) == {"seq": 3, "outcome": "accepted"}
        finally:
            process.terminate()


@pytest.mark.parametrize("address", ("nowhere", "host:", ":1x"))
def test_bad_address(address: str) -> None:
    command = [sys.executable, "-m", "eiraku.conformance.wallet", "--tcp", address]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert "expected HOST:PORT" in found.stderr


def test_a_kept_purse_survives_the_program(tmp_path: Path, world: World) -> None:
    """Killed, not stopped."""
    command = [sys.executable, "-m", "eiraku.conformance.wallet"]
    start = json.dumps({**json.loads(START), "store": str(tmp_path)}).encode() + b"\n"
    request = {"seq": 2, "verb": "provision", **provision(world.provisioning([1, 2]))}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(start + json.dumps(request).encode() + b"\n")
        process.stdin.flush()
        for _ in range(2):
            assert json.loads(process.stdout.readline())["outcome"] == "accepted"
        process.kill()
    found = subprocess.run(command, input=start + STATE + STOP, capture_output=True, check=True)
    assert json.loads(found.stdout.splitlines()[1])["balance"] == 3
