"""Settings of a scheme's centres as data: `centre.toml` in their folder. Times are epochs."""

from typing import Annotated

from msgspec import Meta

from eiraku.reference.settings import Database, Economy, SettingsError, Table
from eiraku.spec.errors import Refused
from eiraku.spec.objects import HOP_MAX
from eiraku.spec.shape import EPOCH_MAX

_TEXT = """\
# The centres of one scheme. Times are epochs; a database is a file in this folder, or a URL of PostgreSQL.
economies = {economies}
first_epoch = {first_epoch}
purse_lifetime = {purse_lifetime}    # a purse ID is good for so long, unless said otherwise
key_lifetime = {key_lifetime}      # and a master key of the device centre
list_lifetime = {list_lifetime}      # and key lists: so far ahead can a thief of a master key set the clock

[device_centre]
database = "{device_centre.database}"
deltas = {device_centre.deltas}    # from so many of the last bulletins there is a delta to the newest

# Fixed when the centre is made.
[issuing_centre]
database = "{issuing_centre.database}"
unit_lifetime = {issuing_centre.unit_lifetime}
redemption_grace = {issuing_centre.redemption_grace}
claim_grace = {issuing_centre.claim_grace}
max_hops = {issuing_centre.max_hops}
"""


_Epochs = Annotated[int, Meta(ge=1, le=EPOCH_MAX)]
_Grace = Annotated[int, Meta(ge=0, le=EPOCH_MAX)]


class DirectoryError(Refused):
    """A folder of centres that cannot be made or used; the message says what was expected."""


class DeviceCentre(Table, frozen=True, kw_only=True):
    """Where its database is, and from how many bulletins there is a delta (EPP-DEV-029)."""

    database: Database
    deltas: Annotated[int, Meta(ge=1, le=1000)]


class IssuingCentre(Table, frozen=True, kw_only=True):
    """Where its database is, and the rules of its money."""

    database: Database
    unit_lifetime: _Epochs
    redemption_grace: _Grace
    claim_grace: _Epochs
    max_hops: Annotated[int, Meta(ge=1, le=HOP_MAX)]

    def __post_init__(self) -> None:
        """Raises SettingsError."""
        # EPP-CEN-058
        if self.claim_grace <= self.redemption_grace:
            raise SettingsError("claim_grace", f"more than redemption_grace, {self.redemption_grace}")


class Settings(Table, frozen=True, kw_only=True):
    """See `_TEXT`. Nothing may be absent from a file: it says all that was decided when it was made."""

    FILE = "centre.toml"

    economies: Annotated[tuple[Economy, ...], Meta(min_length=1)]
    first_epoch: _Grace
    purse_lifetime: _Epochs
    key_lifetime: _Epochs
    list_lifetime: _Epochs
    device_centre: DeviceCentre
    issuing_centre: IssuingCentre

    def __post_init__(self) -> None:
        """Raises SettingsError."""
        if len(set(self.economies)) != len(self.economies):
            raise SettingsError("economies", "each once")

    def to_toml(self) -> str:
        """The text of `centre.toml`; `from_toml` reads it back."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return _TEXT.format(**fields | {"economies": list(self.economies)})


DEFAULT = Settings(
    economies=(392,),
    first_epoch=1,
    purse_lifetime=1000,
    key_lifetime=100_000,
    list_lifetime=50,
    device_centre=DeviceCentre(database="device.db", deltas=32),
    issuing_centre=IssuingCentre(
        database="issuing.db", unit_lifetime=500, redemption_grace=30, claim_grace=60, max_hops=20
    ),
)
"""What `eiraku serve --init` and `eiraku centre DIR init` begin with."""
