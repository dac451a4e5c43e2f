"""Master keys of the device centre in its database, and which of them signs (EPP-KEY-009, EPP-KEY-010)."""

from collections.abc import Callable, Mapping

from sqlalchemy import Connection, select

from eiraku.reference.anchor import DeviceKey
from eiraku.reference.centres.device import PurseMasterKey
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec import shape
from eiraku.spec.errors import Refused
from eiraku.system.database import Database
from eiraku.system.device.schema import MASTER_KEY, epoch_of


class RegistryError(Refused):
    """An order that the device centre does not carry out; nothing was changed. Says what to do."""


class Keys:
    """The keys as anchors have them, and their change."""

    def __init__(self, database: Database, random: Callable[[int], bytes]) -> None:
        self._database = database
        self._random = random

    def announced(self) -> Mapping[bytes, DeviceKey]:
        """Every master key, public halves only, by kid: as a trust anchor has them."""
        with self._database.reading() as connection:
            return {
                key.kid: DeviceKey(public=key.key.public, valid_from=key.valid_from, valid_to=key.valid_to)
                for key in master_keys(connection)
            }

    def rotate(self, *, valid_from: int, valid_to: int = shape.EPOCH_MAX) -> bytes:
        """A new master key for objects issued from a later epoch on; its 8-byte kid.

        Until then the old one signs; anchors hold both (EPP-KEY-010). Raises RegistryError, DatabaseError.
        """
        with self._database.writing() as connection:
            epoch = epoch_of(connection)
            # EPP-DEV-013
            if valid_from <= epoch:
                raise RegistryError(
                    f"a new key must be known before it signs: expected an epoch after {epoch}, "
                    f"found {valid_from}"
                )
            return new_key(connection, self._random(32), valid_from=valid_from, valid_to=valid_to)


def new_key(connection: Connection, seed: bytes, *, valid_from: int, valid_to: int) -> bytes:
    """Keep a key made of 32 random bytes, for epochs both included; its kid. Raises RegistryError."""
    if not 0 <= valid_from <= valid_to <= shape.EPOCH_MAX:
        raise RegistryError(
            f"expected a last epoch from {valid_from} to {shape.EPOCH_MAX} for the key, found {valid_to}"
        )
    key = PurseMasterKey(key=SigningKey(seed), valid_from=valid_from, valid_to=valid_to)
    row = {"kid": key.kid, "private": seed, "valid_from": valid_from, "valid_to": valid_to}
    connection.execute(MASTER_KEY.insert().values(**row))
    return key.kid


def master_keys(connection: Connection) -> tuple[PurseMasterKey, ...]:
    """Every key, oldest first."""
    query = select(MASTER_KEY).order_by(MASTER_KEY.c.valid_from, MASTER_KEY.c.kid)
    return tuple(
        PurseMasterKey(key=SigningKey(row.private), valid_from=row.valid_from, valid_to=row.valid_to)
        for row in connection.execute(query)
    )


def key_for(connection: Connection, epoch: int) -> PurseMasterKey:
    """The newest key that may sign objects of this epoch. Raises RegistryError."""
    # EPP-KEY-009
    query = (
        select(MASTER_KEY)
        .where(MASTER_KEY.c.valid_from <= epoch, MASTER_KEY.c.valid_to >= epoch)
        .order_by(MASTER_KEY.c.valid_from.desc(), MASTER_KEY.c.kid)
        .limit(1)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        raise RegistryError(f"no master key may sign in epoch {epoch}; make a new one for it (rotate)")
    return PurseMasterKey(key=SigningKey(row.private), valid_from=row.valid_from, valid_to=row.valid_to)
