"""Bulletins of the device centre: who is on them, their epochs, chunks, and the deltas between them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from eiraku.reference.anchor import parse_purse_id, verify_bulletin
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec import bulletins
from eiraku.spec.bulletins import Bulletin, Changed, Whole
from eiraku.spec.objects import Role
from eiraku.spec.revoked import CHUNK, RevokedList, coded
from eiraku.system.database import Database, DatabaseError
from eiraku.system.device import bulletins as registry_bulletins
from eiraku.system.device.keys import RegistryError
from eiraku.system.device.registry import Registry
from eiraku.system.device.schema import BULLETIN, PURSE, SCHEMA
from eiraku.testing.register import ROOTS, anchor

pytestmark = pytest.mark.slow

RANDOM = Drbg(b"bulletins")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    database = Database(f"sqlite:///{tmp_path / 'device.db'}", SCHEMA)
    yield created(database)
    database.close()


def created(database: Database, max_bulletin: int = 2**20) -> Registry:
    centre: dict[str, Any] = {"seal": bytes(16), "policy_digest": b"p" * 32, "max_bulletin": max_bulletin}
    return Registry.create(database, epoch=10, random=RANDOM, root=ROOTS.device, **centre)


def read(registry: Registry, signed: bytes | None = None) -> Bulletin:
    return verify_bulletin(anchor(registry), registry.bulletins.signed() if signed is None else signed)


def whole(registry: Registry) -> Whole:
    """The newest bulletin."""
    found = bulletins.update(registry.bulletins.newest())
    assert isinstance(found, Whole)
    return found


def on(registry: Registry) -> tuple[bytes, ...]:
    """The numbers on the newest bulletin."""
    listed = bulletins.whole(read(registry), whole(registry).chunks)
    return tuple(number.to_bytes(8, "big") for number in listed)


def on_next(registry: Registry) -> tuple[bytes, ...]:
    registry.bulletins.advance()
    return on(registry)


def new(registry: Registry, expires: int = 60) -> bytes:
    signed = registry.purses.register(
        SigningKey(RANDOM(32)).public,
        role=Role.PERSON,
        tier=1,
        holder=bytes(32),
        economy=392,
        expires=expires,
    )
    return parse_purse_id(signed).claims.number


def fill(registry: Registry, count: int, expires: int, *, first: int = 1, apart: int = 1) -> None:
    """So many revoked purses, without their keys, their numbers `apart`."""
    rest: dict[str, Any] = {"role": 1, "tier": 1, "holder": b"", "economy": 392, "registered": 10}
    rest |= {"issued": 10, "expires": expires, "reserved": b"", "purse_id": b""}
    rest |= {"state": "revoked", "since": 10, "reason": "many"}
    rows = [
        {"number": n.to_bytes(8, "big"), "public_key": n.to_bytes(32, "big")} | rest
        for n in range(first, first + count * apart, apart)
    ]
    if rows:
        with registry.database.writing() as connection:
            connection.execute(PURSE.insert(), rows)


def epochs_of(registry: Registry) -> list[int]:
    with registry.database.reading() as connection:
        return list(connection.execute(select(BULLETIN.c.epoch).order_by(BULLETIN.c.epoch)).scalars())


def test_a_new_centre_has_a_bulletin(registry: Registry) -> None:
    """EPP-DEV-005"""
    assert read(registry) == Bulletin.of(coded(()), epoch=10, policy_digest=b"p" * 32)
    assert on(registry) == ()
    assert epochs_of(registry) == [10]


def test_epochs_only_rise(registry: Registry) -> None:
    """EPP-DEV-005"""
    assert read(registry, registry.bulletins.advance()).epoch == 11
    assert read(registry, registry.bulletins.advance(20)).epoch == registry.bulletins.epoch == 20
    for epoch in (20, 19, 2**32):
        with pytest.raises(RegistryError, match="expected an epoch after 20"):
            registry.bulletins.advance(epoch)
    assert epochs_of(registry) == [10, 11, 20]


@pytest.mark.parametrize("end", ("recall", "revoke"))
def test_on_every_bulletin_until_the_purse_id_has_expired(registry: Registry, end: str) -> None:
    """EPP-DEV-004, EPP-DEV-008"""
    number, other = new(registry, expires=14), new(registry, expires=30)
    getattr(registry.purses, end)(number, "copied")
    registry.purses.revoke(other, "copied")
    assert on(registry) == ()
    seen = [number in on_next(registry) for _ in range(11, 17)]
    assert seen == [True, True, True, True, False, False]
    assert on(registry) == (other,)


def test_a_renewed_purse_id_counts(registry: Registry) -> None:
    """EPP-DEV-004: the last purse ID that was signed."""
    number = new(registry, expires=12)
    registry.purses.renew(number, 14)
    registry.purses.revoke(number, "copied")
    seen = [number in on_next(registry) for _ in range(5)]
    assert seen == [True] * 4 + [False]


def test_numbers_ascend(registry: Registry) -> None:
    """EPP-BUL-003"""
    numbers = [new(registry) for _ in range(20)]
    for number in numbers:
        registry.purses.revoke(number, "copied")
    assert on_next(registry) == tuple(sorted(numbers))
    assert list(registry.bulletins.listed()) == [int.from_bytes(number, "big") for number in numbers]


def test_numbers_count_up(registry: Registry) -> None:
    """EPP-DEV-026"""
    assert [new(registry) for _ in range(3)] == [n.to_bytes(8, "big") for n in (1, 2, 3)]
    fill(registry, 1, expires=50, first=2**63 - 2)
    assert new(registry) == (2**63 - 1).to_bytes(8, "big")
    with pytest.raises(RegistryError, match="this scheme is full"):
        new(registry)


def test_the_policy_digest(registry: Registry) -> None:
    assert read(registry).policy_digest == b"p" * 32
    assert read(registry, registry.bulletins.advance()).policy_digest == b"p" * 32


def test_a_bulletin_is_stored_before_it_is_published(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """EPP-DEV-005: a write that fails publishes nothing, and the epoch is free for the next attempt."""
    before = registry.bulletins.newest()
    publish = registry_bulletins.publish

    def lose_power(connection: Connection, epoch: int) -> bytes:
        publish(connection, epoch)
        raise OSError("no power")

    with monkeypatch.context() as patch:
        patch.setattr(registry_bulletins, "publish", lose_power)
        with pytest.raises(OSError, match="no power"):
            registry.bulletins.advance()
    assert registry.bulletins.newest() == before
    assert registry.bulletins.epoch == 10
    registry.bulletins.advance()
    assert registry.bulletins.epoch == 11


@pytest.mark.parametrize("count", (0, 1, 100, 40_000))
def test_chunks(registry: Registry, count: int) -> None:
    """EPP-BUL-012, EPP-BUL-018: as they are handed out one by one."""
    fill(registry, count, expires=50, apart=2)
    registry.bulletins.advance()
    update = whole(registry)
    assert registry.bulletins.signed() == update.signed
    chunks = [registry.bulletins.chunk(11, n) for n in range(len(update.chunks) + 1)]
    assert chunks == [*update.chunks, None]
    assert registry.bulletins.chunk(10, 0) is None
    assert len(update.chunks) == {0: 0, 1: 1, 100: 1, 40_000: 3}[count]
    assert len(on(registry)) == count


def test_deltas_from_the_last_bulletins(registry: Registry) -> None:
    """EPP-DEV-029: each leads from its bulletin to the newest; others are not there."""
    numbers = [new(registry, expires=13 + n % 5) for n in range(40)]
    lists: dict[int, RevokedList] = {10: registry.bulletins.listed()}
    for n in range(8):
        for number in numbers[5 * n : 5 * n + 5]:
            registry.purses.revoke(number, "copied")
        registry.bulletins.advance()
        lists[registry.bulletins.epoch] = registry.bulletins.listed()
    newest = registry.bulletins.epoch
    said = read(registry)
    assert newest == 18
    for epoch, listed in lists.items():
        delta = registry.bulletins.delta(newest, epoch)
        if epoch == newest:
            assert delta is None
            continue
        assert delta is not None
        assert bulletins.changed(said, delta, epoch, listed) == lists[newest]
        assert (
            registry.bulletins.since(epoch)
            == Changed(signed=registry.bulletins.signed(), delta=delta).encode()
        )
    assert registry.bulletins.delta(newest, 9) is None
    assert registry.bulletins.delta(newest - 1, 10) is None
    assert registry.bulletins.since(9) == registry.bulletins.newest() == registry.bulletins.since(0)
    for epoch in (newest, newest + 1):
        nothing = Whole(signed=registry.bulletins.signed(), chunks=())
        assert registry.bulletins.since(epoch) == nothing.encode()
    few = Registry(registry.database, random=RANDOM, deltas=2)
    found = [few.bulletins.delta(newest, epoch) is not None for epoch in range(10, 18)]
    assert found == [False] * 6 + [True] * 2


def test_no_delta_that_is_too_long(registry: Registry) -> None:
    """EPP-DEV-029: nor one across it."""
    registry.bulletins.advance()
    fill(registry, 40_000, expires=50, apart=100_000)
    for _ in range(2):
        registry.bulletins.advance()
    assert registry.bulletins.delta(13, 12) is not None
    assert registry.bulletins.delta(13, 11) is None
    assert registry.bulletins.delta(13, 10) is None
    assert registry.bulletins.since(11) == registry.bulletins.newest()


def test_too_many_for_one_bulletin(tmp_path: Path) -> None:
    """EPP-DEV-012, EPP-DEV-110: the error says what to do, and doing it helps."""
    database = Database(f"sqlite:///{tmp_path / 'device.db'}", SCHEMA)
    registry = created(database, 2 * CHUNK + CHUNK - 1)
    fill(registry, 20_000, expires=100, apart=2)
    fill(registry, 5000, expires=40, first=10**6, apart=2)
    fill(registry, 5000, expires=30, first=10**7, apart=2)
    said = r"would name 30000 purses in \d+ chunks, .* room for 2; advance to epoch 41,"
    with pytest.raises(RegistryError, match=said):
        registry.bulletins.advance()
    assert registry.bulletins.epoch == 10
    with pytest.raises(RegistryError, match="advance to epoch 41"):
        registry.bulletins.advance(40)
    registry.bulletins.advance(41)
    assert len(on(registry)) == 20_000


def advance_far(registry: Registry) -> None:
    for _ in range(50):
        registry.bulletins.advance()


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'device.db'}"
    roomy = Database(url, SCHEMA)
    created(roomy)
    fill(Registry(roomy, random=RANDOM), 20_000, expires=100, apart=9)
    roomy.close()
    pages = (tmp_path / "device.db").stat().st_size // 4096
    narrow = Database(url, SCHEMA, max_pages=pages + 4)
    registry = Registry(narrow, random=RANDOM)
    with pytest.raises(DatabaseError, match="make room on the disk"):
        advance_far(registry)
    epoch = registry.bulletins.epoch
    assert read(registry).epoch == epoch
    narrow.close()
    again = Registry(Database(url, SCHEMA), random=RANDOM)
    assert again.bulletins.epoch == epoch
    assert read(again, again.bulletins.advance()).epoch == epoch + 1
    again.database.close()
