"""What vaults report about purses that they refused (EPP-VLT-002)."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select

from eiraku.spec.objects import Role
from eiraku.system.database import Database
from eiraku.system.device.keys import RegistryError
from eiraku.system.device.purses import purse_row
from eiraku.system.device.schema import SUSPECT, epoch_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A vault's report (EPP-VLT-012). `epoch`: the vault's; `received`: the centre's."""

    sequence: int
    reporter: bytes
    number: bytes
    code: int
    unit_id: bytes | None
    epoch: int
    received: int


class Suspects:
    """The reports of vaults, in order of arrival."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def report(self, reporter: bytes, number: bytes, code: int, unit_id: bytes | None, epoch: int) -> None:
        """Keep a vault's report; the same again changes nothing. Raises RegistryError, DatabaseError."""
        row = {"reporter": reporter, "number": number, "code": int(code), "unit_id": unit_id, "epoch": epoch}
        with self._database.writing() as connection:
            if purse_row(connection, reporter).role not in {Role.VAULT, Role.CENTRE}:
                raise RegistryError(f"purse {reporter.hex()} is no vault: only vaults report suspects")
            same = [SUSPECT.c[name] == value for name, value in row.items() if value is not None]
            same += [SUSPECT.c[name].is_(None) for name, value in row.items() if value is None]
            if connection.execute(select(SUSPECT.c.sequence).where(*same)).first() is None:
                connection.execute(SUSPECT.insert().values(received=epoch_of(connection), **row))

    def after(self, sequence: int = 0) -> Sequence[Suspect]:
        """Reports of vaults, in order of arrival, after a sequence number."""
        query = select(SUSPECT).where(SUSPECT.c.sequence > sequence).order_by(SUSPECT.c.sequence)
        with self._database.reading() as connection:
            return [Suspect(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - its public name
