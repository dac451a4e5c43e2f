"""A village with an issuing centre on a database: units are issued, moved without sessions, and come home.

For tests, measurements and demonstrations. The purses are always the same for one `seed`, so that a town can
be opened again after its process has ended; what they do differs with `run`.
"""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from secrets import token_bytes

from eiraku.reference.anchor import parse_unit
from eiraku.reference.crypto.drbg import Drbg
from eiraku.spec import objects
from eiraku.spec.centre_objects import Claim, Issue
from eiraku.spec.messages import Offer, OfferedUnit
from eiraku.system.database import Database
from eiraku.system.issuing.chain import Endorsement
from eiraku.system.issuing.deposits import Deposited, open_deposit
from eiraku.system.issuing.issuer import Issuer, Rules
from eiraku.system.issuing.schema import SCHEMA
from eiraku.testing.moves import Copy
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
            if Issuer.exists(self.database):
                self.issuer = Issuer(self.database, public_keys=registered.get, random=token_bytes)
            else:
                self.issuer = Issuer.create(
                    self.database,
                    seal=self.seal,
                    economies=(ECONOMY, OTHER_ECONOMY),
                    rules=rules,
                    epoch=EPOCH,
                    random=token_bytes,
                    public_keys=registered.get,
                )
            self.issuer.add_purse(self.numbers[HOME])
        except BaseException:
            self.close()
            raise
        self.money = self.issuer.money_keys()[0]

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def fund(self, amount: int, name: str = VAULT) -> None:
        """Put something into an account."""
        self.issuer.fund(self.random(16), self.numbers[name], amount)

    def issue(
        self, values: Sequence[int], *, request: bytes | None = None, economy: int = ECONOMY
    ) -> list[Copy]:
        """Fresh units as the vault holds them."""
        name = self.random(16) if request is None else request
        return self.held(self.issuer.issue(name, self.numbers[VAULT], economy, values))

    def held(self, encoded: bytes) -> list[Copy]:
        """The units of an issue as the vault holds them, with the layer that it seals."""
        issue = Issue.decode(encoded)
        return [self._fresh(unit, signature, issue.transaction) for unit, signature in issue.units]

    def _fresh(self, unit: bytes, signature: bytes, transaction: bytes) -> Copy:
        genesis = Endorsement(
            hop=0,
            history_digest=sha256(b"").digest(),
            payer=objects.ISSUER_NUMBER,
            payee=self.numbers[VAULT],
            transaction=transaction,
            signature=signature,
        )
        return self.take(Copy(unit_id=parse_unit(unit).unit_id, unit=unit, hop=-1, history=b""), genesis)

    def take(self, copy: Copy, endorsement: Endorsement) -> Copy:
        """What the payee then holds, sealed under the key of the unit."""
        kid = parse_unit(copy.unit).kid
        if kid != self.money.kid:
            self.money = next(key for key in self.issuer.money_keys() if key.kid == kid)
        return super().take(copy, endorsement)

    def bring(self, *copies: Copy) -> tuple[Deposited, ...]:
        """Deposit what has come to the centre's own purse."""
        opener = self.issuer.opener()
        return self.issuer.deposit_opened(
            [open_deposit(opener, copy.unit, copy.hop, copy.history) for copy in copies]
        )

    def outcome(self, copy: Copy, *way: str) -> str:
        """What becomes of one unit that goes this way and then home."""
        (deposited,) = self.bring(self.move(copy, *way, HOME))
        return deposited.outcome

    def pending(self, copies: Sequence[Copy], payer: str, payee: str) -> tuple[Claim, list[Copy]]:
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
