"""Moves of a unit without purses and sessions: endorsements and layers made directly (chapter 4).

For histories in great number, and for those that no purse of ours would make. Nothing is checked here.
"""

from dataclasses import dataclass
from hashlib import sha256

from eiraku.reference.centres.issuing import MoneyKey
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.history import seal_layer, unit_id
from eiraku.spec import objects
from eiraku.spec.objects import EndorsementPayload, Layer, Unit
from eiraku.system.issuing.chain import Endorsement


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """A unit as somebody holds it: signed bytes, hop (-1 before it is issued), sealed history."""

    unit_id: bytes
    unit: bytes
    hop: int
    history: bytes


def minted(key: MoneyKey, unit: Unit) -> Copy:
    """A signed unit that has not been endorsed to anybody."""
    payload = unit.encode()
    return Copy(
        unit_id=unit_id(key.kid, payload),
        unit=cose.sign(key.unit_key, objects.CONTEXT_UNIT, payload, kid=key.kid),
        hop=-1,
        history=b"",
    )


def endorse(
    copy: Copy, key: SigningKey, *, payer: bytes, payee: bytes, transaction: bytes, hop: int | None = None
) -> Endorsement:
    """The endorsement by which `payer` gives the copy away; `hop`: the next one if not given."""
    payload = EndorsementPayload(
        unit_id=copy.unit_id,
        hop=copy.hop + 1 if hop is None else hop,
        history_digest=sha256(copy.history).digest(),
        payer=payer,
        payee=payee,
        transaction=transaction,
    )
    return Endorsement(
        hop=payload.hop,
        history_digest=payload.history_digest,
        payer=payer,
        payee=payee,
        transaction=transaction,
        signature=cose.sign_detached(key, objects.CONTEXT_ENDORSEMENT, payload.encode()),
    )


def taken(copy: Copy, endorsement: Endorsement, *, history_key: bytes, ephemeral: bytes) -> Copy:
    """What the payee holds when it has wrapped the history that it was given, and the endorsement."""
    layer = Layer(
        inner=copy.history,
        payer=endorsement.payer,
        payee=endorsement.payee,
        transaction=endorsement.transaction,
        signature=endorsement.signature,
    )
    sealed = seal_layer(layer, history_key=history_key, identifier=copy.unit_id, ephemeral=ephemeral)
    return Copy(unit_id=copy.unit_id, unit=copy.unit, hop=endorsement.hop, history=sealed)
