"""The volatile state of a purse, what it can meet, and what follows from it: the types that all parts share.

`core.step(state, input, env)` gives a new state and effects. The state of a session is a row of the tables in
`eiraku.spec.tables`, with exactly the data that exists in that row; all of it is lost with power.
Purse numbers are 8 bytes, transactions 16, digests 32; amounts are in minor units.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from eiraku.reference.anchor import TrustAnchor
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.policy import Bounds, Policy
from eiraku.reference.purse.ledger import Change, Ledger, StoredBulletin
from eiraku.reference.records import Channel
from eiraku.spec.bulletins import Bulletin
from eiraku.spec.errors import Refusal
from eiraku.spec.key_lists import Centre
from eiraku.spec.messages import OfferedUnit, Reject
from eiraku.spec.objects import PurseId
from eiraku.spec.revoked import RevokedList
from eiraku.spec.tables import Purpose, Session, Side, Transfer

Random: TypeAlias = Callable[[int], bytes]
"""Gives so many fresh random bytes (EPP-KEY-012)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Env:
    """What a step may look at beside its state: the memory, and a source of randomness."""

    ledger: Ledger
    random: Random


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Identity:
    """Who this purse is and what it trusts, fixed while a session is open. `purse_id`: as signed."""

    key: SigningKey
    purse_id: bytes
    claims: PurseId
    anchor: TrustAnchor
    policy: Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What holds for a whole session: a bulletin accepted meanwhile counts for the next (EPP-BUL-004)."""

    identity: Identity
    epoch: int
    revoked: RevokedList
    scheme_key: bytes | None
    """That of an initiator (EPP-KEY-045); None if none is in force."""
    scheme_keys: tuple[bytes, ...]
    """Those of a responder (EPP-KEY-046)."""


# --- what the holder has set for the next session (EPP-GEN-002) ---


@dataclass(frozen=True, slots=True, kw_only=True)
class PayOrder:
    """Pay this amount. `payee`: the number of the purse that is to have it; None: whoever is met."""

    purpose: ClassVar = Purpose.PAY
    amount: int
    payee: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayUnitsOrder:
    """Pay with exactly these units, all of them: how a vault sends home what people can no longer use."""

    purpose: ClassVar = Purpose.PAY
    unit_ids: frozenset[bytes]
    payee: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestOrder:
    """Be paid exactly this amount. `reference`: at most 64 bytes of text, for the payer's holder."""

    purpose: ClassVar = Purpose.REQUEST
    amount: int
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveOrder:
    """Be paid whatever is offered."""

    purpose: ClassVar = Purpose.RECEIVE


@dataclass(frozen=True, slots=True, kw_only=True)
class RedeliverOrder:
    """Deliver a pending transaction again."""

    purpose: ClassVar = Purpose.REDELIVER
    transaction: bytes


Order: TypeAlias = PayOrder | PayUnitsOrder | RequestOrder | ReceiveOrder | RedeliverOrder


