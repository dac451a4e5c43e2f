"""A served scheme over real connections: everything that is wrong is refused, logged, and changes nothing."""

import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from eiraku.reference.crypto import cose
from eiraku.reference.crypto.ed25519 import SigningKey
from eiraku.reference.database import StoreError
from eiraku.reference.meeting import meet
from eiraku.reference.purse.state import PayOrder, ReceiveOrder, RequestOrder
from eiraku.spec import cbor
from eiraku.spec.centre_objects import CONTEXT_REQUEST, Request
from eiraku.spec.errors import Misuse, Refusal
from eiraku.spec.tables import Side
from eiraku.system.exchange import outbox
from eiraku.system.exchange.carrier import ServiceRefused
from eiraku.system.exchange.talk import talk
from eiraku.system.services.client import HttpCarrier
from eiraku.system.services.enrolment import first_request
from eiraku.system.services.notes import Reach
from eiraku.system.services.requests import DEVICE_CENTRE, ISSUING_CENTRE, vault_audience
from eiraku.system.services.settings import DEFAULT
from eiraku.system.services.wallet import Wallet
from eiraku.testing.news import held
from eiraku.testing.served import Served

pytestmark = pytest.mark.slow

# Nothing happens between requests but what the test does; one client may ask as often as it likes.
QUIET = DEFAULT.replace("[vaults]\n", "")
for name, value in (
    ("tick", "3600.0"),
    ("idle", "3.0"),
    ("body", "2.0"),
    ("client_rate", "5000.0"),
    ("purse_rate", "5000.0"),
):
    QUIET = re.sub(rf"{name} = .*", f"{name} = {value}", QUIET)
COSE = {"Content-Type": "application/cose"}
OCTETS = {"Content-Type": "application/octet-stream"}


class Place:
    """The scheme, a purse of alice with 1 000 and one of bob with nothing."""

    def __init__(self, folder: Path) -> None:
        self.served = Served(folder, {"alice": 100_000, "bob": 0}, text=QUIET)
        self.served.start()
        self.http = self.served.http(tries=4)
        self.alice = self.served.wallet(folder / "alice", "alice")
        self.bob = self.served.wallet(folder / "bob", "bob")
        self.alice.pay_out(1000)
        self.sequence = 1000

    def close(self) -> None:
        for part in (self.alice, self.bob, self.http):
            part.close()
        self.served.stop()

    def digest(self, *, journal: bool = True) -> dict[str, bytes]:
        """Of every durable byte; without `journal` not of what was answered last."""
        return {
            path.name: sha256(path.read_bytes()).digest()
            for path in self.served.folder.rglob("*.db*")
            if not path.name.endswith("-shm") and (journal or not path.name.startswith("services.db"))
        }

    def signed(self, audience: str, method: str, body: cbor.Item, *, who: Wallet | None = None) -> bytes:
        self.sequence += 1
        wallet = who or self.alice
        used_up(wallet, audience, self.sequence)
        return wallet.device.sign_request(audience, method, self.sequence, cbor.encode(body))

    def post(self, path: str, content: bytes, headers: dict[str, str]) -> httpx.Response:
        with httpx.Client(base_url=self.served.url) as client:
            return client.post(path, content=content, headers=headers)

    def refused(self, service: str, content: bytes, *, journal: bool = True) -> str:
        """The code, after a look at the log and at every durable byte."""
        before = self.digest(journal=journal)
        response = self.post(f"/epp1/{service}/requests", content, COSE)
        said: dict[str, str] = response.json()
        assert self.digest(journal=journal) == before
        logged = [json.loads(line) for line in self.served.log.read_text().splitlines()]
        assert [line["code"] for line in logged if line.get("id") == said["request"]] == [said["code"]]
        return said["code"]


def used_up(wallet: Wallet, audience: str, sequence: int) -> None:
    """The wallet goes on above a sequence that was used beside its outbox."""
    (last, _) = outbox.TABLES
    with wallet.outbox._database.writing() as connection:
        connection.execute(last.delete().where(last.c.audience == audience))
        connection.execute(last.insert().values(audience=audience, last=sequence))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    made = Place(tmp_path_factory.mktemp("served"))
    yield made
    made.close()


