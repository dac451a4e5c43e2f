"""The requests of the adapter protocol: what the suite asks of a wallet."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from eiraku.conformance.adapter.wire import Hex, Role, Seq, Wire
from eiraku.spec.anchor import Anchor, Count, Hex8, Hex16, Hex32


class VersionRange(Wire, frozen=True, kw_only=True):
    """The versions of this protocol the suite can speak."""

    min: Annotated[int, Meta(ge=1)]
    max: Annotated[int, Meta(ge=1)]


class Start(Wire, frozen=True, kw_only=True):
    """First request of a process or connection. ``seed`` matters only to a wallet that is deterministic,
    ``store`` only to one that declares ``store``.
    """

    seq: Seq
    verb: Literal["start"]
    protocol: VersionRange
    seed: Hex32 | msgspec.UnsetType = msgspec.UNSET
    store: Annotated[str, Meta(min_length=1, description="A folder that exists, as an absolute path.")] | (
        msgspec.UnsetType
    ) = msgspec.UNSET


class Reset(Wire, frozen=True, kw_only=True):
    """Back to the state just after ``start``."""

    seq: Seq
    verb: Literal["reset"]


class Purse(Wire, frozen=True, kw_only=True):
    """The purse's own number, Ed25519 private key (RFC 8032 seed) and signed purse ID."""

    number: Hex8
    private_key: Hex32
    purse_id: Hex


class GivenUnit(Wire, frozen=True, kw_only=True):
    """A unit the purse is to hold: its signed bytes, its hop and its sealed history."""

    unit: Hex
    hop: Count
    history: Hex


class Provision(Wire, frozen=True, kw_only=True):
    """Everything a purse has when it leaves the device centre."""

    seq: Seq
    verb: Literal["provision"]
    purse: Purse
    anchor: Anchor
    policy: Annotated[dict[str, Any], Meta(description="Chapter 9 of the specification, in JSON.")]
    bulletin: Hex | None
    holdings: tuple[GivenUnit, ...]


class ActPay(Wire, frozen=True, kw_only=True):
    """The user agrees to pay ``amount`` minor units in the next session, to ``payee`` if one is named."""

    seq: Seq
    verb: Literal["act"]
    action: Literal["pay"]
    amount: Count
    payee: Hex8 | msgspec.UnsetType = msgspec.UNSET


class ActRequest(Wire, frozen=True, kw_only=True):
    """The user asks for ``amount`` minor units in the next session."""

    seq: Seq
    verb: Literal["act"]
    action: Literal["request"]
    amount: Count
    reference: str


class ActReceive(Wire, frozen=True, kw_only=True):
    """The user agrees to be paid in the next session."""

    seq: Seq
    verb: Literal["act"]
    action: Literal["receive"]


class ActRedeliver(Wire, frozen=True, kw_only=True):
    """The user wants a pending transaction delivered again in the next session."""

    seq: Seq
    verb: Literal["act"]
    action: Literal["redeliver"]
    transaction: Hex16


class ActBulletin(Wire, frozen=True, kw_only=True):
    """A bulletin update reaches the wallet outside any session."""

    seq: Seq
    verb: Literal["act"]
    action: Literal["bulletin"]
    bulletin: Hex


class ActKeys(Wire, frozen=True, kw_only=True):
    """A key list of one centre, as signed, reaches the wallet outside any session."""

    seq: Seq
    verb: Literal["act"]
    action: Literal["keys"]
    centre: Literal["device", "money"]
    keys: Hex


class ActSchemeKey(Wire, frozen=True, kw_only=True):
    """A scheme key reaches the wallet outside any session."""

    seq: Seq
    verb: Literal["act"]
    action: Literal["scheme-key"]
    key: Hex32


class Open(Wire, frozen=True, kw_only=True):
    """Begin a session in ``role``; an earlier one ends."""

    seq: Seq
    verb: Literal["open"]
    role: Role


class Deliver(Wire, frozen=True, kw_only=True):
    """Bytes from the peer."""

    seq: Seq
    verb: Literal["deliver"]
    data: Hex


class GetState(Wire, frozen=True, kw_only=True):
    """Ask for the durable state."""

    seq: Seq
    verb: Literal["state"]


class PowerCutSimple(Wire, frozen=True, kw_only=True):
    """Cut the power at once and answer after the restart, or disarm."""

    seq: Seq
    verb: Literal["power_cut"]
    when: Literal["now", "never"]


class PowerCutArmed(Wire, frozen=True, kw_only=True):
    """Cut the power before or after the n-th durable write from now."""

    seq: Seq
    verb: Literal["power_cut"]
    when: Literal["before", "after"]
    write: Annotated[int, Meta(ge=1)]


class Stop(Wire, frozen=True, kw_only=True):
    """Answer, then end the process or close the connection."""

    seq: Seq
    verb: Literal["stop"]


Request = (
    Start
    | Reset
    | Provision
    | ActPay
    | ActRequest
    | ActReceive
    | ActRedeliver
    | ActBulletin
    | ActKeys
    | ActSchemeKey
    | Open
    | Deliver
    | GetState
    | PowerCutSimple
    | PowerCutArmed
    | Stop
)
