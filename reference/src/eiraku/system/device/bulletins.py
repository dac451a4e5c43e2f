"""Putting a bulletin together: who is on it, its size, its head and its chunks (EPP-DEV-004 to 012)."""

from hashlib import sha256

from sqlalchemy import Connection, select

from eiraku.reference.crypto import cose
from eiraku.spec import centre_objects, objects
from eiraku.spec.cbor import LIMIT
from eiraku.spec.centre_objects import CHUNK, BulletinHead
from eiraku.spec.objects import Bulletin
from eiraku.system.device.keys import RegistryError, key_for
from eiraku.system.device.schema import BULLETIN, CENTRE, PURSE

REVOKED_MAX = (LIMIT - 200) // 9
"""Numbers in a bulletin: 9 bytes each, and less than 200 bytes besides (EPP-BUL-005)."""


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
