"""``eiraku serve`` and ``eiraku purse`` as a new user meets them, in processes of their own."""

import contextlib
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from eiraku.cli import main as cli
from eiraku.testing.processes import PATIENCE, started

pytestmark = pytest.mark.slow

ENTRY = "import sys; from eiraku.cli import entry; sys.argv[0] = 'eiraku'; entry()"


def run(folder: Path, *arguments: str, code: int = 0) -> str:
    """Run the command in a process of its own; what it said."""
    done = subprocess.run(
        [sys.executable, "-c", ENTRY, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "Traceback" not in said
    return said


Eiraku = Callable[..., str]


@pytest.fixture
def eiraku(money: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Eiraku:
    """Run the command in this process, in the folder; what it said."""

    def run_here(*arguments: str, code: int = 0) -> str:
        monkeypatch.chdir(money)
        monkeypatch.setattr(sys, "argv", ["eiraku", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        said = "".join(capsys.readouterr())
        assert ended.value.code == code, said
        return said

    return run_here


@contextlib.contextmanager
def serving(folder: Path, *arguments: str, sign: signal.Signals = signal.SIGTERM) -> Iterator[str]:
    """``eiraku serve``, running at this address, and stopped in order."""
    command = [sys.executable, "-c", ENTRY, "serve", "money", "--port", "0", *arguments]
    with (folder / "log").open("a") as log, started(command, cwd=folder, stderr=log) as process:
        assert process.stdout is not None
        yield process.stdout.readline().removeprefix("listening on ").strip()
        process.send_signal(sign)
        assert process.wait(PATIENCE) == 0


@pytest.fixture(scope="module")
def money(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a scheme was made."""
    folder = tmp_path_factory.mktemp("served")
    said = run(folder, "serve", "money", "--init", "--vault", "alice=100000", "--vault", "bob")
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
        said = run(money, "purse", name, "create", "--server", server, "--code", code)
        assert re.match(r"purse [0-9a-f]{16}, good until epoch \d+", said)
    assert run(money, "purse", "alice", "pay-out", "5000") == "5000 came; balance 5000\n"
    assert run(money, "purse", "alice", "pay", "1234", "bob") == "1234 went; balance 3766\n"
    assert run(money, "purse", "bob", "pay-in") == "1234 went; balance 0\n"


def test_operation(server: str, eiraku: Eiraku) -> None:
    with httpx.Client(base_url=server) as http:
        assert http.get("/health").json()["good"]
        assert "eiraku_bulletin_epoch" in http.get("/metrics").text
        assert "/epp1/issuing-centre/requests" in http.get("/openapi.json").json()["paths"]
        assert "<table>" in http.get("/docs").text
    code = eiraku("serve", "money", "--invite", "bob", "--role", "merchant", "--tier", "2").strip()
    assert re.fullmatch(r"([A-Z2-7]{4}-){5}[A-Z2-7]{4}", code)
    shop = eiraku("purse", "shop", "create", "--server", server, "--code", code)
    assert "good until" in shop
    assert "merchant, tier 2" in eiraku("purse", "shop", "show")


def test_without_a_server(money: Path, eiraku: Eiraku) -> None:
    with serving(money, sign=signal.SIGINT) as gone:
        pass
    code = eiraku("serve", "money", "--invite", "alice").strip()
    said = eiraku("purse", "dora", "create", "--server", gone, "--code", code, code=3)
    assert "no answer" in said
    assert "the same command again goes on" in said
    with serving(money) as again:
        eiraku("purse", "dora", "create", "--server", again, "--code", code)


def test_a_port_that_is_taken(eiraku: Eiraku) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = eiraku("serve", "money", "--port", str(taken.getsockname()[1]), code=2)
    assert "cannot be listened on" in said
    assert "--port" in said


def test_a_scheme_is_served_once(server: str, eiraku: Eiraku) -> None:
    assert "locked" in eiraku("serve", "money", "--port", "0", code=2)
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
        (("serve", "money", "--invite", "carol"), "carol has no vault here: expected one of alice, bob; add"),
        (("purse", "alice", "pay-out", "0"), "0"),
        (("purse", "alice.code", "show"), "expected a purse"),
    ),
)
def test_misuse(money: Path, eiraku: Eiraku, arguments: tuple[str, ...], said: str) -> None:
    (money / "log").touch()
    assert said in eiraku(*arguments, code=2)
    assert not (money / "fresh").exists()


def test_settings_that_cannot_be_used(money: Path, eiraku: Eiraku) -> None:
    eiraku("serve", "other", "--init")
    (money / "other" / "services.toml").write_text("[limits]\nclient_rate = 'fast'\n")
    assert "limits.client_rate: expected a number above 0" in eiraku("serve", "other", code=2)


@pytest.mark.parametrize("package", ("fastapi", "uvicorn", "prometheus_client"))
def test_without_the_optional_packages(package: str, eiraku: Eiraku, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("eiraku.system.services")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    said = eiraku("serve", "money", "--port", "0", code=2)
    assert f"needs the package {package}: install eiraku[system]" in said


def test_tls(money: Path, eiraku: Eiraku) -> None:
    # EPP-SVC-069
    certificate = (
        "openssl req -x509 -newkey ed25519 -nodes -days 2 -subj /CN=localhost "
        "-addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out cert.pem"
    )
    try:
        subprocess.run(certificate.split(), cwd=money, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    code = eiraku("serve", "money", "--invite", "alice").strip()
    with serving(money, "--tls-cert", "cert.pem", "--tls-key", "key.pem") as server:
        assert server.startswith("https://")
        enrol = ("create", "--server", server, "--code", code)
        assert "CERTIFICATE_VERIFY_FAILED" in eiraku("purse", "tls", *enrol, code=3)
        assert "good until" in eiraku("purse", "tls", *enrol, "--ca", "cert.pem")
        assert "in the vault" in eiraku("purse", "tls", "balance")
    # Whoever has no certificate does not get as far as a request.
    files = ("--tls-cert", "cert.pem", "--tls-key", "key.pem", "--client-ca", "cert.pem")
    code = eiraku("serve", "money", "--invite", "alice").strip()
    with serving(money, *files) as server:
        closed = ("purse", "closed", "create", "--server", server, "--code", code, "--ca", "cert.pem")
        assert "no answer" in eiraku(*closed, code=3)
        assert "expected both" in eiraku(*closed, "--cert", "cert.pem", code=2)
        eiraku(*closed, "--cert", "cert.pem", "--key", "key.pem")
        assert "in the vault" in eiraku("purse", "closed", "balance")
