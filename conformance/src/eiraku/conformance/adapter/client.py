"""The suite's side of the adapter: a `Wallet` is asked, in Python types, and answers in Python types.

Byte strings are ``bytes`` here and hex on the wire. `AdapterCrash`, `AdapterTimeout` and `AdapterError` are
raised for what is not an answer; afterwards the wallet is not running, and `restart` gives a fresh one.
`ValueError` means that the suite itself built a request the protocol does not know.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Self

import msgspec

from eiraku.conformance.adapter.errors import AdapterCrash, AdapterError, AdapterFailure, SelectorError
from eiraku.conformance.adapter.protocol import (
    PROTOCOL_VERSION,
    ProtocolError,
    check_request,
    check_response,
    parse_object,
    shorten,
)
from eiraku.conformance.adapter.responses import (
    Errored,
    Progressed,
    Rejected,
    RejectedInSession,
    Response,
    Started,
    StateReport,
)
from eiraku.conformance.adapter.transcript import Transcript
from eiraku.conformance.adapter.transports import Selector, Transport, parse_selector
from eiraku.conformance.adapter.wire import MAX_LINE, Role, to_wire
from eiraku.conformance.results import KNOWN_CAPABILITIES, Exchange, WalletInfo

TRACE_LENGTH: Final = 24
"""Exchanges remembered for reports."""
TRACE_WIDTH: Final = 800
"""Characters kept of each line in the trace."""
_SLOW_VERBS = frozenset({"start", "power_cut"})
_STOP_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer that is not a state: one of the five outcomes of the protocol and what goes with it."""

    outcome: Literal["accepted", "rejected", "errored", "unsupported", "power-cut"]
    code: str | None = None
    """Label of the normative error code, if rejected."""
    detail: str = ""
    """For people; never judged."""
    out: bytes | None = None
    """What the wallet sends its peer."""
    session: Literal["open", "closed"] | None = None

    @property
    def accepted(self) -> bool:
        """Whether the outcome is ``accepted``."""
        return self.outcome == "accepted"

    def __str__(self) -> str:
        words = " ".join(word for word in (self.outcome, self.code) if word)
        return f"{words} ({self.detail})" if self.detail else words


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldUnit:
    """A spendable unit: 32-byte id, value in minor units, hop."""

    unit_id: bytes
    value: int
    hop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment: 16-byte transaction id, 8-byte number of the other purse, amount in minor units."""

    transaction: bytes
    peer: bytes
    amount: int
    units: tuple[bytes, ...] = ()
    """Ids of the units, for a pending payment only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The durable state of the wallet, in the order the wallet gave it."""

    balance: int
    epoch: int
    units: tuple[HeldUnit, ...]
    pending: tuple[Payment, ...]
    credited: tuple[Payment, ...]
    settled: tuple[Payment, ...]
    writes: int
    digest: bytes


class Wallet:
    """A wallet under test. Not running until `start` or `restart`; a context manager that closes it."""

    def __init__(self, selector: str | Selector, *, timeout: float = 10.0, seed: bytes | None = None) -> None:
        """``timeout`` in seconds per request, twice that for start and power_cut; ``seed`` 32 bytes."""
        self._selector = parse_selector(selector) if isinstance(selector, str) else selector
        self._timeout = timeout
        self.seed = seed
        """32 bytes, told to the wallet when it starts; None: it is told none."""
        self._transport: Transport | None = None
        self._failure: AdapterFailure | None = None
        self._failures: list[AdapterFailure] = []
        self._seq = 0
        self._stderr = ""
        self._trace: deque[tuple[int, bytes, bytes, float]] = deque(maxlen=TRACE_LENGTH)
        """Of each exchange the number, both lines and the seconds: most are never shown to anybody."""
        self._times: dict[str, list[float]] = {}
        self._transcript = Transcript()
        self.info: WalletInfo | None = None
        """What the wallet said of itself when it was last started; None before that."""
        self.starts = 0
        """Transports opened so far: 1 plus the number of restarts."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- life cycle -----------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether the wallet was started and has neither failed nor been closed since."""
        return self._transport is not None

    def connect(self) -> None:
        """Open the transport without ``start``. Raises SelectorError if there never was a wallet to reach."""
        self.close()
        self._seq = 0
        self._failure = None
        try:
            self._transport = self._selector.open()
        except SelectorError as error:
            if self.starts:
                raise self._fail(AdapterCrash(f"the wallet could not be reached again: {error}")) from error
            raise
        except AdapterFailure as failure:
            raise self._fail(failure) from failure
        self.starts += 1

    def start(self) -> WalletInfo:
        """A fresh wallet, asked who it is. Raises SelectorError and the AdapterFailure kinds."""
        self.connect()
        response = self._ask("start", self._introduction())
        if not isinstance(response, Started):
            raise self._fail(AdapterError(f"start: expected accepted, found {_reply(response)}"))
        if response.protocol != PROTOCOL_VERSION:
            raise self._fail(
                AdapterError(f"start: expected protocol {PROTOCOL_VERSION}, found {response.protocol}")
            )
        declared = set(response.capabilities)
        self.info = WalletInfo(
            name=response.name,
            version=response.version,
            protocol=response.protocol,
            capabilities=tuple(sorted(declared & KNOWN_CAPABILITIES)),
            unknown_capabilities=tuple(sorted(declared - KNOWN_CAPABILITIES)),
            room=msgspec.to_builtins(response.room),
        )
        return self.info

    restart = start

    def declares(self, capability: str) -> bool:
        """Whether the wallet declared ``capability`` when it was last started."""
        return self.info is not None and capability in self.info.capabilities

    def stop(self) -> None:
        """Ask the wallet to stop and wait for its end. Raises the AdapterFailure kinds."""
        self._expect_accepted("stop", {})
        self._end(_STOP_SECONDS)

    def close(self) -> None:
        """End the wallet whatever state it is in: politely, then by force. Never raises an AdapterFailure."""
        if self._transport is not None:
            try:
                self._ask("stop", {}, timeout=min(_STOP_SECONDS, self._timeout))
            except AdapterFailure:
                return
            self._end(_STOP_SECONDS)

    # --- verbs ----------------------------------------------------------------------------------------

    def reset(self) -> None:
        """Back to the state just after start. Raises AdapterError if the wallet does not accept."""
        self._expect_accepted("reset", {})

    def provision(
        self,
        *,
        purse: Mapping[str, Any],
        anchor: Mapping[str, Any],
        policy: Mapping[str, Any],
        bulletin: bytes | None = None,
        holdings: Sequence[Mapping[str, Any]] = (),
    ) -> Reply:
        """Give the wallet its purse. The fields are those of the protocol, with ``bytes`` for hex."""
        return _reply(
            self._ask(
                "provision",
                {
                    "purse": purse,
                    "anchor": anchor,
                    "policy": policy,
                    "bulletin": bulletin,
                    "holdings": holdings,
                },
            )
        )

    def act(self, action: str, **fields: Any) -> Reply:
        """The user's order: pay(amount, payee), request(amount, reference), receive, redeliver(transaction),
        bulletin(bulletin).
        """
        return _reply(self._ask("act", {"action": action, **fields}))

    def open(self, role: Role) -> Reply:
        """Begin a session. ``out`` of the reply is message_1 for an initiator."""
        return _reply(self._ask("open", {"role": role}))

    def deliver(self, data: bytes, *, seconds: float | None = None) -> Reply:
        """Bytes from the peer; ``seconds`` if the wallet is to have less time than usual."""
        return _reply(self._ask("deliver", {"data": data}, timeout=seconds))

    def state(self) -> State:
        """The durable state. Raises AdapterError if the wallet does not tell."""
        response = self._ask("state", {})
        if not isinstance(response, StateReport):
            raise self._fail(AdapterError(f"state: expected accepted, found {_reply(response)}"))
        return _state(response)

    def power_cut(self, when: Literal["now", "before", "after", "never"], write: int | None = None) -> None:
        """Cut the power now, or before or after the ``write``-th durable write from now, or disarm.

        Raises AdapterError if the wallet does not accept.
        """
        self._expect_accepted(
            "power_cut", {"when": when} if write is None else {"when": when, "write": write}
        )

    def exchange_line(self, line: bytes, *, timeout: float | None = None) -> bytes:
        """Send any line, protocol or not, and return the raw answer. For `selfcheck`."""
        return self._exchange("line", line, timeout or self._timeout)

    # --- for reports ----------------------------------------------------------------------------------

    @property
    def trace(self) -> tuple[Exchange, ...]:
        """The last exchanges, oldest first, long lines shortened."""
        return tuple(
            Exchange(
                seq=seq,
                request=shorten(line, TRACE_WIDTH),
                response=shorten(answer, TRACE_WIDTH),
                milliseconds=round(1000 * seconds, 3),
            )
            for seq, line, answer, seconds in self._trace
        )

    @property
    def transcript(self) -> str:
        """Digest of all exchanges since `clear_trace`: see `Transcript`."""
        return self._transcript.digest()

    def clear_trace(self) -> None:
        """Forget the exchanges so far."""
        self._trace.clear()
        self._transcript = Transcript()

    def take_times(self) -> dict[str, list[float]]:
        """Round-trip times in seconds by verb since the last call."""
        times, self._times = self._times, {}
        return times

    def take_failures(self) -> tuple[AdapterFailure, ...]:
        """Failures since the last call, whether or not anybody caught them."""
        failures, self._failures = tuple(self._failures), []
        return failures

    @property
    def stderr(self) -> str:
        """The last of the wallet's standard error, also after its end."""
        return self._transport.stderr() if self._transport is not None else self._stderr

    # --- within ---------------------------------------------------------------------------------------

    def _introduction(self) -> dict[str, Any]:
        versions = {"min": PROTOCOL_VERSION, "max": PROTOCOL_VERSION}
        return {"protocol": versions} | ({} if self.seed is None else {"seed": self.seed})

    def _expect_accepted(self, verb: str, fields: dict[str, Any]) -> None:
        reply = _reply(self._ask(verb, fields))
        if not reply.accepted:
            raise self._fail(AdapterError(f"{verb}: expected accepted, found {reply}"))

    def _ask(self, verb: str, fields: dict[str, Any], *, timeout: float | None = None) -> Response:
        self._seq += 1
        request = {"seq": self._seq, "verb": verb, **to_wire(fields)}
        try:
            check_request(request)
        except ProtocolError as error:
            raise ValueError(f"the suite built a request outside the protocol: {error}") from error
        line = msgspec.json.encode(request)
        if len(line) >= MAX_LINE:
            raise ValueError(
                f"the suite built a {verb} request of {len(line)} bytes; the limit is {MAX_LINE}"
            )
        if timeout is None:
            timeout = 2 * self._timeout if verb in _SLOW_VERBS else self._timeout
        self._transcript.request(line)
        answer = b""
        understood = None
        try:
            answer = self._exchange(verb, line, timeout)
            found = parse_object(answer)
            response = check_response(verb, found)
            understood = found
        except ProtocolError as error:
            raise self._fail(AdapterError(f"{verb}: {error}")) from error
        finally:
            self._transcript.answer(answer, understood)
        if response.seq != self._seq:
            raise self._fail(AdapterError(f"{verb}: expected seq {self._seq}, found {response.seq}"))
        return response

    def _exchange(self, verb: str, line: bytes, timeout: float) -> bytes:
        if self._transport is None:
            raise self._failure or AdapterCrash("the wallet is not running")
        answer = b""
        begun = time.perf_counter()
        try:
            answer = self._transport.exchange(line, timeout)
        except AdapterFailure as failure:
            raise self._fail(type(failure)(f"{verb}: {failure}")) from failure
        finally:
            seconds = time.perf_counter() - begun
            self._times.setdefault(verb, []).append(seconds)
            self._trace.append((self._seq, line, answer, seconds))
        return answer

    def _fail(self, failure: AdapterFailure) -> AdapterFailure:
        """Kill the wallet: nothing it says after ``failure`` can be trusted."""
        self._failure = failure
        self._failures.append(failure)
        self._end(0)
        return failure

    def _end(self, grace: float) -> None:
        if self._transport is not None:
            transport, self._transport = self._transport, None
            transport.close(grace)
            self._stderr = transport.stderr()


