"""One call of the prover, in a process group of its own, with limits, and measured.

`run` finds the prover on the machine where it is called and takes the theory as text, so that a call can be
sent to another machine.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from eiraku.models import limits as machine_limits
from eiraku.models import output, stored
from eiraku.models.limits import DEFAULT, Limits
from eiraku.models.manifest import Search
from eiraku.models.output import Reading, Version
from eiraku.models.results import Machine, Verdict
from eiraku.spec.errors import Unavailable

PROGRAM: Final = "tamarin-prover"
OLDEST: Final = (1, 10)
"""Options and output of earlier versions differ; a later version proves, and the run says which it was."""

_MIB: Final = 2**20
_ENVIRONMENT: Final = {"LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"}
"""The prover writes mathematical signs, and fails where the locale has none."""

_running: set[int] = set()
_lock = threading.Lock()


class ProverError(Unavailable):
    """There is no prover that can be used; the message says why. `verdict` is what a job then gets."""

    def __init__(self, message: str, *, verdict: Verdict = Verdict.NO_PROVER) -> None:
        super().__init__(message)
        self.verdict = verdict


class AbsentError(ProverError):
    """There is none on PATH."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be proved. `text` is the whole theory.

    With `search` the prover looks for a proof or a trace, in that `order`; without, it checks the proofs that
    `text` contains, of all lemmas in one call. The time limit is for each lemma.
    With `keep` the outcome brings the proof and the trace.
    """

    theory: str
    text: str
    lemmas: tuple[str, ...]
    flag: str | None = None
    limits: Limits = DEFAULT
    order: Search = "DFS"
    search: bool = True
    keep: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of it for one lemma: its share of the seconds, peak memory in MiB of the call, and where.

    `proof` is the theory as the prover writes it with its proof, `trace` the JSON of the trace; both empty if
    there are none or nobody asked.
    """

    reading: Reading
    seconds: float = 0.0
    memory_mib: int = 0
    version: Version | None = None
    machine: Machine | None = None
    proof: str = ""
    trace: bytes = b""


def identify() -> Version:
    """Version of the prover on PATH, and of the maude that it finds.

    Raises AbsentError if there is none, ProverError if it does not answer, lacks maude or is too old.
    """
    path = shutil.which(PROGRAM)
    if path is None:
        raise AbsentError(f"there is no {PROGRAM} on PATH")
    return _ask(path)


