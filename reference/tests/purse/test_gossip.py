"""Bulletins on their way from purse to purse, before a session opens."""

from dataclasses import replace
from pathlib import Path

import pytest
from cddl_verifier import Validator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.device import Accepted, Device
from eiraku.reference.gossip import MESSAGES_MAX, Gossip, epoch_of, exchange
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.state import PayOrder, ReceiveOrder
from eiraku.spec import cbor, news
from eiraku.spec.errors import Code, Misuse, Refusal
from eiraku.spec.news import (
    AskBulletin,
    AskChunk,
    AskDelta,
    AskKeys,
    Chunk,
    Difference,
    Done,
    Have,
    Keys,
    News,
    Nothing,
    Signed,
    Whose,
)
from eiraku.spec.tables import Side
from eiraku.testing.news import by_delta, held, published, revoked
from eiraku.testing.purses import EPOCH, World

pytestmark = pytest.mark.slow

MANY = revoked(30_000, apart=3)
"""Three chunks."""
FEW = revoked(300, apart=3)


def have(epoch: int, device: int = 1, money: int = 1) -> Have:
    return Have(epoch=epoch, device=device, money=money)


def holding(world: World, epoch: int, numbers: list[bytes] = MANY) -> Gossip:
    """A purse that holds a bulletin of some chunks."""
    gossip = Gossip(world.purse().device)
    assert isinstance(gossip.device.bulletin(published(world, epoch, numbers).encode()), Accepted)
    return gossip


@pytest.mark.parametrize("responder_has", (True, False))
def test_the_newer_bulletin_goes_either_way(world: World, *, responder_has: bool) -> None:
    """EPP-DEV-010, EPP-DEV-022, EPP-DEV-081, EPP-DEV-082"""
    teacher = holding(world, 20)
    pupil = Gossip(world.purse().device)
    sides = (pupil, teacher) if responder_has else (teacher, pupil)
    count = exchange(*sides)
    assert held(pupil.device) == held(teacher.device)
    # HAVE, perhaps another HAVE; bulletin, delta that there is not, three chunks; DONE
    assert count == (1 if responder_has else 0) + 1 + 2 * 5 + 1
    assert exchange(*sides) == 2
    # and on to a third
    third = Gossip(world.purse().device)
    exchange(third, pupil)
    assert held(third.device) == held(teacher.device)


def test_a_delta_is_passed_on(world: World) -> None:
    """EPP-DEV-030, EPP-DEV-084, EPP-DEV-094: from purse to purse, also after a loss of power."""
    update = published(world, 21, MANY[5:])
    first = world.purse().device
    last = world.purse().device
    for device in (first, last):
        device.bulletin(published(world, 20, MANY).encode())
    writes = first.store.writes
    assert isinstance(first.bulletin(by_delta(update, 20, MANY[:5], []).encode()), Accepted)
    assert first.store.writes == writes + 1
    first.power_cut()
    # HAVE, HAVE, ASK-BULLETIN, BULLETIN, ASK-DELTA, DELTA, DONE
    assert exchange(Gossip(last), Gossip(first)) == 7
    assert held(last) == held(first)
    assert held(last).stored.chunks == update.chunks
    # who is further behind gets the chunks
    behind = Gossip(world.purse().device)
    exchange(behind, Gossip(last))
    assert held(behind.device).stored.chunks == update.chunks
    assert held(behind.device).delta is None


def test_equal_bulletins_need_two_messages(world: World) -> None:
    """EPP-DEV-022"""
    one, two = Gossip(world.purse().device), Gossip(world.purse().device)
    before = one.device.store.digest(), two.device.store.digest()
    assert exchange(one, two) == 2
    assert before == (one.device.store.digest(), two.device.store.digest())


def without_bulletin(world: World) -> Device:
    return world.purse(provisioning=replace(world.provisioning(), bulletin=None)).device


def test_purses_without_any_bulletin(world: World) -> None:
    """EPP-DEV-022"""
    one, two = Gossip(without_bulletin(world)), Gossip(without_bulletin(world))
    assert exchange(one, two) == 2
    assert one.device.store.bulletin() is None
    teacher = holding(world, 20)
    exchange(teacher, one)
    assert held(one.device) == held(teacher.device)


