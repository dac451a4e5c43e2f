"""The adapter protocol, version 1: the requests the suite sends and the responses a wallet gives.

One line of JSON (UTF-8, at most 1 MiB with its newline) per request and per response; one response per
request, in order, with the request's ``seq``. Byte strings are lower-case hex. ``schema.json`` says the same
for other languages; it is made from these types (`schema`). Unknown fields are refused in both directions.

A response is decoded by the verb it answers and its outcome:

- ``accepted`` has the fields of that verb (`ACCEPTED`);
- ``rejected`` has ``code`` (a label of chapter 10 of the specification) and may have ``detail``; in answer to
  ``open`` and ``deliver`` it also has ``out`` and ``session``;
- ``errored`` has ``detail``: the wallet itself is at fault;
- ``unsupported`` and ``power-cut`` have nothing else.
"""

import json
from typing import Any

import msgspec

from eiraku.conformance.adapter.requests import (
    ActBulletin,
    ActKeys,
    ActPay,
    ActReceive,
    ActRedeliver,
    ActRequest,
    ActSchemeKey,
    Deliver,
    GetState,
    Open,
    PowerCutArmed,
    PowerCutSimple,
    Provision,
    Request,
    Reset,
    Start,
    Stop,
)
from eiraku.conformance.adapter.responses import (
    Accepted,
    Bare,
    Errored,
    Progressed,
    Rejected,
    RejectedInSession,
    Response,
    Started,
    StateReport,
)
from eiraku.spec.errors import Refused

PROTOCOL_VERSION = 1

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

IN_SESSION = frozenset({"open", "deliver"})
"""Verbs whose ``rejected`` response has ``out`` and ``session``."""

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
    "keys": ActKeys,
    "scheme-key": ActSchemeKey,
}
_OUTCOMES = ("accepted", "rejected", "errored", "unsupported", "power-cut")


class ProtocolError(Refused):
    """A line is not what the protocol says; the message says what was expected and what was found."""


class UnknownVerbError(ProtocolError):
    """The request is well formed but its verb is unknown: the answer is ``unsupported``, not ``errored``."""


def parse_object(line: bytes) -> dict[str, Any]:
    """The JSON object in ``line``, with an integer ``seq``. Raises ProtocolError otherwise."""
    try:
        found = msgspec.json.decode(line)
        # Of two fields with one name, languages take the first or the last. A line that is what we would
        # write has none, which is quicker to see than to look.
        if msgspec.json.encode(found) != line:
            json.loads(line, object_pairs_hook=_each_once)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"expected one line of JSON, found {shorten(line)}: {error}") from None
    if not isinstance(found, dict):
        raise ProtocolError(f"expected a JSON object, found {shorten(line)}")
    if type(found.get("seq")) is not int:
        raise ProtocolError(f"expected an integer seq, found {found.get('seq')!r}")
    return found


def _each_once(fields: list[tuple[str, Any]]) -> None:
    names = [name for name, _ in fields]
    if len(set(names)) != len(names):
        raise ValueError(f"a field stands twice among {shorten(', '.join(names))}")


def check_request(fields: dict[str, Any]) -> Request:
    """``fields`` as a typed request. Raises UnknownVerbError or ProtocolError."""
    verb = fields.get("verb")
    if verb == "act":
        kind = _ACTIONS.get(str(fields.get("action")))
        if kind is None:
            raise ProtocolError(
                f"expected an action of {', '.join(_ACTIONS)}; found {fields.get('action')!r}"
            )
    elif verb == "power_cut":
        kind = PowerCutArmed if fields.get("when") in ("before", "after") else PowerCutSimple
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
    """``fields`` as a typed response to ``verb``. Raises ProtocolError."""
    outcome = fields.get("outcome")
    kind: type[Any]
    if outcome == "accepted":
        kind = ACCEPTED.get(verb, Accepted)
    elif outcome == "rejected":
        kind = RejectedInSession if verb in IN_SESSION else Rejected
    elif outcome == "errored":
        kind = Errored
    elif outcome in ("unsupported", "power-cut"):
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
    text = text.rstrip("\r\n")
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in text[:limit])
    return shown if len(text) <= limit else f"{shown[:limit]}... ({len(text)} characters)"
