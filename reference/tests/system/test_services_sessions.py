"""The sessions of a service: one purse, many callers (EPP-SVC-001, EPP-SVC-006)."""

import threading

import pytest

from eiraku.system.exchange.carrier import ServiceRefused
from eiraku.system.exchange.sessions import Answer, SessionLimits, SessionTable


class Echo:
    """A purse that answers what it gets, and ends at `bye`."""

    def __init__(self) -> None:
        self.log: list[object] = []

    def begin(self, order: int | None, payee: bytes | None) -> None:
        self.log.append(("begin", order, payee))

    def deliver(self, data: bytes) -> Answer:
        self.log.append(data)
        if data == b"fail":
            raise RuntimeError
        return Answer(out=b"re " + data, is_open=data != b"bye")

    def end(self) -> None:
        self.log.append("end")


class Place:
    """A table with a clock that the test moves."""

    def __init__(self, **limits: float) -> None:
        self.now = 0.0
        self.names = 0
        self.host = Echo()
        self.table = SessionTable(
            host=self.host,
            random=self.name,
            clock=self.clock,
            limits=SessionLimits(**{"patience": 0.02, **limits}),  # type: ignore[arg-type]
        )

    def name(self, length: int) -> bytes:
        self.names += 1
        return self.names.to_bytes(length, "big")

    def clock(self) -> float:
        self.now += 0.01
        return self.now

    def refused(self, name: bytes, number: int, data: bytes) -> str:
        with pytest.raises(ServiceRefused) as caught:
            self.table.message(name, number, data)
        return caught.value.code


def test_messages_in_turn() -> None:
    # EPP-SVC-040, EPP-SVC-058
    place = Place()
    name = place.table.open(25, b"payee")
    assert place.host.log == []
    assert place.table.message(name, 1, b"a").out == b"re a"
    assert place.table.message(name, 2, b"bye") == Answer(out=b"re bye", is_open=False)
    assert place.host.log == [("begin", 25, b"payee"), b"a", b"bye"]


def test_a_repeated_message_is_delivered_once() -> None:
    # EPP-SVC-055
    place = Place()
    name = place.table.open()
    for _ in range(2):
        assert place.table.message(name, 1, b"a").out == b"re a"
    for _ in range(2):
        assert place.table.message(name, 2, b"bye").out == b"re bye"
    assert place.host.log == [("begin", None, None), b"a", b"bye"]


def test_out_of_order() -> None:
    # EPP-SVC-006, EPP-SVC-056
    place = Place()
    name = place.table.open()
    assert place.refused(name, 2, b"a") == "session-order"
    place.table.message(name, 1, b"a")
    assert place.refused(name, 1, b"other") == "session-order"
    assert place.refused(name, 3, b"b") == "session-order"
    place.table.message(name, 2, b"bye")
    assert place.refused(name, 3, b"more") == "session-order"
    assert place.refused(bytes(16), 1, b"a") == "session-unknown"


def test_one_at_a_time() -> None:
    # EPP-SVC-058, EPP-SVC-059
    place = Place()
    first, second = place.table.open(), place.table.open()
    place.table.message(first, 1, b"a")
    assert place.refused(second, 1, b"b") == "busy"
    place.table.message(first, 2, b"bye")
    assert place.table.message(second, 1, b"b").out == b"re b"


def test_an_idle_session_lets_go() -> None:
    # EPP-SVC-056
    place = Place(idle=5)
    first, second = place.table.open(), place.table.open()
    place.table.message(first, 1, b"a")
    place.now += 4
    place.refused(second, 1, b"b")
    place.now += 2
    assert place.table.message(second, 1, b"b").out == b"re b"
    assert place.refused(first, 2, b"c") == "session-unknown"
    assert "end" in place.host.log


def test_no_session_lasts_for_ever() -> None:
    # EPP-SVC-056
    place = Place(idle=5, whole=12)
    name = place.table.open()
    for number in range(1, 5):
        place.table.message(name, number, b"a")
        place.now += 3
    place.now += 1
    assert place.refused(name, 5, b"a") == "session-unknown"


def test_the_table_is_bounded() -> None:
    # EPP-SVC-060
    place = Place(names=2, idle=5)
    place.table.open()
    place.table.open()
    with pytest.raises(ServiceRefused) as caught:
        place.table.open()
    assert caught.value.code == "sessions-full"
    place.now += 6
    assert place.table.open()


def test_one_client_cannot_have_all_names() -> None:
    # EPP-SVC-060
    place = Place(each=2)
    for _ in range(2):
        place.table.open(client="192.0.2.1")
        place.table.open(5, b"payee", client="192.0.2.1")
    for taken in ({"client": "192.0.2.1"}, {"order": 5, "payee": b"payee"}):
        with pytest.raises(ServiceRefused, match="sessions-full"):
            place.table.open(**taken)
    assert place.table.open(client="192.0.2.2")
    # What is in this process is trusted.
    for _ in range(3):
        assert place.table.open()


def test_sessions_that_are_over_are_in_nobodys_way() -> None:
    # EPP-SVC-055, EPP-SVC-060
    place = Place(names=3, each=2)
    for _ in range(10):
        name = place.table.open(client="192.0.2.1")
        place.table.message(name, 1, b"bye")
        assert place.table.message(name, 1, b"bye").out == b"re bye"
    assert place.table.count <= 2 * 3


def test_a_failure_ends_the_session_and_no_other() -> None:
    # EPP-CRS-017
    place = Place()
    name, other = place.table.open(), place.table.open()
    with pytest.raises(RuntimeError):
        place.table.message(name, 1, b"fail")
    assert place.table.message(other, 1, b"a").out == b"re a"
    assert place.refused(name, 1, b"fail") == "session-order"


def test_many_threads_never_interleave() -> None:
    # EPP-SVC-058
    place = Place(idle=1e9, whole=1e9, patience=1e9)
    place.clock = lambda: 0.0  # type: ignore[method-assign]
    place.table.clock = place.clock

    def customer(name: bytes) -> None:
        for number, data in enumerate((b"1", b"2", b"bye"), 1):
            place.table.message(name, number, name + data if data != b"bye" else data)

    threads = [threading.Thread(target=customer, args=(place.table.open(),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log = place.host.log
    assert len(log) == 8 * 4
    for start in range(0, 32, 4):
        begin, first, second, bye = log[start : start + 4]
        assert begin == ("begin", None, None)
        assert bye == b"bye"
        assert isinstance(first, bytes)
        assert isinstance(second, bytes)
        assert first[:16] == second[:16]
