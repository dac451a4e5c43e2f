"""What one process serves, as HTTP and the log see it: the services by path, and what hangs beside them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from eiraku.spec.key_lists import Centre
from eiraku.system.services.service import Service
from eiraku.system.services.settings import Settings


class Bulletins(Protocol):
    """Where the newest bulletin comes from: the device centre."""

    def newest(self) -> bytes:
        """Whole, as signed."""

    def head(self) -> bytes:
        """Its signed head (EPP-DEV-009)."""

    def chunks(self) -> tuple[bytes, ...]:
        """In chunks."""


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
