"""Shapes of the negative vectors: groups share what is given; a case has one input and its outcome.

`code` is the label of chapter 10 with which the input is refused, or null if it is accepted. The first of the
`requirements` is the one that demands the refusal.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta

from eiraku.spec.vectors.forms import (
    Case,
    Fields,
    File,
    Form,
    Hex,
    Hex8,
    Hex16,
    Hex32,
    Hex64,
    Name,
    Side,
)

Code = Annotated[str, Meta(pattern="^[a-z]+(-[a-z]+)*$")]
Hop = Annotated[int, Meta(ge=0, le=255)]


class Refusable(Case, frozen=True, kw_only=True):
    """One input that may be malformed."""

    input: Hex
    code: Code | None


class Group(Form, frozen=True, kw_only=True, tag_field="operation"):
    """Cases of one operation that share what is given, which is well formed."""

    id: Name
    cases: Annotated[tuple[Refusable, ...], Meta(min_length=1)]


# --- negative-encoding.json ---


class ItemGroup(Group, frozen=True, kw_only=True, tag="item"):
    """Decode one CBOR item (chapter 2)."""


class MessageGroup(Group, frozen=True, kw_only=True, tag="message"):
    """Read one message of chapter 7, whatever it is: its shape alone."""


class RecordGroup(Group, frozen=True, kw_only=True, tag="record"):
    """Open one record (chapter 6), number `number` of its direction."""

    suite: Literal[0, 4]
    key: Hex
    iv: Hex
    number: int
    max_record: int


class Encoding(File, frozen=True, kw_only=True):
    """``negative-encoding.json``."""

    groups: tuple[ItemGroup | MessageGroup | RecordGroup, ...]


# --- negative-objects.json ---


class UnitGroup(Group, frozen=True, kw_only=True, tag="unit"):
    """Verify a unit in the order of EPP-TRF-035 to EPP-TRF-038."""

    anchor: Mapping[str, Any]
    epoch: int


class PurseIdGroup(Group, frozen=True, kw_only=True, tag="purse-id"):
    """Verify a purse ID up to its economy (EPP-SES-025)."""

    anchor: Mapping[str, Any]


class SealedGroup(Group, frozen=True, kw_only=True, tag="sealed-purse-id"):
    """Open a sealed purse ID: the input is the value of the item `EPP purse ID`."""

    scheme_key: Hex32


class EndorsementGroup(Group, frozen=True, kw_only=True, tag="endorsement"):
    """Verify an endorsement: the input is its signature, 64 bytes."""

    public_key: Hex32
    fields: Fields


class ReceiptGroup(Group, frozen=True, kw_only=True, tag="receipt"):
    """Verify a receipt: the input is its signature, 64 bytes."""

    public_key: Hex32
    fields: Fields


class ObjectsRefused(File, frozen=True, kw_only=True):
    """``negative-objects.json``."""

    groups: tuple[UnitGroup | PurseIdGroup | SealedGroup | EndorsementGroup | ReceiptGroup, ...]


# --- purses, for the files that need one ---


class Purse(Form, frozen=True, kw_only=True):
    """Who the judging purse is, and what it trusts. `bulletin`: the newest it holds."""

    purse_id: Hex
    private_key: Hex32
    anchor: Mapping[str, Any]
    policy: Mapping[str, Any]
    bulletin: Hex | None


class Held(Form, frozen=True, kw_only=True):
    """A unit that is spendable."""

    unit: Hex
    hop: Hop
    history: Hex


class Pending(Form, frozen=True, kw_only=True):
    """A transaction given away and not settled; its units are those of the OFFER."""

    transaction: Hex16
    payee: Hex8
    amount: int
    offer: Hex
    endorsements: tuple[Hex64, ...]


class Credited(Form, frozen=True, kw_only=True):
    """A transaction received."""

    transaction: Hex16
    payer: Hex8
    amount: int
    offer_digest: Hex32
    receipt: Hex64
    expires: int


class Settled(Form, frozen=True, kw_only=True):
    """A transaction given away and settled."""

    transaction: Hex16
    payee: Hex8
    amount: int
    offer_digest: Hex32
    receipt: Hex64
    expires: int


class Seen(Form, frozen=True, kw_only=True):
    """The greatest hop at which a unit was seen."""

    unit_id: Hex32
    hop: Hop
    expires: int


class Memory(Form, frozen=True, kw_only=True):
    """What the judging purse holds and remembers (chapter 8). `expires`: the last epoch of the units."""

    holdings: tuple[Held, ...] = ()
    pending: tuple[Pending, ...] = ()
    credited: tuple[Credited, ...] = ()
    settled: tuple[Settled, ...] = ()
    seen: tuple[Seen, ...] = ()


class Purpose(Form, frozen=True, kw_only=True, omit_defaults=True):
    """What the holder has set."""

    action: Literal["pay", "request", "receive", "redeliver"]
    amount: int | None = None
    payee: Hex8 | None = None
    reference: str | None = None
    transaction: Hex16 | None = None


Purses = Annotated[Mapping[str, Purse], Meta(description="The judging purses, by the name that groups use.")]


# --- negative-session.json ---


class HandshakeGroup(Group, frozen=True, kw_only=True, tag="handshake"):
    """Judge the next handshake message. `received` and `sent`: what came before it, in order."""

    purse: str
    memory: Memory
    role: Side
    purpose: Purpose
    ephemeral_private_key: Hex32
    nonce: Hex16
    received: tuple[Hex, ...]
    sent: tuple[Hex, ...]


class IdleGroup(Group, frozen=True, kw_only=True, tag="idle"):
    """Judge bytes that come while no session is open, or none any more."""

    purse: str


class SessionRefused(File, frozen=True, kw_only=True):
    """``negative-session.json``."""

    purses: Purses
    groups: tuple[HandshakeGroup | IdleGroup, ...]


# --- negative-transfer.json ---


class TransferGroup(Group, frozen=True, kw_only=True, tag="transfer"):
    """Judge the plaintext of the next record. `state`: of the table in chapter 7; `peer`: its claims.

    `offer`: the OFFER that was sent or accepted in this session, or is redelivered; null before there is one.
    """

    purse: str
    memory: Memory
    state: str
    purpose: Purpose
    peer: Fields
    offer: Hex | None


class TransferRefused(File, frozen=True, kw_only=True):
    """``negative-transfer.json``."""

    purses: Purses
    groups: tuple[TransferGroup, ...]


# --- negative-holder.json ---


class BulletinGroup(Group, frozen=True, kw_only=True, tag="bulletin"):
    """Judge a bulletin; the purse holds another."""

    purse: str


class KeysGroup(Group, frozen=True, kw_only=True, tag="keys"):
    """Judge a key list of a centre; the purse holds another, or the same."""

    purse: str
    centre: Literal["device", "money"]


class SchemeKeyGroup(Group, frozen=True, kw_only=True, tag="scheme-key"):
    """Judge a scheme key, 32 bytes."""

    purse: str


class Order(Form, frozen=True, kw_only=True, omit_defaults=True):
    """What the holder asks for; `open`: to open a session in a role."""

    action: Literal["pay", "request", "receive", "redeliver", "open"]
    amount: int | None = None
    payee: Hex8 | None = None
    reference: str | None = None
    transaction: Hex16 | None = None
    role: Side | None = None


class OrderCase(Case, frozen=True, kw_only=True):
    """One order."""

    input: Order
    code: Code | None


class OrderGroup(Form, frozen=True, kw_only=True, tag_field="operation", tag="order"):
    """Judge an order. `purse`: null if it is not provisioned; `purpose`: what was set before."""

    id: Name
    purse: str | None
    memory: Memory
    purpose: Purpose | None
    cases: tuple[OrderCase, ...]


class ProvisionCase(Case, frozen=True, kw_only=True):
    """Members that stand in place of those of the group's `right`; nothing: all of it is right."""

    input: Mapping[str, Any]
    code: Code | None


class ProvisionGroup(Form, frozen=True, kw_only=True, tag_field="operation", tag="provision"):
    """Provision an empty purse. `right`: as in the adapter protocol."""

    id: Name
    right: Mapping[str, Any]
    cases: tuple[ProvisionCase, ...]


class HolderRefused(File, frozen=True, kw_only=True):
    """``negative-holder.json``."""

    purses: Purses
    groups: tuple[BulletinGroup | KeysGroup | SchemeKeyGroup | OrderGroup | ProvisionGroup, ...]
