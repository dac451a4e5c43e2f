"""A folder with everything of one scheme's centres, for one operator.

    centre.toml   settings, see `Settings`          device.db    the device centre's database
    policy.toml   the policy in force                issuing.db   the issuing centre's database
    counter.db    the issuing centre's own purse
    device-root.key, money-root.key                  the private roots, in hexadecimal: take them away

`create` makes all of it or nothing, `open_` opens it without the roots: they belong on a medium of their own,
which is there only while keys are changed. Private keys are in these files: only the owner may read them. A
database may be elsewhere: `database` is a file name in the folder, or a URL. Errors are DirectoryError,
SettingsError, DatabaseError and StoreError, and say what to do.
"""

import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from importlib import resources
from pathlib import Path

from eiraku.reference import keylists
from eiraku.reference.anchor import TrustAnchor, parse_purse_id
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.device import Accepted, Device
from eiraku.reference.policy import Policy
from eiraku.reference.purse.state import Provisioning
from eiraku.reference.settings import SettingsError
from eiraku.reference.store import Store
from eiraku.spec.errors import exhausted
from eiraku.spec.key_lists import scheme_key_id
from eiraku.spec.objects import Role
from eiraku.spec.shape import EPOCH_MAX
from eiraku.system.database import Database
from eiraku.system.device.keys import RegistryError
from eiraku.system.device.registry import Registry
from eiraku.system.device.schema import SCHEMA as DEVICE_SCHEMA
from eiraku.system.issuing.issuer import Issuer
from eiraku.system.issuing.office import Office
from eiraku.system.issuing.schema import SCHEMA as ISSUING_SCHEMA
from eiraku.system.issuing.schema import Rules
from eiraku.system.scheme.settings import DirectoryError, Settings

SETTINGS, POLICY, COUNTER = "centre.toml", "policy.toml", "counter.db"
DEVICE_ROOT, MONEY_ROOT = "device-root.key", "money-root.key"
Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """An open folder. `random`: so many fresh random bytes."""

    path: Path
    settings: Settings
    policy: Policy
    registry: Registry
    issuer: Issuer
    random: Random

    @property
    def counter_path(self) -> Path:
        """Where the memory of the issuing centre's own purse is."""
        return self.path / COUNTER

    def counter(self) -> Device:
        """The issuing centre's own purse, switched on. Raises StoreError."""
        return Device(self.counter_path, self.random)

    def anchor(self, *, every: bool = False) -> TrustAnchor:
        """What a purse that is made now trusts: keys announced are in it already (EPP-KEY-010).

        `every`: also the money keys whose units are all closed, for old evidence.
        """
        return trust_anchor(self.registry, self.issuer, every=every)

    def lists_expire(self, wanted: int | None = None) -> int:
        """The last epoch of key lists that are signed now. Raises DirectoryError for a later one."""
        latest = min(self.registry.bulletins.epoch + self.settings.list_lifetime, EPOCH_MAX)
        # EPP-DEV-071
        if wanted is not None and wanted > latest:
            raise DirectoryError(
                f"expected lists that expire in epoch {latest} or sooner, found {wanted}; so far ahead can a "
                "thief of the master key set the clock"
            )
        return latest if wanted is None else wanted

    def provisioning(self, private_key: bytes, purse_id: bytes) -> Provisioning:
        """What fills an empty purse. `private_key`: its seed of 32 bytes; `purse_id`: from the register."""
        return Provisioning(
            number=parse_purse_id(purse_id).claims.number,
            private_key=private_key,
            purse_id=purse_id,
            anchor=self.anchor().to_mapping(),
            policy=self.policy.to_mapping(),
            bulletin=self.registry.bulletins.newest(),
            holdings=(),
        )

    def make_purse(
        self,
        store: Path | Store,
        *,
        role: Role,
        tier: int,
        holder: bytes,
        economy: int,
        expires: int | None = None,
    ) -> Device:
        """A new purse, its key made here, registered, in an empty memory at `store`.

        `holder`: 32 bytes; `expires`: an epoch, by default as long as the settings say. Raises RegistryError
        for what cannot be registered, StoreError.
        """
        self.check_economy(economy)
        device = Device(store, self.random)
        if device.store.provision() is not None:
            device.close()
            raise RegistryError(f"{device.store.path}: expected an empty purse, found one that is made")
        seed = self.random(32)
        purse_id = self.registry.purses.register(
            SigningKey(seed).public,
            role=role,
            tier=tier,
            holder=holder,
            economy=economy,
            expires=self.registry.bulletins.epoch + self.settings.purse_lifetime
            if expires is None
            else expires,
        )
        result = device.provision(self.provisioning(seed, purse_id))
        if not isinstance(result, Accepted):
            raise AssertionError(f"the purse refuses what the centre made: {result}")
        if role is Role.CENTRE:
            self.issuer.office.add_purse(parse_purse_id(purse_id).claims.number)
        return device

    def check_economy(self, economy: int) -> None:
        """Raises RegistryError for one that is not of this scheme."""
        if economy not in self.settings.economies:
            known = ", ".join(map(str, self.settings.economies))
            raise RegistryError(f"economy {economy} is not of this scheme; name one of {known}")

    def revoke_master_key(
        self, root: SigningKey, kid: bytes, *, valid_from: int = 0, expires: int | None = None
    ) -> bytes:
        """Revoke a purse master key from an epoch on, and publish the next bulletin if it signed the newest;
        the kid of its successor. Raises RegistryError, DirectoryError, DatabaseError.
        """
        bulletins, lists = self.registry.bulletins, self.anchor()
        # EPP-DEV-075
        at_once = cose.parse(bulletins.signed()).kid == kid and valid_from <= bulletins.epoch
        if at_once:
            device = lists.device.expires if expires is None else expires
            _check_reach(bulletins.epoch + 1, min(device, lists.money.expires))
        successor = self.registry.keys.revoke(root, kid, valid_from=valid_from, expires=expires)
        if at_once:
            self.advance()
        return successor

    def convict(self) -> Sequence[bytes]:
        """Revoke every purse of which the issuing centre has evidence of a double spend; their numbers."""
        # EPP-DEV-004
        found: list[bytes] = []
        for number in sorted(self.issuer.history.convicted()):
            purse = self.registry.purses.lookup(number)
            if purse is not None and purse.state != "revoked":
                self.registry.purses.revoke(number, "convicted of a double spend (EPP-CEN-005)")
                found.append(number)
        return found

    def advance(self, to: int | None = None) -> bytes:
        """Revoke who was convicted, publish the next bulletin, take both centres to its epoch, and settle the
        claims that are due then; the bulletin.

        Raises RegistryError, DatabaseError.
        """
        to = self.registry.bulletins.epoch + 1 if to is None else to
        _check_reach(to, self.anchor().expires)
        self.convict()
        signed = self.registry.bulletins.advance(to)
        self.settle()
        return signed

    def settle(self) -> None:
        """Take the issuing centre to the epoch of the newest bulletin, and settle the claims that are due.

        Raises DatabaseError.
        """
        epoch = self.registry.bulletins.epoch
        if self.issuer.office.epoch < epoch:
            self.issuer.office.advance(epoch)
        # EPP-CEN-060
        self.issuer.claims.refund()

    def close(self) -> None:
        """Close both databases."""
        self.registry.database.close()
        self.issuer.office.database.close()


