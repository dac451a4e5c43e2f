"""A wallet as a child process that never outlives us.

The child leads its own session, so that its whole process group can be killed without touching ours, and so
that Ctrl-C in the terminal reaches the harness only. Three things end it: `close`, the interpreter's exit,
and, if the harness itself is killed, a guard: a shell that waits for the end of a pipe only we hold.
"""

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
import weakref
from pathlib import Path

from eiraku.conformance.adapter.channel import LineChannel
from eiraku.conformance.adapter.errors import AdapterCrash, SelectorError
from eiraku.conformance.sealed import wallet_environment

STDERR_KEPT = 64 * 1024
"""Bytes of standard error kept, the last ones."""

_GUARD = 'read answer; [ "$answer" = done ] || kill -s KILL -- "-$1" 2>/dev/null'
_DRAIN_SECONDS = 0.2
_EXIT_SECONDS = 0.5

_living: "weakref.WeakSet[Process]" = weakref.WeakSet()


def open_process(words: list[str]) -> "Process":
    """Start the program ``words[0]``. Raises SelectorError if there is no such program or it cannot run."""
    program = words[0]
    if shutil.which(program) is None:
        path = Path(program)
        if path.is_dir():
            reason = "it is a folder; name the program in it"
        elif path.exists():
            reason = f"it is not executable; try chmod +x {program}, or put its interpreter before it"
        elif "/" in program:
            reason = "no such file; check the path, it is relative to the current folder"
        else:
            reason = "not found on PATH; install it or give a path such as ./wallet"
        raise SelectorError(f"cmd:{program}: expected a program, but {reason}")
    try:
        return Process(words)
    except OSError as error:
        raise SelectorError(f"cmd:{program}: cannot be started ({error.strerror or error})") from error


class Process:
    """One running child. See `eiraku.conformance.adapter.transports.Transport`."""

    def __init__(self, words: list[str]) -> None:
        self._child = subprocess.Popen(  # noqa: S603 - running the program the user named is the purpose
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            env=wallet_environment(),
            start_new_session=True,
        )
        self._guard = subprocess.Popen(  # noqa: S603 - a fixed script, the child's id its only argument
            ["/bin/sh", "-c", _GUARD, "guard", str(self._child.pid)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        _living.add(self)
        assert self._child.stdin is not None  # noqa: S101 - tells the type checker what PIPE means
        assert self._child.stdout is not None  # noqa: S101
        self._channel = LineChannel(self._child.stdout.fileno(), self._child.stdin.fileno())
        self._errors = bytearray()
        self._drain = threading.Thread(target=self._drain_stderr, name="wallet-stderr", daemon=True)
        self._drain.start()

    @property
    def pid(self) -> int:
        """Process id, also the id of the child's process group."""
        return self._child.pid

    def exchange(self, line: bytes, timeout: float) -> bytes:
        """See `Transport.exchange`."""
        try:
            return self._channel.exchange(line, timeout)
        except AdapterCrash as crash:
            raise AdapterCrash(f"{crash}; {self._how_it_ended()}") from crash

    def stderr(self) -> str:
        """The last 64 kB of standard error."""
        if self._exited():
            self._drain.join(_DRAIN_SECONDS)
        return bytes(self._errors).decode("utf-8", "replace")

    def close(self, grace: float) -> None:
        """See `Transport.close`: end of input, ``grace`` seconds, then SIGKILL for the whole group."""
        if self not in _living:
            return
        _living.discard(self)
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._wait(grace)
        # Before reaping: until then the group's id cannot belong to anybody else.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, signal.SIGKILL)
        self._child.wait()
        self._dismiss_guard()
        self._drain.join(_DRAIN_SECONDS)

    def _dismiss_guard(self) -> None:
        with contextlib.suppress(OSError):
            if self._guard.stdin is not None:
                self._guard.stdin.write(b"done\n")
                self._guard.stdin.close()
        self._guard.wait()

    def _drain_stderr(self) -> None:
        assert self._child.stderr is not None  # noqa: S101
        # Closed here, where it is read: whoever waits for the end may have to give up first.
        with self._child.stderr as stream, contextlib.suppress(OSError):
            while chunk := os.read(stream.fileno(), 8192):
                self._errors += chunk
                del self._errors[:-STDERR_KEPT]

    def _exited(self) -> bool:
        """Whether the child has ended; it is left unreaped."""
        if self._child.returncode is not None:
            return True
        ended = os.waitid(os.P_PID, self._child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        return ended is not None

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        pause = 0.001
        while not self._exited() and time.monotonic() < deadline:
            time.sleep(pause)
            pause = min(2 * pause, 0.05)

    def _how_it_ended(self) -> str:
        self._wait(_EXIT_SECONDS)
        if not self._exited():
            return "the process is still running"
        result = os.waitid(os.P_PID, self._child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        if result is None:
            return "the process ended"
        if result.si_code == os.CLD_EXITED:
            return f"the process ended with exit status {result.si_status}"
        return f"the process was ended by {signal.Signals(result.si_status).name}"


@atexit.register
def _close_all() -> None:
    for process in list(_living):
        process.close(0)
