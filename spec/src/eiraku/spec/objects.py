"""The signed objects of EPP/1 and the layers of a history, as values and as payload bytes (chapters 3 and 4).

No cryptography here: `encode` gives the bytes that are signed or sealed; `decode` refuses another shape with
MALFORMED. Amounts are in minor units.
"""

from enum import IntEnum
from typing import Annotated

from eiraku.spec.errors import Code, Refusal
from eiraku.spec.fields import (
    Amount,
    Digest,
    Economy,
    Encoded,
    Epoch,
    Hop,
    Number,
    Reserved,
    Seal,
    Signature,
    Transaction,
)
from eiraku.spec.layout import Octets, Place, Uint
from eiraku.spec.record import Record, record

CONTEXT_PURSE_ID = b"EPP/1 purse ID"
CONTEXT_BULLETIN = b"EPP/1 bulletin"
CONTEXT_UNIT = b"EPP/1 unit"
CONTEXT_ENDORSEMENT = b"EPP/1 endorsement"
CONTEXT_RECEIPT = b"EPP/1 receipt"

INFO_SEALED_PURSE_ID = b"EPP/1 sealed purse ID"
INFO_MEMBER = b"EPP/1 member"
INFO_HISTORY = b"EPP/1 history"

LABEL_EPP_CLAIMS = -70000
LABEL_KID = 4
"""COSE header parameter in which a sealed purse ID travels (EPP-PID-008)."""

ISSUER_NUMBER = bytes(8)
"""Stands for the issuing centre as payer of hop 0; no purse has it (EPP-PID-001)."""
PURSE_ID_MAX = 256
"""Greatest length of a purse ID, and length of every padded one (EPP-PID-030)."""
UNIT_MAX = 256
SEALED_NONCE = 16
SEALED_TAG = 16
MEMBER_MAC = 16
HOP_MAX = 255
VALUES = frozenset(1 << n for n in range(41))
"""Permitted denominations (EPP-UNI-007)."""


class Role(IntEnum):
    """What a purse is for (chapter 1)."""

    PERSON = 1
    MERCHANT = 2
    VAULT = 3
    CENTRE = 4


def _ordered(issued: int, expires: int, rule: str) -> None:
    if issued > expires:
        raise Refusal(Code.MALFORMED, rule, "issued after it expires")


def _of_a_purse(claims: "PurseId") -> None:
    if claims.number == ISSUER_NUMBER:
        raise Refusal(Code.MALFORMED, "EPP-PID-001", "number: eight zero bytes stand for the issuing centre")
    _ordered(claims.issued, claims.expires, "EPP-PID-001")


@record(
    "EPP-PID-001",
    template={8: {1: {1: 1, -1: 6, -2: Place.FIELD}}, LABEL_EPP_CLAIMS: Place.REST},
    check=_of_a_purse,
)
class PurseId(Record):
    """Claims of a purse ID (EPP-PID-001), a CWT Claims Set: the key in `cnf`, the rest in one claim."""

    public_key: Annotated[bytes, Octets(32)]
    number: Number
    role: Role
    tier: Annotated[int, Uint(0, 7)]
    holder: Digest
    economy: Economy
    issued: Epoch
    expires: Epoch
    seal: Seal
    # EPP-PID-006
    reserved: Reserved = b""


@record("EPP-PID-010", template=Place.FIELD)
class SealedPurseId(Record):
    """Value of the EAD item `EPP purse ID`: nonce, ciphertext and tag under the scheme key (chapter 3)."""

    sealed: Annotated[bytes, Octets(SEALED_NONCE + PURSE_ID_MAX + SEALED_TAG)]


def _in_order(unit: "Unit") -> None:
    _ordered(unit.issued, unit.expires, "EPP-UNI-001")


@record("EPP-UNI-001", check=_in_order)
class Unit(Record):
    """Payload of a unit (EPP-UNI-001). `value` in minor units, limited by EPP-UNI-007."""

    number: Annotated[int, Uint(0, 2**63 - 1)]
    issue: Annotated[int, Uint(0, 2**32 - 1)]
    value: Amount
    economy: Economy
    issued: Epoch
    expires: Epoch
    max_hops: Annotated[int, Uint(1, HOP_MAX)]
    seal: Seal
    # EPP-UNI-008
    reserved: Reserved = b""


@record("EPP-HIS-001")
class EndorsementPayload(Record):
    """What a payer signs for each unit it gives away (EPP-HIS-001). `hop` counts moves; 0 is genesis."""

    unit_id: Digest
    hop: Hop
    history_digest: Digest
    payer: Number
    payee: Number
    transaction: Transaction


@record("EPP-TRF-050")
class ReceiptPayload(Record):
    """What a payee signs when it has credited a transaction (chapter 7). `amount` in minor units."""

    transaction: Transaction
    payer: Number
    payee: Number
    amount: Amount
    offer_digest: Digest


@record("EPP-HIS-003")
class Layer(Record):
    """One layer of a history in clear (EPP-HIS-003): what the payee received, and its endorsement."""

    inner: Encoded
    payer: Number
    payee: Number
    transaction: Transaction
    signature: Signature


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
