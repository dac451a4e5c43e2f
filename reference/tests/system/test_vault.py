"""A vault with its customers and its centres, when nothing breaks (chapter 14)."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from eiraku.reference.anchor import parse_purse_id
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.state import PayOrder, ReceiveOrder, RequestOrder
from eiraku.spec import bulletins
from eiraku.spec.errors import Misuse, Refusal
from eiraku.spec.key_lists import Centre
from eiraku.spec.objects import PurseId, Role
from eiraku.system.database import DatabaseError
from eiraku.system.exchange.carrier import ServiceRefused, Session
from eiraku.system.vault.errors import VaultBusy, VaultSuspended
from eiraku.system.vault.policy import VaultPolicy
from eiraku.system.vault.vault import Vault
from eiraku.testing.bank import FUNDS, Bank
from eiraku.testing.device import number_of
from eiraku.testing.news import held
from eiraku.testing.town import Town

pytestmark = pytest.mark.slow

PLAIN = VaultPolicy(bulletin_seconds=60, expiry_margin=2, stock=())


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    made = Bank(Town(folder=tmp_path), PLAIN)
    yield made
    assert made.missing() == 0
    made.close()


def values(bank: Bank) -> list[int]:
    return sorted(unit.value for unit in bank.device.store.summaries())


def test_issue_and_redeem(bank: Bank) -> None:
    bank.vault.issue([1, 2, 4, 64])
    assert values(bank) == [1, 2, 4, 64]
    assert (bank.account(), bank.vault.account()) == (FUNDS - 71, FUNDS - 71)
    bank.vault.redeem(66)
    assert values(bank) == [1, 4]
    bank.vault.redeem()
    assert (values(bank), bank.account()) == ([], FUNDS)


def test_pay_out_and_pay_in(bank: Bank) -> None:
    """EPP-VLT-001."""
    alice = bank.town.purse()
    bank.vault.issue([1, 4, 8])
    assert bank.meet(alice, RequestOrder(amount=5), 5) == ()
    assert alice.store.total() == (2, 5)
    assert bank.meet(alice, PayOrder(amount=4)) == ()
    assert (values(bank), alice.store.total()) == ([4, 8], (1, 1))


def test_change_is_made_for_a_pay_out(bank: Bank) -> None:
    """EPP-VLT-005."""
    alice = bank.town.purse()
    bank.vault.issue([64])
    assert bank.meet(alice, RequestOrder(amount=5), 5) == ()
    assert alice.store.total() == (2, 5)
    assert sum(values(bank)) == 59
    assert bank.account() == FUNDS - 64


def test_the_account_helps_out(bank: Bank) -> None:
    alice = bank.town.purse()
    assert bank.meet(alice, RequestOrder(amount=1000), 1000) == ()
    assert (bank.account(), alice.store.total()[1]) == (FUNDS - 1000, 1000)


def test_too_much_is_refused_in_words(bank: Bank) -> None:
    with pytest.raises(ServiceRefused) as caught:
        bank.vault.begin(FUNDS + 1)
    assert caught.value.code == "insufficient-funds"
    with pytest.raises(ServiceRefused) as caught:
        bank.vault.begin(0)
    assert caught.value.code == "amount"
    with pytest.raises(Refusal, match="insufficient-funds"):
        bank.vault.redeem(1)
    assert not bank.vault.busy


def test_many_small_units_are_merged(bank: Bank) -> None:
    """More units than one transfer takes: some go home for larger ones."""
    alice = bank.town.purse()
    bank.vault.issue([1] * 60)
    assert bank.meet(alice, RequestOrder(amount=50), 50) == ()
    assert alice.store.total()[1] == 50


def test_tired_and_old_units_go_home_first(bank: Bank) -> None:
    """EPP-HIS-005: a person takes no unit at its hop limit; the vault changes it for a fresh one."""
    alice, bob = bank.town.purse(), bank.town.purse(holder=bytes(32))
    bank.vault.issue([2])
    for _ in range(10):
        payer, payee = (alice, bob) if alice.store.total()[1] else (bob, alice)
        if not payer.store.total()[1]:
            assert bank.meet(alice, RequestOrder(amount=2), 2) == ()
            continue
        transfer(payer, PayOrder(amount=2), payee, ReceiveOrder())
    holder = alice if alice.store.total()[1] else bob
    assert [unit.hop for unit in holder.store.summaries()] == [10]
    assert bank.meet(holder, PayOrder(amount=2)) == ()
    assert [unit.hop for unit in bank.device.store.summaries()] == [11]
    assert bank.meet(alice, RequestOrder(amount=2), 2) == ()
    assert [unit.hop for unit in alice.store.summaries()] == [1]


def test_stock(tmp_path: Path) -> None:
    """EPP-VLT-005: filled up and thinned out to halfway, as the policy says."""
    policy = VaultPolicy.from_toml(
        "bulletin_seconds = 60\nexpiry_margin = 0\n"
        "[[stock]]\nvalue = 1\nleast = 2\nmost = 6\n[[stock]]\nvalue = 8\nleast = 1\nmost = 1\n"
    )
    bank = Bank(Town(folder=tmp_path), policy)
    assert bank.vault.restock()
    assert values(bank) == [1, 1, 1, 1, 8]
    assert not bank.vault.restock()
    bank.vault.issue([1] * 5)
    assert bank.vault.restock()
    assert values(bank) == [1, 1, 1, 1, 8]
    assert bank.missing() == 0
    bank.close()


@pytest.mark.parametrize("kind", (ValueError, KeyError, AttributeError))
def test_a_defect_is_no_problem_of_a_centre(
    bank: Bank, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `tick` answers is what did not work; what is wrong with us is raised."""

    def defective(*_: object) -> None:
        raise kind("x")

    monkeypatch.setattr("eiraku.system.vault.reports.Reports.due", defective)
    with pytest.raises(kind):
        bank.vault.tick()