def _reply(response: Response) -> Reply:
    code = response.code if isinstance(response, Rejected | RejectedInSession) else None
    detail = response.detail if isinstance(response, Rejected | RejectedInSession | Errored) else ""
    if isinstance(response, Progressed | RejectedInSession):
        out = None if response.out is None else bytes.fromhex(response.out)
        return Reply(outcome=response.outcome, code=code, detail=detail, out=out, session=response.session)
    return Reply(outcome=response.outcome, code=code, detail=detail)


def _state(report: StateReport) -> State:
    def payment(transaction: str, peer: str, amount: int, units: Sequence[str] = ()) -> Payment:
        return Payment(
            transaction=bytes.fromhex(transaction),
            peer=bytes.fromhex(peer),
            amount=amount,
            units=tuple(bytes.fromhex(unit) for unit in units),
        )

    return State(
        balance=report.balance,
        epoch=report.epoch,
        units=tuple(
            HeldUnit(unit_id=bytes.fromhex(unit.unit_id), value=unit.value, hop=unit.hop)
            for unit in report.units
        ),
        pending=tuple(payment(p.transaction, p.payee, p.amount, p.units) for p in report.pending),
        credited=tuple(payment(c.transaction, c.payer, c.amount) for c in report.credited),
        settled=tuple(payment(s.transaction, s.payee, s.amount) for s in report.settled),
        writes=report.writes,
        digest=bytes.fromhex(report.digest),
    )
