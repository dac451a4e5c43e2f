"""Key lists on their way from purse to purse, before a session opens."""

from dataclasses import replace

import pytest

from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.device import Accepted, Rejected
from eiraku.reference.gossip import Gossip, exchange, lists_of
from eiraku.reference.purse.state import Ready, ReceiveOrder
from eiraku.spec.bulletins import Whole
from eiraku.spec.errors import Code
from eiraku.spec.key_lists import Centre
from eiraku.spec.news import AskBulletin, AskDelta, AskKeys, Done, Have, Keys, Nothing, Signed, Whose
from eiraku.spec.tables import Side
from eiraku.testing.purses import World

pytestmark = pytest.mark.slow


def purse(world: World, device: int = 1, money: int = 1, epoch: int = 10) -> Gossip:
    """One that holds these lists and this bulletin."""
    made = world.purse().device
    if device > 1:
        assert isinstance(made.keys(Centre.DEVICE, world.device_keys(device)), Accepted)
    if money > 1:
        assert isinstance(made.keys(Centre.MONEY, world.money_keys(money)), Accepted)
    if epoch > 10:
        assert isinstance(made.bulletin(world.bulletin(epoch)), Accepted)
    return Gossip(made)


@pytest.mark.parametrize(
    ("one", "two", "messages"),
    (
        ((1, 1, 10), (1, 1, 10), 2),
        ((1, 1, 10), (3, 1, 10), 5),
        ((3, 1, 10), (1, 1, 10), 4),
        ((1, 2, 10), (3, 1, 10), 7),
        ((1, 1, 10), (2, 2, 12), 9),
        ((2, 2, 12), (1, 1, 10), 8),
        ((2, 1, 10), (1, 1, 12), 7),
        ((1, 4, 11), (5, 1, 12), 9),
    ),
)
def test_what_is_newer_goes_both_ways(
    world: World, one: tuple[int, int, int], two: tuple[int, int, int], messages: int
) -> None:
    """EPP-DEV-010, EPP-DEV-022, EPP-DEV-050"""
    sides = [purse(world, *each) for each in (one, two)]
    assert exchange(*sides) == messages
    newest = tuple(map(max, one, two))
    for side in sides:
        assert (*lists_of(side.device), side.device.snapshot().epoch) == newest
    assert exchange(*sides) == 2


def test_a_bulletin_under_a_successor_comes_after_the_list(world: World) -> None:
    """EPP-DEV-050: the list first, or the bulletin would be refused."""
    late = purse(world)
    key = replace(world.device_centre.keys[-1], key=SigningKey(world.random(32)))
    world.device_centre = replace(world.device_centre, keys=(*world.device_centre.keys, key))
    early = Gossip(world.purse(provisioning=replace(world.provisioning(), bulletin=None)).device)
    assert isinstance(early.device.keys(Centre.DEVICE, world.device_keys(2)), Accepted)
    assert isinstance(early.device.bulletin(world.bulletin(20)), Accepted)
    assert not isinstance(late.device.bulletin(world.bulletin(20)), Accepted)
    exchange(late, early)
    assert (lists_of(late.device), late.device.snapshot().epoch) == ((2, 1), 20)


@pytest.mark.parametrize("begins", (True, False), ids=["asks", "is-asked"])
def test_a_purse_whose_anchor_has_expired(world: World, begins: bool) -> None:  # noqa: FBT001
    """EPP-KEY-061, EPP-KEY-062: it opens no session, learns all that is new, and passes on what it has."""
    late, early = purse(world), purse(world, 3, 3, 14)
    short = world.device_keys(2, expires=10), world.money_keys(2, expires=9)
    for centre, signed in zip(Centre, short, strict=True):
        assert isinstance(late.device.keys(centre, signed), Accepted)
    assert isinstance(late.device.bulletin(world.bulletin(11)), Accepted)
    late.device.order(ReceiveOrder())
    opened = late.device.open(Side.RESPONDER)
    assert isinstance(opened, Rejected)
    assert opened.refusal.code is Code.ANCHOR_EXPIRED
    behind = purse(world)
    exchange(*((late, behind) if begins else (behind, late)))
    assert lists_of(behind.device) == (2, 2)
    exchange(*((late, early) if begins else (early, late)))
    assert (*lists_of(late.device), late.device.snapshot().epoch) == (3, 3, 14)
    assert isinstance(late.device.open(Side.RESPONDER), Accepted)


def test_a_bulletin_that_the_list_does_not_reach(world: World) -> None:
    """EPP-BUL-050, EPP-DEV-027: no chunk of it is asked for."""
    late = purse(world)
    assert isinstance(late.device.keys(Centre.DEVICE, world.device_keys(9, expires=12)), Accepted)
    for epoch, answer in ((14, Done()), (13, AskDelta(epoch=13, from_epoch=10))):
        late.expect()
        assert late.deliver(Have(epoch=epoch, device=1, money=1).encode()) == AskBulletin().encode()
        signed = Whole.decode(world.bulletin(epoch, [bytes([7]) * 8])).signed
        assert late.deliver(Signed(signed=signed).encode()) == answer.encode()


def test_ways_back_without_a_session(world: World) -> None:
    """EPP-KEY-063: requests are signed, and a purse ID is renewed, under an expired anchor."""
    late = purse(world).device
    assert isinstance(late.keys(Centre.MONEY, world.money_keys(2, expires=9)), Accepted)
    assert late.sign_request("device", "scheme-keys", 1, b"")
    assert isinstance(late.state, Ready)
    claims = late.state.identity.claims
    renewed = world.device_centre.certify(
        number=claims.number,
        public_key=claims.public_key,
        role=claims.role,
        tier=claims.tier,
        holder=claims.holder,
        issued=10,
        expires=claims.expires + 1,
    )
    assert isinstance(late.take_purse_id(renewed), Accepted)


def test_a_peer_that_promises_what_it_has_not(world: World) -> None:
    """EPP-DEV-025, EPP-DEV-050, EPP-DEV-083, EPP-DEV-135: a list is asked for once; a lie changes nothing."""
    gossip = purse(world)
    before = gossip.device.store.digest()
    promise = Have(epoch=99, device=9, money=9).encode()
    for lie in (
        Nothing().encode(),
        Keys(signed=world.money_keys(9)).encode(),
        Keys(signed=world.device_keys(9)[:-1] + b"0").encode(),
        AskKeys(centre=Whose.MONEY).encode(),
        Have(epoch=1, device=1, money=1).encode(),
    ):
        gossip.expect()
        assert gossip.deliver(promise) == AskKeys(centre=Whose.DEVICE).encode()
        assert gossip.deliver(lie) == Done().encode()
        assert gossip.deliver(promise) is None
    assert gossip.device.store.digest() == before
    # an older one than was promised is taken for what it is, and the next thing asked for
    gossip.expect()
    gossip.deliver(promise)
    answer = gossip.deliver(Keys(signed=world.device_keys(2)).encode())
    assert answer == AskKeys(centre=Whose.MONEY).encode()
    answer = gossip.deliver(Keys(signed=world.money_keys(2)).encode())
    assert answer == AskBulletin().encode()
    assert lists_of(gossip.device) == (2, 2)
