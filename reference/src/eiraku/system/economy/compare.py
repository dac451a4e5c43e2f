"""A scenario as it is, and the same under other hop limits: the question of the policy maker (S-38).

Runs do not depend on each other. The first one is made here; the others in processes of their own, if there
may be any, and all of them in one temporary folder, in memory where the system has a file system there.
"""

import multiprocessing
import os
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from eiraku.system.economy.mishaps import Mishaps
from eiraku.system.economy.results import VERSION, Results
from eiraku.system.economy.run import running
from eiraku.system.economy.scenario import Scenario
from eiraku.system.economy.watching import Silent, Watcher

RAM = Path("/dev/shm")  # noqa: S108 - a temporary folder with an unpredictable name is made in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """`main`: the scenario as it is; `runs`: under each limit compared, its own among them, ascending."""

    main: Results
    runs: tuple[Results, ...]

    @property
    def interrupted(self) -> bool:
        """Whether something is missing."""
        return self.main.interrupted or len(self.runs) < len(_limits(self.main.scenario))

    @property
    def good(self) -> bool:
        """All runs are."""
        return self.main.good and all(run.good for run in self.runs)

    def to_mapping(self) -> dict[str, object]:
        """For JSON."""
        return {
            "format": "eiraku simulation",
            "version": VERSION,
            "scenario": self.main.scenario.to_mapping(),
            "complete": not self.interrupted,
            "results": self.main.to_mapping(),
            "what_if": [run.to_mapping() for run in self.runs],
        }


def compare(scenario: Scenario, watcher: Watcher, mishaps: Mishaps, *, workers: int = 1) -> Comparison:
    """Run a scenario, and again for every limit of its `what_if`. `workers`: processes, this one included;
    `mishaps`: what may go wrong.

    KeyboardInterrupt ends it early; what is there is returned. Raises ConservationError, StoreError,
    DatabaseError.
    """
    own = scenario.policy.hop_limit
    others = [limit for limit in scenario.policy.what_if if limit != own]
    with (
        tempfile.TemporaryDirectory(prefix=f"eiraku-simulation-{os.getpid()}-", dir=medium()) as folder,
        _elsewhere(scenario, others, Path(folder), workers, mishaps) as futures,
    ):

        def here(limit: int) -> Results:
            changed = scenario.with_hop_limit(limit)
            return alone(changed, Path(folder) / f"limit-{limit}", watcher, mishaps)

        main = alone(scenario, Path(folder) / "main", watcher, mishaps)
        found = {own: main}
        if not main.interrupted:
            found |= _rest(others, futures, here, watcher)
    limits = [] if main.interrupted else [limit for limit in _limits(scenario) if limit in found]
    return Comparison(main=main, runs=tuple(found[limit] for limit in limits))


def _limits(scenario: Scenario) -> list[int]:
    """All limits that are compared; none if no other one is asked for."""
    asked = set(scenario.policy.what_if)
    return sorted(asked | {scenario.policy.hop_limit}) if asked else []


def alone(scenario: Scenario, folder: Path, watcher: Watcher, mishaps: Mishaps) -> Results:
    """One run in a new folder. Raises ConservationError, StoreError, DatabaseError."""
    folder.mkdir()
    with running(scenario, folder, watcher, mishaps) as run:
        return run.go()


def medium() -> str | None:
    """Where memories are put: in RAM if there is a file system, else where temporary files are."""
    return str(RAM) if RAM.is_dir() and os.access(RAM, os.W_OK) else None


def _rest(
    others: Sequence[int],
    futures: "dict[int, Future[Results]]",
    here: Callable[[int], Results],
    watcher: Watcher,
) -> dict[int, Results]:
    """The other runs, as far as they come; `here` makes one in this process."""
    found: dict[int, Results] = {}
    if futures:
        watcher.begin("other hop limits", len(futures))
    try:
        for limit in others:
            if limit in futures:
                found[limit] = futures[limit].result()
                watcher.done(1)
                continue
            one = here(limit)
            if one.interrupted:
                break
            found[limit] = one
    except KeyboardInterrupt:
        pass
    return found


@contextmanager
def _elsewhere(
    scenario: Scenario, others: Sequence[int], folder: Path, workers: int, mishaps: Mishaps
) -> "Iterator[dict[int, Future[Results]]]":
    """The other runs, begun in processes of their own; none if there may be none."""
    if workers < 2 or not others:
        yield {}
        return
    before = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        max_workers=min(workers - 1, len(others)),
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_leave_interrupts_to_the_parent,
    )
    try:
        # A process is begun by a call, with the signals blocked that are blocked here: an interrupt goes to
        # every process of a terminal, and the others must not answer it before they can ignore it.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            futures = {
                limit: pool.submit(
                    alone, scenario.with_hop_limit(limit), folder / f"limit-{limit}", Silent(), mishaps
                )
                for limit in others
            }
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        yield futures
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - before:
            process.terminate()
            process.join()


def _leave_interrupts_to_the_parent() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
