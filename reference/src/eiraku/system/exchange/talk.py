"""A purse speaks first: one session over a carrier, until it has come to its end."""

from collections.abc import Callable

from eiraku.reference.device import Accepted, Device, Rejected, Result
from eiraku.reference.meeting import accepted, lead
from eiraku.spec.errors import Code, Refusal, Unavailable
from eiraku.system.exchange.carrier import ServiceRefused, ServiceUnreachable, Session


def lead_over(
    device: Device, session: Session, seen: Callable[[Result], object] = lambda _result: None
) -> Accepted:
    """Lead a session with a service to its end; what was accepted last. `seen`: told of every result.

    Its `reject` says with what the other purse refused; if it has an `out`, the service gave no answer to it.
    Raises Refusal (ours), PurseLostPower, ServiceRefused, ServiceUnreachable.
    """
    result: Result | None = None
    try:
        for result in lead(device, session.exchange):
            seen(result)
    except (ServiceRefused, ServiceUnreachable):
        # A refusal of ours stands, whether the peer has heard of it or not.
        if not isinstance(result, Rejected):
            raise
    if result is None:
        raise AssertionError("a session has one result or more")
    return accepted(result)


def talk(device: Device, session: Session) -> None:
    """Carry messages between `device`, whose order is set, and a service.

    Raises Refusal (ours, or the peer's by its REJECT), Unavailable, ServiceRefused, ServiceUnreachable.
    """
    result = lead_over(device, session)
    if result.reject is not None:
        raise Refusal(Code(result.reject.code), "EPP-TRF-007", "refused by the other purse")
    if result.is_open:
        raise Unavailable("the other purse ended the session")
