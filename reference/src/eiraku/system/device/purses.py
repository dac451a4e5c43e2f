"""The register of purses: numbers, keys, purse IDs, states (EPP-DEV-001 to 004, 008, 011, 014; S-14)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from eiraku.reference.anchor import parse_purse_id
from eiraku.reference.crypto import cose, ed25519
from eiraku.spec import objects
from eiraku.spec.errors import Refusal
from eiraku.spec.objects import PurseId, Role
from eiraku.system.database import Database
from eiraku.system.device.keys import RegistryError, key_for, newest_list
from eiraku.system.device.schema import EVENT, PURSE, epoch_of

NUMBER_MAX = 2**63 - 1
NOTE = 500
"""Greatest length of a reason, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What the centre knows of a purse. `state`: `active`, `recalled` or `revoked`, `since` an epoch."""

    number: bytes
    public_key: bytes
    role: Role
    tier: int
    holder: bytes
    economy: int
    registered: int
    issued: int
    expires: int
    purse_id: bytes
    state: str
    since: int
    reason: str

    @property
    def active(self) -> bool:
        """Neither recalled nor revoked."""
        return self.state == "active"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened to a purse: `registered`, `renewed`, `recalled` or `revoked`."""

    sequence: int
    number: bytes
    epoch: int
    kind: str
    note: str


