"""The centres of a run, and what goes between them: issue, homecoming, claims, bulletins, wholesale.

The centres are those of `eiraku.system`, each with its own database; nothing is simulated here but
that they stand in one process. What this module notes down of units is its own account, for the count.
"""

import json
from collections import Counter as Tally
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from eiraku.reference.anchor import TrustAnchor, parse_purse_id
from eiraku.reference.centres.roots import Roots
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.device import Accepted, Device
from eiraku.reference.purse.ledger import Holding
from eiraku.reference.purse.state import Provisioning
from eiraku.spec.centre_objects import Claim
from eiraku.spec.key_lists import Centre
from eiraku.spec.objects import Role
from eiraku.system.database import Database
from eiraku.system.device.registry import Registry
from eiraku.system.device.schema import SCHEMA as DEVICE_SCHEMA
from eiraku.system.economy.meetings import Undelivered
from eiraku.system.economy.places import Kind, Place, Places
from eiraku.system.economy.scenario import Scenario
from eiraku.system.economy.truth import Truth
from eiraku.system.economy.wholesale import Wholesale
from eiraku.system.exchange.trust import lacks_scheme_keys
from eiraku.system.issuing.cases import COPY
from eiraku.system.issuing.counter import Counter, EconomyOf
from eiraku.system.issuing.deposits import Deposited
from eiraku.system.issuing.evidence import Evidence, EvidenceError
from eiraku.system.issuing.issuer import Issuer
from eiraku.system.issuing.office import Office
from eiraku.system.issuing.schema import SCHEMA as ISSUING_SCHEMA
from eiraku.system.issuing.schema import Rules
from eiraku.system.scheme import own
from eiraku.system.scheme.directory import trust_anchor

FIRST_EPOCH = 1
TIER = 2

_ROLES = {
    Kind.PERSON: Role.PERSON,
    Kind.SHOP: Role.MERCHANT,
    Kind.BANK: Role.VAULT,
    Kind.CENTRE: Role.CENTRE,
}


@dataclass(slots=True, kw_only=True)
class IssuedUnit:
    """What is known of a unit outside all purses. `closed`: credited, refunded, or "" while outstanding."""

    value: int
    economy: int
    expires: int
    closed: str = ""


@dataclass(slots=True, kw_only=True)
class Homecoming:
    """What came home, by hops: number of units, their bytes in all, and the largest.

    `reflux`: value by the economy of the unit and that of the depositor.
    """

    count: Tally[int] = field(default_factory=Tally)
    octets: Tally[int] = field(default_factory=Tally)
    largest: dict[int, int] = field(default_factory=dict)
    reflux: Tally[tuple[int, int]] = field(default_factory=Tally)
    outcomes: Tally[str] = field(default_factory=Tally)
    value: int = 0

    def take(self, *, hops: int, size: int, value: int) -> None:
        """One unit."""
        self.count[hops] += 1
        self.octets[hops] += size
        self.largest[hops] = max(size, self.largest.get(hops, 0))
        self.value += value


class Till(Counter):
    """The counter of the issuing centre, with an eye on what comes home."""

    def __init__(
        self,
        device: Device,
        issuer: Issuer,
        *,
        economy_of: EconomyOf,
        collected: Callable[[Sequence[Holding], Sequence[Deposited]], None],
    ) -> None:
        super().__init__(device, issuer, economy_of=economy_of)
        self._collected = collected

    def collect(self) -> tuple[Deposited, ...]:
        """See `Counter`."""
        store = self.device.store
        held = {each.unit_id: each for each in store.holdings([u.unit_id for u in store.summaries()])}
        outcomes = super().collect()
        if outcomes:
            self._collected([held[found.unit_id] for found in outcomes], outcomes)
        return outcomes


