"""The one world with a real issuing centre, and beside it only what a test asks for.

    Town(names)             purses by name whose keys are in the open, so that units move without sessions
    Town(names, url)        and an issuing centre in a database
    Town(names, folder=F)   both centres with their services in a folder; each purse a device with a memory

`bank.Bank` puts the vault of a town in a folder to work, `served.Served` serves one from a child process.
Names and keys without a folder follow from `seed`, so that a town can be opened again after its process has
ended; what is done there differs with `run`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from itertools import count, pairwise
from pathlib import Path
from secrets import token_bytes
from typing import Any

from eiraku.reference.anchor import TrustAnchor, parse_unit
from eiraku.reference.centres.device import DeviceCentre, PurseMasterKey
from eiraku.reference.centres.issuing import MoneyKey, first_holding, sign_unit
from eiraku.reference.centres.roots import Roots
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.drbg import Drbg
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.crypto.x25519 import AgreementKey
from eiraku.reference.device import Device
from eiraku.spec import objects
from eiraku.spec.centre_objects import Claim, Issue
from eiraku.spec.messages import Offer, OfferedUnit
from eiraku.spec.objects import ReceiptPayload, Role, Unit
from eiraku.system.database import Database
from eiraku.system.device.registry import Registry
from eiraku.system.issuing.chain import Chain, Endorsement, Opener
from eiraku.system.issuing.counter import Counter
from eiraku.system.issuing.deposits import Deposited, open_deposit
from eiraku.system.issuing.issuer import Issuer
from eiraku.system.issuing.office import Office
from eiraku.system.issuing.schema import SCHEMA, Rules
from eiraku.system.scheme import directory as folders
from eiraku.system.scheme.directory import Directory
from eiraku.system.scheme.settings import DEFAULT
from eiraku.system.services import scheme as schemes
from eiraku.system.services.scheme import Scheme
from eiraku.system.services.settings import DEFAULT as SERVICES
from eiraku.testing import moves
from eiraku.testing.device import BenchDevice, number_of, provision_of
from eiraku.testing.faulty_store import FaultyStore

ISSUER = "issuer"
"""The name of the issuing centre, as payer of hop 0."""
HOME = "home"
"""The name of the issuing centre's own purse."""
VAULT = "vault"
HOLDER = bytes([7]) * 32
"""Who holds the purses in a folder, unless said otherwise."""
PURSE = "purse-"
"""Their memories are in files of such names."""
LAST_EPOCH = 100
ECONOMY = 392
OTHER_ECONOMY = 410
EPOCH = 1
LIST_LIFETIME = 10_000
"""Epochs: tests go on to far epochs, and only those about lists sign them again."""
RULES = Rules(redemption_grace=2, claim_grace=4, unit_lifetime=10, max_hops=8)


