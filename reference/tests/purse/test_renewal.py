"""A purse takes a renewed purse ID, and no other one (EPP-DEV-002)."""

from dataclasses import replace
from typing import Any, Literal

import pytest

from eiraku.reference.device import Accepted, Rejected
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.state import PayOrder, ReceiveOrder
from eiraku.spec.objects import Role
from eiraku.testing.device import PowerLost
from eiraku.testing.purses import LAST_EPOCH, Member, World


def renewed(world: World, member: Member, **changes: Any) -> bytes:
    later: dict[str, Any] = {"issued": 5, "expires": LAST_EPOCH + 50}
    claims = replace(member.claims, **(later | changes))
    return world.device_centre.sign(b"EPP/1 purse ID", claims.encode())


def test_the_purse_is_the_same_for_longer(world: World) -> None:
    alice, bob = world.purse([1, 2]), world.purse()
    signed = renewed(world, alice)
    assert isinstance(alice.device.take_purse_id(signed), Accepted)
    assert not transfer(alice.device, PayOrder(amount=1), bob.device, ReceiveOrder()).rejections
    alice.device.power_cut()
    provision = alice.device.store.provision()
    assert provision is not None
    assert provision.purse_id == signed
    assert not transfer(alice.device, PayOrder(amount=2), bob.device, ReceiveOrder()).rejections


def test_an_expired_purse_comes_back_by_renewal(world: World) -> None:
    alice, bob = world.purse([1], expires=9), world.purse()
    refused = transfer(alice.device, PayOrder(amount=1), bob.device, ReceiveOrder())
    assert refused.codes == ["purse-expired"]
    assert isinstance(alice.device.take_purse_id(renewed(world, alice)), Accepted)
    assert not transfer(alice.device, PayOrder(amount=1), bob.device, ReceiveOrder()).rejections


def test_tier_and_reserved_may_change(world: World) -> None:
    alice = world.purse([1 << 20], tier=1)
    assert isinstance(alice.device.order(PayOrder(amount=1 << 20)), Rejected)
    alice.device.take_purse_id(renewed(world, alice, tier=2, reserved=b"new"))
    assert isinstance(alice.device.order(PayOrder(amount=1 << 20)), Accepted)
    before = alice.device.snapshot().writes
    again = alice.device.take_purse_id(renewed(world, alice, tier=2, reserved=b"new"))
    assert isinstance(again, Accepted)
    assert alice.device.snapshot().writes == before, "the present one again changes nothing"


OTHERS: dict[str, dict[str, Any]] = {
    "number": {"number": bytes([7]) * 8},
    "role": {"role": Role.MERCHANT},
    "holder": {"holder": bytes(32)},
    "not later": {"expires": LAST_EPOCH},
    "earlier": {"expires": LAST_EPOCH - 1},
    "seal": {"seal": bytes(16)},
    "economy": {"economy": 5},
    "issued outside its key": {"issued": LAST_EPOCH + 1},
}


@pytest.mark.parametrize("other", OTHERS)
def test_another_purse_is_refused(world: World, other: str) -> None:
    alice = world.purse([1])
    before = alice.device.snapshot()
    result = alice.device.take_purse_id(renewed(world, alice, **OTHERS[other]))
    assert isinstance(result, Rejected)
    assert result.refusal.code.label == "authentication"
    assert alice.device.snapshot() == before


def test_another_key_is_refused(world: World) -> None:
    alice, bob = world.purse(), world.purse()
    signed = renewed(world, alice, public_key=bob.claims.public_key)
    result = alice.device.take_purse_id(signed)
    assert isinstance(result, Rejected)
    assert result.refusal.requirement == "EPP-DEV-002"


@pytest.mark.parametrize("signed", (b"", b"\x80", bytes(600)))
def test_no_purse_id_at_all(world: World, signed: bytes) -> None:
    result = world.purse().device.take_purse_id(signed)
    assert isinstance(result, Rejected)
    assert result.refusal.code.label == "authentication"


@pytest.mark.parametrize("when", ("before", "after"))
def test_a_cut_at_the_one_write(world: World, when: Literal["before", "after"]) -> None:
    """EPP-CRS-004."""
    alice = world.purse()
    signed = renewed(world, alice)
    alice.device.arm(when, 1)
    assert alice.device.take_purse_id(signed) == PowerLost()
    provision = alice.device.store.provision()
    assert provision is not None
    assert (provision.purse_id == signed) is (when == "after")
    assert isinstance(alice.device.take_purse_id(signed), Accepted)
