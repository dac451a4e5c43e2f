"""The signed objects of EPP/1 and the layers of a history, as values and as payload bytes (chapters 3 and 4).

No cryptography here: `encode` gives the bytes that are signed or sealed; `decode` refuses another shape with
MALFORMED. Numbers of purses are 8 bytes, epochs are integers, amounts are in minor units.
"""

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

from eiraku.spec import cbor, shape
from eiraku.spec.errors import Code, Refusal

CONTEXT_PURSE_ID = b"EPP/1 purse ID"
CONTEXT_BULLETIN = b"EPP/1 bulletin"
CONTEXT_UNIT = b"EPP/1 unit"
CONTEXT_ENDORSEMENT = b"EPP/1 endorsement"
CONTEXT_RECEIPT = b"EPP/1 receipt"

INFO_SEALED_PURSE_ID = b"EPP/1 sealed purse ID"
INFO_HISTORY = b"EPP/1 history"

LABEL_EPP_CLAIMS = -70000
LABEL_SEALED_PURSE_ID = -70001

ISSUER_NUMBER = bytes(8)
"""Stands for the issuing centre as payer of hop 0; no purse has it (EPP-PID-001)."""
PURSE_ID_MAX = 512
UNIT_MAX = 256
SEALED_NONCE = 16
HOP_MAX = 255
VALUES = frozenset(1 << n for n in range(41))
"""Permitted denominations (EPP-UNI-007)."""


