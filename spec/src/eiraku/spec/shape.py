"""Typed access to decoded CBOR: each function returns the value, or refuses it as malformed.

`where` names the field for people; `requirement` is the clause that gives the shape.
"""

from collections.abc import Set as AbstractSet

from eiraku.spec.cbor import Item, Map
from eiraku.spec.errors import Code, Refusal

AMOUNT_MAX = 2**53 - 1
"""Greatest amount or value, in minor units (EPP-ENC-012)."""
EPOCH_MAX = 2**32 - 1


def array(item: Item, requirement: str, where: str, length: int | None = None) -> tuple[Item, ...]:
    """An array, of exactly `length` items if given."""
    if not isinstance(item, tuple):
        raise Refusal(Code.MALFORMED, requirement, f"{where}: expected an array")
    if length is not None and len(item) != length:
        raise Refusal(Code.MALFORMED, requirement, f"{where}: expected {length} items, found {len(item)}")
    return item


def table(item: Item, requirement: str, where: str, keys: AbstractSet[int]) -> Map:
    """A map of exactly these keys."""
    # EPP-ENC-005
    if not isinstance(item, dict) or item.keys() != keys:
        raise Refusal(Code.MALFORMED, requirement, f"{where}: expected a map with the keys {sorted(keys)}")
    return item


def uint(item: Item, requirement: str, where: str, low: int, high: int) -> int:
    """An integer from `low` to `high`, both included."""
    # bool is a subclass of int in Python, and is not an integer in CBOR
    if type(item) is not int or not low <= item <= high:
        raise Refusal(Code.MALFORMED, requirement, f"{where}: expected an integer from {low} to {high}")
    return item


def octets(item: Item, requirement: str, where: str, low: int, high: int | None = None) -> bytes:
    """A byte string of `low` to `high` bytes (exactly `low` if `high` is not given)."""
    most = low if high is None else high
    if type(item) is not bytes or not low <= len(item) <= most:
        raise Refusal(Code.MALFORMED, requirement, f"{where}: expected {low} to {most} bytes")
    return item


def text(item: Item, requirement: str, where: str, most: int, least: int = 0) -> str:
    """A text string of `least` to `most` bytes of UTF-8."""
    if type(item) is not str or not least <= len(item.encode()) <= most:
        raise Refusal(Code.MALFORMED, requirement, f"{where}: expected text of {least} to {most} bytes")
    return item


def one_of(item: Item, requirement: str, where: str, values: tuple[str | None, ...]) -> str | None:
    """One of these texts, or null if it is among them."""
    if not isinstance(item, str | None) or item not in values:
        raise Refusal(Code.MALFORMED, requirement, f"{where}: expected one of {values}")
    return item


def amount(item: Item, requirement: str, where: str) -> int:
    """An amount or value in minor units, 0 to 2^53 - 1 (EPP-ENC-012)."""
    return uint(item, requirement, where, 0, AMOUNT_MAX)
