"""What a purse says of itself at inspection, and the requests it signs (EPP-DEV-006, EPP-SVC-002)."""

from collections.abc import Callable

import pytest

from eiraku.reference.crypto import cose
from eiraku.reference.device import Device
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.state import PayOrder, ReceiveOrder
from eiraku.spec import cbor, objects
from eiraku.spec.centre_objects import (
    CONTEXT_CHALLENGE,
    CONTEXT_REQUEST,
    CONTEXT_SELF_REPORT,
    REPORTED_MAX,
    REQUEST_MAX,
    Request,
    SelfReport,
)
from eiraku.spec.errors import Refusal
from eiraku.testing.purses import EPOCH, LAST_EPOCH, Member, World

ASKED = bytes(range(16))


def report(world: World, member: Member) -> SelfReport:
    signed = cose.parse(
        member.device.self_report(world.challenge(member.number, asked=ASKED)), limit=4 * REQUEST_MAX
    )
    assert signed.kid is None
    assert cose.verify(member.key.public, CONTEXT_SELF_REPORT, signed)
    return SelfReport.decode(signed.payload)


def test_a_new_purse(world: World) -> None:
    alice = world.purse([1, 4, 8])
    said = report(world, alice)
    assert (said.challenge, said.number, said.epoch) == (ASKED, alice.number, EPOCH)
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
    said = report(world, alice)
    assert (said.balance, said.given, said.credited, said.settled) == (6, 15, 2, 3)
    ((transaction, payee, amount),) = said.pending
    assert (payee, amount) == (bob.number, 8)
    assert transaction == alice.device.snapshot().pending[0].transaction
    said = report(world, bob)
    assert (said.balance, said.given, said.credited, said.settled) == (25, 16, 11, 2)


def test_a_report_changes_nothing(world: World) -> None:
    alice = world.purse([1])
    before = alice.device.snapshot()
    alice.device.self_report(world.challenge(alice.number))
    assert alice.device.snapshot() == before


def test_totals_survive_a_loss_of_power(world: World) -> None:
    alice, bob = world.purse([1, 2]), world.purse()
    transfer(alice.device, PayOrder(amount=2), bob.device, ReceiveOrder())
    before = report(world, alice)
    alice.device.power_cut()
    assert report(world, alice) == before


Wrong = Callable[[World, Member], bytes]
WRONG: dict[str, tuple[Wrong, str, str]] = {
    "bare bytes": (lambda _, __: ASKED, "EPP-ENC-004", "malformed"),
    "no kid": (
        lambda world, alice: cose.sign(
            world.device_centre.keys[-1].key, CONTEXT_CHALLENGE, payload_of(world.challenge(alice.number))
        ),
        "EPP-KEY-005",
        "malformed",
    ),
    "another shape": (
        lambda world, alice: world.device_centre.sign(
            CONTEXT_CHALLENGE, cbor.encode((alice.number, bytes(15), EPOCH))
        ),
        "EPP-DEV-092",
        "malformed",
    ),
    "a stranger's": (
        lambda world, alice: World(world.directory / "other", seed=b"other").challenge(alice.number),
        "EPP-KEY-008",
        "authentication",
    ),
    "the purse's own": (
        lambda world, alice: cose.sign(
            alice.key,
            CONTEXT_CHALLENGE,
            payload_of(world.challenge(alice.number)),
            kid=world.device_centre.keys[-1].kid,
        ),
        "EPP-DEV-089",
        "authentication",
    ),
    "another object of the centre": (
        lambda world, alice: world.device_centre.sign(
            objects.CONTEXT_BULLETIN, payload_of(world.challenge(alice.number))
        ),
        "EPP-DEV-089",
        "authentication",
    ),
    "of a money key": (
        lambda world, alice: cose.sign(
            world.issuing_centre.keys[-1].unit_key,
            CONTEXT_CHALLENGE,
            payload_of(world.challenge(alice.number)),
            kid=world.issuing_centre.keys[-1].kid,
        ),
        "EPP-KEY-008",
        "authentication",
    ),
    "to another purse": (
        lambda world, _: world.challenge(world.purse().number),
        "EPP-DEV-090",
        "authentication",
    ),
    "of an earlier epoch": (
        lambda world, alice: world.challenge(alice.number, epoch=EPOCH - 1),
        "EPP-DEV-091",
        "authentication",
    ),
    "after the key": (
        lambda world, alice: world.challenge(alice.number, epoch=LAST_EPOCH + 1),
        "EPP-KEY-009",
        "authentication",
    ),
}


def payload_of(signed: bytes) -> bytes:
    return cose.parse(signed).payload


@pytest.mark.parametrize("name", WRONG)
def test_only_the_device_centre_may_ask(world: World, name: str) -> None:
    """EPP-DEV-089 to EPP-DEV-092: a stranger gets nothing, and nothing is signed."""
    alice = world.purse([1])
    wrong, rule, code = WRONG[name]
    asked, before = wrong(world, alice), alice.device.snapshot()
    with pytest.raises(Refusal) as caught:
        alice.device.self_report(asked)
    assert (caught.value.requirement, caught.value.code.label) == (rule, code)
    assert alice.device.snapshot() == before
    # the control: of the present epoch, and of one that this purse does not know yet
    for epoch in (EPOCH, EPOCH + 1):
        assert alice.device.self_report(world.challenge(alice.number, epoch=epoch))


def test_more_than_fits_a_report(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    alice = world.purse([1, 1])
    monkeypatch.setattr("eiraku.spec.centre_objects.REPORTED_MAX", 1)
    with pytest.raises(Refusal, match="too-large"):
        alice.device.self_report(world.challenge(alice.number))
    assert REPORTED_MAX == 4096


def test_an_empty_purse_says_and_signs_nothing(world: World) -> None:
    device = Device(world.directory / "empty.db", world.random)
    with pytest.raises(Refusal, match="not-provisioned"):
        device.self_report(world.challenge(bytes(8)))
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
