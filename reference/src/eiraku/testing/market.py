"""What purses in the folder of a town do with each other and at home: functions, not a world.

Real sessions, real deposits, real inspections. `device`, `payer`, `payee`: of the town.
"""

import shutil
from collections.abc import Sequence

from eiraku.reference.device import Accepted, Device
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.state import PayOrder, ReceiveOrder, RedeliverOrder
from eiraku.spec.centre_objects import Issue
from eiraku.system.device.inspection import Finding
from eiraku.testing.device import BenchDevice, number_of
from eiraku.testing.town import ECONOMY, VAULT, Town


def issue(town: Town, values: Sequence[int]) -> None:
    """Fresh units, paid for, for the purse of the vault, which gives its receipt."""
    town.fund(sum(values))
    vault, number = town.devices[VAULT], town.numbers[VAULT]
    encoded = town.issuer.issues.issue(town.random(16), number, ECONOMY, values)
    taken = vault.take_issue(encoded)
    if not isinstance(taken, Accepted) or taken.out is None:
        raise ValueError(f"the vault does not take an issue: {taken}")
    town.issuer.issues.receipt(number, Issue.decode(encoded).transaction, taken.out)


def pay(town: Town, payer: Device, payee: Device, amount: int, lost: int = 0) -> list[str]:
    """Codes of refusals; message `lost` does not arrive."""
    channel = (lambda n, m: None if n == lost else m) if lost else None
    codes = transfer(payer, PayOrder(amount=amount), payee, ReceiveOrder(), channel).codes
    if payee is town.counter.device:
        town.counter.collect()
    return codes


def give(town: Town, person: Device, values: Sequence[int]) -> None:
    """Fresh units from the vault."""
    issue(town, values)
    codes = pay(town, town.devices[VAULT], person, sum(values))
    if codes:
        raise ValueError(f"the vault cannot pay: {codes}")


def redeliver(town: Town, payer: Device) -> None:
    """Deliver again whatever is pending."""
    for pending in payer.store.pendings():
        order = RedeliverOrder(transaction=pending.transaction)
        transfer(payer, order, town.by_number()[pending.payee], ReceiveOrder())
    town.counter.collect()


def inspect(town: Town, device: Device) -> Sequence[Finding]:
    """What an inspection finds."""
    inspections, number = town.registry.inspections, number_of(device)
    report = device.self_report(inspections.challenge(number, town.issuer.history))
    return inspections.inspect(number, report, town.issuer.history)


def copy(town: Town, device: BenchDevice) -> Device:
    """A second purse with the same memory."""
    original = device.store.path
    device.close()
    other = original.with_name(f"copy-{town.random(4).hex()}.db")
    shutil.copy(original, other)
    device.power_cut()
    return Device(other, town.random)


def kinds(findings: Sequence[Finding]) -> set[str]:
    """Their stable names."""
    return {finding.kind for finding in findings}
