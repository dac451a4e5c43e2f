"""Files of JSON, byte strings in hexadecimal, notes as text: a log, its proofs, evidence of a fork."""

import json
from typing import Any

from eiraku.spec.errors import Refused


def members(content: str) -> dict[str, Any]:
    """The members of one object. Raises Refused."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Refused(f"expected JSON ({type(error).__name__}: {error})") from None
    if not isinstance(found, dict):
        raise Refused(f"expected an object of JSON, found {found!r}")
    return found


def member(given: dict[str, Any], name: str) -> Any:
    """Whatever is there. Raises Refused."""
    if name not in given:
        raise Refused(f"{name}: missing")
    return given[name]


def octets(given: dict[str, Any], name: str) -> bytes:
    """A byte string. Raises Refused."""
    return _octets(name, member(given, name))


def text(given: dict[str, Any], name: str) -> str:
    """A text. Raises Refused."""
    found = member(given, name)
    if not isinstance(found, str):
        raise Refused(f"{name}: expected a text, found {found!r}")
    return found


def several(given: dict[str, Any], name: str) -> tuple[bytes, ...]:
    """A list of byte strings. Raises Refused."""
    found = member(given, name)
    if not isinstance(found, list):
        raise Refused(f"{name}: expected a list, found {found!r}")
    return tuple(_octets(name, item) for item in found)


def _octets(name: str, value: object) -> bytes:
    if not isinstance(value, str):
        raise Refused(f"{name}: expected hexadecimal digits, found {value!r}")
    try:
        return bytes.fromhex(value)
    except ValueError:
        raise Refused(f"{name}: expected hexadecimal digits, found {value!r}") from None
