"""Units in a list, to choose from without a store: neither purse nor centre, so no world."""

from collections.abc import Iterable

from eiraku.reference.purse.select import Candidate


class Pile:
    """A `Stock`: all of these units can be offered."""

    def __init__(self, units: Iterable[Candidate]) -> None:
        self._units = sorted(units, key=lambda unit: (unit.size, unit.unit_id))

    def lightest(self, value: int, most: int) -> list[Candidate]:
        """See `Stock`."""
        return [unit for unit in self._units if unit.value == value][:most]

    def worth(self) -> int:
        """See `Stock`."""
        return sum(unit.value for unit in self._units)
