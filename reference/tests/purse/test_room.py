"""What a purse has room for, beside what the suite shows: issues, the store's own counts, sound keys."""

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.bindings import crypto_core_ed25519_is_valid_point

from eiraku.reference import policy
from eiraku.reference.crypto import cose, ed25519, x25519
from eiraku.reference.device import Accepted, Rejected
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.ledger import Kept
from eiraku.reference.purse.provisioning import ROOM
from eiraku.reference.purse.state import PayOrder, ReceiveOrder, RedeliverOrder
from eiraku.spec import cbor
from eiraku.spec.centre_objects import Issue, SelfReport
from eiraku.spec.objects import Role, Unit
from eiraku.testing.purses import EPOCH, Member, World

TABLES: dict[Kept, str] = {"given": "settled", "credited": "credited", "seen": "seen"}


def world_of(directory: Path, **sizes: Any) -> World:
    return World(directory, policy=replace(policy.default(), **sizes))


def issue(world: World, vault: Member, *units: Unit) -> bytes:
    transaction = world.random(16)
    rows = []
    for unit in units:
        held = world.issuing_centre.issue(
            unit, holder=vault.number, transaction=transaction, random=world.random
        )
        (layer,) = world.issuing_centre.open_history(held)
        rows.append((held.unit, layer.signature))
    total = sum(unit.value for unit in units)
    return Issue(transaction=transaction, amount=total, units=tuple(rows)).encode()


@pytest.mark.parametrize(
    ("sizes", "rule"),
    (
        ({"max_credited": 1}, "EPP-TRF-062"),
        ({"capacity": 2, "max_seen": 2}, "EPP-TRF-043"),
        ({"capacity": 2, "max_seen": 2}, "EPP-TRF-063"),
    ),
)
def test_an_issue_needs_room(tmp_path: Path, sizes: dict[str, int], rule: str) -> None:
    """EPP-CEN-012: as an OFFER does; an issue that was credited is answered whatever is full."""
    world = world_of(tmp_path, **sizes)
    vault, person = world.purse(role=Role.VAULT), world.purse()
    first = issue(world, vault, world.unit(1), world.unit(2))
    receipt = vault.device.take_issue(first)
    assert isinstance(receipt, Accepted)
    if rule == "EPP-TRF-063":
        assert not transfer(vault.device, PayOrder(amount=2), person.device, ReceiveOrder()).rejections
    refused = vault.device.take_issue(issue(world, vault, world.unit(16)))
    assert isinstance(refused, Rejected)
    assert (refused.refusal.code.label, refused.refusal.requirement) == ("capacity", rule)
    assert vault.device.take_issue(first) == receipt


def test_the_store_counts_as_the_rows_say(tmp_path: Path) -> None:
    """The counts kept beside the rows are those of the rows, for every epoch, after many payments."""
    world = world_of(tmp_path)
    choose = random.Random(7)
    units = [world.unit(1 << n % 5, expires=EPOCH + n % 7) for n in range(40)]
    alice, bob = world.purse(units[:20]), world.purse(units[20:])
    lose = lambda n, m: m if n != 8 else None  # noqa: E731 - the receipt
    for turn in range(30):
        payer, payee = (alice, bob) if turn % 2 else (bob, alice)
        order = PayOrder(amount=choose.randrange(1, 20))
        if turn % 5 == 0:
            transfer(payer.device, order, payee.device, ReceiveOrder(), lose)
        else:
            transfer(payer.device, order, payee.device, ReceiveOrder())
    for pending in alice.device.store.pendings()[:1]:
        again = RedeliverOrder(transaction=pending.transaction)
        assert not transfer(alice.device, again, bob.device, ReceiveOrder()).rejections
    assert alice.device.store.pendings() or bob.device.store.pendings()
    assert alice.device.store.settlements()
    assert bob.device.store.settlements()
    for member in (alice, bob):
        store = member.device.store
        grace = policy.default().claim_grace
        for epoch in (*range(EPOCH - 1, EPOCH + 9), *range(EPOCH + grace - 1, EPOCH + grace + 9)):
            waiting = store.read("SELECT count(*) FROM pending WHERE expires >= ?", epoch - grace)[0][0]
            assert len(store.pendings(epoch)) == waiting
            held = store.read(
                "SELECT count(*), coalesce(sum(value), 0) FROM holding WHERE expires >= ?", epoch
            )
            assert store.total(epoch) == held[0]
            for table, name in TABLES.items():
                rows = store.read(f"SELECT count(*) FROM {name} WHERE expires >= ?", epoch)[0][0]
                assert store.entries(table, epoch) == rows + waiting * (table == "given")


