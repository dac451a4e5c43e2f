"""Everything that one process serves of one scheme: both centres, and vaults for holders.

The folder is that of `centres.directory`, with these beside:

    services.toml   settings, see `settings.DEFAULT`     services.db   what was answered last, enrolment codes
    vaults/         for each vault its purse, NAME.db, and what it has under way, NAME-state.db

`open_` opens it, and makes what is missing. Errors are DirectoryError, SettingsError,
RegistryError, IssuerError, DatabaseError and StoreError; each says what to do.
"""

import secrets
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Self

from eiraku.spec.errors import Refused
from eiraku.spec.objects import Role
from eiraku.system.database import Database, DatabaseError
from eiraku.system.issuing.counter import Counter
from eiraku.system.scheme import directory as folders
from eiraku.system.scheme.directory import Directory
from eiraku.system.scheme.settings import Settings as CentreSettings
from eiraku.system.services.enrolment import Enrolments, Invitation, new_code
from eiraku.system.services.journal import SCHEMA, Journal
from eiraku.system.services.limits import Buckets
from eiraku.system.services.local import LocalCarrier
from eiraku.system.services.making import Maker
from eiraku.system.services.office import Health, Office
from eiraku.system.services.requests import DEVICE_CENTRE, ISSUING_CENTRE
from eiraku.system.services.service import Service
from eiraku.system.services.settings import DEFAULT, Settings
from eiraku.system.services.vaults import OpenVault, VaultPlace

SETTINGS, VAULTS = "services.toml", "vaults"
CODE_EPOCHS = 10
"""Epochs that an enrolment code is good for."""


