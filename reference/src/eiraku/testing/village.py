"""Purses known by name, an issuing and a device centre: moves are made directly, without sessions.

For tests and demonstrations of what the issuing centre finds out. Everything is drawn from one seed.
"""

from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.centres.device import DeviceCentre, PurseMasterKey
from eiraku.reference.centres.issuing import Holding, MoneyKey, sign_unit
from eiraku.reference.centres.roots import Roots
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.spec import objects
from eiraku.spec.objects import Role, Unit
from eiraku.system.issuing.chain import Chain, Endorsement, Opener
from eiraku.testing import moves

ISSUER = "issuer"
"""The name of the issuing centre, as payer of hop 0."""
HOME = "home"
"""The name of the issuing centre's own purse."""
VAULT = "vault"
LAST_EPOCH = 100
ECONOMY = 392


class Village:
    """`names`: of persons; a vault and the issuing centre's own purse are always there."""

    def __init__(self, names: Iterable[str], *, seed: bytes = b"village") -> None:
        self.random = Drbg(seed)
        self.money = self.money_key()
        master = PurseMasterKey(key=SigningKey(self.random(32)), valid_from=0, valid_to=LAST_EPOCH)
        self.device_centre = DeviceCentre(keys=(master,), seal=self.random(16), economy=ECONOMY)
        self.seal = self.random(16)
        self.roots = Roots(device=SigningKey(self.random(32)), money=SigningKey(self.random(32)))
        self.keys: dict[str, SigningKey] = {}
        self.numbers = {ISSUER: objects.ISSUER_NUMBER}
        self.purse_ids = {ISSUER: b""}
        for name in (VAULT, HOME, *names):
            self._settle(name, {VAULT: Role.VAULT, HOME: Role.CENTRE}.get(name, Role.PERSON))
        self._units = 0

    def _settle(self, name: str, role: Role) -> None:
        self.keys[name] = SigningKey(self.random(32))
        self.numbers[name] = self.random(8)
        self.purse_ids[name] = self.device_centre.certify(
            number=self.numbers[name],
            public_key=self.keys[name].public,
            role=role,
            tier=2,
            holder=self.random(32),
            issued=1,
            expires=LAST_EPOCH,
        )

    def money_key(self) -> MoneyKey:
        """A new key; the village goes on with the one it has."""
        return MoneyKey(
            unit_key=SigningKey(self.random(32)),
            history_key=AgreementKey(self.random(32)),
            valid_from=0,
            valid_to=LAST_EPOCH,
        )

    @property
    def opener(self) -> Opener:
        """Of the issuing centre, for every purse of the village."""
        registered = {self.numbers[name]: key.public for name, key in self.keys.items()}
        return Opener([self.money], registered.get, frozenset({self.numbers[HOME]}))

    @property
    def anchor(self) -> TrustAnchor:
        """What everybody trusts."""
        return self.roots.anchor(
            economies=(ECONOMY,),
            device_keys=(self.device_centre.keys[0].announced,),
            money_keys=(self.money.announced,),
            device_seal=self.device_centre.seal,
            money_seal=self.seal,
        )

    def name(self, number: bytes) -> str:
        """Whose purse number it is."""
        return next(name for name, each in self.numbers.items() if each == number)

    def unit(self, **changes: Any) -> Holding:
        """The next unit, signed, of value 1, endorsed to nobody yet."""
        self._units += 1
        base = Unit(
            number=self._units,
            issue=0,
            value=1,
            economy=ECONOMY,
            issued=1,
            expires=LAST_EPOCH,
            max_hops=255,
            seal=self.seal,
        )
        return Holding(unit=sign_unit(self.money, replace(base, **changes).encode()), hop=-1, history=b"")

    def endorse(
        self,
        held: Holding,
        payer: str,
        payee: str,
        *,
        hop: int | None = None,
        transaction: bytes | None = None,
    ) -> Endorsement:
        """The payer gives the unit away, by default under a transaction of its own; `hop`: the next one."""
        return moves.endorse(
            held,
            self.money.unit_key if payer == ISSUER else self.keys[payer],
            payer=self.numbers[payer],
            payee=self.numbers[payee],
            transaction=self.random(16) if transaction is None else transaction,
            hop=hop,
        )

    def take(self, held: Holding, endorsement: Endorsement) -> Holding:
        """What the payee then holds."""
        history_key = self.money.history_key.public
        return moves.taken(held, endorsement, history_key=history_key, ephemeral=self.random(32))

    def move(self, held: Holding, *way: str) -> Holding:
        """From purse to purse; the first name is that of the payer."""
        for payer, payee in pairwise(way):
            held = self.take(held, self.endorse(held, payer, payee))
        return held

    def open(self, held: Holding) -> Chain:
        """The chain of a deposit. Raises BadLayer and Refusal."""
        return self.opener.open(held.unit, held.hop, held.history)
