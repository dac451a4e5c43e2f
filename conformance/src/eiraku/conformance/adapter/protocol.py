"""The adapter protocol, version 1: the requests the suite sends and the responses a wallet gives.

One line of JSON (UTF-8, at most 1 MiB with its newline) per request and per response; one response per
request, in order, with the request's ``seq``. Byte strings are lower-case hex. ``schema.json`` says the same
for other languages and a test keeps the two in step. Unknown fields are refused in both directions.

A response is decoded by the verb it answers and its outcome:

- ``accepted`` has the fields of that verb (`ACCEPTED`);
- ``rejected`` has ``code`` (a label of chapter 10 of the specification) and may have ``detail``; in answer to
  ``open`` and ``deliver`` it also has ``out`` and ``session``;
- ``errored`` has ``detail``: the wallet itself is at fault;
- ``unsupported`` and ``power-cut`` have nothing else.
"""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

PROTOCOL_VERSION = 1
MAX_LINE = 1024 * 1024
"""Bytes in a line, newline included."""

Hex = Annotated[str, Meta(pattern="^([0-9a-f]{2})*$")]
Hex8 = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
"""8 bytes: a purse number or key id."""
Hex16 = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
"""16 bytes: a transaction id or seal."""
Hex32 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
"""32 bytes: a key, a unit id, a digest or the seed."""
Count = Annotated[int, Meta(ge=0)]
Label = Annotated[str, Meta(pattern="^[a-z0-9]+(-[a-z0-9]+)*$")]
Role = Literal["initiator", "responder"]
SessionState = Literal["open", "closed"]
Verb = Literal["start", "reset", "provision", "act", "open", "deliver", "state", "power_cut", "stop"]

Outcome = Literal["accepted", "rejected", "errored", "unsupported", "power-cut"]


class Wire(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of every object of the protocol."""


# --- requests -----------------------------------------------------------------------------------------


class VersionRange(Wire):
    """The versions of this protocol the suite can speak."""

    min: Annotated[int, Meta(ge=1)]
    max: Annotated[int, Meta(ge=1)]


class Start(Wire):
    """First request of a process or connection."""

    seq: int
    verb: Literal["start"]
    protocol: VersionRange
    seed: Hex32 | msgspec.UnsetType = msgspec.UNSET


class Reset(Wire):
    """Back to the state just after ``start``."""

    seq: int
    verb: Literal["reset"]


class Purse(Wire):
    """The purse's own number, Ed25519 private key (seed form) and signed purse ID."""

    number: Hex8
    private_key: Hex32
    purse_id: Hex


class DeviceKey(Wire):
    """A device centre's public key, valid from epoch ``from`` to ``to`` inclusive."""

    kid: Hex8
    public: Hex32
    start: Count = msgspec.field(name="from")
    end: Count = msgspec.field(name="to")


class MoneyKey(Wire):
    """An issuing centre's unit key and history key, valid from epoch ``from`` to ``to`` inclusive."""

    kid: Hex8
    public: Hex32
    history: Hex32
    start: Count = msgspec.field(name="from")
    end: Count = msgspec.field(name="to")


class Anchor(Wire):
    """The trust anchor: whose purses and whose money the wallet accepts."""

    economies: tuple[int, ...]
    device_keys: tuple[DeviceKey, ...]
    money_keys: tuple[MoneyKey, ...]
    device_seal: Hex16
    money_seal: Hex16
    scheme_key: Hex32


class Holding(Wire):
    """A unit the purse is to hold: its signed bytes, its hop and its sealed history."""

    unit: Hex
    hop: Count
    history: Hex


class Provision(Wire):
    """Everything a purse has when it leaves the device centre."""

    seq: int
    verb: Literal["provision"]
    purse: Purse
    anchor: Anchor
    policy: dict[str, Any]
    bulletin: Hex | None
    holdings: tuple[Holding, ...]


class ActPay(Wire):
    """The user agrees to pay ``amount`` minor units in the next session."""

    seq: int
    verb: Literal["act"]
    action: Literal["pay"]
    amount: Count


class ActRequest(Wire):
    """The user asks for ``amount`` minor units in the next session."""

    seq: int
    verb: Literal["act"]
    action: Literal["request"]
    amount: Count
    reference: str


class ActReceive(Wire):
    """The user agrees to be paid in the next session."""

    seq: int
    verb: Literal["act"]
    action: Literal["receive"]


class ActRedeliver(Wire):
    """The user wants a pending transaction delivered again in the next session."""

    seq: int
    verb: Literal["act"]
    action: Literal["redeliver"]
    transaction: Hex16


class ActBulletin(Wire):
    """A bulletin reaches the wallet outside any session."""

    seq: int
    verb: Literal["act"]
    action: Literal["bulletin"]
    bulletin: Hex


class Open(Wire):
    """Begin a session in ``role``; an earlier one ends."""

    seq: int
    verb: Literal["open"]
    role: Role


class Deliver(Wire):
    """Bytes from the peer."""

    seq: int
    verb: Literal["deliver"]
    data: Hex


class GetState(Wire):
    """Ask for the durable state."""

    seq: int
    verb: Literal["state"]


class PowerCutSimple(Wire):
    """Cut the power at once, or disarm."""

    seq: int
    verb: Literal["power_cut"]
    when: Literal["now", "never"]


class PowerCutArmed(Wire):
    """Cut the power before or after the n-th durable write from now."""

    seq: int
    verb: Literal["power_cut"]
    when: Literal["before", "after"]
    write: Annotated[int, Meta(ge=1)]


class Stop(Wire):
    """Answer, then end the process or close the connection."""

    seq: int
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
    | Open
    | Deliver
    | GetState
    | PowerCutSimple
    | PowerCutArmed
    | Stop
)

