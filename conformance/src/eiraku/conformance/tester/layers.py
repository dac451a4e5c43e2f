"""The layers that the wallet seals: what each must hold, and the history key under which it must open.

The suite has the history keys of the issuing centre. So it notes each unit that the wallet has credited, and
opens the layer when the wallet offers the unit, in every check. That the wallet did not change what was
inside is seen from its bytes, so the layers further in need not be opened again.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.results import Fact, Insight
from eiraku.conformance.tester import hints_sealed
from eiraku.conformance.tester.hints import Signed, shown
from eiraku.conformance.tester.hints_sealed import Sealed
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
    history_keys: tuple[AgreementKey, ...]
    """All of that list."""


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
                history_keys=tuple(history_keys.values()),
            )
            # A receipt that is given again says nothing new.
            self._received.setdefault((identifier(held), held.hop + 1), received)

    def wrong(self, units: Iterable[OfferedUnit], notes: EvidenceNotes) -> str | None:
        """What is wrong with the layers that the wallet made of units that it offers; None if nothing is.

        What explains it goes into `notes`.
        """
        for unit in units:
            received = self._received.get((identifier(unit), unit.hop))
            found = None if received is None else self._fault(received, unit, notes)
            if found is not None:
                return f"hop {unit.hop}: {found}"
        return None

    def _fault(self, received: Received, unit: OfferedUnit, notes: EvidenceNotes) -> str | None:
        unit_id = identifier(unit)
        sealed = Sealed(
            key=received.history_key,
            others=tuple(key for key in received.history_keys if key.public != received.history_key.public),
            unit=unit.unit,
            unit_id=unit_id,
            sealed=unit.history,
        )
        try:
            # EPP-HIS-003: by nobody else than the centre, with the key that belongs to the unit's
            opened = hpke.open_(sealed.key, layer_info(unit_id), unit.history)
        except CannotOpen as error:
            notes.insights.append(Insight(title="History, as it was opened (HPKE)", facts=sealed.facts()))
            notes.hints += hints_sealed.layer(sealed)
            return f"does not open under the history key of its money key ({error!r})"
        notes_of = Insight(title="Layer in the history", facts=(Fact(name="layer", value=shown(opened)),))
        try:
            layer = Layer.decode(opened)
        except Refusal as error:
            notes.insights.append(notes_of)
            return f"does not open under the history key of its money key ({error!r})"
        right = replace(
            layer,
            inner=received.held.history,
            payer=received.payer.number,
            payee=received.payee,
            transaction=received.transaction,
        )
        if layer != right:
            notes.insights.append(notes_of)
            notes.hints += hints_sealed.content(layer, right)
            return "holds another history, payer, payee or transaction than it was received with"
        payload = EndorsementPayload(
            unit_id=unit_id,
            hop=unit.hop,
            history_digest=hashlib.sha256(layer.inner).digest(),
            payer=layer.payer,
            payee=layer.payee,
            transaction=layer.transaction,
        )
        signed = Signed(
            context=objects.CONTEXT_ENDORSEMENT,
            payload=payload.encode(),
            public=received.payer.claims.public_key,
            signature=layer.signature,
        )
        if not signed.fits(signed.covered):
            notes.insights.append(Insight(title="Endorsement, as it was verified", facts=signed.facts()))
            return "holds an endorsement that does not verify"
        return None
