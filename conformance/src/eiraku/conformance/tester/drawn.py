"""What a world is made of, drawn for each check: when it is, which economies there are, from where it counts.

A check speaks of epoch 100, of sequence 5, of the home economy. What a wallet sees are other numbers, so that
no wallet can tell by them that it is being judged. The check keeps its own: they are translated in one place,
where the world signs something.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import accumulate
from typing import Final

Random = Callable[[int], bytes]

SEAMS: Final = (25, 75, 175, 225)
"""Epochs of a check after which time is left out: between them lie the ends of keys, units and lists."""
GAP: Final = 50_000
LAST: Final = 1000
"""Epochs of a check are below it; what is not stands for itself, as 0 does."""
COUNTED: Final = 100
"""Sequences of lists below it are counted from the world's first; others stand for themselves."""


class Economy(Enum):
    """An economy by what it is to the wallet."""

    HOME = "of the wallet and its units"
    OTHER = "accepted by the anchor as well"
    FOREIGN = "not accepted"
    NEIGHBOUR = "not accepted, one above HOME"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Epochs of a check and those that the wallet sees; order is kept, and distance between two seams."""

    origin: int
    gaps: tuple[int, ...]
    """Epochs left out at each seam so far."""

    def at(self, epoch: int) -> int:
        """The epoch that the wallet sees. The ends of time, 0 and whatever is beyond `LAST`, are its own."""
        if not 0 < epoch < LAST:
            return epoch
        return self.origin + epoch + self.gaps[bisect_left(SEAMS, epoch)]

    def read(self, epoch: int) -> int:
        """The epoch of a check that a wallet in `epoch` is in; `epoch` itself if no check has it."""
        for at, gap in enumerate(self.gaps):
            found = epoch - self.origin - gap
            if 0 < found < LAST and bisect_left(SEAMS, found) == at:
                return found
        return epoch


PLAIN: Final = Calendar(origin=0, gaps=(0,) * (len(SEAMS) + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """What is drawn for one world."""

    calendar: Calendar
    economies: Mapping[Economy, int]
    first_unit: int
    """Number of its first unit."""
    first_sequence: int
    """Of a key list, that a check calls 0."""
    policy_digest: bytes
    """In its bulletins, 32 bytes."""
    looks: int
    """After how many of 256 steps the wallet is asked for its state though nobody needs it."""

    def sequence(self, number: int) -> int:
        """The sequence that the wallet sees. One that is no count of the check's is its own."""
        return self.first_sequence + number if 0 <= number < COUNTED else number

    def economy(self, economy: Economy | int) -> int:
        """The number of an economy."""
        return self.economies[economy] if isinstance(economy, Economy) else economy


def draw(random: Random) -> Drawn:
    """All of it, from chance; numbers are of any magnitude that they may have."""
    gaps = accumulate((_below(random, GAP) for _ in SEAMS), initial=0)
    return Drawn(
        calendar=Calendar(origin=_magnitude(random, 31), gaps=tuple(gaps)),
        economies=_economies(random),
        first_unit=_magnitude(random, 62),
        first_sequence=_magnitude(random, 52),
        policy_digest=random(32),
        looks=max(0, _below(random, 64) - 32),
    )


def _economies(random: Random) -> dict[Economy, int]:
    """Numbers from 1 to 65535 which differ in more than one bit, but for the neighbour of the first."""
    found: list[int] = []
    while len(found) < 3:
        number = 1 + _below(random, 65534)
        if all((number ^ known).bit_count() > 1 for known in (0, *found, *(one + 1 for one in found))):
            found.append(number)
    home, other, foreign = found
    return {Economy.HOME: home, Economy.OTHER: other, Economy.FOREIGN: foreign, Economy.NEIGHBOUR: home + 1}


def _magnitude(random: Random, bits: int) -> int:
    """A number of up to so many bits; each length is as likely."""
    length = 1 + _below(random, bits)
    return (1 << length - 1) + _below(random, 1 << length - 1)


def _below(random: Random, bound: int) -> int:
    return int.from_bytes(random(16), "big") % bound
