"""What HTTP adds to a service: ``eiraku measure services``.

One purse and its vault, over HTTP to a process of its own on this machine, and then the same purse and vault
in one process. Each figure is a median, in milliseconds; a purse and a vault write durably in both.
"""

from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

from eiraku.reference.device import Device
from eiraku.reference.purse.state import PayOrder
from eiraku.spec import cbor
from eiraku.system.exchange.carrier import Carrier
from eiraku.system.exchange.talk import talk
from eiraku.system.services.client import HttpCarrier
from eiraku.system.services.local import LocalCarrier
from eiraku.system.services.requests import vault_audience
from eiraku.system.services.settings import DEFAULT
from eiraku.testing.served import Served

ROUNDS = 100
LATER = 1_000_000
"""Sequences begin here, above all that the wallet used before."""
UNLIMITED = (("client_rate = 50.0", "client_rate = 1e6"), ("purse_rate = 20.0", "purse_rate = 1e6"))


def timed(action: Callable[[int], object], rounds: int) -> float:
    """Median of so many calls, in milliseconds; each is told its number, from 0."""
    times: list[float] = []
    for number in range(rounds):
        begin = perf_counter()
        action(number)
        times.append(1000 * (perf_counter() - begin))
    return median(times)


def pay_in(device: Device, carrier: Carrier) -> None:
    """One session in which the purse pays its smallest unit into the vault."""
    value = min(unit.value for unit in device.snapshot().units)
    device.order(PayOrder(amount=value))
    talk(device, carrier.open())


def measure(folder: Path, rounds: int) -> dict[str, tuple[float, float]]:
    """For each kind of exchange its time over HTTP, and in one process."""
    text = DEFAULT.replace("[vaults]\n", "")
    for old, new in UNLIMITED:
        text = text.replace(old, new)
    served = Served(folder, {"alice": 1_000_000}, text=text)
    served.start()
    with served.wallet(folder / "alice", "alice") as wallet, served.http() as server:
        # A unit for each session, smallest denominations first.
        while len(wallet.snapshot().units) < 2 * rounds:
            wallet.pay_out(127)
        number = bytes.fromhex(wallet.notes.vault)
        http = _rounds(wallet.device, number, HttpCarrier(server, f"vaults/{number.hex()}"), 1, rounds)
        served.stop()
        with served.opened() as scheme:
            local = LocalCarrier(scheme.services[scheme.vaults["alice"].path])
            inside = _rounds(wallet.device, number, local, 1 + rounds, rounds)
    return {name: (http[name], inside[name]) for name in http}


def _rounds(device: Device, vault: bytes, carrier: Carrier, first: int, rounds: int) -> dict[str, float]:
    """`first`: after how many earlier requests, so that sequences grow."""
    audience = vault_audience(vault)

    def ask(number: int) -> bytes:
        signed = device.sign_request(audience, "balance", LATER * first + number, cbor.encode(()))
        return carrier.request(signed)

    return {
        "signed request": timed(ask, rounds),
        "pay-in, a whole session": timed(lambda _: pay_in(device, carrier), rounds),
    }
