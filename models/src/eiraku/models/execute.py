"""Many calls of the prover at once, on this machine or on a cluster."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ThreadPoolExecutor,
    as_completed,
)

from eiraku.models import prover
from eiraku.models.manifest import Job
from eiraku.models.output import Reading
from eiraku.models.prover import Outcome, Task
from eiraku.models.results import Verdict
from eiraku.spec.errors import Unavailable

Call = tuple[Task, tuple[Job, ...]]
"""One call of the prover, and the jobs that it answers: one for each lemma of the task."""

CONNECT = 30
"""Seconds to reach the scheduler of a cluster."""


def everything(
    calls: Sequence[Call], executor: Executor, tell: Callable[[Job, Outcome], None]
) -> dict[Job, Outcome]:
    """Make all calls; `tell` is called for each job as it ends. When interrupted, no prover stays behind.

    A worker that dies takes only its own calls with it.
    """
    futures = {executor.submit(prover.run, task): jobs for task, jobs in calls}
    outcomes: dict[Job, Outcome] = {}
    try:
        for future in as_completed(futures):
            try:
                found = future.result()
            except _lost() as error:
                lost = Reading(verdict=Verdict.KILLED, detail=f"the call was lost: {error}")
                found = {job.lemma: Outcome(reading=lost) for job in futures[future]}
            for job in futures[future]:
                outcomes[job] = found[job.lemma]
                tell(job, outcomes[job])
    except BaseException:
        _abandon(list(futures))
        raise
    return outcomes


def local(jobs: int) -> ThreadPoolExecutor:
    """Threads are enough here: each waits for a process."""
    return ThreadPoolExecutor(max_workers=jobs, thread_name_prefix="prover")


@contextlib.contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """The workers of a dask scheduler; each needs this package and a prover on its PATH.

    Raises Unavailable if the extra `cluster` is not installed or nobody answers at the address.
    """
    try:
        from distributed import Client  # noqa: PLC0415 - an optional and heavy library
    except ImportError as error:
        raise Unavailable("for --scheduler install eiraku[cluster]") from error
    try:
        client = Client(address, timeout=CONNECT)
    except (OSError, ValueError) as error:
        raise Unavailable(f"no scheduler answers at {address}: {error}") from error
    with client:
        # Each call is measured, so none may be answered from the result of another.
        yield client.get_executor(pure=False)


def _lost() -> tuple[type[Exception], ...]:
    """What a future raises whose worker is gone, or whose machine has no room for the files of a call."""
    library = sys.modules.get("distributed")
    killed = (library.KilledWorker,) if library is not None else ()
    return (OSError, BrokenExecutor, CancelledError, *killed)


def _abandon(futures: list[Future[dict[str, Outcome]]]) -> None:
    for future in futures:
        future.cancel()
    while not all(future.done() for future in futures):
        prover.stop_all()
        time.sleep(0.05)
