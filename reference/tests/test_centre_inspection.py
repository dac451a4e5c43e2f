"""Inspection: an honest purse never gives a finding, a copied one does, each contradiction has its name."""

import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import pycddl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eiraku.reference.crypto import cose
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.device import Accepted, Device
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.ledger import Provision
from eiraku.reference.purse.state import PayOrder, ReceiveOrder, RedeliverOrder
from eiraku.spec.centre_objects import CONTEXT_SELF_REPORT, Issue, SelfReport
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import Role
from eiraku.system.device.inspection import Finding
from eiraku.system.device.keys import RegistryError
from eiraku.system.issuing.counter import Counter
from eiraku.system.scheme import directory
from eiraku.system.scheme.settings import Settings

ECONOMY = 392
POLICY = (
    (resources.files("eiraku.reference") / "default_policy.toml")
    .read_text("utf-8")
    .replace("capacity = 256", "capacity = 1024")
)


class Server(Protocol):
    def database(self) -> str: ...


class Market:
    """Both centres, a vault and some persons: real purses, real sessions, real deposits."""

    def __init__(self, folder: Path, persons: int, seed: bytes = b"market", **given: Any) -> None:
        self.folder = folder
        self.random = Drbg(seed)
        self.centres = directory.create(
            folder / "centres",
            settings=Settings(economies=(ECONOMY,), **given),
            policy=POLICY,
            random=self.random,
        )
        self.registry, self.issuer = self.centres.registry, self.centres.issuer
        self.counter = Counter(self.centres.counter(), self.issuer)
        self.vault = self.purse(Role.VAULT)
        self.persons = [self.purse() for _ in range(persons)]
        self.issuer.accounts.fund(self.random(16), number(self.vault), 1_000_000)

    def purse(self, role: Role = Role.PERSON) -> Device:
        return self.centres.make_purse(
            self.folder / f"{self.random(4).hex()}.db",
            role=role,
            tier=2,
            holder=self.random(32),
            economy=ECONOMY,
        )

    def issue(self, values: Sequence[int]) -> None:
        encoded = self.issuer.issues.issue(self.random(16), number(self.vault), ECONOMY, values)
        taken = self.vault.take_issue(encoded)
        assert isinstance(taken, Accepted)
        assert taken.out is not None
        self.issuer.issues.receipt(number(self.vault), Issue.decode(encoded).transaction, taken.out)

    def pay(self, payer: Device, payee: Device, amount: int, lost: int = 0) -> list[str]:
        """Codes of refusals; message `lost` does not arrive."""
        channel = (lambda n, m: None if n == lost else m) if lost else None
        codes = transfer(payer, PayOrder(amount=amount), payee, ReceiveOrder(), channel).codes
        if payee is self.counter.device:
            self.counter.collect()
        return codes

    def give(self, person: Device, values: Sequence[int]) -> None:
        """Fresh units from the vault."""
        self.issue(values)
        assert not self.pay(self.vault, person, sum(values))

    def redeliver(self, payer: Device) -> None:
        devices = {number(d): d for d in (*self.persons, self.vault, self.counter.device)}
        for pending in payer.store.pendings():
            payee = devices[pending.payee]
            transfer(payer, RedeliverOrder(transaction=pending.transaction), payee, ReceiveOrder())
        self.counter.collect()

    def inspect(self, device: Device) -> Sequence[Finding]:
        challenge = self.registry.inspections.challenge(number(device), self.issuer.history)
        return self.registry.inspections.inspect(
            number(device), device.self_report(challenge), self.issuer.history
        )

    def copy(self, device: Device) -> Device:
        """A second purse with the same memory."""
        original = device.store.path
        device.close()
        other = original.with_name(f"copy-{self.random(4).hex()}.db")
        shutil.copy(original, other)
        device.power_cut()
        return Device(other, self.random)

    def close(self) -> None:
        for device in (*self.persons, self.vault, self.counter.device):
            device.close()
        self.centres.close()


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    made = Market(tmp_path, 3)
    yield made
    made.close()


def provision(device: Device) -> Provision:
    found = device.store.provision()
    assert found is not None
    return found


def number(device: Device) -> bytes:
    return provision(device).number


def kinds(findings: Sequence[Finding]) -> set[str]:
    return {finding.kind for finding in findings}


# --- honest purses ---


def test_a_new_purse_and_one_with_money(market: Market) -> None:
    """EPP-DEV-007"""
    person = market.persons[0]
    assert not market.inspect(person)
    market.give(person, [1, 2, 4])
    assert not market.inspect(person)
    assert not market.inspect(person)
    market.pay(person, market.counter.device, 3)
    assert not market.inspect(person)
    assert not market.inspect(market.vault)
    assert not market.inspect(market.counter.device)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=12, deadline=None)
