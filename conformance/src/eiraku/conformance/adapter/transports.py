"""Ways to reach a wallet: a process (``cmd:``), a TCP connection (``tcp:``), an object (``python:``).

A transport carries lines and knows nothing of what is in them. `Transport.exchange` sends one line and
returns the next one; it raises `AdapterCrash` if the other side is gone, `AdapterTimeout` if the time is
over, `AdapterError` if the line is longer than allowed. After any of these the transport is of no more use
and must be closed. `parse_selector` and `Selector.open` raise `SelectorError`.
"""

import importlib
import os
import shlex
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from eiraku.conformance.adapter.channel import LineChannel
from eiraku.conformance.adapter.errors import SelectorError
from eiraku.conformance.adapter.inprocess import InProcess
from eiraku.conformance.adapter.process import open_process
from eiraku.conformance.sealed import wallet_environment

_FORMS = "cmd:PROGRAM ARGS, tcp:HOST:PORT or python:MODULE:FACTORY"


class Transport(Protocol):
    """One running wallet."""

    def exchange(self, line: bytes, timeout: float) -> bytes:
        """Send ``line`` (no newline in it) and return the answer without its newline; ``timeout`` seconds."""

    def stderr(self) -> str:
        """The last of what the wallet wrote for people; empty if that cannot be known."""

    def close(self, grace: float) -> None:
        """End the wallet: give it ``grace`` seconds to go by itself. Never raises; may be called again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """A parsed selector. ``open`` starts or connects to a wallet and may be called again for a fresh one."""

    text: str
    kind: str
    open: Callable[[], Transport]


def parse_selector(text: str) -> Selector:
    """Parse ``kind:target``. Raises SelectorError if the form is wrong; looks nothing up yet."""
    kind, colon, target = text.partition(":")
    if kind == "cmd" and colon:
        try:
            words = shlex.split(target)
        except ValueError as error:
            raise SelectorError(
                f"{text}: the command line cannot be read ({error}); check its quotes"
            ) from None
        if not words:
            raise SelectorError(f"{text}: expected a program after cmd:, as in cmd:./wallet --flag")
        return Selector(text=text, kind=kind, open=lambda: open_process(words))
    if kind == "tcp" and colon:
        host, _, port = target.rpartition(":")
        host = host.removeprefix("[").removesuffix("]")
        if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
            raise SelectorError(
                f"{text}: expected tcp:HOST:PORT with a port of 1 to 65535, as in tcp:localhost:7007"
            )
        return Selector(text=text, kind=kind, open=lambda: Connection(host, int(port)))
    if kind == "python" and colon:
        module, _, factory = target.partition(":")
        if not module or not factory:
            raise SelectorError(f"{text}: expected python:MODULE:FACTORY, as in python:my_wallet:make")
        return Selector(text=text, kind=kind, open=lambda: _open_object(module, factory))
    raise SelectorError(f"{text!r} is no selector; expected {_FORMS}")


class Connection:
    """A wallet behind a TCP socket. Closing it ends the connection, not the server."""

    def __init__(self, host: str, port: int) -> None:
        try:
            self._socket = socket.create_connection((host, port), timeout=10)
        except OSError as error:
            raise SelectorError(
                f"tcp:{host}:{port}: cannot connect ({error.strerror or error}); "
                "start the wallet's server first and check host and port"
            ) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._channel = LineChannel(self._socket.fileno(), self._socket.fileno())

    def exchange(self, line: bytes, timeout: float) -> bytes:
        """See `Transport.exchange`."""
        return self._channel.exchange(line, timeout)

    def stderr(self) -> str:
        """Empty: a server's standard error is not ours to read."""
        return ""

    def close(self, grace: float) -> None:  # noqa: ARG002 - the server lives on, there is nothing to wait for
        """See `Transport.close`."""
        self._socket.close()


def _open_object(module_name: str, factory_name: str) -> Transport:
    where = f"python:{module_name}:{factory_name}"
    # The judge looks neither in the current folder nor in PYTHONPATH; a vendor's module usually is there.
    places = [os.getcwd(), *wallet_environment().get("PYTHONPATH", "").split(os.pathsep)]  # noqa: PTH109
    sys.path += [place for place in places if place and place not in sys.path]
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        raise SelectorError(
            f"{where}: no module named {error.name}; install it, or run from the folder it is in"
        ) from error
    except Exception as error:
        raise SelectorError(
            f"{where}: importing {module_name} failed with {type(error).__name__}: {error}"
        ) from error
    factory: Any = module
    try:
        for part in factory_name.split("."):
            factory = getattr(factory, part)
    except AttributeError as error:
        # A module that makes its factories on demand says what else it has.
        raise SelectorError(
            f"{where}: {module_name} has no {factory_name} ({error}); expected the name of a factory"
        ) from None
    if not callable(factory):
        raise SelectorError(
            f"{where}: expected a callable that returns a wallet, found {type(factory).__name__}"
        )
    return InProcess(factory, where)
