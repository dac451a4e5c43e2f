"""The store: one transaction for each change, typed failures, nothing half done."""

import os
import sqlite3
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from eiraku.reference.database import APPLICATION, SCHEMA_VERSION, StoreError
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.ledger import (
    BulletinAccepted,
    Change,
    Credit,
    Holding,
    PaymentCredited,
    PaymentPending,
    PaymentSettled,
    Pending,
    Settlement,
    StoredBulletin,
)
from eiraku.reference.purse.state import PayOrder, ReceiveOrder, RedeliverOrder
from eiraku.reference.store import Store
from eiraku.testing.purses import World

pytestmark = pytest.mark.slow

PAYER = b"payer..."


def unit(n: int, hop: int = 0) -> Holding:
    return Holding(
        unit_id=bytes([n]) * 32,
        unit=b"u%d" % n,
        kid=bytes(8),
        value=1 << n,
        issued=1,
        expires=9,
        max_hops=3,
        hop=hop,
        history=b"h",
    )


def credited(*units: Holding, transaction: bytes = bytes(16)) -> PaymentCredited:
    credit = Credit(transaction=transaction, payer=PAYER, amount=3, offer_digest=bytes(32), receipt=bytes(64))
    return PaymentCredited(credit=credit, holdings=units)


def pending(*numbers: int) -> PaymentPending:
    return PaymentPending(
        pending=Pending(
            transaction=bytes(16),
            payee=PAYER,
            amount=3,
            offer=b"offer",
            endorsements=tuple(bytes([n]) * 64 for n in numbers),
            unit_ids=tuple(bytes([n]) * 32 for n in numbers),
        )
    )


SETTLED = PaymentSettled(
    settlement=Settlement(
        transaction=bytes(16), payee=PAYER, amount=3, offer_digest=bytes(32), receipt=bytes(64)
    )
)


BULLETIN = BulletinAccepted(bulletin=StoredBulletin(signed=b"1", chunks=(b"one", b""), delta=b"d"))


def test_a_bulletin_replaces_the_one_before(path: Path) -> None:
    """EPP-BUL-004"""
    store = Store(path)
    store.apply(BULLETIN)
    store.reopen()
    assert store.bulletin() == BULLETIN.bulletin
    digests = {store.digest()}
    for later in (
        StoredBulletin(signed=b"1", chunks=(b"one", b"\xff"), delta=b"d"),
        StoredBulletin(signed=b"1", chunks=(b"one",), delta=b"d"),
        StoredBulletin(signed=b"1", chunks=(b"one",), delta=None),
        StoredBulletin(signed=b"2", chunks=(), delta=None),
    ):
        store.apply(BulletinAccepted(bulletin=later))
        assert store.bulletin() == later
        digests.add(store.digest())
    assert len(digests) == 5


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "purse.db"


def test_places_of_a_unit(path: Path) -> None:
    store = Store(path)
    store.apply(credited(unit(1), unit(2)))
    assert store.total() == (2, 6)
    assert [h.unit_id[0] for h in store.holdings([bytes([2]) * 32, bytes([1]) * 32])] == [2, 1]
    assert store.is_held(bytes([1]) * 32)
    assert not store.is_held(bytes([3]) * 32)
    store.apply(pending(1))
    assert store.total() == (1, 4)
    assert store.pending_units() == 1
    assert store.is_held(bytes([1]) * 32)
    assert store.pending(bytes(16)) == pending(1).pending
    assert store.pending(bytes([1]) * 16) is None
    store.apply(SETTLED)
    assert not store.is_held(bytes([1]) * 32)
    assert store.last_seen(bytes([1]) * 32) == 1, "the hop at which it was given away"
    assert store.pendings() == ()
    assert store.settlements() == (SETTLED.settlement,)
    with pytest.raises(KeyError):
        store.holdings([bytes([1]) * 32])
    store.apply(credited(unit(1, hop=2), transaction=b"2" * 16))
    assert store.last_seen(bytes([1]) * 32) == 2
    assert store.writes == 4


