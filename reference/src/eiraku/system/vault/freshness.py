"""How old a vault's bulletin may be, and that there is no session when it is older (EPP-VLT-003)."""

import threading
from collections.abc import Callable

from sqlalchemy import select

from eiraku.reference.meeting import accepted
from eiraku.spec.errors import Refusal
from eiraku.spec.key_lists import Centre
from eiraku.system.database import Database
from eiraku.system.exchange.carrier import Carrier
from eiraku.system.vault.errors import VaultSuspended
from eiraku.system.vault.purse import VaultPurse
from eiraku.system.vault.schema import VAULT


class Freshness:
    """Since when nobody has confirmed the bulletin. `seconds`: the most; `clock`: goes on while it is off.

    `lock`: of whatever else uses the purse. Methods raise DatabaseError.
    """

    def __init__(
        self,
        purse: VaultPurse,
        device_centre: Carrier,
        database: Database,
        *,
        seconds: int,
        clock: Callable[[], float],
        lock: threading.RLock,
    ) -> None:
        self._purse = purse
        self._device_centre = device_centre
        self._database = database
        self._seconds = seconds
        self._clock = clock
        self._lock = lock
        with database.reading() as connection:
            self.confirmed: float | None = connection.execute(select(VAULT.c.confirmed)).scalar_one()
        self._stored = self.confirmed

    @property
    def suspended(self) -> bool:
        """Whether the bulletin is unconfirmed for longer than it may be."""
        # EPP-VLT-018: a clock that went back says nothing about the age either
        age = None if self.confirmed is None else self._clock() - self.confirmed
        return age is None or not 0 <= age <= self._seconds

    def refresh(self) -> int:
        """Get the newest key lists and bulletin, and confirm it; the epoch.

        Raises ServiceUnreachable, ServiceRefused, Refusal (one that is older, or does not verify: then
        nothing is confirmed).
        """
        # EPP-VLT-016
        now = self._clock()
        lists = [(centre, self._device_centre.keys(centre)) for centre in Centre]
        update = self._device_centre.bulletin(self._purse.epoch)
        with self._lock:
            # EPP-SVC-032
            for centre, keys in lists:
                accepted(self._purse.device.keys(centre, keys))
            accepted(self._purse.device.bulletin(update))
            self.confirmed = now
            # Not a write for every look at it: what is stored may be older, never younger.
            if self._stored is None or not 0 <= now - self._stored < self._seconds / 20:
                with self._database.writing() as connection:
                    connection.execute(VAULT.update().values(confirmed=now))
                self._stored = now
            return self._purse.epoch

    def ensure(self) -> None:
        """Before a session that the vault leads. Raises VaultSuspended, ServiceUnreachable."""
        if self.suspended:
            try:
                self.refresh()
            except Refusal as refusal:
                raise VaultSuspended from refusal