@lru_cache(maxsize=8)
def _ask(path: str) -> Version:
    try:
        answer = subprocess.run(  # noqa: S603 - found on PATH, fixed arguments
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
            env=os.environ | _ENVIRONMENT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ProverError(f"{PROGRAM} does not answer: {error}") from error
    said = (answer.stdout + b"\n" + answer.stderr).decode(errors="replace")
    if output.read(stdout="", stderr=said, code=answer.returncode, lemma="").verdict is Verdict.NO_MAUDE:
        raise ProverError(f"{PROGRAM} does not find its program maude", verdict=Verdict.NO_MAUDE)
    version = output.version(said)
    if answer.returncode != 0 or version is None:
        raise ProverError(f"{PROGRAM} does not say which version it is (exit code {answer.returncode})")
    numbers = tuple(int(number) for number in re.findall(r"\d+", version.prover)[:2])
    if numbers < OLDEST:
        raise ProverError(
            f"{PROGRAM} {version.prover} is too old: {OLDEST[0]}.{OLDEST[1]} or later is needed"
        )
    return version


def run(task: Task) -> dict[str, Outcome]:
    """Call the prover; an outcome for each lemma. Never raises for what the prover does: see the verdicts.

    The memory is that of the prover and its maude together, sampled about ten times a second; where the
    system has no /proc, it is the system's figure for the larger of the two.
    """
    machine = machine_limits.machine()
    try:
        version = identify()
    except ProverError as error:
        reading = Reading(verdict=error.verdict, detail=str(error))
        return dict.fromkeys(task.lemmas, Outcome(reading=reading, machine=machine))
    with tempfile.TemporaryDirectory(prefix="eiraku-prove-") as name:
        folder = Path(name)
        (folder / f"{task.theory}.spthy").write_text(task.text, encoding="utf-8")
        start = time.monotonic()
        code, peak = _call(folder, _arguments(task), task.limits.timeout * len(task.lemmas))
        seconds = (time.monotonic() - start) / len(task.lemmas)
        proof = _text(folder / "proof.out")
        trace = folder / "trace.json"
        return {
            lemma: Outcome(
                reading=_read(task, lemma, folder, code, proof),
                seconds=seconds,
                memory_mib=peak // _MIB,
                version=version,
                machine=machine,
                proof=proof if task.keep else "",
                trace=trace.read_bytes() if task.keep and trace.is_file() else b"",
            )
            for lemma in task.lemmas
        }


def _read(task: Task, lemma: str, folder: Path, code: int | None, proof: str) -> Reading:
    """The verdict on one lemma; `code` None: the call was stopped."""
    if code is None:
        what = f"no answer within {task.limits.timeout * len(task.lemmas):g} s"
        return Reading(verdict=Verdict.TIMEOUT, detail=what)
    if not task.search and stored.is_invalid(proof, lemma):
        return Reading(verdict=Verdict.INVALIDATED, detail="a step of the stored proof does not apply")
    said, complained = _text(folder / "stdout"), _text(folder / "stderr")
    return output.read(stdout=said, stderr=complained, code=code, lemma=lemma)


def stop_all() -> None:
    """Kill every prover that runs for this process, with its maude."""
    with _lock:
        for group in _running:
            _kill(group)


def _arguments(task: Task) -> list[str]:
    # The check of message derivations measures time and so depends on the machine: it is off.
    return [
        "--derivcheck-timeout=0",
        f"--stop-on-trace={task.order}",
        "--quit-on-warning",
        "--output=proof.out",
        "--output-json=trace.json",
        *([f"--prove={lemma}" for lemma in task.lemmas] if task.search else []),
        *([f"-D{task.flag}"] if task.flag else []),
        f"{task.theory}.spthy",
        *("+RTS", "-N1", f"-M{task.limits.memory}m", "-RTS"),
    ]


def _call(folder: Path, arguments: list[str], timeout: float) -> tuple[int | None, int]:
    """Exit code (None: it was stopped at `timeout` seconds) and peak memory in bytes."""
    with (folder / "stdout").open("wb") as said, (folder / "stderr").open("wb") as complained, _lock:
        process = subprocess.Popen(  # noqa: S603 - found on PATH; theory and lemma are ours
            [shutil.which(PROGRAM) or PROGRAM, *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=complained,
            env=os.environ | _ENVIRONMENT,
            start_new_session=True,
        )
        _running.add(process.pid)
    deadline, pause, peak, late = time.monotonic() + timeout, 0.005, 0, False
    while True:
        peak = max(peak, _tree_memory(process.pid))
        with _lock:
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
            late = not ended and time.monotonic() > deadline
            if ended or late:
                # Also after a good end: no maude stays behind.
                _kill(process.pid)
                _running.discard(process.pid)
                break
        time.sleep(pause)
        pause = min(2 * pause, 0.1)
    if late:
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    largest = usage.ru_maxrss * (1 if os.uname().sysname == "Darwin" else 1024)
    return (None if late else process.returncode), peak or largest


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _tree_memory(pid: int) -> int:
    """Resident bytes of a process and all that descend from it; 0 where there is no /proc."""
    total, left = 0, [pid]
    while left:
        process = Path("/proc") / str(left.pop())
        with contextlib.suppress(OSError, ValueError, IndexError):
            total += int((process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            for children in process.glob("task/*/children"):
                left += [int(child) for child in children.read_text().split()]
    return total


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
