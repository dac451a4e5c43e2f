"""The suite's end of an open session: records in both directions, right or deliberately wrong (chapter 6)."""

from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.results import Fact, Insight
from eiraku.conformance.tester import hints_records
from eiraku.conformance.tester.hints_records import Record
from eiraku.reference.crypto.aead import CannotOpen
from eiraku.reference.edhoc.party import Established
from eiraku.reference.edhoc.schedule import SUITES
from eiraku.spec import cbor
from eiraku.spec.errors import Refusal
from eiraku.spec.tables import Side

LABEL_A = 65001
LABEL_B = 65002


class Channel:
    """Keys and counters of one session. Written from chapter 6, independently of the reference purse."""

    def __init__(self, handshake: Established[object], suite: int, peer_side: Side) -> None:
        """`peer_side`: the side that the suite plays."""
        self.handshake = handshake
        self.aead = SUITES[suite].aead
        length = self.aead.key_length + self.aead.nonce_length
        self.labels = (LABEL_A, LABEL_B) if peer_side is Side.INITIATOR else (LABEL_B, LABEL_A)
        self.out_secret, self.in_secret = (handshake.exporter(label, b"", length) for label in self.labels)
        self.sent = 0
        self.received = 0

    def seal(self, plaintext: bytes, *, number: int | None = None, secret: bytes | None = None) -> bytes:
        """The next record, or one with another number or under another direction's secret."""
        if number is None:
            number, self.sent = self.sent, self.sent + 1
        key, nonce = self._parts(secret or self.out_secret, number)
        return cbor.encode(self.aead.seal(key, nonce, b"", plaintext))

    def open(self, record: bytes) -> bytes:
        """Plaintext of the wallet's next record. Raises AssertionError if it is not one."""
        try:
            ciphertext = cbor.decode(record, limit=70000)
        except Refusal as refusal:
            raise AssertionError(f"the wallet's record is not a CBOR byte string: {refusal}") from None
        if not isinstance(ciphertext, bytes):
            raise AssertionError("the wallet's record is not a CBOR byte string")
        key, nonce = self._parts(self.in_secret, self.received)
        try:
            plaintext = self.aead.open(key, nonce, b"", ciphertext)
        except CannotOpen:
            raise AssertionError(
                f"the wallet's record {self.received} does not open under the key of its direction"
            ) from None
        self.received += 1
        return plaintext

    def explain(self, record: bytes, notes: EvidenceNotes) -> None:
        """Why a record of the wallet does not open."""
        out, into = self.labels
        case = Record(
            aead=self.aead,
            handshake=self.handshake,
            label=into,
            other=out,
            number=self.received,
            sent=self.sent,
            record=record,
        )
        key, nonce = self._parts(self.in_secret, self.received)
        facts = (
            Fact(name="number", value=str(self.received)),
            Fact(name="key", value=key.hex()),
            Fact(name="nonce", value=nonce.hex()),
            Fact(name="associated data", value="(empty)"),
            Fact(name="ciphertext", value=case.ciphertext.hex()),
        )
        notes.insights.append(Insight(title="Record, as it was opened", facts=facts))
        found = hints_records.record(case)
        counting = any(hint.holds and ("number" in hint.words or "counter" in hint.words) for hint in found)
        bare = case.ciphertext is case.record
        notes.violated = "EPP-REC-006" if bare else "EPP-REC-002" if counting else "EPP-REC-001"
        notes.hints += found

    def _parts(self, secret: bytes, number: int) -> tuple[bytes, bytes]:
        key, iv = secret[: self.aead.key_length], secret[self.aead.key_length :]
        nonce = int.from_bytes(iv, "big") ^ number
        return key, nonce.to_bytes(len(iv), "big")
