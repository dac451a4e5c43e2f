"""The tables of the issuing centre: keys, history database (S-13), issues, deposits, claims, cases, books.

`unit` has one row for each number and issue; `deposit` and `claim` hold the returned paths, `suspicion` what
must be looked into. A path is the concatenation of its endorsements, hop 0 first, 128 bytes each.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from eiraku.spec import shape
from eiraku.spec.errors import Refused
from eiraku.system import announced
from eiraku.system.books import Books
from eiraku.system.database import Schema
from eiraku.system.issuing.chain import Chain, Endorsement


class IssuerError(Refused):
    """The issuing centre was asked for something that it cannot do; the message says what was expected."""


class State(IntEnum):
    """Where the history database has a unit."""

    OUTSTANDING = 0
    REDEEMED = 1
    REFUNDED = 2
    EXPIRED = 3

    @property
    def label(self) -> str:
        """Lower-case name."""
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the scheme makes known (EPP-CEN-007, EPP-CEN-008); all in epochs but `max_hops`.

    `redemption_grace`, `claim_grace`: epochs after a unit's `expires` in which it can still be deposited, and
    claimed. `unit_lifetime`: `expires` less `issued` of a new unit. `reuse_numbers`: issue closed numbers
    again (EPP-CEN-064). Raises IssuerError.
    """

    redemption_grace: int
    claim_grace: int
    unit_lifetime: int
    max_hops: int
    reuse_numbers: bool = False

    def __post_init__(self) -> None:
        # EPP-CEN-058
        if not 0 <= self.redemption_grace < self.claim_grace <= shape.EPOCH_MAX:
            raise IssuerError(
                "rules: expected 0 <= redemption_grace < claim_grace, "
                f"found {self.redemption_grace} and {self.claim_grace}"
            )
        if not 0 <= self.unit_lifetime <= shape.EPOCH_MAX:
            raise IssuerError(
                f"rules: expected a unit_lifetime of 0 or more epochs, found {self.unit_lifetime}"
            )
        # EPP-UNI-010
        if not 1 <= self.max_hops <= 250:
            raise IssuerError(f"rules: expected max_hops from 1 to 250, found {self.max_hops}")


METADATA = MetaData()

