"""The folder of both centres, opened by ``eiraku centre``, and what its commands take."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eiraku.cli.failures import told
from eiraku.cli.options import Hex
from eiraku.spec.errors import Refused

if TYPE_CHECKING:
    from eiraku.system.device.purses import Registered
    from eiraku.system.scheme.directory import Directory

EPOCHS = click.IntRange(0, 2**32 - 1)
NUMBER = click.argument("number", type=Hex(8))
NEW_FILE = click.Path(path_type=Path, dir_okay=False)


@contextlib.contextmanager
def opened(path: Path) -> Iterator["Directory"]:
    """The centres in the folder at `path`."""
    from eiraku.system.scheme import directory

    with told(opening=True):
        centres = directory.open_(path)
    try:
        yield centres
    finally:
        centres.close()


def check_new(path: Path) -> None:
    """Raise ClickException for a file that is there: before anything is changed."""
    if path.exists():
        raise click.ClickException(f"{path}: exists already; name a new file")


def write(path: Path, content: bytes) -> None:
    """Write a new file, never over one that is there."""
    with path.open("xb") as file:
        file.write(content)


def known(centres: "Directory", number: bytes) -> "Registered":
    """A purse that is registered. Raises Refused if it is not."""
    purse = centres.registry.purses.lookup(number)
    if purse is None:
        raise Refused(f"purse {number.hex()} is not registered; check the number")
    return purse
