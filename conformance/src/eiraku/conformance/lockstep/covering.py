"""Rows that cover every pair of values of any two dimensions: few, by a greedy search, always the same."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import TypeAlias

Row: TypeAlias = dict[str, str]
_Pair: TypeAlias = tuple[tuple[str, str], tuple[str, str]]


def full(dimensions: Mapping[str, Sequence[str]]) -> list[Row]:
    """Every combination."""
    return [dict(zip(dimensions, values, strict=True)) for values in product(*dimensions.values())]


def pairwise(dimensions: Mapping[str, Sequence[str]]) -> list[Row]:
    """Rows in which every two values of different dimensions meet at least once.

    Each row begins with a pair that was not met yet, and takes in each further dimension the value that meets
    most.
    """
    left = dict.fromkeys(_pairs(dimensions))
    uses = {(name, value): 0 for name, values in dimensions.items() for value in values}
    rows: list[Row] = []
    while left:
        row = dict(next(iter(left)))
        for name in dimensions:
            if name not in row:
                row[name] = _best(name, dimensions[name], row, left, uses)
        for item in row.items():
            uses[item] += 1
        for pair in combinations([(name, row[name]) for name in dimensions], 2):
            left.pop(pair, None)
        rows.append({name: row[name] for name in dimensions})
    return rows


def _best(
    name: str,
    values: Sequence[str],
    row: Row,
    left: Mapping[_Pair, None],
    uses: Mapping[tuple[str, str], int],
) -> str:
    """The value that meets most; of several the one that was used least, then the first."""

    def gain(value: str) -> tuple[int, int]:
        new = (name, value)
        fresh = sum((new, item) in left or (item, new) in left for item in row.items())
        return fresh, -uses[new]

    return max(values, key=gain)


def _pairs(dimensions: Mapping[str, Sequence[str]]) -> Iterator[_Pair]:
    for first, second in combinations(dimensions, 2):
        for one, other in product(dimensions[first], dimensions[second]):
            yield (first, one), (second, other)
