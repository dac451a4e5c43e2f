"""Chains: the endorsements of a unit that came home, opened and verified layer by layer (EPP-CEN-001 to 003).

A layer is opened only after the endorsement over it has been verified, so whoever is named for a bad layer
signed its digest. Purse numbers are 8 bytes, transactions 16, digests and unit identifiers 32, signatures 64.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import Any

from eiraku.reference.anchor import SignedUnit, parse_unit
from eiraku.reference.centres.issuing import MoneyKey
from eiraku.reference.crypto import cose, hpke
from eiraku.reference.crypto.aead import CannotOpen
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.history import layer_info
from eiraku.reference.purse.units import is_endorsed
from eiraku.spec import objects
from eiraku.spec.errors import Code, Refusal, Refused
from eiraku.spec.objects import EndorsementPayload, Layer

NOT_HOME = "not given to a purse of the centre"
GIVEN_ON = "given on by a purse of the centre"
"""Reasons of `BadLayer` that are the centre's own fault."""
UNREGISTERED = "its payer is not registered"
UNVERIFIED = "its endorsement does not verify"
"""Reasons that may be the fault of who had a master key (EPP-CEN-104)."""

PublicKeys = Callable[[bytes], bytes | None]
"""The public key (32 bytes) that the device centre registered for a purse number; None: not registered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endorsement:
    """One verified move of a unit: what was signed, but for the unit itself, and the signature."""

    hop: int
    history_digest: bytes
    payer: bytes
    payee: bytes
    transaction: bytes
    signature: bytes

    def payload(self, unit_id: bytes) -> EndorsementPayload:
        """What the payer signed (EPP-HIS-001)."""
        return EndorsementPayload(
            unit_id=unit_id,
            hop=self.hop,
            history_digest=self.history_digest,
            payer=self.payer,
            payee=self.payee,
            transaction=self.transaction,
        )

    @property
    def content(self) -> tuple[int, bytes, bytes, bytes, bytes]:
        """What is signed besides the unit; two endorsements of one unit are equal if this is."""
        return self.hop, self.history_digest, self.payer, self.payee, self.transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """All endorsements of one unit from its issue on, hop 0 first, without a gap."""

    unit_id: bytes
    endorsements: tuple[Endorsement, ...]

    def contains(self, endorsement: Endorsement) -> bool:
        """Whether exactly this was endorsed in this chain, whatever the bytes of the signature."""
        hop = endorsement.hop
        return hop < len(self.endorsements) and self.endorsements[hop].content == endorsement.content


class BadLayer(Refused):
    """A layer that does not open, or that holds what does not verify (EPP-CEN-003).

    `purse`: the number that made the layer, `objects.ISSUER_NUMBER` for the issuing centre with its own
    purses; `hop`: the layer's; `endorsed`: the verified endorsement by which `purse` gave the layer away,
    None for the outermost layer of a deposit; `payer`: the purse that endorsed the layer, if it is not
    registered, or not with the key that signed (EPP-CEN-104).
    """

    def __init__(
        self,
        purse: bytes,
        hop: int,
        reason: str,
        endorsed: Endorsement | None = None,
        payer: bytes | None = None,
    ) -> None:
        super().__init__(f"layer of hop {hop}, made by {purse.hex()}: {reason}")
        self.purse = purse
        self.hop = hop
        self.reason = reason
        self.endorsed = endorsed
        self.payer = payer

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.purse, self.hop, self.reason, self.endorsed, self.payer)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """What opening needs of a money key: no private unit key."""

    public: bytes
    history: AgreementKey


class Opener:
    """Opens the histories of one issuing centre. Can be pickled if `public_keys` can, as `{...}.get` can.

    A pickled opener holds the private history keys; it is for worker processes of the same centre.
    """

    def __init__(
        self, keys: Sequence[MoneyKey], public_keys: PublicKeys, centres: frozenset[bytes] = frozenset()
    ) -> None:
        """`centres`: the numbers of the centre's own purses, of role `centre`."""
        self._set(
            {key.kid: _Key(public=key.unit_key.public, history=key.history_key) for key in keys},
            public_keys,
            centres,
        )

    def _set(self, keys: dict[bytes, _Key], public_keys: PublicKeys, centres: frozenset[bytes]) -> None:
        self._keys = keys
        self.public_keys = public_keys
        self.centres = centres

    def __getstate__(self) -> tuple[Any, ...]:
        keys = [(kid, key.public, key.history.private) for kid, key in self._keys.items()]
        return keys, self.public_keys, self.centres

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        keys, public_keys, centres = state
        self._set(
            {kid: _Key(public=public, history=AgreementKey(private)) for kid, public, private in keys},
            public_keys,
            centres,
        )

    def unit_key(self, kid: bytes) -> bytes | None:
        """The public unit key, 32 bytes, of a key identifier; None: it is none of this centre."""
        key = self._keys.get(kid)
        return None if key is None else key.public

    def unit(self, raw: bytes) -> SignedUnit:
        """A unit under a key of this centre, whether or not the key was valid then; if the centre issued it
        says its database (EPP-CEN-030, EPP-CEN-040). Raises Refusal (MALFORMED, UNIT_SIGNATURE).
        """
        unit = parse_unit(raw)
        key = self._keys.get(unit.kid)
        # EPP-KEY-008
        if key is None:
            raise Refusal(Code.UNIT_SIGNATURE, "EPP-KEY-008", "unit: not signed by a key of this centre")
        # EPP-UNI-002
        if not cose.verify(key.public, objects.CONTEXT_UNIT, unit.signed):
            raise Refusal(Code.UNIT_SIGNATURE, "EPP-UNI-002", "unit: signature does not verify")
        return unit

    def open(self, unit: bytes, hop: int, history: bytes) -> Chain:
        """The chain of a deposit: a unit as a purse of the centre holds it, at `hop`.

        Raises BadLayer, and Refusal (MALFORMED, UNIT_SIGNATURE) for a unit that this centre did not issue.
        """
        signed = self.unit(unit)
        endorsements = self._peel(signed, hop, history, None)
        # EPP-CEN-001
        if not endorsements or endorsements[-1].payee not in self.centres:
            raise BadLayer(objects.ISSUER_NUMBER, hop, NOT_HOME)
        # EPP-CEN-051
        end = next(i for i, each in enumerate(endorsements) if each.payee in self.centres)
        return Chain(unit_id=signed.unit_id, endorsements=tuple(endorsements[: end + 1]))

    def layers(self, unit: bytes, hop: int, history: bytes) -> Sequence[Endorsement]:
        """The endorsements of a unit held at `hop` by anybody, hop 0 first. Raises as `open`."""
        return self._peel(self.unit(unit), hop, history, None)

    def open_offered(
        self,
        unit: bytes,
        hop: int,
        history: bytes,
        *,
        payer: bytes,
        payee: bytes,
        transaction: bytes,
        signature: bytes,
    ) -> Chain:
        """The chain of a claim: an offered unit, held at `hop`, with the claimed endorsement after it.

        Raises Refusal (ENDORSEMENT) if the claimed endorsement does not verify, and otherwise as `open`.
        A bad outermost layer is the payer's; a unit that had come home before is the centre's fault.
        """
        signed = self.unit(unit)
        claimed = Endorsement(
            hop=hop + 1,
            history_digest=sha256(history).digest(),
            payer=payer,
            payee=payee,
            transaction=transaction,
            signature=signature,
        )
        # EPP-CEN-059
        problem = _problem(signed.unit_id, claimed, self._keys[signed.kid].public, self.public_keys)
        if problem:
            raise Refusal(Code.ENDORSEMENT, "EPP-CEN-032", f"claimed endorsement: {problem}")
        endorsements = self._peel(signed, hop, history, claimed)
        for each in endorsements[:-1]:
            # EPP-CEN-050
            if each.payee in self.centres:
                raise BadLayer(objects.ISSUER_NUMBER, each.hop, GIVEN_ON)
        return Chain(unit_id=signed.unit_id, endorsements=tuple(endorsements))

    def _peel(self, unit: SignedUnit, hop: int, sealed: bytes, over: Endorsement | None) -> list[Endorsement]:
        """All endorsements down to hop 0, hop 0 first. `over`: the endorsement over the outermost layer."""
        key, info = self._keys[unit.kid], layer_info(unit.unit_id)
        found = [] if over is None else [over]
        for at in range(hop, -1, -1):
            # EPP-CEN-003
            maker = objects.ISSUER_NUMBER if over is None or over.payer in self.centres else over.payer
            try:
                # EPP-CEN-002
                layer = Layer.decode(hpke.open_(key.history, info, sealed))
            except (CannotOpen, Refusal) as error:
                raise BadLayer(maker, at, "does not open", over) from error
            # EPP-CEN-054
            if over is not None and layer.payee != over.payer:
                raise BadLayer(maker, at, "was given to another purse than the one that gave it on", over)
            endorsement = Endorsement(
                hop=at,
                history_digest=sha256(layer.inner).digest(),
                payer=layer.payer,
                payee=layer.payee,
                transaction=layer.transaction,
                signature=layer.signature,
            )
            problem = _problem(unit.unit_id, endorsement, key.public, self.public_keys)
            if problem:
                # EPP-CEN-104
                payer = layer.payer if problem in (UNREGISTERED, UNVERIFIED) and at else None
                raise BadLayer(maker, at, problem, over, payer)
            # EPP-CEN-052
            if at == 0 and layer.inner:
                raise BadLayer(maker, at, "has another layer inside", over)
            found.append(endorsement)
            sealed, over = layer.inner, endorsement
        found.reverse()
        return found


