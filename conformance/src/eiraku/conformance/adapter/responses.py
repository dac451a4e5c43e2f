"""The responses of the adapter protocol: what a wallet may answer."""

from typing import Annotated, Literal

from msgspec import Meta

from eiraku.conformance.adapter.wire import Label, Out, Seq, SessionState, Wire
from eiraku.spec.anchor import Count, Hex8, Hex16, Hex32

Size = Annotated[int, Meta(ge=1)]


class Accepted(Wire, frozen=True, kw_only=True):
    """Done, and nothing more to say."""

    seq: Seq
    outcome: Literal["accepted"]


class Room(Wire, frozen=True, kw_only=True):
    """The greatest of each size of a policy that the wallet can hold (EPP-POL-018)."""

    capacity: Size
    max_bulletin: Size
    max_record: Size
    max_given: Size
    max_credited: Size
    max_seen: Size


class Started(Wire, frozen=True, kw_only=True):
    """The answer to ``start``: who the wallet is and what it can do."""

    seq: Seq
    outcome: Literal["accepted"]
    protocol: int
    # So that no line that prints them can read like another one.
    name: Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")]
    version: Annotated[str, Meta(max_length=32, pattern=r"^[0-9A-Za-z.+_~-]*$")]
    capabilities: Annotated[
        tuple[str, ...],
        Meta(
            description="Known: initiator, responder, payer, payee, power-cut (mandatory to certify); "
            "suite-0, deterministic, store."
        ),
    ]
    room: Room


class Progressed(Wire, frozen=True, kw_only=True):
    """What the wallet sends its peer (null for nothing), and whether the session is still open."""

    seq: Seq
    outcome: Literal["accepted"]
    out: Out
    session: SessionState


class UnitState(Wire, frozen=True, kw_only=True):
    """A spendable unit."""

    unit_id: Hex32
    value: Annotated[int, Meta(ge=1)]
    hop: Count


class PendingState(Wire, frozen=True, kw_only=True):
    """A payment the purse is committed to and has no receipt for."""

    transaction: Hex16
    payee: Hex8
    amount: Count
    units: tuple[Hex32, ...]


class CreditedState(Wire, frozen=True, kw_only=True):
    """A payment received."""

    transaction: Hex16
    payer: Hex8
    amount: Count


class SettledState(Wire, frozen=True, kw_only=True):
    """A payment made and receipted."""

    transaction: Hex16
    payee: Hex8
    amount: Count


class StateReport(Wire, frozen=True, kw_only=True):
    """The durable state. ``digest`` changes if and only if the state does."""

    seq: Seq
    outcome: Literal["accepted"]
    balance: Count
    epoch: Count
    units: tuple[UnitState, ...]
    pending: tuple[PendingState, ...]
    credited: tuple[CreditedState, ...]
    settled: tuple[SettledState, ...]
    writes: Annotated[int, Meta(ge=0, description="Durable writes since start or reset.")]
    digest: Hex32


class Rejected(Wire, frozen=True, kw_only=True):
    """The input was refused."""

    seq: Seq
    outcome: Literal["rejected"]
    code: Label
    detail: str = ""


class RejectedInSession(Wire, frozen=True, kw_only=True):
    """The peer's bytes, or opening a session, were refused; ``out`` is what the wallet answers its peer."""

    seq: Seq
    outcome: Literal["rejected"]
    code: Label
    out: Out
    session: SessionState
    detail: str = ""


class Errored(Wire, frozen=True, kw_only=True):
    """The wallet itself is at fault."""

    seq: Seq
    outcome: Literal["errored"]
    detail: str


class Bare(Wire, frozen=True, kw_only=True):
    """The wallet does not know the verb, or an armed power cut fired."""

    seq: Seq
    outcome: Literal["unsupported", "power-cut"]


Response = Accepted | Started | Progressed | StateReport | Rejected | RejectedInSession | Errored | Bare
