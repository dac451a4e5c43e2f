"""Who really copied what: an account of the run that is kept apart from all that the centres do.

Each copied unit is followed from the moment its holder's memory is copied: every move adds a node to a tree.
When two copies come home, the holder at the node where their ways part is the one that must be convicted.
Nothing is read from histories or endorsements here; so it can judge those who read them.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from eiraku.system.economy.places import Place


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Node:
    """A copied unit at one holder: purse number, moves since it was copied first, and where it came from."""

    holder: bytes
    depth: int
    parent: "Node | None"


@dataclass(slots=True, kw_only=True)
class Cheat:
    """What one cheat did, and when it was found out. Values in minor units, times in epochs.

    `accepted`: value that others took though they, or somebody else, had been given the same unit by this
    cheat already. `hops`: moves that the two copies made after their ways parted, together.
    """

    number: bytes
    name: str
    copied_in: int
    copied: int
    accepted: int = 0
    accepted_before_detection: int = 0
    first_double: int | None = None
    home_in: int | None = None
    convicted_in: int | None = None
    hops: int | None = None
    refused_at_vault: int | None = None
    refused_by_people: int | None = None

    @property
    def delay(self) -> int | None:
        """Epochs from the first unit that was spent twice to the conviction."""
        if self.first_double is None or self.convicted_in is None:
            return None
        return self.convicted_in - self.first_double


@dataclass(slots=True, kw_only=True)
class Truth:
    """The account. `home`: for each unit, the copies that came home, in order."""

    epoch: int = 0
    cheats: dict[bytes, Cheat] = field(default_factory=dict)
    guilty: set[bytes] = field(default_factory=set)
    home: defaultdict[bytes, list[Node]] = field(default_factory=lambda: defaultdict(list))
    _at: defaultdict[Place, dict[bytes, Node]] = field(default_factory=lambda: defaultdict(dict))
    _spent: set[tuple[bytes, bytes]] = field(default_factory=set)
    _values: dict[bytes, int] = field(default_factory=dict)

    def copied(self, place: Place, clone: Place, units: Iterable[tuple[bytes, int]]) -> None:
        """The memory of `place` was copied to `clone`; `units`: (unit_id, value) that are in it."""
        worth = 0
        for unit_id, value in units:
            node = self._at[place].get(unit_id)
            if node is None:
                node = Node(holder=place.number, depth=0, parent=None)
            self._at[place][unit_id] = self._at[clone][unit_id] = node
            self._values[unit_id] = value
            worth += value
        known = self.cheats.get(place.number)
        if known is None:
            self.cheats[place.number] = Cheat(
                number=place.number, name=place.name, copied_in=self.epoch, copied=worth
            )
        else:
            known.copied += worth

    def follows(self, place: Place) -> bool:
        """Whether a copied unit is, or was left, at a place."""
        return bool(self._at.get(place))

    def was_copied(self, unit_id: bytes) -> bool:
        """Whether there was ever more than one piece of a unit."""
        return unit_id in self._values

    def moved(self, payer: Place, payee: Place, unit_ids: Iterable[bytes]) -> None:
        """The payee has credited these units."""
        here = self._at.get(payer)
        if not here:
            return
        for unit_id in unit_ids:
            node = here.pop(unit_id, None)
            if node is None:
                continue
            self._at[payee][unit_id] = Node(holder=payee.number, depth=node.depth + 1, parent=node)
            if payer.number in self.cheats:
                self._spend(self.cheats[payer.number], unit_id)

    def _spend(self, cheat: Cheat, unit_id: bytes) -> None:
        key = (cheat.number, unit_id)
        if key not in self._spent:
            self._spent.add(key)
            return
        cheat.accepted += self._values[unit_id]
        if cheat.convicted_in is None:
            cheat.accepted_before_detection += self._values[unit_id]
        if cheat.first_double is None:
            cheat.first_double = self.epoch

    def came_home(self, centre: Place, unit_id: bytes) -> None:
        """The issuing centre has taken a unit out of its purse."""
        node = self._at[centre].pop(unit_id, None)
        if node is None:
            return
        for other in self.home[unit_id]:
            part = _parting(node, other)
            self.guilty.add(part.holder)
            cheat = self.cheats[part.holder]
            if cheat.home_in is None:
                cheat.home_in = self.epoch
                cheat.hops = node.depth + other.depth - 2 * part.depth
        self.home[unit_id].append(node)

    def convicted(self, number: bytes) -> None:
        """The centre has named a purse."""
        cheat = self.cheats.get(number)
        if cheat is not None and cheat.convicted_in is None:
            cheat.convicted_in = self.epoch


def _parting(one: Node, other: Node) -> Node:
    """The last node that two ways have in common."""
    ways: set[int] = set()
    node: Node | None = one
    while node is not None:
        ways.add(id(node))
        node = node.parent
    node = other
    while node is not None:
        if id(node) in ways:
            return node
        node = node.parent
    raise AssertionError("two copies of one unit without a common holder")
