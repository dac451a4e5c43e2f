"""Bulletins, key lists and scheme keys that reach two wallets in different ways, and at different times.

The protocol of the adapter has no verb by which a wallet passes on what it has (chapter 13): the line hands
to one make the very bytes that the other one took.
"""

from dataclasses import replace

from eiraku.conformance.interop.book import Book
from eiraku.conformance.interop.flow import Begins, Flow, Refusal
from eiraku.conformance.interop.purses import Purse
from eiraku.conformance.interop.scenarios import AMOUNT, SAVINGS, WORTHS, Deal, Pair, Scenario, made
from eiraku.conformance.interop.session import Session
from eiraku.conformance.tester import bulletins
from eiraku.conformance.tester.world import EPOCH, LAST_EPOCH, SEQUENCE
from eiraku.reference.centres.roots import ALWAYS
from eiraku.reference.keylists import Validity
from eiraku.spec.errors import Code
from eiraku.spec.key_lists import Centre, scheme_key_id
from eiraku.spec.revoked import coded

LATER = EPOCH + 20
NEXT = SEQUENCE + 1


def take_bulletin(book: Book, purse: Purse, bulletin: bytes, epoch: int = LATER) -> None:
    """A purse takes a bulletin, and its clock moves on."""
    purse.order("bulletin", bulletin=bulletin)
    book.accounts[purse].epoch = epoch


def take_keys(deal: Deal, purse: Purse, centre: Centre, keys: bytes) -> None:
    """A purse takes a key list."""
    purse.order("keys", centre=centre.value, keys=keys)
    deal.book.check("a key list")


def bulletin_on_one_side(pair: Pair) -> None:
    """One of two has the newer bulletin, then both: whole at one, by a delta at the other."""
    deal = Deal(pair)
    stranger = int.from_bytes(pair.meeting.world.random(8), "big")
    whole = bulletins.update(pair.meeting.world, coded([stranger]), epoch=LATER)
    change = bulletins.delta(pair.meeting.world, EPOCH, [], [stranger])
    delta = bulletins.by_delta(pair.meeting.world, [stranger], change, epoch=LATER)
    first, second = (deal.payer, deal.payee) if pair.begins is Begins.PAYER else (deal.payee, deal.payer)
    take_bulletin(deal.book, first, whole)
    deal.pay(WORTHS[-1])
    take_bulletin(deal.book, second, delta)
    deal.pay(AMOUNT, deal.session(begins=pair.begins.other))
    stale = pair.meeting.world.bulletin(LATER - 1)
    for purse in (first, second):
        purse.refuse(Code.BULLETIN_STALE, "bulletin", bulletin=stale)


def revoked_payer(pair: Pair) -> None:
    """The payee has a bulletin that revokes the payer, and refuses it in the handshake."""
    deal = Deal(pair)
    revoked = deal.payer.number
    take_bulletin(deal.book, deal.payee, pair.meeting.world.bulletin(LATER, [revoked]))
    deal.book.check("a bulletin")
    shown = "message_3" if pair.begins is Begins.PAYER else "message_2"
    deal.session(refusal=Refusal(at=shown, code=Code.PURSE_REVOKED)).pay(AMOUNT)
    deal.book.unchanged("a meeting with a revoked purse")


def revoked_while_pending(pair: Pair) -> None:
    """A payee is revoked while a payment to it is pending: the payer meets it no more, and keeps it."""
    deal = Deal(pair)
    transaction = deal.pending()
    take_bulletin(deal.book, deal.payer, pair.meeting.world.bulletin(LATER, [deal.payee.number]))
    deal.book.check("a bulletin")
    shown = "message_2" if pair.begins is Begins.PAYER else "message_3"
    refusal = Refusal(at=shown, code=Code.PURSE_REVOKED)
    deal.session(redelivery=True, refusal=refusal).redeliver(transaction)
    deal.book.unchanged("a redelivery to a revoked purse")


