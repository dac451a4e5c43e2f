"""The carrier over HTTP: the very same bytes again, and what each answer means (EPP-SVC-008, EPP-SVC-075)."""

import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from eiraku.spec.errors import Code, Misuse
from eiraku.system.exchange.carrier import ServiceRefused, ServiceUnreachable
from eiraku.system.exchange.codes import STATUS, status
from eiraku.system.services.client import HttpCarrier, HttpService, Patience


class Wire:
    """A server that answers from a list, and remembers what it was sent."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, bytes]] = []
        self.pauses: list[float] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.sent.append((request.url.path, request.content))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def carrier(self) -> HttpCarrier:
        service = HttpService(
            "http://here/",
            patience=Patience(tries=4, pause=1),
            transport=httpx.MockTransport(self.handle),
            sleep=self.pauses.append,
        )
        return HttpCarrier(service, "issuing-centre")


def refusal(code: str) -> httpx.Response:
    body = {"code": code, "requirement": "EPP-SVC-004", "detail": "x", "request": "1"}
    return httpx.Response(status(code), content=json.dumps(body))


def done(content: bytes = b"yes") -> httpx.Response:
    return httpx.Response(200, content=content)


@pytest.mark.parametrize(
    "first",
    (
        httpx.ConnectError("no"),
        httpx.ReadTimeout("late"),
        refusal("busy"),
        refusal("rate-limited"),
        refusal("unavailable"),
        httpx.Response(502, content=b"<html>"),
    ),
)
def test_the_very_same_bytes_are_sent_again(first: httpx.Response | Exception) -> None:
    # EPP-SVC-075
    wire = Wire(first, first, done())
    assert wire.carrier().request(b"signed") == b"yes"
    assert wire.sent == [("/epp1/issuing-centre/requests", b"signed")] * 3
    assert wire.pauses == [1, 2]


@pytest.mark.parametrize("code", sorted(set(STATUS) - {"internal", "unavailable", "timeout"}))
def test_a_refusal_is_a_refusal(code: str) -> None:
    # EPP-SVC-008
    wire = Wire(*[refusal(code)] * 4)
    with pytest.raises(ServiceRefused) as caught:
        wire.carrier().request(b"signed")
    assert (caught.value.code, caught.value.requirement) == (code, "EPP-SVC-004")
    assert len(wire.sent) == (4 if status(code) in {429, 503} else 1)


@pytest.mark.parametrize(
    "answer",
    (
        httpx.ConnectError("no"),
        refusal("internal"),
        refusal("unavailable"),
        httpx.Response(500, content=b"{}"),
        httpx.Response(404, content=b"not ours"),
        httpx.Response(301, headers={"Location": "http://elsewhere/"}),
    ),
)
def test_no_statement_is_no_refusal(answer: httpx.Response | Exception) -> None:
    # EPP-SVC-008
    with pytest.raises(ServiceUnreachable):
        Wire(*[answer] * 4).carrier().request(b"signed")


def test_codes_of_the_protocol_have_a_status() -> None:
    # EPP-SVC-008
    assert {status(code.label) for code in Code} <= {400, 401, 403, 413, 422}
    with pytest.raises(KeyError):
        status("nonsense")


def test_a_session() -> None:
    # EPP-SVC-040, EPP-SVC-055
    closed = httpx.Response(204, headers={"Eiraku-Session": "closed"})
    answered = httpx.Response(200, content=b"two", headers={"Eiraku-Session": "open"})
    lost = httpx.ReadError("lost")
    wire = Wire(httpx.Response(201, content=bytes(16)), answered, lost, closed)
    session = wire.carrier().open()
    assert session.exchange(b"one") == b"two"
    seen = [session.is_open]
    assert session.exchange(b"three") is None
    seen.append(session.is_open)
    assert seen == [True, False]
    path = f"/epp1/issuing-centre/sessions/{'00' * 16}"
    assert wire.sent[1:] == [(f"{path}/1", b"one"), (f"{path}/2", b"three"), (f"{path}/2", b"three")]


def test_a_name_that_is_none() -> None:
    with pytest.raises(ServiceUnreachable, match="16 bytes"):
        Wire(httpx.Response(201, content=b"short")).carrier().open()


def unreadable(folder: Path) -> Path:
    path = folder / "ca.pem"
    path.write_text("no certificate")
    return path


@pytest.mark.parametrize(
    ("base", "ca"),
    (
        ("here", None),
        ("ftp://here", None),
        ("http://", None),
        ("https://here", unreadable),
        ("https://here", lambda folder: folder / "nothing"),
    ),
)
def test_addresses_that_cannot_be_used(base: str, ca: Callable[[Path], Path] | None, tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="expected"):
        HttpService(base, ca=None if ca is None else ca(tmp_path))
