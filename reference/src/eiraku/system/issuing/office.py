"""The issuing centre's own: its epoch, its rules, its money keys, its purses (EPP-CEN-041 to 044).

The database is the truth; keys and own purses are kept in memory and read again when their revision changed,
so several processes can work with one database.
"""

import json
from collections.abc import Callable, Collection
from typing import Any, Self

from sqlalchemy import Connection, select

from eiraku.reference import keylists
from eiraku.reference.centres.issuing import MoneyKey
from eiraku.reference.centres.roots import money_list
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.shape import EPOCH_MAX
from eiraku.system import announced
from eiraku.system.database import Database, DatabaseError
from eiraku.system.issuing.chain import Opener, PublicKeys
from eiraku.system.issuing.schema import (
    BOOKS,
    CENTRE,
    KEY_LIST,
    MONEY_KEY,
    OWN_PURSE,
    SCHEMA,
    IssuerError,
    Rules,
)

IsDoubtful = Callable[[int], bool]
"""Whether a master key is doubtful for a unit that expires in an epoch (EPP-CEN-105)."""
Random = Callable[[int], bytes]
"""So many fresh random bytes."""


class Office:
    """An open database of an issuing centre, and what it knows of itself."""

    def __init__(
        self,
        database: Database,
        *,
        public_keys: PublicKeys,
        random: Random,
        is_doubtful: IsDoubtful = lambda _: False,
    ) -> None:
        """Open. `public_keys`: of registered purses, by number; `is_doubtful`: without it no master key is.

        Raises DatabaseError.
        """
        self.database = _of_a_centre(database)
        self.public_keys = public_keys
        self.is_doubtful = is_doubtful
        self.random = random
        self.books = BOOKS
        self._revision = -1
        self._keys: tuple[MoneyKey, ...] = ()
        self._opener = Opener((), public_keys)
        with database.reading() as connection:
            self.refresh(connection)

    @classmethod
    def create(
        cls,
        database: Database,
        *,
        seal: bytes,
        economies: Collection[int],
        rules: Rules,
        epoch: int,
        random: Random,
        root: SigningKey,
        list_expires: int = EPOCH_MAX,
        public_keys: PublicKeys | None = None,
        is_doubtful: IsDoubtful = lambda _: False,
    ) -> Self:
        """Make a centre in an empty database, with a first money key from `epoch` on.

        `seal`: 16 bytes; `root`: it signs the first key list, which is good to `list_expires`; `public_keys`
        None: of nobody; `is_doubtful`: as in `Office`. Raises IssuerError, DatabaseError.
        """
        if len(seal) != 16:
            raise IssuerError(f"expected a seal of 16 bytes, found {len(seal)}")
        if not economies or not all(1 <= economy <= 65535 for economy in economies):
            raise IssuerError("expected one economy or more, each a number from 1 to 65535")
        with database.writing() as connection:
            if connection.execute(select(CENTRE.c.id)).one_or_none() is not None:
                raise DatabaseError(f"{database.name}: holds a centre already; open it, or name another one")
            connection.execute(
                CENTRE.insert().values(
                    id=1,
                    seal=seal,
                    economies=json.dumps(sorted(economies)),
                    redemption_grace=rules.redemption_grace,
                    claim_grace=rules.claim_grace,
                    unit_lifetime=rules.unit_lifetime,
                    max_hops=rules.max_hops,
                    reuse_numbers=int(rules.reuse_numbers),
                    epoch=_epoch(epoch, rules.unit_lifetime),
                    next_number=1,
                    settled=-1,
                    revision=0,
                )
            )
            _add_key(connection, random, valid_from=epoch, valid_to=EPOCH_MAX)
            publish_keys(connection, root, list_expires)
        known: PublicKeys = dict[bytes, bytes]().get if public_keys is None else public_keys
        return cls(database, public_keys=known, random=random, is_doubtful=is_doubtful)

    @staticmethod
    def exists(database: Database) -> bool:
        """Whether a centre was made in this database. Raises DatabaseError."""
        with _of_a_centre(database).reading() as connection:
            return connection.execute(select(CENTRE.c.id)).one_or_none() is not None

    # --- epoch and rules ---

    @property
    def epoch(self) -> int:
        """The centre's current epoch."""
        with self.database.reading() as connection:
            return int(self.centre(connection).epoch)

    def advance(self, epoch: int) -> None:
        """Go on to `epoch`; the same again changes nothing. Raises IssuerError, DatabaseError."""
        with self.database.writing() as connection:
            centre = self.centre(connection)
            now = centre.epoch
            # EPP-CEN-017
            if epoch < now:
                raise IssuerError(f"expected an epoch of {now} or later, found {epoch}: epochs never go back")
            if epoch != now:
                connection.execute(CENTRE.update().values(epoch=_epoch(epoch, centre.unit_lifetime)))

    @property
    def rules(self) -> Rules:
        """What the scheme makes known."""
        with self.database.reading() as connection:
            return _rules(self.centre(connection))

    @property
    def seal(self) -> bytes:
        """The constant seal of the centre, 16 bytes."""
        with self.database.reading() as connection:
            return bytes(self.centre(connection).seal)

    @property
    def economies(self) -> frozenset[int]:
        """The economies whose units it issues."""
        with self.database.reading() as connection:
            return frozenset(json.loads(self.centre(connection).economies))

    # --- keys and own purses ---

    def money_keys(self, *, every: bool = False) -> tuple[MoneyKey, ...]:
        """Keys under which units can still come home or be claimed, oldest first; and those announced.

        `every`: also the keys whose units are all closed. Raises DatabaseError.
        """
        with self.database.reading() as connection:
            centre = self.refresh(connection)
            return self._keys if every else tuple(needed_keys(connection, centre))

    def key_list(self) -> bytes:
        """The newest key list, as signed. Raises DatabaseError."""
        with self.database.reading() as connection:
            return bytes(announced.newest(connection, KEY_LIST).signed)

    @property
    def root(self) -> bytes:
        """The public half of the money root, 32 bytes. Raises DatabaseError."""
        with self.database.reading() as connection:
            return bytes(announced.newest(connection, KEY_LIST).root)

    def rotate(
        self,
        root: SigningKey,
        valid_from: int,
        *,
        earliest: int,
        valid_to: int = EPOCH_MAX,
        expires: int | None = None,
    ) -> MoneyKey:
        """Announce a new money key, which signs from `valid_from` on; the present one signs until then.

        `earliest`: from which epoch on a successor may be valid, as the device centre says (EPP-DEV-042).
        Raises IssuerError, AnnouncedError, DatabaseError.
        """
        with self.database.writing() as connection:
            centre = self.refresh(connection)
            first = max(centre.epoch + 1, earliest)
            # EPP-CEN-043
            if not first <= valid_from <= valid_to <= EPOCH_MAX:
                raise IssuerError(
                    f"expected a key valid from epoch {first} or a later one, "
                    f"found {valid_from} to {valid_to}; it must be known before it signs"
                )
            newest = self._keys[-1]
            if valid_from <= newest.valid_from:
                raise IssuerError(
                    f"expected a key valid from an epoch after {newest.valid_from}, when the newest begins"
                )
            last = min(newest.valid_to, valid_from - 1)
            # What is void stays void.
            if newest.valid_from <= newest.valid_to:
                mine = MONEY_KEY.c.sequence == len(self._keys) - 1
                change = MONEY_KEY.update().where(mine).values(valid_to=last, signs_to=last)
                connection.execute(change)
            _add_key(connection, self.random, valid_from=valid_from, valid_to=valid_to)
            return self._changed(connection, centre, root, expires)

    def revoke(
        self, root: SigningKey, kid: bytes, *, valid_from: int, expires: int | None = None
    ) -> MoneyKey:
        """A money key signs nothing from an epoch on, also one that is past; its successor, which signs now.

        Raises IssuerError, AnnouncedError, DatabaseError.
        """
        with self.database.writing() as connection:
            centre = self.refresh(connection)
            found = [n for n, key in enumerate(self._keys) if key.kid == kid]
            row = connection.execute(
                select(MONEY_KEY).where(MONEY_KEY.c.sequence == (found[0] if found else -1))
            ).one_or_none()
            if row is None or row.valid_to < valid_from:
                raise IssuerError(f"{kid.hex()}: expected a money key that is good in epoch {valid_from}")
            # EPP-DEV-043
            signed = max(valid_from - 1, min(row.signs_to, centre.epoch))
            change = MONEY_KEY.update().where(MONEY_KEY.c.sequence == row.sequence)
            connection.execute(change.values(valid_to=valid_from - 1, signs_to=signed))
            first = max(valid_from, centre.epoch)
            _add_key(connection, self.random, valid_from=first, valid_to=row.valid_to)
            return self._changed(connection, centre, root, expires)

    def renew_list(self, root: SigningKey, expires: int) -> bytes:
        """The same keys in a list that expires later; the list. Raises as `rotate`."""
        with self.database.writing() as connection:
            before = announced.newest(connection, KEY_LIST).expires
            if not before < expires <= EPOCH_MAX:
                raise IssuerError(f"expected a list that expires after epoch {before}, found {expires}")
            return publish_keys(connection, root, expires)

    def _changed(
        self, connection: Connection, centre: Any, root: SigningKey, expires: int | None
    ) -> MoneyKey:
        """Name the keys as they are now in the next list; the newest of them."""
        self._revise(connection, centre.revision)
        publish_keys(connection, root, expires)
        return _keys_of(connection)[-1]

    def add_purse(self, number: bytes) -> None:
        """Name a purse (8 bytes) as the centre's own, of role `centre`. Raises IssuerError, DatabaseError."""
        if len(number) != 8:
            raise IssuerError(f"expected a purse number of 8 bytes, found {len(number)}")
        if number in self.opener().centres:
            return
        with self.database.writing() as connection:
            centre = self.refresh(connection)
            if number not in self._opener.centres:
                connection.execute(OWN_PURSE.insert().values(number=number))
                self._revise(connection, centre.revision)

    def opener(self) -> Opener:
        """What opens and verifies chains; may be pickled for workers (EPP-CEN-002). Raises DatabaseError."""
        with self.database.reading() as connection:
            self.refresh(connection)
        return self._opener

    def registered(self, number: bytes, rule: str) -> bytes:
        """The public key of a purse number. Raises Refusal (AUTHENTICATION) under `rule`."""
        public = self.public_keys(number)
        if public is None:
            raise Refusal(Code.AUTHENTICATION, rule, f"purse {number.hex()} is not registered")
        return public

    # --- for the parts, within one change ---

    def centre(self, connection: Connection) -> Any:
        """The centre's row. Raises DatabaseError."""
        row = connection.execute(select(CENTRE)).one_or_none()
        if row is None:
            raise DatabaseError(f"{self.database.name}: expected a centre, found none; create it first")
        return row

    def refresh(self, connection: Connection) -> Any:
        """The centre's row; keys and own purses are then those of the database."""
        centre = self.centre(connection)
        if centre.revision != self._revision:
            self._keys = _keys_of(connection)
            own = connection.execute(select(OWN_PURSE.c.number)).scalars()
            self._opener = Opener(self._keys, self.public_keys, frozenset(own))
            self._revision = centre.revision
        return centre

    def _revise(self, connection: Connection, revision: int) -> None:
        connection.execute(CENTRE.update().values(revision=revision + 1))

    def signing_key(self, connection: Connection, epoch: int) -> MoneyKey:
        """The newest key that may sign in this epoch, as of `refresh`. Raises IssuerError."""
        last = announced.newest(connection, KEY_LIST).expires
        # EPP-CEN-100
        if epoch > last:
            raise IssuerError(
                f"the key list has expired with epoch {last}; sign the next one (keys --expires)"
            )
        # EPP-KEY-009, EPP-CEN-044
        valid = [key for key in self._keys if key.valid_from <= epoch <= key.valid_to]
        if not valid:
            raise IssuerError(f"expected a money key valid in epoch {epoch}, found none; rotate in time")
        return valid[-1]


