"""Where value can be: every purse, vault and counter of a run, and the copies that cheats make.

A place is a purse with a memory of its own in one file. Few files are open at a time; a memory that is not in
use is closed, and opened again when it is needed, as if the power had been off.
"""

import resource
import shutil
from collections import OrderedDict
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.device import Accepted, Device
from eiraku.reference.gossip import epoch_of
from eiraku.reference.purse.state import Provisioning
from eiraku.system.economy.mishaps import Mishaps

FILES_EACH = 3
"""Files that an open memory may take."""


def open_at_once() -> int:
    """Memories that can be open at a time, with what the system permits this process."""
    permitted = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return max(8, min(4096, (permitted - 128) // FILES_EACH))


class Kind(StrEnum):
    """What a place is in the story."""

    PERSON = "person"
    SHOP = "shop"
    BANK = "bank"
    """The vault of a bank."""
    CENTRE = "centre"
    """The purse of the issuing centre."""


@dataclass(slots=True, kw_only=True, eq=False)
class Place:
    """One memory. `bank`: index of the holder's bank; `renew`: last epoch of its purse ID.

    `original`: of a copy, the place it was copied from. `balance` and `pending` are what the count knows:
    spendable here, and given away but credited nowhere yet.
    """

    name: str
    kind: Kind
    economy: int
    number: bytes
    path: Path
    random: Drbg
    bank: int = 0
    renew: int = 0
    careless: bool = False
    original: "Place | None" = None
    balance: int = 0
    pending: int = 0


@dataclass(slots=True, kw_only=True)
class Places:
    """All places in the order in which they were made. `directory`: for their memories; `mishaps`: theirs."""

    directory: Path
    mishaps: Mishaps
    all: list[Place] = field(default_factory=list)
    by_number: dict[bytes, Place] = field(default_factory=dict)
    most_open: int = field(default_factory=open_at_once)
    _open: OrderedDict[Path, Device] = field(default_factory=OrderedDict)
    _kept: dict[Path, Device] = field(default_factory=dict)

    def make(self, place: Place, given: Provisioning, *, keep: bool = False) -> Place:
        """Provision a new memory. `keep`: never close it before the end."""
        device = self.mishaps.on(place.path, place.random)
        (self._kept if keep else self._open)[place.path] = device
        result = device.provision(given)
        if not isinstance(result, Accepted):
            raise ValueError(f"{place.name}: cannot be provisioned ({result})")
        self.all.append(place)
        self.by_number[place.number] = place
        self._trim()
        return place

    def device(self, place: Place) -> Device:
        """The device of a place, switched on."""
        kept = self._kept.get(place.path)
        if kept is not None:
            return kept
        device = self._open.get(place.path)
        if device is None:
            device = self._open[place.path] = self.mishaps.on(place.path, place.random)
            self._trim()
        else:
            self._open.move_to_end(place.path)
        return device

    def epoch(self, place: Place) -> int:
        """The epoch that a purse believes in."""
        return epoch_of(self.device(place))

    def copy(self, place: Place, random: Drbg) -> Place:
        """Copy the memory of a purse, as its owner with the right tools might."""
        device = self._open.pop(place.path, None)
        if device is not None:
            device.close()
        number = sum(other.original is place for other in self.all) + 1
        path = place.path.with_name(f"{place.path.stem}-copy{number}.db")
        shutil.copyfile(place.path, path)
        clone = Place(
            name=f"copy {number} of {place.name}",
            kind=place.kind,
            economy=place.economy,
            number=place.number,
            path=path,
            random=random,
            bank=place.bank,
            renew=place.renew,
            original=place,
        )
        self.all.append(clone)
        return clone

    def switch_off(self) -> None:
        """Close every memory that is not kept open."""
        for device in self._open.values():
            device.close()
        self._open.clear()

    def close(self) -> None:
        """Close every memory."""
        self.switch_off()
        for device in self._kept.values():
            device.close()
        self._kept.clear()

    def _trim(self) -> None:
        while len(self._open) > self.most_open:
            _, device = self._open.popitem(last=False)
            device.close()