def holder_hash(name: str) -> bytes:
    """What stands for a holder in purse IDs: 32 bytes."""
    return sha256(name.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """An open scheme. `vaults` by name of the holder."""

    directory: Directory
    settings: Settings
    journal: Journal
    counter: Counter
    enrolments: Enrolments
    services: Mapping[str, Service]
    vaults: Mapping[str, OpenVault]
    _closing: ExitStack = field(repr=False)

    def office(self) -> Office:
        """As HTTP serves it."""
        return Office(
            services=self.services,
            bulletins=self.directory.registry.bulletins,
            keys=self.services[ISSUING_CENTRE].keys,
            enrol=self.enrolments.enrol,
            health=self.health,
            settings=self.settings,
        )

    def work(self) -> Mapping[str, Callable[[], object]]:
        """What is to be done again and again between requests, by name; each part stands alone."""
        found: dict[str, Callable[[], object]] = {"refund": self._refund, "collect": self._collect}
        return found | {f"vault {name}": vault.work for name, vault in self.vaults.items()}

    def health(self) -> Health:
        """Databases that take writes, and a bulletin that is not too old."""
        facts: dict[str, object] = {"epoch": None, "bulletin_age": None, "databases": "failing"}
        try:
            epoch = self.directory.registry.bulletins.epoch
            age = self.journal.age(epoch, time.time())
            for database in (self.directory.registry.database, self.directory.issuer.office.database):
                with database.writing():
                    pass
        except DatabaseError:
            return Health(good=False, facts=facts)
        facts = {"epoch": epoch, "bulletin_age": age, "databases": "writable"}
        facts["vaults"] = {name: not vault.suspended() for name, vault in self.vaults.items()}
        return Health(good=age <= self.settings.times.bulletin_age, facts=facts)

    def close(self) -> None:
        """Close everything, vaults first."""
        self._closing.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _refund(self) -> None:
        with self.services[ISSUING_CENTRE].alone():
            self.directory.settle()

    def _collect(self) -> None:
        table = self.services[ISSUING_CENTRE].sessions
        if table is not None:
            table.between(self.counter.collect)


def create(path: Path, settings: CentreSettings, *, text: str = DEFAULT) -> None:
    """Make a new scheme in `path`, which must not exist or be empty; `text`: of `services.toml`."""
    Settings.from_toml(text)
    folders.create(path, settings=settings).close()
    (path / SETTINGS).write_text(text, encoding="utf-8")


def invite(
    path: Path,
    holder: str,
    *,
    count: int = 1,
    role: Role = Role.PERSON,
    tier: int = 1,
    random: Callable[[int], bytes] = secrets.token_bytes,
) -> list[str]:
    """Enrolment codes for purses of a holder who has a vault, also while the scheme is served.

    Raises Refused, and as `open_`.
    """
    settings = Settings.from_file(path / SETTINGS, absent=DEFAULT)
    if holder not in settings.vaults:
        # A purse without its holder's vault could be paid, and never pay in.
        known = ", ".join(settings.vaults) or "nobody"
        raise Refused(
            f"{holder} has no vault here: expected one of {known}; add {holder} = ECONOMY under [vaults] in "
            f"{path / SETTINGS}, and start the server again"
        )
    with ExitStack() as closing:
        directory = folders.open_(path, random=random)
        closing.callback(directory.close)
        database = _database(path, settings)
        closing.callback(database.close)
        epoch = directory.registry.bulletins.epoch
        invitation = Invitation(
            role=role,
            tier=tier,
            holder=holder_hash(holder),
            economy=directory.settings.economies[0],
            expires=epoch + directory.settings.purse_lifetime,
            last_epoch=epoch + CODE_EPOCHS,
        )
        return [new_code(database, invitation, random) for _ in range(count)]


def open_(
    path: Path,
    *,
    random: Callable[[int], bytes] = secrets.token_bytes,
    clock: Callable[[], float] = time.monotonic,
) -> Scheme:
    """Open a scheme and make the vaults that are missing. See the module for what is raised."""
    settings = Settings.from_file(path / SETTINGS, absent=DEFAULT)
    with ExitStack() as closing:
        directory = folders.open_(path, random=random)
        closing.callback(directory.close)
        database = _database(path, settings)
        closing.callback(database.close)
        journal = Journal(database)
        counter = _counter(directory, closing)
        make = Maker(
            registry=directory.registry,
            issuer=directory.issuer,
            journal=journal,
            random=random,
            clock=clock,
            limits=settings.sessions,
            admit=lambda: Buckets(limit=settings.limits.purse, clock=clock).take,
        )
        services = make.centres(counter, lifetime=settings.purses.lifetime)
        vaults = {}
        for name, economy in settings.vaults.items():
            place = VaultPlace(
                folder=path / VAULTS,
                name=name,
                holder=holder_hash(name),
                economy=economy,
                issuing=LocalCarrier(services[ISSUING_CENTRE]),
                device_centre=LocalCarrier(services[DEVICE_CENTRE]),
            )
            vault = place.open(directory)
            closing.callback(vault.close)
            vaults[name] = vault
            service = make.service(vault.audience, vault.methods(), vault.vault)
            services[vault.path] = service
            vault.serve_by(service)
        by_holder = {holder_hash(name): vault.number for name, vault in vaults.items()}
        enrolments = Enrolments(
            database=database,
            registry=directory.registry,
            anchor=directory.anchor,
            policy=directory.policy,
            vault_of=by_holder.get,
        )
        return Scheme(
            directory=directory,
            settings=settings,
            journal=journal,
            counter=counter,
            enrolments=enrolments,
            services=services,
            vaults=vaults,
            _closing=closing.pop_all(),
        )


def _counter(directory: Directory, closing: ExitStack) -> Counter:
    device = directory.counter()
    closing.callback(device.close)

    def economy_of(number: bytes) -> int | None:
        found = directory.registry.purses.lookup(number)
        return None if found is None else found.economy

    counter = Counter(device, directory.issuer, economy_of=economy_of)
    # EPP-CEN-063
    counter.collect()
    return counter


def _database(path: Path, settings: Settings) -> Database:
    name = settings.databases.services
    return Database(name if "://" in name else f"sqlite:///{path / name}", SCHEMA)