CENTRE = Table(
    "centre",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seal", LargeBinary(16), nullable=False),
    Column("economies", Text, nullable=False),
    Column("redemption_grace", BigInteger, nullable=False),
    Column("claim_grace", BigInteger, nullable=False),
    Column("unit_lifetime", BigInteger, nullable=False),
    Column("max_hops", Integer, nullable=False),
    Column("reuse_numbers", Integer, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("next_number", BigInteger, nullable=False),
    Column("settled", BigInteger, nullable=False),  # units with `expires` up to this epoch are closed
    Column("revision", Integer, nullable=False),  # of keys and own purses, for those who keep them in memory
)
MONEY_KEY = Table(
    "money_key",
    METADATA,
    Column("sequence", Integer, primary_key=True, autoincrement=False),
    Column("unit_seed", LargeBinary(32), nullable=False),
    Column("history_seed", LargeBinary(32), nullable=False),
    Column("valid_from", BigInteger, nullable=False),
    Column("valid_to", BigInteger, nullable=False),
    Column("signs_to", BigInteger, nullable=False),  # later than `valid_to` if it was revoked
)
KEY_LIST = announced.table(METADATA)
OWN_PURSE = Table("own_purse", METADATA, Column("number", LargeBinary(8), primary_key=True))
UNIT = Table(
    "unit",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("issue", BigInteger, primary_key=True, autoincrement=False),
    Column("unit_id", LargeBinary(32), nullable=False),
    Column("kid", LargeBinary(8), nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("economy", Integer, nullable=False),
    Column("issued", BigInteger, nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("holder", LargeBinary(8), nullable=False),
    Column("transaction_id", LargeBinary(16), nullable=False),
    Column("state", SmallInteger, nullable=False),
    Index("unit_by_id", "unit_id", unique=True),
    Index("unit_by_expiry", "expires"),
    sqlite_with_rowid=False,
)
CLOSED_NUMBER = Table(
    "closed_number",
    METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("issue", BigInteger, nullable=False),
)
ISSUE = Table(
    "issue",
    METADATA,
    Column("request", LargeBinary(16), primary_key=True),
    Column("vault", LargeBinary(8), nullable=False),
    Column("economy", Integer, nullable=False),
    Column("denominations", Text, nullable=False),
    Column("transaction_id", LargeBinary(16), nullable=False, unique=True),
    Column("amount", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("encoded", LargeBinary, nullable=False),
    Column("receipt", LargeBinary(64)),
)
DEPOSIT = Table(
    "deposit",
    METADATA,
    Column("sequence", Integer, primary_key=True),
    Column("unit_id", LargeBinary(32), nullable=False, index=True),
    Column("epoch", BigInteger, nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("path", LargeBinary, nullable=False),
)
CLAIM = Table(
    "claim",
    METADATA,
    Column("sequence", Integer, primary_key=True),
    Column("endorsement", LargeBinary(32), nullable=False, unique=True),  # digest of what was signed
    Column("unit_id", LargeBinary(32), nullable=False, index=True),
    Column("claimant", LargeBinary(8), nullable=False),
    Column("beneficiary", LargeBinary(8), nullable=False),
    Column("economy", Integer),  # of the beneficiary; null: that of the unit
    Column("transaction_id", LargeBinary(16), nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("path", LargeBinary, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(16), nullable=False),
)
CASE = Table(
    "suspicion",  # CASE is a word of SQL
    METADATA,
    Column("sequence", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("purse", LargeBinary(8), nullable=False),
    Column("unit_id", LargeBinary(32), nullable=False),
    Column("hop", Integer, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("unit", LargeBinary, nullable=False),
    Column("detail", Text, nullable=False),
    Column("first", LargeBinary),
    Column("second", LargeBinary),
    Column("history", LargeBinary),
    Column("payer", LargeBinary(8)),
    UniqueConstraint("unit_id", "kind", "purse", "hop"),
)
BOOKING = Table(
    "booking",
    METADATA,
    Column("sequence", Integer, primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("economy", Integer, nullable=False),
    Column("at_economy", Integer, nullable=False),
    Column("value", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
)
BOOKS = Books.declare(METADATA, floors={"vault": 0, "outstanding": 0})

SCHEMA = Schema(name="issuing centre", version=3, metadata=METADATA)

ENDORSEMENT_LENGTH = 128


def write_endorsement(endorsement: Endorsement) -> bytes:
    """128 bytes; the hop is not in them."""
    ids = endorsement.payer + endorsement.payee + endorsement.transaction
    return endorsement.history_digest + ids + endorsement.signature


def read_endorsement(raw: bytes, hop: int) -> Endorsement:
    """What `write_endorsement` wrote."""
    return Endorsement(
        hop=hop,
        history_digest=raw[:32],
        payer=raw[32:40],
        payee=raw[40:48],
        transaction=raw[48:64],
        signature=raw[64:128],
    )


def write_path(endorsements: Sequence[Endorsement]) -> bytes:
    """Endorsements of a chain, hop 0 first."""
    return b"".join(map(write_endorsement, endorsements))


def read_path(unit_id: bytes, path: bytes) -> Chain:
    """What `write_path` wrote."""
    length = ENDORSEMENT_LENGTH
    count = len(path) // length
    return Chain(
        unit_id=unit_id,
        endorsements=tuple(read_endorsement(path[h * length : (h + 1) * length], h) for h in range(count)),
    )


def vault_account(number: bytes) -> str:
    """Name in the books of the account of a purse number (8 bytes)."""
    return f"vault:{number.hex()}"


def outstanding_account(economy: int) -> str:
    """Name in the books of what is owed for an economy's units."""
    return f"outstanding:{economy}"


FUNDED = "funded"
"""Name in the books of the account against which vaults are funded."""
