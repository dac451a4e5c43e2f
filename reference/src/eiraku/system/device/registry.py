"""The device centre: register of purses, their states, epochs and bulletins (specification, chapter 13).

Every operation is one durable change, serialised against every other process that uses the same database;
what it returns can be asked for again. `RegistryError` says what was expected and what to do, and nothing is
changed; the database's own failures are DatabaseError. Purse numbers are 8 bytes, keys, holders and digests
32; all times are epochs. Inspection is in `inspection`, bulletins are put together in `registry_bulletins`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from eiraku.reference.anchor import DeviceKey
from eiraku.spec import shape
from eiraku.spec.centre_objects import SelfReport
from eiraku.spec.objects import Role
from eiraku.system.database import Database
from eiraku.system.device import bulletins as registry_bulletins
from eiraku.system.device import inspection
from eiraku.system.device import reports as registry_reports
from eiraku.system.device.histories import History, last_deposit, units_known
from eiraku.system.device.inspection import Finding
from eiraku.system.device.keys import RegistryError, master_keys, new_key
from eiraku.system.device.purses import (
    Event,
    Purses,
    Registered,
    epoch_of,
    purse_row,
    registered,
)
from eiraku.system.device.schema import BULLETIN, CENTRE, SCHEMA, SUSPECT

__all__ = ["SCHEMA", "Event", "Finding", "Registered", "Registry", "RegistryError", "Suspect"]


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


class Registry(Purses):
    """An open device centre."""

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

    # --- epochs, bulletins, keys ---

    @property
    def epoch(self) -> int:
        """Epoch of the newest bulletin."""
        with self.database.reading() as connection:
            return epoch_of(connection)

    def advance(self, to: int | None = None) -> bytes:
        """Publish the bulletin of the next epoch, or of a later one: stored, then returned (EPP-DEV-005).

        Raises RegistryError (too many revoked purses, no valid key), DatabaseError.
        """
        with self.database.writing() as connection:
            now = epoch_of(connection)
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
            epoch = epoch_of(connection)
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
            purse_row(connection, number)
            return registry_reports.new_challenge(connection, number, self._random(16), deposits=deposits)

    def inspect(self, number: bytes, signed_report: bytes, issuer: History | None) -> Sequence[Finding]:
        """Verify a self-report and compare it (EPP-DEV-007): what contradicts, both sides of it.

        The same report again gives the same findings. Raises Refusal for what is not a report of this purse
        over its newest challenge, RegistryError for an unknown number, DatabaseError.
        """
        with self.database.reading() as connection:
            purse = registered(purse_row(connection, number))
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
            if purse_row(connection, reporter).role not in {Role.VAULT, Role.CENTRE}:
                raise RegistryError(f"purse {reporter.hex()} is no vault: only vaults report suspects")
            same = [SUSPECT.c[name] == value for name, value in row.items() if value is not None]
            same += [SUSPECT.c[name].is_(None) for name, value in row.items() if value is None]
            if connection.execute(select(SUSPECT.c.sequence).where(*same)).first() is None:
                connection.execute(SUSPECT.insert().values(received=epoch_of(connection), **row))

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
