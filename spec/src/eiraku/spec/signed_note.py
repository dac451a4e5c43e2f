"""Signed notes as text and as values (chapter 15): C2SP `signed-note`, read strictly.

No cryptography here: who signed is for `eiraku.system.wholesale.note`. Whatever `Note.decode` accepts,
`encode` gives back byte for byte.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import NoReturn

from eiraku.spec.errors import Code, Refusal

NOTE_MAX = 131_072
"""Greatest length of a note, in bytes of UTF-8."""
SIGNATURES_MAX = 64
"""Greatest number of signature lines; C2SP asks for 16 at least."""
KEY_ID = 4
"""Length of a key id, in bytes."""
DASH = "\N{EM DASH}"

# Not: control characters, those of Unicode with the property White_Space, the plus sign, and half a pair.
_NAME = re.compile(r"[^\x00-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000+\ud800-\udfff]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}")


def is_key_name(name: str) -> bool:
    """Whether a key may have this name."""
    return _NAME.fullmatch(name) is not None


def to_base64(data: bytes) -> str:
    """RFC 4648 section 4, with padding."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes | None:
    """The bytes, if this is how `to_base64` writes them."""
    try:
        found = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        return None
    return found if to_base64(found) == text else None


def decimal(text: str, most: int) -> int | None:
    """The number from 0 to `most` (below 10**19), if it is written without leading zeros."""
    if not _DECIMAL.fullmatch(text):
        return None
    found = int(text)
    return found if found <= most else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureLine:
    """`key_id`: 4 bytes; `signature`: what follows it, at least 1 byte, in the form of the key's type."""

    name: str
    key_id: bytes
    signature: bytes

    def encode(self) -> str:
        """The line, with its newline."""
        return f"{DASH} {self.name} {to_base64(self.key_id + self.signature)}\n"

    @classmethod
    def decode(cls, line: str) -> "SignatureLine":
        """Read a line without its newline. Raises Refusal."""
        words = line.split(" ")
        # EPP-WHS-013
        if len(words) != 3 or words[0] != DASH or not is_key_name(words[1]):
            _refuse("a signature line: expected an em dash, a key name and base64, a space between each")
        data = from_base64(words[2])
        # EPP-WHS-013
        if data is None or len(data) <= KEY_ID:
            _refuse(f"a signature line: expected base64 of a key id of {KEY_ID} bytes and a signature")
        return cls(name=words[1], key_id=data[:KEY_ID], signature=data[KEY_ID:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """`text`: what is signed, lines with the newline of each; `signatures`: in the order of the lines."""

    text: str
    signatures: tuple[SignatureLine, ...]

    def encode(self) -> str:
        """The note as text; UTF-8 on its way."""
        return self.text + "\n" + "".join(line.encode() for line in self.signatures)

    @classmethod
    def decode(cls, note: str | bytes) -> "Note":
        """Read a note; no signature is verified. Raises Refusal."""
        # EPP-WHS-014: before any work that grows with the note.
        if len(note) > NOTE_MAX:
            raise Refusal(Code.TOO_LARGE, "EPP-WHS-014", f"a note of more than {NOTE_MAX} bytes")
        try:
            octets = note.encode("utf-8") if isinstance(note, str) else note
            found = octets.decode("utf-8")
        except UnicodeError:
            _refuse("a note: expected UTF-8")
        # EPP-WHS-014
        if len(octets) > NOTE_MAX:
            raise Refusal(Code.TOO_LARGE, "EPP-WHS-014", f"a note of {len(octets)} bytes; {NOTE_MAX} at most")
        # EPP-WHS-013
        if _CONTROL.search(found):
            _refuse("a note: a control character other than the newline")
        text, empty, rest = found.rpartition("\n\n")
        # EPP-WHS-013
        if not (empty and rest.endswith("\n")):
            _refuse("a note: expected text, an empty line, and lines of signatures, each with a newline")
        lines = rest[:-1].split("\n")
        # EPP-WHS-014
        if len(lines) > SIGNATURES_MAX:
            detail = f"a note with {len(lines)} signature lines; {SIGNATURES_MAX} at most"
            raise Refusal(Code.TOO_LARGE, "EPP-WHS-014", detail)
        return cls(text=text + "\n", signatures=tuple(SignatureLine.decode(line) for line in lines))


def _refuse(detail: str) -> NoReturn:
    raise Refusal(Code.MALFORMED, "EPP-WHS-013", detail)
