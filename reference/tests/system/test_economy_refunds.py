"""Who gave units away and has no receipt gets them back if, and only if, they did not arrive.

Nothing is left to the draws of a scenario: power is cut where each test says so, and nothing else goes wrong.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eiraku.system.economy.places import Place
from eiraku.system.economy.run import Run, running
from eiraku.system.economy.scenario import Scenario
from eiraku.system.economy.watching import Silent
from eiraku.testing.bench import Bench

CALM = """
seed = 1
people = 2
payments = 1
[[economies]]
number = 392
name = "JP"
shops = 1
assets = 1000
[policy]
unit_lifetime = 4
redemption_grace = 1
claim_grace = 2
transfer_limit = 100
[habits]
largest = 30
cash = 31
[faults]
power_cut = 0
message_lost = 0
redelivered = 0
never = 1
silent = 0
[cheats]
count = 0
[denominations]
largest = 16
"""
AMOUNT = 16
"""One unit of a set."""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Two persons with cash."""
    with running(Scenario.from_toml(CALM), tmp_path, Silent(), Bench()) as run:
        run.populate()
        yield run


def cut_short(run: Run, loses_power: Place) -> tuple[Place, Place]:
    """A payment of AMOUNT; the power of one side goes after its first write, before it says so."""
    payer, payee = run.people.persons
    run.places.mishaps.fail(run.places.device(loses_power), "after", 1)
    run.meetings.pay(payer, payee, AMOUNT)
    assert [(one.amount, one.never) for one in run.meetings.between(payer, payee)] == [(AMOUNT, True)]
    return payer, payee


def claims(run: Run, payer: Place) -> list[tuple[str, str]]:
    return [(unit.state, unit.reason) for unit in run.scheme.issuer.claims.units(payer.number)]


def test_what_never_arrived_is_refunded_once(run: Run) -> None:
    # EPP-CEN-008, EPP-CEN-060, EPP-CEN-009, EPP-CRS-005
    payer, payee = cut_short(run, run.people.persons[0])
    assert (payer.balance, payer.pending, payee.balance) == (31 - AMOUNT, AMOUNT, 31)
    assert run.count.full().pending == AMOUNT

    run.go_home()
    assert run.claims == {"open": 1}
    assert claims(run, payer) == [("refunded", "")]
    assert run.refunded == AMOUNT
    before, after = run.series
    assert (before.pending, before.outstanding, before.accounts) == (AMOUNT, AMOUNT, 1000 - AMOUNT)
    assert (after.pending, after.outstanding, after.accounts) == (0, 0, 1000)
    assert run.scheme.issuer.accounts.amount(run.banking.bank(payer).place.number) == 1000
    assert run.scheme.refund() == 0


def test_what_arrived_without_a_receipt_is_not_refunded(run: Run) -> None:
    # EPP-CEN-008, EPP-CEN-061, EPP-CRS-005
    payer, payee = cut_short(run, run.people.persons[1])
    assert (payer.balance, payer.pending, payee.balance) == (31 - AMOUNT, 0, 31 + AMOUNT)

    run.go_home()
    assert run.claims == {"open": 1}
    assert claims(run, payer) == [("refused", "deposited")]
    assert run.refunded == 0
    assert (run.series[-1].pending, run.series[-1].accounts) == (0, 1000)