def _check_reach(epoch: int, last: int) -> None:
    # EPP-DEV-070, EPP-CEN-100
    if epoch > last:
        raise DirectoryError(
            f"a key list expires with epoch {last}: sign the lists again first (keys --expires)"
        )


def trust_anchor(registry: Registry, issuer: Issuer, *, every: bool = False) -> TrustAnchor:
    """What a purse of these centres trusts (EPP-KEY-010). `every`: also money keys of no list any more."""
    root = issuer.office.root
    money = keylists.money_keys(root, issuer.office.key_list())
    if every:
        money = replace(money, keys={k.kid: k.announced for k in issuer.office.money_keys(every=True)})
    return TrustAnchor(
        economies=issuer.office.economies,
        device_root=registry.keys.root,
        money_root=root,
        device=registry.keys.announced(),
        money=money,
        device_seal=registry.seal,
        money_seal=issuer.office.seal,
        scheme_keys={scheme_key_id(key): key for key in registry.keys.scheme_keys()},
    )


def read_root(path: Path) -> SigningKey:
    """A root from its file. Raises DirectoryError."""
    text = _read(path)
    try:
        seed = bytes.fromhex(text)
    except ValueError:
        seed = b""
    if len(seed) != 32:
        raise DirectoryError(f"{path}: expected 64 hexadecimal digits; restore it from a backup")
    return SigningKey(seed)


