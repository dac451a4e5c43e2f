"""Signed requests at a service, in process: who, in what order, once (EPP-SVC-041 to 045)."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest

from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.spec.centre_objects import CONTEXT_REQUEST, REQUEST_MAX, Request
from eiraku.spec.errors import Code, Refusal
from eiraku.spec.objects import Role
from eiraku.system.books import BooksError
from eiraku.system.database import Database, DatabaseError
from eiraku.system.exchange.carrier import ServiceRefused, ServiceUnreachable
from eiraku.system.services.journal import SCHEMA, Journal
from eiraku.system.services.local import LocalCarrier
from eiraku.system.services.requests import ISSUING_CENTRE, Caller, Gate, Method
from eiraku.system.services.service import Service

pytestmark = pytest.mark.slow

NUMBER = bytes.fromhex("0011223344556677")
KEY = SigningKey(bytes(range(32)))
OTHER = SigningKey(bytes(range(1, 33)))
CALLER = Caller(
    number=NUMBER, public_key=KEY.public, role=Role.PERSON, holder=bytes(32), economy=392, good=True
)


class Till:
    """A service that counts, idempotent by request id like every method must be."""

    def __init__(self, database: Database) -> None:
        self.done: dict[bytes, bytes] = {}
        self.caller: Caller | None = CALLER
        self.fail: Exception | None = None
        self.busy = False
        methods = {
            "count": Method(handler=self.count),
            "vaults": Method(handler=self.count, roles=frozenset({Role.VAULT})),
        }
        gate = Gate(
            audience=ISSUING_CENTRE,
            journal=Journal(database),
            callers=lambda number: self.caller if number == NUMBER else None,
            methods=methods,
            admit=self.admit,
        )
        self.service = Service(
            gate=gate, bulletin=lambda _epoch: b"bulletin", keys=lambda centre: centre.encode()
        )
        self.carrier = LocalCarrier(self.service)

    def admit(self, number: bytes) -> None:
        assert number == NUMBER
        if self.busy:
            raise ServiceRefused("rate-limited", "EPP-SVC-048")

    def count(self, caller: Caller, request_id: bytes, body: bytes) -> bytes:
        assert caller is self.caller
        if self.fail is not None:
            raise self.fail
        return self.done.setdefault(request_id, body + bytes([len(self.done)]))


@pytest.fixture
def till(centre_url: str) -> Iterator[Till]:
    database = Database(centre_url, SCHEMA)
    yield Till(database)
    database.close()


def signed(sequence: int, body: bytes = b"", *, key: SigningKey = KEY, **changes: object) -> bytes:
    request = Request(audience=ISSUING_CENTRE, method="count", purse=NUMBER, sequence=sequence, body=body)
    return cose.sign(key, CONTEXT_REQUEST, replace(request, **changes).encode())  # type: ignore[arg-type]


def refused(till: Till, request: bytes) -> str:
    """The code, and that nothing was done."""
    before = dict(till.done)
    with pytest.raises(ServiceRefused) as caught:
        till.carrier.request(request)
    assert till.done == before
    return caught.value.code


def test_a_request_is_carried_out_once_and_answered_again(till: Till) -> None:
    # EPP-SVC-043
    first = signed(7)
    assert till.carrier.request(first) == b"\x00"
    assert till.carrier.request(first) == b"\x00"
    assert len(till.done) == 1
    assert till.carrier.request(signed(9)) == b"\x01"


@pytest.mark.parametrize("sequence", (1, 6, 7))
def test_an_older_sequence_is_a_replay(till: Till, sequence: int) -> None:
    # EPP-SVC-003
    till.carrier.request(signed(7))
    assert refused(till, signed(sequence, b"other")) == "request-replayed"


def test_what_was_answered_before_the_last_is_a_replay(till: Till) -> None:
    # EPP-SVC-003
    first = signed(1)
    till.carrier.request(first)
    till.carrier.request(signed(2))
    assert refused(till, first) == "request-replayed"


@pytest.mark.parametrize(
    ("request_bytes", "code"),
    (
        pytest.param(b"", "malformed", id="empty"),
        pytest.param(b"\xff" * 40, "malformed", id="junk"),
        pytest.param(bytes(REQUEST_MAX + 1), "too-large", id="large"),
        pytest.param(cose.sign(KEY, CONTEXT_REQUEST, b"\x80"), "malformed", id="other shape"),
        pytest.param(signed(1, audience="device-centre"), "wrong-audience", id="for another service"),
        pytest.param(signed(1, key=OTHER), "authentication", id="other key"),
        pytest.param(signed(1, purse=bytes(8)), "authentication", id="unknown purse"),
        pytest.param(cose.sign(KEY, b"EPP/1 unit", b""), "malformed", id="another object"),
        pytest.param(signed(1, method="fly"), "unknown-method", id="unknown method"),
        pytest.param(signed(1, method="vaults"), "not-allowed", id="role"),
        pytest.param(signed(0), "malformed", id="sequence 0"),
    ),
)
def test_refusals(till: Till, request_bytes: bytes, code: str) -> None:
    # EPP-SVC-041, EPP-SVC-004, EPP-SVC-007, EPP-SVC-061
    assert refused(till, request_bytes) == code
    assert till.carrier.request(signed(2)) == b"\x00"


def test_the_first_fault_decides(till: Till) -> None:
    # EPP-SVC-041
    till.carrier.request(signed(5))
    till.busy = True
    till.caller = replace(CALLER, good=False)
    assert refused(till, bytes(REQUEST_MAX + 1)) == "too-large"
    assert refused(till, signed(0, key=OTHER, audience="device-centre")) == "malformed"
    assert refused(till, signed(1, key=OTHER, audience="device-centre")) == "wrong-audience"
    assert refused(till, signed(1, key=OTHER)) == "authentication"
    assert refused(till, signed(1)) == "purse-revoked"
    till.caller = CALLER
    assert refused(till, signed(1)) == "rate-limited"
    till.busy = False
    assert refused(till, signed(1, method="fly")) == "request-replayed"
    assert refused(till, signed(6, method="fly")) == "unknown-method"


def test_an_unknown_purse_looks_like_a_wrong_signature(till: Till) -> None:
    # EPP-SVC-041
    said = []
    for request in (signed(1, purse=bytes(8)), signed(1, key=OTHER)):
        with pytest.raises(ServiceRefused) as caught:
            till.carrier.request(request)
        said.append((caught.value.code, caught.value.requirement, caught.value.detail))
    assert said[0] == said[1]


def test_a_request_does_not_wait_for_ever(till: Till) -> None:
    # EPP-SVC-051
    service, done = replace(till.service, patience=0.01), threading.Event()
    till.carrier = LocalCarrier(service)

    def hold() -> None:
        with service.alone():
            held.set()
            done.wait()

    held, other = threading.Event(), threading.Thread(target=hold)
    other.start()
    held.wait()
    try:
        assert refused(till, signed(1)) == "busy"
    finally:
        done.set()
        other.join()
    assert till.carrier.request(signed(1)) == b"\x00"


def test_a_signature_of_another_context_is_none(till: Till) -> None:
    # EPP-SVC-002
    payload = Request(audience=ISSUING_CENTRE, method="count", purse=NUMBER, sequence=1, body=b"").encode()
    assert refused(till, cose.sign(KEY, b"EPP/1 self-report", payload)) == "authentication"
    assert refused(till, cose.sign(KEY, CONTEXT_REQUEST, payload, kid=bytes(8))) == "malformed"


def test_a_revoked_purse_is_refused(till: Till) -> None:
    # EPP-SVC-041
    till.caller = replace(CALLER, good=False)
    assert refused(till, signed(1)) == "purse-revoked"
    assert refused(till, signed(1, key=OTHER)) == "authentication"


@pytest.mark.parametrize(
    ("fault", "code"),
    (
        (Refusal(Code.UNIT_SIGNATURE, "EPP-KEY-008", "x"), "unit-signature"),
        (BooksError("vault: -5 would be below 0"), "account"),
        (ServiceRefused("not-allowed", "EPP-CEN-017", "x"), "not-allowed"),
    ),
)
def test_a_refusal_uses_up_the_sequence(till: Till, fault: Exception, code: str) -> None:
    """A delayed repeat must not be carried out when the cause of the refusal is gone (EPP-SVC-044)."""
    till.fail = fault
    assert refused(till, signed(1)) == code
    till.fail = None
    assert refused(till, signed(1)) == code
    assert till.carrier.request(signed(2)) == b"\x00"


def test_a_failure_of_the_service_uses_up_nothing(till: Till) -> None:
    # EPP-SVC-045
    till.fail = DatabaseError("disk full")
    with pytest.raises(ServiceUnreachable):
        till.carrier.request(signed(1))
    till.fail = None
    assert till.carrier.request(signed(1)) == b"\x00"


def test_what_was_answered_outlives_a_restart(till: Till, centre_url: str) -> None:
    # EPP-SVC-043
    till.carrier.request(signed(1))
    database = Database(centre_url, SCHEMA)
    again = Till(database)
    assert again.carrier.request(signed(1)) == b"\x00"
    assert again.done == {}
    database.close()
