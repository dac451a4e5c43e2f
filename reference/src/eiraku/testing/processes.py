"""Processes that tests start, interrupt and wait for, on a machine however loaded."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

PATIENCE = 120.0
"""Seconds to wait for what must come."""


@contextlib.contextmanager
def started(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    stderr: int | IO[str] = subprocess.PIPE,
) -> Iterator["subprocess.Popen[str]"]:
    """A program in a session of its own; what is left of its process group in the end is killed.

    It heeds SIGINT even where this process ignores it, as one started in the background does.
    """
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        # What is ignored stays so in children; what is handled is back at its default there.
        signal.signal(signal.SIGINT, lambda *_: None)
    try:
        process = subprocess.Popen(  # noqa: S603 - what a test wrote
            command,
            cwd=cwd,
            env=env,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        try:
            yield process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def until(condition: Callable[[], object]) -> None:
    """Wait until it is so. Raises AssertionError after `PATIENCE` seconds."""
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"nothing came of it in {PATIENCE:.0f} seconds")
        time.sleep(0.05)
