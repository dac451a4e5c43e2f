"""Settings of a scheme's centres as data: `centre.toml` in their folder. Times are epochs."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eiraku.spec.errors import Refused
from eiraku.spec.objects import HOP_MAX
from eiraku.spec.shape import EPOCH_MAX

TEXT = """\
# The centres of one scheme. Times are epochs; a database is a file in this folder, or a URL of PostgreSQL.
economies = [{economies}]
first_epoch = {first_epoch}
purse_lifetime = {purse_lifetime}    # a purse ID is good for so long, unless said otherwise
key_lifetime = {key_lifetime}      # and a master key of the device centre

[device_centre]
database = "{device_database}"

# Fixed when the centre is made.
[issuing_centre]
database = "{issuing_database}"
unit_lifetime = {unit_lifetime}
redemption_grace = {redemption_grace}
claim_grace = {claim_grace}
max_hops = {max_hops}
"""


class DirectoryError(Refused):
    """A folder of centres that cannot be made or used; the message says what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """See `TEXT`. Defaults are those of `eiraku serve --init` and `eiraku centre DIR init`."""

    economies: tuple[int, ...] = (392,)
    first_epoch: int = 1
    purse_lifetime: int = 1000
    key_lifetime: int = 100_000
    device_database: str = "device.db"
    issuing_database: str = "issuing.db"
    unit_lifetime: int = 500
    redemption_grace: int = 30
    claim_grace: int = 60
    max_hops: int = 20

    def __post_init__(self) -> None:
        """Raises DirectoryError."""
        if not self.economies or not all(_is(economy, 1, 65535) for economy in self.economies):
            raise DirectoryError("centre.toml: economies: expected one or more numbers from 1 to 65535")
        if len(set(self.economies)) != len(self.economies):
            raise DirectoryError("centre.toml: economies: expected each once")
        for name, low, high in (
            ("first_epoch", 0, EPOCH_MAX),
            ("purse_lifetime", 1, EPOCH_MAX),
            ("key_lifetime", 1, EPOCH_MAX),
            ("unit_lifetime", 1, EPOCH_MAX),
            ("redemption_grace", 0, EPOCH_MAX),
            ("claim_grace", 1, EPOCH_MAX),
            ("max_hops", 1, HOP_MAX),
        ):
            if not _is(getattr(self, name), low, high):
                raise DirectoryError(
                    f"centre.toml: {name}: expected an integer from {low} to {high}, "
                    f"found {getattr(self, name)!r}"
                )
        # EPP-CEN-008
        if self.claim_grace <= self.redemption_grace:
            raise DirectoryError("centre.toml: claim_grace: expected more than redemption_grace")
        for name in ("device_database", "issuing_database"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise DirectoryError(f"centre.toml: {name}: expected a file name or a URL")

    @classmethod
    def from_toml(cls, text: str) -> "Settings":
        """Read `centre.toml`. Raises DirectoryError."""
        try:
            found: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise DirectoryError(f"centre.toml: expected TOML 1.0 ({error}); correct the line") from None
        fields: dict[str, Any] = {}
        for name, value in found.items():
            if isinstance(value, Mapping):
                for inner, content in value.items():
                    key = f"{name.removesuffix('_centre')}_database" if inner == "database" else inner
                    fields[key] = content
            else:
                fields[name] = tuple(value) if isinstance(value, list) else value
        unknown = sorted(set(fields) - set(cls.__slots__))
        if unknown:
            raise DirectoryError(f"centre.toml: {unknown[0]}: no such setting; remove it")
        missing = sorted(set(cls.__slots__) - set(fields))
        if missing:
            raise DirectoryError(f"centre.toml: {missing[0]}: is missing; write it")
        return cls(**fields)

    def to_toml(self) -> str:
        """The text of `centre.toml`; `from_toml` reads it back."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        return TEXT.format(**fields | {"economies": ", ".join(map(str, self.economies))})


def _is(value: object, low: int, high: int) -> bool:
    return type(value) is int and low <= value <= high
