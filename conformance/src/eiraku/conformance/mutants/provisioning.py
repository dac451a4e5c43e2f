"""Mutants of chapters 1 and 3: provisioning, anchors."""

from dataclasses import replace

from eiraku.conformance.mutants.registry import Area
from eiraku.reference import anchor, policy
from eiraku.reference.purse import core, provisioning
from eiraku.reference.purse.state import Effect, Empty, Provisioning, PurseState, Ready, Refuse
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


@AREA.replaces("EPP-GEN-007", (provisioning, "provision"))
def ignores_a_second_provisioning(
    state: PurseState, given: Provisioning
) -> tuple[PurseState, tuple[Effect, ...]]:
    """Accepts to be provisioned a second time, and stays what it was."""
    return _provision(state, given) if isinstance(state, Empty) else (state, ())


@AREA.replaces("EPP-GEN-008", (provisioning, "provision"))
def looks_at_the_policy_last(state: PurseState, given: Provisioning) -> tuple[PurseState, tuple[Effect, ...]]:
    """Looks for faults of the anchor, purse ID and holdings before it looks at the policy."""
    try:
        return _provision(state, given)
    except Refusal as refusal:
        if refusal.code is Code.POLICY:
            _provision(state, replace(given, policy=policy.default().to_mapping()))
        raise


