"""Power and lines that fail when they are told to, for whoever takes them as an argument."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from eiraku.reference.device import Device
from eiraku.reference.purse.state import Random
from eiraku.spec.key_lists import Centre
from eiraku.system.economy.mishaps import Weather
from eiraku.system.exchange.carrier import Carrier, ServiceUnreachable, Session
from eiraku.testing.device import BenchDevice

T = TypeVar("T")


@dataclass(slots=True)
class Line:
    """Implements `carrier.Carrier`: the way to a service while `weather` is fine. `calls` are counted."""

    carrier: Carrier
    weather: Weather = lambda _n: None
    calls: int = 0

    def open(self) -> Session:
        """See `carrier.Carrier`."""
        return _LineSession(self, self.over(self.carrier.open))

    def request(self, signed: bytes) -> bytes:
        """See `carrier.Carrier`."""
        return self.over(lambda: self.carrier.request(signed))

    def keys(self, centre: Centre) -> bytes:
        """See `carrier.Carrier`."""
        return self.over(lambda: self.carrier.keys(centre))

    def bulletin(self, epoch: int) -> bytes:
        """See `carrier.Carrier`."""
        return self.over(lambda: self.carrier.bulletin(epoch))

    def over(self, call: Callable[[], T]) -> T:
        """One call, unless it is lost."""
        self.calls += 1
        loss = self.weather(self.calls)
        if loss == "lost":
            raise ServiceUnreachable("the line is down")
        answer = call()
        if loss == "unanswered":
            raise ServiceUnreachable("the line went down")
        return answer


@dataclass(slots=True)
class _LineSession:
    line: Line
    session: Session

    def exchange(self, data: bytes) -> bytes | None:
        """See `carrier.Session`."""
        return self.line.over(lambda: self.session.exchange(data))


@dataclass(frozen=True, slots=True)
class Bench:
    """Implements `system.economy.mishaps.Mishaps`: every device that it switches on is a `BenchDevice`."""

    def on(self, memory: Path, random: Random) -> BenchDevice:
        """See `Mishaps`."""
        return BenchDevice(memory, random)

    def off_and_on(self, device: Device) -> None:
        """See `Mishaps`."""
        _ours(device).power_cut()

    def fail(self, device: Device, when: Literal["before", "after"], write: int) -> None:
        """See `Mishaps`."""
        _ours(device).arm(when, write)

    def hold(self, device: Device) -> None:
        """See `Mishaps`."""
        _ours(device).disarm()

    def line(self, carrier: Carrier, weather: Weather) -> Line:
        """See `Mishaps`."""
        return Line(carrier, weather)


def _ours(device: Device) -> BenchDevice:
    assert isinstance(device, BenchDevice)  # noqa: S101 - the bench is told of no other, see `on`
    return device