def new_money_key(pair: Pair) -> None:
    """The payee takes units under a new key only with the list that the payer was provisioned with."""
    deal = Deal(pair, open_=False)
    world = pair.meeting.world
    deal.give(deal.payee, SAVINGS)
    key = world.money_key(EPOCH, LAST_EPOCH)
    world.issuing = replace(world.issuing, keys=(*world.issuing.keys, key))
    held = [world.holding(worth, holder=deal.payer.number, issued=EPOCH) for worth in WORTHS]
    deal.book.open(deal.payer, held)
    deal.session(refusal=Refusal(at="OFFER", code=Code.UNIT_SIGNATURE)).pay(AMOUNT)
    deal.book.unchanged("an offer under an unknown key")
    keys = world.money_keys(sequence=NEXT)
    for purse in (deal.payer, deal.payee):
        take_keys(deal, purse, Centre.MONEY, keys)
    deal.pay(AMOUNT)


def new_master_key(pair: Pair) -> None:
    """A payer whose purse ID is signed by a new key is met only with the list that names the key."""
    world = pair.meeting.world
    old = world.device
    key = world.master_key(EPOCH, LAST_EPOCH)
    new = replace(old, keys=(*old.keys, key))
    deal = Deal(
        pair, payer=Purse(pair.meeting, pair.payer, world.purse(centre=new, issued=EPOCH)), open_=False
    )
    deal.give(deal.payee, SAVINGS)
    world.device = new
    deal.give(deal.payer, WORTHS)
    shown = "message_3" if pair.begins is Begins.PAYER else "message_2"
    deal.session(refusal=Refusal(at=shown, code=Code.AUTHENTICATION)).pay(AMOUNT)
    deal.book.unchanged("a purse ID under an unknown key")
    keys = world.device_keys(sequence=NEXT)
    for purse in (deal.payer, deal.payee):
        take_keys(deal, purse, Centre.DEVICE, keys)
    deal.pay(AMOUNT)


def new_scheme_key(pair: Pair) -> None:
    """Sessions begin under a new scheme key: met only by who has been handed it."""
    deal = Deal(pair)
    world = pair.meeting.world
    fresh = world.random(32)
    since = Validity(valid_from=EPOCH, valid_to=EPOCH + 50)
    named = {scheme_key_id(world.scheme_key): ALWAYS, scheme_key_id(fresh): since}
    keys = world.device_keys(scheme=named, sequence=NEXT)
    for purse in (deal.payer, deal.payee):
        take_keys(deal, purse, Centre.DEVICE, keys)
    deal.pay(WORTHS[-1])
    first, second = (deal.payer, deal.payee) if pair.begins is Begins.PAYER else (deal.payee, deal.payer)
    first.order("scheme-key", key=fresh)
    deal.book.check("a scheme key")
    deal.session(refusal=Refusal(at="message_1", code=Code.AUTHENTICATION)).pay(AMOUNT)
    deal.book.unchanged("a message_1 under a scheme key that was not handed out")
    second.order("scheme-key", key=fresh)
    deal.book.check("a scheme key")
    deal.pay(AMOUNT)


def expired_units(pair: Pair) -> None:
    """The payee's clock is ahead: it takes no unit that has expired by it; the payer keeps it."""
    deal = Deal(pair, open_=False)
    world = pair.meeting.world
    deal.give(deal.payee, SAVINGS)
    held = [world.holding(worth, holder=deal.payer.number, expires=EPOCH + 5) for worth in WORTHS]
    deal.book.open(deal.payer, held)
    take_bulletin(deal.book, deal.payee, world.bulletin(LATER))
    deal.book.check("a bulletin")
    flow = Flow(begins=pair.begins)
    refusal = Refusal(at="OFFER", code=Code.UNIT_EXPIRED)
    Session(payer=deal.payer, payee=deal.payee, flow=flow, refusal=refusal).pay(AMOUNT)
    deal.book.unchanged("an offer of what has expired")
    take_bulletin(deal.book, deal.payer, world.bulletin(LATER))
    deal.payer.refuse(Code.INSUFFICIENT_FUNDS, "pay", amount=AMOUNT)
    deal.book.check("a bulletin")


def news_scenarios() -> list[Scenario]:
    """All of them."""
    listed = made("news", revoked_payer, new_money_key, new_master_key, expired_units, direct=True)
    return listed + made("news", bulletin_on_one_side, revoked_while_pending, new_scheme_key)
