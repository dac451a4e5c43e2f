"""The issuing centre's own purse is renewed like any other, also when its purse ID is void (EPP-CEN-101)."""

from eiraku.reference.anchor import TrustAnchor, verify_purse_id
from eiraku.reference.device import Device
from eiraku.reference.meeting import accepted
from eiraku.reference.purse.state import Ready
from eiraku.spec.errors import Refusal
from eiraku.spec.shape import EPOCH_MAX
from eiraku.system.device.registry import Registry


def next_expiry(registry: Registry, trusted: TrustAnchor, number: bytes, lifetime: int) -> int:
    """The `expires` of the next purse ID of a registered purse: in `lifetime` epochs, or one epoch after that
    of the present one, if that is as late and void.
    """
    wanted = min(registry.bulletins.epoch + lifetime, EPOCH_MAX)
    present = registry.purses.lookup(number)
    if present is None or is_valid(trusted, present.purse_id):
        return wanted
    # EPP-DEV-002
    return max(wanted, present.expires + 1)


def renew(device: Device, registry: Registry, lifetime: int) -> None:
    """Give the purse a later purse ID if half of a lifetime is over, or the present one is not valid.

    It must have the newest device list. Not renewed: a purse that is out of use. Raises Refusal.
    """
    if not isinstance(device.state, Ready):
        return
    identity = device.state.identity
    # EPP-CEN-101
    lasts = 2 * (identity.claims.expires - registry.bulletins.epoch) >= lifetime
    if lasts and has_valid_purse_id(device):
        return
    number = identity.claims.number
    registered = registry.purses.lookup(number)
    # EPP-DEV-003
    if registered is not None and registered.active:
        expires = next_expiry(registry, identity.anchor, number, lifetime)
        accepted(device.take_purse_id(registry.purses.renew(number, expires)))


def has_valid_purse_id(device: Device) -> bool:
    """Whether peers that know the lists of a purse take its purse ID, but for its expiry."""
    if not isinstance(device.state, Ready):
        return False
    return is_valid(device.state.identity.anchor, device.state.identity.purse_id)


def is_valid(trusted: TrustAnchor, purse_id: bytes) -> bool:
    """Whether peers take a purse ID, but for its expiry."""
    try:
        verify_purse_id(trusted, purse_id)
    except Refusal:
        return False
    return True
