"""Whole runs of a small scenario: what they find, that they repeat, and that nothing goes unnoticed."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from eiraku.reference.anchor import TrustAnchor
from eiraku.system.economy.compare import Comparison, compare
from eiraku.system.economy.errors import ConservationError
from eiraku.system.economy.run import Run, running
from eiraku.system.economy.scenario import Scenario
from eiraku.system.economy.watching import Silent
from eiraku.system.issuing.evidence import Evidence
from eiraku.testing.bench import Bench

pytestmark = pytest.mark.slow

SMALL = """
title = "A small one"
seed = 5
people = 9
payments = 60
epochs = 8
[[economies]]
number = 392
name = "JP"
share = 2
shops = 2
assets = 4000
[[economies]]
number = 764
name = "TH"
shops = 2
assets = 3000
[policy]
hop_limit = 3
what_if = []
unit_lifetime = 6
redemption_grace = 1
claim_grace = 2
purse_lifetime = 6
transfer_limit = 100
[habits]
largest = 30
cash = 62
abroad = 0.2
careless = 0.1
[faults]
power_cut = 0.1
message_lost = 0.15
never = 0.4
silent = 0.3
[cheats]
count = 2
[denominations]
largest = 16
"""


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return Scenario.from_toml(SMALL)


@pytest.fixture(scope="module")
def found(scenario: Scenario) -> Comparison:
    """One run, for all who only look at it."""
    return compare(scenario, Silent(), Bench())


@pytest.fixture
def started(scenario: Scenario, tmp_path: Path) -> Iterator[Run]:
    """A run with few people, who have cash; nobody has traded."""
    few = scenario.changed(people=3)
    with running(few, tmp_path, Silent(), Bench()) as run:
        run.populate()
        yield run


def test_cheats_are_named_and_nobody_else(found: Comparison) -> None:
    # EPP-CEN-004, EPP-CEN-005
    main = found.main
    assert main.good
    assert main.cheats
    assert all(cheat.convicted_in is not None for cheat in main.cheats if cheat.home_in is not None)
    assert any(cheat.convicted_in is not None for cheat in main.cheats)
    assert main.deposits["copy"] > 0


def test_evidence_convinces_anybody(found: Comparison) -> None:
    # EPP-CEN-005, EPP-CEN-025
    main = found.main
    anchor = TrustAnchor.from_json(main.anchor)
    assert b"scheme_key" not in main.anchor
    assert main.evidence
    for number, written in main.evidence.items():
        convicted = Evidence.from_json(written).verify(anchor).number
        assert convicted is not None
        assert convicted.hex() == number
    named = {cheat.number for cheat in main.cheats if cheat.convicted_in is not None}
    assert named == main.evidence.keys()


def test_everything_ends_at_home(found: Comparison) -> None:
    # EPP-CEN-016, EPP-WHS-001
    last = found.main.series[-1]
    assert (last.people, last.shops, last.banks, last.pending) == (0, 0, 0, 0)
    assert last.expired == last.outstanding
    assert last.funded == 7000
    assert sum(own + issued for own, issued, _ in found.main.wholesale.values()) == 7000


def test_every_epoch_is_counted(found: Comparison) -> None:
    main = found.main
    assert len(main.series) == main.scenario.epochs + 2
    for picture in main.series:
        held = picture.people + picture.shops + picture.banks + picture.pending + picture.expired
        assert held == picture.outstanding


def test_mishaps_happen_and_are_mended(found: Comparison) -> None:
    # EPP-CRS-008, EPP-CEN-008
    main = found.main
    assert main.events["power cuts"] > 0
    assert main.events["messages lost"] > 0
    assert main.events["redeliveries"] > 0
    assert main.claims  # what becomes of them: test_economy_refunds.py


def test_vaults_without_news_are_suspended(found: Comparison) -> None:
    # EPP-VLT-003
    assert found.main.events["banks suspended"] > 0
    assert found.main.events["refused by a suspended vault"] > 0


def test_banks_that_never_hear_anything_serve_nobody(scenario: Scenario) -> None:
    # EPP-VLT-003: all they have comes home at the end of each epoch, when they can be reached again
    faults = {"power_cut": 0.0, "message_lost": 0.0, "silent": 1.0}
    main = compare(scenario.changed(people=3, payments=6, epochs=2, faults=faults), Silent(), Bench()).main
    assert main.good
    assert main.events["banks suspended"] == 2 * (main.series[-1].epoch - 1)
    assert main.events["refused by a suspended vault"] > 0


def test_suspects_are_reported(found: Comparison) -> None:
    # EPP-VLT-002
    assert found.main.events["reports of vaults"] > 0


def test_no_unit_makes_more_moves_than_it_may(found: Comparison) -> None:
    # EPP-HIS-005: a vault and the centre take one more each
    assert max(found.main.home) <= found.main.scenario.max_hops + 2


def test_same_seed_same_bytes(found: Comparison, scenario: Scenario) -> None:
    again = compare(scenario, Silent(), Bench())
    assert json.dumps(again.to_mapping()) == json.dumps(found.to_mapping())


def test_other_limits_in_a_process_of_their_own(scenario: Scenario) -> None:
    tiny = scenario.changed(people=2, payments=4, epochs=1).with_what_if((1,))
    parallel = compare(tiny, Silent(), Bench(), workers=2)
    assert [run.scenario.policy.hop_limit for run in parallel.runs] == [1, 3]
    assert parallel.runs[1] is parallel.main
    assert not parallel.interrupted
    assert json.dumps(compare(tiny, Silent(), Bench()).to_mapping()) == json.dumps(parallel.to_mapping())


class Impatient(Silent):
    """Interrupts after some payments."""

    def __init__(self, payments: int) -> None:
        self.left = payments

    def done(self, count: int) -> None:
        self.left -= count
        if self.left == 0:
            raise KeyboardInterrupt


def test_interrupted_run_is_reported_as_partial(scenario: Scenario) -> None:
    found = compare(scenario.changed(people=4).with_what_if((1,)), Impatient(30), Bench())
    assert found.interrupted
    assert found.main.payments.attempted == 30
    assert found.runs == ()
    assert found.to_mapping()["complete"] is False


# --- what the count notices ---


def _sql(run: Run, place: int, statement: str) -> None:
    """Change the memory of a person behind its back."""
    person = run.people.persons[place]
    run.places.switch_off()
    with sqlite3.connect(person.path) as connection:
        connection.execute(statement)
    connection.close()


def test_a_count_of_an_honest_world(started: Run) -> None:
    picture = started.count.full()
    assert picture.people == sum(person.balance for person in started.people.persons)


def test_a_lost_unit_is_noticed(started: Run) -> None:
    _sql(started, 0, "DELETE FROM holding WHERE unit_id = (SELECT min(unit_id) FROM holding)")
    with pytest.raises(
        ConservationError, match=r"JP person 1 has \d+, expected \d+; run it again with --seed 5"
    ):
        started.count.full()


def test_a_unit_in_two_places_is_noticed(started: Run) -> None:
    one, other = started.people.persons[:2]
    row = started.places.device(one).store.summaries()[0]
    started.places.switch_off()
    with sqlite3.connect(other.path) as connection:
        connection.execute("ATTACH ? AS a", (str(one.path),))
        connection.execute("INSERT INTO holding SELECT * FROM a.holding WHERE unit_id = ?", (row.unit_id,))
    connection.close()
    other.balance += row.value
    with pytest.raises(ConservationError, match="is in 2 places"):
        started.count.full()


def test_a_unit_that_vanished_everywhere_is_noticed(started: Run) -> None:
    person = started.people.persons[0]
    row = started.places.device(person).store.summaries()[0]
    _sql(started, 0, f"DELETE FROM holding WHERE unit_id = x'{row.unit_id.hex()}'")
    person.balance -= row.value
    with pytest.raises(ConservationError, match="is in 0 places"):
        started.count.full()


def test_a_forged_account_is_noticed(started: Run) -> None:
    bank = started.banks.all[0].place
    started.scheme.accounts[bank.number] += 1
    with pytest.raises(ConservationError, match="account of JP bank 1"):
        started.count.full()


def test_a_forged_register_is_noticed(started: Run) -> None:
    started.scheme.wholesale.contribute(764, 5)
    with pytest.raises(ConservationError, match="economy 764: own account of"):
        started.count.full()


def test_a_session_that_makes_money_is_noticed(started: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    # EPP-CRS-005
    payer, payee = started.people.persons[:2]
    store = started.places.device(payee).store
    honest = store.total
    monkeypatch.setattr(store, "total", lambda *epoch: (honest(*epoch)[0], honest(*epoch)[1] * 2))
    with pytest.raises(ConservationError, match="together"):
        started.meetings.pay(payer, payee, 3)


def test_a_changed_database_is_noticed(started: Run) -> None:
    with started.scheme.issuer.office.database.writing() as connection:
        connection.execute(text("UPDATE unit SET state = 1 WHERE number = 1"))
    with pytest.raises(Exception, match=r"not conserved|expected|redeemed"):
        started.count.full()


def test_everything_goes_wrong(scenario: Scenario) -> None:
    # EPP-CRS-005, EPP-CRS-014: power fails in every session, half of them lose a message
    faults = {"power_cut": 1.0, "message_lost": 0.5, "redelivered": 0.0, "never": 1.0}
    worst = scenario.changed(people=3, payments=12, epochs=2, faults=faults)
    main = compare(worst, Silent(), Bench()).main
    assert main.good
    assert main.events["power cuts"] > 0


def test_few_files_are_enough(scenario: Scenario, tmp_path: Path) -> None:
    with running(scenario.changed(people=3, payments=6, epochs=1), tmp_path, Silent(), Bench()) as run:
        run.places.most_open = 2
        assert run.go().good