def walk(chain: Chain, *, unit_key: bytes, public_keys: PublicKeys) -> str:
    """Why a chain that was stored does not stand when it is verified again; empty if it does (EPP-CEN-052).

    Each endorsement is by the payee of the one before, and each signature verifies; the layers themselves are
    not stored. `unit_key`: public, 32 bytes, of the money key under which the unit was issued.
    """
    if not chain.endorsements:
        return "no endorsement at all"
    # EPP-HIS-001
    if chain.endorsements[0].history_digest != sha256(b"").digest():
        return "hop 0: it has a history before its issue"
    for before, each in pairwise(chain.endorsements):
        # EPP-CEN-052
        if each.payer != before.payee:
            return f"hop {each.hop}: given on by another purse than the one that got it"
    for each in chain.endorsements:
        problem = _problem(chain.unit_id, each, unit_key, public_keys)
        if problem:
            return f"hop {each.hop}: {problem}"
    return ""


def _problem(unit_id: bytes, endorsement: Endorsement, unit_key: bytes, public_keys: PublicKeys) -> str:
    """Why an endorsement does not verify (EPP-CEN-002); empty if it does."""
    # EPP-CEN-002
    if endorsement.hop == 0:
        if endorsement.payer != objects.ISSUER_NUMBER:
            return "the first payer is not the issuing centre"
        public: bytes | None = unit_key
    elif endorsement.payer == objects.ISSUER_NUMBER:
        return "the issuing centre is the payer of a later hop"
    else:
        public = public_keys(endorsement.payer)
    if public is None:
        return UNREGISTERED
    if not is_endorsed(public, endorsement.payload(unit_id), endorsement.signature):
        return UNVERIFIED
    return ""
