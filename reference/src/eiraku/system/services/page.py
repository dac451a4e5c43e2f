"""A page of the OpenAPI description that needs no network: one table, no script."""

from html import escape
from typing import Any

REFUSAL: dict[str, Any] = {
    "type": "object",
    "required": ["code", "requirement", "detail", "request"],
    "properties": {name: {"type": "string"} for name in ("code", "requirement", "detail", "request")},
}
"""JSON Schema of a refusal (EPP-SVC-008)."""

_STYLE = "body{font:16px sans-serif;margin:2em;max-width:70em}td,th{text-align:left;padding:.3em 1em .3em 0}"


def render(openapi: dict[str, Any]) -> str:
    """HTML."""
    rows = "".join(
        f"<tr><td><code>{verb.upper()}</code></td><td><code>{escape(path)}</code></td>"
        f"<td>{escape(call.get('description') or call.get('summary', ''))}</td></tr>"
        for path, calls in sorted(openapi["paths"].items())
        for verb, call in calls.items()
    )
    title = escape(openapi["info"]["title"])
    return (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{_STYLE}</style>"
        f"<h1>{title}</h1><p>For programs: <a href=/openapi.json>/openapi.json</a>; in words: "
        f"chapter 16 of the specification.</p><table><tr><th>Verb<th>Path<th>What</tr>{rows}</table></html>"
    )
