"""The device centre: register of purses, keys, epochs and bulletins, inspections (specification, chapter 13).

Every operation is one durable change, serialised against every other process that uses the same database;
what it returns can be asked for again. `RegistryError` says what was expected and what to do, and nothing is
changed; the database's own failures are DatabaseError. Purse numbers are 8 bytes, keys, holders and digests
32; all times are epochs.
"""

from collections.abc import Callable

from sqlalchemy import select

from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec import shape
from eiraku.system.database import Database
from eiraku.system.device.bulletins import DELTAS, Bulletins, publish
from eiraku.system.device.keys import Keys, RegistryError, new_key, new_scheme_key, publish_keys
from eiraku.system.device.purses import Purses
from eiraku.system.device.reports import Inspections
from eiraku.system.device.schema import CENTRE
from eiraku.system.device.suspects import Suspects


class Registry:
    """A device centre in an open database, and the parts that work in it."""

    def __init__(self, database: Database, *, random: Callable[[int], bytes], deltas: int = DELTAS) -> None:
        """Open one that was created. `deltas`: see there. Raises RegistryError, DatabaseError."""
        with database.reading() as connection:
            row = connection.execute(select(CENTRE)).one_or_none()
        if row is None:
            raise RegistryError(f"{database.name}: expected a device centre, found none; create it first")
        self.database = database
        self.seal: bytes = row.seal
        self.purses = Purses(database, row.seal)
        self.keys = Keys(database, random)
        self.bulletins = Bulletins(database, deltas)
        self.inspections = Inspections(database, random)
        self.suspects = Suspects(database)

    @classmethod
    def create(
        cls,
        database: Database,
        *,
        seal: bytes,
        policy_digest: bytes,
        max_bulletin: int,
        epoch: int,
        random: Callable[[int], bytes],
        root: SigningKey,
        key_expires: int = shape.EPOCH_MAX,
        list_expires: int = shape.EPOCH_MAX,
    ) -> "Registry":
        """A new centre with one master key, good to `key_expires`, and the bulletin of `epoch`.

        `seal`: 16 bytes; `policy_digest`: 32; `max_bulletin`: of the policy; `root`: it signs the first key
        list, which names a scheme key too and is good to `list_expires`. Raises RegistryError, DatabaseError.
        """
        if len(seal) != 16 or len(policy_digest) != 32:
            raise RegistryError("expected a seal of 16 bytes and a policy digest of 32")
        if not 0 <= epoch <= shape.EPOCH_MAX:
            raise RegistryError(f"expected an epoch from 0 to {shape.EPOCH_MAX}, found {epoch}")
        with database.writing() as connection:
            if connection.execute(select(CENTRE)).one_or_none() is not None:
                raise RegistryError(f"{database.name}: has a device centre already; open it, or name another")
            row = {"seal": seal, "policy_digest": policy_digest, "max_bulletin": max_bulletin}
            row |= {"epoch": epoch, "clock": 0}
            connection.execute(CENTRE.insert().values(id=1, **row))
            new_key(connection, random(32), valid_from=epoch, valid_to=key_expires)
            new_scheme_key(connection, random(32), valid_from=0)
            publish_keys(connection, root, list_expires)
            publish(connection, epoch)
        return cls(database, random=random)