def test_reports_before_and_after_a_lapse(tmp_path: Path) -> None:
    """EPP-CRS-030, EPP-DEV-017, EPP-DEV-018: the totals balance, and none falls."""
    world = world_of(tmp_path, claim_grace=3)
    alice = world.purse([world.unit(8, expires=EPOCH), world.unit(4)])
    bob = world.purse()
    transfer(alice.device, PayOrder(amount=8), bob.device, ReceiveOrder(), lambda n, m: m if n != 8 else None)
    (lost,) = alice.device.snapshot().pending
    reports = []
    for epoch in (EPOCH + 3, EPOCH + 4):
        assert isinstance(alice.device.bulletin(world.bulletin(epoch)), Accepted)
        signed = alice.device.self_report(world.challenge(alice.number, epoch=epoch))
        reports.append(SelfReport.decode(cose.parse(signed).payload))
    for report in reports:
        pending = sum(amount for _, _, amount in report.pending)
        assert report.given + report.credited - report.settled - pending == report.balance == 4
    assert [(r.settled, r.pending) for r in reports] == [(0, ((lost.transaction, bob.number, 8),)), (8, ())]
    refused = alice.device.order(RedeliverOrder(transaction=lost.transaction))
    assert isinstance(refused, Rejected)
    assert refused.refusal.code.label == "unknown-transaction"


def test_the_default_policy_fits() -> None:
    assert policy.default().exceeded(ROOM) is None
    assert replace(policy.default(), max_seen=ROOM.max_seen + 1).exceeded(ROOM) == "max_seen"


def test_sound_keys() -> None:
    """EPP-KEY-002, against libsodium, which refuses the same points and those of mixed order besides."""
    choose = random.Random(8)
    counted = {True: 0, False: 0}
    for _ in range(200):
        encoded = choose.randbytes(32)
        found = ed25519.sound_key(encoded)
        assert found or not crypto_core_ed25519_is_valid_point(encoded)
        counted[found] += 1
    assert min(counted.values()) > 50, "half of all y belong to a point"
    for _ in range(20):
        key = Ed25519PrivateKey.from_private_bytes(choose.randbytes(32)).public_key().public_bytes_raw()
        assert ed25519.sound_key(key)
    assert not ed25519.sound_key(bytes(32))


def test_small_order_of_x25519() -> None:
    assert all(x25519.has_small_order(n.to_bytes(32, "little")) for n in (0, 1, 2**255 - 20, 2**255 - 18))
    assert not x25519.has_small_order((9).to_bytes(32, "little"))


def test_what_is_said_to_centres_shares_no_r(world: World) -> None:
    """EPP-KEY-013, EPP-DEV-006, EPP-SVC-002"""
    alice = world.purse([1])
    signed = [
        alice.device.self_report(world.challenge(alice.number, asked=bytes([n] * 16))) for n in range(4)
    ]
    signed += [alice.device.sign_request("centre", "account", n + 1, cbor.encode(())) for n in range(4)]
    assert len({cose.parse(each).signature[:32] for each in signed}) == len(signed)
    assert SelfReport.decode(cose.parse(signed[0]).payload).number == alice.number
