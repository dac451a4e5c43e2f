"""``eiraku serve`` and ``eiraku purse`` as a new user meets them, in processes of their own."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

ENTRY = "import sys; from eiraku.conformance.cli import main; sys.argv[0] = 'eiraku'; main()"
WAIT = 60


def eiraku(folder: Path, *arguments: str, code: int = 0) -> str:
    """Run the command; what it said."""
    done = subprocess.run(
        [sys.executable, "-c", ENTRY, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=WAIT,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "Traceback" not in said
    return said


@contextlib.contextmanager
def serving(folder: Path, *arguments: str, sign: signal.Signals = signal.SIGTERM) -> Iterator[str]:
    """``eiraku serve``, running at this address, and stopped in order."""
    command = [sys.executable, "-c", ENTRY, "serve", "money", "--port", "0", *arguments]
    with (folder / "log").open("a") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
        with process:
            assert process.stdout is not None
            yield process.stdout.readline().removeprefix("listening on ").strip()
            process.send_signal(sign)
            assert process.wait(WAIT) == 0


@pytest.fixture(scope="module")
def money(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a scheme was made."""
    folder = tmp_path_factory.mktemp("served")
    said = eiraku(folder, "serve", "money", "--init", "--vault", "alice=100000", "--vault", "bob")
    for name in ("alice", "bob"):
        found = re.search(rf"purse of {name}: (\S+)", said)
        assert found is not None
        (folder / f"{name}.code").write_text(found[1])
    return folder


@pytest.fixture
def server(money: Path) -> Iterator[str]:
    with serving(money) as url:
        yield url


def test_the_way_of_a_new_user(money: Path, server: str) -> None:
    """The page docs/howto/serve.md, command by command (EPP-SVC-001, EPP-SVC-009, EPP-SVC-012)."""
    for name in ("alice", "bob"):
        code = (money / f"{name}.code").read_text()
        said = eiraku(money, "purse", name, "create", "--server", server, "--code", code)
        assert re.match(r"purse [0-9a-f]{16}, good until epoch \d+", said)
    assert eiraku(money, "purse", "alice", "pay-out", "5000") == "5000 came; balance 5000\n"
    assert eiraku(money, "purse", "alice", "pay", "1234", "bob") == "1234 went; balance 3766\n"
    assert eiraku(money, "purse", "bob", "receive", "10", "alice") == "10 came; balance 1244\n"
    assert eiraku(money, "purse", "bob", "pay-in") == "1244 went; balance 0\n"
    assert eiraku(money, "purse", "bob", "balance") == "in the vault 1244, in its account 0\n"
    assert "balance  3756 in" in eiraku(money, "purse", "alice", "show")
    assert eiraku(money, "purse", "alice", "claim") == "nothing is pending\n"
    assert eiraku(money, "purse", "alice", "inspect") == "reported\n"
    assert eiraku(money, "purse", "alice", "bulletin") == "epoch 1\n"
    assert eiraku(money, "purse", "alice", "renew", "--expires", "1001") == "good until epoch 1001\n"
    # What goes wrong: a sentence, and the code that says whose fault it is.
    assert "insufficient-funds" in eiraku(money, "purse", "bob", "pay-out", "100000", code=1)
    assert "insufficient-funds" in eiraku(money, "purse", "bob", "pay", "1", "alice", code=1)
    assert "not-allowed" in eiraku(money, "purse", "alice", "renew", "--expires", "99999", code=1)
    assert "another purse" in eiraku(money, "purse", "bob", "pay", "1", "bob", code=2)
    assert "expected a purse" in eiraku(money, "purse", "carol", "show", code=2)
    enrol = ("--server", server, "--code", "AAAA-AAAA")
    assert "enrolment-code" in eiraku(money, "purse", "carol", "create", *enrol, code=1)
    assert "is a purse already" in eiraku(money, "purse", "bob", "create", *enrol, code=2)