def test_an_honest_purse_never_gives_a_finding(seed: int) -> None:
    """EPP-DEV-007, EPP-DEV-017 to 019: whatever happens, also between challenge, report and inspection."""
    with TemporaryDirectory() as folder:
        market = Market(Path(folder), 3, seed.to_bytes(8, "big"))
        chance = random.Random(seed)
        asked: dict[int, bytes] = {}
        reported: dict[int, bytes] = {}
        market.issue([1, 2, 4, 8] * 3)
        for _ in range(40):
            who = chance.randrange(3)
            person = market.persons[who]
            match chance.choice("vppppphhrcctccii"):
                case "v":
                    market.pay(market.vault, person, chance.choice((1, 3, 7, 15)))
                case "p":
                    other = market.persons[(who + chance.randint(1, 2)) % 3]
                    market.pay(person, other, chance.randint(1, 8), chance.choice((0, 0, 0, 6, 7, 8)))
                case "h":
                    market.pay(person, market.counter.device, chance.randint(1, 4), chance.choice((0, 8)))
                case "r":
                    market.redeliver(person)
                case "c":
                    person.power_cut()
                    person.bulletin(market.registry.bulletins.newest())
                case "t":
                    market.centres.advance()
                case "i" if who in reported:
                    report = reported.pop(who)
                    assert not market.registry.inspections.inspect(
                        number(person), report, market.issuer.history
                    )
                case "i" if who in asked:
                    reported[who] = person.self_report(asked.pop(who))
                case "i":
                    asked[who] = market.registry.inspections.challenge(number(person), market.issuer.history)
        for person in market.persons:
            assert not market.inspect(person)
        market.issuer.history.conserved()
        market.close()


# --- copies ---


@given(seed=st.integers(0, 2**32))
@settings(max_examples=8, deadline=None)
def test_a_copied_purse_gives_a_finding(seed: int) -> None:
    """EPP-DEV-018, EPP-DEV-019: copied memory, both spend, both are inspected by turns."""
    with TemporaryDirectory() as folder:
        market = Market(Path(folder), 3, seed.to_bytes(8, "big"))
        chance = random.Random(seed)
        person, *others = market.persons
        market.give(person, [1, 1, 2, 2, 4, 4])
        if chance.random() < 0.5:
            assert not market.inspect(person)
        copied = market.copy(person)
        for device in (person, copied):
            for _ in range(chance.randint(1, 3)):
                market.pay(device, chance.choice((*others, market.counter.device)), chance.choice((1, 2, 4)))
        found = [*market.inspect(person), *market.inspect(copied), *market.inspect(person)]
        assert found
        for other in others:
            market.inspect(other)
        copied.close()
        market.close()


def test_a_copy_holds_what_its_twin_brought_home(market: Market) -> None:
    """EPP-DEV-019"""
    person = market.persons[0]
    market.give(person, [4])
    copied = market.copy(person)
    assert not market.pay(person, market.counter.device, 4)
    (finding,) = market.inspect(copied)
    assert finding.kind == "given-away"
    assert finding.known.startswith("a deposit has this purse's endorsement of hop 2 to purse")
    assert "unit " in finding.text
    copied.close()


def test_two_hold_one_unit(market: Market) -> None:
    """EPP-DEV-019: neither of them is the cheat."""
    cheat, one, two = market.persons
    market.give(cheat, [4])
    copied = market.copy(cheat)
    assert not market.pay(cheat, one, 4)
    assert not market.pay(copied, two, 4)
    assert not market.inspect(one)
    (finding,) = market.inspect(two)
    assert (finding.kind, finding.known) == ("two-holders", f"purse {number(one).hex()} reported it at hop 2")
    assert kinds(market.inspect(one)) == {"two-holders"}
    # the first that comes home is credited, and then the other one is known to be a copy
    market.pay(one, market.counter.device, 4)
    assert kinds(market.inspect(two)) == {"two-holders", "redeemed"}
    copied.close()


def test_a_copy_that_was_there_before(market: Market) -> None:
    """EPP-DEV-019: gone in one report, back at the same hop in the next; and the totals go back."""
    person, other, _ = market.persons
    market.give(person, [1, 4])
    copied = market.copy(person)
    assert not market.inspect(person)
    market.pay(person, other, 4)
    assert not market.inspect(person)
    assert kinds(market.inspect(copied)) == {"total", "flow", "returned", "memory"}
    copied.close()


def test_a_unit_that_goes_round_is_no_copy(market: Market) -> None:
    """EPP-DEV-019, EPP-CEN-006"""
    person, other, third = market.persons
    market.give(person, [4])
    for _ in range(2):
        for payer, payee in ((person, other), (other, third), (third, person)):
            market.pay(payer, payee, 4)
            assert not market.inspect(payee)
            assert not market.inspect(payer)


