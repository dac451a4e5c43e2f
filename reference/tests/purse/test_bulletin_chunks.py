"""A revoked list that a purse collects from peers, in one exchange of news: by a delta or chunk by chunk."""

from dataclasses import replace

import pytest

from eiraku.reference.crypto import cose
from eiraku.reference.device import Accepted
from eiraku.reference.gossip import Gossip, exchange
from eiraku.spec import objects
from eiraku.spec.bulletins import Bulletin, Whole
from eiraku.spec.news import (
    AskBulletin,
    AskChunk,
    AskDelta,
    Chunk,
    Difference,
    Done,
    Have,
    News,
    Nothing,
    Signed,
)
from eiraku.spec.revoked import CHUNK
from eiraku.testing.news import by_delta, held, published, revoked
from eiraku.testing.purses import EPOCH, World

pytestmark = pytest.mark.slow

MANY = revoked(30_000, apart=3)
"""Three chunks."""


def have(epoch: int) -> Have:
    return Have(epoch=epoch, device=1, money=1)


def holding(world: World, epoch: int, numbers: list[bytes] = MANY) -> Gossip:
    """A purse that holds a bulletin of some chunks."""
    gossip = Gossip(world.purse().device)
    assert isinstance(gossip.device.bulletin(published(world, epoch, numbers).encode()), Accepted)
    return gossip


def asking_delta(epoch: int, since: int) -> bytes:
    return AskDelta(epoch=epoch, from_epoch=since).encode()


def asking_chunk(epoch: int, position: int) -> bytes:
    return AskChunk(epoch=epoch, position=position).encode()


def meet_outsider(pupil: Gossip, update: Whole, chunks: int) -> list[bytes | None]:
    """What a purse says to somebody who gives it a bulletin, no delta, and the first chunks of the list."""
    said: list[bytes | None] = [pupil.begin()]
    gives = [Chunk(epoch=20, position=n, data=update.chunks[n]) for n in range(chunks)]
    answers: list[News] = [have(20), Signed(signed=update.signed), Nothing(), *gives]
    said += [pupil.deliver(answer.encode()) for answer in answers]
    return said


def test_after_a_bad_delta_the_chunks_are_asked_for(world: World) -> None:
    """EPP-DEV-085, EPP-BUL-023: in the same exchange, also after a delta that leads to another list."""
    wrong = published(world, 21, MANY[5:])
    for lie in (by_delta(wrong, 20, MANY[:4], []).delta, by_delta(wrong, 19, MANY[:5], []).delta, b"\x00"):
        pupil = holding(world, 20)
        before = pupil.device.store.digest()
        pupil.begin()
        assert pupil.deliver(have(21).encode()) == AskBulletin().encode()
        assert pupil.deliver(Signed(signed=wrong.signed).encode()) == asking_delta(21, 20)
        assert pupil.deliver(Difference(epoch=21, delta=lie).encode()) == asking_chunk(21, 0)
        assert pupil.device.store.digest() == before
        last = len(wrong.chunks) - 1
        for n, data in enumerate(wrong.chunks):
            answer = pupil.deliver(Chunk(epoch=21, position=n, data=data).encode())
            assert answer == (Done().encode() if n == last else asking_chunk(21, n + 1))
        assert held(pupil.device).stored.chunks == wrong.chunks


def test_one_bad_peer_does_not_block_the_delta(world: World) -> None:
    """EPP-DEV-084, EPP-DEV-087: chunks that one peer gave change nothing of what the next one is asked."""
    update = published(world, 21, MANY[5:])
    pupil, teacher = holding(world, 20), holding(world, 20)
    assert isinstance(teacher.device.bulletin(by_delta(update, 20, MANY[:5], []).encode()), Accepted)
    pupil.begin()
    pupil.deliver(have(21).encode())
    pupil.deliver(Signed(signed=update.signed).encode())
    assert pupil.deliver(Nothing().encode()) == asking_chunk(21, 0)
    assert pupil.deliver(Chunk(epoch=21, position=0, data=update.chunks[0]).encode()) == asking_chunk(21, 1)
    # HAVE, HAVE, ASK-BULLETIN, BULLETIN, ASK-DELTA, DELTA, DONE
    assert exchange(pupil, teacher) == 7
    assert held(pupil.device) == held(teacher.device)


