"""Reports of a run: terminal, JSON, JUnit XML, one HTML page and a badge.

All are made from a `Run` alone. What comes from the wallet is hostile: every report shows it without
letting it act. `write_all` writes the files; `terminal.print_run` prints.
"""

from collections.abc import Callable
from pathlib import Path

from eiraku.conformance.results import Run
from eiraku.report import badge, html, json_report, junit
from eiraku.report.files import prepare, write
from eiraku.spec.errors import Misuse

__all__ = ["FILES", "Misuse", "prepare", "write_all"]

FILES: dict[str, Callable[[Run], bytes]] = {
    "report.html": html.render,
    "report.json": json_report.render,
    "junit.xml": junit.render,
    "badge.svg": badge.render,
}
"""Name of each file and what makes its bytes."""


def write_all(run: Run, directory: Path) -> list[Path]:
    """Write all files into ``directory``, made if need be; their paths, the page for people first.

    All are made before the first is written, and each appears whole or not at all. Raises Misuse.
    """
    prepare(directory)
    contents = {directory / name: render(run) for name, render in FILES.items()}
    for path, content in contents.items():
        write(path, content)
    return list(contents)
