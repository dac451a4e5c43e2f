"""The issuing centre under SIGKILL: what it acknowledged is there, what it was about to do is done once.

A child process works and writes down what it begins and what was acknowledged; it is killed at a random
moment, or by itself at a random moment near a commit. Then the parent compares the database with what was
written down. `--kills N` kills more often.
"""

import json
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from sqlalchemy import event

from eiraku.reference.anchor import parse_unit
from eiraku.reference.centres.issuing import identifier
from eiraku.spec.centre_objects import Claim
from eiraku.spec.messages import OfferedUnit
from eiraku.system.issuing.schema import Rules
from eiraku.testing.town import ECONOMY, HOME, VAULT, Town

pytestmark = pytest.mark.slow

KILLS = 20
FUNDS = 1 << 40
NAMES = ("alice", "bob")
RULES = Rules(redemption_grace=0, claim_grace=1, unit_lifetime=1, max_hops=8)


def opened(url: str, run: bytes) -> Town:
    return Town(NAMES, url, rules=RULES, run=run, wait=20)


# --- the child ---


class Worker:
    """Issues, deposits, exchanges, claims and refunds, until it is killed."""

    def __init__(self, town: Town, log: Path) -> None:
        self.town = town
        self.file = os.open(log, os.O_WRONLY | os.O_APPEND)

    def write(self, **entry: Any) -> None:
        os.write(self.file, json.dumps(entry).encode() + b"\n")

    def work(self) -> None:
        while True:
            copies = self.issue(6)
            at_alice = self.town.move(copies[0], VAULT, "alice")
            self.deposit("alice", at_alice, copies[1])
            self.deposit("bob", self.town.move(at_alice, "alice", "bob"))
            self.claim(copies[2:4])
            self.deposit(VAULT, copies[4])
            self.issue(1)
            self.write(begin="epoch")
            self.town.issuer.office.advance(self.town.issuer.office.epoch + 1)
            refunds = self.town.issuer.claims.refund()
            self.write(done="epoch", result=len(refunds))

    def issue(self, count: int) -> list[OfferedUnit]:
        request = self.town.random(16)
        self.write(begin="issue", request=request.hex(), count=count)
        encoded = self.town.issuer.issues.issue(request, self.town.numbers[VAULT], ECONOMY, [1] * count)
        self.write(done="issue", result=sha256(encoded).hexdigest())
        return self.town.held(encoded)

    def deposit(self, payer: str, *copies: OfferedUnit) -> None:
        homes = [self.town.move(copy, payer, HOME) for copy in (self._at(copy, payer) for copy in copies)]
        given = [(home.unit.hex(), home.hop, home.history.hex()) for home in homes]
        self.write(begin="deposit", payer=payer, copies=given)
        self.write(done="deposit", result=[done.outcome for done in self.town.bring(*homes)])

    def _at(self, copy: OfferedUnit, payer: str) -> OfferedUnit:
        return self.town.move(copy, VAULT, payer) if copy.hop == 0 and payer != VAULT else copy

    def claim(self, copies: list[OfferedUnit]) -> None:
        claim, _ = self.town.pending(
            [self.town.move(copy, VAULT, "alice") for copy in copies], "alice", "bob"
        )
        units = [(identifier(copy.unit).hex(), parse_unit(copy.unit).unit.expires) for copy in copies]
        self.write(begin="claim", claim=claim.encode().hex(), units=units)
        self.write(done="claim", result=self.town.issuer.claims.claim(self.town.numbers["alice"], claim))


def live(url: str, run: bytes, log: Path, fuse: int, delay: float) -> None:
    """One life. `fuse`: the process kills itself `delay` seconds after it began that commit; 0: never."""
    town = opened(url, run)
    burnt = 0

    def commit(_: Any) -> None:
        nonlocal burnt
        burnt += 1
        if burnt == fuse:
            Timer(delay, os.kill, (os.getpid(), signal.SIGKILL)).start()

    event.listen(town.database._engine, "commit", commit)
    Worker(town, log).work()


def kill_one(url: str, run: bytes, log: Path, chance: random.Random) -> None:
    """Let a child live for a while."""
    log.touch()
    fuse = chance.randrange(1, 12) if chance.random() < 0.5 else 0
    delay = chance.random() * 0.002
    child = os.fork()
    if child == 0:
        try:
            live(url, run, log, fuse, delay)
        finally:
            os._exit(1)
    if not fuse:
        time.sleep(chance.random() * 0.4)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"the child ended by itself: {status}"


# --- the parent ---


