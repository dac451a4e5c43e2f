"""Inspection: an honest purse never gives a finding, a copied one does, each contradiction has its name."""

import random
from collections.abc import Iterator
from importlib import resources
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
from eiraku.spec.errors import Refusal
from eiraku.testing import market
from eiraku.testing.device import number_of
from eiraku.testing.town import VAULT, Town

pytestmark = pytest.mark.slow

PERSONS = ("alice", "bob", "carol")
ROOMY = (
    (resources.files("eiraku.reference") / "default_policy.toml")
    .read_text("utf-8")
    .replace("capacity = 256", "capacity = 1024")
)


class Server(Protocol):
    def database(self) -> str: ...


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    made = Town(PERSONS, folder=tmp_path)
    yield made
    made.close()


# --- honest purses ---


def test_a_new_purse_and_one_with_money(town: Town) -> None:
    """EPP-DEV-007"""
    person = town.persons[0]
    assert not market.inspect(town, person)
    market.give(town, person, [1, 2, 4])
    assert not market.inspect(town, person)
    assert not market.inspect(town, person)
    market.pay(town, person, town.counter.device, 3)
    assert not market.inspect(town, person)
    assert not market.inspect(town, town.devices[VAULT])
    assert not market.inspect(town, town.counter.device)


@given(seed=st.integers(0, 2**32))
@settings(max_examples=12, deadline=None)
def test_an_honest_purse_never_gives_a_finding(seed: int) -> None:
    """EPP-DEV-007, EPP-DEV-017 to 019, EPP-DEV-114 to 130: also between challenge, report and inspection."""
    with TemporaryDirectory() as folder:
        town = Town(PERSONS, folder=Path(folder), seed=seed.to_bytes(8, "big"))
        chance = random.Random(seed)
        asked: dict[int, tuple[int, bytes]] = {}
        reported: dict[int, bytes] = {}
        market.issue(town, [1, 2, 4, 8] * 3)
        for _ in range(40):
            who = chance.randrange(3)
            person = town.persons[who]
            match chance.choice("vppppphhrcctccii"):
                case "v":
                    market.pay(town, town.devices[VAULT], person, chance.choice((1, 3, 7, 15)))
                case "p":
                    other = town.persons[(who + chance.randint(1, 2)) % 3]
                    market.pay(town, person, other, chance.randint(1, 8), chance.choice((0, 0, 0, 6, 7, 8)))
                case "h":
                    market.pay(town, person, town.counter.device, chance.randint(1, 4), chance.choice((0, 8)))
                case "r":
                    market.redeliver(town, person)
                case "c":
                    person.power_cut()
                    person.bulletin(town.registry.bulletins.newest())
                case "t":
                    town.directory.advance()
                case "i" if who in reported:
                    report = reported.pop(who)
                    assert not town.registry.inspections.inspect(
                        number_of(person), report, town.issuer.history
                    )
                case "i" if who in asked:
                    epoch, challenge = asked.pop(who)
                    if person.snapshot().epoch <= epoch:
                        reported[who] = person.self_report(challenge)
                        continue
                    with pytest.raises(Refusal, match="EPP-DEV-091"):
                        person.self_report(challenge)
                case "i":
                    challenge = town.registry.inspections.challenge(number_of(person), town.issuer.history)
                    asked[who] = town.registry.bulletins.epoch, challenge
        for person in town.persons:
            assert not market.inspect(town, person)
        town.issuer.history.conserved()
        town.close()


# --- copies ---


@given(seed=st.integers(0, 2**32))
@settings(max_examples=8, deadline=None)
def test_a_copied_purse_gives_a_finding(seed: int) -> None:
    """EPP-DEV-018, EPP-DEV-019, EPP-DEV-117 to 129: copied memory, both spend, inspected by turns."""
    with TemporaryDirectory() as folder:
        town = Town(PERSONS, folder=Path(folder), seed=seed.to_bytes(8, "big"))
        chance = random.Random(seed)
        person, *others = town.persons
        market.give(town, person, [1, 1, 2, 2, 4, 4])
        if chance.random() < 0.5:
            assert not market.inspect(town, person)
        copied = market.copy(town, person)
        for device in (person, copied):
            for _ in range(chance.randint(1, 3)):
                market.pay(
                    town,
                    device,
                    chance.choice((*others, town.counter.device)),
                    chance.choice((1, 2, 4)),
                )
        found = [*market.inspect(town, person), *market.inspect(town, copied), *market.inspect(town, person)]
        assert found
        for other in others:
            market.inspect(town, other)
        copied.close()
        town.close()


