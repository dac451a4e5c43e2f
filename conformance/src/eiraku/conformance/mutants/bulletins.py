"""Mutants of chapter 4, bulletins, and of the clock that they are."""

from dataclasses import replace

from eiraku.conformance.mutants.commits import Forgetful
from eiraku.conformance.mutants.registry import defect
from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.crypto import cose
from eiraku.reference.purse.checks import Checks
from eiraku.reference.purse.core import Purse, Result
from eiraku.reference.purse.ledger import BulletinAccepted
from eiraku.reference.purse.state import (
    Env,
    Handshaking,
    HeldBulletin,
    Link,
    NoSession,
    Order,
    PayeeWaitOffer,
    PayerWaitRequest,
    Ready,
    Turn,
)
from eiraku.spec import cbor, objects
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import Bulletin
from eiraku.spec.tables import Side

AREA = "bulletins"


@defect("EPP-BUL-001")
class SkipsBulletinSignature(Checks):
    """Does not verify the signature of a bulletin."""

    def bulletin(self, identity_anchor: TrustAnchor, signed: bytes) -> Bulletin:
        try:
            return super().bulletin(identity_anchor, signed)
        except Refusal as refusal:
            if refusal.code is not Code.BULLETIN_SIGNATURE:
                raise
            return Bulletin.decode(cose.parse(signed, limit=cbor.LIMIT).payload)


@defect("EPP-BUL-002")
class TakesOlderBulletins(Checks):
    """Takes a bulletin of an earlier epoch."""

    def newer(self, held: HeldBulletin | None, bulletin: Bulletin, signed: bytes) -> bool:
        if held is not None and bulletin.epoch < held.epoch:
            return True
        return super().newer(held, bulletin, signed)


@defect("EPP-BUL-002")
class TakesASecondBulletinOfAnEpoch(Checks):
    """Takes another bulletin of the epoch that it has."""

    def newer(self, held: HeldBulletin | None, bulletin: Bulletin, signed: bytes) -> bool:
        if held is not None and bulletin.epoch == held.epoch:
            return signed != held.signed
        return super().newer(held, bulletin, signed)


@defect("EPP-BUL-002")
class RefusesTheBulletinItHas(Checks):
    """Refuses the bulletin that it holds already."""

    def newer(self, held: HeldBulletin | None, bulletin: Bulletin, signed: bytes) -> bool:
        if held is not None and signed == held.signed:
            raise Refusal(Code.BULLETIN_STALE, "EPP-BUL-002", "again")
        return super().newer(held, bulletin, signed)


@defect("EPP-BUL-002")
class StoresTheBulletinItHas(Checks):
    """Writes the bulletin that it holds already once more."""

    def newer(self, held: HeldBulletin | None, bulletin: Bulletin, signed: bytes) -> bool:
        return (held is not None and signed == held.signed) or super().newer(held, bulletin, signed)


@defect("EPP-BUL-003")
class TakesUnsortedBulletins(Checks):
    """Takes a bulletin whose numbers are in any order, or occur twice."""

    def bulletin(self, identity_anchor: TrustAnchor, signed: bytes) -> Bulletin:
        parsed = cose.parse(signed, limit=cbor.LIMIT)
        payload = cbor.decode(parsed.payload)
        match payload:
            case (int(epoch), tuple(revoked), bytes(digest)):
                numbers = tuple(sorted({number for number in revoked if isinstance(number, bytes)}))
            case _:
                return super().bulletin(identity_anchor, signed)
        key = identity_anchor.device_keys.get(parsed.kid or b"")
        sorted_payload = cbor.encode((epoch, numbers, digest))
        if sorted_payload == parsed.payload or key is None:
            return super().bulletin(identity_anchor, signed)
        if not cose.verify(key.public, objects.CONTEXT_BULLETIN, parsed):
            return super().bulletin(identity_anchor, signed)
        return Bulletin.decode(sorted_payload)


@defect("EPP-BUL-004")
class KeepsBulletinsInMemory(Forgetful):
    """Keeps a new bulletin in memory until something else is written."""

    lost = BulletinAccepted


@defect("EPP-BUL-004")
class AppliesBulletinsAtOnce(Purse):
    """Lets a bulletin count for the session that is open."""

    def take_bulletin(self, state: Ready, signed: bytes) -> Result:
        after, effects = super().take_bulletin(state, signed)
        if not isinstance(after, Ready) or isinstance(after.session, NoSession | Handshaking):
            return after, effects
        if after.bulletin is None:
            return after, effects
        link = after.session.link
        terms = replace(link.terms, epoch=after.epoch, revoked=after.bulletin.revoked)
        return replace(after, session=replace(after.session, link=replace(link, terms=terms))), effects


@defect("EPP-BUL-005")
class TakesOnlyShortBulletins(Checks):
    """Refuses a bulletin of more than 4096 bytes."""

    def bulletin(self, identity_anchor: TrustAnchor, signed: bytes) -> Bulletin:
        if len(signed) > 4096:
            raise Refusal(Code.TOO_LARGE, "EPP-BUL-005", "too long")
        return super().bulletin(identity_anchor, signed)


# --- the clock ----------------------------------------------------------------------------------------------


@defect("EPP-GEN-003")
class TakesTheTimeFromPeers(Purse):
    """Takes the issue epoch of a peer's purse ID for its own epoch, if that is later."""

    def listen(self, link: Link, order: Order) -> PayerWaitRequest | PayeeWaitOffer:
        return super().listen(_later(link), order)

    def speak(self, link: Link, order: Order, env: Env) -> Turn:
        return super().speak(_later(link), order, env)


@defect("EPP-GEN-003")
class StartsAtItsIssue(Purse):
    """Before its first bulletin takes the issue epoch of its purse ID for its own."""

    def open_session(self, ready: Ready, side: Side, env: Env) -> Turn:
        if ready.bulletin is None:
            epoch = ready.identity.claims.issued
            ready = replace(ready, bulletin=HeldBulletin(signed=b"", epoch=epoch, revoked=frozenset()))
        return super().open_session(ready, side, env)


def _later(link: Link) -> Link:
    return replace(link, terms=replace(link.terms, epoch=max(link.terms.epoch, link.peer.issued)))
