"""Purses that are online follow their centres: lists, scheme keys, renewal under a successor."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eiraku.reference.anchor import parse_purse_id
from eiraku.reference.device import Device
from eiraku.reference.meeting import accepted
from eiraku.reference.purse.state import NoSession, Ready, RequestOrder
from eiraku.spec.centre_objects import Renewed
from eiraku.spec.errors import Refusal
from eiraku.spec.key_lists import Centre
from eiraku.system.exchange import trust
from eiraku.system.exchange.carrier import ServiceRefused
from eiraku.system.exchange.outbox import Request
from eiraku.system.scheme import directory, own
from eiraku.system.services.hosts import CounterHost
from eiraku.system.services.service import Service
from eiraku.system.vault.issues import ISSUING_CENTRE
from eiraku.testing.bank import Bank
from eiraku.testing.town import Town

pytestmark = pytest.mark.slow


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    made = Bank(Town(folder=tmp_path))
    yield made
    made.close()


def ready(device: Device) -> Ready:
    assert isinstance(device.state, Ready)
    return device.state


def change_everything(bank: Bank) -> None:
    """All keys are revoked from their first epoch, and have successors."""
    centres = bank.town.directory
    device, money = (
        directory.read_root(centres.path / name) for name in (directory.DEVICE_ROOT, directory.MONEY_ROOT)
    )
    keys, office = centres.registry.keys, centres.issuer.office
    keys.revoke(device, next(iter(keys.announced().keys)), valid_from=0)
    keys.revoke_scheme_keys(device, valid_from=centres.registry.bulletins.epoch)
    office.revoke(money, office.money_keys()[0].kid, valid_from=0)


def test_a_vault_follows(bank: Bank) -> None:
    """EPP-SVC-032, EPP-SVC-033, EPP-DEV-047: lists before the bulletin, scheme keys, a renewed purse ID."""
    bank.vault.issue([8])
    vault, kid = bank.vault.device, parse_purse_id(ready(bank.vault.device).identity.purse_id).signed.kid
    change_everything(bank)
    bank.town.directory.advance()
    epoch = bank.vault.refresh()
    assert epoch == bank.town.registry.bulletins.epoch, "the bulletin is under the successor"
    trusted = ready(vault).identity.anchor
    assert trusted.device.signed == bank.town.registry.keys.newest()
    assert trusted.money.signed == bank.town.directory.issuer.office.key_list()
    assert ready(vault).terms.scheme_key == bank.town.registry.keys.scheme_keys()[0]
    assert not trust.lacks_scheme_keys(vault)
    calls = bank.device_centre.calls
    bank.vault.refresh()
    assert bank.device_centre.calls == calls + 3, "two lists and a bulletin, no scheme keys again"
    bank.vault.renew(ready(vault).identity.claims.expires + 1)
    assert parse_purse_id(ready(vault).identity.purse_id).signed.kid != kid
    assert bank.vault.balance == 8, "void money stays until it is redeemed"
    bank.vault.issue([4])
    customer = bank.town.purse()
    assert bank.meet(customer, RequestOrder(amount=4), 4) == ()


def test_the_way_back_of_a_purse_that_is_locked_out(bank: Bank) -> None:
    """EPP-SVC-090: under a void purse ID and without a scheme key in force it gets both."""
    vault = bank.vault.device
    change_everything(bank)
    bank.town.directory.advance()
    accepted(vault.keys(Centre.DEVICE, bank.town.registry.keys.newest()))
    assert ready(vault).terms.scheme_key is None
    assert not own.has_valid_purse_id(vault)
    bank.vault.renew(ready(vault).identity.claims.expires + 1)
    assert own.has_valid_purse_id(vault)
    bank.vault.refresh()
    assert ready(vault).terms.scheme_key == bank.town.registry.keys.scheme_keys()[0]
    bank.vault.issue([4])
    assert bank.meet(bank.town.purse(), RequestOrder(amount=4), 4) == ()


class SpoiltLists:
    """News of a town whose key lists have a bit that is wrong."""

    def __init__(self, service: Service) -> None:
        self.service = service

    def keys(self, centre: Centre) -> bytes:
        *good, last = self.service.keys(centre)
        return bytes((*good, last ^ 1))

    def bulletin(self, epoch: int) -> bytes:
        return self.service.bulletin(epoch)


def test_a_purse_behind_a_service_that_cannot_serve(bank: Bank) -> None:
    """EPP-SVC-091: the client is told `suspended`, and no session begins; with good lists it does."""
    service = bank.town.scheme.services[ISSUING_CENTRE]
    counter = bank.town.counter

    def host(news: trust.News) -> CounterHost:
        return CounterHost(
            counter, news, scheme_keys=bank.town.registry.keys.scheme_keys, renew=lambda _device: None
        )

    with pytest.raises(ServiceRefused) as caught:
        host(SpoiltLists(service)).begin(None, None)
    assert (caught.value.code, caught.value.requirement) == ("suspended", "EPP-KEY-020")
    assert isinstance(ready(counter.device).session, NoSession)
    host(service).begin(None, None)
    assert not isinstance(ready(counter.device).session, NoSession)


def test_void_money_is_redeemed(bank: Bank) -> None:
    """EPP-KEY-040: the issuing centre pays what it issued."""
    centres = bank.town.directory
    money = directory.read_root(centres.path / directory.MONEY_ROOT)
    bank.vault.issue([8])
    office = centres.issuer.office
    office.revoke(money, office.money_keys()[0].kid, valid_from=0)
    bank.vault.refresh()
    assert bank.vault.balance == 8, "void money stays until it is redeemed"
    bank.vault.redeem()
    assert bank.vault.balance == 0


def test_a_renewal_brings_the_lists(bank: Bank) -> None:
    """EPP-DEV-046, EPP-DEV-047: without them the renewed purse ID would be refused."""
    purse = bank.town.purse()
    change_everything(bank)
    centres = bank.town.directory
    number = ready(purse).identity.claims.number
    signed = centres.registry.purses.renew(number, ready(purse).identity.claims.expires + 1)
    renewed = Renewed(
        purse_id=signed,
        device_keys=centres.registry.keys.newest(),
        money_keys=centres.issuer.office.key_list(),
    )
    request = Request(audience="", method="renew", signed=b"", about=0)
    bent = Renewed(purse_id=signed, device_keys=b"0", money_keys=renewed.money_keys)
    assert isinstance(trust.renewals(purse)(request, bent.encode()).error, Refusal)
    assert ready(purse).identity.purse_id != signed
    assert trust.renewals(purse)(request, renewed.encode()).error is None
    assert ready(purse).identity.purse_id == signed
