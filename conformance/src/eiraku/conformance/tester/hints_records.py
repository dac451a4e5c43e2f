"""Misreadings in records. See `hints`."""

import hashlib
from dataclasses import dataclass

from eiraku.conformance.results import Hint
from eiraku.conformance.tester.hints import Table, tried
from eiraku.reference.crypto.aead import Aead, CannotOpen
from eiraku.reference.edhoc import schedule
from eiraku.reference.edhoc.party import Established
from eiraku.spec import cbor
from eiraku.spec.errors import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record that does not open."""

    aead: Aead
    handshake: Established[object]
    label: int
    """Of the wallet's direction."""
    other: int
    number: int
    sent: int
    """Records that went the other way."""
    record: bytes

    @property
    def ciphertext(self) -> bytes:
        """What it holds, if it is a byte string, or all of it."""
        try:
            found = cbor.decode(self.record, limit=max(len(self.record), cbor.LIMIT))
        except Refusal:
            return self.record
        return found if isinstance(found, bytes) else self.record

    @property
    def length(self) -> int:
        """Of key and vector together."""
        return self.aead.key_length + self.aead.nonce_length

    def material(self, label: int) -> bytes:
        """Key and vector of a direction."""
        return self.handshake.exporter(label, b"", self.length)

    def opens(
        self,
        *,
        material: bytes | None = None,
        number: int | None = None,
        nonce: bytes | None = None,
        aad: bytes = b"",
    ) -> bool:
        """Whether it opens if this were so."""
        material = self.material(self.label) if material is None else material
        number = self.number if number is None else number
        if number < 0:
            return False
        key, vector = material[: self.aead.key_length], material[self.aead.key_length :]
        if nonce is None:
            nonce = schedule.xor(vector, number.to_bytes(len(vector), "big"))
        try:
            self.aead.open(key, nonce, aad, self.ciphertext)
        except CannotOpen:
            return False
        return True

    @property
    def vector(self) -> bytes:
        """Of the wallet's direction."""
        return self.material(self.label)[self.aead.key_length :]


def _apart(case: Record) -> bool:
    key = case.handshake.exporter(case.label, b"", case.aead.key_length)
    return case.opens(material=key + case.handshake.exporter(case.label, b"", case.aead.nonce_length))


def _vector_first(case: Record) -> bool:
    right, at = case.material(case.label), case.aead.nonce_length
    return case.opens(material=right[at:] + right[:at])


def _little(case: Record) -> bool:
    return case.opens(nonce=schedule.xor(case.vector, case.number.to_bytes(len(case.vector), "little")))


_BARE = "opens, but stands alone instead of in a CBOR byte string"
RECORD: Table[Record, bool] = {
    "opens under the other direction's key": lambda case: case.opens(material=case.material(case.other)),
    "opens as the record before (number - 1)": lambda case: case.opens(number=case.number - 1),
    "opens as the record after (number + 1)": lambda case: case.opens(number=case.number + 1),
    "opens with one counter for both directions": lambda case: case.opens(number=case.number + case.sent),
    "opens with the vector as nonce, without the number": lambda case: case.opens(nonce=case.vector),
    "opens with the number alone as nonce": lambda case: case.opens(
        nonce=case.number.to_bytes(len(case.vector), "big")
    ),
    "opens with the number in little-endian order": _little,
    "opens with the number as associated data": lambda case: case.opens(aad=cbor.encode(case.number)),
    "opens with an Enc_structure as associated data": lambda case: case.opens(
        aad=cbor.encode(("Encrypt0", b"", b""))
    ),
    "opens with key and vector exported apart": _apart,
    "opens with the vector before the key": _vector_first,
    "opens with keys derived from PRK_out, not from PRK_exporter": lambda case: case.opens(
        material=schedule.kdf(case.handshake.prk_out, case.label, b"", case.length)
    ),
    "opens with the hash of nothing as the context of the exporter": lambda case: case.opens(
        material=case.handshake.exporter(case.label, hashlib.sha256().digest(), case.length)
    ),
    _BARE: Record.opens,
}


def record(case: Record) -> tuple[Hint, ...]:
    """How a record that does not open may have been sealed."""
    found = tried("record", RECORD, case, bool)
    if not case.opens():
        return found
    # Only its frame is wrong: what comes to the same key and nonce explains nothing.
    return tuple(Hint(about=hint.about, words=hint.words, holds=hint.words == _BARE) for hint in found)