def test_a_copy_holds_what_its_twin_brought_home(town: Town) -> None:
    """EPP-DEV-128"""
    person = town.persons[0]
    market.give(town, person, [4])
    copied = market.copy(town, person)
    assert not market.pay(town, person, town.counter.device, 4)
    (finding,) = market.inspect(town, copied)
    assert finding.kind == "given-away"
    assert finding.known.startswith("a deposit has this purse's endorsement of hop 2 to purse")
    assert "unit " in finding.text
    copied.close()


def test_two_hold_one_unit(town: Town) -> None:
    """EPP-DEV-019, EPP-DEV-129: neither of them is the double-spender."""
    cheat, one, two = town.persons
    market.give(town, cheat, [4])
    copied = market.copy(town, cheat)
    assert not market.pay(town, cheat, one, 4)
    assert not market.pay(town, copied, two, 4)
    assert not market.inspect(town, one)
    (finding,) = market.inspect(town, two)
    assert (finding.kind, finding.known) == (
        "two-holders",
        f"purse {number_of(one).hex()} reported it at hop 2",
    )
    assert market.kinds(market.inspect(town, one)) == {"two-holders"}
    # the first that comes home is credited, and then the other one is known to be a copy
    market.pay(town, one, town.counter.device, 4)
    assert market.kinds(market.inspect(town, two)) == {"two-holders", "redeemed"}
    copied.close()


def test_a_copy_that_was_there_before(town: Town) -> None:
    """EPP-DEV-018, EPP-DEV-119, EPP-DEV-122, EPP-DEV-125: gone in one report, back in the next."""
    person, other, _ = town.persons
    market.give(town, person, [1, 4])
    copied = market.copy(town, person)
    assert not market.inspect(town, person)
    market.pay(town, person, other, 4)
    assert not market.inspect(town, person)
    assert market.kinds(market.inspect(town, copied)) == {"total", "flow", "returned", "memory"}
    copied.close()


def test_a_unit_that_goes_round_is_no_copy(town: Town) -> None:
    """EPP-DEV-124, EPP-CEN-006"""
    person, other, third = town.persons
    market.give(town, person, [4])
    for _ in range(2):
        for payer, payee in ((person, other), (other, third), (third, person)):
            market.pay(town, payer, payee, 4)
            assert not market.inspect(town, payee)
            assert not market.inspect(town, payer)


def test_a_deposit_after_the_challenge_does_not_count(town: Town) -> None:
    """EPP-DEV-130: the report may be older than the deposit."""
    person = town.persons[0]
    market.give(town, person, [4])
    challenge = town.registry.inspections.challenge(number_of(person), town.issuer.history)
    report = person.self_report(challenge)
    market.pay(town, person, town.counter.device, 4)
    assert not town.registry.inspections.inspect(number_of(person), report, town.issuer.history)


def test_on_postgresql(tmp_path: Path, postgresql: Server) -> None:
    """EPP-DEV-007: the same on the other kind of database."""
    town = Town(PERSONS, folder=tmp_path, device_centre={"database": postgresql.database()})
    person, other, _ = town.persons
    market.give(town, person, [1, 4])
    copied = market.copy(town, person)
    found = [market.inspect(town, person)]
    market.pay(town, person, other, 4)
    found += [market.inspect(town, person), market.inspect(town, other)]
    last = market.inspect(town, copied)
    copied.close()
    town.close()
    assert found == [[], [], []]
    assert market.kinds(last) == {"total", "flow", "returned", "memory", "hop"}


def test_the_counter_before_it_collects(town: Town) -> None:
    """EPP-DEV-129, EPP-CEN-063: deposited, and for a moment still in the centre's own purse."""
    person, counter = town.persons[0], town.counter
    market.give(town, person, [4])
    transfer(person, PayOrder(amount=4), counter.device, ReceiveOrder())
    counter._deposit([unit.unit_id for unit in counter.device.store.summaries()])
    assert town.issuer.history.outstanding() == {}
    assert not market.inspect(town, counter.device)
    counter.collect()
    assert not market.inspect(town, counter.device)
    assert not market.inspect(town, person)


def test_many_units(tmp_path: Path) -> None:
    """More units than fit into one query."""
    town = Town(folder=tmp_path, policy=ROOMY)
    vault = town.devices[VAULT]
    for _ in range(9):
        market.issue(town, [1] * 64)
    assert not market.inspect(town, vault)
    challenge = town.registry.inspections.challenge(number_of(vault), town.issuer.history)
    report: Any = SelfReport.decode(cose.parse(vault.self_report(challenge), limit=10**6).payload)
    assert len(report.units) == 576
    assert not town.registry.inspections.inspect(
        number_of(vault), vault.self_report(challenge), town.issuer.history
    )
    town.close()
