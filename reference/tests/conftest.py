"""A small simulated world for the tests of the purse, and purses that do not play by the rules."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest

from eiraku.reference.policy import Policy
from eiraku.reference.purse import core
from eiraku.reference.purse.state import Link, Send
from eiraku.spec import messages
from eiraku.spec.messages import Message
from eiraku.testing.patches import Patch
from eiraku.testing.processes import PATIENCE
from eiraku.testing.purses import World
from eiraku.testing.town import Town

Alter = Callable[[Message], Message | bytes]

POLICY = """
max_units = 4
capacity = 6
max_bulletin = 1048576
max_hops = 3
max_record = 65535
max_given = 1024
max_credited = 1024
max_seen = 4096
min_life = 0
claim_grace = 5
[balance_limits]
1 = 100
2 = 2000
[[operations]]
name = "transfer"
payer = ["person"]
payee = ["person", "vault"]
same_holder = false
min_amount = 1
limits = { 1 = 50, 2 = 1024 }
[[operations]]
name = "own"
payer = ["person"]
payee = ["person"]
same_holder = true
min_amount = 1
limits = { 1 = 65, 2 = 1500 }
[[operations]]
name = "redemption"
payer = ["vault"]
payee = ["centre"]
same_holder = false
min_amount = 1
limits = { 2 = 2000 }
"""


def crooked(alter: Alter) -> tuple[Patch, ...]:
    """Messages are altered before they are sealed; what the purse believes itself stays as it was."""
    honest = core.say

    def say(link: Link, message: bytes) -> tuple[Link, Send]:
        altered = alter(messages.decode(message))
        return honest(link, altered if isinstance(altered, bytes) else altered.encode())

    return ((core, "say", say),)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Generous policy."""
    made = World(tmp_path)
    yield made
    made.close()


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[World]:
    """Small limits, so that every one can be reached."""
    made = World(tmp_path, policy=Policy.from_toml(POLICY))
    yield made
    made.close()


@pytest.fixture
def crook() -> Callable[[Alter], tuple[Patch, ...]]:
    """What makes a purse alter its messages."""
    return crooked


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--kills",
        type=int,
        default=int(os.environ.get("EIRAKU_KILLS", "0")),
        help="kill processes this many times where a test kills any (default: a few; or EIRAKU_KILLS)",
    )


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How often to kill; 0: as often as suits the test."""
    return int(request.config.getoption("--kills"))


class Server:
    """A PostgreSQL server on a socket in a temporary directory, with no port."""

    def __init__(self, binaries: Path, directory: Path) -> None:
        # The server refuses to run as root.
        user = "postgres" if os.geteuid() == 0 else None
        if user is not None:
            shutil.chown(directory, user)
        data = str(directory / "data")
        initdb: list[str | Path] = [binaries / "initdb", "-D", data, "-U", "eiraku", "-A", "trust"]
        initdb += ["--no-sync", "--encoding=UTF8", "--locale=C"]
        subprocess.run(initdb, check=True, user=user, capture_output=True, cwd=directory)
        self.directory = directory
        settings = ("listen_addresses=", "fsync=off", "full_page_writes=off", "max_connections=20")
        options = [part for setting in settings for part in ("-c", setting)]
        self.log = (directory / "log").open("wb")
        self.process = subprocess.Popen(
            [binaries / "postgres", "-D", data, "-k", str(directory), *options],
            user=user,
            stderr=self.log,
            cwd=directory,
        )
        self.has_database = False

    def wait(self) -> None:
        """Until it takes connections."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.run("SELECT 1")
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        pytest.fail(f"the server does not start: {(self.directory / 'log').read_text()}")

    def run(self, *statements: LiteralString, database: str = "postgres") -> None:
        """As the owner of everything."""
        address = f"host={self.directory} user=eiraku dbname={database}"
        with psycopg.connect(address, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def database(self) -> str:
        """URL of an empty database; the one given before is gone."""
        if not self.has_database:
            self.run("CREATE DATABASE centre")
            self.has_database = True
        # ten times as quick as another database
        empty = ("SET lock_timeout = '10s'", "DROP SCHEMA public CASCADE", "CREATE SCHEMA public")
        self.run(*empty, database="centre")
        return f"postgresql+psycopg://eiraku@/centre?host={self.directory}"

    def stop(self) -> None:
        """At once; no process of it is left."""
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.log.close()
        assert not (self.directory / "data" / "postmaster.pid").exists()


def postgresql_binaries() -> Path | None:
    """Where initdb and postgres are: in the path, or where Debian puts them."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else []
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((p for p in places if (p / "postgres").exists() and (p / "initdb").exists()), None)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A server of our own, for as long as the tests run."""
    binaries = postgresql_binaries()
    if binaries is None:
        pytest.skip("no PostgreSQL server here (initdb and postgres, in PATH or /usr/lib/postgresql/*/bin)")
    if os.geteuid() == 0 and not any(entry.pw_name == "postgres" for entry in pwd.getpwall()):
        pytest.skip("PostgreSQL does not run as root, and there is no user postgres")
    # Not below tmp_path: the path of a socket has at most 107 bytes, and the user must reach it.
    with tempfile.TemporaryDirectory(prefix="eiraku-pg-") as directory:
        server = Server(binaries, Path(directory))
        try:
            server.wait()
            yield server
        finally:
            server.stop()


@pytest.fixture(params=("sqlite", "postgresql"))
def centre_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'centre.db'}"
    server: Server = request.getfixturevalue("postgresql")
    return server.database()


@pytest.fixture
def town(centre_url: str) -> Iterator[Town]:
    """Alice, Bob, Carol and Dave, a vault with an account of 1000, and an issuing centre."""
    made = Town(("alice", "bob", "carol", "dave"), centre_url)
    made.fund(1000)
    yield made
    made.issuer.history.conserved()
    made.close()
