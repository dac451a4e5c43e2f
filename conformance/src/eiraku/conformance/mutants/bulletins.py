"""Mutants of chapter 4, bulletins, and of the clock that they are."""

from collections.abc import Sequence
from dataclasses import replace

from eiraku.conformance.mutants.commits import forgetful
from eiraku.conformance.mutants.registry import Area
from eiraku.reference import anchor
from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.crypto import cose
from eiraku.reference.policy import Policy
from eiraku.reference.purse import core, holder
from eiraku.reference.purse.ledger import BulletinAccepted
from eiraku.reference.purse.state import Effect, Handshaking, HeldBulletin, Link, NoSession, Ready
from eiraku.spec import bulletins
from eiraku.spec.bulletins import Bulletin
from eiraku.spec.errors import Code, Refusal
from eiraku.testing.patches import Patch, instead

AREA = Area(__name__)
_take, _check = holder.take_bulletin, holder.check_bulletin
STALE = "if said.epoch <= held.epoch:"
REACH = "anchor.check_bulletin_epoch(trusted, said)"
SAME = "if update.signed == held.signed:"
REFUSED = 'raise Refusal(Code.BULLETIN_STALE, "EPP-BUL-002", "again")'
ROOM = "if len(bulletin.chunks) * CHUNK > room:"

AREA.edits(
    "EPP-BUL-001",
    "skips_bulletin_signature",
    "Does not verify the signature of a bulletin.",
    anchor.verify_bulletin,
    ("public = signer(", "return bulletin\n    public = signer("),
)
AREA.edits(
    "EPP-BUL-002",
    "takes_older_bulletins",
    "Takes a bulletin of an earlier epoch.",
    holder.check_bulletin,
    (STALE, "if said.epoch == held.epoch:"),
)
AREA.edits(
    "EPP-BUL-002",
    "takes_a_second_bulletin_of_an_epoch",
    "Takes another bulletin of the epoch that it has.",
    holder.check_bulletin,
    (STALE, "if said.epoch < held.epoch:"),
)
AREA.edits(
    "EPP-BUL-002",
    "refuses_the_bulletin_it_has",
    "Refuses the bulletin that it holds already.",
    holder.check_bulletin,
    (SAME, f"{SAME} {REFUSED}\n        if False:"),
)
AREA.edits(
    "EPP-BUL-002",
    "refuses_the_bulletin_it_has_with_a_delta",
    "Refuses the bulletin that it holds already if it comes with a delta.",
    holder.check_bulletin,
    (SAME, f"{SAME[:-1]} and isinstance(update, Whole):"),
)
AREA.edits(
    "EPP-BUL-002",
    "stores_the_bulletin_it_has",
    "Writes the bulletin that it holds already once more.",
    holder.take_bulletin,
    ("if bulletin is purse.bulletin:", "if False:"),
)
AREA.edits(
    "EPP-BUL-050",
    "takes_bulletins_beyond_its_device_list",
    "Takes a bulletin of any epoch that the master key permits.",
    anchor.check_bulletin_epoch,
    ("if bulletin.epoch > last:", "if False:"),
)
AREA.edits(
    "EPP-BUL-050",
    "takes_no_bulletin_after_its_device_list",
    "Refuses the bulletin of the first epoch after its device list, so that the list never ends.",
    anchor.check_bulletin_epoch,
    ("anchor.device.expires + 1", "anchor.device.expires"),
    collateral={"EPP-KEY-043": "the check goes to that epoch", "EPP-KEY-044": "as before"},
)
AREA.edits(
    "EPP-BUL-050",
    "reaches_as_far_as_either_list",
    "Takes no bulletin beyond the list of the issuing centre either.",
    anchor.check_bulletin_epoch,
    ("anchor.device.expires + 1", "anchor.expires + 1"),
    collateral={"EPP-KEY-061": "news under an expired list", "EPP-KEY-044": "as before"},
)
AREA.edits(
    "EPP-BUL-050",
    "looks_only_at_whole_lists_that_are_too_far_ahead",
    "Takes a delta to a bulletin beyond its device list.",
    holder.check_bulletin,
    (REACH, f"if isinstance(update, Whole): {REACH}"),
)
AREA.edits(
    "EPP-BUL-050",
    "judges_the_reach_before_what_it_holds",
    "Refuses the bulletin that it holds if its device list does not reach that.",
    holder.check_bulletin,
    ("if held is not None:", f"{REACH}\n    if held is not None:"),
)
AREA.edits(
    "EPP-BUL-050",
    "judges_the_room_before_the_reach",
    "Looks at the size of a list before the reach of its device list.",
    holder.check_bulletin,
    (REACH, f"bulletins.check_room(said, policy.max_bulletin)\n    {REACH}"),
)
AREA.edits(
    "EPP-KEY-061",
    "takes_no_bulletin_under_an_expired_anchor",
    "Refuses bulletins when a key list that it holds has expired.",
    holder.take_bulletin,
    (
        "if bulletin is purse.bulletin:",
        (
            "if bulletin is not purse.bulletin and purse.epoch > purse.identity.anchor.expires:\n"
            "        raise Refusal(Code.ANCHOR_EXPIRED, 'EPP-KEY-061', 'again')\n"
            "    if bulletin is purse.bulletin:"
        ),
    ),
)
AREA.edits(
    "EPP-KEY-061",
    "takes_no_scheme_key_under_an_expired_anchor",
    "Refuses scheme keys when a key list that it holds has expired.",
    holder.take_scheme_key,
    (
        "return _trusting(",
        (
            "if purse.epoch > purse.identity.anchor.expires:\n"
            "        raise Refusal(Code.ANCHOR_EXPIRED, 'EPP-KEY-061', 'again')\n"
            "    return _trusting("
        ),
    ),
)


