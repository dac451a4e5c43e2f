"""Work in bulk: a pool of processes, none at all, and results as they come from either."""

import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, ParamSpec, TypeVar

from eiraku.spec.errors import Unavailable

P = ParamSpec("P")
R = TypeVar("R")


class SameProcess(Executor):
    """Makes each call at once, in this process and thread."""

    def submit(self, call: Callable[P, R], /, *arguments: P.args, **named: P.kwargs) -> Future[R]:
        """See `Executor`."""
        future: Future[R] = Future()
        try:
            future.set_result(call(*arguments, **named))
        except Exception as error:  # noqa: BLE001 - it is raised by future.result()
            future.set_exception(error)
        return future


@contextmanager
def local(workers: int) -> Iterator[Executor]:
    """A pool of processes on this machine. When left early, no worker stays behind.

    Ctrl-C goes to every process of a terminal; workers take no notice, the one that waits for them ends them.
    """
    # Not forked: a database is open here.
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_ignore_interrupt)
    try:
        # Each call starts one process, which is born with the signals blocked that are blocked here.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            for _ in range(workers):
                pool.submit(int)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def completed(
    executor: Executor, calls: Iterable[tuple[Any, ...]], *, at_once: int
) -> Iterator[tuple[int, Any]]:
    """Results of the calls, each a function and its arguments, with their index, as they end.

    Only `at_once` calls are under way, and no more are taken from `calls`, so that whatever their number so
    many are in memory. Raises Unavailable if a worker is lost, and what a call raises.
    """
    waiting: dict[Future[Any], int] = {}
    left = iter(enumerate(calls))
    try:
        while True:
            for index, (call, *arguments) in left:
                waiting[executor.submit(call, *arguments)] = index
                if len(waiting) >= at_once:
                    break
            if not waiting:
                return
            ended, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in ended:
                yield waiting.pop(future), future.result()
    except _lost() as error:
        raise Unavailable("a worker ended before its work was done; use fewer workers") from error
    finally:
        for future in waiting:
            future.cancel()


def _lost() -> tuple[type[Exception], ...]:
    """What a future raises whose worker is gone."""
    library = sys.modules.get("distributed")
    killed = (library.KilledWorker,) if library is not None else ()
    return (BrokenExecutor, CancelledError, *killed)


def _ignore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
