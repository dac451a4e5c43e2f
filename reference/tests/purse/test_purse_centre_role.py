"""The purse of a centre takes copies (EPP-CEN-010) and is collected from (EPP-CEN-063); who is suspect."""

from dataclasses import replace
from typing import Literal

import pytest

from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.device import Accepted, Device, Rejected
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.state import PayOrder, ReceiveOrder, SuspectPurse, SuspectUnit
from eiraku.spec.objects import Role
from eiraku.testing.device import PowerLost
from eiraku.testing.purses import Member, World


def copied(world: World, member: Member) -> Device:
    """A second device from the memory of the first: both can spend."""
    member.device.close()
    path = member.device.store.path
    other = world.directory / "copy.db"
    other.write_bytes(path.read_bytes())
    member.device.store.reopen()
    return Device(other, Drbg(b"copy"))


def pay(payer: Device, payee: Device, amount: int) -> list[str]:
    return transfer(payer, PayOrder(amount=amount), payee, ReceiveOrder()).codes


def unit_ids(member: Member) -> list[bytes]:
    return [unit.unit_id for unit in member.device.snapshot().units]


def test_the_second_copy_comes_home(world: World) -> None:
    """EPP-CEN-010: also at the hop of the first, or at a lower one."""
    centre, alice, bob = world.purse(role=Role.CENTRE), world.purse([4]), world.purse()
    copy = copied(world, alice)
    assert pay(alice.device, bob.device, 4) == []
    assert pay(bob.device, centre.device, 4) == []
    (unit_id,) = unit_ids(centre)
    assert pay(copy, centre.device, 4) == ["unit-held"], "not before the first is collected"
    assert isinstance(centre.device.collect([unit_id]), Accepted)
    assert (centre.balance, centre.device.store.last_seen(unit_id)) == (0, 2)
    assert pay(copy, centre.device, 4) == []
    assert centre.balance == 4
    assert centre.device.store.last_seen(unit_id) == 2, "what was seen is not forgotten"
    copy.close()


def test_everybody_else_refuses_it(world: World) -> None:
    vault, alice = world.purse(role=Role.VAULT), world.purse([4])
    copy = copied(world, alice)
    assert pay(alice.device, vault.device, 4) == []
    centre = world.purse(role=Role.CENTRE)
    assert pay(vault.device, centre.device, 4) == []
    assert pay(copy, vault.device, 4) == ["unit-seen"]
    copy.close()


def test_collecting_twice_changes_nothing(world: World) -> None:
    centre, alice = world.purse(role=Role.CENTRE), world.purse([1, 2, 4])
    pay(alice.device, centre.device, 7)
    ids = unit_ids(centre)
    centre.device.collect([ids[0], ids[0]])
    assert len(unit_ids(centre)) == 2
    before = centre.device.snapshot()
    centre.device.collect([ids[0], bytes(32)])
    assert centre.device.snapshot() == before


@pytest.mark.parametrize("role", Role)
def test_only_a_centre_begins_with_units_outside_their_key(world: World, role: Role) -> None:
    """EPP-GEN-014, EPP-KEY-009."""
    (key,) = world.issuing_centre.keys
    given = world.provisioning([4], role=role)
    world.issuing_centre = replace(world.issuing_centre, keys=(replace(key, valid_from=1, valid_to=0),))
    given = replace(given, anchor=world.anchor.to_mapping())
    if role is Role.CENTRE:
        assert world.purse(provisioning=given).balance == 4
    else:
        with pytest.raises(ValueError, match="provision"):
            world.purse(provisioning=given)


@pytest.mark.parametrize("role", (Role.PERSON, Role.MERCHANT, Role.VAULT))
def test_nobody_else_is_collected_from(world: World, role: Role) -> None:
    purse = world.purse([1], role=role)
    before = purse.device.snapshot()
    result = purse.device.collect(unit_ids(purse))
    assert isinstance(result, Rejected)
    assert (result.refusal.code.label, result.refusal.requirement) == ("role-pair", "EPP-CEN-063")
    assert purse.device.snapshot() == before


@pytest.mark.parametrize("when", ("before", "after"))
def test_a_cut_at_the_one_write(world: World, when: Literal["before", "after"]) -> None:
    """EPP-CRS-004."""
    centre, alice = world.purse(role=Role.CENTRE), world.purse([1, 2])
    pay(alice.device, centre.device, 3)
    ids = unit_ids(centre)
    centre.device.arm(when, 1)
    assert centre.device.collect(ids) == PowerLost()
    assert centre.balance == (3 if when == "before" else 0)
    assert isinstance(centre.device.collect(ids), Accepted)
    assert centre.balance == 0


def test_a_centre_gives_nothing_away(world: World) -> None:
    """EPP-CEN-050, by the policy: no operation has a centre as payer."""
    centre, alice = world.purse(role=Role.CENTRE), world.purse([4])
    pay(alice.device, centre.device, 4)
    assert isinstance(centre.device.order(PayOrder(amount=4)), Rejected)


# --- what a vault reports: EPP-VLT-002 ---


def test_a_revoked_peer_has_a_number(world: World) -> None:
    vault, alice = world.purse(role=Role.VAULT), world.purse([1])
    vault.device.bulletin(world.bulletin(11, [alice.number]))
    exchange = transfer(alice.device, PayOrder(amount=1), vault.device, ReceiveOrder())
    refusal = exchange.rejections[0].refusal
    assert isinstance(refusal, SuspectPurse)
    assert (refusal.purse, refusal.code.label) == (alice.number, "purse-revoked")


@pytest.mark.parametrize("spent", (False, True))
def test_a_copy_has_the_number_of_who_offers_it(world: World, *, spent: bool) -> None:
    vault, alice, centre = world.purse(role=Role.VAULT), world.purse([1]), world.purse(role=Role.CENTRE)
    copy = copied(world, alice)
    pay(alice.device, vault.device, 1)
    (unit_id,) = unit_ids(vault)
    if spent:
        pay(vault.device, centre.device, 1)
    exchange = transfer(copy, PayOrder(amount=1), vault.device, ReceiveOrder())
    refusal = exchange.rejections[0].refusal
    assert isinstance(refusal, SuspectUnit)
    assert (refusal.purse, refusal.unit_id, refusal.index) == (alice.number, unit_id, 0)
    assert refusal.code.label == ("unit-seen" if spent else "unit-held")
    copy.close()


def test_a_unit_that_comes_back_too_early_is_no_copy(world: World) -> None:
    """EPP-TRF-040: its own transfer is pending here still; nobody has done wrong."""
    vault = world.purse([2], role=Role.VAULT)
    alice = world.purse(holder=vault.claims.holder)
    lose = lambda n, m: m if n != 8 else None  # noqa: E731 - the receipt
    transfer(vault.device, PayOrder(amount=2), alice.device, ReceiveOrder(), lose)
    exchange = transfer(alice.device, PayOrder(amount=2), vault.device, ReceiveOrder())
    assert exchange.codes == ["unit-held"]
    assert not isinstance(exchange.rejections[0].refusal, SuspectUnit)
