"""Mutants for which news comes at the wrong moment, or a void key, or a history key, is another's."""

from dataclasses import replace

from eiraku.conformance.mutants.registry import Area
from eiraku.reference import keylists
from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.purse import holder, payee, provisioning
from eiraku.reference.purse.state import Effect, Handshaking, NoSession, Open, Ready
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.key_lists import Centre
from eiraku.spec.tables import Session

AREA = Area(__name__)
_take_keys, _take_scheme_key, _take_bulletin = holder.take_keys, holder.take_scheme_key, holder.take_bulletin
Step = tuple[Ready, tuple[Effect, ...]]
SEALED_FOR = "identity.anchor.money_keys[unit.kid].history"

# --- news ---------------------------------------------------------------------------------------------------


@AREA.replaces("EPP-KEY-036", (holder, "take_keys"))
def ends_its_session_for_a_key_list(purse: Ready, centre: Centre, signed: bytes) -> Step:
    """Ends the session in which it gets a key list."""
    after, effects = _take_keys(purse, centre, signed)
    return replace(after, session=NoSession()), effects


@AREA.replaces("EPP-KEY-035", (holder, "take_keys"), expected=("EPP-KEY-036",))
def takes_no_key_list_in_a_handshake(purse: Ready, centre: Centre, signed: bytes) -> Step:
    """Refuses key lists while it is in a handshake."""
    if isinstance(purse.session, Handshaking):
        raise Refusal(Code.UNEXPECTED_MESSAGE, "EPP-KEY-035", "busy")
    return _take_keys(purse, centre, signed)


@AREA.replaces("EPP-KEY-049", (holder, "take_scheme_key"))
def ends_its_session_for_a_scheme_key(purse: Ready, key: bytes) -> Step:
    """Ends a handshake in which it gets a scheme key."""
    after, effects = _take_scheme_key(purse, key)
    return (replace(after, session=NoSession()) if isinstance(after.session, Handshaking) else after), effects


@AREA.replaces("EPP-BUL-004", (holder, "take_bulletin"))
def stores_no_bulletin_in_a_session(purse: Ready, given: bytes) -> Step:
    """Does not store a bulletin that comes in an open session."""
    after, effects = _take_bulletin(purse, given)
    return after, () if isinstance(after.session, Open) else effects


@AREA.replaces("EPP-BUL-004", (holder, "take_bulletin"))
def judges_by_a_later_bulletin(purse: Ready, given: bytes) -> Step:
    """As responder that waits for message_1 goes on with the bulletin that comes."""
    after, effects = _take_bulletin(purse, given)
    if isinstance(after.session, Handshaking) and after.session.row is Session.WAIT_MESSAGE_1:
        after = replace(after, session=replace(after.session, terms=after.terms))
    return after, effects


# --- void keys ----------------------------------------------------------------------------------------------

AREA.edits(
    "EPP-KEY-027",
    "overlooks_void_entries_of_a_key",
    "Takes a money list in which a void entry has the key of another entry.",
    keylists.money_keys,
    (
        "len(keys) != len(found.keys)",
        "len(keys) < len([entry for entry in found.keys if entry[2] <= entry[3]])",
    ),
)
AREA.edits(
    "EPP-KEY-045",
    "begins_under_void_scheme_keys",
    "As initiator uses a scheme key from its first epoch on, also one that is void.",
    TrustAnchor.scheme_key_of_initiator,
    ("named[name].covers(epoch)", "named[name].valid_from <= epoch"),
    collateral={
        "EPP-KEY-047": "the check has a void scheme key only",
        "EPP-KEY-046": "the same checks meet so",
    },
)
AREA.edits(
    "EPP-GEN-014",
    "provisions_a_centre_like_others",
    "Refuses to be provisioned as a centre with a unit issued outside the validity of its key.",
    provisioning.check_holding,
    ("role is Role.CENTRE", "False"),
    collateral={"EPP-UNI-002": "the check is about that exception", "EPP-KEY-009": "the check is about it"},
)
AREA.edits(
    "EPP-GEN-014",
    "provisions_a_vault_like_a_centre",
    "Is provisioned as a vault with a unit issued outside the validity of its key.",
    provisioning.check_holding,
    ("role is Role.CENTRE", "role in (Role.VAULT, Role.CENTRE)"),
    collateral={"EPP-UNI-002": "the check is about that exception", "EPP-KEY-009": "the check is about it"},
)

# --- history keys -------------------------------------------------------------------------------------------

AREA.edits(
    "EPP-HIS-003",
    "seals_for_the_first_history_key",
    "Seals every unit for the history key of the first money key in its list.",
    payee.take,
    (SEALED_FOR, "next(iter(identity.anchor.money_keys.values())).history"),
    collateral={"*": "whoever is paid with what it received opens its layers"},
)
AREA.edits(
    "EPP-HIS-003",
    "seals_bundles_for_one_history_key",
    "Seals all units of a bundle for the history key of the first of them.",
    payee.take,
    (SEALED_FOR, "identity.anchor.money_keys[offer.units[0][0].kid].history"),
    collateral={"EPP-KEY-037": "the check has units under several keys", "EPP-KEY-010": "as before"},
)


@AREA.replaces("EPP-KEY-037", (TrustAnchor, "with_keys"))
def mixes_up_history_keys(self: TrustAnchor, centre: Centre, signed: bytes) -> TrustAnchor:
    """In a list that comes later gives each unit key the history key of the next entry."""
    after = _with_keys(self, centre, signed)
    if after.money is self.money:
        return after
    keys = after.money.keys
    turned = [key.history for key in (*[*keys.values()][1:], next(iter(keys.values())))]
    changed = {kid: replace(keys[kid], history=key) for kid, key in zip(keys, turned, strict=True)}
    return replace(after, money=replace(after.money, keys=changed))


_with_keys = TrustAnchor.with_keys
