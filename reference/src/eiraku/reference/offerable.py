"""Which units of a store can be offered, asked of its tables one value at a time."""

from collections.abc import Mapping
from typing import Any, Protocol

from eiraku.reference.keylists import MoneyKey
from eiraku.reference.purse.select import Candidate
from eiraku.spec.objects import HOP_MAX


class Read(Protocol):
    """The rows of a query. Raises StoreError."""

    def __call__(self, query: str, *values: bytes | int) -> list[Any]:
        """See the class."""


class Offerable:
    """See `Ledger.offerable`; each question reads the units of one value, by an index."""

    def __init__(
        self,
        read: Read,
        epoch: int,
        max_hops: int | None,
        keys: Mapping[bytes, MoneyKey] | None,
        among: frozenset[bytes] | None,
    ) -> None:
        self._read = read
        # EPP-TRF-012
        self._where = "expires >= ? AND hop < "
        self._where += "?" if max_hops is None else "min(max_hops, ?)"
        self._values: list[bytes | int] = [epoch, HOP_MAX if max_hops is None else max_hops]
        if keys is not None:
            # EPP-KEY-039
            one = "kid = ? AND issued BETWEEN ? AND ?"
            self._where += f" AND ({' OR '.join([one] * len(keys))})"
            for kid, key in keys.items():
                self._values += (kid, key.valid_from, key.valid_to)
        if among is not None:
            self._where += f" AND unit_id IN ({', '.join('?' * len(among))})"
            self._values += among

    def lightest(self, value: int, most: int) -> list[Candidate]:
        """See `Stock`."""
        query = f"SELECT unit_id, size FROM holding WHERE value = ? AND {self._where}"  # noqa: S608 - ours
        rows = self._read(query + " ORDER BY size, unit_id LIMIT ?", value, *self._values, most)
        return [Candidate(unit_id=unit_id, value=value, size=size) for unit_id, size in rows]

    def worth(self) -> int:
        """See `Stock`."""
        query = f"SELECT coalesce(sum(value), 0) FROM holding WHERE {self._where}"  # noqa: S608 - ours
        return int(self._read(query, *self._values)[0][0])
