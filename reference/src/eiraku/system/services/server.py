"""Running the application: the socket, TLS, signals. `Misuse` says in one sentence what is wrong."""

import asyncio
import signal
import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from eiraku.spec.errors import Misuse


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where to listen; `port` 0: any that is free. `client_ca`: who signs the certificates of clients."""

    host: str = "127.0.0.1"
    port: int = 8731
    tls_cert: Path | None = None
    tls_key: Path | None = None
    client_ca: Path | None = None


class _Protocol(H11Protocol):
    """Closes a connection on which the head of a request does not come in time; uvicorn would wait."""

    seconds = 10.0
    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        before = self.cycle
        super().data_received(data)
        if self.cycle is not before or not getattr(self.cycle, "response_complete", True):
            self._stop()
        elif self._timer is None:
            self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def _wait(self) -> None:
        # EPP-SVC-049
        self._timer = self.loop.call_later(self.seconds, self._give_up)

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Server(uvicorn.Server):
    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Stop in order; uvicorn would raise the signal again afterwards, and the exit code would be lost."""
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True


def listen(address: Address) -> socket.socket:
    """A bound socket. Raises Misuse."""
    with ExitStack() as closing:
        try:
            family = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0][0]
            # With the protocol named asyncio sends at once; else answers wait for an acknowledgement.
            found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            closing.callback(found.close)
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((address.host, address.port))
            found.listen(128)
        except OSError as error:
            raise Misuse(
                f"{address.host} port {address.port}: cannot be listened on ({error.strerror}); "
                "end the program that has it, or choose another with --port"
            ) from None
        closing.pop_all()
        return found


def url(address: Address, bound: socket.socket) -> str:
    """How clients on this machine reach it."""
    scheme = "https" if address.tls_cert else "http"
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{scheme}://{host}:{bound.getsockname()[1]}"


def tls(address: Address) -> dict[str, Any]:
    """Settings of uvicorn for TLS, tried out. Raises Misuse."""
    if address.tls_cert is None and address.tls_key is None and address.client_ca is None:
        return {}
    if address.tls_cert is None or address.tls_key is None:
        raise Misuse("TLS: expected both --tls-cert and --tls-key; name the other file too")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(address.tls_cert, address.tls_key)
        if address.client_ca is not None:
            context.load_verify_locations(address.client_ca)
    except (OSError, ssl.SSLError) as error:
        raise Misuse(
            f"TLS: expected PEM files of a certificate and its key ({error}); name the right ones"
        ) from None
    settings: dict[str, Any] = {
        "ssl_certfile": str(address.tls_cert),
        "ssl_keyfile": str(address.tls_key),
    }
    if address.client_ca is not None:
        settings |= {"ssl_ca_certs": str(address.client_ca), "ssl_cert_reqs": ssl.CERT_REQUIRED}
    return settings


def serve(
    app: Any,
    bound: socket.socket,
    tls_settings: dict[str, Any],
    *,
    ready: Callable[[], None],
    patience: float,
) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are answered first, for at most 5 seconds.

    `ready`: called once a signal ends it in order; `patience`: seconds for the head of a request.
    """
    config = uvicorn.Config(
        app,
        http=type("_Patient", (_Protocol,), {"seconds": patience}),
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="critical",
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=5,
        limit_concurrency=200,
        **tls_settings,
    )
    server = _Server(config)
    before = {sig: signal.signal(sig, server.handle_exit) for sig in (signal.SIGTERM, signal.SIGINT)}
    try:
        ready()
        server.run(sockets=[bound])
    finally:
        for sig, handler in before.items():
            signal.signal(sig, handler)
