"""The issuing centre's own purse is renewed like any other, also when its purse ID is void (EPP-CEN-101)."""

from eiraku.reference.anchor import TrustAnchor, verify_purse_id
from eiraku.reference.device import Device
from eiraku.reference.meeting import accepted
from eiraku.reference.purse.state import Ready
from eiraku.spec.errors import Refusal
from eiraku.spec.shape import EPOCH_MAX
from eiraku.system.device.purses import Registered
from eiraku.system.device.registry import Registry


def next_expiry(present: Registered | None, trusted: TrustAnchor, *, epoch: int, lifetime: int) -> int:
    """The `expires` of the next purse ID of a registered purse: in `lifetime` epochs, or one epoch after that
    of the present one, if that is as late and void. `epoch`: of the newest bulletin.
    """
    wanted = min(epoch + lifetime, EPOCH_MAX)
    if present is None or present.expires < wanted or is_valid(trusted, present.purse_id):
        return wanted
    # EPP-DEV-002
    return present.expires + 1


def renew(device: Device, registry: Registry, lifetime: int) -> None:
    """Give the purse a later purse ID if half of a lifetime is over, or the present one is not valid.

    It must have the newest device list. Not renewed: a purse that is out of use. Raises Refusal.
    """
    if not isinstance(device.state, Ready):
        return
    identity, epoch = device.state.identity, registry.bulletins.epoch
    # EPP-CEN-101
    lasts = 2 * (identity.claims.expires - epoch) >= lifetime
    if lasts and is_valid(identity.anchor, identity.purse_id):
        return
    number = identity.claims.number
    registered = registry.purses.lookup(number)
    # EPP-DEV-003
    if registered is not None and registered.active:
        expires = next_expiry(registered, identity.anchor, epoch=epoch, lifetime=lifetime)
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
