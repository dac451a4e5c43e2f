"""Issuing centre: makes units and opens histories (S-1, S-6, S-10, S-24; specification, chapter 4).

Enough to make money for purses and to read where it has been; the history database, deposits and
claims are not here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from eiraku.reference import keylists
from eiraku.reference.crypto import cose, ed25519, hpke
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.history import layer_info, seal_layer, unit_id
from eiraku.reference.purse import units
from eiraku.spec import objects
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import Layer, Unit


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyKey:
    """A unit key with its history key, and the epochs, both included, in which the unit key may sign."""

    unit_key: SigningKey
    history_key: AgreementKey
    valid_from: int
    valid_to: int

    @property
    def kid(self) -> bytes:
        """8-byte key identifier, that of the unit key."""
        return ed25519.key_id(self.unit_key.public)

    @property
    def announced(self) -> keylists.MoneyKey:
        """What everybody may know of it, as it stands in a key list."""
        void = self.valid_from > self.valid_to
        return keylists.MoneyKey(
            public=self.unit_key.public,
            history=self.history_key.public,
            # EPP-KEY-028
            valid_from=1 if void else self.valid_from,
            valid_to=0 if void else self.valid_to,
        )


@lru_cache(maxsize=256)
def identifier(unit: bytes) -> bytes:
    """Identifier of a signed unit, 32 bytes (EPP-UNI-009). Raises Refusal if it is not one.

    A unit is asked for it at every hop.
    """
    signed = cose.parse(unit)
    return unit_id(signed.kid or bytes(8), signed.payload)


def taken(
    held: OfferedUnit,
    *,
    payer: bytes,
    payee: bytes,
    transaction: bytes,
    signature: bytes,
    history_key: bytes,
    ephemeral: bytes,
) -> OfferedUnit:
    """What `payee` holds after it wrapped this history and the payer's endorsement (EPP-HIS-003).

    `history_key`: public, 32 bytes, of the unit's money key; `ephemeral`: 32 fresh random bytes.
    """
    layer = Layer(inner=held.history, payer=payer, payee=payee, transaction=transaction, signature=signature)
    sealed = seal_layer(layer, history_key=history_key, identifier=identifier(held.unit), ephemeral=ephemeral)
    return OfferedUnit(unit=held.unit, hop=held.hop + 1, history=sealed)


def sign_unit(key: MoneyKey, payload: bytes) -> bytes:
    """An encoded unit as signed (EPP-UNI-002)."""
    return cose.sign(key.unit_key, objects.CONTEXT_UNIT, payload, kid=key.kid)


def first_holding(
    unit: bytes,
    *,
    holder: bytes,
    transaction: bytes,
    signature: bytes,
    history_key: bytes,
    ephemeral: bytes,
) -> OfferedUnit:
    """A unit as its first holder has it, with the genesis endorsement `signature` sealed (EPP-CEN-068)."""
    return taken(
        OfferedUnit(unit=unit, hop=-1, history=b""),
        payer=objects.ISSUER_NUMBER,
        payee=holder,
        transaction=transaction,
        signature=signature,
        history_key=history_key,
        ephemeral=ephemeral,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuingCentre:
    """Signs under the last of its keys; earlier ones stay in anchors until they lapse (EPP-KEY-010)."""

    keys: tuple[MoneyKey, ...]
    seal: bytes
    economy: int

    def issue(
        self, unit: Unit, *, holder: bytes, transaction: bytes, random: Callable[[int], bytes]
    ) -> OfferedUnit:
        """Sign a unit and endorse it to its first holder (8-byte purse number), ready to be provisioned."""
        key = self.keys[-1]
        payload = unit.encode()
        signed = sign_unit(key, payload)
        return first_holding(
            signed,
            holder=holder,
            transaction=transaction,
            signature=units.endorse(
                key.unit_key, units.genesis(identifier(signed), holder=holder, transaction=transaction)
            ),
            history_key=key.history_key.public,
            ephemeral=random(32),
        )

    def open_history(self, held: OfferedUnit) -> tuple[Layer, ...]:
        """Peel a history, outermost layer first (S-24). Raises CannotOpen or Refusal for a bad layer.

        Verifying the endorsements in the layers is the caller's.
        """
        signed = cose.parse(held.unit)
        key = next(key for key in self.keys if key.kid == signed.kid)
        info = layer_info(unit_id(key.kid, signed.payload))
        layers: list[Layer] = []
        sealed = held.history
        while sealed:
            layer = Layer.decode(hpke.open_(key.history_key, info, sealed))
            layers.append(layer)
            sealed = layer.inner
        return tuple(layers)