@dataclass
class Expected:
    """What the database must say."""

    issued: int = 0
    credited: dict[str, str] = field(default_factory=dict)  # unit -> payer
    claimed: dict[str, int] = field(default_factory=dict)  # unit -> expires
    unfinished: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0

    def take(self, town: Town, log: Path) -> None:
        """Repeat everything that a life did, whether it was acknowledged or not."""
        begun: dict[str, Any] | None = None
        # A line that is cut short was being written.
        for line in log.read_text().split("\n")[:-1]:
            entry = json.loads(line)
            if "begin" in entry:
                begun = entry
                continue
            assert begun is not None
            self.acknowledged += 1
            self.repeat(town, begun, entry["result"])
            begun = None
        if begun is None:
            self.unfinished["nothing"] += 1
            return
        self.unfinished[begun["begin"]] += 1
        self.repeat(town, begun, None)
        self.repeat(town, begun, None, again=True)

    def repeat(self, town: Town, begun: dict[str, Any], result: Any, *, again: bool = False) -> None:
        """Once more; `result` None: it was not acknowledged."""
        known = again or result is not None
        match begun["begin"]:
            case "issue":
                request, count = bytes.fromhex(begun["request"]), begun["count"]
                encoded = town.issuer.issues.issue(request, town.numbers[VAULT], ECONOMY, [1] * count)
                assert result in (None, sha256(encoded).hexdigest())
                self.issued += 0 if again else count
            case "deposit":
                copies = [
                    OfferedUnit(unit=bytes.fromhex(s), hop=h, history=bytes.fromhex(y))
                    for s, h, y in begun["copies"]
                ]
                outcomes = [done.outcome for done in town.bring(*copies)]
                assert not known or set(outcomes) == {"repeated"}
                first = outcomes if result is None else result
                possible = {"credited", "copy"} | ({"repeated"} if result is None else set())
                for copy, outcome in zip(copies, first, strict=True):
                    assert outcome in possible
                    self.credited.setdefault(identifier(copy.unit).hex(), begun["payer"])
            case "claim":
                claim = Claim.decode(bytes.fromhex(begun["claim"]))
                state = town.issuer.claims.claim(town.numbers["alice"], claim)
                assert (result, state) in ((None, "open"), ("open", "open"), ("open", "refunded"))
                self.claimed.update(begun["units"])
            case "epoch":
                town.issuer.claims.refund()

    def compare(self, town: Town) -> None:
        """Books, units and claims."""
        issuer = town.issuer
        issuer.history.conserved()
        due = {u for u, expires in self.claimed.items() if expires + RULES.claim_grace < issuer.office.epoch}
        refunded = [unit.unit_id.hex() for unit in issuer.claims.units() if unit.state == "refunded"]
        assert sorted(refunded) == sorted(due)
        home = Counter(self.credited.values())
        for name in NAMES:
            assert issuer.accounts.amount(town.numbers[name]) == home[name]
        assert issuer.accounts.amount(town.numbers[VAULT]) == FUNDS - self.issued + home[VAULT] + len(due)
        outstanding = self.issued - len(self.credited) - len(due)
        assert issuer.history.outstanding() == ({ECONOMY: outstanding} if outstanding else {})
        assert sum(b.value for b in issuer.history.bookings() if b.kind == "issue") == self.issued


@pytest.fixture
def town_url(centre_url: str) -> str:
    town = opened(centre_url, b"parent")
    town.fund(FUNDS)
    town.close()
    return centre_url


def test_killed_at_any_moment(town_url: str, tmp_path: Path, kills: int) -> None:
    """EPP-CEN-007, EPP-CEN-009, EPP-CEN-011, EPP-CEN-012, EPP-CEN-016, EPP-CEN-034, EPP-CEN-038,
    EPP-CEN-057, EPP-CEN-060, EPP-CEN-088, EPP-CEN-092.
    """
    chance = random.Random(kills)
    expected = Expected()
    for life in range(kills or KILLS):
        log = tmp_path / f"{life}.log"
        kill_one(town_url, b"child%d" % life, log, chance)
        town = opened(town_url, b"parent%d" % life)
        expected.take(town, log)
        if life % 10 == 9 or not kills:
            expected.compare(town)
        town.close()
        log.unlink()
    town = opened(town_url, b"end")
    expected.compare(town)
    town.close()
    found = f"killed in the middle of {dict(expected.unfinished)}, {expected.acknowledged} acknowledged"
    print(found)  # noqa: T201 - for those who ask for many
    assert expected.acknowledged
