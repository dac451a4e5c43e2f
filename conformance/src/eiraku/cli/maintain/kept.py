"""Files of this checkout that are made from others: what is there compared with what should be."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import click

ROOT = Path(__file__).resolve().parents[5]
"""The checkout, if this is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One file. `fits`: whether a content still is what should be there; `make`: what should be there."""

    path: Path
    fits: Callable[[bytes], bool]
    make: Callable[[], bytes]

    def is_current(self) -> bool:
        """Whether the file is there and fits."""
        return self.path.is_file() and self.fits(self.path.read_bytes())


def exactly(path: Path, content: bytes) -> Kept:
    """A file that must have this content, byte by byte."""
    return Kept(path=path, fits=lambda found: found == content, make=lambda: content)


def stale(folder: Path, pattern: str, wanted: list[Kept]) -> Iterator[Path]:
    """Files of `folder` that nothing makes any more."""
    names = {each.path for each in wanted}
    return (path for path in sorted(folder.glob(pattern)) if path not in names)


def settle(command: str, wanted: list[Kept], surplus: list[Path], *, write: bool) -> int:
    """Write what does not fit and remove what is too much, or say so, with 1 as exit code."""
    changed = [each for each in wanted if not each.is_current()]
    for each in changed:
        if write:
            each.path.write_bytes(each.make())
        click.echo(f"{_name(each.path)}: {'written' if write else 'is not up to date'}", err=not write)
    for path in surplus:
        if write:
            path.unlink()
        click.echo(f"{_name(path)}: {'removed' if write else 'is made by nothing any more'}", err=not write)
    if write or not (changed or surplus):
        return 0
    click.echo(f"run eiraku maintain {command} --write", err=True)
    return 1


def _name(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
