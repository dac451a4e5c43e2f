"""What a client remembers beside its purse in `NAME.json`: whole or not at all, durable.

Errors are Misuse, or Unavailable for a disk that takes nothing, with advice.
"""

import json
import os
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import msgspec

from eiraku.spec.errors import Misuse, Unavailable


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """Byte strings in hexadecimal. `seed`: private key of a purse that is not enrolled yet, else empty.

    `reach`: see `Reach`, "" for None; `vault`: number of the holder's vault.
    """

    reach: dict[str, str]
    vault: str = ""
    seed: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How to reach the services: `server`, an address; `ca`: file of who signs its certificate; `cert`,
    `key`: files of our own, if it asks for one.
    """

    server: str
    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def fields(self) -> dict[str, str]:
        """As `Notes` has it; paths hold wherever the purse is used from."""
        files = {"ca": self.ca, "cert": self.cert, "key": self.key}
        return {"server": self.server} | {
            name: "" if path is None else str(path.resolve()) for name, path in files.items()
        }


def begin(path: Path, reach: Reach, random: Callable[[int], bytes]) -> Notes:
    """The key of a new purse, durable before anybody hears of it; or that of one that was interrupted."""
    if (reach.cert is None) != (reach.key is None):
        raise Misuse("expected both a certificate and its key; name the other file too")
    if where(path).is_file():
        known = read(path)
        if not known.seed:
            raise Misuse(f"{path}: is a purse already; name another file")
        return replace(known, reach=reach.fields())
    if path.exists():
        raise Misuse(f"{path}: is there already and is no purse of ours; name another file")
    notes = Notes(seed=random(32).hex(), reach=reach.fields())
    write(path, notes)
    return notes


def where(path: Path) -> Path:
    """The file beside the purse at `path`."""
    return path.with_name(path.name + ".json")


def outbox(path: Path) -> Path:
    """The file beside it with the requests that are under way."""
    return path.with_name(path.name + ".outbox")


def read(path: Path) -> Notes:
    """What is remembered for the purse at `path`."""
    try:
        written = where(path).read_bytes()
        notes = msgspec.json.decode(written, type=Notes)
        if strange := msgspec.json.decode(written).keys() - asdict(notes).keys():
            raise Misuse(f"{where(path)}: {min(strange)} is nothing that a purse remembers; restore it")
        if missing := {"server", "ca", "cert", "key"} - notes.reach.keys():
            raise Misuse(f"{where(path)}: reach: {min(missing)} is missing; restore it")
        for text in (notes.vault, notes.seed):
            bytes.fromhex(text)
    except (OSError, msgspec.DecodeError, ValueError) as error:
        raise Misuse(f"{where(path)}: cannot be read ({error}); restore it") from None
    return notes


def write(path: Path, notes: Notes) -> None:
    """Remember, in place of what was there."""
    target = where(path)
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            json.dump(asdict(notes), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise Unavailable(f"{target}: cannot be written ({error.strerror}); make room or rights") from None
