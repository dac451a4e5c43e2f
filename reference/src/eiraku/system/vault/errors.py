"""How a vault says that something does not work. What a customer is told is a ServiceRefused with a code."""

from eiraku.spec.errors import Refused, Unavailable
from eiraku.system.exchange.carrier import ServiceRefused


class VaultBusy(ServiceRefused):
    """Another session has the purse (EPP-VLT-006)."""

    def __init__(self) -> None:
        super().__init__("busy", "EPP-VLT-006", "another session has the vault; try again soon")


class VaultSuspended(ServiceRefused):
    """The bulletin was not confirmed for too long (EPP-VLT-003)."""

    def __init__(self) -> None:
        detail = "no session until the device centre confirms the bulletin; look at the connection to it"
        super().__init__("suspended", "EPP-VLT-003", detail)


class PeerRefused(Refused):
    """The purse behind a service refused. `code`: its label, `authentication` for any handshake."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"the purse behind the service refuses: {code}; {detail}")
        self.code = code


class NotTaken(Unavailable):
    """The purse would not take an issue. It is kept, and offered to the purse again by `settle`."""
