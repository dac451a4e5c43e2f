"""Bulletins and epochs: who is on a bulletin, its list in chunks, and deltas to it (EPP-DEV-004 to 029)."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Select, func, select

from eiraku.reference.crypto import cose
from eiraku.spec import bulletins, objects, revoked, shape
from eiraku.spec.bulletins import DELTA_MAX, Bulletin, Changed, CodedList, Delta, Whole
from eiraku.spec.revoked import CHUNK, Coded, RevokedList
from eiraku.system import announced
from eiraku.system.database import Database
from eiraku.system.device.keys import RegistryError, key_for
from eiraku.system.device.schema import BULLETIN, CENTRE, CHUNKS, KEY_LIST, PURSE, epoch_of

DELTAS = 32
"""From how many of the last bulletins there is a delta, unless the operator says otherwise (EPP-DEV-029)."""


class Bulletins:
    """Every bulletin that was published; the epoch is that of the newest, and so are the chunks."""

    def __init__(self, database: Database, deltas: int) -> None:
        self._database = database
        self._deltas = deltas

    @property
    def epoch(self) -> int:
        """Epoch of the newest bulletin."""
        with self._database.reading() as connection:
            return epoch_of(connection)

    def advance(self, to: int | None = None) -> bytes:
        """Publish the bulletin of the next epoch, or of a later one: stored, then returned (EPP-DEV-005).

        The answer is the signed bulletin. Raises RegistryError (too many revoked purses, no valid key),
        DatabaseError.
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
        """The newest bulletin with all chunks of its list, as an update (EPP-BUL-007)."""
        with self._database.reading() as connection:
            return Whole(signed=bytes(_last(connection).signed), chunks=_chunks(connection)).encode()

    def signed(self) -> bytes:
        """The newest bulletin, as signed."""
        with self._database.reading() as connection:
            return bytes(_last(connection).signed)

    def listed(self) -> RevokedList:
        """The numbers on the newest bulletin."""
        with self._database.reading() as connection:
            return _listed(connection)

    def chunk(self, epoch: int, position: int) -> bytes | None:
        """A chunk of the newest bulletin, counted from 0; None if `epoch` is not its epoch or it has none."""
        with self._database.reading() as connection:
            if epoch != epoch_of(connection):
                return None
            found = connection.execute(select(CHUNKS.c.data).where(CHUNKS.c.position == position)).scalar()
            return None if found is None else bytes(found)

    def delta(self, epoch: int, since: int) -> bytes | None:
        """The delta from the bulletin of `since` to the newest, if that has `epoch`; None without one."""
        with self._database.reading() as connection:
            return _delta(connection, since, self._deltas) if epoch == epoch_of(connection) else None

    def since(self, epoch: int) -> bytes:
        """The update for a purse that holds the bulletin of `epoch`; 0 for none."""
        with self._database.reading() as connection:
            row = _last(connection)
            signed = bytes(row.signed)
            if row.epoch <= epoch:
                return Whole(signed=signed, chunks=()).encode()
            # Epoch 0 is also that of a purse without a bulletin.
            delta = _delta(connection, epoch, self._deltas) if epoch else None
            if delta is not None:
                return Changed(signed=signed, delta=delta).encode()
            return Whole(signed=signed, chunks=_chunks(connection)).encode()


def publish(connection: Connection, epoch: int) -> bytes:
    """Sign the bulletin of `epoch` and store it with its list; the bulletin. Raises RegistryError."""
    centre = connection.execute(select(CENTRE)).one()
    last = announced.newest(connection, KEY_LIST).expires
    # EPP-DEV-070
    if epoch > last:
        raise RegistryError(
            f"the key list expires with epoch {last}; sign the next one first (keys --expires)"
        )
    listed = _revoked(connection, epoch)
    # EPP-DEV-012
    room = centre.max_bulletin // CHUNK
    if len(listed.parts) > room:
        raise RegistryError(_too_large(connection, epoch, listed, room))
    key = key_for(connection, epoch)
    payload = Bulletin.of(listed, epoch=epoch, policy_digest=centre.policy_digest).encode()
    signed = cose.sign(key.key, objects.CONTEXT_BULLETIN, payload, kid=key.kid)
    step = _step(connection, RevokedList(k=listed.k, parts=listed.parts))
    connection.execute(BULLETIN.insert().values(epoch=epoch, signed=signed, step=step))
    connection.execute(CHUNKS.delete())
    if rows := [{"position": n, "data": data} for n, (_, data) in enumerate(listed.parts)]:
        connection.execute(CHUNKS.insert(), rows)
    return signed


