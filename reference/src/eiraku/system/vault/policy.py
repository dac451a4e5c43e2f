"""What the operator of a vault decides, as data: how stale its bulletin may be, and its stock (chapter 14).

Seconds are of the vault's own clock; values are denominations in minor units.
"""

from typing import Annotated

from msgspec import Meta, structs

from eiraku.reference.settings import SettingsError, Table
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

_Count = Annotated[int, Meta(ge=0, le=65535)]


class Stock(Table, frozen=True, kw_only=True):
    """How many units of one denomination the vault wants: from `least` to `most`."""

    value: Annotated[int, Meta(ge=1, le=max(VALUES))]
    least: _Count
    most: _Count

    def __post_init__(self) -> None:
        """Raises SettingsError."""
        if self.value not in VALUES:
            raise SettingsError("value", f"a power of two up to 2^40, found {self.value}")
        if self.most < self.least:
            raise SettingsError("most", f"an integer from {self.least}, which is least; found {self.most}")

    @property
    def wanted(self) -> int:
        """What it is brought back to."""
        return (self.least + self.most) // 2


class VaultPolicy(Table, frozen=True, kw_only=True):
    """See `DEFAULT`. Denominations that `stock` does not name are left as they come."""

    FILE = "vault policy"

    bulletin_seconds: Annotated[int, Meta(ge=1, le=10**9)]
    expiry_margin: Annotated[int, Meta(ge=0, le=10**9)]
    stock: tuple[Stock, ...] = ()
    """Ascending by value, in whatever order it was written."""

    def __post_init__(self) -> None:
        """Raises SettingsError."""
        values = [line.value for line in self.stock]
        for index, value in enumerate(values):
            if value in values[:index]:
                raise SettingsError(f"stock[{index}].value", f"each denomination once, found {value} again")
        structs.force_setattr(self, "stock", tuple(sorted(self.stock, key=lambda line: line.value)))


def default() -> VaultPolicy:
    """The policy of `DEFAULT`."""
    return VaultPolicy.from_toml(DEFAULT)