def test_a_deposit_after_the_challenge_does_not_count(market: Market) -> None:
    """EPP-DEV-019: the report may be older than the deposit."""
    person = market.persons[0]
    market.give(person, [4])
    challenge = market.registry.inspections.challenge(number(person), market.issuer.history)
    report = person.self_report(challenge)
    market.pay(person, market.counter.device, 4)
    assert not market.registry.inspections.inspect(number(person), report, market.issuer.history)


# --- lies: one field at a time ---

Change = Callable[[SelfReport], SelfReport]


def signed(device: Device, report: SelfReport) -> bytes:
    return cose.sign(SigningKey(provision(device).private_key), CONTEXT_SELF_REPORT, report.encode())


def altered(market: Market, device: Device, change: Change) -> Sequence[Finding]:
    """What an inspection finds if the purse lies."""
    challenge = market.registry.inspections.challenge(number(device), market.issuer.history)
    honest = SelfReport.decode(cose.parse(device.self_report(challenge)).payload)
    return market.registry.inspections.inspect(
        number(device), signed(device, change(honest)), market.issuer.history
    )


LIES: dict[str, tuple[Change, set[str]]] = {
    "balance": (lambda r: replace(r, balance=r.balance + 1), {"totals", "sum"}),
    "credited": (lambda r: replace(r, credited=r.credited + 1), {"totals"}),
    "less credited": (lambda r: replace(r, credited=r.credited - 1), {"totals", "total"}),
    "less settled": (lambda r: replace(r, settled=r.settled - 1), {"totals", "total"}),
    "given": (lambda r: replace(r, given=r.given + 1), {"totals", "total"}),
    "no pending": (lambda r: replace(r, pending=()), {"totals", "pending"}),
    "other payee": (
        lambda r: replace(r, pending=tuple((t, bytes(8), a) for t, _, a in r.pending)),
        {"pending"},
    ),
    "epoch ahead": (lambda r: replace(r, epoch=r.epoch + 1), {"epoch"}),
    "epoch back": (lambda r: replace(r, epoch=0), {"epoch"}),
    "order": (lambda r: replace(r, units=r.units[::-1]), {"order"}),
    "twice": (lambda r: replace(r, units=(r.units[0], *r.units)), {"order", "sum"}),
    "a unit gone": (lambda r: replace(r, units=r.units[1:]), {"sum", "flow"}),
    "unknown unit": (
        lambda r: replace(r, units=((bytes(32), 1), *r.units)),
        {"not-issued", "flow"},
    ),
    "lower hop": (
        lambda r: replace(r, units=((r.units[0][0], 0), *r.units[1:])),
        {"hop", "first-holder", "flow", "two-holders"},
    ),
    "next hop": (
        lambda r: replace(r, units=((r.units[0][0], r.units[0][1] + 1), *r.units[1:])),
        {"hop", "flow"},
    ),
    "digest": (lambda r: replace(r, digest=bytes(32)), {"memory"}),
    "balance, digest as before": (lambda r: replace(r, epoch=0), {"epoch"}),
}


@pytest.mark.parametrize("lie", LIES)
def test_every_lie_has_its_finding(market: Market, lie: str) -> None:
    """EPP-DEV-017, EPP-DEV-018, EPP-DEV-019; EPP-DEV-020: stored, both sides in words."""
    person, other, _ = market.persons
    market.issue([1, 2, 4, 8])
    assert not market.inspect(market.vault)
    market.pay(market.vault, person, 15)
    market.pay(person, other, 1)
    market.pay(person, other, 2, lost=7)
    assert person.store.pendings()
    assert not market.inspect(person)
    change, expected = LIES[lie]
    found = altered(market, person, change)
    assert kinds(found) - {"memory"} == expected - {"memory"}
    assert kinds(found) >= expected
    assert list(market.registry.inspections.findings(number(person))) == list(found)
    for finding in found:
        assert finding.reported in finding.text
        assert finding.known in finding.text


def test_without_the_issuing_centre(market: Market) -> None:
    """EPP-DEV-007, EPP-DEV-020: what the purse says against itself is found all the same."""
    person = market.persons[0]
    market.give(person, [4])
    challenge = market.registry.inspections.challenge(number(person))
    report = SelfReport.decode(cose.parse(person.self_report(challenge)).payload)
    lie = signed(person, replace(report, balance=5))
    assert kinds(market.registry.inspections.inspect(number(person), lie, None)) == {"totals"}


# --- what is no report ---