def bent(signed: bytes) -> bytes:
    return signed[:-1] + bytes([signed[-1] ^ 1])


Make = Callable[[Place], bytes]


@pytest.mark.parametrize(
    ("service", "make", "code"),
    (
        pytest.param(ISSUING_CENTRE, lambda _: b"", "malformed", id="empty"),
        pytest.param(ISSUING_CENTRE, lambda _: b"\x84" * 900, "malformed", id="junk"),
        pytest.param(
            ISSUING_CENTRE, lambda p: p.signed(DEVICE_CENTRE, "account", ()), "wrong-audience", id="audience"
        ),
        pytest.param(
            DEVICE_CENTRE,
            lambda p: p.signed(vault_audience(p.alice.claims.number), "balance", ()),
            "wrong-audience",
            id="for a vault",
        ),
        pytest.param(
            ISSUING_CENTRE,
            lambda p: cose.sign(
                SigningKey(bytes(range(32))),
                CONTEXT_REQUEST,
                Request(
                    audience=ISSUING_CENTRE,
                    method="account",
                    purse=p.alice.claims.number,
                    sequence=9000,
                    body=b"\x80",
                ).encode(),
            ),
            "authentication",
            id="another's key",
        ),
        pytest.param(
            ISSUING_CENTRE,
            lambda p: bent(p.signed(ISSUING_CENTRE, "account", ())),
            "authentication",
            id="bent",
        ),
    ),
)
def test_what_nobody_signed(place: Place, service: str, make: Make, code: str) -> None:
    # EPP-SVC-041
    assert place.refused(service, make(place)) == code


@pytest.mark.parametrize(
    ("service", "method", "body", "code"),
    (
        (ISSUING_CENTRE, "fly", (), "unknown-method"),
        (ISSUING_CENTRE, "issue", (392, (1, 2)), "not-allowed"),
        (ISSUING_CENTRE, "cases", (0,), "not-allowed"),
        (ISSUING_CENTRE, "suspect", (bytes(8), 9, None, 1), "not-allowed"),
        (ISSUING_CENTRE, "account", (1,), "malformed"),
        (ISSUING_CENTRE, "claim", (b"", (bytes(64),), bytes(8), bytes(8)), "not-allowed"),
        (ISSUING_CENTRE, "claim", (b"", (), bytes(8), bytes(8)), "malformed"),
        (ISSUING_CENTRE, "claim", (), "malformed"),
        (DEVICE_CENTRE, "renew", (2**32 - 1,), "not-allowed"),
        (DEVICE_CENTRE, "renew", (1,), "refused"),
        (DEVICE_CENTRE, "renew", ("soon",), "malformed"),
        (DEVICE_CENTRE, "self-report", (), "malformed"),
        ("vaults/bob", "balance", (), "not-allowed"),
        ("vaults/bob", "pay-out", (5,), "not-allowed"),
        ("vaults/alice", "pay-out", (0,), "malformed"),
        ("vaults/alice", "pay-out", (-1,), "malformed"),
    ),
)
def test_what_a_method_refuses(place: Place, service: str, method: str, body: cbor.Item, code: str) -> None:
    # EPP-SVC-007, EPP-SVC-061, EPP-SVC-062, EPP-SVC-010, EPP-SVC-070, EPP-SVC-071, EPP-SVC-011, EPP-SVC-012
    audience = service
    if service.startswith("vaults/"):
        number = getattr(place, service.removeprefix("vaults/")).notes.vault
        service, audience = f"vaults/{number}", f"vault:{number}"
    assert place.refused(service, place.signed(audience, method, body), journal=False) == code


def test_replays(place: Place) -> None:
    # EPP-SVC-003, EPP-SVC-043
    first = place.signed(ISSUING_CENTRE, "account", ())
    second = place.signed(ISSUING_CENTRE, "account", ())
    carrier = HttpCarrier(place.http, ISSUING_CENTRE)
    assert carrier.request(second) == carrier.request(second) == cbor.encode(0)
    assert place.refused(ISSUING_CENTRE, first) == "request-replayed"
    # At another service nothing is known of it, nor is it for that service.
    assert place.refused(DEVICE_CENTRE, second) == "wrong-audience"