def test_everything_is_there_after_reopening(path: Path) -> None:
    store = Store(path)
    for change in (credited(unit(1), unit(2)), pending(1), BULLETIN):
        store.apply(change)
    before = (store.digest(), store.summaries(), store.pendings(), store.credits(), store.bulletin())
    store.reopen()
    assert (store.digest(), store.summaries(), store.pendings(), store.credits(), store.bulletin()) == before
    assert store.writes == 3


@pytest.mark.parametrize(
    "change",
    (pending(1, 7), pending(7), SETTLED, credited(unit(1), transaction=b"3" * 16), credited(unit(5))),
)
def test_an_impossible_change_changes_nothing(path: Path, change: Change) -> None:
    """Units that are not here cannot leave, one that is here cannot come, a transaction is credited once."""
    store = Store(path)
    store.apply(credited(unit(1), unit(2)))
    before, writes = store.digest(), store.writes
    with pytest.raises(StoreError, match="nothing was changed"):
        store.apply(change)
    assert store.digest() == before
    assert store.writes == writes
    store.apply(pending(1, 2))


def test_the_digest_follows_the_content(path: Path) -> None:
    store = Store(path)
    digests = [store.digest()]
    for change in (BULLETIN, credited(unit(1)), pending(1), SETTLED):
        store.apply(change)
        digests.append(store.digest())
    assert len(set(digests)) == 5
    assert store.digest() == digests[-1]


def test_the_digest_covers_every_column(path: Path) -> None:
    """A column that is added to the schema and not to the digest would hide a change."""
    from eiraku.reference import store as module  # noqa: PLC0415 - only this test looks inside

    Store(path).close()
    with sqlite3.connect(path) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {t: [c[1] for c in db.execute(f"PRAGMA table_info({t})")] for t in tables}
    db.close()
    del columns["counted"], columns["held"]  # follow from the others, by triggers
    for table, names in columns.items():
        query = next(q for q in module._CONTENT if f" FROM {table}" in q.replace(" ORDER", ";"))
        assert all(name in query for name in names if name != "id"), table


def test_only_the_owner_reads_the_file(path: Path) -> None:
    store = Store(path)
    store.apply(BULLETIN)
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in path.parent.iterdir()}
    assert set(modes.values()) == {0o600}, modes


# --- failures ---


def make(path: Path, **pragmas: int) -> None:
    Store(path).close()
    db = sqlite3.connect(path)
    for name, value in pragmas.items():
        db.execute(f"PRAGMA {name} = {value}")
    db.close()


def test_another_kind_of_file(path: Path) -> None:
    path.write_bytes(b"not a database, but long enough to be read as one" * 30)
    with pytest.raises(StoreError, match="file of another kind"):
        Store(path)


def test_another_database(path: Path) -> None:
    make(path, application_id=7)
    with pytest.raises(StoreError, match="another database"):
        Store(path)


@pytest.mark.parametrize(
    ("version", "advice"), ((SCHEMA_VERSION + 1, "program that wrote it"), (SCHEMA_VERSION - 1, "recall"))
)
def test_another_schema(path: Path, version: int, advice: str) -> None:
    make(path, user_version=version)
    with pytest.raises(
        StoreError, match=rf"expected schema version {SCHEMA_VERSION}, found {version}.*{advice}"
    ):
        Store(path)


def test_damage_is_found(path: Path) -> None:
    store = Store(path)
    store.apply(credited(*(replace(unit(1), unit_id=bytes([n]) * 32, history=bytes(999)) for n in range(99))))
    store.close()
    data = bytearray(path.read_bytes())
    data[3 * 4096 : 9 * 4096] = os.urandom(6 * 4096)
    path.write_bytes(bytes(data))
    with pytest.raises(StoreError, match="damaged"):
        Store(path)


def test_damage_while_open(path: Path) -> None:
    store = Store(path)
    store.apply(credited(unit(1)))
    store._db.execute("DROP TABLE held")
    with pytest.raises(StoreError, match="cannot be read"):
        store.total()


