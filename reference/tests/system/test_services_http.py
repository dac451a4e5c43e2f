"""What HTTP adds to a service: bodies, limits, refusals, logs (EPP-SVC-004 to 008)."""

import asyncio
import io
import json
import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.settings import SettingsError
from eiraku.spec.centre_objects import CONTEXT_REQUEST, REQUEST_MAX, Request
from eiraku.spec.errors import Unavailable
from eiraku.spec.objects import Role
from eiraku.system.database import Database, DatabaseError
from eiraku.system.exchange.codes import STATUS
from eiraku.system.exchange.sessions import Answer, SessionTable
from eiraku.system.services.app import create_app
from eiraku.system.services.journal import SCHEMA, Journal
from eiraku.system.services.observe import Log, Metrics
from eiraku.system.services.office import Health, Office
from eiraku.system.services.requests import Caller, Gate, Method
from eiraku.system.services.service import Service
from eiraku.system.services.settings import DEFAULT, Settings

pytestmark = pytest.mark.slow

NUMBER = b"\x07" * 8
KEY = SigningKey(bytes(range(32)))
COSE = {"Content-Type": "application/cose"}
OCTETS = {"Content-Type": "application/octet-stream"}


class Bulletins:
    def signed(self) -> bytes:
        return b"signed"

    def chunk(self, epoch: int, position: int) -> bytes | None:
        return {(7, 0): b"first", (7, 10): b""}.get((epoch, position))

    def delta(self, epoch: int, since: int) -> bytes | None:
        return b"delta" if (epoch, since) == (7, 5) else None


class Host:
    def begin(self, order: int | None, payee: bytes | None) -> None:
        pass

    def deliver(self, data: bytes) -> Answer:
        return Answer(out=data[::-1] or None, is_open=data != b"bye")

    def end(self) -> None:
        pass


class Place:
    """An application with one service, and everything that an observer sees of it."""

    def __init__(self, folder: Path, toml: str = "") -> None:
        self.fault: Exception | None = None
        self.calls = 0
        self.now = 0.0
        self.stream = io.StringIO()
        self.database = Database(f"sqlite:///{folder}/services.db", SCHEMA)
        caller = Caller(
            number=NUMBER, public_key=KEY.public, role=Role.PERSON, holder=bytes(32), economy=1, good=True
        )
        gate = Gate(
            audience="issuing-centre",
            journal=Journal(self.database),
            callers=lambda number: caller if number == NUMBER else None,
            methods={"echo": Method(handler=self.echo)},
        )
        table = SessionTable(host=Host(), random=lambda length: b"\xab" * length, clock=lambda: self.now)
        office = Office(
            services={
                "issuing-centre": Service(
                    gate=gate, bulletin=lambda _epoch: b"", keys=lambda _: b"", sessions=table
                )
            },
            bulletins=Bulletins(),
            keys=lambda centre: centre.encode(),
            enrol=lambda signed: signed,
            health=lambda: Health(good=self.fault is None, facts={"epoch": 3}),
            settings=Settings.from_toml(toml),
        )
        self.app = create_app(office, log=Log(self.stream), metrics=Metrics(), clock=lambda: self.now)

    def echo(self, _caller: Caller, _request_id: bytes, body: bytes) -> bytes:
        self.calls += 1
        if self.fault is not None:
            raise self.fault
        return body

    def send(self, verb: str, path: str, *, client: str = "127.0.0.1", **given: Any) -> httpx.Response:
        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, client=(client, 5))
            async with httpx.AsyncClient(transport=transport, base_url="http://here") as http:
                return await http.request(verb, path, **given)

        return asyncio.run(run())

    def refused(self, verb: str, path: str, **given: Any) -> str:
        """The code of a refusal, after a look at its form."""
        response = self.send(verb, path, **given)
        said: dict[str, str] = response.json()
        # EPP-SVC-008
        assert set(said) == {"code", "requirement", "detail", "request"}
        assert response.headers["Eiraku-Request"] == said["request"]
        assert STATUS[said["code"]] == response.status_code
        # EPP-SVC-005, EPP-SVC-052
        line = json.loads(self.stream.getvalue().splitlines()[-1])
        assert (line["id"], line["code"]) == (said["request"], said["code"])
        return said["code"]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.database.close()


