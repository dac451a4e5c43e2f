"""Records: the encrypted channel after the handshake (specification, chapter 6).

A `Channel` is one side's keys and counters; `seal` and `open` return the bytes and the channel that follows,
so that a refused record leaves nothing half counted. Lengths in bytes.
"""

from dataclasses import dataclass, field, replace

from eiraku.reference.crypto.aead import Aead, CannotOpen
from eiraku.reference.edhoc.party import Established, SubjectT
from eiraku.spec import cbor
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.tables import Side

LABEL_COM_KA = 65001
LABEL_COM_KB = 65002


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """Key and initialisation vector of one direction, and the number of its next record."""

    key: bytes = field(repr=False)
    iv: bytes = field(repr=False)
    number: int = 0

    @property
    def nonce(self) -> bytes:
        """Nonce of the next record."""
        # EPP-REC-002
        n = int.from_bytes(self.iv, "big") ^ self.number
        return n.to_bytes(len(self.iv), "big")


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One side of a session's records. `most`: bytes of the longest message (chapter 9, `max_record`)."""

    aead: Aead
    most: int
    sending: Direction
    receiving: Direction

    @property
    def fresh(self) -> bool:
        """Whether no record was sent or received yet."""
        return self.sending.number == self.receiving.number == 0

    def seal(self, message: bytes) -> tuple[bytes, "Channel"]:
        """The record that carries `message`. Raises ValueError if that is too long: our own fault."""
        if len(message) > self.most:
            raise ValueError(f"message of {len(message)} bytes, at most {self.most} allowed")
        sealed = self.aead.seal(self.sending.key, self.sending.nonce, b"", message)
        return cbor.encode(sealed), replace(self, sending=_next(self.sending))

    def open(self, record: bytes) -> tuple[bytes, "Channel"]:
        """The message in `record`. Raises Refusal (MALFORMED, TOO_LARGE or RECORD)."""
        # EPP-REC-006
        sealed = cbor.decode(record, limit=max(len(record), cbor.LIMIT))
        if not isinstance(sealed, bytes):
            raise Refusal(Code.MALFORMED, "EPP-REC-006", "record is not one byte string")
        # EPP-ENC-010
        if len(sealed) > self.most + self.aead.tag_length:
            raise Refusal(Code.TOO_LARGE, "EPP-ENC-010", f"record of {len(sealed)} bytes")
        try:
            # EPP-REC-007
            message = self.aead.open(self.receiving.key, self.receiving.nonce, b"", sealed)
        except CannotOpen:
            # EPP-REC-003
            raise Refusal(
                Code.RECORD, "EPP-REC-003", f"record {self.receiving.number} does not open"
            ) from None
        return message, replace(self, receiving=_next(self.receiving))


def channel(session: Established[SubjectT], aead: Aead, side: Side, most: int) -> Channel:
    """The channel of one side of a finished handshake, nothing sent or received yet."""

    def derive(label: int) -> Direction:
        material = session.exporter(label, b"", aead.key_length + aead.nonce_length)
        return Direction(key=material[: aead.key_length], iv=material[aead.key_length :])

    # EPP-REC-001
    com_ka, com_kb = derive(LABEL_COM_KA), derive(LABEL_COM_KB)
    if side is Side.INITIATOR:
        return Channel(aead=aead, most=most, sending=com_ka, receiving=com_kb)
    return Channel(aead=aead, most=most, sending=com_kb, receiving=com_ka)


def _next(direction: Direction) -> Direction:
    # EPP-REC-002
    return Direction(key=direction.key, iv=direction.iv, number=direction.number + 1)
