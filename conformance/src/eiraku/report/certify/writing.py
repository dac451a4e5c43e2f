"""All report files of a run."""

from collections.abc import Callable
from pathlib import Path

from eiraku.conformance.results import Run
from eiraku.report.certify import badge, json_report, junit, page
from eiraku.report.files import prepare, write

FILES: dict[str, Callable[[Run], bytes]] = {
    "report.html": page.render,
    "report.json": json_report.render,
    "junit.xml": junit.render,
    "badge.svg": badge.render,
}
"""Name of each file and what makes its bytes."""


def write_all(run: Run, directory: Path) -> list[Path]:
    """Write all files into ``directory``, made if need be; their paths, the page for people first.

    All are made before the first is written, and each appears whole or not at all. Raises ReportError.
    """
    prepare(directory)
    contents = {directory / name: render(run) for name, render in FILES.items()}
    for path, content in contents.items():
        write(path, content)
    return list(contents)
