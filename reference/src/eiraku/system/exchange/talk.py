"""A purse speaks first: one session over a carrier, until it has come to its end."""

from eiraku.reference.device import Accepted, Device, Rejected, Result
from eiraku.spec.errors import Code, Refusal, Unavailable
from eiraku.spec.tables import Side
from eiraku.system.exchange.carrier import Session


def talk(device: Device, session: Session) -> None:
    """Carry messages between `device`, whose order is set, and a service.

    Raises Refusal (ours, or the peer's by its REJECT), Unavailable, ServiceRefused, ServiceUnreachable.
    """
    result = check(device.open(Side.INITIATOR))
    while result.out is not None:
        answer = session.exchange(result.out)
        if answer is None:
            break
        # A refusal is told to the peer before it is told to the holder.
        given = device.deliver(answer)
        if isinstance(given, Rejected) and given.out is not None:
            session.exchange(given.out)
        result = check(given)
        if result.reject is not None:
            detail = "refused by the other purse"
            raise Refusal(Code(result.reject.code), "EPP-TRF-007", detail)
    if result.is_open:
        raise Unavailable("the other purse ended the session")


def check(result: Result) -> Accepted:
    """What was accepted. Raises Refusal."""
    if isinstance(result, Rejected):
        raise result.refusal
    if not isinstance(result, Accepted):
        raise AssertionError("a device accepts or rejects")
    return result