class Purses:
    """The register. `seal`: the centre's, 16 bytes."""

    def __init__(self, database: Database, seal: bytes) -> None:
        self._database = database
        self._seal = seal
        self._keys: dict[bytes, bytes] = {}

    def register(
        self,
        public_key: bytes,
        *,
        role: Role,
        tier: int,
        holder: bytes,
        economy: int,
        expires: int,
        reserved: bytes = b"",
    ) -> bytes:
        """A new number for a public key of 32 bytes: the signed purse ID, issued in the present epoch.

        The very same registration again gives the same purse ID. Raises RegistryError, DatabaseError.
        """
        # EPP-KEY-002
        if not ed25519.acceptable_point(public_key):
            raise RegistryError("expected an Ed25519 public key of 32 bytes that is not of small order")
        wanted: dict[str, Any] = {"role": int(role), "tier": tier, "holder": holder, "economy": economy}
        wanted |= {"expires": expires, "reserved": reserved}
        with self._database.writing() as connection:
            # EPP-DEV-001, EPP-DEV-011
            known = connection.execute(select(PURSE).where(PURSE.c.public_key == public_key)).one_or_none()
            if known is not None:
                return _repeated(known, wanted)
            epoch = epoch_of(connection)
            number = _next_number(connection)
            purse_id = self._certify(connection, number, public_key, issued=epoch, **wanted)
            row = {"number": number, "public_key": public_key, "registered": epoch, "issued": epoch}
            state = {"purse_id": purse_id, "state": "active", "since": epoch, "reason": ""}
            connection.execute(PURSE.insert().values(**row, **state, **wanted))
            _event(connection, number, epoch, "registered", f"expires {expires}")
            return purse_id

    def renew(self, number: bytes, expires: int, tier: int | None = None) -> bytes:
        """A later purse ID for the same purse. Asked again for the same, it gives the same.

        Raises RegistryError (unknown, revoked or recalled, not later), DatabaseError.
        """
        with self._database.writing() as connection:
            row = purse_row(connection, number)
            # EPP-DEV-003
            if row.state != "active":
                raise RegistryError(
                    f"purse {number.hex()} is {row.state} since epoch {row.since}: it is not renewed; "
                    "register a new purse"
                )
            tier = row.tier if tier is None else tier
            if (expires, tier) == (row.expires, row.tier):
                return bytes(row.purse_id)
            # EPP-DEV-002
            if expires <= row.expires:
                raise RegistryError(
                    f"purse {number.hex()} expires in epoch {row.expires}: expected a later one, "
                    f"found {expires}"
                )
            epoch = epoch_of(connection)
            purse_id = self._again(connection, row, tier=tier, issued=epoch, expires=expires)
            change = {"tier": tier, "issued": epoch, "expires": expires, "purse_id": purse_id}
            connection.execute(PURSE.update().where(PURSE.c.number == number).values(**change))
            _event(connection, number, epoch, "renewed", f"expires {expires}, tier {tier}")
            return purse_id

    def recall(self, number: bytes, reason: str) -> None:
        """Take a purse out of use for good (EPP-DEV-008). Raises RegistryError, DatabaseError."""
        self._end(number, "recalled", reason)

    def revoke(self, number: bytes, reason: str) -> None:
        """Name a purse with which nobody should deal (EPP-DEV-004). Raises RegistryError, DatabaseError."""
        self._end(number, "revoked", reason)

    def lookup(self, number: bytes) -> Registered | None:
        """What is registered of a purse number."""
        with self._database.reading() as connection:
            row = connection.execute(select(PURSE).where(PURSE.c.number == number)).one_or_none()
        return None if row is None else registered(row)

    def public_key(self, number: bytes) -> bytes | None:
        """The one key that a number ever had (EPP-CEN-053)."""
        known = self._keys.get(number)
        if known is None:
            with self._database.reading() as connection:
                query = select(PURSE.c.public_key).where(PURSE.c.number == number)
                known = connection.execute(query).scalar_one_or_none()
            if known is not None:
                self._keys[number] = known
        return known

    def for_evidence(self, number: bytes) -> bytes:
        """A signed purse ID of a registered purse that is valid under the newest list; empty for others.

        The present one, or the same purse certified anew under a successor.
        """
        with self._database.reading() as connection:
            row = connection.execute(select(PURSE).where(PURSE.c.number == number)).one_or_none()
            if row is None:
                return b""
            key = newest_list(connection).keys.get(parse_purse_id(row.purse_id).signed.kid or b"")
            if key is not None and key.covers(row.issued):
                return bytes(row.purse_id)
            # EPP-DEV-076
            epoch = epoch_of(connection)
            last = max(row.expires, epoch)
            return self._again(connection, row, tier=row.tier, issued=epoch, expires=last)

    def known(
        self, *, state: str | None = None, role: Role | None = None, after: bytes = b"", limit: int = 1000
    ) -> Sequence[Registered]:
        """Purses by number, at most `limit` after the number `after`."""
        query = select(PURSE).where(PURSE.c.number > after).order_by(PURSE.c.number).limit(limit)
        if state is not None:
            query = query.where(PURSE.c.state == state)
        if role is not None:
            query = query.where(PURSE.c.role == int(role))
        with self._database.reading() as connection:
            return [registered(row) for row in connection.execute(query)]

    def counts(self) -> dict[str, int]:
        """How many purses are in each state."""
        query = select(PURSE.c.state, func.count()).group_by(PURSE.c.state).order_by(PURSE.c.state)
        with self._database.reading() as connection:
            return {state: int(count) for state, count in connection.execute(query)}

    def events(self, number: bytes) -> Sequence[Event]:
        """Everything that happened to a purse, in order."""
        query = select(EVENT).where(EVENT.c.number == number).order_by(EVENT.c.sequence)
        with self._database.reading() as connection:
            return [Event(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - its public name

    def _again(self, connection: Connection, row: Any, *, tier: int, issued: int, expires: int) -> bytes:
        """Another purse ID for the purse of a row."""
        kept = {name: getattr(row, name) for name in ("role", "holder", "economy", "reserved")}
        return self._certify(
            connection, row.number, row.public_key, tier=tier, issued=issued, expires=expires, **kept
        )

    def _certify(
        self, connection: Connection, number: bytes, public_key: bytes, *, role: int, **claims: Any
    ) -> bytes:
        try:
            known = Role(role)
        except ValueError as error:
            raise RegistryError(f"a purse ID cannot be made of this: {error}; correct it") from None
        try:
            purse_id = PurseId(number=number, public_key=public_key, role=known, seal=self._seal, **claims)
            payload = purse_id.encode()
            PurseId.decode(payload)
        except Refusal as error:
            raise RegistryError(f"a purse ID cannot be made of this: {error.detail}; correct it") from None
        key = key_for(connection, purse_id.issued)
        return cose.sign(key.key, objects.CONTEXT_PURSE_ID, payload, kid=key.kid)

    def _end(self, number: bytes, state: str, reason: str) -> None:
        if not reason.strip() or len(reason) > NOTE:
            raise RegistryError(f"expected a reason of 1 to {NOTE} characters; say why it is {state}")
        with self._database.writing() as connection:
            row = purse_row(connection, number)
            if (row.state, row.reason) == (state, reason):
                return
            epoch = epoch_of(connection)
            # EPP-DEV-014: a revoked purse that is taken in afterwards stays revoked, with the first reason
            if row.state == "active" or (row.state, state) == ("recalled", "revoked"):
                change = {"state": state, "since": epoch, "reason": reason}
                connection.execute(PURSE.update().where(PURSE.c.number == number).values(**change))
            _event(connection, number, epoch, state, reason)


def _next_number(connection: Connection) -> bytes:
    """The number after the greatest. Raises RegistryError."""
    # EPP-DEV-026
    last = connection.execute(select(PURSE.c.number).order_by(PURSE.c.number.desc()).limit(1)).scalar()
    number = 1 if last is None else int.from_bytes(last, "big") + 1
    if number > NUMBER_MAX:
        raise RegistryError("there is no number left for another purse; this scheme is full")
    return number.to_bytes(8, "big")


def purse_row(connection: Connection, number: bytes) -> Any:
    """The row of a registered purse. Raises RegistryError."""
    row = connection.execute(select(PURSE).where(PURSE.c.number == number)).one_or_none()
    if row is None:
        raise RegistryError(f"purse {number.hex()} is not registered; check the number")
    return row


def registered(row: Any) -> Registered:
    """A row as what the centre knows."""
    fields = dict(row._mapping)  # noqa: SLF001 - its public name
    del fields["reserved"]
    return Registered(**fields | {"role": Role(row.role)})


def _repeated(row: Any, wanted: Mapping[str, Any]) -> bytes:
    if row.state != "active":
        raise RegistryError(
            f"this key belongs to purse {row.number.hex()}, which is {row.state}; make a new key"
        )
    if any(getattr(row, name) != value for name, value in wanted.items()):
        raise RegistryError(
            f"this key is registered already, for purse {row.number.hex()}; renew that purse, "
            "or make a new key"
        )
    return bytes(row.purse_id)


def _event(connection: Connection, number: bytes, epoch: int, kind: str, note: str) -> None:
    connection.execute(EVENT.insert().values(number=number, epoch=epoch, kind=kind, note=note))
