"""The device centre: register of purses, their states, epochs and bulletins (specification, chapter 13).

Every operation is one durable change, serialised against every other process that uses the same database;
what it returns can be asked for again. `RegistryError` says what was expected and what to do, and nothing is
changed; the database's own failures are DatabaseError. Purse numbers are 8 bytes, keys, holders and digests
32; all times are epochs. Inspection is in `inspection`, bulletins are put together in `registry_bulletins`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, select

from eiraku.reference.anchor import DeviceKey
from eiraku.reference.centres import inspection, registry_bulletins, registry_reports
from eiraku.reference.centres.database import Database
from eiraku.reference.centres.inspection import Finding
from eiraku.reference.centres.registry_history import History, last_deposit, units_known
from eiraku.reference.centres.registry_keys import RegistryError, key_for, master_keys, new_key
from eiraku.reference.centres.registry_schema import BULLETIN, CENTRE, EVENT, PURSE, SCHEMA, SUSPECT
from eiraku.reference.crypto import cose, ed25519
from eiraku.spec import objects, shape
from eiraku.spec.centre_objects import SelfReport
from eiraku.spec.errors import Refusal
from eiraku.spec.objects import PurseId, Role

__all__ = ["SCHEMA", "Event", "Finding", "Registered", "Registry", "RegistryError", "Suspect"]

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A vault's report (EPP-VLT-002). `epoch`: the vault's; `received`: the centre's."""

    sequence: int
    reporter: bytes
    number: bytes
    code: int
    unit_id: bytes | None
    epoch: int
    received: int


