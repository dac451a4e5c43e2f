"""How far a long run is: a bar on a terminal, elsewhere a line now and then, so that a log shows it too."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from rich.console import Console

SILENCE: Final = 15.0
"""Seconds after which a line comes in any case."""
BREATH: Final = 2.0
"""Seconds in which there is at most one line, so that a short run has none."""
_TENTHS: Final = 10


class Pace:
    """Counts, and says so at every tenth of the way, and whenever nothing was said for `SILENCE`.

    A context manager; `done` may be called from any thread.
    """

    def __init__(
        self,
        say: Callable[[str], None],
        what: str,
        *,
        silence: float = SILENCE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`say`: prints a line; `what`: is counted, in the plural."""
        self._say, self._what, self._silence, self._clock = say, what, silence, clock
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._total = self._count = 0
        self._more = ""
        self._begun = self._said = clock()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def begin(self, total: int, what: str = "") -> None:
        """So many there are, of `what` if it is something else now; counting begins anew."""
        with self._lock:
            self._total, self._count, self._more = total, 0, ""
            self._what = what or self._what
            self._begun = self._said = self._clock()

    def done(self, more: str = "", *, count: int = 1) -> None:
        """So many of them. `more`: what else there is to say by now."""
        with self._lock:
            before, self._count, self._more = self._count, self._count + count, more
            if not self._total:
                return
            tenth = before * _TENTHS // self._total < self._count * _TENTHS // self._total
            if tenth and self._count < self._total and self._clock() - self._said >= BREATH:
                self._tell()

    def _watch(self) -> None:
        while not self._over.wait(self._silence / 4):
            with self._lock:
                if self._total and self._clock() - self._said >= self._silence:
                    self._tell()

    def _tell(self) -> None:
        self._said = self._clock()
        share = 100 * self._count // self._total
        more = f"; {self._more}" if self._more else ""
        seconds = self._said - self._begun
        self._say(f"{self._count} of {self._total} {self._what} ({share} %), {seconds:.0f} s{more}")


class Meter:
    """Counts, on a console: a bar where that is a terminal, else a `Pace`. A context manager."""

    def __init__(self, console: "Console", what: str) -> None:
        """`what`: is counted, in the plural."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description}"),
            *(BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()),
            TextColumn("{task.fields[more]}", markup=False),
        )
        self._console = console
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._pace = None if console.is_terminal else Pace(self.say, what)

    def __enter__(self) -> Self:
        self._bar.start()
        if self._pace is not None:
            self._pace.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()
        if self._pace is not None:
            self._pace.__exit__()

    def say(self, line: str) -> None:
        """A line of its own, above the bar."""
        self._console.print(line, highlight=False, markup=False)

    def begin(self, total: int, what: str = "") -> None:
        """See `Pace`."""
        self._bar.add_task(what, total=total, more="")
        if self._pace is not None:
            self._pace.begin(total, what)

    def done(self, more: str = "", *, count: int = 1) -> None:
        """See `Pace`."""
        if self._bar.task_ids:
            self._bar.update(self._bar.task_ids[-1], advance=count, more=more)
        if self._pace is not None:
            self._pace.done(more, count=count)
