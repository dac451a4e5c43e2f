"""Gates in processes of their own, so that several mutants are judged at once."""

import queue
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import msgspec

from eiraku.conformance.mutants.gate import Breadth, Finding

_SAID = 20_000


class Server:
    """One process that has collected the suite and judges one mutant after the other."""

    def __init__(self, breadth: Breadth) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the server
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, and arguments of our own
            [sys.executable, "-m", "eiraku.conformance.mutants.gate", breadth],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
        )

    def judge(self, name: str) -> Finding:
        """Run the suite against a mutant. Raises RuntimeError, a defect of ours, if the process ends."""
        requests, answers = self._process.stdin, self._process.stdout
        if requests is None or answers is None:
            raise AssertionError("opened without pipes")
        try:
            requests.write(name.encode() + b"\n")
            requests.flush()
            line = answers.readline()
        except BrokenPipeError:
            line = b""
        if not line:
            self._process.wait()
            self._said.seek(0)
            raise RuntimeError(f"the gate has ended:\n{self._said.read().decode(errors='replace')[-_SAID:]}")
        return msgspec.json.decode(line, type=Finding)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        if kind is not None:
            self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._said.close()


def judge_all(
    names: Iterable[str], breadth: Breadth, workers: int, found: Callable[[Finding], None]
) -> list[Finding]:
    """Judge mutants in `workers` processes; tell each finding as it comes, return them in the order of names.

    Raises RuntimeError.
    """
    ordered = list(names)
    waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
    for name in ordered:
        waiting.put(name)
    findings: dict[str, Finding] = {}

    def work() -> None:
        with Server(breadth) as server:
            while True:
                try:
                    name = waiting.get_nowait()
                except queue.Empty:
                    return
                finding = findings[name] = server.judge(name)
                found(finding)

    with ThreadPoolExecutor(workers) as executor:
        for future in [executor.submit(work) for _ in range(min(workers, len(ordered)))]:
            future.result()
    return [findings[name] for name in ordered]
