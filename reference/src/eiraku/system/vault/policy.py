"""What the operator of a vault decides, as data: how stale its bulletin may be, and its stock (chapter 14).

`VaultPolicy.from_toml` raises VaultPolicyError, which names the field and says what was expected. Seconds are
of the vault's own clock; values are denominations in minor units.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from eiraku.spec.errors import Refused
from eiraku.spec.objects import VALUES

DEFAULT = """\
bulletin_seconds = 3600   # no session when the bulletin is unconfirmed for longer
expiry_margin = 2         # epochs: units that expire so soon go home

# For each denomination: fewer units than `least` are filled up, more than `most` go home, to halfway between.
[[stock]]
value = 1
least = 4
most = 40

[[stock]]
value = 2
least = 4
most = 40

[[stock]]
value = 4
least = 4
most = 40
"""

_NAMES = ("bulletin_seconds", "expiry_margin", "stock")
_LINE = ("value", "least", "most")
_COUNT_MAX = 65535


class VaultPolicyError(Refused):
    """A policy that a vault cannot use: which field, and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """How many units of one denomination the vault wants: from `least` to `most`."""

    value: int
    least: int
    most: int

    @property
    def wanted(self) -> int:
        """What it is brought back to."""
        return (self.least + self.most) // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultPolicy:
    """See `DEFAULT`. Denominations that `stock` does not name are left as they come."""

    bulletin_seconds: int
    expiry_margin: int
    stock: tuple[Stock, ...]

    @classmethod
    def from_toml(cls, text: str) -> "VaultPolicy":
        """Read the TOML form; every name is required, but `stock` may be absent. Raises VaultPolicyError."""
        try:
            found = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise VaultPolicyError(f"vault policy: expected TOML 1.0 ({error}); correct the line") from None
        _exactly({"stock": [], **found}, _NAMES, "")
        lines = found.get("stock", [])
        if not isinstance(lines, list):
            _refuse("stock", "a list of tables, written [[stock]]")
        stock = tuple(_stock(line, f"stock[{index}]") for index, line in enumerate(lines))
        values = [line.value for line in stock]
        for index, value in enumerate(values):
            if value in values[:index]:
                _refuse(f"stock[{index}].value", f"each denomination once, found {value} again")
        return cls(
            bulletin_seconds=_integer(found, "bulletin_seconds", "", 1, 10**9),
            expiry_margin=_integer(found, "expiry_margin", "", 0, 10**9),
            stock=tuple(sorted(stock, key=lambda line: line.value)),
        )


def default() -> VaultPolicy:
    """The policy of `DEFAULT`."""
    return VaultPolicy.from_toml(DEFAULT)


def read(path: Path) -> VaultPolicy:
    """The policy in a file, or the default one if there is no such file. Raises VaultPolicyError."""
    try:
        return VaultPolicy.from_toml(path.read_text("utf-8"))
    except FileNotFoundError:
        return default()
    except (OSError, UnicodeDecodeError) as error:
        raise VaultPolicyError(f"{path}: expected a text file that can be read ({error})") from None
    except VaultPolicyError as error:
        raise VaultPolicyError(f"{path}: {error}") from None


def _stock(line: object, where: str) -> Stock:
    if not isinstance(line, dict):
        _refuse(where, "a table with value, least and most")
    _exactly(line, _LINE, f"{where}.")
    least = _integer(line, "least", f"{where}.", 0, _COUNT_MAX)
    value = _integer(line, "value", f"{where}.", 1, max(VALUES))
    if value not in VALUES:
        _refuse(f"{where}.value", f"a power of two up to 2^40, found {value}")
    return Stock(value=value, least=least, most=_integer(line, "most", f"{where}.", least, _COUNT_MAX))


def _exactly(found: Mapping[str, Any], names: tuple[str, ...], where: str) -> None:
    for name in found:
        if name not in names:
            _refuse(f"{where}{name}", f"one of the names {', '.join(names)}")
    for name in names:
        if name not in found:
            _refuse(f"{where}{name}", "a value; it is missing")


def _integer(found: Mapping[str, Any], name: str, where: str, low: int, high: int) -> int:
    value = found[name]
    if type(value) is not int or not low <= value <= high:
        _refuse(f"{where}{name}", f"an integer from {low} to {high}, found {value!r}")
    return value


def _refuse(field: str, expected: str) -> NoReturn:
    raise VaultPolicyError(f"vault policy: {field}: expected {expected}")
