"""Inspection: an honest purse never gives a finding, a copied one does, each contradiction has its name."""

import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eiraku.reference.crypto import cose
from eiraku.reference.meeting import transfer
from eiraku.reference.purse.state import PayOrder, ReceiveOrder
from eiraku.spec.centre_objects import SelfReport
from eiraku.testing.bank import number_of
from eiraku.testing.market import Market, kinds

pytestmark = pytest.mark.slow


class Server(Protocol):
    def database(self) -> str: ...


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    made = Market(tmp_path, 3)
    yield made
    made.close()


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
                        number_of(person), report, market.issuer.history
                    )
                case "i" if who in asked:
                    reported[who] = person.self_report(asked.pop(who))
                case "i":
                    asked[who] = market.registry.inspections.challenge(
                        number_of(person), market.issuer.history
                    )
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
    assert (finding.kind, finding.known) == (
        "two-holders",
        f"purse {number_of(one).hex()} reported it at hop 2",
    )
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
    challenge = market.registry.inspections.challenge(number_of(person), market.issuer.history)
    report = person.self_report(challenge)
    market.pay(person, market.counter.device, 4)
    assert not market.registry.inspections.inspect(number_of(person), report, market.issuer.history)


def test_on_postgresql(tmp_path: Path, postgresql: Server) -> None:
    """EPP-DEV-007: the same on the other kind of database."""
    market = Market(tmp_path, 3, device_centre={"database": postgresql.database()})
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
    """EPP-DEV-019, EPP-CEN-063: deposited, and for a moment still in the centre's own purse."""
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
    challenge = market.registry.inspections.challenge(number_of(vault), market.issuer.history)
    report: Any = SelfReport.decode(cose.parse(vault.self_report(challenge), limit=10**6).payload)
    assert len(report.units) == 576
    assert not market.registry.inspections.inspect(
        number_of(vault), vault.self_report(challenge), market.issuer.history
    )
    market.close()