AREA.edits(
    "EPP-GEN-010",
    "takes_any_economies",
    "Lets itself be provisioned with economies that are out of range or there twice, or with none.",
    anchor._check_economies,
    ("if not economies or len(set(economies)) < len(economies) or not in_range:", "if False:"),
)
AREA.edits(
    "EPP-GEN-020",
    "takes_five_scheme_keys",
    "Lets itself be provisioned with more scheme keys than it has room for.",
    anchor.TrustAnchor.from_mapping.__func__,  # type: ignore[attr-defined]  # a class method has one
    ("if len(scheme_keys) > key_lists.SCHEME_KEYS_MAX:", "if False:"),
)
AREA.edits(
    "EPP-KEY-066",
    "takes_an_anchor_without_a_scheme_key",
    "Lets itself be provisioned without a scheme key.",
    provisioning.check_scheme_keys,
    ("if not keys:", "if False:"),
)
AREA.edits(
    "EPP-KEY-067",
    "takes_a_scheme_key_twice",
    "Lets itself be provisioned with one scheme key twice.",
    provisioning.check_scheme_keys,
    ("if len(set(keys)) < len(keys):", "if False:"),
)
AREA.edits(
    "EPP-KEY-068",
    "takes_unknown_scheme_keys_in_an_anchor",
    "Lets itself be provisioned with a scheme key that the device list does not name.",
    provisioning.check_scheme_keys,
    ("if not trusted.scheme_keys.keys() <= trusted.device.scheme.keys():", "if False:"),
)
AREA.edits(
    "EPP-KEY-068",
    "looks_at_one_scheme_key_of_an_anchor",
    "Lets itself be provisioned if the device list names one of the scheme keys.",
    provisioning.check_scheme_keys,
    (
        "if not trusted.scheme_keys.keys() <= trusted.device.scheme.keys():",
        "if trusted.scheme_keys.keys().isdisjoint(trusted.device.scheme.keys()):",
    ),
)
AREA.edits(
    "EPP-KEY-069",
    "refuses_an_anchor_for_a_scheme_key_that_is_void",
    "Refuses to be provisioned with a scheme key that is void.",
    provisioning.check_scheme_keys,
    (
        "if not trusted.scheme_keys.keys() <= trusted.device.scheme.keys():",
        (
            "named = trusted.device.scheme\n"
            "    if not all(n in named and not named[n].is_over(0) for n in trusted.scheme_keys):"
        ),
    ),
)
AREA.edits(
    "EPP-KEY-069",
    "refuses_an_anchor_without_a_scheme_key_in_force",
    "Refuses to be provisioned if no scheme key is in force by the bulletin.",
    provisioning.provision,
    (
        "made = Provision(",
        (
            "if trusted.scheme_key_of_initiator(0 if bulletin is None else bulletin.epoch) is None:\n"
            "        raise Refusal(Code.PROVISION, 'EPP-KEY-069', 'again')\n"
            "    made = Provision("
        ),
    ),
)
AREA.edits(
    "EPP-GEN-011",
    "takes_any_purse_id",
    "Lets itself be provisioned with a purse ID that it could not verify.",
    provisioning.check_identity,
    (
        "claims = anchor.verify_purse_id(trusted, given.purse_id).claims",
        "try: claims = anchor.verify_purse_id(trusted, given.purse_id).claims\n    except Refusal: return",
    ),
)
AREA.edits(
    "EPP-GEN-012",
    "takes_any_private_key",
    "Lets itself be provisioned with a private key that does not belong to its purse ID.",
    provisioning.check_identity,
    (
        "if len(given.private_key) != 32 or SigningKey(given.private_key).public != claims.public_key:",
        "if False:",
    ),
)
AREA.edits(
    "EPP-GEN-013",
    "takes_any_number",
    "Lets itself be provisioned with another number than its purse ID's.",
    provisioning.check_identity,
    ("if given.number != claims.number:", "if False:"),
)
AREA.edits(
    "EPP-GEN-014",
    "takes_any_holdings",
    "Lets itself be provisioned with units that do not verify.",
    provisioning.check_holding,
    (
        "anchor.verify_unit(trusted, item.unit, at_any_epoch=role is Role.CENTRE)",
        "anchor.parse_unit(item.unit)",
    ),
)
AREA.edits(
    "EPP-GEN-015",
    "takes_any_histories",
    "Lets itself be provisioned with histories of any size.",
    provisioning.check_holding,
    ("or len(item.history) != objects.history_size(item.hop)", ""),
)
AREA.edits(
    "EPP-GEN-015",
    "takes_hops_above_255",
    "Lets itself be provisioned with a unit after 256 moves.",
    provisioning.check_holding,
    (
        "not 0 <= item.hop <= objects.HOP_MAX or len(item.history) != ",
        "item.hop <= objects.HOP_MAX and len(item.history) != ",
    ),
)
AREA.edits(
    "EPP-GEN-016",
    "takes_a_unit_twice_for_one",
    "Lets itself be provisioned with one unit twice, and holds it once.",
    provisioning.provision,
    (
        "if len({holding.unit_id for holding in holdings}) != len(holdings):",
        "holdings = tuple({holding.unit_id: holding for holding in holdings}.values())\n    if False:",
    ),
)
AREA.edits(
    "EPP-GEN-017",
    "takes_more_holdings_than_its_capacity",
    "Lets itself be provisioned with more units than its capacity.",
    provisioning.provision,
    ("if len(holdings) > policy.capacity:", "if False:"),
)


@AREA.replaces("EPP-GEN-018", (provisioning, "provision"))
def refuses_expired_holdings(state: PurseState, given: Provisioning) -> tuple[PurseState, tuple[Effect, ...]]:
    """Refuses to be provisioned with a unit that has expired."""
    after, effects = _provision(state, given)
    units = [anchor.parse_unit(item.unit).unit for item in given.holdings]
    if isinstance(after, Ready) and any(unit.expires < after.epoch for unit in units):
        raise Refusal(Code.PROVISION, "EPP-GEN-018", "holdings: one has expired")
    return after, effects


@AREA.replaces("EPP-GEN-019", (provisioning, "provision"))
def refuses_an_expired_purse_id(
    state: PurseState, given: Provisioning
) -> tuple[PurseState, tuple[Effect, ...]]:
    """Refuses to be provisioned with a purse ID of its own that has expired."""
    after, effects = _provision(state, given)
    if isinstance(after, Ready) and after.identity.claims.expires < after.epoch:
        raise Refusal(Code.PROVISION, "EPP-GEN-019", "purse ID: has expired")
    return after, effects


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
