"""A bulletin that comes in chunks, in any order and among junk."""

import random
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eiraku.reference.crypto import cose
from eiraku.reference.gossip import Collector, epoch_of
from eiraku.spec.centre_objects import CONTEXT_BULLETIN_HEAD, BulletinHead
from eiraku.spec.errors import Code, Refusal
from eiraku.system.device.bulletins import cut
from eiraku.testing.news import held, published, revoked
from eiraku.testing.purses import EPOCH, World


def test_a_bulletin_comes_together_from_chunks_in_any_order(world: World) -> None:
    """EPP-DEV-009"""
    device = world.purse().device
    collector = Collector(device)
    signed, head = published(world, 20, revoked(1000))
    assert collector.take_head(head)
    assert not collector.take_head(head)
    chunks = list(cut(signed))
    assert len(chunks) == len(collector.missing()) == 9
    writes = device.store.writes
    random.Random(1).shuffle(chunks)
    for chunk in chunks[:-1]:
        assert collector.take_chunk(chunk)
        assert not collector.take_chunk(chunk)
    assert epoch_of(device) == EPOCH
    assert device.store.writes == writes
    assert collector.take_chunk(chunks[-1])
    assert held(device) == signed
    assert epoch_of(device) == 20
    assert device.store.writes == writes + 1
    assert collector.missing() == ()
    assert collector.head() == head


@given(seed=st.integers(0, 2**32), junk=st.lists(st.binary(max_size=1100), max_size=10))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_junk_costs_nothing_but_itself(world: World, seed: int, junk: list[bytes]) -> None:
    """EPP-DEV-009: junk, repeats, chunks of other epochs, in any order."""
    device = world.purse().device
    collector = Collector(device)
    signed, head = published(world, 30, revoked(400))
    other, other_head = published(world, 25, revoked(401))
    collector.take_head(other_head)
    assert collector.take_chunk(cut(other)[0])
    assert collector.take_head(head)
    assert not collector.take_head(other_head)
    stream = [*cut(signed), *cut(signed), *cut(other), *junk, b"\x00" * 1024]
    random.Random(seed).shuffle(stream)
    before = device.store.digest()
    for chunk in stream:
        of_use = any(cut(signed)[n] == chunk for n in collector.missing())
        assert collector.take_chunk(chunk) == of_use
        if collector.missing():
            assert device.store.digest() == before
    assert held(device) == signed


def test_memory_is_bounded(world: World) -> None:
    """EPP-DEV-009"""
    collector = Collector(world.purse().device)
    signed, head = published(world, 20, revoked(7200))
    collector.take_head(head)
    assert len(collector.missing()) == 64
    for chunk in cut(signed)[:-1]:
        collector.take_chunk(chunk)
    for n in range(500):
        collector.take_chunk(n.to_bytes(4, "big") * 256)
    assert sum(map(len, collector._chunks.values())) <= 64 * 1024


def test_power_loss_forgets_only_chunks(world: World) -> None:
    """EPP-DEV-009"""
    device = world.purse([1]).device
    signed, head = published(world, 20, revoked(300))
    first = Collector(device)
    first.take_head(head)
    first.take_chunk(cut(signed)[0])
    before = device.store.digest()
    device.power_cut()
    assert device.store.digest() == before
    again = Collector(device)
    assert again.missing() == ()
    again.take_head(head)
    for chunk in cut(signed):
        again.take_chunk(chunk)
    assert held(device) == signed


@pytest.mark.parametrize("where", ("signature", "key", "none", "text"))
def test_only_the_device_centre_makes_heads(world: World, where: str) -> None:
    """EPP-DEV-009, EPP-KEY-007"""
    collector = Collector(world.purse().device)
    _, good = published(world, 20, revoked(300))
    payload = cose.parse(good).payload
    stranger = World(world.directory / "other", seed=b"other")
    bad = {
        "signature": good[:-1] + bytes([good[-1] ^ 1]),
        "key": stranger.device_centre.sign(CONTEXT_BULLETIN_HEAD, payload),
        "none": world.device_centre.sign(b"EPP/1 bulletin", payload),
        "text": b"head",
    }[where]
    with pytest.raises(Refusal) as refused:
        collector.take_head(bad)
    assert refused.value.code in {Code.BULLETIN_SIGNATURE, Code.MALFORMED}
    assert collector.epoch is None


def test_a_head_over_a_bulletin_that_is_none_is_forgotten(world: World) -> None:
    """EPP-DEV-009, EPP-BUL-001: the bulletin is judged as if it had come whole."""
    device = world.purse().device
    collector = Collector(device)
    junk = b"no bulletin"
    head = BulletinHead(epoch=20, digest=sha256(junk).digest(), chunks=(sha256(junk).digest(),))
    collector.take_head(world.device_centre.sign(CONTEXT_BULLETIN_HEAD, head.encode()))
    before = device.store.digest()
    collector.take_chunk(junk)
    assert device.store.digest() == before
    assert collector.epoch is None