def test_what_a_purse_has_and_has_not(world: World) -> None:
    """EPP-DEV-023"""
    teacher, update = holding(world, 20), published(world, 20, MANY)
    last = len(update.chunks) - 1
    for asked, answer in (
        (AskBulletin(), Signed(signed=update.signed)),
        (AskChunk(epoch=20, position=last), Chunk(epoch=20, position=last, data=update.chunks[last])),
        (AskChunk(epoch=20, position=last + 1), Nothing()),
        (AskChunk(epoch=19, position=0), Nothing()),
        (AskDelta(epoch=20, from_epoch=EPOCH), Nothing()),
    ):
        teacher.begin()
        assert teacher.deliver(asked.encode()) == answer.encode()
    bare = Gossip(without_bulletin(world))
    bare.begin()
    assert bare.deliver(AskBulletin().encode()) == Nothing().encode()


def test_a_revocation_travels_with_the_money(world: World) -> None:
    """EPP-DEV-010, EPP-DEV-133, EPP-BUL-004: learnt before the session, in force in it."""
    payer, payee, informed = world.purse([8]), world.purse(), world.purse()
    informed.device.bulletin(published(world, 11, [payer.number]).encode())
    exchange(Gossip(informed.device), Gossip(payee.device))
    result = transfer(payer.device, PayOrder(amount=8), payee.device, ReceiveOrder())
    assert "purse-revoked" in result.codes


def test_no_news_while_a_session_is_open(world: World) -> None:
    """EPP-DEV-024"""
    teacher, pupil = holding(world, 20), Gossip(world.purse([1]).device)
    message = teacher.begin()
    pupil.expect()
    pupil.device.order(PayOrder(amount=1))
    pupil.device.open(Side.INITIATOR)
    before = pupil.device.store.digest()
    assert pupil.deliver(message) is None
    with pytest.raises(Misuse, match="before a session opens"):
        pupil.begin()
    assert pupil.device.store.digest() == before


def test_news_is_told_from_message_1(world: World) -> None:
    """EPP-DEV-021"""
    payer = world.purse([1]).device
    payer.order(PayOrder(amount=1))
    opened = payer.open(Side.INITIATOR)
    assert isinstance(opened, Accepted)
    assert opened.out is not None
    assert not news.is_news(opened.out)
    assert not news.is_news(b"")
    for message in every_message():
        assert news.is_news(message.encode())
        assert news.decode(message.encode()) == message
    with pytest.raises(Misuse, match="expected no session"):
        Gossip(payer).begin()


def test_an_empty_purse_has_no_news(world: World) -> None:
    device = Device(world.directory / "empty.db", world.random)
    with pytest.raises(Misuse, match="provision it first"):
        Gossip(device)
    device.close()


SCHEMA = Validator(Path(__file__).parents[3] / "spec" / "schema.cddl")


def test_every_message_is_as_in_the_schema() -> None:
    """EPP-DEV-021"""
    for message in every_message():
        assert SCHEMA.validate(message.encode(), "news", require_deterministic=True)


WRONG = [
    (0,),
    (1,),
    (1, 20),
    (1, -1, 1, 1),
    (1, 2**32, 1, 1),
    (1, 20, -1, 1),
    (1, 20, 1, 2**53),
    (2, 0),
    (3, 1, 256),
    (4,),
    (4, 1),
    (5, b""),
    (5, bytes(12_289)),
    (6, 1, 256, b""),
    (6, 1, 0, bytes(4097)),
    (7, 1, b""),
    (7, 1, "text"),
    (9, None),
    (10,),
    (10, 0),
    (10, 3),
    (11, b""),
    (11, bytes(4097)),
    (12,),
    (),
    ((1, 1),),
]


@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_what_is_no_news(wrong: tuple[cbor.Item, ...]) -> None:
    """EPP-DEV-021: refused here, and not in the schema either."""
    with pytest.raises(Refusal) as refused:
        news.decode(cbor.encode(wrong))
    assert refused.value.code is Code.MALFORMED
    assert not SCHEMA.validate(cbor.encode(wrong), "news")


