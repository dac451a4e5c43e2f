"""A vault takes an issue: checks in their order, one write, the same receipt again (EPP-CEN-066 to 070)."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any, Literal

import pytest

from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.device import Accepted, Rejected
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.state import PayOrder, ReceiveOrder
from eiraku.spec import objects
from eiraku.spec.centre_objects import Issue
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import ISSUER_NUMBER, ReceiptPayload, Role, Unit
from eiraku.testing.device import PowerLost
from eiraku.testing.purses import Member, World

TRANSACTION = bytes(range(16))


def issue(world: World, vault: bytes, *units: int | Unit, transaction: bytes = TRANSACTION) -> Issue:
    made = [world.unit(unit) if isinstance(unit, int) else unit for unit in units]
    rows = []
    for unit in made:
        held = world.issuing_centre.issue(unit, holder=vault, transaction=transaction, random=world.random)
        (layer,) = world.issuing_centre.open_history(held)
        rows.append((held.unit, layer.signature))
    return Issue(transaction=transaction, amount=sum(unit.value for unit in made), units=tuple(rows))


def vault_of(world: World, **changes: Any) -> Member:
    return world.purse(role=Role.VAULT, **changes)


def code(result: object) -> str:
    assert isinstance(result, Rejected), result
    assert result.out is None
    return result.refusal.code.label


def test_units_are_spendable_and_the_receipt_verifies(world: World) -> None:
    vault = vault_of(world)
    encoded = issue(world, vault.number, 1, 4, 8).encode()
    result = vault.device.take_issue(encoded)
    assert isinstance(result, Accepted)
    assert result.out is not None
    payload = ReceiptPayload(
        transaction=TRANSACTION,
        payer=ISSUER_NUMBER,
        payee=vault.number,
        amount=13,
        offer_digest=sha256(encoded).digest(),
    )
    assert cose.verify_detached(vault.key.public, objects.CONTEXT_RECEIPT, payload.encode(), result.out)
    now = vault.device.snapshot()
    assert (now.balance, now.writes) == (13, 2)
    assert {unit.hop for unit in now.units} == {0}
    assert [(c.payer, c.amount) for c in now.credited] == [(ISSUER_NUMBER, 13)]


def test_the_vault_seals_the_layer_of_hop_0(world: World) -> None:
    """EPP-CEN-068, EPP-HIS-003: the centre opens what the vault sealed and finds its own endorsement."""
    vault = vault_of(world)
    made = issue(world, vault.number, 2)
    vault.device.take_issue(made.encode())
    (held,) = vault.device.store.holdings([u.unit_id for u in vault.device.snapshot().units])
    (layer,) = world.issuing_centre.open_history(OfferedUnit(unit=held.unit, hop=0, history=held.history))
    assert (layer.inner, layer.payer, layer.payee) == (b"", ISSUER_NUMBER, vault.number)
    assert (layer.transaction, layer.signature) == (TRANSACTION, made.units[0][1])


def test_what_was_issued_can_be_paid_out(world: World) -> None:
    vault = vault_of(world)
    person = world.purse(holder=vault.claims.holder)
    vault.device.take_issue(issue(world, vault.number, 1, 4).encode())
    assert not transfer(vault.device, PayOrder(amount=5), person.device, ReceiveOrder()).rejections
    assert person.balance == 5


def test_an_issue_knows_no_limit_of_a_transfer(world: World) -> None:
    # EPP-CEN-067
    narrow = [
        replace(operation, limits=dict.fromkeys(operation.limits, 1)) for operation in world.policy.operations
    ]
    world.policy = replace(world.policy, operations=tuple(narrow))
    vault, units = vault_of(world), [2] * (world.policy.max_units + 1)
    assert isinstance(vault.device.take_issue(issue(world, vault.number, *units).encode()), Accepted)
    assert vault.balance == sum(units)


def test_the_same_issue_again_gets_the_same_receipt(world: World) -> None:
    # EPP-CEN-070
    vault = vault_of(world)
    encoded = issue(world, vault.number, 1, 4).encode()
    first = vault.device.take_issue(encoded)
    before = vault.device.snapshot()
    again = vault.device.take_issue(encoded)
    assert isinstance(first, Accepted)
    assert isinstance(again, Accepted)
    assert again.out == first.out
    assert vault.device.snapshot() == before


def test_another_issue_of_the_same_transaction_is_refused(world: World) -> None:
    vault = vault_of(world)
    vault.device.take_issue(issue(world, vault.number, 1).encode())
    before = vault.device.snapshot()
    assert code(vault.device.take_issue(issue(world, vault.number, 1).encode())) == "transaction"
    assert vault.device.snapshot() == before


@pytest.mark.parametrize("role", (Role.PERSON, Role.MERCHANT, Role.CENTRE))
def test_only_a_vault_takes_an_issue(world: World, role: Role) -> None:
    purse = world.purse(role=role)
    assert code(purse.device.take_issue(issue(world, purse.number, 1).encode())) == "role-pair"


def test_an_empty_purse_takes_no_issue(world: World, tmp_path: Any) -> None:
    from eiraku.reference.device import Device  # noqa: PLC0415 - only here

    device = Device(tmp_path / "empty.db", world.random)
    assert code(device.take_issue(b"")) == "not-provisioned"


def other_key(unit: Unit, world: World) -> bytes:
    key = world.issuing_centre.keys[-1]
    return cose.sign(SigningKey(bytes(32)), objects.CONTEXT_UNIT, unit.encode(), kid=key.kid)


def with_unit(made: Issue, index: int, unit: bytes) -> Issue:
    rows = list(made.units)
    rows[index] = (unit, rows[index][1])
    return replace(made, units=tuple(rows))


def twice(made: Issue) -> Issue:
    return replace(made, amount=2 * made.amount, units=made.units * 2)


Fault = Callable[[World, Member], bytes]

FAULTS: dict[str, tuple[str, Fault]] = {
    "not an issue": ("malformed", lambda _w, _v: b"\x80"),
    "too long": ("too-large", lambda _w, _v: b"\x58" + bytes(70_000)),
    "nothing": ("amount", lambda w, v: replace(issue(w, v.number, 1), amount=0).encode()),
    "no unit": ("malformed", lambda w, v: replace(issue(w, v.number), amount=1).encode()),
    "a unit twice": (
        "duplicate-unit",
        lambda w, v: twice(issue(w, v.number, 2)).encode(),
    ),
    "no unit at all": ("malformed", lambda w, v: with_unit(issue(w, v.number, 2, 1), 1, b"\x80").encode()),
    "signature": (
        "unit-signature",
        lambda w, v: with_unit(issue(w, v.number, 2, 1), 1, other_key(w.unit(1), w)).encode(),
    ),
    "seal": ("unit-seal", lambda w, v: issue(w, v.number, w.unit(1, seal=bytes(16))).encode()),
    "economy": ("unit-economy", lambda w, v: issue(w, v.number, w.unit(1, economy=7)).encode()),
    "expired": ("unit-expired", lambda w, v: issue(w, v.number, w.unit(1, expires=9)).encode()),
    "value": ("unit-value", lambda w, v: issue(w, v.number, w.unit(3)).encode()),
    "sum": ("sum", lambda w, v: replace(issue(w, v.number, 2, 1), amount=4).encode()),
    "for another vault": ("endorsement", lambda w, _v: issue(w, bytes([9]) * 8, 1).encode()),
    "of another transaction": (
        "endorsement",
        lambda w, v: replace(issue(w, v.number, 1), transaction=bytes(16)).encode(),
    ),
    "balance limit": (
        "balance-limit",
        lambda w, v: issue(w, v.number, *[w.unit(1 << 23), w.unit(1 << 22)]).encode(),
    ),
    "257 units": ("malformed", lambda w, v: issue(w, v.number, *[1] * 257).encode()),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_refused(world: World, fault: str) -> None:
    """EPP-CEN-066, EPP-CRS-015: refused with the code of the check, and nothing is changed."""
    vault = vault_of(world)
    before = vault.device.snapshot()
    expected, make = FAULTS[fault]
    assert code(vault.device.take_issue(make(world, vault))) == expected
    assert vault.device.snapshot() == before


def test_a_full_vault(world: World) -> None:
    """EPP-CEN-012, EPP-TRF-043: as many units as one issue may have fill it, and the next is refused."""
    vault = vault_of(world)
    assert vault.device.snapshot().balance == 0
    assert isinstance(vault.device.take_issue(issue(world, vault.number, *[1] * 256).encode()), Accepted)
    before = vault.device.snapshot()
    more = issue(world, vault.number, 1, transaction=bytes(16)).encode()
    assert code(vault.device.take_issue(more)) == "capacity"
    assert vault.device.snapshot() == before


def test_a_unit_that_is_here_or_was_here(world: World) -> None:
    vault, unit = vault_of(world), world.unit(4)
    vault.device.take_issue(issue(world, vault.number, unit).encode())
    again = issue(world, vault.number, unit, transaction=bytes(16)).encode()
    assert code(vault.device.take_issue(again)) == "unit-held"
    person = world.purse(holder=vault.claims.holder)
    transfer(vault.device, PayOrder(amount=4), person.device, ReceiveOrder())
    assert code(vault.device.take_issue(again)) == "unit-seen"


def test_the_first_fault_decides(world: World) -> None:
    """The order of EPP-TRF-030 to 044: all checks of the first unit, then of the second; sums come after."""
    vault = vault_of(world)
    made = issue(world, vault.number, world.unit(1, economy=7), world.unit(1, seal=bytes(16)))
    result = vault.device.take_issue(replace(made, amount=9).encode())
    assert code(result) == "unit-economy"
    assert isinstance(result, Rejected)
    assert "unit 0" in result.refusal.detail


@pytest.mark.parametrize("when", ("before", "after"))
def test_a_cut_at_the_one_write(world: World, when: Literal["before", "after"]) -> None:
    """EPP-CEN-069, EPP-CRS-004: one write; whichever side of it power fails, the same issue completes it."""
    vault = vault_of(world)
    encoded = issue(world, vault.number, 1, 4).encode()
    vault.device.arm(when, 1)
    assert vault.device.take_issue(encoded) == PowerLost()
    assert vault.balance == (5 if when == "after" else 0)
    vault.device.arm("before", 2)
    result = vault.device.take_issue(encoded)
    assert isinstance(result, Accepted), "no second write"
    assert vault.balance == 5


def test_a_session_that_is_open_ends(world: World) -> None:
    """EPP-SES-027: as if another session began; the peer can no longer pay into it."""
    vault = vault_of(world)
    person = world.purse([2], holder=vault.claims.holder)
    encoded = issue(world, vault.number, 1).encode()

    def interrupt(number: int, message: bytes) -> bytes:
        if number == 5:
            assert isinstance(vault.device.take_issue(encoded), Accepted)
        return message

    exchange = transfer(person.device, PayOrder(amount=2), vault.device, ReceiveOrder(), interrupt)
    assert exchange.codes == ["unexpected-message"]
    assert (vault.balance, person.balance) == (1, 2)
