"""Settings of the services as data: `services.toml` in the folder of the centres.

Every field has a value in `DEFAULT`, which `eiraku serve --init` writes out. `SettingsError` names the field
and says what was expected. Times are seconds.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from eiraku.spec.errors import Refused
from eiraku.system.exchange.sessions import SessionLimits
from eiraku.system.services.limits import Rate

DEFAULT = """\
# Requests of one client address, and of one purse: each second in the long run, and at once after a pause.
[limits]
client_rate = 50.0
client_burst = 200
purse_rate = 20.0
purse_burst = 100

# Sessions with the purse behind a service: most at a time, most of one client or purse; seconds idle, in all,
# and waiting for the one before.
[sessions]
names = 64
each = 8
idle = 10.0
whole = 60.0
patience = 2.0

# Seconds until a head, and then a body, must have come; between looks at what is due; until a bulletin is
# too old for health.
[times]
body = 10.0
tick = 1.0
bulletin_age = 172800.0

# Epochs that a purse ID is good for when a purse renews it by itself.
[purses]
lifetime = 1000

# What was answered last, and enrolment codes: a file in this folder, or a URL of PostgreSQL.
[databases]
services = "services.db"

# One vault for each holder: name of the holder = number of the economy.
[vaults]
"""

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
"""Names of vaults, holders and purses in files and commands."""


class SettingsError(Refused):
    """Settings that cannot be used: which field, and what was expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """See `DEFAULT`."""

    client: Rate
    purse: Rate
    sessions: SessionLimits
    body: float
    tick: float
    bulletin_age: float
    lifetime: int
    database: str
    vaults: Mapping[str, int]

    @classmethod
    def from_toml(cls, text: str) -> "Settings":
        """Read `services.toml`; what is absent has its default. Raises SettingsError."""
        base = tomllib.loads(DEFAULT)
        try:
            found = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise SettingsError(f"services.toml: expected TOML 1.0 ({error}); correct the line") from None
        for table, content in found.items():
            if table not in base or not isinstance(content, dict):
                raise SettingsError(f"services.toml: {table}: expected one of {', '.join(base)}")
            if table == "vaults":
                continue
            for name, value in content.items():
                base[table][name] = _value(f"{table}.{name}", value, base[table].get(name))
        limits, times = base["limits"], base["times"]
        return cls(
            client=Rate(rate=limits["client_rate"], burst=limits["client_burst"]),
            purse=Rate(rate=limits["purse_rate"], burst=limits["purse_burst"]),
            sessions=SessionLimits(**{f.name: base["sessions"][f.name] for f in fields(SessionLimits)}),
            body=times["body"],
            tick=times["tick"],
            bulletin_age=times["bulletin_age"],
            lifetime=base["purses"]["lifetime"],
            database=base["databases"]["services"],
            vaults=_vaults(found.get("vaults", {})),
        )


def _vaults(table: dict[str, Any]) -> Mapping[str, int]:
    for name, economy in table.items():
        if NAME.fullmatch(name) is None:
            raise SettingsError(
                f"services.toml: vaults.{name}: expected a name of 1 to 32 small letters, digits and hyphens"
            )
        if type(economy) is not int or not 1 <= economy <= 65535:
            raise SettingsError(f"services.toml: vaults.{name}: expected the number of an economy")
    return dict(table)


def _value(where: str, value: Any, default: Any) -> Any:
    if default is None:
        raise SettingsError(
            f"services.toml: {where}: expected a setting that exists; see chapter 16, or delete it"
        )
    kind = type(default)
    if kind is str:
        if not isinstance(value, str) or not value:
            raise SettingsError(f"services.toml: {where}: expected a file name or a URL, found {value!r}")
        return value
    right = isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
    if not right or not 0 < value <= 1e9:
        raise SettingsError(
            f"services.toml: {where}: expected {'an integer' if kind is int else 'a number'} above 0, "
            f"found {value!r}"
        )
    return kind(value)
