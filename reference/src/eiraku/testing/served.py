"""A town served by a child process that can be killed: for tests and measurements.

The child comes from a fork server that has everything imported, so that a restart takes milliseconds.
"""

import multiprocessing
import socket
import time
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from eiraku.system.services import scheme as schemes
from eiraku.system.services.client import HttpService, Patience
from eiraku.system.services.notes import Reach
from eiraku.system.services.observe import Log
from eiraku.system.services.running import run
from eiraku.system.services.scheme import Scheme
from eiraku.system.services.server import Address, listen
from eiraku.system.services.settings import DEFAULT
from eiraku.system.services.wallet import Wallet
from eiraku.testing.processes import PATIENCE
from eiraku.testing.town import ECONOMY, Town

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["eiraku.system.services.running"])


class Served:
    """A new town in `folder` with a vault and an account for each of `funds`, on a port of this machine.

    `text`: of `services.toml`, without the vaults.
    """

    def __init__(self, folder: Path, funds: dict[str, int], *, text: str = "") -> None:
        text = text or DEFAULT.replace("[vaults]\n", "")
        vaults = "".join(f"{name} = {ECONOMY}\n" for name in funds)
        town = Town(folder=folder, services=f"{text}\n[vaults]\n{vaults}")
        for name, amount in funds.items():
            if amount:
                number = town.scheme.vaults[name].number
                town.issuer.accounts.fund(name.encode().ljust(16), number, amount)
        town.close()
        self.folder = town.directory.path
        self.codes = {name: schemes.invite(self.folder, name, count=4) for name in funds}
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "log"
        self._child: ForkServerProcess | None = None

    def opened(self) -> Scheme:
        """The scheme in this process; only while nobody serves it."""
        return schemes.open_(self.folder)

    def start(self) -> None:
        """Serve, and wait until it answers."""
        self._child = _CONTEXT.Process(target=child, args=(self.folder, self.port, self.log), daemon=True)
        self._child.start()
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.answers():
                return
            time.sleep(0.01)
        raise TimeoutError(f"expected the child to answer within {PATIENCE:g} seconds; see {self.log}")

    def answers(self) -> bool:
        """Whether it takes connections."""
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def kill(self) -> None:
        """End it as if the power had failed."""
        if self._child is not None:
            self._child.kill()
            self._child.join()
            self._child = None

    def stop(self) -> int | None:
        """End it in order; its exit code."""
        if self._child is None:
            return None
        self._child.terminate()
        self._child.join(PATIENCE)
        code = self._child.exitcode
        self.kill()
        return code

    def http(self, *, tries: int = 1) -> HttpService:
        """A client; the caller closes it."""
        return HttpService(self.url, patience=Patience(tries=tries))

    def wallet(self, path: Path, holder: str) -> Wallet:
        """A new purse of a holder."""
        return Wallet.create(path, reach=Reach(server=self.url), code=self.codes[holder].pop())


def child(folder: Path, port: int, log: Path) -> None:
    """The life of the child."""
    with log.open("a") as stream, schemes.open_(folder) as scheme:
        run(scheme, listen(Address(port=port)), {}, log=Log(stream))
