"""Purses whose power fails when it is told to, for whoever takes them as an argument."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from eiraku.reference.device import Device
from eiraku.reference.purse.state import Random


@dataclass(frozen=True, slots=True)
class Bench:
    """Implements `system.economy.power.Power`."""

    def on(self, memory: Path, random: Random) -> Device:
        """See `Power`."""
        return Device(memory, random)

    def off_and_on(self, device: Device) -> None:
        """See `Power`."""
        device.power_cut()

    def fail(self, device: Device, when: Literal["before", "after"], write: int) -> None:
        """See `Power`."""
        device.arm(when, write)

    def hold(self, device: Device) -> None:
        """See `Power`."""
        device.disarm()
