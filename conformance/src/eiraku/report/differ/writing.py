"""The page and the JSON of a run of ``eiraku differ``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
from markupsafe import Markup

from eiraku.conformance.differ.runner import DifferRun, Found
from eiraku.conformance.results import to_json
from eiraku.report import page
from eiraku.report.certify import steps
from eiraku.report.files import prepare, write
from eiraku.report.interop.writing import encodable
from eiraku.report.text import one_line, shorten, visible

_BLOCK = 3000
_VERDICT = {0: ("pass", "No difference found"), 1: ("fail", "They differ"), 3: ("gap", "Incomplete")}
"""By exit code: style class and words."""


def as_page(run: DifferRun) -> bytes:
    """The bytes of ``report.html``."""
    tone, word = _VERDICT[run.exit_code]
    facts: dict[str, Any] = {"run": run, "tone": tone, "word": word}
    filters: dict[str, Callable[[Any], object]] = {
        "line": one_line,
        "cut": lambda text: visible(shorten(text, _BLOCK)),
        "diagram": _diagram,
    }
    return page.render(__package__, facts, filters)


def _diagram(found: Found) -> Markup:
    return Markup(steps.draw(found.steps))  # noqa: S704 - escapes what it draws


def as_json(run: DifferRun) -> bytes:
    """The bytes of ``report.json``."""
    return msgspec.json.format(msgspec.json.encode(encodable(to_json(run))), indent=1) + b"\n"


def write_all(run: DifferRun, directory: Path) -> list[Path]:
    """Write both into ``directory``; their paths. Raises Misuse."""
    prepare(directory)
    contents = {directory / "report.html": as_page(run), directory / "report.json": as_json(run)}
    for path, content in contents.items():
        write(path, content)
    return list(contents)
