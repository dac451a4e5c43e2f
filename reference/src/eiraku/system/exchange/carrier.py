"""How a purse or a vault reaches a service: over HTTP, or in one process (specification, chapter 16).

The carrier adds no security. `ServiceRefused` is an answer of the service; `ServiceUnreachable` is none, and
says nothing about whether the request was carried out: send the very same request again.
"""

from typing import Protocol

from eiraku.spec.errors import Refused, Unavailable
from eiraku.spec.key_lists import Centre


class ServiceRefused(Refused):
    """The service refused: stable `code`, the `requirement` that demands it, and words for people."""

    def __init__(self, code: str, requirement: str, detail: str = "") -> None:
        super().__init__(f"{code} [{requirement}] {detail}".rstrip())
        self.code = code
        self.requirement = requirement
        self.detail = detail


class ServiceUnreachable(Unavailable):
    """No answer. What was asked for may or may not have been done."""


class Session(Protocol):
    """One session with the purse behind a service (EPP-SVC-040)."""

    def exchange(self, data: bytes) -> bytes | None:
        """Deliver one message; the answer, or None. Raises ServiceRefused, ServiceUnreachable."""


class Carrier(Protocol):
    """The way to one service. Every method raises ServiceRefused and ServiceUnreachable."""

    def open(self) -> Session:
        """Begin a session; the caller is its initiator."""

    def request(self, signed: bytes) -> bytes:
        """Carry a signed request (EPP-SVC-002); the bytes of the answer, by method."""

    def keys(self, centre: Centre) -> bytes:
        """The newest key list of a centre, as signed."""

    def bulletin(self, epoch: int) -> bytes:
        """An update to the newest bulletin, for a purse that holds the one of `epoch`; 0 for none.

        By a delta if there is one; without chunks if `epoch` is that of the newest.
        """
