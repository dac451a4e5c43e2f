"""Files of JSON with byte strings in hexadecimal: how a log, its proofs and its evidence are written."""

import json
from typing import Any

from eiraku.spec.errors import Refused


def members(text: str) -> dict[str, Any]:
    """The members of one object. Raises Refused."""
    try:
        found = json.loads(text)
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
