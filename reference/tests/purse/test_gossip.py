"""Bulletins on their way from purse to purse, before a session opens."""

from pathlib import Path

import pytest
from cddl_verifier import Validator
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.device import Accepted, Device
from eiraku.reference.gossip import MESSAGES_MAX, Gossip, epoch_of, exchange
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.state import PayOrder, ReceiveOrder
from eiraku.spec import cbor, news
from eiraku.spec.errors import Code, Misuse, Refusal
from eiraku.spec.news import AskChunk, AskHead, AskWhole, Chunk, Done, Have, Head, News, Nothing, Whole
from eiraku.spec.tables import Side
from eiraku.system.device.bulletins import cut
from eiraku.testing.news import held, published, revoked
from eiraku.testing.purses import EPOCH, World

pytestmark = pytest.mark.slow


def have(epoch: int, device: int = 1, money: int = 1) -> Have:
    return Have(epoch=epoch, device=device, money=money)


def holding(world: World, epoch: int, count: int = 300, *, head: bool = True) -> Gossip:
    """A purse that holds a bulletin of some chunks, and its head if it came in chunks."""
    gossip = Gossip(world.purse().device, chunked=True)
    signed, signed_head = published(world, epoch, revoked(count))
    if head:
        assert gossip.collector.take_head(signed_head)
        assert all(map(gossip.collector.take_chunk, cut(signed)))
    else:
        assert isinstance(gossip.device.bulletin(signed), Accepted)
    assert held(gossip.device) == signed
    return gossip


@pytest.mark.parametrize("chunked", (True, False))
@pytest.mark.parametrize("responder_has", (True, False))
def test_the_newer_bulletin_goes_either_way(world: World, *, responder_has: bool, chunked: bool) -> None:
    """EPP-DEV-010, EPP-DEV-022"""
    teacher = holding(world, 20)
    pupil = Gossip(world.purse().device, chunked=chunked)
    sides = (pupil, teacher) if responder_has else (teacher, pupil)
    count = exchange(*sides)
    assert held(pupil.device) == held(teacher.device)
    chunks = len(cut(held(teacher.device)))
    assert chunks == 3
    assert count == (1 if responder_has else 0) + 2 + (2 + 2 * chunks if chunked else 2)
    assert exchange(*sides) == 2
    # and on to a third, in chunks again if the head came along
    third = Gossip(world.purse().device, chunked=True)
    exchange(third, pupil)
    assert held(third.device) == held(teacher.device)


def test_a_teacher_without_the_head_gives_it_whole(world: World) -> None:
    """EPP-DEV-023"""
    teacher = holding(world, 20, head=False)
    pupil = Gossip(world.purse().device, chunked=True)
    exchange(pupil, teacher)
    assert held(pupil.device) == held(teacher.device)


def test_equal_bulletins_need_two_messages(world: World) -> None:
    """EPP-DEV-022"""
    one, two = Gossip(world.purse().device), Gossip(world.purse().device)
    before = one.device.store.digest(), two.device.store.digest()
    assert exchange(one, two) == 2
    assert before == (one.device.store.digest(), two.device.store.digest())


def without_bulletin(world: World) -> Device:
    given = world.provisioning()
    bare = type(given)(**{n: getattr(given, n) for n in given.__slots__} | {"bulletin": None})
    return world.purse(provisioning=bare).device


def test_purses_without_any_bulletin(world: World) -> None:
    """EPP-DEV-022"""
    one, two = Gossip(without_bulletin(world)), Gossip(without_bulletin(world))
    assert exchange(one, two) == 2
    assert one.device.store.bulletin() is None
    teacher = holding(world, 20)
    exchange(teacher, one)
    assert held(one.device) == held(teacher.device)


def test_a_revocation_travels_with_the_money(world: World) -> None:
    """EPP-DEV-010, EPP-DEV-024, EPP-BUL-004: learnt before the session, in force in it."""
    payer, payee, informed = world.purse([8]), world.purse(), world.purse()
    signed, _ = published(world, 11, [payer.number])
    informed.device.bulletin(signed)
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