def test_bodies(place: Place) -> None:
    # EPP-SVC-004, EPP-SVC-050
    assert place.refused(ISSUING_CENTRE, bytes(131_073)) == "too-large"
    before = place.digest()
    with socket.create_connection(("127.0.0.1", place.served.port), timeout=20) as raw:
        head = (
            f"POST /epp1/{ISSUING_CENTRE}/requests HTTP/1.1\r\nHost: x\r\nContent-Type: application/cose\r\n"
        )
        raw.sendall(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n")
        answer = b""
        chunk = b"10000\r\n" + bytes(65536) + b"\r\n"
        try:
            for _ in range(4):
                raw.sendall(chunk)
            while part := raw.recv(65536):
                answer += part
        except ConnectionError:
            pass
    assert b"413" in answer.split(b"\r\n")[0]
    assert b'"too-large"' in answer
    assert place.digest() == before


def test_connections_that_say_nothing(place: Place) -> None:
    """Neither silence nor a head that never ends holds a connection (EPP-SVC-049)."""
    half = b"GET /health HTTP/1.1\r\nHost: x\r\n"
    whole = half + b"\r\n"
    for first, then in ((b"", b""), (b"", half), (whole, half)):
        with socket.create_connection(("127.0.0.1", place.served.port), timeout=20) as raw:
            raw.sendall(first)
            if first:
                assert b"200 OK" in raw.recv(65536)
            raw.sendall(then)
            began = time.monotonic()
            while raw.recv(65536):
                pass
            assert time.monotonic() - began < 8


def test_messages_out_of_order(place: Place) -> None:
    # EPP-SVC-006, EPP-SVC-056
    before = place.digest()
    path = f"/epp1/vaults/{place.alice.notes.vault}/sessions"
    assert place.post(f"{path}/{'00' * 16}/1", b"x", OCTETS).json()["code"] == "session-unknown"
    name = place.post(path, b"", OCTETS).content
    assert place.post(f"{path}/{name.hex()}/2", b"x", OCTETS).json()["code"] == "session-order"
    # The purse says nothing to what is no message_1, or says it in EDHOC.
    first = place.post(f"{path}/{name.hex()}/1", b"\x00", OCTETS)
    assert first.headers["Eiraku-Session"] == "closed"
    assert place.post(f"{path}/{name.hex()}/2", b"y", OCTETS).json()["code"] == "session-order"
    assert place.digest() == before


def test_a_session_left_alone_does_not_hold_the_vault(place: Place) -> None:
    # EPP-SVC-056, EPP-SVC-057, EPP-SVC-059
    before = place.digest()
    carrier = HttpCarrier(place.http, f"vaults/{place.alice.notes.vault}")
    lazy = carrier.open()
    place.alice.device.order(PayOrder(amount=1))
    opened = place.alice.device.open(Side.INITIATOR)
    assert not hasattr(opened, "refusal")
    assert lazy.exchange(opened.out or b"") is not None
    place.alice.device.drop_session()
    with place.served.http(tries=1) as impatient, pytest.raises(ServiceRefused, match="busy"):
        HttpCarrier(impatient, f"vaults/{place.alice.notes.vault}").open().exchange(opened.out or b"")
    assert place.digest() == before


def test_a_stranger_is_paid_nothing(place: Place) -> None:
    """A session without an order receives, whoever comes (EPP-SVC-073)."""
    before = place.digest()
    place.bob.device.order(RequestOrder(amount=10))
    with pytest.raises(Refusal, match="unexpected-message"):
        talk(place.bob.device, HttpCarrier(place.http, f"vaults/{place.alice.notes.vault}").open())
    place.bob.device.drop_session()
    assert place.digest() == before
    assert place.bob.snapshot().balance == 0


def test_enrolment(place: Place, tmp_path: Path) -> None:
    # EPP-SVC-009, EPP-SVC-066, EPP-SVC-068
    key = SigningKey(bytes(range(32)))
    code = place.served.codes["alice"].pop()
    good = first_request(key, code)
    stolen = first_request(SigningKey(bytes(range(1, 33))), code)
    before = place.digest()
    for content, refused in (
        (first_request(key, "AAAA-AAAA"), "enrolment-code"),
        (good[:-1] + bytes([good[-1] ^ 1]), "authentication"),
        (place.signed(DEVICE_CENTRE, "enrol", ()), "malformed"),
        (b"junk", "malformed"),
    ):
        assert place.post("/epp1/enrolments", content, COSE).json()["code"] == refused
    assert place.digest() == before
    answer = place.post("/epp1/enrolments", good, COSE)
    assert answer.status_code == 200
    assert place.post("/epp1/enrolments", good, COSE).content == answer.content
    assert place.post("/epp1/enrolments", stolen, COSE).json()["code"] == "enrolment-code"
    with pytest.raises(Misuse, match="is a purse already"):
        Wallet.create(place.alice.path, reach=Reach(server=place.served.url), code="AAAA")
    with pytest.raises(Misuse, match="expected a purse"):
        Wallet(tmp_path / "nothing")
    with pytest.raises(StoreError, match="locked"):
        Wallet(place.alice.path)


def test_whole_life_of_money(place: Place) -> None:
    """Out of the vault, to another purse, into another vault; claims and reports on the way."""
    place.alice.pay(300, place.bob)
    assert place.bob.pay_in() == 300
    assert place.bob.balance() == (300, 0)
    # The receipt is lost: pending, claimed, then delivered again after all.
    place.alice.device.order(PayOrder(amount=64))
    place.bob.device.order(ReceiveOrder())
    meet(place.alice.device, place.bob.device, lambda count, data: None if count == 8 else data)
    place.alice.device.store.reopen()
    place.alice.device.drop_session()
    assert place.alice.snapshot().pending
    assert list(place.alice.claim().values()) == ["open"]
    assert place.alice.pay(1, place.bob) == 64
    place.alice.inspect()
    place.bob.inspect()
    assert place.alice.renew(1001) == 1001
    assert place.alice.bulletin() == 1


def test_a_revoked_purse(place: Place, tmp_path: Path) -> None:
    # EPP-SVC-041
    with place.served.wallet(tmp_path / "thief", "alice") as thief:
        assert place.served.stop() == 0
        with place.served.opened() as scheme:
            scheme.directory.registry.purses.revoke(thief.claims.number, "stolen")
        place.served.start()
        audience = vault_audience(bytes.fromhex(thief.notes.vault))
        assert place.refused(ISSUING_CENTRE, place.signed(ISSUING_CENTRE, "account", (), who=thief)) == (
            "purse-revoked"
        )
        with pytest.raises(ServiceRefused, match="purse-revoked"):
            thief.request(audience, "balance", cbor.encode(()))
    # The others go on after the restart.
    assert place.alice.balance()[1] == 99_000


def test_bulletins(place: Place, tmp_path: Path) -> None:
    """EPP-DEV-029: by a delta, and whole for a purse that is made."""
    assert place.served.stop() == 0
    with place.served.opened() as scheme:
        scheme.directory.advance()
        (thief,) = scheme.directory.registry.purses.known(state="revoked")
    place.served.start()
    assert place.alice.bulletin() == place.alice.bulletin() == 2
    assert held(place.alice.device).delta is not None
    assert list(held(place.alice.device).revoked) == [int.from_bytes(thief.number, "big")]
    with place.served.wallet(tmp_path / "late", "bob") as late:
        assert held(late.device).stored.chunks == held(place.alice.device).stored.chunks
        assert held(late.device).delta is None


def test_nothing_secret_is_in_the_log(place: Place) -> None:
    # EPP-SVC-054
    text = place.served.log.read_text()
    for number in (place.alice.claims.number.hex(), place.alice.notes.vault):
        assert number not in text
    for unit in place.alice.snapshot().units:
        assert unit.unit_id.hex() not in text
    assert {json.loads(line)["event"] for line in text.splitlines()} <= {"request", "start", "stop"}
