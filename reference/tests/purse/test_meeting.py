"""The one loop of a session, and what may happen to bytes on their way."""

import pytest

from eiraku.reference.device import Accepted, Rejected
from eiraku.reference.meeting import PurseLostPower, accepted, lead
from eiraku.reference.purse.state import PayOrder, ReceiveOrder
from eiraku.spec.errors import Refusal
from eiraku.spec.tables import Side
from eiraku.testing.purses import World


def test_messages_that_arrive_twice_move_nothing_twice(world: World) -> None:
    """EPP-REC-002, EPP-CRS-005: the session does not survive it; value is conserved all the same."""
    for repeated in range(1, 6):
        payer, payee = world.purse([4]), world.purse()
        accepted(payer.device.order(PayOrder(amount=4)))
        accepted(payee.device.order(ReceiveOrder()))
        accepted(payee.device.open(Side.RESPONDER))
        sent: list[bytes] = []

        def carry(data: bytes, sent: list[bytes] = sent, twice: int = repeated) -> bytes | None:
            sent.append(data)
            answer = payee.device.deliver(data).out  # noqa: B023 - called in this round only
            if len(sent) == twice:
                again = payee.device.deliver(data)  # noqa: B023
                # EPP-SES-018: message_1 begins with an integer, so it is an error where message_3 is due
                error = Accepted(out=None, is_open=False)
                assert again == error if twice == 1 else isinstance(again, Rejected)
            return answer

        results = list(lead(payer.device, carry))
        assert len(sent) >= min(repeated, 4)
        assert isinstance(results[0], Accepted)
        assert payer.balance + payee.balance + sum(p.amount for p in payer.device.snapshot().pending) >= 4
        assert payee.balance in (0, 4)
        assert world.total() == 4 * repeated


def test_a_lost_message_ends_the_loop(world: World) -> None:
    payer, payee = world.purse([4]), world.purse()
    accepted(payer.device.order(PayOrder(amount=4)))
    (opened,) = lead(payer.device, lambda _data: None)
    assert accepted(opened).is_open
    assert (payer.balance, payee.balance) == (4, 0)


def test_what_carries_may_fail(world: World) -> None:
    payer = world.purse([4])
    accepted(payer.device.order(PayOrder(amount=4)))

    def carry(_data: bytes) -> bytes:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        list(lead(payer.device, carry))
    assert payer.balance == 4


def test_what_was_accepted(world: World) -> None:
    payer = world.purse([1])
    with pytest.raises(Refusal, match="insufficient-funds"):
        accepted(payer.device.order(PayOrder(amount=2)))
    payer.device.arm("before", 1)
    with pytest.raises(PurseLostPower):
        accepted(payer.device.bulletin(world.bulletin(50)))
    assert payer.device.snapshot().epoch != 50
