"""The register in a database that others have open too: opened again, locked, two processes, killed."""

import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from eiraku.reference.anchor import parse_purse_id, verify_bulletin
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.system.database import Database, DatabaseError
from eiraku.system.device.keys import RegistryError
from eiraku.system.device.registry import Registry
from eiraku.system.device.schema import BULLETIN, SCHEMA
from eiraku.testing.register import PERSON, RANDOM, ROOTS, SEAL, anchor, key, made, new

pytestmark = pytest.mark.slow

# --- opening ---


def test_opened_again(centre_url: str) -> None:
    registry = made(centre_url)
    number = new(registry)
    registry.bulletins.advance()
    bulletin = registry.bulletins.newest()
    registry.database.close()
    again = Registry(Database(centre_url, SCHEMA), random=RANDOM)
    assert (again.bulletins.epoch, again.seal, again.bulletins.newest()) == (11, SEAL, bulletin)
    assert again.purses.lookup(number) is not None
    centre: dict[str, Any] = {"seal": SEAL, "policy_digest": bytes(32), "max_bulletin": 4096}
    centre |= {"root": ROOTS.device}
    with pytest.raises(RegistryError, match="has a device centre already"):
        Registry.create(again.database, epoch=1, random=RANDOM, **centre)
    again.database.close()


def test_nothing_was_created(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'device.db'}", SCHEMA)
    with pytest.raises(RegistryError, match="create it first"):
        Registry(database, random=RANDOM)
    right: dict[str, Any] = {"seal": SEAL, "policy_digest": bytes(32), "max_bulletin": 4096, "epoch": 1}
    right |= {"root": ROOTS.device}
    for wrong in ({"seal": b"x"}, {"policy_digest": b"x"}, {"epoch": -1}, {"epoch": 2**32}):
        with pytest.raises(RegistryError, match="expected"):
            Registry.create(database, random=RANDOM, **right | wrong)
    database.close()


def test_a_locked_database_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'device.db'}"
    registry = made(url)
    number = new(registry)
    impatient = Registry(Database(url, SCHEMA, wait=0.05), random=RANDOM)
    with registry.database.writing():
        with pytest.raises(DatabaseError, match="end the other program"):
            impatient.purses.revoke(number, "copied")
        with pytest.raises(DatabaseError, match="end the other program"):
            impatient.bulletins.advance()
    assert registry.bulletins.epoch == 10
    impatient.bulletins.advance()
    assert registry.bulletins.epoch == 11
    impatient.database.close()
    registry.database.close()


# --- several at once ---


def test_several_at_once_never_share(centre_url: str) -> None:
    """EPP-DEV-001, EPP-DEV-005: two openings of one database, as two processes have."""
    first = made(centre_url)
    second = Registry(Database(centre_url, SCHEMA, wait=60), random=Drbg(b"second"))
    keys = [key() for _ in range(10)]

    def register(public: bytes, registry: Registry) -> bytes:
        return registry.purses.register(public, **PERSON)

    with ThreadPoolExecutor(8) as pool:
        signed = list(pool.map(register, keys * 2, [first] * 10 + [second] * 10))
        bulletins = list(pool.map(lambda registry: registry.bulletins.advance(), [first, second] * 6))
    assert signed[:10] == signed[10:]
    assert len({parse_purse_id(one).claims.number for one in signed}) == 10
    epochs = [verify_bulletin(anchor(first), one).epoch for one in bulletins]
    assert sorted(epochs) == list(range(11, 23))
    first.database.close()
    second.database.close()


WORKER = """
import os
import sys
from sqlalchemy import select
from eiraku.system.database import Database
from eiraku.system.device.keys import RegistryError
from eiraku.system.device.registry import Registry
from eiraku.system.device.schema import PURSE, SCHEMA
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec.objects import Role
registry = Registry(Database(sys.argv[1], SCHEMA, wait=60), random=os.urandom)
for n in range(int(sys.argv[2]), 10**6):
    public = SigningKey(n.to_bytes(32, "big")).public
    try:
        registry.purses.register(
            public, role=Role.PERSON, tier=1, holder=bytes(32), economy=392, expires=10**9
        )
    except RegistryError:  # renewed or revoked already
        pass
    with registry.database.reading() as connection:
        number = connection.execute(select(PURSE.c.number).where(PURSE.c.public_key == public)).scalar_one()
    print("purse", n, number.hex(), flush=True)
    if n % 5 == 1:
        print("renewed", n, registry.purses.renew(number, 10**9 + 1).hex(), flush=True)
    if n % 5 == 2:
        registry.purses.revoke(number, "copied")
        print("revoked", n, number.hex(), flush=True)
    if n % 3 == 0:
        print("bulletin", n, registry.bulletins.advance().hex(), flush=True)
    if n >= int(sys.argv[3]):
        break
"""


