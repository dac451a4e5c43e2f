"""What an entry does to the accounts, and what must hold after it: the rules that a member computes too.

Accounts are `own:E`, `issued:E` and `bonds:E` of each economy, and two of the scheme against which they are
held: `assets` and `bonded`, both negative by the custom of `centres.books`. Pure functions; amounts are minor
units of the basket unit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from eiraku.spec.errors import Refusal
from eiraku.spec.shape import AMOUNT_MAX
from eiraku.spec.wholesale_objects import Entry, Kind
from eiraku.system.wholesale.errors import BrokenBooksError, EntryError, PostingError

FLOORS: Mapping[str, int] = {"own": 0, "issued": 0, "bonds": 0}
"""For the books: no account of a member goes below zero (EPP-WHS-035)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The accounts of one economy."""

    own: int
    issued: int
    bonds: int


def movements(entry: Entry) -> dict[str, int]:
    """Amount added to each account; they sum to zero. Empty for JOIN."""
    amount, economy, at = entry.amount, entry.economy, entry.at
    moved: dict[str, int] = {}
    for account, sign in _MOVES[entry.kind]:
        name = account.format(economy=economy, at=at)
        moved[name] = moved.get(name, 0) + sign * amount
    return {account: change for account, change in moved.items() if change}


_MOVES: Mapping[Kind, tuple[tuple[str, int], ...]] = {
    Kind.JOIN: (),
    Kind.CONTRIBUTE: (("own:{economy}", 1), ("assets", -1), ("bonds:{economy}", 1), ("bonded", -1)),
    Kind.WITHDRAW: (("own:{economy}", -1), ("assets", 1), ("bonds:{economy}", -1), ("bonded", 1)),
    Kind.ISSUE: (("own:{at}", -1), ("issued:{economy}", 1), ("bonds:{at}", -1), ("bonds:{economy}", 1)),
    Kind.REDEEM: (("issued:{economy}", -1), ("own:{at}", 1), ("bonds:{economy}", -1), ("bonds:{at}", 1)),
    Kind.TRANSFER: (("own:{economy}", -1), ("own:{at}", 1), ("bonds:{economy}", -1), ("bonds:{at}", 1)),
}


def permitted(entry: Entry, balances: Mapping[str, int]) -> dict[str, int]:
    """`movements`, if the entry may follow on `balances` (by account; absent: 0). Raises PostingError.

    An economy is a member if `balances` has its account `bonds:E`.
    """
    here, there = f"bonds:{entry.economy}", f"bonds:{entry.at}"
    if entry.kind is Kind.JOIN:
        # EPP-WHS-041
        if here in balances:
            raise PostingError("EPP-WHS-041", f"economy {entry.economy} is a member already")
        return {}
    # EPP-WHS-042
    for economy, account in ((entry.economy, here), (entry.at, there)):
        if account not in balances:
            raise PostingError("EPP-WHS-042", f"economy {economy} is not a member; let it join first")
    moved = movements(entry)
    for account, change in moved.items():
        held = balances.get(account, 0)
        # EPP-WHS-035
        if account.partition(":")[0] in FLOORS and held + change < 0:
            raise PostingError("EPP-WHS-035", f"{account} has {held}, {entry.label} needs {-change}")
        # EPP-WHS-044
        if abs(held + change) > AMOUNT_MAX:
            raise PostingError("EPP-WHS-044", f"{account} would be beyond {AMOUNT_MAX}")
    return moved


def after(entry: Entry, balances: Mapping[str, int]) -> dict[str, int]:
    """Balances after a permitted entry. Raises PostingError."""
    found = dict(balances)
    _apply(entry, permitted(entry, balances), found)
    return found


def _apply(entry: Entry, moved: Mapping[str, int], balances: dict[str, int]) -> None:
    """Make the movements of an entry in `balances`."""
    for account, change in moved.items():
        balances[account] = balances.get(account, 0) + change
    if entry.kind is Kind.JOIN:
        balances |= {f"{prefix}:{entry.economy}": 0 for prefix in FLOORS}


def check(balances: Mapping[str, int]) -> None:
    """What holds after every posting. Raises BrokenBooksError with the first contradiction."""
    total = 0
    for economy, standing in standings(balances).items():
        # EPP-WHS-035
        if min(standing.own, standing.issued, standing.bonds) < 0:
            raise BrokenBooksError(f"economy {economy}: an account is below zero ({standing}) [EPP-WHS-035]")
        # EPP-WHS-001
        if standing.own + standing.issued != standing.bonds:
            raise BrokenBooksError(
                f"economy {economy}: own {standing.own} and issued {standing.issued} are not its bonds "
                f"{standing.bonds} [EPP-WHS-001]; nothing can be posted until the books are restored"
            )
        total += standing.bonds
    # EPP-WHS-030
    for name in ("assets", "bonded"):
        if -balances.get(name, 0) != total:
            raise BrokenBooksError(
                f"{name} {-balances.get(name, 0)} are not the sum of all bonds {total} [EPP-WHS-030]; "
                "nothing can be posted until the books are restored"
            )


def standings(balances: Mapping[str, int]) -> dict[int, Standing]:
    """Accounts by economy, in ascending order."""
    economies = sorted({int(name.partition(":")[2]) for name in balances if ":" in name})
    return {
        economy: Standing(
            own=balances.get(f"own:{economy}", 0),
            issued=balances.get(f"issued:{economy}", 0),
            bonds=balances.get(f"bonds:{economy}", 0),
        )
        for economy in economies
    }


class Replay:
    """What a member computes from the leaves of a log, one after the other from the first on."""

    __slots__ = ("_earlier", "_seen", "balances", "epoch", "size")

    def __init__(
        self,
        *,
        size: int = 0,
        epoch: int = 0,
        balances: Mapping[str, int] | None = None,
        known: Callable[[bytes], bool] | None = None,
    ) -> None:
        """Go on after `size` leaves; `known`: whether a posting is in them. Nothing given: begin."""
        self.size, self.epoch = size, epoch
        self.balances = dict(balances or {})
        self._earlier = known
        self._seen: set[bytes] = set()

    @property
    def postings(self) -> frozenset[bytes]:
        """Postings of the leaves added."""
        return frozenset(self._seen)

    def add(self, leaf: bytes) -> Entry:
        """The entry in the next leaf. Raises EntryError if the rules do not permit it there."""
        try:
            entry = Entry.decode(leaf)
            moved = self._judged(entry)
        except (Refusal, PostingError) as error:
            raise EntryError(self.size, str(error)) from None
        # In place: `after` would copy all accounts for every entry.
        _apply(entry, moved, self.balances)
        self.size, self.epoch = self.size + 1, entry.epoch
        return entry

    def _judged(self, entry: Entry) -> dict[str, int]:
        # EPP-WHS-043
        if entry.epoch < self.epoch:
            raise PostingError("EPP-WHS-043", f"epoch {entry.epoch} after {self.epoch}")
        # EPP-WHS-033, EPP-WHS-034
        earlier = self._earlier is not None and self._earlier(entry.posting)
        if earlier or entry.posting in self._seen:
            raise PostingError("EPP-WHS-033", f"posting {entry.posting.hex()} is in the log already")
        moved = permitted(entry, self.balances)
        self._seen.add(entry.posting)
        return moved