def signed(sequence: int, body: bytes = b"hello") -> bytes:
    request = Request(audience="issuing-centre", method="echo", purse=NUMBER, sequence=sequence, body=body)
    return cose.sign(KEY, CONTEXT_REQUEST, request.encode())


REQUESTS = "/epp1/issuing-centre/requests"
SESSIONS = "/epp1/issuing-centre/sessions"


def test_a_request(place: Place) -> None:
    # EPP-SVC-002
    response = place.send("POST", REQUESTS, content=signed(1), headers=COSE)
    assert (response.status_code, response.content) == (200, b"hello")
    assert response.headers["content-type"] == "application/cbor"


def test_a_session(place: Place) -> None:
    # EPP-SVC-001, EPP-SVC-040
    opened = place.send("POST", SESSIONS)
    assert (opened.status_code, opened.content) == (201, b"\xab" * 16)
    path = f"{SESSIONS}/{'ab' * 16}"
    first = place.send("POST", f"{path}/1", content=b"abc", headers=OCTETS)
    assert (first.status_code, first.content, first.headers["Eiraku-Session"]) == (200, b"cba", "open")
    silent = place.send("POST", f"{path}/2", content=b"", headers=OCTETS)
    assert (silent.status_code, silent.content) == (204, b"")
    bye = place.send("POST", f"{path}/3", content=b"bye", headers=OCTETS)
    assert bye.headers["Eiraku-Session"] == "closed"
    assert place.refused("POST", f"{path}/4", content=b"x", headers=OCTETS) == "session-order"


def test_bulletins(place: Place) -> None:
    # EPP-SVC-008, EPP-DEV-029
    path = "/epp1/bulletin"
    assert place.send("GET", path).content == b"signed"
    assert place.send("GET", f"{path}/7/chunks/0").content == b"first"
    assert place.send("GET", f"{path}/7/chunks/10").content == b""
    assert place.send("GET", f"{path}/7/deltas/5").content == b"delta"
    for index in ("2", "-1", "x", "00", "99999999999999999999", "\u0661"):
        for wrong in (f"7/chunks/{index}", f"7/deltas/{index}", f"{index}/chunks/0", f"{index}/deltas/5"):
            assert place.refused("GET", f"{path}/{wrong}") == "not-found"


@pytest.mark.parametrize(
    ("verb", "path", "given", "code"),
    (
        ("POST", REQUESTS, {"content": b"junk", "headers": COSE}, "malformed"),
        ("POST", REQUESTS, {"content": b"junk"}, "media-type"),
        ("POST", REQUESTS, {"content": bytes(REQUEST_MAX + 1), "headers": COSE}, "too-large"),
        ("POST", REQUESTS, {"content": b"", "headers": COSE | {"Content-Length": "9" * 30}}, "too-large"),
        ("POST", REQUESTS, {"content": b"", "headers": COSE | {"Content-Length": "x"}}, "too-large"),
        ("GET", REQUESTS, {}, "wrong-verb"),
        ("POST", "/epp1/device-centre/requests", {}, "not-found"),
        ("POST", REQUESTS + "/", {}, "not-found"),
        ("GET", "/", {}, "not-found"),
        ("POST", f"{SESSIONS}/{'00' * 16}/1", {"headers": OCTETS}, "session-unknown"),
        ("POST", f"{SESSIONS}/{'AB' * 16}/1", {"headers": OCTETS}, "session-unknown"),
        ("POST", f"{SESSIONS}/short/1", {"headers": OCTETS}, "session-unknown"),
        ("POST", f"{SESSIONS}/{'00' * 16}/one", {"headers": OCTETS}, "session-order"),
        ("POST", f"{SESSIONS}/{'00' * 16}/1", {"content": bytes(66_001), "headers": OCTETS}, "too-large"),
    ),
)
def test_refusals(place: Place, verb: str, path: str, given: dict[str, Any], code: str) -> None:
    # EPP-SVC-004, EPP-SVC-050, EPP-SVC-008, EPP-SVC-063
    assert place.refused(verb, path, **given) == code
    assert place.calls == 0