def worker(url: str, start: int, stop: int = 10**6) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WORKER, url, str(start), str(stop)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def said(process: "subprocess.Popen[str]") -> list[tuple[str, int, str]]:
    """Complete lines of what the process acknowledged."""
    assert process.stdout is not None
    lines = process.stdout.read().split("\n")[:-1]
    process.stdout.close()
    process.wait()
    return [acknowledgement(line) for line in lines]


def acknowledgement(line: str) -> tuple[str, int, str]:
    kind, n, rest = line.split()
    return kind, int(n), rest


def test_two_processes(centre_url: str) -> None:
    """EPP-DEV-001, EPP-DEV-005: both register the same keys, and publish."""
    registry = made(centre_url)
    both = [worker(centre_url, 1, 25) for _ in range(2)]
    results = [said(process) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    purses = [{n: rest for kind, n, rest in lines if kind == "purse"} for lines in results]
    assert purses[0] == purses[1]
    assert purses[0].keys() == set(range(1, 26))
    assert len(set(purses[0].values())) == 25
    bulletins = [rest for lines in results for kind, _, rest in lines if kind == "bulletin"]
    epochs = [verify_bulletin(anchor(registry), bytes.fromhex(one)).epoch for one in bulletins]
    assert sorted(epochs) == list(range(11, 11 + 16))
    assert len(registry.purses.known()) == 25
    registry.database.close()


def test_killed_at_any_moment(centre_url: str, kills: int) -> None:
    """EPP-DEV-001, EPP-DEV-005: what was acknowledged is there, and nothing is there twice."""
    kills = kills or 4
    registry = made(centre_url)
    chance = random.Random(5)
    acknowledged: dict[tuple[str, int], str] = {}
    bulletins: dict[int, str] = {}
    start = 1
    for _ in range(kills):
        process = worker(centre_url, start)
        assert process.stdout is not None
        # Counted in what was acknowledged and not in time, so that a busy machine changes nothing.
        lines = [acknowledgement(process.stdout.readline())]
        while lines[-1][0] != "bulletin":
            lines.append(acknowledgement(process.stdout.readline()))
        lines += [acknowledgement(process.stdout.readline()) for _ in range(chance.randrange(8))]
        time.sleep(chance.uniform(0, 0.005))
        process.send_signal(signal.SIGKILL)
        for kind, n, rest in lines + said(process):
            if kind == "bulletin":
                epoch = verify_bulletin(anchor(registry), bytes.fromhex(rest)).epoch
                assert bulletins.setdefault(epoch, rest) == rest
            else:
                assert acknowledged.setdefault((kind, n), rest) == rest
        start = max(n for _, n in acknowledged)
    assert len(bulletins) >= kills
    assert registry.bulletins.epoch - max(bulletins) in {0, 1}
    assert epochs_of(registry) == list(range(10, registry.bulletins.epoch + 1))
    for epoch, signed in bulletins.items():
        assert stored(registry, epoch).hex() == signed
    by_key = {purse.public_key: purse for purse in registry.purses.known(limit=10**6)}
    for (kind, n), rest in acknowledged.items():
        purse = by_key[SigningKey(n.to_bytes(32, "big")).public]
        match kind:
            case "purse":
                assert purse.number.hex() == rest
            case "renewed":
                assert purse.purse_id.hex() == rest
            case "revoked":
                assert (purse.number.hex(), purse.state) == (rest, "revoked")
    assert len({purse.number for purse in registry.purses.known(limit=10**6)}) in {start, start + 1}
    verify_bulletin(anchor(registry), registry.bulletins.advance())
    registry.database.close()


def epochs_of(registry: Registry) -> list[int]:
    with registry.database.reading() as connection:
        return list(connection.execute(select(BULLETIN.c.epoch).order_by(BULLETIN.c.epoch)).scalars())


def stored(registry: Registry, epoch: int) -> bytes:
    with registry.database.reading() as connection:
        query = select(BULLETIN.c.signed).where(BULLETIN.c.epoch == epoch)
        return bytes(connection.execute(query).scalar_one())
