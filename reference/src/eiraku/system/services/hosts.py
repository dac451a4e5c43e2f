"""The purses behind services, as sessions see them: the counter of the issuing centre (EPP-CEN-063)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from eiraku.reference.device import Device, Result
from eiraku.reference.meeting import accepted
from eiraku.reference.purse.state import ReceiveOrder
from eiraku.spec.errors import Refusal
from eiraku.spec.tables import Side
from eiraku.system.exchange.carrier import ServiceRefused
from eiraku.system.exchange.sessions import Answer
from eiraku.system.exchange.trust import News, lacks_scheme_keys, refresh
from eiraku.system.issuing.counter import Counter


class CounterHost:
    """Implements `sessions.Host`: units that come home are deposited before the next session begins.

    `news`: lists and bulletin; `scheme_keys`: those that a purse should have; `renew`: a later purse ID, if
    it is time.
    """

    def __init__(
        self,
        counter: Counter,
        news: News,
        *,
        scheme_keys: Callable[[], Sequence[bytes]],
        renew: Callable[[Device], None],
    ) -> None:
        self._counter = counter
        self._news = news
        self._scheme_keys = scheme_keys
        self._renew = renew

    def begin(self, order: int | None, payee: bytes | None) -> None:  # noqa: ARG002 - of `Host`
        """See `sessions.Host`."""
        if order is not None:
            raise ServiceRefused(
                "not-allowed", "EPP-CEN-050", "the issuing centre's purse gives nothing away"
            )
        # EPP-CEN-063
        self._counter.collect()
        device = self._counter.device
        with _in_order():
            refresh(device, self._news)
            if lacks_scheme_keys(device):
                for key in self._scheme_keys():
                    accepted(device.scheme_key(key))
            # EPP-CEN-101
            self._renew(device)
        done(device.order(ReceiveOrder()))
        done(device.open(Side.RESPONDER))

    def deliver(self, data: bytes) -> Answer:
        """See `sessions.Host`."""
        answer = Answer.of(self._counter.device.deliver(data))
        if not answer.is_open:
            self._counter.collect()
        return answer

    def end(self) -> None:
        """The next opening drops the session (EPP-SES-027); what was credited is collected."""
        self._counter.collect()


def done(result: Result) -> None:
    """Our own order to a device; a refusal is a matter of the operator. Raises ServiceRefused(suspended)."""
    with _in_order():
        accepted(result)


@contextmanager
def _in_order() -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        detail = "the purse of the service cannot serve now; try again later"
        # EPP-SVC-091
        raise ServiceRefused("suspended", refusal.requirement, detail) from refusal
