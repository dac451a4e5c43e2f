"""Two mutants that nobody could miss."""

from collections.abc import Sequence

from eiraku.conformance.mutants.registry import Area
from eiraku.reference import anchor
from eiraku.reference.crypto import cose
from eiraku.reference.policy import Bounds, Policy
from eiraku.reference.purse import core, handshake, holder, payee, payer
from eiraku.testing.patches import Patch, edit, instead

AREA = Area(__name__)
ALL = {"*": "it violates nearly everything"}

AREA.edits(
    "EPP-ERR-001",
    "refuses_everything",
    "Refuses every message.",
    core.deliver,
    ("match session:", "match NoSession():"),
    collateral=ALL,
)


@AREA.makes(
    "EPP-ERR-001", expected=("EPP-PID-002", "EPP-UNI-002", "EPP-HIS-002", "EPP-TRF-017"), collateral=ALL
)
def accepts_everything() -> Sequence[Patch]:
    """Checks nothing."""

    def nothing(*_: object, **__: object) -> None:
        """Every check passes."""

    def yes(*_: object, **__: object) -> bool:
        return True

    silent = (
        anchor.check_purse_id_signature,
        anchor.check_purse_id_seal,
        anchor.check_purse_id_economy,
        anchor.check_unit_signature,
        anchor.check_unit_seal,
        anchor.check_unit_economy,
        anchor.check_unit_value,
        handshake.check_no_version,
        holder.check_amount,
        payee.check_unit,
        payee.check_copy,
        payee.check_room,
    )
    return [
        *(instead(check, nothing) for check in silent),
        instead(cose.verify_detached, yes),
        instead(Policy.bounds, lambda *_: Bounds(least=0, most=1 << 53)),
        edit(
            handshake.judge,
            ("if terms.epoch > peer.expires:", "if False:"),
            ("if peer.number == own.number or peer.public_key == own.public_key:", "if False:"),
            ('if int.from_bytes(peer.number, "big") in terms.revoked:', "if False:"),
            ("if operation is None:", "if False:"),
            ("if pending is None or pending.payee != peer.number:", "if False:"),
        ),
        edit(
            payer.offer,
            ("if requested not in (None, amount):", "if False:"),
            ("if amount > link.bounds.most:", "if False:"),
        ),
        edit(
            payee.check_offer,
            ("if offer.amount == 0 or requested not in (None, offer.amount):", "if False:"),
            ("if not 1 <= len(offer.units) <= most:", "if False:"),
            ("if ledger.credit(link.peer.number, offer.transaction) is not None:", "if False:"),
            ("if total != offer.amount:", "if False:"),
        ),
        edit(payee.on_pay, ("if pay.transaction != state.transaction:", "if False:")),
        edit(payer.on_receipt, ("if receipt.transaction != state.transaction:", "if False:")),
        edit(
            payer.on_accept,
            (
                "if accept.transaction != state.transaction or accept.offer_digest != state.digest:",
                "if False:",
            ),
        ),
    ]
