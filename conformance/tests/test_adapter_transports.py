import contextlib
import os
import queue
import runpy
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from eiraku.conformance.adapter.client import Wallet
from eiraku.conformance.adapter.errors import AdapterCrash, AdapterError, AdapterTimeout, SelectorError
from eiraku.conformance.adapter.process import STDERR_KEPT, Process
from eiraku.conformance.adapter.server import serve_tcp
from eiraku.conformance.adapter.transports import parse_selector
from eiraku.testing.processes import PATIENCE, started, until

pytestmark = pytest.mark.slow

FAKE = Path(__file__).with_name("fake_adapter.py")
ROOM = runpy.run_path(str(FAKE))["ROOM"]


def fake(how: str = "good") -> str:
    return f"cmd:{sys.executable} -S {FAKE} {how}"


def alive(pid: int) -> bool:
    try:
        # A zombie is dead, too.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        pass
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return not Path("/proc/self").exists()


def gone(pid: int) -> None:
    until(lambda: not alive(pid))


# --- selectors ---


@pytest.mark.parametrize(
    ("selector", "hint"),
    (
        ("wallet", "expected cmd:"),
        ("", "expected cmd:"),
        ("cmd:", "expected a program"),
        ("cmd:'open quote", "quotes"),
        ("cmd:no-such-program-here", "not found on PATH"),
        ("cmd:./no/such/file", "no such file"),
        ("cmd:/", "folder"),
        (f"cmd:{FAKE}", "not executable"),
        ("tcp:localhost", "HOST:PORT"),
        ("tcp:localhost:http", "1 to 65535"),
        ("tcp:localhost:70000", "1 to 65535"),
        ("python:json", "python:MODULE:FACTORY"),
        ("python:no_such_module_here:make", "no module named no_such_module_here"),
        ("python:json:nonesuch", "has no nonesuch"),
        ("python:math:pi", "found float"),
        ("python:builtins:object", "handle(request: dict)"),
    ),
)
def test_selector_that_reaches_nothing(selector: str, hint: str) -> None:
    with pytest.raises(SelectorError) as caught:
        Wallet(selector).start()
    assert hint in str(caught.value)


def test_script_without_interpreter(tmp_path: Path) -> None:
    script = tmp_path / "wallet"
    script.write_bytes(b"\x00\x01 no program")
    script.chmod(0o755)
    with pytest.raises(SelectorError, match="cannot be started"):
        Wallet(f"cmd:{script}").start()


def test_connection_refused() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(SelectorError, match="start the wallet's server first"):
        Wallet(f"tcp:127.0.0.1:{port}").start()


def test_ipv6_host() -> None:
    assert parse_selector("tcp:[::1]:7007").kind == "tcp"


# --- cmd ---


def test_conversation() -> None:
    with Wallet(fake(), seed=bytes(32)) as wallet:
        info = wallet.start()
        assert (info.name, info.protocol) == ("Toy", 1)
        assert wallet.declares("payer")
        assert not wallet.declares("suite-0")
        wallet.reset()
        reply = wallet.deliver(b"\x01")
        assert (reply.outcome, reply.code, reply.out, reply.session) == (
            "rejected",
            "unexpected-message",
            None,
            "closed",
        )
        assert str(reply) == "rejected unexpected-message"
        assert wallet.state().balance == 0
        wallet.power_cut("before", 2)
        assert wallet.act("pay", amount=3).accepted
        assert [exchange.seq for exchange in wallet.trace] == [1, 2, 3, 4, 5, 6]
        times = wallet.take_times()
        assert set(times) == {"start", "reset", "deliver", "state", "power_cut", "act"}
        assert wallet.take_times() == {}
        wallet.stop()
        assert not wallet.running


def test_unknown_capabilities_are_reported() -> None:
    with Wallet(fake("curious")) as wallet:
        assert wallet.start().unknown_capabilities == ("time-travel",)


