"""Bulletins and epochs: who is on a bulletin, its size, its head and its chunks (EPP-DEV-004 to 012)."""

from hashlib import sha256
from typing import Any

from sqlalchemy import Connection, select

from eiraku.reference.crypto import cose
from eiraku.spec import centre_objects, objects, shape
from eiraku.spec.cbor import LIMIT
from eiraku.spec.centre_objects import CHUNK, BulletinHead
from eiraku.spec.objects import Bulletin
from eiraku.system.database import Database
from eiraku.system.device.keys import RegistryError, key_for
from eiraku.system.device.schema import BULLETIN, CENTRE, PURSE, epoch_of

REVOKED_MAX = (LIMIT - 200) // 9
"""Numbers in a bulletin: 9 bytes each, and less than 200 bytes besides (EPP-BUL-005)."""


class Bulletins:
    """Every bulletin that was published; the epoch is that of the newest."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def epoch(self) -> int:
        """Epoch of the newest bulletin."""
        with self._database.reading() as connection:
            return epoch_of(connection)

    def advance(self, to: int | None = None) -> bytes:
        """Publish the bulletin of the next epoch, or of a later one: stored, then returned (EPP-DEV-005).

        Raises RegistryError (too many revoked purses, no valid key), DatabaseError.
        """
        with self._database.writing() as connection:
            now = epoch_of(connection)
            epoch = now + 1 if to is None else to
            # EPP-DEV-005
            if not now < epoch <= shape.EPOCH_MAX:
                raise RegistryError(f"expected an epoch after {now}, found {epoch}")
            signed = publish(connection, epoch)
            connection.execute(CENTRE.update().values(epoch=epoch))
            return signed

    def newest(self) -> bytes:
        """The newest bulletin, as signed."""
        return bytes(self._row().signed)

    def head(self) -> bytes:
        """The signed head of the newest bulletin (EPP-DEV-009)."""
        return bytes(self._row().head)

    def chunks(self) -> tuple[bytes, ...]:
        """The newest bulletin in chunks of 1 024 bytes, the last shorter."""
        return cut(self.newest())

    def _row(self) -> Any:
        with self._database.reading() as connection:
            return connection.execute(select(BULLETIN).order_by(BULLETIN.c.epoch.desc()).limit(1)).one()


def publish(connection: Connection, epoch: int) -> bytes:
    """Sign the bulletin and head of `epoch` and store both; the bulletin. Raises RegistryError."""
    centre = connection.execute(select(CENTRE)).one()
    # EPP-DEV-004, EPP-DEV-008: until the purse ID has expired
    query = select(PURSE.c.number).where(PURSE.c.state.in_(("recalled", "revoked")), PURSE.c.expires >= epoch)
    # EPP-BUL-003
    revoked = tuple(sorted(connection.execute(query).scalars()))
    # EPP-DEV-012
    if len(revoked) > REVOKED_MAX:
        raise RegistryError(_too_large(connection, epoch, len(revoked)))
    key = key_for(connection, epoch)
    payload = Bulletin(epoch=epoch, revoked=revoked, policy_digest=centre.policy_digest).encode()
    signed = cose.sign(key.key, objects.CONTEXT_BULLETIN, payload, kid=key.kid)
    # EPP-DEV-009
    head = BulletinHead(
        epoch=epoch,
        digest=sha256(signed).digest(),
        chunks=tuple(sha256(chunk).digest() for chunk in cut(signed)),
    )
    signed_head = cose.sign(key.key, centre_objects.CONTEXT_BULLETIN_HEAD, head.encode(), kid=key.kid)
    connection.execute(BULLETIN.insert().values(epoch=epoch, signed=signed, head=signed_head))
    return signed


def cut(signed: bytes) -> tuple[bytes, ...]:
    """Chunks of 1 024 bytes, the last shorter."""
    return tuple(signed[start : start + CHUNK] for start in range(0, len(signed), CHUNK))


def _too_large(connection: Connection, epoch: int, count: int) -> str:
    """What to do: the first epoch at which enough of the purse IDs have expired."""
    query = (
        select(PURSE.c.expires)
        .where(PURSE.c.state.in_(("recalled", "revoked")), PURSE.c.expires >= epoch)
        .order_by(PURSE.c.expires.desc())
        .offset(REVOKED_MAX)
        .limit(1)
    )
    fits = int(connection.execute(query).scalar_one()) + 1
    return (
        f"the bulletin of epoch {epoch} would name {count} purses, and {REVOKED_MAX} fit into {LIMIT} bytes; "
        f"advance to epoch {fits}, by which enough of their purse IDs have expired"
    )
