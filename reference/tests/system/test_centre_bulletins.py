"""Bulletins of the device centre: who is on them, their epochs, size, heads and chunks."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from eiraku.reference.anchor import parse_purse_id, verify_bulletin
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.gossip import verify_head
from eiraku.spec.cbor import LIMIT
from eiraku.spec.centre_objects import CHUNK, CHUNKS_MAX
from eiraku.spec.objects import Bulletin, Role
from eiraku.system.database import Database, DatabaseError
from eiraku.system.device import bulletins as registry_bulletins
from eiraku.system.device.bulletins import REVOKED_MAX
from eiraku.system.device.keys import RegistryError
from eiraku.system.device.registry import Registry
from eiraku.system.device.schema import BULLETIN, PURSE, SCHEMA
from eiraku.testing.register import ROOTS, anchor

pytestmark = pytest.mark.slow

RANDOM = Drbg(b"bulletins")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[Registry]:
    database = Database(f"sqlite:///{tmp_path / 'device.db'}", SCHEMA)
    yield Registry.create(
        database, seal=bytes(16), policy_digest=b"p" * 32, epoch=10, random=RANDOM, root=ROOTS.device
    )
    database.close()


def read(registry: Registry, signed: bytes | None = None) -> Bulletin:
    return verify_bulletin(anchor(registry), registry.bulletins.newest() if signed is None else signed)


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


def fill(registry: Registry, count: int, expires: int, *, first: int = 1) -> None:
    """So many revoked purses, without their keys."""
    rest: dict[str, Any] = {"role": 1, "tier": 1, "holder": b"", "economy": 392, "registered": 10}
    rest |= {"issued": 10, "expires": expires, "reserved": b"", "purse_id": b""}
    rest |= {"state": "revoked", "since": 10, "reason": "many"}
    rows = [
        {"number": n.to_bytes(8, "big"), "public_key": n.to_bytes(32, "big")} | rest
        for n in range(first, first + count)
    ]
    if rows:
        with registry.database.writing() as connection:
            connection.execute(PURSE.insert(), rows)


def epochs_of(registry: Registry) -> list[int]:
    with registry.database.reading() as connection:
        return list(connection.execute(select(BULLETIN.c.epoch).order_by(BULLETIN.c.epoch)).scalars())


def test_a_new_centre_has_a_bulletin(registry: Registry) -> None:
    """EPP-DEV-005"""
    assert read(registry) == Bulletin(epoch=10, revoked=(), policy_digest=b"p" * 32)
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
    assert read(registry).revoked == ()
    seen = [number in read(registry, registry.bulletins.advance()).revoked for _ in range(11, 17)]
    assert seen == [True, True, True, True, False, False]
    assert read(registry).revoked == (other,)


def test_a_renewed_purse_id_counts(registry: Registry) -> None:
    """EPP-DEV-004: the last purse ID that was signed."""
    number = new(registry, expires=12)
    registry.purses.renew(number, 14)
    registry.purses.revoke(number, "copied")
    assert [number in read(registry, registry.bulletins.advance()).revoked for _ in range(5)] == [
        True
    ] * 4 + [False]


def test_numbers_ascend(registry: Registry) -> None:
    """EPP-BUL-003"""
    numbers = [new(registry) for _ in range(20)]
    for number in numbers:
        registry.purses.revoke(number, "copied")
    assert read(registry, registry.bulletins.advance()).revoked == tuple(sorted(numbers))


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


@pytest.mark.parametrize("count", (0, 1, 100, 101, 102, 7000, REVOKED_MAX))
def test_head_and_chunks(registry: Registry, count: int) -> None:
    """EPP-DEV-009, EPP-BUL-005"""
    fill(registry, count, expires=50)
    signed = registry.bulletins.advance()
    assert len(signed) <= LIMIT
    chunks = registry.bulletins.chunks()
    assert b"".join(chunks) == registry.bulletins.newest() == signed
    assert all(len(chunk) == CHUNK for chunk in chunks[:-1])
    assert 0 < len(chunks[-1]) <= CHUNK
    assert len(chunks) <= CHUNKS_MAX
    head = verify_head(anchor(registry), registry.bulletins.head())
    assert (head.epoch, head.digest) == (11, sha256(signed).digest())
    assert head.chunks == tuple(sha256(chunk).digest() for chunk in chunks)


def test_too_many_for_one_bulletin(registry: Registry) -> None:
    """EPP-DEV-012: the error says what to do, and doing it helps."""
    fill(registry, REVOKED_MAX - 10, expires=100)
    fill(registry, 12, expires=40, first=10**6)
    fill(registry, 5, expires=30, first=10**7)
    with pytest.raises(RegistryError, match=r"would name 7266 purses, .* advance to epoch 41,"):
        registry.bulletins.advance()
    assert registry.bulletins.epoch == 10
    with pytest.raises(RegistryError, match="advance to epoch 41"):
        registry.bulletins.advance(40)
    assert len(read(registry, registry.bulletins.advance(41)).revoked) == REVOKED_MAX - 10


def advance_far(registry: Registry) -> None:
    for _ in range(50):
        registry.bulletins.advance()


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'device.db'}"
    roomy = Database(url, SCHEMA)
    Registry.create(
        roomy, seal=bytes(16), policy_digest=bytes(32), epoch=10, random=RANDOM, root=ROOTS.device
    )
    fill(Registry(roomy, random=RANDOM), 3000, expires=100)
    roomy.close()
    pages = (tmp_path / "device.db").stat().st_size // 4096
    narrow = Database(url, SCHEMA, max_pages=pages + 20)
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


def test_cut_covers_everything() -> None:
    """EPP-DEV-009"""
    for length in (1, 1023, 1024, 1025, 2048, 65535):
        chunks = registry_bulletins.cut(bytes(length))
        assert sum(map(len, chunks)) == length
        assert len(chunks) == -(-length // 1024)
