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
        self._ended = False

    def request(self, line: bytes) -> None:
        """A line to the wallet, whose first field is the number."""
        self._add(b"{" + line.partition(b",")[2])

    def answer(self, line: bytes, fields: dict[str, Any] | None = None) -> None:
        """The wallet's line, empty if there was none, and the fields in it if it follows the protocol."""
        if fields is not None:
            line = _CANONICAL.encode({name: fields[name] for name in fields if name != "seq"})
        self._add(line)

    def end(self) -> None:
        """Leave out all that follows: it depends on the moment at which the wallet was killed."""
        self._ended = True

    def digest(self) -> str:
        """Of what was added so far, hex."""
        return self._hash.hexdigest()

    def _add(self, content: bytes) -> None:
        if not self._ended:
            self._hash.update(len(content).to_bytes(8, "big"))
            self._hash.update(content)
