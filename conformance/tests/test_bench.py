"""The benchmark measures what it says; no test here depends on how fast the machine is."""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import pairwise

import pytest

from eiraku.cli.study import bench
from eiraku.cli.study.benchmarks import bare, counting, sampling, work
from eiraku.cli.study.benchmarks.figures import FLOORS
from eiraku.cli.study.benchmarks.show import show
from eiraku.reference.crypto import ed25519


def test_the_reference_does_no_more_cryptography_than_the_protocol_needs() -> None:
    counts = work.by_part(work.count())
    for part, needed in work.NEEDED.items():
        assert {name: counts[part][name] for name in needed} == dict(needed), part


def test_counting_leaves_nothing_behind() -> None:
    before = ed25519.verify
    with counting.counting():
        assert ed25519.verify is not before
    assert ed25519.verify is before


def test_a_unit_grows_by_less_than_200_bytes_for_each_hop() -> None:
    sizes = work.growth(3)
    assert all(0 < b - a <= 200 for a, b in pairwise(sizes))


def test_figures_are_complete_and_json_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert bench.main(["--rounds", "1", "--held", "1", "--held", "60", "--json"], standalone_mode=False) == 0
    figures = json.loads(capsys.readouterr().out)
    assert set(figures["wire_bytes"]) == {*work.HANDSHAKE, *work.TRANSFER}
    for part in ("handshake", "transfer"):
        for floor in FLOORS:
            ratio = figures[part]["disk"][floor]["ratio"]
            assert ratio > 1, "faster than its own cryptography: the floor is wrong"
    assert [row["units"] for row in figures["held"]] == [1, 60]
    assert figures["held"][0]["order"]["ratio"] == figures["held"][0]["transfer"]["ratio"] == 1
    show(figures)
    shown = capsys.readouterr().out
    for part in work.PARTS:
        for floor in FLOORS:
            assert f"{figures[part]['disk'][floor]['ratio']}x" in shown
    assert str(figures["held"][0]["order"]["us"]) in shown
    assert all(name in shown for name in counting.OPERATIONS)


class Machine:
    """A clock that work advances: by its cost times how slow the machine is now, and by what it waits."""

    def __init__(self) -> None:
        self.processor = self.elapsed = 0
        self.slowness = 1
        self.done: list[str] = []

    def clock(self) -> tuple[int, int]:
        return self.processor, self.elapsed

    def work(self, name: str, cost: int, *, wait: int = 0) -> Callable[[], None]:
        def run() -> None:
            self.done.append(name)
            self.processor += cost * self.slowness
            self.elapsed += cost * self.slowness + wait

        return run

    def slower(self) -> None:
        self.done.append("prepare")
        self.processor += 1_000_000
        self.slowness += 1


def test_slices_take_turns_and_preparation_is_not_timed() -> None:
    machine = Machine()
    slices = {"floor": machine.work("floor", 10), "work": machine.work("work", 30, wait=5)}
    spent = sampling.alternate(slices, 3, prepare=machine.slower, clock=machine.clock)
    assert machine.done == ["prepare", "floor", "work"] * 4
    # the first round is not counted; the machine is 3, 4 and 5 times slower in the others
    assert spent["floor"] == sampling.Spent(processor=[30, 40, 50], elapsed=[30, 40, 50])
    assert spent["work"] == sampling.Spent(processor=[90, 120, 150], elapsed=[95, 125, 155])


def test_a_slice_costs_its_first_decile() -> None:
    # one sample in ten is faster; the slow ones, however slow, change nothing
    samples = [2000, 1000, *[3000 + n for n in range(8)], *[10**9] * 10]
    assert sampling.Spent(processor=samples[::-1], elapsed=samples).cost == 3
    assert sampling.Spent(processor=[7000]).cost == 7
    assert sampling.Spent(processor=samples, elapsed=[1000, 9000, 2000]).passed == 2


def test_a_ratio_is_of_the_totals() -> None:
    one, ten = sampling.Spent(processor=[1000]), sampling.Spent(processor=[10_000])
    assert sampling.total([one, ten]) == 11
    # slice by slice it would be 10 and 0.1
    assert sampling.ratio([ten, one], [one, ten]) == 1
    assert sampling.ratio([ten, ten], [ten, one, one, one]) == 1.54


def test_a_machine_that_slows_down_gives_the_same_ratio() -> None:
    machine = Machine()
    slices = {"floor": machine.work("floor", 7), "work": machine.work("work", 21)}
    spent = sampling.alternate(slices, 40, prepare=machine.slower, clock=machine.clock)
    assert spent["work"].processor[-1] > 10 * spent["work"].processor[0]
    assert sampling.ratio([spent["work"]], [spent["floor"]]) == 3


def test_the_clock_is_of_the_processor_and_of_the_wall() -> None:
    spent = sampling.alternate({"asleep": lambda: time.sleep(0.05)}, 1)["asleep"]
    assert spent.elapsed[0] >= 50_000_000 > 5 * spent.processor[0]


def test_a_floor_is_every_counted_operation_over_its_length() -> None:
    ran: list[int] = []
    library: dict[str, bare.Make] = {counting.SIGN: lambda size: lambda: ran.append(size)}
    counts = Counter({counting.Operation(counting.SIGN, 5): 2, counting.Operation(counting.SIGN, 9): 1})
    run = bare.floor(library, counts)
    assert not ran
    run()
    assert ran == [5, 5, 9]


@pytest.mark.parametrize("library", (bare.OPENSSL, bare.BEST), ids=("openssl", "best"))
def test_both_floors_know_every_operation(library: Mapping[str, bare.Make]) -> None:
    assert set(library) == set(counting.OPERATIONS)
    for name in library:
        bare.repeated(library, name, 1)()
