"""Mutants of chapter 1: roles, provisioning."""

from dataclasses import replace

from eiraku.conformance.mutants.registry import Area
from eiraku.reference.purse import core, provisioning
from eiraku.reference.purse.state import Effect, Provisioning, PurseState, Refuse
from eiraku.spec.errors import Code, Refusal

AREA = Area(__name__)
_provision = provisioning.provision

AREA.edits(
    "EPP-GEN-004",
    "opens_unprovisioned",
    "Says nothing against a session of an empty purse.",
    core.step,
    (
        "purse = ready(state)",
        (
            "if isinstance(state, Empty) and isinstance(given, OpenSession): return state, ()\n"
            "        purse = ready(state)"
        ),
    ),
)
AREA.edits(
    "EPP-GEN-005",
    "takes_any_purse_id",
    "Lets itself be provisioned with a purse ID that it could not verify.",
    provisioning.check_identity,
    (
        "claims = anchor.verify_purse_id(trusted, given.purse_id).claims",
        "try: claims = anchor.verify_purse_id(trusted, given.purse_id).claims\n    except Refusal: return",
    ),
)
AREA.edits(
    "EPP-GEN-005",
    "takes_any_private_key",
    "Lets itself be provisioned with a private key that does not belong to its purse ID.",
    provisioning.check_identity,
    (
        "if len(given.private_key) != 32 or SigningKey(given.private_key).public != claims.public_key:",
        "if False:",
    ),
)
AREA.edits(
    "EPP-GEN-005",
    "takes_any_number",
    "Lets itself be provisioned with another number than its purse ID's.",
    provisioning.check_identity,
    ("if given.number != claims.number:", "if False:"),
)
AREA.edits(
    "EPP-GEN-005",
    "takes_any_holdings",
    "Lets itself be provisioned with units that do not verify.",
    provisioning.check_holding,
    ("anchor.verify_unit(trusted, item.unit)", "anchor.parse_unit(item.unit)"),
    (
        "if not 0 <= item.hop <= objects.HOP_MAX or len(item.history) != objects.history_size(item.hop):",
        "if False:",
    ),
)


@AREA.replaces("EPP-GEN-005", (provisioning, "provision"))
def is_half_provisioned(state: PurseState, given: Provisioning) -> tuple[PurseState, tuple[Effect, ...]]:
    """Keeps the purse when it refuses a holding."""
    try:
        return _provision(state, given)
    except Refusal as refusal:
        if not given.holdings or refusal.code is not Code.PROVISION:
            raise
        after, effects = _provision(state, replace(given, holdings=()))
        return after, (*effects, Refuse(refusal=refusal))
