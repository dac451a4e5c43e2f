"""The worlds in which lives are lived: centres with an old and a newer key, tills of every kind, policies."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

from eiraku.conformance.lockstep.steps import Start
from eiraku.conformance.tester.drawn import Economy
from eiraku.conformance.tester.policies import (
    PLENTY,
    PURSES,
    RECORD_MAX,
    UNITS_MAX,
    least_record,
    operation,
    policy,
)
from eiraku.conformance.tester.world import Identity, World
from eiraku.spec.objects import Role
from eiraku.spec.shape import EPOCH_MAX

T = TypeVar("T")
RESERVE = 4000
"""Epochs that a life has before it, at least."""


def epoch_of(start: Start) -> int:
    """The epoch of the first bulletin: just below a magnitude, so that the next ones are at it and above."""
    return min(start.epoch, EPOCH_MAX - RESERVE) - 1 if start.epoch else 100


def world_of(seed: bytes, epoch: int) -> World:
    """Two keys of each centre, of which the older is valid up to an epoch, the newer for ever."""
    world = World(seed, policy())
    # A life draws its own, of every magnitude.
    world.count_epochs_plainly()
    world.count_lists_plainly()
    world.list_expires = world.last_epoch = EPOCH_MAX
    ends = (epoch, EPOCH_MAX)
    world.device = replace(world.device, keys=tuple(world.master_key(0, end) for end in ends))
    world.issuing = replace(world.issuing, keys=tuple(world.money_key(0, end) for end in ends))
    world.wallet, world.peer = world.purse(issued=0), world.purse(issued=0, role=Role.MERCHANT)
    return world


def tills_of(world: World, epoch: int) -> tuple[Identity, ...]:
    """Whom the wallet may meet: first those with whom all is well, then the others."""
    first = world.peer.claims
    own, old = world.wallet.claims, replace(world.device, keys=world.device.keys[:1])
    merchant: dict[str, Any] = {"role": Role.MERCHANT, "issued": 0}
    return (
        world.peer,
        world.purse(issued=0),
        world.purse(**merchant, tier=0),
        world.purse(role=Role.VAULT, issued=0, holder=own.holder),
        world.purse(**merchant, centre=old),
        world.purse(role=Role.CENTRE, issued=0),
        world.purse(role=Role.VAULT, issued=0),
        world.purse(**merchant, holder=own.holder),
        world.purse(**merchant, expires=epoch + 2),
        world.purse(**merchant, economy=Economy.FOREIGN),
        world.purse(**merchant, seal=world.random(16)),
        world.purse(**merchant, number=own.number),
        # The first, renewed into another tier
        world.purse(
            role=Role.MERCHANT,
            issued=0,
            tier=0,
            number=first.number,
            holder=first.holder,
            seed=world.peer.seed,
        ),
    )


def rules_of(start: Start, room: Mapping[str, int]) -> dict[str, Any]:
    """The policy of a life, within the room of the wallet."""
    worth = start.worth
    match start.rules:
        case "roomy":
            found = policy(
                capacity=48, max_seen=1 << 12, max_given=1 << 10, max_credited=1 << 10, claim_grace=0
            )
        case "ample":
            found = policy(
                max_units=UNITS_MAX,
                max_record=RECORD_MAX,
                capacity=2 * UNITS_MAX,
                max_seen=1 << 13,
                max_given=1 << 10,
                max_credited=1 << 10,
            )
        case "tight":
            found = policy(
                capacity=8,
                max_given=3,
                max_credited=4,
                max_seen=12,
                min_amount=2,
                balance_limits={0: 20, 1: _most(60 + 3 * worth)},
                transfer={0: 16, 1: _most(40 + 2 * worth)},
                own={0: 30, 1: _most(50 + 2 * worth)},
            )
        case "narrow":
            found = policy(
                max_units=3,
                max_hops=3,
                max_record=least_record(3) + 500,
                min_life=2,
                claim_grace=1,
                transfer={0: 8, 1: _most(24 + worth)},
                own={0: 100, 1: _most(200 + 4 * worth)},
            )
        case "seen":
            found = policy(capacity=6, max_seen=6, max_units=4, claim_grace=0)
        case "given":
            found = policy(max_given=2, claim_grace=1)
        case "credited":
            found = policy(max_credited=1, claim_grace=0)
        case "records":
            found = policy(max_hops=4, max_record=least_record(4) + 300, min_life=1)
        case "tiers":
            found = policy(
                transfer={0: 1, 1: 40}, own={0: 1, 1: 40}, balance_limits={0: 3, 1: 30}, claim_grace=0
            )
        case "least":
            found = policy(min_amount=3, transfer={0: 2, 1: 9})
            few = operation("few", PURSES, PURSES, same_holder=True, limits={0: 9})
            found["operations"] = [few, *found["operations"]]
        case "lives":
            found = policy(min_life=EPOCH_MAX, claim_grace=EPOCH_MAX)
        case "home":
            found = policy()
            found["operations"][-1]["same_holder"] = True
        case "drawn":
            found = _drawn(start)
    return {**found, **{name: min(found[name], most) for name, most in room.items()}}


def _drawn(start: Start) -> dict[str, Any]:
    """Each number by itself, so that any of them may be the first that is reached."""
    left, most = start.numbers, _most(50 + 2 * start.worth)

    def one(*choices: T) -> T:
        nonlocal left
        left, number = divmod(left, len(choices))
        return choices[number]

    capacity, max_hops = one(2, 4, 6, 32), one(10, 1, 2, 4)
    made = policy(
        capacity=capacity,
        max_seen=capacity + one(0, 1, 4, 64),
        max_given=one(64, 1, 2, 3),
        max_credited=one(64, 1, 2, 3),
        max_units=one(16, 2, 4),
        max_hops=max_hops,
        max_record=least_record(max_hops) + one(8000, 0, 300, 700),
        min_life=one(0, 1, 2),
        claim_grace=one(3, 0, 1),
        min_amount=one(1, 2, 5),
        balance_limits=one({1: PLENTY}, {0: 8, 1: most}, {0: 5, 1: 12}),
        transfer=one({1: PLENTY}, {0: 4, 1: most}, {0: 3, 1: 8}, {0: most}),
        own=one({1: PLENTY}, {0: 4, 1: most}, {0: most}),
    )
    small = operation(
        "small", PURSES, PURSES, same_holder=True, min_amount=one(1, 3), limits=one({1: 6}, {0: 6})
    )
    home = made["operations"][-1]
    home["same_holder"] = one(False, True)
    home["payer"] = one(home["payer"], ["vault"], ["person"])
    made["operations"] = one([*made["operations"], small], [small, *made["operations"]], made["operations"])
    return made


def _most(amount: int) -> int:
    return min(amount, PLENTY)