def test_operation(money: Path, server: str) -> None:
    with httpx.Client(base_url=server) as http:
        assert http.get("/health").json()["good"]
        assert "eiraku_bulletin_epoch" in http.get("/metrics").text
        assert "/epp1/issuing-centre/requests" in http.get("/openapi.json").json()["paths"]
        assert "<table>" in http.get("/docs").text
    code = eiraku(money, "serve", "money", "--invite", "bob", "--role", "merchant", "--tier", "2").strip()
    assert re.fullmatch(r"([A-Z2-7]{4}-){5}[A-Z2-7]{4}", code)
    shop = eiraku(money, "purse", "shop", "create", "--server", server, "--code", code)
    assert "good until" in shop
    assert "merchant, tier 2" in eiraku(money, "purse", "shop", "show")


def test_without_a_server(money: Path) -> None:
    with serving(money, sign=signal.SIGINT) as gone:
        pass
    code = eiraku(money, "serve", "money", "--invite", "alice").strip()
    said = eiraku(money, "purse", "dora", "create", "--server", gone, "--code", code, code=3)
    assert "no answer" in said
    assert "the same command again goes on" in said
    with serving(money) as again:
        eiraku(money, "purse", "dora", "create", "--server", again, "--code", code)


def test_a_port_that_is_taken(money: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = eiraku(money, "serve", "money", "--port", str(taken.getsockname()[1]), code=2)
    assert "cannot be listened on" in said
    assert "--port" in said


def test_a_scheme_is_served_once(money: Path, server: str) -> None:
    assert "locked" in eiraku(money, "serve", "money", "--port", "0", code=2)
    assert server


@pytest.mark.parametrize(
    ("arguments", "said"),
    (
        (("serve", "nowhere"), "nowhere"),
        (("serve", "money", "--init"), "expected a new or an empty folder"),
        (("serve", "fresh", "--init", "--vault", "Alice"), "small letters"),
        (("serve", "fresh", "--init", "--vault", "alice=lots"), "HOLDER=AMOUNT"),
        (("serve", "fresh", "--init", "--vault", "a", "--vault", "a=1"), "one holder twice"),
        (("serve", "money", "--vault", "carol"), "--init"),
        (("serve", "money", "--tls-cert", "nothing.pem"), "--tls-key"),
        (("serve", "money", "--tls-cert", "log", "--tls-key", "log"), "expected PEM files"),
        (("serve", "money", "--invite", "?"), "holder's name"),
        (("purse", "alice", "pay-out", "0"), "0"),
        (("purse", "alice.code", "show"), "expected a purse"),
    ),
)
def test_misuse(money: Path, arguments: tuple[str, ...], said: str) -> None:
    (money / "log").touch()
    assert said in eiraku(money, *arguments, code=2)
    assert not (money / "fresh").exists()


def test_settings_that_cannot_be_used(tmp_path: Path) -> None:
    eiraku(tmp_path, "serve", "money", "--init")
    (tmp_path / "money" / "services.toml").write_text("[limits]\nclient_rate = 'fast'\n")
    assert "limits.client_rate: expected a number above 0" in eiraku(tmp_path, "serve", "money", code=2)


def test_tls(money: Path) -> None:
    # EPP-SVC-009
    certificate = (
        "openssl req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=localhost "
        "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out cert.pem"
    )
    try:
        subprocess.run(certificate.split(), cwd=money, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    code = eiraku(money, "serve", "money", "--invite", "alice").strip()
    with serving(money, "--tls-cert", "cert.pem", "--tls-key", "key.pem") as server:
        assert server.startswith("https://")
        enrol = ("create", "--server", server, "--code", code)
        assert "CERTIFICATE_VERIFY_FAILED" in eiraku(money, "purse", "tls", *enrol, code=3)
        assert "good until" in eiraku(money, "purse", "tls", *enrol, "--ca", "cert.pem")
        assert "in the vault" in eiraku(money, "purse", "tls", "balance")
