"""A session between two purses: one opens it and speaks first, then bytes go to and fro until nobody speaks.

`lead` is the only loop. How bytes get to the other purse is its argument, and so is whatever happens to them
on the way: a `Carry` may lose, alter, repeat or cut. `meet` and `transfer` are `lead` with the other purse in
the same process.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from eiraku.reference.device import Accepted, Device, Rejected, Result
from eiraku.reference.purse.state import Order
from eiraku.spec.errors import Unavailable
from eiraku.spec.tables import Side

Carry: TypeAlias = Callable[[bytes], bytes | None]
"""Takes one message to the other purse and brings its answer; None: the session is over."""
Channel: TypeAlias = Callable[[int, bytes], bytes | None]
"""What becomes of the n-th message (from 1) of a session: other bytes, or None if it is lost."""


class PurseLostPower(Unavailable):
    """The device lost power on the way and runs again from its memory: what is durable there holds."""


def lead(device: Device, carry: Carry) -> Iterator[Result]:
    """Open a session as initiator, and carry messages until nobody speaks: everything that `device` says.

    Its state can be looked at between two results. Raises what `carry` raises.
    """
    result = device.open(Side.INITIATOR)
    yield result
    while (out := result.out) is not None:
        answer = carry(out)
        if answer is None:
            return
        result = device.deliver(answer)
        yield result


def accepted(result: Result) -> Accepted:
    """What was accepted. Raises its Refusal, or PurseLostPower."""
    match result:
        case Accepted():
            return result
        case Rejected():
            raise result.refusal
        case _:
            raise PurseLostPower("the purse lost power in the middle; go on with what it has stored")


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

    def through(data: bytes) -> bytes | None:
        exchange.messages.append(data)
        return data if channel is None else channel(len(exchange.messages), data)

    def carry(data: bytes) -> bytes | None:
        arrived = through(data)
        if arrived is None:
            return None
        exchange.responder.append(responder.deliver(arrived))
        answer = exchange.responder[-1].out
        return None if answer is None else through(answer)

    exchange.responder.append(responder.open(Side.RESPONDER))
    exchange.initiator.extend(lead(initiator, carry))
    return exchange


def transfer(
    initiator: Device, order: Order, responder: Device, answer: Order, channel: Channel | None = None
) -> Exchange:
    """Set both purses, then `meet`. A refused order is in the exchange, and then nothing else."""
    exchange = Exchange(initiator=[initiator.order(order)], responder=[responder.order(answer)])
    if exchange.rejections:
        return exchange
    return meet(initiator, responder, channel)
