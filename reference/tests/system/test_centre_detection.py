"""Deposits in bulk, with a known number of cheats among them (chapter 12)."""

import gc
import multiprocessing
import pickle
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from eiraku.spec.errors import Misuse, Unavailable
from eiraku.system.database import Database
from eiraku.system.issuing.pools import SameProcess, local
from eiraku.system.issuing.schema import SCHEMA, UNIT
from eiraku.testing import detection, population
from eiraku.testing.detection import Run
from eiraku.testing.population import KINDS, Homecoming, Plan
from eiraku.testing.prefill import MARK, prefill

pytestmark = pytest.mark.slow


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path / 'issuing.db'}", SCHEMA)
    yield made
    made.close()


SMALL = Plan(seed=1, units=60, hops=(1, 6), cheats=10, persons=12, repeats=7)


def plan(**changes: Any) -> Plan:
    return replace(SMALL, **changes)


class Told:
    """Remembers what a watcher is told."""

    def __init__(self) -> None:
        self.units = 0
        self.deposits = 0

    def made(self, units: int) -> None:
        self.units += units

    def deposited(self, count: int) -> None:
        self.deposits += count


# --- the whole ---


@pytest.mark.parametrize("seed", range(3))
def test_exactly_the_guilty_are_named(centre_url: str, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    # EPP-CEN-003, EPP-CEN-004; copies come home in another block than the first
    monkeypatch.setattr(detection, "BLOCK", 25)
    monkeypatch.setattr(detection, "CHUNK", 4)
    made, told = plan(seed=seed), Told()
    database = Database(centre_url, SCHEMA)
    done = detection.detect(made, detection.prepare(database, made), SameProcess(), workers=1, watcher=told)
    database.close()
    assert done.problems == []
    assert done.found == done.planted
    assert len(done.found) == 12
    assert {cheat.kind for cheat in made.cheated.values()} == set(KINDS)
    document = done.document()
    assert (told.units, told.deposits) == (60, document["deposits"])
    assert document["cheats"] == {"planted": 12, "found": 12}
    assert document["accused_wrongly"] == 0
    assert document["deposits"] == sum(document["outcomes"].values())
    assert set(document["open_us_by_hop"]) >= {"1", "4", "6"}


@pytest.mark.parametrize("hops", ((1, 1), (2, 2), (3, 3), (12, 12)))
def test_any_number_of_hops(database: Database, hops: tuple[int, int]) -> None:
    made = plan(hops=hops, units=25, cheats=5)
    assert not detection.detect(made, detection.prepare(database, made), SameProcess(), workers=1).problems


def test_everybody_cheats(database: Database) -> None:
    made = plan(units=20, cheats=20)
    done = detection.detect(made, detection.prepare(database, made), SameProcess(), workers=1)
    assert not done.problems
    assert done.outcomes["credited"] == 12


def test_nobody_cheats(database: Database) -> None:
    made = plan(cheats=0, persons=4)
    done = detection.detect(made, detection.prepare(database, made), SameProcess(), workers=1)
    assert not done.problems
    assert done.outcomes == {"credited": 60, "repeated": 9}


def test_workers_are_other_processes(database: Database) -> None:
    made = plan(units=30, cheats=5)
    with local(2) as executor:
        done = detection.detect(made, detection.prepare(database, made), executor, workers=2)
    assert not done.problems
    assert not multiprocessing.active_children()


def test_what_is_not_found_or_wrong_is_told(database: Database) -> None:
    made = plan(cheats=5)
    issuer = detection.prepare(database, made)
    done = detection.detect(made, issuer, SameProcess(), workers=1)
    done.plan = plan(seed=2, cheats=6)
    detection.judge(done, issuer)
    text = "\n".join(done.problems)
    assert "not found: unit" in text
    assert "wrong: unit" in text
    assert "expected the outcomes" in text
    assert done.document()["accused_wrongly"] > 0


# --- what goes wrong ---


class Dead(Executor):
    """Its workers do not come back."""

    def submit(self, call: Any, /, *_: Any, **__: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_exception(BrokenExecutor(f"{call} was lost"))
        return future


class Interrupted(SameProcess):
    """Somebody interrupts at the third call."""

    calls = 0

    def submit(self, call: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        self.calls += 1
        if self.calls == 3:
            raise KeyboardInterrupt
        return super().submit(call, *arguments, **named)


def test_a_worker_that_is_lost_ends_it(database: Database) -> None:
    made = plan()
    with pytest.raises(Unavailable, match="fewer workers"):
        detection.detect(made, detection.prepare(database, made), Dead(), workers=1)


def test_an_interrupt_leaves_the_books_in_order(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    # EPP-CEN-016
    monkeypatch.setattr(detection, "CHUNK", 30)
    made = plan()
    issuer = detection.prepare(database, made)
    with pytest.raises(KeyboardInterrupt):
        detection.detect(made, issuer, Interrupted(), workers=1)
    issuer.history.conserved()
    with pytest.raises(Misuse, match="name an empty one"):
        detection.detect(made, issuer, SameProcess(), workers=1)


def test_a_fault_in_a_worker_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        SameProcess().submit(divmod, 1, 0).result()


def test_memory_does_not_grow_with_the_units(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detection, "BLOCK", 20)
    made = plan(units=500, hops=(1, 1), cheats=0, repeats=0)
    run = Run(made, detection.prepare(database, made), SameProcess(), workers=1)
    kept = []
    tracemalloc.start()
    for part in (range(300), range(300, 500)):
        for first in part[::20]:
            run.deposit([held for (held,) in run.make(run.issue(range(first, first + 20)))])
        gc.collect()
        kept.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    # 200 units more; one with its history would be 700 bytes
    assert kept[1] - kept[0] < 200 * 200


# --- the population ---


def deposits(made: Plan, database: Database, parts: Sequence[range]) -> list[Homecoming]:
    run = Run(made, detection.prepare(database, made), SameProcess(), workers=1)
    issued = run.issue(range(made.units))
    return [
        home
        for part in parts
        for home in population.make(made, run.history_key, issued[part.start : part.stop])
    ]


def test_any_part_can_be_made_by_itself(tmp_path: Path) -> None:
    made = plan()
    wholes = []
    for name, parts in (("one", [range(60)]), ("two", [range(1), range(1, 35), range(35, 60)])):
        database = Database(f"sqlite:///{tmp_path / name}.db", SCHEMA)
        wholes.append(deposits(pickle.loads(pickle.dumps(made)), database, parts))
        database.close()
    assert wholes[0] == wholes[1]
    assert sum(map(len, wholes[0])) == sum(detection.outcomes(made).values())


def test_the_truth_is_known_before_anything_is_made() -> None:
    made = plan()
    assert made.cheated == plan().cheated
    assert made.cheated != plan(seed=2).cheated
    for index, cheat in made.cheated.items():
        way = made.way(index)
        for purse, hop in zip(cheat.guilty[:1], cheat.hops, strict=False):
            assert way[hop - 1] == purse
        assert len(way) > 4
    assert set(Counter(cheat.kind for cheat in made.cheated.values()).values()) == {2}


def test_ways_begin_at_a_vault_and_end_at_home() -> None:
    made = plan(units=2500, cheats=0, persons=5)
    hops = Counter(made.hop(index) for index in range(2500))
    assert set(hops) == set(range(1, 7))
    assert min(hops.values()) > 300
    for index in range(0, 2500, 50):
        way = made.way(index)
        assert len(way) == made.hop(index) + 1
        assert way[-1] == population.HOME
        assert way[0] == made.vault(index)
        assert all(one != other for one, other in pairwise(way))
    assert {made.vault(index) for index in range(2500)} == set(range(1, 1 + population.VAULTS))


@pytest.mark.parametrize(
    "changes",
    (
        {"hops": (0, 3)},
        {"hops": (4, 3)},
        {"hops": (5, 256)},
        {"units": 0},
        {"persons": 3},
        {"cheats": -1},
        {"cheats": 61},
    ),
)
def test_an_impossible_plan_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Misuse, match="expected"):
        plan(**changes)


# --- a history that is only there to be large ---


def test_a_filled_history_is_in_order_and_marked(database: Database) -> None:
    # EPP-CEN-011, EPP-CEN-016
    made = plan(units=30, hops=(5, 5), cheats=0, repeats=0)
    issuer = detection.prepare(database, made)
    run = Run(made, issuer, SameProcess(), workers=1)
    run.deposit([held for (held,) in run.make(run.issue(range(10)))])
    assert prefill(issuer, 200) == 200
    assert prefill(issuer, 100) == 200
    run.deposit([held for (held,) in run.make(run.issue(range(10, 30)))])
    issuer.history.conserved()
    assert run.done.outcomes == {"credited": 30}
    with database.reading() as connection:
        marked = select(func.count()).select_from(UNIT).where(UNIT.c.holder == MARK)
        assert connection.execute(marked).scalar_one() == 190
    assert issuer.history.path(211)[0].state.label == "redeemed"
    assert replace(made, seed=2).public_keys().keys().isdisjoint(made.public_keys())
