"""A village with an issuing centre on a database: units are issued, moved without sessions, and come home.

For tests, measurements and demonstrations. The purses are always the same for one `seed`, so that a town can
be opened again after its process has ended; what they do differs with `run`.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from secrets import token_bytes

from eiraku.reference.anchor import parse_unit
from eiraku.reference.centres.issuing import Holding, MoneyKey, first_holding
from eiraku.reference.crypto import cose
from eiraku.reference.crypto.drbg import Drbg
from eiraku.spec import objects
from eiraku.spec.centre_objects import Claim, Issue
from eiraku.spec.messages import Offer, OfferedUnit
from eiraku.spec.objects import ReceiptPayload
from eiraku.system.database import Database
from eiraku.system.issuing.chain import Endorsement
from eiraku.system.issuing.deposits import Deposited, open_deposit
from eiraku.system.issuing.issuer import Issuer
from eiraku.system.issuing.office import Office
from eiraku.system.issuing.schema import SCHEMA, Rules
from eiraku.testing.village import ECONOMY, HOME, VAULT, Village

RULES = Rules(redemption_grace=2, claim_grace=4, unit_lifetime=10, max_hops=8)
EPOCH = 1
OTHER_ECONOMY = 410


class Town(Village):
    """`names`: of persons, beside the vault and the centre's own purse; `url`: of the centre's database."""

    def __init__(
        self,
        names: Iterable[str],
        url: str,
        *,
        rules: Rules = RULES,
        seed: bytes = b"town",
        run: bytes = b"",
        wait: float = 5.0,
        max_pages: int | None = None,
    ) -> None:
        """Open the centre, or make it. Raises DatabaseError."""
        super().__init__(names, seed=seed)
        registered = {self.numbers[name]: key.public for name, key in self.keys.items()}
        self.registered = registered
        self.random = Drbg(seed + b"/" + run)
        self.database = Database(url, SCHEMA, wait=wait, max_pages=max_pages)
        try:
            if Office.exists(self.database):
                self.issuer = Issuer(Office(self.database, public_keys=registered.get, random=token_bytes))
            else:
                self.issuer = Issuer(
                    Office.create(
                        self.database,
                        seal=self.seal,
                        economies=(ECONOMY, OTHER_ECONOMY),
                        rules=rules,
                        epoch=EPOCH,
                        random=token_bytes,
                        root=self.roots.money,
                        public_keys=registered.get,
                    )
                )
            self.issuer.office.add_purse(self.numbers[HOME])
        except BaseException:
            self.close()
            raise
        self.money = self.issuer.office.money_keys()[0]

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def fund(self, amount: int, name: str = VAULT) -> None:
        """Put something into an account."""
        self.issuer.accounts.fund(self.random(16), self.numbers[name], amount)

    def issue(
        self, values: Sequence[int], *, request: bytes | None = None, economy: int = ECONOMY
    ) -> list[Holding]:
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

    def held(self, encoded: bytes) -> list[Holding]:
        """The units of an issue as the vault holds them, with the layer that it seals."""
        issue = Issue.decode(encoded)
        return [self._fresh(unit, signature, issue.transaction) for unit, signature in issue.units]

    def _fresh(self, unit: bytes, signature: bytes, transaction: bytes) -> Holding:
        return first_holding(
            unit,
            holder=self.numbers[VAULT],
            transaction=transaction,
            signature=signature,
            history_key=self._key_of(unit).history_key.public,
            ephemeral=self.random(32),
        )

    def _key_of(self, unit: bytes) -> MoneyKey:
        """The money key of a unit; the town goes on with it."""
        kid = parse_unit(unit).kid
        if kid != self.money.kid:
            self.money = next(key for key in self.issuer.office.money_keys() if key.kid == kid)
        return self.money

    def take(self, held: Holding, endorsement: Endorsement) -> Holding:
        """What the payee then holds, sealed under the key of the unit."""
        self._key_of(held.unit)
        return super().take(held, endorsement)

    def bring(self, *copies: Holding) -> tuple[Deposited, ...]:
        """Deposit what has come to the centre's own purse."""
        opener = self.issuer.office.opener()
        return self.issuer.deposits.store(
            [open_deposit(opener, copy.unit, copy.hop, copy.history) for copy in copies]
        )

    def outcome(self, held: Holding, *way: str) -> str:
        """What becomes of one unit that goes this way and then home."""
        (deposited,) = self.bring(self.move(held, *way, HOME))
        return deposited.outcome

    def pending(self, copies: Sequence[Holding], payer: str, payee: str) -> tuple[Claim, list[Holding]]:
        """The payer gives units away and gets no receipt: what it can claim, and what the payee may hold."""
        transaction = self.random(16)
        given = [self.endorse(copy, payer, payee, transaction=transaction) for copy in copies]
        offer = Offer(
            transaction=transaction,
            amount=sum(parse_unit(copy.unit).unit.value for copy in copies),
            units=tuple(OfferedUnit(unit=c.unit, hop=c.hop, history=c.history) for c in copies),
        )
        claim = Claim(
            offer=offer.encode(),
            endorsements=tuple(each.signature for each in given),
            payee=self.numbers[payee],
            beneficiary=self.numbers[VAULT],
        )
        return claim, [self.take(copy, each) for copy, each in zip(copies, given, strict=True)]
