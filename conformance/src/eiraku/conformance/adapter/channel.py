"""Lines over a pair of file descriptors, with a deadline: what ``cmd:`` and ``tcp:`` have in common."""

import os
import select
import time

from eiraku.conformance.adapter.errors import AdapterCrash, AdapterError, AdapterTimeout
from eiraku.conformance.adapter.wire import MAX_LINE

_CHUNK = 65536


class LineChannel:
    """Lines over a pair of non-blocking file descriptors, with a deadline."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader = reader
        self._writer = writer
        self._buffer = bytearray()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)

    def exchange(self, line: bytes, timeout: float) -> bytes:
        """As `Transport.exchange`. On AdapterCrash the message is for the owner to complete."""
        deadline = time.monotonic() + timeout
        # Both directions at once: a wallet may answer, or die, before it has read everything.
        unsent = memoryview(line + b"\n")
        scanned = 0
        while True:
            end = self._buffer.find(b"\n", scanned)
            if end >= 0 and not unsent:
                answer = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                if end >= MAX_LINE:
                    raise AdapterError(_too_long())
                return answer
            if end < 0:
                scanned = len(self._buffer)
                if scanned >= MAX_LINE:
                    raise AdapterError(_too_long())
            left = deadline - time.monotonic()
            if left <= 0:
                raise AdapterTimeout(f"no answer within {timeout:g} s")
            ready = select.poll()  # select() refuses descriptors above 1023
            ready.register(self._reader, select.POLLIN)
            if unsent:
                both = select.POLLIN | select.POLLOUT
                ready.register(self._writer, both if self._writer == self._reader else select.POLLOUT)
            for descriptor, events in ready.poll(1000 * left):
                if descriptor == self._reader and events & ~select.POLLOUT:
                    self._read()
                elif unsent:
                    unsent = self._write(unsent)

    def _write(self, unsent: memoryview) -> memoryview:
        try:
            return unsent[os.write(self._writer, unsent[:_CHUNK]) :]
        except BlockingIOError:
            return unsent
        except OSError as error:
            raise AdapterCrash("the wallet no longer reads requests") from error

    def _read(self) -> None:
        try:
            chunk = os.read(self._reader, _CHUNK)
        except BlockingIOError:
            return
        except OSError as error:
            raise AdapterCrash("the connection broke before an answer came") from error
        if not chunk:
            begun = f" (after {len(self._buffer)} bytes of an answer)" if self._buffer else ""
            raise AdapterCrash(f"the wallet closed its output before answering{begun}")
        self._buffer += chunk


def _too_long() -> str:
    return f"expected a line of at most {MAX_LINE} bytes, found a longer one"
