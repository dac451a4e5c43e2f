"""One service: its signed requests, its sessions, bulletin and key lists, one thing at a time.

`Service` is what HTTP and `LocalCarrier` both stand on. Its methods may be called from several threads; what
writes is serialised. They raise ServiceRefused and DatabaseError.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from eiraku.spec.key_lists import Centre
from eiraku.system.exchange.carrier import ServiceRefused
from eiraku.system.exchange.sessions import Answer, SessionTable
from eiraku.system.services.requests import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """`gate`: signed requests; `bulletin`: the update for a purse that holds the bulletin of an epoch;
    `sessions`: of the purse behind it, None if there is none; `patience`: seconds that a request waits for
    another.
    """

    gate: Gate
    bulletin: Callable[[int], bytes]
    keys: Callable[[Centre], bytes]
    sessions: SessionTable | None = None
    patience: float = 5.0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def audience(self) -> str:
        """Name of the service."""
        return self.gate.audience

    def request(self, signed: bytes) -> bytes:
        """Carry out a signed request (EPP-SVC-002)."""
        with self.alone():
            return self.gate.handle(signed)

    def open(self, client: str | None = None) -> bytes:
        """Name of a new session in which the peer pays; `client`: who asks, None for one that is trusted."""
        return self._table().open(client=client)

    def message(self, name: bytes, number: int, data: bytes) -> Answer:
        """A message of a session."""
        return self._table().message(name, number, data)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else writes meanwhile. Raises ServiceRefused(busy)."""
        if not self._lock.acquire(timeout=self.patience):
            raise ServiceRefused("busy", "EPP-SVC-051", "expected to be served sooner; send the same again")
        try:
            yield
        finally:
            self._lock.release()

    def _table(self) -> SessionTable:
        if self.sessions is None:
            raise ServiceRefused("not-found", "EPP-SVC-063", f"{self.audience} has no purse to talk to")
        return self.sessions
