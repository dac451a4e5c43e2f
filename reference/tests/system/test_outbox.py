"""The durable outbox: the same bytes until there is a final answer, one at a time, no sequence twice."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from eiraku.spec.errors import Unavailable
from eiraku.system.database import Database
from eiraku.system.exchange.carrier import ServiceRefused, ServiceUnreachable
from eiraku.system.exchange.codes import STATUS
from eiraku.system.exchange.outbox import PASSING, SCHEMA, Answer, Outbox, Request, Taken

HERE, THERE = "here", "there"


class Crash(BaseException):
    """The process is gone."""


class Service:
    """Answers each request once, however often it comes; `weather` may lose call and answer."""

    def __init__(self) -> None:
        self.weather: Callable[[], Exception | None] = lambda: None
        self.lost_after: Exception | None = None
        self.sent: list[bytes] = []
        self.done: dict[bytes, bytes] = {}

    def request(self, signed: bytes) -> bytes:
        self.sent.append(signed)
        error = self.weather()
        if error is not None:
            raise error
        self.done.setdefault(signed, b"done " + signed)
        if self.lost_after is not None:
            raise self.lost_after
        return self.done[signed]


def sign(audience: str, method: str, sequence: int, body: bytes) -> bytes:
    return f"{audience} {method} {sequence} ".encode() + body


class Desk:
    """An outbox in a file with two services, that can be switched off and on."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder / 'outbox'}"
        self.services = {HERE: Service(), THERE: Service()}
        self.database = Database(self.url, SCHEMA)
        self.outbox = Outbox(self.database, sign, self.services.__getitem__)

    def restart(self) -> None:
        self.database.close()
        self.database = Database(self.url, SCHEMA)
        self.outbox = Outbox(self.database, sign, self.services.__getitem__)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path)
    yield made
    made.database.close()


def test_an_answer(desk: Desk) -> None:
    # EPP-SVC-013
    assert desk.outbox.ask(HERE, "say", b"a") == b"done here say 1 a"
    assert desk.outbox.ask(HERE, "say", b"b") == b"done here say 2 b"
    assert desk.outbox.ask(THERE, "say", b"c") == b"done there say 1 c"
    assert desk.outbox.under_way(HERE) is None


@pytest.mark.parametrize("answered", (False, True))
def test_the_very_same_bytes_until_there_is_an_answer(desk: Desk, *, answered: bool) -> None:
    # EPP-SVC-074, EPP-SVC-075, EPP-VLT-023
    here = desk.services[HERE]
    if answered:
        here.lost_after = ServiceUnreachable("gone")
    else:
        here.weather = lambda: ServiceUnreachable("gone")
    for _ in range(2):
        with pytest.raises(ServiceUnreachable):
            desk.outbox.ask(HERE, "say", b"a")
        desk.restart()
    # Another service does not wait for it.
    assert desk.outbox.ask(THERE, "say", b"c") == b"done there say 1 c"
    here.weather, here.lost_after = (lambda: None), None
    assert desk.outbox.ask(HERE, "say", b"b") == b"done here say 2 b"
    assert here.sent == [b"here say 1 a"] * 3 + [b"here say 2 b"]


@pytest.mark.parametrize("code", sorted(STATUS))
def test_passing_and_final(desk: Desk, code: str) -> None:
    # EPP-SVC-008
    desk.services[HERE].weather = lambda: ServiceRefused(code, "EPP-SVC-004", "x")
    with pytest.raises(ServiceUnreachable if code in PASSING else ServiceRefused, match=code):
        desk.outbox.ask(HERE, "say", b"a")
    assert (desk.outbox.under_way(HERE) is None) == (code not in PASSING)
    desk.services[HERE].weather = lambda: None
    desk.outbox.finish(HERE)
    assert desk.outbox.under_way(HERE) is None


def test_a_file_from_a_backup_goes_on_from_far_above(desk: Desk) -> None:
    for _ in range(5):
        desk.outbox.ask(HERE, "say", b"")
    desk.services[HERE].weather = lambda: ServiceRefused("request-replayed", "EPP-SVC-003")
    with pytest.raises(ServiceRefused, match="request-replayed"):
        desk.outbox.ask(HERE, "say", b"")
    desk.services[HERE].weather = lambda: None
    assert desk.outbox.ask(HERE, "say", b"") == b"done here say 14 "