class Role(IntEnum):
    """What a purse is for (chapter 1)."""

    PERSON = 1
    MERCHANT = 2
    VAULT = 3
    CENTRE = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class PurseId:
    """Claims of a purse ID (EPP-PID-001): key and `holder` 32, `seal` 16, `reserved` 0 to 32 bytes."""

    number: bytes
    public_key: bytes
    role: Role
    tier: int
    holder: bytes
    economy: int
    issued: int
    expires: int
    seal: bytes
    reserved: bytes = b""

    def encode(self) -> bytes:
        """Bytes of the CWT claims."""
        claims: tuple[cbor.Item, ...] = (
            self.number,
            int(self.role),
            self.tier,
            self.holder,
            self.economy,
            self.issued,
            self.expires,
            self.seal,
            self.reserved,
        )
        key: cbor.Item = {1: 1, -1: 6, -2: self.public_key}
        return cbor.encode({8: {1: key}, LABEL_EPP_CLAIMS: claims})

    @classmethod
    def decode(cls, payload: bytes) -> "PurseId":
        """Read CWT claims. Raises Refusal(MALFORMED, EPP-PID-001)."""
        # EPP-PID-001
        rule = "EPP-PID-001"
        claims = _map(cbor.decode(payload), rule, "claims", {8, LABEL_EPP_CLAIMS})
        key = _map(_map(claims[8], rule, "cnf", {1})[1], rule, "cnf key", {1, -1, -2})
        shape.uint(key[1], rule, "key type", 1, 1)
        shape.uint(key[-1], rule, "curve", 6, 6)
        fields = shape.array(claims[LABEL_EPP_CLAIMS], rule, "purse claims", 9)
        number, role, tier, holder, economy, issued, expires, seal, reserved = fields
        purse_id = cls(
            number=shape.octets(number, rule, "number", 8),
            public_key=shape.octets(key[-2], rule, "public key", 32),
            role=Role(shape.uint(role, rule, "role", 1, 4)),
            tier=shape.uint(tier, rule, "tier", 0, 7),
            holder=shape.octets(holder, rule, "holder", 32),
            economy=shape.uint(economy, rule, "economy", 1, 65535),
            issued=shape.uint(issued, rule, "issued", 0, shape.EPOCH_MAX),
            expires=shape.uint(expires, rule, "expires", 0, shape.EPOCH_MAX),
            seal=shape.octets(seal, rule, "seal", 16),
            # EPP-PID-006
            reserved=shape.octets(reserved, rule, "reserved", 0, 32),
        )
        if purse_id.number == ISSUER_NUMBER:
            raise Refusal(Code.MALFORMED, rule, "number: eight zero bytes stand for the issuing centre")
        _ordered(purse_id.issued, purse_id.expires, rule)
        return purse_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Payload of a unit (EPP-UNI-001). `value` in minor units, limited by EPP-UNI-007."""

    number: int
    issue: int
    value: int
    economy: int
    issued: int
    expires: int
    max_hops: int
    seal: bytes
    reserved: bytes = b""

    def encode(self) -> bytes:
        """Bytes of the payload."""
        head = (self.number, self.issue, self.value, self.economy, self.issued, self.expires, self.max_hops)
        return cbor.encode((*head, self.seal, self.reserved))

    @classmethod
    def decode(cls, payload: bytes) -> "Unit":
        """Read a payload. Raises Refusal(MALFORMED, EPP-UNI-001)."""
        # EPP-UNI-001
        rule = "EPP-UNI-001"
        fields = shape.array(cbor.decode(payload), rule, "unit", 9)
        number, issue, value, economy, issued, expires, max_hops, seal, reserved = fields
        unit = cls(
            number=shape.uint(number, rule, "number", 0, 2**63 - 1),
            issue=shape.uint(issue, rule, "issue", 0, 2**32 - 1),
            value=shape.amount(value, rule, "value"),
            economy=shape.uint(economy, rule, "economy", 1, 65535),
            issued=shape.uint(issued, rule, "issued", 0, shape.EPOCH_MAX),
            expires=shape.uint(expires, rule, "expires", 0, shape.EPOCH_MAX),
            max_hops=shape.uint(max_hops, rule, "max_hops", 1, HOP_MAX),
            seal=shape.octets(seal, rule, "seal", 16),
            # EPP-UNI-008
            reserved=shape.octets(reserved, rule, "reserved", 0, 32),
        )
        _ordered(unit.issued, unit.expires, rule)
        return unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Bulletin:
    """Payload of a bulletin: `revoked` strictly ascending (EPP-BUL-003), `policy_digest` 32 bytes."""

    epoch: int
    revoked: tuple[bytes, ...]
    policy_digest: bytes

    def encode(self) -> bytes:
        """Bytes of the payload."""
        return cbor.encode((self.epoch, self.revoked, self.policy_digest))

    @classmethod
    def decode(cls, payload: bytes) -> "Bulletin":
        """Read a payload. Raises Refusal(MALFORMED)."""
        # EPP-ENC-008
        epoch, revoked, policy_digest = shape.array(cbor.decode(payload), "EPP-ENC-008", "bulletin", 3)
        numbers = tuple(
            shape.octets(number, "EPP-ENC-008", "revoked number", 8)
            for number in shape.array(revoked, "EPP-ENC-008", "revoked")
        )
        # EPP-BUL-003
        if any(a >= b for a, b in pairwise(numbers)):
            raise Refusal(Code.MALFORMED, "EPP-BUL-003", "revoked numbers are not strictly ascending")
        return cls(
            epoch=shape.uint(epoch, "EPP-ENC-008", "epoch", 0, shape.EPOCH_MAX),
            revoked=numbers,
            policy_digest=shape.octets(policy_digest, "EPP-ENC-008", "policy digest", 32),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EndorsementPayload:
    """What a payer signs for each unit it gives away (EPP-HIS-001). `hop` counts moves; 0 is genesis."""

    unit_id: bytes
    hop: int
    history_digest: bytes
    payer: bytes
    payee: bytes
    transaction: bytes

    def encode(self) -> bytes:
        """Bytes of the detached payload."""
        ids = (self.payer, self.payee, self.transaction)
        return cbor.encode((self.unit_id, self.hop, self.history_digest, *ids))


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptPayload:
    """What a payee signs when it has credited a transaction (chapter 7). `amount` in minor units."""

    transaction: bytes
    payer: bytes
    payee: bytes
    amount: int
    offer_digest: bytes

    def encode(self) -> bytes:
        """Bytes of the detached payload."""
        return cbor.encode((self.transaction, self.payer, self.payee, self.amount, self.offer_digest))


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of a history in clear (EPP-HIS-003): what the payee received, and its endorsement."""

    inner: bytes
    payer: bytes
    payee: bytes
    transaction: bytes
    signature: bytes

    def encode(self) -> bytes:
        """Bytes that are sealed."""
        return cbor.encode((self.inner, self.payer, self.payee, self.transaction, self.signature))

    @classmethod
    def decode(cls, plaintext: bytes) -> "Layer":
        """Read an opened layer. Raises Refusal(MALFORMED, EPP-HIS-003)."""
        # EPP-HIS-003
        rule = "EPP-HIS-003"
        inner, payer, payee, transaction, signature = shape.array(cbor.decode(plaintext), rule, "layer", 5)
        return cls(
            inner=shape.octets(inner, rule, "inner", 0, 65535),
            payer=shape.octets(payer, rule, "payer", 8),
            payee=shape.octets(payee, rule, "payee", 8),
            transaction=shape.octets(transaction, rule, "transaction", 16),
            signature=shape.octets(signature, rule, "signature", 64),
        )


def _sizes() -> tuple[int, ...]:
    sizes: list[int] = []
    inner = 0
    for _ in range(HOP_MAX + 1):
        # enc 32, tag 16, array head 1, payer 9, payee 9, transaction 17, signature 66; and the head of inner
        inner += 150 + (1 if inner < 24 else 2 if inner < 256 else 3)
        sizes.append(inner)
    return tuple(sizes)


_HISTORY_SIZES = _sizes()


def history_size(hop: int) -> int:
    """Size in bytes of the sealed history of a unit held at `hop`, 0 to 255 (chapter 4)."""
    return _HISTORY_SIZES[hop]


def _map(item: cbor.Item, rule: str, where: str, keys: set[int]) -> cbor.Map:
    # EPP-ENC-005
    if not isinstance(item, dict) or item.keys() != keys:
        raise Refusal(Code.MALFORMED, rule, f"{where}: expected a map with the keys {sorted(keys)}")
    return item


def _ordered(issued: int, expires: int, rule: str) -> None:
    if issued > expires:
        raise Refusal(Code.MALFORMED, rule, "issued after it expires")