def test_a_body_without_length_is_limited_while_it_is_read(place: Place) -> None:
    # EPP-SVC-004
    parts = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal parts
        while True:
            parts += 1
            yield bytes(1024)

    assert place.refused("POST", REQUESTS, content=endless(), headers=COSE) == "too-large"
    assert parts <= REQUEST_MAX // 1024 + 2


def test_a_slow_body_is_not_waited_for(tmp_path: Path) -> None:
    # EPP-SVC-047
    place = Place(tmp_path, "[times]\nbody = 0.05")

    async def slow() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(30)

    assert place.refused("POST", REQUESTS, content=slow(), headers=COSE) == "timeout"
    place.database.close()


def test_one_client_cannot_take_all(tmp_path: Path) -> None:
    # EPP-SVC-048, EPP-SVC-050
    place = Place(tmp_path, "[limits]\nclient_burst = 2\nclient_rate = 1")
    for sequence in (1, 2):
        assert place.send("POST", REQUESTS, content=signed(sequence), headers=COSE).is_success
    assert place.refused("POST", REQUESTS, content=signed(3), headers=COSE) == "rate-limited"
    assert place.calls == 2
    assert place.send("POST", REQUESTS, client="::2", content=signed(3), headers=COSE).is_success
    place.now += 1
    assert place.send("POST", REQUESTS, content=signed(4), headers=COSE).is_success
    place.database.close()


@pytest.mark.parametrize(
    ("fault", "code"), ((DatabaseError("disk /secret full"), "unavailable"), (KeyError("secret"), "internal"))
)
def test_a_failure_says_nothing_of_its_inside(place: Place, fault: Exception, code: str) -> None:
    # EPP-SVC-053
    place.fault = fault
    assert place.refused("POST", REQUESTS, content=signed(1), headers=COSE) == code
    assert "secret" not in place.send("POST", REQUESTS, content=signed(1), headers=COSE).text
    place.fault = None
    assert place.send("POST", REQUESTS, content=signed(1), headers=COSE).content == b"hello"


@pytest.mark.parametrize("kind", (ValueError, KeyError, AttributeError))
def test_a_defect_is_ours_and_logged_with_its_traceback(place: Place, kind: type[Exception]) -> None:
    # EPP-SVC-053
    place.fault = kind("secret")
    response = place.send("POST", REQUESTS, content=signed(1), headers=COSE)
    assert (response.status_code, response.json()["code"]) == (500, "internal")
    (line,) = (json.loads(line) for line in place.stream.getvalue().splitlines())
    assert (line["status"], line["code"], line["error"]) == (500, "internal", kind.__name__)
    assert re.fullmatch(r"app\.py:\d+ __call__", line["traceback"][0])
    assert re.fullmatch(r"test_services_http\.py:\d+ echo", line["traceback"][-1])
    assert "secret" not in place.stream.getvalue()
    # A method that failed so has not answered: the same request is carried out when it can be.
    place.fault = None
    assert place.send("POST", REQUESTS, content=signed(1), headers=COSE).content == b"hello"


def test_what_is_unavailable_is_no_defect(place: Place) -> None:
    place.fault = Unavailable("the disk is full")
    response = place.send("POST", REQUESTS, content=signed(1), headers=COSE)
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    line = json.loads(place.stream.getvalue())
    assert (line["reason"], "traceback" in line) == ("the disk is full", False)


def test_logs_and_metrics_name_no_purse_and_no_session(place: Place) -> None:
    # EPP-SVC-054
    place.send("POST", REQUESTS, content=signed(1), headers=COSE)
    place.send("POST", SESSIONS)
    place.send("POST", f"{SESSIONS}/{'ab' * 16}/1", content=b"abc", headers=OCTETS)
    place.send("GET", f"/nothing/{'ab' * 16}")
    seen = place.stream.getvalue() + place.send("GET", "/metrics").text
    assert NUMBER.hex() not in seen
    assert "ab" * 16 not in seen
    assert 'route="/epp1/issuing-centre/sessions/{name}/{number}"' in seen
    lines = [json.loads(line) for line in place.stream.getvalue().splitlines()]
    assert [line["status"] for line in lines] == [200, 201, 200, 404, 200]
    assert len({line["id"] for line in lines}) == 5


