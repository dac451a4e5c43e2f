"""What the commands of ``eiraku wholesale`` share: files, errors as exit codes, the table of accounts."""

import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import click

from eiraku.cli.failures import told
from eiraku.cli.options import Hex
from eiraku.spec.errors import EirakuError, Misuse, Refusal, Refused

if TYPE_CHECKING:
    from rich.console import Console

    from eiraku.spec.wholesale_objects import Entry
    from eiraku.system.database import Database, Schema
    from eiraku.system.wholesale.accounts import Standing
    from eiraku.system.wholesale.export import Exported
    from eiraku.system.wholesale.note import VerifierKey
    from eiraku.system.wholesale.register import Register

P = ParamSpec("P")
R = TypeVar("R")
FILE = click.STRING
_BAR = 24

POSTING = Hex(16, "the id of a posting: 32 hex digits")


class Key(click.ParamType["VerifierKey"]):
    """A verifier key (chapter 15) of an operator or of a witness."""

    name = "verifier key"

    def __init__(self, *, witness: bool) -> None:
        self._witness = witness

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "VerifierKey":
        """See click."""
        from eiraku.system.wholesale.note import SignatureType, VerifierKey

        if isinstance(value, VerifierKey):
            return value
        try:
            return VerifierKey.parse(
                value, SignatureType.WITNESS if self._witness else SignatureType.OPERATOR
            )
        except Refused as error:
            self.fail(str(error), param, ctx)


OPERATOR = Key(witness=False)
WITNESS = Key(witness=True)


def operator(command: Callable[P, R]) -> Callable[P, R]:
    """The option for the key of the operator."""
    option = click.option(
        "--operator", required=True, type=OPERATOR, metavar="VKEY", help="Verifier key of the operator."
    )
    return option(command)


def witnesses(command: Callable[P, R]) -> Callable[P, R]:
    """The options for the witnesses of a member."""
    for option in (
        click.option("--quorum", type=click.IntRange(0), help="How many of them must have cosigned."),
        click.option(
            "--witness",
            "known",
            multiple=True,
            type=WITNESS,
            metavar="VKEY",
            help="Verifier key of a witness; repeat for others.",
        ),
    ):
        command = option(command)
    return command


def _words(error: EirakuError) -> str:
    if isinstance(error, Refusal):
        return f"an entry in the database was altered ({error}); restore a backup"
    return str(error)


guarded = told(words=_words)


def exists(file: str) -> None:
    """Raise Misuse for a file that is not there: opening a database would make it."""
    if "://" not in file and not Path(file).is_file():
        raise Misuse(f"{file}: no such file")


@contextmanager
def database(file: str, schema: "Schema") -> "Iterator[Database]":
    """The database in a file or at a URL."""
    from eiraku.system.database import Database

    with told(opening=True):
        made = Database(file if "://" in file else f"sqlite:///{file}", schema)
    try:
        yield made
    finally:
        made.close()


def _begins(file: str) -> bytes:
    with Path(file).open("rb") as content:
        return content.read(1)


@contextmanager
def opened(file: str) -> "Iterator[Register]":
    """The register in FILE."""
    from eiraku.system.wholesale.register import SCHEMA, Register

    exists(file)
    if "://" not in file and _begins(file) == b"{":
        raise Misuse(
            f"{file}: expected a register, found an exported log; to verify it, name the operator's "
            f"verifier key, which `show` prints: eiraku wholesale verify {file} --operator KEY"
        )
    with database(file, SCHEMA) as made:
        with told(opening=True):
            register = Register(made)
        yield register


def posted(posting: bytes | None, post: Callable[[bytes], int]) -> int:
    """Post under the id given or a fresh one, and say where it stands in the log."""
    name = secrets.token_bytes(16) if posting is None else posting
    index = post(name)
    click.echo(f"entry {index}, posting {name.hex()}")
    return 0


def text(file: Path) -> str:
    """Content of a text file. Raises Misuse."""
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misuse(f"{file}: expected a readable text file ({error})") from None


def console() -> "Console":
    """Where tables go: as wide as they need to be in a file, as wide as the terminal on one."""
    import sys

    from rich.console import Console

    return Console(highlight=False) if sys.stdout.isatty() else Console(highlight=False, width=110)


def read(log: Path) -> "Exported":
    """An exported log, not verified. Raises Misuse, ClickException."""
    from eiraku.system.wholesale import export

    with told(opening=True, words=lambda error: f"{log}: {error}"):
        return export.read(text(log).splitlines())


def entries(file: str, operator: "VerifierKey | None") -> "tuple[Iterable[Entry], int]":
    """Entries and epoch of a register, or of a verified log if there is a key."""
    from eiraku.system.wholesale import export
    from eiraku.system.wholesale.note import Trust

    if operator is not None:
        exists(file)
        verified = export.verify(read(Path(file)), Trust(operator=operator))
        return verified.entries, verified.last.epoch
    with opened(file) as register:
        return list(register.entries()), register.epoch


def table(standings: "dict[int, Standing]", *, as_json: bool = False) -> None:
    """Accounts of all members, with a bar of what is issued and what is still free."""
    from dataclasses import asdict

    from rich.table import Table

    if as_json:
        click.echo(json.dumps({str(key): asdict(held) for key, held in standings.items()}, indent=1))
        return
    rows = Table()
    for name in ("economy", "own", "issued", "bonds"):
        rows.add_column(name, justify="right")
    rows.add_column("issued # and own . of all bonds")
    total = sum(held.bonds for held in standings.values())
    for economy, held in standings.items():
        rows.add_row(str(economy), f"{held.own:,}", f"{held.issued:,}", f"{held.bonds:,}", _bar(held, total))
    own, issued = (sum(getattr(held, name) for held in standings.values()) for name in ("own", "issued"))
    rows.add_section()
    rows.add_row("all", f"{own:,}", f"{issued:,}", f"{total:,}", f"assets {total:,}")
    console().print(rows)


def _bar(held: "Standing", total: int) -> str:
    if not total:
        return ""
    return "#" * round(_BAR * held.issued / total) + "." * round(_BAR * held.own / total)
