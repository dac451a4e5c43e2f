"""Samples of several pieces of work in turn, so that their ratio does not depend on how busy the machine is.

What is compared runs in small slices, one after the other, round after round: a machine that slows down or is
shared slows both. Times are of the processor; the time that passed is kept beside them, for what waits for a
disk. A figure is the median over the rounds of the ratio within a round.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
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
    def microseconds(self) -> float:
        """Median of the processor's."""
        return round(statistics.median(self.processor) / 1000, 1)

    @property
    def elapsed_microseconds(self) -> float:
        """Median of those that passed."""
        return round(statistics.median(self.elapsed) / 1000, 1)


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


def ratio(work: Spent, floor: Spent) -> float:
    """Median over the rounds of work to floor, in processor time."""
    return round(statistics.median(quotients(work.processor, floor.processor)), 2)


def quotients(work: Sequence[int], floor: Sequence[int]) -> list[float]:
    """Round by round."""
    return [spent / least for spent, least in zip(work, floor, strict=True)]
