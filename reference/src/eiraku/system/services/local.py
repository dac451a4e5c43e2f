"""A carrier within one process: the same services, without a network.

For a vault beside its centres, for simulations and tests. A database that fails is to the caller what a
network that fails is: no answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from eiraku.spec.key_lists import Centre
from eiraku.system.database import DatabaseError
from eiraku.system.exchange.carrier import ServiceUnreachable
from eiraku.system.services.service import Service


@contextmanager
def _reached() -> Iterator[None]:
    try:
        yield
    except DatabaseError as error:
        raise ServiceUnreachable(str(error)) from error


class LocalSession:
    """Implements `carrier.Session`."""

    def __init__(self, service: Service, name: bytes) -> None:
        self._service = service
        self._name = name
        self._number = 0

    def exchange(self, data: bytes) -> bytes | None:
        """See `carrier.Session`."""
        with _reached():
            answer = self._service.message(self._name, self._number + 1, data)
        self._number += 1
        return answer.out


class LocalCarrier:
    """Implements `carrier.Carrier` over a service."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def open(self) -> LocalSession:
        """See `carrier.Carrier`."""
        return LocalSession(self._service, self._service.open())

    def request(self, signed: bytes) -> bytes:
        """See `carrier.Carrier`."""
        with _reached():
            return self._service.request(signed)

    def keys(self, centre: Centre) -> bytes:
        """See `carrier.Carrier`."""
        with _reached():
            return self._service.keys(centre)

    def bulletin(self, epoch: int) -> bytes:
        """See `carrier.Carrier`."""
        with _reached():
            return self._service.bulletin(epoch)
