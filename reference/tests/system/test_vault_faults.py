"""A vault when things break between it and its centres: nothing is lost, and all is completed afterwards."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import Connection

from eiraku.reference.crypto import cose
from eiraku.reference.meeting import PurseLostPower
from eiraku.reference.purse.state import PayOrder, RequestOrder
from eiraku.spec.centre_objects import REQUEST_MAX, Request
from eiraku.spec.errors import Refusal
from eiraku.system.database import Database
from eiraku.system.economy.mishaps import Loss
from eiraku.system.exchange.carrier import ServiceRefused, ServiceUnreachable
from eiraku.system.vault.errors import NotTaken, PeerRefused
from eiraku.system.vault.policy import VaultPolicy
from eiraku.testing.bank import FUNDS, Bank
from eiraku.testing.town import Town

pytestmark = pytest.mark.slow

PLAIN = VaultPolicy(bulletin_seconds=60, expiry_margin=2, stock=())
LOSSES: tuple[Loss, ...] = ("lost", "unanswered")


class Crash(BaseException):
    """The process of the vault is gone."""


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[Bank]:
    made = Bank(Town(folder=tmp_path), PLAIN)
    made.vault.issue([64] * 8)
    yield made
    made.close()


def values(bank: Bank) -> Counter[int]:
    return Counter(unit.value for unit in bank.device.store.summaries())


def recover(bank: Bank) -> None:
    """Power back, lines fine, `settle`: then nothing is under way and nothing is missing."""
    bank.fine()
    bank.device.disarm()
    bank.restart().settle()
    assert bank.missing() == 0
    for pending in bank.device.store.pendings():
        # The customer comes back.
        customer = bank.town.by_number()[pending.payee]
        assert bank.meet(customer, RequestOrder(amount=1), 1) == ()
    assert bank.device.store.pendings() == ()
    assert bank.vault.issues.waiting() == ()
    assert bank.outstanding() == bank.held(), "whatever was issued is in a purse"


def exchange(bank: Bank) -> None:
    bank.vault.exchange([2, 2, 4, 8])


def issue(bank: Bank) -> None:
    bank.vault.issue([16, 1])


def redeem(bank: Bank) -> None:
    bank.vault.redeem(128)


def pay_out(bank: Bank) -> None:
    alice = next(iter(bank.town.persons), None) or bank.town.purse()
    bank.meet(alice, RequestOrder(amount=11), 11)


ERRORS = (ServiceUnreachable, ServiceRefused, PurseLostPower, Crash)


def attempt(bank: Bank, work: Callable[[Bank], None]) -> bool:
    """Whether it was interrupted."""
    try:
        work(bank)
    except ERRORS:
        return True
    return False


def went_well(bank: Bank, work: Callable[[Bank], None], before: Counter[int]) -> None:
    """Done completely, or not begun."""
    now = values(bank)
    if now == before:
        return
    if work is exchange:
        assert now - before >= Counter({2: 2, 4: 1, 8: 1})
        assert now.total() - before.total() >= 3
    elif work is issue:
        assert now - before == Counter({16: 1, 1: 1})
    elif work is redeem:
        assert sum(value * count for value, count in (before - now).items()) == 128


def prepare(bank: Bank, work: Callable[[Bank], None]) -> Counter[int]:
    """So many units that each round finds the same; the account pays."""
    bank.vault.redeem()
    bank.vault.issue([64] * 8)
    if work is pay_out:
        for alice in bank.town.persons:
            assert bank.meet(alice, PayOrder(amount=alice.store.total()[1])) in ((), ("amount",))
        bank.vault.redeem()
        bank.vault.issue([64] * 2)
    return values(bank)


@pytest.mark.parametrize("work", (issue, redeem, exchange, pay_out))
@pytest.mark.parametrize("loss", LOSSES)
def test_every_call_to_the_centre_lost_or_unanswered(
    bank: Bank, work: Callable[[Bank], None], loss: Loss
) -> None:
    """EPP-VLT-008, EPP-VLT-010, EPP-CEN-012, EPP-CEN-013: interrupted at its n-th call, for every n."""
    for n in range(1, 40):
        before = prepare(bank, work)
        calls = bank.issuing.calls
        bank.issuing.weather = lambda k, at=calls + n: loss if k == at else None  # type: ignore[misc]
        attempt(bank, work)
        reached = bank.issuing.calls - calls >= n
        recover(bank)
        went_well(bank, work, before)
        if not reached:
            assert n > 2
            return
    raise AssertionError("never came to an end")


@pytest.mark.parametrize("work", (issue, redeem, exchange, pay_out))
@pytest.mark.parametrize("when", ("before", "after"))
def test_a_power_cut_at_every_write_of_the_purse(
    bank: Bank, work: Callable[[Bank], None], when: Literal["before", "after"]
) -> None:
    """EPP-CRS-005."""
    for n in range(1, 20):
        before = prepare(bank, work)
        bank.device.arm(when, n)
        interrupted = attempt(bank, work)
        recover(bank)
        went_well(bank, work, before)
        if not interrupted:
            return
    raise AssertionError("never came to an end")


def die_at(database: Database, when: str, write: int) -> None:
    """The process dies before or after the n-th write from now."""
    writing, left = database.writing, write

    @contextmanager
    def dying() -> Iterator[Connection]:
        nonlocal left
        left -= 1
        if not left and when == "before":
            raise Crash
        with writing() as connection:
            yield connection
        if not left and when == "after":
            raise Crash

    database.writing = dying  # type: ignore[method-assign]


@pytest.mark.parametrize("work", (issue, redeem, exchange, pay_out))
@pytest.mark.parametrize("when", ("before", "after"))
def test_a_crash_at_every_write_of_the_vaults_own_file(
    bank: Bank, work: Callable[[Bank], None], when: str
) -> None:
    """EPP-VLT-008, EPP-VLT-010, EPP-VLT-024."""
    for n in range(1, 20):
        before = prepare(bank, work)
        die_at(bank.vault.database, when, n)
        interrupted = attempt(bank, work)
        recover(bank)
        went_well(bank, work, before)
        if not interrupted:
            return
    raise AssertionError("never came to an end")


@pytest.mark.parametrize("loss", LOSSES)
def test_every_message_of_a_pay_in_lost(bank: Bank, loss: Loss) -> None:
    """EPP-CRS-014: the customer delivers again; the vault credits once."""
    from eiraku.reference.purse.state import RedeliverOrder  # noqa: PLC0415 - only here

    alice = bank.town.purse()
    bank.vault.exchange([1] * 16)
    bank.meet(alice, RequestOrder(amount=16), 16)
    balance = bank.vault.balance
    for n in range(1, 12):
        bank.device.arm("before" if loss == "lost" else "after", n)
        try:
            bank.meet(alice, PayOrder(amount=1))
        except PurseLostPower:
            bank.restart()
        bank.device.disarm()
        for pending in alice.store.pendings():
            assert bank.meet(alice, RedeliverOrder(transaction=pending.transaction)) == ()
        assert bank.missing() == 0
        assert bank.vault.balance + alice.store.total()[1] == balance + 16


def test_a_centre_that_stays_away(bank: Bank) -> None:
    """Everything that needs it says so; what does not, goes on; afterwards all is completed."""
    alice = bank.town.purse()
    bank.issuing.weather = bank.device_centre.weather = lambda _n: "lost"
    for call in (bank.vault.account, bank.vault.redeem, bank.vault.restock, bank.vault.settle):
        with pytest.raises(ServiceUnreachable):
            call()
    assert bank.meet(alice, RequestOrder(amount=64), 64) == ()
    with pytest.raises(ServiceRefused, match="no exact change") as caught:
        bank.vault.begin(3)
    assert caught.value.code == "unavailable"
    assert bank.vault.tick() != ()
    assert not bank.vault.busy
    recover(bank)


def test_an_issue_without_room_waits(bank: Bank) -> None:
    """EPP-VLT-028: the centre has issued it; it is kept until the purse takes it."""
    alice = bank.town.purse()
    bank.vault.issue([1] * 180)
    for _ in range(4):
        bank.meet(alice, RequestOrder(amount=32), 32)
    before = bank.issuing.calls
    bank.issuing.weather = lambda k: "unanswered" if k == before + 1 else None
    with pytest.raises(ServiceUnreachable):
        bank.vault.issue([1] * 190)
    bank.fine()
    for _ in range(4):
        assert bank.meet(alice, PayOrder(amount=32)) == ()
    with pytest.raises(NotTaken, match="capacity"):
        bank.vault.settle()
    with pytest.raises(NotTaken, match="capacity"):
        bank.restart().settle()
    (waiting,) = bank.vault.issues.waiting()
    assert "capacity" in waiting.reason
    for _ in range(4):
        bank.meet(alice, RequestOrder(amount=32), 32)
    recover(bank)
    assert values(bank)[1] >= 190


def test_no_issue_is_asked_for_that_would_not_fit(bank: Bank) -> None:
    # EPP-VLT-009
    account = bank.account()
    with pytest.raises(Refusal, match="capacity"):
        bank.vault.issue([1] * 250)
    with pytest.raises(Refusal, match="balance-limit"):
        bank.vault.issue([1 << 24])
    with pytest.raises(ServiceRefused, match="insufficient-funds"):
        bank.vault.issue([1 << 20])
    with pytest.raises(Refusal, match="unit-count"):
        bank.vault.issue([1] * 193)
    for value in (0, 3, -1, 1 << 41):
        with pytest.raises(Refusal, match="unit-value"):
            bank.vault.issue([1, value])
        with pytest.raises(Refusal, match="unit-value"):
            bank.vault.exchange([value])
    for call in (bank.vault.issue, bank.vault.exchange):
        with pytest.raises(Refusal, match="unit-count"):
            call([])
    assert bank.account() == account
    bank.vault.issue([1])


def test_a_file_from_a_backup(bank: Bank) -> None:
    """Its sequences are used up; the vault goes on from far above, and asks no second time for an issue."""
    bank.vault.close()
    copy = (bank.town.folder / "state.db").read_bytes()
    bank.restart()
    for _ in range(5):
        bank.vault.account()
    bank.vault.close()
    (bank.town.folder / "state.db").write_bytes(copy)
    bank.restart()
    with pytest.raises(ServiceRefused, match="request-replayed"):
        bank.vault.account()
    bank.vault.account()
    bank.vault.issue([1])
    assert bank.missing() == 0


@pytest.mark.parametrize("code", ("busy", "rate-limited", "internal", "unavailable"))
def test_an_answer_that_says_nothing_is_none(bank: Bank, code: str) -> None:
    """EPP-VLT-025: the service may have carried it out or not; the same bytes are sent again."""
    passing = ServiceRefused(code, "EPP-SVC-004", "later")
    sent = []
    real = bank.issuing.carrier

    class Busy:
        def request(self, signed: bytes) -> bytes:
            sent.append(signed)
            if len(sent) == 2:
                real.request(signed)
            raise passing

        open, bulletin, keys = real.open, real.bulletin, real.keys

    bank.issuing.carrier = Busy()
    for _ in range(2):
        with pytest.raises(ServiceUnreachable, match=code):
            bank.vault.issue([2])
    bank.issuing.carrier = real
    recover(bank)
    assert sent == sent[:1] * 2
    assert values(bank)[2] == 1


def test_an_exchange_that_is_refused_is_given_up(bank: Bank) -> None:
    # EPP-VLT-030
    account, real = bank.account(), bank.issuing.carrier

    class Strict:
        def request(self, signed: bytes) -> bytes:
            if Request.decode(cose.parse(signed, limit=REQUEST_MAX).payload).method == "issue":
                raise ServiceRefused("unit-economy", "EPP-CEN-019")
            return real.request(signed)

        open, bulletin, keys = real.open, real.bulletin, real.keys

    bank.issuing.carrier = Strict()
    with pytest.raises(ServiceRefused, match="unit-economy"):
        bank.vault.exchange([2, 2])
    assert bank.account() == account + 64
    assert values(bank) == {64: 7}
    bank.issuing.carrier = real
    assert bank.vault.tick() == ()
    assert values(bank) == {64: 7}
    recover(bank)


def test_a_payment_home_that_can_no_longer_arrive_is_claimed(bank: Bank) -> None:
    """EPP-CEN-008: its units have expired meanwhile; the vault says so, goes on, and claims."""
    bank.issuing.weather = lambda n, at=bank.issuing.calls: "lost" if n >= at + 5 else None  # type: ignore[misc]
    with pytest.raises(ServiceUnreachable):
        bank.vault.redeem(64)
    (pending,) = bank.device.store.pendings()
    bank.fine()
    bank.town.directory.advance(bank.town.registry.bulletins.epoch + 501)
    bank.vault.refresh()
    with pytest.raises(PeerRefused, match="unit-expired"):
        bank.vault.settle()
    bank.vault.issue([2])
    assert bank.vault.claim(pending.transaction) == "open"
    bank.vault.settle()
    assert bank.restart().tick() == ()
    bank.town.directory.advance(bank.town.registry.bulletins.epoch + 100)
    bank.town.directory.issuer.claims.refund()
    bank.vault.refresh()
    assert bank.account() == FUNDS - 7 * 64 - 2
