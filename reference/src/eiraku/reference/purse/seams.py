"""The joints of a purse: what the parts of the core share, in small methods that a subclass can replace.

A purse for testing a test suite differs from the reference in one of these, or in one of `Checks`.
"""

from dataclasses import replace

from eiraku.reference import history
from eiraku.reference.crypto import cose
from eiraku.reference.purse import credential
from eiraku.reference.purse.checks import Checks
from eiraku.reference.purse.ledger import Pending
from eiraku.reference.purse.state import (
    Identity,
    Link,
    NoSession,
    Random,
    Refuse,
    Send,
    Terms,
    Turn,
    UnitRefusal,
)
from eiraku.reference.records import Channel
from eiraku.spec import cbor, messages, objects
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import Message, Redeliver, Reject
from eiraku.spec.objects import EndorsementPayload, Layer, ReceiptPayload

# What to say instead of a code that is never sent (EPP-ERR-002); a code that is not here is sent as it is.
_LOCAL: dict[Code, Code | None] = {
    Code.RECORD: None,
    Code.INSUFFICIENT_FUNDS: Code.AMOUNT,
    Code.NO_EXACT_CHANGE: Code.AMOUNT,
    Code.UNKNOWN_TRANSACTION: Code.TRANSACTION,
}


class Seams:
    """Shared by the parts of `Purse`. `suites`: EDHOC cipher suites, most preferred first."""

    def __init__(self, *, checks: Checks | None = None, suites: tuple[int, ...] = (4, 0)) -> None:
        self.checks = Checks() if checks is None else checks
        self.suites = suites

    # --- bytes in, bytes out ---

    def decode_message(self, data: bytes) -> Message:
        """Strict decoding. Raises Refusal."""
        # EPP-TRF-002
        return messages.decode(data)

    def open_record(self, channel: Channel, record: bytes) -> tuple[bytes, Channel]:
        """The message in a record, under the next number. Raises Refusal."""
        return channel.open(record)

    def seal_record(self, channel: Channel, message: bytes) -> tuple[bytes, Channel]:
        """The next record."""
        return channel.seal(message)

    def wire_code(self, code: Code) -> Code | None:
        """The code that the peer is told; None: nothing is answered."""
        # EPP-ERR-002
        return _LOCAL.get(code, code)

    # --- what is signed and sealed ---

    def id_cred(self, identity: Identity, random: Random) -> cbor.Map:
        """The purse ID, sealed afresh."""
        # EPP-PID-009
        return credential.seal(identity.anchor.scheme_key, self.sealing_nonce(random), identity.purse_id)

    def sealing_nonce(self, random: Random) -> bytes:
        """16 bytes for one session."""
        return random(objects.SEALED_NONCE)

    def ephemeral(self, random: Random) -> bytes:
        """32 bytes for the EDHOC key of one session."""
        # EPP-SES-011
        return random(32)

    def transaction(self, random: Random) -> bytes:
        """16 bytes for one OFFER."""
        # EPP-TRF-003
        return random(16)

    def endorsement_payload(
        self,
        *,
        unit_id: bytes,
        hop: int,
        history_digest: bytes,
        payer: bytes,
        payee: bytes,
        transaction: bytes,
    ) -> EndorsementPayload:
        """What a payer signs and a payee rebuilds; `hop`: as held by the payer."""
        # EPP-HIS-001
        return EndorsementPayload(
            unit_id=unit_id,
            hop=hop + 1,
            history_digest=history_digest,
            payer=payer,
            payee=payee,
            transaction=transaction,
        )

    def sign_endorsement(self, terms: Terms, payload: EndorsementPayload) -> bytes:
        """64 bytes."""
        # EPP-HIS-001
        return cose.sign_detached(terms.identity.key, objects.CONTEXT_ENDORSEMENT, payload.encode())

    def layer(
        self, *, inner: bytes, payer: bytes, payee: bytes, transaction: bytes, signature: bytes
    ) -> Layer:
        """What the payee seals for the issuing centre."""
        # EPP-HIS-003
        return Layer(inner=inner, payer=payer, payee=payee, transaction=transaction, signature=signature)

    def seal_layer(self, history_key: bytes, unit_id: bytes, layer: Layer, random: Random) -> bytes:
        """The new sealed history."""
        # EPP-HIS-007
        return history.seal_layer(layer, history_key=history_key, identifier=unit_id, ephemeral=random(32))

    def sign_receipt(self, terms: Terms, payload: ReceiptPayload) -> bytes:
        """64 bytes."""
        # EPP-TRF-050
        return cose.sign_detached(terms.identity.key, objects.CONTEXT_RECEIPT, payload.encode())

    def redelivery(self, pending: Pending) -> Redeliver:
        """Exactly what was committed."""
        # EPP-CRS-007
        return Redeliver(offer=pending.offer, endorsements=pending.endorsements)

    # --- turns ---

    def say(self, link: Link, message: bytes) -> tuple[Link, Send]:
        """Send one record."""
        record, channel = self.seal_record(link.channel, message)
        return replace(link, channel=channel), Send(data=record)

    def refuse(self, link: Link, refusal: Refusal) -> Turn:
        """End an open session: tell the peer, if it may know, and the holder."""
        code = self.wire_code(refusal.code)
        if code is None:
            return NoSession(), (Refuse(refusal=refusal),)
        index = refusal.index if isinstance(refusal, UnitRefusal) else None
        # EPP-TRF-007
        _, answer = self.say(link, Reject(code=int(code), index=index).encode())
        return NoSession(), (answer, Refuse(refusal=refusal))
