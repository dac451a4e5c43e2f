"""The page kit: one page with everything in it, that asks nothing of any network.

A page forbids itself every request and every script but its own, if it has one (a content security policy
with the hash of that script).
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from jinja2 import DictLoader, Environment, StrictUndefined
from markupsafe import Markup


def render(
    package: str,
    facts: Mapping[str, Any],
    filters: Mapping[str, Callable[[Any], object]],
    *,
    script: str = "",
) -> bytes:
    """The bytes of the page of `package`: its ``page.html.j2`` and ``page.css``, with `facts`.

    Whatever the template shows of the facts is escaped, but for `Markup`. `script`: the file of its script.
    """
    templates = {
        "base.html.j2": _resource("eiraku.report", "base.html.j2"),
        "page.html.j2": _resource(package, "page.html.j2"),
    }
    environment = Environment(
        loader=DictLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    styles = ((__package__, "page.css"), (__package__, "sequence.css"), (package, "page.css"))
    code = _resource(package, script) if script else ""
    page = environment.get_template("page.html.j2").render(
        **facts,
        style=Markup("".join(_resource(*each) for each in styles)),  # noqa: S704 - our own files
        script=Markup(code),  # noqa: S704 - our own file
        script_hash=base64.b64encode(hashlib.sha256(code.encode()).digest()).decode(),
    )
    return page.encode("utf-8")


def _resource(package: str, name: str) -> str:
    return files(package).joinpath(name).read_text(encoding="utf-8")
