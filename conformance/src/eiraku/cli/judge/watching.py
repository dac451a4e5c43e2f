"""What a long run shows while it goes on: a bar on a terminal, a line now and then elsewhere."""

from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console


class Bar:
    """`what`: the plural of what is counted."""

    def __init__(self, console: "Console", what: str) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
        self._console = console
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=None)
        self._what = what
        self._count = self._done = self._bad = 0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def total(self, count: int) -> None:
        """So many there will be."""
        self._count = count
        self._bar.reset(self._task, total=count)
        self._console.print(f"{count} {self._what}", highlight=False, markup=False)

    def step(self, *, bad: bool) -> None:
        """One more is done."""
        tenth = max(self._count // 10, 1)
        self._done += 1
        self._bad += bad
        words = f"{self._bad} not as they should be" if self._bad else ""
        self._bar.update(self._task, advance=1, description=words)
        if not self._console.is_terminal and self._done % tenth == 0:
            line = f"{self._done} of {self._count}" + (f", {words}" if words else "")
            self._console.print(line, highlight=False, markup=False)

    def reach(self, count: int, words: str) -> None:
        """So many are done."""
        tenth = max(self._count // 10, 1)
        shown = self._done // tenth != count // tenth
        self._done = count
        self._bar.update(self._task, completed=min(count, self._count), description=words)
        if not self._console.is_terminal and shown:
            line = f"{count} of {self._count}" + (f", {words}" if words else "")
            self._console.print(line, highlight=False, markup=False)
