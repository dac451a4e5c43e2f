"""Mutants of chapter 4, bulletins, and of the clock that they are."""

from collections.abc import Sequence
from dataclasses import replace

from eiraku.conformance.mutants.commits import forgetful
from eiraku.conformance.mutants.registry import Area
from eiraku.reference import anchor
from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.crypto import cose
from eiraku.reference.purse import core, holder
from eiraku.reference.purse.ledger import BulletinAccepted
from eiraku.reference.purse.state import Effect, Handshaking, Link, NoSession, Ready
from eiraku.spec import cbor, objects
from eiraku.spec.objects import Bulletin
from eiraku.testing.patches import Patch, instead

AREA = Area(__name__)
_verify, _take = anchor.verify_bulletin, holder.take_bulletin
STALE = "if bulletin.epoch <= held.epoch:"
SAME = "if signed == held.signed:"
REFUSED = 'raise Refusal(Code.BULLETIN_STALE, "EPP-BUL-002", "again")'

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
    holder.take_bulletin,
    (STALE, "if bulletin.epoch == held.epoch:"),
)
AREA.edits(
    "EPP-BUL-002",
    "takes_a_second_bulletin_of_an_epoch",
    "Takes another bulletin of the epoch that it has.",
    holder.take_bulletin,
    (STALE, "if bulletin.epoch < held.epoch:"),
)
AREA.edits(
    "EPP-BUL-002",
    "refuses_the_bulletin_it_has",
    "Refuses the bulletin that it holds already.",
    holder.take_bulletin,
    (SAME, f"{SAME} {REFUSED}\n        if False:"),
)
AREA.edits(
    "EPP-BUL-002",
    "stores_the_bulletin_it_has",
    "Writes the bulletin that it holds already once more.",
    holder.take_bulletin,
    (SAME, "if False:"),
    (STALE, "if bulletin.epoch <= held.epoch and signed != held.signed:"),
)


@AREA.replaces("EPP-BUL-003", (anchor, "verify_bulletin"))
def takes_unsorted_bulletins(trusted: TrustAnchor, raw: bytes) -> Bulletin:
    """Takes a bulletin whose numbers are in any order, or occur twice."""
    parsed = cose.parse(raw, limit=cbor.LIMIT)
    match cbor.decode(parsed.payload):
        case (int(epoch), tuple(revoked), bytes(digest)):
            numbers = tuple(sorted({number for number in revoked if isinstance(number, bytes)}))
        case _:
            return _verify(trusted, raw)
    key = trusted.device_keys.get(parsed.kid or b"")
    payload = cbor.encode((epoch, numbers, digest))
    if payload == parsed.payload or key is None:
        return _verify(trusted, raw)
    if not cose.verify(key.public, objects.CONTEXT_BULLETIN, parsed):
        return _verify(trusted, raw)
    return Bulletin.decode(payload)


@AREA.makes("EPP-BUL-004")
def keeps_bulletins_in_memory() -> Sequence[Patch]:
    """Keeps a new bulletin in memory until something else is written."""
    return forgetful(BulletinAccepted)


@AREA.replaces("EPP-BUL-004", (holder, "take_bulletin"))
def applies_bulletins_at_once(purse: Ready, signed: bytes) -> tuple[Ready, tuple[Effect, ...]]:
    """Lets a bulletin count for the session that is open."""
    after, effects = _take(purse, signed)
    if isinstance(after.session, NoSession | Handshaking) or after.bulletin is None:
        return after, effects
    link = after.session.link
    terms = replace(link.terms, epoch=after.epoch, revoked=after.bulletin.revoked)
    return replace(after, session=replace(after.session, link=replace(link, terms=terms))), effects


AREA.edits(
    "EPP-BUL-005",
    "takes_only_short_bulletins",
    "Refuses a bulletin of more than 4096 bytes.",
    anchor.verify_bulletin,
    ("limit=cbor.LIMIT", "limit=4096"),
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