def every_message() -> list[News]:
    return [
        have(20),
        AskBulletin(),
        AskChunk(epoch=20, position=255),
        AskDelta(epoch=20, from_epoch=19),
        Signed(signed=bytes(12_288)),
        Chunk(epoch=20, position=0, data=bytes(4096)),
        Chunk(epoch=20, position=255, data=b""),
        Difference(epoch=2**32 - 1, delta=bytes(65535)),
        AskKeys(centre=Whose.MONEY),
        Keys(signed=bytes(4096)),
        Nothing(),
        Done(),
    ]


LIES = st.one_of(
    st.sampled_from([message.encode() for message in every_message()]),
    st.binary(max_size=40),
    st.builds(lambda epoch: have(epoch).encode(), st.integers(0, 2**32 - 1)),
    st.builds(lambda raw: Difference(epoch=99, delta=raw or b"\x00").encode(), st.binary(max_size=200)),
    st.builds(lambda raw: Signed(signed=raw or b"\x00").encode(), st.binary(max_size=200)),
    st.builds(lambda i: cbor.encode((i, i)), st.integers(0, 20)),
)


@given(lies=st.lists(LIES, max_size=30), begins=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_liar_changes_nothing(world: World, lies: list[bytes], *, begins: bool) -> None:
    """EPP-DEV-134, EPP-DEV-135, EPP-CRS-015"""
    gossip = holding(world, 20, FEW)
    before = gossip.device.store.digest()
    if begins:
        gossip.begin()
    else:
        gossip.expect()
    for lie in lies:
        gossip.deliver(lie)
        assert gossip.device.store.digest() == before
    # and the purse still pays and learns as ever
    newer = holding(world, 21, FEW)
    exchange(gossip, newer)
    assert epoch_of(gossip.device) == 21


def test_a_flood_ends(world: World) -> None:
    """EPP-DEV-136"""
    gossip = holding(world, 20)
    gossip.begin()
    ask = AskChunk(epoch=20, position=0).encode()
    answers = [gossip.deliver(ask) for _ in range(10 * MESSAGES_MAX)]
    assert MESSAGES_MAX == 272
    assert [answer is not None for answer in answers] == [True] * 272 + [False] * 9 * 272
    # not even a beginning is answered before the purse expects one
    assert gossip.deliver(have(1).encode()) is None
    gossip.expect()
    assert gossip.deliver(have(1).encode()) is not None


def test_promised_but_not_given(world: World) -> None:
    """EPP-DEV-025, EPP-DEV-135: a peer that says it has news and sends an old or a forged bulletin."""
    stranger = World(world.directory / "other", seed=b"other")
    for update in (published(world, EPOCH - 1), published(stranger, 99), published(world, EPOCH, revoked(1))):
        gossip = Gossip(world.purse().device)
        before = gossip.device.store.digest()
        gossip.begin()
        assert gossip.deliver(have(99).encode()) == AskBulletin().encode()
        assert gossip.deliver(Signed(signed=update.signed).encode()) == Done().encode()
        assert gossip.device.store.digest() == before
        assert gossip.deliver(Signed(signed=published(world, 50).signed).encode()) is None


def test_what_was_not_asked_for_is_not_taken(world: World) -> None:
    """EPP-DEV-025"""
    gossip = Gossip(world.purse().device)
    gossip.begin()
    assert gossip.deliver(Signed(signed=published(world, 50).signed).encode()) == Done().encode()
    assert epoch_of(gossip.device) == EPOCH


def test_private_keys_have_no_part_in_it(world: World) -> None:
    """EPP-KEY-011: gossip signs nothing."""
    teacher, pupil = holding(world, 20), Gossip(world.purse().device)
    sign, calls = SigningKey.sign, []

    def counted(key: SigningKey, message: bytes) -> bytes:
        calls.append(key)
        return sign(key, message)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SigningKey, "sign", counted)
        exchange(teacher, pupil)
    assert not calls
