"""A population whose units come home in any number, with a known number of cheats: a plan, no world.

Everything follows from the seed and the index of a unit, so any process can make any part of it, and nobody
needs to keep it. `Plan.cheats` is the truth about who cheated: it is decided before any unit is made, and
nothing that audits has a part in it. Moves are made directly, without sessions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from hashlib import sha256
from itertools import pairwise
from random import Random

from eiraku.reference.centres.issuing import first_holding
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec import objects
from eiraku.spec.errors import Misuse
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import history_size
from eiraku.system.issuing.chain import Endorsement
from eiraku.testing import moves

FORK = "fork"
FORK_AND_BACK = "fork-and-back"
FORK_TWICE = "fork-twice"
RUBBISH = "rubbish"
FRAME = "frame"
KINDS = (FORK, RUBBISH, FORK_AND_BACK, FRAME, FORK_TWICE)
"""What cheats do, in turn: give a unit to two purses; pass on a layer that is noise; give one copy away in a
circle and another straight; write a layer that names an honest purse; give a unit to two purses, of which one
does so too."""
BAD_LAYERS = frozenset({RUBBISH, FRAME})

CHEATED_HOPS = 4
ISSUE = 250
"""Units of one issue to a vault."""
VAULTS = 8
HOME = 0
"""Index of the purse of the issuing centre; vaults follow, then persons."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cheat:
    """What happens to one unit: `guilty` purses, by index, and the hops of their endorsements in question."""

    kind: str
    guilty: tuple[int, ...]
    hops: tuple[int, ...]


Homecoming = tuple[OfferedUnit, ...]
"""What the issuing centre's purse gets of one unit: the first at once, the others long after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A unit as the issuing centre gave it out: the index in the plan, the genesis endorsement's fields."""

    index: int
    unit: bytes
    transaction: bytes
    signature: bytes


@dataclass(frozen=True, kw_only=True)
class Plan:
    """So many `units`, each deposited at a hop of `hops` (both included), so many `cheats` among them.

    A unit that is cheated moves four times at least. `persons`: purses besides 8 vaults; `repeats`: one
    honest deposit in so many is handed in twice, 0: none. Raises Misuse.
    """

    seed: int
    units: int
    hops: tuple[int, int]
    cheats: int = 0
    persons: int = 1000
    repeats: int = 50

    def __post_init__(self) -> None:
        low, high = self.hops
        if not 1 <= low <= high <= objects.HOP_MAX:
            raise Misuse(f"hops: expected 1 to {objects.HOP_MAX}, the lower first, found {low} to {high}")
        if self.units < 1 or self.persons < 4:
            raise Misuse("expected one unit or more, and four persons or more")
        if not 0 <= self.cheats <= self.units:
            raise Misuse(
                f"cheats: expected 0 to {self.units}, one for each unit at most, found {self.cheats}"
            )

    def hop(self, index: int) -> int:
        """The hop at which unit `index` is deposited."""
        low, high = self.hops
        hop = low + int.from_bytes(_digest(self.seed, b"hop", index)[:4], "big") % (high - low + 1)
        return max(hop, CHEATED_HOPS) if index in self._cheated_units else hop

    def way(self, index: int) -> tuple[int, ...]:
        """Who holds unit `index` after hop 0, 1, 2 and so on; the last one is the issuing centre's purse.

        The first is a vault, and where there is room the last but one. Ways go in circles by chance.
        """
        hop = self.hop(index)
        chance = Random(_digest(self.seed, b"way", index))  # noqa: S311 - who meets whom is no secret
        way = [self.vault(index)]
        while len(way) < hop:
            last = len(way) == hop - 1
            person = 1 + chance.randrange(VAULTS) if last else 1 + VAULTS + chance.randrange(self.persons)
            if person != way[-1]:
                way.append(person)
        return (*way, HOME)

    def repeated(self, index: int) -> bool:
        """Whether the deposit of unit `index` is handed in twice, as after a loss of power."""
        return bool(self.repeats) and index % self.repeats == 0 and index not in self._cheated_units

    def vault(self, index: int) -> int:
        """The vault to which unit `index` is issued: 250 units to each in turn."""
        return 1 + index // ISSUE % VAULTS

    @cached_property
    def _cheated_units(self) -> frozenset[int]:
        chance = Random(_digest(self.seed, b"cheated units", 0))  # noqa: S311 - for a test population
        return frozenset(chance.sample(range(self.units), self.cheats))

    @cached_property
    def cheated(self) -> Mapping[int, Cheat]:
        """The truth: index of a unit -> what is done to it."""
        chance = Random(_digest(self.seed, b"cheats", 0))  # noqa: S311 - for a test population
        found: dict[int, Cheat] = {}
        for turn, index in enumerate(sorted(self._cheated_units)):
            kind, way = KINDS[turn % len(KINDS)], self.way(index)
            # it is a person who pays at this hop
            hop = 2 if kind == FORK_AND_BACK else 2 + chance.randrange(len(way) - 3)
            guilty = [way[hop - 1]]
            if kind == FORK_TWICE:
                guilty.append(self.other(way, hop))
            hops = tuple(hop + later for later in range(len(guilty)))
            found[index] = Cheat(kind=kind, guilty=tuple(guilty), hops=hops)
        return found

    def other(self, way: Sequence[int], hop: int) -> int:
        """A person who is not on the way up to this hop, nor the next holder."""
        persons = range(1 + VAULTS, 1 + VAULTS + self.persons)
        start = way[hop - 1] - persons[0]
        return next(
            persons[(start + step) % self.persons]
            for step in range(1, self.persons)
            if persons[(start + step) % self.persons] not in way[: hop + 1]
        )

    def number(self, purse: int) -> bytes:
        """Purse number, 8 bytes."""
        return _digest(self.seed, b"number", purse)[:8]

    def key(self, purse: int) -> SigningKey:
        """Purse key."""
        return _key(self.seed, purse)

    def public_keys(self) -> dict[bytes, bytes]:
        """What the device centre registered: number -> public key, of all purses."""
        return {self.number(n): self.key(n).public for n in range(1 + VAULTS + self.persons)}


