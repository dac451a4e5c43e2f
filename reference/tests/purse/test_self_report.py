"""What a purse says of itself at inspection, and the requests it signs (EPP-DEV-006, EPP-SVC-002)."""

import pytest

from eiraku.reference.crypto import cose
from eiraku.reference.device import Device
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.state import PayOrder, ReceiveOrder
from eiraku.spec.centre_objects import (
    CONTEXT_REQUEST,
    CONTEXT_SELF_REPORT,
    REPORTED_MAX,
    REQUEST_MAX,
    Request,
    SelfReport,
)
from eiraku.spec.errors import Refusal
from eiraku.testing.purses import EPOCH, Member, World

CHALLENGE = bytes(range(16))


def report(member: Member) -> SelfReport:
    signed = cose.parse(member.device.self_report(CHALLENGE), limit=4 * REQUEST_MAX)
    assert signed.kid is None
    assert cose.verify(member.key.public, CONTEXT_SELF_REPORT, signed)
    return SelfReport.decode(signed.payload)


def test_a_new_purse(world: World) -> None:
    alice = world.purse([1, 4, 8])
    said = report(alice)
    assert (said.challenge, said.number, said.epoch) == (CHALLENGE, alice.number, EPOCH)
    assert (said.balance, said.given, said.credited, said.settled) == (13, 13, 0, 0)
    assert [unit_id for unit_id, _ in said.units] == sorted(unit_id for unit_id, _ in said.units)
    assert said.digest == alice.device.snapshot().digest


def test_totals_add_up_after_payments(world: World) -> None:
    """given + credited - settled - pending = balance, on both sides, whatever was lost."""
    alice, bob = world.purse([1, 2, 4, 8]), world.purse([16])
    lose = lambda n, m: m if n != 8 else None  # noqa: E731 - the receipt
    transfer(alice.device, PayOrder(amount=3), bob.device, ReceiveOrder())
    transfer(bob.device, PayOrder(amount=2), alice.device, ReceiveOrder())
    transfer(alice.device, PayOrder(amount=8), bob.device, ReceiveOrder(), lose)
    said = report(alice)
    assert (said.balance, said.given, said.credited, said.settled) == (6, 15, 2, 3)
    ((transaction, payee, amount),) = said.pending
    assert (payee, amount) == (bob.number, 8)
    assert transaction == alice.device.snapshot().pending[0].transaction
    said = report(bob)
    assert (said.balance, said.given, said.credited, said.settled) == (25, 16, 11, 2)


def test_a_report_changes_nothing(world: World) -> None:
    alice = world.purse([1])
    before = alice.device.snapshot()
    alice.device.self_report(CHALLENGE)
    assert alice.device.snapshot() == before


def test_totals_survive_a_loss_of_power(world: World) -> None:
    alice, bob = world.purse([1, 2]), world.purse()
    transfer(alice.device, PayOrder(amount=2), bob.device, ReceiveOrder())
    before = report(alice)
    alice.device.power_cut()
    assert report(alice) == before


@pytest.mark.parametrize("challenge", (b"", bytes(15), bytes(17)))
def test_a_challenge_has_16_bytes(world: World, challenge: bytes) -> None:
    with pytest.raises(Refusal, match="expected 16 bytes") as caught:
        world.purse().device.self_report(challenge)
    assert caught.value.requirement == "EPP-DEV-006"


def test_more_than_fits_a_report(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = world.purse([1, 1])
    monkeypatch.setattr("eiraku.spec.centre_objects.REPORTED_MAX", 1)
    with pytest.raises(Refusal, match="too-large"):
        alice.device.self_report(CHALLENGE)
    assert REPORTED_MAX == 4096


def test_an_empty_purse_says_and_signs_nothing(world: World) -> None:
    device = Device(world.directory / "empty.db", world.random)
    with pytest.raises(Refusal, match="not-provisioned"):
        device.self_report(CHALLENGE)
    with pytest.raises(Refusal, match="not-provisioned"):
        device.sign_request("issuing-centre", "issue", 1, b"")


def test_a_request(world: World) -> None:
    alice = world.purse()
    before = alice.device.snapshot()
    signed = cose.parse(alice.device.sign_request("device-centre", "renew", 3, b"body"), limit=REQUEST_MAX)
    assert cose.verify(alice.key.public, CONTEXT_REQUEST, signed)
    assert Request.decode(signed.payload) == Request(
        audience="device-centre", method="renew", purse=alice.number, sequence=3, body=b"body"
    )
    assert alice.device.snapshot() == before


@pytest.mark.parametrize(
    ("audience", "method", "sequence", "body"),
    (
        ("a" * 33, "m", 1, b""),
        ("a", "m" * 33, 1, b""),
        ("a", "m", 0, b""),
        ("a", "m", 1 << 53, b""),
        ("a", "m", 1, bytes(REQUEST_MAX)),
        ("a", "m", 1, bytes(REQUEST_MAX - 60)),
    ),
)
def test_no_service_would_read_it(
    world: World, audience: str, method: str, sequence: int, body: bytes
) -> None:
    with pytest.raises(Refusal):
        world.purse().device.sign_request(audience, method, sequence, body)
