"""Two purses meet: a session between two devices in one process, message by message.

The channel between them may lose or alter what goes through it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from eiraku.reference.device import Device, Rejected, Result
from eiraku.reference.purse.state import Order
from eiraku.spec.tables import Side

Channel = Callable[[int, bytes], bytes | None]
"""What becomes of the n-th message (from 1) of a session: other bytes, or None if it is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What happened in one session: the messages sent, in order, and the results of each side."""

    messages: list[bytes] = field(default_factory=list)
    initiator: list[Result] = field(default_factory=list)
    responder: list[Result] = field(default_factory=list)

    @property
    def rejections(self) -> list[Rejected]:
        """Every refusal, the initiator's first."""
        return [r for r in (*self.initiator, *self.responder) if isinstance(r, Rejected)]

    @property
    def codes(self) -> list[str]:
        """Labels of the codes of all refusals."""
        return [r.refusal.code.label for r in self.rejections]


def meet(initiator: Device, responder: Device, channel: Channel | None = None) -> Exchange:
    """Open a session on both and carry messages until nobody speaks, or one is lost."""
    exchange = Exchange()
    exchange.responder.append(responder.open(Side.RESPONDER))
    result = initiator.open(Side.INITIATOR)
    exchange.initiator.append(result)
    sides = [(responder, exchange.responder), (initiator, exchange.initiator)]
    while result.out is not None:
        exchange.messages.append(result.out)
        data = result.out if channel is None else channel(len(exchange.messages), result.out)
        if data is None:
            break
        device, results = sides[0]
        sides.reverse()
        result = device.deliver(data)
        results.append(result)
    return exchange


def transfer(
    initiator: Device, order: Order, responder: Device, answer: Order, channel: Channel | None = None
) -> Exchange:
    """Set both purposes, then `meet`. A refused order is in the exchange, and then nothing else."""
    exchange = Exchange(initiator=[initiator.order(order)], responder=[responder.order(answer)])
    if exchange.rejections:
        return exchange
    return meet(initiator, responder, channel)
