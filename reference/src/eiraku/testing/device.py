"""A purse on the bench: its power can be cut, and its core be given other functions while it works."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from eiraku.reference.device import Device, Result
from eiraku.reference.purse import core
from eiraku.reference.purse.ledger import Provision
from eiraku.reference.purse.state import Input, Random
from eiraku.testing.faulty_store import FaultyStore, PowerCut
from eiraku.testing.patches import Patch, patched


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLost(Result):
    """An armed cut has fired; the device is running again from its memory."""

    out: None = None
    is_open: Literal[False] = False


class BenchDevice(Device):
    """A `Device` for tests. `patches` stand in the core while this device takes a step, and no longer."""

    store: FaultyStore

    def __init__(self, store: FaultyStore | Path, random: Random, *, patches: Sequence[Patch] = ()) -> None:
        """Switch the device on. Raises StoreError."""
        super().__init__(store if isinstance(store, FaultyStore) else FaultyStore(store), random)
        self.patches = tuple(patches)

    def power_cut(self) -> None:
        """Cut the power now, and switch on again from what is on the medium. Raises StoreError."""
        self.store.disarm()
        self.store.reopen()
        self._state = core.restore(self.store)

    def arm(self, when: Literal["before", "after"], write: int) -> None:
        """Cut the power before or after the `write`-th durable write from now, counted from 1."""
        self.store.arm(when, write)

    def disarm(self) -> None:
        """Forget an armed cut."""
        self.store.disarm()

    def _take(self, given: Input) -> Result:
        try:
            with patched(self.patches):
                return super()._take(given)
        except PowerCut:
            self.power_cut()
            return PowerLost()


def provision_of(device: Device) -> Provision:
    """What a purse was made with."""
    found = device.store.provision()
    if found is None:
        raise ValueError("expected a purse that is made")
    return found


def number_of(device: Device) -> bytes:
    """Purse number of a device that is made."""
    return provision_of(device).number