def _of_a_centre(database: Database) -> Database:
    if database.schema is not SCHEMA:
        raise DatabaseError(f"{database.name}: expected it to be opened as that of {SCHEMA.name}")
    return database


def _rules(centre: Any) -> Rules:
    return Rules(
        redemption_grace=centre.redemption_grace,
        claim_grace=centre.claim_grace,
        unit_lifetime=centre.unit_lifetime,
        max_hops=centre.max_hops,
        reuse_numbers=bool(centre.reuse_numbers),
    )


def _epoch(epoch: int, lifetime: int) -> int:
    """An epoch in which units can be issued."""
    if not 0 <= epoch <= EPOCH_MAX - lifetime:
        raise IssuerError(f"expected an epoch from 0 to {EPOCH_MAX - lifetime}, found {epoch}")
    return epoch


def _add_key(connection: Connection, random: Random, *, valid_from: int, valid_to: int) -> None:
    count = len(connection.execute(select(MONEY_KEY.c.sequence)).all())
    connection.execute(
        MONEY_KEY.insert().values(
            sequence=count,
            unit_seed=random(32),
            history_seed=random(32),
            valid_from=valid_from,
            valid_to=valid_to,
            signs_to=valid_to,
        )
    )


def _keys_of(connection: Connection) -> tuple[MoneyKey, ...]:
    return tuple(
        MoneyKey(
            unit_key=SigningKey(row.unit_seed),
            history_key=AgreementKey(row.history_seed),
            valid_from=row.valid_from,
            valid_to=row.valid_to,
        )
        for row in connection.execute(select(MONEY_KEY).order_by(MONEY_KEY.c.sequence))
    )


def needed_keys(connection: Connection, centre: Any) -> list[MoneyKey]:
    """The keys under which a unit can be deposited or claimed, or will be issued."""
    # EPP-CEN-041
    late = centre.unit_lifetime + centre.claim_grace
    ends = connection.execute(select(MONEY_KEY.c.signs_to).order_by(MONEY_KEY.c.sequence)).scalars()
    keys = zip(_keys_of(connection), ends, strict=True)
    return [key for key, signed in keys if signed + late >= centre.epoch]


def publish_keys(connection: Connection, root: SigningKey, expires: int | None) -> bytes:
    """The next key list; the list. Raises AnnouncedError."""
    centre = connection.execute(select(CENTRE)).one()
    keys = [key.announced for key in needed_keys(connection, centre)]

    def sign(sequence: int, last: int) -> bytes:
        return money_list(root, sequence=sequence, expires=last, keys=keys)

    return announced.announce(connection, KEY_LIST, root, expires, sign=sign, read=keylists.money_keys)
