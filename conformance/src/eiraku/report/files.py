"""Writing report files so that a reader never sees half of one."""

import os
import tempfile
from pathlib import Path

from eiraku.spec.errors import Misuse, exhausted


def prepare(directory: Path) -> None:
    """Make ``directory`` and show that files can be written into it. Raises Misuse, OSError if it is full.

    For before a run as well: minutes of testing must not end in a wrong path.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=directory, prefix=".eiraku-"):
            pass
    except OSError as error:
        if exhausted(error):
            raise
        raise Misuse(
            f"cannot write reports into {directory}: {_reason(error)}; name a folder you may write to"
        ) from error


def write(path: Path, content: bytes) -> None:
    """Put ``content`` at ``path`` in one step, replacing what was there.

    Raises Misuse, OSError if the disk is full.
    """
    temporary = ""
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}-", delete=False) as file:
            temporary = file.name
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # A temporary file is private; a report is as readable as any file of its owner.
        umask = os.umask(0)
        os.umask(umask)
        Path(temporary).chmod(0o666 & ~umask)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        if exhausted(error):
            raise
        raise Misuse(f"cannot write {path}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
