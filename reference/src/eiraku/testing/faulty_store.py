"""A memory whose power fails before or after a durable write."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from eiraku.reference.purse.ledger import Change
from eiraku.reference.store import Store


class PowerCut(BaseException):
    """Power is gone. Not an Exception: nothing on the way may catch it, for nothing would be running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Armed:
    when: Literal["before", "after"]
    write: int


class FaultyStore(Store):
    """A `Store` that raises PowerCut where it was told to."""

    def __init__(self, path: Path, *, max_pages: int | None = None) -> None:
        """As `Store`. Raises StoreError."""
        super().__init__(path, max_pages=max_pages)
        self._armed: _Armed | None = None

    def arm(self, when: Literal["before", "after"], write: int) -> None:
        """Cut the power before or after the `write`-th durable write from now, counted from 1."""
        if write < 1:
            raise ValueError("writes are counted from 1")
        self._armed = _Armed(when=when, write=write)

    def disarm(self) -> None:
        """Forget an armed cut."""
        self._armed = None

    def apply(self, change: Change) -> None:
        """See `Store`. Raises PowerCut."""
        armed = self._armed
        if armed is not None and armed.write == 1:
            if armed.when == "after":
                super().apply(change)
            self._armed = None
            raise PowerCut
        super().apply(change)
        if armed is not None:
            self._armed = replace(armed, write=armed.write - 1)