@pytest.mark.parametrize(
    ("how", "error", "words"),
    (
        ("hang-later", AdapterTimeout, "state: no answer within 0.4 s"),
        ("wrong-seq", AdapterError, "expected seq 2, found 3"),
        ("extra-field", AdapterError, "unknown field"),
        ("new-outcome", AdapterError, "'maybe'"),
        ("half-line", AdapterCrash, "exit status 3"),
        ("long", AdapterError, "at most 4194304 bytes"),
        ("endless", AdapterError, "at most 4194304 bytes"),
        ("dies", AdapterCrash, "SIGABRT"),
    ),
)
def test_failures_are_disjoint(how: str, error: type[Exception], words: str) -> None:
    with Wallet(fake(how), timeout=0.4 if how == "hang-later" else 10) as wallet:
        wallet.start()
        with pytest.raises(error) as caught:
            wallet.state() if how in {"hang-later", "dies"} else wallet.reset()
        assert type(caught.value) is error
        assert words in str(caught.value)
        assert not wallet.running
        assert wallet.take_failures() == (caught.value,)
        with pytest.raises(error):  # not running: what went wrong is said again
            wallet.state()
        if how == "dies":
            assert "out of cheese" in wallet.stderr
        wallet.restart()
        assert wallet.starts == 2


@pytest.mark.parametrize(
    ("how", "error"),
    (
        ("hang", AdapterTimeout),
        ("garbage", AdapterError),
        ("binary", AdapterError),
        ("errored", AdapterError),
        ("unsupported", AdapterError),
        ("future", AdapterError),
    ),
)
def test_a_wallet_that_does_not_start(how: str, error: type[Exception]) -> None:
    with Wallet(fake(how), timeout=0.3) as wallet, pytest.raises(error):
        wallet.start()


def test_upper_case_hex_is_an_adapter_error() -> None:
    with Wallet(fake("upper-case")) as wallet:
        wallet.start()
        with pytest.raises(AdapterError):
            wallet.open("initiator")


def test_a_wallet_that_does_not_read() -> None:
    with Wallet("cmd:sleep 1000", timeout=0.3) as wallet:
        wallet.connect()
        with pytest.raises(AdapterTimeout):
            wallet.exchange_line(b"x" * 1_000_000)


def test_stderr_is_drained_and_bounded() -> None:
    with Wallet(fake("chatty")) as wallet:
        wallet.start()
        wallet.reset()
        assert wallet.state().balance == 0
    assert STDERR_KEPT // 2 < len(wallet.stderr) <= STDERR_KEPT
    assert wallet.stderr.endswith("the end\n")


def test_the_suite_s_own_mistakes_are_not_the_wallet_s() -> None:
    with Wallet(fake()) as wallet:
        wallet.start()
        with pytest.raises(ValueError, match="outside the protocol"):
            wallet.act("steal")
        with pytest.raises(ValueError, match="the limit is"):
            wallet.deliver(bytes(2_200_000))
        assert wallet.running


# --- no orphans ---


def test_a_time_out_kills_grandchildren_too() -> None:
    with Wallet(fake("grandchild"), timeout=1) as wallet:
        wallet.start()
        with pytest.raises(AdapterTimeout):
            wallet.reset()
        gone(int(wallet.stderr.split()[-1]))


def test_closing_kills_a_wallet_that_ignores_stop() -> None:
    with Wallet(fake("immortal")) as wallet:
        wallet.start()
        assert isinstance(wallet._transport, Process)
        pid = wallet._transport.pid
        begun = time.monotonic()
    assert time.monotonic() - begun < PATIENCE
    assert not alive(pid)


HARNESS = textwrap.dedent("""
    import sys, time
    from eiraku.conformance.adapter.client import Wallet
    wallet = Wallet(sys.argv[1])
    wallet.start()
    print(wallet._transport.pid, flush=True)
    if sys.argv[2] == "wait":
        time.sleep(1000)
""")


