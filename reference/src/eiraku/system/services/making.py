"""How the services of one scheme are put together: gate, methods, sessions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from eiraku.spec.key_lists import Centre
from eiraku.system.device.registry import Registry
from eiraku.system.exchange.sessions import Host, SessionLimits, SessionTable
from eiraku.system.issuing.counter import Counter
from eiraku.system.issuing.issuer import Issuer
from eiraku.system.scheme import own
from eiraku.system.services import methods
from eiraku.system.services.hosts import CounterHost
from eiraku.system.services.journal import Journal
from eiraku.system.services.requests import DEVICE_CENTRE, ISSUING_CENTRE, Gate, Method
from eiraku.system.services.service import Service


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Makes services. `clock`: seconds, monotone; `admit`: for each service, what may refuse a purse."""

    registry: Registry
    issuer: Issuer
    journal: Journal
    random: Callable[[int], bytes]
    clock: Callable[[], float]
    limits: SessionLimits = field(default_factory=SessionLimits)
    admit: Callable[[], Callable[[bytes], None]] = lambda: lambda _number: None

    def service(self, audience: str, table: Mapping[str, Method], host: Host | None) -> Service:
        """One service. `host`: the purse behind it, None if there is none."""
        gate = Gate(
            audience=audience,
            journal=self.journal,
            callers=methods.callers(self.registry),
            methods=table,
            admit=self.admit(),
        )
        sessions = None
        if host is not None:
            sessions = SessionTable(host=host, random=self.random, clock=self.clock, limits=self.limits)
        return Service(gate=gate, bulletin=self.bulletin, keys=self.keys, sessions=sessions)

    def keys(self, centre: Centre) -> bytes:
        """The newest key list of a centre, as signed (EPP-SVC-030)."""
        return self.registry.keys.newest() if centre is Centre.DEVICE else self.issuer.office.key_list()

    def bulletin(self, epoch: int) -> bytes:
        """The update for a purse that holds the bulletin of an epoch."""
        return self.registry.bulletins.since(epoch)

    def centres(self, counter: Counter, *, lifetime: int) -> dict[str, Service]:
        """Both centres, by audience. `lifetime`: most epochs of a renewed purse ID."""
        issuing = methods.issuing_centre(self.issuer, self.registry)
        device = methods.device_centre(self.registry, self.issuer, lifetime=lifetime)
        host = CounterHost(
            counter,
            self,
            scheme_keys=self.registry.keys.scheme_keys,
            renew=partial(own.renew, registry=self.registry, lifetime=lifetime),
        )
        return {
            ISSUING_CENTRE: self.service(ISSUING_CENTRE, issuing, host),
            DEVICE_CENTRE: self.service(DEVICE_CENTRE, device, None),
        }
