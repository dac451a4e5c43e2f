"""The world without a database: bare centres and any number of purses in memory, for tests and benchmarks.

Everything is drawn from one seed, so that a run can be repeated byte for byte. Purses are real devices with
real memories; how they meet is in `eiraku.reference.meeting`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from eiraku.reference import policy as policies
from eiraku.reference.anchor import TrustAnchor, parse_purse_id
from eiraku.reference.centres import issuing
from eiraku.reference.centres.device import DeviceCentre, PurseMasterKey
from eiraku.reference.centres.issuing import IssuingCentre
from eiraku.reference.centres.roots import ALWAYS, Roots, device_list, money_list
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.device import Accepted
from eiraku.reference.keylists import Validity
from eiraku.reference.policy import Policy
from eiraku.reference.purse.state import Provisioning
from eiraku.spec.centre_objects import CONTEXT_CHALLENGE, Challenge
from eiraku.spec.key_lists import scheme_key_id
from eiraku.spec.messages import OfferedUnit
from eiraku.spec.objects import PurseId, Role, Unit
from eiraku.testing.device import BenchDevice
from eiraku.testing.patches import Patch

EPOCH = 10
"""Epoch of the bulletin that every purse begins with."""
LAST_EPOCH = 100
"""Units, purse IDs and keys are good up to this epoch, unless asked for otherwise."""
ECONOMY = 392


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Member:
    """A purse of the world: the device, and what the device centre knows of it."""

    device: BenchDevice
    claims: PurseId
    key: SigningKey
    purse_id: bytes

    @property
    def number(self) -> bytes:
        """Purse number, 8 bytes."""
        return self.claims.number

    @property
    def balance(self) -> int:
        """Sum of spendable units."""
        return self.device.snapshot().balance


class World:
    """The centres, and a directory for the memories of the purses."""

    def __init__(self, directory: Path, *, seed: bytes = b"eiraku", policy: Policy | None = None) -> None:
        self.directory = directory
        self.random = Drbg(seed)
        self.policy = policies.default() if policy is None else policy
        self.scheme_key = self.random(32)
        self.roots = Roots(device=SigningKey(self.random(32)), money=SigningKey(self.random(32)))
        master = PurseMasterKey(key=SigningKey(self.random(32)), valid_from=0, valid_to=LAST_EPOCH)
        money = issuing.MoneyKey(
            unit_key=SigningKey(self.random(32)),
            history_key=AgreementKey(self.random(32)),
            valid_from=0,
            valid_to=LAST_EPOCH,
        )
        self.device_centre = DeviceCentre(keys=(master,), seal=self.random(16), economy=ECONOMY)
        self.issuing_centre = IssuingCentre(keys=(money,), seal=self.random(16), economy=ECONOMY)
        self.members: dict[bytes, Member] = {}
        self._units = 0

    @property
    def anchor(self) -> TrustAnchor:
        """What every purse trusts."""
        return self.roots.anchor(
            economies=(ECONOMY,),
            device_keys=(key.announced for key in self.device_centre.keys),
            money_keys=(key.announced for key in self.issuing_centre.keys),
            device_seal=self.device_centre.seal,
            money_seal=self.issuing_centre.seal,
            scheme_keys=(self.scheme_key,),
        )

    def device_keys(
        self, sequence: int, *, expires: int = LAST_EPOCH, scheme: Mapping[bytes, Validity] | None = None
    ) -> bytes:
        """A key list of the device centre. `scheme`: by identifier; by default this world's, for ever."""
        return device_list(
            self.roots.device,
            sequence=sequence,
            expires=expires,
            keys=[key.announced for key in self.device_centre.keys],
            scheme={scheme_key_id(self.scheme_key): ALWAYS} if scheme is None else scheme,
        )

    def money_keys(self, sequence: int, *, expires: int = LAST_EPOCH) -> bytes:
        """A key list of the issuing centre."""
        keys = [key.announced for key in self.issuing_centre.keys]
        return money_list(self.roots.money, sequence=sequence, expires=expires, keys=keys)

    def challenge(self, number: bytes, *, epoch: int = EPOCH, asked: bytes = bytes(16)) -> bytes:
        """The device centre's challenge to a purse, as signed; `asked`: its 16 bytes."""
        challenge = Challenge(number=number, challenge=asked, epoch=epoch)
        return self.device_centre.sign(CONTEXT_CHALLENGE, challenge.encode())

    def bulletin(self, epoch: int = EPOCH, revoked: Iterable[bytes] = ()) -> bytes:
        """A signed bulletin."""
        return self.device_centre.bulletin(epoch=epoch, revoked=tuple(revoked), policy_digest=bytes(32))

    def unit(self, value: int, **changes: Any) -> Unit:
        """The next unit, unsigned."""
        self._units += 1
        base = Unit(
            number=self._units,
            issue=0,
            value=value,
            economy=ECONOMY,
            issued=1,
            expires=LAST_EPOCH,
            max_hops=255,
            seal=self.issuing_centre.seal,
        )
        return replace(base, **changes)

    def holding(self, unit: Unit, holder: bytes) -> OfferedUnit:
        """A unit fresh from the issuing centre, for a purse number."""
        return self.issuing_centre.issue(unit, holder=holder, transaction=self.random(16), random=self.random)

    def claims(self, public_key: bytes, **changes: Any) -> PurseId:
        """Claims of a new purse: a person of tier 2 with a holder of its own, but for `changes`."""
        base = PurseId(
            number=self.random(8),
            public_key=public_key,
            role=Role.PERSON,
            tier=2,
            holder=self.random(32),
            economy=ECONOMY,
            issued=1,
            expires=LAST_EPOCH,
            seal=self.device_centre.seal,
        )
        return replace(base, **changes)

    def provisioning(
        self, values: Iterable[int | Unit] = (), *, seed: bytes | None = None, **changes: Any
    ) -> Provisioning:
        """Everything for a new purse that holds units of these values, or these units."""
        seed = self.random(32) if seed is None else seed
        claims = self.claims(SigningKey(seed).public, **changes)
        return Provisioning(
            number=claims.number,
            private_key=seed,
            purse_id=self.device_centre.sign(b"EPP/1 purse ID", claims.encode()),
            anchor=self.anchor.to_mapping(),
            policy=self.policy.to_mapping(),
            bulletin=self.bulletin(),
            holdings=tuple(
                self.holding(self.unit(value) if isinstance(value, int) else value, claims.number)
                for value in values
            ),
        )

    def purse(
        self,
        values: Iterable[int | Unit] = (),
        *,
        patches: Sequence[Patch] = (),
        provisioning: Provisioning | None = None,
        **changes: Any,
    ) -> Member:
        """A provisioned purse. `patches`: to its core; `changes`: to its claims."""
        given = provisioning or self.provisioning(values, **changes)
        path = self.directory / f"{len(self.members)}-{given.number.hex()}.db"
        device = BenchDevice(path, Drbg(self.random(32)), patches=patches)
        result = device.provision(given)
        if not isinstance(result, Accepted):
            raise ValueError(f"cannot be provisioned: {result}")
        key = SigningKey(given.private_key)
        claims = parse_purse_id(given.purse_id).claims
        member = Member(device=device, claims=claims, key=key, purse_id=given.purse_id)
        self.members[given.number] = member
        return member

    def total(self) -> int:
        """Value of all purses: spendable here, or pending here and not yet credited there."""
        value = 0
        for member in self.members.values():
            now = member.device.snapshot()
            value += now.balance
            for pending in now.pending:
                payee = self.members[pending.payee].device
                if payee.store.credit(member.number, pending.transaction) is None:
                    value += pending.amount
        return value

    def close(self) -> None:
        """Close all memories."""
        for member in self.members.values():
            member.device.close()