@pytest.mark.parametrize("given", (0, 1, 2))
def test_an_outsider_who_gave_chunks_recognises_nobody(world: World, given: int) -> None:
    """EPP-DEV-086, EPP-DEV-087: a purse asks the same of everybody, whatever chunks it got before."""
    update = published(world, 20, MANY)
    marked, other = Gossip(world.purse().device), Gossip(world.purse().device)
    meet_outsider(marked, update, given)
    asked = [meet_outsider(pupil, update, len(update.chunks)) for pupil in (marked, other)]
    assert asked[0] == asked[1]
    assert asked[0][:-1] == [
        have(EPOCH).encode(),
        AskBulletin().encode(),
        asking_delta(20, EPOCH),
        *(asking_chunk(20, n) for n in range(len(update.chunks))),
    ]
    assert held(marked.device).stored.chunks == update.chunks


def test_only_the_chunk_that_was_asked_for_is_kept(world: World) -> None:
    """EPP-DEV-025, EPP-DEV-027: another position, another epoch and junk end the exchange."""
    update = published(world, 20, MANY)
    first, second = update.chunks[:2]
    for lie in (
        Chunk(epoch=20, position=1, data=second),
        Chunk(epoch=21, position=0, data=first),
        Chunk(epoch=20, position=0, data=second),
        Chunk(epoch=20, position=0, data=first + b"\xff"),
        Chunk(epoch=20, position=0, data=b""),
    ):
        pupil = Gossip(world.purse().device)
        before = pupil.device.store.digest()
        assert meet_outsider(pupil, update, 0)[-1] == asking_chunk(20, 0)
        assert pupil.deliver(lie.encode()) == Done().encode()
        assert pupil.deliver(Chunk(epoch=20, position=0, data=first).encode()) is None
        assert pupil.device.store.digest() == before


def test_a_bulletin_over_a_list_that_is_none_is_forgotten(world: World) -> None:
    """EPP-DEV-025, EPP-BUL-016: the list is judged as if it had come whole."""
    update = published(world, 20, MANY)
    said = Bulletin.decode(cose.parse(update.signed).payload)
    wrong = Bulletin(epoch=20, policy_digest=bytes(32), count=said.count + 1, k=said.k, chunks=said.chunks)
    signed = world.device_centre.sign(objects.CONTEXT_BULLETIN, wrong.encode())
    pupil = Gossip(world.purse().device)
    before = pupil.device.store.digest()
    said_last = meet_outsider(pupil, replace(update, signed=signed), len(update.chunks))[-1]
    assert said_last == Done().encode()
    assert pupil.device.store.digest() == before


def test_a_list_without_numbers_needs_neither_delta_nor_chunk(world: World) -> None:
    """EPP-DEV-084"""
    pupil, teacher = Gossip(world.purse().device), holding(world, 20, [])
    assert exchange(pupil, teacher) == 5
    assert held(pupil.device) == held(teacher.device)


def test_a_list_beyond_the_policy_is_not_begun(world: World) -> None:
    """EPP-DEV-027, EPP-BUL-010"""
    given = world.provisioning()
    narrow = replace(given, policy={**given.policy, "max_bulletin": 3 * CHUNK - 1})
    pupil = Gossip(world.purse(provisioning=narrow).device)
    pupil.begin()
    pupil.deliver(have(20).encode())
    assert pupil.deliver(Signed(signed=published(world, 20, MANY).signed).encode()) == Done().encode()


@pytest.mark.parametrize("where", ("signature", "key", "context", "text"))
def test_only_the_device_centre_makes_bulletins(world: World, where: str) -> None:
    """EPP-DEV-027, EPP-KEY-007"""
    good = published(world, 20, MANY).signed
    payload = cose.parse(good).payload
    stranger = World(world.directory / "other", seed=b"other")
    bad = {
        "signature": good[:-1] + bytes([good[-1] ^ 1]),
        "key": stranger.device_centre.sign(objects.CONTEXT_BULLETIN, payload),
        "context": world.device_centre.sign(objects.CONTEXT_PURSE_ID, payload),
        "text": b"bulletin",
    }[where]
    pupil = Gossip(world.purse().device)
    pupil.begin()
    pupil.deliver(have(20).encode())
    assert pupil.deliver(Signed(signed=bad).encode()) == Done().encode()


def test_power_loss_forgets_only_chunks(world: World) -> None:
    """EPP-DEV-087, EPP-CRS-015: until the last chunk nothing is written, then once."""
    device = world.purse([1]).device
    update = published(world, 20, MANY)
    before, writes = device.store.digest(), device.store.writes
    meet_outsider(Gossip(device), update, 2)
    assert (device.store.digest(), device.store.writes) == (before, writes)
    device.power_cut()
    assert device.store.digest() == before
    meet_outsider(Gossip(device), update, len(update.chunks))
    assert device.store.writes == writes + 1
    device.power_cut()
    assert (held(device).stored.chunks, held(device).signed) == (update.chunks, update.signed)
    assert list(held(device).revoked) == [int.from_bytes(number, "big") for number in MANY]
