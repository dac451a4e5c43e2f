"""Mutants of chapter 3, key lists: what an accepted one does; expiry of an anchor."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

from eiraku.conformance.mutants.commits import forgetful
from eiraku.conformance.mutants.registry import Area
from eiraku.reference import anchor
from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.keylists import Validity
from eiraku.reference.purse import core, holder, payee, payer
from eiraku.reference.purse.ledger import AnchorChanged, Change
from eiraku.reference.purse.state import Effect, Handshaking, NoSession, Ready
from eiraku.reference.store import Store
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.key_lists import Centre
from eiraku.testing.patches import Patch, instead

AREA = Area(__name__)
Step: TypeAlias = tuple[Ready, tuple[Effect, ...]]
_take, _with_keys = holder.take_keys, TrustAnchor.with_keys
BACK = "the check ends with such an order"


@AREA.makes("EPP-KEY-035", expected=("EPP-KEY-035", "EPP-KEY-049"))
def keeps_key_lists_in_memory() -> Sequence[Patch]:
    """Keeps a new key list, or scheme key, in memory until something else is written."""
    return forgetful(AnchorChanged)


@AREA.replaces("EPP-KEY-036", (holder, "take_keys"))
def applies_key_lists_at_once(purse: Ready, centre: Centre, signed: bytes) -> Step:
    """Lets a key list count for the session that is open."""
    after, effects = _take(purse, centre, signed)
    if isinstance(after.session, NoSession | Handshaking):
        return after, effects
    link = after.session.link
    terms = replace(link.terms, identity=after.identity)
    return replace(after, session=replace(after.session, link=replace(link, terms=terms))), effects


@AREA.replaces("EPP-KEY-028", (Validity, "covers"))
def reads_void_validities_backwards(validity: Validity, epoch: int) -> bool:
    """Takes the epochs from `to` to `from` for the validity of a void key."""
    ends = validity.valid_from, validity.valid_to
    return min(ends) <= epoch <= max(ends)


@AREA.replaces("EPP-KEY-028", (holder, "take_keys"))
def refuses_void_keys(purse: Ready, centre: Centre, signed: bytes) -> Step:
    """Refuses a key list with a void entry."""
    after, effects = _take(purse, centre, signed)
    found = after.identity.anchor
    keys = (*found.device_keys.values(), *found.money_keys.values())
    if any(key.valid_from > key.valid_to for key in keys):
        raise Refusal(Code.MALFORMED, "EPP-KEY-028", "a void key")
    return after, effects


@AREA.replaces("EPP-KEY-037", (TrustAnchor, "with_keys"))
def adds_keys_only(trusted: TrustAnchor, centre: Centre, signed: bytes) -> TrustAnchor:
    """Adds the keys of a new list to those that it has, as they were."""
    after = _with_keys(trusted, centre, signed)
    device = replace(after.device, keys={**after.device_keys, **trusted.device_keys})
    money = replace(after.money, keys={**after.money_keys, **trusted.money_keys})
    return after if after is trusted else replace(after, device=device, money=money)


@AREA.makes("EPP-KEY-038", collateral={"EPP-KEY-039": "the check wants the unit", "EPP-KEY-040": BACK})
def drops_units_of_revoked_keys() -> Sequence[Patch]:
    """Lets go of the units that a new list makes void."""
    apply = Store.apply

    def write(store: Store, change: Change) -> None:
        apply(store, change)
        if isinstance(change, AnchorChanged):
            keys = change.anchor.money_keys
            held = store.holdings([unit.unit_id for unit in store.summaries()])
            void = [u.unit_id for u in held if u.kid not in keys or not keys[u.kid].covers(u.issued)]
            store._remove(void)

    return [instead(apply, write)]


AREA.edits(
    "EPP-KEY-039",
    "offers_units_of_revoked_keys",
    "Offers units that its key lists make void to anybody.",
    payer.choose,
    ("keys=None if redeems else identity.anchor.money_keys,", "keys=None,"),
    collateral={
        "EPP-KEY-036": "the check ends with such an order",
        "EPP-KEY-040": "it orders what it offers",
    },
)
AREA.edits(
    "EPP-KEY-039",
    "never_redeems_units_of_revoked_keys",
    "Offers units that its key lists make void to nobody, not to the issuing centre either.",
    payer.choose,
    ("keys=None if redeems else identity.anchor.money_keys,", "keys=identity.anchor.money_keys,"),
)
AREA.edits(
    "EPP-KEY-040",
    "orders_with_units_of_revoked_keys",
    "Takes an order to pay with void units though it may pay no centre.",
    payer.choose,
    ("policy.permits(identity.claims.role, Role.CENTRE)", "True"),
    collateral={"EPP-KEY-036": BACK},
)
AREA.edits(
    "EPP-KEY-041",
    "stops_when_its_own_purse_id_is_void",
    "Opens no session when its own purse ID is no longer valid under its key list.",
    core.open_session,
    (
        "if terms.epoch > expires:",
        (
            "from eiraku.reference.crypto import cose\n"
            "    kid = cose.parse(terms.identity.purse_id).kid\n"
            "    own = terms.identity.anchor.device_keys.get(kid)\n"
            "    if terms.epoch > expires or own is None or not own.covers(terms.identity.claims.issued):"
        ),
    ),
    collateral={"EPP-KEY-037": "the check revokes the key of both purses", "EPP-KEY-042": "likewise"},
)


@AREA.replaces("EPP-KEY-042", (holder, "take_keys"))
def drops_the_bulletin_of_a_revoked_key(purse: Ready, centre: Centre, signed: bytes) -> Step:
    """Forgets its bulletin when a list makes that void."""
    after, effects = _take(purse, centre, signed)
    if after.bulletin is None:
        return after, effects
    try:
        anchor.verify_bulletin(after.identity.anchor, after.bulletin.signed)
    except Refusal:
        return replace(after, bulletin=None), effects
    return after, effects


EXPIRED = "if terms.epoch > expires:"
AREA.edits(
    "EPP-KEY-043",
    "ignores_expiry_of_its_anchor",
    "Opens sessions when its key lists have expired.",
    core.open_session,
    (EXPIRED, "if False:"),
    collateral={"EPP-KEY-044": "the check sees to it that the anchor has expired"},
)
AREA.edits(
    "EPP-KEY-080",
    "expires_an_epoch_early",
    "Opens no session in the last epoch of a key list.",
    core.open_session,
    (EXPIRED, "if terms.epoch >= expires:"),
)
AREA.edits(
    "EPP-KEY-081",
    "looks_at_the_expiry_first",
    "Looks at the expiry of its anchor before it looks for a purpose.",
    core.open_session,
    (
        "order = purse.order",
        (
            "order = purse.order\n"
            "    if purse.epoch > purse.identity.anchor.expires:\n"
            "        refusal = Refusal(Code.ANCHOR_EXPIRED, 'EPP-KEY-043', 'early')\n"
            "        return replace(purse, session=NoSession()), (Refuse(refusal=refusal),)"
        ),
    ),
)


@AREA.replaces("EPP-KEY-044", (holder, "take_keys"))
def takes_no_expired_key_list(purse: Ready, centre: Centre, signed: bytes) -> Step:
    """Refuses a key list that has expired."""
    after, effects = _take(purse, centre, signed)
    found = after.identity.anchor
    if purse.epoch > (found.device if centre is Centre.DEVICE else found.money).expires:
        raise Refusal(Code.KEYS_STALE, "EPP-KEY-044", "has expired")
    return after, effects


AREA.edits(
    "EPP-CEN-040",
    "refuses_to_redeem_what_is_void",
    "As a centre refuses units issued outside the validity of their key.",
    payee.check_money,
    ("redeems = role is Role.CENTRE", "redeems = False"),
)
AREA.edits(
    "EPP-KEY-037",
    "takes_void_units_as_a_vault",
    "As a vault takes units issued outside the validity of their key, as a centre does.",
    payee.check_money,
    (
        "redeems = role is Role.CENTRE",
        "redeems = role in (Role.CENTRE, Role.VAULT)",
    ),
)