# --- responses ----------------------------------------------------------------------------------------


class Accepted(Wire):
    """Done, and nothing more to say."""

    seq: int
    outcome: Literal["accepted"]


class Started(Wire):
    """The wallet's answer to ``start``."""

    seq: int
    outcome: Literal["accepted"]
    protocol: int
    name: Annotated[str, Meta(min_length=1, max_length=100)]
    version: Annotated[str, Meta(max_length=100)]
    capabilities: tuple[str, ...]


class Progressed(Wire):
    """What the wallet sends its peer (null for nothing), and whether the session is still open."""

    seq: int
    outcome: Literal["accepted"]
    out: Hex | None
    session: SessionState


class UnitState(Wire):
    """A spendable unit."""

    unit_id: Hex32
    value: Annotated[int, Meta(ge=1)]
    hop: Count


class PendingState(Wire):
    """A payment the purse is committed to and has no receipt for."""

    transaction: Hex16
    payee: Hex8
    amount: Count
    units: tuple[Hex32, ...]


class CreditedState(Wire):
    """A payment received."""

    transaction: Hex16
    payer: Hex8
    amount: Count


class SettledState(Wire):
    """A payment made and receipted."""

    transaction: Hex16
    payee: Hex8
    amount: Count


class StateReport(Wire):
    """The durable state. ``writes`` counts durable writes since start or reset."""

    seq: int
    outcome: Literal["accepted"]
    balance: Count
    epoch: Count
    units: tuple[UnitState, ...]
    pending: tuple[PendingState, ...]
    credited: tuple[CreditedState, ...]
    settled: tuple[SettledState, ...]
    writes: Count
    digest: Hex32


class Rejected(Wire):
    """The input was refused."""

    seq: int
    outcome: Literal["rejected"]
    code: Label
    detail: str = ""


class RejectedInSession(Wire):
    """The peer's bytes, or opening a session, were refused; ``out`` is what the wallet answers its peer."""

    seq: int
    outcome: Literal["rejected"]
    code: Label
    out: Hex | None
    session: SessionState
    detail: str = ""


class Errored(Wire):
    """The wallet itself is at fault."""

    seq: int
    outcome: Literal["errored"]
    detail: str


