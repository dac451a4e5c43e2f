"""What is measured: a handshake, a transfer, the size of what travels, the cost of the adapter."""

import secrets
import statistics
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from eiraku.cli.study.benchmarks.counting import (
    AGREE,
    KEY_PAIR,
    OPEN,
    SEAL,
    SIGN,
    VERIFY,
    Counts,
    Operation,
    by_name,
    counting,
)
from eiraku.conformance.adapter.client import Wallet
from eiraku.reference import policy
from eiraku.reference.device import Accepted, Device, Result
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.state import PayOrder, ReceiveOrder, RequestOrder
from eiraku.spec.tables import Side
from eiraku.testing.purses import World

UNITS = 10
RAM = Path("/dev/shm")  # noqa: S108 - a temporary folder with an unpredictable name is made in it
HANDSHAKE = ("message_1", "message_2", "message_3", "message_4")
TRANSFER = ("REQUEST", "OFFER", "ACCEPT", "PAY", "RECEIPT")
OPEN_SESSION = "open"
PARTS = {"handshake": (OPEN_SESSION, *HANDSHAKE), "transfer": TRANSFER}
"""Steps of each part: the opening on both sides, and each message from its reading to that of the next."""
STEPS = (OPEN_SESSION, *HANDSHAKE, *TRANSFER)

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
    """Payments of 10 units of 1, again and again, step by step: `prepare`, `order`, then each of `STEPS`.

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
        self._said = b""
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

    def open(self) -> None:
        """Open the session on both sides: message_1 is written."""
        _accepted(self.payer.open(Side.RESPONDER))
        self._said = _accepted(self.payee.open(Side.INITIATOR)).out or b""

    def step(self, name: str) -> None:
        """One of `STEPS`, in their order: a message is read, and the next one written."""
        if name == OPEN_SESSION:
            self.open()
            return
        self.sizes[name] = len(self._said)
        # the payer reads message_1, and every second message from there on
        listener = self.payee if STEPS.index(name) % 2 == 0 else self.payer
        self._said = _accepted(listener.deliver(self._said)).out or b""

    def steps(self, names: Iterable[str]) -> None:
        """Several steps."""
        for name in names:
            self.step(name)

    def close(self) -> None:
        """Close the memories."""
        self._world.close()

    def _renew(self) -> None:
        self.close()
        self.payer = self._device([1] * (self._held + UNITS * (self._sessions + 1)))
        self.payee = self._device([1] * self._held)
        self._left = self._sessions + 1
        self.prepare()
        self.order()
        self.steps(STEPS)

    def _device(self, units: list[int]) -> Device:
        """A purse as it is in the field: what the world gives can be patched, which costs a little."""
        return Device(self._world.purse(units).device.store, secrets.token_bytes)


def media() -> dict[str, str | None]:
    """Where purse memories are put: on the disk, and in RAM where the system has a file system there."""
    return {"memory": str(RAM), "disk": None} if RAM.is_dir() else {"disk": None}


def count() -> dict[str, Counts]:
    """Operations that the reference performs in each step."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        payments = Payments(Path(folder))
        payments.prepare()
        payments.order()
        for name in STEPS:
            with counting() as found[name]:
                payments.step(name)
        payments.close()
    # REQUEST, the first record, is sealed while message_4 is read: a head of 2 bytes and a tag of 16 about it
    request = Operation(SEAL, payments.sizes["REQUEST"] - 18)
    found["message_4"] -= Counter({request: 1})
    found["REQUEST"][request] += 1
    return found


def by_part(counts: Mapping[str, Counts]) -> dict[str, Counter[str]]:
    """Operations of handshake and transfer, whatever their sizes."""
    return {part: by_name(sum((counts[name] for name in steps), Counter())) for part, steps in PARTS.items()}


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


def _accepted(result: Result) -> Accepted:
    if not isinstance(result, Accepted):
        raise RuntimeError(f"the reference refuses its own message: {result}")
    return result
