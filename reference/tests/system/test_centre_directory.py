"""The folder of a scheme's centres: made whole or not at all, opened again, on either kind of database."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from eiraku.reference.anchor import verify_bulletin, verify_purse_id
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.settings import SettingsError
from eiraku.spec.objects import Role
from eiraku.system.database import DatabaseError
from eiraku.system.device.keys import RegistryError
from eiraku.system.scheme import directory
from eiraku.system.scheme.directory import Directory
from eiraku.system.scheme.settings import DEFAULT, DirectoryError, Settings

pytestmark = pytest.mark.slow

RANDOM = Drbg(b"directory")


class Server(Protocol):
    def database(self) -> str: ...


def made(path: Path, **settings: Any) -> Directory:
    return directory.create(path, settings=DEFAULT.changed(**settings), random=RANDOM)


def test_a_new_folder(tmp_path: Path) -> None:
    centres = made(tmp_path / "new" / "scheme", economies=(392, 410), first_epoch=5)
    assert centres.registry.bulletins.epoch == centres.issuer.office.epoch == 5
    anchor = centres.anchor()
    assert anchor.economies == {392, 410}
    assert verify_bulletin(anchor, centres.registry.bulletins.signed()).epoch == 5
    (own,) = centres.registry.purses.known(role=Role.CENTRE)
    assert verify_purse_id(anchor, own.purse_id).claims.number == own.number
    assert centres.issuer.office.opener().centres == {own.number}
    counter = centres.counter()
    provision = counter.store.provision()
    assert provision is not None
    assert (provision.number, provision.anchor) == (own.number, anchor)
    counter.close()
    centres.close()
    for file in centres.path.iterdir():
        assert file.stat().st_mode & 0o077 == 0, file.name


def test_opened_again(tmp_path: Path) -> None:
    centres = made(tmp_path / "scheme")
    anchor = centres.anchor()
    centres.advance()
    centres.close()
    again = directory.open_(tmp_path / "scheme", random=RANDOM)
    assert (again.anchor(), again.registry.bulletins.epoch) == (anchor, 2)
    assert again.settings == DEFAULT
    again.close()


def test_the_issuing_centre_follows(tmp_path: Path) -> None:
    """EPP-DEV-005, EPP-CEN-073: the bulletin is first; power may fail before the issuing centre knows."""
    centres = made(tmp_path / "scheme")
    centres.registry.bulletins.advance()
    assert (centres.registry.bulletins.epoch, centres.issuer.office.epoch) == (2, 1)
    centres.close()
    again = directory.open_(tmp_path / "scheme", random=RANDOM)
    assert again.issuer.office.epoch == 2
    again.close()


def test_purses_are_made_and_refused(tmp_path: Path) -> None:
    centres = made(tmp_path / "scheme")
    wanted: dict[str, Any] = {"role": Role.PERSON, "tier": 1, "holder": bytes(32), "economy": 392}
    device = centres.make_purse(tmp_path / "one.db", **wanted)
    assert device.snapshot().epoch == 1
    device.close()
    with pytest.raises(RegistryError, match="expected an empty purse"):
        centres.make_purse(tmp_path / "one.db", **wanted)
    with pytest.raises(RegistryError, match="not of this scheme; name one of 392"):
        centres.make_purse(tmp_path / "two.db", **wanted | {"economy": 1})
    assert not (tmp_path / "two.db").exists()
    assert len(centres.registry.purses.known()) == 2
    centres.close()


def test_keys_that_are_announced_are_in_the_anchor(tmp_path: Path) -> None:
    """EPP-DEV-045, EPP-KEY-010, EPP-CEN-044"""
    centres = made(tmp_path / "scheme")
    device, money = (
        directory.read_root(centres.path / name) for name in (directory.DEVICE_ROOT, directory.MONEY_ROOT)
    )
    centres.registry.keys.rotate(device, valid_from=3, lifetime=0)
    centres.issuer.office.rotate(money, 3, earliest=0)
    anchor = centres.anchor()
    assert (len(anchor.device_keys), len(anchor.money_keys)) == (2, 2)
    for _ in range(3):
        assert verify_bulletin(anchor, centres.advance()) is not None
    centres.close()


def test_lists_have_a_short_life(tmp_path: Path) -> None:
    """EPP-DEV-070, EPP-DEV-071, EPP-CEN-100: no bulletin before both lists are signed again."""
    centres = made(tmp_path / "scheme", list_lifetime=3)
    roots = [
        directory.read_root(centres.path / name) for name in (directory.DEVICE_ROOT, directory.MONEY_ROOT)
    ]
    assert centres.anchor().expires == centres.lists_expire() == 4
    centres.advance(3)
    centres.registry.keys.renew(roots[0], centres.lists_expire(6))
    with pytest.raises(DirectoryError, match="a key list expires with epoch 4: sign the lists again first"):
        centres.advance(5)
    assert centres.registry.bulletins.epoch == 3
    with pytest.raises(DirectoryError, match="expire in epoch 6 or sooner, found 7"):
        centres.lists_expire(7)
    centres.issuer.office.renew_list(roots[1], centres.lists_expire())
    centres.advance(5)
    assert DEFAULT.list_lifetime == 50
    centres.close()


@pytest.mark.parametrize(
    ("wrong", "said"),
    (
        ({"economies": ()}, "economies: expected a list of at least one, each an integer from 1 to 65535"),
        ({"economies": (0,)}, r"economies\[0\]: expected an integer from 1 to 65535, found 0"),
        ({"economies": (1, 1)}, "economies: expected each once"),
        ({"first_epoch": -1}, "first_epoch: expected an integer"),
        ({"first_epoch": True}, "first_epoch: expected an integer"),
        ({"purse_lifetime": 0}, "purse_lifetime: expected an integer from 1"),
        ({"issuing_centre": {"max_hops": 256}}, "issuing_centre.max_hops: expected an integer from 1 to 255"),
        (
            {"issuing_centre": {"claim_grace": 3, "redemption_grace": 3}},
            "issuing_centre.claim_grace: expected more than redemption_grace",
        ),
        ({"device_centre": {"database": ""}}, "device_centre.database: expected a file name or a URL"),
    ),
)
def test_wrong_settings(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=f"centre.toml: {said}"):
        DEFAULT.changed(**wrong)


def test_settings_are_read_back() -> None:
    settings = DEFAULT.changed(
        economies=(1, 2),
        device_centre={"database": "postgresql+psycopg://a@/b?host=/c"},
        issuing_centre={"max_hops": 3},
    )
    assert Settings.from_toml(settings.to_toml()) == settings


def test_nothing_is_made_over_something(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").write_text("mine")
    (tmp_path / "file").write_text("mine")
    for name in ("full", "file"):
        with pytest.raises(DirectoryError, match="expected a new or an empty folder"):
            made(tmp_path / name)
    with pytest.raises(DirectoryError, match="cannot be made"):
        made(tmp_path / "file" / "below")
    (tmp_path / "empty").mkdir()
    made(tmp_path / "empty").close()


def test_nothing_is_left_of_what_failed(tmp_path: Path) -> None:
    for settings, policy, error in (
        (DEFAULT, "max_units = 0", SettingsError),
        (DEFAULT.changed(issuing_centre={"database": "nowhere/issuing.db"}), None, DatabaseError),
        (DEFAULT.changed(first_epoch=2**32 - 1), None, Exception),
    ):
        with pytest.raises(error):
            directory.create(tmp_path / "scheme", settings=settings, policy=policy, random=RANDOM)
        assert list(tmp_path.iterdir()) == []


def test_databases_elsewhere(tmp_path: Path, postgresql: Server) -> None:
    device, issuing = postgresql.database(), postgresql.database()
    if device == issuing:
        issuing = "issuing.db"
    centres = made(
        tmp_path / "scheme", device_centre={"database": device}, issuing_centre={"database": issuing}
    )
    assert centres.registry.database.dialect == "postgresql"
    centres.advance()
    centres.close()
    again = directory.open_(tmp_path / "scheme", random=RANDOM)
    assert again.registry.bulletins.epoch == again.issuer.office.epoch == 2
    again.close()
    assert not (tmp_path / "scheme" / "device.db").exists()


MAKER = """
import sys
from pathlib import Path
from eiraku.system.scheme import directory
from eiraku.system.scheme.settings import DEFAULT
print("ready", flush=True)
directory.create(Path(sys.argv[1]), settings=DEFAULT).close()
print("made", flush=True)
"""


def test_killed_while_it_is_made(tmp_path: Path, kills: int) -> None:
    """All of it is there, or nothing under its name."""
    chance = random.Random(3)
    for n in range(kills or 5):
        path = tmp_path / str(n)
        process = subprocess.Popen([sys.executable, "-c", MAKER, str(path)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(chance.uniform(0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if path.exists():
            centres = directory.open_(path, random=RANDOM)
            centres.counter().close()
            centres.advance()
        else:
            centres = made(path)
        centres.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="rights of files do not bind the superuser")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(DirectoryError, match="cannot be made"):
        made(tmp_path / "closed" / "scheme")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    made(tmp_path / "scheme").close()
    changes: dict[str, Callable[[Path], object]] = {
        "device.db": Path.unlink,
        "policy.toml": Path.unlink,
        "centre.toml": Path.unlink,
    }
    for name, change in changes.items():
        change(tmp_path / "scheme" / name)
        with pytest.raises(DirectoryError, match=name):
            directory.open_(tmp_path / "scheme", random=RANDOM)
    root = tmp_path / "scheme" / directory.DEVICE_ROOT
    root.write_text("12")
    with pytest.raises(DirectoryError, match=r"device-root\.key: expected 64 hexadecimal digits"):
        directory.read_root(root)
    root.unlink()
    with pytest.raises(DirectoryError, match=r"device-root\.key: cannot be read"):
        directory.read_root(root)