class Registry:
    """An open device centre. `random`: so many fresh random bytes."""

    def __init__(self, database: Database, *, random: Callable[[int], bytes]) -> None:
        """Open one that was created. Raises RegistryError, DatabaseError."""
        self.database = database
        self._random = random
        self._keys: dict[bytes, bytes] = {}
        with database.reading() as connection:
            row = connection.execute(select(CENTRE)).one_or_none()
        if row is None:
            raise RegistryError(f"{database.name}: expected a device centre, found none; create it first")
        self.seal: bytes = row.seal

    @classmethod
    def create(
        cls,
        database: Database,
        *,
        seal: bytes,
        policy_digest: bytes,
        epoch: int,
        random: Callable[[int], bytes],
        key_expires: int = shape.EPOCH_MAX,
    ) -> "Registry":
        """A new centre with one master key, good to `key_expires`, and the bulletin of `epoch`.

        `seal`: 16 bytes; `policy_digest`: 32. Raises RegistryError, DatabaseError.
        """
        if len(seal) != 16 or len(policy_digest) != 32:
            raise RegistryError("expected a seal of 16 bytes and a policy digest of 32")
        if not 0 <= epoch <= shape.EPOCH_MAX:
            raise RegistryError(f"expected an epoch from 0 to {shape.EPOCH_MAX}, found {epoch}")
        with database.writing() as connection:
            if connection.execute(select(CENTRE)).one_or_none() is not None:
                raise RegistryError(f"{database.name}: has a device centre already; open it, or name another")
            row = {"seal": seal, "policy_digest": policy_digest, "epoch": epoch, "clock": 0}
            connection.execute(CENTRE.insert().values(id=1, **row))
            new_key(connection, random(32), valid_from=epoch, valid_to=key_expires)
            registry_bulletins.publish(connection, epoch)
        return cls(database, random=random)

    # --- purses ---

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
        with self.database.writing() as connection:
            # EPP-DEV-001, EPP-DEV-011
            known = connection.execute(select(PURSE).where(PURSE.c.public_key == public_key)).one_or_none()
            if known is not None:
                return _repeated(known, wanted)
            epoch = _epoch(connection)
            number = self._number(connection)
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
        with self.database.writing() as connection:
            row = _purse(connection, number)
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
            epoch = _epoch(connection)
            purse_id = self._certify(
                connection,
                number,
                row.public_key,
                role=row.role,
                tier=tier,
                holder=row.holder,
                economy=row.economy,
                issued=epoch,
                expires=expires,
                reserved=row.reserved,
            )
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
        with self.database.reading() as connection:
            row = connection.execute(select(PURSE).where(PURSE.c.number == number)).one_or_none()
        return None if row is None else _registered(row)

    def lookup_key(self, public_key: bytes) -> Registered | None:
        """What is registered of a public key (32 bytes)."""
        with self.database.reading() as connection:
            row = connection.execute(select(PURSE).where(PURSE.c.public_key == public_key)).one_or_none()
        return None if row is None else _registered(row)

    def public_key(self, number: bytes) -> bytes | None:
        """The one key that a number ever had (EPP-CEN-002)."""
        known = self._keys.get(number)
        if known is None:
            with self.database.reading() as connection:
                query = select(PURSE.c.public_key).where(PURSE.c.number == number)
                known = connection.execute(query).scalar_one_or_none()
            if known is not None:
                self._keys[number] = known
        return known

    def purses(
        self, *, state: str | None = None, role: Role | None = None, after: bytes = b"", limit: int = 1000
    ) -> Sequence[Registered]:
        """Purses by number, at most `limit` after the number `after`."""
        query = select(PURSE).where(PURSE.c.number > after).order_by(PURSE.c.number).limit(limit)
        if state is not None:
            query = query.where(PURSE.c.state == state)
        if role is not None:
            query = query.where(PURSE.c.role == int(role))
        with self.database.reading() as connection:
            return [_registered(row) for row in connection.execute(query)]

    def counts(self) -> dict[str, int]:
        """How many purses are in each state."""
        query = select(PURSE.c.state, func.count()).group_by(PURSE.c.state).order_by(PURSE.c.state)
        with self.database.reading() as connection:
            return {state: int(count) for state, count in connection.execute(query)}

    def events(self, number: bytes) -> Sequence[Event]:
        """Everything that happened to a purse, in order."""
        query = select(EVENT).where(EVENT.c.number == number).order_by(EVENT.c.sequence)
        with self.database.reading() as connection:
            return [Event(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - its public name

    # --- epochs, bulletins, keys ---

    @property
    def epoch(self) -> int:
        """Epoch of the newest bulletin."""
        with self.database.reading() as connection:
            return _epoch(connection)

    def advance(self, to: int | None = None) -> bytes:
        """Publish the bulletin of the next epoch, or of a later one: stored, then returned (EPP-DEV-005).

        Raises RegistryError (too many revoked purses, no valid key), DatabaseError.
        """
        with self.database.writing() as connection:
            now = _epoch(connection)
            epoch = now + 1 if to is None else to
            # EPP-DEV-005
            if not now < epoch <= shape.EPOCH_MAX:
                raise RegistryError(f"expected an epoch after {now}, found {epoch}")
            signed = registry_bulletins.publish(connection, epoch)
            connection.execute(CENTRE.update().values(epoch=epoch))
            return signed

    def bulletin(self) -> bytes:
        """The newest bulletin, as signed."""
        return bytes(self._newest().signed)

    def bulletins(self) -> Sequence[tuple[int, bytes]]:
        """Epoch and bytes of every bulletin ever published, oldest first."""
        with self.database.reading() as connection:
            query = select(BULLETIN.c.epoch, BULLETIN.c.signed).order_by(BULLETIN.c.epoch)
            return [(row.epoch, bytes(row.signed)) for row in connection.execute(query)]

    def head(self) -> bytes:
        """The signed head of the newest bulletin (EPP-DEV-009)."""
        return bytes(self._newest().head)

    def chunks(self) -> tuple[bytes, ...]:
        """The newest bulletin in chunks of 1 024 bytes, the last shorter."""
        return registry_bulletins.cut(self.bulletin())

    def set_policy(self, digest: bytes) -> None:
        """The policy digest (32 bytes) of every later bulletin. Raises RegistryError, DatabaseError."""
        if len(digest) != 32:
            raise RegistryError(f"expected a policy digest of 32 bytes, found {len(digest)}")
        with self.database.writing() as connection:
            connection.execute(CENTRE.update().values(policy_digest=digest))

    def device_keys(self) -> Mapping[bytes, DeviceKey]:
        """Every master key, public halves only, by kid: as a trust anchor has them."""
        with self.database.reading() as connection:
            return {
                key.kid: DeviceKey(public=key.key.public, valid_from=key.valid_from, valid_to=key.valid_to)
                for key in master_keys(connection)
            }

    def rotate(self, *, valid_from: int, valid_to: int = shape.EPOCH_MAX) -> bytes:
        """A new master key for objects issued from a later epoch on; its 8-byte kid.

        Until then the old one signs; anchors hold both (EPP-KEY-010). Raises RegistryError, DatabaseError.
        """
        with self.database.writing() as connection:
            epoch = _epoch(connection)
            # EPP-DEV-013
            if valid_from <= epoch:
                raise RegistryError(
                    f"a new key must be known before it signs: expected an epoch after {epoch}, "
                    f"found {valid_from}"
                )
            return new_key(connection, self._random(32), valid_from=valid_from, valid_to=valid_to)

    # --- inspection and reports ---

    def challenge(self, number: bytes, issuer: History | None = None) -> bytes:
        """A fresh challenge of 16 bytes for a self-report; an earlier one is void. Raises RegistryError.

        With `issuer`, only what was deposited before this challenge counts against the report.
        """
        deposits = None if issuer is None else last_deposit(issuer)
        with self.database.writing() as connection:
            _purse(connection, number)
            return registry_reports.new_challenge(connection, number, self._random(16), deposits=deposits)

    def inspect(self, number: bytes, signed_report: bytes, issuer: History | None) -> Sequence[Finding]:
        """Verify a self-report and compare it (EPP-DEV-007): what contradicts, both sides of it.

        The same report again gives the same findings. Raises Refusal for what is not a report of this purse
        over its newest challenge, RegistryError for an unknown number, DatabaseError.
        """
        with self.database.reading() as connection:
            purse = _registered(_purse(connection, number))
            deposits = registry_reports.deposits_at_challenge(connection, number)
        report = inspection.read(number, purse.public_key, signed_report)
        known = None if issuer is None else units_known(issuer, self._units(report), until=deposits)
        with self.database.writing() as connection:
            before = registry_reports.stored(connection, number, signed_report)
            if before is not None:
                return before
            return registry_reports.compare_and_store(
                connection, report, signed_report, role=purse.role, known=known
            )

    def findings(self, number: bytes) -> Sequence[Finding]:
        """What inspections of a purse found, oldest first."""
        with self.database.reading() as connection:
            return registry_reports.all_findings(connection, number)

    def suspect(self, reporter: bytes, number: bytes, code: int, unit_id: bytes | None, epoch: int) -> None:
        """Keep a vault's report; the same again changes nothing. Raises RegistryError, DatabaseError."""
        row = {"reporter": reporter, "number": number, "code": int(code), "unit_id": unit_id, "epoch": epoch}
        with self.database.writing() as connection:
            if _purse(connection, reporter).role not in {Role.VAULT, Role.CENTRE}:
                raise RegistryError(f"purse {reporter.hex()} is no vault: only vaults report suspects")
            same = [SUSPECT.c[name] == value for name, value in row.items() if value is not None]
            same += [SUSPECT.c[name].is_(None) for name, value in row.items() if value is None]
            if connection.execute(select(SUSPECT.c.sequence).where(*same)).first() is None:
                connection.execute(SUSPECT.insert().values(received=_epoch(connection), **row))

    def suspects(self, after: int = 0) -> Sequence[Suspect]:
        """Reports of vaults, in order of arrival, after a sequence number."""
        query = select(SUSPECT).where(SUSPECT.c.sequence > after).order_by(SUSPECT.c.sequence)
        with self.database.reading() as connection:
            return [Suspect(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - its public name

    # --- inside ---

    def _units(self, report: SelfReport) -> list[bytes]:
        """Units of a report and of the one before."""
        with self.database.reading() as connection:
            before = registry_reports.last_report(connection, report.number)
        return sorted({unit_id for each in (report, before) if each for unit_id, _ in each.units})

    def _newest(self) -> Any:
        with self.database.reading() as connection:
            return connection.execute(select(BULLETIN).order_by(BULLETIN.c.epoch.desc()).limit(1)).one()

    def _number(self, connection: Connection) -> bytes:
        while True:
            number = self._random(8)
            taken = select(PURSE.c.number).where(PURSE.c.number == number)
            if number != objects.ISSUER_NUMBER and connection.execute(taken).first() is None:
                return number

    def _certify(
        self, connection: Connection, number: bytes, public_key: bytes, *, role: int, **claims: Any
    ) -> bytes:
        try:
            purse_id = PurseId(
                number=number, public_key=public_key, role=Role(role), seal=self.seal, **claims
            )
            payload = purse_id.encode()
            PurseId.decode(payload)
        except (Refusal, ValueError) as error:
            said = error.detail if isinstance(error, Refusal) else str(error)
            raise RegistryError(f"a purse ID cannot be made of this: {said}; correct it") from None
        key = key_for(connection, purse_id.issued)
        return cose.sign(key.key, objects.CONTEXT_PURSE_ID, payload, kid=key.kid)

    def _end(self, number: bytes, state: str, reason: str) -> None:
        if not reason.strip() or len(reason) > NOTE:
            raise RegistryError(f"expected a reason of 1 to {NOTE} characters; say why it is {state}")
        with self.database.writing() as connection:
            row = _purse(connection, number)
            if (row.state, row.reason) == (state, reason):
                return
            epoch = _epoch(connection)
            # A revoked purse that is taken in afterwards stays revoked, with the first reason.
            if row.state == "active" or (row.state, state) == ("recalled", "revoked"):
                change = {"state": state, "since": epoch, "reason": reason}
                connection.execute(PURSE.update().where(PURSE.c.number == number).values(**change))
            _event(connection, number, epoch, state, reason)


def _epoch(connection: Connection) -> int:
    return int(connection.execute(select(CENTRE.c.epoch)).scalar_one())


def _purse(connection: Connection, number: bytes) -> Any:
    row = connection.execute(select(PURSE).where(PURSE.c.number == number)).one_or_none()
    if row is None:
        raise RegistryError(f"purse {number.hex()} is not registered; check the number")
    return row


def _registered(row: Any) -> Registered:
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