def test_a_handler_comes_before_the_request_counts_as_answered(desk: Desk) -> None:
    # EPP-VLT-024
    seen: list[tuple[Request, Answer]] = []

    def fails(request: Request, answer: Answer) -> Taken:
        seen.append((request, answer))
        raise KeyError

    def takes(request: Request, answer: Answer) -> Taken:
        seen.append((request, answer))
        return Taken(then=("receipt", b"!"), error=Unavailable("not taken"))

    desk.outbox.handle("give", fails)
    with pytest.raises(KeyError):
        desk.outbox.ask(HERE, "give", b"a", about=7)
    assert desk.outbox.under_way(HERE) == seen[0][0]
    desk.restart()
    desk.outbox.handle("give", takes)
    with pytest.raises(Unavailable, match="not taken"):
        desk.outbox.finish(HERE)
    assert desk.outbox.under_way(HERE) is None
    assert seen[0] == seen[1]
    assert seen[0][0].about == 7
    assert desk.services[HERE].sent == [b"here give 1 a"] * 2 + [b"here receipt 2 !"]


def test_a_handler_sees_a_refusal(desk: Desk) -> None:
    seen: list[Answer] = []

    def handler(_request: Request, answer: Answer) -> Taken:
        seen.append(answer)
        return Taken()

    desk.outbox.handle("say", handler)
    desk.services[HERE].weather = lambda: ServiceRefused("account", "EPP-CEN-076")
    with pytest.raises(ServiceRefused, match="account") as caught:
        desk.outbox.ask(HERE, "say", b"a")
    assert seen == [caught.value]


def test_what_follows_may_wait(desk: Desk) -> None:
    """Nobody waits for it; it stays under way, and comes before anything else."""
    here = desk.services[HERE]

    def taken(_request: Request, _answer: Answer) -> Taken:
        here.weather = lambda: ServiceUnreachable("gone")
        return Taken(then=("receipt", b"!"))

    desk.outbox.handle("give", taken)
    assert desk.outbox.ask(HERE, "give", b"a") == b"done here give 1 a"
    here.weather = lambda: None
    assert desk.outbox.ask(HERE, "say", b"b") == b"done here say 3 b"
    assert here.sent[-2:] == [b"here receipt 2 !", b"here say 3 b"]


class Dying:
    """A database whose process dies before or after the n-th write from now."""

    def __init__(self, database: Database, when: str, write: int) -> None:
        self.database, self.when, self.left = database, when, write

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        self.left -= 1
        if not self.left and self.when == "before":
            raise Crash
        with self.database.writing() as connection:
            yield connection
        if not self.left and self.when == "after":
            raise Crash

    def __getattr__(self, name: str) -> Any:
        return getattr(self.database, name)


@pytest.mark.parametrize("when", ("before", "after"))
@pytest.mark.parametrize("write", (1, 2, 3, 4))
def test_killed_at_every_write(desk: Desk, when: str, write: int) -> None:
    """Whatever was sent is sent again with the same bytes, and no sequence has two meanings."""
    here = desk.services[HERE]
    dying: Any = Dying(desk.database, when, write)
    desk.outbox = Outbox(dying, sign, desk.services.__getitem__)
    try:
        for body in (b"a", b"b"):
            desk.outbox.ask(HERE, "say", body)
    except Crash:
        pass
    desk.restart()
    desk.outbox.finish(HERE)
    desk.outbox.ask(HERE, "say", b"c")
    by_sequence: dict[bytes, set[bytes]] = {}
    for signed in here.sent:
        by_sequence.setdefault(signed.split()[2], set()).add(signed)
    assert all(len(found) == 1 for found in by_sequence.values())
    assert [int(signed.split()[2]) for signed in here.sent] == sorted(int(s.split()[2]) for s in here.sent)
    assert len(here.done) >= 1
