"""What a purse makes of strangers, errors and noise in the handshake, and of altered or old messages."""

import hmac
from typing import Any

import pytest

from eiraku.reference.crypto import ed25519, x25519
from eiraku.reference.device import Accepted, Rejected
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.state import PayOrder, ReceiveOrder, RedeliverOrder
from eiraku.spec import cbor
from eiraku.spec.errors import Code
from eiraku.spec.tables import Side
from eiraku.testing.purses import World

pytestmark = pytest.mark.slow

RECEIVE = ReceiveOrder()
REFUSED = cbor.encode_sequence(1, "")


def test_a_reflected_message(world: World) -> None:
    """One's own message_1 begins with an integer, so it is an error where message_2 is due."""
    a, b = world.purse([1]), world.purse([1])
    b.device.order(RECEIVE)
    b.device.open(Side.RESPONDER)
    a.device.order(PayOrder(amount=1))
    opened = a.device.open(Side.INITIATOR)
    assert isinstance(opened, Accepted)
    assert opened.out is not None
    assert a.device.deliver(opened.out) == Accepted(out=None, is_open=False)


# --- membership ---


class Counted:
    """Counts the calls of a function that it passes on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, place: object, name: str) -> None:
        self.calls = 0
        self.inner = getattr(place, name)
        monkeypatch.setattr(place, name, self)

    def __call__(self, *args: Any, **named: Any) -> Any:
        self.calls += 1
        return self.inner(*args, **named)


@pytest.mark.parametrize("member", (True, False), ids=("member", "stranger"))
def test_no_key_is_used_for_a_stranger(
    world: World, monkeypatch: pytest.MonkeyPatch, *, member: bool
) -> None:
    """EPP-SES-040, EPP-SES-041: one HMAC, compared in constant time, and neither X25519 nor Ed25519."""
    a, b = world.purse([1]), world.purse()
    a.device.order(PayOrder(amount=1))
    b.device.order(RECEIVE)
    opened = a.device.open(Side.INITIATOR)
    assert isinstance(opened, Accepted)
    assert opened.out is not None
    b.device.open(Side.RESPONDER)
    keys = [
        Counted(monkeypatch, x25519, "crypto_scalarmult_base"),
        Counted(monkeypatch, x25519, "crypto_scalarmult"),
        Counted(monkeypatch, ed25519, "crypto_sign"),
        Counted(monkeypatch, ed25519, "crypto_sign_open"),
    ]
    compared = Counted(monkeypatch, hmac, "compare_digest")
    message_1 = opened.out if member else opened.out[:-1] + bytes([opened.out[-1] ^ 1])
    answered = b.device.deliver(message_1)
    assert compared.calls == 1
    assert isinstance(answered, Accepted) is member
    assert [key.calls for key in keys] == ([1, 1, 1, 0] if member else [0, 0, 0, 0])
    if isinstance(answered, Rejected):
        assert (answered.refusal.code, answered.out) == (Code.AUTHENTICATION, REFUSED)


# --- errors and noise ---

NOISE = (
    b"",
    b"\x00",
    bytes(40),
    bytes(2049),
    cbor.encode(bytes(2049)),
    cbor.encode(b"x"),
    cbor.encode_sequence(0, 4, bytes(32), b""),
)


@pytest.mark.parametrize("position", (1, 2, 3, 4))
@pytest.mark.parametrize("noise", NOISE, ids=lambda n: f"{len(n)} bytes")
def test_noise_ends_the_session_and_nothing_else(world: World, position: int, noise: bytes) -> None:
    a, b = world.purse([1]), world.purse([1])
    before = [m.device.snapshot() for m in (a, b)]
    exchange = transfer(
        a.device, PayOrder(amount=1), b.device, RECEIVE, lambda n, m: noise if n == position else m
    )
    assert [m.device.snapshot() for m in (a, b)] == before
    if noise[:1] == b"\x00" and position > 1:
        assert not exchange.rejections, "what begins with an integer is an error, and not answered"
        receiver = exchange.initiator if position in (2, 4) else exchange.responder
        assert receiver[-1] == Accepted(out=None, is_open=False)
        return
    (rejected,) = exchange.rejections
    if len(noise) > 2048:
        assert rejected.refusal.code is Code.TOO_LARGE
    assert rejected.out == REFUSED
    for device in (a.device, b.device):
        after = device.deliver(b"\x40")
        assert isinstance(after, Rejected)
        assert (after.refusal.code, after.out) == (Code.UNEXPECTED_MESSAGE, None)
    assert not transfer(a.device, PayOrder(amount=1), b.device, RECEIVE).codes


@pytest.mark.parametrize("position", (1, 2, 3, 4))
def test_an_error_is_not_answered(world: World, position: int) -> None:
    a, b = world.purse([1]), world.purse([1])
    exchange = transfer(
        a.device, PayOrder(amount=1), b.device, RECEIVE, lambda n, m: REFUSED if n == position else m
    )
    assert not exchange.codes
    assert len(exchange.messages) == position
    receiver = exchange.initiator if position in (2, 4) else exchange.responder
    assert receiver[-1] == Accepted(out=None, is_open=False)


@pytest.mark.parametrize("position", range(1, 9))
def test_every_bit_counts(world: World, position: int) -> None:
    """A flipped bit anywhere: refused or, if it hits a receipt's carrier, redeliverable; never lost."""
    a, b = world.purse([1 << n for n in range(3)]), world.purse([1])
    for at in (0, 1, 2, 33, 50, -20, -1):

        def flip(n: int, data: bytes, at: int = at) -> bytes:
            if n != position:
                return data
            raw = bytearray(data)
            raw[at % len(raw)] ^= 4
            return bytes(raw)

        order = PayOrder(amount=1) if a.device.snapshot().balance % 2 else PayOrder(amount=2)
        transfer(a.device, order, b.device, RECEIVE, flip)
        for pending in a.device.snapshot().pending:
            again = RedeliverOrder(transaction=pending.transaction)
            assert not transfer(a.device, again, b.device, RECEIVE).codes
        assert world.total() == 8
        back = PayOrder(amount=b.balance - 1)
        if back.amount:
            assert not transfer(b.device, back, a.device, RECEIVE).codes


def test_replayed_from_another_session(world: World) -> None:
    a, b = world.purse([1, 1]), world.purse()
    old = transfer(a.device, PayOrder(amount=1), b.device, RECEIVE).messages
    for position in range(2, 9):
        exchange = transfer(
            a.device,
            PayOrder(amount=1),
            b.device,
            RECEIVE,
            lambda n, m, p=position: old[n - 1] if n == p else m,  # type: ignore[misc]
        )
        assert exchange.codes in (["authentication"], ["record"])
        for pending in a.device.snapshot().pending:
            assert not transfer(
                a.device, RedeliverOrder(transaction=pending.transaction), b.device, RECEIVE
            ).codes
            assert not transfer(b.device, PayOrder(amount=1), a.device, RECEIVE).codes
