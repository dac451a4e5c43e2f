"""Centres, purses and money for one check, all drawn from one seed."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from eiraku.conformance.tester.drawn import PLAIN, Calendar, Economy, draw
from eiraku.reference import keylists
from eiraku.reference.centres import issuing
from eiraku.reference.centres.device import DeviceCentre, PurseMasterKey
from eiraku.reference.centres.issuing import IssuingCentre, MoneyKey
from eiraku.reference.centres.roots import ALWAYS, Roots, device_list, money_list
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.history import seal_layer
from eiraku.reference.keylists import DeviceKey, Validity
from eiraku.spec import objects
from eiraku.spec.key_lists import scheme_key_id
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import EndorsementPayload, Layer, PurseId, Role, Unit

V = TypeVar("V", bound=Validity)

EPOCH = 100
"""Epoch of the bulletin that the wallet is provisioned with; as all epochs of checks, in their own count."""
LAST_EPOCH = 200
"""Purse IDs, units and keys of the world are valid up to this epoch, and from epoch 1."""
SEQUENCE = 5
"""Of both key lists of the anchor; as all sequences of checks, in their own count."""
LIST_EXPIRES = 250
"""Of both key lists of the anchor, unless a check wants another (`World.list_expires`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A purse: its claims, the signed purse ID, its key."""

    claims: PurseId
    purse_id: bytes
    key: SigningKey
    seed: bytes
    """The 32 bytes of the private key."""

    @property
    def number(self) -> bytes:
        """Purse number, 8 bytes."""
        return self.claims.number


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldsDeviceCentre(DeviceCentre):
    """A device centre whose bulletins are of epochs of the check."""

    calendar: Calendar

    def bulletin(self, *, epoch: int, revoked: Iterable[bytes], policy_digest: bytes) -> bytes:
        """See `DeviceCentre`."""
        at = self.calendar.at(epoch)
        return DeviceCentre.bulletin(self, epoch=at, revoked=revoked, policy_digest=policy_digest)


class World:
    """Two centres with an old and a current key each, a wallet, a peer, and as much money as is wanted.

    Epochs and sequences that it is given are those of the check, and so are the ends of its keys. Units,
    purse IDs, bulletins and lists have those that the wallet sees (`drawn`).
    """

    def __init__(self, seed: bytes, policy: Mapping[str, Any]) -> None:
        """`seed`: 32 bytes; `policy`: JSON form of chapter 9."""
        self.random = Drbg(seed)
        self.drawn = draw(self.random)
        self.policy = policy
        self.scheme_key = self.random(32)
        self.roots = Roots(device=SigningKey(self.random(32)), money=SigningKey(self.random(32)))
        self.list_expires = LIST_EXPIRES
        self.last_epoch = LAST_EPOCH
        """In which purse IDs and units expire unless a check says otherwise."""
        self.history_keys: dict[bytes, AgreementKey] = {}
        """The private history key of each money key that was made here, by its kid."""
        self.device = WorldsDeviceCentre(
            keys=(self.master_key(1, 60), self.master_key(50, LAST_EPOCH)),
            seal=self.random(16),
            economy=self.drawn.economy(Economy.HOME),
            calendar=self.drawn.calendar,
        )
        self.issuing = IssuingCentre(
            keys=(self.money_key(1, 60), self.money_key(50, LAST_EPOCH)),
            seal=self.random(16),
            economy=self.drawn.economy(Economy.HOME),
        )
        self._next_unit = self.drawn.first_unit
        self.wallet = self.purse(role=Role.PERSON, tier=1)
        self.peer = self.purse(role=Role.MERCHANT, tier=1)

    def at(self, epoch: int) -> int:
        """The epoch that the wallet sees, of one of the check."""
        return self.drawn.calendar.at(epoch)

    def count_epochs_plainly(self) -> None:
        """From now on the wallet sees the epochs that the check says; what was signed before has others."""
        self.drawn = replace(self.drawn, calendar=PLAIN)
        self.device = replace(self.device, calendar=PLAIN)

    def count_lists_plainly(self) -> None:
        """From now on the wallet sees the sequences that the check says."""
        self.drawn = replace(self.drawn, first_sequence=0)

    def seen(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of a unit or purse ID, given as the check has them, as the wallet sees them."""
        translate = {"issued": self.at, "expires": self.at, "economy": self.drawn.economy}
        return {name: translate[name](value) if name in translate else value for name, value in given.items()}

    # --- purses ---------------------------------------------------------------------------------------

    def claims(self, **changes: Any) -> PurseId:
        """Claims of a new purse, a person of tier 1 with a holder of its own, but for `changes`."""
        base = PurseId(
            number=self.random(8),
            public_key=bytes(32),
            role=Role.PERSON,
            tier=1,
            holder=self.random(32),
            economy=self.device.economy,
            issued=self.at(90),
            expires=self.at(self.last_epoch),
            seal=self.device.seal,
        )
        return replace(base, **self.seen(changes))

    def purse(
        self, *, seed: bytes | None = None, centre: DeviceCentre | None = None, **changes: Any
    ) -> Identity:
        """A purse certified by `centre` or the world's, with a fresh key if `seed` is not given."""
        seed = seed or self.random(32)
        key = SigningKey(seed)
        claims = self.claims(**{"public_key": key.public, **changes})
        signed = (centre or self.device).sign(objects.CONTEXT_PURSE_ID, claims.encode())
        return Identity(claims=claims, purse_id=signed, key=key, seed=seed)

    def bulletin(self, epoch: int = EPOCH, revoked: Iterable[bytes] = ()) -> bytes:
        """A bulletin with all chunks, as an update; `revoked`: purse numbers in any order."""
        return self.device.bulletin(epoch=epoch, revoked=revoked, policy_digest=self.drawn.policy_digest)

    # --- money ----------------------------------------------------------------------------------------

    def unit(self, value: int, **changes: Any) -> Unit:
        """The next unit, not yet signed."""
        number = self._next_unit
        self._next_unit += 1
        base = Unit(
            number=number,
            issue=0,
            value=value,
            economy=self.issuing.economy,
            issued=self.at(90),
            expires=self.at(self.last_epoch),
            max_hops=10,
            seal=self.issuing.seal,
        )
        return replace(base, **self.seen(changes))

    def holding(
        self,
        value: int,
        *,
        hop: int = 0,
        holder: bytes | None = None,
        centre: IssuingCentre | None = None,
        **changes: Any,
    ) -> OfferedUnit:
        """A unit of `value` that has come to `holder` (the peer if not given) after `hop` moves."""
        centre = centre or self.issuing
        owners = [self.purse() for _ in range(hop)]
        numbers = [owner.number for owner in owners] + [holder or self.peer.number]
        held = centre.issue(
            self.unit(value, **changes), holder=numbers[0], transaction=self.random(16), random=self.random
        )
        for owner, payee in zip(owners, numbers[1:], strict=True):
            held = self.move(held, payer=owner, payee=payee)
        return held

    def move(
        self, held: OfferedUnit, *, payer: Identity, payee: bytes, transaction: bytes | None = None
    ) -> OfferedUnit:
        """The unit after `payer` has endorsed it to the purse number `payee`, which has sealed it."""
        transaction = transaction or self.random(16)
        layer = Layer(
            inner=held.history,
            payer=payer.number,
            payee=payee,
            transaction=transaction,
            signature=endorse(held, payer=payer, payee=payee, transaction=transaction),
        )
        return OfferedUnit(unit=held.unit, hop=held.hop + 1, history=self.seal(held, layer))

    def seal(self, held: OfferedUnit, layer: Layer) -> bytes:
        """`layer` sealed for the issuing centre, for the unit of `held`."""
        kid = cose.parse(held.unit).kid
        key = next((key for key in self.issuing.keys if key.kid == kid), self.issuing.keys[-1])
        return seal_layer(
            layer,
            history_key=key.history_key.public,
            identifier=identifier(held),
            ephemeral=self.random(32),
        )

    # --- what a wallet is given -----------------------------------------------------------------------

    def anchor(self) -> dict[str, Any]:
        """The trust anchor in the form of the adapter protocol."""
        return {
            "economies": sorted(map(self.drawn.economy, (Economy.HOME, Economy.OTHER))),
            "device_root": self.roots.device.public,
            "money_root": self.roots.money.public,
            "device_keys": self.device_keys(),
            "money_keys": self.money_keys(),
            "device_seal": self.device.seal,
            "money_seal": self.issuing.seal,
            "scheme_keys": [self.scheme_key],
        }

    def device_keys(
        self,
        keys: Iterable[DeviceKey] | None = None,
        *,
        scheme: Mapping[bytes, Validity] | None = None,
        sequence: int = SEQUENCE,
        expires: int | None = None,
        root: SigningKey | None = None,
    ) -> bytes:
        """A key list of the device centre: by default the one of the anchor. `scheme`: by identifier."""
        named = {scheme_key_id(self.scheme_key): ALWAYS} if scheme is None else scheme
        return device_list(
            root or self.roots.device,
            sequence=self.drawn.sequence(sequence),
            expires=self.at(self.list_expires if expires is None else expires),
            keys=map(self.dated, [key.announced for key in self.device.keys] if keys is None else keys),
            scheme={name: self.dated(validity) for name, validity in named.items()},
        )

    def money_keys(
        self,
        keys: Iterable[keylists.MoneyKey] | None = None,
        *,
        sequence: int = SEQUENCE,
        expires: int | None = None,
        root: SigningKey | None = None,
    ) -> bytes:
        """A key list of the issuing centre: by default the one of the anchor."""
        return money_list(
            root or self.roots.money,
            sequence=self.drawn.sequence(sequence),
            expires=self.at(self.list_expires if expires is None else expires),
            keys=map(self.dated, [key.announced for key in self.issuing.keys] if keys is None else keys),
        )

    def dated(self, validity: V) -> V:
        """A validity, or a key with one, as it stands in a list."""
        ends = self.at(validity.valid_from), self.at(validity.valid_to)
        return replace(validity, valid_from=ends[0], valid_to=ends[1])

    def provisioning(
        self,
        holdings: Iterable[OfferedUnit] = (),
        *,
        bulletin: bytes | None = None,
        identity: Identity | None = None,
    ) -> dict[str, Any]:
        """Arguments of `Wallet.provision`: by default the world's wallet at epoch 100, without money."""
        purse = identity or self.wallet
        return {
            "purse": {"number": purse.number, "private_key": purse.seed, "purse_id": purse.purse_id},
            "anchor": self.anchor(),
            "policy": self.policy,
            "bulletin": self.bulletin() if bulletin is None else bulletin,
            "holdings": [{"unit": held.unit, "hop": held.hop, "history": held.history} for held in holdings],
        }

    def master_key(self, valid_from: int, valid_to: int) -> PurseMasterKey:
        """A new key of the device centre, which the world does not use yet."""
        return PurseMasterKey(key=SigningKey(self.random(32)), valid_from=valid_from, valid_to=valid_to)

    def money_key(self, valid_from: int, valid_to: int) -> MoneyKey:
        """A new key of the issuing centre, which the world does not use yet."""
        made = MoneyKey(
            unit_key=SigningKey(self.random(32)),
            history_key=AgreementKey(self.random(32)),
            valid_from=valid_from,
            valid_to=valid_to,
        )
        self.history_keys[made.kid] = made.history_key
        return made


def identifier(held: OfferedUnit) -> bytes:
    """`unit_id` of a held unit, 32 bytes."""
    return issuing.identifier(held.unit)


def endorsement_payload(
    held: OfferedUnit, *, payer: bytes, payee: bytes, transaction: bytes
) -> EndorsementPayload:
    """What a payer who holds `held` must sign to give it to `payee`."""
    return EndorsementPayload(
        unit_id=identifier(held),
        hop=held.hop + 1,
        history_digest=hashlib.sha256(held.history).digest(),
        payer=payer,
        payee=payee,
        transaction=transaction,
    )


def endorse(held: OfferedUnit, *, payer: Identity, payee: bytes, transaction: bytes) -> bytes:
    """The 64-byte endorsement of `held` by `payer` to `payee`."""
    payload = endorsement_payload(held, payer=payer.number, payee=payee, transaction=transaction)
    return cose.sign_detached(payer.key, objects.CONTEXT_ENDORSEMENT, payload.encode())


def value(held: OfferedUnit) -> int:
    """Value of a held unit in minor units."""
    return Unit.decode(cose.parse(held.unit).payload).value