@AREA.makes("EPP-BUL-004")
def keeps_bulletins_in_memory() -> Sequence[Patch]:
    """Keeps a new bulletin in memory until something else is written."""
    return forgetful(BulletinAccepted)


@AREA.replaces("EPP-BUL-004", (holder, "take_bulletin"))
def applies_bulletins_at_once(purse: Ready, given: bytes) -> tuple[Ready, tuple[Effect, ...]]:
    """Lets a bulletin count for the session that is open."""
    after, effects = _take(purse, given)
    if isinstance(after.session, NoSession | Handshaking) or after.bulletin is None:
        return after, effects
    link = after.session.link
    terms = replace(link.terms, epoch=after.epoch, revoked=after.bulletin.revoked)
    return replace(after, session=replace(after.session, link=replace(link, terms=terms))), effects


@AREA.replaces("EPP-BUL-006", (holder, "check_bulletin"))
def looks_at_the_epoch_first(
    trusted: TrustAnchor, policy: Policy, given: bytes, held: HeldBulletin | None
) -> HeldBulletin:
    """Compares the epoch of a bulletin before it verifies the signature."""
    try:
        return _check(trusted, policy, given, held)
    except Refusal as refusal:
        if refusal.code is Code.BULLETIN_SIGNATURE and held is not None:
            said = Bulletin.decode(cose.parse(bulletins.update(given).signed).payload)
            if said.epoch < held.epoch:
                raise Refusal(Code.BULLETIN_STALE, "EPP-BUL-002", "older") from None
        raise


AREA.sets(
    "EPP-BUL-007",
    "takes_long_updates",
    "Looks at an update of any length.",
    (bulletins, "UPDATE_MAX"),
    2**24,
)
AREA.edits(
    "EPP-BUL-008",
    "takes_long_bulletins",
    "Looks at a bulletin of up to 65 535 bytes.",
    anchor.verify_bulletin,
    ("limit=BULLETIN_MAX", "limit=65535"),
)
AREA.edits(
    "EPP-BUL-009",
    "takes_only_short_lists",
    "Refuses a list of more than 16 chunks, whatever the policy has room for.",
    bulletins.check_room,
    (ROOM, "if len(bulletin.chunks) * CHUNK > min(room, 65536):"),
)
AREA.edits(
    "EPP-BUL-010",
    "takes_lists_beyond_its_room",
    "Takes a list of any number of chunks.",
    bulletins.check_room,
    (ROOM, "if False:"),
)
AREA.edits(
    "EPP-BUL-010",
    "rounds_its_room_up",
    "Takes a list whose last chunk has room only in part.",
    bulletins.check_room,
    (ROOM, "if (len(bulletin.chunks) - 1) * CHUNK >= room:"),
)


# --- the clock ----------------------------------------------------------------------------------------------


@AREA.makes("EPP-GEN-003")
def takes_the_time_from_peers() -> Sequence[Patch]:
    """Takes the issue epoch of a peer's purse ID for its own epoch, if that is later."""
    begin = core.begin

    def later(link: Link, state: Handshaking, *rest: object) -> object:
        terms = replace(link.terms, epoch=max(link.terms.epoch, link.peer.issued))
        return begin(replace(link, terms=terms), state, *rest)  # type: ignore[arg-type]  # as they came

    return [instead(core.begin, later)]


AREA.edits(
    "EPP-GEN-003",
    "starts_at_its_issue",
    "Before its first bulletin takes the issue epoch of its purse ID for its own.",
    core.open_session,
    (
        "terms = purse.terms",
        "terms = purse.terms if purse.bulletin else replace(purse.terms, epoch=purse.identity.claims.issued)",
    ),
)
