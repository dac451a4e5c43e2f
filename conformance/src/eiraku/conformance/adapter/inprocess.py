"""A wallet as a Python object in the harness's own process: quick, and open to a debugger.

The wallet runs on a thread of its own, so that a time-out can be noticed. It cannot be stopped, though:
a wallet that hangs keeps its thread until the interpreter ends, and one that ends the interpreter ends the
harness. Certify a wallet through ``cmd:`` or ``tcp:``.
"""

import queue
import threading
import traceback
from collections.abc import Callable
from typing import Any

from eiraku.conformance.adapter.errors import AdapterCrash, AdapterError, AdapterTimeout, SelectorError
from eiraku.conformance.adapter.server import answer
from eiraku.conformance.adapter.wire import MAX_LINE

_LOG_KEPT = 64 * 1024


class InProcess:
    """One wallet object. See `eiraku.conformance.adapter.transports.Transport`."""

    def __init__(self, factory: Callable[[], Any], where: str) -> None:
        try:
            wallet = factory()
        except Exception as error:
            raise AdapterCrash(f"{where} raised {type(error).__name__}: {error}") from error
        if not callable(getattr(wallet, "handle", None)):
            raise SelectorError(
                f"{where}: expected an object with handle(request: dict) -> dict, "
                f"found {type(wallet).__name__} without it"
            )
        self._wallet = wallet
        self._log = ""
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[bytes | BaseException] = queue.SimpleQueue()
        threading.Thread(target=self._serve, name="wallet", daemon=True).start()

    def exchange(self, line: bytes, timeout: float) -> bytes:
        """See `Transport.exchange`."""
        self._requests.put(line)
        try:
            result = self._answers.get(timeout=timeout)
        except queue.Empty:
            raise AdapterTimeout(f"no answer within {timeout:g} s") from None
        if isinstance(result, BaseException):
            raise AdapterCrash(f"the wallet ended with {type(result).__name__}: {result}") from result
        if len(result) >= MAX_LINE:
            raise AdapterError(f"expected a line of at most {MAX_LINE} bytes, found {len(result) + 1}")
        return result

    def stderr(self) -> str:
        """Tracebacks of exceptions the wallet let escape, the last 64 kB."""
        return self._log

    def close(self, grace: float) -> None:  # noqa: ARG002 - a thread cannot be made to end
        """See `Transport.close`."""
        self._requests.put(None)

    def _write_log(self, text: str) -> None:
        self._log = (self._log + text)[-_LOG_KEPT:]

    def _serve(self) -> None:
        while (line := self._requests.get()) is not None:
            try:
                self._answers.put(answer(self._wallet, line, self._write_log))
            except BaseException as error:  # noqa: BLE001 - SystemExit too is the wallet's end, not ours
                self._write_log(traceback.format_exc())
                self._answers.put(error)
                return
