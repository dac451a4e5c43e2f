"""How often one client may ask (EPP-SVC-048): token buckets by client address, and by purse.

A bucket holds at most `burst` tokens and gains `rate` each second; a request takes one. The number of buckets
is bounded: the one used longest ago goes first, so a flood of addresses costs no memory.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address

from eiraku.system.exchange.carrier import ServiceRefused

BUCKETS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`rate`: requests each second in the long run; `burst`: at once after a pause."""

    rate: float
    burst: int


@dataclass(slots=True, kw_only=True)
class Buckets:
    """Token buckets by key. `clock`: seconds, monotone; may be called from several threads."""

    limit: Rate
    clock: Callable[[], float]
    _known: OrderedDict[Hashable, tuple[float, float]] = field(default_factory=OrderedDict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, key: Hashable) -> None:
        """One request. Raises ServiceRefused(rate-limited)."""
        now = self.clock()
        with self._lock:
            tokens, since = self._known.pop(key, (float(self.limit.burst), now))
            tokens = min(self.limit.burst, tokens + (now - since) * self.limit.rate)
            # EPP-SVC-048
            refused = tokens < 1
            self._known[key] = (tokens if refused else tokens - 1, now)
            if len(self._known) > BUCKETS:
                self._known.popitem(last=False)
        if refused:
            detail = f"expected at most {self.limit.rate:g} requests a second; send the same again later"
            raise ServiceRefused("rate-limited", "EPP-SVC-048", detail)


def client_key(address: str) -> str:
    """What counts as one client: an IPv4 address, or a /64 of IPv6, which one subscriber has to himself."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(IPv6Address(int(parsed) >> 64 << 64))
    return str(parsed)