def test_chunks_from_several_purses_add_up(world: World) -> None:
    """EPP-DEV-009: what one left off another goes on with."""
    signed = held(holding(world, 20, 900).device)
    pupil = Gossip(world.purse().device, chunked=True)
    meetings = 0
    while epoch_of(pupil.device) != 20:
        teacher = holding(world, 20, 900)
        message: bytes | None = pupil.begin()
        teacher.expect()
        for _ in range(3):
            assert message is not None
            answer = teacher.deliver(message)
            assert answer is not None
            message = pupil.deliver(answer)
        meetings += 1
    assert held(pupil.device) == signed
    assert meetings == 5


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


def test_every_message_is_as_in_the_schema(world: World) -> None:
    """EPP-DEV-021"""
    for message in every_message():
        assert SCHEMA.validate(message.encode(), "news", require_deterministic=True)
    _, head = published(world, 20, revoked(3))
    assert SCHEMA.validate(cose.parse(head).payload, "bulletin-head", require_deterministic=True)


WRONG = [
    (0,),
    (10,),
    (1,),
    (1, -1),
    (1, 2**32),
    (2, 0),
    (3, 1, 64),
    (5, b""),
    (5, bytes(4097)),
    (6, 1, 0, b""),
    (6, 1, 0, bytes(1025)),
    (7, b""),
    (7, "text"),
    (9, None),
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
        AskHead(),
        AskChunk(epoch=20, position=2),
        AskWhole(),
        Head(signed=bytes(100)),
        Chunk(epoch=20, position=0, data=bytes(1024)),
        Whole(signed=bytes(65535)),
        Nothing(),
        Done(),
    ]


LIES = st.one_of(
    st.sampled_from([message.encode() for message in every_message()]),
    st.binary(max_size=40),
    st.builds(lambda epoch: have(epoch).encode(), st.integers(0, 2**32 - 1)),
    st.builds(lambda raw: Whole(signed=raw or b"\x00").encode(), st.binary(max_size=200)),
    st.builds(lambda raw: Head(signed=raw or b"\x00").encode(), st.binary(max_size=200)),
    st.builds(lambda i: cbor.encode((i, i)), st.integers(0, 20)),
)


@given(lies=st.lists(LIES, max_size=30), begins=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_liar_changes_nothing(world: World, lies: list[bytes], *, begins: bool) -> None:
    """EPP-DEV-025, EPP-CRS-015"""
    gossip = holding(world, 20)
    before = gossip.device.store.digest()
    if begins:
        gossip.begin()
    else:
        gossip.expect()
    for lie in lies:
        gossip.deliver(lie)
        assert gossip.device.store.digest() == before
    # and the purse still pays and learns as ever
    newer = holding(world, 21)
    exchange(gossip, newer)
    assert epoch_of(gossip.device) == 21


def test_a_flood_ends(world: World) -> None:
    """EPP-DEV-025"""
    gossip = holding(world, 20)
    gossip.begin()
    ask = AskWhole().encode()
    answers = [gossip.deliver(ask) for _ in range(10 * MESSAGES_MAX)]
    assert sum(answer is not None for answer in answers) == MESSAGES_MAX
    assert [answer for answer in answers if answer and len(answer) > 2] == answers[:1]
    assert answers[-1] is None
    # not even a beginning is answered before the purse expects one
    assert gossip.deliver(have(1).encode()) is None
    gossip.expect()
    assert gossip.deliver(have(1).encode()) is not None


def test_promised_but_not_given(world: World) -> None:
    """EPP-DEV-025: a peer that says it has news and sends an old or a forged bulletin."""
    stranger = World(world.directory / "other", seed=b"other")
    for signed in (world.bulletin(EPOCH - 1), stranger.bulletin(99), world.bulletin(EPOCH, revoked(1))):
        gossip = Gossip(world.purse().device)
        before = gossip.device.store.digest()
        gossip.begin()
        assert gossip.deliver(have(99).encode()) == AskWhole().encode()
        assert gossip.deliver(Whole(signed=signed).encode()) == Done().encode()
        assert gossip.device.store.digest() == before
        assert gossip.deliver(Whole(signed=world.bulletin(50)).encode()) is None


def test_what_was_not_asked_for_is_not_taken(world: World) -> None:
    """EPP-DEV-025"""
    gossip = Gossip(world.purse().device)
    gossip.begin()
    assert gossip.deliver(Whole(signed=world.bulletin(50)).encode()) == Done().encode()
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