class Town:
    """`names`: of persons; a vault and the issuing centre's own purse are always there.

    `issuer`: where there is a database or a folder. `scheme` with its parts, `devices` by name: in a folder.
    """

    issuer: Issuer
    scheme: Scheme
    directory: Directory
    registry: Registry
    counter: Counter

    def __init__(
        self,
        names: Iterable[str] = (),
        url: str = "",
        *,
        folder: Path | None = None,
        seed: bytes = b"town",
        run: bytes = b"",
        **centres: Any,
    ) -> None:
        """Open the centres, or make them. Raises DatabaseError.

        `centres`: with a database, `rules`, `wait` and `max_pages`; in a folder, `policy` and `services`, the
        texts of these files, and whatever `centre.toml` has.
        """
        self.random = Drbg(seed)
        self.keys: dict[str, SigningKey] = {}
        self.numbers = {ISSUER: objects.ISSUER_NUMBER}
        self.purse_ids = {ISSUER: b""}
        self.devices: dict[str, BenchDevice] = {}
        self._office: Office | None = None
        self._units = 0
        self._opened: list[Database | Scheme | BenchDevice] = []
        if folder is None:
            self._settle(names)
        if url or folder is not None:
            self.random = Drbg(seed + b"/" + run)
        try:
            if url:
                self._open_issuer(url, **centres)
            if folder is not None:
                self._open_scheme(folder, names, **centres)
        except BaseException:
            self.close()
            raise

    def _settle(self, names: Iterable[str]) -> None:
        self.money = self.money_key()
        master = PurseMasterKey(key=SigningKey(self.random(32)), valid_from=0, valid_to=LAST_EPOCH)
        self.device_centre = DeviceCentre(keys=(master,), seal=self.random(16), economy=ECONOMY)
        self.seal = self.random(16)
        self.roots = Roots(device=SigningKey(self.random(32)), money=SigningKey(self.random(32)))
        for name in (VAULT, HOME, *names):
            self.keys[name] = SigningKey(self.random(32))
            self.numbers[name] = self.random(8)
            self.purse_ids[name] = self.device_centre.certify(
                number=self.numbers[name],
                public_key=self.keys[name].public,
                role={VAULT: Role.VAULT, HOME: Role.CENTRE}.get(name, Role.PERSON),
                tier=2,
                holder=self.random(32),
                issued=1,
                expires=LAST_EPOCH,
            )

    def _open_issuer(
        self, url: str, *, rules: Rules = RULES, wait: float = 5.0, max_pages: int | None = None
    ) -> None:
        self.database = Database(url, SCHEMA, wait=wait, max_pages=max_pages)
        self._opened.append(self.database)
        if Office.exists(self.database):
            office = Office(self.database, public_keys=self.registered.get, random=token_bytes)
        else:
            office = Office.create(
                self.database,
                seal=self.seal,
                economies=(ECONOMY, OTHER_ECONOMY),
                rules=rules,
                epoch=EPOCH,
                random=token_bytes,
                root=self.roots.money,
                public_keys=self.registered.get,
            )
        office.add_purse(self.numbers[HOME])
        self._work_with(Issuer(office))

    def _open_scheme(
        self,
        folder: Path,
        names: Iterable[str],
        *,
        policy: str | None = None,
        services: str = SERVICES,
        **settings: Any,
    ) -> None:
        self.folder = folder
        path = folder / "scheme"
        if not path.exists():
            changed = DEFAULT.changed(**{"list_lifetime": LIST_LIFETIME, **settings})
            folders.create(path, settings=changed, policy=policy, random=self.random).close()
            (path / schemes.SETTINGS).write_text(services, encoding="utf-8")
        self.scheme = schemes.open_(path, random=self.random, clock=map(float, count()).__next__)
        self._opened.append(self.scheme)
        self.directory, self.counter = self.scheme.directory, self.scheme.counter
        self.registry = self.directory.registry
        self._work_with(self.directory.issuer)
        self._enter(HOME, self.counter.device)
        made = (file.stem.removeprefix(PURSE) for file in sorted(folder.glob(f"{PURSE}*.db")))
        for name in dict.fromkeys((VAULT, *names, *made)):
            self.purse(name, role=Role.VAULT if name == VAULT else Role.PERSON)

    def _work_with(self, issuer: Issuer) -> None:
        self.issuer, self._office = issuer, issuer.office
        self.money, self.seal = issuer.office.money_keys()[0], issuer.office.seal

    def purse(self, name: str = "", *, role: Role = Role.PERSON, holder: bytes = HOLDER) -> BenchDevice:
        """A purse in the folder, by default of a new person and without money."""
        name = name or str(len(self.devices))
        store = FaultyStore(self.folder / f"{PURSE}{name}.db")
        if store.provision() is None:
            self.directory.make_purse(store, role=role, tier=2, holder=holder, economy=ECONOMY)
        device = self.devices[name] = BenchDevice(store, self.random)
        self._opened.append(device)
        self._enter(name, device)
        return device

    @property
    def persons(self) -> list[BenchDevice]:
        """The purses in the folder but that of the vault, in the order in which they were made."""
        return [device for name, device in self.devices.items() if name != VAULT]

    def by_number(self) -> dict[bytes, Device]:
        """All purses in the folder, the centre's own among them."""
        every: tuple[Device, ...] = (*self.devices.values(), self.counter.device)
        return {number_of(device): device for device in every}

    def _enter(self, name: str, device: Device) -> None:
        made = provision_of(device)
        self.keys[name] = SigningKey(made.private_key)
        self.numbers[name], self.purse_ids[name] = made.number, made.purse_id

    def money_key(self) -> MoneyKey:
        """A new key; the town goes on with the one it has."""
        return MoneyKey(
            unit_key=SigningKey(self.random(32)),
            history_key=AgreementKey(self.random(32)),
            valid_from=0,
            valid_to=LAST_EPOCH,
        )

    @property
    def registered(self) -> dict[bytes, bytes]:
        """Public keys by purse number."""
        return {self.numbers[name]: key.public for name, key in self.keys.items()}

    @property
    def opener(self) -> Opener:
        """Of an issuing centre with the money key of the town, for every purse."""
        return Opener([self.money], self.registered.get, frozenset({self.numbers[HOME]}))

    @property
    def anchor(self) -> TrustAnchor:
        """What everybody trusts, in a town without a folder."""
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

    def close(self) -> None:
        """Close all memories and databases; one without a folder may then go on, with new connections."""
        for part in reversed(self._opened):
            part.close()

    # --- moves without sessions ---

    def unit(self, **changes: Any) -> OfferedUnit:
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
        return OfferedUnit(unit=sign_unit(self.money, replace(base, **changes).encode()), hop=-1, history=b"")

    def endorse(
        self,
        held: OfferedUnit,
        payer: str,
        payee: str,
        *,
        hop: int | None = None,
        transaction: bytes | None = None,
        key: SigningKey | None = None,
    ) -> Endorsement:
        """The payer gives the unit away, by default under a transaction of its own; `hop`: the next one.

        `key`: that of a thief in the payer's name.
        """
        if key is None:
            key = self.money.unit_key if payer == ISSUER else self.keys[payer]
        return moves.endorse(
            held,
            key,
            payer=self.numbers[payer],
            payee=self.numbers[payee],
            transaction=self.random(16) if transaction is None else transaction,
            hop=hop,
        )

    def take(self, held: OfferedUnit, endorsement: Endorsement) -> OfferedUnit:
        """What the payee then holds, sealed under the key of the unit."""
        history_key = self._key_of(held.unit).history_key.public
        return moves.taken(held, endorsement, history_key=history_key, ephemeral=self.random(32))

    def move(self, held: OfferedUnit, *way: str) -> OfferedUnit:
        """From purse to purse; the first name is that of the payer."""
        for payer, payee in pairwise(way):
            held = self.take(held, self.endorse(held, payer, payee))
        return held

    def open(self, held: OfferedUnit) -> Chain:
        """The chain of a deposit, by `opener`. Raises BadLayer and Refusal."""
        return self.opener.open(held.unit, held.hop, held.history)

    def _key_of(self, unit: bytes) -> MoneyKey:
        """The money key of a unit, if a centre is there and has it; the town goes on with that."""
        kid = parse_unit(unit).kid
        if kid != self.money.kid and self._office is not None:
            found = (key for key in self._office.money_keys() if key.kid == kid)
            self.money = next(found, self.money)
        return self.money

    # --- with an issuing centre ---

    def fund(self, amount: int, name: str = VAULT) -> None:
        """Put something into an account."""
        self.issuer.accounts.fund(self.random(16), self.numbers[name], amount)

    def issue(
        self, values: Sequence[int], *, request: bytes | None = None, economy: int = ECONOMY
    ) -> list[OfferedUnit]:
        """Fresh units as the vault holds them."""
        name = self.random(16) if request is None else request
        return self.held(self.issuer.issues.issue(name, self.numbers[VAULT], economy, values))

    def receipt(self, encoded: bytes, *, by: str = VAULT) -> bytes:
        """What the vault signs for an issue; `by`: who signs it."""
        issue = Issue.decode(encoded)
        payload = ReceiptPayload(
            transaction=issue.transaction,
            payer=objects.ISSUER_NUMBER,
            payee=self.numbers[VAULT],
            amount=issue.amount,
            offer_digest=sha256(encoded).digest(),
        )
        return cose.sign_detached(self.keys[by], objects.CONTEXT_RECEIPT, payload.encode())

    def held(self, encoded: bytes) -> list[OfferedUnit]:
        """The units of an issue as the vault holds them, with the layer that it seals."""
        issue = Issue.decode(encoded)
        return [
            first_holding(
                unit,
                holder=self.numbers[VAULT],
                transaction=issue.transaction,
                signature=signature,
                history_key=self._key_of(unit).history_key.public,
                ephemeral=self.random(32),
            )
            for unit, signature in issue.units
        ]

    def bring(self, *copies: OfferedUnit) -> tuple[Deposited, ...]:
        """Deposit what has come to the centre's own purse."""
        opener = self.issuer.office.opener()
        return self.issuer.deposits.store(
            [open_deposit(opener, copy.unit, copy.hop, copy.history) for copy in copies]
        )

    def outcome(self, held: OfferedUnit, *way: str) -> str:
        """What becomes of one unit that goes this way and then home."""
        (deposited,) = self.bring(self.move(held, *way, HOME))
        return deposited.outcome

    def pending(
        self, copies: Sequence[OfferedUnit], payer: str, payee: str
    ) -> tuple[Claim, list[OfferedUnit]]:
        """The payer gives units away and gets no receipt: what it can claim, and what the payee may hold."""
        transaction = self.random(16)
        given = [self.endorse(copy, payer, payee, transaction=transaction) for copy in copies]
        offer = Offer(
            transaction=transaction,
            amount=sum(parse_unit(copy.unit).unit.value for copy in copies),
            units=tuple(copies),
        )
        claim = Claim(
            offer=offer.encode(),
            endorsements=tuple(each.signature for each in given),
            payee=self.numbers[payee],
            beneficiary=self.numbers[VAULT],
        )
        return claim, [self.take(copy, each) for copy, each in zip(copies, given, strict=True)]
