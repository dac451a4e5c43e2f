"""What is watched in every check: a wallet that lies in one thing, and where power is cut."""

import json
from hashlib import sha256
from importlib import resources
from typing import Any

import pytest

from eiraku.conformance import tester, twice
from eiraku.conformance.adapter.transports import Selector
from eiraku.conformance.evidence import EvidenceNotes
from eiraku.conformance.tester.world import World
from eiraku.conformance.watch import Violation, WatchedWallet
from eiraku.reference.policy import Policy

ROOM = ("capacity", "max_bulletin", "max_record", "max_given", "max_credited", "max_seen")
POLICY = Policy.from_toml(resources.files(tester).joinpath("policy.toml").read_text()).to_mapping()
TRANSACTION = "77" * 16


class Toy:
    """A wallet that believes everything, and lies in one thing. PAY commits in a session that stays open."""

    def __init__(self, lie: str) -> None:
        self.lie = lie
        self.asked: list[str] = []
        self.clear()

    def clear(self) -> None:
        self.writes = 0
        self.epoch = 0
        self.known: dict[str, str] = {}
        self.payments: dict[str, list[dict[str, Any]]] = {"pending": [], "credited": [], "settled": []}

    # --- the transport ---

    def exchange(self, line: bytes, timeout: float) -> bytes:
        assert timeout > 0
        request = json.loads(line)
        verb = request["verb"]
        self.asked.append(request.get("action", request.get("when", verb)))
        answer = {"seq": request["seq"], "outcome": "accepted", **getattr(self, f"do_{verb}")(request)}
        return json.dumps(answer).encode()

    def stderr(self) -> str:
        return ""

    def close(self, grace: float) -> None:
        assert grace >= 0

    # --- the verbs ---

    def do_start(self, _: dict[str, Any]) -> dict[str, Any]:
        capabilities = ["initiator", "responder", "payer", "payee", "power-cut"]
        room = dict.fromkeys(ROOM, 9)
        return {"protocol": 1, "name": "Toy", "version": "1", "capabilities": capabilities, "room": room}

    def do_stop(self, _: dict[str, Any]) -> dict[str, Any]:
        return {}

    def do_reset(self, _: dict[str, Any]) -> dict[str, Any]:
        self.clear()
        return {}

    def commit(self, kind: str, **what: str) -> None:
        self.known.update(what)
        self.writes += 2 if self.lie == f"two writes: {kind}" else 1

    def do_provision(self, request: dict[str, Any]) -> dict[str, Any]:
        if self.known:
            self.writes += self.lie == "a write for a refusal"
            return {"outcome": "rejected", "code": "provision"}
        anchor = request["anchor"]
        self.commit("provision", device=anchor["device_keys"], money=anchor["money_keys"])
        return {}

    def do_act(self, request: dict[str, Any]) -> dict[str, Any]:
        if request["action"] == "keys":
            if self.known[request["centre"]] != request["keys"] or self.lie == "a write for known keys":
                self.commit("keys", **{request["centre"]: request["keys"]})
        elif request["action"] == "bulletin":
            self.epoch = 101
            self.commit("bulletin", bulletin=request["bulletin"])
        else:
            self.writes += self.lie == "a write for an order"
            if self.lie == "another digest for an order":
                self.known["order"] = request["action"]
        return {}

    def do_open(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"out": None, "session": "open"}

    def do_deliver(self, request: dict[str, Any]) -> dict[str, Any]:
        payment = {"transaction": TRANSACTION, "payee": "01" * 8, "amount": 1}
        match request["data"]:
            case "aa":
                self.payments["pending"] = [{**payment, "units": []}]
                if self.lie != "no write for a payment":
                    self.commit("pay", pending="yes")
                return {"out": "bb", "session": "open"}
            case "cc":
                self.payments = {"pending": [], "credited": [], "settled": [payment]}
                self.commit("settle", settled="yes")
                return {"out": None, "session": "closed"}
        return {"outcome": "rejected", "code": "malformed", "out": None, "session": "closed"}

    def do_power_cut(self, _: dict[str, Any]) -> dict[str, Any]:
        match self.lie:
            case "forgets payments":
                self.payments = {"pending": [], "credited": [], "settled": []}
            case "forgets keys":
                self.known["device"] = ""
        return {}

    def do_state(self, _: dict[str, Any]) -> dict[str, Any]:
        digest = b"the same" if self.lie == "one digest" else json.dumps(self.known).encode()
        return {
            "balance": 0,
            "epoch": self.epoch,
            "units": [],
            "writes": self.writes,
            **self.payments,
            "digest": sha256(digest).hexdigest(),
        }


@pytest.fixture
def world() -> World:
    return World(bytes(32), POLICY)


