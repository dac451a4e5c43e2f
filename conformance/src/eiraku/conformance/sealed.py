"""The judge's own environment: nothing that stands in it, or in the current folder, may change a verdict.

Python and pytest take orders from environment variables, and Python looks for modules in the current folder.
`seal` begins the program again without them, before anything of it has run. The wallet still gets what its
vendor set (`wallet_environment`), and nothing by which it could tell which check is running.
"""

import os
import sys
from collections.abc import Sequence

_COMMANDED = ("PYTHON", "PYTEST_", "HYPOTHESIS_", "COVERAGE_")
_KEPT = "EIRAKU_WALLET_"
"""Begins the name under which a variable that was taken away is kept for the wallet."""
_SEALED = {
    "EIRAKU_SEALED": "1",
    # Keeps the current folder out of `sys.path` in the processes that this one starts.
    "PYTHONSAFEPATH": "1",
}


def is_sealed() -> bool:
    """Whether this process obeys nothing but its arguments."""
    commands = (name for name in os.environ if name.startswith(_COMMANDED) and name not in _SEALED)
    return bool(sys.flags.safe_path and sys.flags.ignore_environment) and not any(commands)


def seal(arguments: Sequence[str]) -> None:
    """Begin ``eiraku`` again with ``arguments``, sealed; returns if that has been done."""
    if is_sealed():
        return
    given = {
        _KEPT + name if name.startswith(_COMMANDED) else name: value for name, value in os.environ.items()
    }
    command = [sys.executable, "-E", "-P", "-m", "eiraku.cli", *arguments]
    sys.stdout.flush()
    os.execve(sys.executable, command, given | _SEALED)  # noqa: S606 - this very program


def wallet_environment() -> dict[str, str]:
    """The variables for a wallet: those of whoever started the judge, none of pytest's own."""
    if "EIRAKU_SEALED" not in os.environ:
        return {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    return {
        name.removeprefix(_KEPT): value
        for name, value in os.environ.items()
        if name not in _SEALED and not name.startswith(_COMMANDED)
    }
