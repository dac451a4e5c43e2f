"""What the text leaves to a purse, and the wallet has chosen: taken over where it is lawful, never predicted.

Whatever is not lawful is not taken; the shadow then does what is right, and the difference shows.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from eiraku.reference.crypto import cose, ed25519, hpke
from eiraku.reference.crypto.aead import CannotOpen
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.history import layer_info, unit_id
from eiraku.reference.purse.ledger import Holding
from eiraku.spec.errors import Refusal
from eiraku.spec.messages import Message, Offer, OfferedUnit, Pay, Receipt, Redeliver

ENC_BYTES = 32
R_BYTES = 32
"""Of a signature, that must not be the same for two messages."""


class Choices:
    """The last choice of the wallet, and what it must not choose again."""

    def __init__(self, history_keys: Callable[[], Iterable[AgreementKey]]) -> None:
        """`history_keys`: the private ones of the issuing centre, as many as there are by now."""
        self._history_keys = history_keys
        self._transaction: bytes | None = None
        self._units: dict[bytes, OfferedUnit] = {}
        """By identifier, in the order of the offer."""
        self._signatures: tuple[bytes, ...] = ()
        self._used: set[bytes] = set()
        """Transactions of every offer."""
        self._ephemeral: dict[bytes, tuple[bytes, int]] = {}
        """What each layer that was offered is sealed with (HPKE enc), and the unit and hop."""
        self._points: dict[bytes, bytes] = {}
        """R of each signature, and what was signed."""
        self.fault = ""
        """The requirement that the last choice violates; empty if it violates none."""

    def follow(self, said: Message | None) -> None:
        """The wallet has said this; it counts until it says something else."""
        self._transaction, self._units, self._signatures = None, {}, ()
        self.fault = ""
        match said:
            case Offer():
                # EPP-TRF-003
                if said.transaction in self._used:
                    self.fault = "EPP-TRF-003"
                else:
                    self._transaction = said.transaction
                self._units = {_name(unit): unit for unit in said.units}
            case Pay() | Redeliver():
                self._signatures = said.endorsements
            case Receipt():
                self._signatures = (said.signature,)

    # --- transaction ---

    def transaction(self) -> bytes | None:
        """A transaction that was never used before, once; None if there is none."""
        chosen, self._transaction = self._transaction, None
        if chosen is not None:
            self._used.add(chosen)
        return chosen

    # --- units ---

    def among(self, lawful: Sequence[bytes]) -> frozenset[bytes] | None:
        """The units of the offer, if all of them are lawful; None: no such choice was made."""
        chosen = frozenset(self._units)
        return chosen if chosen and chosen <= set(lawful) else None

    def ordered(self, unit_ids: Sequence[bytes]) -> Sequence[bytes]:
        """These units, in the order of the offer if it is about them."""
        return tuple(self._units) if set(unit_ids) == self._units.keys() else unit_ids

    def sealed(self, held: Holding) -> Holding:
        """A unit with the history that was offered, if it holds the same as ours (EPP-HIS-003)."""
        offered = self._units.get(held.unit_id)
        if offered is None or offered.history == held.history or not held.hop:
            return held
        for key in self._history_keys():
            ours = _opened(key, held.unit_id, held.history)
            if ours is not None and ours == _opened(key, held.unit_id, offered.history):
                # EPP-HIS-007
                where = (held.unit_id, held.hop)
                if self._ephemeral.setdefault(offered.history[:ENC_BYTES], where) != where:
                    self.fault = "EPP-HIS-007"
                    return held
                return replace(held, history=offered.history)
        self.fault = "EPP-HIS-003"
        return held

    # --- signatures ---

    def signature(self, public: bytes, message: bytes, ours: bytes) -> bytes:
        """The wallet's signature over a message, where it verifies; else `ours` (EPP-KEY-014)."""
        lawful = (s for s in self._signatures if s == ours or ed25519.verify(public, message, s))
        for found in lawful:
            # EPP-KEY-013
            if self._points.setdefault(found[:R_BYTES], message) == message:
                return found
            self.fault = "EPP-KEY-013"
        return ours


class FollowingKey(SigningKey):
    """The purse's key; what it signs is what the wallet signed."""

    __slots__ = ("_choices",)

    def __init__(self, seed: bytes, choices: Choices) -> None:
        super().__init__(seed)
        self._choices = choices

    def sign(self, message: bytes) -> bytes:
        """See `SigningKey`."""
        return self._choices.signature(self.public, message, super().sign(message))


def _opened(key: AgreementKey, name: bytes, sealed: bytes) -> bytes | None:
    try:
        return hpke.open_(key, layer_info(name), sealed)
    except CannotOpen:
        return None


def _name(unit: OfferedUnit) -> bytes:
    try:
        signed = cose.parse(unit.unit)
    except Refusal:
        return unit.unit
    return unit_id(signed.kid or bytes(8), signed.payload)