def test_enrolment_wants_tls_unless_it_is_on_this_machine(place: Place) -> None:
    # EPP-SVC-069
    sent: dict[str, Any] = {"content": b"x", "headers": COSE}
    assert place.send("POST", "/epp1/enrolments", **sent).content == b"x"
    assert place.send("POST", "/epp1/enrolments", client="::1", **sent).content == b"x"
    assert place.refused("POST", "/epp1/enrolments", client="192.0.2.1", **sent) == "tls-required"
    assert place.send("POST", "https://here/epp1/enrolments", client="192.0.2.1", **sent).is_success


def test_health(place: Place) -> None:
    assert place.send("GET", "/health").json() == {"good": True, "epoch": 3}
    place.fault = ValueError()
    assert place.send("GET", "/health").status_code == 503


def test_the_description_is_whole_and_needs_no_network(place: Place) -> None:
    described = place.send("GET", "/openapi.json").json()
    assert set(described["paths"]) >= {REQUESTS, SESSIONS, "/epp1/bulletin", "/epp1/enrolments"}
    page = place.send("GET", "/docs").text
    assert REQUESTS in page
    assert "http" not in page.lower().replace("over http", "")


def _bent(at: int) -> bytes:
    """A good request with one bit turned."""
    good = bytearray(signed(1))
    good[at // 8 % len(good)] ^= 1 << at % 8
    return bytes(good)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    verb=st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH"]),
    path=st.sampled_from(
        [REQUESTS, SESSIONS, f"{SESSIONS}/{'ab' * 16}/1", f"{SESSIONS}/x/y", "/epp1/enrolments/"]
    ),
    content=st.binary(max_size=200) | st.integers(0, 10**6).map(_bent),
    kind=st.sampled_from(["application/cose", "application/octet-stream", "text/plain", "\x7f"]),
)
def test_random_requests_change_nothing(
    place: Place, verb: str, path: str, content: bytes, kind: str
) -> None:
    # EPP-SVC-005
    place.now += 10
    response = place.send(verb, path, content=content, headers={"Content-Type": kind})
    assert response.status_code < 500 or response.json()["code"] in {"busy", "sessions-full"}
    assert place.calls == 0


@pytest.mark.parametrize(
    "toml",
    (
        "[limits]\nclient_rate = 0",
        "[limits]\nclient_burst = 1.5",
        "[limits]\nnonsense = 1",
        "[nonsense]",
        "limits = 1",
        "[limits",
        "[times]\ntick = true",
        "[times]\ntick = nan",
        "[databases]\nservices = 1",
        "[databases]\nservices = ''",
        "[vaults]\nAlice = 392",
        "[vaults]\nalice = 0",
    ),
)
def test_settings_that_cannot_be_used(toml: str) -> None:
    with pytest.raises(SettingsError, match=r"services\.toml: .*expected"):
        Settings.from_toml(toml)


def test_settings_are_written_out_as_they_are() -> None:
    assert Settings.from_toml(DEFAULT) == Settings.from_toml("")


def test_key_lists_are_for_anybody(place: Place) -> None:
    # EPP-SVC-030
    for centre in ("device", "money"):
        answer = place.send("GET", f"/epp1/keys/{centre}", client="192.0.2.1")
        assert (answer.content, answer.headers["content-type"]) == (centre.encode(), "application/cose")
    assert place.refused("GET", "/epp1/keys/other") == "not-found"


@pytest.mark.parametrize(
    ("method", "code"),
    (
        ("scheme-keys", "tls-required"),
        ("challenge", "tls-required"),
        ("self-report", "tls-required"),
        ("account", "authentication"),
    ),
)
def test_secrets_want_tls_unless_it_is_on_this_machine(place: Place, method: str, code: str) -> None:
    # EPP-SVC-031, EPP-DEV-093
    key = SigningKey(bytes(32))
    asked = Request(audience="issuing-centre", method=method, purse=NUMBER, sequence=1, body=b"")
    sent: dict[str, Any] = {"content": cose.sign(key, CONTEXT_REQUEST, asked.encode()), "headers": COSE}
    path = "/epp1/issuing-centre/requests"
    assert place.refused("POST", path, client="192.0.2.1", **sent) == code
    assert place.refused("POST", path, **sent) == "authentication"
