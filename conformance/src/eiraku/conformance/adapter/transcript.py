"""A digest of all that was exchanged with a wallet in one check.

The numbers of requests are left out: they count from the start of the wallet's process, and so depend on
which checks it served before. What is left depends on the seed alone if the wallet is deterministic.
"""

import hashlib
from typing import Any

import msgspec

_CANONICAL = msgspec.json.Encoder(order="sorted")


class Transcript:
    """SHA-256 over every request and answer, each with its length in 8 bytes before it."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()

    def request(self, fields: dict[str, Any]) -> None:
        """A line to the wallet, as the fields in it."""
        self._add(_without_number(fields))

    def answer(self, line: bytes, fields: dict[str, Any] | None = None) -> None:
        """The wallet's line, and the fields in it if it is an object; no bytes if there was no answer."""
        self._add(line if fields is None else _without_number(fields))

    def digest(self) -> str:
        """Of what was added so far, hex."""
        return self._hash.hexdigest()

    def _add(self, content: bytes) -> None:
        self._hash.update(len(content).to_bytes(8, "big"))
        self._hash.update(content)


def _without_number(fields: dict[str, Any]) -> bytes:
    return _CANONICAL.encode({name: value for name, value in fields.items() if name != "seq"})