def life(wallet: WatchedWallet, world: World) -> None:
    """A bit of everything."""
    wallet.start()
    wallet.reset()
    wallet.state()
    given = world.provisioning()
    assert wallet.provision(**given).accepted
    wallet.act("keys", centre="device", keys=world.device_keys(sequence=9))
    wallet.act("keys", centre="device", keys=world.device_keys(sequence=9))
    wallet.state()
    wallet.provision(**given)
    wallet.state()
    wallet.act("pay", amount=1)
    wallet.act("bulletin", bulletin=world.bulletin(101))
    wallet.open("initiator")
    wallet.deliver(b"\xaa")
    wallet.deliver(b"\xcc")
    wallet.act("receive")
    wallet.open("responder")
    wallet.ends()


def watched(toy: Toy, *, restarts: bool) -> WatchedWallet:
    wallet = WatchedWallet(Selector(text="toy", kind="toy", open=lambda: toy))
    wallet.restarts, wallet.notes = restarts, EvidenceNotes()
    return wallet


@pytest.mark.parametrize("restarts", (False, True))
def test_an_honest_wallet_is_watched_in_silence(world: World, *, restarts: bool) -> None:
    wallet = watched(Toy(""), restarts=restarts)
    life(wallet, world)
    assert wallet.violation is None


def test_power_is_cut_after_commits_where_it_ends_nothing(world: World) -> None:
    """Not while there is a purpose or a session; the state is not asked twice where nothing came between."""
    toy = Toy("")
    life(watched(toy, restarts=True), world)
    assert [each for each in toy.asked if each != "state"] == [
        *("start", "reset", "provision", "now", "keys", "now", "keys", "provision"),
        *("pay", "bulletin", "open", "deliver", "deliver", "now", "receive", "open"),
    ]
    assert not any(pair == ("state", "state") for pair in zip(toy.asked, toy.asked[1:], strict=False))


def test_without_restarts_nothing_is_asked_but_at_the_end(world: World) -> None:
    toy = Toy("")
    life(watched(toy, restarts=False), world)
    assert toy.asked.count("now") == 0
    assert toy.asked[-1] == "state"
    assert toy.asked.count("state") == 4


def test_the_last_commit_of_a_session_left_open_is_followed_by_a_cut(world: World) -> None:
    toy = Toy("forgets payments")
    wallet = watched(toy, restarts=True)
    wallet.start()
    wallet.provision(**world.provisioning())
    wallet.act("pay", amount=1)
    wallet.open("initiator")
    wallet.deliver(b"\xaa")
    assert toy.asked.count("now") == 1
    with pytest.raises(Violation, match="EPP-CRS-005: loss of power after the end of the check"):
        wallet.ends()


def test_an_armed_cut_is_left_alone(world: World) -> None:
    toy = Toy("")
    wallet = watched(toy, restarts=True)
    wallet.start()
    wallet.power_cut("after", 3)
    wallet.provision(**world.provisioning())
    assert "now" not in toy.asked


@pytest.mark.parametrize(
    ("lie", "requirement", "restarts"),
    (
        ("two writes: provision", "EPP-GEN-005", True),
        ("two writes: provision", "EPP-CRS-004", False),
        ("two writes: keys", "EPP-KEY-035", True),
        ("two writes: bulletin", "EPP-BUL-004", True),
        ("two writes: pay", "EPP-CRS-004", True),
        ("two writes: settle", "EPP-CRS-004", False),
        ("no write for a payment", "EPP-CRS-004", True),
        ("a write for known keys", "EPP-KEY-035", True),
        ("a write for a refusal", "EPP-CRS-015", False),
        ("a write for an order", "EPP-CRS-004", True),
        ("another digest for an order", "EPP-CRS-004", True),
        ("one digest", "EPP-CRS-004", False),
        ("forgets payments", "EPP-CRS-005", True),
        ("forgets keys", "EPP-CRS-017", True),
    ),
)
def test_a_lie_is_found(world: World, lie: str, requirement: str, *, restarts: bool) -> None:
    wallet = watched(Toy(lie), restarts=restarts)
    with pytest.raises(Violation, match=f"^{requirement}: ") as found:
        life(wallet, world)
    assert wallet.violation is found.value
    assert found.value.requirement == requirement
    assert wallet.notes is not None
    assert wallet.notes.expected != wallet.notes.actual


def test_a_third_of_the_checks_is_restarted_and_the_seed_says_which() -> None:
    names = [f"test_x::test_{n}" for n in range(600)]

    def pick(n: int) -> list[str]:
        return [name for name in names if twice.picked(bytes([n]) * 32, name)]

    assert 150 < len(pick(0)) < 250
    assert pick(0) == pick(0) != pick(1)
