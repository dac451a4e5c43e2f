"""Keys of the device centre and of the scheme in its database, and the lists that name them (chapter 13).

Every change of keys is a new key list in the same durable write. `root`: the device root, which is kept
elsewhere. Raises RegistryError, AnnouncedError, DatabaseError; then nothing was changed.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, select

from eiraku.reference import keylists
from eiraku.reference.centres.device import PurseMasterKey
from eiraku.reference.centres.roots import device_list
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.keylists import DeviceKey, DeviceList, Validity
from eiraku.spec import shape
from eiraku.spec.errors import Refused
from eiraku.spec.key_lists import SCHEME_KEYS_MAX, scheme_key_id
from eiraku.spec.objects import Role
from eiraku.system import announced
from eiraku.system.database import Database
from eiraku.system.device.schema import KEY_LIST, MASTER_KEY, PURSE, SCHEME_KEY, epoch_of


class RegistryError(Refused):
    """An order that the device centre does not carry out; nothing was changed. Says what to do."""


class Keys:
    """The keys, their successors, their revocation."""

    def __init__(self, database: Database, random: Callable[[int], bytes]) -> None:
        self._database = database
        self._random = random

    # --- what there is ---

    def newest(self) -> bytes:
        """The newest key list, as signed."""
        with self._database.reading() as connection:
            return bytes(announced.newest(connection, KEY_LIST).signed)

    def announced(self) -> DeviceList:
        """The newest key list, as everybody reads it."""
        with self._database.reading() as connection:
            return newest_list(connection)

    @property
    def root(self) -> bytes:
        """The public half of the device root, 32 bytes."""
        with self._database.reading() as connection:
            return bytes(announced.newest(connection, KEY_LIST).root)

    def scheme_keys(self) -> tuple[bytes, ...]:
        """The scheme keys that a purse should have, 32 bytes each."""
        # EPP-DEV-048
        with self._database.reading() as connection:
            return tuple(bytes(row.secret) for row in _scheme_keys(connection))

    def first_permitted(self, lifetime: int) -> int:
        """From which epoch on a successor may be valid. `lifetime`: most epochs of a purse ID."""
        with self._database.reading() as connection:
            return _first_permitted(connection, lifetime)

    def locked_out(self) -> int:
        """How many purses open no session after a revocation of the scheme keys, until they have the next."""
        # EPP-DEV-073
        active = select(func.count()).select_from(PURSE).where(PURSE.c.state == "active")
        with self._database.reading() as connection:
            return int(connection.execute(active).scalar_one())

    def is_doubtful(self, expires: int) -> bool:
        """Whether a void master key can have certified who had a unit that expires in this epoch."""
        # EPP-CEN-105
        void = select(MASTER_KEY.c.kid).where(
            MASTER_KEY.c.valid_from > MASTER_KEY.c.valid_to, MASTER_KEY.c.valid_from <= expires
        )
        with self._database.reading() as connection:
            return connection.execute(void.limit(1)).first() is not None

    # --- changes ---

    def rotate(
        self,
        root: SigningKey,
        *,
        valid_from: int,
        lifetime: int,
        valid_to: int = shape.EPOCH_MAX,
        expires: int | None = None,
    ) -> bytes:
        """A new master key for objects issued from a later epoch on; its 8-byte kid.

        Until then the old one signs; lists name both (EPP-KEY-010). `lifetime`: as `first_permitted`.
        """
        with self._database.writing() as connection:
            _permit(connection, valid_from, lifetime)
            kid = new_key(connection, self._random(32), valid_from=valid_from, valid_to=valid_to)
            publish_keys(connection, root, expires)
            return kid

    def revoke(self, root: SigningKey, kid: bytes, *, valid_from: int, expires: int | None = None) -> bytes:
        """A master key signs nothing from an epoch on, also one that is past; the kid of its successor."""
        with self._database.writing() as connection:
            mine = MASTER_KEY.c.kid == kid
            row = connection.execute(select(MASTER_KEY).where(mine)).one_or_none()
            if row is None or row.valid_to < valid_from:
                raise RegistryError(f"{kid.hex()}: expected a master key that is good in epoch {valid_from}")
            # EPP-DEV-043
            connection.execute(MASTER_KEY.update().where(mine).values(valid_to=valid_from - 1))
            first = max(valid_from, epoch_of(connection))
            successor = new_key(connection, self._random(32), valid_from=first, valid_to=row.valid_to)
            publish_keys(connection, root, expires)
            return successor

    def rotate_scheme_key(
        self, root: SigningKey, *, valid_from: int, lifetime: int, expires: int | None = None
    ) -> bytes:
        """A new scheme key, which initiators use from a later epoch on; its 8-byte identifier.

        Purses that are behind use the earlier ones for another `lifetime`.
        """
        with self._database.writing() as connection:
            _permit(connection, valid_from, lifetime)
            # EPP-DEV-049, EPP-DEV-072
            last = min(valid_from + lifetime, shape.EPOCH_MAX)
            return self._end_scheme_keys(connection, root, last, valid_from, expires)

    def revoke_scheme_keys(self, root: SigningKey, *, valid_from: int, expires: int | None = None) -> bytes:
        """Every scheme key that there is ends before an epoch; the identifier of the new one."""
        # EPP-DEV-043
        with self._database.writing() as connection:
            return self._end_scheme_keys(connection, root, valid_from - 1, 0, expires)

    def renew(self, root: SigningKey, expires: int) -> bytes:
        """The same keys in a list that expires later; the list."""
        with self._database.writing() as connection:
            before = announced.newest(connection, KEY_LIST).expires
            if not before < expires <= shape.EPOCH_MAX:
                raise RegistryError(f"expected a list that expires after epoch {before}, found {expires}")
            return publish_keys(connection, root, expires)

    def _end_scheme_keys(
        self, connection: Connection, root: SigningKey, last: int, valid_from: int, expires: int | None
    ) -> bytes:
        """The present ones end with the epoch `last`, and a new one begins."""
        running = SCHEME_KEY.c.valid_to > last
        connection.execute(SCHEME_KEY.update().where(running).values(valid_to=last))
        name = new_scheme_key(connection, self._random(32), valid_from=valid_from)
        if len(_scheme_keys(connection)) > SCHEME_KEYS_MAX:
            # EPP-DEV-074
            raise RegistryError(f"a purse holds {SCHEME_KEYS_MAX} scheme keys; wait until one has ended")
        publish_keys(connection, root, expires)
        return name


def newest_list(connection: Connection) -> DeviceList:
    """The newest key list, read as everybody reads it."""
    row = announced.newest(connection, KEY_LIST)
    return keylists.device_keys(row.root, row.signed)


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


def new_scheme_key(connection: Connection, key: bytes, *, valid_from: int) -> bytes:
    """Keep a scheme key of 32 random bytes, in force from an epoch on; its identifier."""
    name = scheme_key_id(key)
    row = {"id": name, "secret": key, "valid_from": valid_from, "valid_to": shape.EPOCH_MAX}
    connection.execute(SCHEME_KEY.insert().values(**row))
    return name


def publish_keys(connection: Connection, root: SigningKey, expires: int | None) -> bytes:
    """The next key list, of all keys that somebody needs; the list. Raises AnnouncedError."""
    epoch = epoch_of(connection)
    keys = [key.announced for key in master_keys(connection) if _is_needed(connection, key.announced, epoch)]
    scheme = {
        row.id: Validity(valid_from=row.valid_from, valid_to=row.valid_to) for row in _scheme_keys(connection)
    }

    def sign(sequence: int, last: int) -> bytes:
        return device_list(root, sequence=sequence, expires=last, keys=keys, scheme=scheme)

    return announced.announce(connection, KEY_LIST, root, expires, sign=sign, read=keylists.device_keys)


def master_keys(connection: Connection) -> tuple[PurseMasterKey, ...]:
    """Every key, oldest first."""
    query = select(MASTER_KEY).order_by(MASTER_KEY.c.valid_from, MASTER_KEY.c.kid)
    return tuple(
        PurseMasterKey(key=SigningKey(row.private), valid_from=row.valid_from, valid_to=row.valid_to)
        for row in connection.execute(query)
    )


def key_for(connection: Connection, epoch: int) -> PurseMasterKey:
    """The newest key that may sign objects of this epoch. Raises RegistryError."""
    # EPP-KEY-009, EPP-DEV-045
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


def _is_needed(connection: Connection, key: DeviceKey, epoch: int) -> bool:
    if key.valid_from > key.valid_to:
        return False
    # EPP-DEV-044
    good = (PURSE.c.issued.between(key.valid_from, key.valid_to), PURSE.c.expires >= epoch)
    some = select(PURSE.c.number).where(*good).limit(1)
    return key.valid_to >= epoch or connection.execute(some).first() is not None


def _scheme_keys(connection: Connection) -> Sequence[Row[Any]]:
    """Those that are not over: which a purse should have, and which the list names."""
    # EPP-DEV-048, EPP-KEY-064
    good = (SCHEME_KEY.c.valid_to >= epoch_of(connection), SCHEME_KEY.c.valid_from <= SCHEME_KEY.c.valid_to)
    query = select(SCHEME_KEY).where(*good)
    return connection.execute(query.order_by(SCHEME_KEY.c.valid_to, SCHEME_KEY.c.id)).all()


def _first_permitted(connection: Connection, lifetime: int) -> int:
    # EPP-DEV-042
    people = PURSE.c.role.in_((int(Role.PERSON), int(Role.MERCHANT)))
    query = select(func.max(PURSE.c.expires)).where(people, PURSE.c.state == "active")
    last = connection.execute(query).scalar_one()
    return max(epoch_of(connection) + lifetime, last or 0) + 1


def _permit(connection: Connection, valid_from: int, lifetime: int) -> None:
    first = _first_permitted(connection, lifetime)
    # EPP-DEV-042
    if valid_from < first:
        raise RegistryError(
            f"purses that live may not know the key before epoch {first}: expected that or a later one, "
            f"found {valid_from}"
        )
