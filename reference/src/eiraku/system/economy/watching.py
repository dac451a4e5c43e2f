"""Who is told how far a run is."""

from typing import Protocol


class Watcher(Protocol):
    """Is told how far a run is."""

    def begin(self, text: str, count: int) -> None:
        """A run of so many payments begins."""

    def done(self, count: int) -> None:
        """So many more payments were attempted."""


class Silent:
    """Tells nobody."""

    def begin(self, text: str, count: int) -> None:
        """See `Watcher`."""

    def done(self, count: int) -> None:
        """See `Watcher`."""
