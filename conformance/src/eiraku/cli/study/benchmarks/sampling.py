"""Samples of several pieces of work in turn, so that their ratio does not depend on how busy the machine is.

What is compared runs in small slices, one after the other, round after round: a machine that slows down slows
all of them. Times are of the processor; the time that passed is kept beside them, for what waits for a disk.

Other programs empty the caches even so, which costs interpreted code more than arithmetic, and a median
shows it. What a slice costs is therefore its first decile: the sample that one in ten is faster than.
"""

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Clock: TypeAlias = Callable[[], tuple[int, int]]
"""Nanoseconds of the processor, and nanoseconds that passed."""


def clock() -> tuple[int, int]:
    """Of this process, and of the wall."""
    return time.process_time_ns(), time.perf_counter_ns()


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Nanoseconds of one slice in each round: of the processor, and passed."""

    processor: list[int] = field(default_factory=list)
    elapsed: list[int] = field(default_factory=list)

    @property
    def cost(self) -> float:
        """Microseconds of the processor: the first decile."""
        return sorted(self.processor)[len(self.processor) // 10] / 1000

    @property
    def passed(self) -> float:
        """Microseconds that passed: the median, for waiting is part of it."""
        return statistics.median(self.elapsed) / 1000


def nothing() -> None:
    """No preparation."""


def alternate(
    slices: Mapping[str, Callable[[], object]],
    rounds: int,
    *,
    prepare: Callable[[], object] = nothing,
    clock: Clock = clock,
) -> dict[str, Spent]:
    """What each slice took in each of `rounds` rounds, after one that is not counted.

    A round is `prepare`, which is not timed, and then each slice once, in the order given.
    """
    found = {name: Spent() for name in slices}
    for counted in (False, *[True] * rounds):
        prepare()
        for name, work in slices.items():
            processor, elapsed = clock()
            work()
            processor_after, elapsed_after = clock()
            if counted:
                found[name].processor.append(processor_after - processor)
                found[name].elapsed.append(elapsed_after - elapsed)
    return found


def total(slices: Iterable[Spent]) -> float:
    """Microseconds of the processor of work that was sampled in several slices."""
    return sum(spent.cost for spent in slices)


def ratio(work: Iterable[Spent], floor: Iterable[Spent]) -> float:
    """Of the totals. Not slice by slice: some slices have next to no floor."""
    return round(total(work) / total(floor), 2)