def _on(epoch: int) -> Select[Any]:
    # EPP-DEV-004, EPP-DEV-008: until the purse ID has expired
    return select(PURSE.c.number).where(PURSE.c.state.in_(("recalled", "revoked")), PURSE.c.expires >= epoch)


def _revoked(connection: Connection, epoch: int) -> Coded:
    """Who is on the bulletin of an epoch."""
    query = _on(epoch)
    count = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    last = connection.execute(query.order_by(PURSE.c.number.desc()).limit(1)).scalar()
    k = revoked.parameter(count, 0 if last is None else int.from_bytes(last, "big"))
    # EPP-BUL-003
    rows = connection.execute(query.order_by(PURSE.c.number), execution_options={"yield_per": 10_000})
    return revoked.encode((int.from_bytes(number, "big") for number in rows.scalars()), k)


def _last(connection: Connection) -> Any:
    return connection.execute(select(BULLETIN).order_by(BULLETIN.c.epoch.desc()).limit(1)).one()


def _chunks(connection: Connection) -> tuple[bytes, ...]:
    return tuple(map(bytes, connection.execute(select(CHUNKS.c.data).order_by(CHUNKS.c.position)).scalars()))


def _listed(connection: Connection) -> RevokedList:
    said = Bulletin.decode(cose.parse(bytes(_last(connection).signed)).payload)
    return bulletins.listed(said, _chunks(connection))


# --- deltas ---


def _step(connection: Connection, listed: RevokedList) -> bytes | None:
    """The delta from the newest bulletin to this list; None if there is none, or it is too long."""
    if connection.execute(select(BULLETIN.c.epoch).limit(1)).scalar() is None:
        return None
    removed, added = revoked.difference(_listed(connection), listed)
    return _encoded(epoch_of(connection), removed, added)


def _delta(connection: Connection, since: int, most: int) -> bytes | None:
    """From the bulletin of an epoch to the newest, if it is among the `most` before it (EPP-DEV-029)."""
    query = select(BULLETIN.c.epoch, BULLETIN.c.step).order_by(BULLETIN.c.epoch.desc()).limit(most + 1)
    rows = list(connection.execute(query))
    epochs = [row.epoch for row in rows]
    if since not in epochs[1:]:
        return None
    steps = [row.step for row in rows[: epochs.index(since)]]
    return None if None in steps else _encoded(since, *_joined(map(bytes, reversed(steps))))


def _joined(steps: Iterator[bytes]) -> tuple[list[int], list[int]]:
    """What steps one after the other, oldest first, remove and add in all."""
    removed: set[int] = set()
    added: set[int] = set()
    for step in map(Delta.decode, steps):
        gone, new = set(step.removed.listed), set(step.added.listed)
        removed, added = (removed | gone - added) - new, (added - gone) | new - removed
    return sorted(removed), sorted(added)


def _encoded(since: int, removed: Sequence[int], added: Sequence[int]) -> bytes | None:
    delta = Delta(from_epoch=since, removed=CodedList.of(removed), added=CodedList.of(added)).encode()
    return delta if len(delta) <= DELTA_MAX else None


# --- too many ---


def _too_large(connection: Connection, epoch: int, listed: Coded, room: int) -> str:
    """What to do: an epoch at which enough of the purse IDs have expired."""
    query = _on(epoch).with_only_columns(PURSE.c.expires).distinct().order_by(PURSE.c.expires)
    epochs = [int(expires) + 1 for expires in connection.execute(query).scalars()]
    fits = bisect_left(epochs, 1, key=lambda later: len(_revoked(connection, later).parts) <= room)
    return (
        f"the bulletin of epoch {epoch} would name {listed.count} purses in {len(listed.parts)} chunks, and "
        f"the policy has room for {room}; advance to epoch {epochs[fits]}, by which enough of their "
        "purse IDs have expired"
    )
