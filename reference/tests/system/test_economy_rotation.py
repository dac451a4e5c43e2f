"""All keys of a scheme change while money is out: nothing is lost, and who lives learns in time."""

from collections.abc import Iterator

import pytest

from eiraku.reference.anchor import parse_unit
from eiraku.reference.gossip import lists_of
from eiraku.reference.purse.state import Ready
from eiraku.spec.errors import Code
from eiraku.system.economy.places import Place
from eiraku.system.economy.results import Results
from eiraku.system.economy.run import Run
from eiraku.system.economy.scenario import Scenario
from eiraku.system.economy.watching import Silent
from eiraku.system.scheme.own import has_valid_purse_id
from eiraku.testing.bench import Bench

pytestmark = pytest.mark.slow

ANNOUNCED, LAST = 2, 15
REVOKED = 9
FOR_A_KEY = {code.label for code in (Code.UNIT_SIGNATURE, Code.AUTHENTICATION, Code.ANCHOR_EXPIRED)}
SCENARIO = f"""
title = "Keys that change"
seed = 11
people = 8
payments = 120
epochs = 14
[[economies]]
number = 392
name = "JP"
shops = 2
assets = 5000
[policy]
hop_limit = 3
what_if = []
unit_lifetime = 8
redemption_grace = 1
claim_grace = 2
purse_lifetime = 4
transfer_limit = 100
[habits]
largest = 30
cash = 62
careless = 0.2
gossip = 0.7
[faults]
power_cut = 0.05
message_lost = 0.05
silent = 0.2
[cheats]
count = 1
[rotation]
announced = {ANNOUNCED}
[denominations]
largest = 16
"""


class Watching(Run):
    """Notes down, at the end of each epoch, who knows the lists, and under which keys money is out."""

    knew: dict[int, int]
    kids: dict[int, set[bytes]]
    scheme_keys: dict[int, set[bytes | None]]
    key_refusals: list[tuple[str, int, bool]]

    def _refused(self, who: Place, whom: Place, code: str) -> None:
        super()._refused(who, whom, code)
        if code in FOR_A_KEY:
            living = min(who.renew, whom.renew) >= self.scheme.epoch
            self.key_refusals.append((code, self.scheme.epoch, living))

    def _end_of_epoch(self) -> None:
        super()._end_of_epoch()
        epoch = self.scheme.epoch
        devices = [self.places.device(place) for place in self.people.persons]
        self.knew[epoch] = sum(lists_of(device)[1] == 2 for device in devices)
        held = [each for d in devices for each in d.store.holdings([u.unit_id for u in d.store.summaries()])]
        self.kids[epoch] = {parse_unit(each.unit).kid for each in held}
        self.scheme_keys[epoch] = {
            device.state.terms.scheme_key for device in devices if isinstance(device.state, Ready)
        }


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watching]:
    made = Watching(Scenario.from_toml(SCENARIO), tmp_path_factory.mktemp("run"), Silent(), Bench())
    made.knew, made.kids, made.scheme_keys, made.key_refusals = {}, {}, {}, []
    yield made
    made.close()


@pytest.fixture(scope="module")
def results(run: Watching) -> Results:
    return run.go()


def test_nothing_is_lost(results: Results) -> None:
    """EPP-CRS-005, EPP-CEN-016: every session and every epoch is counted; everything ends at home."""
    assert results.good
    last = results.series[-1]
    assert (last.people, last.shops, last.banks, last.pending) == (0, 0, 0, 0)
    assert last.expired == last.outstanding
    assert last.funded == 5000


def test_purses_learn_one_after_the_other(run: Watching, results: Results) -> None:
    """EPP-DEV-010, EPP-DEV-046: some at a counter, some from others."""
    assert results.events["key lists passed on"] > 0
    first = results.events["successors used from epoch"]
    assert ANNOUNCED + 4 < first < LAST
    assert any(0 < known < len(run.people.persons) for known in run.knew.values()), "not all at once"
    assert all(run.knew[epoch] >= run.knew[epoch - 1] for epoch in range(ANNOUNCED + 1, LAST))


def test_money_is_out_under_both_keys(run: Watching, results: Results) -> None:
    """EPP-KEY-010"""
    first = results.events["successors used from epoch"]
    old = run.kids[first - 1]
    assert len(old) == 1
    assert any(len(run.kids[epoch]) == 2 for epoch in range(first, LAST))


def test_no_living_purse_refuses_for_a_key(run: Watching, results: Results) -> None:
    """EPP-DEV-042, EPP-CEN-043, EPP-DEV-049: who does not know the keys has expired, known to it or not."""
    assert results.good
    assert [refusal for refusal in run.key_refusals if refusal[2]] == []


def test_the_scheme_key_changes(run: Watching, results: Results) -> None:
    """EPP-KEY-045"""
    first = results.events["successors used from epoch"]
    assert len(run.scheme_keys[first - 1]) == 1
    used = set().union(*(run.scheme_keys[epoch] for epoch in range(first, LAST)))
    assert len(used) == 2


# --- with a revocation ---


@pytest.fixture(scope="module")
def stolen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watching]:
    """The same with fewer payments; after the rotation the master key and the scheme keys are revoked."""
    text = SCENARIO.replace("payments = 120", "payments = 60")
    text = text.replace(f"announced = {ANNOUNCED}", f"announced = {ANNOUNCED}\nrevoked = {REVOKED}")
    made = Watching(Scenario.from_toml(text), tmp_path_factory.mktemp("stolen"), Silent(), Bench())
    made.knew, made.kids, made.scheme_keys, made.key_refusals = {}, {}, {}, []
    yield made
    made.close()


def test_a_stolen_master_key_costs_no_money(stolen: Watching) -> None:
    """EPP-CRS-005, EPP-CEN-016, EPP-CEN-101, EPP-DEV-043: a rotation, a revocation, and all comes home."""
    results = stolen.go()
    assert results.good
    assert results.events["keys revoked in epoch"] == REVOKED
    assert results.events["successors used from epoch"] < LAST
    last = results.series[-1]
    assert (last.people, last.shops, last.banks, last.pending) == (0, 0, 0, 0)
    assert last.expired == last.outstanding
    assert last.funded == 5000
    assert all(epoch >= REVOKED for _, epoch, living in stolen.key_refusals if living), (
        "it cost nobody before"
    )
    for place in (*stolen.people.persons, stolen.scheme.centre, *(bank.place for bank in stolen.banks.all)):
        assert has_valid_purse_id(stolen.places.device(place)), place.name
