"""The purses behind services, as sessions see them: the counter of the issuing centre (EPP-CEN-063)."""

from collections.abc import Callable

from eiraku.reference.device import Result
from eiraku.reference.gossip import epoch_of
from eiraku.reference.meeting import accepted
from eiraku.reference.purse.state import ReceiveOrder
from eiraku.spec.errors import Refusal
from eiraku.spec.tables import Side
from eiraku.system.exchange.carrier import ServiceRefused
from eiraku.system.exchange.sessions import Answer
from eiraku.system.issuing.counter import Counter


class CounterHost:
    """Implements `sessions.Host`: units that come home are deposited before the next session begins.

    `bulletin`: the update for a purse that holds the bulletin of an epoch.
    """

    def __init__(self, counter: Counter, bulletin: Callable[[int], bytes]) -> None:
        self._counter = counter
        self._bulletin = bulletin

    def begin(self, order: int | None, payee: bytes | None) -> None:  # noqa: ARG002 - of `Host`
        """See `sessions.Host`."""
        if order is not None:
            raise ServiceRefused(
                "not-allowed", "EPP-CEN-050", "the issuing centre's purse gives nothing away"
            )
        # EPP-CEN-063
        self._counter.collect()
        device = self._counter.device
        done(device.bulletin(self._bulletin(epoch_of(device))))
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
    try:
        accepted(result)
    except Refusal as refusal:
        detail = "the purse of the service cannot serve now; try again later"
        raise ServiceRefused("suspended", refusal.requirement, detail) from refusal
