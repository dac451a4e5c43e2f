"""What is measured: a handshake, a transfer, the size of what travels, the cost of the adapter."""

import statistics
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from eiraku.cli.study.benchmarks.counting import AGREE, KEY_PAIR, OPEN, SEAL, SIGN, VERIFY, counting
from eiraku.conformance.adapter.client import Wallet
from eiraku.reference import policy
from eiraku.reference.device import Accepted, Device, Result
from eiraku.reference.purse.state import PayOrder, ReceiveOrder, RequestOrder
from eiraku.spec.tables import Side
from eiraku.testing.purses import World

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
"""Operations that the protocol asks for, both purses together; HMACs follow from the key schedules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One round: seconds of both purses together, and bytes of each message."""

    handshake: float
    transfer: float
    sizes: dict[str, int]


class Pair:
    """Two purses; the payee requests, as initiator, so that the handshake ends where REQUEST begins."""

    def __init__(self, folder: Path, rounds: int) -> None:
        """`folder`: of the purses' memories; `rounds`: how many payments the payer can make."""
        self._world = World(folder)
        self.payer = self._world.purse([1] * (UNITS * rounds))
        self.payee = self._world.purse([])

    def round(self) -> Measured:
        """One session with a payment of 10 units."""
        payee, payer = self.payee.device, self.payer.device
        payee.order(RequestOrder(amount=UNITS, reference="bench"))
        payer.order(PayOrder(amount=UNITS))
        sizes: dict[str, int] = {}
        begun = time.perf_counter()
        payer.open(Side.RESPONDER)
        said = _out(payee.open(Side.INITIATOR))
        listener, speaker = payer, payee
        for name in HANDSHAKE:
            sizes[name] = len(said)
            said = _out(listener.deliver(said))
            listener, speaker = speaker, listener
        between = time.perf_counter()
        for name in TRANSFER:
            sizes[name] = len(said)
            result = listener.deliver(said)
            if name != TRANSFER[-1]:
                said = _out(result)
            listener, speaker = speaker, listener
        _accepted(result)
        ended = time.perf_counter()
        return Measured(handshake=between - begun, transfer=ended - between, sizes=sizes)

    def close(self) -> None:
        """Close the memories."""
        self._world.close()


def media() -> dict[str, str | None]:
    """Where purse memories are put: on the disk, and in RAM where the system has a file system there."""
    return {"memory": str(RAM), "disk": None} if RAM.is_dir() else {"disk": None}


def measure(rounds: int, medium: str | None) -> list[Measured]:
    """`rounds` sessions, after one that is not counted; `medium`: see `media`."""
    with tempfile.TemporaryDirectory(dir=medium) as folder:
        pair = Pair(Path(folder), rounds + 1)
        pair.round()
        found = [pair.round() for _ in range(rounds)]
        pair.close()
    return found


def count() -> dict[str, Counter[str]]:
    """Operations that the reference performs, for the handshake and for the transfer."""
    with tempfile.TemporaryDirectory() as folder:
        pair = Pair(Path(folder), 2)
        pair.round()
        payer, payee = pair.payer.device, pair.payee.device
        payee.order(RequestOrder(amount=UNITS, reference="bench"))
        payer.order(PayOrder(amount=UNITS))
        with counting() as handshake:
            payer.open(Side.RESPONDER)
            said = _out(payee.open(Side.INITIATOR))
            for listener in (payer, payee, payer, payee):
                said = _out(listener.deliver(said))
        # the first record is sealed while message_4 is read
        handshake[SEAL] -= 1
        with counting() as transfer:
            for listener in (payer, payee, payer, payee):
                said = _out(listener.deliver(said))
            _accepted(payer.deliver(said))
        transfer[SEAL] += 1
        pair.close()
    return {"handshake": handshake, "transfer": transfer}


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
            _pay(payer, payee)
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


def _pay(payer: Device, payee: Device) -> None:
    payer.order(PayOrder(amount=1))
    payee.order(ReceiveOrder())
    payee.open(Side.RESPONDER)
    said: bytes | None = _out(payer.open(Side.INITIATOR))
    listener, speaker = payee, payer
    while said is not None:
        result = listener.deliver(said)
        if not isinstance(result, Accepted):
            raise RuntimeError(f"the reference refuses its own payment: {result}")
        said = result.out
        listener, speaker = speaker, listener


def _out(result: Result) -> bytes:
    accepted = _accepted(result)
    if accepted.out is None:
        raise RuntimeError("the reference has no answer")
    return accepted.out


def _accepted(result: Result) -> Accepted:
    if not isinstance(result, Accepted):
        raise RuntimeError(f"the reference refuses its own message: {result}")
    return result
