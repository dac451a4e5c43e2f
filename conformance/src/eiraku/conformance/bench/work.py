"""What is measured: a handshake, a transfer, the size of what travels, the cost of the adapter."""

import statistics
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

from eiraku.conformance.adapter.client import Wallet
from eiraku.conformance.bench.counting import (
    AGREE,
    KEY_PAIR,
    OPEN,
    SEAL,
    SIGN,
    VERIFY,
    Counts,
    Operation,
    counting,
)
from eiraku.reference import policy
from eiraku.reference.device import Accepted, Device, Result
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.state import PayOrder, ReceiveOrder, RequestOrder
from eiraku.reference.worlds.purses import World
from eiraku.spec.tables import Side

UNITS = 10
RAM = Path("/dev/shm")  # noqa: S108 - a temporary folder with an unpredictable name is made in it
HANDSHAKE = ("message_1", "message_2", "message_3", "message_4")
TRANSFER = ("REQUEST", "OFFER", "ACCEPT", "PAY", "RECEIPT")

NEEDED = {
    # both sign, both verify the other's purse ID and signature; sealed purse IDs, message_3, message_4
    "handshake": Counter({KEY_PAIR: 2, AGREE: 2, SIGN: 2, VERIFY: 4, SEAL: 4, OPEN: 4}),
    # an endorsement and a layer for each unit, a receipt; units, endorsements and receipt verified
    "transfer": Counter(
        {
            SIGN: UNITS + 1,
            VERIFY: 2 * UNITS + 1,
            KEY_PAIR: UNITS,
            AGREE: UNITS,
            SEAL: UNITS + len(TRANSFER),
            OPEN: len(TRANSFER),
        }
    ),
}
"""Operations that the protocol asks for, both purses together; HKDF's follow from the key schedules."""


class Payments:
    """Payments of 10 units of 1, again and again, step by step: `prepare`, `order`, `handshake`, `transfer`.

    The payee requests, as initiator, so that the handshake ends where REQUEST begins. When the payer has paid
    `sessions` times, `prepare` makes two new purses, which have had one session already when they are used.
    """

    def __init__(self, folder: Path, *, held: int = UNITS, sessions: int = 10) -> None:
        """`folder`: of the memories; `held`: units that the payee has at first and the payer at last."""
        capacity = held + UNITS * (sessions + 2)
        self._world = World(folder, policy=replace(policy.default(), capacity=max(capacity, 256)))
        self._held = held
        self._sessions = sessions
        self._left = 0
        self.sizes: dict[str, int] = {}
        """Bytes of each message of the last session."""

    def prepare(self) -> None:
        """Purses with a session before them, and the payee's order."""
        if not self._left:
            self._renew()
        self._left -= 1
        _accepted(self.payee.order(RequestOrder(amount=UNITS, reference="bench")))

    def order(self) -> None:
        """The payer's order."""
        _accepted(self.payer.order(PayOrder(amount=UNITS)))

    def handshake(self) -> None:
        """From opening the session to the end of message_4, with REQUEST written."""
        self.payer.open(Side.RESPONDER)
        self._said = _out(self.payee.open(Side.INITIATOR))
        self._carry(HANDSHAKE, (self.payer, self.payee) * 2)

    def transfer(self) -> None:
        """From REQUEST to the receipt stored."""
        self._carry(TRANSFER[:-1], (self.payer, self.payee) * 2)
        self.sizes[TRANSFER[-1]] = len(self._said)
        _accepted(self.payer.deliver(self._said))

    def close(self) -> None:
        """Close the memories."""
        self._world.close()

    def _renew(self) -> None:
        self.close()
        self.payer = self._world.purse([1] * (self._held + UNITS * (self._sessions + 1))).device
        self.payee = self._world.purse([1] * self._held).device
        self._left = self._sessions + 1
        self.prepare()
        self.order()
        self.handshake()
        self.transfer()

    def _carry(self, names: tuple[str, ...], listeners: tuple[Device, ...]) -> None:
        for name, listener in zip(names, listeners, strict=True):
            self.sizes[name] = len(self._said)
            self._said = _out(listener.deliver(self._said))


def media() -> dict[str, str | None]:
    """Where purse memories are put: on the disk, and in RAM where the system has a file system there."""
    return {"memory": str(RAM), "disk": None} if RAM.is_dir() else {"disk": None}


def count() -> dict[str, Counts]:
    """Operations that the reference performs, for the handshake and for the transfer."""
    with tempfile.TemporaryDirectory() as folder:
        payments = Payments(Path(folder))
        payments.prepare()
        payments.order()
        with counting() as handshake:
            payments.handshake()
        with counting() as transfer:
            payments.transfer()
        payments.close()
    # REQUEST, the first record, is sealed while message_4 is read: a head of 2 bytes and a tag of 16 about it
    request = Operation(SEAL, payments.sizes["REQUEST"] - 18)
    handshake[request] -= 1
    transfer[request] += 1
    return {"handshake": handshake, "transfer": transfer}


def wire_sizes() -> dict[str, int]:
    """Bytes of each message of a session with a payment of 10 units."""
    with tempfile.TemporaryDirectory() as folder:
        payments = Payments(Path(folder))
        payments.prepare()
        payments.close()
    return payments.sizes


def growth(hops: int = 20) -> list[int]:
    """Bytes of one unit as it is handed over (signed unit and history), after 0 to `hops` moves."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), policy=replace(policy.default(), max_hops=hops + 1))
        pair = [world.purse([1]), world.purse([])]
        sizes = []
        for _ in range(hops + 1):
            payer, payee = (member.device for member in pair)
            (held,) = payer.store.holdings([unit.unit_id for unit in payer.snapshot().units])
            sizes.append(len(held.unit) + len(held.history))
            rejections = transfer(payer, PayOrder(amount=1), payee, ReceiveOrder()).rejections
            if rejections:
                raise RuntimeError(f"the reference refuses its own payment: {rejections}")
            pair.reverse()
        world.close()
    return sizes


def adapter_overhead(rounds: int = 1000) -> dict[str, float]:
    """Median seconds of a request that does nothing: in the process, and to a separate process."""
    medians = {}
    selectors = {
        "same process": "python:eiraku.conformance.wallet:factory",
        "separate process": f"cmd:{sys.executable} -m eiraku.conformance.wallet",
    }
    for name, selector in selectors.items():
        with Wallet(selector) as wallet:
            wallet.start()
            wallet.take_times()
            for _ in range(rounds):
                wallet.power_cut("never")
            medians[name] = statistics.median(wallet.take_times()["power_cut"])
    return medians


def _out(result: Result) -> bytes:
    accepted = _accepted(result)
    if accepted.out is None:
        raise RuntimeError("the reference has no answer")
    return accepted.out


def _accepted(result: Result) -> Accepted:
    if not isinstance(result, Accepted):
        raise RuntimeError(f"the reference refuses its own message: {result}")
    return result
