"""Settings of the services as data: `services.toml` in the folder of the centres.

Every field has a value in `DEFAULT`, which `eiraku serve --init` writes out. Times are seconds.
"""

import re
from collections.abc import Mapping
from typing import Annotated

from msgspec import Meta

from eiraku.reference.settings import Database, Economy, PositiveFloat, PositiveInt, Table
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

_Name = Annotated[
    str,
    Meta(
        pattern=rf"^{NAME.pattern}\Z",
        description="a name of 1 to 32 small letters, digits and hyphens",
    ),
]


class Limits(Table, frozen=True, kw_only=True):
    """Requests of one client address, and of one purse."""

    client_rate: PositiveFloat = 50.0
    client_burst: PositiveInt = 200
    purse_rate: PositiveFloat = 20.0
    purse_burst: PositiveInt = 100

    @property
    def client(self) -> Rate:
        """Of one client address."""
        return Rate(rate=self.client_rate, burst=self.client_burst)

    @property
    def purse(self) -> Rate:
        """Of one purse."""
        return Rate(rate=self.purse_rate, burst=self.purse_burst)


class Times(Table, frozen=True, kw_only=True):
    """PositiveFloat: for a head and for a body, between looks at what is due, until a bulletin is too old."""

    body: PositiveFloat = 10.0
    tick: PositiveFloat = 1.0
    bulletin_age: PositiveFloat = 172800.0


class Purses(Table, frozen=True, kw_only=True):
    """Epochs that a renewed purse ID is good for."""

    lifetime: PositiveInt = 1000


class Databases(Table, frozen=True, kw_only=True):
    """A file in the folder, or a URL of PostgreSQL."""

    services: Database = "services.db"


class Settings(Table, frozen=True, kw_only=True):
    """See `DEFAULT`. `vaults`: the number of the economy by the name of the holder."""

    FILE = "services.toml"

    limits: Limits = Limits()
    sessions: SessionLimits = SessionLimits()
    times: Times = Times()
    purses: Purses = Purses()
    databases: Databases = Databases()
    vaults: Mapping[_Name, Economy] = {}