# --- inputs ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Provisioning:
    """Everything for an empty purse; `anchor` and `policy` in their JSON forms, `bulletin` an update.

    Nothing is verified yet.
    """

    number: bytes
    private_key: bytes
    purse_id: bytes
    anchor: Mapping[str, Any]
    policy: Mapping[str, Any]
    bulletin: bytes | None
    holdings: tuple[OfferedUnit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOrder:
    """The holder consents to something for the next session."""

    order: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBulletin:
    """A bulletin reaches the purse: an update, with chunks or a delta (EPP-BUL-007)."""

    update: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeKeys:
    """A key list of one centre reaches the purse, as signed (EPP-KEY-026)."""

    centre: Centre
    keys: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeSchemeKey:
    """A scheme key reaches the purse, 32 bytes (EPP-KEY-049)."""

    key: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenSession:
    """A session begins; an earlier one ends (EPP-SES-027)."""

    side: Side


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """Bytes from the peer."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeIssue:
    """Fresh units from the issuing centre, for a vault (EPP-CEN-066)."""

    issue: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class TakePurseId:
    """A renewed purse ID, as signed (EPP-DEV-002)."""

    purse_id: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Collect:
    """The centre takes units out of its own purse (EPP-CEN-063)."""

    unit_ids: tuple[bytes, ...]


Input: TypeAlias = (
    Provisioning
    | SetOrder
    | TakeBulletin
    | TakeKeys
    | TakeSchemeKey
    | OpenSession
    | Deliver
    | TakeIssue
    | TakePurseId
    | Collect
)


# --- effects, carried out in order ---


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One durable write."""

    change: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """Bytes for the peer; the receipt of an issue goes to the issuing centre."""

    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Refuse:
    """The input was refused: for the purse's own holder, who sees the precise code."""

    refusal: Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerRejected:
    """The peer has refused and the session is over; `reject` says why, as far as one believes it."""

    reject: Reject


Effect: TypeAlias = Write | Send | Refuse | PeerRejected


class UnitRefusal(Refusal):
    """A refusal about one unit of a bundle; `index` is its position."""

    def __init__(self, refusal: Refusal, index: int) -> None:
        super().__init__(refusal.code, refusal.requirement, f"unit {index}: {refusal.detail}")
        self.index = index


class CannotOffer(Refusal):
    """A refusal that the payer's holder learns, and the payee does not (EPP-TRF-116, EPP-TRF-117)."""


class SuspectPurse(Refusal):
    """A refusal that a vault reports (EPP-VLT-002): the peer is on the bulletin. `purse`: its number."""

    def __init__(self, refusal: Refusal, purse: bytes) -> None:
        super().__init__(refusal.code, refusal.requirement, refusal.detail)
        self.purse = purse


class SuspectUnit(UnitRefusal):
    """A refusal that a vault reports (EPP-VLT-013): the unit was or is here. `purse`: who offered it."""

    def __init__(self, refusal: Refusal, index: int, *, purse: bytes, unit_id: bytes) -> None:
        super().__init__(refusal, index)
        self.purse = purse
        self.unit_id = unit_id


# --- sessions ---


class Data:
    """What a purse knows in one state of a session, beside the row itself. Each stands beside its handler."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Link(Data):
    """What every open session has: the authenticated peer, the records, the bounds of the operation."""

    terms: Terms
    purpose: Purpose
    peer: PurseId
    channel: Channel
    bounds: Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class NoSession:
    """No session is open."""

    row: ClassVar = Session.IDLE


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshaking:
    """A state of the table SESSION; `data`: of `handshake`, None where nothing was received."""

    row: Session
    side: Side
    terms: Terms
    order: Order
    data: Data | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A state of the table TRANSFER; `data`: of `payer` or `payee`."""

    row: Transfer
    link: Link
    data: Data | None


SessionState: TypeAlias = NoSession | Handshaking | Open


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedBefore:
    """Stands for the change of a step that commits, where all of it was durable before (EPP-CRS-010)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a handler comes to. Which state follows, and whether anything is written, the tables say.

    `data`: what the next state needs; `say`: bytes for the peer, not yet in a record; `change`: what becomes
    durable; `told`: what the holder learns.
    """

    data: Data | None = None
    say: bytes | None = None
    change: Change | CommittedBefore | None = None
    told: PeerRejected | None = None


# --- the purse ---


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldBulletin:
    """The newest bulletin: as signed, what it says, its list, and the delta by which it came, if it did."""

    signed: bytes
    said: Bulletin
    revoked: RevokedList
    delta: bytes | None

    @property
    def epoch(self) -> int:
        """Its epoch."""
        return self.said.epoch

    @property
    def stored(self) -> StoredBulletin:
        """What is durable of it."""
        chunks = tuple(data for _, data in self.revoked.parts)
        return StoredBulletin(signed=self.signed, chunks=chunks, delta=self.delta)


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty:
    """Not provisioned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Provisioned. `bulletin` is None before the first, `order` while no purpose is set."""

    identity: Identity
    bulletin: HeldBulletin | None
    order: Order | None
    session: SessionState

    @property
    def epoch(self) -> int:
        """The current epoch."""
        # EPP-GEN-003
        return 0 if self.bulletin is None else self.bulletin.epoch

    @property
    def terms(self) -> Terms:
        """What holds for whatever begins now."""
        return Terms(
            identity=self.identity,
            epoch=self.epoch,
            revoked=RevokedList() if self.bulletin is None else self.bulletin.revoked,
            scheme_key=self.identity.anchor.scheme_key_of_initiator(self.epoch),
            scheme_keys=self.identity.anchor.scheme_keys_of_responder(self.epoch),
        )


PurseState: TypeAlias = Empty | Ready
