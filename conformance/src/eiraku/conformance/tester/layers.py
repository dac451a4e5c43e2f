"""The layers that the wallet seals: what each must hold, and the history key under which it must open.

The suite has the history keys of the issuing centre. So it notes each unit that the wallet has credited, and
opens the layer when the wallet offers the unit, in every check. That the wallet did not change what was
inside is seen from its bytes, so the layers further in need not be opened again.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from eiraku.conformance.tester.world import Identity, identifier
from eiraku.reference.crypto import cose, hpke
from eiraku.reference.crypto.aead import CannotOpen
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.history import layer_info
from eiraku.spec import objects
from eiraku.spec.errors import Refusal
from eiraku.spec.messages import Offer, OfferedUnit
from eiraku.spec.objects import EndorsementPayload, Layer


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A unit as it was handed to the wallet, by whom and in which transaction."""

    held: OfferedUnit
    payer: Identity
    payee: bytes
    """Purse number of the wallet."""
    transaction: bytes
    history_key: AgreementKey
    """Of the money key entry of the unit, in the list that the wallet had when the session opened."""


class Layers:
    """What the wallet has credited since it was provisioned."""

    def __init__(self) -> None:
        self._received: dict[tuple[bytes, int], Received] = {}

    def clear(self) -> None:
        """The wallet is another."""
        self._received.clear()

    def credited(
        self, offer: Offer, *, payer: Identity, payee: bytes, history_keys: Mapping[bytes, AgreementKey]
    ) -> None:
        """The wallet has given a receipt for an OFFER. `history_keys`: by kid, as its session began."""
        for held in offer.units:
            received = Received(
                held=held,
                payer=payer,
                payee=payee,
                transaction=offer.transaction,
                history_key=history_keys[cose.parse(held.unit).kid or b""],
            )
            # A receipt that is given again says nothing new.
            self._received.setdefault((identifier(held), held.hop + 1), received)

    def wrong(self, units: Iterable[OfferedUnit]) -> str | None:
        """What is wrong with the layers that the wallet made of units that it offers; None if nothing is."""
        for unit in units:
            received = self._received.get((identifier(unit), unit.hop))
            found = None if received is None else _fault(received, unit)
            if found is not None:
                return f"hop {unit.hop}: {found}"
        return None


def _fault(received: Received, unit: OfferedUnit) -> str | None:
    unit_id = identifier(unit)
    try:
        # EPP-HIS-003: by nobody else than the centre, with the key that belongs to the unit's
        layer = Layer.decode(hpke.open_(received.history_key, layer_info(unit_id), unit.history))
    except (CannotOpen, Refusal) as error:
        return f"does not open under the history key of its money key ({error!r})"
    said = (layer.inner, layer.payer, layer.payee, layer.transaction)
    payer = received.payer.claims
    if said != (received.held.history, payer.number, received.payee, received.transaction):
        return "holds another history, payer, payee or transaction than it was received with"
    payload = EndorsementPayload(
        unit_id=unit_id,
        hop=unit.hop,
        history_digest=hashlib.sha256(layer.inner).digest(),
        payer=layer.payer,
        payee=layer.payee,
        transaction=layer.transaction,
    )
    context = objects.CONTEXT_ENDORSEMENT
    if not cose.verify_detached(payer.public_key, context, payload.encode(), layer.signature):
        return "holds an endorsement that does not verify"
    return None
