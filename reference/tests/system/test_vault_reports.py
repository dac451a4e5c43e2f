"""A vault reports suspects at once, and keeps a report until both centres have it (EPP-VLT-002, -004)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.device import Device
from eiraku.reference.meeting import PurseLostPower
from eiraku.reference.purse.state import PayOrder, RequestOrder
from eiraku.spec.errors import Code
from eiraku.system.economy.mishaps import Loss
from eiraku.system.exchange.carrier import ServiceRefused, ServiceUnreachable
from eiraku.system.services.requests import DEVICE_CENTRE, ISSUING_CENTRE
from eiraku.system.vault.policy import VaultPolicy
from eiraku.testing.bank import Bank
from eiraku.testing.device import number_of
from eiraku.testing.town import Town

pytestmark = pytest.mark.slow

BOTH = (DEVICE_CENTRE, ISSUING_CENTRE)


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    made = Bank(Town(folder=tmp_path), VaultPolicy(bulletin_seconds=60, expiry_margin=2, stock=()))
    made.vault.issue([1, 2, 4])
    yield made
    made.close()


def revoked(bank: Bank) -> Device:
    """A purse with money that is on the bulletin."""
    alice = bank.town.purse()
    assert bank.meet(alice, RequestOrder(amount=1), 1) == ()
    bank.town.registry.purses.revoke(number_of(alice), "stolen")
    bank.town.directory.advance()
    bank.vault.refresh()
    return alice


def suspects(bank: Bank) -> list[tuple[bytes, int]]:
    return [(found.number, found.code) for found in bank.town.registry.suspects.after()]


def due(bank: Bank) -> list[int]:
    return [len(bank.vault.reports.due(audience)) for audience in BOTH]


def test_a_revoked_purse_is_reported_at_once(bank: Bank) -> None:
    # EPP-VLT-002, EPP-VLT-012
    alice = revoked(bank)
    calls = bank.issuing.calls
    assert bank.meet(alice, PayOrder(amount=1)) == ("purse-revoked",)
    assert suspects(bank) == [(number_of(alice), Code.PURSE_REVOKED)]
    assert bank.issuing.calls == calls + 1, "the issuing centre has it too"
    assert due(bank) == [0, 0]
    (found,) = bank.town.registry.suspects.after()
    assert (found.reporter, found.epoch) == (bank.vault.number, bank.vault.epoch)


@pytest.mark.parametrize("spent", (False, True))
def test_a_copy_is_reported_with_its_unit(bank: Bank, *, spent: bool) -> None:
    # EPP-VLT-002, EPP-VLT-012, EPP-VLT-013
    alice = bank.town.purse()
    assert bank.meet(alice, RequestOrder(amount=2), 2) == ()
    (unit,) = alice.store.summaries()
    alice.close()
    path = bank.town.folder / "copy.db"
    path.write_bytes(alice.store.path.read_bytes())
    alice.store.reopen()
    copy = Device(path, Drbg(b"copy"))
    assert bank.meet(alice, PayOrder(amount=2)) == ()
    if spent:
        bank.vault.redeem(2)
    code = "unit-seen" if spent else "unit-held"
    assert bank.meet(copy, PayOrder(amount=2)) == (code,)
    (found,) = bank.town.registry.suspects.after()
    assert (found.number, Code(found.code).label) == (number_of(alice), code)
    assert found.unit_id == unit.unit_id
    copy.close()


@pytest.mark.parametrize("loss", ("lost", "unanswered"))
def test_kept_until_both_have_it(bank: Bank, loss: Loss) -> None:
    """EPP-VLT-019: whichever is away, and across a restart; the peer is refused all the same."""
    alice = revoked(bank)
    bank.issuing.weather = lambda _n: loss
    assert bank.meet(alice, PayOrder(amount=1)) == ("purse-revoked",)
    assert due(bank) == [0, 1]
    bank.device_centre.weather = lambda _n: "lost"
    bank.restart()
    assert due(bank) == [0, 1]
    assert bank.vault.tick() != ()
    assert due(bank) == [0, 1]
    bank.fine()
    assert bank.vault.tick() == ()
    assert due(bank) == [0, 0]
    assert suspects(bank) == [(number_of(alice), Code.PURSE_REVOKED)]


def test_durable_before_the_peer_is_told(bank: Bank) -> None:
    """EPP-VLT-004: the process dies while it reports; the report is there afterwards."""
    alice = revoked(bank)

    def dies(_n: int) -> Loss:
        raise KeyboardInterrupt

    bank.device_centre.weather = bank.issuing.weather = dies
    with pytest.raises(KeyboardInterrupt):
        bank.meet(alice, PayOrder(amount=1))
    bank.fine()
    bank.restart()
    assert due(bank) == [1, 1]
    bank.vault.settle()
    assert due(bank) == [0, 0]
    assert len(suspects(bank)) == 1


def test_the_same_again_is_one_report(bank: Bank) -> None:
    # EPP-VLT-020
    alice = revoked(bank)
    for _ in range(3):
        bank.meet(alice, PayOrder(amount=1))
    assert len(suspects(bank)) == 1
    bank.town.directory.advance()
    bank.vault.refresh()
    bank.meet(alice, PayOrder(amount=1))
    assert len(suspects(bank)) == 2, "it showed itself again, in another epoch"


def test_a_unit_that_comes_back_too_early_is_not_reported(bank: Bank) -> None:
    """EPP-VLT-013, EPP-TRF-040: no copy, and nobody to blame."""
    alice = bank.town.purse()
    bank.device.arm("before", 2)
    with pytest.raises(PurseLostPower):
        bank.meet(alice, RequestOrder(amount=4), 4)
    bank.restart()
    assert alice.store.total() == (1, 4)
    assert bank.meet(alice, PayOrder(amount=4)) == ("unit-held",)
    assert suspects(bank) == []
    assert due(bank) == [0, 0]


def test_a_report_that_is_refused_is_kept_for_the_operator(bank: Bank) -> None:
    """EPP-VLT-021. The vault itself is revoked: no centre listens to it; the report is not sent for ever."""
    alice = revoked(bank)
    bank.town.registry.purses.revoke(bank.vault.number, "closed")
    bank.meet(alice, PayOrder(amount=1))
    assert due(bank) == [0, 0]
    assert [len(bank.vault.reports.due(audience, refused=True)) for audience in BOTH] == [1, 1]
    bank.vault.send_reports()
    assert suspects(bank) == []


def test_a_report_waits_behind_a_request_in_flight(bank: Bank) -> None:
    """EPP-VLT-023: one request at a time, so an issue whose answer was lost comes first."""
    alice = revoked(bank)
    bank.issuing.weather = lambda _n: "unanswered"
    with pytest.raises(ServiceUnreachable):
        bank.vault.issue([64])
    bank.meet(alice, PayOrder(amount=1))
    assert due(bank) == [0, 1]
    bank.fine()
    assert bank.vault.tick() == ()
    assert due(bank) == [0, 0]
    assert 64 in [unit.value for unit in bank.device.store.summaries()]
    assert bank.missing() == 0


def test_a_customer_in_session_is_not_disturbed(bank: Bank) -> None:
    """An issue in flight would end the session: reports and `tick` wait for it."""
    alice = bank.town.purse()
    bank.issuing.weather = lambda _n: "unanswered"
    with pytest.raises(ServiceUnreachable):
        bank.vault.issue([64])
    bank.fine()
    alice.order(RequestOrder(amount=4))
    bank.vault.begin(4, number_of(alice))
    bank.vault.tick()
    assert 64 not in [unit.value for unit in bank.device.store.summaries()]
    with pytest.raises(ServiceUnreachable, match="end the session first"):
        bank.vault.account()
    bank.vault.end()
    assert bank.vault.tick() == ()
    assert 64 in [unit.value for unit in bank.device.store.summaries()]


def test_a_revoked_vault_learns_why(bank: Bank) -> None:
    bank.town.registry.purses.revoke(bank.vault.number, "closed")
    with pytest.raises(ServiceRefused, match="revoked"):
        bank.vault.account()
