"""Sessions with the one purse behind a service (EPP-SVC-001, EPP-SVC-006).

A name is given out at once; the purse is taken only with the first message, so that names cost it nothing.
While one session has the purse, the first message of another waits for `patience` seconds and is then
refused as `busy`. A message that comes again with the same number and bytes gets the same answer: a lost
answer is no lost session. Names live in memory only; after a restart every session is unknown.
"""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol, Self, TypeAlias

from eiraku.reference.device import Rejected, Result
from eiraku.reference.meeting import accepted
from eiraku.reference.settings import PositiveFloat, PositiveInt, Table
from eiraku.spec.errors import Code
from eiraku.spec.messages import Reject
from eiraku.system.exchange.carrier import ServiceRefused

NAME = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the purse said to a message. `out`: bytes, or None; `is_open`; `code`: for the log only."""

    out: bytes | None
    is_open: bool
    code: str = ""

    @classmethod
    def of(cls, result: Result) -> Self:
        """What a device said, as it is passed on: the peer learns only `out`. Raises PurseLostPower."""
        if isinstance(result, Rejected):
            return cls(out=result.out, is_open=result.is_open, code=result.refusal.code.label)
        done = accepted(result)
        return cls(out=done.out, is_open=done.is_open, code=label(done.reject) if done.reject else "")


def label(reject: Reject) -> str:
    """Of the code with which a peer refused, also if chapter 10 does not know it."""
    try:
        return Code(reject.code).label
    except ValueError:
        return f"code-{reject.code}"


class Host(Protocol):
    """A purse that serves one session at a time."""

    def begin(self, order: int | None, payee: bytes | None) -> None:
        """Be ready for a session, as responder; `order`: amount to pay out to `payee`, None: receive.

        Raises ServiceRefused (`suspended`, `busy`, `unavailable`) or DatabaseError.
        """

    def deliver(self, data: bytes) -> Answer:
        """One message of the peer."""

    def end(self) -> None:
        """Let go of a session that has not come to its end by itself."""


class SessionLimits(Table, frozen=True, kw_only=True):
    """`names`: most sessions at a time, `each`: most of one client or purse; the rest in seconds."""

    names: PositiveInt = 64
    each: PositiveInt = 8
    idle: PositiveFloat = 10.0
    whole: PositiveFloat = 60.0
    patience: PositiveFloat = 2.0


@dataclass(slots=True, kw_only=True)
class _Session:
    order: int | None
    payee: bytes | None
    owner: Hashable
    born: float
    touched: float
    number: int = 0
    digest: bytes = b""
    answer: Answer | None = None
    closed: bool = False


Clock: TypeAlias = Callable[[], float]


@dataclass(slots=True, kw_only=True)
class SessionTable:
    """The sessions of one service. `clock`: seconds, monotone; may be called from several threads."""

    host: Host
    random: Callable[[int], bytes]
    clock: Clock
    limits: SessionLimits = field(default_factory=SessionLimits)
    _sessions: dict[bytes, _Session] = field(default_factory=dict)
    _active: bytes | None = None
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def open(
        self, order: int | None = None, payee: bytes | None = None, *, client: str | None = None
    ) -> bytes:
        """A new name of 16 bytes. `order`: amount to pay out to the purse number `payee`.

        `client`: who asks, None for one that is trusted. Raises ServiceRefused(sessions-full).
        """
        owner = client if payee is None else payee
        with self._changed:
            self._expire()
            under_way = [session for session in self._sessions.values() if not session.closed]
            same = sum(session.owner == owner for session in under_way if owner is not None)
            # EPP-SVC-060
            if len(under_way) >= self.limits.names or same >= self.limits.each:
                detail = (
                    f"expected at most {self.limits.each} sessions at a time of one client; try again soon"
                )
                raise ServiceRefused("sessions-full", "EPP-SVC-060", detail)
            self._forget_closed()
            name = self.random(NAME)
            now = self.clock()
            self._sessions[name] = _Session(order=order, payee=payee, owner=owner, born=now, touched=now)
            return name

    def message(self, name: bytes, number: int, data: bytes) -> Answer:
        """The `number`-th message of a session, counted from 1. Raises ServiceRefused, DatabaseError."""
        digest = sha256(data).digest()
        deadline = self.clock() + self.limits.patience
        with self._changed:
            while True:
                session = self._find(name)
                session.touched = self.clock()
                # EPP-SVC-055, EPP-SVC-006
                if session.answer is not None and (number, digest) == (session.number, session.digest):
                    return session.answer
                if session.closed or number != session.number + 1:
                    expected = "no more messages" if session.closed else f"message {session.number + 1}"
                    detail = f"this session expects {expected}; found {number}"
                    raise ServiceRefused("session-order", "EPP-SVC-006", detail)
                # EPP-SVC-058
                if self._active is None:
                    self.host.begin(session.order, session.payee)
                    session.born, self._active = self.clock(), name
                if self._active == name:
                    return self._deliver(session, number, digest, data)
                # EPP-SVC-059
                if self.clock() >= deadline:
                    detail = "another session has the purse; send the same message again"
                    raise ServiceRefused("busy", "EPP-SVC-059", detail)
                self._changed.wait(timeout=0.05)

    def between(self, work: Callable[[], object]) -> None:
        """Do something with the purse while no session has it; nothing if one has."""
        with self._changed:
            self._expire()
            if self._active is None:
                work()

    def drop_all(self) -> None:
        """End every session: the service stops."""
        with self._changed:
            self._release()
            self._sessions.clear()

    @property
    def count(self) -> int:
        """Sessions that are named."""
        return len(self._sessions)

    def _find(self, name: bytes) -> _Session:
        self._expire()
        found = self._sessions.get(name)
        # EPP-SVC-056
        if found is None:
            detail = "no such session, or it was idle too long; open another"
            raise ServiceRefused("session-unknown", "EPP-SVC-056", detail)
        return found

    def _deliver(self, session: _Session, number: int, digest: bytes, data: bytes) -> Answer:
        try:
            answer = self.host.deliver(data)
        except BaseException:
            session.closed = True
            self._release()
            raise
        session.number, session.digest, session.answer = number, digest, answer
        if not answer.is_open:
            session.closed = True
            self._active = None
            self._changed.notify_all()
        return answer

    def _forget_closed(self) -> None:
        """Closed sessions stay for a while, so that a last answer can be had again; but not any number."""
        closed = [name for name, session in self._sessions.items() if session.closed]
        for name in closed[: max(0, len(closed) - self.limits.names)]:
            del self._sessions[name]

    def _release(self) -> None:
        if self._active is not None:
            self._active = None
            self.host.end()
            self._changed.notify_all()

    def _expire(self) -> None:
        now = self.clock()
        for name, session in list(self._sessions.items()):
            idle = now - session.touched > self.limits.idle
            # EPP-SVC-056
            if idle or now - session.born > self.limits.whole:
                del self._sessions[name]
                if name == self._active:
                    self._release()
