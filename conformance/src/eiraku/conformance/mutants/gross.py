"""Two mutants that nobody could miss."""

from typing import Any

from eiraku.conformance.mutants.registry import defect, lacking
from eiraku.reference.purse.core import Purse
from eiraku.reference.purse.state import Env, NoSession, Ready, Refuse, Turn
from eiraku.spec.errors import Code, Refusal

ALL = {"*": "it violates nearly everything"}


@defect("EPP-ERR-001", collateral=ALL)
class RefusesEverything(Purse):
    """Refuses every message."""

    def deliver(self, state: Ready, data: bytes, env: Env) -> Turn:
        refusal = Refusal(Code.MALFORMED, "EPP-ERR-001", "whatever it is")
        return NoSession(), (Refuse(refusal=refusal),)


_JUDGES = (
    "purse_id_signature purse_id_seal purse_id_economy peer_expiry same_purse revocation pending_payee "
    "version_choice no_version amount_to_pay highest_limit amount_to_request requested_amount payer_limit "
    "accepted_offer receipt offer_amount offer_limit unit_count duplicate new_transaction unit_signature "
    "unit_seal unit_economy unit_expiry unit_value hop_limit history_size held seen offer_sum capacity "
    "balance_limit paid_transaction endorsement same_offer"
)


@defect("EPP-ERR-001", expected=("EPP-PID-002", "EPP-UNI-002", "EPP-HIS-002", "EPP-TRF-017"), collateral=ALL)
class AcceptsEverything(lacking(*_JUDGES.split())):  # type: ignore[misc]  # made on the spot
    """Checks nothing."""

    def role_pair(self, *_: Any) -> int:
        return 1 << 53
