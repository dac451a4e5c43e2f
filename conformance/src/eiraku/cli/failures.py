"""How a command ends when something goes wrong: the one place that makes a sentence and an exit code of it.

`told` tells the three kinds of `eiraku.spec.errors`. What is none of them is a defect: `report_defect` keeps
its traceback. `eiraku.cli.main` does both for every command.
"""

import contextlib
import os
import platform
import tempfile
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import click

from eiraku.spec.errors import EirakuError, Misuse, Refused, exhausted

AT_FAULT, MISUSE, INCOMPLETE, DEFECT = 1, 2, 3, 4
"""Exit codes of every command. 0: good; 1: what was asked about is at fault, or the order was refused; 2: the
command, or what it names; 3: run the same command again; 4: see `report_defect`."""

LOG = "eiraku-defect.log"
"""Where tracebacks are added, in the current folder."""


_PACKAGES = Path(__file__).resolve().parents[1]
"""Where the packages of this root are installed, and those of the others in a wheel."""


@contextlib.contextmanager
def told(*, opening: bool = False, words: Callable[[EirakuError], str] = str) -> Iterator[None]:
    """End the command with one sentence and the exit code of the kind of error; a defect passes.

    `opening`: only what the arguments name is opened or read here, so that whatever it lacks is misuse;
    `words`: the sentence. What the operating system denies is misuse where it names the file, unless the disk
    is full or fails.
    """
    try:
        yield
    except EirakuError as error:
        refused, unavailable = (MISUSE, MISUSE) if opening else (AT_FAULT, INCOMPLETE)
        kind = MISUSE if isinstance(error, Misuse) else refused if isinstance(error, Refused) else unavailable
        raise _ended(words(error), kind) from error
    except (ConnectionError, TimeoutError):
        raise  # a pipe whose reader has gone ends click quietly; the others are told where they are expected
    except OSError as error:
        if error.filename is not None and Path(str(error.filename)).is_relative_to(_PACKAGES):
            raise  # a file of our own is missing: a defect
        if error.filename is None or exhausted(error):
            raise _ended(f"the system says: {error}", INCOMPLETE) from error
        said = f"{error.filename}: {error.strerror}; name another path, or allow it"
        raise _ended(said, MISUSE) from error


def _ended(said: str, code: int) -> Exception:
    if code == MISUSE:
        return click.ClickException(said)  # `eiraku.cli.main` gives it the code
    click.echo(said, err=True)
    return click.exceptions.Exit(code)


def report_defect(error: Exception) -> int:
    """Keep the traceback, and say where; the exit code of a defect."""
    click.echo(
        f"eiraku: a defect of ours, not yours: {type(error).__name__}; "
        f"the traceback is in {_kept(error)}, please report it with the command you gave",
        err=True,
    )
    return DEFECT


def _kept(error: Exception) -> Path:
    """The file that the traceback was added to: here, or a temporary one where that may not be written."""
    versions = f"eiraku {metadata.version('eiraku')}, Python {platform.python_version()}"
    head = f"--- {datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {versions}, {platform.system()}\n"
    text = head + "".join(traceback.format_exception(error))
    path = Path.cwd() / LOG
    try:
        # Values of the user may stand in a message: nobody else reads it.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    except OSError:
        descriptor, name = tempfile.mkstemp(prefix="eiraku-defect-", suffix=".log")
        path = Path(name)
    with os.fdopen(descriptor, "a", encoding="utf-8") as file:
        file.write(text)
    return path
