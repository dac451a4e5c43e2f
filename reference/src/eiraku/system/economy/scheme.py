"""The centres of a run, and what goes between them: issue, homecoming, claims, bulletins, wholesale.

The centres are those of `eiraku.system`, each with its own database; nothing is simulated here but
that they stand in one process. What this module notes down of units is its own account, for the count.
"""

import json
from collections import Counter as Tally
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from eiraku.reference.anchor import parse_purse_id, parse_unit
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.device import Accepted
from eiraku.reference.purse.state import Provisioning
from eiraku.spec.centre_objects import Claim, Issue
from eiraku.spec.objects import Role
from eiraku.system.database import Database
from eiraku.system.device.registry import Registry
from eiraku.system.device.schema import SCHEMA as DEVICE_SCHEMA
from eiraku.system.economy.meetings import Undelivered
from eiraku.system.economy.places import Kind, Place, Places
from eiraku.system.economy.scenario import Scenario
from eiraku.system.economy.wholesale import Wholesale
from eiraku.system.issuing.cases import COPY
from eiraku.system.issuing.counter import Counter
from eiraku.system.issuing.evidence import Evidence, EvidenceError
from eiraku.system.issuing.issuer import Issuer
from eiraku.system.issuing.office import Office
from eiraku.system.issuing.schema import SCHEMA as ISSUING_SCHEMA
from eiraku.system.issuing.schema import Rules
from eiraku.system.scheme.directory import trust_anchor
from eiraku.testing.device import PowerLost

FIRST_EPOCH = 1
TIER = 2

_ROLES = {
    Kind.PERSON: Role.PERSON,
    Kind.SHOP: Role.MERCHANT,
    Kind.DESK: Role.VAULT,
    Kind.SAFE: Role.VAULT,
    Kind.CENTRAL_BANK: Role.VAULT,
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
        self.epoch = FIRST_EPOCH
        self._databases = [
            Database(f"sqlite:///{directory / 'device-centre.db'}", DEVICE_SCHEMA),
            Database(f"sqlite:///{directory / 'issuing-centre.db'}", ISSUING_SCHEMA),
        ]
        policy = scenario.purse_policy()
        self._policy = policy.to_mapping()
        self.registry = Registry.create(
            self._databases[0],
            seal=random(16),
            policy_digest=sha256(json.dumps(self._policy, sort_keys=True).encode()).digest(),
            epoch=FIRST_EPOCH,
            random=random,
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
                public_keys=self.registry.purses.public_key,
            )
        )
        self.anchor = trust_anchor(self.registry, self.issuer, random(32))
        self._anchor = self.anchor.to_mapping()
        self.wholesale = Wholesale(directory, scenario.economies, random)
        self.centre = self.make(Kind.CENTRE, "issuing centre", scenario.economies[0].number)
        self.issuer.office.add_purse(self.centre.number)
        self._counter = Counter(places.device(self.centre), self.issuer, economy_of=self._economy_of)

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
            anchor=self._anchor,
            policy=self._policy,
            bulletin=self.registry.bulletins.newest(),
            holdings=(),
        )
        return self.places.make(place, given, keep=kind is Kind.CENTRE)

    def renew(self, place: Place) -> bool:
        """Hand a later purse ID to a purse that comes to its bank; False if it is not to be renewed."""
        # EPP-DEV-003
        registered = self.registry.purses.lookup(place.number)
        if registered is None or not registered.active:
            return False
        expires = self.epoch + self.scenario.policy.purse_lifetime
        if expires <= registered.expires:
            return True
        signed = self.registry.purses.renew(place.number, expires)
        result = self.places.device(place).take_purse_id(signed)
        if isinstance(result, Accepted):
            place.renew = expires
        return True

    # --- epochs ---

    def advance(self) -> bytes:
        """The next epoch: its bulletin, and the refunds that have fallen due."""
        signed = self.registry.bulletins.advance()
        self.epoch = self.registry.bulletins.epoch
        self.issuer.office.advance(self.epoch)
        return signed

    # --- money out ---

    def fund(self, place: Place, amount: int) -> None:
        """Put `amount` into the account of a vault."""
        self.issuer.accounts.fund(self.random(16), place.number, amount)
        self.accounts[place.number] += amount

    def issue(self, place: Place, values: Sequence[int]) -> int:
        """Fresh units for a vault, taken into its purse; their value."""
        encoded = self.issuer.issues.issue(self.random(16), place.number, place.economy, values)
        issue = Issue.decode(encoded)
        device = self.places.device(place)
        result = device.take_issue(encoded)
        if isinstance(result, PowerLost):
            # EPP-CEN-012: the same bytes again
            result = device.take_issue(encoded)
        if not isinstance(result, Accepted) or result.out is None:
            raise ValueError(f"{place.name}: does not take an issue ({result})")
        self.issuer.issues.receipt(place.number, issue.transaction, result.out)
        for raw, _ in issue.units:
            unit = parse_unit(raw)
            self.units[unit.unit_id] = IssuedUnit(
                value=unit.unit.value, economy=unit.unit.economy, expires=unit.unit.expires
            )
        place.balance += issue.amount
        self.accounts[place.number] -= issue.amount
        return issue.amount

    # --- money home ---

    def collect(self, payer: Place) -> tuple[bytes, ...]:
        """Everything that the centre's purse took from `payer` in the last session goes into the database.

        The units that were collected.
        """
        store = self.places.device(self.centre).store
        holdings = store.holdings([unit.unit_id for unit in store.summaries()])
        if not holdings:
            return ()
        outcomes = {one.unit_id: one for one in self._counter.collect()}
        self._convict()
        for holding in holdings:
            unit, found = self.units[holding.unit_id], outcomes[holding.unit_id]
            self.home.take(hops=holding.hop, size=len(holding.unit) + len(holding.history), value=unit.value)
            self.home.outcomes[found.outcome] += 1
            if found.outcome == "credited":
                unit.closed = "credited"
                self.accounts[payer.number] += unit.value
                self.home.reflux[unit.economy, payer.economy] += unit.value
        self.centre.balance = 0
        return tuple(holding.unit_id for holding in holdings)

    def _convict(self) -> None:
        """Revoke every purse of which there is new evidence, if it shows what it should to anybody else."""
        for case in self.issuer.history.cases(self._cases):
            self._cases = case.sequence
            self.cases[case.kind] += 1
            if case.kind != COPY:
                continue
            registered = self.registry.purses.lookup(case.purse)
            written = case.evidence(b"" if registered is None else registered.purse_id).to_json()
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