@pytest.mark.parametrize("ending", ("exit", signal.SIGINT, signal.SIGKILL), ids=str)
def test_the_wallet_never_outlives_the_harness(ending: str | signal.Signals) -> None:
    command = [sys.executable, "-c", HARNESS, fake("immortal"), "exit" if ending == "exit" else "wait"]
    with started(command, stderr=subprocess.DEVNULL) as harness:
        assert harness.stdout is not None
        pid = int(harness.stdout.readline())
        if ending != "exit":
            harness.send_signal(int(ending))
        harness.wait(PATIENCE)
        gone(pid)


# --- tcp ---


class Echo:
    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["verb"] == "start":
            return {
                "outcome": "accepted",
                "protocol": 1,
                "name": "e",
                "version": "",
                "capabilities": [],
                "room": ROOM,
            }
        if request["verb"] == "act":
            raise KeyError("lost")
        if request["verb"] == "deliver":
            return {"outcome": "accepted", "out": request["data"], "session": "open"}
        return {"outcome": "accepted"}


def make() -> "Echo":
    return Echo()


@pytest.fixture
def server() -> str:
    ports: queue.SimpleQueue[int] = queue.SimpleQueue()
    threading.Thread(target=serve_tcp, args=(Echo(), "127.0.0.1", 0, ports.put), daemon=True).start()
    return f"tcp:127.0.0.1:{ports.get(timeout=5)}"


def test_tcp(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    with Wallet(server) as wallet:
        wallet.start()
        assert wallet.deliver(bytes(400_000)).out == bytes(400_000)
        assert wallet.act("receive").outcome == "errored"
        wallet.stop()
        wallet.start()  # one connection after another
        wallet.reset()
    assert "KeyError" in capsys.readouterr().err


def test_tcp_reset_by_peer_is_a_crash() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with Wallet(f"tcp:127.0.0.1:{port}") as wallet:
            wallet.connect()
            connection, _ = listener.accept()
            connection.close()
            with pytest.raises(AdapterCrash):
                wallet.exchange_line(b"{}")


def test_tcp_gone_after_the_first_start_is_a_crash() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        wallet = Wallet(f"tcp:127.0.0.1:{listener.getsockname()[1]}")
        wallet.connect()
    with pytest.raises(AdapterCrash, match="could not be reached again"):
        wallet.connect()
    with contextlib.suppress(AdapterCrash):
        wallet.close()


# --- python ---


class Sleepy(Echo):
    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["verb"] == "state":
            time.sleep(1)
        if request["verb"] == "open":
            raise SystemExit(4)
        if request["verb"] == "reset":
            return {"outcome": object()}
        return super().handle(request)


def selector_of(factory: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> str:
    module = types.ModuleType("wallet_for_a_test")
    module.make = factory  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wallet_for_a_test", module)
    return "python:wallet_for_a_test:make"


def test_python(monkeypatch: pytest.MonkeyPatch) -> None:
    with Wallet(selector_of(make, monkeypatch)) as wallet:
        wallet.start()
        assert wallet.deliver(b"ab").out == b"ab"
        reply = wallet.act("receive")
        assert reply.outcome == "errored"
        assert "lost" in reply.detail
        assert "Traceback" in wallet.stderr
        wallet.stop()


def test_python_failures(monkeypatch: pytest.MonkeyPatch) -> None:
    with Wallet(selector_of(Sleepy, monkeypatch), timeout=0.2) as wallet:
        wallet.start()
        with pytest.raises(AdapterTimeout):
            wallet.state()
        wallet.restart()
        with pytest.raises(AdapterCrash, match="SystemExit"):
            wallet.open("initiator")
        wallet.restart()
        with pytest.raises(AdapterError, match="errored"):
            wallet.reset()


def test_python_factory_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(AdapterCrash, match="ZeroDivisionError"):
        Wallet(selector_of(lambda: 1 / 0, monkeypatch)).start()