class Bare(Wire):
    """The wallet does not know the verb, or an armed power cut fired."""

    seq: int
    outcome: Literal["unsupported", "power-cut"]


Response = Accepted | Started | Progressed | StateReport | Rejected | RejectedInSession | Errored | Bare

ACCEPTED: dict[str, type[Accepted | Started | Progressed | StateReport]] = {
    "start": Started,
    "reset": Accepted,
    "provision": Accepted,
    "act": Accepted,
    "open": Progressed,
    "deliver": Progressed,
    "state": StateReport,
    "power_cut": Accepted,
    "stop": Accepted,
}
"""The struct of an ``accepted`` response, by verb."""

_REQUESTS: dict[str, type[Any]] = {
    "start": Start,
    "reset": Reset,
    "provision": Provision,
    "open": Open,
    "deliver": Deliver,
    "state": GetState,
    "stop": Stop,
}
_ACTIONS: dict[str, type[Any]] = {
    "pay": ActPay,
    "request": ActRequest,
    "receive": ActReceive,
    "redeliver": ActRedeliver,
    "bulletin": ActBulletin,
}
_OUTCOMES = ("accepted", "rejected", "errored", "unsupported", "power-cut")


class ProtocolError(Exception):
    """A line is not what the protocol says; the message says what was expected and what was found."""


class UnknownVerbError(ProtocolError):
    """The request is well formed but its verb is unknown: the answer is ``unsupported``, not ``errored``."""


def parse_object(line: bytes) -> dict[str, Any]:
    """The JSON object in ``line``, with an integer ``seq``. Raises ProtocolError otherwise."""
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ProtocolError(f"expected one line of JSON, found {shorten(line)}: {error}") from None
    if not isinstance(found, dict):
        raise ProtocolError(f"expected a JSON object, found {shorten(line)}")
    if type(found.get("seq")) is not int:
        raise ProtocolError(f"expected an integer seq, found {found.get('seq')!r}")
    return found


def check_request(fields: dict[str, Any]) -> Request:
    """``fields`` as a typed request. Raises UnknownVerbError or ProtocolError."""
    verb = fields.get("verb")
    if verb == "act":
        kind = _ACTIONS.get(str(fields.get("action")))
        if kind is None:
            raise ProtocolError(f"expected an action of {', '.join(_ACTIONS)}; found {fields.get('action')!r}")
    elif verb == "power_cut":
        kind = PowerCutArmed if fields.get("when") in {"before", "after"} else PowerCutSimple
    else:
        kind = _REQUESTS.get(verb) if isinstance(verb, str) else None
        if kind is None:
            raise UnknownVerbError(f"unknown verb {verb!r}")
    try:
        request: Request = msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"bad {verb} request: {error}") from None
    return request


def check_response(verb: str, fields: dict[str, Any]) -> Response:
    """``fields`` as a typed response to ``verb`` (an unknown verb may only be refused). Raises ProtocolError."""
    outcome = fields.get("outcome")
    kind: type[Any]
    if outcome == "accepted":
        kind = ACCEPTED.get(verb, Accepted)
    elif outcome == "rejected":
        kind = RejectedInSession if verb in {"open", "deliver"} else Rejected
    elif outcome == "errored":
        kind = Errored
    elif outcome in {"unsupported", "power-cut"}:
        kind = Bare
    else:
        raise ProtocolError(f"expected an outcome of {', '.join(_OUTCOMES)}; found {outcome!r}")
    try:
        response: Response = msgspec.convert(fields, kind)
    except msgspec.ValidationError as error:
        raise ProtocolError(f"bad {outcome} response to {verb}: {error}") from None
    return response


def shorten(line: bytes | str, limit: int = 200) -> str:
    """``line`` in printable form, cut to ``limit`` characters for messages and reports."""
    text = line.decode("utf-8", "backslashreplace") if isinstance(line, bytes) else line
    text = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text.rstrip("\r\n"))
    return text if len(text) <= limit else f"{text[:limit]}... ({len(text)} characters)"
