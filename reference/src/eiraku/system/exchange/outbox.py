"""The outbox of a purse: what it asks of services, one request at a time for each, none lost (EPP-SVC-074).

A request is durable, with its sequence, before it is sent; no sequence is used twice. The very same bytes are
sent again until there is a final answer, and no other request to that service before them (EPP-SVC-075).
A *passing* answer is none: the service has not carried the request out, or does not know. A *final* one is
kept: what it asks for (taking an issue, a renewed purse ID) is durable before the request counts as answered.
So all of it may happen twice, and every part of it is such that the second time changes nothing.

Methods raise ServiceUnreachable (nothing final: try again), ServiceRefused (final), DatabaseError, and what a
handler raises.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, String, Table, select

from eiraku.spec.errors import EirakuError
from eiraku.system.database import Database, Schema
from eiraku.system.exchange.carrier import ServiceRefused, ServiceUnreachable
from eiraku.system.exchange.codes import RETRY_AFTER

PASSING = RETRY_AFTER | {"internal"}
"""Codes that are no final answer: not carried out, or not known. The very same request is sent again."""
REPLAYED = "request-replayed"

METADATA = MetaData()
_SEQUENCE = Table(
    "sequence",
    METADATA,
    Column("audience", String(32), primary_key=True),
    Column("last", Integer, nullable=False),
)
_REQUEST = Table(
    "request",
    METADATA,
    Column("audience", String(32), primary_key=True),
    Column("method", String(32), nullable=False),
    Column("signed", LargeBinary, nullable=False),
    Column("about", Integer, nullable=False),
)
TABLES = (_SEQUENCE, _REQUEST)
"""Of the outbox, in whatever database it stands."""
SCHEMA = Schema(name="outbox", version=1, metadata=METADATA)
"""Of a database that holds nothing else."""


class Way(Protocol):
    """The way of a signed request to a service; a `carrier.Carrier` is one."""

    def request(self, signed: bytes) -> bytes:
        """The answer. Raises ServiceRefused, ServiceUnreachable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request without a final answer. `about`: what the caller knows it by, 0 for nothing."""

    audience: str
    method: str
    signed: bytes
    about: int


Write: TypeAlias = Callable[[Connection], object]
"""Something that goes into the same durable change."""
Answer: TypeAlias = bytes | ServiceRefused


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What an answer came to. `also`: written by the change with which the request counts as answered.

    `then`: method and body of a request that takes its place, is sent at once, and for which nobody waits.
    `error`: raised after it.
    """

    also: Write | None = None
    then: tuple[str, bytes] | None = None
    error: EirakuError | None = None


Handler: TypeAlias = Callable[[Request, Answer], Taken]
"""Does what a final answer asks for. If it raises, there was no answer yet: the request is sent again."""
Sign: TypeAlias = Callable[[str, str, int, bytes], bytes]
"""(audience, method, sequence, body) to the signed request, as `Device.sign_request`."""


class Outbox:
    """The requests of one purse. `database`: with `TABLES` in it; `way`: to each service, by audience."""

    def __init__(self, database: Database, sign: Sign, way: Callable[[str], Way]) -> None:
        self._database = database
        self._sign = sign
        self._way = way
        self._handlers: dict[str, Handler] = {}

    def handle(self, method: str, handler: Handler) -> None:
        """Let a handler see every final answer to a method; set before anything is sent."""
        self._handlers[method] = handler

    def ask(
        self, audience: str, method: str, body: bytes, *, about: int = 0, also: Write | None = None
    ) -> bytes:
        """Ask for something, after what is under way there; the answer, carried out.

        `also`: written by the change that makes the request durable.
        """
        self.finish(audience)
        with self._database.writing() as connection:
            request = self._put(connection, audience, method, body, about=about)
            if also is not None:
                also(connection)
        return self._carry(request)

    def finish(self, audience: str) -> None:
        """Bring what is under way with a service to its answer. A refusal is one: nobody waits for it."""
        while (request := self.under_way(audience)) is not None:
            with suppress(ServiceRefused):
                self._carry(request)

    def under_way(self, audience: str) -> Request | None:
        """The request to a service that has no final answer yet."""
        with self._database.reading() as connection:
            row = connection.execute(select(_REQUEST).where(_REQUEST.c.audience == audience)).one_or_none()
        if row is None:
            return None
        return Request(audience=audience, method=row.method, signed=bytes(row.signed), about=row.about)

    # --- one request ---

    def _put(
        self, connection: Connection, audience: str, method: str, body: bytes, *, about: int = 0
    ) -> Request:
        mine = _SEQUENCE.c.audience == audience
        last = connection.execute(select(_SEQUENCE.c.last).where(mine)).scalar_one_or_none()
        # EPP-SVC-013: the sequence is used up before anything is sent under it
        if last is None:
            connection.execute(_SEQUENCE.insert().values(audience=audience, last=1))
        else:
            connection.execute(_SEQUENCE.update().where(mine).values(last=last + 1))
        signed = self._sign(audience, method, (last or 0) + 1, body)
        request = Request(audience=audience, method=method, signed=signed, about=about)
        connection.execute(
            _REQUEST.insert().values(audience=audience, method=method, signed=signed, about=about)
        )
        return request

    def _carry(self, request: Request) -> bytes:
        answer: Answer
        try:
            answer = self._way(request.audience).request(request.signed)
        except ServiceRefused as refused:
            if refused.code in PASSING:
                raise ServiceUnreachable(f"{request.audience}: {refused}; send it again") from refused
            answer = refused
        if isinstance(answer, ServiceRefused) and answer.code == REPLAYED:
            self._outdated(request)
            raise answer
        handler = self._handlers.get(request.method)
        taken = Taken() if handler is None else handler(request, answer)
        self._answered(request, taken)
        if isinstance(answer, ServiceRefused):
            raise answer
        if taken.error is not None:
            raise taken.error
        return answer

    def _answered(self, request: Request, taken: Taken) -> None:
        follows: Request | None = None
        with self._database.writing() as connection:
            connection.execute(_REQUEST.delete().where(_REQUEST.c.audience == request.audience))
            if taken.also is not None:
                taken.also(connection)
            if taken.then is not None:
                follows = self._put(connection, request.audience, *taken.then)
        if follows is not None:
            with suppress(ServiceUnreachable, ServiceRefused):
                self._carry(follows)

    def _outdated(self, request: Request) -> None:
        """The service has seen higher sequences: this file is from a backup. Go on from far above."""
        with self._database.writing() as connection:
            mine = _SEQUENCE.c.audience == request.audience
            connection.execute(_SEQUENCE.update().where(mine).values(last=2 * _SEQUENCE.c.last + 1))
            connection.execute(_REQUEST.delete().where(_REQUEST.c.audience == request.audience))
