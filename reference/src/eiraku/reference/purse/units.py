"""A unit on its way: what is endorsed when it moves, and how it is held afterwards (chapter 4)."""

from collections.abc import Callable
from hashlib import sha256

from eiraku.reference import history
from eiraku.reference.anchor import SignedUnit
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.purse.ledger import Holding
from eiraku.spec import objects
from eiraku.spec.objects import EndorsementPayload, Layer

GENESIS = 0
"""Hop of a unit that comes from the issuing centre."""


def genesis(unit_id: bytes, *, holder: bytes, transaction: bytes) -> EndorsementPayload:
    """The first move of a unit: from the issuing centre to an 8-byte purse number (EPP-CEN-066)."""
    issuer = objects.ISSUER_NUMBER
    return move(unit_id, GENESIS, inner=b"", payer=issuer, payee=holder, transaction=transaction)


def move(
    unit_id: bytes, hop: int, *, inner: bytes, payer: bytes, payee: bytes, transaction: bytes
) -> EndorsementPayload:
    """What is endorsed when a unit moves by `hop`. `inner`: the sealed history with which it comes."""
    # EPP-HIS-001
    return EndorsementPayload(
        unit_id=unit_id,
        hop=hop,
        history_digest=sha256(inner).digest(),
        payer=payer,
        payee=payee,
        transaction=transaction,
    )


def endorse(key: SigningKey, move: EndorsementPayload) -> bytes:
    """The payer's signature over one move of one unit, 64 bytes."""
    # EPP-HIS-001
    return cose.sign_detached(key, objects.CONTEXT_ENDORSEMENT, move.encode())


def is_endorsed(public: bytes, move: EndorsementPayload, signature: bytes) -> bool:
    """Whether the holder of a 32-byte key endorsed exactly this move."""
    # EPP-HIS-002
    return cose.verify_detached(public, objects.CONTEXT_ENDORSEMENT, move.encode(), signature)


def hold(
    unit: SignedUnit,
    move: EndorsementPayload,
    signature: bytes,
    *,
    inner: bytes,
    history_key: bytes,
    random: Callable[[int], bytes],
) -> Holding:
    """A unit as its payee holds it after a move. `inner`: the sealed history with which it came."""
    # EPP-HIS-003, EPP-HIS-007
    layer = Layer(
        inner=inner,
        payer=move.payer,
        payee=move.payee,
        transaction=move.transaction,
        signature=signature,
    )
    sealed = history.seal_layer(layer, history_key=history_key, identifier=unit.unit_id, ephemeral=random(32))
    # EPP-TRF-049
    return held(unit, move.hop, sealed)


def held(unit: SignedUnit, hop: int, sealed: bytes) -> Holding:
    """An accepted unit, the hop by which it came and its sealed history, as a purse keeps them."""
    return Holding(
        unit_id=unit.unit_id,
        unit=unit.raw,
        kid=unit.kid,
        value=unit.unit.value,
        issued=unit.unit.issued,
        expires=unit.unit.expires,
        max_hops=unit.unit.max_hops,
        hop=hop,
        history=sealed,
    )
