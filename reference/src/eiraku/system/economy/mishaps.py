"""What goes wrong in a run when the run says so: an argument, for no device or carrier fails on demand."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from eiraku.reference.device import Device
from eiraku.reference.purse.state import Random
from eiraku.system.exchange.carrier import Carrier

Loss: TypeAlias = Literal["lost", "unanswered"]
Weather: TypeAlias = Callable[[int], Loss | None]
"""What becomes of the n-th call over a line, counted from 1: `lost` before it arrives, or its answer."""


class Mishaps(Protocol):
    """Power and lines that fail when they are told to. It may go to another process."""

    def on(self, memory: Path, random: Random) -> Device:
        """Switch on the purse with this memory. Raises StoreError."""

    def off_and_on(self, device: Device) -> None:
        """Cut the power now; the device runs again from its memory. Raises StoreError."""

    def fail(self, device: Device, when: Literal["before", "after"], write: int) -> None:
        """Cut the power before or after the `write`-th durable write from now, counted from 1."""

    def hold(self, device: Device) -> None:
        """Do not cut it any more."""

    def line(self, carrier: Carrier, weather: Weather) -> Carrier:
        """The way to a service, in this weather."""
