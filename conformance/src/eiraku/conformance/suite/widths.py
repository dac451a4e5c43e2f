"""Numbers that do not fit into 8, 16 or 32 bits: what a wallet that keeps only the low bits would do.

A `Field` is a number that a wallet reads or compares. `right` presents numbers that are right as a whole,
while their low bits would be wrong; `wrong` the reverse. Both get 2^n as `base`: the low n bits of `base` + m
are m, and as a signed number of n + 1 bits it is negative.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import pytest

from eiraku.conformance.tester.stage import Stage
from eiraku.conformance.tester.world import World
from eiraku.spec.shape import EPOCH_MAX

BYTE = (7, 8)
EPOCHS = (7, 8, 15, 16, 31)
LARGE = (7, 8, 15, 16, 31, 32)
SAFE = (*LARGE, 52)
"""Up to the greatest number that a double holds exactly, with all numbers below it."""
OFTEN = frozenset({8, 16, 31, 32})
"""Tried at level standard; the others, where a signed number becomes negative, at full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A number, by the requirements that compare it."""

    rules: tuple[str, ...]
    bits: tuple[int, ...]
    right: Callable[[Stage, int], None]
    wrong: Callable[[Stage, int], None]


def each(fields: Mapping[str, Field]) -> Iterable[object]:
    """Parameters: every field with every width."""
    return [
        pytest.param(
            field,
            1 << bits,
            id=f"{name}-2^{bits}",
            marks=[
                pytest.mark.requirement(*field.rules),
                pytest.mark.level("standard" if bits in OFTEN or field.bits == (bits,) else "full"),
            ],
        )
        for name, field in fields.items()
        for bits in field.bits
    ]


def without_end(world: World) -> World:
    """Keys, lists, purses and units of the world are good in every epoch."""
    world.count_epochs_plainly()
    world.list_expires = world.last_epoch = EPOCH_MAX
    world.device = replace(world.device, keys=(world.master_key(0, EPOCH_MAX),))
    world.issuing = replace(world.issuing, keys=(world.money_key(0, EPOCH_MAX),))
    world.wallet, world.peer = world.purse(issued=0), world.purse(issued=0)
    return world


def begin_at(stage: Stage, epoch: int) -> World:
    """The wallet is provisioned in an epoch of that world."""
    world = without_end(stage.world)
    stage.begin(bulletin=world.bulletin(epoch))
    return world