def create(
    path: Path, *, settings: Settings, policy: str | None = None, random: Random = secrets.token_bytes
) -> Directory:
    """Make a new scheme's folder, which must not exist or be empty, and open it.

    `policy`: the TOML form; without it the default one. Raises DirectoryError, SettingsError, IssuerError,
    RegistryError, DatabaseError, StoreError, OSError for a disk that is full; then nothing is there.
    """
    if policy is None:
        policy = (resources.files("eiraku.reference") / "default_policy.toml").read_text("utf-8")
    least = settings.issuing_centre.claim_grace
    # EPP-CRS-030: a purse gives up no payment that can be claimed
    if Policy.from_toml(policy).claim_grace < least:
        raise SettingsError("claim_grace", f"in the policy at least {least}, that of the issuing centre")
    try:
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise DirectoryError(f"{path}: expected a new or an empty folder; name another one")
        path.parent.mkdir(parents=True, exist_ok=True)
        # Made beside it and moved: a loss of power leaves no half of a scheme under the name.
        made = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
        try:
            _write(made / SETTINGS, settings.to_toml())
            _write(made / POLICY, policy)
            for name in (DEVICE_ROOT, MONEY_ROOT):
                _write(made / name, random(32).hex() + "\n")
            _fill(made, settings, policy, random)
            made.replace(path)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as error:
        if exhausted(error):
            raise
        raise DirectoryError(f"{path}: cannot be made ({error.strerror}); name another folder") from None
    return open_(path, random=random)


def open_(path: Path, *, random: Random = secrets.token_bytes, read_only: bool = False) -> Directory:
    """Open a folder that `create` made.

    `read_only`: to look at the databases, in which nothing is changed. Raises DirectoryError, SettingsError,
    RegistryError, DatabaseError.
    """
    settings = Settings.from_toml(_read(path / SETTINGS), file=str(path / SETTINGS))
    policy = Policy.from_toml(_read(path / POLICY), file=str(path / POLICY))
    device = Database(
        _url(path, settings.device_centre.database, new=False), DEVICE_SCHEMA, read_only=read_only
    )
    try:
        registry = Registry(device, random=random, deltas=settings.device_centre.deltas)
        issuing = Database(
            _url(path, settings.issuing_centre.database, new=False), ISSUING_SCHEMA, read_only=read_only
        )
        try:
            office = Office(
                issuing,
                public_keys=registry.purses.public_key,
                random=random,
                is_doubtful=registry.keys.is_doubtful,
            )
            issuer = Issuer(office)
            if not read_only:
                # The bulletin is published first: a loss of power may have come between.
                issuer.office.advance(registry.bulletins.epoch)
        except BaseException:
            issuing.close()
            raise
    except BaseException:
        device.close()
        raise
    return Directory(
        path=path,
        settings=settings,
        policy=policy,
        registry=registry,
        issuer=issuer,
        random=random,
    )


def _fill(path: Path, settings: Settings, policy: str, random: Random) -> None:
    """Both centres, and the issuing centre's own purse."""
    epoch = settings.first_epoch
    lists_expire = min(epoch + settings.list_lifetime, EPOCH_MAX)
    device = Database(_url(path, settings.device_centre.database, new=True), DEVICE_SCHEMA)
    try:
        Registry.create(
            device,
            seal=random(16),
            policy_digest=sha256(policy.encode()).digest(),
            max_bulletin=Policy.from_toml(policy).max_bulletin,
            epoch=epoch,
            random=random,
            root=read_root(path / DEVICE_ROOT),
            key_expires=min(epoch + settings.key_lifetime, EPOCH_MAX),
            list_expires=lists_expire,
        )
        rules = Rules(
            redemption_grace=settings.issuing_centre.redemption_grace,
            claim_grace=settings.issuing_centre.claim_grace,
            unit_lifetime=settings.issuing_centre.unit_lifetime,
            max_hops=settings.issuing_centre.max_hops,
        )
        issuing = Database(_url(path, settings.issuing_centre.database, new=True), ISSUING_SCHEMA)
        try:
            economies = settings.economies
            Issuer(
                Office.create(
                    issuing,
                    seal=random(16),
                    economies=economies,
                    rules=rules,
                    epoch=epoch,
                    random=random,
                    root=read_root(path / MONEY_ROOT),
                    list_expires=lists_expire,
                )
            )
        finally:
            issuing.close()
    finally:
        device.close()
    made = open_(path, random=random)
    try:
        made.make_purse(
            made.counter_path,
            role=Role.CENTRE,
            tier=7,
            holder=random(32),
            economy=settings.economies[0],
        ).close()
    finally:
        made.close()


def _url(path: Path, database: str, *, new: bool) -> str:
    if "://" in database:
        return database
    if not new and not (path / database).is_file():
        raise DirectoryError(f"{path / database}: expected a database; restore it from a backup")
    return f"sqlite:///{path / database}"


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise DirectoryError(
            f"{path}: cannot be read ({said}); name a folder made by `eiraku serve --init`"
        ) from None


def _write(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
