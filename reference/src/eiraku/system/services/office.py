"""What one process serves, as HTTP and the log see it: the services by path, and what hangs beside them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from eiraku.spec.key_lists import Centre
from eiraku.system.services.service import Service
from eiraku.system.services.settings import Settings


class Bulletins(Protocol):
    """Where the newest bulletin comes from: the device centre."""

    def signed(self) -> bytes:
        """As signed."""

    def chunk(self, epoch: int, position: int) -> bytes | None:
        """A chunk of its list; None if its epoch is another, or it has none there."""

    def delta(self, epoch: int, since: int) -> bytes | None:
        """The delta to it from that of an earlier epoch; None if its epoch is another, or without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """`good`, and the facts: only names, numbers and booleans."""

    good: bool
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """`services` by path below `/epp1/`; `keys`: the newest list of a centre; `enrol`: a first request, as
    signed, to the answer (EPP-SVC-009).
    """

    services: Mapping[str, Service]
    bulletins: Bulletins
    keys: Callable[[Centre], bytes]
    enrol: Callable[[bytes], bytes]
    health: Callable[[], Health]
    settings: Settings