def test_a_challenge_is_for_one_report(market: Market) -> None:
    """EPP-DEV-016: used once, the newest only; the very same report again gives the same findings."""
    person, other, _ = market.persons
    old = market.registry.inspections.challenge(number(person))
    new = market.registry.inspections.challenge(number(person))
    assert old != new
    inspect = market.registry.inspections.inspect
    with pytest.raises(Refusal, match="not over the newest challenge; ask for another"):
        inspect(number(person), person.self_report(old), None)
    report = person.self_report(new)
    assert inspect(number(person), report, None) == inspect(number(person), report, None) == []
    market.give(person, [1])
    with pytest.raises(Refusal, match="not over the newest challenge"):
        inspect(number(person), person.self_report(new), None)
    with pytest.raises(Refusal) as refused:
        inspect(number(other), report, None)
    assert refused.value.code is Code.AUTHENTICATION


def test_a_challenge_survives_a_restart(market: Market) -> None:
    """EPP-DEV-016"""
    person = market.persons[0]
    challenge = market.registry.inspections.challenge(number(person))
    again = directory.open_(market.centres.path, random=market.random)
    assert (
        again.registry.inspections.inspect(
            number(person), person.self_report(challenge), again.issuer.history
        )
        == []
    )
    again.close()


def test_only_the_purse_signs_its_report(market: Market) -> None:
    """EPP-DEV-007"""
    person, other, _ = market.persons
    challenge = market.registry.inspections.challenge(number(person))
    report = person.self_report(challenge)
    payload = cose.parse(report).payload
    key = SigningKey(provision(person).private_key)
    strangers = {
        "another key": cose.sign(SigningKey(bytes(32)), CONTEXT_SELF_REPORT, payload),
        "another purse": other.self_report(challenge),
        "another context": cose.sign(key, b"EPP/1 request", payload),
        "a kid": cose.sign(key, CONTEXT_SELF_REPORT, payload, kid=bytes(8)),
        "another number": signed(person, replace(SelfReport.decode(payload), number=number(other))),
        "cut off": report[:-1],
        "nothing": b"",
    }
    before = market.registry.inspections.challenge(number(other))
    for name, bad in strangers.items():
        with pytest.raises(Refusal) as refused:
            market.registry.inspections.inspect(number(person), bad, market.issuer.history)
        assert refused.value.code in {Code.AUTHENTICATION, Code.MALFORMED}, name
    # none of them used up a challenge
    assert not market.registry.inspections.inspect(number(person), report, market.issuer.history)
    assert not market.registry.inspections.inspect(
        number(other), other.self_report(before), market.issuer.history
    )
    with pytest.raises(RegistryError, match="is not registered"):
        market.registry.inspections.inspect(b"12345678", report, None)


def test_a_recalled_purse_can_be_inspected(market: Market) -> None:
    """EPP-DEV-008: that is what it is recalled for."""
    person = market.persons[0]
    market.registry.purses.recall(number(person), "yearly inspection")
    assert not market.inspect(person)


def test_a_report_is_as_in_the_schema(market: Market) -> None:
    """EPP-DEV-006"""
    person = market.persons[0]
    market.give(person, [1, 2])
    market.pay(person, market.vault, 1, lost=7)
    text = (Path(__file__).parents[2] / "spec" / "schema.cddl").read_text("utf-8")
    payload = cose.parse(person.self_report(bytes(16))).payload
    pycddl.Schema(f"start = self-report\n{text}").validate_cbor(payload)


def test_on_postgresql(tmp_path: Path, postgresql: Server) -> None:
    """EPP-DEV-007: the same on the other kind of database."""
    market = Market(tmp_path, 3, device_database=postgresql.database())
    person, other, _ = market.persons
    market.give(person, [1, 4])
    copied = market.copy(person)
    found = [market.inspect(person)]
    market.pay(person, other, 4)
    found += [market.inspect(person), market.inspect(other)]
    last = market.inspect(copied)
    copied.close()
    market.close()
    assert found == [[], [], []]
    assert kinds(last) == {"total", "flow", "returned", "memory", "hop"}


def test_the_counter_before_it_collects(market: Market) -> None:
    """EPP-DEV-019, EPP-CEN-010: deposited, and for a moment still in the centre's own purse."""
    person, counter = market.persons[0], market.counter
    market.give(person, [4])
    transfer(person, PayOrder(amount=4), counter.device, ReceiveOrder())
    counter._deposit([unit.unit_id for unit in counter.device.store.summaries()])
    assert market.issuer.history.outstanding() == {}
    assert not market.inspect(counter.device)
    counter.collect()
    assert not market.inspect(counter.device)
    assert not market.inspect(person)


def test_many_units(tmp_path: Path) -> None:
    """More units than fit into one query."""
    market = Market(tmp_path, 0)
    vault = market.vault
    for _ in range(9):
        market.issue([1] * 64)
    assert not market.inspect(vault)
    challenge = market.registry.inspections.challenge(number(vault), market.issuer.history)
    report: Any = SelfReport.decode(cose.parse(vault.self_report(challenge), limit=10**6).payload)
    assert len(report.units) == 576
    assert not market.registry.inspections.inspect(
        number(vault), vault.self_report(challenge), market.issuer.history
    )
    market.close()