class Scheme:
    """Both centres, the issuing centre's purse, and the wholesale register. Raises what they raise."""

    def __init__(self, scenario: Scenario, directory: Path, places: Places, random: Drbg) -> None:
        self.scenario = scenario
        self.places = places
        self.random = random
        self.units: dict[bytes, IssuedUnit] = {}
        self.accounts: Tally[bytes] = Tally()
        self.home = Homecoming()
        self.convicted: dict[bytes, int] = {}
        self.cases: Tally[str] = Tally()
        self.evidence: dict[bytes, bytes] = {}
        self.unproven: list[bytes] = []
        self._cases = 0
        self._home_now: list[bytes] = []
        self.epoch = FIRST_EPOCH
        self._databases = [
            Database(f"sqlite:///{directory / 'device-centre.db'}", DEVICE_SCHEMA),
            Database(f"sqlite:///{directory / 'issuing-centre.db'}", ISSUING_SCHEMA),
        ]
        self.roots = Roots(device=SigningKey(random(32)), money=SigningKey(random(32)))
        policy = scenario.purse_policy()
        self._policy = policy.to_mapping()
        self.registry = Registry.create(
            self._databases[0],
            seal=random(16),
            policy_digest=sha256(json.dumps(self._policy, sort_keys=True).encode()).digest(),
            max_bulletin=policy.max_bulletin,
            epoch=FIRST_EPOCH,
            random=random,
            root=self.roots.device,
        )
        self.issuer = Issuer(
            Office.create(
                self._databases[1],
                seal=random(16),
                economies=sorted(economy.number for economy in scenario.economies),
                rules=Rules(
                    redemption_grace=scenario.policy.redemption_grace,
                    claim_grace=scenario.policy.claim_grace,
                    unit_lifetime=scenario.policy.unit_lifetime,
                    max_hops=scenario.max_hops,
                ),
                epoch=FIRST_EPOCH,
                random=random,
                root=self.roots.money,
                public_keys=self.registry.purses.public_key,
                is_doubtful=self.registry.keys.is_doubtful,
            )
        )
        self.wholesale = Wholesale(directory, scenario.economies, random)
        self.centre = self.make(Kind.CENTRE, "issuing centre", scenario.economies[0].number)
        self.issuer.office.add_purse(self.centre.number)
        self.depositor = self.centre
        self.counter = Till(
            places.device(self.centre),
            self.issuer,
            economy_of=self._economy_of,
            collected=self._collected,
        )

    @property
    def anchor(self) -> TrustAnchor:
        """What a purse that is made now trusts."""
        return trust_anchor(self.registry, self.issuer)

    def close(self) -> None:
        """Close the databases."""
        self.wholesale.close()
        for database in self._databases:
            database.close()

    # --- purses ---

    def make(
        self, kind: Kind, name: str, economy: int, *, bank: int = 0, holder: bytes | None = None
    ) -> Place:
        """Register a purse and provision it. `holder`: 32 bytes, a new one unless given."""
        key = self.random(32)
        # Only people's and shops' purses have to be renewed within a run.
        lifetime = self.scenario.policy.purse_lifetime
        expires = self.epoch + (lifetime if kind in (Kind.PERSON, Kind.SHOP) else 100_000)
        purse_id = self.registry.purses.register(
            SigningKey(key).public,
            role=_ROLES[kind],
            tier=TIER,
            holder=holder or self.random(32),
            economy=economy,
            expires=expires,
        )
        number = parse_purse_id(purse_id).claims.number
        place = Place(
            name=name,
            kind=kind,
            economy=economy,
            number=number,
            path=self.places.directory / f"{len(self.places.all)}-{number.hex()}.db",
            random=Drbg(self.random(32)),
            bank=bank,
            renew=expires,
        )
        given = Provisioning(
            number=number,
            private_key=key,
            purse_id=purse_id,
            anchor=self.anchor.to_mapping(),
            policy=self._policy,
            bulletin=self.registry.bulletins.newest(),
            holdings=(),
        )
        return self.places.make(place, given, keep=kind in (Kind.BANK, Kind.CENTRE))

    def renew(self, place: Place) -> bool:
        """Hand a later purse ID to a purse that comes to its bank; False if it is not to be renewed."""
        # EPP-DEV-003
        registered = self.registry.purses.lookup(place.number)
        if registered is None or not registered.active:
            return False
        lifetime = self.scenario.policy.purse_lifetime
        expires = own.next_expiry(registered, self.anchor, epoch=self.epoch, lifetime=lifetime)
        if expires <= registered.expires:
            return True
        device, signed = self.places.device(place), self.registry.purses.renew(place.number, expires)
        # EPP-DEV-046
        self.tell(device)
        if isinstance(device.take_purse_id(signed), Accepted):
            place.renew = expires
        return True

    def keep(self, place: Place) -> None:
        """Renew the purse of a bank if its purse ID is void."""
        own.renew(self.places.device(place), self.registry, 0)

    def tell(self, device: Device) -> None:
        """Give a purse the newest key lists, and the scheme keys that it lacks."""
        device.keys(Centre.DEVICE, self.registry.keys.newest())
        device.keys(Centre.MONEY, self.issuer.office.key_list())
        if lacks_scheme_keys(device):
            for key in self.registry.keys.scheme_keys():
                device.scheme_key(key)

    # --- epochs ---

    def advance(self) -> bytes:
        """The next epoch: its bulletin with all chunks, and the refunds that have fallen due."""
        self.registry.bulletins.advance()
        self.epoch = self.registry.bulletins.epoch
        self.issuer.office.advance(self.epoch)
        return self.registry.bulletins.newest()

    def rotate(self) -> int:
        """Announce successors of all keys; the first epoch in which they are used."""
        keys, lifetime = self.registry.keys, self.scenario.policy.purse_lifetime
        # EPP-DEV-042, EPP-CEN-043
        first = keys.first_permitted(lifetime)
        keys.rotate(self.roots.device, valid_from=first, lifetime=lifetime)
        keys.rotate_scheme_key(self.roots.device, valid_from=first, lifetime=lifetime)
        self.issuer.office.rotate(self.roots.money, first, earliest=first)
        return first

    def revoke(self) -> None:
        """The purse master key that signs now, from its first epoch on, and the scheme keys at once."""
        keys = self.registry.keys
        named = keys.announced().keys
        now = [kid for kid, key in named.items() if key.covers(self.epoch)]
        # EPP-DEV-043
        keys.revoke(self.roots.device, max(now, key=lambda kid: named[kid].valid_from), valid_from=0)
        keys.revoke_scheme_keys(self.roots.device, valid_from=self.epoch)

    # --- money out ---

    def fund(self, place: Place, amount: int) -> None:
        """Put `amount` into the account of a vault."""
        self.issuer.accounts.fund(self.random(16), place.number, amount)
        self.accounts[place.number] += amount

    def observe(self, place: Place) -> int:
        """Note the units that came fresh to a vault from the centre; their value."""
        total = 0
        for unit in self.places.device(place).store.summaries():
            if not unit.hop and unit.unit_id not in self.units:
                self.units[unit.unit_id] = IssuedUnit(
                    value=unit.value, economy=place.economy, expires=unit.expires
                )
                total += unit.value
        self.accounts[place.number] -= total
        return total

    # --- money home ---

    def take_home(self, payer: Place, truth: Truth) -> None:
        """Everything that the centre's purse took from `payer` goes into the database (EPP-CEN-063)."""
        self.depositor = payer
        self.counter.collect()
        self.came_home(truth)

    def came_home(self, truth: Truth) -> None:
        """Tell of what has come home since, and who was named."""
        for unit_id in self._home_now:
            truth.came_home(self.centre, unit_id)
        self._home_now.clear()
        for number in self.convicted:
            truth.convicted(number)

    def _collected(self, holdings: Sequence[Holding], outcomes: Sequence[Deposited]) -> None:
        """What the counter has just taken, from whoever is the depositor."""
        self._convict()
        for holding, found in zip(holdings, outcomes, strict=True):
            unit = self.units[holding.unit_id]
            self.home.take(hops=holding.hop, size=len(holding.unit) + len(holding.history), value=unit.value)
            self.home.outcomes[found.outcome] += 1
            if found.outcome == "credited":
                unit.closed = "credited"
                self.accounts[self.depositor.number] += unit.value
                self.home.reflux[unit.economy, self.depositor.economy] += unit.value
        self.centre.balance = 0
        self._home_now += [holding.unit_id for holding in holdings]

    def _convict(self) -> None:
        """Revoke every purse of which there is new evidence, if it shows what it should to anybody else."""
        for case in self.issuer.history.cases(self._cases):
            self._cases = case.sequence
            self.cases[case.kind] += 1
            if case.kind != COPY:
                continue
            written = case.evidence(self.registry.purses.for_evidence(case.purse)).to_json()
            try:
                # EPP-CEN-005: read and verified with public keys, as anybody would
                convicted = Evidence.from_json(written).verify(self.anchor).number
            except EvidenceError:
                convicted = None
            if convicted != case.purse:
                self.unproven.append(case.purse)
                continue
            self.evidence.setdefault(case.purse, written)
            if case.purse not in self.convicted:
                self.convicted[case.purse] = self.epoch
                # EPP-DEV-004
                self.registry.purses.revoke(case.purse, f"copied a unit: evidence of epoch {self.epoch}")

    # --- claims ---

    def claim(self, pending: Undelivered, beneficiary: Place) -> str:
        """Claim a pending transaction for the account of a vault; the state of the claim."""
        stored = self.places.device(pending.payer).store.pending(pending.transaction)
        if stored is None:
            return "settled"
        claim = Claim(
            offer=stored.offer,
            endorsements=stored.endorsements,
            payee=stored.payee,
            beneficiary=beneficiary.number,
        )
        state = self.issuer.claims.claim(pending.payer.number, claim, economy=beneficiary.economy)
        self._convict()
        return state

    def refund(self) -> int:
        """Settle all claims that are due; the value refunded."""
        total = 0
        for one in self.issuer.claims.refund(self.epoch):
            unit = self.units[one.unit_id]
            unit.closed = "refunded"
            self.accounts[one.beneficiary] += unit.value
            total += unit.value
        return total

    # --- inside ---

    def _economy_of(self, number: bytes) -> int | None:
        place = self.places.by_number.get(number)
        return None if place is None else place.economy