def make(plan: Plan, history_key: bytes, issued: Sequence[Issued]) -> list[Homecoming]:
    """What comes home of these units, in their order. `history_key`: public, of the units' money key."""
    return [_Maker(plan, history_key, each).deposits() for each in issued]


class _Maker:
    def __init__(self, plan: Plan, history_key: bytes, issued: Issued) -> None:
        self.plan = plan
        self.history_key = history_key
        self.index = issued.index
        self.random = Drbg(_digest(plan.seed, b"unit", issued.index))
        self.way = plan.way(issued.index)
        self.genesis = issued

    def deposits(self) -> Homecoming:
        plan, way = self.plan, self.way
        cheat = plan.cheated.get(self.index)
        first = self._first()
        if cheat is None:
            home = self._along(first, way)
            return (home, home) if plan.repeated(self.index) else (home,)
        hop = cheat.hops[0]
        held = self._along(first, way[:hop])
        rest = way[hop - 1 :]
        if cheat.kind == RUBBISH:
            noise = replace(held, history=self.random(history_size(held.hop)))
            return (self._along(noise, rest),)
        if cheat.kind == FRAME:
            return (self._along(self._framed(first, hop), rest),)
        other = plan.other(way, hop)
        vault = 1 + self.index % VAULTS
        if cheat.kind == FORK_AND_BACK:
            # a circle back to the cheat; the other copy goes straight home
            guilty = cheat.guilty[0]
            return (
                self._along(held, (*rest[:2], guilty, *rest[1:])),
                self._along(held, (guilty, other, vault, HOME)),
            )
        copies = [self._along(held, rest)]
        second = self._along(held, (way[hop - 1], other))
        copies.append(self._along(second, (other, vault, HOME)))
        if cheat.kind == FORK_TWICE:
            copies.append(self._along(second, (other, way[hop], HOME)))
        return tuple(copies)

    def _first(self) -> OfferedUnit:
        """As the first holder has it."""
        return first_holding(
            self.genesis.unit,
            holder=self.plan.number(self.way[0]),
            transaction=self.genesis.transaction,
            signature=self.genesis.signature,
            history_key=self.history_key,
            ephemeral=self.random(32),
        )

    def _along(self, held: OfferedUnit, way: Sequence[int]) -> OfferedUnit:
        """From purse to purse; the first is the payer."""
        for payer, payee in pairwise(way):
            held = self._take(held, self._endorse(held, payer, payee))
        return held

    def _endorse(self, held: OfferedUnit, payer: int, payee: int) -> Endorsement:
        return moves.endorse(
            held,
            self.plan.key(payer),
            payer=self.plan.number(payer),
            payee=self.plan.number(payee),
            transaction=self.random(16),
        )

    def _take(self, held: OfferedUnit, endorsement: Endorsement) -> OfferedUnit:
        return moves.taken(held, endorsement, history_key=self.history_key, ephemeral=self.random(32))

    def _framed(self, first: OfferedUnit, hop: int) -> OfferedUnit:
        """What the cheat holds at `hop` - 1 with a layer that says somebody else had paid it."""
        before = self._along(first, self.way[: hop - 1])
        framed = self.plan.other(self.way, hop)
        said = moves.endorse(
            before,
            self.plan.key(self.way[hop - 1]),
            payer=self.plan.number(framed),
            payee=self.plan.number(self.way[hop - 1]),
            transaction=self.random(16),
        )
        return self._take(before, said)


def _digest(seed: int, what: bytes, index: int) -> bytes:
    return sha256(b"%d/%s/%d" % (seed, what, index)).digest()


@lru_cache(maxsize=65536)
def _key(seed: int, purse: int) -> SigningKey:
    return SigningKey(_digest(seed, b"key", purse))
