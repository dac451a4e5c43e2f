"""How a purse that is online keeps its anchor and its bulletin up to date (EPP-SVC-032, EPP-SVC-033)."""

from collections.abc import Callable
from typing import Protocol

from eiraku.reference.device import Device
from eiraku.reference.gossip import epoch_of
from eiraku.reference.meeting import accepted
from eiraku.reference.purse.state import Ready
from eiraku.spec.centre_objects import Renewed, SchemeKeys
from eiraku.spec.errors import Refusal
from eiraku.spec.key_lists import Centre
from eiraku.system.exchange.outbox import Answer, Handler, Request, Taken

SCHEME_KEYS = "scheme-keys"
"""The request for them, whose answer `scheme_keys` takes."""


class News(Protocol):
    """Where lists and bulletins come from; a `carrier.Carrier` is one."""

    def keys(self, centre: Centre) -> bytes:
        """The newest key list of a centre, as signed."""

    def bulletin(self, epoch: int) -> bytes:
        """An update to the newest bulletin, for a purse that holds the one of `epoch`; 0 for none."""


def refresh(device: Device, news: News) -> None:
    """Take both key lists, then the bulletin, which may be under a key that they name. Raises Refusal."""
    # EPP-SVC-032
    for centre in Centre:
        accepted(device.keys(centre, news.keys(centre)))
    accepted(device.bulletin(news.bulletin(epoch_of(device))))


def lacks_scheme_keys(device: Device) -> bool:
    """Whether the device list names a scheme key that is not over and not here."""
    if not isinstance(device.state, Ready):
        return False
    trusted, epoch = device.state.identity.anchor, device.state.epoch
    # EPP-SVC-033
    named = {name for name, each in trusted.device.scheme.items() if not each.is_over(epoch)}
    return not named <= trusted.scheme_keys.keys()


def take_renewed(device: Device, renewed: Renewed) -> None:
    """Take a new purse ID, and first the lists that may name the key under which it is. Raises Refusal."""
    # EPP-DEV-046, EPP-DEV-047
    accepted(device.keys(Centre.DEVICE, renewed.device_keys))
    accepted(device.keys(Centre.MONEY, renewed.money_keys))
    accepted(device.take_purse_id(renewed.purse_id))


def renewals(device: Device) -> Handler:
    """For `renew`: the new purse ID is in the purse before its request counts as answered.

    The handler raises PurseLostPower; a Refusal of the purse is an error of what it gives.
    """
    return _handler(lambda answer: take_renewed(device, Renewed.decode(answer)))


def scheme_keys(device: Device) -> Handler:
    """For `scheme-keys`, as `renewals`."""

    def take(answer: bytes) -> None:
        for key in SchemeKeys.decode(answer).keys:
            accepted(device.scheme_key(key))

    return _handler(take)


def _handler(take: Callable[[bytes], None]) -> Handler:
    def handle(_request: Request, answer: Answer) -> Taken:
        if isinstance(answer, bytes):
            try:
                take(answer)
            except Refusal as refusal:
                return Taken(error=refusal)
        return Taken()

    return handle
