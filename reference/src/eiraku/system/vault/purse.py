"""What a vault knows of its purse without a session."""

from dataclasses import dataclass

from eiraku.reference.device import Device
from eiraku.reference.purse.ledger import Pending
from eiraku.reference.purse.state import Identity, Ready
from eiraku.spec.errors import Misuse
from eiraku.spec.objects import Role


@dataclass(frozen=True, slots=True)
class VaultPurse:
    """A purse of role `vault`. Raises Misuse for another one; methods raise StoreError."""

    device: Device

    def __post_init__(self) -> None:
        """See the class."""
        state = self.device.state
        # EPP-VLT-001
        if not isinstance(state, Ready) or state.identity.claims.role is not Role.VAULT:
            raise Misuse(f"{self.device.store.path}: expected a purse of role vault; make one first")

    @property
    def ready(self) -> Ready:
        """Its state between two steps."""
        state = self.device.state
        assert isinstance(state, Ready)  # noqa: S101 - made once and for all, see above
        return state

    @property
    def identity(self) -> Identity:
        """Its claims and policy."""
        return self.ready.identity

    @property
    def number(self) -> bytes:
        """Purse number, 8 bytes."""
        return self.identity.claims.number

    @property
    def epoch(self) -> int:
        """Epoch of its bulletin."""
        return self.ready.epoch

    def pending_for(self, payee: bytes | None) -> Pending | None:
        """A payment to that purse without a receipt."""
        pendings = self.device.store.pendings(self.epoch)
        return next((each for each in pendings if each.payee == payee), None)
