"""A revoked list that comes in chunks, in any order and among junk."""

import random
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eiraku.reference.crypto import cose
from eiraku.reference.gossip import Collector, epoch_of
from eiraku.spec import objects
from eiraku.spec.bulletins import Bulletin
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.revoked import CHUNK
from eiraku.testing.news import held, published, revoked
from eiraku.testing.purses import EPOCH, World

MANY = revoked(30_000, apart=3)
"""Three chunks."""


def test_a_list_comes_together_from_chunks_in_any_order(world: World) -> None:
    """EPP-DEV-027"""
    device = world.purse().device
    collector = Collector(device)
    update = published(world, 20, MANY)
    assert collector.take_bulletin(update.signed)
    assert not collector.take_bulletin(update.signed)
    chunks = list(update.chunks)
    assert len(chunks) == len(collector.missing()) == 3
    writes = device.store.writes
    random.Random(1).shuffle(chunks)
    for chunk in chunks[:-1]:
        assert collector.take_chunk(chunk)
        assert not collector.take_chunk(chunk)
    assert epoch_of(device) == EPOCH
    assert device.store.writes == writes
    assert collector.take_chunk(chunks[-1])
    assert (held(device).stored.chunks, held(device).signed) == (update.chunks, update.signed)
    assert list(held(device).revoked) == [int.from_bytes(number, "big") for number in MANY]
    assert epoch_of(device) == 20
    assert device.store.writes == writes + 1
    assert collector.missing() == ()


def test_a_list_without_numbers_needs_no_chunk(world: World) -> None:
    """EPP-DEV-027"""
    device = world.purse().device
    assert Collector(device).take_bulletin(published(world, 20).signed)
    assert epoch_of(device) == 20


@given(seed=st.integers(0, 2**32), junk=st.lists(st.binary(max_size=1100), max_size=10))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_junk_costs_nothing_but_itself(world: World, seed: int, junk: list[bytes]) -> None:
    """EPP-DEV-027, EPP-DEV-028: junk, repeats, chunks of other epochs, in any order."""
    device = world.purse().device
    collector = Collector(device)
    update = published(world, 30, MANY)
    other = published(world, 25, MANY[1:])
    collector.take_bulletin(other.signed)
    assert collector.take_chunk(other.chunks[0])
    assert collector.take_bulletin(update.signed)
    assert not collector.take_bulletin(other.signed)
    stream = [*update.chunks, *update.chunks, *other.chunks, *junk, bytes(CHUNK), b""]
    random.Random(seed).shuffle(stream)
    before = device.store.digest()
    for chunk in stream:
        of_use = any(update.chunks[n] == chunk for n in collector.missing())
        assert collector.take_chunk(chunk) == of_use
        if collector.missing():
            assert device.store.digest() == before
    assert held(device).signed == update.signed


def test_memory_is_bounded(world: World) -> None:
    """EPP-DEV-028"""
    collector = Collector(world.purse().device)
    one, two = published(world, 20, MANY), published(world, 21, MANY[1:])
    for update in (one, two):
        collector.take_bulletin(update.signed)
        for chunk in update.chunks[:-1]:
            collector.take_chunk(chunk)
        for n in range(500):
            collector.take_chunk(n.to_bytes(4, "big") * 256)
    assert list(collector._chunks.values()) == list(two.chunks[:-1])


def test_power_loss_forgets_only_chunks(world: World) -> None:
    """EPP-DEV-028"""
    device = world.purse([1]).device
    update = published(world, 20, MANY)
    first = Collector(device)
    first.take_bulletin(update.signed)
    first.take_chunk(update.chunks[0])
    before = device.store.digest()
    device.power_cut()
    assert device.store.digest() == before
    again = Collector(device)
    assert again.missing() == ()
    again.take_bulletin(update.signed)
    for chunk in update.chunks:
        again.take_chunk(chunk)
    assert held(device).signed == update.signed
    device.power_cut()
    assert held(device).stored.chunks == update.chunks


@pytest.mark.parametrize("where", ("signature", "key", "context", "text"))
def test_only_the_device_centre_makes_bulletins(world: World, where: str) -> None:
    """EPP-DEV-027, EPP-KEY-007"""
    collector = Collector(world.purse().device)
    good = published(world, 20, MANY).signed
    payload = cose.parse(good).payload
    stranger = World(world.directory / "other", seed=b"other")
    bad = {
        "signature": good[:-1] + bytes([good[-1] ^ 1]),
        "key": stranger.device_centre.sign(objects.CONTEXT_BULLETIN, payload),
        "context": world.device_centre.sign(objects.CONTEXT_PURSE_ID, payload),
        "text": b"bulletin",
    }[where]
    with pytest.raises(Refusal) as refused:
        collector.take_bulletin(bad)
    assert refused.value.code in {Code.BULLETIN_SIGNATURE, Code.MALFORMED}
    assert collector.epoch is None


def test_a_list_beyond_the_policy_is_not_begun(world: World) -> None:
    """EPP-DEV-027, EPP-BUL-010"""
    given = world.provisioning()
    narrow = replace(given, policy={**given.policy, "max_bulletin": 3 * CHUNK - 1})
    purse = world.purse(provisioning=narrow)
    with pytest.raises(Refusal, match="EPP-BUL-010"):
        Collector(purse.device).take_bulletin(published(world, 20, MANY).signed)


def test_a_bulletin_over_a_list_that_is_none_is_forgotten(world: World) -> None:
    """EPP-DEV-027, EPP-BUL-016: the list is judged as if it had come whole."""
    device = world.purse().device
    collector = Collector(device)
    update = published(world, 20, MANY)
    said = Bulletin.decode(cose.parse(update.signed).payload)
    wrong = Bulletin(epoch=20, policy_digest=bytes(32), count=said.count + 1, k=said.k, chunks=said.chunks)
    collector.take_bulletin(world.device_centre.sign(objects.CONTEXT_BULLETIN, wrong.encode()))
    before = device.store.digest()
    for chunk in update.chunks:
        collector.take_chunk(chunk)
    assert device.store.digest() == before
    assert collector.epoch is None
