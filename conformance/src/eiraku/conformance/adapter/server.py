"""The loop around a wallet written in Python: lines in, lines out, until ``stop`` or the end of input.

A wallet is an object with ``handle(request) -> response``: both are dictionaries as in ``schema.json``; the
request has been checked already, and ``seq`` is added to the response if the wallet leaves it out. An
exception that escapes from ``handle`` is answered ``errored``, its traceback goes to standard error.
A request that is not what the protocol says is answered ``errored`` without asking the wallet, an unknown
verb ``unsupported``; ``seq`` is 0 if it could not be read.
"""

import os
import socket
import sys
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO, Protocol

import msgspec

from eiraku.conformance.adapter.protocol import (
    ProtocolError,
    UnknownVerbError,
    check_request,
    parse_object,
)
from eiraku.conformance.adapter.wire import MAX_LINE


class Handler(Protocol):
    """A wallet, as far as the server is concerned."""

    def handle(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answer one request."""


def serve_stdio(handler: Handler) -> None:
    """Serve ``handler`` over standard input and output.

    Standard output is reserved for the protocol: whatever else writes to it, C code included, is sent to
    standard error instead.
    """
    sys.stdout.flush()
    with os.fdopen(os.dup(1), "wb") as output:
        os.dup2(2, 1)
        sys.stdout = sys.stderr
        serve_stream(handler, sys.stdin.buffer, output)


def serve_tcp(handler: Handler, host: str, port: int, ready: Callable[[int], None] | None = None) -> None:
    """Serve ``handler`` to one connection after another, for ever.

    ``ready`` is called with the port once connections are accepted; useful with port 0, any free one.
    Each connection begins with ``start``, which a wallet must take as its first.
    """
    with socket.create_server((host, port)) as listener:
        if ready is not None:
            ready(listener.getsockname()[1])
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                try:
                    with connection.makefile("rb") as reader, connection.makefile("wb") as writer:
                        serve_stream(handler, reader, writer)
                except OSError as error:  # the suite hung up; the next connection is another story
                    sys.stderr.write(f"connection lost: {error}\n")


def serve_stream(handler: Handler, reader: BinaryIO, writer: BinaryIO) -> None:
    """Serve ``handler`` until ``stop`` or the end of ``reader``."""
    while line := reader.readline(MAX_LINE):
        if len(line) == MAX_LINE and not line.endswith(b"\n"):
            _skip_line(reader)
            response = _errored(0, f"the line is longer than {MAX_LINE} bytes")
        else:
            response = answer(handler, line, sys.stderr.write)
        writer.write(response + b"\n")
        writer.flush()
        if _is_stop(line):
            return


def answer(handler: Handler, line: bytes, log: Callable[[str], Any]) -> bytes:
    """The response to ``line``, without newline. ``log`` takes tracebacks."""
    try:
        fields = parse_object(line)
    except ProtocolError as error:
        return _errored(0, str(error))
    seq: int = fields["seq"]
    try:
        check_request(fields)
    except UnknownVerbError:
        return msgspec.json.encode({"seq": seq, "outcome": "unsupported"})
    except ProtocolError as error:
        return _errored(seq, str(error))
    try:
        return msgspec.json.encode({"seq": seq, **handler.handle(fields)})
    except Exception as error:  # noqa: BLE001 - any defect of the wallet is answered, never printed
        log(traceback.format_exc())
        return _errored(seq, f"{type(error).__name__}: {error}")


def _errored(seq: int, detail: str) -> bytes:
    return msgspec.json.encode({"seq": seq, "outcome": "errored", "detail": detail})


def _is_stop(line: bytes) -> bool:
    try:
        return parse_object(line).get("verb") == "stop"
    except ProtocolError:
        return False


def _skip_line(reader: BinaryIO) -> None:
    while (rest := reader.readline(MAX_LINE)) and not rest.endswith(b"\n"):
        pass
