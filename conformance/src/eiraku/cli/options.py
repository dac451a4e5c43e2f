"""Options that several commands share, and how they are checked."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from eiraku.conformance import DEFAULT_SEED
from eiraku.conformance.adapter.errors import SelectorError
from eiraku.conformance.adapter.transports import parse_selector
from eiraku.conformance.results import Shard
from eiraku.spec.errors import Misuse


class SelectorType(click.ParamType[str]):
    """A well-formed selector, as text."""

    name = "selector"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """See click."""
        try:
            return parse_selector(str(value)).text
        except SelectorError as error:
            self.fail(str(error), param, ctx)


class SeedType(click.ParamType[str]):
    """32 bytes in hex, or ``default`` for the seed that everybody knows."""

    name = "hex"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """See click."""
        text = str(value).lower()
        if text == "default":
            return DEFAULT_SEED
        if len(text) != 64 or set(text) - set("0123456789abcdef"):
            self.fail(f"expected 64 hex digits or the word default, found {value!r}", param, ctx)
        return text


class ShardType(click.ParamType[Shard]):
    """``I/N``: the I-th of N parts."""

    name = "i/n"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        """See click."""
        try:
            return Shard.parse(str(value))
        except Misuse as error:
            self.fail(str(error), param, ctx)


class Hex(click.ParamType[bytes]):
    """So many bytes in hexadecimal. `expected`: words for a refusal, by default the number of digits."""

    def __init__(self, length: int, expected: str = "") -> None:
        self.length = length
        self.name = f"{2 * length} hex digits"
        self.expected = expected or f"{2 * length} hexadecimal digits"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """See click."""
        if isinstance(value, bytes):
            return value
        try:
            found = bytes.fromhex(value)
        except ValueError:
            found = b""
        if len(found) != self.length:
            self.fail(f"expected {self.expected}, found {value!r}", param, ctx)
        return found


SELECTOR = SelectorType()
SEED = SeedType()
SHARD = ShardType()


def report_option(command: Any) -> Any:
    """``--report FOLDER``."""
    return click.option(
        "--report",
        type=click.Path(path_type=Path, file_okay=True),
        default=Path("eiraku-report"),
        show_default=True,
        help="Folder for the reports.",
    )(command)


def expected_options(command: Any) -> Any:
    """``--expected-failures FILE`` and ``--write-expected FILE``."""
    written = click.option(
        "--write-expected",
        type=click.Path(path_type=Path, dir_okay=False),
        default=None,
        metavar="FILE",
        help="Write the checks that failed as such a list, into a new file; crashes are not written.",
    )
    given = click.option(
        "--expected-failures",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        default=None,
        help="TOML list of failures to tolerate in the exit code.",
    )
    return given(written(command))


def timeout_option(command: Any) -> Any:
    """``--timeout SECONDS``."""
    return click.option(
        "--timeout",
        type=click.FloatRange(min=0.05, max=3600),
        default=10.0,
        show_default=True,
        metavar="SECONDS",
        help="Time the wallet has for each request; start and power_cut get twice as long.",
    )(command)


@contextlib.contextmanager
def system_packages(command: str) -> Iterator[None]:
    """Imports of the optional packages of the money system; without them, a sentence."""
    try:
        yield
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] == "eiraku":
            raise  # a module of ours that is not there is a defect
        raise click.ClickException(
            f"eiraku {command} needs the package {error.name}: install eiraku[system]"
        ) from error