def test_a_second_program_is_locked_out(path: Path) -> None:
    store = Store(path)
    code = f"from pathlib import Path; from eiraku.reference.store import Store; Store(Path({str(path)!r}))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert "locked; end the other program" in found.stderr
    store.apply(BULLETIN)


def test_no_directory(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="can be read and written"):
        Store(tmp_path / "nowhere" / "purse.db")


def test_the_store_is_marked_as_a_purse(path: Path) -> None:
    Store(path).close()
    assert APPLICATION.to_bytes(4, "big") in path.read_bytes()[:100]


def test_a_full_disk_at_the_payees_commit_point(tmp_path: Path) -> None:
    """EPP-CRS-018: no RECEIPT, nothing credited; the payer can deliver again when there is room."""
    world = World(tmp_path)
    payer, payee = world.purse([1] * 32), world.purse()
    payee.device.store._db.execute("PRAGMA max_page_count = 1")
    before = payee.device.snapshot()
    with pytest.raises(StoreError, match="make room"):
        transfer(payer.device, PayOrder(amount=32), payee.device, ReceiveOrder())
    assert payee.device.snapshot() == before
    (pending,) = payer.device.snapshot().pending
    assert world.total() == 32
    payee.device.store._db.execute("PRAGMA max_page_count = 100000")
    again = RedeliverOrder(transaction=pending.transaction)
    assert not transfer(payer.device, again, payee.device, ReceiveOrder()).codes
    assert payee.balance == 32
    world.close()


def test_a_full_disk_at_the_payers_commit_point(tmp_path: Path) -> None:
    """EPP-CRS-018: no PAY; the units stay spendable."""
    world = World(tmp_path)
    payer, payee = world.purse([1] * 200), world.purse()
    payer.device.store._db.execute("PRAGMA max_page_count = 1")
    before = payer.device.snapshot()
    with pytest.raises(StoreError, match="make room"):
        transfer(payer.device, PayOrder(amount=32), payee.device, ReceiveOrder())
    assert payer.device.snapshot() == before
    payer.device.store._db.execute("PRAGMA max_page_count = 100000")
    assert not transfer(payer.device, PayOrder(amount=32), payee.device, ReceiveOrder()).codes
    assert payee.balance == 32
    world.close()


# --- a real process, really killed ---

LOOP = """
import sys
from pathlib import Path
from eiraku.reference.meeting import transfer
from eiraku.testing.purses import World
from eiraku.reference.purse.state import PayOrder, ReceiveOrder
world = World(Path(sys.argv[1]))
a, b = world.purse([1 << n for n in range(10)]), world.purse([1 << n for n in range(10)])
print(a.number.hex(), b.number.hex(), flush=True)
while True:
    for payer, payee in ((a, b), (b, a)):
        transfer(payer.device, PayOrder(amount=1023), payee.device, ReceiveOrder())
        print(flush=True)
"""


@pytest.mark.parametrize("delay", (0.0, 0.007, 0.013, 0.021))
def test_killed_in_the_middle(tmp_path: Path, delay: float) -> None:
    """SIGKILL at any instant: both purses open again, every unit is in one place, value is conserved."""
    process = subprocess.Popen([sys.executable, "-c", LOOP, str(tmp_path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    numbers = process.stdout.readline().split()
    process.stdout.readline()
    time.sleep(delay)
    process.kill()
    process.wait()
    process.stdout.close()
    stores = [Store(next(tmp_path.glob(f"*-{number.decode()}.db"))) for number in numbers]
    value = 0
    for store, other, own in zip(stores, reversed(stores), numbers, strict=True):
        spendable = {s.unit_id for s in store.summaries()}
        for item in store.pendings():
            assert not spendable & set(item.unit_ids)
            if other.credit(bytes.fromhex(own.decode()), item.transaction) is None:
                value += item.amount
        value += store.total()[1]
    assert value == 2 * 1023
    for store in stores:
        store.close()
