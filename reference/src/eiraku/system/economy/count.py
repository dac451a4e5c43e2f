"""The full count: every memory is read, every unit is found, every book agrees.

What is counted is compared with what the run noted down, with the issuing centre and with the wholesale
register. The first difference ends the run.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from eiraku.system.economy.errors import ConservationError
from eiraku.system.economy.meetings import Meetings
from eiraku.system.economy.places import Kind, Place, Places
from eiraku.system.economy.scheme import Scheme
from eiraku.system.economy.truth import Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """Where the value is, in minor units; every unit once. `pending`: given away, credited nowhere yet.

    `expired`: in purses, too old to be spent. `copies`: second pieces of units, worth nothing to the centre.
    `accounts`: what vaults and others have at the issuing centre; `funded`: everything together.
    """

    epoch: int
    people: int
    shops: int
    banks: int
    pending: int
    expired: int
    copies: int
    accounts: int
    outstanding: int
    funded: int

    def to_mapping(self) -> dict[str, int]:
        """For JSON."""
        return asdict(self)


_BUCKETS = {
    Kind.PERSON: "people",
    Kind.SHOP: "shops",
    Kind.BANK: "banks",
    Kind.CENTRE: "banks",
}


class Count:
    """Counts a run. Raises ConservationError."""

    def __init__(self, places: Places, meetings: Meetings, scheme: Scheme, truth: Truth, seed: int) -> None:
        self._places = places
        self._meetings = meetings
        self._scheme = scheme
        self._truth = truth
        self._seed = seed

    def full(self) -> Picture:
        """Everything. Databases are read, memories opened; nothing is changed but the register's cursor."""
        scheme, found, seen = self._scheme, Counter[str](), Counter[bytes]()
        for unit_id, bucket in self._pieces():
            unit = scheme.units.get(unit_id)
            if unit is None:
                raise self._fault(f"a unit that was never issued ({unit_id.hex()}) in {bucket}")
            seen[unit_id] += 1
            if unit.closed or seen[unit_id] > 1:
                found["copies"] += unit.value
            else:
                found["expired" if unit.expires < scheme.epoch else bucket] += unit.value
        self._units(seen)
        outstanding, accounts = self._books()
        held = sum(found[name] for name in ("people", "shops", "banks", "pending", "expired"))
        if held != outstanding:
            raise self._fault(f"{held} in all purses, {outstanding} outstanding at the issuing centre")
        funded = accounts + outstanding
        return Picture(
            epoch=scheme.epoch,
            people=found["people"],
            shops=found["shops"],
            banks=found["banks"],
            pending=found["pending"],
            expired=found["expired"],
            copies=found["copies"],
            accounts=accounts,
            outstanding=outstanding,
            funded=funded,
        )

    def _pieces(self) -> Iterator[tuple[bytes, str]]:
        """Every unit in every memory, spendable or pending, and the kind of place."""
        for place in self._places.all:
            store = self._places.device(place).store
            units = store.summaries()
            total = sum(unit.value for unit in units)
            if total != place.balance:
                raise self._fault(f"{place.name} has {total}, expected {place.balance}")
            for unit in units:
                yield unit.unit_id, _BUCKETS[place.kind]
            yield from self._pending(place)

    def _pending(self, place: Place) -> Iterator[tuple[bytes, str]]:
        for pending in self._places.device(place).store.pendings():
            known = self._meetings.undelivered.get((place.number, pending.transaction))
            if known is None or known.payer is not place:
                raise self._fault(f"{place.name} has a pending transaction that nobody saw begin")
            payee = self._places.device(known.payee).store
            credited = payee.credit(place.number, pending.transaction) is not None
            # EPP-CRS-005
            if credited != known.credited:
                raise self._fault(f"{place.name} to {known.payee.name}: credited {credited} unnoticed")
            if credited:
                continue
            for unit_id in pending.unit_ids:
                if self._scheme.units[unit_id].closed != "refunded":
                    yield unit_id, "pending"

    def _units(self, seen: Counter[bytes]) -> None:
        for unit_id, unit in self._scheme.units.items():
            pieces = seen[unit_id]
            if self._truth.was_copied(unit_id) or unit.closed == "refunded":
                continue
            if pieces != (0 if unit.closed else 1):
                raise self._fault(
                    f"unit {unit_id.hex()} of {unit.value}, {unit.closed or 'outstanding'}, "
                    f"is in {pieces} places"
                )

    def _books(self) -> tuple[int, int]:
        """Sums of what is outstanding and of all accounts, when every book agrees."""
        scheme = self._scheme
        # EPP-CEN-016
        scheme.issuer.history.conserved()
        outstanding = scheme.issuer.history.outstanding()
        expected = Counter[int]()
        for unit in scheme.units.values():
            expected[unit.economy] += 0 if unit.closed else unit.value
        for economy, value in sorted(expected.items()):
            if outstanding.get(economy, 0) != value:
                raise self._fault(
                    f"economy {economy}: {value} issued and not come home, "
                    f"{outstanding.get(economy, 0)} outstanding at the issuing centre"
                )
        for number, amount in scheme.accounts.items():
            found = scheme.issuer.accounts.amount(number)
            if found != amount:
                name = self._places.by_number[number].name
                raise self._fault(f"account of {name}: {found}, expected {amount}")
        self._wholesale()
        return sum(outstanding.values()), sum(scheme.accounts.values())

    def _wholesale(self) -> None:
        scheme = self._scheme
        scheme.wholesale.follow(scheme.issuer, scheme.epoch)
        # EPP-WHS-031
        for difference in scheme.wholesale.differences(scheme.issuer):
            raise self._fault(f"wholesale register: {difference}")
        accounts = Counter[int]()
        for number, amount in scheme.accounts.items():
            accounts[self._places.by_number[number].economy] += amount
        for economy, standing in scheme.wholesale.standings().items():
            if standing.own != accounts[economy]:
                raise self._fault(
                    f"economy {economy}: own account of {standing.own} in the wholesale register, "
                    f"{accounts[economy]} in the accounts of its vaults"
                )

    def _fault(self, detail: str) -> ConservationError:
        return ConservationError(
            f"epoch {self._scheme.epoch}, session {self._meetings.step}: {detail}", self._seed
        )