def test_one_session_at_a_time(bank: Bank) -> None:
    """EPP-VLT-006: a second one is refused, and so is whatever else needs the purse."""
    bank.vault.begin()
    for busy in (bank.vault.begin, bank.vault.restock, bank.vault.settle, lambda: bank.vault.issue([1])):
        with pytest.raises(VaultBusy) as caught:
            busy()
        assert caught.value.code == "busy"
    bank.vault.end()
    with pytest.raises(ServiceRefused, match="no session is open"):
        bank.vault.deliver(b"")
    bank.vault.issue([1])


def test_only_who_ordered_is_paid(bank: Bank) -> None:
    """EPP-VLT-007: another purse gets nothing, whatever the policy allows between the two."""
    alice, mallory = bank.town.purse(), bank.town.purse()
    bank.vault.issue([4])
    before = bank.device.snapshot()
    assert bank.meet(mallory, RequestOrder(amount=4), 4, payee=number_of(alice)) == ("authentication",)
    assert not bank.vault.busy
    assert bank.device.snapshot() == before
    assert mallory.store.total() == (0, 0)


def test_a_lost_receipt_is_delivered_again_before_anything_else(bank: Bank) -> None:
    """EPP-VLT-022, EPP-CRS-007: who comes back for more first gets, or confirms, what is pending."""
    alice = bank.town.purse()
    bank.vault.issue([1, 2, 4])
    alice.arm("before", 1)
    bank.meet(alice, RequestOrder(amount=2), 2)
    assert len(bank.device.store.pendings()) == 1
    assert alice.store.total() == (0, 0)
    assert bank.meet(alice, RequestOrder(amount=2), 2) == ()
    assert (bank.device.store.pendings(), alice.store.total()) == ((), (1, 2))


def own(bank: Bank) -> PurseId:
    provision = bank.device.store.provision()
    assert provision is not None
    return parse_purse_id(provision.purse_id).claims


def test_renewal_and_inspection(bank: Bank) -> None:
    # EPP-SVC-011, EPP-SVC-072
    before = own(bank)
    bank.town.directory.advance()
    bank.vault.renew(1002)
    assert own(bank) == replace(before, issued=before.issued + 1, expires=1002)
    bank.vault.issue([1])
    bank.vault.inspect()
    with pytest.raises(ServiceRefused):
        bank.vault.renew(10_000_000)
    bank.vault.issue([2])


def test_a_purse_that_has_expired_is_still_heard(bank: Bank) -> None:
    # EPP-SVC-042
    bank.town.directory.advance(own(bank).expires + 1)
    assert bank.vault.account() == FUNDS
    bank.vault.renew(bank.town.registry.bulletins.epoch + 1)
    assert own(bank).expires == bank.town.registry.bulletins.epoch + 1


