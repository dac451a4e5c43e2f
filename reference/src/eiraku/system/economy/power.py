"""Who switches the purses of a run on, and cuts their power: an argument, for no device fails on demand."""

from pathlib import Path
from typing import Literal, Protocol

from eiraku.reference.device import Device
from eiraku.reference.purse.state import Random


class Power(Protocol):
    """Power that fails when it is told to. It may go to another process."""

    def on(self, memory: Path, random: Random) -> Device:
        """Switch on the purse with this memory. Raises StoreError."""

    def off_and_on(self, device: Device) -> None:
        """Cut the power now; the device runs again from its memory. Raises StoreError."""

    def fail(self, device: Device, when: Literal["before", "after"], write: int) -> None:
        """Cut the power before or after the `write`-th durable write from now, counted from 1."""

    def hold(self, device: Device) -> None:
        """Do not cut it any more."""
