"""The objects between purses and centres, as values and as payload bytes (chapters 12 to 16).

No cryptography here: `encode` gives the bytes that travel or are signed; `decode` refuses another shape with
MALFORMED. Numbers of purses are 8 bytes, transactions 16, digests and unit identifiers 32, signatures 64;
amounts are in minor units.
"""

from dataclasses import dataclass

from eiraku.spec import cbor, shape
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.messages import LIMIT

CONTEXT_REQUEST = b"EPP/1 request"
CONTEXT_SELF_REPORT = b"EPP/1 self-report"
CONTEXT_BULLETIN_HEAD = b"EPP/1 bulletin head"

REQUEST_MAX = 131_072
"""Greatest length of a signed request, in bytes (EPP-SVC-004)."""
CHUNK = 1024
"""Length of every chunk of a bulletin but the last, in bytes (EPP-DEV-009)."""
CHUNKS_MAX = 64
"""A bulletin has at most 65 535 bytes (EPP-BUL-005)."""
REPORTED_MAX = 4096
"""Greatest number of units, and of pending transactions, in one self-report (EPP-DEV-006)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """Fresh units for a vault: for each the signed unit and its genesis endorsement (EPP-CEN-012)."""

    transaction: bytes
    amount: int
    units: tuple[tuple[bytes, bytes], ...]

    def encode(self) -> bytes:
        """Bytes of the object; their SHA-256 digest stands for the offer digest in the receipt."""
        return cbor.encode((self.transaction, self.amount, self.units))

    @classmethod
    def decode(cls, data: bytes) -> "Issue":
        """Read an issue of at most 65 535 bytes. Raises Refusal (MALFORMED, TOO_LARGE)."""
        rule = "EPP-CEN-012"
        transaction, amount, units = shape.array(cbor.decode(data, limit=LIMIT), rule, "issue", 3)
        return cls(
            transaction=shape.octets(transaction, rule, "transaction", 16),
            amount=shape.amount(amount, rule, "amount"),
            units=tuple(_issued(unit) for unit in shape.array(units, rule, "units")),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A pending transaction whose receipt never came (EPP-CEN-008): what the payer stored of it.

    `beneficiary`: purse number of the vault whose account at the centre is to get the refund.
    """

    offer: bytes
    endorsements: tuple[bytes, ...]
    payee: bytes
    beneficiary: bytes

    def encode(self) -> bytes:
        """Body of the signed request `claim`."""
        return cbor.encode((self.offer, self.endorsements, self.payee, self.beneficiary))

    @classmethod
    def decode(cls, data: bytes) -> "Claim":
        """Read a claim. Raises Refusal (MALFORMED, TOO_LARGE)."""
        rule = "EPP-CEN-008"
        offer, endorsements, payee, beneficiary = shape.array(
            cbor.decode(data, limit=REQUEST_MAX), rule, "claim", 4
        )
        return cls(
            offer=shape.octets(offer, rule, "offer", 0, LIMIT),
            endorsements=tuple(
                shape.octets(item, rule, "endorsement", 64)
                for item in shape.array(endorsements, rule, "endorsements")
            ),
            payee=shape.octets(payee, rule, "payee", 8),
            beneficiary=shape.octets(beneficiary, rule, "beneficiary", 8),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfReport:
    """What a purse says of itself when it is inspected (EPP-DEV-006), over a challenge of 16 bytes.

    `units`: (unit_id, hop) of each spendable unit, ascending; `pending`: (transaction, payee, amount), by
    transaction. The totals are sums of amounts since it was made: `given` at its making, `credited`,
    `settled`; `balance` is the sum of spendable units. `digest`: of all durable content.
    """

    challenge: bytes
    number: bytes
    epoch: int
    units: tuple[tuple[bytes, int], ...]
    pending: tuple[tuple[bytes, bytes, int], ...]
    balance: int
    given: int
    credited: int
    settled: int
    digest: bytes

    def encode(self) -> bytes:
        """Bytes of the payload."""
        totals = (self.balance, self.given, self.credited, self.settled)
        return cbor.encode(
            (self.challenge, self.number, self.epoch, self.units, self.pending, *totals, self.digest)
        )

    @classmethod
    def decode(cls, payload: bytes) -> "SelfReport":
        """Read a payload. Raises Refusal (MALFORMED, TOO_LARGE)."""
        rule = "EPP-DEV-006"
        fields = shape.array(cbor.decode(payload, limit=4 * REQUEST_MAX), rule, "self-report", 10)
        challenge, number, epoch, units, pending, balance, given, credited, settled, digest = fields
        return cls(
            challenge=shape.octets(challenge, rule, "challenge", 16),
            number=shape.octets(number, rule, "number", 8),
            epoch=shape.uint(epoch, rule, "epoch", 0, shape.EPOCH_MAX),
            units=tuple(_held(item) for item in shape.array(units, rule, "units")),
            pending=tuple(_pending(item) for item in shape.array(pending, rule, "pending")),
            balance=shape.amount(balance, rule, "balance"),
            given=shape.amount(given, rule, "given"),
            credited=shape.amount(credited, rule, "credited"),
            settled=shape.amount(settled, rule, "settled"),
            digest=shape.octets(digest, rule, "digest", 32),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BulletinHead:
    """What makes a bulletin fit for small steps (EPP-DEV-009): digest of the whole, and of each chunk."""

    epoch: int
    digest: bytes
    chunks: tuple[bytes, ...]

    def encode(self) -> bytes:
        """Bytes of the payload."""
        return cbor.encode((self.epoch, self.digest, self.chunks))

    @classmethod
    def decode(cls, payload: bytes) -> "BulletinHead":
        """Read a payload. Raises Refusal(MALFORMED)."""
        rule = "EPP-DEV-009"
        epoch, digest, chunks = shape.array(cbor.decode(payload), rule, "bulletin head", 3)
        found = shape.array(chunks, rule, "chunks")
        if not 1 <= len(found) <= CHUNKS_MAX:
            raise Refusal(Code.MALFORMED, rule, f"chunks: expected 1 to {CHUNKS_MAX}, found {len(found)}")
        return cls(
            epoch=shape.uint(epoch, rule, "epoch", 0, shape.EPOCH_MAX),
            digest=shape.octets(digest, rule, "digest", 32),
            chunks=tuple(shape.octets(item, rule, "chunk digest", 32) for item in found),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a purse signs to ask a centre for something (EPP-SVC-002).

    `audience`: name of the service asked (`issuing-centre`, `device-centre`, `vault`); `method`: what for;
    `sequence`: greater in every new request of this purse to this service; `body`: by method.
    """

    audience: str
    method: str
    purse: bytes
    sequence: int
    body: bytes

    def encode(self) -> bytes:
        """Bytes of the payload."""
        return cbor.encode((self.audience, self.method, self.purse, self.sequence, self.body))

    @classmethod
    def decode(cls, payload: bytes) -> "Request":
        """Read a payload. Raises Refusal (MALFORMED, TOO_LARGE)."""
        rule = "EPP-SVC-002"
        fields = shape.array(cbor.decode(payload, limit=REQUEST_MAX), rule, "request", 5)
        audience, method, purse, sequence, body = fields
        return cls(
            audience=shape.text(audience, rule, "audience", 32),
            method=shape.text(method, rule, "method", 32),
            purse=shape.octets(purse, rule, "purse", 8),
            sequence=shape.uint(sequence, rule, "sequence", 1, 2**53 - 1),
            body=shape.octets(body, rule, "body", 0, REQUEST_MAX),
        )


def _issued(item: cbor.Item) -> tuple[bytes, bytes]:
    unit, signature = shape.array(item, "EPP-CEN-012", "issued unit", 2)
    return (
        shape.octets(unit, "EPP-CEN-012", "unit", 0, LIMIT),
        shape.octets(signature, "EPP-CEN-012", "genesis endorsement", 64),
    )


def _held(item: cbor.Item) -> tuple[bytes, int]:
    unit_id, hop = shape.array(item, "EPP-DEV-006", "held unit", 2)
    return (
        shape.octets(unit_id, "EPP-DEV-006", "unit_id", 32),
        shape.uint(hop, "EPP-DEV-006", "hop", 0, 255),
    )


def _pending(item: cbor.Item) -> tuple[bytes, bytes, int]:
    transaction, payee, amount = shape.array(item, "EPP-DEV-006", "pending transaction", 3)
    return (
        shape.octets(transaction, "EPP-DEV-006", "transaction", 16),
        shape.octets(payee, "EPP-DEV-006", "payee", 8),
        shape.amount(amount, "EPP-DEV-006", "amount"),
    )
