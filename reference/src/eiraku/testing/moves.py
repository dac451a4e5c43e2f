"""Moves of a unit without purses and sessions: endorsements and layers made directly (chapter 4), no world.

For histories in great number, and for those that no purse of ours would make. Nothing is checked here.
"""

from dataclasses import replace
from hashlib import sha256

from eiraku.reference.centres import issuing
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.purse import units
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import EndorsementPayload
from eiraku.system.issuing.chain import Endorsement


def endorse(
    held: OfferedUnit,
    key: SigningKey,
    *,
    payer: bytes,
    payee: bytes,
    transaction: bytes,
    hop: int | None = None,
) -> Endorsement:
    """The endorsement by which `payer` gives the unit away; `hop`: the next one if not given."""
    payload = EndorsementPayload(
        unit_id=issuing.identifier(held.unit),
        hop=held.hop + 1 if hop is None else hop,
        history_digest=sha256(held.history).digest(),
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
        signature=units.endorse(key, payload),
    )


def taken(
    held: OfferedUnit, endorsement: Endorsement, *, history_key: bytes, ephemeral: bytes
) -> OfferedUnit:
    """What the payee holds, which is at the hop of the endorsement."""
    after = issuing.taken(
        held,
        payer=endorsement.payer,
        payee=endorsement.payee,
        transaction=endorsement.transaction,
        signature=endorsement.signature,
        history_key=history_key,
        ephemeral=ephemeral,
    )
    return replace(after, hop=endorsement.hop)