def test_a_claim_is_handed_to_the_centre(bank: Bank) -> None:
    """EPP-CEN-008: a payment whose receipt never came; the refund goes to the vault's account."""
    alice = bank.town.purse()
    bank.vault.issue([2])
    alice.arm("before", 1)
    bank.meet(alice, RequestOrder(amount=2), 2)
    (pending,) = bank.device.store.pendings()
    assert isinstance(bank.vault.claim(pending.transaction), str)
    with pytest.raises(Refusal, match="unknown-transaction"):
        bank.vault.claim(bytes(16))
    bank.meet(alice, RequestOrder(amount=2), 2)


# --- suspension ---


def test_a_stale_bulletin_suspends(bank: Bank) -> None:
    # EPP-VLT-003, EPP-SVC-091
    assert not bank.vault.suspended
    bank.now += 61
    with pytest.raises(VaultSuspended) as caught:
        bank.vault.begin()
    assert (caught.value.code, caught.value.requirement) == ("suspended", "EPP-VLT-003")
    assert bank.vault.tick() == ()
    bank.vault.begin()
    bank.vault.end()


def test_a_clock_that_goes_back_suspends(bank: Bank) -> None:
    # EPP-VLT-018
    bank.now -= 1
    assert bank.vault.suspended


def test_confirmation_survives_a_restart_and_ages_meanwhile(bank: Bank) -> None:
    # EPP-VLT-017
    bank.restart()
    assert not bank.vault.suspended
    bank.now += 61
    bank.restart()
    assert bank.vault.suspended


def test_the_same_bulletin_confirms_and_a_new_one_counts(bank: Bank) -> None:
    # EPP-VLT-014
    epoch = bank.vault.refresh()
    bank.now += 50
    assert bank.vault.refresh() == epoch
    bank.now += 50
    assert not bank.vault.suspended
    bank.town.directory.advance()
    assert bank.vault.refresh() == epoch + 1 == bank.vault.epoch
    # EPP-DEV-029: by a delta
    assert held(bank.vault.device).delta is not None


def test_an_answer_is_as_old_as_its_question(bank: Bank) -> None:
    # EPP-VLT-016
    def slow() -> None:
        bank.now += 40

    newest = bank.town.registry.bulletins.newest()
    bank.device_centre.carrier = _Answers(newest, bank.device_centre.carrier.keys, slow)
    bank.now += 30
    bank.vault.refresh()
    bank.now += 30
    assert bank.vault.suspended, "asked 70 seconds ago, answered 30 seconds ago"


def test_an_older_bulletin_confirms_nothing(bank: Bank) -> None:
    # EPP-VLT-015
    bank.vault.issue([1])
    old = bank.town.registry.bulletins.newest()
    bank.town.directory.advance()
    bank.vault.refresh()
    bank.now += 61
    newest = bank.town.registry.bulletins.newest()
    update = bulletins.update(newest)
    bent = replace(update, signed=update.signed[:-1] + bytes([update.signed[-1] ^ 1])).encode()
    for wrong, code in ((bent, "bulletin-signature"), (old, "bulletin-stale")):
        bank.device_centre.carrier = _Answers(wrong, bank.device_centre.carrier.keys)
        with pytest.raises(Refusal, match=code):
            bank.vault.refresh()
        assert bank.vault.suspended
    assert "bulletin-stale" in bank.vault.tick()[0]
    with pytest.raises(VaultSuspended):
        bank.vault.redeem()


class _Answers:
    """A service that always has this bulletin update; `first` happens while it is asked."""

    def __init__(
        self, update: bytes, keys: Callable[[Centre], bytes], first: Callable[[], None] = lambda: None
    ) -> None:
        self.update, self.keys, self.first = update, keys, first

    def open(self) -> Session:
        raise AssertionError

    def request(self, signed: bytes) -> bytes:
        raise AssertionError(signed)

    def bulletin(self, epoch: int) -> bytes:
        assert epoch
        self.first()
        return self.update


# --- opening ---


def test_only_a_vault_is_a_vault(bank: Bank, tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="expected a purse of role vault"):
        Vault.open(bank.town.purse(), bank.issuing, bank.device_centre, tmp_path / "other.db")


def test_the_file_of_another_vault(bank: Bank, tmp_path: Path) -> None:
    other = bank.town.purse(role=Role.VAULT)
    with pytest.raises(DatabaseError, match="name another file"):
        Vault.open(other, bank.issuing, bank.device_centre, tmp_path / "state.db")
