"""Signed requests at a service: who asks, in what order it is checked, carried out once (EPP-SVC-041, -043).

A `Gate` stands before the methods of one service. It raises ServiceRefused with a code of chapter 16 (or of
chapter 10, if a method judged so); DatabaseError passes through, and then the same bytes may be sent again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeAlias

from eiraku.reference.crypto import cose
from eiraku.spec.centre_objects import CONTEXT_REQUEST, REQUEST_MAX, Request
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import Role
from eiraku.system.books import BooksError
from eiraku.system.device.keys import RegistryError
from eiraku.system.exchange.carrier import ServiceRefused
from eiraku.system.issuing.schema import IssuerError
from eiraku.system.services.journal import Entry, Journal, Refused

ISSUING_CENTRE = "issuing-centre"
DEVICE_CENTRE = "device-centre"


def parse(signed: bytes) -> tuple[cose.Sign1, Request]:
    """A signed request of the right shape, not yet verified. Raises Refusal (MALFORMED, TOO_LARGE)."""
    parsed = cose.parse(signed, limit=REQUEST_MAX)
    # EPP-SVC-002, EPP-KEY-005
    if parsed.kid is not None:
        raise Refusal(Code.MALFORMED, "EPP-SVC-002", "request: expected no key identifier")
    return parsed, Request.decode(parsed.payload)


def vault_audience(number: bytes) -> str:
    """Audience of the vault with this purse number (8 bytes)."""
    return f"vault:{number.hex()}"


def method_of(signed: bytes) -> str | None:
    """The method of a request that nobody has verified yet; None for what is no request."""
    try:
        return Request.decode(cose.parse(signed, limit=REQUEST_MAX).payload).method
    except Refusal:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A registered purse. `holder`: 32 bytes; `good`: neither revoked nor recalled."""

    number: bytes
    public_key: bytes
    role: Role
    holder: bytes
    economy: int
    good: bool


Callers: TypeAlias = Callable[[bytes], Caller | None]
"""The registered purse with a number of 8 bytes."""
Handler: TypeAlias = Callable[[Caller, bytes, bytes], bytes]
"""(caller, request id of 16 bytes, body) to the answer; idempotent by request id. Raises Refusal, BooksError,
RegistryError, IssuerError or ServiceRefused (recorded, and given again), or anything else (not recorded)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What a service does under one name, and which roles may ask for it."""

    handler: Handler
    roles: frozenset[Role] = frozenset(Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """The way into one service. `admit` may refuse an authenticated purse (rate limits)."""

    audience: str
    journal: Journal
    callers: Callers
    methods: Mapping[str, Method]
    admit: Callable[[bytes], None] = lambda _number: None

    def handle(self, signed: bytes) -> bytes:
        """Judge and carry out one request, the answer durable. Raises ServiceRefused, DatabaseError."""
        request, caller = self.authenticate(signed)
        self.admit(caller.number)
        digest = sha256(signed).digest()
        # EPP-SVC-003
        last = self.journal.last(self.audience, caller.number)
        if last is not None and request.sequence <= last.sequence:
            if last.digest != digest or last.sequence != request.sequence:
                detail = f"expected a sequence above {last.sequence}, found {request.sequence}"
                raise ServiceRefused("request-replayed", "EPP-SVC-003", detail)
            # EPP-SVC-043
            return _answered(last.outcome)
        # EPP-SVC-044, EPP-SVC-045: a refusal is an outcome, a failure is raised
        outcome = self._carry_out(caller, digest[:16], request)
        entry = Entry(sequence=request.sequence, digest=digest, outcome=outcome)
        self.journal.keep(self.audience, caller.number, entry)
        return _answered(outcome)

    def authenticate(self, signed: bytes) -> tuple[Request, Caller]:
        """Everything that is checked before the sequence. Raises ServiceRefused."""
        # EPP-SVC-004
        if len(signed) > REQUEST_MAX:
            raise ServiceRefused("too-large", "EPP-SVC-004", f"expected at most {REQUEST_MAX} bytes")
        try:
            parsed, request = parse(signed)
        except Refusal as refusal:
            raise ServiceRefused("malformed", "EPP-SVC-041", refusal.detail) from None
        # EPP-SVC-041
        if request.audience != self.audience:
            raise ServiceRefused("wrong-audience", "EPP-SVC-041", f"expected {self.audience}")
        # EPP-SVC-041: an unknown purse and a wrong signature look the same
        caller = self.callers(request.purse)
        if caller is None or not cose.verify(caller.public_key, CONTEXT_REQUEST, parsed):
            detail = "expected a signature by the registered key of the purse that is named"
            raise ServiceRefused("authentication", "EPP-SVC-041", detail)
        # EPP-SVC-041
        if not caller.good:
            raise ServiceRefused("purse-revoked", "EPP-SVC-041", "this purse is revoked or recalled")
        return request, caller

    def _method(self, caller: Caller, name: str) -> Method:
        # EPP-SVC-007
        method = self.methods.get(name)
        if method is None:
            detail = f"expected one of {', '.join(sorted(self.methods))}"
            raise ServiceRefused("unknown-method", "EPP-SVC-007", detail)
        # EPP-SVC-061
        if caller.role not in method.roles:
            detail = f"{name} is not for a purse of role {caller.role.name.lower()}"
            raise ServiceRefused("not-allowed", "EPP-SVC-061", detail)
        return method

    def _carry_out(self, caller: Caller, request_id: bytes, request: Request) -> bytes | Refused:
        try:
            method = self._method(caller, request.method)
            return method.handler(caller, request_id, request.body)
        except Refusal as refusal:
            return Refused(code=refusal.code.label, requirement=refusal.requirement, detail=refusal.detail)
        except BooksError as error:
            return Refused(code="account", requirement="EPP-CEN-076", detail=str(error))
        except (RegistryError, IssuerError) as error:
            return Refused(code="refused", requirement="EPP-SVC-062", detail=str(error))
        except ServiceRefused as refused:
            return Refused(code=refused.code, requirement=refused.requirement, detail=refused.detail)


def _answered(outcome: bytes | Refused) -> bytes:
    if isinstance(outcome, Refused):
        raise ServiceRefused(outcome.code, outcome.requirement, outcome.detail)
    return outcome
