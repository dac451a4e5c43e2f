"""What a purse keeps: the rows it reads, and the changes it makes (specification, chapter 8).

The core reads through `Ledger` and writes only by handing out a change; each change is one durable write.
Purse numbers are 8 bytes, transactions 16, unit identifiers, digests 32, signatures 64; amounts and values
are in minor units.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.keylists import MoneyKey
from eiraku.reference.policy import Policy
from eiraku.reference.purse.select import Stock


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A unit that is here and spendable: the hop and the sealed history with which it came."""

    unit_id: bytes
    unit: bytes
    kid: bytes
    value: int
    issued: int
    expires: int
    max_hops: int
    hop: int
    history: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingSummary:
    """What is needed to choose a unit: `size` is what it adds to REDELIVER, in bytes."""

    unit_id: bytes
    value: int
    expires: int
    max_hops: int
    hop: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """Units given away to `payee`, not yet receipted: what REDELIVER needs (EPP-CRS-001)."""

    transaction: bytes
    payee: bytes
    amount: int
    offer: bytes
    endorsements: tuple[bytes, ...]
    unit_ids: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credit:
    """A transaction received, and the receipt given for it. `receipt`: 64-byte signature."""

    transaction: bytes
    payer: bytes
    amount: int
    offer_digest: bytes
    receipt: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """A transaction paid, and the receipt got for it. `receipt`: 64-byte signature."""

    transaction: bytes
    payee: bytes
    amount: int
    offer_digest: bytes
    receipt: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Provision:
    """What a purse is made with, verified. `private_key`: 32 bytes; `purse_id`: as signed."""

    number: bytes
    private_key: bytes = field(repr=False)
    purse_id: bytes
    anchor: TrustAnchor
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """Sums of amounts since the purse was made: given at its making, credited, settled or lapsed."""

    given: int
    credited: int
    settled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBulletin:
    """A bulletin as signed, the chunks of its list, and the delta by which it came (EPP-DEV-030)."""

    signed: bytes
    chunks: tuple[bytes, ...]
    delta: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioned:
    """The purse is made (EPP-GEN-005)."""

    provision: Provision
    bulletin: StoredBulletin | None
    holdings: tuple[Holding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BulletinAccepted:
    """A newer bulletin with its list (EPP-BUL-004)."""

    bulletin: StoredBulletin


@dataclass(frozen=True, slots=True, kw_only=True)
class AnchorChanged:
    """Another key list, or another scheme key (EPP-KEY-035, EPP-KEY-049)."""

    anchor: TrustAnchor


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentPending:
    """The payer's commit point: the units leave what can be spent, seen at their next hop (EPP-CRS-001)."""

    pending: Pending


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentSettled:
    """The payer has a receipt (EPP-CRS-003)."""

    settlement: Settlement


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentCredited:
    """The payee's commit point: the units are here (EPP-CRS-002)."""

    credit: Credit
    holdings: tuple[Holding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldingsCollected:
    """The centre has these units in its database: its purse holds them no longer (EPP-CEN-063)."""

    unit_ids: tuple[bytes, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PurseIdRenewed:
    """A later purse ID of the same purse, as signed (EPP-DEV-002)."""

    purse_id: bytes


Change: TypeAlias = (
    Provisioned
    | BulletinAccepted
    | AnchorChanged
    | PaymentPending
    | PaymentSettled
    | PaymentCredited
    | HoldingsCollected
    | PurseIdRenewed
)


Kept: TypeAlias = Literal["given", "credited", "seen"]
"""A table whose entries are kept until units expire: transactions given away (pending and settled),
transactions credited, units seen.
"""


class Ledger(Protocol):
    """The purse's memory, as the core sees it: reading only."""

    def provision(self) -> Provision | None:
        """What the purse was made with; None for an empty purse."""

    def bulletin(self) -> StoredBulletin | None:
        """The newest bulletin; None before the first."""

    def summaries(self) -> Sequence[HoldingSummary]:
        """Every spendable unit."""

    def holdings(self, unit_ids: Sequence[bytes]) -> tuple[Holding, ...]:
        """Spendable units, in the order asked for. Raises KeyError for one that is not here."""

    def offerable(
        self,
        *,
        epoch: int,
        max_hops: int | None,
        keys: Mapping[bytes, MoneyKey] | None,
        among: frozenset[bytes] | None = None,
    ) -> Stock:
        """Spendable units that a payee takes in this epoch, if it knows no hop above `max_hops`.

        `max_hops` None: a vault or a centre, to which neither that nor a unit's own limit applies.
        `keys`: only units issued within the validity of their key, by kid; None: a centre, which takes all.
        `among`: these units and no others.
        """

    def total(self, epoch: int = 0) -> tuple[int, int]:
        """(number, sum of the values) of the spendable units that have not expired by an epoch."""

    def pending_units(self, epoch: int = 0) -> int:
        """Number of units that are pending in an epoch (EPP-CRS-032)."""

    def is_held(self, unit_id: bytes) -> bool:
        """Whether a unit is here, spendable or pending."""

    def is_spendable(self, unit_id: bytes) -> bool:
        """Whether a unit is here and can be spent."""

    def last_seen(self, unit_id: bytes) -> int | None:
        """The highest hop at which this unit came here or was given away; None if it never was here."""

    def entries(self, table: Kept, epoch: int) -> int:
        """How many entries of a table count in an epoch (EPP-CRS-022)."""

    def pending(self, transaction: bytes, epoch: int = 0) -> Pending | None:
        """A transaction that is pending in an epoch: it has not lapsed (EPP-CRS-030)."""

    def pendings(self, epoch: int = 0) -> Sequence[Pending]:
        """Every transaction that is pending in an epoch, by transaction."""

    def credit(self, payer: bytes, transaction: bytes) -> Credit | None:
        """A transaction credited from this payer."""

    def totals(self, epoch: int) -> Totals:
        """What went through the purse since it was made, up to an epoch."""

    def digest(self) -> bytes:
        """SHA-256 over all durable content, 32 bytes."""
